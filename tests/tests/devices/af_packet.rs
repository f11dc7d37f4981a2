//! AF_PACKET: by `sendmmsg` and by the transmit ring.

use std::collections::BTreeSet;

use waypost_device::af_packet::{AfPacket, AfPacketBuilder};
use waypost_netdev::{ChecksumState, DeviceError, FrameMeta, Medium, NetDev, TxFrame, VlanTag};
use waypost_packet::{Packet, SendPacket};

use super::bridge::{TwoCables, frames};
use super::support::*;

/// Both ways of sending.
fn ways(cable: &Cable) -> [AfPacketBuilder; 2] {
    let builder = AfPacket::builder("port0").namespace(cable.namespace());
    [builder.clone(), builder.transmit_ring(40)]
}

fn open(cable: &Cable) -> AfPacket {
    let builder = AfPacket::builder("port0").namespace(cable.namespace());
    builder.open().unwrap()
}

#[test]
fn a_datagram_of_a_host_arrives_unfinished_and_is_finished_right() {
    let Some(cable) = Cable::new() else { return };
    let mut device = open(&cable);
    let socket = udp_socket(&cable.host, "10.0.0.1:0");
    socket.send_to(b"hello", (BEHIND, 5000)).unwrap();
    let mut received = receive(&mut device, 1);
    assert_eq!(received.len(), 1);
    let Received { octets, meta } = &mut received[0];
    let ChecksumState::Partial { start, offset } = meta.checksum else {
        panic!("{meta:?}");
    };
    assert_eq!((start, offset, meta.segmentation), (34, 6, None));
    assert!(meta.timestamp.is_some());
    assert_eq!(payload(&octets[14..]), None, "it is not finished");
    assert!(waypost_netdev::complete_checksum(octets, 34, 6));
    assert_eq!(payload(&octets[14..]), Some(&b"hello"[..]));
    let counted = device.statistics();
    assert_eq!(
        (counted.received, counted.received_octets),
        (1, octets.len() as u64)
    );
    let Medium::Ethernet(address) = device.capabilities().medium else {
        panic!("it has a link header");
    };
    assert_eq!(
        (address.octets(), device.capabilities().mtu),
        ([2, 0, 0, 0, 0, 2], 1500)
    );
}

#[test]
fn a_tag_lies_beside_the_octets() {
    let Some(cable) = Cable::new() else { return };
    let mut device = open(&cable);
    let mut tagged = frame(5000, b"hello");
    tagged.splice(12..12, [0x81, 0, 0x20, 5]);
    let tag = VlanTag {
        tpid: 0x8100,
        tci: 0x2005,
    };
    let far = AfPacket::builder("eth0").namespace(namespace(&cable.host));
    for mut far in [far.clone(), far.transmit_ring(1)].map(|way| way.open().unwrap()) {
        // It goes in the octets: the device has no place for it beside them.
        assert!(!far.capabilities().offloads.vlan_insertion);
        assert_eq!(send(&mut far, &tagged, FrameMeta::default()), Ok(1));
        let received = receive(&mut device, 1);
        assert_eq!(received[0].meta.vlan, Some(tag));
        assert_eq!(received[0].octets, frame(5000, b"hello"));
    }
}

#[test]
fn a_device_that_only_sends_receives_nothing() {
    let Some(cable) = Cable::new() else { return };
    let mut witness = open(&cable);
    let mut senders = ways(&cable).map(|way| way.send_only().open().unwrap());
    let socket = udp_socket(&cable.host, "10.0.0.1:5000");
    socket.send_to(b"hello", (BEHIND, 5000)).unwrap();
    assert_eq!(receive(&mut witness, 1).len(), 1);
    for sender in &mut senders {
        assert_eq!(receive_now(sender, &mut Vec::new()), Ok(0));
        assert_eq!(sender.statistics().received, 0);
        assert_eq!(
            send(sender, &frame(5000, b"sent"), FrameMeta::default()),
            Ok(1)
        );
        expect(&socket, [b"sent".to_vec()]);
    }
    assert_eq!(
        receive_now(&mut witness, &mut Vec::new()),
        Ok(0),
        "what is sent is not received"
    );
}

#[test]
fn what_is_sent_is_received_by_whoever_asks_for_it() {
    let Some(cable) = Cable::new() else { return };
    let builder = AfPacket::builder("port0").namespace(cable.namespace());
    let mut watcher = builder.outgoing(true).open().unwrap();
    let mut device = open(&cable);
    assert_eq!(
        send(&mut device, &frame(5000, b"sent"), FrameMeta::default()),
        Ok(1)
    );
    assert_eq!(receive(&mut watcher, 1)[0].octets, frame(5000, b"sent"));
}

#[test]
fn a_group_shares_frames_without_loss_or_duplicates() {
    let Some(cable) = Cable::new() else { return };
    let builder = AfPacket::builder("port0")
        .namespace(cable.namespace())
        .fanout(7);
    let mut devices = [0, 1].map(|_| builder.clone().open().unwrap());
    // Whoever is not of the group gets all of them.
    let mut watcher = open(&cable);
    let (mut numbers, mut counts) = (Vec::new(), [0, 0]);
    for number in 0..512_u16 {
        // Another port each time: another flow.
        let socket = udp_socket(&cable.host, "10.0.0.1:0");
        socket
            .send_to(&number.to_be_bytes(), (BEHIND, 5000))
            .unwrap();
        assert_eq!(receive(&mut watcher, 1).len(), 1);
        let mut received = Vec::new();
        while received.is_empty() {
            wait(devices.iter().map(readable).collect());
            for (device, count) in devices.iter_mut().zip(&mut counts) {
                *count += receive_now(device, &mut received).unwrap();
            }
        }
        numbers.extend(
            received
                .iter()
                .map(|it| u16::from_be_bytes([it.octets[42], it.octets[43]])),
        );
    }
    assert_eq!(numbers.len(), 512);
    assert_eq!(numbers.into_iter().collect::<BTreeSet<_>>().len(), 512);
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}

#[test]
fn a_group_does_not_receive_what_its_machine_sends() {
    let Some(cable) = Cable::new() else { return };
    let builder = AfPacket::builder("port0").namespace(cable.namespace());
    let mut device = builder.fanout(9).open().unwrap();
    let socket = udp_socket(&cable.host, "10.0.0.1:5000");
    let octets = frame(5000, b"sent");
    assert_eq!(send(&mut device, &octets, FrameMeta::default()), Ok(1));
    expect(&socket, [b"sent".to_vec()]);
    socket.send_to(b"received", (BEHIND, 5000)).unwrap();
    let received = receive(&mut device, 1);
    assert_eq!(&received[0].octets[42..], b"received");
    assert_eq!(device.statistics().received, 1);
}

#[test]
fn fragments_come_to_a_group_as_they_are() {
    let Some(cable) = Cable::new() else { return };
    let builder = AfPacket::builder("port0").namespace(cable.namespace());
    let mut device = builder.fanout(8).open().unwrap();
    let socket = udp_socket(&cable.host, "10.0.0.1:0");
    socket.send_to(&[7; 4000], (BEHIND, 5000)).unwrap();
    let received = receive(&mut device, 3);
    let lengths: Vec<_> = received.iter().map(|it| it.octets.len()).collect();
    assert_eq!(lengths, [1514, 1514, 14 + 20 + 4008 - 2 * 1480]);
}

#[test]
fn frames_without_room_are_counted() {
    const FRAMES: u64 = 1000;
    let Some(cable) = Cable::new() else { return };
    // The smallest ring there is holds fewer.
    let builder = AfPacket::builder("port0").namespace(cable.namespace());
    let mut device = builder.ring_octets(0).open().unwrap();
    let socket = udp_socket(&cable.host, "10.0.0.1:0");
    for number in 0..FRAMES {
        let mut content = vec![0; 1400];
        content[..8].copy_from_slice(&number.to_be_bytes());
        socket.send_to(&content, (BEHIND, 5000)).unwrap();
    }
    let (mut received, mut counted) = (Vec::new(), device.statistics());
    while counted.received + counted.overruns < FRAMES {
        if receive_now(&mut device, &mut received).unwrap() == 0 {
            wait(vec![readable(&device)]);
        }
        counted = device.statistics();
    }
    assert_eq!(counted.received + counted.overruns, FRAMES);
    assert!(
        counted.overruns > 0 && counted.received > 100,
        "{counted:?}"
    );
    let numbers: Vec<_> = received.iter().map(|it| &it.octets[42..50]).collect();
    assert!(numbers.is_sorted(), "what is received is in order");
    // And it goes on.
    socket.send_to(&[7; 1400], (BEHIND, 5000)).unwrap();
    assert_eq!(receive(&mut device, 1)[0].octets[42..], [7; 1400]);
    assert_eq!(device.statistics().overruns, counted.overruns);
}

fn open_both(two: &TwoCables, with: impl Fn(AfPacketBuilder) -> AfPacketBuilder) -> [AfPacket; 2] {
    let open = |name| AfPacket::builder(name).namespace(namespace(&two.between));
    ["port0", "port1"].map(|name| with(open(name)).open().unwrap())
}

#[test]
fn super_segments_cross_both_ways() {
    let Some(two) = TwoCables::new() else { return };
    let [mut a, mut b] = open_both(&two, |builder| builder);
    let seen = two.stream(&frames(), &mut a, &mut b);
    for seen in &seen {
        assert!(
            seen.super_segments > 0 && seen.longest > 10_000 && seen.unfinished > 0,
            "{seen:?}"
        );
    }
    for device in [&mut a, &mut b] {
        let counted = device.statistics();
        assert_eq!(
            (counted.refused, counted.truncated, counted.overruns),
            (0, 0, 0)
        );
    }
}

#[test]
fn a_stream_crosses_by_transmit_rings() {
    let Some(two) = TwoCables::new() else { return };
    let [mut a, mut b] = open_both(&two, |builder| builder.transmit_ring(1));
    for device in [&a, &b] {
        let offloads = device.capabilities().offloads;
        assert!(offloads.checksum && !offloads.tcp_segmentation && !offloads.udp_segmentation);
    }
    let seen = two.stream(&frames(), &mut a, &mut b);
    for seen in &seen {
        assert!(seen.super_segments > 0 && seen.longest > 10_000, "{seen:?}");
    }
    for device in [&mut a, &mut b] {
        let counted = device.statistics();
        assert_eq!(
            (counted.refused, counted.truncated, counted.overruns),
            (0, 0, 0)
        );
    }
}

#[test]
fn datagrams_arrive_as_they_were_sent() {
    let Some(cable) = Cable::new() else { return };
    let socket = udp_socket(&cable.host, "10.0.0.1:5000");
    for way in ways(&cable) {
        let mut device = way.open().unwrap();
        let room = device.room(NOW);
        assert!(room >= 40, "{room}");
        for round in 0..40_u8 {
            let payloads: Vec<Vec<u8>> = (0..32_u8)
                .map(|number| vec![round ^ number; 1 + usize::from(number) * 46])
                .collect();
            let mut left = payloads.iter();
            let sent = device.transmit(NOW, usize::MAX, |slot| {
                let Some(payload) = left.next() else { return };
                // Every second one is left to the device.
                let (octets, meta) = match payload.len() % 2 {
                    0 => unfinished(5000, payload),
                    _ => (frame(5000, payload), FrameMeta::default()),
                };
                slot.send(octets.len(), meta, |room| room.copy_from_slice(&octets));
            });
            assert_eq!(sent, Ok(32));
            expect(&socket, payloads);
        }
        let counted = device.statistics();
        assert_eq!((counted.sent, counted.refused), (40 * 32, 0));
        let octets: usize = (0..32).map(|number| 42 + 1 + number * 46).sum();
        assert_eq!(counted.sent_octets, 40 * octets as u64);
        assert_eq!(device.room(NOW), room);
    }
}

#[test]
fn frames_that_the_kernel_refuses_are_counted_and_the_others_arrive() {
    let Some(cable) = Cable::new() else { return };
    let socket = udp_socket(&cable.host, "10.0.0.1:5000");
    let wrong = FrameMeta {
        checksum: ChecksumState::Partial {
            start: 40_000,
            offset: 6,
        },
        ..FrameMeta::default()
    };
    for way in ways(&cable) {
        let mut device = way.open().unwrap();
        let room = device.room(NOW);
        // Around the ring, and more than once.
        for round in 0..20 {
            let mut number = 0_u8;
            let sent = device.transmit(NOW, 13, |slot| {
                let octets = frame(5000, &[number; 100]);
                let meta = if number % 5 < 2 {
                    wrong
                } else {
                    FrameMeta::default()
                };
                slot.send(octets.len(), meta, |room| room.copy_from_slice(&octets));
                number += 1;
            });
            assert_eq!(sent, Ok(13));
            expect(
                &socket,
                (0..13).filter(|it| it % 5 >= 2).map(|it| vec![it; 100]),
            );
            let counted = device.statistics();
            assert_eq!(
                (counted.refused, counted.sent),
                (6 * (round + 1), 7 * (round + 1))
            );
            assert_eq!(device.room(NOW), room);
        }
        // One longer than the interface takes, and one that is none.
        let mut long = frame(5000, &[1; 1472]);
        assert_eq!(
            (long.len(), send(&mut device, &long, FrameMeta::default())),
            (1514, Ok(1))
        );
        expect(&socket, [vec![1; 1472]]);
        long.push(0);
        let refused = device.statistics().refused;
        send(&mut device, &long, FrameMeta::default()).unwrap();
        send(&mut device, &[0; 5], FrameMeta::default()).unwrap();
        assert_eq!(device.statistics().refused, refused + 2);
        send(&mut device, &frame(5000, b"after"), FrameMeta::default()).unwrap();
        expect(&socket, [b"after".to_vec()]);
        expect_nothing(&socket);
    }
}

#[test]
fn what_does_not_fit_a_slot_comes_back() {
    let Some(cable) = Cable::new() else { return };
    let [_, way] = ways(&cable);
    let mut device = way.open().unwrap();
    let mut back = None;
    let sent = device.transmit(NOW, 1, |slot| {
        assert_eq!(slot.capacity(), 1518);
        back = slot.send_packet(Packet::on_heap(&[0; 1519]).unwrap()).err();
    });
    assert_eq!((sent, back.map(|packet| packet.len())), (Ok(0), Some(1519)));
    assert_eq!(send(&mut device, &[0; 1519], FrameMeta::default()), Ok(0));
    assert_eq!(
        device.statistics().refused,
        1,
        "whoever writes cannot get it back: it is counted"
    );
}

#[test]
fn an_interface_that_is_down_takes_nothing_and_goes_on_when_it_is_up() {
    let Some(cable) = Cable::new() else { return };
    let socket = udp_socket(&cable.host, "10.0.0.1:5000");
    for way in ways(&cable) {
        let mut device = way.open().unwrap();
        let room = device.room(NOW);
        cable.port.ip("link set port0 down").unwrap();
        assert_eq!(receive_error(&mut device), DeviceError::Down);
        assert_eq!(
            send(&mut device, &frame(5000, b"first"), FrameMeta::default()),
            Err(DeviceError::Down)
        );
        assert_eq!(device.room(NOW), room - 1, "it waits");
        assert_eq!(
            receive_now(&mut device, &mut Vec::new()),
            Err(DeviceError::Down),
            "it is told for as long as it is"
        );
        cable.port.ip("link set port0 up").unwrap();
        assert_eq!(receive_now(&mut device, &mut Vec::new()), Ok(0));
        send(&mut device, &frame(5000, b"second"), FrameMeta::default()).unwrap();
        expect(&socket, [b"first".to_vec(), b"second".to_vec()]);
        socket.send_to(b"hello", (BEHIND, 5000)).unwrap();
        assert_eq!(receive(&mut device, 1).len(), 1);
        assert_eq!((device.room(NOW), device.statistics().sent), (room, 2));
    }
}

#[test]
fn an_interface_that_goes_away_is_an_error() {
    for way in 0..2 {
        let Some(cable) = Cable::new() else { return };
        let [device, sender] = [false, true].map(|send_only| {
            let builder = ways(&cable)[way].clone();
            if send_only {
                builder.send_only()
            } else {
                builder
            }
            .open()
            .unwrap()
        });
        let (mut device, mut sender) = (device, sender);
        cable.port.ip("link del port0").unwrap();
        let mut error = receive_error(&mut device);
        if error == DeviceError::Down {
            // It went down before it went.
            error = receive_now(&mut device, &mut Vec::new()).unwrap_err();
        }
        assert_eq!(error, DeviceError::Removed);
        assert_eq!(
            receive_now(&mut device, &mut Vec::new()),
            Err(DeviceError::Removed)
        );
        for device in [&mut device, &mut sender] {
            let sent = send(device, &frame(5000, b"lost"), FrameMeta::default());
            assert_eq!(sent, Err(DeviceError::Removed));
            // However often it is asked.
            for _ in 0..200 {
                let _ = send(device, &frame(5000, b"lost"), FrameMeta::default());
            }
            assert_eq!(device.statistics().sent, 0);
        }
    }
}
