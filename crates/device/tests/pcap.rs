//! Capture files: what is written is read back, and what is read may be anything.

use proptest::collection::vec;
use proptest::prelude::*;
use waypost_device::pcap::{Format, LinkType, PcapError, RECORD_MAX, Reader, Writer};
use waypost_netdev::Direction;
use waypost_wire::WallTime;

/// A record as a test sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    nanos: u64,
    octets: Vec<u8>,
    original_len: usize,
    link_type: u32,
    interface: u32,
    direction: Option<Direction>,
}

/// Reads all that can be read, and how it ended.
fn read(file: &[u8]) -> (Vec<Frame>, Option<PcapError>) {
    let mut reader = match Reader::new(file) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut frames = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(it)) => frames.push(Frame {
                nanos: it.time.as_unix_nanos(),
                octets: it.octets.to_vec(),
                original_len: it.original_len,
                link_type: it.link_type.0,
                interface: it.interface,
                direction: it.direction,
            }),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

const UNSEEN: [Option<Direction>; 3] = [None, Some(Direction::Receive), Some(Direction::Transmit)];

/// Frames of a link type, at times up to `seconds` after the epoch.
fn frames(link_type: u32, seconds: u64) -> impl Strategy<Value = Vec<Frame>> {
    let octets = prop_oneof![4 => vec(any::<u8>(), 0..200), 1 => vec(any::<u8>(), 1500..9000)];
    let frame = (
        0..seconds * 1_000_000_000,
        octets,
        0..2000_usize,
        0..3_usize,
    );
    let frame = frame.prop_map(move |(nanos, octets, cut, direction)| Frame {
        nanos,
        original_len: octets.len() + cut,
        octets,
        link_type,
        interface: 0,
        direction: UNSEEN[direction],
    });
    vec(frame, 0..12)
}

fn write(format: Format, link_type: u32, frames: &[Frame]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, format, LinkType(link_type), RECORD_MAX).unwrap();
    for frame in frames {
        let (time, octets) = (WallTime::from_unix_nanos(frame.nanos), &frame.octets);
        match frame.direction {
            Some(direction) => writer.write_way(direction, time, octets, frame.original_len),
            None => writer.write(time, octets, frame.original_len, None),
        }
        .unwrap();
    }
    file
}

/// A writer of pcap in either order of octets and either resolution, by the book and by nothing of the crate's.
fn pcap(big: bool, nanoseconds: bool, link_type: u32, frames: &[Frame]) -> Vec<u8> {
    let mut file = Vec::new();
    let word = |file: &mut Vec<u8>, value: u32| {
        file.extend(if big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        });
    };
    word(
        &mut file,
        if nanoseconds {
            0xa1b2_3c4d
        } else {
            0xa1b2_c3d4
        },
    );
    // Version 2.4, in two halves.
    word(&mut file, if big { 0x0002_0004 } else { 0x0004_0002 });
    for value in [0, 0, 65_535, link_type] {
        word(&mut file, value);
    }
    for frame in frames {
        word(&mut file, (frame.nanos / 1_000_000_000) as u32);
        let parts = (frame.nanos % 1_000_000_000) as u32;
        word(&mut file, if nanoseconds { parts } else { parts / 1000 });
        word(&mut file, frame.octets.len() as u32);
        word(&mut file, frame.original_len as u32);
        file.extend(&frame.octets);
    }
    file
}

/// A writer of pcapng in either order, with times in these units of a second, and options and blocks that nobody knows.
struct Pcapng {
    big: bool,
    file: Vec<u8>,
}

impl Pcapng {
    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let padded = body.len().next_multiple_of(4);
        let len = self.u32(padded as u32 + 12);
        self.file.extend(self.u32(kind));
        self.file.extend(len);
        self.file.extend(body);
        self.file.resize(self.file.len() + padded - body.len(), 0);
        self.file.extend(len);
    }

    fn option(&self, into: &mut Vec<u8>, code: u16, value: &[u8]) {
        into.extend(self.u16(code));
        into.extend(self.u16(value.len() as u16));
        into.extend(value);
        into.resize(into.len().next_multiple_of(4), 0);
    }

    /// A section with one interface, whose clock has so many decimals.
    fn section(&mut self, link_type: u32, decimals: Option<u8>) {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend([self.u16(1), self.u16(0)].concat());
        body.extend([0xff; 8]);
        self.option(&mut body, 4, b"somebody's program");
        self.block(0x0a0d_0d0a, &body);
        self.block(0x0bad, b"unknown");
        let mut body = self.u16(link_type as u16).to_vec();
        body.extend([0, 0]);
        body.extend(self.u32(0));
        self.option(&mut body, 2, b"eth0");
        if let Some(decimals) = decimals {
            self.option(&mut body, 9, &[decimals]);
        }
        self.option(&mut body, 0, &[]);
        self.block(1, &body);
    }

    fn packet(&mut self, frame: &Frame, units: u64) {
        let mut body = self.u32(0).to_vec();
        let time = (u128::from(frame.nanos) * u128::from(units) / 1_000_000_000) as u64;
        for value in [
            (time >> 32) as u32,
            time as u32,
            frame.octets.len() as u32,
            frame.original_len as u32,
        ] {
            body.extend(self.u32(value));
        }
        body.extend(&frame.octets);
        body.resize(body.len().next_multiple_of(4), 0);
        self.option(&mut body, 1, b"a comment");
        let flags = UNSEEN.iter().position(|it| *it == frame.direction).unwrap();
        self.option(&mut body, 2, &self.u32(0x0000_0120 | flags as u32));
        self.block(6, &body);
    }
}

/// Where each record of a pcapng file ends, and what kind it is.
fn blocks(file: &[u8]) -> Vec<(usize, u32)> {
    let (mut ends, mut at) = (Vec::new(), 0);
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    while at < file.len() {
        let kind = word(at);
        at += word(at + 4) as usize;
        ends.push((at, kind));
    }
    ends
}

fn is_packet(kind: u32) -> bool {
    kind == 6
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(link_type in 0..300_u32, frames in frames(1, 1 << 32)) {
        let with = |direction: bool| frames.iter().cloned().map(|mut frame| {
            frame.link_type = link_type;
            frame.direction = frame.direction.filter(|_| direction);
            frame
        }).collect::<Vec<_>>();
        let (seen, error) = read(&write(Format::Pcapng, link_type, &frames));
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(seen, with(true));
        let (seen, error) = read(&write(Format::Pcap, link_type, &frames));
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(seen, with(false));
    }

    #[test]
    fn pcap_is_read_in_either_order_and_resolution(big: bool, nanoseconds: bool, frames in frames(101, 1 << 32)) {
        let (seen, error) = read(&pcap(big, nanoseconds, 101, &frames));
        prop_assert!(error.is_none(), "{error:?}");
        let unit = if nanoseconds { 1 } else { 1000 };
        let expected = frames.into_iter().map(|mut frame| {
            frame.nanos -= frame.nanos % unit;
            frame.direction = None;
            frame
        });
        prop_assert_eq!(seen, expected.collect::<Vec<_>>());
    }

    #[test]
    fn pcapng_is_read_in_either_order_and_resolution(
        big: bool, decimals in prop_oneof![Just(None), Just(Some(6)), (0..=9_u8).prop_map(Some)], frames in frames(1, 1 << 33),
    ) {
        let units = 10_u64.pow(decimals.unwrap_or(6).into());
        let mut file = Pcapng { big, file: Vec::new() };
        // A second section may have the other order.
        for big in [big, !big] {
            file.big = big;
            file.section(1, decimals);
            for frame in &frames {
                file.packet(frame, units);
            }
        }
        let (seen, error) = read(&file.file);
        prop_assert!(error.is_none(), "{error:?}");
        let unit = 1_000_000_000 / units;
        let expected: Vec<_> = frames.into_iter().map(|mut frame| {
            frame.nanos -= frame.nanos % unit;
            frame
        }).collect();
        prop_assert_eq!(seen, [expected.clone(), expected].concat());
    }

    #[test]
    fn records_keep_what_was_asked_for(snaplen in 0..200_usize, frames in frames(1, 1 << 32)) {
        for format in [Format::Pcap, Format::Pcapng] {
            let mut file = Vec::new();
            let mut writer = Writer::new(&mut file, format, LinkType::ETHERNET, snaplen).unwrap();
            for frame in &frames {
                let time = WallTime::from_unix_nanos(frame.nanos);
                writer.write(time, &frame.octets, frame.original_len, Some("a comment")).unwrap();
            }
            let (seen, error) = read(&file);
            prop_assert!(error.is_none(), "{error:?}");
            prop_assert_eq!(seen.len(), frames.len());
            for (seen, frame) in seen.iter().zip(&frames) {
                prop_assert_eq!(&seen.octets, &frame.octets[..frame.octets.len().min(snaplen)]);
                prop_assert_eq!(seen.original_len, frame.original_len);
            }
        }
    }

    #[test]
    fn a_file_that_breaks_off_gives_its_whole_records_and_says_where(
        format in prop_oneof![Just(Format::Pcap), Just(Format::Pcapng)], frames in frames(1, 1 << 32), cut: prop::sample::Index,
    ) {
        let file = write(format, 1, &frames);
        let cut = cut.index(file.len() + 1);
        // Where records end, and whether they are packets.
        let ends = match format {
            Format::Pcapng => blocks(&file),
            Format::Pcap => {
                let mut ends = vec![(24, 0)];
                for frame in &frames {
                    ends.push((ends[ends.len() - 1].0 + 16 + frame.octets.len(), 6));
                }
                ends
            }
        };
        let whole: Vec<_> = ends.iter().filter(|(end, _)| *end <= cut).collect();
        let packets = whole.iter().filter(|(_, kind)| is_packet(*kind)).count();
        let begins = whole.last().map_or(0, |(end, _)| *end);
        let (seen, error) = read(&file[..cut]);
        prop_assert_eq!(seen.len(), packets);
        for (seen, frame) in seen.iter().zip(&frames) {
            prop_assert_eq!(&seen.octets, &frame.octets);
        }
        match error {
            None => prop_assert_eq!(begins, cut, "it breaks off between records"),
            Some(PcapError::NotACapture) => prop_assert!(cut < 4),
            Some(PcapError::Truncated { offset }) => {
                prop_assert!(cut > begins);
                prop_assert_eq!(offset, begins as u64);
            }
            Some(error) => prop_assert!(false, "{error}"),
        }
        prop_assert!(cut > 0 || matches!(read(&file[..0]).1, Some(PcapError::NotACapture)));
    }

    #[test]
    fn any_octets_are_read_without_a_panic(octets in vec(any::<u8>(), 0..600)) {
        read(&octets);
        // Behind each of the beginnings that there are.
        for magic in [0xa1b2_c3d4_u32, 0xd4c3_b2a1, 0xa1b2_3c4d, 0x4d3c_b2a1, 0x0a0d_0d0a] {
            read(&[&magic.to_be_bytes()[..], &octets].concat());
        }
    }

    #[test]
    fn damaged_files_are_read_without_a_panic(
        big: bool, frames in frames(1, 1 << 33), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut section = Pcapng { big, file: Vec::new() };
        section.section(1, Some(9));
        frames.iter().for_each(|frame| section.packet(frame, 1_000_000_000));
        let files = [section.file, pcap(big, true, 1, &frames), write(Format::Pcapng, 1, &frames)];
        for mut file in files {
            for (at, octet) in &damage {
                let at = at.index(file.len());
                file[at] = *octet;
            }
            let len = file.len();
            let (_, error) = read(&file);
            if let Some(PcapError::Truncated { offset } | PcapError::Malformed { offset, .. }) = error {
                prop_assert!(offset < len as u64);
            }
        }
    }
}

/// A reader that hands out an octet at a time, and is interrupted before each.
struct Slow<'a>(&'a [u8], bool);

impl std::io::Read for Slow<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let one = room.len().min(1);
        std::io::Read::read(&mut self.0, &mut room[..one])
    }
}

#[test]
fn a_stream_may_come_in_pieces() {
    let frame = Frame {
        nanos: 5,
        octets: vec![3; 77],
        original_len: 77,
        link_type: 1,
        interface: 0,
        direction: None,
    };
    for format in [Format::Pcap, Format::Pcapng] {
        let file = write(format, 1, &[frame.clone(), frame.clone()]);
        let mut reader = Reader::new(Slow(&file, false)).unwrap();
        for _ in 0..2 {
            assert_eq!(reader.next().unwrap().unwrap().octets, frame.octets);
        }
        assert!(reader.next().unwrap().is_none());
    }
}

#[test]
fn times_at_the_ends_of_what_can_be_told_are_read() {
    for decimals in [
        None,
        Some(0),
        Some(9),
        Some(19),
        Some(20),
        Some(0x7f),
        Some(0x80),
        Some(0xbf),
        Some(0xff),
    ] {
        let mut file = Pcapng {
            big: true,
            file: Vec::new(),
        };
        file.section(1, decimals);
        let mut body = vec![0; 4];
        body.extend([0xff; 8]);
        body.extend([0; 8]);
        file.block(6, &body);
        let (seen, error) = read(&file.file);
        assert!(error.is_none() && seen.len() == 1, "{error:?}");
    }
    // Pcap counts seconds in 32 bits: a later time is told as the last of them.
    let late = Frame {
        nanos: u64::MAX,
        octets: vec![1],
        original_len: 1,
        link_type: 1,
        interface: 0,
        direction: None,
    };
    let (seen, _) = read(&write(Format::Pcap, 1, &[late]));
    assert_eq!(seen[0].nanos / 1_000_000_000, u64::from(u32::MAX));
}
