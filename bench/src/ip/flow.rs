//! The flow table beside `hashbrown`: both keys of every flow in either.
//!
//! The map gets its keys packed into as few words as they fill, the form that is cheapest to hash and to compare, and
//! keeps nothing but a number: no times, no states, no limits.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::rc::Rc;

use hashbrown::{DefaultHashBuilder, HashMap};
use waypost_counting::kept_by;
use waypost_ip::flow::{FlowConfig, FlowKey, FlowStorage, FlowTable, Found, GrowingFlows};
use waypost_wire::{Duration, Instant, IpProtocol};

use super::huge::HugeFlows;
use super::keyed::{Keyed, Packed};
use super::pieces::{self, PIECE, case, going_round, one_by_one};
use super::routes::{HOT, Random};
use super::{add_memory, short, wants_any};
use crate::measure::{self, Case, Sample, Settings};
use crate::report::Report;

type Flows<A, S> = FlowTable<A, (), S>;
type Map<A, S> = HashMap<<A as Packed>::Words, u32, S>;

const BATCHED: &str = "waypost, batched";
const HUGE: &str = "waypost, batched, in huge pages";
const SINGLE: &str = "waypost, one by one";
const DEFAULT: &str = "hashbrown";
const KEYED: &str = "hashbrown, our keyed hash";
/// Keys asked for in the uniform case.
const ASKED: usize = 1 << 18;

/// Tables of these sizes, of one version.
pub(super) fn add<A: Packed>(
    report: &mut Report,
    settings: &Settings,
    counts: &[usize],
) -> Result<(), Box<dyn Error>> {
    for &count in counts {
        let table = format!("IPv{}, {} flows", A::VERSION, short(count));
        let [uniform, hot, enter, memory] = [
            "look-up, uniform",
            "look-up, 4096 hot",
            "one entered, one expired",
            "memory",
        ]
        .map(|what| format!("{table}, {what}"));
        let groups = [uniform, hot, enter, memory];
        if !wants_any(
            settings,
            &groups,
            &[BATCHED, HUGE, SINGLE, "waypost", DEFAULT, KEYED],
        ) {
            continue;
        }
        let [uniform, hot, enter, memory] = &groups;
        let mut cases = Vec::new();
        lookups::<A>(report, settings, count, [uniform, hot, memory], &mut cases)?;
        entering::<A>(count, enter, &mut cases)?;
        report.add_rows(measure::take_turns(settings, cases)?);
    }
    Ok(())
}

fn lookups<A: Packed>(
    report: &mut Report,
    settings: &Settings,
    count: usize,
    [uniform, hot, memory]: [&str; 3],
    cases: &mut Vec<Case<'static>>,
) -> Result<(), String> {
    let mut random = Random::new(0x5eed);
    let flows: Vec<FlowKey<A>> = (0..count).map(|_| key(&mut random)).collect();
    let (table, octets) = kept_by(|| {
        let mut table = empty(GrowingFlows, count);
        let entered = flows
            .iter()
            .try_for_each(|flow| enter(&mut table, Instant::ZERO, *flow));
        entered.map(|()| table)
    });
    let table = Rc::new(RefCell::new(table?));
    let mut huge = empty(HugeFlows, count);
    for flow in &flows {
        enter(&mut huge, Instant::ZERO, *flow)?;
    }
    let huge = Rc::new(RefCell::new(huge));
    let (map, map_octets) = kept_by(|| filled(DefaultHashBuilder::default(), &flows));
    let keyed = filled(Keyed::new(0x5eed), &flows);
    let kept = [("waypost", octets), (DEFAULT, map_octets)];
    add_memory(report, settings, memory, kept);
    let asked: Vec<FlowKey<A>> = (0..ASKED)
        .map(|_| {
            let flow = flows[random.below(count as u64) as usize];
            if random.below(2) == 0 {
                flow
            } else {
                flow.reversed()
            }
        })
        .collect();
    let of = |number: Option<&u32>| number.and_then(|at| flows.get(*at as usize).copied());
    for keys in asked.chunks(64) {
        let tables = [
            originals(&table.borrow(), keys)?,
            originals(&huge.borrow(), keys)?,
        ];
        for (n, key) in keys.iter().enumerate() {
            let packed = A::packed(key);
            let known = [tables[0][n], tables[1][n], of(map.get(&packed))];
            if known[0].is_none() || known.iter().any(|it| *it != of(keyed.get(&packed))) {
                return Err(format!("the tables do not agree about {key:?}"));
            }
        }
    }
    let (map, keyed) = (Rc::new(map), Rc::new(keyed));
    for (group, asked) in [(uniform, &asked[..]), (hot, &asked[..HOT])] {
        let asked: Rc<[FlowKey<A>]> = asked.into();
        let unknown: Rc<[FlowKey<A>]> = asked.iter().map(|key| key.in_zone(7)).collect();
        let noted = "waypost, batched, packet noted";
        let none = "waypost, batched, none there";
        let (single, map, keyed) = (table.clone(), map.clone(), keyed.clone());
        cases.extend([
            going_round(
                group,
                BATCHED,
                64,
                &asked,
                batched::<_, _, 64>(&table, false),
            ),
            going_round(group, HUGE, 64, &asked, batched::<_, _, 64>(&huge, false)),
            going_round(group, noted, 64, &asked, batched::<_, _, 64>(&table, true)),
            going_round(
                group,
                BATCHED,
                32,
                &asked,
                batched::<_, _, 32>(&table, false),
            ),
            going_round(
                group,
                none,
                64,
                &unknown,
                batched::<_, _, 64>(&table, false),
            ),
            going_round(group, SINGLE, 1, &asked, move |keys| {
                let table = single.borrow();
                for key in keys {
                    black_box(table.lookup(key));
                }
            }),
            one_by_one(group, DEFAULT, &asked, move |key| {
                map.get(&A::packed(key)).copied()
            }),
            one_by_one(group, KEYED, &asked, move |key| {
                keyed.get(&A::packed(key)).copied()
            }),
        ]);
    }
    Ok(())
}

/// The flows of some keys, which a table has to find alike in a batch and one by one.
fn originals<A: Packed, S: FlowStorage<A, ()>>(
    table: &Flows<A, S>,
    keys: &[FlowKey<A>],
) -> Result<Vec<Option<FlowKey<A>>>, String> {
    let mut found = vec![None; keys.len()];
    table.lookup_batch(keys, &mut found);
    if keys
        .iter()
        .zip(&found)
        .any(|(key, it)| table.lookup(key) != *it)
    {
        return Err("a batch is not answered as one by one".to_owned());
    }
    let original = |it: Found| Some(table.flow(it.id)?.original);
    Ok(found.into_iter().map(|it| original(it?)).collect())
}

/// Looks up batches; if `noted`, tells the table of each packet, too.
fn batched<A: Packed, S: FlowStorage<A, ()> + 'static, const N: usize>(
    table: &Rc<RefCell<Flows<A, S>>>,
    noted: bool,
) -> impl FnMut(&[FlowKey<A>]) + 'static {
    let table = table.clone();
    let mut found: [Option<Found>; N] = [None; N];
    move |keys| {
        let mut table = table.borrow_mut();
        for batch in keys.chunks(N) {
            table.lookup_batch(batch, &mut found);
            black_box(&found);
            if noted {
                for found in found.iter().flatten() {
                    black_box(table.packet(Instant::ZERO, *found, None));
                }
            }
        }
    }
}

/// Flows come one after another; each that comes finds the oldest at its end.
fn entering<A: Packed>(
    count: usize,
    group: &str,
    cases: &mut Vec<Case<'static>>,
) -> Result<(), String> {
    let mut random = Random::new(0xf10e);
    let mut table = empty::<A, _>(GrowingFlows, count + 1);
    let life = table.config().timeouts.udp_unreplied;
    let apart = Duration::from_nanos(life.as_nanos() / count as u64);
    let mut now = Instant::ZERO;
    for _ in 0..count {
        now += apart;
        enter(&mut table, now, key(&mut random))?;
    }
    let ours = move || {
        let mut refused = Ok(());
        let mut fresh = Vec::new();
        let sample = pieces::turn(PIECE, || {
            for flow in next_piece(&mut fresh, &mut random) {
                now += apart;
                while let Some(ended) = table.expire(now) {
                    black_box(ended);
                }
                if let Err(why) = enter(&mut table, now, flow) {
                    refused = Err(why);
                }
            }
        });
        refused?;
        if table.len() > count + 1 || table.len() + 1 < count {
            return Err(format!("{} flows, of {count}", table.len()));
        }
        Ok(sample)
    };
    let default = moving::<A, _>(DefaultHashBuilder::default(), count);
    let keyed = moving::<A, _>(Keyed::new(0x5eed), count);
    let keyed_name = "hashbrown, our keyed hash, without times";
    cases.extend([
        case(group, "waypost", 1, ours),
        case(group, "hashbrown, without times", 1, default),
        case(group, keyed_name, 1, keyed),
    ]);
    Ok(())
}

/// As flows come and go in a map, where somebody else knows which is the oldest.
fn moving<A: Packed, S: BuildHasher + 'static>(
    hasher: S,
    count: usize,
) -> impl FnMut() -> Result<Sample, String> + 'static {
    let mut random = Random::new(0xf10e);
    let mut oldest: VecDeque<FlowKey<A>> = (0..count).map(|_| key(&mut random)).collect();
    let flows: Vec<FlowKey<A>> = oldest.iter().copied().collect();
    let mut map = filled(hasher, &flows);
    move || {
        let mut fresh = Vec::new();
        Ok(pieces::turn(PIECE, || {
            for flow in next_piece(&mut fresh, &mut random) {
                if let Some(old) = oldest.pop_front() {
                    map.remove(&A::packed(&old));
                    map.remove(&A::packed(&old.reversed()));
                }
                map.insert(A::packed(&flow), 0);
                map.insert(A::packed(&flow.reversed()), 0);
                oldest.push_back(flow);
            }
        }))
    }
}

/// Flows for one piece, drawn for many at once: the median is of pieces for which none are drawn.
fn next_piece<'a, A: Packed>(
    fresh: &'a mut Vec<FlowKey<A>>,
    random: &mut Random,
) -> impl Iterator<Item = FlowKey<A>> + 'a {
    if fresh.is_empty() {
        fresh.extend((0..64 * PIECE).map(|_| key(random)));
    }
    fresh.drain(fresh.len() - PIECE..)
}

fn empty<A: Packed, S: FlowStorage<A, ()>>(storage: S, count: usize) -> Flows<A, S> {
    Flows::new(
        storage,
        FlowConfig {
            flows: count,
            half_open: count,
            per_source: usize::MAX,
            seed: 0x5eed,
            ..FlowConfig::default()
        },
    )
}

fn enter<A: Packed, S: FlowStorage<A, ()>>(
    table: &mut Flows<A, S>,
    now: Instant,
    flow: FlowKey<A>,
) -> Result<(), String> {
    let entered = table.insert(now, flow, flow.reversed(), None, ());
    entered.map(drop).map_err(|refusal| refusal.to_string())
}

fn filled<A: Packed, S: BuildHasher>(hasher: S, flows: &[FlowKey<A>]) -> Map<A, S> {
    let mut map = HashMap::with_capacity_and_hasher(2 * flows.len(), hasher);
    for (number, flow) in (0..).zip(flows) {
        map.insert(A::packed(flow), number);
        map.insert(A::packed(&flow.reversed()), number);
    }
    map
}

/// A flow between any two hosts.
fn key<A: Packed>(random: &mut Random) -> FlowKey<A> {
    let mut side = || (A::any(random), random.next() as u16);
    FlowKey::new(IpProtocol::UDP, side(), side())
}
