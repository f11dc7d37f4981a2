//! Texts, well-formed and not.

use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use proptest::prelude::*;
use waypost_device::pcap::{Format, LinkType, Writer};
use waypost_graph_text::Source;
use waypost_sim::Keep;

use super::keys::{self, Section};
use super::network::{End, Network};
use super::table::ASKED;
use super::topology::{Given, Topology, TopologyError};

/// A text with every key that there is.
const ALL: &str = include_str!("../../tests/sim/all.toml");

fn read(text: &str) -> Result<Topology, TopologyError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim");
    Topology::read(&Source::new("t.toml", text), &folder, &Given::default())
}

/// What is wrong with a text, a line each.
fn wrong(text: &str) -> Vec<String> {
    match read(text) {
        Ok(_) => Vec::new(),
        Err(TopologyError::Text(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
        Err(TopologyError::Given(message)) => vec![message],
    }
}

#[test]
fn every_key_is_read() {
    assert_eq!(wrong(ALL), Vec::<String>::new());
    let asked = ASKED.take();
    for section in keys::SECTIONS {
        for name in section.names() {
            let is_asked = asked.contains(&(section.head, name.to_owned()));
            assert!(is_asked, "nobody reads `{name}` of {}", section.head);
            let is_there =
                |key: &&str| ALL.contains(&format!("{key} =")) || ALL.contains(&format!("[{key}"));
            let is_there = is_there(&name) || ALL.contains(&format!(".{name}]"));
            assert!(is_there, "`{name}` of {} is not in the text", section.head);
        }
    }
}

#[test]
fn a_handler_is_looked_for_and_not_asked() {
    let text = |figure: &str| {
        format!(
            "until = \"1s\"\n[graph.g]\ntext = \"s :: Script(TYPE PASSIVE, return $(add $sum 1)); Idle -> c :: Counter -> Discard\"\n\
             [end]\nread = [\"{figure}\"]\n"
        )
    };
    // There is no `sum` yet, nor any to be had in the end.
    assert_eq!(wrong(&text("g/s.get sum")), Vec::<String>::new());
    assert!(wrong(&text("g/s.got sum"))[0].contains("`s` has no read handler `got"));
    assert!(wrong(&text("g/c.reset"))[0].contains("`c` has no read handler"));
    assert!(wrong(&text("g/x.count"))[0].contains("no element `x`"));
}

#[test]
fn a_link_finds_the_next_free_port() {
    let count = 4000;
    let mut text = "until = \"1s\"\n[switch.hub]\n".to_owned();
    for number in 0..count {
        text += &format!("[talker.t{number}]\n[link.l{number}]\nends = [\"t{number}\", \"hub\"]\n");
    }
    text += "[link.named]\nends = [\"hub:2\", \"hub:4095\"]\n";
    let topology = read(&text).unwrap();
    let ports: Vec<_> = topology.links.iter().map(|it| it.ends[1].1).collect();
    // The one that is named is left out.
    let free = (0..=count).filter(|port| *port != 2);
    assert!(ports.into_iter().eq(free.chain([4095])));
}

#[test]
fn the_documentation_has_every_key() {
    let page = include_str!("../../../../docs/simulation.md");
    for Section { head, .. } in keys::SECTIONS {
        let section = keys::SECTIONS.iter().find(|it| it.head == *head).unwrap();
        let table = keys::markdown(section);
        assert!(
            page.contains(&table),
            "docs/simulation.md is to end with what `waypost sim --keys` prints:\n{table}"
        );
    }
}

#[test]
fn a_text_runs_to_its_end() {
    let topology = read(ALL).unwrap();
    let digest = |seed| {
        let faults = topology.faults.schedule(seed);
        let mut network = Network::build(&topology, seed, &faults, Keep::Nothing, None).unwrap();
        let end = network.run(&topology, &AtomicU8::new(0), &mut |_| Ok(()));
        assert!(matches!(end, End::Time), "{end:?}");
        assert!(network.judge(&topology).iter().all(|it| it.holds));
        network.net.log().digest()
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

#[test]
fn a_signal_stops_a_run() {
    let topology = read(ALL).unwrap();
    let faults = topology.faults.schedule(1);
    let mut network = Network::build(&topology, 1, &faults, Keep::Nothing, None).unwrap();
    let end = network.run(&topology, &AtomicU8::new(2), &mut |_| Ok(()));
    assert!(matches!(end, End::Signal(2)), "{end:?}");
}

#[test]
fn a_graph_that_cannot_be_restarted_ends_the_run() {
    let name = format!("waypost-sim-restart-{}.pcap", std::process::id());
    let file = std::env::temp_dir().join(name);
    let head = Writer::new(Vec::new(), Format::Pcap, LinkType::ETHERNET, 64).unwrap();
    std::fs::write(&file, head.into_stream()).unwrap();
    let topology = read(&format!(
        "until = \"9s\"\n[graph.g]\ntext = 'FromDump(\"{}\") -> Discard'\n\
         [faults]\nscript = \"at 1s for 1s restart g\"\n",
        file.display()
    ));
    let topology = topology.unwrap();
    let faults = topology.faults.schedule(1);
    let mut network = Network::build(&topology, 1, &faults, Keep::Nothing, None).unwrap();
    std::fs::remove_file(&file).unwrap();
    let end = network.run(&topology, &AtomicU8::new(0), &mut |_| Ok(()));
    let End::Failed(wrong) = end else {
        panic!("{end:?}");
    };
    let wrong = wrong.to_string();
    assert!(wrong.starts_with("`g` cannot be restarted: "), "{wrong}");
    assert!(wrong.contains("No such file"), "{wrong}");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let start = "until = \"1s\"\n[talker.a]\n[talker.b]\n";
    for (text, message) in [
        (
            "[link.l]\nends = [\"a\", \"c\"]",
            "5:14: no node is named `c`",
        ),
        (
            "[link.l]\nends = [\"a:1\", \"b\"]",
            "5:9: `a` has no port `1`",
        ),
        ("[link.l]\nends = [\"a\"]", "expected two ends"),
        (
            "[link.l]\nends = [\"a\", \"a\"]",
            "all 1 ports of `a` have links already",
        ),
        (
            "[link.l]\nends = [\"a:0\", \"a:0\"]",
            "port 0 of `a` has a link already",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\nrate = 5",
            "a rate such as `\"10Mbps\"`, with a unit, found the number 5",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\nrate = \"5mbps\"",
            "in bps, kbps, Mbps or Gbps",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\ndelay = \"5\"",
            "in ns, us, ms, s, min or h, found `5`",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\nloss = \"2\"",
            "a share such as `0.1%`",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\nloss = { begin = \"1%\" }",
            "loss has no `end`",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\nloss = { frames = [1], bad = \"1%\" }",
            "`bad` is of bursts",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\nqueue = -1",
            "a whole number from 0 on",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\nqueue = \"5 gulps\"",
            "expected octets such as `64KiB`",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\nmtu = 0",
            "a whole number from 1 on",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\ndown = [\"2s\"]",
            "expected a span of time such as `2s..3s`",
        ),
        (
            "[link.l]\nends = [\"a\", \"b\"]\nback = { ends = 1 }",
            "unknown key `ends` in back",
        ),
        (
            "[link.a]\nends = [\"a\", \"b\"]",
            "`a` is the name of another node or link",
        ),
        ("[link.\"x y\"]\nends = [\"a\", \"b\"]", "`x y` is no name"),
        ("[talker.c]\nask = [\"d\"]", "no talker is named `d`"),
        (
            "[talker.c]\nmac = \"01:00:00:00:00:00\"",
            "expected the address of one host",
        ),
        (
            "[talker.c]\nevery = \"1s\"\nrate = \"1bps\"",
            "`every` says already",
        ),
        ("[talker.c]\nrate = \"0bps\"", "expected more than 0"),
        ("[talker.c]\nevery = \"0s\"", "expected more than no time"),
        ("[graph.g]", "graph `g` has neither of `text` and `file`"),
        (
            "[graph.g]\ntext = \"Idle -> Discard\"\nfile = \"g\"",
            "graph `g` has both of `text` and `file`",
        ),
        (
            "[graph.g]\nfile = \"no-such.click\"",
            "no-such.click`: No such file",
        ),
        (
            "[graph.g]\ntext = '''\nIdle -> Discrad;'''",
            "6:9: undeclared element `Discrad`",
        ),
        (
            "[graph.g]\ntext = \"Idle\\t-> Discrad;\"",
            "t.toml: graph `g`:1:9: undeclared element",
        ),
        (
            "[faults]\nscript = '''\n\nat 1s for 1s down x\n'''",
            "7:1: no link is named `x`",
        ),
        (
            "[faults]\nscript = \"at 1s melt x\"",
            "expected `at TIME for TIME FAULT NAME`",
        ),
        (
            "[faults.random]\nkinds = [\"flood\"]",
            "expected one of `down`",
        ),
        (
            "[faults.random]\nkinds = []",
            "5:9: `kinds`: expected one at least of `down`, `partition`, `pause`, `restart`, `rate`, \
             `delay`, `jitter`, `loss`, `duplication`, `corruption`, `reordering`, `bursts`, `queue`, `mtu`, found none",
        ),
        (
            "[faults.random]\nfrom = \"2s\"",
            "expected some time between",
        ),
        ("[faults.random]\nnodes = [\"x\"]", "no node is named `x`"),
        (
            "[[write]]\nat = \"1s\"\nhandler = \"a/b.c\"",
            "no graph is named `a`",
        ),
        ("[[capture]]\nlink = \"l\"", "no link is named `l`"),
        (
            "[[plot]]\nfile = \"../x.svg\"\nlines = []",
            "below the directory of `--out`, found `../x.svg`",
        ),
        (
            "[[plot]]\nfile = \"report.txt\"\nlines = []",
            "two are to write `report.txt`",
        ),
        (
            "[[plot]]\nfile = \"x.svg\"\nlines = [\"rtt c\"]",
            "no talker is named `c`",
        ),
        (
            "[[plot]]\nfile = \"x.svg\"\nlines = [\"x\"]",
            "expected `rate LINK`",
        ),
        ("[end]\nread = [\"a\"]", "expected a figure, such as"),
        (
            "[end]\nread = [\"c/x\"]",
            "no node and no link is named `c`",
        ),
        (
            "[end]\nread = [\"a/reqests\"]",
            "a talker counts no `reqests`",
        ),
        (
            "[end]\nexpect = [\"a/requests\"]",
            "expected `FIGURE == VALUE`",
        ),
        (
            "[end]\nexpect = [\"a/requests == b/request\"]",
            "a talker counts no `request`",
        ),
        (
            "[end]\nexpect = [\"a/requests != bb/requests\"]",
            "no node and no link is named `bb`",
        ),
        (
            "[end]\nexpect = [\"a/requests == many\"]",
            "expected a number, a figure or a text, found `many`",
        ),
        (
            "[end]\nexpect = ['a/requests < \"many\"']",
            "`<` compares numbers, found the text `many`",
        ),
        (
            "[talker.c]\nmac = \"02:00:00:00:00:02\"",
            "5:7: `c` has the address 02:00:00:00:00:02, which another talker has",
        ),
        (
            "[talker.c]\nask = [\"a\", \"c\"]",
            "5:13: `c` is to ask itself",
        ),
        ("[variables]\nX = \"$Y\"", "there is no variable `$Y`"),
        ("[variables]\n\"x y\" = 1", "letters, digits and `_` alone"),
        ("[switch.s]\nage = \"$AGE\"", "there is no variable `$AGE`"),
        (
            "[variables]\nN = 5\n[talker.c]\noctets = \"$N\"",
            "7:10: `octets`: expected a whole number from 31 to 65550, of octets, found `5`",
        ),
        (
            "[variables]\nX = \"yes\"\n[link.l]\nends = [\"a\", \"b\"]\nkeep-order = \"$X\"",
            "expected `true` or `false`, found `yes`",
        ),
        ("[switch.s]\nage = \"${AGE\"", "`${` without `}`"),
        (
            "[switch.s]\nage = \"$ AGE\"",
            "expected the name of a variable behind `$`",
        ),
        ("[switch]\ns = 1", "expected a table, found the number 1"),
        ("seed = 1", "unknown key `seed` in [talker.NAME]"),
        ("[talker.a]", "duplicate key"),
        ("x = ", "4:5: string values must be quoted"),
    ] {
        let found = wrong(&format!("{start}{text}\n"));
        assert!(
            found.iter().any(|it| it.contains(message)),
            "{text}:\n{found:#?}"
        );
    }
    assert!(wrong("seed = 1")[0].contains("has no `until`"));
    assert!(
        wrong("until = \"1s\"\nseed = -1")[0].contains("from 0 on and up to 18446744073709551615")
    );
    assert_eq!(
        wrong("until = \"1s\"\nseed = 18446744073709551615"),
        Vec::<String>::new()
    );
}

#[test]
fn what_is_no_list_is_one_mistake() {
    let start = "until = \"1s\"\n[talker.a]\n[talker.b]\n";
    for text in [
        "[link.l]\nends = 5",
        "[faults.random]\nrates = 5",
        "[faults.random]\nmtus = 1500",
        "[faults.random]\nkinds = \"down\"",
    ] {
        let found = wrong(&format!("{start}{text}\n"));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].contains("expected a list, in brackets"),
            "{found:#?}"
        );
    }
}

#[test]
fn of_two_bounds_the_second_is_not_less() {
    let start = "until = \"1s\"\n[talker.a]\n[faults.random]\n";
    let random = |text: &str| wrong(&format!("{start}{text}\n"));
    for (text, expected) in [
        (
            "rates = [\"2Mbps\", \"1Mbps\"]",
            "expected the slowest rate and the fastest",
        ),
        (
            "mtus = [1500, 576]",
            "expected the least MTU and the greatest",
        ),
        ("mtus = [1500]", "expected the least MTU and the greatest"),
        ("mtus = [0, 1500]", "from 1"),
        ("burst = 0", "from 1"),
    ] {
        let found = random(text);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains(expected), "{found:#?}");
    }
    let right = "rates = [\"1Mbps\", \"1Mbps\"]\nmtus = [576, 576]\nburst = 1\nqueue = 0";
    assert_eq!(random(right), Vec::<String>::new());
}

#[test]
fn a_handler_that_is_not_there_is_told_before_the_run() {
    let text = "until = \"1s\"\n[graph.g]\ntext = \"Idle -> c :: Counter -> Discard\"\n[end]\nread = [\"g/c.cuont\"]\n";
    let wrong = wrong(text);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].starts_with("t.toml:5:9: g/c.cuont: `c` has no read handler"),
        "{wrong:?}"
    );
}

#[test]
fn what_cannot_be_written_is_told_before_the_run() {
    for (handler, message) in [
        ("g/c.rest", "`c` has no write handler `rest`"),
        ("g/c.count", "`c` has no write handler `count`"),
        ("g/d.reset", "no element `d`"),
        ("g/begin", "no graph has a write handler `begin`"),
    ] {
        let text = format!(
            "until = \"1s\"\n[graph.g]\ntext = \"Idle -> c :: Counter -> Discard\"\n\
             [[write]]\nat = \"1s\"\nhandler = \"{handler}\"\n"
        );
        let wrong = wrong(&text);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(
            wrong[0].starts_with("t.toml:6:11: ") && wrong[0].contains(message),
            "{wrong:?}"
        );
    }
}

#[test]
fn the_example_of_the_documentation_is_a_text() {
    let page = include_str!("../../../../docs/simulation.md");
    let blocks = page.split("```toml\n").skip(1);
    let mut count = 0;
    for block in blocks {
        let (text, _) = block.split_once("```").unwrap();
        assert_eq!(wrong(text), Vec::<String>::new());
        count += 1;
    }
    assert!(count > 0);
}

/// What a user may do to a text by accident.
#[derive(Clone, Debug)]
enum Slip {
    Cut(usize, usize),
    Put(usize, String),
    Swap(usize, usize),
}

fn slips() -> impl Strategy<Value = Vec<Slip>> {
    let at = 0..ALL.len();
    let piece = prop_oneof![
        "[a-z0-9\"'=\\[\\]{}$.,:/#\n -]{1,4}",
        Just("99999999999999999999".to_owned()),
        Just("-1".to_owned()),
        Just("0".to_owned()),
        Just("$X".to_owned()),
        Just("\u{fffd}é".to_owned()),
    ];
    let slip = prop_oneof![
        (at.clone(), 1..30_usize).prop_map(|(at, len)| Slip::Cut(at, len)),
        (at.clone(), piece).prop_map(|(at, piece)| Slip::Put(at, piece)),
        (at.clone(), at).prop_map(|(a, b)| Slip::Swap(a, b)),
    ];
    prop::collection::vec(slip, 1..4)
}

fn slipped(slips: &[Slip]) -> String {
    let mut text = ALL.to_owned();
    let near = |text: &str, at: usize| {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    for slip in slips {
        match slip {
            Slip::Cut(at, len) => {
                let (from, to) = (near(&text, *at), near(&text, at + len));
                text.replace_range(from..to, "");
            }
            Slip::Put(at, piece) => text.insert_str(near(&text, *at), piece),
            Slip::Swap(a, b) => {
                let mut lines: Vec<_> = text.lines().collect();
                let count = lines.len();
                lines.swap(a % count, b % count);
                text = lines.join("\n");
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// A text is read, or what is wrong with it is told, each at a place within it.
    #[test]
    fn no_text_panics(slips in slips()) {
        let text = slipped(&slips);
        match read(&text) {
            Ok(topology) => {
                let faults = topology.faults.schedule(1);
                let network = Network::build(&topology, 1, &faults, Keep::All, None);
                prop_assert!(network.is_ok(), "{:?}", network.err());
                // A talker may have become one that sends each nanosecond.
                let (signal, mut lines) = (AtomicU8::new(0), 0);
                let mut count = |_: &str| {
                    lines += 1;
                    signal.store(u8::from(lines > 20_000), Ordering::Relaxed);
                    Ok(())
                };
                let _ = network.unwrap().run(&topology, &signal, &mut count);
            }
            Err(TopologyError::Text(mistakes)) => {
                prop_assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    prop_assert!(!crate::out::drawn(&mistake).is_empty());
                }
            }
            Err(TopologyError::Given(message)) => prop_assert!(false, "{message}"),
        }
    }

    #[test]
    fn no_octets_panic(text in "\\PC{0,200}") {
        let _ = read(&text);
    }
}
