//! The number of a next hop.

use core::num::NonZeroU32;

/// The number of a next hop, in a table that is the caller's, or a group in [`Groups`](super::Groups).
///
/// `Option<NextHop>` takes 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct NextHop(NonZeroU32);

impl NextHop {
    /// The greatest index: 22 bits.
    pub const MAX_INDEX: u32 = (1 << 22) - 1;

    /// The next hop with this index; `None` above [`MAX_INDEX`](Self::MAX_INDEX).
    pub const fn new(index: u32) -> Option<Self> {
        if index > Self::MAX_INDEX {
            return None;
        }
        Self::from_stored(index + 1)
    }

    /// The index.
    #[inline]
    pub const fn index(self) -> u32 {
        self.0.get() - 1
    }

    pub(super) const fn stored(self) -> u32 {
        self.0.get()
    }

    #[inline]
    pub(super) const fn from_stored(stored: u32) -> Option<Self> {
        match NonZeroU32::new(stored) {
            Some(stored) => Some(Self(stored)),
            None => None,
        }
    }
}
