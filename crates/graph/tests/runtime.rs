//! What drivers promise: nothing that becomes ready is missed, others have their turn, and one worker's end is the end of all.

mod elements;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time;

use elements::{Sink, Source, pool};
use waypost_graph::{
    AsyncProcessor, Batch, Builder, Cx, Element, Instance, Order, Packet, Progress, Readiness,
    ReadinessSource, Runtime, Typed, Verdict,
};

fn tokio_threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// A device that stops the graph at the second octet it gets. That one comes at the worst moment: the first has woken the graph
/// and was read, the step after it found nothing, and the driver has not asked yet whether the device is ready again.
struct Late {
    device: UnixStream,
    peer: Mutex<Option<Peer>>,
    moment: AtomicU8,
}

/// The first octet was read.
const ARMED: u8 = 1;
/// Then nothing was.
const LOOKED: u8 = 2;

/// Who sends the octet, and then waits until the event has been noticed.
struct Peer {
    peer: UnixStream,
    /// An octet sent here comes behind the other, and whoever gets it says so.
    behind: UnixStream,
    noticed: mpsc::Receiver<()>,
    runtime: tokio::runtime::Handle,
}

impl Element for Late {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, _: usize, cx: &mut Cx<'_>) -> Progress {
        let moment = self.moment.get_mut();
        let mut octet = [0];
        if self.device.read_exact(&mut octet).is_err() {
            if *moment == ARMED {
                *moment = LOOKED;
            }
            return Progress::Idle;
        }
        *moment = ARMED;
        if octet == [2] {
            cx.stop();
        }
        Progress::Worked
    }

    fn wakeup(&self) -> Option<Readiness<'_>> {
        if self.moment.load(Ordering::Relaxed) == LOOKED
            && let Some(mut it) = self.peer.lock().unwrap().take()
        {
            it.peer.write_all(&[2]).unwrap();
            it.behind.write_all(&[1]).unwrap();
            // This thread may have held the driver: a task for another has that turn it.
            let runtime = it.runtime.clone();
            let other = std::thread::spawn(move || drop(runtime.spawn(async {})));
            other.join().unwrap();
            it.noticed.recv().unwrap();
            // The peer stays open: the end of the stream would be another event.
            std::mem::forget(it);
        }
        Some(Readiness {
            source: ReadinessSource::Fd(self.device.as_fd()),
            receive: true,
            transmit: false,
        })
    }
}

impl Typed for Late {
    type Inputs = ();
    type Outputs = ();
}

#[test]
fn what_becomes_ready_between_the_last_look_and_the_sleep_is_not_missed() {
    for _ in 0..20 {
        let runtime = tokio_threads();
        let (device, peer) = UnixStream::pair().unwrap();
        let (behind, ahead) = UnixStream::pair().unwrap();
        let (notice, noticed) = mpsc::channel();
        let mut first = peer.try_clone().unwrap();
        device.set_nonblocking(true).unwrap();
        ahead.set_nonblocking(true).unwrap();
        runtime.spawn(async move {
            let ahead = tokio::net::UnixStream::from_std(ahead).unwrap();
            ahead.readable().await.unwrap();
            notice.send(()).unwrap();
        });
        let mut graph = Builder::new();
        let ((), ()) = graph.add(
            "late",
            Late {
                device,
                peer: Mutex::new(Some(Peer {
                    peer,
                    behind,
                    noticed,
                    runtime: runtime.handle().clone(),
                })),
                moment: AtomicU8::new(0),
            },
        );
        let graph = graph.build(pool().allocator()).unwrap();
        let running = Runtime::tokio(runtime.handle().clone())
            .start(vec![graph])
            .unwrap();
        // The driver has most likely slept meanwhile, and watches the device.
        for _ in 0..100 {
            running.handle().call(0, |_| ()).unwrap();
        }
        first.write_all(&[1]).unwrap();
        assert_eq!(running.wait().len(), 1);
    }
}

/// A device that nobody can wait for.
struct Polled;

impl Element for Polled {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn wakeup(&self) -> Option<Readiness<'_>> {
        Some(Readiness {
            source: ReadinessSource::Poll,
            receive: true,
            transmit: false,
        })
    }
}

impl Typed for Polled {
    type Inputs = ();
    type Outputs = ();
}

/// Waits for a timer and a socket of the runtime's.
struct Waits;

impl AsyncProcessor for Waits {
    type Input = Packet;
    type Output = Packet;

    fn process(
        self: &Arc<Self>,
        packet: Packet,
    ) -> impl Future<Output = Verdict<Packet>> + Send + 'static + use<> {
        async move {
            tokio::time::sleep(time::Duration::from_millis(1)).await;
            let (near, far) = tokio::net::UnixStream::pair().unwrap();
            let far = tokio::spawn(async move {
                tokio::time::sleep(time::Duration::from_millis(1)).await;
                drop(far);
            });
            near.readable().await.unwrap();
            far.await.unwrap();
            Verdict::Next(packet)
        }
    }
}

/// Stops the graph at the first packet.
struct Stop;

impl Element for Stop {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        cx.free(batch);
        cx.stop();
    }
}

impl Typed for Stop {
    type Inputs = waypost_graph::Input<Packet>;
    type Outputs = ();
}

#[test]
fn a_device_that_is_polled_lets_sockets_and_timers_go_on() {
    let mut graph = Builder::new();
    let ((), ()) = graph.add("polled", Polled);
    let ((), packets) = graph.add("source", Source(1));
    let waited = graph.chain_async("waits", packets, Waits, 4, Order::Kept);
    let (stop, ()) = graph.add("stop", Stop);
    graph.connect(waited, stop);
    let graph = graph.build(pool().allocator()).unwrap();
    let running = Runtime::workers().start(vec![graph]).unwrap();
    assert_eq!(running.wait().len(), 1);
}

/// A bug.
struct Panics;

impl Element for Panics {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {
        panic!("as the test wants it");
    }
}

impl Typed for Panics {
    type Inputs = waypost_graph::Input<Packet>;
    type Outputs = ();
}

fn one_that_panics_and_one_that_runs() -> Vec<Instance> {
    let mut bad = Builder::new();
    let ((), packets) = bad.add("source", Source(1));
    let (into, ()) = bad.add("panics", Panics);
    bad.connect(packets, into);
    let mut good = Builder::new();
    let ((), packets) = good.add("source", Source(10));
    let sink = Sink::with_room(usize::MAX);
    let (into, ()) = good.add("sink", sink);
    good.connect(packets, into);
    [bad, good]
        .map(|graph| graph.build(pool().allocator()).unwrap())
        .into()
}

#[test]
fn a_worker_that_panics_stops_the_others() {
    let running = Runtime::workers()
        .start(one_that_panics_and_one_that_runs())
        .unwrap();
    assert_eq!(running.wait().len(), 1, "the other one");
    let runtime = tokio_threads();
    let running = Runtime::tokio(runtime.handle().clone())
        .start(one_that_panics_and_one_that_runs())
        .unwrap();
    assert_eq!(running.wait().len(), 1, "the other one");
    // What a thread is given to do first may panic as well.
    let graphs = one_that_panics_and_one_that_runs().into_iter().skip(1);
    let mut graphs: Vec<_> = graphs.collect();
    graphs.extend(one_that_panics_and_one_that_runs().into_iter().skip(1));
    let runtime = Runtime::workers().each_thread(|worker| assert_ne!(worker, 1, "as wanted"));
    assert_eq!(runtime.start(graphs).unwrap().wait().len(), 1);
}
