//! The lock-free structures under every interleaving that the C11 memory model allows.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release -p waypost-packet --test loom`
#![cfg(loom)]

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Notify};
use loom::thread;
use waypost_packet::{IdleFlag, Pool, Rcu, mpsc, spsc};

#[test]
fn spsc_delivers_each_item_once_and_in_order() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::ring(2);
        let thread = thread::spawn(move || {
            let mut next = 1;
            while next <= 3 {
                match producer.push(next) {
                    Ok(()) => next += 1,
                    Err(_) => thread::yield_now(),
                }
            }
        });
        let mut expected = 1;
        while expected <= 3 {
            match consumer.pop() {
                Some(item) => {
                    assert_eq!(item, expected);
                    expected += 1;
                }
                None => thread::yield_now(),
            }
        }
        thread.join().unwrap();
    });
}

#[test]
fn spsc_drops_what_is_left() {
    loom::model(|| {
        let count = Arc::new(AtomicUsize::new(0));
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (mut producer, mut consumer) = spsc::ring(2);
        let item = Counted(count.clone());
        let thread = thread::spawn(move || drop(producer.push(item)));
        drop(consumer.pop());
        thread.join().unwrap();
        drop(consumer);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn spsc_overwrites_no_item_whose_place_is_kept() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::ring(2);
        let thread = thread::spawn(move || {
            let mut numbers = 1..=3;
            while !numbers.is_empty() {
                let room = producer.room_for(2);
                assert!(room <= 2);
                if producer.push_from(room, || numbers.next()) == 0 {
                    thread::yield_now();
                }
            }
        });
        let mut seen = 0;
        while seen < 3 {
            let count = consumer.take_into(1, |item| assert_eq!(item, seen + 1));
            seen += count;
            // Two at a time, or what there is once nothing more comes.
            if count == 0 || consumer.kept() == 2 {
                consumer.give_back();
                thread::yield_now();
            }
        }
        thread.join().unwrap();
    });
}

/// Looks for an item, says that it found none, and looks again; whether it then waits.
fn waits_for(consumer: &mut spsc::Consumer<u32>, idle: &IdleFlag) -> bool {
    if consumer.len() > 0 {
        return false;
    }
    idle.set();
    consumer.len() == 0
}

#[test]
fn who_waits_for_an_item_is_woken() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::ring(2);
        let idle = Arc::new(IdleFlag::new());
        let thread = {
            let idle = Arc::clone(&idle);
            thread::spawn(move || {
                producer.push(1).unwrap();
                idle.take()
            })
        };
        let waits = waits_for(&mut consumer, &idle);
        let woken = thread.join().unwrap();
        assert!(woken || !waits);
    });
}

#[test]
fn who_waits_for_an_item_is_woken_when_no_more_follow() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::ring(2);
        let idle = Arc::new(IdleFlag::new());
        let thread = {
            let idle = Arc::clone(&idle);
            thread::spawn(move || {
                let mut woken = false;
                for item in 1..=2 {
                    producer.push(item).unwrap();
                    woken |= idle.take_if_seen();
                }
                woken | idle.take()
            })
        };
        let waits = waits_for(&mut consumer, &idle);
        let woken = thread.join().unwrap();
        assert!(woken || !waits);
    });
}

#[test]
fn who_waits_again_is_woken_again() {
    loom::model(|| {
        let (mut producer, mut consumer) = spsc::ring(2);
        let sleeper = Arc::new((IdleFlag::new(), Notify::new()));
        let thread = {
            let sleeper = Arc::clone(&sleeper);
            thread::spawn(move || {
                for item in 1..=2 {
                    producer.push(item).unwrap();
                    if sleeper.0.take() {
                        sleeper.1.notify();
                    }
                }
            })
        };
        let mut taken = 0;
        while taken < 2 {
            // A wake that does not come is a deadlock, which the model checker finds.
            match consumer.pop() {
                Some(_) => taken += 1,
                None if waits_for(&mut consumer, &sleeper.0) => sleeper.1.wait(),
                None => {}
            }
        }
        thread.join().unwrap();
    });
}

#[test]
fn who_waits_for_two_is_woken_by_one() {
    loom::model(|| {
        let idle = Arc::new(IdleFlag::new());
        let (threads, consumers): (Vec<_>, Vec<_>) = (0..2)
            .map(|item| {
                let (mut producer, consumer) = spsc::ring(1);
                let idle = Arc::clone(&idle);
                let thread = thread::spawn(move || {
                    producer.push(item).unwrap();
                    idle.take()
                });
                (thread, consumer)
            })
            .unzip();
        idle.set();
        let waits = consumers.iter().all(|it| it.len() == 0);
        let woken = threads.into_iter().map(|it| it.join().unwrap());
        // Both have made something, and one of them has to wake it.
        assert!(woken.filter(|&it| it).count() == 1 || !waits);
    });
}

#[test]
fn mpsc_delivers_each_item_once() {
    loom::model(|| {
        let (producer, mut consumer) = mpsc::ring(2);
        let other = producer.clone();
        let thread = thread::spawn(move || {
            let mut claim = other.claim(2);
            // One place of the claim may stay unfilled.
            claim.push(1).unwrap_or(());
        });
        let own = producer.push(2).is_ok();
        let mut seen = [0; 3];
        for _ in 0..2 {
            consumer.pop_into(2, |item: usize| seen[item] += 1);
            thread::yield_now();
        }
        thread.join().unwrap();
        while consumer.is_ready() {
            consumer.pop_into(2, |item| seen[item] += 1);
        }
        assert!(seen[1] <= 1, "seen {seen:?}");
        assert_eq!(seen[2], usize::from(own));
    });
}

#[test]
fn mpsc_is_never_full_where_there_is_room() {
    loom::model(|| {
        let (producer, mut consumer) = mpsc::ring(2);
        let other = producer.clone();
        // Two items in all, and two places: neither producer may be turned away.
        let thread = thread::spawn(move || other.push(1).expect("there is room"));
        producer.push(2).expect("there is room");
        let mut seen = usize::from(consumer.pop().is_some());
        thread.join().unwrap();
        while consumer.pop().is_some() {
            seen += 1;
        }
        assert_eq!(seen, 2);
    });
}

#[test]
fn rings_are_abandoned_with_all_that_was_put_into_them() {
    loom::model(|| {
        let (mut one, mut from_one) = spsc::ring(1);
        let (many, mut from_many) = mpsc::ring(1);
        let thread = thread::spawn(move || {
            one.push(1).unwrap();
            drop(one);
            many.push(2).unwrap();
        });
        if from_one.is_abandoned() {
            assert_eq!(from_one.pop(), Some(1));
        }
        if from_many.is_abandoned() {
            assert_eq!(from_many.pop(), Some(2));
        }
        thread.join().unwrap();
    });
}

#[test]
fn mpsc_gives_places_back() {
    loom::model(|| {
        let (producer, mut consumer) = mpsc::ring(1);
        let thread = thread::spawn(move || {
            let mut next = 1;
            while next <= 2 {
                match producer.push(next) {
                    Ok(()) => next += 1,
                    Err(_) => thread::yield_now(),
                }
            }
        });
        let mut expected = 1;
        while expected <= 2 {
            match consumer.pop() {
                Some(item) => {
                    assert_eq!(item, expected);
                    expected += 1;
                }
                None => thread::yield_now(),
            }
        }
        thread.join().unwrap();
    });
}

/// A value whose use after it was freed is seen.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.store(0, Ordering::SeqCst);
    }
}

#[test]
fn rcu_frees_no_value_that_is_read() {
    loom::model(|| {
        let (old, new) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(2)));
        let mut writer = Rcu::new(Alive(old.clone()));
        let mut reader = writer.reader();
        let thread = thread::spawn(move || {
            for _ in 0..2 {
                let value = reader.read();
                assert_ne!(value.0.load(Ordering::SeqCst), 0, "a freed value was read");
                reader.quiescent();
            }
        });
        writer.replace(Alive(new.clone()));
        writer.collect();
        thread.join().unwrap();
        assert_eq!(writer.collect(), 0);
        assert_eq!(
            (old.load(Ordering::SeqCst), new.load(Ordering::SeqCst)),
            (0, 2)
        );
    });
}

#[test]
fn rcu_reader_that_comes_late_is_counted() {
    loom::model(|| {
        let writer = Rcu::new(Alive(Arc::new(AtomicUsize::new(1))));
        let mut reader = writer.reader();
        let mut writer = writer;
        let thread = thread::spawn(move || {
            reader.quiescent();
            assert_ne!(reader.read().0.load(Ordering::SeqCst), 0);
            drop(reader);
        });
        writer.replace(Alive(Arc::new(AtomicUsize::new(2))));
        drop(writer);
        thread.join().unwrap();
    });
}

#[test]
fn a_pool_is_freed_with_the_last_of_handle_and_packet() {
    loom::model(|| {
        let pool = Pool::builder().small(2).clones(0).build().unwrap();
        let mut frames = pool.allocator();
        let (first, second) = (frames.packet().unwrap(), frames.packet().unwrap());
        let thread = thread::spawn(move || drop(first));
        drop(frames);
        drop(pool);
        drop(second);
        thread.join().unwrap();
    });
}

#[test]
fn packets_dropped_on_two_threads_come_home() {
    loom::model(|| {
        let pool = Pool::builder().small(2).clones(0).build().unwrap();
        let mut frames = pool.allocator();
        let (first, second) = (frames.packet().unwrap(), frames.packet().unwrap());
        let thread = thread::spawn(move || drop(first));
        drop(second);
        let early = frames.packet();
        assert!(early.is_some(), "at least the own one is back");
        thread.join().unwrap();
        assert!(frames.packet().is_some());
    });
}

#[test]
fn shared_octets_freed_into_two_lists_are_freed_once() {
    loom::model(|| {
        let pool = Pool::builder().small(1).clones(1).build().unwrap();
        let mut frames = pool.allocator();
        let mut first = frames.copy(b"a").unwrap();
        let second = first.share(&mut frames).unwrap();
        let mut others = pool.allocator();
        let thread = thread::spawn(move || others.free_packet(second));
        frames.free_packet(first);
        drop(frames);
        thread.join().unwrap();
        assert_eq!(pool.statistics().free, [1, 0, 0, 1]);
    });
}

#[test]
fn shared_octets_are_freed_once() {
    loom::model(|| {
        let pool = Pool::builder().small(2).clones(1).build().unwrap();
        let mut frames = pool.allocator();
        let mut first = frames.copy(b"a").unwrap();
        let mut second = first.share(&mut frames).unwrap();
        let thread = thread::spawn(move || {
            second.octets_mut()[0] = b'b';
            assert_eq!(second.octets(), b"b");
        });
        assert_eq!(first.octets(), b"a");
        first.octets_mut()[0] = b'c';
        assert_eq!(first.octets(), b"c");
        drop(first);
        thread.join().unwrap();
        drop(frames);
        assert_eq!(pool.statistics().free, [2, 0, 0, 1]);
    });
}
