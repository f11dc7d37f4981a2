//! Bounded rings between threads.
//!
//! Both kinds move items in batches, so that the cost of an atomic operation and of a cache line's
//! journey between cores is paid once for many.

pub mod mpsc;
pub mod spsc;

use crate::sync::{Arc, Ordering, fence};

/// Whether nobody else has a ring any more; then all that the others did to it is seen.
fn is_alone<T>(ring: &Arc<T>) -> bool {
    let alone = Arc::strong_count(ring) == 1;
    if alone {
        // The count is read without an order; the others' last step is a release.
        fence(Ordering::Acquire);
    }
    alone
}
