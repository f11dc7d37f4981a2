//! ARP over the neighbour table: RFC 826's reception, with the probes, announcements and conflicts of
//! RFC 5227.

use core::net::Ipv4Addr;

use waypost_wire::arp::{ArpHeader, ArpOperation};
use waypost_wire::{Instant, MacAddr};

use super::{Answer, Heard, NeighborStorage, NeighborTable, State};

/// What an ARP packet meant.
#[derive(Clone, Copy, Debug)]
pub struct ArpOutcome {
    /// What it told about its sender.
    pub heard: Heard,
    /// The answer to send to [`ArpHeader::target_mac`], if it asked for an address of ours.
    pub reply: Option<ArpHeader>,
}

impl<P, S: NeighborStorage<Ipv4Addr, P>> NeighborTable<Ipv4Addr, P, S> {
    /// Takes in an ARP packet that came in on the interface whose addresses are `own_mac` and those for
    /// which `is_own` says yes.
    ///
    /// A reply counts as solicited while its sender is being asked; any other only corrects what is known.
    pub fn handle_arp(
        &mut self,
        now: Instant,
        arp: &ArpHeader,
        own_mac: MacAddr,
        is_own: impl Fn(Ipv4Addr) -> bool,
    ) -> ArpOutcome {
        let (sender, mac) = (arp.sender_ip(), arp.sender_mac());
        let ignored = ArpOutcome {
            heard: Heard::Ignored,
            reply: None,
        };
        if mac == own_mac || sender.is_broadcast() {
            return ignored;
        }
        if is_own(sender) {
            // RFC 5227 §2.4: somebody else uses our address. Its packet teaches nothing else.
            return ArpOutcome {
                heard: Heard::Conflict,
                reply: None,
            };
        }
        let for_us = is_own(arp.target_ip());
        match arp.operation() {
            // RFC 826: a request for us enters its sender, any other only updates. A probe has no sender
            // address to learn (RFC 5227 §1.1), but is answered: that defends the address.
            ArpOperation::REQUEST => ArpOutcome {
                heard: self.handle_request(now, sender, mac, for_us),
                reply: (for_us && mac.is_unicast() && !mac.is_zero())
                    .then(|| ArpHeader::reply(own_mac, arp.target_ip(), mac, sender)),
            },
            ArpOperation::REPLY => {
                let asked = matches!(self.state(sender), Some(State::Incomplete | State::Probe));
                let answer = Answer {
                    solicited: asked && for_us,
                    overrides: true,
                };
                ArpOutcome {
                    heard: self.handle_answer(now, sender, mac, answer),
                    reply: None,
                }
            }
            _ => ignored,
        }
    }
}
