//! What RFCs ask: each crate that lists it says where it is met and tested, or why not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::workspace::Workspace;

/// A file `requirements/AREA.toml` of a crate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    requirement: Vec<Requirement>,
}

/// What one section asks, in our words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    rfc: u32,
    section: String,
    #[allow(dead_code, reason = "it is only one of those that there are")]
    level: Level,
    text: String,
    /// The file that meets it, from the crate's folder on. It cites the section.
    code: Option<String>,
    /// The test that shows it: a file, and a function in it.
    test: Option<String>,
    /// Why it is not met here.
    exception: Option<String>,
}

/// How strongly it is asked (RFC 2119).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    #[serde(rename = "MAY")]
    May,
}

/// Complaints about the lists of all crates.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut broken = Vec::new();
    for folder in fs::read_dir(workspace.root.join("crates"))? {
        let folder = folder?.path();
        let Ok(lists) = fs::read_dir(folder.join("requirements")) else {
            continue;
        };
        for list in lists {
            let path = list?.path();
            let name = path.strip_prefix(&workspace.root)?.display().to_string();
            let text = fs::read_to_string(&path)?;
            broken.extend(check_list(&folder, &text).map(|it| format!("{name}: {it}")));
        }
    }
    Ok(broken)
}

/// Complaints about one list of a crate.
fn check_list(folder: &Path, text: &str) -> impl Iterator<Item = String> {
    let list = match toml::from_str::<List>(text) {
        Ok(list) => list.requirement,
        Err(error) => return vec![error.to_string()].into_iter(),
    };
    let mut seen = BTreeSet::new();
    let mut broken = Vec::new();
    for it in &list {
        let place = format!("RFC {} §{}", it.rfc, it.section);
        if !seen.insert((it.rfc, &it.section, &it.text)) {
            broken.push(format!("{place}: `{}` stands twice", it.text));
        }
        broken.extend(it.faults(folder).map(|fault| format!("{place}: {fault}")));
    }
    broken.into_iter()
}

impl Requirement {
    fn faults(&self, folder: &Path) -> impl Iterator<Item = String> {
        let faults = match (&self.code, &self.test, &self.exception) {
            (Some(code), Some(test), None) => {
                vec![self.code_fault(folder, code), test_fault(folder, test)]
            }
            (None, None, Some(reason)) if reason.trim().is_empty() => {
                vec![Some("the exception has no reason".to_owned())]
            }
            (None, None, Some(_)) => Vec::new(),
            _ => vec![Some(
                "expected `code` and `test`, or `exception`".to_owned(),
            )],
        };
        faults.into_iter().flatten()
    }

    fn code_fault(&self, folder: &Path, code: &str) -> Option<String> {
        let Ok(text) = fs::read_to_string(folder.join(code)) else {
            return Some(format!("no file `{code}`"));
        };
        // A citation may be broken over two lines of a comment, or follow another section of the same RFC.
        let text = text.replace("\n//!", " ").replace("\n///", " ");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let cited = cites(&words, self.rfc, &self.section);
        (!cited).then(|| format!("`{code}` does not cite it"))
    }
}

/// Whether a text cites a section: `RFC 4861 §7.2.2`, or `RFC 4861 §7.1, §7.2.2`.
fn cites(text: &str, rfc: u32, section: &str) -> bool {
    let name = format!("RFC {rfc} ");
    let mut rest = text;
    while let Some(at) = rest.find(&name) {
        rest = &rest[at + name.len()..];
        let end = rest.find("RFC ").unwrap_or(rest.len());
        // The sections of one citation stand side by side.
        let here = rest[..end].split(|it: char| !(it.is_alphanumeric() || ".§, ()".contains(it)));
        let mut sections = here.take(1).flat_map(|it| it.split('§').skip(1));
        if sections.any(|it| number(it) == section) {
            return true;
        }
    }
    false
}

/// The number that a text begins with: `7.2.2` of `7.2.2). Then`.
fn number(text: &str) -> &str {
    let end = text.find(|it: char| !(it.is_ascii_alphanumeric() || it == '.'));
    text[..end.unwrap_or(text.len())].trim_end_matches('.')
}

fn test_fault(folder: &Path, test: &str) -> Option<String> {
    let Some((file, function)) = test.split_once("::") else {
        return Some(format!("expected `file::function`, found `{test}`"));
    };
    // Modules may stand between.
    let function = function.rsplit("::").next().unwrap_or(function);
    let Ok(text) = fs::read_to_string(folder.join(file)) else {
        return Some(format!("no file `{file}`"));
    };
    (!is_test(&text, function)).then(|| format!("no test `{function}` in `{file}`"))
}

/// Whether a file has a test of this name: a function with such an attribute right above it, among others and comments.
fn is_test(text: &str, function: &str) -> bool {
    let begin = format!("fn {function}(");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let begins = |line: &str| {
        line.strip_prefix("async ")
            .unwrap_or(line)
            .starts_with(&begin)
    };
    let mut places = (0..lines.len()).filter(|&at| begins(lines[at]));
    places.any(|at| {
        let above = lines[..at].iter().rev();
        let mut above = above.take_while(|it| it.starts_with("#[") || it.starts_with("//"));
        above.any(|it| marks_test(it))
    })
}

/// Whether a line is an attribute that makes a test: `#[test]`, or a runtime's, `#[tokio::test(…)]`.
fn marks_test(line: &str) -> bool {
    let path = line.strip_prefix("#[").unwrap_or_default();
    let end = path.find(|it: char| !(it.is_alphanumeric() || it == '_' || it == ':'));
    let path = &path[..end.unwrap_or(path.len())];
    path == "test" || path.ends_with("::test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_where_they_are_cited() {
        let text = "as asked (RFC 4861 §7.2.2, §7.3). RFC 826 says §9 nothing.";
        assert!(cites(text, 4861, "7.2.2") && cites(text, 4861, "7.3"));
        assert!(!cites(text, 4861, "7.2") && !cites(text, 4861, "9") && !cites(text, 86, "9"));
    }

    #[test]
    fn a_test_is_what_an_attribute_makes_one() {
        for text in [
            "#[test]\nfn f() {",
            "    #[tokio::test(flavor = \"x\")]\n    async fn f() {",
            "proptest! {\n    #[test]\n    #[ignore]\n    /// Why.\n    fn f(x in 0..9) {",
        ] {
            assert!(is_test(text, "f"), "{text}");
        }
        for text in [
            "#[test]\nfn g() {}\nfn f() {",
            "// #[test]\nfn f() {",
            "#[cfg(test)]\nfn f() {",
            "#[test]\n// fn f() {",
            "#[test]\nfn ff() {",
        ] {
            assert!(!is_test(text, "f"), "{text}");
        }
    }

    #[test]
    fn each_entry_is_met_and_tested_or_excused() {
        let folder = std::env::temp_dir().join(format!("waypost-tidy-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let code = "/// RFC 1 §2\n#[test]\nfn works() {}\n\nfn helps() {}\n// #[test]\n// fn sleeps() {}\n";
        fs::write(folder.join("a.rs"), code).unwrap();
        let entry = |rest: &str| {
            let text = format!(
                "[[requirement]]\nrfc = 1\nsection = \"2\"\nlevel = \"MUST\"\ntext = \"it\"\n{rest}"
            );
            check_list(&folder, &text).collect::<Vec<_>>()
        };
        assert_eq!(
            entry("code = \"a.rs\"\ntest = \"a.rs::works\""),
            Vec::<String>::new()
        );
        assert_eq!(
            entry("exception = \"another crate's\""),
            Vec::<String>::new()
        );
        let faults = [
            (
                "code = \"a.rs\"",
                "RFC 1 §2: expected `code` and `test`, or `exception`",
            ),
            ("exception = \" \"", "RFC 1 §2: the exception has no reason"),
            (
                "code = \"b.rs\"\ntest = \"a.rs::works\"",
                "RFC 1 §2: no file `b.rs`",
            ),
            (
                "code = \"a.rs\"\ntest = \"a.rs::fails\"",
                "RFC 1 §2: no test `fails` in `a.rs`",
            ),
            (
                "code = \"a.rs\"\ntest = \"a.rs::helps\"",
                "RFC 1 §2: no test `helps` in `a.rs`",
            ),
            (
                "code = \"a.rs\"\ntest = \"a.rs::sleeps\"",
                "RFC 1 §2: no test `sleeps` in `a.rs`",
            ),
        ];
        for (rest, fault) in faults {
            assert_eq!(entry(rest), [fault]);
        }
        assert!(entry("tests = \"\"")[0].contains("unknown field `tests`"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
