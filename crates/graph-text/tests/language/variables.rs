//! Variables: `$x`, `${x}`, `${x-default}`, `${x[2]}`, `$(x)`, and where they are known.

use insta::assert_snapshot;
use waypost_graph_text::Options;

use crate::harness::{config, flat, flat_with, wrong};

/// The configuration of an element written as `text`, with a few variables defined.
fn expanded(text: &str) -> String {
    config(&format!(
        "define($a 1, $b $a 2, $list x 'y z' w, $word say \"hi\", $n 1, $empty); x :: M({text})"
    ))
}

#[test]
fn a_name_ends_where_its_letters_end() {
    assert_eq!(expanded("$a,$a$a,$a.x,$a-$n"), "1, 11, 1.x, 1-1");
}

#[test]
fn braces_keep_a_name_apart() {
    assert_eq!(expanded("${a}b ${ a }c"), "1b 1c");
}

#[test]
fn a_definition_may_use_others() {
    assert_eq!(expanded("$b"), "1 2");
}

#[test]
fn no_expansion_in_single_quotes() {
    assert_eq!(expanded("'$a ${a}', \"'$a'\""), "'$a ${a}', \"'1'\"");
}

#[test]
fn expansion_in_double_quotes_keeps_the_quotation_whole() {
    assert_eq!(
        expanded(r#""<$word>", $word"#),
        r#""<say \"hi\">", say "hi""#
    );
}

#[test]
fn a_backslash_hides_a_dollar_in_double_quotes() {
    assert_eq!(expanded(r#""\$a $a""#), r#""\$a 1""#);
}

#[test]
fn comments_are_not_expanded() {
    assert_eq!(expanded("/* $undefined */ $a // $unknown\n"), "1");
}

#[test]
fn a_default_where_nothing_is_defined() {
    assert_eq!(
        expanded("${a-9}, ${none-9}, ${none-$a}, ${empty-9}, ${none-}"),
        "1, 9, 1, ,"
    );
}

#[test]
fn a_word_of_a_value() {
    assert_eq!(
        expanded("${list[0]}, ${list[1]}, ${list[$n]}, ${list[7]}, ${ list [ 2] }"),
        "x, 'y z', 'y z', , w"
    );
}

#[test]
fn parentheses_are_for_names() {
    assert_eq!(expanded("$(a)"), "1");
}

#[test]
fn a_dollar_alone_stays() {
    assert_eq!(expanded("$ $$ $. 5$"), "$ $$ $. 5$");
}

#[test]
fn what_is_not_defined_stays_and_is_told() {
    assert_snapshot!(flat("define($device eth0);\nx :: M($devise, ${other}, $zz);\n"), @r"
    warning[undefined-variable]: `$devise` is not defined and stays as it is written
      --> t.click:2:8
    2 | x :: M($devise, ${other}, $zz);
      |        ^^^^^^^
      = help: did you mean `$device`?
    warning[undefined-variable]: `$other` is not defined and stays as it is written
      --> t.click:2:17
    2 | x :: M($devise, ${other}, $zz);
      |                 ^^^^^^^
    warning[undefined-variable]: `$zz` is not defined and stays as it is written
      --> t.click:2:27
    2 | x :: M($devise, ${other}, $zz);
      |                           ^^^
    x :: M($devise, ${other}, $zz);
    ");
}

#[test]
fn scripts_expand_their_own_variables() {
    assert_snapshot!(flat("Script(set i 0, print $i); DriverManager(print $j);"), @r"
    Script@1 :: Script(set i 0, print $i);
    DriverManager@2 :: DriverManager(print $j);
    ");
}

#[test]
fn arguments_are_variables_of_the_compound() {
    assert_snapshot!(flat("elementclass Foo { $a | M($a) } elementclass Far { $a, $b | Foo($b) } Far(wait stop, stop);"), @"Far@1/Foo@1/M@1 :: M(stop);");
}

#[test]
fn variables_around_a_class_are_known_inside() {
    assert_snapshot!(flat("elementclass Foo { $a | elementclass Bar { $b | M($a) } elementclass Baz { $a | Idle; Bar($a) } Baz(other) } Foo(stop);"), @r"
    Foo@1/Baz@1/Idle@1 :: Idle;
    Foo@1/Baz@1/Bar@2/M@1 :: M(stop);
    ");
}

#[test]
fn definitions_end_with_their_compound() {
    assert_snapshot!(flat("define($v out); k :: { define($v in); x :: M($v) }; y :: M($v);"), @r"
    y :: M(out);
    k/x :: M(in);
    ");
}

#[test]
fn all_definitions_of_a_scope_hold_at_once() {
    assert_snapshot!(flat("x :: M($a); define($a 2);"), @"x :: M(2);");
}

#[test]
fn words_of_arguments() {
    assert_snapshot!(flat("elementclass Foo { $a | M(\"$a\", \"${a[0]}\", \"${a[3]}\") } elementclass Bar { $a, $n | M(\"${a[$n]}\") } elementclass Baz { $a | Bar(${a[1]} ${a[0]}, ${a[2]}) } Foo(A B C); Bar(D E F, 2); Baz(G H 1); Baz(I J 0);"), @r#"
    Foo@1/M@1 :: M("A B C", "A", "");
    Bar@2/M@1 :: M("F");
    Baz@3/Bar@1/M@1 :: M("G");
    Baz@4/Bar@1/M@1 :: M("J");
    "#);
}

#[test]
fn variables_from_outside_win_over_definitions_of_the_text() {
    let mut options = Options {
        variables: vec![("dev".into(), "tap0".into()), ("new".into(), "7".into())],
        ..Options::default()
    };
    assert_snapshot!(flat_with("define($dev eth0); x :: M($dev, $new); k :: { define($dev in); y :: M($dev) };", &mut options), @r"
    x :: M(tap0, 7);
    k/y :: M(in);
    ");
}

#[test]
fn a_value_from_outside_that_does_not_close_is_quoted() {
    let mut options = Options {
        variables: vec![("v".into(), "a) -> b :: Idle; c(\"".into())],
        ..Options::default()
    };
    assert_snapshot!(flat_with("x :: M(KEY $v, z);", &mut options), @r#"x :: M(KEY "a)" -> b :: Idle; "c(, z");"#);
}

#[test]
fn a_variable_is_not_defined_by_itself() {
    assert_snapshot!(wrong("define($a $b, $b x$a);\nM($a);\n"), @r"
    error[recursive-definition]: the definition of `$a` needs `$a` itself
      --> t.click:2:1
    2 | M($a);
      | ^ needed by this element
    ");
}

#[test]
fn definitions_are_not_nested_for_ever() {
    let chain: Vec<String> = (0..60).map(|i| format!("$v{i} $v{}", i + 1)).collect();
    let text = format!("define(\n{}, $v60 end);\nx :: M($v0);\n", chain.join(", "));
    assert_snapshot!(wrong(&text), @r"
    error[limit]: variables need each other deeper than 50 levels
      --> t.click:3:1
    3 | x :: M($v0);
      | ^ reached here
    ");
    assert_eq!(config(&text.replace("M($v0)", "M($v20)")), "end");
}

#[test]
fn a_variable_that_is_put_together_is_no_variable() {
    assert_snapshot!(flat("define($d $, $open ${); M($d{x-1}, $d{a}, KEY $open{x-1}});"), @r#"M@1 :: M("\${x-1}", ${a}, KEY ${{x-1}});"#);
}

#[test]
fn what_a_definition_needs_is_told_at_the_element() {
    assert_snapshot!(flat("define($a 1 $b);\nM($ab,\n  \"${ab}\", ${ ab }, $a);\n"), @r#"
    warning[undefined-variable]: `$ab` is not defined and stays as it is written
      --> t.click:2:3
    2 | M($ab,
      |   ^^^
    warning[undefined-variable]: `$b` is not defined and stays as it is written
      --> t.click:2:1
    2 | M($ab,
      | ^ needed by this element
    M@1 :: M($ab, "${ab}", ${ ab }, 1 $b);
    "#);
}
