//! Connections: chains, ports, `->` and `=>`.

use insta::assert_snapshot;

use crate::harness::{flat, wires, wrong};

#[test]
fn a_chain_connects_each_element_to_the_next() {
    assert_snapshot!(flat("a :: Idle -> b :: Print(x) -> Discard;"), @r"
    a :: Idle;
    b :: Print(x);
    Discard@3 :: Discard;

    a -> b;
    b -> Discard@3;
    ");
}

#[test]
fn ports_stand_on_both_sides() {
    assert_snapshot!(wires("a, x, b :: Idle; a [1] -> [2] x [3] -> [4] b;"), @r"
    a [1] -> [2] x;
    x [3] -> [4] b;
    ");
}

#[test]
fn a_port_that_is_not_written_is_port_0() {
    assert_snapshot!(wires("a, b :: Idle; a -> b; a [0] -> [0] b;"), @"a -> b;");
}

#[test]
fn ports_of_an_element_declared_on_the_way() {
    assert_snapshot!(wires("Idle -> [1] q :: Idle(5) [2] -> [1] Idle [0] -> Idle;"), @r"
    Idle@1 -> [1] q;
    q [2] -> [1] Idle@3;
    Idle@3 -> Idle@4;
    ");
}

#[test]
fn port_numbers_are_read_as_in_c() {
    assert_snapshot!(wires("a, b :: Idle; a [0x10] -> [010] b;"), @"a [16] -> [8] b;");
}

#[test]
fn many_to_one() {
    assert_snapshot!(wires("a, b, c, x :: Idle; a, b [1], c -> [3] x;"), @r"
    a -> [3] x;
    b [1] -> [3] x;
    c -> [3] x;
    ");
}

#[test]
fn one_to_many() {
    assert_snapshot!(wires("a, b, c :: Idle; a [2] -> b, [1] b, c;"), @r"
    a [2] -> b;
    a [2] -> [1] b;
    a [2] -> c;
    ");
}

#[test]
fn lists_in_the_middle_of_a_chain() {
    assert_snapshot!(wires("a, b, p, q :: Idle; a, a [1] -> b -> p, q; p -> [0] a, [1] a; q -> [2] a;"), @r"
    a -> b;
    a [1] -> b;
    b -> p;
    b -> q;
    p -> a;
    p -> [1] a;
    q -> [2] a;
    ");
}

#[test]
fn many_to_many_pairs_in_order() {
    assert_snapshot!(wires("c, x, y, z :: Idle; c [0], c [1], c [2] => x, y, z;"), @r"
    c -> x;
    c [1] -> y;
    c [2] -> z;
    ");
}

#[test]
fn many_to_many_with_a_list_of_ports() {
    assert_snapshot!(wires("c, x, y, z :: Idle; c [0,1,2] => x, [4] y, z;"), @r"
    c -> x;
    c [1] -> [4] y;
    c [2] -> z;
    ");
}

#[test]
fn many_to_many_with_a_range_of_ports() {
    assert_snapshot!(wires("c, x, y, z :: Idle; c [0-1, 5] => x, y, z;"), @r"
    c -> x;
    c [1] -> y;
    c [5] -> z;
    ");
}

#[test]
fn an_element_without_ports_has_as_many_as_the_other_side() {
    assert_snapshot!(wires("c, x, y, z :: Idle; c => x, y, z; x, y [7] => c;"), @r"
    c -> x;
    c [1] -> y;
    c [2] -> z;
    x -> c;
    y [7] -> [1] c;
    ");
}

#[test]
fn an_open_list_goes_on_as_far_as_the_other_side() {
    assert_snapshot!(wires("c, x, y, z :: Idle; c [3, ] => x, y, z; c [] => [8-9] x;"), @r"
    c -> [8] x;
    c [1] -> [9] x;
    c [3] -> x;
    c [4] -> y;
    c [5] -> z;
    ");
}

#[test]
fn a_list_of_ports_and_the_fan_behind_it() {
    assert_snapshot!(wires("c, d, p, q :: Idle; c => p, q -> d;"), @r"
    c -> p;
    c [1] -> q;
    p -> d;
    q -> d;
    ");
}

#[test]
fn a_list_may_lead_back_into_its_own_element() {
    assert_snapshot!(wires("a, b, c :: Idle; a => b, c, [0,1] a;"), @r"
    a -> b;
    a [1] -> c;
    a [2] -> a;
    a [3] -> [1] a;
    ");
}

#[test]
fn one_to_one_takes_either_arrow() {
    assert_snapshot!(wires("a, b :: Idle; a => b; a [1] => [1] b;"), @r"
    a -> b;
    a [1] -> [1] b;
    ");
}

#[test]
fn a_connection_may_be_repeated() {
    assert_snapshot!(wires("a, b :: Idle; a -> b; a -> b -> a; a, a -> b;"), @r"
    a -> b;
    b -> a;
    ");
}

#[test]
fn an_element_may_be_connected_to_itself() {
    assert_snapshot!(wires("a :: Idle; a [1] -> [2] a;"), @"a [1] -> [2] a;");
}

#[test]
fn many_to_many_needs_the_double_arrow() {
    assert_snapshot!(wrong("a, b :: Idle;\na [0,1,2] -> [0,1,2] b;\n"), @r"
    error[connection-mismatch]: expected `=>` between many outputs and many inputs, found `->`
      --> t.click:2:11
    2 | a [0,1,2] -> [0,1,2] b;
      |           ^^
      = help: `=>` connects the first to the first, the second to the second
    ");
}

#[test]
fn both_sides_have_the_same_number_of_ports() {
    assert_snapshot!(wrong("a, b :: Idle;\na [0,1] => [0,1,2] b;\n"), @r"
    error[connection-mismatch]: 2 outputs cannot be paired with 3 inputs
      --> t.click:2:9
    2 | a [0,1] => [0,1,2] b;
      |         ^^
    ");
}

#[test]
fn one_side_alone_is_open() {
    assert_snapshot!(wrong("c, d :: Idle;\nc [] => [] d;\n"), @r"
    error[connection-mismatch]: at most one side of a connection can be open
      --> t.click:2:6
    2 | c [] => [] d;
      |      ^^
      = help: leave the ports of one side open, `[]`, and name those of the other
    ");
}

#[test]
fn an_open_side_has_too_many_ports_named() {
    assert_snapshot!(wrong("c, d :: Idle;\nc [0,1,2,] => [0,1] d;\n"), @r"
    error[connection-mismatch]: 3 or more outputs cannot be paired with 2 inputs
      --> t.click:2:12
    2 | c [0,1,2,] => [0,1] d;
      |            ^^
    ");
}

#[test]
fn ports_at_the_ends_of_a_chain_lead_nowhere() {
    assert_snapshot!(wrong("a, b :: Idle;\n[1] a -> b [2];\n"), @r"
    error[stranded-port]: input ports at the start of a chain
      --> t.click:2:1
    2 | [1] a -> b [2];
      | ^^^ connected to nothing
    error[stranded-port]: output ports at the end of a chain
      --> t.click:2:12
    2 | [1] a -> b [2];
      |            ^^^ connected to nothing
    ");
}

#[test]
fn a_port_is_a_number_that_exists() {
    assert_snapshot!(wrong("a, b :: Idle;\na [x] -> b;\na [65536] -> b;\na [08] -> b;\na [$p] -> b;\n"), @r"
    error[syntax]: expected a port number from 0 to 65535, found `x`
      --> t.click:2:4
    2 | a [x] -> b;
      |    ^ not a port number
    error[syntax]: expected a port number from 0 to 65535, found `65536`
      --> t.click:3:4
    3 | a [65536] -> b;
      |    ^^^^^ not a port number
    error[syntax]: expected a port number from 0 to 65535, found `08`
      --> t.click:4:4
    4 | a [08] -> b;
      |    ^^ not a port number
    error[syntax]: expected a port number or `]`, found `$p`
      --> t.click:5:4
    5 | a [$p] -> b;
      |    ^^
    ");
}

#[test]
fn a_range_of_ports_goes_up() {
    assert_snapshot!(wrong("a, b :: Idle;\na [3-1] => b;\na [-2] => b;\n"), @r"
    error[syntax]: expected a port not before the first of its range, found `1`
      --> t.click:2:6
    2 | a [3-1] => b;
      |      ^
    error[syntax]: expected a port number or `]`, found `-`
      --> t.click:3:4
    3 | a [-2] => b;
      |    ^
    ");
}

#[test]
fn a_list_of_ports_is_closed() {
    assert_snapshot!(wrong("a, b :: Idle;\na [1 -> b;\na [1 2] -> b;\n"), @r"
    error[syntax]: expected `,`, `-` or `]` after a port number, found `->`
      --> t.click:2:6
    2 | a [1 -> b;
      |      ^^
    error[syntax]: expected `,`, `-` or `]` after a port number, found `2`
      --> t.click:3:6
    3 | a [1 2] -> b;
      |      ^
    ");
}

#[test]
fn an_arrow_has_two_sides() {
    assert_snapshot!(wrong("a :: Idle;\na -> ;\n-> a;\na => => a;\n"), @r"
    error[syntax]: expected an element after `->`, found `;`
      --> t.click:2:6
    2 | a -> ;
      |      ^
    error[syntax]: expected an element before `->`
      --> t.click:3:1
    3 | -> a;
      | ^^
      = help: only compounds and groups have an `input` that may be left out
    error[syntax]: expected an element after `=>`, found `=>`
      --> t.click:4:6
    4 | a => => a;
      |      ^^
    ");
}

#[test]
fn a_comma_has_two_sides() {
    assert_snapshot!(wrong("a, b :: Idle;\na, -> b;\n, a;\n"), @r"
    error[syntax]: expected an element after `,`, found `->`
      --> t.click:2:4
    2 | a, -> b;
      |    ^^
    error[syntax]: expected a statement, found `,`
      --> t.click:3:1
    3 | , a;
      | ^
    ");
}
