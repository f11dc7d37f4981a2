//! In the steady state, events allocate nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use waypost_sim::{Jitter, LinkConfig, Simulation, Switch, Talker};
use waypost_wire::{Duration, Instant, MacAddr};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

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
    let (events, before) = (net.events(), ALLOCATIONS.load(Ordering::Relaxed));
    net.run_until(Instant::from_secs(20)).unwrap();
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let events = net.events() - events;
    assert!(events > 500_000, "{events}");
    // A queue may still become longer than it ever was.
    assert!(allocations < 20, "{allocations} for {events} events");
}
