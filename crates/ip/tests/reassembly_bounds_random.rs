//! Reassembly under small limits and over time beside a plain model, for both versions of IP: what becomes of each
//! fragment, which datagram goes when there is no room, by whom the room is used, what times out, and every counter.
#![cfg(feature = "alloc")]

mod fragments;

use std::net::{Ipv4Addr, Ipv6Addr};

use fragments::{Became, Told, Version, conserved, input, table, told};
use proptest::prelude::*;
use waypost_ip::reassembly::{FragmentDrop, ReassemblyConfig};
use waypost_wire::{Duration, Ecn, Instant};

const TIMEOUT: u64 = 30_000;

const fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[derive(Clone, Debug)]
struct Piece {
    offset: usize,
    payload: Vec<u8>,
    more: bool,
    ecn: Ecn,
    memory: usize,
}

impl Piece {
    fn end(&self) -> usize {
        self.offset + self.payload.len()
    }
}

#[derive(Clone, Debug)]
struct Datagram {
    source: u16,
    id: u16,
    since: u64,
    pieces: Vec<Piece>,
    dead: bool,
}

impl Datagram {
    fn memory(&self) -> usize {
        self.pieces.iter().map(|it| it.memory).sum()
    }

    /// What is wrong with one more fragment.
    fn check(&self, piece: &Piece, each: usize) -> Result<(), FragmentDrop> {
        let same = |it: &Piece| {
            (it.offset, &it.payload, it.more) == (piece.offset, &piece.payload, piece.more)
        };
        if self.pieces.iter().any(same) {
            return Err(FragmentDrop::Duplicate);
        }
        let overlaps = |it: &Piece| it.offset < piece.end() && piece.offset < it.end();
        if self.pieces.iter().any(overlaps) {
            return Err(FragmentDrop::Overlap);
        }
        // Nothing lies behind the last.
        let last = self.pieces.iter().find(|it| !it.more);
        let ends = self.pieces.iter().map(Piece::end);
        if last.is_some_and(|last| !piece.more || piece.end() >= last.end())
            || !piece.more && ends.max() > Some(piece.end())
        {
            return Err(FragmentDrop::Inconsistent);
        }
        let codes = || self.pieces.iter().chain([piece]).map(|it| it.ecn);
        if codes().any(|it| it == Ecn::Ce) && codes().any(|it| it == Ecn::NotEct) {
            return Err(FragmentDrop::Congestion);
        }
        if self.pieces.len() >= each {
            return Err(FragmentDrop::TooMany);
        }
        Ok(())
    }

    /// All octets, if they are there.
    fn whole(&self) -> Option<Vec<u8>> {
        let mut pieces: Vec<&Piece> = self.pieces.iter().collect();
        pieces.sort_by_key(|it| it.offset);
        let octets: Vec<u8> = pieces.iter().flat_map(|it| it.payload.clone()).collect();
        let last = pieces.last().filter(|it| !it.more)?;
        (last.end() == octets.len()).then_some(octets)
    }
}

/// Datagrams, oldest first, and the sources by how long they use as much as they do.
struct Model {
    datagrams: Vec<Datagram>,
    sources: Vec<(u16, u32)>,
    config: ReassemblyConfig,
    latest: u64,
    received: u64,
    reassembled: u64,
    whole: u64,
    atomic: u64,
    abandoned: u64,
    evicted: u64,
    timed_out: u64,
    dropped: [u64; FragmentDrop::COUNT],
}

impl Model {
    fn place(&self, source: u16, id: u16) -> Option<usize> {
        let all = &self.datagrams;
        all.iter().position(|it| (it.source, it.id) == (source, id))
    }

    fn fragments(&self) -> usize {
        self.datagrams.iter().map(|it| it.pieces.len()).sum()
    }

    fn octets(&self) -> usize {
        self.datagrams.iter().map(Datagram::memory).sum()
    }

    /// The largest of a source's shares in the three limits, of 65535.
    fn share(&self, source: u16) -> u64 {
        let its = || self.datagrams.iter().filter(|it| it.source == source);
        let of = |part: usize, all: usize| part as u64 * 0xffff / all.max(1) as u64;
        let fragments = its().map(|it| it.pieces.len()).sum();
        let octets = its().map(Datagram::memory).sum();
        of(its().count(), self.config.datagrams)
            .max(of(fragments, self.config.fragments))
            .max(of(octets, self.config.octets))
    }

    /// How much that is, in quarters of each doubling.
    fn level(&self, source: u16) -> u32 {
        let share = self.share(source).clamp(1, 0xffff);
        let doublings = share.ilog2();
        doublings * 4 + (share * 4 / (1 << doublings)) as u32 % 4
    }

    /// Who uses more or less than before is the last of those that use as much; who uses nothing is none.
    fn settle(&mut self) {
        let mut sources = std::mem::take(&mut self.sources);
        sources.retain(|(source, _)| self.datagrams.iter().any(|it| it.source == *source));
        let moved = |it: &(u16, u32)| self.level(it.0) != it.1;
        let mut last: Vec<(u16, u32)> = sources.iter().copied().filter(moved).collect();
        sources.retain(|it| !moved(it));
        for datagram in &self.datagrams {
            let source = datagram.source;
            if !sources.iter().chain(&last).any(|it| it.0 == source) {
                last.push((source, 0));
            }
        }
        assert!(last.len() <= 1, "one changes at a time");
        sources.extend(last.iter().map(|it| (it.0, self.level(it.0))));
        self.sources = sources;
    }

    /// The oldest datagram of who uses most and has done so the longest, but for the one that grows.
    fn victim(&self, spared: Option<(u16, u16)>) -> Option<usize> {
        let most = self.sources.iter().map(|it| it.1).max()?;
        let (source, _) = *self.sources.iter().find(|it| it.1 == most)?;
        // To within a fifth.
        let largest = self.sources.iter().map(|it| self.share(it.0)).max()?;
        assert!(self.share(source) * 5 + 5 >= largest * 4);
        let goes = |it: &Datagram| it.source == source && Some((it.source, it.id)) != spared;
        self.datagrams.iter().position(goes)
    }

    fn make_room(&mut self, joined: Option<(u16, u16)>, memory: usize) -> bool {
        let own = joined.and_then(|(source, id)| self.place(source, id));
        let own = own.map(|place| &self.datagrams[place]);
        let used = own.map_or((0, 0), |it| (it.pieces.len(), it.memory()));
        if used.0 >= self.config.fragments || used.1 + memory > self.config.octets {
            return false;
        }
        while self.fragments() >= self.config.fragments
            || self.octets() + memory > self.config.octets
            || joined.is_none() && self.datagrams.len() >= self.config.datagrams
        {
            let Some(place) = self.victim(joined) else {
                return false;
            };
            let gone = self.datagrams.remove(place);
            self.settle();
            self.evicted += 1;
            self.dropped[FragmentDrop::Evicted as usize] += gone.pieces.len() as u64;
        }
        true
    }

    fn drop(&mut self, reason: FragmentDrop) -> Became {
        self.dropped[reason as usize] += 1;
        Became::Dropped(reason)
    }

    fn abandon(&mut self, place: usize, reason: FragmentDrop) -> Became {
        let pieces = std::mem::take(&mut self.datagrams[place].pieces);
        self.datagrams[place].dead = true;
        self.settle();
        self.abandoned += 1;
        self.dropped[reason as usize] += pieces.len() as u64;
        self.drop(reason)
    }

    /// What becomes of a fragment; of a whole datagram its payload and whether it met congestion.
    fn input(&mut self, now: u64, source: u16, id: u16, piece: Piece) -> (Became, bool) {
        self.received += 1;
        let mut place = self.place(source, id);
        if let Some(place) = place {
            let datagram = &self.datagrams[place];
            if datagram.dead {
                return (self.drop(FragmentDrop::Abandoned), false);
            }
            match datagram.check(&piece, self.config.fragments_each) {
                Ok(()) => {}
                Err(FragmentDrop::Duplicate) => return (self.drop(FragmentDrop::Duplicate), false),
                Err(reason) => return (self.abandon(place, reason), false),
            }
        }
        let joined = place.map(|_| (source, id));
        let has_room = self.make_room(joined, piece.memory);
        // Older ones may have gone.
        place = self.place(source, id);
        if !has_room {
            return match place {
                Some(place) => (self.abandon(place, FragmentDrop::NoRoom), false),
                None => (self.drop(FragmentDrop::NoRoom), false),
            };
        }
        let place = place.unwrap_or_else(|| {
            // Ages stay in order whatever the clock does.
            self.latest = self.latest.max(now);
            self.datagrams.push(Datagram {
                source,
                id,
                since: self.latest,
                pieces: Vec::new(),
                dead: false,
            });
            self.datagrams.len() - 1
        });
        self.datagrams[place].pieces.push(piece);
        self.settle();
        let Some(octets) = self.datagrams[place].whole() else {
            return (Became::Held, false);
        };
        let datagram = self.datagrams.remove(place);
        self.settle();
        self.whole += 1;
        self.reassembled += datagram.pieces.len() as u64;
        let met_congestion = datagram.pieces.iter().any(|it| it.ecn == Ecn::Ce);
        (Became::Whole(octets), met_congestion)
    }

    /// Who sent the oldest whose time has ended, which one it was, and its beginning.
    fn expire(&mut self, now: u64) -> Option<(u16, u16, Option<Vec<u8>>)> {
        while self.datagrams.first()?.since + TIMEOUT <= now {
            let gone = self.datagrams.remove(0);
            self.settle();
            if gone.dead {
                continue;
            }
            self.timed_out += 1;
            self.dropped[FragmentDrop::TimedOut as usize] += gone.pieces.len() as u64;
            let first = gone.pieces.into_iter().find(|it| it.offset == 0);
            return Some((gone.source, gone.id, first.map(|it| it.payload)));
        }
        None
    }
}

#[derive(Clone, Debug)]
struct Drawn {
    source: u16,
    id: u16,
    /// In units of 8 octets.
    first: usize,
    len: usize,
    more: bool,
    salt: bool,
    ecn: u8,
}

#[derive(Clone, Debug)]
enum Op {
    Fragment(Drawn),
    Sleep(u64),
    /// The caller's clock goes back for one fragment.
    Early(u64, Drawn),
    Expire,
}

fn op() -> impl Strategy<Value = Op> {
    let drawn = || {
        // The first source sends more than the others together.
        let who = prop_oneof![2 => Just(0u16), 1 => 1u16..4];
        let many = prop_oneof![3 => 0u16..3, 1 => 0u16..12];
        let kinds = (
            prop::bool::weighted(0.8),
            prop::bool::weighted(0.05),
            0u8..12,
        );
        (who, many, 0usize..6, 1usize..4, kinds).prop_map(
            |(source, id, first, len, (more, salt, ecn))| Drawn {
                source,
                id,
                first,
                len,
                more,
                salt,
                ecn,
            },
        )
    };
    prop_oneof![
        16 => drawn().prop_map(Op::Fragment),
        1 => (0u64..20_000, drawn()).prop_map(|(back, drawn)| Op::Early(back, drawn)),
        2 => (0u64..4_000).prop_map(Op::Sleep),
        1 => (0u64..2 * TIMEOUT).prop_map(Op::Sleep),
        2 => Just(Op::Expire),
    ]
}

fn config() -> impl Strategy<Value = ReassemblyConfig> {
    let octets = prop::sample::select(vec![0usize, 60, 100, 200, 300, 500, 5000]);
    (0usize..9, 0usize..13, 1usize..6, octets, any::<u64>()).prop_map(
        |(datagrams, fragments, fragments_each, octets, seed)| ReassemblyConfig {
            datagrams,
            fragments,
            fragments_each,
            octets,
            timeout: Duration::from_millis(TIMEOUT),
            seed,
        },
    )
}

fn run<A: Version>(config: ReassemblyConfig, ops: &[Op]) {
    let mut table = table::<A>(config);
    let mut model = Model {
        datagrams: Vec::new(),
        sources: Vec::new(),
        config,
        latest: 0,
        received: 0,
        reassembled: 0,
        whole: 0,
        atomic: 0,
        abandoned: 0,
        evicted: 0,
        timed_out: 0,
        dropped: [0; FragmentDrop::COUNT],
    };
    let mut now = 100_000;
    for op in ops {
        let (at, drawn) = match op {
            Op::Sleep(span) => {
                now += span;
                continue;
            }
            Op::Expire => {
                loop {
                    let found = table.expire(ms(now));
                    let found = found.map(|it| {
                        let parse = |it: Vec<u8>| match A::parse(&it) {
                            waypost_ip::reassembly::Parsed::Piece(piece) => {
                                it[piece.start..piece.start + piece.len].to_vec()
                            }
                            other => panic!("{other:?}"),
                        };
                        (it.source, it.identification, it.first.map(parse))
                    });
                    let wanted = model.expire(now);
                    let wanted = wanted
                        .map(|(source, id, first)| (A::sender(source, id), u32::from(id), first));
                    assert_eq!(found, wanted);
                    if found.is_none() {
                        break;
                    }
                }
                check(&table, &model);
                continue;
            }
            Op::Fragment(drawn) => (now, drawn),
            Op::Early(back, drawn) => (now - back.min(&now), drawn),
        };
        let offset = drawn.first * 8;
        let len = drawn.len * 8 - if drawn.more { 0 } else { 3 };
        let told = Told {
            source: drawn.source,
            ecn: match drawn.ecn {
                0 => Ecn::NotEct,
                1 => Ecn::Ce,
                _ => Ecn::Ect0,
            },
            ..told(drawn.id, offset, drawn.more)
        };
        let salt = u8::from(drawn.salt);
        let payload: Vec<u8> = (offset..offset + len).map(|n| n as u8 ^ salt).collect();
        let packet = A::fragment(told, &payload);
        let piece = Piece {
            offset,
            payload: payload.clone(),
            more: drawn.more,
            ecn: told.ecn,
            memory: packet.capacity(),
        };
        let became = input(&mut table, ms(at), packet);
        if offset == 0 && !drawn.more {
            // All of its datagram: none of what is held matters, and IPv4 does not call it a fragment.
            if A::VERSION == 4 {
                assert_eq!(became, Became::NotFragment);
            } else {
                assert!(matches!(&became, Became::Whole(it) if A::payload(it) == payload));
                model.received += 1;
                model.atomic += 1;
                model.whole += 1;
                model.reassembled += 1;
            }
        } else {
            let (wanted, met_congestion) = model.input(at, drawn.source, drawn.id, piece);
            match (became, wanted) {
                (Became::Whole(found), Became::Whole(wanted)) => {
                    assert_eq!(A::payload(&found), wanted);
                    let class = match A::VERSION {
                        4 => found[1],
                        _ => found[1] >> 4,
                    };
                    assert_eq!(class & 3 == Ecn::Ce as u8, met_congestion);
                }
                (became, wanted) => assert_eq!(became, wanted),
            }
        }
        check(&table, &model);
    }
}

fn check<A: Version>(table: &fragments::Table<A>, model: &Model) {
    conserved(table);
    let held = (
        table.len(),
        table.fragments(),
        table.octets(),
        table.sources(),
    );
    let wanted = (
        model.datagrams.len(),
        model.fragments(),
        model.octets(),
        model.sources.len(),
    );
    assert_eq!(held, wanted);
    let config = &model.config;
    assert!(held.0 <= config.datagrams && held.1 <= config.fragments && held.2 <= config.octets);
    let oldest = model.datagrams.first();
    let deadline = oldest.map(|it| ms(it.since + TIMEOUT));
    assert_eq!(table.poll_timeout(), deadline);
    let counters = table.counters();
    let counted = [
        (counters.received, model.received),
        (counters.reassembled, model.reassembled),
        (counters.datagrams, model.whole),
        (counters.atomic, model.atomic),
        (counters.abandoned, model.abandoned),
        (counters.evicted, model.evicted),
        (counters.timed_out, model.timed_out),
    ];
    for (number, (found, wanted)) in counted.into_iter().enumerate() {
        assert_eq!(found, wanted, "counter {number}");
    }
    for reason in [
        FragmentDrop::Duplicate,
        FragmentDrop::Overlap,
        FragmentDrop::Inconsistent,
        FragmentDrop::Congestion,
        FragmentDrop::Abandoned,
        FragmentDrop::TooMany,
        FragmentDrop::NoRoom,
        FragmentDrop::Evicted,
        FragmentDrop::TimedOut,
    ] {
        let dropped = counters.dropped(reason);
        assert_eq!(dropped, model.dropped[reason as usize], "{reason}");
    }
    assert_eq!(counters.dropped_total(), model.dropped.iter().sum());
}

proptest! {
    #[test]
    fn limits_and_time_do_what_the_model_does(
        config in config(),
        ops in prop::collection::vec(op(), 1..150),
    ) {
        run::<Ipv4Addr>(config, &ops);
        run::<Ipv6Addr>(config, &ops);
    }
}
