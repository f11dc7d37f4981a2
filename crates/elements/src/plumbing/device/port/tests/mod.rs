mod receiving;
mod sending;

use std::sync::{Arc, Mutex, MutexGuard};

use waypost_graph::{Builder, Input, Instance, Output, Pool};
use waypost_netdev::{FrameMeta, LentRx, LentTx, Medium, Offloads};
use waypost_wire::MacAddr;

use super::*;

/// Frames that the device accepts before the kernel takes any.
const ROOM: usize = 4;

/// What is at the other end of a device.
struct Far {
    mtu: usize,
    offloads: Offloads,
    /// Whether the kernel takes frames.
    open: bool,
    /// Whether asking for room makes the device try what it has.
    tries_for_room: bool,
    error: Option<DeviceError>,
    /// What receiving alone finds.
    receive_error: Option<DeviceError>,
    pending: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
    incoming: VecDeque<(Vec<u8>, FrameMeta)>,
    counted: DeviceStatistics,
    calls: usize,
    longest_call: usize,
}

impl Far {
    fn flush(&mut self) -> Result<(), DeviceError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.open {
            self.counted.sent += self.pending.len() as u64;
            self.sent.extend(self.pending.drain(..));
        }
        Ok(())
    }

    fn numbers(&self) -> Vec<u8> {
        self.sent.iter().map(|it| it[0]).collect()
    }
}

#[derive(Clone)]
struct Fake(Arc<Mutex<Far>>);

impl Fake {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Far {
            mtu: 100,
            offloads: Offloads::default(),
            open: true,
            tries_for_room: true,
            error: None,
            receive_error: None,
            pending: VecDeque::new(),
            sent: Vec::new(),
            incoming: VecDeque::new(),
            counted: DeviceStatistics::default(),
            calls: 0,
            longest_call: 0,
        })))
    }

    fn far(&self) -> MutexGuard<'_, Far> {
        self.0.lock().unwrap()
    }
}

impl NetDev for Fake {
    type RxFrame<'a> = LentRx<'a>;
    type TxFrame<'a> = LentTx<'a>;

    fn capabilities(&self) -> Capabilities {
        let far = self.far();
        Capabilities {
            medium: Medium::Ethernet(MacAddr::new([2, 0, 0, 0, 0, 1])),
            mtu: far.mtu,
            offloads: far.offloads,
        }
    }

    fn receive(
        &mut self,
        _: Instant,
        max: usize,
        mut each: impl FnMut(LentRx<'_>),
    ) -> Result<usize, DeviceError> {
        let mut far = self.far();
        far.calls += 1;
        if let Some(error) = far.error.or(far.receive_error) {
            return Err(error);
        }
        let mut count = 0;
        while count < max
            && let Some((octets, meta)) = far.incoming.front_mut()
        {
            let mut left = false;
            each(LentRx::new(octets, *meta, &mut left));
            if left {
                break;
            }
            far.incoming.pop_front();
            count += 1;
        }
        Ok(count)
    }

    fn transmit(
        &mut self,
        _: Instant,
        max: usize,
        mut each: impl FnMut(LentTx<'_>),
    ) -> Result<usize, DeviceError> {
        let mut far = self.far();
        far.calls += 1;
        let (mut octets, mut count) = ([0; 4000], 0);
        while count < max && far.pending.len() < ROOM {
            let mut sent = None;
            each(LentTx::new(&mut octets, &mut sent));
            let Some((len, _)) = sent else { break };
            far.pending.push_back(octets[..len].to_vec());
            count += 1;
        }
        far.longest_call = far.longest_call.max(count);
        far.flush()?;
        Ok(count)
    }

    fn room(&mut self, _: Instant) -> usize {
        let mut far = self.far();
        if far.tries_for_room {
            let _ = far.flush();
        }
        ROOM - far.pending.len()
    }

    fn unsent(&self) -> usize {
        self.far().pending.len()
    }

    fn counted(&self) -> Option<DeviceStatistics> {
        Some(self.far().counted)
    }

    fn overruns(&mut self) -> u64 {
        self.far().counted.overruns
    }

    // Nobody wakes: what has to be done is done by the clock.
    fn wakeup(&self) -> Wakeup {
        Wakeup::Waker
    }
}

/// Packets between a test and a graph: to be pushed, or kept.
type Shelf = Arc<Mutex<VecDeque<Packet>>>;

struct Give(Shelf);

impl Element for Give {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let mut batch = cx.take_batch();
        let mut shelf = self.0.lock().unwrap();
        let count = shelf.len().min(budget);
        shelf
            .drain(..count)
            .for_each(|packet| drop(batch.push(packet)));
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        Progress::Idle
    }
}

impl Typed for Give {
    type Inputs = ();
    type Outputs = Output<Packet>;
}

struct Keep(Shelf);

impl Element for Keep {
    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        self.0.lock().unwrap().extend(batch.drain());
    }
}

impl Typed for Keep {
    type Inputs = Input<Packet>;
    type Outputs = ();
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos((1 + millis) * 1_000_000)
}

fn run(graph: &mut Instance, millis: u64) {
    graph.run_until_idle(at(millis), 100);
}

fn pool() -> Pool {
    Pool::builder().small(64).large(4).build().unwrap()
}

/// Packets are sent by the device.
fn sending(port: Port<Fake, Egress>) -> (Instance, Shelf) {
    let (mut builder, shelf) = (Builder::new(), Shelf::default());
    let ((), packets) = builder.add("give", Give(Arc::clone(&shelf)));
    let (input, ()) = builder.add("port", port);
    builder.connect(packets, input);
    (builder.build(pool().allocator()).unwrap(), shelf)
}

/// What comes in at the device is kept.
fn receiving(device: &Fake, pool: &Pool) -> (Instance, Shelf) {
    let (mut builder, shelf) = (Builder::new(), Shelf::default());
    let port = Port::<_, Ingress>::new(device.clone()).numbered(7);
    let ((), packets) = builder.add("port", port);
    let (input, ()) = builder.add("keep", Keep(Arc::clone(&shelf)));
    builder.connect(packets, input);
    (builder.build(pool.allocator()).unwrap(), shelf)
}

/// Packets are sent by the device, and what comes in at it is kept.
fn both(device: &Fake) -> (Instance, Shelf, Shelf) {
    let (mut builder, give, keep) = (Builder::new(), Shelf::default(), Shelf::default());
    let ((), packets) = builder.add("give", Give(Arc::clone(&give)));
    let (to_device, from_device) = builder.add("port", Port::<_, Both>::new(device.clone()));
    builder.connect(packets, to_device);
    let (input, ()) = builder.add("keep", Keep(Arc::clone(&keep)));
    builder.connect(from_device, input);
    (builder.build(pool().allocator()).unwrap(), give, keep)
}

fn packet(octets: &[u8]) -> Packet {
    Packet::on_heap(octets).unwrap()
}

fn put(shelf: &Shelf, numbers: std::ops::Range<u8>) {
    let packets = numbers.map(|number| packet(&[number; 60]));
    shelf.lock().unwrap().extend(packets);
}

fn drops(graph: &Instance, reason: DropReason) -> u64 {
    let all = graph.statistics();
    let port = all.iter().find(|it| &*it.name == "port").unwrap();
    let mut drops = port.drops.iter();
    drops
        .find(|(it, _)| *it == reason)
        .map_or(0, |(_, count)| *count)
}
