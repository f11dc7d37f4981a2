//! A network of a hundred hosts, twice.
#![forbid(unsafe_code)]

#[path = "../examples/support/mod.rs"]
mod support;

use waypost_sim::{FaultBounds, FaultSchedule, Side, Talker};
use waypost_wire::{Duration, Instant};

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
    for link in net.links() {
        for side in Side::ALL {
            let counters = net.counters(link, side).unwrap();
            let ended = counters.delivered + counters.dropped_all();
            assert!(counters.sent + counters.duplicated >= ended);
        }
    }
    let counters = talkers.iter().filter_map(|id| net.node::<Talker>(*id));
    let replies = counters.map(|talker| talker.counters().replies).sum();
    (net.log().digest(), net.events(), replies)
}

#[test]
fn a_seed_gives_the_same_run_of_a_hundred_hosts() {
    let first = run(1);
    assert_eq!(run(1), first);
    assert_ne!(run(2).0, first.0);
    let (_, events, replies) = first;
    assert!(events > 500_000 && replies > 30_000, "{events} {replies}");
}
