//! What a packet keeps when its octets move to another frame: marks, stripped headers, what a device said.

use waypost_netdev::{ChecksumState, FrameMeta};
use waypost_packet::{Allocator, Class, Packet, Pool};

/// A pool whose frames all hold octets of former packets.
fn used(clones: usize) -> (Pool, Allocator) {
    let pool = Pool::builder()
        .small(64)
        .medium(2)
        .clones(clones)
        .build()
        .unwrap();
    let mut frames = pool.allocator();
    let mut held = Vec::new();
    while let Some(mut packet) = frames.packet_for(1) {
        assert!(packet.set_window(0, packet.class().size()));
        packet.octets_mut().fill(0xee);
        held.push(packet);
    }
    drop(held);
    (pool, frames)
}

fn numbered(frames: &mut Allocator, len: u8) -> Packet {
    frames.copy(&(0..len).collect::<Vec<_>>()).unwrap()
}

#[test]
fn annotations_mark_the_same_octets_in_a_frame_of_another_colour() {
    let (_pool, mut frames) = used(0);
    for _ in 0..5 {
        let mut packet = numbered(&mut frames, 60);
        packet.set_network_offset(14);
        packet.set_transport_offset(34);
        packet.set_frame_meta(FrameMeta {
            checksum: ChecksumState::Partial {
                start: 34,
                offset: 6,
            },
            ..FrameMeta::default()
        });
        let mut copy = Packet::on_heap(packet.octets()).unwrap();
        copy.copy_annotations(&packet);
        assert_eq!(copy.network().unwrap()[0], 14);
        assert_eq!(copy.transport().unwrap()[0], 34);
        assert_eq!(copy.frame_meta(), packet.frame_meta());
        // A copy of what follows the link header does not have that header.
        assert!(packet.strip_front(20));
        let mut copy = Packet::on_heap(packet.octets()).unwrap();
        copy.copy_annotations(&packet);
        assert!(copy.network().is_none());
        assert_eq!(copy.transport().unwrap()[0], 34);
        // One made by the allocator does, where it is marked.
        let mut copy = frames.copy_packet(&packet).unwrap();
        assert_eq!(copy.octets(), packet.octets());
        assert_eq!(
            (copy.network().unwrap()[0], copy.network_offset()),
            (14, Some(-6))
        );
        copy.network_mut().unwrap()[0] = 99;
        assert!(copy.restore_front(6));
        assert_eq!(copy.octets()[..2], [99, 15]);
        std::mem::forget(frames.packet());
    }
}

#[test]
fn a_packet_of_the_heap_is_shared_with_its_marks() {
    let (_pool, mut frames) = used(4);
    let mut packet = Packet::on_heap(&[7; 40]).unwrap();
    packet.octets_mut()[10] = 1;
    packet.set_network_offset(10);
    for _ in 0..4 {
        let copy = packet.share(&mut frames).unwrap();
        assert_eq!(copy.network().unwrap()[0], 1);
        std::mem::forget(copy);
    }
    let copy = packet.freeze().packet(&mut frames).unwrap();
    assert_eq!(copy.network().unwrap()[0], 1);
}

#[test]
fn stripped_octets_can_be_restored_after_a_copy_on_write() {
    let (pool, mut frames) = used(8);
    for stripped in [4, 14, 50] {
        let mut first = numbered(&mut frames, 60);
        let mut second = first.share(&mut frames).unwrap();
        assert!(second.strip_front(stripped));
        second.octets_mut()[0] = 99;
        assert!(!second.is_shared());
        assert!(second.restore_front(stripped));
        let mut expected = first.octets().to_vec();
        expected[stripped] = 99;
        assert_eq!(second.octets(), expected);
        std::mem::forget(frames.packet());
    }
    // Onto the heap, too, and beyond what the small class holds.
    let mut held = Vec::new();
    while let Some(packet) = frames.packet_for(1) {
        held.push(packet);
    }
    let mut last = held.swap_remove(0);
    last.append(60).unwrap().copy_from_slice(&[5; 60]);
    assert!(last.strip_front(50));
    last.append(3000).unwrap().fill(0);
    assert_eq!(last.class(), Class::Heap);
    assert!(last.restore_front(50));
    assert_eq!(last.octets()[..60], [5; 60]);
    drop(pool);
}

#[test]
fn a_copy_shows_no_octets_of_former_packets() {
    let (_pool, mut frames) = used(8);
    // Its headroom is its own: all of it was written.
    let mut packet = frames.packet().unwrap();
    assert!(packet.set_window(0, 1500));
    packet.octets_mut().fill(1);
    assert!(packet.strip_front(100));
    for front in [0, 300, 3000] {
        let mut copy = packet.share(&mut frames).unwrap();
        if front == 0 {
            copy.make_unique();
        } else {
            copy.prepend(front).unwrap().fill(1);
        }
        let headroom = copy.headroom();
        assert!(copy.restore_front(headroom));
        assert!(
            copy.octets().iter().all(|&octet| octet < 2),
            "{front}: octets of a former packet"
        );
    }
}

#[test]
fn what_was_never_stripped_off_is_restored_as_zeros() {
    let (_pool, mut frames) = used(8);
    for (stripped, restored) in [(0, 40), (4, 4), (4, 40), (4, 700)] {
        let mut packet = numbered(&mut frames, 60);
        let original = packet.share(&mut frames).unwrap();
        assert!(packet.strip_front(stripped));
        let mut copies = vec![frames.copy_packet(&packet).unwrap()];
        copies.push(packet.share(&mut frames).unwrap());
        copies.push(packet);
        let mut annotated = Packet::on_heap(copies[0].octets()).unwrap();
        annotated.copy_annotations(&copies[0]);
        for copy in &mut copies {
            assert!(copy.restore_front(restored));
            let zeros = restored - stripped;
            assert!(copy.octets()[..zeros].iter().all(|&octet| octet == 0));
            assert_eq!(copy.octets()[zeros..], *original.octets());
        }
        assert!(annotated.restore_front(restored));
        assert!(annotated.octets()[..restored].iter().all(|&it| it == 0));
        drop((copies, original));
    }
    // What is written in front is stripped off as well, and what is restored need not be stripped again.
    let mut packet = numbered(&mut frames, 60);
    assert!(packet.strip_front(4));
    packet.prepend(20).unwrap().fill(9);
    assert!(packet.restore_front(10) && packet.strip_front(25) && packet.restore_front(25));
    assert_eq!(packet.octets()[..30], [[0; 10], [9; 10], [9; 10]].concat());
    assert!(packet.strip_front(10) && packet.restore_front(14));
    assert_eq!(packet.octets()[..5], [0; 5]);
    // In a frame without headroom the first place is stripped off too.
    let mut packet = frames.packet().unwrap();
    assert!(packet.set_window(0, 20));
    packet.octets_mut().fill(7);
    assert!(packet.strip_front(14) && packet.restore_front(14));
    assert_eq!(packet.octets(), [7; 20]);
    assert!(!packet.restore_front(Packet::CAPACITY_MAX) && packet.len() == 20);
}

#[test]
fn an_unfinished_checksum_is_finished_before_its_header_is_stripped() {
    let (_pool, mut frames) = used(8);
    let partial = FrameMeta {
        checksum: ChecksumState::Partial {
            start: 34,
            offset: 6,
        },
        ..FrameMeta::default()
    };
    let mut packet = numbered(&mut frames, 90);
    packet.set_frame_meta(partial);
    let mut finished = numbered(&mut frames, 90);
    assert!(waypost_netdev::complete_checksum(
        finished.octets_mut(),
        34,
        6
    ));
    assert!(packet.strip_front(34));
    let ChecksumState::Partial { start: 0, .. } = packet.frame_meta().checksum else {
        panic!("the header is there, and unfinished");
    };
    assert!(packet.strip_front(8));
    assert!(!packet.is_unfinished());
    // Another header in its place is left alone.
    packet.prepend(42).unwrap().fill(0);
    assert!(packet.finish(waypost_netdev::Offloads::default()));
    assert_eq!(packet.octets()[..42], [0; 42]);
    let mut packet = numbered(&mut frames, 90);
    packet.set_frame_meta(partial);
    let original = packet.share(&mut frames).unwrap();
    assert!(packet.strip_front(50) && packet.restore_front(50));
    assert_eq!(packet.octets(), finished.octets());
    assert_eq!(original.frame_meta(), partial);
    assert_eq!(original.octets()[40..42], [40, 41]);
}

#[test]
fn a_mark_beyond_any_frame_is_none() {
    let mut packet = Packet::on_heap(b"octets").unwrap();
    packet.set_network_offset(usize::MAX);
    packet.set_transport_offset(usize::MAX - 100);
    assert!(packet.network().is_none() && packet.transport().is_none());
    packet.set_network_offset(1 << 16);
    assert!(packet.network().is_none());
}

#[test]
fn the_first_octet_of_a_frame_can_be_marked() {
    let (_pool, mut frames) = used(1);
    let mut packet = numbered(&mut frames, 90);
    assert!(packet.set_window(0, 200));
    packet.set_network_offset(0);
    packet.set_transport_offset(20);
    let partial = FrameMeta {
        checksum: ChecksumState::Partial {
            start: 0,
            offset: 6,
        },
        ..FrameMeta::default()
    };
    packet.set_frame_meta(partial);
    assert_eq!(packet.network_offset(), Some(0));
    assert_eq!(packet.network().map(<[u8]>::len), Some(200));
    assert_eq!(packet.transport().map(<[u8]>::len), Some(180));
    let copy = frames.copy_packet(&packet).unwrap();
    assert_eq!(copy.network_offset(), Some(0));
    assert_eq!(copy.frame_meta(), partial);
    assert!(packet.prepend(1).is_some(), "moved to where there is room");
    assert_eq!(packet.network_offset(), Some(1));
    packet.clear_transport();
    assert!(packet.transport().is_none() && packet.network().is_some());
}

#[test]
fn a_pool_knows_what_it_was_built_for() {
    let pool = Pool::builder().small(1).medium(1).build().unwrap();
    let held: Vec<_> = std::iter::from_fn(|| pool.allocator().packet_for(1)).collect();
    assert_eq!(held.len(), 2);
    let most = Class::Medium.size() - Packet::HEADROOM_MAX;
    assert!(pool.has_frames_for(1500) && pool.has_frames_for(most));
    assert!(!pool.has_frames_for(most + 1));
}
