//! What a device is to send.

use waypost_graph::{Batch, Cx, DropReason};
use waypost_netdev::{Capabilities, DeviceError, Medium, NetDev};
use waypost_packet::{Packet, SendPacket};

use super::{DEVICE_FAILED, Port, ROOM_OF_NONE, Sides, TOO_LONG, UNFINISHED};

/// Octets of a VLAN tag, and where the first is (IEEE 802.1Q §9.3); two, at most, make a frame longer than the MTU says.
const TAG: usize = 4;
const FIRST_TAG: usize = 12;

impl<D: NetDev, W: Sides> Port<D, W>
where
    for<'a> D::TxFrame<'a>: SendPacket,
{
    /// Sends what waits, and what can be pulled; says whether anything happened.
    pub(super) fn run_sink(&mut self, cx: &mut Cx<'_>) -> bool {
        let before = self.room;
        if !self.resting {
            self.send_pieces(cx);
            self.settle(cx);
        }
        let mut worked = self.room > before;
        if self.room > 0 && cx.pulls(0) {
            let mut batch = cx.take_batch();
            let count = cx.pull(
                0,
                self.room.min(self.burst).min(cx.batch_limit()),
                &mut batch,
            );
            if count > 0 {
                self.send(&mut batch, cx);
                // Room was asked for before: nothing is left, unless the device has failed since.
                self.pieces.extend(batch.drain());
                if self.is_removed() {
                    self.lose_pieces(cx);
                }
            }
            cx.put_batch(batch);
            worked |= count > 0;
        }
        worked
    }

    /// Sends packets from the front of a batch, as many as the device takes.
    pub(super) fn send(&mut self, batch: &mut Batch, cx: &mut Cx<'_>) {
        if self.is_removed() {
            cx.drop_all(batch, DEVICE_FAILED);
            return;
        }
        // What was finished earlier goes first.
        if !self.resting && !self.pieces.is_empty() {
            self.send_pieces(cx);
        }
        if !self.resting && self.pieces.is_empty() {
            let (offloads, longest) = (self.capabilities.offloads, self.longest());
            let plain =
                |packet: &Packet| packet.is_finished_for(offloads) && packet.len() <= longest;
            if batch.iter().all(plain) {
                let room = self.device.room(cx.now());
                self.hand_over(&mut batch.drain_front(room), cx);
            } else {
                self.finish(batch, cx);
                self.send_pieces(cx);
            }
        }
        self.settle(cx);
    }

    /// The longest frame that needs no second look, in octets.
    fn longest(&self) -> usize {
        let Capabilities { medium, mtu, .. } = self.capabilities;
        mtu.saturating_add(medium.header_len())
    }

    /// Whether the device sends a packet of this length: tags make it longer than the MTU says, and super-segments are split.
    fn fits(&self, packet: &Packet) -> bool {
        let (len, longest) = (packet.len(), self.longest());
        if len <= longest || packet.frame_meta().segmentation.is_some() {
            return true;
        }
        let is_tag = |at: usize| {
            matches!(
                packet.octets().get(at..at + 2),
                Some([0x81, 0] | [0x88, 0xa8])
            )
        };
        let tags = match self.capabilities.medium {
            Medium::Ethernet(_) if is_tag(FIRST_TAG) && is_tag(FIRST_TAG + TAG) => 2,
            Medium::Ethernet(_) if is_tag(FIRST_TAG) => 1,
            _ => 0,
        };
        len <= longest.saturating_add(tags * TAG)
    }

    /// Finishes the packets of a batch, which a host has left to the device, and has left in vain.
    fn finish(&mut self, batch: &mut Batch, cx: &mut Cx<'_>) {
        let Capabilities {
            medium, offloads, ..
        } = self.capabilities;
        for mut packet in batch.drain() {
            if !packet.wants_splitting(offloads) {
                if !packet.finish(offloads) {
                    cx.drop(packet, UNFINISHED);
                } else if !self.fits(&packet) {
                    cx.drop(packet, TOO_LONG);
                } else {
                    self.pieces.push_back(packet);
                }
                continue;
            }
            let pieces = &mut self.pieces;
            let split = cx.frames().split(&packet, medium, |mut piece| {
                // A piece has nothing unfinished but perhaps a tag, for which there is headroom.
                piece.finish(offloads);
                pieces.push_back(piece);
            });
            match split {
                Ok(0) => cx.frames().free_packet(packet),
                Ok(lost) => {
                    cx.count_drops(lost as u64, DropReason::NO_BUFFER);
                    cx.frames().free_packet(packet);
                }
                Err(_) => cx.drop(packet, UNFINISHED),
            }
        }
    }

    /// Sends pieces that wait, as many as the device takes.
    fn send_pieces(&mut self, cx: &mut Cx<'_>) {
        while !self.pieces.is_empty() && !self.resting && !self.is_removed() {
            let mut pieces = std::mem::take(&mut self.pieces);
            let count = self.device.room(cx.now()).min(pieces.len());
            let moved = self.hand_over(&mut pieces.drain(..count), cx);
            // What was not taken stays in front.
            self.pieces.append(&mut pieces);
            if self.is_removed() {
                self.lose_pieces(cx);
            }
            if !moved {
                return;
            }
        }
    }

    /// Sends packets for which the device has room, and says whether it took any. What it does not take after all waits.
    fn hand_over(
        &mut self,
        packets: &mut impl ExactSizeIterator<Item = Packet>,
        cx: &mut Cx<'_>,
    ) -> bool {
        let all = packets.len();
        while packets.len() > 0 {
            let (before, mut too_long, mut taken) = (packets.len(), None, 0);
            let max = before.min(self.burst);
            let result = self.device.transmit(cx.now(), max, |slot| {
                // Room that is not used ends the call.
                match packets.next().map(|packet| slot.send_packet(packet)) {
                    Some(Ok(())) => taken += 1,
                    Some(Err(packet)) => too_long = Some(packet),
                    None => {}
                }
            });
            self.accepted += taken;
            if let Some(packet) = too_long {
                cx.drop(packet, TOO_LONG);
            }
            if let Err(error) = result {
                self.fail_to_send(error, cx);
            }
            if self.is_removed() {
                packets.for_each(|packet| cx.drop(packet, DEVICE_FAILED));
            } else if result.is_err() || packets.len() == before {
                let taken = before != packets.len() || all != before;
                self.pieces.extend(packets);
                return taken;
            }
        }
        all > 0
    }

    /// Finds out how much the device would take now, what it has lost, and whether it has to be asked again.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        self.room = self.room_now(cx);
        if !self.resting && !self.is_removed() && (self.room == 0 || self.device.unsent() > 0) {
            // It says only here why it takes nothing, and some try only here what they have.
            let unsent = self.device.unsent();
            self.ask(cx);
            if self.resting || self.is_removed() || self.device.unsent() < unsent {
                self.room = self.room_now(cx);
            }
        }
        self.count(cx);
        if !self.is_removed() && (self.room == 0 || self.device.unsent() > 0) {
            self.retry_soon(cx.now());
        }
    }

    /// How many packets the graph may hand over now.
    fn room_now(&mut self, cx: &Cx<'_>) -> usize {
        match () {
            () if self.is_removed() => ROOM_OF_NONE,
            () if self.resting || !self.pieces.is_empty() => 0,
            () => self.device.room(cx.now()),
        }
    }

    /// Lets the device try what it has, and learns what is the matter with it.
    fn ask(&mut self, cx: &mut Cx<'_>) {
        match self.device.transmit(cx.now(), 0, |_| ()) {
            Ok(_) if self.resting => (self.resting, self.failed) = (false, None),
            Ok(_) => {}
            Err(error) => self.fail_to_send(error, cx),
        }
    }

    fn fail_to_send(&mut self, error: DeviceError, cx: &mut Cx<'_>) {
        self.fail(error, cx);
        self.resting = !self.is_removed();
    }

    /// Asks the device again, after a while.
    pub(super) fn retry(&mut self, cx: &mut Cx<'_>) {
        if self.resting && !self.is_removed() {
            self.ask(cx);
        }
        self.send_pieces(cx);
        self.settle(cx);
    }
}
