//! The flow table through its public interface.
#![cfg(feature = "alloc")]

mod limits;
mod model;
mod table;
mod tcp;

use std::net::Ipv4Addr;

use waypost_ip::flow::{
    Direction, Ended, FlowId, FlowKey, FlowRefusal, FlowState, Found, VecFlowTable,
};
use waypost_wire::{Instant, IpProtocol, SeqNumber, TcpFlags, TcpHeader};

type Key = FlowKey<Ipv4Addr>;
type Table = VecFlowTable<Ipv4Addr, u32>;

const fn secs(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn addr(last: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + last)
}

fn udp(source: u32, port: u16) -> Key {
    FlowKey::new(
        IpProtocol::UDP,
        (addr(source), port),
        (Ipv4Addr::new(192, 0, 2, 1), 53),
    )
}

fn tcp(source: u32, port: u16) -> Key {
    let mut key = udp(source, port);
    key.protocol = IpProtocol::TCP;
    key
}

fn segment(flags: TcpFlags, sequence: u32, acknowledgment: u32) -> TcpHeader {
    let [sequence, acknowledgment] = [sequence, acknowledgment].map(SeqNumber::new);
    TcpHeader::new(1, 2, sequence, acknowledgment, flags, 0)
}

fn syn() -> TcpHeader {
    segment(TcpFlags::SYN, 100, 0)
}

fn insert(table: &mut Table, now: Instant, key: Key, data: u32) -> Result<FlowId, FlowRefusal> {
    let header = syn();
    let header = (key.protocol == IpProtocol::TCP).then_some(&header);
    Ok(table.insert(now, key, key.reversed(), header, data)?.id)
}

/// A TCP connection with its handshake complete.
fn connect(table: &mut Table, now: Instant, key: Key, data: u32) -> FlowId {
    let id = insert(table, now, key, data).unwrap();
    let mut pass = |direction, header| table.packet(now, Found { id, direction }, Some(&header));
    pass(
        Direction::Reply,
        segment(TcpFlags::SYN | TcpFlags::ACK, 900, 101),
    );
    let state = pass(Direction::Original, segment(TcpFlags::ACK, 101, 901));
    assert_eq!(state, Some(FlowState::Established));
    id
}

fn expire_all(table: &mut Table, now: Instant) -> Vec<Ended<Ipv4Addr, u32>> {
    let mut all = Vec::new();
    loop {
        all.extend(std::iter::from_fn(|| table.expire(now)));
        if table.poll_timeout().is_none_or(|next| next > now) {
            return all;
        }
    }
}
