//! Each table of `ip`, over storage that lies in place, with the calls that make it work.

use core::hint::black_box;
use core::net::{Ipv4Addr, Ipv6Addr};

use waypost_ip::flow::nat::{FixedNat, NatConfig, NatTable, Translated};
use waypost_ip::flow::{FixedFlows, FlowConfig, FlowKey};
use waypost_ip::fragment::Fragments;
use waypost_ip::icmp::{ErrorSender, LimitConfig, Origin, PrefixBucket};
use waypost_ip::neighbor::{
    Announcer, AnnouncerConfig, Dad, DadConfig, FixedNeighbors, NeighborConfig, NeighborTable,
    ProxyRule, ProxySet,
};
use waypost_ip::pmtu::{Belief, FixedPmtu, PmtuCache, PmtuConfig, TooBig};
use waypost_ip::rate::TokenBucket;
use waypost_ip::reassembly::{FixedReassembly, Outcome, Reassembly, ReassemblyConfig};
use waypost_ip::slab::Slot;
use waypost_ip::wheel::Wheel;
use waypost_wire::icmpv4::TimeExceeded;
use waypost_wire::{Icmpv4Header, Instant, Ipv4Packet, MacAddr, Prefix};

/// Room for so many neighbours, flows, datagrams, paths and timers.
const ROOM: usize = 16;
const NOW: Instant = Instant::ZERO;

pub(crate) fn prove(octets: &[u8]) {
    let mut bucket = TokenBucket::new(black_box(1000), 10, NOW);
    black_box(bucket.take(1, NOW));
    wheel();
    neighbors();
    own_addresses();
    reassembly(octets);
    pmtu();
    if let Ok(packet) = Ipv4Packet::parse(octets) {
        flows(&packet);
        errors(&packet);
        if let Ok(fragments) = Fragments::new(&packet, 576) {
            fragments.for_each(|fragment| _ = black_box(fragment));
        }
    }
}

fn wheel() {
    let mut wheel = Wheel::new([const { Slot::EMPTY }; ROOM], ROOM);
    black_box(wheel.start(NOW, 1_u8).is_ok());
    black_box(wheel.expire(NOW));
}

fn neighbors() {
    let storage = FixedNeighbors::<Ipv6Addr, u8, ROOM, 64, 64>::new();
    let mut table = NeighborTable::new(storage, NeighborConfig::default());
    black_box(table.send(NOW, Ipv6Addr::LOCALHOST, 1));
    black_box(table.poll_event());
    black_box(table.poll_timeout());
}

fn own_addresses() {
    let mut dad = Dad::new(DadConfig::IPV6, MacAddr::BROADCAST);
    dad.start(NOW, Ipv6Addr::LOCALHOST);
    dad.handle_timeout(NOW);
    black_box(dad.poll_event());
    let mut announcer = Announcer::new([const { Slot::EMPTY }; ROOM], AnnouncerConfig::IPV6);
    black_box(announcer.announce(NOW, Ipv6Addr::LOCALHOST));
    black_box(announcer.poll_output(NOW));
    let mut proxied = ProxySet::new([None; ROOM], ROOM);
    black_box(proxied.insert(ProxyRule {
        prefix: Prefix::DEFAULT,
        answers: true,
    }));
    black_box(proxied.answers(Ipv6Addr::LOCALHOST, |_| black_box(false)));
}

fn reassembly(octets: &[u8]) {
    let storage = FixedReassembly::<Ipv4Addr, &[u8], ROOM, 64>::new();
    let mut table = Reassembly::new(storage, ReassemblyConfig::default());
    black_box(matches!(table.input(NOW, octets), Outcome::Whole(_)));
    black_box(table.expire(NOW).is_some());
}

fn pmtu() {
    let storage = FixedPmtu::<Ipv4Addr, ROOM>::new();
    let mut cache = PmtuCache::new(storage, PmtuConfig::default(), NOW);
    let report = TooBig {
        mtu: 1400,
        quoted_len: 1500,
        header_len: 20,
    };
    black_box(cache.report(NOW, Ipv4Addr::LOCALHOST, report, 1500, |_| Belief::Likely));
    black_box(cache.mtu(Ipv4Addr::LOCALHOST));
}

fn flows(packet: &Ipv4Packet<'_>) {
    let storage = FixedFlows::<Ipv4Addr, Translated<Ipv4Addr, ()>, ROOM, 6, 32>::new();
    let mappings = FixedNat::<Ipv4Addr, 66, 1>::new();
    let config = NatConfig::default();
    let Ok(mut nat) = NatTable::new(storage, mappings, FlowConfig::default(), config) else {
        return;
    };
    black_box(nat.add_address(Ipv4Addr::new(192, 0, 2, 1)));
    if let Ok(key) = FlowKey::of_ipv4(packet) {
        black_box(nat.outbound(NOW, key, None, ()).is_ok());
        black_box(nat.flows().lookup(&key));
    }
    black_box(nat.expire(NOW).is_some());
}

fn errors(packet: &Ipv4Packet<'_>) {
    let places = [PrefixBucket::EMPTY; ROOM];
    let mut sender = ErrorSender::<Ipv4Addr, _>::new(places, LimitConfig::IPV4, NOW);
    let origin = Origin::new(Ipv4Addr::new(192, 0, 2, 1));
    let message = Icmpv4Header::time_exceeded(TimeExceeded::IN_TRANSIT);
    black_box(sender.write(NOW, &mut [0; 576], packet, message, &origin)).ok();
}
