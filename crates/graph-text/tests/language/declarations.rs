//! Declarations, names and anonymous elements.

use insta::assert_snapshot;

use crate::harness::{flat, wrong};

#[test]
fn a_declaration_names_an_element_and_its_class() {
    assert_snapshot!(flat("q :: Queue(10);"), @"q :: Queue(10);");
}

#[test]
fn several_names_share_a_class_and_a_configuration() {
    assert_snapshot!(flat("a, b, c :: Queue(10);"), @r"
    a :: Queue(10);
    b :: Queue(10);
    c :: Queue(10);
    ");
}

#[test]
fn a_list_may_end_with_a_comma_before_the_semicolon() {
    assert_snapshot!(flat("a, b :: Idle,;"), @r"
    a :: Idle;
    b :: Idle;
    ");
}

#[test]
fn empty_parentheses_are_no_configuration() {
    assert_snapshot!(flat("a :: Idle(); b :: Idle(  /* nothing */ );"), @r"
    a :: Idle;
    b :: Idle;
    ");
}

#[test]
fn semicolons_are_optional_where_nothing_is_ambiguous() {
    assert_snapshot!(flat("a :: Idle b :: Discard a -> b ;;; c :: Idle"), @r"
    a :: Idle;
    b :: Discard;
    c :: Idle;

    a -> b;
    ");
}

#[test]
fn a_class_with_a_configuration_is_an_anonymous_element() {
    assert_snapshot!(flat("Queue(5); Queue(6); Idle;"), @r"
    Queue@1 :: Queue(5);
    Queue@2 :: Queue(6);
    Idle@3 :: Idle;
    ");
}

#[test]
fn generated_numbers_count_every_element_of_the_scope() {
    assert_snapshot!(flat("a :: Idle -> Print -> b :: Print -> Discard;"), @r"
    a :: Idle;
    Print@2 :: Print;
    b :: Print;
    Discard@4 :: Discard;

    a -> Print@2;
    Print@2 -> b;
    b -> Discard@4;
    ");
}

#[test]
fn a_generated_name_that_is_taken_counts_on() {
    assert_snapshot!(flat("Queue@1 :: Queue; Queue@3 :: Queue; Queue;"), @r"
    Queue@1 :: Queue;
    Queue@3 :: Queue;
    Queue@4 :: Queue;
    ");
}

#[test]
fn generated_names_can_be_declared_by_hand() {
    assert_snapshot!(flat("Print@7 :: Print; Idle -> Print@7 -> Discard;"), @r"
    Print@7 :: Print;
    Idle@2 :: Idle;
    Discard@3 :: Discard;

    Print@7 -> Discard@3;
    Idle@2 -> Print@7;
    ");
}

#[test]
fn names_have_slashes_and_at_signs() {
    assert_snapshot!(flat("eth0/in@left :: Idle; eth0/in@left -> d_1/x :: Discard;"), @r"
    eth0/in@left :: Idle;
    d_1/x :: Discard;

    eth0/in@left -> d_1/x;
    ");
}

#[test]
fn names_differ_by_case() {
    assert_snapshot!(flat("q :: Queue; Q :: Queue; q -> Q;"), @r"
    q :: Queue;
    Q :: Queue;

    q -> Q;
    ");
}

#[test]
fn a_name_may_begin_with_a_digit_but_a_component_is_not_a_number() {
    assert_snapshot!(flat("0a/b :: Idle; 10 :: Idle; a/1 :: Idle;"), @r"
    error[element-name]: expected a name with a letter in each component, found `10`
      --> t.click:1:15
    1 | 0a/b :: Idle; 10 :: Idle; a/1 :: Idle;
      |               ^^ a component is a number

    error[element-name]: expected a name with a letter in each component, found `a/1`
      --> t.click:1:27
    1 | 0a/b :: Idle; 10 :: Idle; a/1 :: Idle;
      |                           ^^^ a component is a number
    ");
}

#[test]
fn comments_end_names_and_slashes_do_not_double() {
    assert_snapshot!(flat("an/identifier//too/many\n:: Idle; b/**/:: /* ; */ Idle;"), @r"
    an/identifier :: Idle;
    b :: Idle;
    ");
}

#[test]
fn a_name_does_not_end_with_a_slash() {
    assert_snapshot!(wrong("a/ :: Idle;"), @r"
    error[syntax]: expected `->`, `=>` or `;` after an element, found `/`
      --> t.click:1:2
    1 | a/ :: Idle;
      |  ^
    ");
}

#[test]
fn the_reserved_words_name_nothing() {
    assert_snapshot!(wrong("define :: Idle; x :: require; provide(y);"), @r"
    error[syntax]: expected `(` after `define`, found `::`
      --> t.click:1:8
    1 | define :: Idle; x :: require; provide(y);
      |        ^^
    error[syntax]: expected an element class after `::`, found `require`
      --> t.click:1:22
    1 | define :: Idle; x :: require; provide(y);
      |                      ^^^^^^^
    error[syntax]: expected a statement, found `provide`
      --> t.click:1:31
    1 | define :: Idle; x :: require; provide(y);
      |                               ^^^^^^^ a reserved word without a meaning
    ");
}

#[test]
fn an_element_is_declared_once() {
    assert_snapshot!(wrong("a :: Idle;\nb, a :: Queue;\n"), @r"
    error[redeclaration]: `a` is declared twice
      --> t.click:2:4
    2 | b, a :: Queue;
      |    ^ again here
      ::: t.click:1:1
    1 | a :: Idle;
      | - first here
    ");
}

#[test]
fn an_element_is_declared_before_it_is_used() {
    assert_snapshot!(wrong("Idle -> a;\na :: Discard;\n"), @r"
    error[undeclared-element]: undeclared element `a`: it is used before its declaration
      --> t.click:1:9
    1 | Idle -> a;
      |         ^ used here
      ::: t.click:2:1
    2 | a :: Discard;
      | - declared here
      = help: declare an element before it is used
    ");
}

#[test]
fn a_class_is_not_the_name_of_an_element() {
    assert_snapshot!(wrong("Queue :: Idle;\nelementclass Mine { }\nMine :: Idle;\n"), @r"
    error[class-as-element]: element class `Mine` is used as the name of an element
      --> t.click:3:1
    3 | Mine :: Idle;
      | ^^^^ expected a name that is no class
    ");
}

#[test]
fn an_element_takes_its_configuration_where_it_is_declared() {
    assert_snapshot!(wrong("a :: Idle;\na(5) -> Discard;\n"), @r"
    error[config-on-reference]: `a` is an element already and takes no configuration here
      --> t.click:2:3
    2 | a(5) -> Discard;
      |   ^
      ::: t.click:1:1
    1 | a :: Idle;
      | - declared here
    ");
}

#[test]
fn a_declaration_needs_a_class() {
    assert_snapshot!(wrong("a :: ;\nb :: (5);\nc ::\n"), @r"
    error[syntax]: expected an element class after `::`, found `;`
      --> t.click:1:6
    1 | a :: ;
      |      ^
    error[syntax]: expected an element class after `::`, found `(`
      --> t.click:2:6
    2 | b :: (5);
      |      ^
    error[syntax]: expected an element class after `::`, found the end of the text
      --> t.click:3:5
    3 | c ::
      |     ^
    ");
}

#[test]
fn several_names_in_a_connection_share_nothing() {
    assert_snapshot!(wrong("n1, n2 :: Idle -> Discard;"), @r"
    error[undeclared-element]: undeclared element `n1`
      --> t.click:1:1
    1 | n1, n2 :: Idle -> Discard;
      | ^^ neither an element nor an element class
      = help: did you mean `n2`?
    ");
}

#[test]
fn at_file_scope_input_and_output_are_ordinary_names() {
    assert_snapshot!(flat("input :: Idle; output :: Discard; input -> output;"), @r"
    input :: Idle;
    output :: Discard;

    input -> output;
    ");
}
