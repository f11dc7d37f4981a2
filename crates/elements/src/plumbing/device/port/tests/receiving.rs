//! Packets that come in.

use waypost_netdev::{ChecksumState, FrameMeta, VlanTag};

use super::*;

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
    assert_eq!(packet.ingress(), 7, "the port's number");
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
fn a_source_says_what_its_packets_begin_with_and_counts_from_0_again() {
    let (device, pool) = (Fake::new(), pool());
    let (mut graph, _shelf) = receiving(&device, &pool);
    assert_eq!(graph.read("port.encap").unwrap(), "ETHER");
    for count in ["1", "2"] {
        let frame = (vec![0; 60], FrameMeta::default());
        device.far().incoming.push_back(frame);
        run(&mut graph, 0);
        assert_eq!(graph.read("port.count").unwrap(), count);
    }
    graph.write("port.reset_counts", "").unwrap();
    assert_eq!(graph.read("port.count").unwrap(), "0");
}

#[test]
fn a_source_that_is_up_again_says_so_before_anything_comes() {
    let (device, pool) = (Fake::new(), pool());
    let (mut graph, _shelf) = receiving(&device, &pool);
    device.far().error = Some(DeviceError::Down);
    run(&mut graph, 0);
    assert_eq!(graph.read("port.state").unwrap(), "down");
    device.far().error = None;
    run(&mut graph, 100);
    assert_eq!(graph.read("port.state").unwrap(), "up");
    run(&mut graph, 200);
    assert_eq!(graph.next_timer(), None, "there is nothing to look after");
}

#[test]
fn an_idle_source_lets_its_worker_sleep() {
    let (device, pool) = (Fake::new(), pool());
    let (mut graph, _shelf) = receiving(&device, &pool);
    run(&mut graph, 0);
    assert_eq!(graph.next_timer(), None, "nothing has come");
    for millis in [100, 101] {
        let frame = (vec![0; 60], FrameMeta::default());
        device.far().incoming.push_back(frame);
        run(&mut graph, millis);
    }
    device.far().counted.overruns += 3;
    let looks = graph.next_timer().expect("one look after the last frame");
    assert!(looks <= at(111));
    graph.run_until_idle(looks, 100);
    assert_eq!(drops(&graph, OVERRUN), 3);
    assert_eq!(graph.next_timer(), None, "and then no more");
}

#[test]
fn long_frames_without_memory_wait_in_the_device() {
    let device = Fake::new();
    let pool = Pool::builder()
        .small(64)
        .medium(3)
        .large(2)
        .build()
        .unwrap();
    let (mut graph, shelf) = receiving(&device, &pool);
    let lengths = [60, 3000, 20_000, 60, 20_000, 20_000, 3000, 3000, 3000, 60];
    for len in lengths {
        let frame = (vec![0; len], FrameMeta::default());
        device.far().incoming.push_back(frame);
    }
    let mut came = Vec::new();
    for round in 0..10 {
        run(&mut graph, 10 * round);
        let kept = std::mem::take(&mut *shelf.lock().unwrap());
        came.extend(kept.iter().map(Packet::len));
        if came.len() < lengths.len() {
            let wakes = graph.next_timer().expect("it is tried again");
            assert!(wakes <= at(10 * round + 1));
        }
    }
    assert_eq!(came, lengths, "in their order");
    assert_eq!(drops(&graph, NO_FRAME), 0);
}

#[test]
fn frames_longer_than_the_pool_ever_holds_are_lost_and_counted() {
    let device = Fake::new();
    let pool = Pool::builder().small(8).build().unwrap();
    let (mut graph, shelf) = receiving(&device, &pool);
    for len in [60, 20_000, 61] {
        let frame = (vec![0; len], FrameMeta::default());
        device.far().incoming.push_back(frame);
    }
    run(&mut graph, 0);
    let lengths: Vec<_> = shelf.lock().unwrap().iter().map(Packet::len).collect();
    assert_eq!(lengths, [60, 61]);
    assert_eq!(drops(&graph, NO_FRAME), 1);
}

#[test]
fn what_nobody_has_room_for_stays_in_the_device() {
    let (device, pool) = (Fake::new(), pool());
    let (mut builder, room) = (Builder::new(), Arc::new(Mutex::new(3)));
    let ((), packets) = builder.add("port", Port::<_, Ingress>::new(device.clone()));
    let (input, ()) = builder.add("stalled", Stalled(Arc::clone(&room)));
    builder.connect(packets, input);
    let mut graph = builder.build(pool.allocator()).unwrap();
    for number in 0..40 {
        let frame = (vec![number; 60], FrameMeta::default());
        device.far().incoming.push_back(frame);
    }
    for millis in 0..20 {
        run(&mut graph, millis);
        assert_eq!(device.far().incoming.len(), 37);
    }
    assert_eq!(graph.read("port.count").unwrap(), "3");
    *room.lock().unwrap() = 100;
    run(&mut graph, 20);
    assert!(device.far().incoming.is_empty());
    assert_eq!(graph.read("port.count").unwrap(), "40");
    assert_eq!(graph.read("port.drops").unwrap(), "0");
}

/// Takes as many packets as there is room for.
struct Stalled(Arc<Mutex<usize>>);

impl Element for Stalled {
    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        *self.0.lock().unwrap() -= batch.len();
        batch.drain().for_each(drop);
    }

    fn credit(&self, _: usize) -> Credit {
        Credit::Packets(*self.0.lock().unwrap())
    }
}

impl Typed for Stalled {
    type Inputs = Input<Packet>;
    type Outputs = ();
}

#[test]
fn what_a_device_sends_back_is_read_as_far_as_it_can_be_sent() {
    let (device, pool) = (Fake::new(), pool());
    let mut builder = Builder::new();
    let (to_device, from_device) = builder.add("port", Port::<_, Both>::new(device.clone()));
    builder.connect(from_device, to_device);
    let mut graph = builder.build(pool.allocator()).unwrap();
    device.far().open = false;
    run(&mut graph, 0);
    for number in 0..100 {
        let frame = (vec![number; 60], FrameMeta::default());
        device.far().incoming.push_back(frame);
    }
    run(&mut graph, 1);
    assert_eq!(device.far().incoming.len(), 100 - ROOM);
    device.far().open = true;
    (2..100).for_each(|millis| run(&mut graph, millis));
    assert_eq!(device.far().numbers(), (0..100).collect::<Vec<_>>());
    // Each counts where it begins, and where it comes in again.
    assert_eq!(graph.read("port.packets").unwrap(), "200");
}
