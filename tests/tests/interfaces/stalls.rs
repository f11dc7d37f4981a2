//! Back-pressure from end to end: what nobody has room for is not read, and what an interface does not take is not made.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use waypost_device::Namespace;
use waypost_device::af_packet::{AfPacket, AfPacketTx};
use waypost_netdev::{FrameMeta, NetDev, RxFrame, TxFrame};
use waypost_tests::{Host, Net, Running};
use waypost_wire::Instant;

use super::{answer, cable, graph};

/// A graph's device, and where its other end lies.
struct Device {
    port: Host,
    /// The other end: an interface of a host.
    far: (Host, &'static str),
    _net: Net,
}

impl Device {
    /// One end of a cable.
    fn of_cable() -> Option<Self> {
        let (port, far, _net) = cable()?;
        Some(Self {
            port,
            far: (far, "eth0"),
            _net,
        })
    }

    /// A tap, which the graph makes: its other end is an interface beside it.
    fn of_tap() -> Option<Self> {
        let (port, _, _net) = cable()?;
        Some(Self {
            far: (port.clone(), "tap0"),
            port,
            _net,
        })
    }

    /// Runs a text in which an element `go` counts what [`go`](Self::go) sends.
    fn run(&self, text: &str, handlers: &[&str]) -> Running {
        let text = format!("{text} FromDevice(lo) -> go :: Counter -> Discard;");
        let mut command = graph(&self.port, &text);
        command.args(["--frames", "4096"]);
        command.args(handlers.iter().flat_map(|it| ["-h", it]));
        let mut running = self.port.spawn(&mut command).unwrap();
        running.wait_for("running").unwrap();
        running
    }

    /// Tells the graph's script to go on.
    fn go(&self) {
        let pinged = self.port.run("ping -c 1 127.0.0.1").unwrap();
        assert!(pinged.status.success());
    }

    /// The other end.
    fn far(&self) -> AfPacket {
        let (host, interface) = &self.far;
        let namespace = Namespace::Named(host.namespace().to_owned());
        let builder = AfPacket::builder(*interface).namespace(namespace);
        builder.promiscuous(true).open().unwrap()
    }
}

/// A protocol that no stack answers.
const PROTOCOL: [u8; 2] = [0x88, 0xb5];

fn send(device: &mut AfPacket, frames: u64) {
    let mut octets = [0xff; 60];
    octets[12..14].copy_from_slice(&PROTOCOL);
    while device.statistics().sent < frames {
        let left = frames - device.statistics().sent - device.unsent() as u64;
        let each = |room: AfPacketTx<'_>| {
            room.send(60, FrameMeta::default(), |room| {
                room.copy_from_slice(&octets);
            });
        };
        device.transmit(Instant::ZERO, left as usize, each).unwrap();
    }
}

/// Frames come to a graph whose sink is stalled: it reads as many as its queue has room for. Once the sink runs, all that came
/// before and comes after is there.
fn waits_in_the_kernel(device: &Device, from: &str, frames: u64) {
    let text = format!(
        "from :: {from} -> c :: Classifier(12/88b5, -); c[1] -> Discard;
         c[0] -> q :: Queue(100, ON_FULL BLOCK) -> u :: Unqueue(ACTIVE false) -> d :: Discard;
         Script(label before, wait 0.01, goto before $(eq $(go.count) 0), goto before $(ne $(q.length) 100),
                print \"read $(c.packets), queued $(q.length)\", write u.active true,
                label after, wait 0.01, goto after $(lt $(d.count) {frames}),
                print \"resumed\", label rest, wait 0.01, goto rest $(lt $(d.count) {}), stop);",
        frames + 500
    );
    let handlers = ["d.count", "from.drops", "q.drops"];
    let mut running = device.run(&text, &handlers);
    let mut far = device.far();
    send(&mut far, frames);
    device.go();
    let said = running.wait_for("queued").unwrap();
    assert!(said.contains("read 100, queued 100\n"), "{from}: {said}");
    running.wait_for("resumed").unwrap();
    send(&mut far, frames + 500);
    let said = running.finish().unwrap();
    assert_eq!(
        handlers.map(|it| answer(&said, it)),
        [frames + 500, 0, 0],
        "{from}"
    );
}

#[test]
fn what_nobody_has_room_for_waits_in_the_ring_of_af_packet() {
    let Some(device) = Device::of_cable() else {
        return;
    };
    // The pool has fewer frames than come in.
    waits_in_the_kernel(&device, "FromDevice(port0, PROMISC true)", 5000);
}

#[test]
fn what_nobody_has_room_for_waits_in_the_ring_of_af_xdp() {
    for mode in ["NATIVE", "GENERIC"] {
        let Some(device) = Device::of_cable() else {
            return;
        };
        let from = format!(
            "FromDevice(port0, METHOD AF_XDP, MODE {mode}, PROMISC true, RING 2048, PEER FINISHES)"
        );
        waits_in_the_kernel(&device, &from, 2000);
    }
}

#[test]
fn what_nobody_has_room_for_waits_in_the_queue_of_a_tap() {
    let Some(device) = Device::of_tap() else {
        return;
    };
    // The kernel keeps a thousand.
    waits_in_the_kernel(&device, "KernelTap(10.0.0.1/24, DEVNAME tap0)", 900);
}

/// An interface takes nothing for a while: the source is not asked for more than the device keeps, and all arrives in the end.
fn is_not_made(device: &Device, to: &str, interface: &str) {
    const FRAMES: u64 = 20_000;
    let text = format!(
        "s :: InfiniteSource(DATA \\<ffffffffffff 020000000009 88b5>, LENGTH 60, LIMIT {FRAMES}, ACTIVE false) -> to :: {to};
         Script(label before, wait 0.01, goto before $(eq $(go.count) 0), write s.active true,
                label down, wait 0.01, goto down $(ne $(to.state) down), print \"made $(s.count)\",
                label after, wait 0.01, goto after $(lt $(to.{}) {FRAMES}), stop);",
        if to.starts_with("KernelTap") { "sent" } else { "count" }
    );
    let mut running = device.run(&text, &["s.count", "to.drops"]);
    device
        .port
        .ip(&format!("link set {interface} down"))
        .unwrap();
    device.go();
    let said = running.wait_for("made").unwrap();
    let (_, made) = said.trim().rsplit_once("made ").unwrap();
    let made: u64 = made.parse().unwrap();
    assert!((1..=4096).contains(&made), "{to}: {made}");
    let mut far = device.far();
    device.port.ip(&format!("link set {interface} up")).unwrap();
    let mut count = 0;
    while count < FRAMES {
        let mut others = 0;
        let received = far.receive(Instant::ZERO, 64, |frame| {
            others += u64::from(frame.octets()[12..14] != PROTOCOL);
        });
        // At a tap both ends are one interface.
        let received = received.unwrap_or_default() as u64;
        count += received - others;
        if received == 0 {
            let mut ready = [PollFd::new(&far, PollFlags::IN)];
            let patience = Timespec {
                tv_sec: 30,
                tv_nsec: 0,
            };
            let woken = poll(&mut ready, Some(&patience)).unwrap();
            assert_ne!(woken, 0, "{to}: {count} came");
        }
    }
    let said = running.finish().unwrap();
    let counted = ["s.count", "to.drops"].map(|it| answer(&said, it));
    assert_eq!((count, counted), (FRAMES, [FRAMES, 0]), "{to}");
}

#[test]
fn what_waits_for_an_interface_is_sent_when_it_is_up_again() {
    for method in ["AF_PACKET", "AF_PACKET, RING 64", "AF_XDP"] {
        let Some(device) = Device::of_cable() else {
            return;
        };
        let to = format!("ToDevice(port0, METHOD {method})");
        is_not_made(&device, &to, "port0");
    }
    let Some(device) = Device::of_tap() else {
        return;
    };
    let to = "KernelTap(10.0.0.1/24, DEVNAME tap0)";
    is_not_made(&device, to, "tap0");
}
