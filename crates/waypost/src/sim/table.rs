//! Tables of a topology text, and the values in them: each reading says what was expected where it was not found.

#[cfg(test)]
use std::cell::RefCell;
#[cfg(test)]
use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::{DeTable, DeValue};
use waypost_sim::units::{self, UnitError};
use waypost_wire::Duration;

use super::keys::{Section, TEXT};
use super::mistake::Reading;

/// A value with its place.
pub(crate) type Placed<T> = (T, Range<usize>);

/// A table whose keys are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    reading: &'a Reading,
    table: &'a DeTable<'a>,
    section: &'static Section,
    /// Where it begins.
    head: (usize, usize),
}

#[cfg(test)]
thread_local! {
    /// The keys that were asked for, each with the head of its section.
    pub(crate) static ASKED: RefCell<BTreeSet<(&'static str, String)>> = const { RefCell::new(BTreeSet::new()) };
}

/// A value of a table or a list, and what it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    reading: &'a Reading,
    key: &'a str,
    value: &'a DeValue<'a>,
    place: (usize, usize),
}

impl<'a> Table<'a> {
    /// A table of this kind; keys that it does not have are mistakes.
    pub(crate) fn new(
        reading: &'a Reading,
        table: &'a DeTable<'a>,
        head: Range<usize>,
        section: &'static Section,
    ) -> Self {
        for (key, _) in table {
            let written: &str = key.get_ref();
            if !section.names().any(|name| name == written) {
                let message = format!("unknown key `{written}` in {}", section.head);
                let mistake = reading.mistake(key.span(), message);
                reading.tell(if TEXT.names().any(|name| name == written) {
                    mistake.help(format!(
                        "`{written}` belongs to the text itself: it stands before the first table"
                    ))
                } else {
                    mistake.nearest(written, section.names(), "keys")
                });
            }
        }
        Self {
            reading,
            table,
            section,
            head: (head.start, head.end),
        }
    }

    /// The same without a look at its keys: they are looked at elsewhere.
    pub(crate) const fn quiet(
        reading: &'a Reading,
        table: &'a DeTable<'a>,
        section: &'static Section,
    ) -> Self {
        Self {
            reading,
            table,
            section,
            head: (0, 0),
        }
    }

    /// Where it begins.
    pub(crate) fn span(&self) -> Range<usize> {
        self.head.0..self.head.1
    }

    /// What is behind a key.
    pub(crate) fn find(&self, key: &str) -> Option<Value<'a>> {
        #[cfg(test)]
        ASKED.with_borrow_mut(|asked| asked.insert((self.section.head, key.to_owned())));
        debug_assert!(
            self.section.names().any(|it| it == key),
            "`{key}` is no key"
        );
        let (key, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Value::new(
            self.reading,
            key.get_ref(),
            value.get_ref(),
            value.span(),
        ))
    }

    /// Whether a key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// What is behind a key that has to be there.
    pub(crate) fn require(&self, key: &'static str) -> Option<Value<'a>> {
        let found = self.find(key);
        if found.is_none() {
            let value = self.section.value(key).unwrap_or("a value");
            let message = format!("{} has no `{key}`", self.section.head);
            let mistake = self.reading.mistake(self.span(), message);
            self.reading
                .tell(mistake.help(format!("expected `{key}`: {value}")));
        }
        found
    }

    /// The tables `[key.NAME]`, in the order of the text.
    pub(crate) fn named(
        &self,
        key: &'static str,
        section: &'static Section,
    ) -> Vec<(Placed<&'a str>, Self)> {
        let Some(all) = self.find(key).and_then(|it| it.any_table()) else {
            return Vec::new();
        };
        let each = entries(self.reading, all).into_iter();
        each.filter_map(|(name, value)| {
            let table = value.any_table()?;
            let head = name.1.clone();
            Some((name, Self::new(self.reading, table, head, section)))
        })
        .collect()
    }

    /// The tables `[[key]]`.
    pub(crate) fn listed(&self, key: &'static str, section: &'static Section) -> Vec<Self> {
        let each = self.find(key).map(|it| it.list()).unwrap_or_default();
        each.into_iter()
            .filter_map(|it| it.table(section))
            .collect()
    }
}

fn entries<'a>(reading: &'a Reading, table: &'a DeTable<'a>) -> Vec<(Placed<&'a str>, Value<'a>)> {
    let mut all: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            let name: &str = key.get_ref();
            let value = Value::new(reading, name, value.get_ref(), value.span());
            ((name, key.span()), value)
        })
        .collect();
    all.sort_by_key(|((_, span), _)| span.start);
    all
}

impl<'a> Value<'a> {
    const fn new(
        reading: &'a Reading,
        key: &'a str,
        value: &'a DeValue<'a>,
        place: Range<usize>,
    ) -> Self {
        Self {
            reading,
            key,
            value,
            place: (place.start, place.end),
        }
    }

    /// Where it is.
    pub(crate) fn span(&self) -> Range<usize> {
        self.place.0..self.place.1
    }

    /// Tells that it is not what was expected.
    pub(crate) fn wrong(&self, message: impl Into<String>) {
        let message = format!("`{}`: {}", self.key, message.into());
        self.reading.wrong(self.span(), message);
    }

    fn expected(&self, what: &str) {
        let found = match self.value {
            // What a variable stands for is what is wrong, and not its name.
            text @ DeValue::String(_) => {
                format!("`{}`", short(&expand_or_same(text, self.reading)))
            }
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(flag) => format!("`{flag}`"),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.wrong(format!("expected {what}, found {found}"));
    }

    /// What of this text is wrong.
    fn ok<T>(&self, result: Result<T, impl ToString>) -> Option<T> {
        result.map_err(|error| self.wrong(error.to_string())).ok()
    }

    fn any_table(&self) -> Option<&'a DeTable<'a>> {
        if let DeValue::Table(table) = self.value {
            return Some(table);
        }
        self.expected("a table");
        None
    }

    /// Whether it is one.
    pub(crate) const fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// A table of this kind.
    pub(crate) fn table(&self, section: &'static Section) -> Option<Table<'a>> {
        let table = self.any_table()?;
        Some(Table::new(self.reading, table, self.span(), section))
    }

    /// A table with keys of the user's own.
    pub(crate) fn map(&self) -> Vec<(Placed<&'a str>, Self)> {
        let table = self.any_table();
        table.map_or_else(Vec::new, |table| entries(self.reading, table))
    }

    /// A list; what is none is told, and empty.
    pub(crate) fn list(&self) -> Vec<Self> {
        self.if_list().unwrap_or_default()
    }

    /// A list; what is none is told.
    pub(crate) fn if_list(&self) -> Option<Vec<Self>> {
        let DeValue::Array(list) = self.value else {
            self.expected("a list, in brackets");
            return None;
        };
        let value = |it: &'a toml::Spanned<DeValue<'a>>| {
            Self::new(self.reading, self.key, it.get_ref(), it.span())
        };
        Some(list.iter().map(value).collect())
    }

    /// A list of texts.
    pub(crate) fn texts(&self) -> Vec<Placed<String>> {
        let list = self.list();
        let text = |it: Self| Some((it.text()?, it.span()));
        list.into_iter().filter_map(text).collect()
    }

    /// A text as it is written, and where its first octet stands, if it stands there as it is.
    pub(crate) fn verbatim(&self) -> Option<(&'a str, Option<usize>)> {
        let DeValue::String(text) = self.value else {
            self.expected("a text, in quotes");
            return None;
        };
        let written = self.reading.source.text().get(self.span())?;
        let inside = written.find(&**text).filter(|_| !text.is_empty());
        Some((text, inside.map(|at| at + self.place.0)))
    }

    /// A text, with variables in it replaced.
    pub(crate) fn text(&self) -> Option<String> {
        let (text, _) = self.verbatim()?;
        self.ok(expand(text, self.reading))
    }

    /// What a variable may be: a text, a number, a flag.
    pub(crate) fn word(&self) -> Option<String> {
        match self.value {
            DeValue::String(_) => self.text(),
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.to_string()),
            DeValue::Boolean(flag) => Some(flag.to_string()),
            _ => {
                self.expected("a text or a number");
                None
            }
        }
    }

    pub(crate) fn duration(&self) -> Option<Duration> {
        self.with_unit("a time such as `\"5ms\"`", units::duration)
    }

    /// A time above 0.
    pub(crate) fn some_time(&self) -> Option<Duration> {
        let span = self.duration()?;
        if span.is_zero() {
            self.wrong("expected more than no time");
        }
        Some(span)
    }

    pub(crate) fn rate(&self) -> Option<u64> {
        self.with_unit("a rate such as `\"10Mbps\"`", units::rate)
    }

    pub(crate) fn share(&self) -> Option<u32> {
        self.with_unit("a share such as `\"0.1%\"`", units::share)
    }

    /// What means nothing without a unit.
    fn with_unit<T>(
        &self,
        what: &str,
        read: impl FnOnce(&str) -> Result<T, UnitError>,
    ) -> Option<T> {
        if !matches!(self.value, DeValue::String(_)) {
            self.expected(&format!("{what}, with a unit"));
            return None;
        }
        self.ok(read(&self.text()?))
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        let flag = match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            DeValue::String(_) => self.text()?.parse().ok(),
            _ => None,
        };
        if flag.is_none() {
            self.expected("`true` or `false`");
        }
        flag
    }

    /// One of these words.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            self.expected(&format!("one of {}", in_words(words)));
        }
        found.map(|(_, what)| *what)
    }

    /// A list of these words: one of them at least.
    pub(crate) fn some_of<T: Copy>(&self, words: &[(&str, T)]) -> Vec<T> {
        let list = self.if_list();
        if list.as_ref().is_some_and(Vec::is_empty) {
            let all = in_words(words);
            self.wrong(format!("expected one at least of {all}, found none"));
        }
        let list = list.into_iter().flatten();
        list.filter_map(|it| it.one_of(words)).collect()
    }

    /// A whole number within bounds; as a text too, so that it can come from a variable.
    pub(crate) fn number(&self, what: &str, from: u64, to: u64) -> Option<u64> {
        let number = match self.value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            DeValue::String(_) => self.text()?.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| (from..=to).contains(number));
        if number.is_none() {
            let bounds = if to == u64::MAX {
                format!("a whole number from {from} on")
            } else {
                format!("a whole number from {from} to {to}")
            };
            self.expected(&format!("{bounds}{what}"));
        }
        number
    }

    /// What chance is decided by.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.number(" and up to 18446744073709551615", 0, u64::MAX)
    }

    /// A whole number within bounds.
    pub(crate) fn count(&self, from: usize, to: usize) -> Option<usize> {
        let number = self.number("", from as u64, to as u64)?;
        usize::try_from(number).ok()
    }

    /// Octets, with a unit or without.
    pub(crate) fn octets(&self, from: usize, to: usize) -> Option<usize> {
        if let DeValue::String(_) = self.value {
            let text = self.text()?;
            if !text.trim().bytes().all(|it| it.is_ascii_digit()) {
                let octets = self.ok(units::octets(&text))?;
                if !(from..=to).contains(&octets) {
                    self.expected(&format!("octets from {from} to {to}"));
                    return None;
                }
                return Some(octets);
            }
        }
        let number = self.number(", of octets", from as u64, to as u64)?;
        usize::try_from(number).ok()
    }

    /// Whether it is a number, or a text of digits.
    pub(crate) fn is_number(&self) -> bool {
        match self.value {
            DeValue::Integer(_) => true,
            DeValue::String(_) => {
                let text = self
                    .verbatim()
                    .map(|_| expand_or_same(self.value, self.reading));
                text.is_some_and(|text| text.trim().bytes().all(|it| it.is_ascii_digit()))
            }
            _ => false,
        }
    }
}

fn in_words<T>(words: &[(&str, T)]) -> String {
    let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    names.join(", ")
}

fn expand_or_same(value: &DeValue<'_>, reading: &Reading) -> String {
    let text = value.as_str().unwrap_or_default();
    expand(text, reading).unwrap_or_else(|_| text.to_owned())
}

/// A text with `$NAME` and `${NAME}` replaced by the values of variables; `$$` is `$`.
fn expand(text: &str, reading: &Reading) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        result.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            result.push('$');
            rest = behind;
            continue;
        }
        let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let (name, behind) = match behind.strip_prefix('{') {
            Some(braced) => braced
                .split_once('}')
                .ok_or("`${` without `}`; a `$` itself is written `$$`")?,
            None => behind.split_at(behind.find(|it| !is_part(it)).unwrap_or(behind.len())),
        };
        if name.is_empty() || !name.chars().all(is_part) {
            return Err(
                "expected the name of a variable behind `$`; a `$` itself is written `$$`"
                    .to_owned(),
            );
        }
        let variables = reading.variables.borrow();
        let Some(value) = variables.get(name) else {
            let names = variables.keys().map(String::as_str);
            let near = waypost_graph_text::nearest(name, names);
            let near = near.map_or_else(String::new, |near| format!(": did you mean `${near}`?"));
            return Err(format!("there is no variable `${name}`{near}"));
        };
        result.push_str(value);
        rest = behind;
    }
    result.push_str(rest);
    Ok(result)
}

/// The first letters of a text.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
