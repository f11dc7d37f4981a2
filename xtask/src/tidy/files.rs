//! How files look: their length, their ends of lines, and words that stand nowhere in the project.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Lines that a source file may have, tests included.
const LINES_MAX: usize = 700;
/// Lines that the README may have.
const README_LINES_MAX: usize = 150;

/// Kinds of files that are written by hand. Captures, snapshots and vectors are not.
const HAND_WRITTEN: &[&str] = &["rs", "toml", "md", "sh", "yml", "yaml", "click"];
/// Folders that hold no source of the project.
const NOT_OURS: &[&str] = &["target", ".git", "corpus", "snapshots"];

/// Notes for later, which belong into the list of work. Cut in two, since this file is read as well.
const NOTES: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];
/// A library does not print.
const PRINTING: &[&str] = &["println!(", "print!(", "dbg!("];
/// Where packages come from is the business of whoever builds, and where the sources lay when they were
/// written is nobody's.
const NOWHERE: &[(&str, &str)] = &[
    (concat!("crates", ".io"), "a registry's host"),
    (concat!("pypi", ".org"), "a registry's host"),
    (concat!("npmjs", ".com"), "a registry's host"),
    (concat!("npmjs", ".org"), "a registry's host"),
    (concat!("deb.debian", ".org"), "a registry's host"),
    (concat!("proxy.golang", ".org"), "a registry's host"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
];

/// A file that was written by hand.
pub(super) struct File {
    /// From the root of the workspace, with `/`.
    path: String,
    text: String,
}

/// All hand-written files under `root`.
pub(super) fn read_all(root: &Path) -> io::Result<Vec<File>> {
    let mut paths = Vec::new();
    walk(root, &mut paths)?;
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path)?;
        Ok(File {
            path: path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    };
    paths.into_iter().map(read).collect()
}

/// All Rust files under a folder.
pub(super) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    // A folder that cannot be read has no files; building would have failed first.
    let _ = walk(folder, &mut paths);
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "rs"));
    paths
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            walk(&path, found)?;
        } else if kind.is_file() && is_hand_written(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_hand_written(path: &Path) -> bool {
    match path.extension() {
        Some(kind) => HAND_WRITTEN.iter().any(|known| kind == *known),
        // Scripts such as `.ci/run`.
        None => path
            .parent()
            .and_then(Path::file_name)
            .is_some_and(|folder| folder == ".ci"),
    }
}

/// What is wrong with a file, as lines to read.
pub(super) fn check(file: &File) -> Vec<String> {
    let mut broken = Vec::new();
    let File { path, text } = file;
    let lines = text.lines().count();
    let lines_max = match path.as_str() {
        "README.md" => README_LINES_MAX,
        _ => LINES_MAX,
    };
    let is_limited = path.ends_with(".rs") || path == "README.md";
    if is_limited && lines > lines_max {
        broken.push(format!(
            "{path}: {lines} lines, expected at most {lines_max}"
        ));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        broken.push(format!(
            "{path}:{lines}: expected an end of line at the end of the file"
        ));
    }
    for (number, line) in text.split('\n').enumerate() {
        let mut complain = |what: &str| broken.push(format!("{path}:{}: {what}", number + 1));
        if line.ends_with('\r') {
            complain("the line ends in CR LF, expected LF");
        } else if line.ends_with([' ', '\t']) {
            complain("blanks at the end of the line");
        }
        for note in NOTES.iter().filter(|note| has_word(line, note)) {
            complain(&format!(
                "`{note}`: do it, or write it down where work is listed"
            ));
        }
        for (word, what) in NOWHERE.iter().filter(|(word, _)| line.contains(word)) {
            complain(&format!("`{word}`: {what}"));
        }
        if is_library(path) && !line.trim_start().starts_with("//") {
            for call in PRINTING.iter().filter(|call| has_word(line, call)) {
                complain(&format!("`{call}…)`: a library does not print"));
            }
        }
    }
    broken
}

fn is_library(path: &str) -> bool {
    let in_source = path
        .strip_prefix("crates/")
        .and_then(|path| path.split_once('/'))
        .is_some_and(|(name, rest)| name != "waypost" && rest.starts_with("src/"));
    in_source && path.ends_with(".rs")
}

/// Whether `line` has `word`, and not only inside a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let ends = !word.ends_with(is_part) || !after.is_some_and(is_part);
        ends && !before.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        check(&File {
            path: path.to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn a_tidy_file_is_not_complained_about() {
        assert!(
            complaints("crates/wire/src/lib.rs", "//! `println!(` is named here.\n").is_empty()
        );
        assert!(complaints("crates/waypost/src/main.rs", "println!();\n").is_empty());
        assert!(complaints("crates/wire/src/lib.rs", "eprintln!();\n").is_empty());
    }

    #[test]
    fn each_rule_names_its_place() {
        let long = "\n".repeat(LINES_MAX + 1);
        assert_eq!(
            complaints("a.rs", &long),
            ["a.rs: 701 lines, expected at most 700"]
        );
        assert!(complaints("README.md", &"\n".repeat(150)).is_empty());
        assert_eq!(complaints("README.md", &"\n".repeat(151)).len(), 1);
        assert!(complaints("a.rs", "one\r\n")[0].starts_with("a.rs:1: the line ends in CR LF"));
        assert!(complaints("a.rs", "one \n")[0].starts_with("a.rs:1: blanks"));
        assert!(complaints("a.rs", "one")[0].starts_with("a.rs:1: expected an end of line"));
        let note = format!("\n// {}: later\n", NOTES[0]);
        assert!(complaints("a.rs", &note)[0].starts_with("a.rs:2: `TO"));
        assert_eq!(
            complaints("crates/ip/src/a.rs", "    println!(\"x\");\n").len(),
            1
        );
        let host = format!("see https://{}/x\n", NOWHERE[0].0);
        assert_eq!(complaints("docs/a.md", &host).len(), 1);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("a TODAY b", "TODAY"));
        assert!(!has_word("eprintln!(x)", "println!("));
        assert!(!has_word("XYZW", "XYZ"));
    }
}
