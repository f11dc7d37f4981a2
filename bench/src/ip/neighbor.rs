//! The fast path of the neighbour table, beside maps from address to MAC address.

use std::collections::HashMap;
use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use hashbrown::DefaultHashBuilder;
use waypost_ip::neighbor::{GrowingNeighbors, NeighborConfig, VecNeighborTable};
use waypost_wire::{Instant, Ip, MacAddr};

use super::pieces::{PIECE, one_by_one};
use super::routes::Random;
use super::{short, wants_any};
use crate::measure::{self, Settings};
use crate::report::Report;

const OURS: &str = "waypost";
const DEFAULT: &str = "hashbrown";
const SIP: &str = "std's HashMap (SipHash)";

/// A version of IP, as far as making up hosts of one link goes.
pub(super) trait Host: Ip {
    /// The address of a host of this number.
    fn host(number: u32) -> Self;
}

impl Host for Ipv4Addr {
    fn host(number: u32) -> Self {
        Self::from_bits(0x0a00_0000 | number & 0xff_ffff)
    }
}

impl Host for Ipv6Addr {
    fn host(number: u32) -> Self {
        Self::from_bits(0xfe80 << 112 | u128::from(number))
    }
}

/// Tables of these sizes, of one version.
pub(super) fn add<A: Host>(
    report: &mut Report,
    settings: &Settings,
    counts: &[usize],
) -> Result<(), Box<dyn Error>> {
    for &count in counts {
        let group = format!(
            "IPv{}, one of {} neighbours, look-up",
            A::VERSION,
            short(count)
        );
        if !wants_any(
            settings,
            std::slice::from_ref(&group),
            &[OURS, DEFAULT, SIP],
        ) {
            continue;
        }
        let config = NeighborConfig {
            neighbors: count,
            seed: 0x5eed,
            ..NeighborConfig::default()
        };
        let mut table: VecNeighborTable<A, ()> = VecNeighborTable::new(GrowingNeighbors, config);
        let hosts: Vec<(A, MacAddr)> = (1..=count as u32).map(host).collect();
        for (addr, mac) in &hosts {
            table.insert_static(Instant::ZERO, *addr, *mac);
        }
        let map: hashbrown::HashMap<_, _, DefaultHashBuilder> = hosts.iter().copied().collect();
        let sip: HashMap<_, _> = hosts.iter().copied().collect();
        let mut random = Random::new(17);
        let asked: Rc<[A]> = (0..4 * PIECE)
            .map(|_| hosts[random.below(count as u64) as usize].0)
            .collect();
        for addr in asked.iter() {
            let mac = table.lookup(*addr);
            if mac.is_none() || mac.as_ref() != map.get(addr) || mac.as_ref() != sip.get(addr) {
                return Err(format!("the tables do not agree about {addr}").into());
            }
        }
        let cases = vec![
            one_by_one(&group, OURS, &asked, move |addr| table.lookup(*addr)),
            one_by_one(&group, DEFAULT, &asked, move |addr| map.get(addr).copied()),
            one_by_one(&group, SIP, &asked, move |addr| sip.get(addr).copied()),
        ];
        report.add_rows(measure::take_turns(settings, cases)?);
    }
    Ok(())
}

fn host<A: Host>(number: u32) -> (A, MacAddr) {
    let [_, b, c, d] = number.to_be_bytes();
    (A::host(number), MacAddr::new([2, 0, 0, b, c, d]))
}
