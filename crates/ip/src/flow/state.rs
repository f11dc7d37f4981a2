//! What is known of a flow's life: the states of TCP as somebody on the way sees them, and whether the
//! other side answered.
//!
//! The states are those of RFC 6146 §3.5.2.2, as RFC 7857 §2 asks of every NAT, with a check of the
//! handshake's numbers: an acknowledgment that does not fit the SYN it pretends to acknowledge changes
//! nothing, so that a sender who hears no answers cannot make a flow count as established. Windows are not
//! followed: a RST that fits nothing, maybe with a SYN after it, puts the flow among those that close, from
//! where the next packet that is neither takes it back.

use core::fmt;

use waypost_wire::{Duration, IpProtocol, SeqNumber, TcpFlags, TcpHeader};

use super::Direction;

/// What was seen of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowState {
    /// One side was heard; of TCP, one that did not begin with a SYN.
    Unreplied,
    /// TCP: the SYN of the side that began.
    SynSent,
    /// TCP: the SYN of the other side too.
    SynReceived,
    /// Both sides were heard; of TCP, the handshake is complete.
    Established,
    /// TCP: one side sent its FIN; the other may go on for long.
    HalfClosed {
        /// The direction of the FIN.
        by: Direction,
    },
    /// TCP: both sides sent their FIN.
    Closing,
    /// TCP: one side sent a RST.
    Reset,
}

/// What the table keeps together, to find fast what may go when room is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    HalfOpen,
    /// Half open, and its first side was heard again: found out when room is needed, and by no state.
    OneWay,
    Closing,
    /// Both sides were heard, and no connection holds them together.
    Settled,
    /// TCP, its handshake complete.
    Connected,
}

impl Class {
    pub(super) const COUNT: usize = 5;
}

impl FlowState {
    /// Whether nobody has shown yet that both sides want the flow.
    #[inline]
    pub const fn is_half_open(self) -> bool {
        matches!(self.class(), Class::HalfOpen)
    }

    #[inline]
    const fn class(self) -> Class {
        match self {
            Self::Unreplied | Self::SynSent | Self::SynReceived => Class::HalfOpen,
            Self::Established | Self::HalfClosed { .. } => Class::Settled,
            Self::Closing | Self::Reset => Class::Closing,
        }
    }

    /// The name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreplied => "unreplied",
            Self::SynSent => "syn-sent",
            Self::SynReceived => "syn-received",
            Self::Established => "established",
            Self::HalfClosed { .. } => "half-closed",
            Self::Closing => "closing",
            Self::Reset => "reset",
        }
    }
}

impl fmt::Display for FlowState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A flow's state with what decides the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tracker {
    pub(super) state: FlowState,
    /// Whether it was established, and has not opened again since both sides closed it. Where the state is one of
    /// an opening nevertheless, a SYN came after a RST, and nobody knows yet whether the hosts believe the two.
    confirmed: bool,
    /// Whether the reply's side sent its FIN before the handshake was complete.
    closed_early: bool,
    /// The SYN that waits for its acknowledgment: of the original direction in [`FlowState::SynSent`], of
    /// the other in [`FlowState::SynReceived`].
    syn: SeqNumber,
}

/// How far beyond a SYN its first acknowledgment may be: data that came with the handshake (RFC 7413).
const HANDSHAKE_WINDOW: u32 = 1 << 16;

impl Tracker {
    pub(super) const EMPTY: Self = Self {
        state: FlowState::Unreplied,
        confirmed: false,
        closed_early: false,
        syn: SeqNumber::new(0),
    };

    /// The state that a flow's first packet puts it into.
    pub(super) fn begin(tcp: Option<&TcpHeader>) -> Self {
        let mut tracker = Self::EMPTY;
        if let Some(header) = tcp {
            let flags = header.flags();
            if flags.contains(TcpFlags::RST) {
                tracker.state = FlowState::Reset;
            } else if is_opening(flags) {
                tracker.open(header);
            }
        }
        tracker
    }

    /// Which flows it is kept with. A RST where nothing was established shows as little as a SYN alone: whoever
    /// sends both has no more room than who sends one. Nor does a SYN after the RST of a connection take it to those
    /// that begin: they go first.
    #[inline]
    pub(super) fn class(&self, protocol: IpProtocol) -> Class {
        match self.state {
            FlowState::Reset if !self.confirmed => Class::HalfOpen,
            FlowState::SynSent | FlowState::SynReceived if self.confirmed => Class::Closing,
            state if state.class() == Class::Settled && protocol == IpProtocol::TCP => {
                Class::Connected
            }
            state => state.class(),
        }
    }

    fn open(&mut self, header: &TcpHeader) {
        self.state = FlowState::SynSent;
        self.syn = header.sequence();
        self.closed_early = false;
    }

    /// What a packet changes.
    #[inline]
    pub(super) fn packet(&mut self, direction: Direction, tcp: Option<&TcpHeader>) {
        match tcp {
            None if self.state == FlowState::Unreplied && direction == Direction::Reply => {
                self.establish();
            }
            None => {}
            Some(header) => self.segment(direction, header),
        }
    }

    const fn establish(&mut self) {
        self.state = FlowState::Established;
        self.confirmed = true;
    }

    fn segment(&mut self, direction: Direction, header: &TcpHeader) {
        let flags = header.flags();
        let is_original = matches!(direction, Direction::Original);
        if flags.contains(TcpFlags::RST) {
            let is_believed = match self.state {
                // What both sides closed does not go on afterwards.
                FlowState::Closing => false,
                // RFC 9293 §3.10.7.3: a RST that answers a SYN acknowledges it.
                FlowState::SynSent => is_original || self.is_acknowledged(header),
                _ => true,
            };
            if is_believed {
                self.state = FlowState::Reset;
            }
            return;
        }
        match self.state {
            // RFC 6146 §3.5.2.2, RFC 7857 §2.2: the connection goes on in spite of the RST. Nor did the hosts
            // believe a SYN that came after it, or the new connection has come as far.
            FlowState::Reset | FlowState::SynSent | FlowState::SynReceived
                if self.confirmed && !flags.contains(TcpFlags::SYN) =>
            {
                self.state = FlowState::Established;
                self.close(direction, flags);
            }
            FlowState::Unreplied if is_original && is_opening(flags) => self.open(header),
            FlowState::Unreplied if !is_original => self.establish(),
            FlowState::SynSent if is_original && is_opening(flags) => self.open(header),
            // The second SYN comes with an acknowledgment, or crosses the first on its way: a simultaneous
            // open (RFC 5382 §4.2, REQ-2a).
            FlowState::SynSent
                if !is_original
                    && flags.contains(TcpFlags::SYN)
                    && (is_opening(flags) || self.is_acknowledged(header)) =>
            {
                self.state = FlowState::SynReceived;
                self.syn = header.sequence();
            }
            FlowState::SynReceived if is_original && self.is_acknowledged(header) => {
                self.establish();
                if self.closed_early {
                    self.close(Direction::Reply, TcpFlags::FIN);
                }
                self.close(direction, flags);
            }
            // The other side sends its SYN again, maybe with another number.
            FlowState::SynReceived if !is_original && flags.contains(TcpFlags::SYN) => {
                self.syn = header.sequence();
            }
            // It may close before it hears that its SYN came (RFC 9293 §3.10.4), as who answers with the SYN's
            // data does (RFC 7413 §4.2).
            FlowState::SynReceived if !is_original && flags.contains(TcpFlags::FIN) => {
                self.closed_early = true;
            }
            FlowState::Established | FlowState::HalfClosed { .. } => self.close(direction, flags),
            // The same ports again, for a new connection (RFC 9293 §3.6.1).
            FlowState::Closing | FlowState::Reset if is_opening(flags) => {
                self.confirmed &= self.state == FlowState::Reset;
                self.open(header);
                // The other side may begin it as well (RFC 5382 §4.2, REQ-2): its SYN waits then.
                if !is_original {
                    self.state = FlowState::SynReceived;
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, direction: Direction, flags: TcpFlags) {
        if !flags.contains(TcpFlags::FIN) || flags.contains(TcpFlags::SYN) {
            return;
        }
        self.state = match self.state {
            FlowState::HalfClosed { by } if by != direction => FlowState::Closing,
            _ => FlowState::HalfClosed { by: direction },
        };
    }

    /// Whether a segment acknowledges the SYN that waits for it.
    fn is_acknowledged(&self, header: &TcpHeader) -> bool {
        header
            .acknowledgment()
            .is_within(self.syn + 1, HANDSHAKE_WINDOW)
            && header.flags().contains(TcpFlags::ACK)
    }
}

/// Whether a segment with these flags is the first of a connection.
const fn is_opening(flags: TcpFlags) -> bool {
    flags.contains(TcpFlags::SYN) && !flags.intersects(TcpFlags::ACK.union(TcpFlags::RST))
}

/// How long a flow lives after its last packet, by protocol and state. The defaults are what the RFCs
/// recommend or, where they name a least time only, that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowTimeouts {
    /// TCP, established or half closed. RFC 5382 §5, REQ-5: at least 2 hours and 4 minutes.
    pub tcp_established: Duration,
    /// TCP before the handshake is complete. RFC 5382 §5, REQ-5: at least 4 minutes.
    pub tcp_opening: Duration,
    /// TCP after both FINs, or a RST. RFC 5382 §5, REQ-5: at least 4 minutes.
    pub tcp_closing: Duration,
    /// UDP, answered. RFC 4787 §4.3, REQ-5: at least 2 minutes, better 5.
    pub udp: Duration,
    /// UDP, not answered. RFC 4787 §4.3, REQ-5: at least 2 minutes.
    pub udp_unreplied: Duration,
    /// ICMP queries. RFC 5508 §3.2, REQ-2: at least 60 seconds.
    pub icmp: Duration,
    /// All other protocols.
    pub other: Duration,
}

impl FlowTimeouts {
    /// The shortest times that the RFCs allow a NAT, and a minute for other protocols.
    pub const LEAST: Self = Self {
        tcp_established: Duration::from_secs(7440),
        tcp_opening: Duration::from_secs(240),
        tcp_closing: Duration::from_secs(240),
        udp: Duration::from_secs(120),
        udp_unreplied: Duration::from_secs(120),
        icmp: Duration::from_secs(60),
        other: Duration::from_secs(60),
    };

    /// These times, each raised to the least that the RFCs allow a NAT.
    #[must_use]
    pub fn at_least_rfc(self) -> Self {
        let least = Self::LEAST;
        Self {
            tcp_established: self.tcp_established.max(least.tcp_established),
            tcp_opening: self.tcp_opening.max(least.tcp_opening),
            tcp_closing: self.tcp_closing.max(least.tcp_closing),
            udp: self.udp.max(least.udp),
            udp_unreplied: self.udp_unreplied.max(least.udp_unreplied),
            icmp: self.icmp.max(least.icmp),
            other: self.other.max(least.other),
        }
    }

    /// How long a flow of that protocol lives in that state.
    #[inline]
    pub const fn of(&self, protocol: IpProtocol, state: FlowState) -> Duration {
        match (protocol, state.class()) {
            (IpProtocol::TCP, Class::HalfOpen) => self.tcp_opening,
            (IpProtocol::TCP, Class::Settled) => self.tcp_established,
            (IpProtocol::TCP, Class::Closing) => self.tcp_closing,
            (IpProtocol::UDP, Class::HalfOpen) => self.udp_unreplied,
            (IpProtocol::UDP, _) => self.udp,
            (IpProtocol::ICMP | IpProtocol::ICMPV6, _) => self.icmp,
            _ => self.other,
        }
    }
}

impl Default for FlowTimeouts {
    fn default() -> Self {
        Self {
            udp: Duration::from_secs(300),
            other: Duration::from_secs(600),
            ..Self::LEAST
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Direction::{Original, Reply};
    use super::*;

    const ACK: TcpFlags = TcpFlags::ACK;
    const FIN_ACK: TcpFlags = TcpFlags::FIN.union(ACK);
    const RST: TcpFlags = TcpFlags::RST;
    const RST_ACK: TcpFlags = TcpFlags::RST.union(ACK);
    const SYN: TcpFlags = TcpFlags::SYN;
    const SYN_ACK: TcpFlags = TcpFlags::SYN.union(ACK);

    fn segment(flags: TcpFlags, sequence: u32, acknowledgment: u32) -> TcpHeader {
        let [sequence, acknowledgment] = [sequence, acknowledgment].map(SeqNumber::new);
        TcpHeader::new(1, 2, sequence, acknowledgment, flags, 0)
    }

    /// The state after segments, the first of which begins the flow.
    fn after(segments: &[(Direction, TcpFlags, u32, u32)]) -> FlowState {
        let mut tracker = None;
        for (direction, flags, sequence, acknowledgment) in segments {
            let header = segment(*flags, *sequence, *acknowledgment);
            match &mut tracker {
                None => tracker = Some(Tracker::begin(Some(&header))),
                Some(tracker) => tracker.packet(*direction, Some(&header)),
            }
        }
        tracker.unwrap().state
    }

    const HANDSHAKE: [(Direction, TcpFlags, u32, u32); 3] = [
        (Original, SYN, 100, 0),
        (Reply, SYN_ACK, 900, 101),
        (Original, ACK, 101, 901),
    ];

    fn then(more: &[(Direction, TcpFlags, u32, u32)]) -> FlowState {
        after(&[&HANDSHAKE, more].concat())
    }

    #[test]
    fn a_connection_from_beginning_to_end() {
        assert_eq!(after(&HANDSHAKE[..1]), FlowState::SynSent);
        assert_eq!(after(&HANDSHAKE[..2]), FlowState::SynReceived);
        assert_eq!(then(&[]), FlowState::Established);
        let fins = [(Reply, FIN_ACK, 901, 101), (Original, FIN_ACK, 101, 902)];
        assert_eq!(then(&fins[..1]), FlowState::HalfClosed { by: Reply });
        assert_eq!(then(&[fins[0]; 2]), FlowState::HalfClosed { by: Reply });
        assert_eq!(then(&fins), FlowState::Closing);
        let again = [fins[0], fins[1], (Original, SYN, 5000, 0)];
        assert_eq!(then(&again), FlowState::SynSent);
    }

    #[test]
    fn who_answers_may_close_before_the_handshake_is_complete() {
        let early = [HANDSHAKE[0], HANDSHAKE[1], (Reply, FIN_ACK, 901, 101)];
        let then = |more: &[_]| after(&[&early, more].concat());
        assert_eq!(then(&[]), FlowState::SynReceived);
        let ack = (Original, ACK, 101, 902);
        assert_eq!(then(&[ack]), FlowState::HalfClosed { by: Reply });
        assert_eq!(
            then(&[ack, (Original, FIN_ACK, 101, 902)]),
            FlowState::Closing
        );
        assert_eq!(then(&[(Original, FIN_ACK, 101, 902)]), FlowState::Closing);
    }

    #[test]
    fn both_sides_may_open_at_once() {
        let crossed = [(Original, SYN, 100, 0), (Reply, SYN, 900, 0)];
        assert_eq!(after(&crossed), FlowState::SynReceived);
        let done = [crossed[0], crossed[1], (Original, SYN_ACK, 100, 901)];
        assert_eq!(after(&done), FlowState::Established);
    }

    #[test]
    fn the_other_side_may_begin_the_next_connection() {
        let fins = [(Reply, FIN_ACK, 901, 101), (Original, FIN_ACK, 101, 902)];
        for end in [&fins[..], &[(Original, RST_ACK, 101, 901)]] {
            let after = |last| then(&[end, &[(Reply, SYN, 9000, 0)], last].concat());
            assert_eq!(after(&[]), FlowState::SynReceived);
            assert_eq!(
                after(&[(Original, SYN_ACK, 5, 9001)]),
                FlowState::Established
            );
            // Who does not hear the SYN cannot accept it, and it may be refused.
            assert_eq!(after(&[(Original, SYN_ACK, 5, 7)]), FlowState::SynReceived);
            assert_eq!(after(&[(Original, RST_ACK, 0, 9001)]), FlowState::Reset);
        }
    }

    #[test]
    fn who_does_not_hear_the_answer_cannot_establish() {
        let guess = [HANDSHAKE[0], HANDSHAKE[1], (Original, ACK, 101, 1)];
        assert_eq!(after(&guess), FlowState::SynReceived);
        let forged_answer = [HANDSHAKE[0], (Reply, SYN_ACK, 900, 7)];
        assert_eq!(after(&forged_answer), FlowState::SynSent);
        let forged_reset = [HANDSHAKE[0], (Reply, RST_ACK, 0, 7)];
        assert_eq!(after(&forged_reset), FlowState::SynSent);
        let reset = [HANDSHAKE[0], (Reply, RST_ACK, 0, 101)];
        assert_eq!(after(&reset), FlowState::Reset);
    }

    #[test]
    fn a_reset_is_believed_until_the_next_packet() {
        assert_eq!(then(&[(Reply, RST, 1, 0)]), FlowState::Reset);
        let goes_on = [(Reply, RST, 1, 0), (Original, ACK, 101, 901)];
        assert_eq!(then(&goes_on), FlowState::Established);
        let never_was = [HANDSHAKE[0], (Original, RST, 101, 0), (Reply, ACK, 1, 1)];
        assert_eq!(after(&never_was), FlowState::Reset);
        let closed = [(Original, FIN_ACK, 101, 901), (Reply, FIN_ACK, 901, 102)];
        let late = [(Original, RST, 102, 0), (Reply, ACK, 902, 102)];
        assert_eq!(then(&[closed, late].concat()), FlowState::Closing);
    }

    #[test]
    fn a_forged_reset_and_syn_end_no_connection() {
        for (resets, opens) in [(Original, Reply), (Reply, Original), (Reply, Reply)] {
            let forged = [
                (resets, RST, 7, 0),
                (opens, SYN, 0xbad, 0),
                (opens, SYN, 0xdead, 0),
                (Reply, SYN, 0xbeef, 0),
                (Original, RST, 0xdead, 0),
                (Original, SYN, 0xbad, 0),
            ];
            for count in 1..=forged.len() {
                let then = |it| then(&[&forged[..count], &[it]].concat());
                assert_eq!(then((Original, ACK, 101, 901)), FlowState::Established);
                assert_eq!(then((Reply, ACK, 901, 101)), FlowState::Established);
                let closed = FlowState::HalfClosed { by: Reply };
                assert_eq!(then((Reply, FIN_ACK, 901, 101)), closed);
            }
        }
    }

    #[test]
    fn a_connection_after_a_reset_is_followed_and_may_be_refused() {
        let [rst, syn] = [(Reply, RST_ACK, 901, 101), (Original, SYN, 5000, 0)];
        let then = |more: &[_]| then(&[&[rst, syn], more].concat());
        assert_eq!(then(&[]), FlowState::SynSent);
        let answer = (Reply, SYN_ACK, 70, 5001);
        assert_eq!(then(&[answer]), FlowState::SynReceived);
        let done = [answer, (Original, ACK, 5001, 71)];
        assert_eq!(then(&done), FlowState::Established);
        let early = [answer, (Reply, FIN_ACK, 71, 5001), done[1]];
        assert_eq!(then(&early), FlowState::HalfClosed { by: Reply });
        // The answer to another SYN, and who refuses this one.
        assert_eq!(then(&[(Reply, SYN_ACK, 70, 8)]), FlowState::SynSent);
        assert_eq!(then(&[(Reply, RST_ACK, 0, 8)]), FlowState::SynSent);
        assert_eq!(then(&[(Reply, RST_ACK, 0, 5001)]), FlowState::Reset);
        // What both sides closed is over: an old acknowledgment does not take it back.
        let closed = [(Original, FIN_ACK, 101, 901), (Reply, FIN_ACK, 901, 102)];
        let reopened = [&HANDSHAKE[..], &closed, &[rst, syn, (Reply, ACK, 902, 102)]].concat();
        assert_eq!(after(&reopened), FlowState::SynSent);
    }

    #[test]
    fn a_reset_and_a_syn_take_no_connection_to_those_that_begin() {
        let class = |segments: &[(Direction, TcpFlags, u32, u32)]| {
            let mut tracker = Tracker::EMPTY;
            for (direction, flags, sequence, acknowledgment) in segments {
                let header = segment(*flags, *sequence, *acknowledgment);
                tracker.packet(*direction, Some(&header));
            }
            tracker.class(IpProtocol::TCP)
        };
        let forged = [(Reply, RST, 7, 0), (Reply, SYN, 0xbad, 0)];
        let segments = [&HANDSHAKE[..], &forged].concat();
        let classes = (1..=segments.len()).map(|count| class(&segments[..count]));
        use Class::{Closing, Connected, HalfOpen};
        assert!(classes.eq([HalfOpen, HalfOpen, Connected, Closing, Closing]));
    }

    #[test]
    fn a_flow_seen_from_its_middle_is_established_by_an_answer() {
        let middle = [
            (Original, ACK, 5, 6),
            (Original, ACK, 5, 6),
            (Reply, ACK, 6, 5),
        ];
        assert_eq!(after(&middle[..2]), FlowState::Unreplied);
        assert_eq!(after(&middle), FlowState::Established);
    }

    #[test]
    fn default_times_are_not_below_the_least() {
        let times = FlowTimeouts::default();
        assert_eq!(times.at_least_rfc(), times);
        assert_eq!(times.udp, Duration::from_secs(300));
        assert_eq!(
            times.of(IpProtocol::TCP, FlowState::HalfClosed { by: Original }),
            Duration::from_secs(7440)
        );
        assert_eq!(
            times.of(IpProtocol::ICMPV6, FlowState::Established),
            Duration::from_secs(60)
        );
    }
}
