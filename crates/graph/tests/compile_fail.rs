//! Wrong connections do not compile.

#[test]
fn wrong_connections_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
