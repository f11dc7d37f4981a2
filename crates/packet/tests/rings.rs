//! Rings and RCU under real threads; the model-checked tests are in `loom.rs`.

use waypost_packet::{Rcu, mpsc, spsc};

#[test]
fn spsc_keeps_order_and_bounds() {
    let (mut producer, mut consumer) = spsc::ring(5);
    assert_eq!(producer.capacity(), 8);
    let mut numbers = 0..;
    assert_eq!(producer.push_from(100, || numbers.next()), 8);
    assert_eq!(producer.push(99), Err(99));
    let mut seen = Vec::new();
    assert_eq!(consumer.pop_into(3, |it| seen.push(it)), 3);
    assert_eq!(producer.room(), 3);
    while let Some(it) = consumer.pop() {
        seen.push(it);
    }
    assert_eq!(seen, (0..8).collect::<Vec<_>>());
    drop(consumer);
    assert!(producer.is_abandoned());
}

#[test]
fn places_are_kept_until_they_are_given_back() {
    let (mut producer, mut consumer) = spsc::ring(4);
    let mut numbers = 0..;
    assert_eq!(producer.push_from(4, || numbers.next()), 4);
    assert_eq!(consumer.take_into(3, drop), 3);
    assert_eq!((consumer.kept(), consumer.len()), (3, 1));
    assert_eq!(producer.room(), 0);
    assert_eq!(producer.push(9), Err(9));
    consumer.give_back();
    assert_eq!(consumer.kept(), 0);
    assert_eq!(producer.room_for(0), 0, "what was seen last is enough");
    assert_eq!(producer.room_for(1), 3);
    // Whoever is asked to fill more places than there are stops where the ring does.
    assert_eq!(producer.push_from(9, || numbers.next()), 3);
    assert_eq!(consumer.take_into(9, drop), 4);
}

#[test]
fn an_item_is_dropped_once_whatever_panics() {
    let item = std::sync::Arc::new(());
    let (mut producer, mut consumer) = spsc::ring(4);
    for _ in 0..4 {
        producer.push(item.clone()).unwrap();
    }
    let mut seen = 0;
    let panics = std::panic::AssertUnwindSafe(|| {
        consumer.pop_into(4, |_| {
            seen += 1;
            assert!(seen < 2, "on purpose");
        })
    });
    std::panic::catch_unwind(panics).expect_err("the second is too much");
    assert_eq!(std::sync::Arc::strong_count(&item), 1 + 2);
    drop((producer, consumer));
    assert_eq!(std::sync::Arc::strong_count(&item), 1);
}

#[test]
fn items_left_in_a_ring_are_dropped_with_it() {
    let item = std::sync::Arc::new(());
    let (mut producer, consumer) = spsc::ring(4);
    let (sender, receiver) = mpsc::ring(4);
    for _ in 0..3 {
        producer.push(item.clone()).unwrap();
        sender.push(item.clone()).unwrap();
    }
    drop((producer, consumer, sender, receiver));
    assert_eq!(std::sync::Arc::strong_count(&item), 1);
}

#[test]
fn spsc_between_threads() {
    let (mut producer, mut consumer) = spsc::ring(64);
    let count = 200_000_u64;
    let thread = std::thread::spawn(move || {
        let mut numbers = 0..count;
        while !numbers.is_empty() {
            if producer.push_from(17, || numbers.next()) == 0 {
                std::thread::yield_now();
            }
        }
    });
    let mut expected = 0;
    while expected < count {
        let taken = consumer.pop_into(13, |it| {
            assert_eq!(it, expected);
            expected += 1;
        });
        if taken == 0 {
            std::thread::yield_now();
        }
    }
    thread.join().unwrap();
}

#[test]
fn mpsc_between_threads_keeps_each_producers_order() {
    let (producer, mut consumer) = mpsc::ring(32);
    let (producers, each) = (3, 50_000_u64);
    let threads: Vec<_> = (0..producers)
        .map(|who| {
            let producer = producer.clone();
            std::thread::spawn(move || {
                let mut next = 0;
                while next < each {
                    let mut claim = producer.claim(7.min((each - next) as usize));
                    if claim.is_empty() {
                        std::thread::yield_now();
                    }
                    // Now and then less than was claimed is filled.
                    let used = if next % 5 == 0 {
                        claim.len().div_ceil(2)
                    } else {
                        claim.len()
                    };
                    for _ in 0..used {
                        claim.push((who, next)).unwrap();
                        next += 1;
                    }
                }
            })
        })
        .collect();
    drop(producer);
    let mut expected = vec![0; producers];
    while expected.iter().sum::<u64>() < each * producers as u64 {
        let taken = consumer.pop_into(11, |(who, number): (usize, u64)| {
            assert_eq!(number, expected[who]);
            expected[who] += 1;
        });
        if taken == 0 {
            std::thread::yield_now();
        }
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert!(consumer.is_abandoned() && consumer.pop().is_none());
}

#[test]
fn rcu_frees_an_old_value_when_every_reader_was_quiescent() {
    let old = std::sync::Arc::new(1);
    let mut writer = Rcu::new(old.clone());
    let (mut first, mut second) = (writer.reader(), writer.reader());
    assert_eq!(**first.read(), 1);
    writer.replace(std::sync::Arc::new(2));
    assert_eq!(**first.read(), 2);
    assert_eq!(std::sync::Arc::strong_count(&old), 2);
    first.quiescent();
    assert_eq!(writer.collect(), 1);
    second.quiescent();
    assert_eq!(writer.collect(), 0);
    assert_eq!(std::sync::Arc::strong_count(&old), 1);
}

#[test]
fn rcu_readers_outlive_the_writer() {
    let old = std::sync::Arc::new(1);
    let mut writer = Rcu::new(old.clone());
    let reader = writer.reader();
    let held = reader.read();
    writer.replace(std::sync::Arc::new(2));
    drop(writer);
    assert_eq!(**held, 1);
    drop(reader);
    assert_eq!(std::sync::Arc::strong_count(&old), 1);
}
