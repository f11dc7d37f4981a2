//! One command for each chore of the project.
fn main() {}
