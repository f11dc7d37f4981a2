//! Packets that a graph sends.

use waypost_graph::Runtime;
use waypost_netdev::{ChecksumState, FrameMeta, Segmentation, SegmentationKind};

use super::*;

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

/// Packets whose checksum this device leaves to the port: they are finished first, and wait there.
fn put_unfinished(shelf: &Shelf, numbers: std::ops::Range<u8>) {
    for number in numbers {
        let mut packet = packet(&[number; 60]);
        packet.set_frame_meta(FrameMeta {
            checksum: ChecksumState::Partial {
                start: 34,
                offset: 6,
            },
            ..FrameMeta::default()
        });
        shelf.lock().unwrap().push_back(packet);
    }
}

#[test]
fn a_full_device_is_heard_when_it_goes_down_or_away() {
    for (error, state, lost) in [
        (DeviceError::Removed, "removed", 20),
        (DeviceError::Down, "down", 0),
    ] {
        let device = Fake::new();
        let (mut graph, shelf) = sending(Port::new(device.clone()));
        device.far().open = false;
        put(&shelf, 0..20);
        run(&mut graph, 0);
        assert_eq!(device.far().pending.len(), ROOM, "all places are used");
        assert_eq!(graph.read("port.state").unwrap(), "up");
        device.far().error = Some(error);
        for millis in 1..50 {
            run(&mut graph, millis);
        }
        assert_eq!(graph.read("port.state").unwrap(), state);
        assert_eq!(drops(&graph, DEVICE_FAILED), lost);
        graph.finish();
        run(&mut graph, 50);
        assert!(graph.is_stopped(), "nothing waits for it for ever");
    }
}

#[test]
fn an_interface_whose_end_only_receiving_finds_takes_packets_to_lose_them() {
    // Down before it is gone, and full before.
    for error in [Some(DeviceError::Down), None] {
        let device = Fake::new();
        let (mut graph, give, _keep) = both(&device);
        device.far().open = false;
        device.far().error = error;
        put(&give, 0..20);
        run(&mut graph, 0);
        assert_eq!(drops(&graph, DEVICE_FAILED), 0);
        (device.far().error, device.far().receive_error) = (None, Some(DeviceError::Removed));
        run(&mut graph, 1);
        assert_eq!(graph.read("port.state").unwrap(), "removed");
        assert!(give.lock().unwrap().is_empty(), "its feeder goes on");
        assert_eq!(drops(&graph, DEVICE_FAILED), 20);
        put(&give, 20..120);
        run(&mut graph, 2);
        assert_eq!(drops(&graph, DEVICE_FAILED), 120);
        let calls = device.far().calls;
        run(&mut graph, 1000);
        assert_eq!((device.far().calls, graph.next_timer()), (calls, None));
    }
}

#[test]
fn what_a_device_with_room_has_not_sent_it_is_made_to_try() {
    let device = Fake::new();
    device.far().tries_for_room = false;
    let (mut graph, shelf) = sending(Port::new(device.clone()));
    device.far().open = false;
    put(&shelf, 0..2);
    run(&mut graph, 0);
    device.far().open = true;
    run(&mut graph, 1);
    assert_eq!(device.far().numbers(), [0, 1]);
    assert_eq!(graph.next_timer(), None);
}

#[test]
fn pieces_for_an_interface_that_is_gone_are_lost_and_counted() {
    let device = Fake::new();
    let (mut graph, shelf) = sending(Port::new(device.clone()));
    device.far().error = Some(DeviceError::Removed);
    put_unfinished(&shelf, 0..8);
    for millis in 0..10 {
        run(&mut graph, millis);
    }
    assert_eq!(drops(&graph, DEVICE_FAILED), 8);
}

#[test]
fn what_waits_for_an_interface_that_is_down_is_lost_when_the_graph_stops() {
    let device = Fake::new();
    let (mut graph, shelf) = sending(Port::new(device.clone()));
    device.far().error = Some(DeviceError::Down);
    put_unfinished(&shelf, 0..7);
    run(&mut graph, 0);
    let unsent = device.far().pending.len();
    assert!(unsent > 0 && shelf.lock().unwrap().is_empty());
    let running = Runtime::workers().start(vec![graph]).unwrap();
    running.handle().stop();
    let graph = running.wait().remove(0);
    assert_eq!(graph.read("port.drops").unwrap(), "7");
    assert_eq!(graph.read("port.count").unwrap(), "0");
}

#[test]
fn a_tap_of_which_one_side_is_used_has_all_its_handlers() {
    for (source, sink) in [(true, true), (true, false), (false, true)] {
        let port = Port::<_, Both>::new(Fake::new()).only(source, sink);
        let names = port.handlers().iter().map(|it| it.name);
        assert!(names.eq(TAP_HANDLERS.iter().map(|it| it.name)));
        for handler in port.handlers() {
            assert!(port.read(handler.name, "").is_ok(), "{}", handler.name);
        }
    }
}
