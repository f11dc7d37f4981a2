//! A cable between the kernel's stack and a device, and frames to cross it.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Command;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use waypost_device::Namespace;
use waypost_netdev::{ChecksumState, DeviceError, FrameMeta, NetDev, RxFrame, TxFrame};
use waypost_tests::{Host, Net, skip};
use waypost_wire::{Checksum, Instant, IpProtocol, Ipv4Packet, UdpDatagram};

pub(crate) const NOW: Instant = Instant::ZERO;

/// After so long without anything, what should come does not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The stack's address, and that of whoever is behind the device.
pub(crate) const STACK: &str = "10.0.0.1";
pub(crate) const BEHIND: &str = "10.0.0.2";
const STACK_LINK: &str = "02:00:00:00:00:01";
const BEHIND_LINK: &str = "02:00:00:00:00:02";

pub(crate) fn net() -> Option<Net> {
    Net::new().map_err(|why| skip(&why)).ok()
}

/// `eth0` of a host, and at its other end `port0`, for a device.
pub(crate) struct Cable {
    pub(crate) host: Host,
    pub(crate) port: Host,
    _net: Net,
}

impl Cable {
    pub(crate) fn new() -> Option<Self> {
        Self::with_queues(1)
    }

    pub(crate) fn with_queues(queues: u32) -> Option<Self> {
        let net = net()?;
        let (host, port) = (net.host("host").unwrap(), net.host("port").unwrap());
        port.ip(&format!(
            "link add port0 address {BEHIND_LINK} numrxqueues {queues} numtxqueues {queues} type veth \
             peer name eth0 address {STACK_LINK} netns {} numrxqueues {queues} numtxqueues {queues}",
            host.namespace()
        ))
        .unwrap();
        port.ip("link set port0 up").unwrap();
        host.ip("link set eth0 up").unwrap();
        give_address(&host, "eth0");
        Some(Self {
            host,
            port,
            _net: net,
        })
    }

    /// Where `port0` lies.
    pub(crate) fn namespace(&self) -> Namespace {
        namespace(&self.port)
    }
}

/// Gives an interface the stack's address, and tells it who is at the other end.
pub(crate) fn give_address(host: &Host, interface: &str) {
    host.ip(&format!("address add {STACK}/24 dev {interface}"))
        .unwrap();
    know_neighbour(host, interface);
}

pub(crate) fn know_neighbour(host: &Host, interface: &str) {
    host.ip(&format!(
        "neighbour add {BEHIND} lladdr {BEHIND_LINK} dev {interface} nud permanent"
    ))
    .unwrap();
}

pub(crate) fn namespace(host: &Host) -> Namespace {
    Namespace::Named(host.namespace().to_owned())
}

/// Runs `f` on a thread in the host's namespace.
pub(crate) fn within<T: Send>(host: &Host, f: impl FnOnce() -> T + Send) -> T {
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    let file = File::open(format!("/run/netns/{}", host.namespace())).unwrap();
    let enter = || move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter().unwrap();
            f()
        });
        thread.join().unwrap()
    })
}

/// A socket of the stack that waits for as long as is sensible.
pub(crate) fn udp_socket(host: &Host, address: &str) -> UdpSocket {
    let socket = within(host, || UdpSocket::bind(address).unwrap());
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Waits until one of these is ready, or says of itself that it is not well.
pub(crate) fn wait(mut fds: Vec<PollFd<'_>>) {
    let patience = Timespec {
        tv_sec: PATIENCE.as_secs() as i64,
        tv_nsec: 0,
    };
    assert_ne!(poll(&mut fds, Some(&patience)).unwrap(), 0, "nothing comes");
}

pub(crate) fn readable(device: &impl AsFd) -> PollFd<'_> {
    PollFd::from_borrowed_fd(device.as_fd(), PollFlags::IN)
}

pub(crate) fn writable(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::OUT)
}

/// A received frame.
pub(crate) struct Received {
    pub(crate) octets: Vec<u8>,
    pub(crate) meta: FrameMeta,
}

/// Receives what is there.
pub(crate) fn receive_now(
    device: &mut impl NetDev,
    into: &mut Vec<Received>,
) -> Result<usize, DeviceError> {
    device.receive(NOW, 64, |frame| {
        into.push(Received {
            octets: frame.octets().to_vec(),
            meta: frame.meta(),
        });
    })
}

/// Waits for so many frames.
pub(crate) fn receive(device: &mut (impl NetDev + AsFd), count: usize) -> Vec<Received> {
    let mut received = Vec::new();
    loop {
        while receive_now(device, &mut received).unwrap() > 0 {}
        if received.len() >= count {
            return received;
        }
        wait(vec![readable(device)]);
    }
}

/// Receives until the device fails.
pub(crate) fn receive_error(device: &mut (impl NetDev + AsFd)) -> DeviceError {
    loop {
        match receive_now(device, &mut Vec::new()) {
            Err(error) => return error,
            Ok(0) => wait(vec![readable(device)]),
            Ok(_) => {}
        }
    }
}

/// Sends one frame, for which there is room; says whether it was taken.
pub(crate) fn send(
    device: &mut impl NetDev,
    octets: &[u8],
    meta: FrameMeta,
) -> Result<usize, DeviceError> {
    device.transmit(NOW, 1, |room| {
        room.send(octets.len(), meta, |room| room.copy_from_slice(octets));
    })
}

/// A datagram from behind the device to a port of the stack, from its IP header on.
pub(crate) fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = ([10, 0, 0, 2], [10, 0, 0, 1]);
    let len = (8 + payload.len()) as u16;
    let mut octets = vec![0x45, 0];
    octets.extend((20 + len).to_be_bytes());
    octets.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    octets.extend(source);
    octets.extend(destination);
    let sum = Checksum::new().add_bytes(&octets).finish();
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    octets.extend(4000_u16.to_be_bytes());
    octets.extend(port.to_be_bytes());
    octets.extend(len.to_be_bytes());
    octets.extend(pseudo_header(len).folded().to_be_bytes());
    octets.extend(payload);
    octets
}

fn pseudo_header(len: u16) -> Checksum {
    let (source, destination) = ([10, 0, 0, 2], [10, 0, 0, 1]);
    Checksum::ipv4_pseudo_header(source.into(), destination.into(), IpProtocol::UDP, len)
}

/// The same behind an Ethernet header, finished.
pub(crate) fn frame(port: u16, payload: &[u8]) -> Vec<u8> {
    let (mut octets, meta) = unfinished(port, payload);
    let ChecksumState::Partial { start, offset } = meta.checksum else {
        unreachable!("it is unfinished")
    };
    assert!(waypost_netdev::complete_checksum(
        &mut octets,
        start.into(),
        offset.into()
    ));
    octets
}

/// The same, with its checksum left to the device.
pub(crate) fn unfinished(port: u16, payload: &[u8]) -> (Vec<u8>, FrameMeta) {
    let mut octets = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    octets.extend(datagram(port, payload));
    let meta = FrameMeta {
        checksum: ChecksumState::Partial {
            start: 34,
            offset: 6,
        },
        ..FrameMeta::default()
    };
    (octets, meta)
}

/// The payload of a datagram with right checksums; `None` if a checksum is wrong, or it is something else.
pub(crate) fn payload(packet: &[u8]) -> Option<&[u8]> {
    let ip = Ipv4Packet::parse(packet).ok()?;
    let udp = UdpDatagram::parse(ip.payload()).ok()?;
    let right = ip.has_valid_checksum()
        && udp.has_valid_checksum(ip.header().source(), ip.header().destination());
    right.then(|| udp.payload())
}

/// Receives so many datagrams; each must hold its number, and their payloads must be what `expected` says.
pub(crate) fn expect(socket: &UdpSocket, expected: impl IntoIterator<Item = Vec<u8>>) {
    let mut room = [0; 65_536];
    for expected in expected {
        let len = socket.recv(&mut room).expect("the datagram comes");
        assert_eq!(&room[..len], expected);
    }
}

/// Says that nothing waits for a socket of the stack.
pub(crate) fn expect_nothing(socket: &UdpSocket) {
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 2048]).is_err(), "nothing more comes");
    socket.set_nonblocking(false).unwrap();
}

/// What `ethtool -k` says of one feature of an interface.
pub(crate) fn feature(host: &Host, interface: &str, feature: &str) -> String {
    let said = host.run(&format!("ethtool -k {interface}")).unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = said
        .lines()
        .find_map(|line| line.trim().strip_prefix(feature));
    line.expect("the feature is known")
        .trim_start_matches(':')
        .trim()
        .to_owned()
}

/// What a program of the host says.
pub(crate) fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
