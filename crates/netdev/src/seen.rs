//! Which received frames a wrapper has seen before.

use crate::DeviceError;

/// Which frames a wrapper's [`receive`](crate::NetDev::receive) sees for the first time: one that was
/// [left](crate::RxFrame::leave) in the device is offered again, first, by the next call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// The next frame was offered before, and left.
    left: bool,
    /// Frames offered in this call.
    offered: usize,
}

impl Seen {
    /// No frame was seen so far.
    pub const fn new() -> Self {
        Self {
            left: false,
            offered: 0,
        }
    }

    /// A frame is offered; says whether it is for the first time.
    pub const fn offer(&mut self) -> bool {
        self.offered += 1;
        self.offered > 1 || !self.left
    }

    /// The call has ended. What was offered before a failure was taken: only a call without one leaves a frame.
    pub fn end(&mut self, result: Result<usize, DeviceError>) {
        let offered = core::mem::take(&mut self.offered);
        // Where nothing was offered, what was left still is.
        if offered > 0 {
            self.left = result.is_ok_and(|taken| offered > taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_new_unless_it_was_left_by_the_last_call_that_offered_any() {
        let mut seen = Seen::new();
        let mut call = |offered: usize, result| {
            let mut new = 0;
            for _ in 0..offered {
                new += usize::from(seen.offer());
            }
            seen.end(result);
            new
        };
        let down = Err(DeviceError::Down);
        assert_eq!(call(2, Ok(1)), 2, "the second is left");
        assert_eq!(call(0, Ok(0)), 0);
        assert_eq!(call(0, down), 0);
        assert_eq!(call(3, Ok(3)), 2, "the first was seen");
        assert_eq!(call(1, Ok(0)), 1);
        assert_eq!(call(2, down), 1, "both are taken");
        assert_eq!(call(1, Ok(1)), 1);
    }
}
