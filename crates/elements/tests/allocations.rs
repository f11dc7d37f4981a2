//! In the steady state the data path allocates nothing.

use std::sync::Arc;
use std::task::Poll;

use waypost_counting::{Counting, allocations};
use waypost_elements::registry;
use waypost_graph::{
    AsyncProcessor, ElementClass, Instance, Instant, Options, Packet, Pool, Program, Source,
    Verdict, async_processor,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A source of packets of so many octets, UDP from 10.0.0.1 to 10.0.0.2, all zeros but for the header, which is checked.
fn source(length: usize) -> String {
    let header = match length {
        46 => "4500 002e 0000 0000 4011 66bd 0a000001 0a000002",
        _ => "4500 05dc 0000 0000 4011 610f 0a000001 0a000002",
    };
    format!(
        "s :: InfiniteSource(DATA \\<{header}>, LENGTH {length}) -> check :: CheckIPHeader(CHECKSUM true)"
    )
}

/// Lets each packet wait until its future is polled again, which it asks for itself.
struct Later;

impl AsyncProcessor for Later {
    type Input = Packet;
    type Output = Packet;

    fn process(
        self: &Arc<Self>,
        packet: Packet,
    ) -> impl Future<Output = Verdict<Packet>> + Send + 'static + use<> {
        let mut waited = false;
        let once = std::future::poll_fn(move |cx| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        async move {
            once.await;
            Verdict::Next(packet)
        }
    }
}

const LATER: ElementClass = ElementClass {
    name: "Later",
    ports: "1",
    processing: "h/h",
    flow: "x/x",
    doc: "Lets packets wait.",
    handlers: &[],
    build: |args, _| async_processor(Later, args),
};

/// Runs all workers on this thread, so many steps each.
fn run(workers: &mut [Instance], steps: usize) {
    for _ in 0..steps {
        for worker in &mut *workers {
            worker.step(Instant::ZERO);
        }
    }
}

/// How many packets the elements `c` of all workers have seen.
fn seen(workers: &[Instance]) -> u64 {
    let counts = workers.iter().map(|it| it.read("c.count").unwrap());
    counts.map(|it| it.parse::<u64>().unwrap()).sum()
}

/// Says of a text that its workers, whose packets all come to `c`, allocate nothing once they have run for a while.
fn allocates_nothing(text: &str, workers: usize) {
    let mut registry = registry();
    registry.add(LATER);
    let source = Source::new("test", text);
    let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
    let pool = Pool::builder().small(4096).build().unwrap();
    let mut graphs = program.instances(workers, &pool).unwrap();
    // Queues, spare batches and counters take their places.
    run(&mut graphs, 1000);
    let (packets, before) = (seen(&graphs), allocations());
    run(&mut graphs, 10_000);
    let taken = allocations() - before;
    let moved = seen(&graphs) - packets;
    assert!(moved > 100_000, "{moved} packets: {text}");
    assert_eq!(taken, 0, "for {moved} packets: {text}");
}

#[test]
fn nothing_is_allocated_per_packet() {
    let text = format!(
        "{} -> r :: RadixIPLookup(10.0.0.0/8 0, 0.0.0.0/0 1);
         r[0] -> DecIPTTL -> EtherEncap(0x0800, 2:0:0:0:0:1, 2:0:0:0:0:2) -> t :: Tee;
         t[0] -> q :: Queue(64, ON_FULL BLOCK) -> Unqueue -> c :: Counter -> Discard;
         t[1] -> k :: IPClassifier(udp, -); k[0] -> Discard; k[1] -> Discard; r[1] -> Discard;",
        source(46)
    );
    allocates_nothing(&text, 1);
}

#[test]
fn nothing_is_allocated_for_what_waits_in_an_async_processor() {
    for order in [true, false] {
        let text = format!(
            "{} -> Later(CONCURRENCY 64, ORDER {order}) -> c :: Counter -> Discard;",
            source(46)
        );
        allocates_nothing(&text, 1);
    }
}

#[test]
fn nothing_is_allocated_for_what_goes_from_worker_to_worker() {
    let text = format!("{} -> Pipeliner(1) -> c :: Counter -> Discard;", source(46));
    allocates_nothing(&text, 2);
}

#[test]
fn nothing_is_allocated_for_a_neighbour_that_is_known() {
    let text = format!(
        "{} -> GetIPAddress(16) -> a :: ARPQuerier(10.0.0.1, 2:0:0:0:0:1);
         a[0] -> c :: Counter -> Discard; a[1] -> ARPResponder(10.0.0.2 2:0:0:0:0:2) -> [1] a;",
        source(46)
    );
    allocates_nothing(&text, 1);
}

#[test]
fn nothing_is_allocated_for_fragments_and_errors() {
    let text = format!(
        "{} -> IPFragmenter(576) -> c :: Counter -> Discard;",
        source(1500)
    );
    allocates_nothing(&text, 1);
    let text = format!(
        "{} -> ICMPError(10.0.0.9, timeexceeded) -> c :: Counter -> Discard;",
        source(46)
    );
    allocates_nothing(&text, 1);
}
