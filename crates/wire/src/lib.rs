//! Typed network headers viewed in place, addresses, and time.
#![no_std]
#![deny(unsafe_code)]

pub mod addr;
pub mod integers;
pub mod time;
pub mod view;

pub use addr::MacAddr;
pub use integers::{U16, U32, U64, U128};
pub use time::{Duration, Instant, WallTime};
pub use view::{Stored, Truncated, View};
