//! FromDevice, ToDevice, KernelTap: packets from and to interfaces.

mod port;
mod unopened;
mod xdp;

use std::net::Ipv4Addr;
use std::sync::OnceLock;

use waypost_device::Namespace;
use waypost_device::af_packet::AfPacket;
use waypost_device::tap::Tap;
use waypost_graph::{Args, BuildCx, ConfigError, Element, ElementClass, Handler};

use self::unopened::Unopened;
use crate::args::{Arg, InterfaceAddress, TypedArgs};
use crate::host::Host;
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
- `SNIFFER`: true with `AF_PACKET`, where the kernel sees the packets as well; false with `AF_XDP`, where it does not.
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

Deviations: with `AF_PACKET`, `SNIFFER false` is refused, for which Click sets up rules of the kernel's firewall. `HEADROOM` and
`TIMESTAMP` are understood and change nothing: there is always room in front of packets, and those that came by `AF_PACKET` have their
time, others none. `SNAPLEN`, `FORCE_IP`,
`BPF_FILTER`, `PROTOCOL`, `ENCAP` are not there, nor is the method `PCAP`: packets come whole, with their link header. There is no
second output.",
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
- `METHOD`: `AF_PACKET` (`LINUX` is the same) or `AF_XDP`; that of a `FromDevice` of the same interface by default, and `AF_PACKET`
  where there is none.
- `DEBUG`: changes nothing.
- `QDISC_BYPASS`, with `AF_PACKET`: true sends past the kernel's queueing discipline.
- `RING`, with `AF_PACKET`: sends by a ring of so many slots that is shared with the kernel, instead of by a call for each 64 packets.
- `QUEUE`, `RING`, with `AF_XDP`: as in `FromDevice`. A `FromDevice` of the same interface, if there is one, says it for both.

With `AF_PACKET`, unfinished checksums and super-segments are handed to the kernel as such, which finishes them if the interface
cannot. With `AF_XDP` they are finished here, and super-segments with a `RING`.

While the interface is down packets wait for it, and whoever feeds it; if it is gone, they are lost.

Deviations: Click's ToDevice only pulls, and may have outputs: packets that were sent go on to output 0, those that could not be to
output 1. Here there are none: what was sent is the device's, and what the kernel refuses is lost, and counted. The method `PCAP` is
not there.",
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

- `DEVNAME`: the interface's name; where it has `%d`, the kernel puts the first number there that is free; `tap%d` by default.
- `NETNS`: the network namespace in which the interface is made; that of this process by default.
- `ETHER`: the kernel's Ethernet address; one that the kernel draws by default.
- `MTU`: of the interface.
- `BURST`: packets moved at a time, at most.

An interface of this name that is there already is left as it is until the graph begins, so that a graph that is refused changes
nothing of it; one that is made here goes with the graph. What fails when the graph begins is said on standard error.

Deviations: a gateway argument is not there. `HEADROOM` and `IGNORE_QUEUE_OVERFLOWS` are understood and change nothing: there is always
room in front of packets, and those that the graph has no room for wait in the kernel. Without `ETHER` Click's interface has the
address 00:01:02:03:04:05, and without `MTU` one of 2048 octets.",
    handlers: TAP_HANDLERS,
    build: kernel_tap,
};

const STATE: Handler = Handler::read(
    "state",
    "the interface as the packets find it: `up`, `down`, `removed`, or what is wrong",
);
const FROM_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets received"),
    Handler::write("reset_counts", "counts packets received from 0 again"),
    Handler::sum("kernel_drops", "packets that the kernel had no room for"),
    Handler::read("encap", "what packets begin with: `ETHER` or `IP`"),
    STATE,
];
const TO_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets that the kernel took to be sent"),
    STATE,
];
const TAP_HANDLERS: &[Handler] = &[
    Handler::read("dev_name", "the interface's name"),
    Handler::sum("count", "packets received from the kernel"),
    Handler::sum("sent", "packets sent to the kernel"),
    STATE,
];

fn from_device(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let name = args.mandatory::<String>("DEVNAME");
    // Nothing is opened by an empty name: the reading ends before.
    let known = name.as_deref().unwrap_or_default();
    let promiscuous = args.keyword("PROMISC").unwrap_or(false);
    let burst = burst(args);
    let method = method(args)?.unwrap_or(Method::AfPacket);
    sniffer(args, method);
    // Nothing hangs on them.
    args.keyword::<usize>("HEADROOM");
    args.keyword::<bool>("TIMESTAMP");
    // A ToDevice of this interface does likewise.
    cx.shared(&key_of_method(known), || Ok(method))?;
    let is_touched = Host::of(cx)?.is_touched();
    if method == Method::AfXdp {
        let builder = xdp::receiver(known, promiscuous, args);
        args.finish()?;
        if !is_touched {
            return Ok(Unopened::boxed(FROM_HANDLERS));
        }
        let device = xdp::open_receiver(&name?, builder, cx)?;
        let number = number(device.interface_index());
        let port = Port::<_, Ingress>::with_file(device);
        return Ok(Box::new(port.burst(burst).numbered(number)));
    }
    let mut builder = AfPacket::builder(known)
        .pool(cx.pool)
        .promiscuous(promiscuous)
        .outgoing(args.keyword("OUTBOUND").unwrap_or(false));
    if let Some(octets) = args.keyword("RING") {
        builder = builder.ring_octets(octets);
    }
    let group = args.keyword::<u16>("FANOUT");
    args.finish()?;
    if let Some(group) =
        group.or_else(|| (cx.workers > 1).then(|| std::process::id() as u16 ^ name_hash(cx.name)))
    {
        builder = builder.fanout(group);
    }
    if !is_touched {
        return Ok(Unopened::boxed(FROM_HANDLERS));
    }
    let device = builder
        .open()
        .map_err(|error| ConfigError::new(error.to_string()).about("DEVNAME"))?;
    let number = device.interface_index().map_or(0, number);
    let port = Port::<_, Ingress>::with_file(device);
    Ok(Box::new(port.burst(burst).numbered(number)))
}

fn to_device(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let name = args.mandatory::<String>("DEVNAME");
    // Nothing is opened by an empty name: the reading ends before.
    let known = name.as_deref().unwrap_or_default();
    let burst = burst(args);
    // Nothing hangs on it.
    args.keyword::<bool>("DEBUG");
    let method = match method(args)? {
        Some(method) => method,
        None => *cx.shared(&key_of_method(known), || Ok(Method::AfPacket))?,
    };
    let is_touched = Host::of(cx)?.is_touched();
    if method == Method::AfXdp {
        let builder = xdp::sender(known, args);
        args.finish()?;
        if !is_touched {
            return Ok(Unopened::boxed(TO_HANDLERS));
        }
        let device = xdp::open_sender(&name?, builder, cx)?;
        return Ok(Box::new(Port::<_, Egress>::with_file(device).burst(burst)));
    }
    let mut builder = AfPacket::builder(known)
        .pool(cx.pool)
        .qdisc_bypass(args.keyword("QDISC_BYPASS").unwrap_or(false))
        .send_only();
    if let Some(slots) = args.keyword("RING") {
        builder = builder.transmit_ring(slots);
    }
    args.finish()?;
    if !is_touched {
        return Ok(Unopened::boxed(TO_HANDLERS));
    }
    let device = builder
        .open()
        .map_err(|error| ConfigError::new(error.to_string()).about("DEVNAME"))?;
    Ok(Box::new(Port::<_, Egress>::with_file(device).burst(burst)))
}

fn kernel_tap(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let address = args.mandatory::<KernelAddress>("ADDR");
    let named = args.keyword::<String>("DEVNAME");
    let mut name = named.unwrap_or_else(|| "tap%d".to_owned());
    // The kernel gives one name: the queues of further workers are of the interface that the first has made.
    let given = cx.common(|| Ok(OnceLock::new()))?;
    if let Some(given) = given.get() {
        name.clone_from(given);
    }
    let mut builder = Tap::builder(name).pool(cx.pool);
    if let Some(namespace) = args.keyword("NETNS") {
        builder = builder.namespace(Namespace::Named(namespace));
    }
    if let Some(address) = args.keyword("ETHER") {
        builder = builder.link_address(address);
    }
    if let Some(mtu) = args.keyword::<u16>("MTU") {
        builder = builder.mtu(mtu);
    }
    let burst = burst(args);
    // Nothing hangs on them.
    args.keyword::<usize>("HEADROOM");
    args.keyword::<bool>("IGNORE_QUEUE_OVERFLOWS");
    args.finish()?;
    let KernelAddress(address, length) = address?;
    if !Host::of(cx)?.is_touched() {
        return Ok(Unopened::boxed(TAP_HANDLERS));
    }
    if cx.workers > 1 {
        builder = builder.multi_queue();
    }
    let device = builder
        .address(address, length)
        .late()
        .open()
        .map_err(|error| ConfigError::new(error.to_string()))?;
    let number = number(device.interface_index());
    let name = given.get_or_init(|| device.name().to_owned()).clone();
    let port = Port::<_, Both>::with_file(device).burst(burst);
    let port = port.numbered(number).named(name).beginning(Tap::set_up);
    Ok(Box::new(port.only(cx.outputs > 0, cx.inputs > 0)))
}

/// What packets say of an interface of this index.
fn number(index: u32) -> u16 {
    index.try_into().unwrap_or(0)
}

/// How packets are moved between an interface and the graph.
#[derive(Clone, Copy, PartialEq)]
enum Method {
    AfPacket,
    AfXdp,
}

fn burst(args: &mut Args) -> usize {
    let burst = args.keyword("BURST").unwrap_or(usize::MAX);
    args.require("BURST", burst > 0, "BURST of at least one packet", burst);
    burst
}

/// Which arguments there are besides hangs on it: where it is wrong, they are not looked at.
fn method(args: &mut Args) -> Result<Option<Method>, ConfigError> {
    match args.take("METHOD").as_deref() {
        None => Ok(None),
        Some("AF_PACKET" | "LINUX") => Ok(Some(Method::AfPacket)),
        Some("AF_XDP") => Ok(Some(Method::AfXdp)),
        Some(word) => {
            Err(ConfigError::expected("METHOD AF_PACKET or AF_XDP", word).about("METHOD"))
        }
    }
}

/// How packets of this interface are received, as all its elements find it.
fn key_of_method(name: &str) -> String {
    format!("method of {name}")
}

/// Whether the kernel is to see the packets as well, which is as the method has it.
fn sniffer(args: &mut Args, method: Method) {
    let wrong = match (args.keyword("SNIFFER"), method) {
        (Some(false), Method::AfPacket) => ConfigError::new(
            "with AF_PACKET the kernel sees packets as well: expected SNIFFER true",
        )
        .help("METHOD AF_XDP keeps them from the kernel, as does a rule of its firewall"),
        (Some(true), Method::AfXdp) => {
            ConfigError::new("with AF_XDP the kernel does not see packets: expected SNIFFER false")
                .help("METHOD AF_PACKET")
        }
        _ => return,
    };
    args.refuse("SNIFFER", wrong);
}

/// The kernel's address, and the length of its prefix, which has to be there.
struct KernelAddress(Ipv4Addr, u8);

impl Arg for KernelAddress {
    const EXPECTED: &'static str = "an address with its prefix, such as 10.0.0.1/24,";

    fn parse(word: &str) -> Option<Self> {
        let InterfaceAddress { address, network } = InterfaceAddress::parse(word)?;
        Some(Self(address, network?.length()))
    }
}

/// The same on all workers, and unlike for unlike names.
fn name_hash(name: &str) -> u16 {
    name.bytes()
        .fold(0, |hash: u16, byte| hash.rotate_left(5) ^ u16::from(byte))
}

#[cfg(test)]
mod tests {
    use waypost_graph::{Options, Pool, Program, Source};

    use crate::host::Host;

    /// What is wrong with a text that is only checked.
    fn wrong(text: &str) -> String {
        let registry = crate::registry();
        let source = Source::new("checked", text);
        let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
        let program = program.share(Host::KEY, Host::default().without_files());
        let pool = Pool::builder().small(64).build().unwrap();
        let wrong = program.instances(2, &pool).err();
        wrong.map_or_else(String::new, |wrong| {
            wrong.iter().map(|it| format!("{it:#}")).collect()
        })
    }

    #[test]
    fn a_check_opens_no_interface_and_finds_what_is_wrong() {
        for text in [
            "FromDevice(no-such, PROMISC true, SNIFFER true) -> ToDevice(no-such, DEBUG true, RING 64);",
            "FromDevice(no-such, METHOD AF_XDP, SNIFFER false, PEER FINISHES) -> Queue -> ToDevice(no-such);",
            "KernelTap(10.0.0.1/8, DEVNAME no-such, ETHER 2:0:0:0:0:1) -> Discard;",
            "KernelTap(192.0.0.1/255.0.0.0) -> Discard;",
            "KernelTap(10.0.0.1/8, HEADROOM 64, IGNORE_QUEUE_OVERFLOWS true) -> Discard;",
            "FromDevice(no-such, METHOD LINUX, OUTBOUND true, FANOUT 7, HEADROOM 28, TIMESTAMP false) -> Discard;",
            "FromDevice(no-such, METHOD AF_XDP, BUSY_POLL 20, ZERO_COPY false, HEADROOM 28) -> Discard;",
            "Idle -> ToDevice(no-such, METHOD LINUX);",
        ] {
            assert_eq!(wrong(text), "", "{text}");
        }
        for (text, said) in [
            ("FromDevice(eth0, RING many) -> Discard;", "found `many`"),
            ("FromDevice(eth0, QUEUE 1) -> Discard;", "QUEUE"),
            ("FromDevice(eth0, OUTBOUND 2) -> Discard;", "OUTBOUND"),
            ("FromDevice(eth0, FANOUT 65536) -> Discard;", "FANOUT"),
            ("FromDevice(eth0, HEADROOM x) -> Discard;", "HEADROOM"),
            ("FromDevice(eth0, TIMESTAMP 2) -> Discard;", "TIMESTAMP"),
            ("FromDevice(eth0, BUSY_POLL 20) -> Discard;", "BUSY_POLL"),
            (
                "FromDevice(eth0, METHOD AF_XDP, BUSY_POLL often) -> Discard;",
                "BUSY_POLL",
            ),
            (
                "FromDevice(eth0, METHOD AF_XDP, ZERO_COPY 2) -> Discard;",
                "ZERO_COPY",
            ),
            (
                "FromDevice(eth0, SNIFFER false) -> Discard;",
                "AF_XDP keeps them",
            ),
            (
                "FromDevice(eth0, METHOD AF_XDP, SNIFFER true) -> Discard;",
                "expected SNIFFER false",
            ),
            ("FromDevice(eth0, METHOD PCAP) -> Discard;", "found `PCAP`"),
            ("Idle -> ToDevice(eth0, DEBUG much);", "found `much`"),
            (
                "Idle -> ToDevice(eth0, METHOD AF_XDP, QDISC_BYPASS true);",
                "QDISC_BYPASS",
            ),
            ("KernelTap(10.0.0.1) -> Discard;", "10.0.0.1/24"),
            (
                "KernelTap(10.0.0.1/8, ETHER tap0) -> Discard;",
                "an Ethernet address",
            ),
        ] {
            let found = wrong(text);
            assert!(found.contains(said), "{text}\n{found}");
        }
    }

    #[test]
    fn an_interface_is_sent_to_as_it_is_received_from() {
        // A queue is AF_XDP's alone.
        let ask = |from: &str, to: &str| {
            wrong(&format!(
                "FromDevice(eth0{from}) -> Discard; Idle -> ToDevice(eth0, QUEUE 0{to});"
            ))
        };
        assert_eq!(ask(", METHOD AF_XDP", ""), "");
        assert_eq!(ask("", ", METHOD AF_XDP"), "");
        assert!(ask("", "").contains("QUEUE"));
        assert!(ask(", METHOD AF_XDP", ", METHOD AF_PACKET").contains("QUEUE"));
    }
}
