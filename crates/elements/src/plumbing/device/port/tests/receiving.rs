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
