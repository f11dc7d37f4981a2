//! `cargo xtask tidy`: the rules of the project that no compiler knows.

mod crates;
mod elements;
mod files;
mod requirements;

use crate::Outcome;
use crate::workspace::Workspace;

const HELP: &str = "\
The rules that no compiler knows: who may depend on whom, and how files look. Names every place where one is broken.

Usage: cargo xtask tidy";

/// The command.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    if arguments.iter().any(|it| it == "--help" || it == "-h") {
        println!("{HELP}");
        return Ok(());
    }
    if let Some(argument) = arguments.first() {
        return Err(format!("`tidy` takes no arguments, found `{argument}`").into());
    }
    check(workspace)
}

/// Holds every rule, and names every place where one is broken.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let mut broken = crates::check(workspace);
    let files = files::read_all(&workspace.root)?;
    broken.extend(files.iter().flat_map(files::check));
    broken.extend(requirements::check(workspace)?);
    broken.extend(elements::check(workspace)?);
    for complaint in &broken {
        println!("{complaint}");
    }
    match broken.len() {
        0 => {
            println!(
                "{} packages and {} files are tidy",
                workspace.packages.len(),
                files.len()
            );
            Ok(())
        }
        1 => Err("one rule is broken".into()),
        count => Err(format!("rules are broken at {count} places").into()),
    }
}
