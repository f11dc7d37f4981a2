//! Where frames are while nobody has taken them, and whose memory they are.

use std::net::UdpSocket;
use std::os::fd::AsFd;

use waypost_device::af_packet::AfPacket;
use waypost_device::tap::{Tap, TapBuilder};
use waypost_device::xdp::{Umem, Xdp};
use waypost_netdev::{FrameMeta, NetDev, RxFrame};
use waypost_packet::{Batch, Pool};
use waypost_tests::Host;

use super::bridge::frames;
use super::support::*;
use super::xdp::send_packet;

fn tap(host: &Host) -> TapBuilder {
    let builder = Tap::builder("tap0").namespace(namespace(host));
    builder.address([10, 0, 0, 1].into(), 24)
}

/// Datagrams that [`leaves_every_other`] has the stack send.
const SENT_TO_LEAVE: u64 = 100;

/// The stack sends numbered datagrams; every frame is left in the device once before it is taken.
fn leaves_every_other(device: &mut (impl NetDev + AsFd), socket: &UdpSocket) {
    for number in 0..SENT_TO_LEAVE {
        let octets = number.to_be_bytes();
        socket.send_to(&octets, (BEHIND, 5000)).unwrap();
    }
    let (mut seen, mut leave) = (Vec::new(), true);
    while seen.len() < 2 * SENT_TO_LEAVE as usize {
        let before = seen.len();
        let mut taken = 0;
        let count = device.receive(NOW, 64, |frame| {
            // What else the stack has to say is not the test's; checksums are unfinished.
            let octets = frame.octets();
            let is_udp = octets[12..14] == [8, 0] && octets[23] == 17;
            let content = is_udp.then(|| octets[42..50].to_vec());
            if let Some(content) = content {
                seen.push(content);
                leave = !leave;
                if !leave {
                    return frame.leave();
                }
            }
            taken += 1;
        });
        assert_eq!(count, Ok(taken));
        if seen.len() == before {
            wait(vec![readable(device)]);
        }
    }
    let numbers = (0..SENT_TO_LEAVE).map(|number| number.to_be_bytes().to_vec());
    let twice: Vec<_> = numbers.flat_map(|it| [it.clone(), it]).collect();
    assert_eq!(seen, twice);
}

#[test]
fn frames_that_are_left_stay_in_the_ring() {
    let Some(cable) = Cable::new() else { return };
    let mut device = AfPacket::builder("port0")
        .namespace(cable.namespace())
        .open()
        .unwrap();
    let socket = udp_socket(&cable.host, "10.0.0.1:0");
    leaves_every_other(&mut device, &socket);
    let counted = device.statistics();
    assert_eq!((counted.received, counted.overruns), (SENT_TO_LEAVE, 0));
}

#[test]
fn a_frame_that_is_left_is_read_once() {
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    let mut device = tap(&host).open().unwrap();
    host.ip("link set tap0 address 02:00:00:00:00:01").unwrap();
    know_neighbour(&host, "tap0");
    let socket = udp_socket(&host, "10.0.0.1:0");
    leaves_every_other(&mut device, &socket);
    assert_eq!(device.statistics().received, SENT_TO_LEAVE);
}

/// What is sent by a device that was given a pool is of that pool, and goes back to it.
fn uses_its_pool(pool: &Pool, mut device: impl NetDev) {
    let (mut frames, mut all) = (pool.allocator(), Batch::new());
    assert_eq!(frames.fill(&mut all, 64), 4);
    let octets = frame(5000, b"hello");
    assert_eq!(
        send(&mut device, &octets, FrameMeta::default()),
        Ok(0),
        "there is none to write into"
    );
    frames.free(&mut all);
    drop(frames);
    assert_eq!(send(&mut device, &octets, FrameMeta::default()), Ok(1));
    drop(device);
    let counted = pool.statistics();
    assert_eq!(counted.free, counted.total);
}

#[test]
fn devices_send_frames_of_the_pool_that_they_were_given() {
    let Some(cable) = Cable::new() else { return };
    let pool = || Pool::builder().small(4).build().unwrap();
    let mut own = pool();
    let builder = AfPacket::builder("port0").namespace(cable.namespace());
    uses_its_pool(&own, builder.pool(&own).open().unwrap());
    own = pool();
    uses_its_pool(&own, tap(&cable.port).pool(&own).open().unwrap());
}

#[test]
fn frames_that_a_dropped_device_has_on_their_way_are_never_used_again() {
    const SENT: usize = 50;
    let Some(net) = net() else { return };
    let host = net.host("host").unwrap();
    // What a bridge sends waits in its port's queue, which hardly moves.
    for words in [
        "link add port0 type veth peer name far0",
        "link set far0 up",
        "link set port0 up",
        "link add bridge0 type bridge",
        "link set port0 master bridge0",
        "link set bridge0 up",
    ] {
        host.ip(words).unwrap();
    }
    let slow = "tc qdisc add dev port0 root tbf rate 8kbit burst 1600 limit 1000000";
    assert!(host.run(slow).unwrap().status.success());
    let pool = frames();
    let umem = Umem::new(&pool);
    let builder = Xdp::builder("bridge0").namespace(namespace(&host));
    let mut device = builder.ring(256).send_only().open(&umem).unwrap();
    let octets = frame(5000, &[0; 1400]);
    let mut frames = pool.allocator();
    for _ in 0..SENT {
        send_packet(&mut device, frames.copy(&octets).unwrap());
    }
    assert_eq!(device.statistics().sent, SENT as u64);
    drop((device, frames));
    let missing = |pool: &Pool| {
        let counted = pool.statistics();
        counted.total[0] - counted.free[0]
    };
    let lost = missing(&pool);
    assert!((1..SENT).contains(&lost), "{lost}");
    // Not even when the kernel has done with them: nobody is told.
    host.ip("link del port0").unwrap();
    let again = Xdp::builder("bridge0").namespace(namespace(&host));
    drop(again.send_only().open(&umem).unwrap());
    assert_eq!(missing(&pool), lost);
}
