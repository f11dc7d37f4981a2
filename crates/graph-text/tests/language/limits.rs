//! Texts that would cost too much are refused, soon, and in words.

use crate::harness::{graph, wrong};

/// `depth` compounds around one element.
fn nested(depth: usize) -> String {
    format!("{}Idle{};", "{ ".repeat(depth), " }".repeat(depth))
}

#[test]
fn compounds_are_nested_as_deep_as_in_click() {
    assert!(graph(&nested(40)).is_ok());
    for depth in [51, 1000, 100_000] {
        let told = wrong(&nested(depth));
        assert!(told.starts_with("error[limit]"), "{depth}: {told}");
    }
}

#[test]
fn brackets_that_nobody_closes() {
    for opening in ["{", "(", "[", "\"", "/*", "a :: {", "a -> { b ->"] {
        let told = wrong(&opening.repeat(50_000));
        assert!(told.starts_with("error["), "{opening}: {told}");
    }
}

/// Each class holds two of the one before: 2^40 elements from forty lines.
#[test]
fn elements_that_double_are_refused() {
    let mut text = String::from("elementclass C0 { input -> Null -> output }\n");
    for level in 1..=40 {
        let below = level - 1;
        text += &format!("elementclass C{level} {{ input -> C{below} -> C{below} -> output }}\n");
    }
    text += "Idle -> C40 -> Discard;\n";
    let told = wrong(&text);
    assert!(told.contains("error[limit]"), "{told}");
}

/// Each variable holds two of the one before: 2^40 bytes from forty lines.
#[test]
fn variables_that_double_are_refused() {
    let mut text = String::from("define($v0 x);\n");
    for level in 1..=40 {
        let below = level - 1;
        text += &format!("define($v{level} $v{below}$v{below});\n");
    }
    text += "Message($v40);\n";
    let told = wrong(&text);
    assert!(told.contains("error[limit]"), "{told}");
}

/// Every port of one group to every port of another: 2^32 connections from one line.
#[test]
fn connections_that_multiply_are_refused() {
    let told =
        wrong("a :: Tee; b :: Idle; a [0-65535] => [0-65535] b; (a, a, a) [0-65535] -> [0] b;");
    assert!(told.starts_with("error["), "{told}");
}

#[test]
fn a_thousand_mistakes_are_counted_and_not_told_one_by_one() {
    let told = wrong(&"a -> ;\n".repeat(1000));
    assert!(told.contains("900 more mistakes are not shown"), "{told}");
    assert!(
        told.lines().count() < 1000,
        "{} lines",
        told.lines().count()
    );
}
