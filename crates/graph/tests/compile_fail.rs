//! Wrong connections do not compile.

#[test]
fn wrong_connections_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    // With a case that compiles, all are built, not only checked: the number of outputs is looked at when code is made.
    cases.pass("tests/ui/pass/*.rs");
}
