//! Storage brought by the caller: the one trait through which every table of this crate keeps its items.
//!
//! A table that is built over an array or a borrowed slice has that many places and never more; one that
//! is built over a `Vec` (feature `alloc`) grows, up to the limit that the table itself was given. Either
//! way the limit has a name and reaching it is counted by the table.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// A row of items, of fixed length or growable at its end.
pub trait Store<T> {
    /// All places that exist now.
    fn items(&self) -> &[T];

    /// All places that exist now, to write.
    fn items_mut(&mut self) -> &mut [T];

    /// Adds one place holding `item`.
    ///
    /// # Errors
    /// Gives `item` back when this storage cannot grow.
    fn grow(&mut self, item: T) -> Result<(), T>;
}

impl<T> Store<T> for &mut [T] {
    fn items(&self) -> &[T] {
        self
    }

    fn items_mut(&mut self) -> &mut [T] {
        self
    }

    fn grow(&mut self, item: T) -> Result<(), T> {
        Err(item)
    }
}

impl<T, const N: usize> Store<T> for [T; N] {
    fn items(&self) -> &[T] {
        self
    }

    fn items_mut(&mut self) -> &mut [T] {
        self
    }

    fn grow(&mut self, item: T) -> Result<(), T> {
        Err(item)
    }
}

#[cfg(feature = "alloc")]
impl<T> Store<T> for Vec<T> {
    fn items(&self) -> &[T] {
        self
    }

    fn items_mut(&mut self) -> &mut [T] {
        self
    }

    fn grow(&mut self, item: T) -> Result<(), T> {
        self.push(item);
        Ok(())
    }
}
