//! Two devices and the wire between them, in memory.

use core::cell::RefCell;

use waypost_wire::{Instant, MacAddr};

use crate::queue::Queue;
use crate::{Capabilities, DeviceError, LentRx, LentTx, Medium, NetDev, Offloads};

/// A wire in memory, for two sans-IO cores on one thread: in each direction up to `SLOTS` frames wait, of
/// up to `OCTETS` octets each. A full direction leaves further frames with their sender.
#[derive(Debug)]
pub struct Wire<const SLOTS: usize, const OCTETS: usize> {
    directions: [RefCell<Queue<SLOTS, OCTETS>>; 2],
    media: [Medium; 2],
    mtu: usize,
}

impl<const SLOTS: usize, const OCTETS: usize> Wire<SLOTS, OCTETS> {
    /// A wire of Ethernet between a device of address `a` and one of address `b`. Its MTU is what a slot
    /// holds above the Ethernet header.
    pub const fn ethernet(a: MacAddr, b: MacAddr) -> Self {
        Self::new([Medium::Ethernet(a), Medium::Ethernet(b)])
    }

    /// A wire on which frames begin with an IP header. Its MTU is what a slot holds.
    pub const fn ip() -> Self {
        Self::new([Medium::Ip, Medium::Ip])
    }

    const fn new(media: [Medium; 2]) -> Self {
        Self {
            directions: [const { RefCell::new(Queue::new()) }; 2],
            media,
            mtu: OCTETS.saturating_sub(media[0].header_len()),
        }
    }

    /// Lowers the MTU to `mtu` octets above the link header; it never rises above what a slot holds.
    ///
    /// It is what senders are told: slots stay as long as they are.
    #[must_use]
    pub fn with_mtu(mut self, mtu: usize) -> Self {
        self.mtu = self.mtu.min(mtu);
        self
    }

    /// The two ends, that of `a` first. Frames on the wire stay there when the ends are dropped, and are
    /// received by the next ones.
    pub fn ends(&mut self) -> [WireEnd<'_, SLOTS, OCTETS>; 2] {
        let end = |own: usize| WireEnd {
            ingress: &self.directions[1 - own],
            egress: &self.directions[own],
            capabilities: Capabilities {
                medium: self.media[own],
                mtu: self.mtu,
                offloads: Offloads::default(),
            },
        };
        [end(0), end(1)]
    }
}

/// One end of a [`Wire`].
///
/// While a frame is lent to either end, the other finds that direction empty or full.
#[derive(Debug)]
pub struct WireEnd<'w, const SLOTS: usize, const OCTETS: usize> {
    ingress: &'w RefCell<Queue<SLOTS, OCTETS>>,
    egress: &'w RefCell<Queue<SLOTS, OCTETS>>,
    capabilities: Capabilities,
}

impl<const SLOTS: usize, const OCTETS: usize> WireEnd<'_, SLOTS, OCTETS> {
    /// Frames that were not sent in this direction because they were longer than a slot; 0 while the
    /// direction lends a frame.
    pub fn too_long(&self) -> u64 {
        let egress = self.egress.try_borrow();
        egress.map_or(0, |egress| egress.too_long())
    }
}

impl<const SLOTS: usize, const OCTETS: usize> NetDev for WireEnd<'_, SLOTS, OCTETS> {
    type RxFrame<'a> = LentRx<'a>;
    type TxFrame<'a> = LentTx<'a>;

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(
        &mut self,
        _: Instant,
        max: usize,
        each: impl FnMut(LentRx<'_>),
    ) -> Result<usize, DeviceError> {
        let ingress = self.ingress.try_borrow_mut();
        Ok(ingress.map_or(0, |mut ingress| ingress.receive(max, each)))
    }

    fn transmit(
        &mut self,
        _: Instant,
        max: usize,
        each: impl FnMut(LentTx<'_>),
    ) -> Result<usize, DeviceError> {
        let egress = self.egress.try_borrow_mut();
        Ok(egress.map_or(0, |mut egress| egress.transmit(max, each)))
    }

    fn room(&mut self, _: Instant) -> usize {
        self.egress.try_borrow().map_or(0, |egress| egress.room())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FrameMeta, RxFrame, TxFrame};

    const NOW: Instant = Instant::ZERO;
    const A: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
    const B: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 2]);

    fn send<const SLOTS: usize>(end: &mut WireEnd<'_, SLOTS, 64>, octet: u8) -> usize {
        let fill = |octets: &mut [u8]| octets.fill(octet);
        let each = |slot: LentTx<'_>| slot.send(4, FrameMeta::default(), fill);
        end.transmit(NOW, 1, each).unwrap_or_default()
    }

    #[test]
    fn each_end_receives_what_the_other_sends() {
        let mut wire = Wire::<1, 64>::ip();
        let [mut a, mut b] = wire.ends();
        assert_eq!((send(&mut a, 1), send(&mut b, 2)), (1, 1));
        assert_eq!((send(&mut a, 3), a.room(NOW)), (0, 0));
        let received = a.receive(NOW, 9, |frame| assert_eq!(frame.octets(), [2; 4]));
        assert_eq!((received, b.room(NOW), a.room(NOW)), (Ok(1), 1, 0));
        let received = b.receive(NOW, 9, |frame| assert_eq!(frame.octets(), [1; 4]));
        assert_eq!((received, a.room(NOW)), (Ok(1), 1));
    }

    #[test]
    fn a_frame_waits_for_the_next_ends() {
        let mut wire = Wire::<1, 64>::ip();
        let [mut a, _] = wire.ends();
        assert_eq!(send(&mut a, 1), 1);
        let [_, mut b] = wire.ends();
        assert_eq!(b.receive(NOW, 1, |_| ()), Ok(1));
    }

    #[test]
    fn the_ends_say_what_they_are() {
        let mut wire = Wire::<1, 1514>::ethernet(A, B);
        let media = wire.ends().map(|end| end.capabilities().medium);
        assert_eq!(media, [Medium::Ethernet(A), Medium::Ethernet(B)]);
        assert_eq!(wire.ends().map(|end| end.capabilities().mtu), [1500; 2]);
        let mut wire = wire.with_mtu(1280);
        assert_eq!(wire.ends().map(|end| end.capabilities().mtu), [1280; 2]);
    }

    #[test]
    fn a_direction_in_use_is_empty_and_full() {
        let mut wire = Wire::<2, 64>::ip();
        let [mut a, mut b] = wire.ends();
        assert_eq!(send(&mut a, 1), 1);
        let received = b.receive(NOW, 1, |_| {
            assert_eq!((a.room(NOW), send(&mut a, 2), a.too_long()), (0, 0, 0));
        });
        assert_eq!((received, send(&mut a, 2)), (Ok(1), 1));
    }
}
