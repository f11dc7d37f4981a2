//! TAP and TUN.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use waypost_device::tap::{Tap, TapBuilder};
use waypost_netdev::{ChecksumState, DeviceError, FrameMeta, Medium, NetDev, TxFrame};
use waypost_tests::Host;
use waypost_wire::MacAddr;

use super::bridge::{Seen, frames, stream};
use super::support::*;

/// An interface in a host, with the stack's address.
fn builder(host: &Host) -> TapBuilder {
    let builder = Tap::builder("tap0").namespace(namespace(host));
    builder.address(Ipv4Addr::new(10, 0, 0, 1), 24)
}

fn know_each_other(host: &Host) {
    host.ip("link set tap0 address 02:00:00:00:00:01").unwrap();
    know_neighbour(host, "tap0");
}

#[test]
fn datagrams_cross_a_tap_both_ways() {
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    let mut device = builder(&host).mtu(1400).open().unwrap();
    know_each_other(&host);
    assert!(matches!(device.capabilities().medium, Medium::Ethernet(_)));
    assert_eq!(device.capabilities().mtu, 1400);
    let socket = udp_socket(&host, "10.0.0.1:5000");
    socket.send_to(b"hello", (BEHIND, 5000)).unwrap();
    let mut received = receive(&mut device, 1);
    let Received { octets, meta } = &mut received[0];
    let unfinished_udp = ChecksumState::Partial {
        start: 34,
        offset: 6,
    };
    assert_eq!(meta.checksum, unfinished_udp);
    assert!(waypost_netdev::complete_checksum(octets, 34, 6));
    assert_eq!(payload(&octets[14..]), Some(&b"hello"[..]));
    let (octets, meta) = unfinished(5000, b"unfinished");
    assert_eq!(send(&mut device, &octets, meta), Ok(1));
    let finished = frame(5000, b"finished");
    assert_eq!(send(&mut device, &finished, FrameMeta::default()), Ok(1));
    expect(&socket, [b"unfinished".to_vec(), b"finished".to_vec()]);
    let counted = device.statistics();
    assert_eq!((counted.received, counted.sent, counted.refused), (1, 2, 0));
    assert_eq!(counted.sent_octets, (octets.len() + finished.len()) as u64);
}

#[test]
fn a_tap_has_the_link_address_it_is_given() {
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    let own = MacAddr::new([2, 0, 0, 0, 0, 9]);
    let device = builder(&host).link_address(own).open().unwrap();
    assert_eq!(device.capabilities().medium, Medium::Ethernet(own));
    drop(device);
    // What is no address of one host is none of an interface.
    let error = builder(&host).link_address(MacAddr::BROADCAST).open();
    let error = error.unwrap_err().to_string();
    assert!(error.contains("giving it an Ethernet address"), "{error}");
}

#[test]
fn an_interface_that_is_there_is_set_up_late() {
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    let own = MacAddr::new([2, 0, 0, 0, 0, 9]);
    let late = || builder(&host).mtu(1400).link_address(own).late();
    let is_set = |device: &Tap| {
        let capabilities = device.capabilities();
        capabilities.mtu == 1400 && capabilities.medium == Medium::Ethernet(own)
    };
    let has_address = || {
        let said = host.run("ip address show tap0").unwrap();
        String::from_utf8_lossy(&said.stdout).contains("inet 10.0.0.1/24")
    };
    // One that is made has all at once.
    let device = late().open().unwrap();
    assert!(is_set(&device) && has_address());
    drop(device);
    host.ip("tuntap add tap0 mode tap").unwrap();
    let device = late().open().unwrap();
    assert!(!is_set(&device) && !has_address());
    drop(device);
    let mut device = late().open().unwrap();
    assert!(!is_set(&device) && !has_address());
    device.set_up().unwrap();
    assert!(is_set(&device) && has_address());
    host.ip("link set tap0 mtu 1300").unwrap();
    // Once is enough.
    device.set_up().unwrap();
    assert!(is_set(&device));
    drop(device);
    // Who does not wait sets it up at once.
    let device = builder(&host).mtu(1500).open().unwrap();
    assert_eq!(device.capabilities().mtu, 1500);
    // What the kernel does not take is told when it is set.
    let mut device = Tap::builder("tap1").namespace(namespace(&host)).mtu(10);
    assert!(device.clone().open().is_err());
    host.ip("tuntap add tap1 mode tap").unwrap();
    device = device.late();
    let error = device.open().unwrap().set_up().unwrap_err().to_string();
    assert!(error.contains("setting its MTU"), "{error}");
}

#[test]
fn frames_of_a_tun_begin_with_an_ip_header() {
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    let mut device = builder(&host).tun().open().unwrap();
    assert_eq!(device.capabilities().medium, Medium::Ip);
    let socket = udp_socket(&host, "10.0.0.1:5000");
    socket.send_to(b"hello", (BEHIND, 5000)).unwrap();
    let mut received = receive(&mut device, 1);
    let Received { octets, meta } = &mut received[0];
    assert_eq!((octets[0], octets.len()), (0x45, 33));
    let ChecksumState::Partial { start, offset } = meta.checksum else {
        panic!("{meta:?}");
    };
    assert!(waypost_netdev::complete_checksum(
        octets,
        start.into(),
        offset.into()
    ));
    assert_eq!(payload(octets), Some(&b"hello"[..]));
    let sent = &frame(5000, b"answer")[14..];
    assert_eq!(send(&mut device, sent, FrameMeta::default()), Ok(1));
    let (octets, mut meta) = unfinished(5000, b"unfinished");
    meta.checksum = ChecksumState::Partial {
        start: 20,
        offset: 6,
    };
    assert_eq!(send(&mut device, &octets[14..], meta), Ok(1));
    expect(&socket, [b"answer".to_vec(), b"unfinished".to_vec()]);
}

/// A stream between two hosts, over an interface in each.
fn crosses(with: impl Fn(TapBuilder) -> TapBuilder) -> Option<[Seen; 2]> {
    let net = net()?;
    let hosts = ["left", "right"].map(|name| net.host(name).unwrap());
    let mut last = 0;
    let [mut a, mut b] = hosts.each_ref().map(|host| {
        last += 1;
        let builder = Tap::builder("tap0").namespace(namespace(host));
        let builder = builder.address(Ipv4Addr::new(10, 0, 0, last), 24);
        with(builder).open().unwrap()
    });
    let seen = stream([&hosts[0], &hosts[1]], BEHIND, &frames(), &mut a, &mut b);
    for device in [a, b] {
        let counted = device.statistics();
        assert_eq!((counted.refused, counted.truncated), (0, 0));
    }
    Some(seen)
}

#[test]
fn super_segments_cross_taps_and_tuns_both_ways() {
    for with in [|builder| builder, TapBuilder::tun] {
        let Some(seen) = crosses(with) else { return };
        for seen in seen {
            assert!(seen.super_segments > 0 && seen.longest > 10_000, "{seen:?}");
        }
    }
}

#[test]
fn without_offloads_all_frames_are_finished() {
    for with in [|builder| builder, TapBuilder::tun] {
        let Some(seen) = crosses(|builder| with(builder).offloads(false)) else {
            return;
        };
        for seen in seen {
            assert_eq!((seen.super_segments, seen.unfinished), (0, 0), "{seen:?}");
            assert!(seen.longest <= 1514);
        }
    }
}

#[test]
fn what_the_kernel_refuses_is_counted_and_the_rest_arrives() {
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    let mut device = builder(&host).tun().open().unwrap();
    let socket = udp_socket(&host, "10.0.0.1:5000");
    let wrong = FrameMeta {
        checksum: ChecksumState::Partial {
            start: 40_000,
            offset: 6,
        },
        ..FrameMeta::default()
    };
    let mut number = 0_u8;
    let sent = device.transmit(NOW, 10, |slot| {
        let octets = &frame(5000, &[number; 100])[14..];
        let meta = if number % 5 < 2 {
            wrong
        } else {
            FrameMeta::default()
        };
        slot.send(octets.len(), meta, |room| room.copy_from_slice(octets));
        number += 1;
    });
    assert_eq!(sent, Ok(10));
    expect(
        &socket,
        (0..10).filter(|it| it % 5 >= 2).map(|it| vec![it; 100]),
    );
    let counted = device.statistics();
    assert_eq!((counted.sent, counted.refused), (6, 4));
    // Nothing that a TUN interface knows: neither IPv4 nor IPv6.
    send(&mut device, &[0; 40], FrameMeta::default()).unwrap();
    send(&mut device, &[], FrameMeta::default()).unwrap();
    assert_eq!(device.statistics().refused, 6);
    send(
        &mut device,
        &frame(5000, b"after")[14..],
        FrameMeta::default(),
    )
    .unwrap();
    expect(&socket, [b"after".to_vec()]);
}

#[test]
fn an_interface_lives_as_long_as_its_device() {
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    let links = || said(host.command("ip").args(["-o", "link"]));
    assert!(!links().contains("tap0"));
    let device = builder(&host).open().unwrap();
    assert!(links().contains("tap0"));
    drop(device);
    // A process that another test is just starting may have a duplicate of the descriptor for a moment.
    while links().contains("tap0") {}
    // And its name is free.
    drop(builder(&host).tun().open().unwrap());
}

#[test]
fn queues_share_the_flows_of_an_interface() {
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    let mut devices = [0, 1].map(|_| builder(&host).multi_queue().open().unwrap());
    know_each_other(&host);
    let (mut received, mut counts) = (Vec::new(), [0, 0]);
    for number in 0..256_u16 {
        let socket = udp_socket(&host, "10.0.0.1:0");
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
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    let socket = udp_socket(&host, "10.0.0.1:5000");
    for device in &mut devices {
        let octets = frame(5000, b"from each");
        assert_eq!(send(device, &octets, FrameMeta::default()), Ok(1));
        expect(&socket, [b"from each".to_vec()]);
    }
    // One goes, and the other has everything.
    let [mut device, other] = devices;
    drop(other);
    for _ in 0..16 {
        let socket = udp_socket(&host, "10.0.0.1:0");
        socket.send_to(b"hello", (BEHIND, 5000)).unwrap();
        assert_eq!(receive(&mut device, 1).len(), 1);
    }
}

#[test]
fn an_interface_that_is_down_or_gone_is_an_error() {
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    let mut device = builder(&host).open().unwrap();
    let room = device.room(NOW);
    know_each_other(&host);
    let octets = frame(5000, b"waited");
    host.ip("link set tap0 down").unwrap();
    let sent = send(&mut device, &octets, FrameMeta::default());
    assert_eq!(sent, Err(DeviceError::Down));
    assert_eq!(device.room(NOW), room - 1, "it waits");
    host.ip("link set tap0 up").unwrap();
    let socket = udp_socket(&host, "10.0.0.1:5000");
    assert_eq!(device.room(NOW), room, "it went");
    expect(&socket, [b"waited".to_vec()]);
    host.ip("link del tap0").unwrap();
    assert_eq!(receive_error(&mut device), DeviceError::Removed);
    for _ in 0..200 {
        let sent = send(&mut device, &octets, FrameMeta::default());
        assert!(
            matches!(sent, Ok(0) | Err(DeviceError::Removed)),
            "{sent:?}"
        );
    }
    assert_eq!(device.statistics().sent, 1);
}
