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
                .map_err(|_| ConfigError::expected("a number", &word).about(keyword))?;
        }
    }
    if args.take("NAME").is_some_and(|name| name.len() > 3) {
        let wrong = ConfigError::new("too long a name").about("NAME");
        return Err(wrong.help("three letters"));
    }
    // All that is wrong in these is told.
    for keyword in ["EVEN", "SMALL"] {
        if let Some(word) = args.take(keyword)
            && !["0", "2", "4"].contains(&&*word)
        {
            args.refuse(keyword, ConfigError::expected("0, 2 or 4", &word));
        }
    }
    let must = args.take_mandatory("MUST").inspect_err(|missing| {
        args.refuse("MUST", missing.clone());
    });
    if args.take("EARLY").is_some() {
        return Err(ConfigError::new("too early").about("EARLY"));
    }
    args.finish()?;
    must?;
    Ok(Box::new(Lone))
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
        // The last of several counts.
        ("NAME abcd, NAME abc, NAME abcd, MUST x", "NAME abcd"),
        // None is there to be shown.
        ("1, 2", "lone"),
    ] {
        let text = format!("lone :: Lone({config});");
        assert_eq!(underlined(&text), [place], "{config}");
    }
    assert!(wrong("lone :: Lone(1, 2, MUST x)").is_empty());
}

fn told(config: &str) -> Vec<(String, String)> {
    wrong(&format!("lone :: Lone({config});"))
}

fn owned<const N: usize>(told: [(&str, &str); N]) -> Vec<(String, String)> {
    told.map(|(place, message)| (place.to_owned(), message.to_owned()))
        .into()
}

#[test]
fn of_two_that_are_alike_the_wrong_one_is_shown() {
    let text = "lone :: Lone(bad, MUST bad, NAME bad)";
    let mut registry = Registry::new();
    registry.add(LONE);
    let program = Program::parse(
        &Source::new("a.click", text),
        &registry,
        &mut Options::default(),
    );
    let pool = Pool::builder().small(64).build().unwrap();
    let wrong = program.unwrap().instances(1, &pool).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "a.click:1:14: `lone` (Lone): expected a number, found `bad`"
    );
}

#[test]
fn all_arguments_that_nobody_asked_for_are_told() {
    assert_eq!(
        told("1, 2, 3, MUTS y, MUST x, NAEM z"),
        owned([
            ("3", "too many arguments: `3` is not expected"),
            ("MUTS y", "unknown keyword `MUTS`: did you mean `MUST`?"),
            ("NAEM z", "unknown keyword `NAEM`: did you mean `NAME`?"),
        ])
    );
}

#[test]
fn all_that_is_wrong_with_an_element_is_told_at_once() {
    let (even, small) = (
        ("EVEN 3", "expected 0, 2 or 4, found `3`"),
        ("SMALL 6", "expected 0, 2 or 4, found `6`"),
    );
    let missing = ("lone", "expected an argument MUST, found none");
    let unknown = ("NAEM z", "unknown keyword `NAEM`: did you mean `NAME`?");
    assert_eq!(
        told("SMALL 6, NAEM z, EVEN 3"),
        owned([missing, small, unknown, even])
    );
    // Where the making ends early, nobody knows what else would have been asked for.
    let early = ("EARLY x", "too early");
    assert_eq!(
        told("NAEM z, EVEN 3, EARLY x, MUST y"),
        owned([even, early])
    );
    let name = ("NAME long", "too long a name");
    assert_eq!(told("NAME long, EVEN 3"), owned([name]));
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
