//! What holds for every text.

use proptest::prelude::*;
use waypost_graph_text::{Options, Source, check, dot, flatten, parse, quote, svg, unquote};

use crate::harness::{graph, table};

/// Pieces that texts are made of; strings of them come near to the grammar, and past it.
const PIECES: &[&str] = &[
    "a",
    "b",
    "c",
    "q",
    "Idle",
    "Queue",
    "Counter",
    "Discard",
    "Tee",
    "Nowhere",
    "a/b",
    " :: ",
    " -> ",
    " => ",
    ", ",
    ";",
    "\n",
    "{ ",
    " }",
    "(",
    ")",
    "[0]",
    "[1, 2]",
    "[0-3]",
    "[",
    "]",
    "input",
    "output",
    "$v",
    "${v-x}",
    "$$",
    "|",
    "||",
    "...",
    "elementclass ",
    "define",
    "require",
    "1",
    "KEY 2",
    "\"",
    "'",
    "\\",
    "// c\n",
    "/* c */",
    "/*",
    "\\<00",
    ">",
    "-",
    "é",
    "\0",
    "\r",
    "# 1 \"x\"\n",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

/// A text that is right: a chain of declared elements.
fn chain() -> impl Strategy<Value = String> {
    let configuration = prop_oneof![
        Just(String::new()),
        "[a-z0-9 ,]{0,8}".prop_map(|words| format!("({words})")),
        "[^\\x00]{0,12}".prop_map(|any| format!("({})", quote(any.as_bytes()))),
    ];
    prop::collection::vec(configuration, 1..6).prop_map(|configurations| {
        let mut text = String::from("InfiniteSource");
        for (number, configuration) in configurations.iter().enumerate() {
            text += &format!(" -> n{number} :: Null{configuration}");
        }
        text + " -> Discard;"
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        if let Ok(graph) = graph(&text) {
            let _ = check(&graph, &table());
        }
    }

    #[test]
    fn no_text_near_the_grammar_panics(text in text()) {
        let (ast, wrong) = parse(&Source::new("t.click", text));
        for diagnostic in &wrong {
            let _ = format!("{diagnostic:#}");
        }
        if let Ok(graph) = flatten(&ast, &mut Options::default())
            && let Err(wrong) = check(&graph, &table())
        {
            let _ = format!("{wrong:#}");
        }
    }

    /// What is printed is read back as the same graph, and once printed stays as it is.
    #[test]
    fn a_graph_that_is_printed_is_read_back(text in prop_oneof![text(), chain()]) {
        if let Ok(first) = graph(&text) {
            let printed = first.to_string();
            let second = graph(&printed);
            prop_assert!(second.is_ok(), "{printed}\n{:#}", second.unwrap_err());
            let second = second.unwrap();
            prop_assert_eq!(&second, &first, "{}", printed);
            prop_assert_eq!(second.to_string(), printed);
        }
    }

    #[test]
    fn a_chain_is_right_and_can_be_drawn(text in chain()) {
        let graph = graph(&text).unwrap();
        let checked = check(&graph, &table()).unwrap();
        let drawn = dot(&checked);
        prop_assert!(drawn.starts_with("digraph"), "{drawn}");
        prop_assert_eq!(drawn.matches(" -> ").count(), graph.connections().len());
        let drawn = svg(&checked);
        prop_assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{drawn}");
    }

    #[test]
    fn what_is_quoted_means_the_same(text in any::<String>()) {
        prop_assert_eq!(unquote(&quote(text.as_bytes())), text.as_bytes());
    }
}
