//! Words in mapped memory, for tables that are read at random: a table of a forwarding plane is larger than what the processor keeps
//! the addresses of, in small pages.

use std::io;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use waypost_packet::Memory;

use super::{HUGE_PAGE, MappedMemory};

/// Gives rows of `N` words, all zero, from memory that it maps as needed: at first from pages of the usual size, so that a small table
/// stays small, and once a huge page is full, from huge pages, where the kernel has some; the first is made one, too.
///
/// ```
/// use std::sync::atomic::Ordering;
/// use waypost_device::WordMemory;
///
/// let mut memory = WordMemory::<1024>::default();
/// let row = memory.row()?;
/// row[1023].store(7, Ordering::Relaxed);
/// assert_eq!(row.clone()[1023].load(Ordering::Relaxed), 7);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct WordMemory<const N: usize> {
    /// What rows are cut from.
    page: Option<Arc<MappedMemory>>,
    /// Rows that were cut from it.
    cut: usize,
    /// Pages that were mapped.
    pages: usize,
}

impl<const N: usize> WordMemory<N> {
    const ROW: usize = {
        assert!(N > 0 && N <= HUGE_PAGE / size_of::<AtomicU32>());
        N * size_of::<AtomicU32>()
    };

    /// One more row.
    ///
    /// # Errors
    /// There is no more memory to be had.
    pub fn row(&mut self) -> io::Result<MappedWords<N>> {
        let page = match &self.page {
            Some(page) if (self.cut + 1) * Self::ROW <= HUGE_PAGE => Arc::clone(page),
            _ => self.turn_page()?,
        };
        // SAFETY: within the page, checked above.
        let words = unsafe { page.start().add(self.cut * Self::ROW).cast() };
        self.cut += 1;
        Ok(MappedWords { words, _page: page })
    }

    fn turn_page(&mut self) -> io::Result<Arc<MappedMemory>> {
        let page = if self.pages == 0 {
            MappedMemory::map(HUGE_PAGE)?
        } else {
            MappedMemory::new(HUGE_PAGE)?
        };
        if let Some(first) = self.page.take().filter(|_| self.pages == 1) {
            first.collapse();
        }
        self.pages += 1;
        self.cut = 0;
        Ok(Arc::clone(self.page.insert(Arc::new(page))))
    }
}

/// A row of words that stays where it is; clones are the same row.
#[derive(Clone, Debug)]
pub struct MappedWords<const N: usize> {
    words: NonNull<[AtomicU32; N]>,
    _page: Arc<MappedMemory>,
}

impl<const N: usize> Deref for MappedWords<N> {
    type Target = [AtomicU32; N];

    #[inline(always)]
    fn deref(&self) -> &[AtomicU32; N] {
        // SAFETY: mapped, and zero at first, which words may be; aligned, since pages are and rows are whole words; cut by `row`, so
        // that nothing else than words is ever there; and the page stays while this does.
        unsafe { self.words.as_ref() }
    }
}

// SAFETY: words are atomic, and the page is shared by count.
unsafe impl<const N: usize> Send for MappedWords<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> Sync for MappedWords<N> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn rows_are_apart_and_outlive_what_cut_them() {
        let mut memory = WordMemory::<{ 1 << 17 }>::default();
        let rows: Vec<_> = (0..9).map(|_| memory.row().unwrap()).collect();
        assert_eq!(memory.pages, 3);
        drop(memory);
        for (n, row) in rows.iter().enumerate() {
            assert!(row.iter().all(|word| word.load(Ordering::Relaxed) == 0));
            row.iter()
                .for_each(|word| word.store(n as u32, Ordering::Relaxed));
        }
        for (n, row) in rows.iter().enumerate() {
            let same = |word: &AtomicU32| word.load(Ordering::Relaxed) == n as u32;
            assert!(row.iter().all(same), "{n}");
        }
    }
}
