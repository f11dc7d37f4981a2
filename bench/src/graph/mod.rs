//! Packets through graphs in memory, on one core.

mod hop;
mod paths;
mod routes;
mod source;

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;

use waypost::graph::{Instance, Instant};

use crate::floor;
use crate::machine;
use crate::measure::{self, Case, Sample, Settings};
use crate::report::Report;
use crate::testpmd::Testpmd;
use routes::Routes;

/// The limits of a batch that are measured.
const BATCHES: [usize; 4] = [32, 64, 128, 256];
/// Packets of one turn: every destination four times.
const PACKETS: usize = 4 << 16;
/// Packets before a turn, to bring back into the caches what others drove out.
const WARM_UP: usize = 1 << 16;

/// Measures all of it.
pub(crate) fn run(settings: &Settings) -> Result<Report, Box<dyn Error>> {
    let cores = machine::cores();
    let (&first, &last) = cores.first().zip(cores.last()).ok_or("no core to run on")?;
    machine::pin(last);
    let mut bench = Bench::default();
    for (group, write) in [
        ("source → counter → discard, not written", false),
        ("source → counter → discard, 60 octets written", true),
    ] {
        bench.floor(group, "floor", floor_minimum(write, 0));
        bench.graph(group, "text", paths::minimum_text(write, 0)?);
        bench.graph(group, "typed", paths::minimum_typed(write, 0)?);
        if write {
            bench.floor(group, "floor, 4 Null more", floor_minimum(write, 4));
            bench.graph(group, "text, 4 Null more", paths::minimum_text(write, 4)?);
            bench.graph(group, "typed, 4 Null more", paths::minimum_typed(write, 4)?);
        }
        bench.testpmd(group, (first, last), write);
    }
    for (count, size) in [(1_000, "1k"), (1_000_000, "1M")] {
        let group =
            format!("IPv4: check, look-up of one of 64Ki in {size} routes, TTL, encapsulation");
        if !settings.wants(&group) {
            continue;
        }
        let routes = Routes::new(count);
        bench.floor(&group, "floor", floor_ipv4(&routes));
        bench.graph(&group, "text", paths::ipv4_text(&routes)?);
        bench.graph(&group, "typed", paths::ipv4_typed(&routes)?);
    }
    hop::add(&mut bench, (first, last))?;
    measure::run(
        "graph",
        "the floor (arrays of pointers, one `dyn` call a batch, no metadata, no statistics, no release), between threads to bare boxes, in the same group at the same batch",
        settings,
        bench.cases,
        bench.missing,
    )
}

/// What is to be measured.
#[derive(Default)]
struct Bench {
    cases: Vec<Case<'static>>,
    missing: Vec<String>,
}

impl Bench {
    /// A case for each limit of a batch.
    fn at_each_batch(
        &mut self,
        group: &str,
        name: &str,
        turn: impl FnMut(usize) -> Result<Sample, String> + Clone + 'static,
    ) {
        for batch in BATCHES {
            let mut turn = turn.clone();
            self.cases.push(Case {
                group: group.to_owned(),
                name: name.to_owned(),
                batch,
                most: None,
                turn: Box::new(move || turn(batch)),
            });
        }
    }

    fn graph(&mut self, group: &str, name: &str, graph: Instance) {
        let graph = Rc::new(RefCell::new(graph));
        self.at_each_batch(group, name, move |batch| {
            let mut graph = graph.borrow_mut();
            graph.set_batch_limit(batch);
            let mut steps = |packets: usize| {
                for _ in 0..packets / batch {
                    graph.step(Instant::ZERO);
                }
            };
            steps(WARM_UP);
            let sample = Sample::of(PACKETS as u64, || steps(PACKETS));
            let dropped: u64 = graph
                .statistics()
                .iter()
                .flat_map(|element| element.drops.iter().map(|&(_, count)| count))
                .sum();
            if dropped > 0 {
                return Err(format!("{dropped} packets did not go the whole way"));
            }
            Ok(sample)
        });
    }

    fn floor(&mut self, group: &str, name: &str, chain: impl Fn(usize) -> floor::Chain) {
        for batch in BATCHES {
            let mut chain = chain(batch);
            let mut rounds = move |packets: usize| {
                for _ in 0..packets / batch {
                    chain.round();
                }
            };
            self.cases.push(Case {
                group: group.to_owned(),
                name: name.to_owned(),
                batch,
                most: None,
                turn: Box::new(move || {
                    rounds(WARM_UP);
                    Ok(Sample::of(PACKETS as u64, || rounds(PACKETS)))
                }),
            });
        }
    }

    fn testpmd(&mut self, group: &str, cores: (usize, usize), write: bool) {
        match Testpmd::null(cores, write) {
            Ok(peer) => {
                let peer = Rc::new(RefCell::new(peer));
                for mode in ["io", "mac"] {
                    let peer = peer.clone();
                    self.at_each_batch(group, &format!("DPDK testpmd {mode}"), move |batch| {
                        peer.borrow_mut().turn(mode, batch)
                    });
                }
            }
            Err(why) => self.missing.push(why),
        }
    }
}

fn floor_minimum(write: bool, nulls: usize) -> impl Fn(usize) -> floor::Chain {
    move |batch| {
        let mut steps: Vec<Box<dyn floor::Step>> = vec![
            Box::new(floor::Source {
                batch,
                frame: source::FRAME.to_vec(),
                write,
                headers: Vec::new(),
                next: 0,
            }),
            Box::new(floor::Counter::default()),
        ];
        steps.extend((0..nulls).map(|_| Box::new(floor::Null) as Box<dyn floor::Step>));
        steps.push(Box::new(floor::Discard));
        floor::Chain::new(steps)
    }
}

fn floor_ipv4(routes: &Routes) -> impl Fn(usize) -> floor::Chain {
    |batch| {
        floor::Chain::new(vec![
            Box::new(floor::Source {
                batch,
                frame: source::FRAME.to_vec(),
                write: true,
                headers: source::headers(),
                next: 0,
            }),
            Box::new(floor::Check),
            Box::new(floor::Lookup::new(&routes.shortest_first())),
            Box::new(floor::DecTtl),
            Box::new(floor::Encap {
                headers: vec![[1; 14]; 4],
            }),
            Box::new(floor::Counter::default()),
            Box::new(floor::Discard),
        ])
    }
}
