//! FromDevice, ToDevice, KernelTap: packets from and to interfaces.

mod port;
mod xdp;

use std::net::Ipv4Addr;

use waypost_device::Namespace;
use waypost_device::af_packet::AfPacket;
use waypost_device::tap::Tap;
use waypost_graph::{Args, BuildCx, ConfigError, Element, ElementClass, Handler};

use crate::args::TypedArgs;
pub use port::{
    Both, DEVICE_FAILED, Egress, Ingress, NO_FRAME, OVERRUN, Port, REFUSED, Sides, TOO_LONG,
    TRUNCATED, UNFINISHED,
};

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
- `METHOD`: `AF_PACKET`, the default (`LINUX` is the same), or `AF_XDP`.

With `AF_PACKET`:

- `RING`: octets of the ring that is shared with the kernel; 8388608 by default.
- `FANOUT`: the number of a group of readers that share the interface's packets by flow. With several workers one is chosen.

Packets may be unfinished super-segments of up to 64 KiB, as the hosts' offloads make them: see `ToDevice`.

With `AF_XDP` packets go from the driver to the graph's memory, and the kernel does not see them. Each worker has a queue of the
interface:

- `QUEUE`: the queue of the first worker; 0 by default.
- `RING`: entries of each ring, and frames that each queue keeps for packets to come; 2048 by default.
- `MODE`: `NATIVE`, in the driver, or `GENERIC`, in the kernel's generic path; by default the first that works.
- `ZERO_COPY`: true insists that the card writes into the graph's memory by itself, false that it does not.
- `BUSY_POLL`: drives the interface from the worker, for so many microseconds at a time, instead of by interrupts.
- `PEER`: for one end of a virtual wire (veth), the interface at its other end, as `NAME` or `NETNS/NAME`: its offloads are switched
  off, for AF_XDP cannot tell that a packet is unfinished. `PEER FINISHES` says that it sends finished packets only.

Deviations: `SNAPLEN`, `FORCE_IP`, `BPF_FILTER`, `PROTOCOL`, `HEADROOM`, `TIMESTAMP`, `ENCAP` are not there: packets come whole, with
their link header and their time.",
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
- `METHOD`: `AF_PACKET`, the default (`LINUX` is the same), or `AF_XDP`.
- `QDISC_BYPASS`, with `AF_PACKET`: true sends past the kernel's queueing discipline.
- `RING`, with `AF_PACKET`: sends by a ring of so many slots that is shared with the kernel, instead of by a call for each 64 packets.
- `QUEUE`, `RING`, with `AF_XDP`: as in `FromDevice`. A `FromDevice` of the same interface, if there is one, says it for both.

With `AF_PACKET`, unfinished checksums and super-segments are handed to the kernel as such, which finishes them if the interface
cannot. With `AF_XDP` they are finished here, and super-segments with a `RING`.

While the interface is down packets wait for it, and whoever feeds it; if it is gone, they are lost.

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
- `NETNS`: the network namespace in which the interface is made; that of this process by default.
- `MTU`: of the interface.
- `BURST`: packets moved at a time, at most.

Deviations: a gateway argument and `HEADROOM`, `IGNORE_QUEUE_OVERFLOWS` are not there; packets that the graph has no room
for wait in the kernel.",
    handlers: TAP_HANDLERS,
    build: kernel_tap,
};

const STATE: Handler = Handler::read(
    "state",
    "the interface as the packets find it: `up`, `down`, `removed`, or what is wrong",
);
const FROM_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets received"),
    Handler::sum("kernel_drops", "packets that the kernel had no room for"),
    STATE,
];
const TO_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets that the kernel took to be sent"),
    STATE,
];
const TAP_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets received from the kernel"),
    Handler::sum("sent", "packets sent to the kernel"),
    STATE,
];

fn from_device(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let name = args.mandatory::<String>("DEVNAME")?;
    let promiscuous = args.keyword("PROMISC")?.unwrap_or(false);
    // As in Click: here the method decides whether the kernel sees packets.
    args.keyword::<bool>("SNIFFER")?;
    let burst = burst(args)?;
    if method(args)? == Method::AfXdp {
        let device = xdp::receiver(&name, promiscuous, args, cx)?;
        let number = number(device.interface_index());
        let port = Port::<_, Ingress>::with_file(device);
        return Ok(Box::new(port.burst(burst).numbered(number)));
    }
    let mut builder = AfPacket::builder(name)
        .pool(cx.pool)
        .promiscuous(promiscuous)
        .outgoing(args.keyword("OUTBOUND")?.unwrap_or(false));
    if let Some(octets) = args.keyword("RING")? {
        builder = builder.ring_octets(octets);
    }
    let group = args.keyword::<u16>("FANOUT")?;
    if let Some(group) =
        group.or_else(|| (cx.workers > 1).then(|| std::process::id() as u16 ^ name_hash(cx.name)))
    {
        builder = builder.fanout(group);
    }
    let device = builder
        .open()
        .map_err(|error| ConfigError::new(error.to_string()))?;
    let number = device.interface_index().map_or(0, number);
    let port = Port::<_, Ingress>::with_file(device);
    Ok(Box::new(port.burst(burst).numbered(number)))
}

fn to_device(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let name = args.mandatory::<String>("DEVNAME")?;
    let burst = burst(args)?;
    if method(args)? == Method::AfXdp {
        let device = xdp::sender(&name, args, cx)?;
        return Ok(Box::new(Port::<_, Egress>::with_file(device).burst(burst)));
    }
    let mut builder = AfPacket::builder(name)
        .pool(cx.pool)
        .qdisc_bypass(args.keyword("QDISC_BYPASS")?.unwrap_or(false))
        .send_only();
    if let Some(slots) = args.keyword("RING")? {
        builder = builder.transmit_ring(slots);
    }
    let device = builder
        .open()
        .map_err(|error| ConfigError::new(error.to_string()))?;
    Ok(Box::new(Port::<_, Egress>::with_file(device).burst(burst)))
}

fn kernel_tap(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let address = args.mandatory::<String>("ADDR")?;
    let (address, length) = interface_address(&address).ok_or_else(|| {
        ConfigError::expected("an address with its prefix, such as 10.0.0.1/24", &address)
    })?;
    let name = args
        .keyword::<String>("DEVNAME")?
        .unwrap_or_else(|| "tap0".to_owned());
    let mut builder = Tap::builder(name).pool(cx.pool).address(address, length);
    if let Some(namespace) = args.keyword("NETNS")? {
        builder = builder.namespace(Namespace::Named(namespace));
    }
    if let Some(mtu) = args.keyword::<u16>("MTU")? {
        builder = builder.mtu(mtu);
    }
    let burst = burst(args)?;
    if cx.workers > 1 {
        builder = builder.multi_queue();
    }
    let device = builder
        .open()
        .map_err(|error| ConfigError::new(error.to_string()))?;
    let number = number(device.interface_index());
    let port = Port::<_, Both>::with_file(device).burst(burst);
    let port = port.numbered(number);
    Ok(Box::new(port.only(cx.outputs > 0, cx.inputs > 0)))
}

/// What packets say of an interface of this index.
fn number(index: u32) -> u16 {
    index.try_into().unwrap_or(0)
}

/// How packets are moved between an interface and the graph.
#[derive(PartialEq)]
enum Method {
    AfPacket,
    AfXdp,
}

fn burst(args: &mut Args) -> Result<usize, ConfigError> {
    match args.keyword("BURST")? {
        Some(0) => Err(ConfigError::expected("BURST of at least one packet", "0")),
        burst => Ok(burst.unwrap_or(usize::MAX)),
    }
}

fn method(args: &mut Args) -> Result<Method, ConfigError> {
    match args.take("METHOD").as_deref() {
        None | Some("AF_PACKET" | "LINUX") => Ok(Method::AfPacket),
        Some("AF_XDP") => Ok(Method::AfXdp),
        Some(word) => Err(ConfigError::expected("METHOD AF_PACKET or AF_XDP", word)),
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
