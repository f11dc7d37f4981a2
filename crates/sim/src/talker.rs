//! A host that talks, for want of a better one.

use waypost_wire::{Duration, EtherType, EthernetHeader, Instant, MacAddr};

use crate::{Frame, Node, Output, Rng};

/// The frames of talkers: local experimental ethertype 1 (IEEE 802 §9.2.4).
const ETHERTYPE: EtherType = EtherType(0x88b5);
/// Ethernet header, kind, number, time of the request.
const LEN_MIN: usize = 14 + 1 + 8 + 8;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

/// An Ethernet host that asks its peers by chance, and answers those who ask it: traffic for networks of switches. It
/// measures the time from a request to its reply, as the series `rtt`, in milliseconds.
///
/// ```
/// use waypost_sim::{LinkConfig, Simulation, Talker};
/// use waypost_wire::{Duration, Instant, MacAddr};
///
/// let mut net = Simulation::new(1);
/// let macs = [1, 2].map(|last| MacAddr::new([2, 0, 0, 0, 0, last]));
/// let add = |net: &mut Simulation, name, own: usize| {
///     let rng = net.rng(name);
///     net.add(name, Talker::new(macs[own], vec![macs[1 - own]], Duration::from_millis(10), 100, rng))
/// };
/// let (a, b) = (add(&mut net, "a", 0)?, add(&mut net, "b", 1)?);
/// net.connect("wire", a, b, LinkConfig { delay: Duration::from_millis(3), ..LinkConfig::ethernet() })?;
/// net.run_until(Instant::from_secs(10))?;
/// let counters = net.node::<Talker>(a).map(Talker::counters).unwrap_or_default();
/// assert!((800..1200).contains(&counters.requests) && counters.requests - counters.replies < 5);
/// assert_eq!(net.series(a)[0].points()[0].1, 6.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Talker {
    mac: MacAddr,
    peers: Vec<MacAddr>,
    interval: Duration,
    len: usize,
    rng: Rng,
    next: Option<Instant>,
    counters: TalkerCounters,
}

/// What a talker has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TalkerCounters {
    /// Requests that it sent.
    pub requests: u64,
    /// Replies that came.
    pub replies: u64,
    /// Requests that it answered.
    pub answered: u64,
    /// Frames for others, and of other kinds.
    pub ignored: u64,
}

impl Talker {
    /// A host that asks one of its peers, each as likely, at intervals of the exponential distribution of this mean, by
    /// frames of `len` octets, at least 31. Without peers it only answers.
    pub fn new(
        mac: MacAddr,
        peers: Vec<MacAddr>,
        interval: Duration,
        len: usize,
        mut rng: Rng,
    ) -> Self {
        let begins = !peers.is_empty();
        Self {
            mac,
            peers,
            interval,
            len: len.max(LEN_MIN),
            next: begins.then(|| Instant::ZERO + rng.exponential(interval)),
            rng,
            counters: TalkerCounters::default(),
        }
    }

    /// What it has done.
    pub const fn counters(&self) -> TalkerCounters {
        self.counters
    }

    fn ask(&mut self, now: Instant, out: &mut Output<'_>) {
        let Some(peer) = self.rng.choose(&self.peers) else {
            return;
        };
        let mut frame = Frame::zeroed(self.len);
        frame[..6].copy_from_slice(&peer.octets());
        frame[6..12].copy_from_slice(&self.mac.octets());
        frame[12..14].copy_from_slice(&ETHERTYPE.0.to_be_bytes());
        frame[14] = REQUEST;
        frame[15..23].copy_from_slice(&self.counters.requests.to_be_bytes());
        frame[23..31].copy_from_slice(&now.as_nanos().to_be_bytes());
        self.counters.requests += 1;
        out.send(0, frame);
    }
}

impl Node for Talker {
    fn receive(&mut self, now: Instant, port: usize, mut frame: Frame, out: &mut Output<'_>) {
        let header = EthernetHeader::split_from(&frame);
        let (to, from, kind) = match header {
            Ok((header, body)) if body.len() >= LEN_MIN - 14 && header.ethertype() == ETHERTYPE => {
                (header.destination(), header.source(), body[0])
            }
            _ => (MacAddr::default(), MacAddr::default(), 0),
        };
        if to == self.mac && kind == REQUEST {
            self.counters.answered += 1;
            frame[..6].copy_from_slice(&from.octets());
            frame[6..12].copy_from_slice(&self.mac.octets());
            frame[14] = REPLY;
            out.send(port, frame);
        } else if to == self.mac && kind == REPLY {
            self.counters.replies += 1;
            let asked = frame[23..31].try_into().map_or(0, u64::from_be_bytes);
            let rtt = now - Instant::from_nanos(asked);
            out.sample("rtt", "ms", rtt.as_secs_f64() * 1000.0);
        } else {
            self.counters.ignored += 1;
        }
    }

    fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
        while let Some(next) = self.next.filter(|next| *next <= now) {
            self.ask(now, out);
            // An interval of 0 would be none.
            let wait = self.rng.exponential(self.interval);
            self.next = Some(next + wait.max(Duration::from_nanos(1)));
        }
    }

    fn next_poll(&self) -> Option<Instant> {
        self.next
    }
}
