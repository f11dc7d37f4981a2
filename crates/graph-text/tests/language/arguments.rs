//! Configuration strings: where they end, and how they are quoted and cut.

use insta::assert_snapshot;
use waypost_graph_text::{split_words, unquote};

use crate::harness::{config, flat, graph, wrong};

/// The arguments of the element `x`.
fn args(text: &str) -> Vec<String> {
    let graph = graph(text).expect("the case is right");
    let id = graph.find("x").expect("the case declares `x`");
    graph.element(id).args().iter().map(str::to_owned).collect()
}

#[test]
fn a_configuration_ends_at_its_own_parenthesis() {
    assert_eq!(config("x :: C1(simple string)"), "simple string");
    assert_eq!(
        config("x :: C2(string with (balanced parens))"),
        "string with (balanced parens)"
    );
    assert_eq!(
        config("x :: C3(string with \")quoted\" paren)"),
        "string with \")quoted\" paren"
    );
    assert_eq!(
        config("x :: C3(string with ')quoted' paren)"),
        "string with ')quoted' paren"
    );
}

#[test]
fn comments_are_one_space() {
    assert_eq!(
        config("x :: C4(// end-of-line comment )\n  still going!)"),
        "still going!"
    );
    assert_eq!(
        config("x :: C5(/* slash-star comment) */ and backslash \\)"),
        "and backslash \\"
    );
    assert_eq!(config("x :: C(a/* b */c // d\n  e)"), "a c e");
    assert_eq!(config("x :: C(http:// not a place\n)"), "http:");
}

#[test]
fn quotations_hide_commas_comments_and_parentheses() {
    assert_eq!(
        args("x :: C(\"a, b\", '(/* c', d)"),
        ["\"a, b\"", "'(/* c'", "d"]
    );
    assert_eq!(
        args(r#"x :: C("it's \" // fine", 'say "hi", \')"#),
        [r#""it's \" // fine""#, r#"'say "hi", \'"#]
    );
}

#[test]
fn parentheses_do_not_hide_commas() {
    assert_eq!(args("x :: C(f(a, b), c)"), ["f(a", "b)", "c"]);
}

#[test]
fn an_empty_argument_at_the_end_does_not_count() {
    assert_eq!(args("x :: C(1, )"), ["1"]);
    assert_eq!(args("x :: C(1, /* comment */)"), ["1"]);
    assert_eq!(args("x :: C(, , 3)"), ["", "", "3"]);
    assert_eq!(args("x :: C(1,,)"), ["1", ""]);
}

#[test]
fn white_space_around_arguments_is_dropped_and_inside_kept() {
    assert_eq!(config("x :: C(  a   b \t,\n\n  c )"), "a   b, c");
}

#[test]
fn words_are_cut_at_white_space_that_is_not_quoted() {
    assert_eq!(
        split_words("allow  'a b'  c\"d e\"\tf"),
        ["allow", "'a b'", "c\"d e\"", "f"]
    );
}

#[test]
fn data_in_hexadecimal() {
    assert_eq!(unquote(r"\< 48 45 4c 4C 4f >"), b"HELLO");
    assert_eq!(unquote("\"<\\<4 8\n45>>\""), b"<HE>");
    assert_eq!(unquote(r"'\<48>'"), br"\<48>");
    assert_eq!(
        config(r"x :: C(\<2c 29 /* ) */ 22>, b)"),
        r"\<2c 29 /* ) */ 22>, b"
    );
}

#[test]
fn backslashes_mean_something_in_double_quotes() {
    assert_eq!(
        unquote(r#""\a\b\t\n\v\f\r\\\"\q""#),
        b"\x07\x08\t\n\x0b\x0c\r\\\"q"
    );
    assert_eq!(unquote(r#""\0\12\1234\x41\x1f4f4A""#), b"\0\nS4A\x4a");
    assert_eq!(unquote("\"a\\\nb\\\r\nc\""), b"abc");
    assert_eq!(unquote(r"a\nb 'c\nd'"), br"a\nb c\nd");
}

#[test]
fn texts_side_by_side_are_one() {
    assert_eq!(unquote(r#"a"b"c'd'"#), b"abcd");
}

#[test]
fn a_configuration_is_printed_as_it_is_read() {
    assert_snapshot!(flat("m :: Message(\"\\\\\", '\\', \\<00>, a\n  b, {x}; [1] -> \u{e9});"), @r#"
    m :: Message("\\", '\', \<00>, a
      b, {x}; [1] -> é);
    "#);
}

#[test]
fn what_the_configuration_opens_it_closes() {
    assert_snapshot!(wrong("a :: Idle(1, (2);\nb :: Idle;\n"), @r"
    error[unclosed]: this `(` is not closed
      --> t.click:1:10
    1 | a :: Idle(1, (2);
      |          ^
    ");
}

#[test]
fn a_quotation_is_closed() {
    assert_snapshot!(wrong("a :: Idle(it's);\nb :: Idle;\n"), @r"
    error[unclosed]: this `(` is not closed
      --> t.click:1:10
    1 | a :: Idle(it's);
      |          ^
    error[unclosed]: this quotation is not closed
      --> t.click:1:13
    1 | a :: Idle(it's);
      |             ^
    ");
}

#[test]
fn a_comment_is_closed() {
    assert_snapshot!(wrong("a :: Idle(1 /* 2);\nb :: Idle;\n"), @r"
    error[unclosed]: this `(` is not closed
      --> t.click:1:10
    1 | a :: Idle(1 /* 2);
      |          ^
    error[unclosed]: this comment is not closed
      --> t.click:1:13
    1 | a :: Idle(1 /* 2);
      |             ^^
    ");
}

#[test]
fn a_comment_between_statements_is_closed() {
    assert_snapshot!(wrong("a :: Idle; /* b :: Idle;\n"), @r"
    error[unclosed]: this comment is not closed
      --> t.click:1:12
    1 | a :: Idle; /* b :: Idle;
      |            ^^
    ");
}

#[test]
fn positional_arguments_of_a_compound() {
    assert_snapshot!(flat("elementclass A { $a, $b | M($a; $b) } A(1, x y);"), @"A@1/M@1 :: M(1; x y);");
}

#[test]
fn keyword_arguments_of_a_compound() {
    assert_snapshot!(flat("elementclass A { $a, COUNT $c, RATE $r | M($a, $c, $r) } A(1, RATE 2 3, COUNT 4);"), @"A@1/M@1 :: M(1, 4, 2 3);");
}

#[test]
fn of_a_keyword_given_twice_the_last_counts() {
    assert_snapshot!(flat("elementclass A { N $n | M($n) } A(N 1, N 2);"), @"A@1/M@1 :: M(2);");
}

#[test]
fn the_rest_of_the_arguments() {
    assert_snapshot!(flat("elementclass A { $a, COUNT $c, __REST__ $r | M($a/$c/$r) } A(1, 2, COUNT 3, FOO 4); A(1, COUNT 2);"), @r"
    A@1/M@1 :: M(1/3/2, FOO 4);
    A@2/M@1 :: M(1/2/);
    ");
}

#[test]
fn arguments_are_expanded_before_they_are_cut() {
    assert_snapshot!(flat("elementclass A { $a, $b | M($a; $b) } elementclass B { __REST__ $r | A($r) } B(1 2, \"x, y\");"), @r#"B@1/A@1/M@1 :: M(1 2; "x, y");"#);
}

#[test]
fn too_few_and_too_many_arguments() {
    assert_snapshot!(wrong("elementclass A { $a, $b | }\nA(1);\nA(1, 2, 3);\n{ Idle } (4);\n"), @r"
    error[compound-arguments]: too few arguments for `A`: expected 2 arguments, found 1
      --> t.click:2:1
    2 | A(1);
      | ^
      ::: t.click:1:14
    1 | elementclass A { $a, $b | }
      |              - takes ($a, $b), no inputs and no outputs
    error[compound-arguments]: too many arguments for `A`: expected 2 arguments, found 3
      --> t.click:3:1
    3 | A(1, 2, 3);
      | ^
      ::: t.click:1:14
    1 | elementclass A { $a, $b | }
      |              - takes ($a, $b), no inputs and no outputs
    error[compound-arguments]: too many arguments for this compound: expected no arguments, found 1
      --> t.click:4:1
    4 | { Idle } (4);
      | ^^^^^^^^
      ::: t.click:4:1
    4 | { Idle } (4);
      | -------- takes no arguments, no inputs and no outputs
    ");
}

#[test]
fn a_keyword_is_missing_or_unknown() {
    assert_snapshot!(wrong("elementclass A { COUNT $c | }\nA(1);\nA();\nA(COUNT 1, CONT 2);\nA(COUNT 1, FOO 2);\n"), @r"
    error[compound-arguments]: too many positional arguments for `A`: expected no positional arguments, found 1
      --> t.click:2:1
    2 | A(1);
      | ^
      ::: t.click:1:14
    1 | elementclass A { COUNT $c | }
      |              - takes (COUNT $c), no inputs and no outputs
    error[compound-arguments]: expected the keyword argument `COUNT` of `A`, found none
      --> t.click:3:1
    3 | A();
      | ^
      ::: t.click:1:14
    1 | elementclass A { COUNT $c | }
      |              - takes (COUNT $c), no inputs and no outputs
    error[compound-arguments]: unknown keyword `CONT` for `A`
      --> t.click:4:1
    4 | A(COUNT 1, CONT 2);
      | ^
      ::: t.click:1:14
    1 | elementclass A { COUNT $c | }
      |              - takes (COUNT $c), no inputs and no outputs
      = help: did you mean `COUNT`?
    error[compound-arguments]: unknown keyword `FOO` for `A`
      --> t.click:5:1
    5 | A(COUNT 1, FOO 2);
      | ^
      ::: t.click:1:14
    1 | elementclass A { COUNT $c | }
      |              - takes (COUNT $c), no inputs and no outputs
    ");
}

#[test]
fn parameters_have_an_order() {
    assert_snapshot!(wrong("elementclass A { N $n, $a | }\nelementclass B { __REST__ $r, N $n | }\n"), @r"
    error[parameter-order]: parameter `$a` must come before `$n`
      --> t.click:1:24
    1 | elementclass A { N $n, $a | }
      |                        ^^
      = help: the order is: positional parameters, keyword parameters, `__REST__`
    error[parameter-order]: parameter `$n` must come before `$r`
      --> t.click:2:33
    2 | elementclass B { __REST__ $r, N $n | }
      |                                 ^^
      = help: the order is: positional parameters, keyword parameters, `__REST__`
    ");
}

#[test]
fn parameters_differ() {
    assert_snapshot!(wrong("elementclass A { $a, $a | }\nelementclass B { N $a, N $b | }\nelementclass C { $ | }\n"), @r"
    error[redeclaration]: parameter `$a` is there twice
      --> t.click:1:22
    1 | elementclass A { $a, $a | }
      |                      ^^
    error[redeclaration]: keyword `N` is there twice
      --> t.click:2:24
    2 | elementclass B { N $a, N $b | }
      |                        ^
    error[syntax]: expected a variable such as `$name`, found `$`
      --> t.click:3:18
    3 | elementclass C { $ | }
      |                  ^
    ");
}

#[test]
fn parameters_end_with_a_bar() {
    assert_snapshot!(wrong("elementclass A { $a, | Idle }\nelementclass B { $a Idle }\nelementclass C { $a, N | Idle }\n"), @r"
    error[syntax]: expected `,` or `|` after a parameter, found `Idle`
      --> t.click:2:21
    2 | elementclass B { $a Idle }
      |                     ^^^^
    error[syntax]: expected a variable, found `|`
      --> t.click:3:24
    3 | elementclass C { $a, N | Idle }
      |                        ^
    ");
}
