//! A host that talks, for want of a better one.

use waypost_wire::{Duration, EtherType, EthernetHeader, Instant, MacAddr};

use crate::digest::Digest;
use crate::{Frame, Node, Output, Rng};

/// The frames of talkers: local experimental ethertype 1 (IEEE 802 §9.2.4).
const ETHERTYPE: EtherType = EtherType(0x88b5);
/// Ethernet header, kind, number, sum, time of the request.
const LEN_MIN: usize = 14 + 1 + 4 + 4 + 8;
/// Where the sum is.
const SUM: std::ops::Range<usize> = 19..23;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

/// An Ethernet host that asks its peers by chance, and answers those who ask it: traffic for networks of switches. It
/// measures the time from a request to its reply, as the series `rtt`, in milliseconds. Frames that were damaged it knows by a
/// sum, and ignores. What it was to ask while it was paused is not asked later.
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
    /// Frames for others, of other kinds, and damaged ones.
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

    /// When to ask, after now.
    fn after(&mut self, now: Instant) -> Instant {
        // An interval of 0 would be none.
        now + self
            .rng
            .exponential(self.interval)
            .max(Duration::from_nanos(1))
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
        frame[15..19].copy_from_slice(&(self.counters.requests as u32).to_be_bytes());
        frame[23..31].copy_from_slice(&now.as_nanos().to_be_bytes());
        seal(&mut frame);
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
        if to != self.mac || !is_whole(&frame) {
            self.counters.ignored += 1;
        } else if kind == REQUEST {
            self.counters.answered += 1;
            frame[..6].copy_from_slice(&from.octets());
            frame[6..12].copy_from_slice(&self.mac.octets());
            frame[14] = REPLY;
            seal(&mut frame);
            out.send(port, frame);
        } else if kind == REPLY {
            self.counters.replies += 1;
            let asked = frame[23..31].try_into().map_or(0, u64::from_be_bytes);
            let rtt = now - Instant::from_nanos(asked);
            out.sample("rtt", "ms", rtt.as_secs_f64() * 1000.0);
        } else {
            self.counters.ignored += 1;
        }
    }

    fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
        let Some(next) = self.next.filter(|next| *next <= now) else {
            return;
        };
        if next == now {
            self.ask(now, out);
        }
        self.next = Some(self.after(now));
    }

    fn next_poll(&self) -> Option<Instant> {
        self.next
    }

    fn restart(&mut self, now: Instant, _: &mut Output<'_>) {
        if self.next.is_some() {
            self.next = Some(self.after(now));
        }
    }
}

/// Writes the sum of all other octets.
fn seal(frame: &mut Frame) {
    let sum = sum(frame).to_be_bytes();
    frame[SUM].copy_from_slice(&sum);
}

fn is_whole(frame: &Frame) -> bool {
    frame.len() >= LEN_MIN && frame[SUM] == sum(frame).to_be_bytes()
}

fn sum(frame: &Frame) -> u32 {
    let mut digest = Digest::default();
    digest.octets(&frame[..SUM.start]);
    digest.octets(&frame[SUM.end..]);
    digest.finish() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkConfig, LinkId, NodeId, Side, Simulation};

    /// A host that asks a million times a second, and one that answers.
    fn network(config: LinkConfig) -> (Simulation, NodeId, LinkId) {
        let mut net = Simulation::new(1);
        let macs = [1, 2].map(|last| MacAddr::new([2, 0, 0, 0, 0, last]));
        let interval = Duration::from_micros(1);
        let a = Talker::new(macs[0], vec![macs[1]], interval, 60, net.rng("a"));
        let b = Talker::new(macs[1], Vec::new(), interval, 60, net.rng("b"));
        let (a, b) = (net.add("a", a).unwrap(), net.add("b", b).unwrap());
        let link = net.connect("wire", a, b, config).unwrap();
        (net, a, link)
    }

    #[test]
    fn what_was_missed_is_not_asked_later() {
        let (mut net, a, _) = network(LinkConfig::ethernet());
        let requests = |net: &Simulation| net.node::<Talker>(a).unwrap().counters().requests;
        net.run_until(Instant::from_millis(1)).unwrap();
        let before = requests(&net);
        assert!((800..1200).contains(&before));
        net.set_paused(a, true).unwrap();
        net.run_until(Instant::from_secs(8)).unwrap();
        net.set_paused(a, false).unwrap();
        net.run_until(Instant::from_secs(8)).unwrap();
        assert_eq!(requests(&net), before);
        net.run_until(Instant::from_micros(8_001_000)).unwrap();
        assert!((800..1200).contains(&(requests(&net) - before)));
    }

    #[test]
    fn a_restarted_host_draws_anew_when_it_asks() {
        let (mut net, a, _) = network(LinkConfig::ethernet());
        let next = |net: &Simulation, id| net.node::<Talker>(id).unwrap().next_poll();
        let first = next(&net, a).unwrap();
        net.restart(a).unwrap();
        assert!(next(&net, a).unwrap() != first && next(&net, a).unwrap() > net.now());
        let mac = MacAddr::new([2, 0, 0, 0, 0, 9]);
        let silent = Talker::new(mac, Vec::new(), Duration::ZERO, 60, net.rng("c"));
        let silent = net.add("c", silent).unwrap();
        net.restart(silent).unwrap();
        assert_eq!(next(&net, silent), None);
    }

    #[test]
    fn damaged_frames_are_ignored() {
        let corrupted = LinkConfig {
            delay: Duration::from_millis(3),
            corruption_ppm: 100_000,
            ..LinkConfig::ethernet()
        };
        let (mut net, a, link) = network(corrupted);
        net.run_until(Instant::from_millis(100)).unwrap();
        let points = net.series(a)[0].points();
        assert!(points.len() > 1000 && points.iter().all(|(_, millis)| *millis == 6.0));
        let damaged = Side::ALL.map(|side| net.counters(link, side).unwrap().corrupted);
        let counters = net.node::<Talker>(a).unwrap().counters();
        let on_their_way = 10_000;
        assert!(damaged[0] > 5000 && counters.ignored > 5000);
        assert!(counters.requests - counters.replies < damaged[0] + damaged[1] + on_their_way);
    }
}
