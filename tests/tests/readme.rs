//! The README's commands print what the README shows.

use std::path::Path;
use std::process::Command;

use waypost_tests::program;

/// The program as the README names it.
const PROGRAM: &str = "target/release/waypost";

/// A command of a console block, and what is shown below it.
struct Shown {
    command: String,
    output: String,
}

/// The commands of all console blocks.
fn shown(page: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                all.push(Shown {
                    command: command.to_owned(),
                    output: String::new(),
                });
            } else {
                let last = all.last_mut().expect("a command stands first");
                last.output.push_str(line);
                last.output.push('\n');
            }
        }
    }
    all
}

#[test]
fn what_the_readme_shows_is_what_its_commands_print() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("README.md")).unwrap();
    let name = format!("waypost-readme-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    // Commands write where they stand, and read what lies in the repository.
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(root.join("examples"), folder.join("examples")).unwrap();
    let built = program("waypost").unwrap();
    let mut count = 0;
    for Shown { command, output } in shown(&page) {
        let Some(words) = command.strip_prefix(PROGRAM) else {
            continue;
        };
        let said = Command::new("sh")
            .args(["-c", &format!("\"$0\"{words}")])
            .arg(&built)
            .current_dir(&folder)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "`{command}`: {error}");
        // Where nothing is shown, there may be much.
        if !output.is_empty() {
            assert_eq!(
                String::from_utf8_lossy(&said.stdout),
                output,
                "`{command}`: {error}"
            );
        }
        count += 1;
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(count >= 4, "the README shows {count} commands of {PROGRAM}");
}
