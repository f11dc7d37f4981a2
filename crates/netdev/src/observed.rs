//! Room on a wrapped device, watched by the wrapper.

use crate::{FrameMeta, TxFrame};

/// What a wrapper does about frames that cross it to be sent.
pub(crate) trait Watch {
    /// The longest frame that the wrapper lets through, in octets.
    fn limit(&self) -> usize {
        usize::MAX
    }

    /// A frame longer than the limit was refused.
    fn too_long(&mut self) {}

    /// The device takes this frame, which has just been written.
    fn sent(&mut self, octets: &[u8], meta: &FrameMeta);
}

/// Room on a device within a [`Trace`](crate::Trace) or a [`RateLimit`](crate::RateLimit).
///
/// It is the device's own room, so no frame is copied; but a call through it is dynamic, since the type
/// of that room has a lifetime which no other type can name here.
pub struct ObservedTx<'a> {
    room: &'a mut dyn Room,
    watch: &'a mut dyn Watch,
}

impl<'a> ObservedTx<'a> {
    /// `room` holds the device's room, and holds nothing any more once a frame was sent into it.
    pub(crate) fn new<T: TxFrame>(room: &'a mut Option<T>, watch: &'a mut dyn Watch) -> Self {
        Self { room, watch }
    }
}

impl core::fmt::Debug for ObservedTx<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut fields = f.debug_struct("ObservedTx");
        fields.field("capacity", &self.capacity()).finish()
    }
}

impl TxFrame for ObservedTx<'_> {
    fn capacity(&self) -> usize {
        self.room.capacity().min(self.watch.limit())
    }

    fn send(self, len: usize, meta: FrameMeta, fill: impl FnOnce(&mut [u8])) {
        if len > self.watch.limit() {
            self.watch.too_long();
            return;
        }
        let mut fill = Some(fill);
        self.room.send(len, meta, &mut |octets| {
            if let Some(fill) = fill.take() {
                fill(octets);
                self.watch.sent(octets, &meta);
            }
        });
    }
}

/// [`TxFrame`] in a form that can be called dynamically.
trait Room {
    fn capacity(&self) -> usize;
    fn send(&mut self, len: usize, meta: FrameMeta, fill: &mut dyn FnMut(&mut [u8]));
}

impl<T: TxFrame> Room for Option<T> {
    fn capacity(&self) -> usize {
        self.as_ref().map_or(0, T::capacity)
    }

    fn send(&mut self, len: usize, meta: FrameMeta, fill: &mut dyn FnMut(&mut [u8])) {
        if let Some(room) = self.take() {
            room.send(len, meta, fill);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LentTx;

    #[derive(Default)]
    struct AtMost10 {
        sent: usize,
        too_long: usize,
    }

    impl Watch for AtMost10 {
        fn limit(&self) -> usize {
            10
        }

        fn too_long(&mut self) {
            self.too_long += 1;
        }

        fn sent(&mut self, octets: &[u8], _: &FrameMeta) {
            self.sent += octets.len();
        }
    }

    #[test]
    fn the_limit_and_the_room_are_both_kept() {
        let mut watch = AtMost10::default();
        for (room, len, capacity, fits) in [
            (20, 10, 10, true),
            (20, 11, 10, false),
            (5, 5, 5, true),
            (5, 6, 5, false),
        ] {
            let (mut octets, mut sent) = ([0; 20], None);
            let mut slot = Some(LentTx::new(&mut octets[..room], &mut sent));
            let observed = ObservedTx::new(&mut slot, &mut watch);
            assert_eq!(observed.capacity(), capacity);
            observed.send(len, FrameMeta::default(), |octets| octets.fill(1));
            assert_eq!(sent.is_some(), fits, "{len} octets in {room}");
        }
        assert_eq!((watch.sent, watch.too_long), (15, 1));
    }
}
