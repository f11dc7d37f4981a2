//! Bounded rings between threads.
//!
//! Both kinds move items in batches, so that the cost of an atomic operation and of a cache line's
//! journey between cores is paid once for many.

pub mod mpsc;
pub mod spsc;
