//! What is told: several mistakes in one text, where they are, and what was likely meant.

use insta::assert_snapshot;

use crate::harness::{graph, wrong};

#[test]
fn did_you_mean_a_class() {
    assert_snapshot!(wrong("InfiniteSource -> q :: Quue -> Discard;\n"), @r"
    error[unknown-class]: unknown element class `Quue`
      --> t.click:1:24
    1 | InfiniteSource -> q :: Quue -> Discard;
      |                        ^^^^ not an element class
      = help: did you mean `Queue`?
    ");
}

#[test]
fn did_you_mean_an_element_or_a_class() {
    assert_snapshot!(wrong("counter :: Idle;\nInfiniteSource -> conter;\nInfiniteSource -> discard;\n"), @r"
    error[undeclared-element]: undeclared element `conter`
      --> t.click:2:19
    2 | InfiniteSource -> conter;
      |                   ^^^^^^ neither an element nor an element class
      = help: did you mean `counter`?
    error[undeclared-element]: undeclared element `discard`
      --> t.click:3:19
    3 | InfiniteSource -> discard;
      |                   ^^^^^^^ neither an element nor an element class
      = help: did you mean `Discard`?
    ");
}

#[test]
fn did_you_mean_a_class_of_the_text() {
    assert_snapshot!(wrong("elementclass Firewall { input -> output }\nInfiniteSource -> Fierwall(1) -> Discard;\n"), @r"
    error[unknown-class]: unknown element class `Fierwall`
      --> t.click:2:19
    2 | InfiniteSource -> Fierwall(1) -> Discard;
      |                   ^^^^^^^^ not an element class
      = help: did you mean `Firewall`?
    ");
}

#[test]
fn nothing_is_near_enough_to_be_meant() {
    assert_snapshot!(wrong("InfiniteSource -> Teleporter(1);\n"), @r"
    error[unknown-class]: unknown element class `Teleporter`
      --> t.click:1:19
    1 | InfiniteSource -> Teleporter(1);
      |                   ^^^^^^^^^^ not an element class
    ");
}

#[test]
fn an_unknown_class_is_told_once_for_each_place() {
    assert_snapshot!(wrong("elementclass A { input -> Blurb -> output }\nInfiniteSource -> A -> A -> A -> Discard;\n"), @r"
    error[undeclared-element]: undeclared element `Blurb`
      --> t.click:1:27
    1 | elementclass A { input -> Blurb -> output }
      |                           ^^^^^ neither an element nor an element class
    ");
}

#[test]
fn several_mistakes_of_grammar() {
    assert_snapshot!(wrong("a :: Idle -> ;\nelementclass { b };\nc :: Queue [x] -> d;\ndefine(e 1);\nf :: { g -> h [ };\ni :: Discard;\n"), @r"
    error[syntax]: expected an element after `->`, found `;`
      --> t.click:1:14
    1 | a :: Idle -> ;
      |              ^
    error[syntax]: expected the name of the new element class, found `{`
      --> t.click:2:14
    2 | elementclass { b };
      |              ^
    error[syntax]: expected a port number from 0 to 65535, found `x`
      --> t.click:3:13
    3 | c :: Queue [x] -> d;
      |             ^ not a port number
    error[define]: expected a variable to define, such as `$name value`, found `e`
      --> t.click:4:8
    4 | define(e 1);
      |        ^^^ not a definition
    error[syntax]: expected a port number or `]`, found `}`
      --> t.click:5:17
    5 | f :: { g -> h [ };
      |                 ^
    ");
}

#[test]
fn several_mistakes_of_names() {
    assert_snapshot!(wrong("a :: Idle;\na :: Queue;\na(1) -> input;\n[1] a => [1,2] a;\n10 :: Idle;\n"), @r"
    error[redeclaration]: `a` is declared twice
      --> t.click:2:1
    2 | a :: Queue;
      | ^ again here
      ::: t.click:1:1
    1 | a :: Idle;
      | - first here
    error[config-on-reference]: `a` is an element already and takes no configuration here
      --> t.click:3:3
    3 | a(1) -> input;
      |   ^
      ::: t.click:1:1
    1 | a :: Idle;
      | - declared here
    error[pseudoelement]: `input` is used outside compounds and groups
      --> t.click:3:9
    3 | a(1) -> input;
      |         ^^^^^ stands for nothing here
    error[stranded-port]: input ports at the start of a chain
      --> t.click:4:1
    4 | [1] a => [1,2] a;
      | ^^^ connected to nothing
    error[element-name]: expected a name with a letter in each component, found `10`
      --> t.click:5:1
    5 | 10 :: Idle;
      | ^^ a component is a number
    ");
}

#[test]
fn several_mistakes_of_ports() {
    assert_snapshot!(wrong("a :: Tee -> b :: ToDevice;\nc :: Quue;\nIdle -> d :: Queue;\nIdle -> [7] Discard;\n"), @r"
    error[unused-port]: input 0 of `a` is not connected
      --> t.click:1:1
    1 | a :: Tee -> b :: ToDevice;
      | ^ `a :: Tee`
      = help: connect it, from Idle if no packets shall come
    error[push-pull]: push output 0 of `a` is connected to pull input 0 of `b`
      --> t.click:1:1
    1 | a :: Tee -> b :: ToDevice;
      | ^^^^^^^^^^^^^^^^^^^^^^^^^ push meets pull
      ::: t.click:1:1
    1 | a :: Tee -> b :: ToDevice;
      | - `a :: Tee`
      ::: t.click:1:13
    1 | a :: Tee -> b :: ToDevice;
      |             - `b :: ToDevice`
      = help: a Queue between them takes what is pushed and gives it when pulled
    error[unknown-class]: unknown element class `Quue`
      --> t.click:2:6
    2 | c :: Quue;
      |      ^^^^ not an element class
      = help: did you mean `Queue`?
    error[unused-port]: output 0 of `d` is not connected
      --> t.click:3:9
    3 | Idle -> d :: Queue;
      |         ^ `d :: Queue`
      = help: connect it, to Discard if the packets are not wanted
    error[no-such-port]: `Discard@7` has no input 7
      --> t.click:4:1
    4 | Idle -> [7] Discard;
      | ^^^^^^^^^^^^^^^^^^^ connected here
      ::: t.click:4:13
    4 | Idle -> [7] Discard;
      |             ------- `Discard@7 :: Discard`
      = help: the number of inputs of a `Discard` here: 1; they count from 0
    error[unused-port]: input 0 of `Discard@7` is not connected
      --> t.click:4:13
    4 | Idle -> [7] Discard;
      |             ^^^^^^^ `Discard@7 :: Discard`
      = help: connect it, from Idle if no packets shall come
    ");
}

#[test]
fn tabs_and_wide_letters_before_a_mistake() {
    assert_snapshot!(wrong("\t/* \u{e4}\u{f6}\u{fc} \u{4e16}\u{754c} */ a -> ;\n"), @r"
    error[syntax]: expected an element after `->`, found `;`
      --> t.click:1:20
    1 |  /* äöü 世界 */ a -> ;
      |                    ^
    ");
}

#[test]
fn lines_that_end_with_carriage_returns() {
    assert_snapshot!(wrong("a :: Idle;\r\nb :: Idle;\r\n  a -> ;\r\n"), @r"
    error[syntax]: expected an element after `->`, found `;`
      --> t.click:3:8
    3 |   a -> ;
      |        ^
    ");
}

#[test]
fn letters_that_no_name_has() {
    assert_snapshot!(wrong("caf\u{e9} :: Idle;\na-b :: Idle;\n\u{0} x;\n"), @r"
    error[syntax]: expected `->`, `=>` or `;` after an element, found `é`
      --> t.click:1:4
    1 | café :: Idle;
      |    ^
    error[syntax]: expected `->`, `=>` or `;` after an element, found `-`
      --> t.click:2:2
    2 | a-b :: Idle;
      |  ^
    error[syntax]: expected a statement, found `\0`
      --> t.click:3:1
    3 |   x;
      | ^
    ");
}

#[test]
fn a_mistake_over_several_lines_is_underlined_on_the_first() {
    assert_snapshot!(wrong("x :: Idle;\nx -> [3] (\n  ->\n) -> x;\n"), @r"
    error[unused-port]: input 0 of this group is not connected
      --> t.click:2:10
    2 | x -> [3] (
      |          ^
    error[no-such-port]: this group has no input 3
      --> t.click:2:10
    2 | x -> [3] (
      |          ^
      = help: a group has the ports that it uses inside, such as `input [3]`
    ");
}

#[test]
fn the_end_of_the_text_is_a_place() {
    assert_snapshot!(wrong("a :: Idle ->"), @r"
    error[syntax]: expected an element after `->`, found the end of the text
      --> t.click:1:13
    1 | a :: Idle ->
      |             ^
    ");
    assert_snapshot!(wrong("elementclass A"), @r"
    error[syntax]: expected `{` or the name of an element class, found the end of the text
      --> t.click:1:15
    1 | elementclass A
      |               ^
    ");
}

#[test]
fn one_line_for_a_log() {
    let wrong = graph("a :: Idle;\nb -> ;\na :: X :: Y;\n").unwrap_err();
    assert_snapshot!(wrong, @r"
    t.click:2:6: expected an element after `->`, found `;`
    t.click:3:8: expected `->`, `=>` or `;` after an element, found `::`
    ");
}

#[test]
fn places_are_offsets_as_well() {
    let text = "a :: Idle;\na :: Queue;\n";
    let wrong = graph(text).unwrap_err().into_vec();
    let place = wrong[0].place().expect("a text has places");
    assert_eq!(
        (place.span.start, place.span.end, place.text()),
        (11, 12, "a")
    );
    assert_eq!(wrong[0].labels()[1].place.to_string(), "t.click:1:1");
    assert_eq!(wrong[0].code().as_str(), "redeclaration");
}

#[test]
fn many_mistakes_are_counted() {
    let text = "a :: Idle -> ;\n".repeat(250);
    let wrong = graph(&text).unwrap_err().into_vec();
    assert_eq!(wrong.len(), 101);
    assert_eq!(wrong[100].to_string(), "150 more mistakes are not shown");
}
