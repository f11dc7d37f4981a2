//! A stream between two stacks, over two devices and a loop in between.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use waypost_netdev::{ChecksumState, NetDev, RxFrame};
use waypost_packet::{Allocator, IntoPacket, Packet, Pool, SendPacket};
use waypost_tests::{Host, Net};

use super::support::{BEHIND, NOW, STACK, net, readable, wait, within, writable};

/// What came in at a device.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) frames: usize,
    pub(crate) unfinished: usize,
    pub(crate) super_segments: usize,
    pub(crate) longest: usize,
}

/// Frames for what crosses.
pub(crate) fn frames() -> Pool {
    let pool = Pool::builder().small(8192).large(256);
    pool.build().unwrap()
}

/// Two hosts, each at a cable whose other end lies in a third namespace: `port0` and `port1`.
pub(crate) struct TwoCables {
    pub(crate) hosts: [Host; 2],
    pub(crate) between: Host,
    _net: Net,
}

impl TwoCables {
    pub(crate) fn new() -> Option<Self> {
        let net = net()?;
        let [left, right, between] =
            ["left", "right", "between"].map(|name| net.host(name).unwrap());
        for (host, port, address) in [(&left, "port0", STACK), (&right, "port1", BEHIND)] {
            net.link((host, "eth0"), (&between, port)).unwrap();
            host.ip(&format!("address add {address}/24 dev eth0"))
                .unwrap();
        }
        Some(Self {
            hosts: [left, right],
            between,
            _net: net,
        })
    }

    /// A stream from host to host, as [`stream`] does it.
    pub(crate) fn stream<A, B>(&self, pool: &Pool, a: &mut A, b: &mut B) -> [Seen; 2]
    where
        A: NetDev + AsFd,
        B: NetDev + AsFd,
        for<'a> A::RxFrame<'a>: IntoPacket,
        for<'a> A::TxFrame<'a>: SendPacket,
        for<'a> B::RxFrame<'a>: IntoPacket,
        for<'a> B::TxFrame<'a>: SendPacket,
    {
        stream([&self.hosts[0], &self.hosts[1]], BEHIND, pool, a, b)
    }
}

/// Sends octets by TCP from the stack of one host to that of the other, at this address, and back; over two devices that are
/// connected by the calling thread. Says what came in at each.
pub(crate) fn stream<A, B>(
    hosts: [&Host; 2],
    address: &str,
    pool: &Pool,
    a: &mut A,
    b: &mut B,
) -> [Seen; 2]
where
    A: NetDev + AsFd,
    B: NetDev + AsFd,
    for<'a> A::RxFrame<'a>: IntoPacket,
    for<'a> A::TxFrame<'a>: SendPacket,
    for<'a> B::RxFrame<'a>: IntoPacket,
    for<'a> B::TxFrame<'a>: SendPacket,
{
    const OCTETS: usize = 4 << 20;
    let content: Vec<u8> = (0..OCTETS as u32)
        .map(|at| (at.wrapping_mul(at) >> 9) as u8)
        .collect();
    let listener = within(hosts[1], || TcpListener::bind((address, 5001)).unwrap());
    let (end, other_end) = UnixStream::pair().unwrap();
    let mut seen = [Seen::default(), Seen::default()];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            stream.write_all(&received).unwrap();
        });
        let content = &content;
        let client = scope.spawn(move || {
            // Closed at the end, however that comes.
            let _end = other_end;
            let mut stream = within(hosts[0], || TcpStream::connect((address, 5001)).unwrap());
            stream.write_all(content).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            assert!(received == *content, "what comes back is what was sent");
        });
        let (mut frames, [from_a, from_b]) = (pool.allocator(), &mut seen);
        let (mut to_a, mut to_b) = (VecDeque::new(), VecDeque::new());
        while !client.is_finished() {
            let mut moved = 0;
            if to_b.is_empty() {
                moved += take(a, b, &mut frames, &mut to_b, from_a);
            }
            if to_a.is_empty() {
                moved += take(b, a, &mut frames, &mut to_a, from_b);
            }
            moved += give(a, &mut to_a) + give(b, &mut to_b);
            if moved > 0 {
                continue;
            }
            let mut ready = vec![readable(&end)];
            ready.push(if to_b.is_empty() {
                readable(a)
            } else {
                writable(b.as_fd())
            });
            ready.push(if to_a.is_empty() {
                readable(b)
            } else {
                writable(a.as_fd())
            });
            wait(ready);
        }
        client.join().unwrap();
    });
    seen
}

/// Receives from a device, and finishes what the other does not.
fn take<A, B>(
    from: &mut A,
    to: &B,
    frames: &mut Allocator,
    queue: &mut VecDeque<Packet>,
    seen: &mut Seen,
) -> usize
where
    A: NetDev,
    B: NetDev,
    for<'a> A::RxFrame<'a>: IntoPacket,
{
    let mut packets = Vec::new();
    let count = from.receive(NOW, 32, |frame| {
        let meta = frame.meta();
        seen.frames += 1;
        seen.unfinished += usize::from(matches!(meta.checksum, ChecksumState::Partial { .. }));
        seen.super_segments += usize::from(meta.segmentation.is_some());
        seen.longest = seen.longest.max(frame.octets().len());
        packets.push(frame.into_packet(frames).expect("the pool has a frame"));
    });
    let (medium, offloads) = (to.capabilities().medium, to.capabilities().offloads);
    for mut packet in packets {
        if packet.wants_splitting(offloads) {
            let missing = frames.split(&packet, medium, |piece| queue.push_back(piece));
            assert_eq!(missing, Ok(0));
        } else {
            assert!(packet.finish(offloads));
            queue.push_back(packet);
        }
    }
    count.unwrap()
}

/// Sends what the device has room for.
fn give<D>(device: &mut D, queue: &mut VecDeque<Packet>) -> usize
where
    D: NetDev,
    for<'a> D::TxFrame<'a>: SendPacket,
{
    if queue.is_empty() {
        return 0;
    }
    let room = device.room(NOW).min(queue.len());
    let sent = device.transmit(NOW, room, |slot| {
        let packet = queue.pop_front().expect("no more room than packets");
        slot.send_packet(packet).expect("it is not too long");
    });
    assert_eq!(sent, Ok(room), "there was room");
    room
}
