//! A table of flows beside plain collections, over random operations, for both versions.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::flow::{
    Direction, EndReason, FlowConfig, FlowId, FlowKey, FlowRefusal, FlowTimeouts, Found,
    GrowingFlows, VecFlowTable,
};
use waypost_wire::{Duration, Instant, Ip, IpProtocol};

use super::secs;

/// What the table must be, in plain collections.
struct Model<A> {
    keys: HashMap<FlowKey<A>, (u32, Direction)>,
    flows: HashMap<u32, ModelFlow<A>>,
    /// By the order in which they became what they are.
    half_open: Vec<u32>,
    /// Half open too, but heard again; the first was not asked for the longest time.
    one_way: Vec<u32>,
}

struct ModelFlow<A> {
    id: FlowId,
    keys: [FlowKey<A>; 2],
    created: Instant,
    last_seen: Instant,
    established: bool,
}

impl<A: Ip> Model<A> {
    fn timeout(flow: &ModelFlow<A>) -> Duration {
        let times = FlowTimeouts::default();
        if flow.established {
            times.udp
        } else {
            times.udp_unreplied
        }
    }

    fn remove(&mut self, data: u32) -> ModelFlow<A> {
        let flow = self.flows.remove(&data).unwrap();
        for key in flow.keys {
            self.keys.remove(&key);
        }
        self.leave_half_open(data);
        flow
    }

    fn leave_half_open(&mut self, data: u32) {
        self.half_open.retain(|other| *other != data);
        self.one_way.retain(|other| *other != data);
    }

    fn count_half_open(&self) -> usize {
        self.half_open.len() + self.one_way.len()
    }

    /// Who goes before others: 64 flows are asked whether they were heard again, at most, and then the newest.
    fn first_to_go(&mut self, share: usize) -> Option<u32> {
        let is_new = |flow: &ModelFlow<A>| flow.last_seen == flow.created;
        for _ in 0..64 {
            if self.one_way.len() > share {
                return self.most_silent();
            }
            let oldest = *self.half_open.first()?;
            if is_new(&self.flows[&oldest]) {
                return Some(oldest);
            }
            self.half_open.remove(0);
            self.one_way.push(oldest);
        }
        let newest = *self.half_open.last()?;
        is_new(&self.flows[&newest]).then_some(newest)
    }

    /// Of eight streams in one direction at most, and of those alike the first.
    fn most_silent(&mut self) -> Option<u32> {
        let asked = self.one_way.len().min(8);
        self.one_way.rotate_left(asked);
        let asked = &self.one_way[self.one_way.len() - asked..];
        asked
            .iter()
            .copied()
            .min_by_key(|data| self.flows[data].last_seen)
    }

    fn of_source(&self, source: A) -> usize {
        let of_source = |flow: &&ModelFlow<A>| flow.keys[0].source == source;
        self.flows.values().filter(of_source).count()
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert {
        source: u32,
        port: u16,
        external: u16,
    },
    Packet {
        source: u32,
        port: u16,
        external: Option<u16>,
    },
    Remove {
        source: u32,
        port: u16,
    },
    Wait {
        secs: u64,
    },
    Expire,
}

fn op() -> impl Strategy<Value = Op> {
    let (source, port, external) = (0_u32..6, 0_u16..4, 0_u16..30);
    prop_oneof![
        5 => (source.clone(), port.clone(), external.clone())
            .prop_map(|(source, port, external)| Op::Insert { source, port, external }),
        5 => (source.clone(), port.clone(), prop::option::of(external))
            .prop_map(|(source, port, external)| Op::Packet { source, port, external }),
        1 => (source, port).prop_map(|(source, port)| Op::Remove { source, port }),
        2 => (0_u64..150).prop_map(|secs| Op::Wait { secs }),
        1 => Just(Op::Expire),
    ]
}

/// Addresses of a version.
trait Addresses: Ip {
    /// A host of the inside; each is a source of its own.
    fn host(number: u32) -> Self;
    fn peer() -> Self;
    /// The address of a NAT.
    fn external() -> Self;
}

impl Addresses for Ipv4Addr {
    fn host(number: u32) -> Self {
        Self::from_bits(0x0a00_0000 + number)
    }

    fn peer() -> Self {
        Self::new(192, 0, 2, 1)
    }

    fn external() -> Self {
        Self::new(198, 51, 100, 1)
    }
}

impl Addresses for Ipv6Addr {
    fn host(number: u32) -> Self {
        Self::from_bits(0x2001_0db8_0001_0000_0000_0000_0000_0001 + (u128::from(number) << 64))
    }

    fn peer() -> Self {
        Self::from_bits(0x2001_0db8_ffff_0000_0000_0000_0000_0001)
    }

    fn external() -> Self {
        Self::from_bits(0x2001_0db8_0000_0000_0000_0000_0000_0001)
    }
}

/// The key of packets of a host.
fn inside<A: Addresses>(source: u32, port: u16) -> FlowKey<A> {
    FlowKey::new(IpProtocol::UDP, (A::host(source), port), (A::peer(), 53))
}

/// The key of packets back to the external port of a NAT.
fn mapped<A: Addresses>(external: u16) -> FlowKey<A> {
    FlowKey::new(IpProtocol::UDP, (A::peer(), 53), (A::external(), external))
}

fn config() -> impl Strategy<Value = FlowConfig> {
    let half_open = prop_oneof![2 => 1_usize..10, 1 => 10_usize..24];
    (any::<u64>(), 1_usize..24, half_open, 1_usize..12).prop_map(
        |(seed, flows, half_open, per_source)| FlowConfig {
            flows,
            half_open,
            per_source,
            seed,
            ..FlowConfig::default()
        },
    )
}

proptest! {
    #[test]
    fn does_what_a_plain_map_does(ops in prop::collection::vec(op(), 1..400), config in config()) {
        against_the_model::<Ipv4Addr>(ops, config)?;
    }

    #[test]
    fn does_so_for_ipv6(ops in prop::collection::vec(op(), 1..400), config in config()) {
        against_the_model::<Ipv6Addr>(ops, config)?;
    }
}

fn against_the_model<A: Addresses>(ops: Vec<Op>, config: FlowConfig) -> Result<(), TestCaseError> {
    let FlowConfig {
        flows,
        half_open,
        per_source,
        ..
    } = config;
    let mut table: VecFlowTable<A, u32> = VecFlowTable::new(GrowingFlows, config);
    let mut model = Model {
        keys: HashMap::new(),
        flows: HashMap::new(),
        half_open: Vec::new(),
        one_way: Vec::new(),
    };
    let mut now = secs(1000);
    let (mut next, mut inserted, mut refused) = (0, 0, 0);
    let mut ended = [0_u64; EndReason::COUNT];
    for op in ops {
        match op {
            Op::Insert {
                source,
                port,
                external,
            } => {
                let keys = [inside(source, port), mapped(external)];
                let result = table.insert(now, keys[0], keys[1], None, next);
                let in_use = keys.iter().any(|key| model.keys.contains_key(key));
                let too_many = per_source < flows && model.of_source(keys[0].source) >= per_source;
                let full = model.flows.len() >= flows;
                let crowded = model.count_half_open() >= half_open;
                match result {
                    Err(reason) => {
                        refused += 1;
                        match reason {
                            FlowRefusal::KeyInUse => prop_assert!(in_use),
                            FlowRefusal::SourceLimit => prop_assert!(!in_use && too_many),
                            _ => {
                                prop_assert_eq!(reason, FlowRefusal::TableFull);
                                prop_assert!(full && model.count_half_open() == 0);
                                // No more than are asked: at least one of them was busy.
                                let idle = |flow: &ModelFlow<A>| {
                                    now.duration_since(flow.last_seen)
                                        >= config.idle_before_eviction
                                };
                                prop_assert!(flows > 8 || !model.flows.values().any(idle));
                            }
                        }
                    }
                    Ok(flow) => {
                        prop_assert!(!in_use && !too_many);
                        prop_assert_eq!(flow.evicted.is_some(), full || crowded);
                        if let Some(evicted) = flow.evicted {
                            ended[evicted.reason as usize] += 1;
                            let first = model.first_to_go(half_open.min(flows) / 2);
                            match evicted.reason {
                                EndReason::EvictedHalfOpen => {
                                    let expected = first.or_else(|| model.most_silent());
                                    prop_assert_eq!(Some(evicted.data), expected);
                                }
                                reason => {
                                    prop_assert_eq!(reason, EndReason::EvictedIdle);
                                    prop_assert_eq!(first, None);
                                    prop_assert!(!crowded);
                                    let silent = now.duration_since(evicted.last_seen);
                                    prop_assert!(silent >= config.idle_before_eviction);
                                    prop_assert!(model.flows[&evicted.data].established);
                                }
                            }
                            let gone = model.remove(evicted.data);
                            prop_assert_eq!(evicted.id, gone.id);
                            prop_assert_eq!(evicted.last_seen, gone.last_seen);
                        }
                        inserted += 1;
                        model.keys.insert(keys[0], (next, Direction::Original));
                        model.keys.insert(keys[1], (next, Direction::Reply));
                        model.half_open.push(next);
                        let entry = ModelFlow {
                            id: flow.id,
                            keys,
                            created: now,
                            last_seen: now,
                            established: false,
                        };
                        model.flows.insert(next, entry);
                        next += 1;
                    }
                }
            }
            Op::Packet {
                source,
                port,
                external,
            } => {
                let key = external.map_or_else(|| inside(source, port), mapped);
                let found = table.lookup(&key);
                let expected = model.keys.get(&key).copied();
                prop_assert_eq!(
                    found.map(|found| found.direction),
                    expected.map(|(_, direction)| direction)
                );
                if let (Some(found), Some((data, direction))) = (found, expected) {
                    table.packet(now, found, None);
                    let flow = model.flows.get_mut(&data).unwrap();
                    prop_assert_eq!(found.id, flow.id);
                    flow.last_seen = now;
                    if direction == Direction::Reply {
                        flow.established = true;
                        model.leave_half_open(data);
                    }
                }
            }
            Op::Remove { source, port } => {
                let found = table.lookup(&inside(source, port));
                if let Some(found) = found {
                    let gone = table.remove(found.id).unwrap();
                    ended[EndReason::Removed as usize] += 1;
                    model.remove(gone.data);
                }
            }
            Op::Wait { secs } => now += Duration::from_secs(secs),
            Op::Expire => {
                while let Some(gone) = table.expire(now) {
                    ended[EndReason::Expired as usize] += 1;
                    let flow = model.remove(gone.data);
                    prop_assert!(flow.last_seen + Model::timeout(&flow) <= now);
                }
                for flow in model.flows.values() {
                    prop_assert!(flow.last_seen + Model::timeout(flow) > now);
                }
            }
        }
        prop_assert_eq!(table.len(), model.flows.len());
        prop_assert_eq!(table.half_open(), model.count_half_open());
        prop_assert!(table.len() <= flows && table.half_open() <= half_open);
    }
    let keys: Vec<FlowKey<A>> = (0..6)
        .flat_map(|source| (0..4).map(move |port| inside(source, port)))
        .chain((0..30).map(mapped))
        .collect();
    let mut found = vec![None; keys.len()];
    table.lookup_batch(&keys, &mut found);
    for (key, found) in keys.iter().zip(found) {
        prop_assert_eq!(found, table.lookup(key));
        let expected = model
            .keys
            .get(key)
            .map(|(data, direction)| (*data, *direction));
        let data = |found: Found| *table.flow(found.id).unwrap().data;
        prop_assert_eq!(found.map(|found| (data(found), found.direction)), expected);
    }
    prop_assert_eq!(table.iter().count(), model.flows.len());
    for source in 0..6 {
        let counted = if per_source < flows {
            model.of_source(A::host(source))
        } else {
            0
        };
        prop_assert_eq!(table.flows_of_source(A::host(source), 0), counted);
    }
    let counters = table.counters();
    prop_assert_eq!(counters.inserted(), inserted);
    prop_assert_eq!(
        FlowRefusal::ALL
            .map(|reason| counters.refused(reason))
            .iter()
            .sum::<u64>(),
        refused
    );
    prop_assert_eq!(EndReason::ALL.map(|reason| counters.ended(reason)), ended);
    Ok(())
}
