//! What a scan leaves to those whom it does not find busy: newcomers inside the scanned prefix, and neighbours that
//! were idle until they went stale; with every drop counted under its reason (RFC 6583 §7).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_ip::DropReason;
use waypost_ip::neighbor::{
    Event, GrowingNeighbors, Heard, NeighborConfig, Sent, State, VecNeighborTable,
};
use waypost_wire::{Instant, Ip, MacAddr};

use super::{ANSWER, config};

/// The prefix that is scanned, that of the neighbours that are known, and one of others.
const SCANNED: u8 = 1;
const KNOWN: u8 = 2;
const OTHER: u8 = 3;
const GOOD: u8 = 200;

fn mac_of(n: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 1, n])
}

/// Addresses of each version.
trait Net: Ip {
    fn host(prefix: u8, n: u8) -> Self;
    /// One of the scanned prefix that nobody has.
    fn nobody(n: u64) -> Self;
    /// One that nobody has, each of another prefix.
    fn anywhere(n: u64) -> Self;
}

impl Net for Ipv4Addr {
    fn host(prefix: u8, n: u8) -> Self {
        Self::new(10, 0, prefix, n)
    }
    fn nobody(n: u64) -> Self {
        Self::host(SCANNED, (n % 150) as u8)
    }
    fn anywhere(n: u64) -> Self {
        Self::from_bits(0x0b00_0000 + ((n as u32 % 0x1_0000) << 8))
    }
}

impl Net for Ipv6Addr {
    fn host(prefix: u8, n: u8) -> Self {
        Self::new(0x2001, 0xdb8, 0, prefix.into(), 0, 0, 0, n.into())
    }
    fn nobody(n: u64) -> Self {
        Self::from_bits(Self::host(SCANNED, 0).to_bits() | 1 << 63 | u128::from(n))
    }
    fn anywhere(n: u64) -> Self {
        Self::from_bits(0x2001_0db8_0001 << 80 | u128::from(n) << 64)
    }
}

/// A link with some hosts on it, the table of ours, and what became of packets.
struct Link<A: Ip> {
    table: VecNeighborTable<A, u32>,
    hosts: BTreeMap<A, MacAddr>,
    now: u64,
    /// The addresses of the scan, by number.
    scan: fn(u64) -> A,
    scanned: u64,
    dropped: [u64; DropReason::COUNT],
}

impl<A: Net> Link<A> {
    /// With neighbours that are known, and to whom nothing was sent.
    fn new(config: NeighborConfig) -> Self {
        let mut link = Self {
            table: VecNeighborTable::new(GrowingNeighbors, config),
            hosts: BTreeMap::new(),
            now: 0,
            scan: A::nobody,
            scanned: 0,
            dropped: [0; DropReason::COUNT],
        };
        for n in 0..GOOD {
            let heard = link.speaks(A::host(KNOWN, n), mac_of(n));
            assert_eq!(heard, Heard::New);
        }
        link
    }

    fn at(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// A host that asks for us.
    fn speaks(&mut self, addr: A, mac: MacAddr) -> Heard {
        self.hosts.insert(addr, mac);
        self.table.handle_request(self.at(), addr, mac, true)
    }

    fn send(&mut self, addr: A) -> Sent<u32> {
        let sent = self.table.send(self.at(), addr, 0);
        if let Sent::Dropped { reason, .. } | Sent::Replaced { reason, .. } = sent {
            self.dropped[reason as usize] += 1;
        }
        sent
    }

    /// Some time of a scan of `rate` addresses a millisecond; hosts answer at once.
    fn run(&mut self, millis: u64, rate: u64) {
        for _ in 0..millis {
            for _ in 0..rate {
                self.scanned += 1;
                assert!(!matches!(
                    self.send((self.scan)(self.scanned)),
                    Sent::Now { .. }
                ));
            }
            self.table.handle_timeout(self.at());
            while let Some(event) = self.table.poll_event() {
                match event {
                    Event::Request { target, .. } => {
                        if let Some(mac) = self.hosts.get(&target) {
                            self.table.handle_answer(self.at(), target, *mac, ANSWER);
                        }
                    }
                    Event::Drop { target, reason, .. } => {
                        assert!(!self.hosts.contains_key(&target), "{target} was given up");
                        self.dropped[reason as usize] += 1;
                    }
                    Event::Release { target, mac, .. } => assert_eq!(mac, self.hosts[&target]),
                }
            }
            self.now += 1;
        }
        for reason in DropReason::ALL {
            let counted = self.table.drops().count(reason);
            assert_eq!(counted, self.dropped[reason as usize], "{reason}");
        }
        assert!(self.table.packets() <= 300);
    }

    fn second(&mut self, rate: u64) {
        self.run(1000, rate);
    }

    /// How many of the known neighbours get their packet at once, and how many are asked first.
    fn send_to_known(&mut self) -> (usize, u64) {
        let (mut at_once, mut asked) = (0, 0);
        for n in 0..GOOD {
            match self.send(A::host(KNOWN, n)) {
                Sent::Now { mac, .. } => {
                    assert_eq!(mac, mac_of(n));
                    at_once += 1;
                }
                Sent::Held => asked += 1,
                other => panic!("neighbour {n} at {} ms: {other:?}", self.now),
            }
        }
        (at_once, asked)
    }

    fn known_in(&self, state: State) -> usize {
        let of = |n: &u8| self.table.state(A::host(KNOWN, *n)) == Some(state);
        (0..GOOD).filter(of).count()
    }
}

/// Inside the scanned prefix a newcomer is no more to the table than one more address of the scan, until it speaks or
/// the scan ends.
fn newcomers<A: Net>() {
    let mut link = Link::<A>::new(config());
    // The scan has used up what its prefix had saved.
    link.second(5);
    link.second(5);
    let (mut first, mut refused, seconds) = (0, 0, 25);
    for n in 0..seconds {
        // Who comes when a request may leave, ahead of the scan's next address, is asked for.
        let early = A::host(SCANNED, 150 + n);
        link.hosts.insert(early, mac_of(n));
        first += u8::from(link.send(early) == Sent::Held);
        link.run(50, 5);
        // Who comes between two of them, as nearly all do, is not.
        let silent = A::host(SCANNED, 200 + 2 * n);
        link.hosts.insert(silent, mac_of(n));
        match link.send(silent) {
            Sent::Dropped { reason, .. } => {
                assert_eq!(reason, DropReason::NeighborRateLimit);
                refused += 1;
            }
            sent => assert_eq!(sent, Sent::Held),
        }
        assert_eq!(
            link.speaks(A::host(SCANNED, 201 + 2 * n), mac_of(n)),
            Heard::New
        );
        for spoke in 0..=n {
            let mac = mac_of(spoke);
            let sent = link.send(A::host(SCANNED, 201 + 2 * spoke));
            assert_eq!(sent, Sent::Now { packet: 0, mac });
        }
        // One of another prefix is found in the same second.
        let other = A::host(OTHER, n);
        link.hosts.insert(other, mac_of(n));
        assert_eq!(link.send(other), Sent::Held);
        link.run(950, 5);
        assert_eq!(link.table.state(other), Some(State::Reachable));
    }
    assert_eq!((first, refused), (seconds, seconds));
    assert!(link.dropped[DropReason::NeighborRateLimit as usize] > 50_000);
    assert!(link.dropped[DropReason::NeighborUnresolved as usize] > 0);
    assert_eq!(link.dropped[DropReason::NeighborRemoved as usize], 0);
    // The scan ends, and what it left waiting: within its rate everybody is found.
    for _ in 0..5 {
        link.second(0);
    }
    for n in 0..seconds {
        let silent = A::host(SCANNED, 200 + 2 * n);
        let sent = link.send(silent);
        assert!(matches!(sent, Sent::Held | Sent::Now { .. }), "{sent:?}");
        if n % 5 == 4 {
            link.second(0);
        }
        assert!(n % 5 < 4 || link.table.lookup(silent).is_some());
    }
}

#[test]
fn newcomers_inside_a_scanned_ipv4_prefix_are_found_once_they_speak() {
    newcomers::<Ipv4Addr>();
}

#[test]
fn newcomers_inside_a_scanned_ipv6_prefix_are_found_once_they_speak() {
    newcomers::<Ipv6Addr>();
}

/// With a limit for all together alone, of which a scan of many prefixes takes its half.
fn for_all() -> NeighborConfig {
    NeighborConfig {
        prefix_requests_per_sec: u32::MAX,
        prefix_requests_burst: u32::MAX,
        ..config()
    }
}

/// While there are no more of them than the table has places beside those in resolution.
fn idle<A: Net>(config: NeighborConfig, scan: fn(u64) -> A) {
    let mut link = Link::<A>::new(config);
    link.scan = scan;
    for _ in 0..2 {
        for _ in 0..40 {
            link.second(2);
        }
        assert_eq!(link.known_in(State::Stale), GOOD.into());
        assert_eq!(link.send_to_known(), (GOOD.into(), 0));
        // They are asked after five seconds, from what is kept for those that are known.
        for _ in 0..8 {
            link.second(2);
        }
        assert_eq!(link.known_in(State::Reachable), GOOD.into());
    }
    assert_eq!(link.table.evicted(), 0);
    assert!(link.table.unanswered() > 0 && link.table.suppressed() > 0);
}

#[test]
fn idle_ipv4_neighbours_are_served_and_asked_again_under_a_scan() {
    idle(config(), Ipv4Addr::nobody);
    idle(for_all(), Ipv4Addr::anywhere);
}

#[test]
fn idle_ipv6_neighbours_are_served_and_asked_again_under_a_scan() {
    idle(config(), Ipv6Addr::nobody);
    idle(for_all(), Ipv6Addr::anywhere);
}

/// Where there are more, the longest stale lose their places, and are asked for as newcomers of their own prefix are.
#[test]
fn idle_neighbours_that_lost_their_place_are_found_again() {
    let mut link = Link::<Ipv6Addr>::new(NeighborConfig {
        neighbors: 420,
        incomplete: 400,
        requests_per_sec: 4000,
        requests_burst: 4000,
        prefix_requests_per_sec: 64,
        prefix_requests_burst: 128,
        ..config()
    });
    for _ in 0..40 {
        link.second(2);
    }
    let evicted = link.table.evicted();
    assert!((50..=120).contains(&evicted), "{evicted}");
    assert_eq!(
        link.send_to_known(),
        (usize::from(GOOD) - evicted as usize, evicted)
    );
    link.second(2);
    assert_eq!(link.send_to_known(), (GOOD.into(), 0));
    assert_eq!(link.table.evicted(), evicted);
}
