//! FromDevice, ToDevice, KernelTap: packets from and to interfaces.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use waypost_device::af_packet::AfPacket;
use waypost_device::tap::Tap;
use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Credit, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Progress, Readiness, ReadinessSource, Spread,
};
use waypost_netdev::{DeviceError, Medium, NetDev};
use waypost_packet::{IntoPacket, LinkDestination, Packet, SendPacket};
use waypost_wire::MacAddr;

use crate::args::TypedArgs;

/// The pool had no frame for a received packet.
pub const NO_FRAME: DropReason = DropReason::new("no frame for a received packet");
/// The device refused a packet: it is longer than the device takes.
pub const TOO_LONG: DropReason = DropReason::new("too long for the device");
/// The device failed.
pub const DEVICE_FAILED: DropReason = DropReason::new("device failed");

pub(crate) const FROM_DEVICE: ElementClass = ElementClass {
    name: "FromDevice",
    ports: "0/1",
    processing: "/h",
    flow: "x/x",
    doc: "Receives packets from a network interface. No more are read than everything behind has room for: what is not read
waits in the kernel's ring.

Arguments: `FromDevice(DEVNAME)`; keywords:

- `PROMISC`: true receives packets for other link addresses too.
- `OUTBOUND`: true receives those too that this machine sends through the interface.
- `SNIFFER`: as in Click; the kernel always sees the packets as well.
- `BURST`: packets read at a time, at most.
- `METHOD`: `AF_PACKET`, the default (`LINUX` is the same).
- `RING`: octets of the ring that is shared with the kernel; 8388608 by default.
- `FANOUT`: the number of a group of readers that share the interface's packets by flow. With several workers one is chosen.

Packets may be unfinished super-segments of up to 64 KiB, as the hosts' offloads make them: see `ToDevice`.",
    handlers: FROM_HANDLERS,
    build: from_device,
};

pub(crate) const TO_DEVICE: ElementClass = ElementClass {
    name: "ToDevice",
    ports: "1/0",
    processing: "a/a",
    flow: "x/x",
    doc: "Sends packets through a network interface: those pushed to it, or those it pulls. When the interface has no room,
whoever feeds it waits.

Arguments: `ToDevice(DEVNAME)`; keywords:

- `BURST`: packets sent at a time, at most.
- `METHOD`: `AF_PACKET`, the default (`LINUX` is the same).
- `QDISC_BYPASS`: true sends past the kernel's queueing discipline.

Unfinished checksums and super-segments are handed to the kernel as such, which finishes them if the interface cannot.

Deviations: Click's ToDevice only pulls.",
    handlers: TO_HANDLERS,
    build: to_device,
};

pub(crate) const KERNEL_TAP: ElementClass = ElementClass {
    name: "KernelTap",
    ports: "0-1/0-1",
    processing: "a/h",
    flow: "x/y",
    doc: "An interface of the kernel whose other end is this graph: what the kernel sends through it leaves output 0, what comes
in at input 0 the kernel receives.

Arguments: `KernelTap(ADDR/MASK)`, the kernel's address; keywords:

- `DEVNAME`: the interface's name; `tap0` by default.
- `MTU`: of the interface.
- `BURST`: packets moved at a time, at most.

Deviations: a gateway argument and `HEADROOM`, `IGNORE_QUEUE_OVERFLOWS` are not there; packets that the graph has no room
for wait in the kernel.",
    handlers: TAP_HANDLERS,
    build: kernel_tap,
};

const FROM_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets received"),
    Handler::sum("kernel_drops", "packets that the kernel had no room for"),
];
const TO_HANDLERS: &[Handler] = &[Handler::sum("count", "packets sent")];
const TAP_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets received from the kernel"),
    Handler::sum("sent", "packets sent to the kernel"),
];

fn from_device(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let name = args.mandatory::<String>("DEVNAME")?;
    method(args)?;
    let mut builder = AfPacket::builder(name)
        .promiscuous(args.keyword("PROMISC")?.unwrap_or(false))
        .outgoing(args.keyword("OUTBOUND")?.unwrap_or(false));
    // As in Click: the kernel cannot be kept from seeing packets here.
    args.keyword::<bool>("SNIFFER")?;
    if let Some(octets) = args.keyword("RING")? {
        builder = builder.ring_octets(octets);
    }
    let group = args.keyword::<u16>("FANOUT")?;
    if let Some(group) =
        group.or_else(|| (cx.workers > 1).then(|| std::process::id() as u16 ^ name_hash(cx.name)))
    {
        builder = builder.fanout(group);
    }
    let burst = args.keyword::<usize>("BURST")?.unwrap_or(usize::MAX);
    let device = builder
        .open()
        .map_err(|error| ConfigError::new(error.to_string()))?;
    Ok(Box::new(Port::new(device, burst, true, false, |device| {
        device.statistics().overruns
    })))
}

fn to_device(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let name = args.mandatory::<String>("DEVNAME")?;
    method(args)?;
    let builder = AfPacket::builder(name)
        .qdisc_bypass(args.keyword("QDISC_BYPASS")?.unwrap_or(false))
        .send_only();
    let burst = args.keyword::<usize>("BURST")?.unwrap_or(usize::MAX);
    let device = builder
        .open()
        .map_err(|error| ConfigError::new(error.to_string()))?;
    Ok(Box::new(Port::new(device, burst, false, true, |_| 0)))
}

fn kernel_tap(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let address = args.mandatory::<String>("ADDR")?;
    let (address, length) = interface_address(&address).ok_or_else(|| {
        ConfigError::expected("an address with its prefix, such as 10.0.0.1/24", &address)
    })?;
    let name = args
        .keyword::<String>("DEVNAME")?
        .unwrap_or_else(|| "tap0".to_owned());
    let mut builder = Tap::builder(name).address(address, length);
    if let Some(mtu) = args.keyword::<u16>("MTU")? {
        builder = builder.mtu(mtu);
    }
    let burst = args.keyword::<usize>("BURST")?.unwrap_or(usize::MAX);
    if cx.workers > 1 {
        builder = builder.multi_queue();
    }
    let device = builder
        .open()
        .map_err(|error| ConfigError::new(error.to_string()))?;
    Ok(Box::new(Port::new(
        device,
        burst,
        cx.outputs > 0,
        cx.inputs > 0,
        |_| 0,
    )))
}

fn method(args: &mut Args) -> Result<(), ConfigError> {
    match args.take("METHOD").as_deref() {
        None | Some("AF_PACKET" | "LINUX") => Ok(()),
        Some(word) => Err(ConfigError::expected("METHOD AF_PACKET", word)),
    }
}

fn interface_address(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, length) = text.split_once('/')?;
    let length = length.parse().ok().filter(|&length: &u8| length <= 32)?;
    Some((address.parse().ok()?, length))
}

/// The same on all workers, and unlike for unlike names.
fn name_hash(name: &str) -> u16 {
    name.bytes()
        .fold(0, |hash: u16, byte| hash.rotate_left(5) ^ u16::from(byte))
}

/// A device in a graph: as a source, as a sink, or both.
struct Port<D> {
    device: D,
    address: Option<MacAddr>,
    burst: usize,
    source: bool,
    sink: bool,
    /// How many packets the device would take.
    room: usize,
    /// The last look found nothing to receive.
    starved: bool,
    received: u64,
    sent: u64,
    /// How many packets the kernel has lost, and how many of them were counted as lost here.
    overruns: fn(&mut D) -> u64,
    overruns_counted: u64,
    failed: Option<DeviceError>,
}

impl<D> Port<D>
where
    D: NetDev,
    for<'a> D::RxFrame<'a>: IntoPacket,
    for<'a> D::TxFrame<'a>: SendPacket,
{
    fn new(device: D, burst: usize, source: bool, sink: bool, overruns: fn(&mut D) -> u64) -> Self {
        let address = match device.capabilities().medium {
            Medium::Ethernet(address) => Some(address),
            _ => None,
        };
        let (starved, received, sent, overruns_counted) = (true, 0, 0, 0);
        Self {
            device,
            address,
            burst,
            source,
            sink,
            room: 64,
            starved,
            received,
            sent,
            overruns,
            overruns_counted,
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
            let overruns = (self.overruns)(&mut self.device);
            self.overruns_counted = overruns;
        }
        if let Some(own) = self.address {
            batch
                .iter_mut()
                .for_each(|packet| packet.set_link_destination(link_destination(packet, own)));
        }
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        count
    }

    /// Sends packets from the front of a batch, as many as the device takes.
    fn send(&mut self, batch: &mut Batch, cx: &mut Cx<'_>) {
        let now = cx.now();
        let room = self.device.room(now).min(batch.len());
        let mut too_long = None;
        while !batch.is_empty() && too_long.is_none() {
            let mut packets = batch.drain_front(room.min(1));
            let Some(packet) = packets.next() else { break };
            let mut packet = Some(packet);
            let sent = self.device.transmit(now, 1, |slot| {
                if let Some(packet) = packet.take()
                    && let Err(back) = slot.send_packet(packet)
                {
                    too_long = Some(back);
                }
            });
            drop(packets);
            match sent {
                Ok(count) => self.sent += count as u64,
                Err(error) => self.failed = Some(error),
            }
            if let Some(packet) = packet {
                cx.drop(packet, DEVICE_FAILED);
            }
            if let Some(packet) = too_long.take() {
                cx.drop(packet, TOO_LONG);
            }
            if self.device.room(now) == 0 {
                break;
            }
        }
        self.room = self.device.room(now);
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
            let room = self.device.room(cx.now());
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
        if self.source {
            worked |= self.receive(budget, cx) > 0;
        }
        if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
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
