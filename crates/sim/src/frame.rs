//! The octets that cross a link.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Buffers are made for so many octets, or for as many as a longer frame asks.
const SIZES: [usize; 2] = [256, 2048];
/// Buffers of one size that wait to be used again.
const SPARE_MAX: usize = 8192;

thread_local! {
    static SPARE: RefCell<[Vec<Vec<u8>>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// A frame, owned: passing it on gives it up. Its memory is used again by the next frame of the thread.
///
/// ```
/// use waypost_sim::Frame;
///
/// let mut frame = Frame::from(&[1, 2, 3][..]);
/// frame[0] = 9;
/// let copy = frame.clone();
/// assert_eq!(&copy[..], [9, 2, 3]);
/// ```
#[derive(Default, PartialEq, Eq)]
pub struct Frame {
    octets: Vec<u8>,
}

impl Frame {
    /// A frame of `len` octets of 0.
    pub fn zeroed(len: usize) -> Self {
        let mut octets = buffer(len);
        octets.resize(len, 0);
        Self { octets }
    }

    /// A frame of the octets that `write` appends.
    pub fn build(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut octets = buffer(SIZES[1]);
        write(&mut octets);
        Self { octets }.fitted()
    }

    /// The same octets in a buffer of their size, if this one is for longer frames: it serves again, while many short ones are
    /// on their way.
    #[must_use]
    pub(crate) fn fitted(self) -> Self {
        if self.octets.capacity() < SIZES[1] || self.len() > SIZES[0] {
            return self;
        }
        self.clone()
    }

    /// What memory it takes, whoever made it.
    pub(crate) fn footprint(&self) -> usize {
        let size = SIZES.into_iter().find(|size| self.len() <= *size);
        size.unwrap_or(self.len())
    }

    /// The first octets as a frame, and this one to be written anew, unless the first has its buffer: a short frame of a
    /// buffer for long ones is copied, so that many of them do not take the memory of as many long ones.
    pub(crate) fn cut(mut self, len: usize) -> (Self, Option<Self>) {
        let size = SIZES.into_iter().find(|size| len <= *size);
        if size.unwrap_or(len) * 2 > self.octets.capacity() {
            self.octets.truncate(len);
            return (self, None);
        }
        let first = Self::from(&self[..len]);
        // It shows nothing of its last frame.
        self[..len].fill(0);
        (first, Some(self))
    }

    /// Cuts the frame, or lengthens it by octets of 0.
    pub fn resize(&mut self, len: usize) {
        self.octets.resize(len, 0);
    }
}

/// A buffer without octets, with room for `len`.
fn buffer(len: usize) -> Vec<u8> {
    let Some(class) = SIZES.iter().position(|size| len <= *size) else {
        return Vec::with_capacity(len);
    };
    SPARE
        .with_borrow_mut(|spare| spare[class].pop())
        .unwrap_or_else(|| Vec::with_capacity(SIZES[class]))
}

impl Drop for Frame {
    fn drop(&mut self) {
        let mut octets = std::mem::take(&mut self.octets);
        let Some(class) = SIZES.iter().rposition(|size| octets.capacity() >= *size) else {
            return;
        };
        // A buffer that is much longer than what it would be taken for is not worth its memory.
        if octets.capacity() > 2 * SIZES[class].max(SIZES[1]) {
            return;
        }
        octets.clear();
        // While a thread ends, its spare buffers may be gone before its frames.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare[class].len() < SPARE_MAX
            {
                spare[class].push(octets);
            }
        });
    }
}

impl Clone for Frame {
    fn clone(&self) -> Self {
        Self::from(&self[..])
    }
}

impl From<&[u8]> for Frame {
    fn from(from: &[u8]) -> Self {
        let mut octets = buffer(from.len());
        octets.extend_from_slice(from);
        Self { octets }
    }
}

impl From<Vec<u8>> for Frame {
    fn from(octets: Vec<u8>) -> Self {
        Self { octets }
    }
}

impl Deref for Frame {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.octets
    }
}

impl DerefMut for Frame {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.octets
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} octets: ", self.len())?;
        for octet in self.iter().take(32) {
            write!(f, "{octet:02x}")?;
        }
        f.write_str(if self.len() > 32 { "…)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_shows_nothing_of_its_last_frame() {
        let frame = Frame::from(&[7; 100][..]);
        let place = frame.as_ptr();
        drop(frame);
        let frame = Frame::zeroed(200);
        assert_eq!((frame.as_ptr(), &frame[..]), (place, &[0; 200][..]));
        let other = Frame::build(|octets| octets.extend(0..9));
        assert_eq!(&other[..], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_ne!(other.as_ptr(), place);
    }

    #[test]
    fn frames_of_any_length_and_origin_are_kept() {
        let mut frame = Frame::from(vec![1; 3]);
        frame.resize(5);
        assert_eq!(&frame.clone()[..], [1, 1, 1, 0, 0]);
        assert_eq!(format!("{frame:?}"), "Frame(5 octets: 0101010000)");
        assert_eq!(Frame::zeroed(70_000).len(), 70_000);
    }

    #[test]
    fn a_short_frame_takes_no_long_buffer_and_a_long_buffer_is_not_kept() {
        let mut long = Frame::zeroed(65_550);
        long[..100].fill(7);
        let (short, spare) = long.cut(100);
        assert_eq!((&short[..], short.octets.capacity()), (&[7; 100][..], 256));
        let spare = spare.unwrap();
        assert_eq!((spare.len(), spare.iter().max()), (65_550, Some(&0)));
        let (long, none) = spare.cut(60_000);
        assert!(none.is_none() && long.len() == 60_000);
        drop(long);
        assert_eq!(Frame::zeroed(2000).octets.capacity(), 2048);
        let short = Frame::build(|octets| octets.extend([1; 40]));
        assert_eq!(short.octets.capacity(), 256);
        let lens = [0, 256, 257, 2048, 2049].map(|len| Frame::zeroed(len).footprint());
        assert_eq!(lens, [256, 256, 2048, 2048, 2049]);
    }
}
