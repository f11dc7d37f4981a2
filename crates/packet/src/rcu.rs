//! A cell that many workers read without waiting while one writer replaces its value.
//!
//! Quiescent-state based: a worker reads through its [`RcuReader`] and, between two batches, when it
//! holds nothing from the cell, says so ([`RcuReader::quiescent`]). The writer puts the new value in
//! place at once; the old one is freed when each reader has been quiescent since. Reading costs one
//! load; no reader ever waits, and the writer waits for nobody either: it collects later.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::sync::{
    Arc, AtomicBool, AtomicPtr, AtomicUsize, Ordering, Padded, UnsafeCell, spin_loop,
};

/// What writer and readers share.
struct Cell<T> {
    value: AtomicPtr<T>,
    /// Counts replacements.
    epoch: AtomicUsize,
    readers: Registry,
    /// Old values that a writer left behind: the last reader frees them.
    left_behind: UnsafeCell<Vec<Box<T>>>,
}

/// The readers, behind a spin lock: it is taken to come, to go and to collect.
struct Registry {
    busy: AtomicBool,
    list: UnsafeCell<Vec<Arc<Padded<AtomicUsize>>>>,
}

impl Registry {
    #[allow(unsafe_code)]
    fn locked<R>(&self, f: impl FnOnce(&mut Vec<Arc<Padded<AtomicUsize>>>) -> R) -> R {
        while self
            .busy
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            spin_loop();
            #[cfg(loom)]
            loom::thread::yield_now();
        }
        // SAFETY: `busy` was false and is now true by this thread's doing: the list is its alone.
        let result = self.list.with_mut(|list| f(unsafe { &mut *list }));
        self.busy.store(false, Ordering::Release);
        result
    }
}

// SAFETY: the value is shared by reference among readers, and moved out by the writer alone; the
// list is behind its lock.
#[allow(unsafe_code)]
unsafe impl<T: Send + Sync> Sync for Cell<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Send + Sync> Send for Cell<T> {}

impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a box, and no reader is left.
        #[allow(unsafe_code)]
        drop(unsafe { Box::from_raw(self.value.load(Ordering::Acquire)) });
    }
}

/// Makes a cell.
#[derive(Debug)]
pub struct Rcu;

impl Rcu {
    /// A cell with `value` in it: its writer, from which readers are made.
    #[allow(
        clippy::new_ret_no_self,
        reason = "a cell is its ends, as with channels"
    )]
    pub fn new<T: Send + Sync>(value: T) -> RcuWriter<T> {
        let cell = Arc::new(Cell {
            value: AtomicPtr::new(Box::into_raw(Box::new(value))),
            epoch: AtomicUsize::new(0),
            readers: Registry {
                busy: AtomicBool::new(false),
                list: UnsafeCell::new(Vec::new()),
            },
            left_behind: UnsafeCell::new(Vec::new()),
        });
        RcuWriter {
            cell,
            retired: Vec::new(),
        }
    }
}

/// The end that replaces the value.
pub struct RcuWriter<T: Send + Sync> {
    cell: Arc<Cell<T>>,
    /// Old values, with the epoch from which no new reader can reach them.
    retired: Vec<(usize, Box<T>)>,
}

impl<T: Send + Sync> RcuWriter<T> {
    /// A reader for one worker. It holds old values back until it says that it is quiescent.
    pub fn reader(&self) -> RcuReader<T> {
        // Registered under the lock: a writer that collects has either counted this reader, or
        // replaced the value before this reader could load it.
        let seen = self.cell.readers.locked(|list| {
            let seen = Arc::new(Padded(AtomicUsize::new(
                self.cell.epoch.load(Ordering::SeqCst),
            )));
            list.push(Arc::clone(&seen));
            seen
        });
        RcuReader {
            cell: Arc::clone(&self.cell),
            seen,
        }
    }

    /// The value in place.
    #[allow(unsafe_code)]
    pub fn value(&self) -> &T {
        // SAFETY: only this writer replaces it, which takes `&mut self`.
        unsafe { &*self.cell.value.load(Ordering::Relaxed) }
    }

    /// Puts a new value in place. Readers see it from their next look on; the old one is freed once
    /// all of them have been quiescent, by a later `replace` or [`collect`](Self::collect).
    #[allow(unsafe_code)]
    pub fn replace(&mut self, value: T) {
        let old = self
            .cell
            .value
            .swap(Box::into_raw(Box::new(value)), Ordering::SeqCst);
        let epoch = self
            .cell
            .epoch
            .fetch_add(1, Ordering::SeqCst)
            .wrapping_add(1);
        // SAFETY: the pointer came from a box, and is no longer in the cell.
        self.retired.push((epoch, unsafe { Box::from_raw(old) }));
        self.collect();
    }

    /// Frees the old values that no reader can still hold, and says how many are left.
    pub fn collect(&mut self) -> usize {
        let now = self.cell.epoch.load(Ordering::SeqCst);
        let oldest = self.cell.readers.locked(|list| {
            let mut age_max = 0;
            list.retain(|seen| {
                let seen = seen.load(Ordering::SeqCst);
                if seen != GONE {
                    age_max = age_max.max(now.wrapping_sub(seen));
                }
                seen != GONE
            });
            now.wrapping_sub(age_max)
        });
        self.retired
            .retain(|(epoch, _)| (oldest.wrapping_sub(*epoch) as isize) < 0);
        self.retired.len()
    }
}

impl<T: Send + Sync> Drop for RcuWriter<T> {
    fn drop(&mut self) {
        // Readers may outlive the writer, and hold old values: they are freed with the cell.
        if self.collect() > 0 {
            let retired = self.retired.drain(..).map(|(_, value)| value).collect();
            // SAFETY: the cell has one writer, which alone touches this field until the cell is dropped.
            #[allow(unsafe_code)]
            self.cell
                .left_behind
                .with_mut(|it| unsafe { *it = retired });
        }
    }
}

/// The end of one worker.
pub struct RcuReader<T: Send + Sync> {
    cell: Arc<Cell<T>>,
    /// The epoch in which this reader was quiescent last.
    seen: Arc<Padded<AtomicUsize>>,
}

impl<T: Send + Sync> RcuReader<T> {
    /// The value in place now; it stays alive as long as the borrow.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn read(&self) -> &T {
        // SAFETY: the value is freed only after this reader was quiescent, which takes `&mut self`.
        unsafe { &*self.cell.value.load(Ordering::Acquire) }
    }

    /// Says that this worker holds nothing from the cell: between two batches.
    #[inline]
    pub fn quiescent(&mut self) {
        let now = self.cell.epoch.load(Ordering::SeqCst);
        if self.seen.load(Ordering::Relaxed) != now {
            self.seen.store(now, Ordering::SeqCst);
        }
    }
}

impl<T: Send + Sync> Drop for RcuReader<T> {
    fn drop(&mut self) {
        self.seen.store(GONE, Ordering::SeqCst);
    }
}

/// Stands for the epoch of a reader that was dropped: it holds nothing. The epochs do not reach it.
const GONE: usize = usize::MAX;

impl<T: Send + Sync + fmt::Debug> fmt::Debug for RcuWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RcuWriter")
            .field("value", self.value())
            .field("retired", &self.retired.len())
            .finish()
    }
}

impl<T: Send + Sync + fmt::Debug> fmt::Debug for RcuReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RcuReader")
            .field("value", self.read())
            .finish()
    }
}
