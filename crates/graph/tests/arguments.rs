//! What is wrong with an argument of a text's element is shown at the argument.

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Options, Pool, Program, Registry,
    Source,
};

struct Lone;

impl Element for Lone {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}
}

/// Numbers, a word by its keyword, and rules.
const LONE: ElementClass = ElementClass {
    name: "Lone",
    ports: "0/0",
    processing: "h/h",
    flow: "x/x",
    doc: "",
    handlers: &[],
    build,
};

fn build(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    for keyword in ["FIRST", "SECOND"] {
        if let Some(word) = args.take_or_positional(keyword) {
            let _: u8 = word
                .parse()
                .map_err(|_| ConfigError::expected("a number", &word))?;
        }
    }
    if let Some(name) = args.take("NAME")
        && name.len() > 3
    {
        return Err(ConfigError::new("too long a name").about(name));
    }
    if let Some(rules) = args.take("RULES") {
        let wrong = rules.split_whitespace().find(|it| !it.starts_with('r'));
        if let Some(wrong) = wrong {
            return Err(ConfigError::expected("a rule", wrong));
        }
    }
    args.take("MUST")
        .map(|_| Box::new(Lone) as Box<dyn Element>)
        .ok_or_else(|| ConfigError::new("expected an argument MUST, found none"))
}

/// What is underlined, and what is said of it.
fn wrong(text: &str) -> Vec<(String, String)> {
    let mut registry = Registry::new();
    registry.add(LONE);
    let source = Source::new("a.click", text);
    let mut options = Options {
        variables: vec![("outside".to_owned(), "1, bad".to_owned())],
        ..Options::default()
    };
    let program = Program::parse(&source, &registry, &mut options).unwrap();
    let pool = Pool::builder().small(64).build().unwrap();
    let Err(wrong) = program.instances(1, &pool) else {
        return Vec::new();
    };
    let told = wrong.iter().map(|it| {
        let place = it.place().unwrap();
        let (_, message) = it.message().split_once("): ").unwrap();
        (place.text().to_owned(), message.to_owned())
    });
    told.collect()
}

fn underlined(text: &str) -> Vec<String> {
    wrong(text).into_iter().map(|(place, _)| place).collect()
}

#[test]
fn the_argument_is_underlined() {
    for (config, place) in [
        ("1, bad, MUST x", "bad"),
        ("1, /* the second */ 300 // too much\n, MUST x", "300"),
        ("MUST x, SECOND  -1", "SECOND  -1"),
        ("NAME \"a, b\", MUST x", "NAME \"a, b\""),
        ("RULES r1 r2 3 r4, MUST x", "RULES r1 r2 3 r4"),
        // Which of two, nobody can say.
        ("x1, x1, MUST x", "lone"),
        // None is there to be shown.
        ("1, 2", "lone"),
    ] {
        let text = format!("lone :: Lone({config});");
        assert_eq!(underlined(&text), [place], "{config}");
    }
    assert!(wrong("lone :: Lone(1, 2, MUST x)").is_empty());
}

#[test]
fn all_arguments_that_nobody_asked_for_are_told() {
    assert_eq!(
        wrong("Lone(1, 2, 3, MUTS y, MUST x, NAEM z)"),
        [
            ("3", "too many arguments: `3` is not expected"),
            ("MUTS y", "unknown keyword `MUTS`: did you mean `MUST`?"),
            ("NAEM z", "unknown keyword `NAEM`: did you mean `NAME`?"),
        ]
        .map(|(place, message)| (place.to_owned(), message.to_owned()))
    );
}

#[test]
fn what_a_variable_stands_for_is_shown_where_the_variable_is() {
    let compound = "elementclass Two { $a | Lone($a, MUST x) } Two(1);";
    assert!(wrong(compound).is_empty());
    assert_eq!(underlined(&compound.replace("(1)", "(bad)")), ["$a"]);
    // It stands for two: the places are no longer those of the arguments.
    assert_eq!(underlined("l :: Lone($outside, MUST x)"), ["l"]);
    // So they are where a line directive was taken out.
    let directive = "l :: Lone(\n# 7 \"other\"\nbad, MUST x)";
    assert_eq!(underlined(directive), ["l"]);
}
