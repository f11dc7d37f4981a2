//! How a thread that is about to wait lets the others know that it has to be woken.

use crate::sync::{AtomicBool, Ordering, fence};

/// A flag that a thread sets before it looks for work the last time, and that whoever makes work for it looks at afterwards: the one
/// sees the work, or the other sees the flag.
///
/// Who makes work pays for a fence, in which its core waits until other cores have given up the lines that it has written. Where
/// more work follows at once, that can wait: [`take_if_seen`](Self::take_if_seen) after each, and [`take`](Self::take) once nothing
/// follows.
///
/// ```
/// use waypost_packet::{IdleFlag, spsc};
///
/// let (mut producer, mut consumer) = spsc::ring(8);
/// let idle = IdleFlag::new();
/// // One thread finds nothing, says so, and looks once more before it waits.
/// idle.set();
/// assert_eq!(consumer.pop(), None);
/// // The other has to wake it, once.
/// producer.push("work")?;
/// assert!(idle.take());
/// assert!(!idle.take());
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
pub struct IdleFlag(AtomicBool);

impl IdleFlag {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Says that this thread is about to wait. It looks for work once more after this; if it finds some, it may be woken all the same.
    #[inline]
    pub fn set(&self) {
        // It was set before an earlier look: who makes work after that sees it, or has taken it and wakes this thread.
        if self.0.load(Ordering::Relaxed) {
            return;
        }
        self.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Whether the other thread has to be woken on account of work that was made before this; takes the flag.
    #[inline]
    pub fn take(&self) -> bool {
        fence(Ordering::SeqCst);
        self.take_if_seen()
    }

    /// The same without the fence: a flag that is set in the same moment may not be seen. Unless [`take`](Self::take) follows sooner
    /// or later, nobody may wake the other thread.
    #[inline]
    pub fn take_if_seen(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

impl Default for IdleFlag {
    fn default() -> Self {
        Self::new()
    }
}
