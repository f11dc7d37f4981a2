//! An Ethernet switch.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use waypost_wire::{Duration, EthernetHeader, Instant, MacAddr};

use crate::{Frame, Node, Output};

/// A learning bridge (IEEE 802.1D §7): it learns from sources, forwards to the port where a destination was last seen, and
/// floods the rest to all ports but that of the frame. It takes no time, speaks no spanning tree, and knows no VLANs: in a
/// circle of switches frames go round for ever, and in several circles they multiply.
#[derive(Debug)]
pub struct Switch {
    table: HashMap<MacAddr, Station, BuildHasherDefault<Mix>>,
    stations_max: usize,
    age_max: Duration,
    /// A full table is not searched for what has aged before this.
    sweep_at: Instant,
    counters: SwitchCounters,
}

/// Where a station was last seen.
#[derive(Clone, Copy, Debug)]
struct Station {
    port: usize,
    seen: Instant,
}

/// What a switch has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SwitchCounters {
    /// Frames that went to one port.
    pub forwarded: u64,
    /// Frames that went to all others.
    pub flooded: u64,
    /// Frames for a station behind the port that they came from.
    pub filtered: u64,
    /// Frames without an Ethernet header.
    pub malformed: u64,
    /// Stations that were not learned, since the table was full.
    pub unlearned: u64,
    /// Stations that were seen at another port than before.
    pub moved: u64,
}

impl Default for Switch {
    /// A table of 8192 stations, which are forgotten 300 s after they were last seen (IEEE 802.1D §7.9.2).
    fn default() -> Self {
        Self::new(8192, Duration::from_secs(300))
    }
}

impl Switch {
    /// A switch that knows so many stations at most, and forgets those that were not seen for `age_max`.
    pub fn new(stations_max: usize, age_max: Duration) -> Self {
        Self {
            table: HashMap::default(),
            stations_max,
            age_max,
            sweep_at: Instant::ZERO,
            counters: SwitchCounters::default(),
        }
    }

    /// What it has done.
    pub const fn counters(&self) -> SwitchCounters {
        self.counters
    }

    /// How many stations are in its table, those that have aged included.
    pub fn stations(&self) -> usize {
        self.table.len()
    }

    fn learn(&mut self, now: Instant, source: MacAddr, port: usize) {
        if !source.is_unicast() {
            return;
        }
        let station = Station { port, seen: now };
        if let Some(known) = self.table.get_mut(&source) {
            self.counters.moved += u64::from(known.port != port);
            *known = station;
            return;
        }
        if self.table.len() >= self.stations_max {
            if now >= self.sweep_at {
                let age_max = self.age_max;
                self.table.retain(|_, known| now - known.seen <= age_max);
                self.sweep_at = now + Duration::from_secs(1);
            }
            if self.table.len() >= self.stations_max {
                self.counters.unlearned += 1;
                return;
            }
        }
        self.table.insert(source, station);
    }

    /// Where a station is.
    fn find(&self, now: Instant, destination: MacAddr) -> Option<usize> {
        let known = self.table.get(&destination)?;
        (now - known.seen <= self.age_max).then_some(known.port)
    }
}

impl Node for Switch {
    fn receive(&mut self, now: Instant, port: usize, frame: Frame, out: &mut Output<'_>) {
        let Ok((header, _)) = EthernetHeader::split_from(&frame) else {
            self.counters.malformed += 1;
            return;
        };
        let destination = header.destination();
        self.learn(now, header.source(), port);
        match self.find(now, destination) {
            Some(known) if known == port => self.counters.filtered += 1,
            Some(known) => {
                self.counters.forwarded += 1;
                out.send(known, frame);
            }
            None => {
                self.counters.flooded += 1;
                let others = |other: &usize| *other != port && out.has_link(*other);
                let Some(last) = (0..out.ports()).rev().find(others) else {
                    return;
                };
                for other in 0..last {
                    if other != port && out.has_link(other) {
                        out.send(other, frame.clone());
                    }
                }
                out.send(last, frame);
            }
        }
    }

    fn restart(&mut self, _: Instant, _: &mut Output<'_>) {
        self.table.clear();
        self.sweep_at = Instant::ZERO;
    }
}

/// Addresses are spread by a multiplication: nobody attacks this table, and its order is not looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }

    fn finish(&self) -> u64 {
        let mixed = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkConfig, NodeId, Simulation};

    /// Receives, and sends what it is given.
    #[derive(Default)]
    struct Host {
        to_send: Vec<Frame>,
        received: Vec<u8>,
    }

    impl Node for Host {
        fn receive(&mut self, _: Instant, _: usize, frame: Frame, _: &mut Output<'_>) {
            self.received.push(frame[14]);
        }
        fn poll(&mut self, _: Instant, out: &mut Output<'_>) {
            self.to_send.drain(..).for_each(|frame| out.send(0, frame));
        }
    }

    fn network(switch: Switch) -> (Simulation, NodeId, [NodeId; 3]) {
        let mut net = Simulation::new(0);
        let switch = net.add("switch", switch).unwrap();
        let hosts = ["a", "b", "c"].map(|name| {
            let host = net.add(name, Host::default()).unwrap();
            net.connect(name, switch, host, LinkConfig::ethernet())
                .unwrap();
            host
        });
        (net, switch, hosts)
    }

    /// Has a host send a frame, and says who received it.
    fn send(net: &mut Simulation, from: NodeId, to: u8, source: u8, at: u64) -> Vec<u32> {
        let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]);
        let frame = Frame::build(|octets| {
            let to = if to == 0xff {
                MacAddr::new([0xff; 6])
            } else {
                mac(to)
            };
            octets.extend(to.octets());
            octets.extend(mac(source).octets());
            octets.extend([0x88, 0xb5, source]);
        });
        net.run_until(Instant::from_secs(at)).unwrap();
        net.node_mut::<Host>(from).unwrap().to_send.push(frame);
        net.wake(from).unwrap();
        net.run_until(Instant::from_secs(at)).unwrap();
        let nodes = net.nodes();
        let mut received = |id: &NodeId| {
            let host = net.node_mut::<Host>(*id);
            host.is_some_and(|host| !std::mem::take(&mut host.received).is_empty())
        };
        nodes.filter(&mut received).map(|id| id.0).collect()
    }

    #[test]
    fn it_learns_and_forgets() {
        let (mut net, switch, [a, b, c]) = network(Switch::default());
        assert_eq!(send(&mut net, a, 2, 1, 0), [2, 3]);
        assert_eq!(send(&mut net, b, 1, 2, 0), [1]);
        assert_eq!(send(&mut net, a, 2, 1, 0), [2]);
        assert_eq!(send(&mut net, b, 0xff, 2, 0), [1, 3]);
        assert_eq!(send(&mut net, c, 3, 3, 0), []);
        assert_eq!(send(&mut net, a, 2, 1, 300), [2]);
        assert_eq!(send(&mut net, a, 2, 1, 301), [2, 3]);
        assert_eq!(send(&mut net, c, 1, 2, 301), [1]);
        assert_eq!(send(&mut net, a, 2, 1, 301), [3]);
        let counters = net.node::<Switch>(switch).unwrap().counters();
        assert_eq!((counters.forwarded, counters.flooded), (5, 3));
        assert_eq!((counters.filtered, counters.moved), (1, 1));
    }

    #[test]
    fn a_full_table_learns_when_others_have_aged() {
        let (mut net, switch, [a, b, _]) = network(Switch::new(2, Duration::from_secs(10)));
        for source in 1..=3 {
            send(&mut net, a, 0xff, source, 0);
        }
        assert_eq!(send(&mut net, b, 3, 9, 0), [1, 3]);
        let table = net.node::<Switch>(switch).unwrap();
        assert_eq!((table.stations(), table.counters().unlearned), (2, 2));
        send(&mut net, a, 0xff, 3, 11);
        assert_eq!(send(&mut net, b, 3, 9, 11), [1]);
        net.restart(switch).unwrap();
        assert_eq!(net.node::<Switch>(switch).unwrap().stations(), 0);
    }
}
