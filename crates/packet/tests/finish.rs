//! What a host leaves to a device, done in software.

use waypost_netdev::{
    ChecksumState, FrameMeta, Medium, Offloads, Segmentation, SegmentationKind, VlanTag,
};
use waypost_packet::{Allocator, Packet, Pool};
use waypost_wire::{Checksum, IpProtocol, Ipv4Packet, MacAddr, UdpDatagram};

const MEDIUM: Medium = Medium::Ethernet(MacAddr::BROADCAST);

/// A UDP datagram whose checksum and whose splitting are left to a device.
fn packet(frames: &mut Allocator, payload: usize) -> Packet {
    let (source, destination) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let len = (8 + payload) as u16;
    let pseudo =
        Checksum::ipv4_pseudo_header(source.into(), destination.into(), IpProtocol::UDP, len);
    let mut octets = vec![2; 12];
    octets.extend([8, 0, 0x45, 0]);
    octets.extend((20 + len).to_be_bytes());
    octets.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    octets.extend(source);
    octets.extend(destination);
    let sum = Checksum::new().add_bytes(&octets[14..]).finish();
    octets[24..26].copy_from_slice(&sum.to_be_bytes());
    octets.extend([0, 53, 0, 53]);
    octets.extend(len.to_be_bytes());
    octets.extend(pseudo.folded().to_be_bytes());
    octets.extend((0..payload).map(|at| at as u8));
    let mut packet = frames.copy(&octets).unwrap();
    packet.set_frame_meta(FrameMeta {
        checksum: ChecksumState::Partial {
            start: 34,
            offset: 6,
        },
        ..FrameMeta::default()
    });
    packet
}

fn is_valid(octets: &[u8]) -> bool {
    let ip = Ipv4Packet::parse(octets).unwrap();
    let udp = UdpDatagram::parse(ip.payload()).unwrap();
    let (source, destination) = (ip.header().source(), ip.header().destination());
    ip.has_valid_checksum() && udp.has_valid_checksum(source, destination)
}

#[test]
fn a_checksum_and_a_tag_are_put_into_the_octets() {
    let pool = Pool::builder().small(4).build().unwrap();
    let mut frames = pool.allocator();
    let mut packet = packet(&mut frames, 100);
    let mut meta = packet.frame_meta();
    meta.vlan = Some(VlanTag {
        tpid: 0x8100,
        tci: 0x2005,
    });
    packet.set_frame_meta(meta);
    assert!(packet.is_unfinished() && !is_valid(&packet.octets()[14..]));
    // The tag alone: the checksum's place moves along.
    let hardware = Offloads {
        checksum: true,
        ..Offloads::default()
    };
    assert!(packet.finish(hardware));
    assert_eq!(packet.octets()[12..18], [0x81, 0, 0x20, 5, 8, 0]);
    assert!(packet.is_unfinished());
    assert!(packet.finish(Offloads::default()));
    assert!(!packet.is_unfinished() && is_valid(&packet.octets()[18..]));
}

#[test]
fn a_super_segment_is_split_as_far_as_there_are_frames() {
    let pool = Pool::builder().small(8).large(2).clones(0).build().unwrap();
    let mut frames = pool.allocator();
    let mut whole = packet(&mut frames, 4200);
    let mut meta = whole.frame_meta();
    meta.segmentation = Some(Segmentation {
        size: 1000,
        kind: SegmentationKind::Udp,
    });
    whole.set_frame_meta(meta);
    assert!(whole.wants_splitting(Offloads::default()));
    assert!(!whole.wants_splitting(Offloads {
        udp_segmentation: true,
        ..Offloads::default()
    }));
    let mut pieces = Vec::new();
    assert_eq!(
        frames.split(&whole, MEDIUM, |piece| pieces.push(piece)),
        Ok(0)
    );
    let lens: Vec<usize> = pieces.iter().map(Packet::len).collect();
    assert_eq!(lens, [1042, 1042, 1042, 1042, 242]);
    assert!(
        pieces
            .iter()
            .all(|piece| !piece.is_unfinished() && is_valid(&piece.octets()[14..]))
    );
    // Five frames are out: three more and what the larger classes have.
    let mut more = Vec::new();
    let lost = frames
        .split(&whole, MEDIUM, |piece| more.push(piece))
        .unwrap();
    assert_eq!((lost, more.len()), (1, 4));
}

#[test]
fn what_cannot_be_is_refused() {
    let pool = Pool::builder().small(4).build().unwrap();
    let mut frames = pool.allocator();
    let mut bad = packet(&mut frames, 10);
    bad.set_frame_meta(FrameMeta {
        checksum: ChecksumState::Partial {
            start: 60,
            offset: 6,
        },
        ..FrameMeta::default()
    });
    assert!(!bad.finish(Offloads::default()));
    assert!(frames.split(&bad, MEDIUM, |_| ()).is_err());
}
