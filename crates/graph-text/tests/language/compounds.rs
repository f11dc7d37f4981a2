//! Compound elements and element classes.

use insta::assert_snapshot;

use crate::harness::{flat, wires, wrong};

#[test]
fn an_anonymous_compound() {
    assert_snapshot!(flat("Idle -> { input -> Print -> output } -> Discard;"), @r"
    Idle@1 :: Idle;
    Discard@3 :: Discard;
    @2/Print@1 :: Print;

    Idle@1 -> @2/Print@1;
    @2/Print@1 -> Discard@3;
    ");
}

#[test]
fn a_named_compound_with_two_ports() {
    assert_snapshot!(wires("a, b, c, d :: Idle; k :: { input -> x :: X -> output; input [1] -> y :: Y -> [1] output; }; a -> k -> b; c -> [1] k [1] -> d;"), @r"
    a -> k/x;
    c -> k/y;
    k/x -> b;
    k/y -> d;
    ");
}

#[test]
fn an_implied_input_and_output() {
    assert_snapshot!(wires("a, b :: Idle; a -> { -> } -> b; a [1] -> { [0] -> [0] } -> [1] b;"), @r"
    a -> b;
    a [1] -> [1] b;
    ");
}

#[test]
fn a_compound_without_ports() {
    assert_snapshot!(flat("{ Idle -> Discard };"), @r"
    @1/Idle@1 :: Idle;
    @1/Discard@2 :: Discard;

    @1/Idle@1 -> @1/Discard@2;
    ");
}

#[test]
fn a_compound_that_passes_on_vanishes() {
    assert_snapshot!(wires("elementclass Wire { input -> output } a, b :: Idle; a -> Wire -> Wire -> b;"), @"a -> b;");
}

#[test]
fn an_input_can_fan_out_and_an_output_in() {
    assert_snapshot!(wires("a, b :: Idle; a -> k :: { input -> p :: Print -> output; input -> q :: Print -> output } -> b;"), @r"
    a -> k/p;
    a -> k/q;
    k/p -> b;
    k/q -> b;
    ");
}

#[test]
fn an_element_class_has_a_name() {
    assert_snapshot!(flat("elementclass Mine { input -> Queue -> Shaper(1000) -> output } a :: Idle -> m :: Mine -> b :: Idle;"), @r"
    a :: Idle;
    b :: Idle;
    m/Queue@1 :: Queue;
    m/Shaper@2 :: Shaper(1000);

    a -> m/Queue@1;
    m/Queue@1 -> m/Shaper@2;
    m/Shaper@2 -> b;
    ");
}

#[test]
fn anonymous_members_are_numbered_in_each_instance() {
    assert_snapshot!(flat("elementclass M { input -> Print -> Print -> output } Idle -> M -> M -> Discard;"), @r"
    Idle@1 :: Idle;
    Discard@4 :: Discard;
    M@2/Print@1 :: Print;
    M@2/Print@2 :: Print;
    M@3/Print@1 :: Print;
    M@3/Print@2 :: Print;

    Idle@1 -> M@2/Print@1;
    M@2/Print@1 -> M@2/Print@2;
    M@2/Print@2 -> M@3/Print@1;
    M@3/Print@1 -> M@3/Print@2;
    M@3/Print@2 -> Discard@4;
    ");
}

#[test]
fn a_class_may_have_the_name_of_an_older_one() {
    assert_snapshot!(flat("elementclass Queue { input -> Queue -> Shaper(1000) -> output } a :: Idle -> q :: Queue -> b :: Idle;"), @r"
    a :: Idle;
    b :: Idle;
    q/Queue@1 :: Queue;
    q/Shaper@2 :: Shaper(1000);

    a -> q/Queue@1;
    q/Queue@1 -> q/Shaper@2;
    q/Shaper@2 -> b;
    ");
}

#[test]
fn a_class_defined_twice_is_the_later_one_from_there_on() {
    assert_snapshot!(flat("elementclass A { x :: X } A; elementclass A { y :: Y } A;"), @r"
    A@1/x :: X;
    A@2/y :: Y;
    ");
}

#[test]
fn a_synonym() {
    assert_snapshot!(flat("elementclass Fifo Queue; elementclass Pipe { input -> output } elementclass Tube Pipe; Idle -> Fifo(5) -> Tube -> Discard;"), @r"
    Idle@1 :: Idle;
    Queue@2 :: Queue(5);
    Discard@4 :: Discard;

    Idle@1 -> Queue@2;
    Queue@2 -> Discard@4;
    ");
}

#[test]
fn classes_are_known_to_the_end_of_their_scope() {
    assert_snapshot!(flat("elementclass Outer { elementclass Inner { i :: Idle } a :: Inner; b :: { c :: Inner } } Outer;"), @r"
    Outer@1/a/i :: Idle;
    Outer@1/b/c/i :: Idle;
    ");
}

#[test]
fn a_compound_has_its_own_names() {
    assert_snapshot!(flat("a :: Idle; k :: { a :: Discard; b :: Idle -> a };"), @r"
    a :: Idle;
    k/a :: Discard;
    k/b :: Idle;

    k/b -> k/a;
    ");
}

#[test]
fn alternatives_by_the_number_of_arguments() {
    assert_snapshot!(flat("elementclass Q { input -> Queue -> output || $cap | input -> Queue($cap) -> output } Idle -> a :: Q -> b :: Q(7) -> Discard;"), @r"
    Idle@1 :: Idle;
    Discard@4 :: Discard;
    a/Queue@1 :: Queue;
    b/Queue@1 :: Queue(7);

    Idle@1 -> a/Queue@1;
    a/Queue@1 -> b/Queue@1;
    b/Queue@1 -> Discard@4;
    ");
}

#[test]
fn alternatives_by_the_number_of_ports() {
    assert_snapshot!(flat("elementclass Q { input -> one :: X -> output || input -> two :: X; input [1] -> two -> output } a, b :: Idle; a -> p :: Q -> b; a -> q :: Q -> b; a -> [1] q;"), @r"
    a :: Idle;
    b :: Idle;
    p/one :: X;
    q/two :: X;

    a -> p/one;
    a -> q/two;
    p/one -> b;
    q/two -> b;
    ");
}

#[test]
fn the_first_alternative_that_fits_is_taken() {
    assert_snapshot!(flat(FOO), @r"
    Idle@1 :: Idle;
    Discard@6 :: Discard;
    Foo@2/Print@1 :: Print(2);
    f/Print@1 :: Print(1);
    Foo@4/Print@1 :: Print(4);
    Foo@5/Print@1 :: Print(2);

    Idle@1 -> Foo@2/Print@1;
    Foo@2/Print@1 -> f/Print@1;
    f/Print@1 -> Foo@4/Print@1;
    Foo@4/Print@1 -> Foo@5/Print@1;
    Foo@5/Print@1 -> Discard@6;
    ");
}

const FOO: &str = "
elementclass Foo {
   $a, $b | input -> Print(1) -> output
|| $a, __REST__ $b | input -> Print(2) -> output
|| $a, TWO $b, __REST__ $c | input -> Print(3) -> output
}
Idle -> Foo(A) -> f :: Foo(A, TWO B)
elementclass Foo {
   $a, $b | input -> Print(4) -> output
|| ...
}
f -> Foo(A, B) -> Foo(A, B, C) -> Discard";

#[test]
fn alternatives_added_to_a_class_of_the_table() {
    assert_snapshot!(flat("elementclass Queue { $cap, $rate | input -> Queue($cap) -> Shaper($rate) -> output || ... } Idle -> a :: Queue(1, 2) -> b :: Queue(3) -> Discard;"), @r"
    Idle@1 :: Idle;
    b :: Queue(3);
    Discard@4 :: Discard;
    a/Queue@1 :: Queue(1);
    a/Shaper@2 :: Shaper(2);

    Idle@1 -> a/Queue@1;
    b -> Discard@4;
    a/Queue@1 -> a/Shaper@2;
    a/Shaper@2 -> b;
    ");
}

#[test]
fn a_compound_of_one_alternative_closed_at_once() {
    assert_snapshot!(flat("elementclass E { | } E; elementclass F { $a | } F(1);"), @"");
}

#[test]
fn compounds_within_compounds() {
    assert_snapshot!(flat("Idle -> a :: { input -> { -> b :: { -> Print -> } -> } -> output } -> Discard;"), @r"
    Idle@1 :: Idle;
    Discard@3 :: Discard;
    a/@1/b/Print@1 :: Print;

    Idle@1 -> a/@1/b/Print@1;
    a/@1/b/Print@1 -> Discard@3;
    ");
}

#[test]
fn a_compound_does_not_contain_itself() {
    assert_snapshot!(wrong("elementclass A {\n  input -> A -> output\n}\nIdle -> A -> Discard;\n"), @r"
    error[undeclared-element]: undeclared element `A`
      --> t.click:2:12
    2 |   input -> A -> output
      |            ^ neither an element nor an element class
      ::: t.click:1:14
    1 | elementclass A {
      |              - inside the definition of this class
      = help: a compound cannot contain itself: its class is known from after its closing brace
    ");
}

#[test]
fn a_class_is_not_known_before_its_definition() {
    assert_snapshot!(wrong("Idle -> Mine -> Discard;\nelementclass Mine { input -> output }\n"), @r"
    error[undeclared-element]: undeclared element `Mine`
      --> t.click:1:9
    1 | Idle -> Mine -> Discard;
      |         ^^^^ neither an element nor an element class
      ::: t.click:2:14
    2 | elementclass Mine { input -> output }
      |              ---- defined here
      = help: a class is known from after its definition to the end of the scope around that
    ");
}

#[test]
fn a_class_is_not_known_outside_its_scope() {
    assert_snapshot!(wrong("elementclass Outer {\n  elementclass /* so */ Inner { }\n}\nOuter; x :: Inner;\n"), @r"
    error[unknown-class]: unknown element class `Inner`
      --> t.click:4:13
    4 | Outer; x :: Inner;
      |             ^^^^^ not an element class
      ::: t.click:2:25
    2 |   elementclass /* so */ Inner { }
      |                         ----- defined here
      = help: a class is known from after its definition to the end of the scope around that
    ");
}

#[test]
fn elements_outside_are_not_seen_inside() {
    assert_snapshot!(wrong("a :: Idle;\nk :: { input -> a };\nIdle -> k;\n"), @r"
    error[undeclared-element]: undeclared element `a`
      --> t.click:2:17
    2 | k :: { input -> a };
      |                 ^ neither an element nor an element class
      ::: t.click:1:1
    1 | a :: Idle;
      | - declared in another scope
      = help: a compound has a scope of its own: elements outside are reached through its ports
    ");
}

#[test]
fn input_and_output_run_one_way() {
    assert_snapshot!(wrong("Idle -> {\n  output -> Print -> input\n} -> Discard;\n"), @r"
    error[pseudoelement]: `output` is connected from: packets go into it and do not come out
      --> t.click:2:3
    2 |   output -> Print -> input
      |   ^^^^^^ wrong way round
    error[pseudoelement]: `input` is connected to: packets come out of it and do not go in
      --> t.click:2:22
    2 |   output -> Print -> input
      |                      ^^^^^ wrong way round
    ");
}

#[test]
fn inputs_have_no_gaps() {
    assert_snapshot!(wrong("elementclass Gap {\n  input [0] -> Discard; input [2] -> Discard\n}\nIdle -> Gap;\n"), @r"
    error[pseudoelement]: input 1 of `Gap` is left out, though input 2 is used
      --> t.click:1:14
    1 | elementclass Gap {
      |              ^^^
      = help: ports are numbered from 0 without gaps
    ");
}

#[test]
fn input_is_not_declared() {
    assert_snapshot!(wrong("elementclass A { input :: Idle; output(5); }\n"), @r"
    error[redeclaration]: `input` is declared twice
      --> t.click:1:18
    1 | elementclass A { input :: Idle; output(5); }
      |                  ^^^^^ again here
    error[config-on-reference]: `output` is an element already and takes no configuration here
      --> t.click:1:40
    1 | elementclass A { input :: Idle; output(5); }
      |                                        ^
    ");
}

#[test]
fn all_ports_of_a_compound_are_connected() {
    assert_snapshot!(wrong("elementclass Pipe { input -> output }\nIdle -> p :: Pipe;\nq :: Pipe -> [1] p [2] -> Discard;\n"), @r"
    error[no-such-port]: `p` has no input 1
      --> t.click:2:9
    2 | Idle -> p :: Pipe;
      |         ^
      ::: t.click:1:14
    1 | elementclass Pipe { input -> output }
      |              ---- takes no arguments, 1 input and 1 output
    error[unused-port]: output 0 of `p` is not connected
      --> t.click:2:9
    2 | Idle -> p :: Pipe;
      |         ^
      ::: t.click:1:14
    1 | elementclass Pipe { input -> output }
      |              ---- takes no arguments, 1 input and 1 output
    error[no-such-port]: `p` has no output 2
      --> t.click:2:9
    2 | Idle -> p :: Pipe;
      |         ^
      ::: t.click:1:14
    1 | elementclass Pipe { input -> output }
      |              ---- takes no arguments, 1 input and 1 output
    error[unused-port]: input 0 of `q` is not connected
      --> t.click:3:1
    3 | q :: Pipe -> [1] p [2] -> Discard;
      | ^
      ::: t.click:1:14
    1 | elementclass Pipe { input -> output }
      |              ---- takes no arguments, 1 input and 1 output
    ");
}

#[test]
fn no_alternative_fits() {
    assert_snapshot!(wrong("elementclass Q {\n  input -> output\n|| $cap, SIZE $size | input -> output\n}\nIdle -> Q(1, 2) -> Discard;\n"), @r"
    error[no-matching-overload]: no alternative of `Q` takes 2 arguments, 1 input and 1 output
      --> t.click:5:9
    5 | Idle -> Q(1, 2) -> Discard;
      |         ^
      = help: there is one that takes no arguments, 1 input and 1 output
      = help: there is one that takes ($cap, SIZE $size), 1 input and 1 output
    ");
}

#[test]
fn later_alternatives_are_not_seen_before() {
    assert_snapshot!(wrong("elementclass Test { $a | }\ntest :: Test(1, 2);\nelementclass Test { $a, $b | || ... }\n"), @r"
    error[compound-arguments]: too many arguments for `Test`: expected 1 argument, found 2
      --> t.click:2:1
    2 | test :: Test(1, 2);
      | ^^^^
      ::: t.click:1:14
    1 | elementclass Test { $a | }
      |              ---- takes ($a), no inputs and no outputs
    ");
}

#[test]
fn an_extension_comes_last_and_extends_something() {
    assert_snapshot!(wrong("elementclass A { ... }\nelementclass B { ... || x :: Idle }\nelementclass C { || ... Idle }\n"), @r"
    error[extension]: expected `...` to come last, after at least one compound
      --> t.click:1:18
    1 | elementclass A { ... }
      |                  ^^^
    error[extension]: expected `...` to come last, after at least one compound
      --> t.click:2:18
    2 | elementclass B { ... || x :: Idle }
      |                  ^^^
    error[extension]: expected `...` to come last, after at least one compound
      --> t.click:3:21
    3 | elementclass C { || ... Idle }
      |                     ^^^
    ");
}

#[test]
fn an_extension_of_a_class_that_nobody_knows() {
    assert_snapshot!(wrong("elementclass Quue { $a, $b | || ... }\nQuue(1);\n"), @r"
    error[unknown-class]: unknown element class `Quue`
      --> t.click:2:1
    2 | Quue(1);
      | ^^^^ not an element class
      ::: t.click:1:33
    1 | elementclass Quue { $a, $b | || ... }
      |                                 --- extends a class that does not exist
      = help: did you mean `Queue`?
    ");
}

#[test]
fn a_compound_is_closed() {
    assert_snapshot!(wrong("elementclass A {\n  input -> Print -> output;\nIdle -> A;\n"), @r"
    error[unclosed]: expected `}`, found the end of the text
      --> t.click:3:11
    3 | Idle -> A;
      |           ^
      ::: t.click:1:16
    1 | elementclass A {
      |                - this compound is not closed
    ");
}

#[test]
fn an_element_class_has_a_body() {
    assert_snapshot!(wrong("elementclass { }\nelementclass A;\nelementclass B (5)\n"), @r"
    error[syntax]: expected the name of the new element class, found `{`
      --> t.click:1:14
    1 | elementclass { }
      |              ^
    error[syntax]: expected `{` or the name of an element class, found `;`
      --> t.click:2:15
    2 | elementclass A;
      |               ^
    error[syntax]: expected `{` or the name of an element class, found `(`
      --> t.click:3:16
    3 | elementclass B (5)
      |                ^
    ");
}

#[test]
fn what_is_closed_was_opened() {
    assert_snapshot!(wrong("a :: Idle; }\n) b :: Idle;\n|| c :: Idle;\n"), @r"
    error[syntax]: expected a statement, found `}`
      --> t.click:1:12
    1 | a :: Idle; }
      |            ^
    error[syntax]: expected a statement, found `)`
      --> t.click:2:1
    2 | ) b :: Idle;
      | ^
    error[syntax]: expected a statement, found `||`
      --> t.click:3:1
    3 | || c :: Idle;
      | ^^
    ");
}

#[test]
fn a_name_that_a_member_of_a_compound_has() {
    assert_snapshot!(wrong("k/x :: Idle;\nk :: { x :: Idle };\n"), @r"
    error[redeclaration]: two elements are called `k/x`
      --> t.click:2:8
    2 | k :: { x :: Idle };
      |        ^ one here
      ::: t.click:1:1
    1 | k/x :: Idle;
      | --- one here
      = help: `/` in names is for members of compounds
    ");
}

#[test]
fn a_compound_without_a_name_extends_nothing() {
    assert_snapshot!(flat("{ || ... };"), @r"
    error[extension]: expected the name of a class to extend, found a compound without one
      --> t.click:1:6
    1 | { || ... };
      |      ^^^ extends nothing
    ");
}
