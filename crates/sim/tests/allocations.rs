//! In the steady state, events allocate nothing.

use waypost_counting::{Counting, allocations};
use waypost_sim::{Jitter, LinkConfig, Simulation, Switch, Talker};
use waypost_wire::{Duration, Instant, MacAddr};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn nothing_is_allocated_per_event() {
    let mut net = Simulation::new(1);
    let switch = net.add("switch", Switch::default()).unwrap();
    let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]);
    let link = LinkConfig {
        rate: Some(100_000_000),
        delay: Duration::from_micros(50),
        jitter: Jitter::Normal(Duration::from_micros(10)),
        duplication_ppm: 10_000,
        ..LinkConfig::ethernet()
    };
    for host in 0..16 {
        let name = format!("host{host}");
        let peers = vec![mac((host + 1) % 16), mac((host + 5) % 16)];
        let rng = net.rng(&name);
        let talker = Talker::new(mac(host), peers, Duration::from_millis(1), 1000, rng);
        let id = net.add(&name, talker).unwrap();
        net.connect(&name, id, switch, link.clone()).unwrap();
    }
    // Queues, series, the table and the free buffers take their places.
    net.run_until(Instant::from_secs(10)).unwrap();
    let (events, before) = (net.events(), allocations());
    net.run_until(Instant::from_secs(20)).unwrap();
    let taken = allocations() - before;
    let events = net.events() - events;
    assert!(events > 500_000, "{events}");
    // A queue may still become longer than it ever was.
    assert!(taken < 20, "{taken} for {events} events");
}
