//! What a simulated graph costs does not grow with the number of graphs: counted, and not by the clock.
#![forbid(unsafe_code)]

#[path = "../examples/graphs/ring.rs"]
mod ring;

use waypost::wire::Instant;
use waypost_counting::{Counting, allocations, kept_by};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a ring comes to.
#[derive(Debug)]
struct Cost {
    /// Octets of the heap that it keeps after all.
    octets: usize,
    /// How often memory was taken to build it.
    building: u64,
    /// How often memory was taken in the last of its two virtual seconds.
    running: u64,
    events: u64,
    log: u64,
}

fn cost(routers: usize) -> Cost {
    let before = allocations();
    let (made, octets) = kept_by(|| {
        let (mut net, nodes) = ring::ring(1, routers).unwrap();
        let building = allocations() - before;
        net.run_until(Instant::from_millis(1050)).unwrap();
        let before = allocations();
        net.run_until(Instant::from_millis(2050)).unwrap();
        (net, nodes, building, allocations() - before)
    });
    let (net, nodes, building, running) = made;
    let sum = |counter| ring::sum(&net, &nodes, counter).unwrap();
    // Ten a second each, from the beginning on, and all of them are answered across four routers.
    assert_eq!(sum("pings"), 21 * routers as u64);
    assert_eq!((sum("replies"), sum("others")), (sum("pings"), 0));
    Cost {
        octets,
        building,
        running,
        events: net.events(),
        log: net.log().count(),
    }
}

#[test]
fn a_router_costs_the_same_among_ten_times_as_many() {
    // What the thread keeps for all simulations is taken by the first.
    let _ = cost(200);
    let (few, many) = (cost(20), cost(200));
    assert_eq!(many.events, 10 * few.events);
    assert_eq!(many.log, 10 * few.log);
    // Names and addresses have more digits, and what grows by doubling has more room to spare.
    assert!(
        many.octets <= 10 * few.octets * 102 / 100,
        "{few:?} {many:?}"
    );
    assert!(
        many.building <= 10 * few.building * 102 / 100,
        "{few:?} {many:?}"
    );
    assert!(many.running <= 10 * few.running + 20, "{few:?} {many:?}");
}
