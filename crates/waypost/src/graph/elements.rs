//! `waypost graph elements`: what element classes there are.

use clap::Args;
use waypost_graph::{ElementClass, Registry};
use waypost_graph_text::nearest;

use crate::out::{self, Failure};

/// What to show.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The class to explain; all are listed without
    name: Option<String>,
    /// Print the documentation of all classes as one page of Markdown
    #[arg(long, conflicts_with = "name")]
    markdown: bool,
}

/// Shows it.
pub(crate) fn show(arguments: &Arguments) -> Result<(), Failure> {
    let registry = waypost_elements::registry();
    match &arguments.name {
        Some(name) => match registry.find(name) {
            Some(class) => out::text(page(class)),
            None => return Err(unknown(name, &registry)),
        },
        None if arguments.markdown => {
            out::line(HEAD);
            registry
                .classes()
                .for_each(|class| out::text(format_args!("\n{}", page(class))));
        }
        None => {
            let width = registry
                .classes()
                .map(|class| class.name.len())
                .max()
                .unwrap_or(0);
            for class in registry.classes() {
                out::line(format_args!("{:width$}  {}", class.name, summary(class)));
            }
        }
    }
    Ok(())
}

const HEAD: &str = "# Elements

Generated from the elements' own documentation by `waypost graph elements --markdown`; `cargo xtask tidy`
sees to it that the two agree. Names, arguments and handlers are Click's; where behaviour deviates, the
element says so.

`a/ah` and the like are Click's processing codes: push (`h`), pull (`l`) or agnostic (`a`), inputs before the slash.
Besides its own, every element has the handlers `name`, `class`, `config`, `ports`, `handlers`, `calls`, `packets`,
`nanoseconds`, `drops` and `drop_reasons`.";

/// The first sentence of its documentation, on one line.
fn summary(class: &ElementClass) -> String {
    let doc = class.doc.trim();
    let paragraph = doc.split("\n\n").next().unwrap_or_default();
    let text = paragraph.replace('\n', " ");
    match text.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => text,
    }
}

fn page(class: &ElementClass) -> String {
    let mut page = format!(
        "## {}\n\nPorts `{}`, processing `{}`, flow `{}`.\n\n{}\n",
        class.name,
        class.ports,
        class.processing,
        class.flow,
        class.doc.trim()
    );
    if !class.handlers.is_empty() {
        page.push_str("\nHandlers:\n\n");
        for handler in class.handlers {
            let access = match (handler.is_read(), handler.is_write()) {
                (true, true) => "read, write",
                (true, false) => "read",
                _ => "write",
            };
            page.push_str(&format!(
                "- `{}` ({access}): {}\n",
                handler.name, handler.doc
            ));
        }
    }
    page
}

fn unknown(name: &str, registry: &Registry) -> Failure {
    let names = || registry.classes().map(|class| class.name);
    // A slip of the fingers first, then what has the word in it.
    let slip = nearest(name, names());
    let word = name.to_lowercase();
    let with_it = names().filter(|it| it.to_lowercase().contains(&word) && Some(*it) != slip);
    let near = slip.into_iter().chain(with_it);
    let near: Vec<String> = near.map(|it| format!("`{it}`")).collect();
    let help = if near.is_empty() {
        "`waypost graph elements` lists all".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Failure::new(format!("no element class `{name}`; {help}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_is_told_in_one_whole_sentence() {
        for class in waypost_elements::registry().classes() {
            let (name, told) = (class.name, summary(class));
            assert!(told.ends_with(['.', ':']), "{name}: {told}");
            assert!(!told.contains('\n') && told.len() < 250, "{name}: {told}");
        }
    }
}
