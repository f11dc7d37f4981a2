//! In the steady state the data path allocates nothing.

use waypost_counting::{Counting, allocations};
use waypost_elements::registry;
use waypost_graph::{Instant, Options, Pool, Program, Source};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn nothing_is_allocated_per_packet() {
    let header = "4500 002e 0000 0000 4011 66bd 0a000001 0a000002";
    let text = format!(
        "s :: InfiniteSource(DATA \\<{header}>, LENGTH 46) -> check :: CheckIPHeader
         -> r :: RadixIPLookup(10.0.0.0/8 0, 0.0.0.0/0 1);
         r[0] -> DecIPTTL -> EtherEncap(0x0800, 2:0:0:0:0:1, 2:0:0:0:0:2) -> t :: Tee;
         t[0] -> q :: Queue(64, ON_FULL BLOCK) -> Unqueue -> c :: Counter -> Discard;
         t[1] -> k :: IPClassifier(udp, -); k[0] -> Discard; k[1] -> Discard; r[1] -> Discard;"
    );
    let registry = registry();
    let program = Program::parse(
        &Source::new("test", text),
        &registry,
        &mut Options::default(),
    )
    .unwrap();
    let pool = Pool::builder().small(2048).build().unwrap();
    let mut graph = program.instances(1, &pool).unwrap().remove(0);
    // Queues, spare batches and counters take their places.
    graph.run_until_idle(Instant::ZERO, 1000);
    let (packets, before) = (graph.read("c.count").unwrap(), allocations());
    graph.run_until_idle(Instant::ZERO, 10_000);
    let taken = allocations() - before;
    let moved =
        graph.read("c.count").unwrap().parse::<u64>().unwrap() - packets.parse::<u64>().unwrap();
    assert!(
        moved > 100_000,
        "{moved} packets: check {}",
        graph.read("check.drop_details").unwrap()
    );
    assert_eq!(taken, 0, "for {moved} packets");
}
