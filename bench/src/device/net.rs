//! Two virtual wires: from a sender to a forwarder, from it to a receiver that only counts.

use std::fs::File;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use waypost_tests::{Host, Net};

/// The frame's UDP datagram goes from here to there.
const SOURCE: &str = "10.1.0.2";
const DESTINATION: &str = "10.2.0.2";

/// How long packets flow before they are counted, and while they are.
const WARM_UP: Duration = Duration::from_millis(200);
const TURN: Duration = Duration::from_millis(800);

/// The three namespaces. The forwarder's interfaces are `in0` and `out0`; the receiver's interface has no address: its kernel
/// counts frames and looks no further.
pub(super) struct Wires {
    pub(super) sender: Host,
    pub(super) forwarder: Host,
    receiver: Host,
    /// Dropped last: the hosts are of it.
    _net: Net,
}

impl Wires {
    pub(super) fn new() -> Result<Self, String> {
        let net = Net::new()?;
        let (sender, forwarder, receiver) = (
            net.host("sender")?,
            net.host("forwarder")?,
            net.host("receiver")?,
        );
        net.link((&sender, "out0"), (&forwarder, "in0"))?;
        net.link((&forwarder, "out0"), (&receiver, "in0"))?;
        let this = Self {
            sender,
            forwarder,
            receiver,
            _net: net,
        };
        // What the kernel's own forwarding wants.
        let forwarder = &this.forwarder;
        for interface in ["all", "in0"] {
            forwarder.sysctl(&format!("net.ipv4.conf.{interface}.rp_filter"), "0")?;
        }
        forwarder.ip(&format!("route add {SOURCE}/32 dev in0"))?;
        forwarder.ip(&format!("route add {DESTINATION}/32 dev out0"))?;
        Ok(this)
    }

    /// The frame that is sent: 60 octets, to the forwarder's interface.
    pub(super) fn frame(&self) -> Result<Vec<u8>, String> {
        let octets = |address: String| -> Vec<u8> {
            let parts = address.split(':');
            parts
                .filter_map(|part| u8::from_str_radix(part, 16).ok())
                .collect()
        };
        let mut frame = octets(self.forwarder.link_address("in0")?);
        frame.extend(octets(self.sender.link_address("out0")?));
        frame.extend([8, 0]);
        // IPv4, UDP, no checksum of the datagram.
        let mut ip = vec![0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0];
        ip.extend([10, 1, 0, 2, 10, 2, 0, 2]);
        let sum = waypost::wire::Checksum::new().add_bytes(&ip).finish();
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        frame.extend(ip);
        frame.extend([0x13, 0x88, 0, 9, 0, 26, 0, 0]);
        frame.resize(60, 0);
        Ok(frame)
    }

    /// Lets the kernel forward, on the core whose mask this is, or no more.
    pub(super) fn kernel_forwards(&self, mask: Option<usize>) -> Result<(), String> {
        let (forwards, mask) = (i32::from(mask.is_some()), mask.unwrap_or(0));
        // Each time: the entry goes when a program on the interface goes.
        let far = self.receiver.link_address("in0")?;
        self.forwarder.ip(&format!(
            "neighbor replace {DESTINATION} lladdr {far} dev out0 nud permanent"
        ))?;
        self.forwarder
            .sysctl("net.ipv4.ip_forward", &forwards.to_string())?;
        let set = format!("echo {mask:x} > /sys/class/net/in0/queues/rx-0/rps_cpus");
        let said = self.forwarder.command("sh").args(["-c", &set]).output();
        match said {
            Ok(output) if output.status.success() => Ok(()),
            other => Err(format!("cannot choose the kernel's core: {other:?}")),
        }
    }

    /// Frames that have arrived so far.
    fn arrived(&self) -> Result<u64, String> {
        let said = self
            .receiver
            .run("cat /sys/class/net/in0/statistics/rx_packets")?;
        let text = String::from_utf8_lossy(&said.stdout);
        text.trim()
            .parse()
            .map_err(|_| format!("expected a count of frames, found `{text}`"))
    }

    /// Counts for a while what arrives; says nanoseconds from one to the next.
    pub(super) fn count(&self) -> Result<f64, String> {
        std::thread::sleep(WARM_UP);
        let (before, begun) = (self.arrived()?, Instant::now());
        std::thread::sleep(TURN);
        let (after, elapsed) = (self.arrived()?, begun.elapsed());
        match after - before {
            0 => Err("nothing arrived".to_owned()),
            count => Ok(elapsed.as_nanos() as f64 / count as f64),
        }
    }
}

/// Moves the calling thread into a host's namespace.
pub(super) fn enter(host: &Host) -> Result<(), String> {
    let path = format!("/run/netns/{}", host.namespace());
    let file = File::open(&path).map_err(|error| format!("{path}: {error}"))?;
    move_into_link_name_space(
        std::os::fd::AsFd::as_fd(&file),
        Some(LinkNameSpaceType::Network),
    )
    .map_err(|error| format!("entering {path}: {error}"))
}
