//! Several workers: they give the same packets as one; what goes from one to another arrives, in its order, whatever waits and
//! whoever stops.

#[path = "workers/support.rs"]
mod support;

use waypost_graph::{Duration, Instance, Instant, Options, Pool, Program, Runtime, Source};

use support::{FLOWS, beside, classes, instances};

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

/// Packets go different ways by what is in them, some several; some wait, some are cut.
const MIXED: &str = "
    Numbers(300) -> first :: Rising -> c :: Classifier(15/00%01, -);
    c[0] -> t :: Tee; t[0] -> Strip(3) -> even :: Collect -> Discard;
    t[1] -> q :: Queue(16, ON_FULL BLOCK) -> u :: Unqueue -> second :: Rising -> queued :: Collect -> Discard;
    c[1] -> Later(CONCURRENCY 7) -> third :: Rising -> ordered :: Collect -> e :: Tee; e[0] -> Discard;
    e[1] -> Later(CONCURRENCY 20, ORDER false) -> odd :: Collect -> pulled :: Queue(7, ON_FULL BLOCK) -> Discard;
";

#[test]
fn one_worker_several_and_tokio_give_the_same_packets() {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut first = None;
    for workers in 1..=3 {
        for runtime in [Runtime::workers(), Runtime::tokio(tokio.handle().clone())] {
            let ended = runtime
                .start(instances(MIXED, workers, 4000))
                .unwrap()
                .wait();
            // What came out of order, among flows that no two workers share, is lost.
            assert_eq!(lost(&ended), [], "{workers}, {runtime:?}");
            let each_worker_works = |it: &Instance| !it.read("even.all").unwrap().is_empty();
            assert!(ended.iter().all(each_worker_works));
            let came = ["even.all", "queued.all", "ordered.all", "odd.all"].map(|handler| {
                let answers: Vec<_> = ended.iter().map(|it| it.read(handler).unwrap()).collect();
                let mut lines: Vec<_> = answers
                    .iter()
                    .flat_map(|it| it.lines())
                    .map(str::to_owned)
                    .collect();
                lines.sort_unstable();
                lines
            });
            assert_eq!(came.each_ref().map(Vec::len), [150 * FLOWS as usize; 4]);
            assert!(
                came.iter()
                    .all(|lines| lines.windows(2).all(|two| two[0] != two[1]))
            );
            assert_eq!(
                *first.get_or_insert_with(|| came.clone()),
                came,
                "{workers}, {runtime:?}"
            );
        }
    }
}

#[test]
fn all_packets_of_all_workers_arrive_at_one_in_their_order() {
    // A ring smaller than a batch, and a pool that the ring holds wholly.
    for (capacity, frames) in [(16, 4000), (1024, 300)] {
        let text = format!(
            "Numbers(20000) -> Pipeliner(1, CAPACITY {capacity}) -> o :: Rising -> c :: Counter -> Discard;"
        );
        run_by_each(&text, 3, frames, |ended| {
            assert_eq!(lost(ended), []);
            assert_eq!(each(ended, "c.count"), [0, 20_000 * FLOWS, 0]);
        });
    }
}

#[test]
fn a_graph_finishes_once_nothing_is_between_its_workers_either() {
    let text = "Numbers(20000) -> Pipeliner(1, CAPACITY 64) -> Pipeliner(0, CAPACITY 64) -> Queue(8, ON_FULL BLOCK)
        -> Unqueue -> Pipeliner(1, CAPACITY 8) -> Rising -> c :: Counter -> Discard;";
    run_by_each(text, 2, 4000, |ended| {
        assert_eq!(lost(ended), []);
        assert_eq!(each(ended, "c.count"), [0, 20_000 * FLOWS]);
    });
}

#[test]
fn a_worker_that_falls_asleep_misses_no_packet() {
    // One packet goes round and round. Whoever has it not is looking for it, about to fall asleep, or asleep.
    let text = "InfiniteSource(LIMIT 1) -> Pipeliner(1) -> there :: Dawdle -> b :: Pipeliner(0) -> back :: Dawdle
        -> c :: Counter(COUNT_CALL 20000 stop) -> Pipeliner(1) -> there;";
    run_by_each(text, 2, 4000, |ended| {
        assert_eq!(each(ended, "c.count"), [20_000, 0]);
    });
}

#[test]
fn who_waits_for_room_does_not_end_when_there_is_some_in_the_middle_of_a_step() {
    let text = "InfiniteSource(LIMIT 12, STOP true) -> q :: Queue(64) -> Unqueue -> Pipeliner(1, CAPACITY 8) -> c :: Counter
        -> Discard; Beside;";
    let mut workers = instances(text, 2, 4000);
    beside(workers.pop());
    for _ in 0..20 {
        workers[0].step(Instant::ZERO);
    }
    workers.extend(beside(None));
    workers[1].step(Instant::ZERO);
    assert!(workers.iter().all(Instance::is_stopped));
    assert_eq!(each(&workers, "c.count"), [0, 12]);
    assert_eq!(lost(&workers), []);
}

#[test]
fn what_a_script_says_and_asks_is_for_all_workers() {
    // It ends when it sees what all queues hold together.
    let text = "s :: InfiniteSource(ACTIVE false) -> q :: Queue(5, ON_FULL BLOCK) -> Discard(ACTIVE false);
        Script(write s.active true, label again, wait 1ms, goto again $(ne $(q.length) 15), stop);";
    run_by_each(text, 3, 4000, |ended| {
        assert_eq!(each(ended, "s.count"), [5, 5, 5]);
    });
}

#[test]
fn a_source_of_the_first_worker_alone_is_pulled_there_alone() {
    let text = "InfiniteSource(LIMIT 100, STOP true) -> Unqueue -> c :: Counter -> Discard;
        r :: RatedSource(RATE 1000000, LIMIT 50) -> Unqueue -> rated :: Counter -> Discard;";
    run_by_each(text, 3, 4000, |ended| {
        assert_eq!(each(ended, "c.count"), [100, 0, 0]);
        assert_eq!(each(ended, "rated.count")[1..], [0, 0]);
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
        assert_eq!(each(&workers, "p.length"), [0, 64], "{on_full}");
        step(&mut workers);
        assert_eq!(each(&workers, "s.count"), [1000, 0], "{on_full}");
        assert_eq!(each(&workers, "c.count"), [0, 1000 - lost], "{on_full}");
    }
}

#[test]
fn workers_that_feed_one_take_turns() {
    let text = "Numbers(1000) -> p :: Pipeliner(1, CAPACITY 64) -> o :: Rising -> c :: Counter -> Discard;";
    let mut workers = instances(text, 3, 4000);
    let one_after_the_other = [0, 2];
    for worker in one_after_the_other {
        step(&mut workers[worker..=worker]);
    }
    assert_eq!(each(&workers, "p.length"), [0, 128, 0]);
    // Less than one of them has: a second step comes to the other.
    workers[1].set_batch_limit(32);
    for _ in 0..2 {
        workers[1].step(Instant::ZERO);
    }
    for worker in one_after_the_other {
        step(&mut workers[worker..=worker]);
    }
    // The room that the first step made came back to whom it was taken from, and so did that of the second.
    let made = each(&workers, "c.count")[1] + each(&workers, "p.length")[1];
    assert_eq!(each(&workers, "p.drops"), [0; 3]);
    assert!(made > 128 + 32, "{made}");
    step(&mut workers);
    assert_eq!(each(&workers, "c.count"), [0, 1000 * FLOWS, 0]);
    assert_eq!(lost(&workers), []);
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
    // Each follows two, wherever they go.
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
