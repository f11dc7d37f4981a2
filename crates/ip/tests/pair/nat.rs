//! Hosts behind a NAT, and a server beyond the link that answers them: each answer comes to who asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;

use proptest::prelude::*;
use waypost_ip::flow::nat::{GrowingNat, NatConfig, NatTable};
use waypost_ip::flow::{FlowConfig, FlowKey, GrowingFlows};
use waypost_sim::{Core, LinkConfig, Outcome, Pair, Side};
use waypost_wire::{Duration, Instant, IpProtocol, Ipv4Header, Ipv4Packet, UdpDatagram, UdpHeader};

use super::{link, quick, secs};

const EXTERNAL: [Ipv4Addr; 2] = [
    Ipv4Addr::new(198, 51, 100, 1),
    Ipv4Addr::new(198, 51, 100, 2),
];
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

type Key = FlowKey<Ipv4Addr>;
type Endpoint = (Ipv4Addr, u16);

/// A datagram of this key, with this content.
fn datagram(key: &Key, content: u32) -> Vec<u8> {
    let content = content.to_be_bytes();
    let mut udp = UdpHeader::new(key.source_port, key.destination_port, 4);
    udp.fill_checksum(key.source, key.destination, &content);
    let mut header = Ipv4Header::new(IpProtocol::UDP, key.source, key.destination, 12);
    header.fill_checksum();
    [&header.as_bytes()[..], udp.as_bytes(), &content].concat()
}

fn parse(octets: &[u8]) -> (Key, u32) {
    let packet = Ipv4Packet::parse(octets).unwrap();
    let udp = UdpDatagram::parse(packet.payload()).unwrap();
    let key = FlowKey::of_ipv4(&packet).unwrap();
    assert!(packet.has_valid_checksum() && udp.has_valid_checksum(key.source, key.destination));
    (key, u32::from_be_bytes(udp.payload().try_into().unwrap()))
}

/// A NAT and the hosts behind it, each of which asks some ports of the server in turn.
struct Inside {
    nat: NatTable<Ipv4Addr, (), GrowingFlows, GrowingNat>,
    hosts: Vec<Endpoint>,
    ports: u16,
    next: Instant,
    until: Instant,
    out: VecDeque<Vec<u8>>,
    /// Who asked what, by what is in the datagram.
    asked: Vec<(Endpoint, u16)>,
    answered: BTreeSet<u32>,
    /// Answers that were not let in.
    refused: u32,
    /// Who stood behind which external endpoint, as the server must see it.
    external: BTreeMap<Endpoint, Endpoint>,
}

impl Inside {
    fn ask(&mut self, now: Instant) {
        let number = self.asked.len();
        let host = self.hosts[number % self.hosts.len()];
        let port = 1000 + (number / self.hosts.len()) as u16 % self.ports;
        self.asked.push((host, port));
        let key = Key::new(IpProtocol::UDP, host, (SERVER, port));
        let found = self.nat.flows().lookup(&key);
        let id = match found {
            Some(found) => {
                self.nat.packet(now, found, None).unwrap();
                found.id
            }
            None => self.nat.outbound(now, key, None, ()).unwrap().id,
        };
        let sent = self.nat.flows().flow(id).unwrap().reply.reversed();
        let external = (sent.source, sent.source_port);
        let known = self.external.insert(external, host);
        assert!(
            known.is_none_or(|it| it == host),
            "{external:?} stands for two hosts"
        );
        self.out.push_back(datagram(&sent, number as u32));
    }
}

impl Core for Inside {
    type Event = ();

    fn handle_input(&mut self, now: Instant, octets: &[u8]) {
        let (key, number) = parse(octets);
        let found = self.nat.flows().lookup(&key);
        let id = match found {
            Some(found) => {
                self.nat.packet(now, found, None).unwrap();
                found.id
            }
            None => match self.nat.inbound(now, key, None, ()) {
                Ok(inserted) => inserted.id,
                Err(_) => {
                    self.refused += 1;
                    return;
                }
            },
        };
        let flow = self.nat.flows().flow(id).unwrap();
        let direction = self.nat.flows().lookup(&key).unwrap().direction;
        let to = flow.rewritten(direction);
        let (host, port) = self.asked[number as usize];
        assert_eq!(
            (to.destination, to.destination_port),
            host,
            "an answer to another"
        );
        assert_eq!((to.source, to.source_port), (SERVER, port));
        self.answered.insert(number);
    }

    fn poll_output(&mut self, _: Instant, out: &mut Vec<u8>) -> bool {
        super::send_first(&mut self.out, out)
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let next = (self.next < self.until).then_some(self.next);
        next.into_iter().chain(self.nat.poll_timeout()).min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.next <= now && self.next < self.until {
            self.next += Duration::from_millis(100);
            self.ask(now);
        }
        while self.nat.expire(now).is_some() {}
    }
}

/// Answers.
#[derive(Default)]
struct Server {
    out: VecDeque<Vec<u8>>,
    heard: BTreeSet<u32>,
}

impl Core for Server {
    type Event = ();

    fn handle_input(&mut self, _: Instant, octets: &[u8]) {
        let (key, number) = parse(octets);
        assert!(EXTERNAL.contains(&key.source), "{} got out", key.source);
        self.heard.insert(number);
        self.out.push_back(datagram(&key.reversed(), number));
    }

    fn poll_output(&mut self, _: Instant, out: &mut Vec<u8>) -> bool {
        super::send_first(&mut self.out, out)
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _: Instant) {}
}

fn answers_find_who_asked(
    seed: u64,
    hosts: u8,
    ports: u16,
    link: LinkConfig,
) -> Result<(), TestCaseError> {
    let config = NatConfig {
        seed,
        ..NatConfig::default()
    };
    let mut nat = NatTable::new(GrowingFlows, GrowingNat, FlowConfig::default(), config).unwrap();
    for addr in EXTERNAL {
        prop_assert!(nat.add_address(addr));
    }
    let inside = Inside {
        nat,
        // All with the same port.
        hosts: (1..=hosts)
            .map(|last| (Ipv4Addr::new(10, 0, 0, last), 5000))
            .collect(),
        ports,
        next: Instant::ZERO,
        until: secs(60),
        out: VecDeque::new(),
        asked: Vec::new(),
        answered: BTreeSet::new(),
        refused: 0,
        external: BTreeMap::new(),
    };
    let mut pair = Pair::new(inside, Server::default(), link, seed);
    pair.run_until(secs(40)).unwrap();
    for side in [Side::A, Side::B] {
        pair.set_config(side, quick(10, 10));
    }
    pair.run_until(secs(41)).unwrap();
    let first = pair.a().asked.len() as u32;
    let end = pair.run_until_quiet(secs(3600)).unwrap();
    prop_assert!(matches!(end, Outcome::Quiet(_)));
    let inside = pair.a();
    // While nothing is lost, all are answered; and none ever but those that were heard.
    prop_assert!((first..inside.asked.len() as u32).all(|it| inside.answered.contains(&it)));
    prop_assert!(inside.answered.is_subset(&pair.b().heard));
    prop_assert_eq!(inside.refused, 0);
    // As long as a host asks, one external endpoint stands for it (RFC 4787 §4.1).
    prop_assert_eq!(inside.external.len(), usize::from(hosts));
    // All is forgotten in the end.
    prop_assert!(inside.nat.flows().is_empty());
    prop_assert_eq!(inside.nat.mappings().count(), 0);
    let any = Key::new(IpProtocol::UDP, inside.hosts[0], (SERVER, 1000));
    prop_assert_eq!(EXTERNAL.map(|it| inside.nat.ports_in_use(it, &any)), [0, 0]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn answers_through_a_nat_find_who_asked(
        seed: u64,
        hosts in 1..40_u8,
        ports in 1..20_u16,
        link in link(400_000),
    ) {
        answers_find_who_asked(seed, hosts, ports, link)?;
    }
}
