//! What a flow table makes of TCP connections that two hosts open, use and close through it, while the link on
//! either side of it loses, copies and delays segments: every valid sequence of them (RFC 5382 §4.2, REQ-2). Somebody
//! else forges segments whose numbers fit nothing: the hosts do not hear them (RFC 5961 §3, §4), the table does.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use waypost_ip::flow::{
    Direction, FlowConfig, FlowId, FlowKey, FlowState, Found, GrowingFlows, VecFlowTable,
};
use waypost_wire::{Instant, IpProtocol, SeqNumber, TcpFlags, TcpHeader};

const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;
const FIN: TcpFlags = TcpFlags::FIN;
const RST: TcpFlags = TcpFlags::RST;

/// A host's end of a connection, as far as RFC 9293 §3.10 has it open and close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Listen,
    SynSent,
    SynReceived,
    Established,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    flags: TcpFlags,
    sequence: u32,
    acknowledgment: u32,
}

#[derive(Clone, Copy, Debug)]
struct Host {
    state: State,
    /// The number of its SYN.
    first: u32,
    /// What it expects next.
    expected: u32,
    /// It sent a FIN, and it was acknowledged; it got one.
    fin: [bool; 3],
}

impl Host {
    fn segment(&self, flags: TcpFlags) -> Segment {
        let sent = u32::from(!flags.contains(SYN)) + u32::from(self.fin[0] && !flags.contains(FIN));
        Segment {
            flags,
            sequence: self.first.wrapping_add(sent),
            acknowledgment: if flags.contains(ACK) {
                self.expected
            } else {
                0
            },
        }
    }

    /// What it sends when nothing comes: the same again.
    fn again(&self) -> Option<Segment> {
        match self.state {
            State::Listen => None,
            State::SynSent => Some(self.segment(SYN)),
            State::SynReceived => Some(self.segment(SYN | ACK)),
            State::Established if self.fin[0] => Some(self.segment(FIN | ACK)),
            State::Established => Some(self.segment(ACK)),
        }
    }

    fn hear(&mut self, it: Segment) -> Option<Segment> {
        let (syn, ack) = (it.flags.contains(SYN), it.flags.contains(ACK));
        let mine = ack && it.acknowledgment == self.first.wrapping_add(1);
        match self.state {
            State::Listen | State::SynSent if syn && (mine || !ack) => {
                self.expected = it.sequence.wrapping_add(1);
                self.state = if mine {
                    State::Established
                } else {
                    State::SynReceived
                };
                Some(self.segment(if mine { ACK } else { SYN | ACK }))
            }
            State::SynReceived if mine => {
                self.state = State::Established;
                syn.then(|| self.segment(ACK))
            }
            State::Established => {
                self.fin[1] |=
                    self.fin[0] && ack && it.acknowledgment == self.first.wrapping_add(2);
                if it.flags.contains(FIN) && !self.fin[2] && it.sequence == self.expected {
                    self.fin[2] = true;
                    self.expected = self.expected.wrapping_add(1);
                }
                (syn || it.flags.contains(FIN)).then(|| self.segment(ACK))
            }
            _ => None,
        }
    }
}

/// A RST or SYN of nobody, in a direction.
type Forged = (usize, bool, [u32; 2]);

/// What a step does with the segments under way.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A host sends again.
    Again(usize),
    /// One of those under way goes on.
    Pass(usize),
    Copy(usize),
    Lose(usize),
}

struct World {
    table: VecFlowTable<Ipv4Addr, ()>,
    flow: Option<FlowId>,
    hosts: [Host; 2],
    /// By whom, whether it is past the table, and what.
    under_way: Vec<(usize, bool, Segment)>,
}

const INSIDE: FlowKey<Ipv4Addr> = FlowKey::new(
    IpProtocol::TCP,
    (Ipv4Addr::new(10, 0, 0, 1), 4000),
    (Ipv4Addr::new(192, 0, 2, 1), 80),
);

impl World {
    fn new() -> Self {
        let host = Host {
            state: State::Listen,
            first: 0,
            expected: 0,
            fin: [false; 3],
        };
        let config = FlowConfig {
            flows: 16,
            ..FlowConfig::default()
        };
        Self {
            table: VecFlowTable::new(GrowingFlows, config),
            flow: None,
            hosts: [host; 2],
            under_way: Vec::new(),
        }
    }

    fn state(&self) -> Option<FlowState> {
        Some(self.table.flow(self.flow?)?.state)
    }

    /// Whether the table lets a segment through: one from outside needs a flow.
    fn crosses(&mut self, by: usize, it: Segment) -> bool {
        let [sequence, acknowledgment] = [it.sequence, it.acknowledgment].map(SeqNumber::new);
        let header = TcpHeader::new(4000, 80, sequence, acknowledgment, it.flags, 1000);
        match self.flow {
            Some(id) => {
                let direction = [Direction::Original, Direction::Reply][by];
                let found = Found { id, direction };
                self.table
                    .packet(Instant::ZERO, found, Some(&header))
                    .is_some()
            }
            None if by == 0 => {
                let (key, back) = (INSIDE, INSIDE.reversed());
                let flow = self
                    .table
                    .insert(Instant::ZERO, key, back, Some(&header), ());
                self.flow = Some(flow.unwrap().id);
                true
            }
            None => false,
        }
    }

    fn send(&mut self, by: usize, it: Option<Segment>) {
        self.under_way.extend(it.map(|it| (by, false, it)));
    }

    fn pass(&mut self, index: usize) {
        let (by, is_past, it) = self.under_way.swap_remove(index);
        if !is_past {
            if self.crosses(by, it) {
                self.under_way.push((by, true, it));
            }
            return;
        }
        let answer = self.hosts[1 - by].hear(it);
        self.send(1 - by, answer);
    }

    fn step(&mut self, step: Step) {
        let count = self.under_way.len();
        match step {
            Step::Again(by) => {
                let it = self.hosts[by % 2].again();
                self.send(by % 2, it);
            }
            _ if count == 0 => {}
            Step::Pass(index) => self.pass(index % count),
            Step::Copy(index) => self.under_way.push(self.under_way[index % count]),
            Step::Lose(index) => _ = self.under_way.swap_remove(index % count),
        }
    }

    /// One comes from nowhere, and the table takes no flow for one that begins.
    fn forge(&mut self, (by, is_reset, [sequence, acknowledgment]): Forged) {
        let flags = if is_reset { RST } else { SYN };
        self.crosses(
            by,
            Segment {
                flags,
                sequence,
                acknowledgment,
            },
        );
        assert_eq!(self.table.half_open(), 0);
    }

    /// Nothing is lost any more, and both send again until `done`.
    fn settle(&mut self, done: impl Fn(&[Host; 2]) -> bool) -> Result<(), TestCaseError> {
        for _ in 0..20 {
            while !self.under_way.is_empty() {
                self.pass(0);
            }
            if done(&self.hosts) {
                return Ok(());
            }
            self.step(Step::Again(0));
            self.step(Step::Again(1));
        }
        Err(TestCaseError::fail(format!("{:?}", self.hosts)))
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0usize..2).prop_map(Step::Again),
        6 => any::<usize>().prop_map(Step::Pass),
        1 => any::<usize>().prop_map(Step::Copy),
        1 => any::<usize>().prop_map(Step::Lose),
    ];
    prop::collection::vec(step, 0..40)
}

/// One connection: who begins it, with which numbers, and how it opens; what is forged meanwhile, and whom the table
/// hears next; who closes it, how, or by a RST.
type Round = (
    (u8, [u32; 2], Vec<Step>),
    (Vec<Forged>, usize),
    (usize, Vec<Step>, bool),
);

fn round() -> impl Strategy<Value = Round> {
    let forged = prop::collection::vec((0usize..2, any::<bool>(), any::<[u32; 2]>()), 0..6);
    (
        (0u8..3, any::<[u32; 2]>(), steps()),
        (forged, 0usize..2),
        (0usize..2, steps(), prop::bool::weighted(0.3)),
    )
}

proptest! {
    /// Several connections with the same ports, one after the other, each begun by either host or by both.
    #[test]
    fn connections_of_all_kinds_are_followed(rounds in prop::collection::vec(round(), 1..5)) {
        let mut world = World::new();
        for (number, (opens, (forged, heard), (closes, closing, resets))) in rounds.into_iter().enumerate() {
            let (begins, first, opening) = opens;
            // The first packet of all comes from inside.
            let begins = if number == 0 && begins == 1 { 2 } else { begins };
            for (by, host) in world.hosts.iter_mut().enumerate() {
                let active = begins == 2 || usize::from(begins) == by;
                let state = if active { State::SynSent } else { State::Listen };
                *host = Host { state, first: first[by], expected: 0, fin: [false; 3] };
            }
            let mut open = false;
            for step in opening {
                world.step(step);
                // Whatever comes late, what is open stays open.
                let settled = world.state() == Some(FlowState::Established);
                prop_assert!(!open || settled, "{:?}", world.state());
                open |= settled;
            }
            world.settle(|hosts| hosts.iter().all(|it| it.state == State::Established))?;
            world.step(Step::Again(0));
            world.step(Step::Again(1));
            world.settle(|_| true)?;
            prop_assert_eq!(world.state(), Some(FlowState::Established));

            // Whatever is forged, the next segment of either host tells that the connection goes on.
            for forged in forged {
                world.forge(forged);
            }
            world.step(Step::Again(heard));
            world.pass(0);
            prop_assert_eq!(world.state(), Some(FlowState::Established));
            world.settle(|_| true)?;

            if resets {
                let rst = world.hosts[closes].segment(RST);
                world.crosses(closes, rst);
                prop_assert_eq!(world.state(), Some(FlowState::Reset));
                continue;
            }
            world.hosts[closes].fin[0] = true;
            for step in closing {
                world.step(step);
                let state = world.state().unwrap();
                let closed_by = match state {
                    FlowState::Established => 0,
                    FlowState::HalfClosed { .. } => 1,
                    FlowState::Closing => 2,
                    other => return Err(TestCaseError::fail(other.name())),
                };
                let fins = world.hosts.iter().filter(|it| it.fin[0]).count();
                prop_assert!(closed_by <= fins, "{} after {} of them closed", state, fins);
                // The other goes on for long, and closes when it likes.
                world.hosts[1 - closes].fin[0] |= world.hosts[1 - closes].fin[2];
            }
            world.hosts[1 - closes].fin[0] = true;
            world.settle(|hosts| hosts.iter().all(|it| it.fin == [true; 3]))?;
            prop_assert_eq!(world.state(), Some(FlowState::Closing));
        }
    }
}
