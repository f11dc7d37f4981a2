//! The flow table's limits: floods of RSTs, connections that open again, any segments in any order; streams that
//! nobody answers, and who goes before them.

use std::collections::VecDeque;

use proptest::prelude::*;
use waypost_ip::flow::{
    Direction, EndReason, FlowConfig, FlowId, FlowRefusal, FlowState, Found, GrowingFlows,
};
use waypost_wire::{Duration, Instant, IpProtocol, TcpFlags};

use super::*;

/// SYNs with their RST, or RSTs alone, from forged sources: no more room than a flood of SYNs has, and
/// handshakes that go on meanwhile come to their end.
#[test]
fn a_flood_of_resets_has_no_more_room_than_one_of_syns() {
    let config = FlowConfig {
        flows: 4096,
        half_open: 1024,
        ..FlowConfig::default()
    };
    for bare in [false, true] {
        let mut table = Table::new(GrowingFlows, config);
        let connections: Vec<FlowId> = (0..1000)
            .map(|n| connect(&mut table, secs(0), tcp(n, 1), n))
            .collect();
        let rst = segment(TcpFlags::RST, 101, 0);
        for n in 0..100_000 {
            let now = Instant::from_micros(u64::from(n));
            let (forged, opening) = (tcp(0x1_0000 + n, 7), tcp(5000 + n / 1000, 1));
            let first = if bare { rst } else { syn() };
            let inserted = table.insert(now, forged, forged.reversed(), Some(&first), n);
            let (id, direction) = (inserted.unwrap().id, Direction::Original);
            let state = table.packet(now, Found { id, direction }, Some(&rst));
            assert_eq!(state, Some(FlowState::Reset));
            assert!(table.half_open() <= config.half_open);
            if n % 1000 == 0 {
                insert(&mut table, now, opening, 0).unwrap();
            } else if n % 1000 == 500 {
                let answer = segment(TcpFlags::SYN | TcpFlags::ACK, 900, 101);
                let ack = segment(TcpFlags::ACK, 101, 901);
                for (key, header) in [(opening.reversed(), answer), (opening, ack)] {
                    let found = table.lookup(&key).unwrap();
                    table.packet(now, found, Some(&header));
                }
            }
        }
        assert_eq!(table.len(), 1100 + config.half_open);
        let counters = table.counters();
        assert_eq!(counters.ended(EndReason::EvictedClosing), 0);
        assert!(connections.iter().all(|id| table.flow(*id).is_some()));
    }
}

/// Connections that are closed and opened again with the same ports count as half open as far as there may be
/// such, those that a RST ended not at all, since they may go on; all are followed, and the others go as those that
/// close do.
#[test]
fn connections_that_open_again_keep_to_the_limit_of_those_half_open() {
    let config = FlowConfig {
        flows: 64,
        half_open: 4,
        ..FlowConfig::default()
    };
    let [rst, fin] = [TcpFlags::RST, TcpFlags::FIN | TcpFlags::ACK];
    let resets = [(Direction::Original, segment(rst, 101, 0))];
    let fins = [
        (Direction::Reply, segment(fin, 901, 101)),
        (Direction::Original, segment(fin, 101, 902)),
    ];
    for (ends, half_open) in [(&resets[..], 0), (&fins[..], 4)] {
        let mut table = Table::new(GrowingFlows, config);
        let ids: Vec<FlowId> = (0..32)
            .map(|n| connect(&mut table, secs(0), tcp(n, 1), n))
            .collect();
        let mut pass = |id, direction, header| {
            let state = table.packet(secs(1), Found { id, direction }, Some(&header));
            assert!(table.half_open() <= config.half_open);
            state
        };
        for id in &ids {
            for (direction, header) in ends {
                pass(*id, *direction, *header);
            }
        }
        for id in &ids {
            let state = pass(*id, Direction::Original, segment(TcpFlags::SYN, 5000, 0));
            assert_eq!(state, Some(FlowState::SynSent));
        }
        for id in &ids {
            let answer = segment(TcpFlags::SYN | TcpFlags::ACK, 900, 5001);
            let state = pass(*id, Direction::Reply, answer);
            assert_eq!(state, Some(FlowState::SynReceived));
        }
        assert_eq!(table.half_open(), half_open);
        for id in &ids[..16] {
            let ack = segment(TcpFlags::ACK, 5001, 901);
            let (id, direction) = (*id, Direction::Original);
            let state = table.packet(secs(1), Found { id, direction }, Some(&ack));
            assert_eq!(state, Some(FlowState::Established));
        }
        assert_eq!((table.half_open(), table.len()), (0, 32));
    }
}

/// A flow's next packet from the side that began.
fn goes_on(table: &mut Table, now: Instant, key: Key) {
    let found = table.lookup(&key).unwrap();
    let ack = segment(TcpFlags::ACK, 101, 1);
    let header = (key.protocol == IpProtocol::TCP).then_some(&ack);
    let state = table.packet(now, found, header);
    assert_eq!(state, Some(FlowState::Unreplied));
}

/// Streams that nobody answers, fast and slow ones, few or many that began one after the other, among forged SYNs, some of
/// which are answered more than once: no stream goes, and of the others the oldest; where the next 64 of all are streams,
/// the newest.
#[test]
fn a_flood_leaves_streams_in_one_direction_alone() {
    let floods = [7, 8, 9, 63, 64, 65, 200, 1000].map(|streams| (streams, 20_000));
    for (count, forged) in [(3, 100_000)].into_iter().chain(floods) {
        let mut table = Table::new(GrowingFlows, FlowConfig::default());
        let half_open = table.config().half_open;
        let streams: Vec<Key> = (0..count)
            .map(|n| if n == 2 { tcp(3, 1) } else { udp(1 + n, 514) })
            .collect();
        let ack = segment(TcpFlags::ACK, 100, 1);
        for &key in &streams {
            let header = (key.protocol == IpProtocol::TCP).then_some(&ack);
            let inserted = table.insert(secs(0), key, key.reversed(), header, 0);
            inserted.unwrap();
            goes_on(&mut table, secs(1), key);
        }
        let mut in_front = streams.len();
        let mut waiting = VecDeque::new();
        for n in 1..=forged {
            let now = secs(2) + Duration::from_micros(u64::from(n));
            let forged = tcp(0x1_0000 + n, 7);
            let inserted = table.insert(now, forged, forged.reversed(), Some(&syn()), n);
            let inserted = inserted.unwrap();
            let is_crowded = waiting.len() + streams.len() == half_open;
            let expected = if !is_crowded {
                None
            } else if in_front >= 64 {
                in_front -= 64;
                waiting.pop_back()
            } else {
                waiting.pop_front()
            };
            waiting.push_back(n);
            assert_eq!(inserted.evicted.map(|ended| ended.data), expected);
            assert!(table.half_open() <= half_open);
            if n % 10 == 0
                && let Some(found) = table.lookup(&tcp(0x1_0000 + n - 9, 7).reversed())
            {
                let answer = segment(TcpFlags::SYN | TcpFlags::ACK, 900, 101);
                let state = table.packet(now, found, Some(&answer));
                assert_eq!(state, Some(FlowState::SynReceived));
            }
            if n % 1000 == 0 {
                goes_on(&mut table, now, streams[0]);
            }
        }
        for key in streams {
            goes_on(&mut table, secs(3), key);
        }
        assert_eq!(table.len(), half_open);
    }
}

/// Forged flows that are heard again have half of the room: in it goes who is silent for longer than others, so that a
/// stream that goes on stays; the other half is for those that begin.
#[test]
fn forged_flows_that_are_heard_again_leave_room() {
    let config = FlowConfig {
        flows: 1000,
        half_open: 64,
        ..FlowConfig::default()
    };
    let mut table = Table::new(GrowingFlows, config);
    let stream = udp(1, 514);
    insert(&mut table, secs(0), stream, 0).unwrap();
    let mut newcomer = None;
    for n in 1..100_000 {
        let now = Instant::from_millis(u64::from(n));
        goes_on(&mut table, now, stream);
        let forged = udp(0x1_0000 + n, 7);
        insert(&mut table, now, forged, n).unwrap();
        goes_on(&mut table, now + Duration::from_micros(1), forged);
        assert!(table.half_open() <= config.half_open);
        match n % 100 {
            50 => newcomer = insert(&mut table, now, udp(2, n as u16), n).ok(),
            75 => assert!(table.flow(newcomer.unwrap()).is_some()),
            _ => {}
        }
    }
    let counters = table.counters();
    let gone = counters.ended(EndReason::EvictedHalfOpen);
    assert_eq!(counters.inserted() - gone, config.half_open as u64);
}

/// Where every flow was heard just now, one goes all the same, and none that is new is refused.
#[test]
fn one_goes_where_all_are_heard_again() {
    for (flows, half_open) in [
        (40, 40),
        (1000, 40),
        (7, 100),
        (1000, 1),
        (1, 1),
        (150, 400),
        (400, 150),
    ] {
        let config = FlowConfig {
            flows,
            half_open,
            ..FlowConfig::default()
        };
        let mut table = Table::new(GrowingFlows, config);
        let most = flows.min(half_open);
        for n in 0..1000 {
            let now = secs(u64::from(n));
            let inserted = table.insert(now, udp(n, 1), udp(n, 1).reversed(), None, n);
            let evicted = inserted.unwrap().evicted;
            assert_eq!(evicted.is_some(), n as usize >= most);
            let keys: Vec<Key> = table.iter().map(|(_, flow)| flow.original).collect();
            assert_eq!(keys.len(), most.min(n as usize + 1));
            for key in keys {
                goes_on(&mut table, now + Duration::from_millis(1), key);
            }
        }
    }
}

/// A full table gives up streams in one direction after all others that may go, be they few or more than are asked
/// for one new flow.
#[test]
fn a_stream_in_one_direction_goes_last() {
    for streams in [1, 12] {
        let config = FlowConfig {
            flows: 40,
            half_open: 64,
            ..FlowConfig::default()
        };
        let mut table = Table::new(GrowingFlows, config);
        let streams: Vec<FlowId> = (0..streams)
            .map(|n| {
                let id = insert(&mut table, secs(0), udp(100 + n, 1), n).unwrap();
                goes_on(&mut table, secs(1), udp(100 + n, 1));
                id
            })
            .collect();
        let closing = connect(&mut table, secs(0), tcp(2, 1), 2);
        let (id, direction) = (closing, Direction::Reply);
        let rst = segment(TcpFlags::RST, 901, 0);
        table.packet(secs(1), Found { id, direction }, Some(&rst));
        for n in streams.len() as u32..38 {
            connect(&mut table, secs(100), tcp(100 + n, 1), n);
        }
        // Room for an answered flow, and who goes for it.
        let mut answered = |now, source| {
            let key = udp(source, 1);
            let inserted = table.insert(now, key, key.reversed(), None, source);
            let inserted = inserted.unwrap();
            let (id, direction) = (inserted.id, Direction::Reply);
            table.packet(now, Found { id, direction }, None);
            (id, inserted.evicted.map(|ended| (ended.id, ended.reason)))
        };
        let (idle, evicted) = answered(secs(2), 4);
        assert_eq!(evicted, None);
        let expected = [
            (closing, EndReason::EvictedClosing),
            (idle, EndReason::EvictedIdle),
            (streams[0], EndReason::EvictedHalfOpen),
        ];
        for (source, expected) in (5..).zip(expected) {
            let (_, evicted) = answered(secs(122), source);
            assert_eq!(evicted, Some(expected));
        }
    }
}

/// A stream of TCP seen from its middle that turns out to be a handshake, or is refused, counts among those that
/// begin again.
#[test]
fn a_stream_that_opens_or_is_reset_begins() {
    for flags in [TcpFlags::SYN, TcpFlags::RST] {
        let config = FlowConfig {
            half_open: 4,
            ..FlowConfig::default()
        };
        let mut table = Table::new(GrowingFlows, config);
        let ack = segment(TcpFlags::ACK, 100, 1);
        let key = tcp(1, 1);
        let inserted = table.insert(secs(0), key, key.reversed(), Some(&ack), 1);
        let id = inserted.unwrap().id;
        goes_on(&mut table, secs(1), key);
        let mut oldest = |source| {
            let key = tcp(source, 1);
            let inserted = table.insert(secs(2), key, key.reversed(), Some(&syn()), source);
            let evicted = inserted.unwrap().evicted.map(|ended| ended.data);
            if source == 6 {
                let (found, header) = (Direction::Original, segment(flags, 100, 0));
                let found = Found {
                    id,
                    direction: found,
                };
                table.packet(secs(3), found, Some(&header));
            }
            assert!(table.half_open() <= 4);
            evicted
        };
        let evicted: Vec<Option<u32>> = (2..11).map(&mut oldest).collect();
        let expected = [0, 0, 0, 2, 3, 4, 5, 6, 1].map(|data| (data > 0).then_some(data));
        assert_eq!(evicted, expected);
    }
}

/// A segment of one of a few connections.
#[derive(Clone, Copy, Debug)]
struct Step {
    source: u32,
    reply: bool,
    flags: TcpFlags,
    acknowledges: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let [syn, ack, fin, rst] = [TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN, TcpFlags::RST];
    let flags = [syn, syn | ack, ack, fin | ack, rst, rst | ack, syn | rst];
    let flags = prop::sample::select(flags.to_vec());
    (0_u32..12, any::<bool>(), flags, prop::bool::weighted(0.9)).prop_map(
        |(source, reply, flags, acknowledges)| Step {
            source,
            reply,
            flags,
            acknowledges,
        },
    )
}

proptest! {
    /// Whatever segments come: no more are half open than may be, none that is established goes while another
    /// can, and every flow is in its place.
    #[test]
    fn connections_of_any_segments_keep_to_the_limits(
        steps in prop::collection::vec(step(), 1..400),
        flows in 1_usize..10,
        half_open in 0_usize..6,
    ) {
        let config = FlowConfig { flows, half_open, per_source: usize::MAX, ..FlowConfig::default() };
        let mut table = Table::new(GrowingFlows, config);
        let mut ended = 0;
        for step in steps {
            let acknowledgment = if step.acknowledges { 101 } else { 7 };
            let header = segment(step.flags, 100, acknowledgment);
            let original = tcp(step.source, 1);
            let key = if step.reply { original.reversed() } else { original };
            if let Some(found) = table.lookup(&key) {
                prop_assert!(table.packet(secs(1), found, Some(&header)).is_some());
            } else if !step.reply {
                let settled = |table: &Table| {
                    let is_settled = |state| {
                        matches!(state, FlowState::Established | FlowState::HalfClosed { .. })
                    };
                    table.iter().filter(|(_, flow)| is_settled(flow.state)).count()
                };
                let before = settled(&table);
                match table.insert(secs(1), key, key.reversed(), Some(&header), 0) {
                    Ok(inserted) => ended += u64::from(inserted.evicted.is_some()),
                    Err(reason) => {
                        prop_assert_eq!(reason, FlowRefusal::TableFull);
                        prop_assert!(half_open == 0 || before == flows);
                    }
                }
                prop_assert_eq!(settled(&table), before);
            }
            prop_assert!(table.half_open() <= half_open && table.len() <= flows);
            let counters = table.counters();
            prop_assert_eq!(counters.inserted() - ended, table.len() as u64);
        }
        prop_assert_eq!(expire_all(&mut table, secs(100_000)).len() as u64, table.counters().inserted() - ended);
        prop_assert_eq!((table.len(), table.half_open()), (0, 0));
    }
}
