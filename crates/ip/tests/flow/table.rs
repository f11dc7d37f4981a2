//! The flow table: every limit, batches, and a flood of forged SYNs.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr};

use waypost_ip::flow::{
    Direction, EndReason, FixedFlows, FlowConfig, FlowId, FlowKey, FlowRefusal, FlowState,
    FlowTable, FlowTimeouts, Found, GrowingFlows,
};
use waypost_wire::{Duration, Instant, IpProtocol, TcpFlags};

use super::*;

#[test]
fn both_keys_find_the_flow_and_its_direction() {
    let mut table = Table::new(GrowingFlows, FlowConfig::default());
    let original = udp(1, 4000);
    let external = (Ipv4Addr::new(198, 51, 100, 1), 7000);
    let reply = FlowKey::new(IpProtocol::UDP, (original.destination, 53), external);
    let id = table.insert(secs(0), original, reply, None, 9).unwrap().id;
    for (key, direction) in [(original, Direction::Original), (reply, Direction::Reply)] {
        assert_eq!(table.lookup(&key), Some(Found { id, direction }));
        assert_eq!(table.lookup(&key.in_zone(1)), None);
    }
    assert_eq!(table.lookup(&original.reversed()), None);
    let flow = table.flow(id).unwrap();
    assert_eq!(flow.rewritten(Direction::Original), reply.reversed());
    assert_eq!(flow.rewritten(Direction::Reply), original.reversed());
    *table.data_mut(id).unwrap() += 1;
    let ended = table.remove(id).unwrap();
    assert_eq!((ended.data, ended.reason), (10, EndReason::Removed));
    assert_eq!(
        (table.lookup(&original), table.lookup(&reply)),
        (None, None)
    );
    assert!(table.flow(id).is_none() && table.data_mut(id).is_none());
    assert_eq!(table.remove(id), None);
    let direction = Direction::Original;
    assert_eq!(table.packet(secs(0), Found { id, direction }, None), None);
}

#[test]
fn a_key_names_one_flow() {
    let mut table = Table::new(GrowingFlows, FlowConfig::default());
    let key = udp(1, 1);
    insert(&mut table, secs(0), key, 0).unwrap();
    let other = udp(2, 1);
    for (original, reply) in [
        (key, other.reversed()),
        (other, key.reversed()),
        (key.reversed(), other),
        (other, other),
    ] {
        let refused = table.insert(secs(0), original, reply, None, 0);
        assert_eq!(refused.unwrap_err(), FlowRefusal::KeyInUse);
    }
    assert_eq!(table.counters().refused(FlowRefusal::KeyInUse), 4);
    assert_eq!(
        (table.len(), table.flows_of_source(other.source, 0)),
        (1, 0)
    );
}

#[test]
fn packets_put_off_the_end_without_touching_the_timer() {
    let mut table = Table::new(GrowingFlows, FlowConfig::default());
    let key = udp(1, 1);
    insert(&mut table, secs(0), key, 0).unwrap();
    let back = table.lookup(&key.reversed()).unwrap();
    assert_eq!(table.poll_timeout(), Some(secs(120)));
    assert_eq!(
        table.packet(secs(100), back, None),
        Some(FlowState::Established)
    );
    let forth = table.lookup(&key).unwrap();
    table.packet(secs(110), forth, None);
    assert_eq!(table.poll_timeout(), Some(secs(120)));
    assert_eq!(expire_all(&mut table, secs(120)), []);
    assert_eq!(table.poll_timeout(), Some(secs(410)));
    let ended = expire_all(&mut table, secs(410));
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (ended[0].reason, ended[0].last_seen),
        (EndReason::Expired, secs(110))
    );
    assert_eq!((table.len(), table.poll_timeout()), (0, None));
}

#[test]
fn udp_mappings_live_two_minutes_at_least_and_five_by_default() {
    let mut table = Table::new(GrowingFlows, FlowConfig::default());
    insert(&mut table, secs(0), udp(1, 1), 0).unwrap();
    insert(&mut table, secs(0), udp(2, 1), 0).unwrap();
    let answered = table.lookup(&udp(2, 1).reversed()).unwrap();
    table.packet(secs(0), answered, None);
    assert_eq!(expire_all(&mut table, secs(119)), []);
    assert_eq!(expire_all(&mut table, secs(120)).len(), 1);
    assert_eq!(expire_all(&mut table, secs(299)), []);
    assert_eq!(expire_all(&mut table, secs(300)).len(), 1);
}

#[test]
fn outbound_packets_refresh_the_mapping() {
    let mut table = Table::new(GrowingFlows, FlowConfig::default());
    insert(&mut table, secs(0), udp(1, 1), 0).unwrap();
    for minute in 1..30 {
        let outbound = table.lookup(&udp(1, 1)).unwrap();
        table.packet(secs(60 * minute), outbound, None);
        assert_eq!(expire_all(&mut table, secs(60 * minute)), []);
    }
}

#[test]
fn tcp_times_are_those_of_its_states() {
    let mut table = Table::new(GrowingFlows, FlowConfig::default());
    let half_open = insert(&mut table, secs(0), tcp(1, 1), 1).unwrap();
    let closed = connect(&mut table, secs(0), tcp(2, 1), 2);
    let reset = connect(&mut table, secs(0), tcp(3, 1), 3);
    let open = connect(&mut table, secs(0), tcp(4, 1), 4);
    let fin = segment(TcpFlags::FIN | TcpFlags::ACK, 101, 901);
    for direction in [Direction::Original, Direction::Reply] {
        table.packet(
            secs(10),
            Found {
                id: closed,
                direction,
            },
            Some(&fin),
        );
    }
    let direction = Direction::Reply;
    let rst = segment(TcpFlags::RST, 901, 0);
    table.packet(
        secs(20),
        Found {
            id: reset,
            direction,
        },
        Some(&rst),
    );
    assert_eq!(table.half_open(), 1);
    let mut ends = Vec::new();
    while let Some(now) = table.poll_timeout() {
        let ended = expire_all(&mut table, now);
        ends.extend(ended.into_iter().map(|ended| (now, ended.id)));
    }
    let expected = [
        (secs(240), half_open),
        (secs(250), closed),
        (secs(260), reset),
        (secs(7440), open),
    ];
    assert_eq!(ends, expected);
}

#[test]
fn icmp_queries_live_a_minute() {
    let mut table = Table::new(GrowingFlows, FlowConfig::default());
    let key = FlowKey::echo_request(addr(1), addr(2), 77);
    insert(&mut table, secs(0), key, 0).unwrap();
    let reply = table.lookup(&key.reversed()).unwrap();
    assert_eq!(reply.direction, Direction::Reply);
    table.packet(secs(0), reply, None);
    assert_eq!(expire_all(&mut table, secs(59)), []);
    assert_eq!(expire_all(&mut table, secs(60)).len(), 1);
}

#[test]
fn a_source_has_its_share_and_no_more() {
    let config = FlowConfig {
        per_source: 2,
        ..FlowConfig::default()
    };
    let mut table = Table::new(GrowingFlows, config);
    let first = insert(&mut table, secs(0), udp(1, 1), 0).unwrap();
    insert(&mut table, secs(0), udp(1, 2), 0).unwrap();
    let refused = insert(&mut table, secs(0), udp(1, 3), 0);
    assert_eq!(refused, Err(FlowRefusal::SourceLimit));
    insert(&mut table, secs(0), udp(2, 1), 0).unwrap();
    insert(&mut table, secs(0), udp(1, 3).in_zone(1), 0).unwrap();
    assert_eq!((table.flows_of_source(addr(1), 0), table.sources()), (2, 3));
    table.remove(first);
    insert(&mut table, secs(0), udp(1, 3), 0).unwrap();
    assert_eq!(table.counters().refused(FlowRefusal::SourceLimit), 1);
}

#[test]
fn a_host_of_ipv6_is_its_whole_prefix() {
    let config = FlowConfig {
        per_source: 2,
        ..FlowConfig::default()
    };
    let storage = FixedFlows::<_, (), 14, 5, 28>::new();
    let mut table = FlowTable::new(storage, config);
    assert_eq!(table.limit(), 14);
    let mut insert = |network: u128, host: u128| {
        let source = Ipv6Addr::from_bits(network << 64 | host);
        let key = FlowKey::new(IpProtocol::TCP, (source, 1), (Ipv6Addr::LOCALHOST, 2));
        let inserted = table.insert(secs(0), key, key.reversed(), None, ());
        let direction = Direction::Reply;
        let found = table.lookup(&key.reversed());
        assert_eq!(
            found.is_some_and(|found| found.direction == direction),
            inserted.is_ok()
        );
        inserted.map(drop)
    };
    assert_eq!(insert(7, 1), Ok(()));
    assert_eq!(insert(7, 2), Ok(()));
    assert_eq!(insert(7, 3), Err(FlowRefusal::SourceLimit));
    assert_eq!(insert(8, 3), Ok(()));
}

#[test]
fn a_full_table_gives_up_what_is_needed_least() {
    let config = FlowConfig {
        flows: 4,
        tcp_idle_before_eviction: Duration::from_secs(120),
        ..FlowConfig::default()
    };
    let mut table = Table::new(GrowingFlows, config);
    let idle = connect(&mut table, secs(0), tcp(1, 1), 0);
    let closing = connect(&mut table, secs(0), tcp(2, 1), 0);
    let half_open = insert(&mut table, secs(1), tcp(3, 1), 0).unwrap();
    let busy = connect(&mut table, secs(2), tcp(4, 1), 0);
    let direction = Direction::Original;
    let rst = segment(TcpFlags::RST, 101, 0);
    table.packet(
        secs(3),
        Found {
            id: closing,
            direction,
        },
        Some(&rst),
    );
    table.packet(
        secs(119),
        Found {
            id: busy,
            direction,
        },
        None,
    );

    let mut evicted = |source| {
        let key = tcp(source, 1);
        let ack = segment(TcpFlags::ACK, 1, 1);
        let inserted = table.insert(secs(120), key, key.reversed(), Some(&ack), 0)?;
        let direction = Direction::Reply;
        table.packet(
            secs(120),
            Found {
                id: inserted.id,
                direction,
            },
            Some(&ack),
        );
        Ok(inserted.evicted.map(|ended| (ended.id, ended.reason)))
    };
    assert_eq!(
        evicted(5),
        Ok(Some((half_open, EndReason::EvictedHalfOpen)))
    );
    assert_eq!(evicted(6), Ok(Some((closing, EndReason::EvictedClosing))));
    assert_eq!(evicted(7), Ok(Some((idle, EndReason::EvictedIdle))));
    assert_eq!(evicted(8), Err(FlowRefusal::TableFull));
    assert_eq!(table.counters().refused(FlowRefusal::TableFull), 1);
    assert!(table.flow(busy).is_some());
}

/// RFC 4787 §4.3 and RFC 5382 §5: two minutes of silence, and of a connection two hours and four minutes.
#[test]
fn a_full_table_gives_up_no_connection_before_a_nat_may() {
    let config = FlowConfig {
        flows: 2,
        timeouts: FlowTimeouts {
            tcp_established: Duration::from_secs(100_000),
            udp: Duration::from_secs(100_000),
            ..FlowTimeouts::default()
        },
        ..FlowConfig::default()
    };
    let mut table = Table::new(GrowingFlows, config);
    let connection = connect(&mut table, secs(0), tcp(1, 1), 0);
    let mut answered = |now, source| {
        let key = udp(source, 1);
        let inserted = table.insert(now, key, key.reversed(), None, 0)?;
        let direction = Direction::Reply;
        let id = inserted.id;
        table.packet(now, Found { id, direction }, None);
        let evicted = inserted.evicted.map(|ended| (ended.id, ended.reason));
        Ok((id, evicted))
    };
    let (first, _) = answered(secs(0), 2).unwrap();
    assert_eq!(answered(secs(119), 3), Err(FlowRefusal::TableFull));
    let (second, evicted) = answered(secs(120), 4).unwrap();
    assert_eq!(evicted, Some((first, EndReason::EvictedIdle)));
    // What is no connection goes first, also where a connection was silent for longer.
    let (third, evicted) = answered(secs(7439), 5).unwrap();
    assert_eq!(evicted, Some((second, EndReason::EvictedIdle)));
    assert_eq!(answered(secs(7439), 6), Err(FlowRefusal::TableFull));
    let (_, evicted) = answered(secs(7440), 7).unwrap();
    assert_eq!(evicted, Some((connection, EndReason::EvictedIdle)));
    assert!(table.flow(third).is_some());
}

/// A million SYNs from forged sources against 64 Ki flows: the connections that were there are served all
/// the time, a new one gets through, memory is what it was, and everything is counted.
#[test]
fn a_flood_of_syns_leaves_connections_alone() {
    const FLOOD: u32 = 1_000_000;
    let config = FlowConfig {
        seed: 0x5eed,
        ..FlowConfig::default()
    };
    let mut table = Table::new(GrowingFlows, config);
    let connections: Vec<FlowId> = (0..1000)
        .map(|n| connect(&mut table, secs(0), tcp(n, 1), n))
        .collect();
    let mut oldest = VecDeque::new();
    for n in 0..FLOOD {
        let now = Instant::from_micros(u64::from(n));
        let forged = tcp(0x1_0000 + n, 7);
        let header = syn();
        let inserted = table
            .insert(now, forged, forged.reversed(), Some(&header), n)
            .unwrap();
        oldest.push_back(inserted.id);
        let evicted = inserted.evicted.map(|ended| (ended.id, ended.reason));
        let expected = (oldest.len() > config.half_open)
            .then(|| (oldest.pop_front().unwrap(), EndReason::EvictedHalfOpen));
        assert_eq!(evicted, expected);
        if n % 1000 == 0 {
            let number = n / 1000;
            let found = table.lookup(&tcp(number, 1).reversed()).unwrap();
            assert_eq!(found.id, connections[number as usize]);
            let data = segment(TcpFlags::ACK, 901, 101);
            let state = table.packet(now, found, Some(&data));
            assert_eq!(state, Some(FlowState::Established));
        }
    }
    assert_eq!(table.len(), 1000 + config.half_open);
    assert_eq!(
        (table.half_open(), table.sources()),
        (config.half_open, 1000 + config.half_open)
    );
    let now = secs(1);
    connect(&mut table, now, tcp(5000, 1), 0);
    let counters = table.counters();
    assert_eq!(counters.inserted(), u64::from(FLOOD) + 1001);
    let evicted = u64::from(FLOOD) + 1 - config.half_open as u64;
    assert_eq!(counters.ended(EndReason::EvictedHalfOpen), evicted);
    for reason in FlowRefusal::ALL {
        assert_eq!(counters.refused(reason), 0);
    }
    // Nothing is left behind: all forged ones end after four minutes, and the table is as it was.
    assert_eq!(
        expire_all(&mut table, secs(300)).len(),
        config.half_open - 1
    );
    assert_eq!((table.len(), table.sources()), (1001, 1001));
    assert!(connections.iter().all(|id| table.flow(*id).is_some()));
}

/// However many timers fired early, one call sets a few of them again and says that it is to be called again.
#[test]
fn timers_are_set_again_in_slices() {
    let config = FlowConfig {
        half_open: 20_000,
        flows: 20_000,
        ..FlowConfig::default()
    };
    let mut table = Table::new(GrowingFlows, config);
    for n in 0..10_000 {
        insert(&mut table, secs(0), udp(n, 1), n).unwrap();
        let found = table.lookup(&udp(n, 1)).unwrap();
        table.packet(secs(100), found, None);
    }
    let now = secs(130);
    let mut calls = 0;
    while table.poll_timeout().is_some_and(|next| next <= now) {
        assert_eq!(table.expire(now), None);
        calls += 1;
    }
    assert!((39..100).contains(&calls), "{calls}");
    assert_eq!(table.poll_timeout(), Some(secs(220)));
    assert_eq!(expire_all(&mut table, secs(220)).len(), 10_000);
}

#[test]
fn batches_of_any_length_find_what_single_look_ups_find() {
    let config = FlowConfig {
        flows: 3000,
        half_open: 3000,
        ..FlowConfig::default()
    };
    let mut table = Table::new(GrowingFlows, config);
    for n in 0..3000 {
        insert(&mut table, secs(0), udp(n, 1), n).unwrap();
    }
    let keys: Vec<Key> = (0..4000)
        .map(|n| {
            if n % 3 == 0 {
                udp(n, 1).reversed()
            } else {
                udp(n, 1)
            }
        })
        .collect();
    for len in [0, 1, 31, 32, 63, 64, 65, 200, 4000] {
        let mut found = vec![None; len];
        table.lookup_batch(&keys, &mut found);
        let single: Vec<Option<Found>> =
            keys.iter().take(len).map(|key| table.lookup(key)).collect();
        assert_eq!(found, single);
        assert_eq!(found.iter().flatten().count(), len.min(3000));
    }
}
