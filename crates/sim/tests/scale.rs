//! A network of a hundred hosts, twice: with faults for a second, and without for a minute, or an hour. And one of a thousand.
#![forbid(unsafe_code)]

#[path = "../examples/support/mod.rs"]
mod support;

use waypost_counting::{Counting, kept_by};
use waypost_sim::{FaultBounds, FaultSchedule, Side, Simulation, Talker};
use waypost_wire::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The digest of a run, and what its hosts have done.
fn run(seed: u64) -> (u64, u64, u64) {
    let (mut net, talkers) = support::tree(seed, 100, Duration::from_millis(1)).unwrap();
    let bounds = FaultBounds {
        faults_max: 50,
        until: Instant::from_secs(1),
        ..FaultBounds::of(&net)
    };
    let faults = FaultSchedule::random(&mut net.rng("faults"), &bounds);
    net.set_faults(faults).unwrap();
    net.run_until(Instant::from_secs(1)).unwrap();
    check_ends(&net);
    let counters = talkers.iter().filter_map(|id| net.node::<Talker>(*id));
    let replies = counters.map(|talker| talker.counters().replies).sum();
    (net.log().digest(), net.events(), replies)
}

/// No frame has come to two ends.
fn check_ends(net: &Simulation) {
    for link in net.links() {
        for side in Side::ALL {
            let counters = net.counters(link, side).unwrap();
            let ended = counters.delivered + counters.dropped_all();
            assert!(counters.sent + counters.duplicated >= ended);
        }
    }
}

#[test]
fn a_seed_gives_the_same_run_of_a_hundred_hosts() {
    let first = run(1);
    assert_eq!(run(1), first);
    assert_ne!(run(2).0, first.0);
    let (_, events, replies) = first;
    assert!(events > 500_000 && replies > 30_000, "{events} {replies}");
}

#[test]
fn a_long_run_of_a_hundred_hosts_is_the_same_twice() {
    // An hour where properties have many more cases than usual: `cargo xtask test --long`.
    let cases = std::env::var("PROPTEST_CASES").ok();
    let is_long = cases.is_some_and(|cases| cases.parse::<u64>().is_ok_and(|it| it > 10_000));
    let end = Instant::from_secs(if is_long { 3600 } else { 60 });
    let run = || {
        let (mut net, talkers) = support::tree(1, 100, Duration::from_millis(100)).unwrap();
        net.run_until(end).unwrap();
        check_ends(&net);
        let counters = talkers.iter().filter_map(|id| net.node::<Talker>(*id));
        let counters = counters.map(|talker| talker.counters());
        let (asked, answered) = counters.fold((0, 0), |(asked, answered), it| {
            (asked + it.requests, answered + it.replies)
        });
        // Ten a second each; of ten thousand requests, four are lost by chance, there or back.
        let expected = 1000 * (end - Instant::ZERO).as_nanos() / 1_000_000_000;
        assert!(asked.abs_diff(expected) < expected / 50, "{asked}");
        assert!(asked - answered < asked / 500, "{asked} {answered}");
        (net.log().digest(), net.events())
    };
    assert_eq!(run(), run());
}

#[test]
fn a_thousand_hosts_run_the_same_twice_in_bounded_memory() {
    let run = || {
        let (net, octets) = kept_by(|| {
            let (mut net, talkers) = support::tree(1, 1000, Duration::from_millis(10)).unwrap();
            net.run_until(Instant::from_millis(300)).unwrap();
            let counters = talkers.iter().filter_map(|id| net.node::<Talker>(*id));
            let replies: u64 = counters.map(|talker| talker.counters().replies).sum();
            // A hundred a second each.
            assert!(replies > 28_000, "{replies}");
            net
        });
        check_ends(&net);
        let nodes = net.nodes().count();
        assert_eq!(nodes, 1000 + 63 + 4 + 1);
        // Tables of stations, times of replies, frames on their way; what all of a process shares is in the first run's.
        assert!(octets / nodes < 12 << 10, "{}", octets / nodes);
        (net.log().digest(), net.events())
    };
    assert_eq!(run(), run());
}
