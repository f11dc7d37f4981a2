//! `docs/elements.md` is made from the elements' own documentation, and must be current.

use std::error::Error;
use std::fs;
use std::process::Stdio;

use crate::workspace::Workspace;

const PAGE: &str = "docs/elements.md";
const COMMAND: &str = "cargo run -p waypost -- graph elements --markdown";

/// A complaint if the page is not what the program prints.
pub(super) fn check(workspace: &Workspace) -> Result<Option<String>, Box<dyn Error>> {
    if !workspace.has("waypost") {
        return Ok(None);
    }
    let mut print = workspace.cargo("run");
    print.args(["--quiet", "--package", "waypost", "--"]);
    print.args(["graph", "elements", "--markdown"]);
    let output = print.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Ok(Some(format!(
            "{PAGE}: `{COMMAND}` failed: {}",
            output.status
        )));
    }
    let page = fs::read(workspace.root.join(PAGE)).unwrap_or_default();
    let is_current = page == output.stdout;
    Ok((!is_current).then(|| format!("{PAGE}: not current; `{COMMAND} > {PAGE}` makes it so")))
}
