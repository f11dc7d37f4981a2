//! Fragments as tests make them, and what becomes of them.
#![allow(dead_code)] // each test uses some

use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_ip::reassembly::{
    FragmentDrop, GrowingReassembly, Outcome, ReassembleIp, Reassembly, ReassemblyConfig,
    VecReassembly,
};
use waypost_wire::ipv6::Ipv6FragmentHeader;
use waypost_wire::{Ecn, Instant, IpProtocol, Ipv4Header, Ipv4Packet, Ipv6Header, Ipv6Packet};

pub(crate) type Table<A> = VecReassembly<A, Vec<u8>>;

/// What a test says of a fragment.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) source: u16,
    pub(crate) id: u16,
    pub(crate) offset: usize,
    pub(crate) more: bool,
    pub(crate) protocol: IpProtocol,
    pub(crate) ecn: Ecn,
}

pub(crate) const fn told(id: u16, offset: usize, more: bool) -> Told {
    Told {
        source: 1,
        id,
        offset,
        more,
        protocol: IpProtocol::UDP,
        ecn: Ecn::NotEct,
    }
}

pub(crate) trait Version: ReassembleIp {
    fn fragment(told: Told, payload: &[u8]) -> Vec<u8>;
    /// Who sends the fragments of a datagram.
    fn sender(source: u16, id: u16) -> Self;
    /// What follows the headers of a whole datagram.
    fn payload(datagram: &[u8]) -> &[u8];
}

impl Version for Ipv4Addr {
    fn fragment(told: Told, payload: &[u8]) -> Vec<u8> {
        let from = Self::sender(told.source, told.id);
        let to = Self::new(192, 0, 2, 1);
        let mut header = Ipv4Header::new(told.protocol, from, to, payload.len() as u16);
        header.set_identification(told.id);
        header.set_fragment_offset(told.offset as u16);
        header.set_more_fragments(told.more);
        header.set_ecn(told.ecn);
        header.fill_checksum();
        [&header.as_bytes()[..], payload].concat()
    }

    fn sender(source: u16, _id: u16) -> Self {
        Self::from_bits(0x0a00_0000 | u32::from(source))
    }

    fn payload(datagram: &[u8]) -> &[u8] {
        let packet = Ipv4Packet::parse(datagram).unwrap();
        assert!(packet.has_valid_checksum() && !packet.header().is_fragment());
        packet.payload()
    }
}

impl Version for Ipv6Addr {
    fn fragment(told: Told, payload: &[u8]) -> Vec<u8> {
        let from = Self::sender(told.source, told.id);
        let to = Self::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
        let len = (payload.len() + 8) as u16;
        let mut header = Ipv6Header::new(IpProtocol::FRAGMENT, from, to, len);
        header.set_ecn(told.ecn);
        let id = u32::from(told.id);
        let fragment = Ipv6FragmentHeader::new(told.protocol, told.offset as u16, told.more, id);
        [&header.as_bytes()[..], fragment.as_bytes(), payload].concat()
    }

    fn sender(source: u16, id: u16) -> Self {
        // Several addresses of one /64 are one source.
        Self::new(0x2001, 0xdb8, 0, source, 0, 0, 0, id % 7)
    }

    fn payload(datagram: &[u8]) -> &[u8] {
        let packet = Ipv6Packet::parse(datagram).unwrap();
        assert_eq!(packet.as_bytes().len(), datagram.len());
        packet.payload()
    }
}

pub(crate) fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

pub(crate) fn table<A: Version>(config: ReassemblyConfig) -> Table<A> {
    Reassembly::new(GrowingReassembly, config)
}

/// What became of a fragment, owned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Became {
    NotFragment,
    Held,
    Whole(Vec<u8>),
    Dropped(FragmentDrop),
}

pub(crate) fn input<A: Version>(table: &mut Table<A>, now: Instant, packet: Vec<u8>) -> Became {
    match table.input(now, packet) {
        Outcome::NotFragment(_) => Became::NotFragment,
        Outcome::Held => Became::Held,
        Outcome::Whole(mut whole) => {
            let mut copy = vec![0; whole.len()];
            assert_eq!(whole.write(&mut copy), Some(copy.len()));
            assert_eq!(whole.write(&mut vec![0; copy.len() - 1]), None);
            // The same by parts, of which some are left behind now and then.
            let mut parts = vec![0; whole.header_len()];
            assert_eq!(whole.write_header(&mut parts), Some(parts.len()));
            while let Some(part) = whole.take_part() {
                parts.extend(&part.packet[part.payload]);
                assert_eq!(whole.write_header(&mut [0; 9000]), None);
                if copy[copy.len() - 1] % 5 == 0 {
                    return Became::Whole(copy);
                }
            }
            assert_eq!(parts, copy);
            Became::Whole(copy)
        }
        Outcome::Dropped { reason, .. } => Became::Dropped(reason),
    }
}

pub(crate) fn conserved<A: Version>(table: &Table<A>) {
    let counters = table.counters();
    let gone = counters.reassembled + counters.dropped_total();
    assert_eq!(counters.received, gone + table.fragments() as u64);
    if table.is_empty() {
        assert_eq!(
            (table.fragments(), table.octets(), table.sources()),
            (0, 0, 0)
        );
    }
}

pub(crate) fn data(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|n| (n / 3 + salt) as u8).collect()
}

pub(crate) fn expect_whole(became: Became, payload: &[u8]) {
    match became {
        Became::Whole(datagram) if datagram[0] >> 4 == 4 => {
            assert_eq!(Ipv4Addr::payload(&datagram), payload);
        }
        Became::Whole(datagram) => assert_eq!(Ipv6Addr::payload(&datagram), payload),
        other => panic!("expected a whole datagram, found {other:?}"),
    }
}
