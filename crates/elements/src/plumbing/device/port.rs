//! A device in a graph.

use std::collections::VecDeque;
use std::os::fd::AsFd;

use waypost_graph::{
    Batch, Credit, Cx, DropReason, Element, Handler, HandlerError, Progress, Readiness,
    ReadinessSource, Spread,
};
use waypost_netdev::{Capabilities, DeviceError, Medium, NetDev};
use waypost_packet::{IntoPacket, LinkDestination, Packet, SendPacket};
use waypost_wire::{Duration, Instant, MacAddr};

use super::{FROM_HANDLERS, TAP_HANDLERS, TO_HANDLERS};

/// The pool had no frame for a received packet.
pub const NO_FRAME: DropReason = DropReason::new("no frame for a received packet");
/// The device refused a packet: it is longer than the device takes.
pub const TOO_LONG: DropReason = DropReason::new("too long for the device");
/// A host left the packet unfinished, and its headers do not say how to finish it.
pub const UNFINISHED: DropReason = DropReason::new("cannot be finished for the device");
/// The device failed.
pub const DEVICE_FAILED: DropReason = DropReason::new("device failed");

/// The kernel had no room for a packet that came in.
pub const OVERRUN: DropReason = DropReason::new("kernel had no room");

/// Between two looks at what the kernel has lost, at least: each costs a system call.
const LOOK_PERIOD: Duration = Duration::from_millis(10);

/// A device in a graph: as a source, as a sink, or both.
pub(super) struct Port<D> {
    device: D,
    capabilities: Capabilities,
    burst: usize,
    source: bool,
    sink: bool,
    /// How many packets the device would take; none while there are `pieces`.
    room: usize,
    /// Packets finished here, for a device that does not finish them, and not sent yet.
    pieces: VecDeque<Packet>,
    /// The last look found nothing to receive.
    starved: bool,
    received: u64,
    sent: u64,
    /// How many packets the kernel has lost, and how many of them were counted as lost here.
    overruns: fn(&mut D) -> u64,
    overruns_counted: u64,
    look_at: Instant,
    failed: Option<DeviceError>,
}

impl<D> Port<D>
where
    D: NetDev,
    for<'a> D::RxFrame<'a>: IntoPacket,
    for<'a> D::TxFrame<'a>: SendPacket,
{
    /// A port that is a source, a sink, or both, and moves at most `burst` packets at a time.
    pub(super) fn new(
        device: D,
        burst: usize,
        (source, sink): (bool, bool),
        overruns: fn(&mut D) -> u64,
    ) -> Self {
        Self {
            capabilities: device.capabilities(),
            device,
            burst,
            source,
            sink,
            room: 64,
            pieces: VecDeque::new(),
            starved: true,
            received: 0,
            sent: 0,
            overruns,
            overruns_counted: 0,
            look_at: Instant::ZERO,
            failed: None,
        }
    }

    fn receive(&mut self, budget: usize, cx: &mut Cx<'_>) -> usize {
        let mut batch = cx.take_batch();
        let (now, mut lost) = (cx.now(), 0);
        let max = budget.min(self.burst).min(batch.room());
        let frames = cx.frames();
        let result = self
            .device
            .receive(now, max, |frame| match frame.into_packet(frames) {
                // There is room: no more was asked for.
                Some(packet) => drop(batch.push(packet)),
                None => lost += 1,
            });
        if lost > 0 {
            cx.count_drops(lost, NO_FRAME);
        }
        if let Err(error) = result {
            self.failed = Some(error);
        }
        let count = batch.len();
        self.starved = count == 0 && lost == 0;
        self.received += count as u64;
        if self.starved && self.received > 0 {
            if now >= self.look_at {
                self.look(cx);
            } else {
                cx.set_timer(Some(self.look_at));
            }
        }
        if let Medium::Ethernet(own) = self.capabilities.medium {
            batch
                .iter_mut()
                .for_each(|packet| packet.set_link_destination(link_destination(packet, own)));
        }
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        count
    }

    /// Finds out what the kernel has lost, and counts it.
    fn look(&mut self, cx: &mut Cx<'_>) {
        self.look_at = cx.now() + LOOK_PERIOD;
        let overruns = (self.overruns)(&mut self.device);
        let more = overruns - self.overruns_counted;
        if more > 0 {
            cx.count_drops(more, OVERRUN);
        }
        self.overruns_counted = overruns;
    }

    /// Sends packets from the front of a batch, as many as the device takes.
    fn send(&mut self, batch: &mut Batch, cx: &mut Cx<'_>) {
        let offloads = self.capabilities.offloads;
        if batch.iter().all(|packet| packet.is_finished_for(offloads)) {
            let room = self.device.room(cx.now());
            self.hand_over(&mut batch.drain_front(room), cx);
        } else {
            self.finish(batch, cx);
        }
        self.room = self.send_pieces(cx);
    }

    /// Finishes the packets of a batch, which a host has left to the device, and has left in vain.
    fn finish(&mut self, batch: &mut Batch, cx: &mut Cx<'_>) {
        let Capabilities {
            medium, offloads, ..
        } = self.capabilities;
        for mut packet in batch.drain() {
            if !packet.wants_splitting(offloads) {
                if packet.finish(offloads) {
                    self.pieces.push_back(packet);
                } else {
                    cx.drop(packet, UNFINISHED);
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

    /// Sends pieces that wait, and says how many packets the device would take then.
    fn send_pieces(&mut self, cx: &mut Cx<'_>) -> usize {
        loop {
            let room = self.device.room(cx.now());
            if self.pieces.is_empty() || room == 0 {
                return if self.pieces.is_empty() { room } else { 0 };
            }
            let mut pieces = std::mem::take(&mut self.pieces);
            let count = room.min(pieces.len());
            self.hand_over(&mut pieces.drain(..count), cx);
            self.pieces = pieces;
        }
    }

    /// Sends packets for which the device has room.
    fn hand_over(&mut self, packets: &mut impl ExactSizeIterator<Item = Packet>, cx: &mut Cx<'_>) {
        while packets.len() > 0 {
            let (before, mut too_long) = (packets.len(), None);
            let result = self.device.transmit(cx.now(), before, |slot| {
                // Room that is not used ends the call.
                if let Some(Err(packet)) = packets.next().map(|packet| slot.send_packet(packet)) {
                    too_long = Some(packet);
                }
            });
            match result {
                Ok(count) => self.sent += count as u64,
                Err(error) => self.failed = Some(error),
            }
            if let Some(packet) = too_long {
                cx.drop(packet, TOO_LONG);
            }
            if result.is_err() || packets.len() == before {
                packets.for_each(|packet| cx.drop(packet, DEVICE_FAILED));
            }
        }
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

impl<D> Element for Port<D>
where
    D: NetDev + AsFd + Send,
    for<'a> D::RxFrame<'a>: IntoPacket,
    for<'a> D::TxFrame<'a>: SendPacket,
{
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        self.send(batch, cx);
    }

    fn credit(&self, _: usize) -> Credit {
        Credit::Packets(self.room)
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let mut worked = false;
        if self.sink {
            let room = self.send_pieces(cx);
            worked |= room > self.room;
            self.room = room;
            if room > 0 && cx.pulls(0) {
                let mut batch = cx.take_batch();
                let count = cx.pull(0, room.min(self.burst).min(cx.batch_limit()), &mut batch);
                self.send(&mut batch, cx);
                // Room was asked for before: nothing is left, unless the device has failed.
                cx.drop_all(&mut batch, DEVICE_FAILED);
                cx.put_batch(batch);
                worked |= count > 0;
            }
        }
        if self.source && !cx.is_finishing() {
            worked |= self.receive(budget, cx) > 0;
        }
        if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn timer(&mut self, cx: &mut Cx<'_>) {
        self.look(cx);
    }

    fn wakeup(&self) -> Option<Readiness<'_>> {
        let (receive, transmit) = (self.source && self.starved, self.sink && self.room == 0);
        let source = ReadinessSource::Fd(self.device.as_fd());
        (receive || transmit).then_some(Readiness {
            source,
            receive,
            transmit,
        })
    }

    fn spread(&self) -> Spread {
        Spread::EveryWorker
    }

    fn handlers(&self) -> &'static [Handler] {
        match (self.source, self.sink) {
            (true, false) => FROM_HANDLERS,
            (false, true) => TO_HANDLERS,
            _ => TAP_HANDLERS,
        }
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "count" if self.source => Ok(self.received.to_string()),
            "count" | "sent" => Ok(self.sent.to_string()),
            "kernel_drops" => Ok(self.overruns_counted.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}
