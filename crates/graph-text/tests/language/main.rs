//! The Click language, case by case: what the manual page click(5) says, and what is told where a text breaks it.

mod harness;

mod arguments;
mod compounds;
mod connections;
mod declarations;
mod errors;
mod groups;
mod limits;
mod properties;
mod push_pull;
mod require_define;
mod variables;
