//! A thousand packets ask a real DNS server for their sources' names.
#![forbid(unsafe_code)]

mod support;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use support::{Dns, PATIENCE, packet, source};
use waypost::elements::ip::CheckIpHeader;
use waypost::elements::plumbing::Discard;
use waypost::graph::{
    Batch, Builder, Cx, Element, Input, Kind, Order, Output, Packet, Pool, Progress, Runtime, Typed,
};
use waypost_source_names::{Named, SourceNames};

const PACKETS: u32 = 1000;
const PLACES: usize = 64;

/// Packets from the first sources, each once.
struct Sources {
    next: u32,
    end: u32,
}

impl Element for Sources {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let mut batch = cx.take_batch();
        while self.next < self.end && batch.len() < budget {
            let packet = cx.frames().copy(&packet(self.next)).unwrap();
            batch.push(packet).unwrap();
            self.next += 1;
        }
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        if self.next < self.end {
            Progress::Worked
        } else {
            Progress::Finished
        }
    }
}

impl Typed for Sources {
    type Inputs = ();
    type Outputs = Output<Packet>;
}

/// Tells of each packet where it came from, and with which name.
struct Tell(Sender<(Ipv4Addr, String)>);

impl Element for Tell {
    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        batch.filter_map(|packet| {
            let named = Named::wrap(packet);
            let source = waypost_source_names::source(&named).unwrap();
            // The test may have failed already.
            let _ = self.0.send((source, named.name().to_owned()));
            None
        });
    }
}

impl Typed for Tell {
    type Inputs = Input<Named>;
    type Outputs = ();
}

/// What comes out of a graph that asks `server`, and the most questions that waited at once, and how many got no answer.
fn run(
    runtime: &Runtime,
    order: Order,
    packets: u32,
    server: SocketAddr,
    patience: Duration,
) -> (Vec<(Ipv4Addr, String)>, u64, u64) {
    let names = SourceNames::new(server, patience);
    let counts = names.counts();
    let (tell, told) = channel();
    let mut graph = Builder::new();
    let sources = Sources {
        next: 0,
        end: packets,
    };
    let ((), made) = graph.add("sources", sources);
    let (check, (checked, bad)) = graph.add("check", CheckIpHeader::default());
    graph.connect(made, check);
    let named = graph.chain_async("names", checked, names, PLACES, order);
    let (log, ()) = graph.add("log", Tell(tell));
    graph.connect(named, log);
    let (lost, ()) = graph.add("lost", Discard::default());
    graph.connect(bad, lost);
    let pool = Pool::builder().small(1024).build().unwrap();
    let graph = graph.build(pool.allocator()).unwrap();
    let running = runtime.start(vec![graph]).unwrap();
    let seen = told.iter().take(packets as usize).collect();
    assert_eq!(running.handle().read("names.waiting").unwrap(), "0");
    running.handle().stop();
    running.wait();
    assert_eq!(told.iter().count(), 0, "no packet comes out twice");
    assert_eq!(counts.asking.load(Ordering::Relaxed), 0);
    (
        seen,
        counts.asking_most.load(Ordering::Relaxed),
        counts.unanswered.load(Ordering::Relaxed),
    )
}

/// Threads of the graph's own, and a tokio runtime with others.
fn runtimes() -> (tokio::runtime::Runtime, [Runtime; 2]) {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let both = [Runtime::workers(), Runtime::tokio(tokio.handle().clone())];
    (tokio, both)
}

#[test]
fn each_packet_gets_its_own_name_however_the_graph_is_driven() {
    let Some(dns) = Dns::start(PACKETS) else {
        return;
    };
    let expected: Vec<_> = (0..PACKETS)
        .map(|number| (source(number), dns.name(number)))
        .collect();
    let (_tokio, runtimes) = runtimes();
    for runtime in &runtimes {
        for order in [Order::Kept, Order::AsDone] {
            let (mut seen, most, unanswered) = run(runtime, order, PACKETS, dns.address, PATIENCE);
            if order == Order::AsDone {
                seen.sort_unstable();
            }
            assert!(seen == expected, "{runtime:?}, {order:?}: {seen:?}");
            assert_eq!(unanswered, 0);
            assert!(
                (2..=PLACES as u64).contains(&most),
                "{runtime:?}, {order:?}: {most} questions at once"
            );
        }
    }
}

#[test]
fn a_source_without_a_name_goes_on_without_one() {
    let Some(dns) = Dns::start(10) else { return };
    let expected: Vec<_> = (0..20)
        .map(|number| {
            let name = (number < 10).then(|| dns.name(number));
            (source(number), name.unwrap_or_default())
        })
        .collect();
    let (seen, _, unanswered) = run(&Runtime::workers(), Order::Kept, 20, dns.address, PATIENCE);
    assert_eq!(seen, expected);
    assert_eq!(unanswered, 0, "that there is no name is an answer");
}

#[test]
fn packets_go_on_from_a_server_that_does_not_answer() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (_tokio, runtimes) = runtimes();
    for runtime in &runtimes {
        let server = silent.local_addr().unwrap();
        let (seen, _, unanswered) =
            run(runtime, Order::Kept, 100, server, Duration::from_millis(1));
        let expected: Vec<_> = (0..100)
            .map(|number| (source(number), String::new()))
            .collect();
        assert_eq!(seen, expected);
        assert_eq!(unanswered, 100);
    }
}
