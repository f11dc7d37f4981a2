use std::sync::{Arc, Mutex, MutexGuard};

use waypost_graph::{Builder, Instance, Pool};
use waypost_netdev::{
    ChecksumState, FrameMeta, LentRx, LentTx, Medium, Offloads, Segmentation, SegmentationKind,
    VlanTag,
};
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
    error: Option<DeviceError>,
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
            error: None,
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
        if let Some(error) = far.error {
            return Err(error);
        }
        let count = max.min(far.incoming.len());
        for (mut octets, meta) in far.incoming.drain(..count) {
            each(LentRx::new(&mut octets, meta));
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
        let _ = far.flush();
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
    let port = Port::<_, Ingress>::new(device.clone());
    let ((), packets) = builder.add("port", port);
    let (input, ()) = builder.add("keep", Keep(Arc::clone(&shelf)));
    builder.connect(packets, input);
    (builder.build(pool.allocator()).unwrap(), shelf)
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

#[test]
fn what_the_kernel_does_not_take_at_once_is_sent_later() {
    let device = Fake::new();
    let (mut graph, shelf) = sending(Port::new(device.clone()));
    device.far().open = false;
    put(&shelf, 0..3);
    run(&mut graph, 0);
    assert_eq!(graph.read("port.count").unwrap(), "0", "none is sent yet");
    let wakes = graph.next_timer().expect("the device is asked again");
    assert!(wakes <= at(1));
    graph.finish();
    run(&mut graph, 0);
    assert!(!graph.is_stopped(), "packets are on their way");
    device.far().open = true;
    run(&mut graph, 1);
    assert_eq!(device.far().numbers(), [0, 1, 2]);
    assert_eq!(graph.read("port.count").unwrap(), "3");
    assert!(graph.is_stopped());
}

#[test]
fn an_interface_that_is_down_is_waited_for() {
    let device = Fake::new();
    let (mut graph, shelf) = sending(Port::new(device.clone()));
    device.far().error = Some(DeviceError::Down);
    put(&shelf, 0..20);
    run(&mut graph, 0);
    assert_eq!(graph.read("port.state").unwrap(), "down");
    let calls = device.far().calls;
    for millis in 1..100 {
        run(&mut graph, millis);
    }
    assert_eq!(device.far().calls, calls, "it is left alone for a while");
    run(&mut graph, 100);
    assert_eq!(device.far().calls, calls + 1);
    assert_eq!(graph.next_timer(), Some(at(200)));
    device.far().error = None;
    run(&mut graph, 200);
    run(&mut graph, 201);
    assert_eq!(device.far().numbers(), (0..20).collect::<Vec<_>>());
    assert_eq!(graph.read("port.state").unwrap(), "up");
    assert_eq!(graph.read("port.count").unwrap(), "20");
    // Nothing waits for it for ever.
    device.far().error = Some(DeviceError::Down);
    put(&shelf, 0..1);
    run(&mut graph, 202);
    graph.finish();
    run(&mut graph, 203);
    assert!(graph.is_stopped());
}

#[test]
fn what_is_sent_to_an_interface_that_is_gone_is_lost_and_counted() {
    let device = Fake::new();
    let (mut graph, shelf) = sending(Port::new(device.clone()));
    device.far().open = false;
    put(&shelf, 0..3);
    run(&mut graph, 0);
    device.far().error = Some(DeviceError::Removed);
    put(&shelf, 3..40);
    for millis in 1..10 {
        run(&mut graph, millis);
    }
    assert_eq!(graph.read("port.state").unwrap(), "removed");
    assert_eq!(drops(&graph, DEVICE_FAILED), 40);
    assert_eq!(graph.read("port.count").unwrap(), "0");
    let calls = device.far().calls;
    run(&mut graph, 1000);
    assert_eq!((device.far().calls, graph.next_timer()), (calls, None));
}

#[test]
fn a_source_that_is_down_is_listened_to_and_one_that_is_gone_is_not() {
    let (device, pool) = (Fake::new(), pool());
    let (mut graph, shelf) = receiving(&device, &pool);
    device.far().error = Some(DeviceError::Down);
    run(&mut graph, 0);
    assert_eq!(graph.read("port.state").unwrap(), "down");
    device.far().error = None;
    let frame = (vec![0; 60], FrameMeta::default());
    device.far().incoming.push_back(frame);
    assert!(graph.next_timer().expect("it is looked after") <= at(100));
    run(&mut graph, 100);
    assert_eq!(graph.read("port.state").unwrap(), "up");
    assert_eq!(shelf.lock().unwrap().len(), 1);
    device.far().error = Some(DeviceError::Removed);
    run(&mut graph, 200);
    let calls = device.far().calls;
    run(&mut graph, 300);
    assert_eq!(device.far().calls, calls);
}

#[test]
fn what_the_kernel_refuses_and_cuts_is_counted() {
    let (device, pool) = (Fake::new(), pool());
    let (mut graph, shelf) = sending(Port::new(device.clone()));
    device.far().counted.refused = 2;
    put(&shelf, 0..1);
    run(&mut graph, 0);
    device.far().counted.refused = 5;
    put(&shelf, 1..2);
    run(&mut graph, 1);
    assert_eq!(drops(&graph, REFUSED), 5);
    let (mut graph, _shelf) = receiving(&device, &pool);
    device.far().counted.truncated = 3;
    run(&mut graph, 0);
    assert_eq!(drops(&graph, TRUNCATED), 3);
}

#[test]
fn frames_longer_than_the_interface_takes_are_counted() {
    let device = Fake::new();
    device.far().offloads.tcp_segmentation = true;
    device.far().offloads.checksum = true;
    let (mut graph, shelf) = sending(Port::new(device.clone()));
    let tagged = |len: usize, tags: usize| {
        let mut octets = vec![0; len];
        for tag in 0..tags {
            octets[12 + 4 * tag..14 + 4 * tag].copy_from_slice(&[0x81, 0]);
        }
        packet(&octets)
    };
    for (len, tags) in [(114, 0), (115, 0), (118, 1), (119, 1), (122, 2), (123, 3)] {
        shelf.lock().unwrap().push_back(tagged(len, tags));
    }
    let mut long = packet(&[0; 1000]);
    long.set_frame_meta(FrameMeta {
        checksum: ChecksumState::Partial {
            start: 34,
            offset: 16,
        },
        segmentation: Some(Segmentation {
            size: 60,
            kind: SegmentationKind::Tcp4 { ecn: false },
        }),
        ..FrameMeta::default()
    });
    shelf.lock().unwrap().push_back(long);
    run(&mut graph, 0);
    let lengths: Vec<_> = device.far().sent.iter().map(Vec::len).collect();
    assert_eq!(lengths, [114, 118, 122, 1000]);
    assert_eq!(drops(&graph, TOO_LONG), 3);
    assert_eq!(graph.read("port.count").unwrap(), "4");
}

#[test]
fn without_memory_frames_wait_in_the_device() {
    let device = Fake::new();
    let pool = Pool::builder().small(16).build().unwrap();
    let (mut graph, shelf) = receiving(&device, &pool);
    for number in 0..40 {
        let frame = (vec![number; 60], FrameMeta::default());
        device.far().incoming.push_back(frame);
    }
    for round in 0..3 {
        run(&mut graph, 10 * round);
        assert_eq!(
            drops(&graph, NO_FRAME),
            0,
            "none is taken that has no place"
        );
        let kept = std::mem::take(&mut *shelf.lock().unwrap());
        assert!((8..=16).contains(&kept.len()), "{}", kept.len());
        if round < 2 {
            let wakes = graph.next_timer().expect("it is tried again");
            assert!(wakes <= at(10 * round + 1));
        }
        drop(kept);
    }
    assert!(device.far().incoming.is_empty());
    assert_eq!(graph.read("port.count").unwrap(), "40");
}

#[test]
fn what_the_kernel_loses_is_counted_while_frames_come() {
    let (device, pool) = (Fake::new(), pool());
    let (mut graph, shelf) = receiving(&device, &pool);
    for millis in 0..30 {
        let frame = (vec![0; 60], FrameMeta::default());
        device.far().incoming.push_back(frame);
        device.far().counted.overruns += 1;
        graph.step(at(millis));
        shelf.lock().unwrap().clear();
    }
    assert!(drops(&graph, OVERRUN) >= 20);
}

#[test]
fn a_tag_is_put_where_the_graph_sees_it() {
    let (device, pool) = (Fake::new(), pool());
    let (mut graph, shelf) = receiving(&device, &pool);
    let vlan = Some(VlanTag {
        tpid: 0x8100,
        tci: 7,
    });
    let checksum = ChecksumState::Partial {
        start: 34,
        offset: 6,
    };
    let meta = FrameMeta {
        vlan,
        checksum,
        ..FrameMeta::default()
    };
    let mut octets = vec![1; 60];
    octets[12..14].copy_from_slice(&[8, 0]);
    device.far().incoming.push_back((octets, meta));
    run(&mut graph, 0);
    let packet = shelf.lock().unwrap().pop_front().unwrap();
    assert_eq!(packet.octets()[10..20], [1, 1, 0x81, 0, 0, 7, 8, 0, 1, 1]);
    let checksum = ChecksumState::Partial {
        start: 38,
        offset: 6,
    };
    assert_eq!(
        (packet.frame_meta().vlan, packet.frame_meta().checksum),
        (None, checksum)
    );
}

#[test]
fn packets_keep_their_order_when_some_are_finished_here() {
    let device = Fake::new();
    let (mut graph, shelf) = sending(Port::new(device.clone()));
    device.far().open = false;
    for number in 0..30 {
        let mut packet = packet(&[number; 60]);
        if number % 7 < 3 {
            packet.set_frame_meta(FrameMeta {
                checksum: ChecksumState::Partial {
                    start: 34,
                    offset: 6,
                },
                ..FrameMeta::default()
            });
        }
        shelf.lock().unwrap().push_back(packet);
    }
    for millis in 0..100 {
        run(&mut graph, millis);
        let open = device.far().open;
        device.far().open = !open;
    }
    assert_eq!(device.far().numbers(), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_burst_is_kept() {
    let device = Fake::new();
    let (mut graph, shelf) = sending(Port::new(device.clone()).burst(2));
    put(&shelf, 0..20);
    run(&mut graph, 0);
    graph.run_until_idle(at(1), 100);
    for millis in 2..20 {
        run(&mut graph, millis);
    }
    assert_eq!(device.far().numbers(), (0..20).collect::<Vec<_>>());
    assert_eq!(device.far().longest_call, 2);
}
