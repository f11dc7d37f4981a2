//! Reassembly of random fragments: against what was fragmented, and against a map of octets.
#![cfg(feature = "alloc")]

mod fragments;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use fragments::{Became, Version, at, conserved, data, input, table, told};
use proptest::prelude::*;
use waypost_ip::fragment::{Fragments, Ipv6Fragments};
use waypost_ip::reassembly::{FragmentDrop, ReassemblyConfig};
use waypost_wire::{Checksum, IpProtocol, Ipv4Header, Ipv4Packet, Ipv6Header, Ipv6Packet};

/// A packet to be fragmented, of either version.
#[derive(Clone, Debug)]
struct Original {
    bytes: Vec<u8>,
    fragments: Vec<Vec<u8>>,
}

fn original4(id: u16, options: &[u8], len: usize, mtu: usize) -> Original {
    let (from, to) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let mut header = Ipv4Header::new(IpProtocol::UDP, from, to, (options.len() + len) as u16);
    header.set_header_len(20 + options.len());
    header.set_identification(id);
    let sum = Checksum::new()
        .add_bytes(header.as_bytes())
        .add_bytes(options);
    header.set_checksum(sum.finish());
    let bytes = [header.as_bytes(), options, &data(len, usize::from(id))].concat();
    let packet = Ipv4Packet::parse(&bytes).unwrap();
    let fragments = Fragments::new(&packet, mtu).unwrap();
    let whole = packet.payload();
    let fragments = fragments.map(|it| [it.header(), &whole[it.payload()]].concat());
    Original {
        fragments: fragments.collect(),
        bytes: bytes.clone(),
    }
}

fn original6(id: u16, extensions: &[u8], len: usize, mtu: usize) -> Original {
    let (from, to) = (
        "2001:db8::1".parse().unwrap(),
        "2001:db8::2".parse().unwrap(),
    );
    // Each octet is the kind of an extension header of 8 octets.
    let kinds: Vec<u8> = extensions.iter().copied().chain([17]).collect();
    let total = (extensions.len() * 8 + len) as u16;
    let mut bytes = Ipv6Header::new(IpProtocol(kinds[0]), from, to, total)
        .as_bytes()
        .to_vec();
    for next in &kinds[1..] {
        bytes.extend([*next, 0, 1, 4, 0, 0, 0, 0]);
    }
    bytes.extend(data(len, usize::from(id)));
    let packet = Ipv6Packet::parse(&bytes).unwrap();
    let fragments = Ipv6Fragments::new(&packet, mtu, u32::from(id)).unwrap();
    let whole = packet.payload();
    let fragments = fragments.map(|it| {
        let mut made = vec![0; it.header_len()];
        it.write_header(&mut made);
        made.extend(&whole[it.payload()]);
        made
    });
    Original {
        fragments: fragments.collect(),
        bytes: bytes.clone(),
    }
}

/// Gives all fragments of all packets in an order drawn by `keys`, with copies, without those lost, and finds
/// exactly the packets of which nothing was lost, as they were.
fn round_trip<A: Version>(originals: &[Original], keys: &[u32]) -> Result<(), TestCaseError> {
    let config = ReassemblyConfig {
        fragments_each: 2000,
        ..ReassemblyConfig::default()
    };
    let mut table = table::<A>(config);
    let mut keys = keys.iter().copied().cycle();
    let mut arrivals = Vec::new();
    let mut expected = BTreeMap::new();
    for (number, original) in originals.iter().enumerate() {
        let mut lost = false;
        for fragment in &original.fragments {
            let key = keys.next().unwrap();
            if key % 40 == 0 {
                lost = true;
                continue;
            }
            arrivals.push((key, number, fragment));
            // A copy that comes after the datagram is whole would begin another: keep it close.
            if key % 7 == 0 && original.fragments.len() > 1 {
                arrivals.push((key, number, fragment));
            }
        }
        expected.insert(number, (!lost).then_some(&original.bytes));
    }
    arrivals.sort_by_key(|(key, number, _)| (*key, *number));
    let mut found = BTreeMap::new();
    for (_, number, fragment) in arrivals {
        let whole = match input(&mut table, at(1), fragment.clone()) {
            Became::NotFragment => fragment.clone(),
            Became::Whole(whole) => whole,
            Became::Held | Became::Dropped(FragmentDrop::Duplicate) => continue,
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        prop_assert!(found.insert(number, whole).is_none());
    }
    for (number, bytes) in expected {
        prop_assert_eq!(found.get(&number), bytes);
    }
    conserved(&table);
    while table.expire(at(61)).is_some() {}
    prop_assert!(table.is_empty());
    conserved(&table);
    Ok(())
}

/// A piece that comes: identification, first octet and length in units of 8 octets, more, salt of its octets.
type Drawn = (u16, usize, usize, bool, bool);

/// What must be true of a datagram, octet by octet.
#[derive(Default)]
struct Model {
    octets: BTreeMap<usize, u8>,
    pieces: Vec<(usize, Vec<u8>, bool)>,
    total: Option<usize>,
    dead: bool,
}

impl Model {
    fn add(&mut self, offset: usize, payload: &[u8], more: bool) -> &'static str {
        let piece = (offset, payload.to_vec(), more);
        if self.dead {
            return "abandoned";
        }
        if self.pieces.contains(&piece) {
            return "duplicate";
        }
        let end = offset + payload.len();
        let overlaps = (offset..end).any(|at| self.octets.contains_key(&at));
        let beyond = self
            .total
            .is_some_and(|total| end > total || (end == total && more));
        let short = !more && self.octets.keys().any(|at| *at >= end);
        let second = !more && self.total.is_some_and(|total| total != end);
        if overlaps || beyond || short || second {
            self.dead = true;
            return "bad";
        }
        self.octets
            .extend((offset..end).zip(payload.iter().copied()));
        self.pieces.push(piece);
        if !more {
            self.total = Some(end);
        }
        if self.total == Some(self.octets.len()) {
            "whole"
        } else {
            "held"
        }
    }
}

fn against_the_model<A: Version>(drawn: &[Drawn]) -> Result<(), TestCaseError> {
    let mut table = table::<A>(ReassemblyConfig::default());
    let mut models: BTreeMap<u16, Model> = BTreeMap::new();
    for (id, first, len, more, salt) in drawn {
        let (offset, more) = (first * 8, *more || *first == 0);
        let len = if more { len * 8 } else { len * 8 - 3 };
        let payload: Vec<u8> = (offset..offset + len)
            .map(|n| n as u8 ^ u8::from(*salt))
            .collect();
        let became = input(
            &mut table,
            at(1),
            A::fragment(told(*id, offset, more), &payload),
        );
        let model = models.entry(*id).or_default();
        match model.add(offset, &payload, more) {
            "whole" => {
                let Became::Whole(datagram) = became else {
                    return Err(TestCaseError::fail(format!(
                        "expected a whole, found {became:?}"
                    )));
                };
                let expected: Vec<u8> = model.octets.values().copied().collect();
                prop_assert_eq!(A::payload(&datagram), expected);
                models.remove(id);
            }
            "held" => prop_assert_eq!(became, Became::Held),
            "duplicate" => prop_assert_eq!(became, Became::Dropped(FragmentDrop::Duplicate)),
            "abandoned" => prop_assert_eq!(became, Became::Dropped(FragmentDrop::Abandoned)),
            _ => prop_assert!(matches!(
                became,
                Became::Dropped(FragmentDrop::Overlap | FragmentDrop::Inconsistent)
            )),
        }
        let held: usize = models
            .values()
            .filter(|it| !it.dead)
            .map(|it| it.pieces.len())
            .sum();
        prop_assert_eq!((table.fragments(), table.len()), (held, models.len()));
        conserved(&table);
    }
    Ok(())
}

fn options4() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        vec![],
        vec![0x94, 4, 0, 0],
        vec![7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0, 1],
        vec![1; 40],
    ])
}

fn extensions6() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        vec![],
        vec![0],
        vec![60],
        vec![0, 60, 43],
        vec![60, 43, 60],
    ])
}

proptest! {
    #[test]
    fn what_was_fragmented_is_put_together_v4(
        packets in prop::collection::vec((options4(), 0usize..6000, 68usize..2000), 1..6),
        keys in prop::collection::vec(any::<u32>(), 1..200),
    ) {
        let originals: Vec<Original> = (1..)
            .zip(&packets)
            .map(|(id, (options, len, mtu))| original4(id, options, *len, *mtu))
            .collect();
        round_trip::<Ipv4Addr>(&originals, &keys)?;
    }

    #[test]
    fn what_was_fragmented_is_put_together_v6(
        packets in prop::collection::vec((extensions6(), 8usize..20_000, 1280usize..3000), 1..6),
        keys in prop::collection::vec(any::<u32>(), 1..200),
    ) {
        let originals: Vec<Original> = (1..)
            .zip(&packets)
            .map(|(id, (extensions, len, mtu))| original6(id, extensions, *len, *mtu))
            .collect();
        round_trip::<Ipv6Addr>(&originals, &keys)?;
    }

    #[test]
    fn agrees_with_a_map_of_octets(
        drawn in prop::collection::vec((0u16..3, 0usize..8, 1usize..4, prop::bool::weighted(0.8), prop::bool::weighted(0.1)), 1..60),
    ) {
        against_the_model::<Ipv4Addr>(&drawn)?;
        against_the_model::<Ipv6Addr>(&drawn)?;
    }

    #[test]
    fn no_octets_make_it_panic(
        packets in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..120), any::<u8>()), 1..40),
    ) {
        let mut v4 = table::<Ipv4Addr>(ReassemblyConfig::default());
        let mut v6 = table::<Ipv6Addr>(ReassemblyConfig::default());
        for (is_v4, mut bytes, next) in packets {
            let len = bytes.len();
            if is_v4 && len >= 20 {
                bytes[0] = 0x45 | bytes[0] & 1;
                bytes[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                bytes[6] &= 0x20;
            } else if len >= 40 {
                bytes[0] = 0x60;
                bytes[4..6].copy_from_slice(&(len as u16 - 40).to_be_bytes());
                bytes[6] = [44, 0, 43, 60][usize::from(next % 4)];
            }
            if is_v4 {
                v4.input(at(1), bytes);
            } else {
                v6.input(at(1), bytes);
            }
        }
        conserved(&v4);
        conserved(&v6);
    }
}
