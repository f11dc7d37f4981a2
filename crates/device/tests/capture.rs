//! What crosses a device stands in the file, and a file that cannot be written stops no traffic.

use std::io::{self, Write};

use waypost_device::pcap::{Capture, LinkType, PcapError, Reader};
use waypost_netdev::{
    Direction, FrameMeta, Loopback, Medium, NetDev, RateLimit, RxFrame, TxFrame, VlanTag,
};
use waypost_wire::{Duration, Instant, MacAddr, WallTime};

const ETHERNET: Medium = Medium::Ethernet(MacAddr::BROADCAST);
const ORIGIN: WallTime = WallTime::from_unix_secs(1_000);

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn send(device: &mut impl NetDev, now: Instant, octets: &[u8], meta: FrameMeta) -> usize {
    let sent = device.transmit(now, 1, |room| {
        room.send(octets.len(), meta, |room| room.copy_from_slice(octets));
    });
    sent.unwrap()
}

/// A record: direction, nanoseconds after the origin, octets.
type Seen = (Option<Direction>, u64, Vec<u8>);

fn read(file: &[u8]) -> (Vec<Seen>, Option<PcapError>) {
    let (mut reader, mut seen) = (Reader::new(file).unwrap(), Vec::new());
    loop {
        match reader.next() {
            Ok(Some(it)) => {
                assert_eq!(it.original_len, it.octets.len());
                let nanos = it.time.as_unix_nanos() - ORIGIN.as_unix_nanos();
                seen.push((it.direction, nanos, it.octets.to_vec()));
            }
            Ok(None) => break (seen, None),
            Err(error) => break (seen, Some(error)),
        }
    }
}

#[test]
fn both_ways_stand_in_the_file_with_their_times() {
    let loopback = Loopback::<4, 2000>::new(ETHERNET);
    let mut device = Capture::new(loopback, Vec::new())
        .unwrap()
        .with_origin(ORIGIN);
    let received_at = ORIGIN + Duration::from_nanos(77);
    let stamped = FrameMeta {
        timestamp: Some(received_at),
        ..FrameMeta::default()
    };
    assert_eq!(send(&mut device, at(1), &[1; 60], stamped), 1);
    assert_eq!(send(&mut device, at(2), &[2; 61], FrameMeta::default()), 1);
    let mut received = Vec::new();
    let count = device.receive(at(3), 9, |mut frame| {
        received.push(frame.octets().to_vec());
        frame.octets_mut().fill(0);
    });
    assert_eq!((count, received), (Ok(2), vec![vec![1; 60], vec![2; 61]]));
    assert_eq!((device.written(), device.missed()), (4, 0));
    assert!(device.error().is_none());
    device.flush().unwrap();
    let (_, file) = device.into_parts();
    assert_eq!(
        Reader::new(&file[..])
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .link_type,
        LinkType::ETHERNET
    );
    let (sent, received) = (Some(Direction::Transmit), Some(Direction::Receive));
    let (seen, error) = read(&file);
    assert!(error.is_none());
    assert_eq!(
        seen,
        [
            (sent, 1, vec![1; 60]),
            (sent, 2, vec![2; 61]),
            (received, 77, vec![1; 60]),
            (received, 3, vec![2; 61]),
        ]
    );
}

#[test]
fn a_tag_beside_the_octets_stands_in_the_record() {
    let loopback = Loopback::<1, 2000>::new(ETHERNET);
    let mut device = Capture::new(loopback, Vec::new())
        .unwrap()
        .with_origin(ORIGIN);
    let octets: Vec<u8> = (0..60).collect();
    let tagged = FrameMeta {
        vlan: Some(VlanTag {
            tpid: 0x88a8,
            tci: 0x2005,
        }),
        ..FrameMeta::default()
    };
    assert_eq!(send(&mut device, at(0), &octets, tagged), 1);
    let count = device.receive(at(0), 1, |frame| assert_eq!(frame.octets(), octets));
    assert_eq!(count, Ok(1), "what crosses is not changed");
    let mut expected = octets[..12].to_vec();
    expected.extend([0x88, 0xa8, 0x20, 0x05]);
    expected.extend(&octets[12..]);
    let (_, file) = device.into_parts();
    for (_, _, octets) in read(&file).0 {
        assert_eq!(octets, expected);
    }
}

#[test]
fn it_wraps_other_wrappers_and_what_is_refused_is_not_written() {
    let limited = RateLimit::new(Loopback::<8, 64>::new(Medium::Ip), 0, 64).unwrap();
    let mut device = Capture::new(limited, Vec::new())
        .unwrap()
        .with_origin(ORIGIN);
    assert_eq!(send(&mut device, at(0), &[4; 65], FrameMeta::default()), 0);
    assert_eq!(send(&mut device, at(0), &[4; 64], FrameMeta::default()), 1);
    assert_eq!(send(&mut device, at(0), &[4; 64], FrameMeta::default()), 0);
    let (_, file) = device.into_parts();
    assert_eq!(
        Reader::new(&file[..])
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .link_type,
        LinkType::RAW
    );
    assert_eq!(read(&file).0, [(Some(Direction::Transmit), 0, vec![4; 64])]);
}

/// A disk with room for so many octets.
#[derive(Debug)]
struct Disk {
    written: Vec<u8>,
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = octets.len().min(self.room - self.written.len());
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.extend(&octets[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_capture_and_nothing_else() {
    // A head and a few records, wherever the disk breaks off.
    for room in 200..700 {
        let disk = Disk {
            written: Vec::new(),
            room,
        };
        let mut device = Capture::new(Loopback::<1, 64>::new(ETHERNET), disk)
            .unwrap()
            .with_origin(ORIGIN);
        for number in 0..10 {
            let octets = [number; 50];
            assert_eq!(
                send(
                    &mut device,
                    at(number.into()),
                    &octets,
                    FrameMeta::default()
                ),
                1
            );
            let count = device.receive(at(number.into()), 1, |frame| {
                assert_eq!(frame.octets(), octets);
            });
            assert_eq!(count, Ok(1));
        }
        let kind = device.error().map(io::Error::kind);
        assert_eq!(kind, Some(io::ErrorKind::StorageFull));
        let (written, missed) = (device.written(), device.missed());
        assert_eq!(written + missed, 20);
        assert!(device.flush().is_ok(), "it is told once");
        let (_, disk) = device.into_parts();
        let (seen, error) = read(&disk.written);
        assert_eq!(seen.len() as u64, written, "whole records, and all of them");
        for (at, (direction, nanos, octets)) in seen.iter().enumerate() {
            let number = at as u8 / 2;
            let expected = [Direction::Transmit, Direction::Receive][at % 2];
            assert_eq!((*direction, *nanos), (Some(expected), number.into()));
            assert_eq!(octets, &[number; 50]);
        }
        assert!(
            matches!(error, None | Some(PcapError::Truncated { .. })),
            "{error:?}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_made_is_an_error_at_once() {
    let disk = Disk {
        written: Vec::new(),
        room: 30,
    };
    let error = Capture::new(Loopback::<1, 64>::new(ETHERNET), disk).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    // Here the head stays in the buffer, and is told of when that is written.
    let mut device = Capture::create(Loopback::<1, 64>::new(ETHERNET), "/dev/full").unwrap();
    assert!(device.flush().is_err());
    assert_eq!(send(&mut device, at(0), &[1; 60], FrameMeta::default()), 1);
    let kind = device.error().map(io::Error::kind);
    assert_eq!(
        (kind, device.missed()),
        (Some(io::ErrorKind::StorageFull), 1)
    );
    let nowhere = "/nonexistent/capture.pcapng";
    assert!(Capture::create(Loopback::<1, 64>::new(ETHERNET), nowhere).is_err());
}

#[test]
fn a_frame_that_is_left_in_the_device_is_written_once() {
    let loopback = Loopback::<4, 64>::new(ETHERNET);
    let mut device = Capture::new(loopback, Vec::new()).unwrap();
    for number in 1..3 {
        let octets = [number; 60];
        assert_eq!(send(&mut device, at(1), &octets, FrameMeta::default()), 1);
    }
    for _ in 0..3 {
        assert_eq!(device.receive(at(2), 9, |frame| frame.leave()), Ok(0));
    }
    assert_eq!(device.receive(at(3), 9, |_| ()), Ok(2));
    assert_eq!(device.written(), 4);
}
