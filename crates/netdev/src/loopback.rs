//! A device that receives what it sends.

use waypost_wire::Instant;

use crate::queue::Queue;
use crate::{Capabilities, DeviceError, LentRx, LentTx, Medium, NetDev, Offloads};

/// A device that receives what it sends, in order, with its metadata: up to `SLOTS` frames wait, of up to
/// `OCTETS` octets each. When all slots are taken, it has no room until a frame is received.
#[derive(Debug)]
pub struct Loopback<const SLOTS: usize, const OCTETS: usize> {
    queue: Queue<SLOTS, OCTETS>,
    medium: Medium,
    mtu: usize,
}

impl<const SLOTS: usize, const OCTETS: usize> Loopback<SLOTS, OCTETS> {
    /// An empty loopback. Its MTU is what a slot holds above the link header.
    pub const fn new(medium: Medium) -> Self {
        Self {
            queue: Queue::new(),
            medium,
            mtu: OCTETS.saturating_sub(medium.header_len()),
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

    /// Frames that were not sent because they were longer than a slot.
    pub const fn too_long(&self) -> u64 {
        self.queue.too_long()
    }
}

impl<const SLOTS: usize, const OCTETS: usize> NetDev for Loopback<SLOTS, OCTETS> {
    type RxFrame<'a> = LentRx<'a>;
    type TxFrame<'a> = LentTx<'a>;

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            medium: self.medium,
            mtu: self.mtu,
            offloads: Offloads::default(),
        }
    }

    fn receive(
        &mut self,
        _: Instant,
        max: usize,
        each: impl FnMut(LentRx<'_>),
    ) -> Result<usize, DeviceError> {
        Ok(self.queue.receive(max, each))
    }

    fn transmit(
        &mut self,
        _: Instant,
        max: usize,
        each: impl FnMut(LentTx<'_>),
    ) -> Result<usize, DeviceError> {
        Ok(self.queue.transmit(max, each))
    }

    fn room(&mut self, _: Instant) -> usize {
        self.queue.room()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FrameMeta, RxFrame, TxFrame, VlanTag};
    use waypost_wire::MacAddr;

    const NOW: Instant = Instant::ZERO;

    #[test]
    fn what_is_sent_is_received_with_its_metadata() {
        let mut loopback = Loopback::<2, 64>::new(Medium::Ip);
        let meta = FrameMeta {
            vlan: Some(VlanTag {
                tpid: 0x8100,
                tci: 7,
            }),
            ..FrameMeta::default()
        };
        let mut octet = 0;
        let sent = loopback.transmit(NOW, 9, |slot| {
            octet += 1;
            slot.send(octet.into(), meta, |octets| octets.fill(octet));
        });
        assert_eq!((sent, loopback.room(NOW)), (Ok(2), 0));
        for octet in [1, 2] {
            let count = loopback.receive(NOW, 1, |mut frame| {
                assert_eq!(frame.octets(), &[octet; 2][..octet.into()]);
                assert_eq!(frame.meta(), meta);
                frame.octets_mut().fill(0);
            });
            assert_eq!(count, Ok(1));
        }
        assert_eq!(loopback.receive(NOW, 1, |_| ()), Ok(0));
        assert_eq!(loopback.room(NOW), 2);
    }

    #[test]
    fn the_mtu_is_at_most_what_a_slot_holds() {
        let ethernet = Medium::Ethernet(MacAddr::new([2, 0, 0, 0, 0, 1]));
        let mtu = |loopback: Loopback<1, 1514>| loopback.capabilities().mtu;
        assert_eq!(mtu(Loopback::new(ethernet)), 1500);
        assert_eq!(mtu(Loopback::new(ethernet).with_mtu(9000)), 1500);
        assert_eq!(mtu(Loopback::new(Medium::Ip).with_mtu(1280)), 1280);
    }

    #[test]
    fn what_no_slot_holds_is_counted() {
        let mut loopback = Loopback::<1, 20>::new(Medium::Ip);
        let send = |slot: LentTx<'_>| slot.send(21, FrameMeta::default(), |_| ());
        assert_eq!(loopback.transmit(NOW, 1, send), Ok(0));
        assert_eq!(loopback.too_long(), 1);
    }
}
