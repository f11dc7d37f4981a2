//! Datagrams in fragments: each comes whole or not at all, and what is kept of the others goes.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use waypost_ip::fragment::{Fragments, Ipv6Fragments};
use waypost_ip::reassembly::{
    GrowingReassembly, Outcome, ReassembleIp, ReassemblyConfig, VecReassembly,
};
use waypost_sim::{Core, DropReason, LinkConfig, Outcome as Run, Pair, Side};
use waypost_wire::{Duration, Instant, IpProtocol, Ipv4Header, Ipv4Packet, Ipv6Header, Ipv6Packet};

use super::{link, secs};

trait Version: ReassembleIp {
    /// A datagram that nothing else is like, of this number.
    fn datagram(number: u16, len: usize) -> Vec<u8>;
    fn fragments(datagram: &[u8], number: u16, mtu: usize) -> Vec<Vec<u8>>;
}

fn payload(number: u16, len: usize) -> Vec<u8> {
    let octets = (0..len).map(|at| (at as u32 * 31 + u32::from(number) * 7 + 1) >> 2);
    octets.map(|octet| octet as u8).collect()
}

impl Version for Ipv4Addr {
    fn datagram(number: u16, len: usize) -> Vec<u8> {
        let (from, to) = (Self::new(192, 0, 2, 1), Self::new(192, 0, 2, 2));
        let mut header = Ipv4Header::new(IpProtocol::UDP, from, to, len as u16);
        header.set_identification(number);
        header.fill_checksum();
        [&header.as_bytes()[..], &payload(number, len)].concat()
    }

    fn fragments(datagram: &[u8], _: u16, mtu: usize) -> Vec<Vec<u8>> {
        let packet = Ipv4Packet::parse(datagram).unwrap();
        let whole = packet.payload();
        let fragments = Fragments::new(&packet, mtu).unwrap();
        let octets = fragments.map(|it| [it.header(), &whole[it.payload()]].concat());
        octets.collect()
    }
}

impl Version for Ipv6Addr {
    fn datagram(number: u16, len: usize) -> Vec<u8> {
        let from = Self::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let to = Self::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
        let header = Ipv6Header::new(IpProtocol::UDP, from, to, len as u16);
        [&header.as_bytes()[..], &payload(number, len)].concat()
    }

    fn fragments(datagram: &[u8], number: u16, mtu: usize) -> Vec<Vec<u8>> {
        let packet = Ipv6Packet::parse(datagram).unwrap();
        let whole = packet.payload();
        let fragments = Ipv6Fragments::new(&packet, mtu, number.into()).unwrap();
        let octets = fragments.map(|it| {
            let mut made = vec![0; it.header_len()];
            it.write_header(&mut made).unwrap();
            made.extend(&whole[it.payload()]);
            made
        });
        octets.collect()
    }
}

/// Sends datagrams in fragments, a datagram each few milliseconds.
struct Sender {
    datagrams: VecDeque<Vec<Vec<u8>>>,
    out: VecDeque<Vec<u8>>,
    next: Instant,
}

impl Core for Sender {
    type Event = ();

    fn handle_input(&mut self, _: Instant, _: &[u8]) {}

    fn poll_output(&mut self, _: Instant, out: &mut Vec<u8>) -> bool {
        super::send_first(&mut self.out, out)
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (!self.datagrams.is_empty()).then_some(self.next)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.next = now + Duration::from_millis(3);
        self.out
            .extend(self.datagrams.pop_front().into_iter().flatten());
    }
}

/// Puts them together.
struct Receiver<A: Version> {
    table: VecReassembly<A, Vec<u8>>,
    whole: VecDeque<Vec<u8>>,
    timed_out: u64,
}

impl<A: Version> Core for Receiver<A> {
    type Event = Vec<u8>;

    fn handle_input(&mut self, now: Instant, octets: &[u8]) {
        match self.table.input(now, octets.to_vec()) {
            Outcome::NotFragment(packet) => self.whole.push_back(packet),
            Outcome::Whole(whole) => {
                let mut datagram = vec![0; whole.len()];
                assert_eq!(whole.write(&mut datagram), Some(datagram.len()));
                self.whole.push_back(datagram);
            }
            Outcome::Held | Outcome::Dropped { .. } => {}
        }
    }

    fn poll_output(&mut self, _: Instant, _: &mut Vec<u8>) -> bool {
        false
    }

    fn poll_event(&mut self) -> Option<Vec<u8>> {
        self.whole.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.table.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        while self.table.expire(now).is_some() {
            self.timed_out += 1;
        }
    }
}

fn whole_or_nothing<A: Version>(
    seed: u64,
    lens: &[usize],
    mtu: usize,
    octets: usize,
    link: LinkConfig,
) -> Result<(), TestCaseError> {
    let numbers = 0..lens.len() as u16;
    let sent: Vec<_> = numbers
        .clone()
        .zip(lens)
        .map(|(n, len)| A::datagram(n, *len))
        .collect();
    let fragments = numbers.zip(&sent).map(|(n, it)| A::fragments(it, n, mtu));
    let sender = Sender {
        datagrams: fragments.collect(),
        out: VecDeque::new(),
        next: Instant::ZERO,
    };
    let config = ReassemblyConfig {
        octets,
        seed,
        ..ReassemblyConfig::default()
    };
    let receiver = Receiver::<A> {
        table: VecReassembly::new(GrowingReassembly, config),
        whole: VecDeque::new(),
        timed_out: 0,
    };
    let mut pair = Pair::new(sender, receiver, link, seed);
    let end = pair.run_until_quiet(secs(600)).unwrap();
    prop_assert!(matches!(end, Run::Quiet(_)));
    let mut came = vec![false; sent.len()];
    for (_, datagram) in pair.take_events_b() {
        let number = sent.iter().position(|it| *it == datagram);
        prop_assert!(
            number.is_some(),
            "never sent: {:?}",
            &datagram[..40.min(datagram.len())]
        );
        came[number.unwrap()] = true;
    }
    // What lost nothing is all there, if there was room.
    let lost = pair.counters(Side::A).dropped(DropReason::Lost);
    if lost == 0 && octets == ROOMY {
        prop_assert!(came.iter().all(|it| *it));
    }
    let table = &pair.b().table;
    prop_assert_eq!(
        (
            table.len(),
            table.fragments(),
            table.octets(),
            table.sources()
        ),
        (0, 0, 0, 0)
    );
    let counters = table.counters();
    prop_assert_eq!(
        counters.received,
        counters.reassembled + counters.dropped_total()
    );
    Ok(())
}

const ROOMY: usize = 4 << 20;

proptest! {
    #[test]
    fn datagrams_of_ipv4_come_whole_or_not_at_all(
        seed: u64,
        lens in prop::collection::vec(1..9000_usize, 1..30),
        mtu in 68..2000_usize,
        octets in prop_oneof![Just(ROOMY), 66_000..200_000_usize],
        link in prop_oneof![link(0), link(100_000)],
    ) {
        whole_or_nothing::<Ipv4Addr>(seed, &lens, mtu, octets, link)?;
    }

    #[test]
    fn datagrams_of_ipv6_come_whole_or_not_at_all(
        seed: u64,
        lens in prop::collection::vec(1..9000_usize, 1..30),
        mtu in 1280..2000_usize,
        octets in prop_oneof![Just(ROOMY), 66_000..200_000_usize],
        link in prop_oneof![link(0), link(100_000)],
    ) {
        whole_or_nothing::<Ipv6Addr>(seed, &lens, mtu, octets, link)?;
    }
}
