//! `require`, `define`, libraries and line directives.

use insta::assert_snapshot;
use waypost_graph_text::Options;

use crate::harness::{Shelf, flat, flat_with, wrong};

#[test]
fn a_definition() {
    assert_snapshot!(flat("define($DEVNAME eth0, $COUNT 1); FromDevice($DEVNAME, BURST $COUNT);"), @"FromDevice@1 :: FromDevice(eth0, BURST 1);");
}

#[test]
fn a_definition_may_be_empty_and_hold_commas_in_quotes() {
    assert_snapshot!(flat("define($none, $two 'a, b', $c /* why */ 3 // so\n,); M($none, $two, $c);"), @"M@1 :: M(, 'a, b', 3);");
}

#[test]
fn a_definition_is_of_a_variable() {
    assert_snapshot!(wrong("define(a 1, $b, $ 2, $c-d 3);\ndefine;\n"), @r"
    error[define]: expected a variable to define, such as `$name value`, found `a`
      --> t.click:1:8
    1 | define(a 1, $b, $ 2, $c-d 3);
      |        ^^^ not a definition
    error[define]: expected a variable to define, such as `$name value`, found `$`
      --> t.click:1:17
    1 | define(a 1, $b, $ 2, $c-d 3);
      |                 ^^^ not a definition
    error[define]: expected a variable to define, such as `$name value`, found `$c-d`
      --> t.click:1:22
    1 | define(a 1, $b, $ 2, $c-d 3);
      |                      ^^^^^^ not a definition
    error[syntax]: expected `(` after `define`, found `;`
      --> t.click:2:7
    2 | define;
      |       ^
    ");
}

#[test]
fn a_variable_is_defined_once_in_a_scope() {
    assert_snapshot!(wrong("define($a 1, $b 2);\ndefine($b 4);\nelementclass E { $p | define($p 5, $a 6) }\n"), @r"
    error[redeclaration]: `$b` is defined twice in one scope
      --> t.click:2:8
    2 | define($b 4);
      |        ^^ there is a definition of this name already
    error[redeclaration]: `$p` is defined twice in one scope
      --> t.click:3:30
    3 | elementclass E { $p | define($p 5, $a 6) }
      |                              ^^ there is a parameter of this name already
    ");
}

#[test]
fn a_required_package_is_part_of_the_graph() {
    assert_snapshot!(flat("require(package fastclassifier, other, package \"odd name\", other); Idle;"), @r#"
    require(package "fastclassifier");
    require(package "other");
    require(package "odd name");

    Idle@1 :: Idle;
    "#);
}

#[test]
fn a_compact_configuration_is_a_requirement() {
    assert_snapshot!(flat("require(compact_config);"), @"require(compact_config);");
}

#[test]
fn a_requirement_is_understood() {
    assert_snapshot!(wrong("require(package);\nrequire(x y z, , library);\nrequire;\n"), @r"
    error[requirement]: expected a requirement such as `package name`, found `package`
      --> t.click:1:9
    1 | require(package);
      |         ^^^^^^^ not a requirement
    error[requirement]: expected a requirement such as `package name`, found `x y z`
      --> t.click:2:9
    2 | require(x y z, , library);
      |         ^^^^^ not a requirement
    error[requirement]: expected a requirement such as `package name`, found `library`
      --> t.click:2:18
    2 | require(x y z, , library);
      |                  ^^^^^^^ not a requirement
    error[syntax]: expected `(` after `require`, found `;`
      --> t.click:3:8
    3 | require;
      |        ^
    ");
}

#[test]
fn a_library_is_part_of_the_graph() {
    let mut shelf = Shelf(&[(
        "mine.click",
        "elementclass Mine { $a | input -> Print($a) -> output } define($v 7); require(package p);",
    )]);
    let mut options = Options {
        libraries: Some(&mut shelf),
        ..Options::default()
    };
    assert_snapshot!(flat_with("require(library mine.click); Idle -> Mine($v) -> Discard;", &mut options), @r#"
    require(package "p");

    Idle@1 :: Idle;
    Discard@3 :: Discard;
    Mine@2/Print@1 :: Print(7);

    Idle@1 -> Mine@2/Print@1;
    Mine@2/Print@1 -> Discard@3;
    "#);
}

#[test]
fn a_library_is_read_once_even_if_it_requires_itself() {
    let mut shelf = Shelf(&[
        ("a", "require(library b); a :: Idle;"),
        ("b", "require(library a, library b); b :: Idle;"),
    ]);
    let mut options = Options {
        libraries: Some(&mut shelf),
        ..Options::default()
    };
    assert_snapshot!(flat_with("require(library a, library a); require(library b); c :: Idle;", &mut options), @r"
    b :: Idle;
    a :: Idle;
    c :: Idle;
    ");
}

#[test]
fn a_mistake_in_a_library_is_told_with_its_place_there() {
    let mut shelf = Shelf(&[("lib.click", "// line 1\na :: Idle -> ;\n")]);
    let mut options = Options {
        libraries: Some(&mut shelf),
        ..Options::default()
    };
    assert_snapshot!(flat_with("require(library lib.click); a :: Queue;", &mut options), @r"
    error[syntax]: expected an element after `->`, found `;`
      --> lib.click:2:14
    2 | a :: Idle -> ;
      |              ^

    error[redeclaration]: `a` is declared twice
      --> t.click:1:29
    1 | require(library lib.click); a :: Queue;
      |                             ^ again here
      ::: lib.click:2:1
    2 | a :: Idle -> ;
      | - first here
    ");
}

#[test]
fn a_library_that_cannot_be_had() {
    let mut shelf = Shelf(&[]);
    let mut options = Options {
        libraries: Some(&mut shelf),
        ..Options::default()
    };
    assert_snapshot!(flat_with("require(library lost.click);\n", &mut options), @r"
    error[library]: library `lost.click` cannot be had: no file of that name
      --> t.click:1:9
    1 | require(library lost.click);
      |         ^^^^^^^^^^^^^^^^^^ required here
    ");
}

#[test]
fn without_libraries_none_can_be_had() {
    assert_snapshot!(flat("require(package p, library l);\n"), @r"
    error[library]: library `l` cannot be had: no libraries can be had here
      --> t.click:1:20
    1 | require(package p, library l);
      |                    ^^^^^^^^^ required here
    ");
}

#[test]
fn libraries_are_required_at_file_scope() {
    let mut shelf = Shelf(&[("l", "x :: Idle;")]);
    let mut options = Options {
        libraries: Some(&mut shelf),
        ..Options::default()
    };
    assert_snapshot!(flat_with("k :: { require(library l) };\n(require(library l));\n", &mut options), @r"
    error[library]: a library is required inside a compound or group
      --> t.click:1:16
    1 | k :: { require(library l) };
      |                ^^^^^^^^^ only outside both

    error[library]: a library is required inside a compound or group
      --> t.click:2:10
    2 | (require(library l));
      |          ^^^^^^^^^ only outside both
    ");
}

#[test]
fn line_directives_rename_what_follows() {
    assert_snapshot!(wrong("a :: Idle;\n# 100 \"made.click\"\nb, a :: Idle;\n#line 7\nb :: Idle;\n# 3 \"\"\n  b :: Idle;\n"), @r"
    error[redeclaration]: `a` is declared twice
        --> made.click:100:4
    100 | b, a :: Idle;
        |    ^ again here
        ::: t.click:1:1
      1 | a :: Idle;
        | - first here
    error[redeclaration]: `b` is declared twice
        --> made.click:7:1
      7 | b :: Idle;
        | ^ again here
        ::: made.click:100:1
    100 | b, a :: Idle;
        | - first here
    error[redeclaration]: `b` is declared twice
        --> t.click:3:3
      3 |   b :: Idle;
        |   ^ again here
        ::: made.click:100:1
    100 | b, a :: Idle;
        | - first here
    ");
}

#[test]
fn line_directives_inside_configurations_are_taken_out() {
    assert_snapshot!(flat("m :: Message(\n# 100 \"made.click\"\n\"test\");\nb -> ;"), @r"
    error[syntax]: expected an element after `->`, found `;`
        --> made.click:101:6
    101 | b -> ;
        |      ^
    ");
}

#[test]
fn a_line_directive_has_a_number() {
    assert_snapshot!(wrong("# comment\na :: Idle;\n #not at the start\n"), @r#"
    error[line-directive]: expected a line directive such as `# 12 "file"`
      --> t.click:1:1
    1 | # comment
      | ^^^^^^^^^
    error[syntax]: expected a statement, found `#`
      --> t.click:3:2
    3 |  #not at the start
      |  ^
    "#);
}
