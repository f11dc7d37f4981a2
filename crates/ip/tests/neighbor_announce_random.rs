//! Announcements and delayed answers beside a plain model, for both versions of IP: what leaves, when, in which
//! order, how fast, what is refused for want of room, and that what was cancelled never leaves.
#![cfg(feature = "alloc")]

mod plain;

use std::net::{Ipv4Addr, Ipv6Addr};

use plain::Bucket;
use proptest::prelude::*;
use waypost_ip::neighbor::{Announcement, AnnouncerConfig, MAX_ANYCAST_DELAY, VecAnnouncer};
use waypost_ip::slab::Key;
use waypost_wire::{Duration, Instant, Ip, MacAddr};

/// What is to leave, and when: in order of time, and of those at one time who was planned first.
struct Planned<A> {
    due: u64,
    order: u64,
    what: Announcement<A>,
    left: u8,
    /// The number of the call that planned it.
    call: usize,
}

struct Model<A> {
    planned: Vec<Planned<A>>,
    bucket: Bucket,
    config: AnnouncerConfig,
    order: u64,
    sent: u64,
    refused: u64,
}

impl<A: Ip> Model<A> {
    fn plan(&mut self, due: u64, what: Announcement<A>, left: u8, call: usize) -> bool {
        let room = self.planned.len() < self.config.limit;
        if room {
            self.order += 1;
            let order = self.order;
            self.planned.push(Planned {
                due,
                order,
                what,
                left,
                call,
            });
        } else {
            self.refused += 1;
        }
        room
    }

    fn first(&self) -> Option<usize> {
        let all = self.planned.iter().enumerate();
        let first = all.min_by_key(|(_, it)| (it.due, it.order));
        first.map(|(place, _)| place)
    }

    fn cancel(&mut self, call: usize) -> bool {
        let before = self.planned.len();
        self.planned.retain(|it| it.call != call);
        self.planned.len() < before
    }

    fn output(&mut self, now: u64) -> Option<Announcement<A>> {
        let place = self.first().filter(|it| self.planned[*it].due <= now)?;
        if !self.bucket.take(now) {
            return None;
        }
        self.sent += 1;
        let it = self.planned.remove(place);
        if it.left > 1 {
            let again = now + self.config.interval.as_nanos();
            self.plan(again, it.what, it.left - 1, it.call);
        }
        Some(it.what)
    }

    fn next(&mut self, now: u64) -> Option<u64> {
        let due = self.planned[self.first()?].due;
        Some(self.bucket.ready(now)?.max(due))
    }
}

/// The delays that a seed draws, told by an announcer that does nothing else.
fn delays<A: Ip>(config: AnnouncerConfig, number: usize) -> Vec<u64> {
    let config = AnnouncerConfig {
        limit: 1,
        packets_burst: 1,
        ..config
    };
    let mut other = VecAnnouncer::<A>::new(Vec::new(), config);
    let drawn = (0..number).map(|_| {
        let nobody = A::UNSPECIFIED;
        let key = other.reply(Instant::ZERO, nobody, nobody, None).unwrap();
        let due = other.poll_timeout(Instant::ZERO).unwrap();
        assert!(due < Instant::ZERO + MAX_ANYCAST_DELAY && other.cancel(key));
        due.as_nanos()
    });
    drawn.collect()
}

#[derive(Clone, Debug)]
enum Op {
    Announce(u8),
    Reply(u8, u8, bool),
    /// What an earlier call planned, counted from the latest.
    Cancel(usize),
    Sleep(u64),
    /// Sleeps until something leaves.
    Wake,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => any::<u8>().prop_map(Op::Announce),
        3 => any::<(u8, u8, bool)>().prop_map(|(target, to, mac)| Op::Reply(target, to, mac)),
        2 => (0usize..8).prop_map(Op::Cancel),
        2 => (0u64..5_000_000_000).prop_map(Op::Sleep),
        2 => (0u64..5_000_000).prop_map(Op::Sleep),
        4 => Just(Op::Wake),
    ]
}

fn config() -> impl Strategy<Value = AnnouncerConfig> {
    let intervals = prop::sample::select(vec![0u64, 1, 5, 1000, 2000]);
    let rates = prop::sample::select(vec![0u32, 1, 3, 1000, u32::MAX]);
    let bursts = prop::sample::select(vec![0u32, 1, 2, 2, 3, 64]);
    (0usize..7, 0u8..5, intervals, rates, bursts, any::<u64>()).prop_map(
        |(limit, repeats, interval, packets_per_sec, packets_burst, seed)| AnnouncerConfig {
            limit,
            repeats,
            interval: Duration::from_millis(interval),
            packets_per_sec,
            packets_burst,
            seed,
        },
    )
}

fn run<A: Ip>(config: AnnouncerConfig, ops: &[Op], addr: fn(u8) -> A) {
    let mut announcer = VecAnnouncer::<A>::new(Vec::new(), config);
    let mut model = Model {
        planned: Vec::new(),
        bucket: Bucket::new(config.packets_per_sec.into(), config.packets_burst, 0),
        config,
        order: 0,
        sent: 0,
        refused: 0,
    };
    let is_reply = |op: &&Op| matches!(op, Op::Reply(..));
    let mut delays = delays::<A>(config, ops.iter().filter(is_reply).count()).into_iter();
    let mut keys: Vec<Option<Key>> = Vec::new();
    let mut now = 0;
    for op in ops {
        let at = Instant::from_nanos(now);
        match *op {
            Op::Announce(n) => {
                let key = announcer.announce(at, addr(n));
                let what = Announcement::Address(addr(n));
                let left = config.repeats.max(1);
                assert_eq!(key.is_some(), model.plan(now, what, left, keys.len()));
                keys.push(key);
            }
            Op::Reply(n, to, has_mac) => {
                let (target, to) = (addr(n), addr(to));
                let mac = has_mac.then_some(MacAddr::new([2, 0, 0, 0, 0, n]));
                let key = announcer.reply(at, target, to, mac);
                let what = Announcement::Reply { target, to, mac };
                let due = now + delays.next().unwrap();
                assert_eq!(key.is_some(), model.plan(due, what, 1, keys.len()));
                keys.push(key);
            }
            Op::Cancel(back) => {
                let Some(call) = keys.len().checked_sub(back + 1) else {
                    continue;
                };
                if let Some(key) = keys[call] {
                    assert_eq!(announcer.cancel(key), model.cancel(call));
                }
            }
            Op::Sleep(span) => now += span,
            Op::Wake => now = model.next(now).unwrap_or(now).max(now),
        }
        let at = Instant::from_nanos(now);
        loop {
            let output = announcer.poll_output(at);
            assert_eq!(output, model.output(now));
            if output.is_none() {
                break;
            }
        }
        let told = (announcer.len(), announcer.is_empty());
        assert_eq!(told, (model.planned.len(), model.planned.is_empty()));
        let counted = (announcer.sent(), announcer.refused());
        assert_eq!(counted, (model.sent, model.refused));
        // It may be called ahead of time where what came first was cancelled, and only there.
        let (wake, wanted) = (announcer.poll_timeout(at), model.next(now));
        match (wake, wanted.map(Instant::from_nanos)) {
            (Some(wake), Some(wanted)) => assert!(wake <= wanted, "{wake:?} {wanted:?}"),
            (wake, wanted) => assert!(wake.is_none() && wanted.is_none(), "{wake:?} {wanted:?}"),
        }
    }
    // Whoever comes when told so sees all of it leave, and comes no more than once for nothing each time.
    let mut calls = 0;
    while let Some(wake) = announcer.poll_timeout(Instant::from_nanos(now)) {
        now = now.max(wake.as_nanos());
        while let Some(output) = announcer.poll_output(Instant::from_nanos(now)) {
            assert_eq!(Some(output), model.output(now));
        }
        calls += 1;
        assert!(calls <= 100, "it asks to be called again and again");
    }
    let never = config.packets_burst == 0 || config.packets_per_sec == 0;
    assert!(never || announcer.is_empty() && model.planned.is_empty());
}

proptest! {
    #[test]
    fn announcements_leave_as_the_model_says(
        config in config(),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        run::<Ipv4Addr>(config, &ops, |n| Ipv4Addr::new(10, 0, 0, n));
        run::<Ipv6Addr>(config, &ops, |n| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n.into()));
    }
}
