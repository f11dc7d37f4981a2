//! What packets, batches and pools promise.

use waypost_packet::{Batch, Class, Packet, Pool, PoolError};

fn pool(frames: usize) -> Pool {
    Pool::builder()
        .small(frames)
        .medium(4)
        .large(2)
        .build()
        .expect("memory for a few frames")
}

fn free_frames(pool: &Pool) -> usize {
    pool.statistics().free.iter().sum()
}

#[test]
fn a_handle_is_a_pointer() {
    assert_eq!(size_of::<Packet>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Packet>>(), size_of::<usize>());
}

#[test]
fn octets_grow_at_both_ends_without_a_copy() {
    let pool = pool(8);
    let mut frames = pool.allocator();
    let mut packet = frames.packet().unwrap();
    packet.append(4).unwrap().copy_from_slice(b"body");
    let body = packet.octets().as_ptr();
    packet.prepend(4).unwrap().copy_from_slice(b"head");
    packet.append(4).unwrap().copy_from_slice(b"tail");
    assert_eq!(packet.octets(), b"headbodytail");
    assert_eq!(packet.octets()[4..].as_ptr(), body);
    assert!(packet.strip_front(4));
    packet.truncate(4);
    assert_eq!(packet.octets(), b"body");
    assert!(!packet.strip_front(5));
    assert!(packet.restore_front(4));
    assert_eq!(packet.octets(), b"headbody");
}

#[test]
fn growth_beyond_the_frame_moves_the_packet_to_a_larger_one() {
    let pool = pool(8);
    let mut frames = pool.allocator();
    let mut packet = frames.copy(&[1; 60]).unwrap();
    packet.set_paint(7);
    packet.set_network_offset(14);
    assert!(packet.strip_front(20));
    packet.append(4000).unwrap().fill(2);
    assert_eq!(packet.class(), Class::Medium);
    assert_eq!(packet.len(), 4040);
    assert_eq!(packet.octets()[..40], [1; 40]);
    assert_eq!(
        packet.network().unwrap().len(),
        4046,
        "the stripped network header moved along"
    );
    assert_eq!(packet.paint(), 7);
    packet.prepend(100_000).unwrap().fill(3);
    assert_eq!(packet.class(), Class::Heap);
    assert_eq!(packet.len(), 104_040);
    assert!(packet.prepend(Packet::CAPACITY_MAX).is_none());
    assert_eq!(packet.len(), 104_040);
    assert_eq!(pool.statistics().heap_copies, 1);
}

#[test]
fn every_frame_returns_wherever_it_is_dropped() {
    let pool = pool(300);
    let total: usize = pool.statistics().total.iter().sum();
    let mut frames = pool.allocator();
    let mut batch = Batch::new();
    assert_eq!(frames.fill(&mut batch, 256), 256);
    let half = batch.len() / 2;
    let mut rest = Batch::new();
    assert!(batch.split_off(half, &mut rest));
    frames.free(&mut batch);
    std::thread::spawn(move || drop(rest)).join().unwrap();
    drop(frames);
    assert_eq!(free_frames(&pool), total);
}

#[test]
fn an_exhausted_pool_says_so_and_recovers() {
    let pool = Pool::builder().small(3).clones(0).build().unwrap();
    let mut frames = pool.allocator();
    let held: Vec<_> = std::iter::from_fn(|| frames.packet()).collect();
    assert_eq!(held.len(), 3);
    assert!(frames.packet().is_none());
    assert_eq!(pool.statistics().exhausted, 2);
    assert!(frames.packet_for(1).is_none(), "nor of another class");
    assert_eq!(pool.statistics().exhausted, 3, "once for each call");
    drop(held);
    assert!(frames.packet().is_some());
}

#[test]
fn a_batch_gets_what_frames_there_are() {
    let pool = Pool::builder().small(200).clones(0).build().unwrap();
    let (mut first, mut second) = (pool.allocator(), pool.allocator());
    let (mut some, mut rest) = (Batch::new(), Batch::new());
    assert_eq!(first.fill_copies(&mut some, 130, &[1; 60]), 130);
    first.give_back();
    assert_eq!(second.fill_copies(&mut rest, 100, &[2; 60]), 70);
    assert_eq!(pool.statistics().exhausted, 1, "once for each call");
    assert!(some.iter().all(|packet| packet.octets() == [1; 60]));
    assert!(rest.iter().all(|packet| packet.octets() == [2; 60]));
    // What one has freed, the other fills.
    first.free(&mut some);
    first.give_back();
    assert_eq!(second.fill(&mut some, 130), 130);
    assert!(some.iter().all(|packet| packet.is_empty()));
    assert_eq!(rest.len(), 70);
    assert!(rest.iter().all(|packet| packet.octets() == [2; 60]));
    assert_eq!(
        second.fill(&mut some, usize::MAX),
        0,
        "nothing is left of the pool"
    );
}

#[test]
fn batches_and_single_packets_come_from_one_list() {
    // Its allocators bring 25 frames at a time.
    let pool = Pool::builder().small(1600).clones(0).build().unwrap();
    let mut frames = pool.allocator();
    let mut batch = Batch::new();
    let mut single = vec![frames.copy(b"single").unwrap()];
    assert_eq!(frames.fill_copies(&mut batch, 20, b"batch"), 20);
    single.extend((0..3).map(|_| frames.copy(b"single").unwrap()));
    // The list ends below where frames came last, and is filled up by others.
    frames.give_back();
    frames.free(&mut batch);
    assert_eq!(frames.fill_copies(&mut batch, 90, b"batch"), 90);
    assert!(batch.iter().all(|packet| packet.octets() == b"batch"));
    assert!(single.iter().all(|packet| packet.octets() == b"single"));
    frames.free(&mut batch);
    single.drain(..).for_each(|it| frames.free_packet(it));
    drop(frames);
    assert_eq!(pool.statistics().free[0], 1600);
    assert_eq!(pool.statistics().exhausted, 0);
}

#[test]
fn a_larger_frame_in_place_of_a_small_one_is_no_exhaustion() {
    let pool = Pool::builder().small(1).large(1).build().unwrap();
    let mut frames = pool.allocator();
    let _small = frames.packet_for(100).unwrap();
    assert_eq!(frames.packet_for(100).unwrap().class(), Class::Large);
    assert_eq!(pool.statistics().exhausted, 0);
}

/// What an allocator frees is in its own lists: the pool's statistics, which count what lies in the pool itself, do not see it.
#[test]
fn shared_packets_are_freed_into_the_lists_of_the_worker() {
    let pool = Pool::builder().small(40).medium(40).build().unwrap();
    let mut frames = pool.allocator();
    for len in [100, 5000] {
        let mut batch = Batch::new();
        let mut clones = Batch::new();
        for _ in 0..4 {
            let mut packet = frames.packet_for(len).unwrap();
            clones.push(packet.share(&mut frames).unwrap()).unwrap();
            batch.push(packet).unwrap();
            let frozen = frames.packet_for(len).unwrap().freeze();
            batch.push(frozen.try_unique().unwrap()).unwrap();
        }
        let before = pool.statistics().free;
        frames.free(&mut batch);
        frames.free(&mut clones);
        assert_eq!(pool.statistics().free, before, "{len}");
        // The clones outlive what they are clones of, and the other way round.
        for _ in 0..4 {
            let mut packet = frames.packet_for(len).unwrap();
            let clone = packet.share(&mut frames).unwrap();
            frames.free_packet(clone);
            assert!(!packet.is_shared());
            frames.free_packet(packet);
        }
        assert_eq!(pool.statistics().free, before, "{len}");
    }
    drop(frames);
    assert_eq!(free_frames(&pool), pool.statistics().total.iter().sum());
}

#[test]
fn no_worker_starves_another_beside_a_full_free_list() {
    let pool = Pool::builder().small(64).build().unwrap();
    let (mut first, mut second) = (pool.allocator(), pool.allocator());
    let mut batch = Batch::new();
    assert_eq!(first.fill(&mut batch, 64), 64);
    first.free(&mut batch);
    assert!(
        second.fill(&mut batch, 48) >= 48,
        "the first keeps a sixteenth, no more"
    );
}

#[test]
fn packets_outlive_their_pool() {
    let pool = pool(8);
    let mut frames = pool.allocator();
    let mut first = frames.copy(b"first").unwrap();
    let second = first.share(&mut frames).unwrap();
    let frozen = frames.copy(b"frozen").unwrap().freeze();
    drop(frames);
    drop(pool);
    assert_eq!(first.octets(), b"first");
    first.octets_mut()[0] = b'F';
    assert_eq!(second.octets(), b"first");
    drop(first);
    drop(second);
    assert_eq!(&frozen[..], b"frozen");
}

#[test]
fn shared_octets_are_copied_by_the_first_write_and_only_then() {
    let pool = pool(8);
    let mut frames = pool.allocator();
    let mut first = frames.copy(b"octets").unwrap();
    first.set_paint(1);
    let mut second = first.share(&mut frames).unwrap();
    let mut third = second.share(&mut frames).unwrap();
    assert_eq!(first.octets().as_ptr(), third.octets().as_ptr());
    assert_eq!(third.paint(), 1);
    assert!(third.strip_front(2), "taking octets off writes none");
    assert!(third.is_shared());
    second.octets_mut()[0] = b'O';
    assert_eq!(
        (first.octets(), second.octets(), third.octets()),
        (&b"octets"[..], &b"Octets"[..], &b"tets"[..])
    );
    let place = third.octets().as_ptr();
    drop(first);
    assert!(!third.is_shared(), "it is alone now");
    third.octets_mut()[0] = b'T';
    assert_eq!(third.octets().as_ptr(), place, "nothing was copied");
    third.prepend(2).unwrap().copy_from_slice(b"oc");
    assert_eq!(third.octets(), b"ocTets");
    drop((second, third));
    drop(frames);
    assert_eq!(free_frames(&pool), pool.statistics().total.iter().sum());
}

#[test]
fn frozen_packets_thaw_without_a_copy_once_alone() {
    let pool = pool(8);
    let mut frames = pool.allocator();
    let packet = frames.copy(b"cached").unwrap();
    let place = packet.octets().as_ptr();
    let frozen = packet.freeze();
    let other = frozen.clone();
    let sent = other.packet(&mut frames).unwrap();
    assert_eq!(sent.octets().as_ptr(), place);
    let frozen = frozen.try_unique().expect_err("there is another handle");
    drop(other);
    let mut packet = frozen.try_unique().expect("the last handle");
    assert!(packet.is_shared(), "the sent packet still reads the octets");
    drop(sent);
    packet.octets_mut()[0] = b'C';
    assert_eq!(packet.octets().as_ptr(), place);
    frames.free_packet(packet);
    drop(frames);
    assert_eq!(free_frames(&pool), pool.statistics().total.iter().sum());
}

#[test]
fn a_new_packet_knows_nothing_of_the_last_use_of_its_frame() {
    let pool = Pool::builder().small(1).build().unwrap();
    let mut frames = pool.allocator();
    let mut packet = frames.copy(b"x").unwrap();
    packet.set_paint(3);
    packet.set_destination([10, 0, 0, 1].into());
    packet.set_trace(Some(9));
    packet.notes_mut()[0] = 1;
    packet.set_network_offset(0);
    frames.free_packet(packet);
    let packet = frames.packet().unwrap();
    assert_eq!(
        (packet.paint(), packet.trace(), packet.notes()),
        (0, None, [0; 16])
    );
    assert_eq!(packet.destination(), std::net::Ipv4Addr::UNSPECIFIED);
    assert!(packet.network().is_none() && packet.is_empty());
}

#[test]
fn batches_keep_order() {
    let pool = pool(300);
    let mut frames = pool.allocator();
    let mut batch = Batch::new();
    for number in 0..=255_u8 {
        batch.push(frames.copy(&[number]).unwrap()).unwrap();
    }
    let one_more = frames.packet().unwrap();
    let one_more = batch.push(one_more).expect_err("256 are in");
    drop(one_more);
    batch.filter_map(|packet| (packet.octets()[0] % 2 == 0).then_some(packet));
    let numbers = |batch: &Batch| {
        batch
            .iter()
            .map(|packet| packet.octets()[0])
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(&batch), (0..=254).step_by(2).collect::<Vec<u8>>());
    let mut front = Batch::new();
    assert_eq!(front.take_from(&mut batch, 3), 3);
    assert_eq!(numbers(&front), [0, 2, 4]);
    assert_eq!(
        batch
            .drain_front(2)
            .map(|packet| packet.octets()[0])
            .collect::<Vec<_>>(),
        [6, 8]
    );
    assert_eq!(batch[0].octets(), [10]);
    let mut tail = Batch::new();
    assert!(batch.split_off(1, &mut tail));
    assert_eq!((numbers(&batch), numbers(&tail)[0]), (vec![10], 12));
}

#[test]
fn a_panic_in_a_loop_over_a_batch_loses_no_frame() {
    let pool = pool(8);
    let mut frames = pool.allocator();
    let mut batch = Batch::new();
    assert_eq!(frames.fill(&mut batch, 8), 8);
    let mut seen = 0;
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        batch.filter_map(|packet| {
            seen += 1;
            assert_ne!(seen, 4, "the fourth packet is one too many");
            Some(packet)
        });
    }));
    assert!(result.is_err());
    assert_eq!(batch.len(), 3);
    drop((batch, frames));
    assert_eq!(free_frames(&pool), pool.statistics().total.iter().sum());
}

#[test]
fn memory_that_is_too_small_is_refused() {
    let memory = waypost_packet::HeapMemory::new(4096).unwrap();
    let error = Pool::builder()
        .small(3)
        .memory(Box::new(memory))
        .build()
        .expect_err("three frames take 6 KiB");
    assert_eq!(
        error,
        PoolError::MemoryTooSmall {
            needed: 6144,
            given: 4096
        }
    );
    assert_eq!(
        Pool::builder().small(usize::MAX).build().unwrap_err(),
        PoolError::TooManyFrames
    );
}

#[test]
fn no_free_list_starves_another() {
    // No more frames than a list may hold.
    let pool = Pool::builder().small(64).large(8).build().unwrap();
    let (mut taker, mut freer) = (pool.allocator(), pool.allocator());
    for _ in 0..100 {
        let packet = taker.packet_for(60_000).or_else(|| {
            assert!(taker.take_starved());
            // It frees nothing, but goes on.
            freer.share();
            taker.packet_for(60_000)
        });
        freer.free_packet(packet.unwrap());
    }
    // Who sleeps keeps nothing.
    taker.give_back();
    freer.give_back();
    assert_eq!(pool.statistics().free, pool.statistics().total);
}
