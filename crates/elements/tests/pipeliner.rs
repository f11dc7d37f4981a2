//! Packets that go on at another worker: all of them, in their order, whatever waits and whoever stops.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use waypost_elements::registry;
use waypost_graph::{
    Batch, Cx, DropReason, Duration, Element, ElementClass, Instance, Instant, Options, Packet,
    Pool, Processor, Program, Progress, Registry, Runtime, Source, Verdict, processor,
};

/// `Numbers(COUNT)`: at each worker so many packets, which say by whom they were made and when; the graph finishes after the last.
struct Numbers {
    worker: u64,
    made: u64,
    count: u64,
    working: Arc<AtomicUsize>,
}

impl Element for Numbers {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let mut batch = cx.take_batch();
        for _ in 0..budget.min(Batch::CAPACITY) {
            let octets = [self.worker.to_be_bytes(), self.made.to_be_bytes()].concat();
            if self.made == self.count {
                break;
            }
            let Some(packet) = cx.frames().copy(&octets) else {
                break;
            };
            batch.push(packet).unwrap();
            self.made += 1;
        }
        let worked = !batch.is_empty();
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        if self.made < self.count {
            return if worked {
                Progress::Worked
            } else {
                Progress::Idle
            };
        }
        if self.working.fetch_sub(1, Ordering::Relaxed) == 1 {
            cx.finish();
        }
        Progress::Finished
    }
}

/// Hands packets on, and loses those that are not the next of whoever made them.
struct Ordered(Arc<Mutex<Vec<u64>>>);

const DISORDER: DropReason = DropReason::new("disorder");

impl Processor for Ordered {
    type Input = Packet;
    type Output = Packet;

    fn process(&mut self, packet: Packet) -> Verdict<Packet> {
        let number = |at| u64::from_be_bytes(*packet.octets()[at..].first_chunk().unwrap());
        let next = &mut self.0.lock().unwrap()[number(0) as usize];
        if number(8) != *next {
            return Verdict::drop(packet, DISORDER);
        }
        *next += 1;
        Verdict::Next(packet)
    }
}

fn classes() -> Registry {
    let mut registry = registry();
    registry.add(ElementClass {
        name: "Numbers",
        ports: "0/1",
        processing: "h",
        flow: "x/x",
        doc: "Numbered packets.",
        handlers: &[],
        build: |args, cx| {
            let count = args.take_mandatory("COUNT")?.parse().unwrap();
            let working = cx.common(|| Ok(AtomicUsize::new(cx.workers)))?;
            Ok(Box::new(Numbers {
                worker: cx.worker as u64,
                made: 0,
                count,
                working,
            }))
        },
    });
    registry.add(ElementClass {
        name: "Ordered",
        ports: "1",
        processing: "a/a",
        flow: "x/x",
        doc: "Loses packets that are not the next of whoever made them.",
        handlers: &[],
        build: |_, cx| {
            let next = cx.common(|| Ok(Mutex::new(vec![0; cx.workers])))?;
            Ok(processor(Ordered(next)))
        },
    });
    registry
}

fn instances(text: &str, workers: usize, packets: usize) -> Vec<Instance> {
    let registry = classes();
    let source = Source::new("test", text);
    let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
    let pool = Pool::builder().small(packets).build().unwrap();
    program.instances(workers, &pool).unwrap()
}

/// What the workers answer, one by one.
fn each(instances: &[Instance], handler: &str) -> Vec<u64> {
    let answer = |it: &Instance| it.read(handler).unwrap().parse().unwrap();
    instances.iter().map(answer).collect()
}

/// All losses, of all elements and workers, by reason.
fn lost(instances: &[Instance]) -> Vec<(String, u64)> {
    let all = instances.iter().flat_map(Instance::statistics);
    let drops = all.flat_map(|it| it.drops.into_iter());
    drops
        .map(|(reason, count)| (reason.to_string(), count))
        .collect()
}

/// Runs graphs on threads of their own, and as tasks of one runtime.
fn run_by_each(text: &str, workers: usize, packets: usize, check: impl Fn(&[Instance])) {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for runtime in [Runtime::workers(), Runtime::tokio(tokio.handle().clone())] {
        let mut instances = instances(text, workers, packets);
        for instance in &mut instances {
            // A hang is to be seen as such, not as a loss.
            instance.set_finish_limit(Duration::from_secs(3600));
        }
        check(&runtime.start(instances).unwrap().wait());
    }
}

#[test]
fn all_packets_of_all_workers_arrive_at_one_in_their_order() {
    // A ring smaller than a batch, and a pool that the ring holds wholly.
    for (capacity, frames) in [(16, 4000), (1024, 300)] {
        let text = format!(
            "Numbers(40000) -> Pipeliner(1, CAPACITY {capacity}) -> o :: Ordered -> c :: Counter -> Discard;"
        );
        run_by_each(&text, 3, frames, |ended| {
            assert_eq!(lost(ended), []);
            assert_eq!(each(ended, "c.count"), [0, 120_000, 0]);
        });
    }
}

#[test]
fn a_graph_finishes_once_nothing_is_between_its_workers_either() {
    let text = "Numbers(20000) -> Pipeliner(1, CAPACITY 64) -> Pipeliner(0, CAPACITY 64) -> Queue(8, ON_FULL BLOCK)
        -> Unqueue -> Pipeliner(1, CAPACITY 8) -> Ordered -> c :: Counter -> Discard;";
    run_by_each(text, 2, 4000, |ended| {
        assert_eq!(lost(ended), []);
        assert_eq!(each(ended, "c.count"), [0, 40_000]);
    });
}

/// Runs the steps of some workers until none does anything.
fn step(workers: &mut [Instance]) {
    while workers.iter_mut().any(|it| it.step(Instant::ZERO)) {}
}

#[test]
fn who_feeds_a_worker_that_does_not_run_waits_or_loses() {
    for (on_full, made, lost) in [("BLOCK", 64, 0), ("DROP_TAIL", 1000, 1000 - 64)] {
        let text = format!(
            "s :: InfiniteSource(LIMIT 1000) -> p :: Pipeliner(1, CAPACITY 64, ON_FULL {on_full}) -> c :: Counter -> Discard;"
        );
        let mut workers = instances(&text, 2, 4000);
        step(&mut workers[..1]);
        assert_eq!(each(&workers, "s.count"), [made, 0], "{on_full}");
        assert_eq!(each(&workers, "p.drops"), [lost, 0], "{on_full}");
        assert_eq!(workers[0].read("p.length").unwrap(), "64");
        step(&mut workers);
        assert_eq!(each(&workers, "s.count"), [1000, 0], "{on_full}");
        assert_eq!(each(&workers, "c.count"), [0, 1000 - lost], "{on_full}");
    }
}

#[test]
fn what_lies_between_workers_and_in_queues_when_they_stop_is_counted_as_lost() {
    // A worker's packets may come before or after those of the other; none is taken.
    let text = "Numbers(100) -> p :: Pipeliner(1, CAPACITY 16) -> q :: Queue(4, ON_FULL BLOCK) -> Discard(ACTIVE false);";
    let mut instances = instances(text, 2, 4000);
    for instance in &mut instances {
        instance.set_finish_limit(Duration::ZERO);
    }
    let running = Runtime::workers().start(instances).unwrap();
    running.handle().finish();
    let ended = running.wait();
    let lost: u64 = lost(&ended)
        .iter()
        .map(|(reason, count)| {
            assert_eq!(reason, "graph stopped");
            count
        })
        .sum();
    let made = ended.iter().flat_map(Instance::statistics);
    let made: u64 = made
        .filter(|it| it.class.as_ref() == "Numbers")
        .map(|it| it.packets)
        .sum();
    assert_eq!(lost, made);
}

#[test]
fn packets_that_are_followed_have_one_number_at_all_workers() {
    let text = "Numbers(3) -> Pipeliner(1) -> c :: Counter -> Discard;";
    let mut instances = instances(text, 2, 4000);
    for instance in &mut instances {
        assert!(instance.trace("Numbers@1", 2));
    }
    step(&mut instances);
    let seen = |worker: usize, element: &str| {
        let steps = instances[worker].trace_steps();
        let here = steps.iter().filter(|step| &*step.element == element);
        let mut numbers: Vec<u32> = here.map(|step| step.packet).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(seen(0, "Numbers@1"), [1, 3]);
    assert_eq!(seen(1, "Numbers@1"), [2, 4]);
    assert_eq!(seen(1, "c"), [1, 2, 3, 4]);
}

#[test]
fn a_worker_that_there_is_not_is_refused() {
    let registry = classes();
    for (config, expected) in [
        ("2", "WORKER 2: there are 2, from 0"),
        (
            "0, CAPACITY 0",
            "expected CAPACITY from 1 to 1048576, found `0`",
        ),
        (
            "0, ON_FULL DROP_HEAD",
            "expected ON_FULL BLOCK or DROP_TAIL, found `DROP_HEAD`",
        ),
    ] {
        let source = Source::new("test", format!("Idle -> Pipeliner({config}) -> Discard;"));
        let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
        let pool = Pool::builder().small(100).build().unwrap();
        let wrong = program.instances(2, &pool).unwrap_err();
        let said: String = wrong.iter().map(|it| format!("{it:#}")).collect();
        assert!(said.contains(expected), "{said}");
    }
}
