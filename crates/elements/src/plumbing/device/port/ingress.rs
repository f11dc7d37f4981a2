//! What comes in at a device.

use waypost_graph::Cx;
use waypost_netdev::{Medium, NetDev, Offloads};
use waypost_packet::{IntoPacket, LinkDestination, NoMemory, Packet};
use waypost_wire::MacAddr;

use super::{LOOK_PERIOD, NO_FRAME, OVERRUN, Port, Sides};

/// What stays unfinished in packets that came in; a VLAN tag belongs into their octets, as in Click.
const LEFT_UNFINISHED: Offloads = Offloads {
    checksum: true,
    tcp_segmentation: true,
    udp_segmentation: true,
    vlan_insertion: false,
};

impl<D: NetDev, W: Sides> Port<D, W>
where
    for<'a> D::RxFrame<'a>: IntoPacket,
{
    /// Brings packets in, and says whether there were any.
    pub(super) fn receive(&mut self, budget: usize, cx: &mut Cx<'_>) -> bool {
        let mut batch = cx.take_batch();
        let (now, mut lost, mut short) = (cx.now(), 0, false);
        let max = budget.min(self.burst).min(batch.room());
        let frames = cx.frames();
        let result = self
            .device
            .receive(now, max, |frame| match frame.into_packet(frames) {
                // There is room: no more was asked for.
                Ok(packet) => drop(batch.push(packet)),
                Err(NoMemory::Left) => short = true,
                Err(NoMemory::Lost) => lost += 1,
            });
        if lost > 0 {
            cx.count_drops(lost, NO_FRAME);
        }
        let taken = batch.len() as u64 + lost;
        match result {
            Err(error) => self.fail(error, cx),
            Ok(_) if !self.resting => self.failed = None,
            Ok(_) => {}
        }
        self.count(cx);
        short |= self.device.wants_memory();
        if short {
            self.retry_soon(now);
        }
        self.starved = taken == 0 && !short;
        self.received += batch.len() as u64;
        // What the kernel loses it loses before what comes in after it: with nothing new there is nothing to be found.
        self.look_wanted |= taken > 0;
        if self.look_wanted && now >= self.look_at {
            self.look(cx);
        }
        for packet in batch.iter_mut() {
            packet.set_ingress(self.number);
            if let Medium::Ethernet(own) = self.capabilities.medium {
                packet.set_link_destination(link_destination(packet, own));
                if packet.is_unfinished() {
                    // Without room for it a tag stays where it is.
                    packet.finish(LEFT_UNFINISHED);
                }
            }
        }
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        taken > 0
    }

    /// Finds out what the kernel has lost, and counts it.
    pub(super) fn look(&mut self, cx: &mut Cx<'_>) {
        self.look_wanted = false;
        self.look_at = cx.now() + LOOK_PERIOD;
        let overruns = self.device.overruns();
        if overruns > self.overruns {
            cx.count_drops(overruns - self.overruns, OVERRUN);
        }
        self.overruns = overruns;
    }
}

#[inline]
fn link_destination(packet: &Packet, own: MacAddr) -> LinkDestination {
    match packet.octets().first_chunk::<6>() {
        Some(octets) if *octets == own.octets() => LinkDestination::Host,
        Some([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) => LinkDestination::Broadcast,
        Some([first, ..]) if first & 1 == 1 => LinkDestination::Multicast,
        _ => LinkDestination::OtherHost,
    }
}
