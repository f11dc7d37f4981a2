//! The flow table's limits under TCP: floods of RSTs, connections that open again, and
//! any segments in any order.

use proptest::prelude::*;
use waypost_ip::flow::{
    Direction, EndReason, FlowConfig, FlowId, FlowRefusal, FlowState, Found, GrowingFlows,
};
use waypost_wire::{Instant, TcpFlags};

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
