//! Handlers that are read when a graph has stopped.

use waypost_graph::Instance;

use crate::out::{self, Failure};

/// Prints what they say, below their names if there are several. As in Click, `asked` has `element.handler`, where in place of one
/// element a pattern (`*.count`) or a class (`Counter.count`) may stand for all elements that have such a handler.
pub(crate) fn print(asked: &[String], workers: &[Instance]) -> Result<(), Failure> {
    let mut handlers = Vec::new();
    let mut named = asked.len() > 1;
    for asked in asked {
        match several(asked, &workers[0])? {
            Some(several) => {
                named = true;
                handlers.extend(several);
            }
            None => handlers.push(asked.clone()),
        }
    }
    for handler in &handlers {
        let merge = workers[0].merge_of(handler);
        let answers: Result<Vec<_>, _> = workers.iter().map(|it| it.read(handler)).collect();
        let answer = answers.map_err(|error| Failure::new(format!("--read {handler}: {error}")))?;
        if named {
            out::line(format_args!("{handler}:"));
        }
        out::line(merge.of(answer).trim_end());
        if named {
            out::line("");
        }
    }
    Ok(())
}

/// The handlers that a pattern or a class stands for; `None` where one element, or the graph, is asked.
fn several(asked: &str, graph: &Instance) -> Result<Option<Vec<String>>, Failure> {
    let (path, argument) = match asked.trim().split_once(char::is_whitespace) {
        Some((path, argument)) => (path, format!(" {}", argument.trim())),
        None => (asked.trim(), String::new()),
    };
    let Some((which, handler)) = path.rsplit_once('.') else {
        return Ok(None);
    };
    let elements = graph.statistics();
    if elements.iter().any(|it| &*it.name == which) {
        return Ok(None);
    }
    let is_pattern = which.contains(['*', '?', '[']);
    let mut meant = elements
        .iter()
        .filter(|it| match is_pattern {
            true => matches(which, &it.name),
            false => &*it.class == which,
        })
        .peekable();
    if meant.peek().is_none() {
        // A name that is none is told as that of any handler.
        return match is_pattern {
            true => Err(Failure::new(format!(
                "--read {asked}: no element's name is like `{which}`; `waypost graph flatten` shows all names"
            ))),
            false => Ok(None),
        };
    }
    let found: Vec<String> = meant
        .filter(|it| can_be_read(graph, &it.name, handler))
        .map(|it| format!("{}.{handler}{argument}", it.name))
        .collect();
    if found.is_empty() {
        let what = if is_pattern { "like" } else { "of class" };
        return Err(Failure::new(format!(
            "--read {asked}: no element {what} `{which}` has a read handler `{handler}`"
        )));
    }
    Ok(Some(found))
}

fn can_be_read(graph: &Instance, element: &str, handler: &str) -> bool {
    let list = graph.read(&format!("{element}.handlers"));
    let list = list.unwrap_or_default();
    list.lines().any(|line| {
        let (name, access) = line.split_once('\t').unwrap_or((line, ""));
        name == handler && access.contains('r')
    })
}

/// Whether a name is as a pattern says: `*` stands for any letters, `?` for one, `[a-c]` for one of these, `[^a-c]` for another.
fn matches<'a>(mut pattern: &'a str, mut name: &'a str) -> bool {
    // What follows the last star, and what of the name it has not taken. If the rest does not fit, that star alone takes one letter
    // more: the stars before it have found the first place that fits theirs.
    let mut star = None;
    loop {
        if let Some(rest) = pattern.strip_prefix('*') {
            star = Some((rest, name));
            pattern = rest;
        } else if let Some(rests) = without_first(pattern, name) {
            (pattern, name) = rests;
        } else if pattern.is_empty() && name.is_empty() {
            return true;
        } else if let Some((rest, left)) = star
            && let Some(letter) = left.chars().next()
        {
            (pattern, name) = (rest, &left[letter.len_utf8()..]);
            star = Some((rest, name));
        } else {
            return false;
        }
    }
}

/// What is left of a pattern without a star in front, and of a name whose first letter is as it says.
fn without_first<'a>(pattern: &'a str, name: &'a str) -> Option<(&'a str, &'a str)> {
    let (first, letter) = (pattern.chars().next()?, name.chars().next()?);
    let (rest, left) = (&pattern[first.len_utf8()..], &name[letter.len_utf8()..]);
    match (first, rest.split_once(']')) {
        ('[', Some((set, rest))) => is_in(set, letter).then_some((rest, left)),
        _ => (first == '?' || first == letter).then_some((rest, left)),
    }
}

/// Whether a letter is of a set, such as `abx-z`, or `^a-c`.
fn is_in(set: &str, letter: char) -> bool {
    let others = set.strip_prefix(['^', '!']);
    let set: Vec<char> = others.unwrap_or(set).chars().collect();
    let (mut at, mut found) = (0, false);
    while at < set.len() {
        if let [from, '-', to, ..] = set[at..] {
            found |= (from..=to).contains(&letter);
            at += 3;
        } else {
            found |= set[at] == letter;
            at += 1;
        }
    }
    found != others.is_some()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn names_are_as_patterns_say() {
        for (pattern, name) in [
            ("*", "Queue@1"),
            ("*", ""),
            ("c*", "c"),
            ("a/*", "a/kinds"),
            ("*kinds", "a/kinds"),
            ("**@*", "Queue@1"),
            ("?", "ä"),
            ("[ab]", "b"),
            ("q[0-9]", "q7"),
            ("q[^0-9]", "qx"),
            ("[x-]", "-"),
            ("q[", "q["),
            ("*ab", "aab"),
            ("a*b*c", "abxbxc"),
            ("*[0-9]x*", "1y2xz"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("c", "cc"),
            ("c*d", "c"),
            ("a*b*c", "acb"),
            ("*ab", "abx"),
            ("?", ""),
            ("??", "ä"),
            ("[ab]", "c"),
            ("q[0-9]", "qx"),
            ("q[!0-9]", "q7"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_long_time() {
        assert!(!matches(&"a*".repeat(100), &"a".repeat(99)));
        assert!(!matches(
            &format!("{}b", "a*".repeat(20)),
            &"a".repeat(1000)
        ));
    }
}
