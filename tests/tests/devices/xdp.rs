//! AF_XDP, in the driver and in the kernel's generic path.

use std::collections::BTreeSet;

use waypost_device::xdp::{Peer, Umem, Xdp, XdpBuilder, XdpMode};
use waypost_netdev::{ChecksumState, DeviceError, FrameMeta, Medium, NetDev, TxFrame};
use waypost_packet::{Packet, Pool, SendPacket};

use super::bridge::{TwoCables, frames};
use super::support::*;

const MODES: [XdpMode; 2] = [XdpMode::Native, XdpMode::Generic];

/// `port0` of a cable, whose other end finishes its frames.
fn builder(cable: &Cable) -> XdpBuilder {
    let builder = Xdp::builder("port0").namespace(cable.namespace());
    builder.ring(256).peer(Peer::Told {
        namespace: namespace(&cable.host),
        name: "eth0".to_owned(),
    })
}

/// Sends a packet, for which there is room.
pub(super) fn send_packet<D>(device: &mut D, packet: Packet)
where
    D: NetDev,
    for<'a> D::TxFrame<'a>: SendPacket,
{
    while device.room(NOW) == 0 {}
    let mut packet = Some(packet);
    let sent = device.transmit(NOW, 1, |room| {
        let packet = packet.take().expect("one was asked for");
        room.send_packet(packet).expect("it is not too long");
    });
    assert_eq!(sent, Ok(1));
}

fn all_frames_are_back(pool: &Pool) {
    let counted = pool.statistics();
    assert_eq!(counted.free, counted.total);
}

#[test]
fn datagrams_cross_both_ways() {
    let Some(cable) = Cable::new() else { return };
    let pool = frames();
    let umem = Umem::new(&pool);
    for mode in MODES {
        let mut device = builder(&cable).mode(mode).open(&umem).unwrap();
        let capabilities = device.capabilities();
        assert!(matches!(capabilities.medium, Medium::Ethernet(it) if it.octets()[5] == 2));
        assert_eq!(
            (capabilities.mtu, capabilities.offloads),
            (1500, Default::default())
        );
        let socket = udp_socket(&cable.host, "10.0.0.1:5000");
        for number in 0..600_u16 {
            let content = vec![number as u8; usize::from(number) + 1];
            socket.send_to(&content, (BEHIND, 5000)).unwrap();
            let received = receive(&mut device, 1);
            assert_eq!(payload(&received[0].octets[14..]), Some(&content[..]));
            assert_eq!(
                send(&mut device, &frame(5000, &content), FrameMeta::default()),
                Ok(1)
            );
            expect(&socket, [content]);
        }
        let counted = device.statistics();
        assert_eq!((counted.received, counted.sent), (600, 600));
        assert_eq!(
            (counted.overruns, counted.truncated, counted.refused),
            (0, 0, 0)
        );
        let (receiver, sender) = device.split();
        let receiver = receiver.unwrap();
        assert_eq!(receiver.mode(), Some(mode));
        assert!(!receiver.is_zero_copy() && !sender.is_zero_copy());
        drop((receiver, sender));
        all_frames_are_back(&pool);
    }
}

#[test]
fn a_stream_crosses_two_interfaces_over_one_region() {
    for mode in MODES {
        let Some(two) = TwoCables::new() else { return };
        let pool = frames();
        let umem = Umem::new(&pool);
        let [mut a, mut b] = [0, 1].map(|at| {
            let builder = Xdp::builder(format!("port{at}")).namespace(namespace(&two.between));
            let builder = builder.mode(mode).promiscuous(true).peer(Peer::Told {
                namespace: namespace(&two.hosts[at]),
                name: "eth0".to_owned(),
            });
            builder.open(&umem).unwrap()
        });
        let copies = pool.statistics().heap_copies;
        let seen = two.stream(&pool, &mut a, &mut b);
        for seen in seen {
            assert!(seen.frames > 1000 && seen.longest <= 1514, "{seen:?}");
        }
        for device in [&mut a, &mut b] {
            let counted = device.statistics();
            assert_eq!((counted.truncated, counted.refused), (0, 0));
        }
        assert_eq!(pool.statistics().heap_copies, copies);
        drop((a, b));
        all_frames_are_back(&pool);
    }
}

#[test]
fn queues_of_an_interface_share_its_flows() {
    let Some(cable) = Cable::with_queues(2) else {
        return;
    };
    let pool = frames();
    let umem = Umem::new(&pool);
    for mode in MODES {
        let mut devices = builder(&cable).mode(mode).open_queues(2, &umem).unwrap();
        assert_eq!(devices.len(), 2);
        let (mut received, mut counts) = (Vec::new(), [0, 0]);
        for number in 0..256_u16 {
            let socket = udp_socket(&cable.host, "10.0.0.1:0");
            socket
                .send_to(&number.to_be_bytes(), (BEHIND, 5000))
                .unwrap();
            let before = received.len();
            while received.len() == before {
                wait(devices.iter().map(readable).collect());
                for (device, count) in devices.iter_mut().zip(&mut counts) {
                    *count += receive_now(device, &mut received).unwrap();
                }
            }
        }
        let numbers = received.iter().map(|it| it.octets[42..44].to_vec());
        assert_eq!(numbers.collect::<BTreeSet<_>>().len(), 256);
        assert_eq!(received.len(), 256);
        if mode == XdpMode::Native {
            assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
        }
        let socket = udp_socket(&cable.host, "10.0.0.1:5000");
        for device in &mut devices {
            for _ in 0..10 {
                assert_eq!(
                    send(device, &frame(5000, b"of each"), FrameMeta::default()),
                    Ok(1)
                );
                expect(&socket, [b"of each".to_vec()]);
            }
        }
        drop(devices);
        all_frames_are_back(&pool);
    }
}

#[test]
fn packets_that_do_not_lie_in_the_region_for_the_kernel_are_copied() {
    let Some(cable) = Cable::new() else { return };
    let (pool, other) = (frames(), frames());
    let umem = Umem::new(&pool);
    let socket = udp_socket(&cable.host, "10.0.0.1:5000");
    for mode in MODES {
        let mut device = builder(&cable).mode(mode).open(&umem).unwrap();
        let (mut own, mut others) = (pool.allocator(), other.allocator());
        for round in 0..50_u8 {
            let content = |number: u8| vec![round ^ number; 200];
            // Of the pool, of another, of the heap, of a larger class of the pool.
            send_packet(&mut device, own.copy(&frame(5000, &content(1))).unwrap());
            send_packet(&mut device, others.copy(&frame(5000, &content(2))).unwrap());
            send_packet(
                &mut device,
                Packet::on_heap(&frame(5000, &content(3))).unwrap(),
            );
            let mut large = own.packet_for(20_000).unwrap();
            let octets = frame(5000, &content(4));
            large.append(octets.len()).unwrap().copy_from_slice(&octets);
            send_packet(&mut device, large);
            // The same octets twice, and a third time from whoever keeps them.
            let mut shared = own.copy(&frame(5000, &content(5))).unwrap();
            let second = shared.share(&mut own).unwrap();
            let kept = shared.share(&mut own).unwrap();
            send_packet(&mut device, shared);
            send_packet(&mut device, second);
            assert_eq!(kept.octets(), frame(5000, &content(5)));
            drop(kept);
            // What was left to a device.
            let (octets, meta) = unfinished(5000, &content(6));
            let mut packet = own.copy(&octets).unwrap();
            packet.set_frame_meta(meta);
            send_packet(&mut device, packet);
            assert_eq!(send(&mut device, &octets, meta), Ok(1));
            expect(&socket, [1, 2, 3, 4, 5, 5, 6, 6].map(content));
        }
        let counted = device.statistics();
        assert_eq!((counted.sent, counted.refused), (50 * 8, 0));
        drop((device, own, others));
        all_frames_are_back(&pool);
        all_frames_are_back(&other);
    }
}

#[test]
fn what_was_sent_is_there_for_others() {
    let Some(cable) = Cable::new() else { return };
    for mode in MODES {
        // Beside those that the kernel has, no more than the free list of one may hold.
        let pool = Pool::builder().small(64 + 8).build().unwrap();
        let umem = Umem::new(&pool);
        let mut device = builder(&cable).ring(64).mode(mode).open(&umem).unwrap();
        let mut frames = pool.allocator();
        for number in 0..100 {
            let begun = std::time::Instant::now();
            let packet = loop {
                // The kernel says a little later what it has sent.
                device.room(NOW);
                match frames.copy(&frame(5000, &[number; 20])) {
                    Some(packet) => break packet,
                    None => assert!(begun.elapsed() < PATIENCE, "{number} were sent"),
                }
            };
            send_packet(&mut device, packet);
        }
    }
}

#[test]
fn shared_octets_that_are_unfinished_are_finished_in_a_copy() {
    let Some(cable) = Cable::new() else { return };
    let pool = frames();
    let mut device = builder(&cable).open(&Umem::new(&pool)).unwrap();
    let socket = udp_socket(&cable.host, "10.0.0.1:5000");
    let mut own = pool.allocator();
    // A copy of one that another way has to go has its description too.
    let other = frames();
    for frames in [&pool, &other] {
        let (octets, meta) = unfinished(5000, b"twice");
        let mut first = frames.allocator().copy(&octets).unwrap();
        first.set_frame_meta(meta);
        let second = first.share(&mut own).unwrap();
        send_packet(&mut device, first);
        assert_eq!(
            second.octets(),
            octets,
            "what somebody else sees does not change"
        );
        send_packet(&mut device, second);
        expect(&socket, [b"twice".to_vec(), b"twice".to_vec()]);
    }
}

#[test]
fn what_cannot_be_sent_is_counted() {
    let Some(cable) = Cable::new() else { return };
    let pool = frames();
    let mut device = builder(&cable).open(&Umem::new(&pool)).unwrap();
    let wrong = FrameMeta {
        checksum: ChecksumState::Partial {
            start: 40_000,
            offset: 6,
        },
        ..FrameMeta::default()
    };
    let octets = frame(5000, b"lost");
    send(&mut device, &octets, wrong).unwrap();
    send(&mut device, &[], FrameMeta::default()).unwrap();
    assert_eq!(device.statistics().refused, 2);
    let mut back = None;
    let sent = device.transmit(NOW, 1, |room| {
        assert_eq!(room.capacity(), 1792);
        back = room.send_packet(Packet::on_heap(&[0; 1793]).unwrap()).err();
    });
    assert_eq!((sent, back.map(|it| it.len())), (Ok(0), Some(1793)));
    let socket = udp_socket(&cable.host, "10.0.0.1:5000");
    send(&mut device, &frame(5000, b"after"), FrameMeta::default()).unwrap();
    expect(&socket, [b"after".to_vec()]);
}

#[test]
fn either_half_may_go_first_and_the_queue_can_be_opened_again() {
    let Some(cable) = Cable::new() else { return };
    let pool = frames();
    let umem = Umem::new(&pool);
    let socket = udp_socket(&cable.host, "10.0.0.1:5000");
    for mode in MODES {
        for receiver_first in [true, false] {
            let device = builder(&cable).mode(mode).open(&umem).unwrap();
            let (receiver, mut sender) = device.split();
            let mut receiver = receiver.unwrap();
            let answer = |sender: &mut _| {
                for _ in 0..300 {
                    assert_eq!(
                        send(sender, &frame(5000, b"sent"), FrameMeta::default()),
                        Ok(1)
                    );
                    expect(&socket, [b"sent".to_vec()]);
                }
            };
            socket.send_to(b"first", (BEHIND, 5000)).unwrap();
            assert_eq!(receive(&mut receiver, 1).len(), 1);
            answer(&mut sender);
            if receiver_first {
                drop(receiver);
                // More than there are frames to receive into.
                for _ in 0..1000 {
                    socket.send_to(b"nobody", (BEHIND, 5000)).unwrap();
                }
                answer(&mut sender);
                drop(sender);
            } else {
                drop(sender);
                for _ in 0..300 {
                    socket.send_to(b"second", (BEHIND, 5000)).unwrap();
                    let received = receive(&mut receiver, 1);
                    assert_eq!(payload(&received[0].octets[14..]), Some(&b"second"[..]));
                }
                drop(receiver);
            }
            all_frames_are_back(&pool);
        }
    }
}

#[test]
fn a_queue_that_was_just_closed_can_be_opened() {
    let Some(cable) = Cable::new() else { return };
    let pool = frames();
    let umem = Umem::new(&pool);
    for round in 0..20 {
        let mode = MODES[round % 2];
        let mut device = builder(&cable).mode(mode).open(&umem).unwrap();
        let socket = udp_socket(&cable.host, "10.0.0.1:0");
        socket.send_to(b"hello", (BEHIND, 5000)).unwrap();
        assert_eq!(receive(&mut device, 1).len(), 1);
        drop(device);
        all_frames_are_back(&pool);
    }
}

#[test]
fn frames_without_room_are_counted_and_it_goes_on() {
    const FRAMES: u64 = 2000;
    let Some(cable) = Cable::new() else { return };
    let pool = frames();
    let umem = Umem::new(&pool);
    let socket = udp_socket(&cable.host, "10.0.0.1:0");
    for mode in MODES {
        let mut device = builder(&cable).mode(mode).ring(64).open(&umem).unwrap();
        for number in 0..FRAMES {
            socket
                .send_to(&number.to_be_bytes(), (BEHIND, 5000))
                .unwrap();
        }
        let mut received = Vec::new();
        while receive_now(&mut device, &mut received).unwrap() > 0 {}
        assert!(
            (64..FRAMES as usize).contains(&received.len()),
            "{}",
            received.len()
        );
        assert!(received.iter().map(|it| &it.octets[42..50]).is_sorted());
        for _ in 0..200 {
            socket.send_to(b"after", (BEHIND, 5000)).unwrap();
            let received = receive(&mut device, 1);
            assert_eq!(payload(&received[0].octets[14..]), Some(&b"after"[..]));
        }
    }
}

#[test]
fn the_peer_is_told_to_finish_its_frames_and_told_back() {
    let Some(cable) = Cable::new() else { return };
    let pool = frames();
    let umem = Umem::new(&pool);
    let state = || {
        ["tx-checksumming", "tx-tcp-segmentation"]
            .map(|it| feature(&cable.host, "eth0", it) == "on")
    };
    assert_eq!(state(), [true, true]);
    for mode in MODES {
        let device = builder(&cable).mode(mode).open(&umem).unwrap();
        assert_eq!(state(), [false, false]);
        drop(device);
        assert_eq!(state(), [true, true]);
        // Nor when only one half is left.
        let (receiver, sender) = builder(&cable).mode(mode).open(&umem).unwrap().split();
        drop(receiver);
        assert_eq!(state(), [false, false]);
        drop(sender);
        assert_eq!(state(), [true, true]);
    }
    // What was off stays off.
    let told = cable.host.run("ethtool -K eth0 tso off").unwrap();
    assert!(told.status.success(), "{told:?}");
    drop(builder(&cable).open(&umem).unwrap());
    assert_eq!(state(), [true, false]);
}

#[test]
fn who_only_sends_attaches_no_program_and_tells_nobody() {
    let Some(cable) = Cable::new() else { return };
    let pool = frames();
    let links = || {
        said(
            cable
                .port
                .command("ip")
                .args(["-d", "link", "show", "port0"]),
        )
    };
    let mut device = builder(&cable).send_only().open(&Umem::new(&pool)).unwrap();
    assert!(!links().contains("xdp"), "{}", links());
    assert_eq!(feature(&cable.host, "eth0", "tx-checksumming"), "on");
    // The stack at this end goes on to receive.
    cable.port.ip("address add 10.0.0.2/24 dev port0").unwrap();
    let (here, there) = (
        udp_socket(&cable.port, "10.0.0.2:5000"),
        udp_socket(&cable.host, "10.0.0.1:5000"),
    );
    there.send_to(b"to the stack", (BEHIND, 5000)).unwrap();
    expect(&here, [b"to the stack".to_vec()]);
    assert_eq!(receive_now(&mut device, &mut Vec::new()), Ok(0));
    assert_eq!(
        send(&mut device, &frame(5000, b"sent"), FrameMeta::default()),
        Ok(1)
    );
    expect(&there, [b"sent".to_vec()]);
    assert!(device.split().0.is_none());
    all_frames_are_back(&pool);
    let receiving = builder(&cable).open(&Umem::new(&pool)).unwrap();
    assert!(links().contains("xdp"), "{}", links());
    drop(receiving);
    assert!(!links().contains("xdp"), "{}", links());
}

#[test]
fn an_interface_that_is_down_or_gone_is_an_error() {
    for mode in MODES {
        let Some(cable) = Cable::new() else { return };
        let pool = frames();
        let mut device = builder(&cable).mode(mode).open(&Umem::new(&pool)).unwrap();
        let octets = frame(5000, b"waited");
        cable.port.ip("link set port0 down").unwrap();
        assert_eq!(
            send(&mut device, &octets, FrameMeta::default()),
            Err(DeviceError::Down)
        );
        assert_eq!((device.statistics().sent, device.unsent()), (0, 1));
        cable.port.ip("link set port0 up").unwrap();
        let socket = udp_socket(&cable.host, "10.0.0.1:5000");
        assert!(device.room(NOW) > 0);
        expect(&socket, [b"waited".to_vec()]);
        assert_eq!((device.statistics().sent, device.unsent()), (1, 0));
        assert_eq!(
            device.counted().unwrap().sent_octets,
            octets.len() as u64,
            "what the kernel took"
        );
        socket.send_to(b"hello", (BEHIND, 5000)).unwrap();
        assert_eq!(receive(&mut device, 1).len(), 1);
        cable.port.ip("link del port0").unwrap();
        assert_eq!(receive_error(&mut device), DeviceError::Removed);
        assert_eq!(
            receive_now(&mut device, &mut Vec::new()),
            Err(DeviceError::Removed)
        );
        for _ in 0..1000 {
            let sent = send(&mut device, &octets, FrameMeta::default());
            assert!(
                matches!(sent, Ok(0) | Err(DeviceError::Removed)),
                "{sent:?}"
            );
        }
        assert_eq!(device.statistics().sent, 1, "it took no more");
        drop(device);
        all_frames_are_back(&pool);
    }
}
