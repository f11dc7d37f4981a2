//! Element groups: `(…)`, detours without a scope of their own.

use insta::assert_snapshot;

use crate::harness::{flat, wires, wrong};

const SAME: [&str; 5] = [
    "x -> y;",
    "x -> ( input -> output ) -> y;",
    "x -> ( [0] -> [0] ) -> y;",
    "x -> (->) -> y;",
    "x -> ( [0]->[0]; [1]->[1] ) => ( [0]->[0]; [1]->[1] ) -> y;",
];

#[test]
fn five_ways_to_say_the_same() {
    for text in SAME {
        let text = format!("x, y :: Idle; {text}");
        let connections = wires(&text);
        let known = connections.lines().all(|line| line == "x -> y;");
        assert!(known || text.contains("=>"), "{text}\n{connections}");
    }
    assert_snapshot!(wires(&format!("x, y :: Idle; {}", SAME[4])), @"x -> y;");
}

#[test]
fn a_detour() {
    assert_snapshot!(flat("x :: Idle -> c :: Classifier(00/01, -) => ( input [0] -> output; input [1] -> Paint(1) -> output ) -> y :: Discard;"), @r"
    x :: Idle;
    c :: Classifier(00/01, -);
    Paint@6 :: Paint(1);
    y :: Discard;

    x -> c;
    c -> y;
    c [1] -> Paint@6;
    Paint@6 -> y;
    ");
}

#[test]
fn the_ports_of_a_group_are_those_used_inside() {
    assert_snapshot!(wires("x, y :: Idle; x => ( [0]->[0]; [1]->[0] ) -> y;"), @r"
    x -> y;
    x [1] -> y;
    ");
}

#[test]
fn the_ports_of_a_group_can_be_written() {
    assert_snapshot!(wires("x, y :: Idle; x => [0,1] ( [0]->[0]; [1]->[1] ) [0,1] => y;"), @r"
    x -> y;
    x [1] -> [1] y;
    ");
}

#[test]
fn groups_in_a_list() {
    assert_snapshot!(wires("a, d :: Idle; a => (-> c :: Idle), (-> b :: Idle), d;"), @r"
    a -> c;
    a [1] -> b;
    a [2] -> d;
    ");
}

#[test]
fn a_group_is_no_scope() {
    assert_snapshot!(wires("x, z :: Idle; x -> ( -> y :: Print -> ) -> z; z [1] -> [1] y;"), @r"
    x -> y;
    z [1] -> [1] y;
    y -> z;
    ");
}

#[test]
fn groups_inside_groups() {
    assert_snapshot!(wires("c :: Idle => [1] a :: Idle [1], (-> d :: Idle => (->), e :: Idle ->) -> p :: Idle;"), @r"
    c -> [1] a;
    c [1] -> d;
    d -> p;
    d [1] -> e;
    e -> p;
    a [1] -> p;
    ");
}

#[test]
fn a_group_counts_as_three_elements_in_generated_names() {
    assert_snapshot!(flat("Idle -> (-> Print ->) -> Discard;"), @r"
    Idle@1 :: Idle;
    Print@5 :: Print;
    Discard@6 :: Discard;

    Idle@1 -> Print@5;
    Print@5 -> Discard@6;
    ");
}

#[test]
fn a_group_leaves_no_port_unconnected() {
    assert_snapshot!(wrong("x, y :: Idle;\nx => [0] ( [0]->[0]; [1]->Idle ) -> y;\n"), @r"
    error[unused-port]: input 1 of this group is not connected
      --> t.click:2:10
    2 | x => [0] ( [0]->[0]; [1]->Idle ) -> y;
      |          ^^^^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn the_ports_of_a_group_have_no_gaps() {
    assert_snapshot!(wrong("x, y :: Idle;\nx => ( [0]->[0]; [2]->Idle ) -> y;\n"), @r"
    error[pseudoelement]: input 1 of this group is left out, though input 2 is used
      --> t.click:2:6
    2 | x => ( [0]->[0]; [2]->Idle ) -> y;
      |      ^^^^^^^^^^^^^^^^^^^^^^^
      = help: ports are numbered from 0 without gaps
    ");
}

#[test]
fn a_group_has_no_ports_but_those_used_inside() {
    assert_snapshot!(wrong("x, y :: Idle;\nx -> [1] ( -> ) -> y;\n"), @r"
    error[unused-port]: input 0 of this group is not connected
      --> t.click:2:10
    2 | x -> [1] ( -> ) -> y;
      |          ^^^^^^
    error[no-such-port]: this group has no input 1
      --> t.click:2:10
    2 | x -> [1] ( -> ) -> y;
      |          ^^^^^^
      = help: a group has the ports that it uses inside, such as `input [1]`
    ");
}

#[test]
fn a_group_is_not_declared_and_not_configured() {
    assert_snapshot!(wrong("a :: Idle;\na -> ( -> ) (5) -> a;\n(->) :: Queue;\ng :: (->);\n"), @r"
    error[config-on-reference]: an element group takes no configuration
      --> t.click:2:14
    2 | a -> ( -> ) (5) -> a;
      |              ^
    error[syntax]: expected the name of an element before `::`
      --> t.click:3:6
    3 | (->) :: Queue;
      |      ^^
    error[syntax]: expected an element class after `::`, found `(`
      --> t.click:4:6
    4 | g :: (->);
      |      ^
    ");
}

#[test]
fn a_group_is_closed() {
    assert_snapshot!(wrong("a :: Idle;\na -> ( -> Print -> "), @r"
    error[unclosed]: expected `)`, found the end of the text
      --> t.click:2:19
    2 | a -> ( -> Print ->
      |                   ^
      ::: t.click:2:6
    2 | a -> ( -> Print ->
      |      - this group is not closed
    ");
}

#[test]
fn a_group_closed_by_a_brace() {
    assert_snapshot!(wrong("a :: { input -> ( -> Print -> } ;\n"), @r"
    error[unclosed]: expected `)`, found `}`
      --> t.click:1:31
    1 | a :: { input -> ( -> Print -> } ;
      |                               ^
      ::: t.click:1:17
    1 | a :: { input -> ( -> Print -> } ;
      |                 - this group is not closed
    ");
}
