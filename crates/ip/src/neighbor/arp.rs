//! ARP over the neighbour table: how packets are received (RFC 826 §reception), with the probes,
//! announcements and conflicts of RFC 5227.

use core::net::Ipv4Addr;

use waypost_wire::arp::{ArpHeader, ArpOperation};
use waypost_wire::{Instant, MacAddr};

use super::{Answer, Heard, NeighborStorage, NeighborTable, Own, State};

/// What an ARP packet meant.
#[derive(Clone, Copy, Debug)]
pub struct ArpOutcome {
    /// What it told about its sender.
    pub heard: Heard,
    /// The answer to send to [`ArpHeader::target_mac`], if it asked for an address of ours.
    pub reply: Option<ArpHeader>,
    /// Others may answer as well, so that the answer is to wait for a random time below
    /// [`MAX_ANYCAST_DELAY`](super::MAX_ANYCAST_DELAY): give it to an [`Announcer`](super::Announcer).
    pub delayed: bool,
}

impl ArpOutcome {
    const fn heard(heard: Heard) -> Self {
        Self {
            heard,
            reply: None,
            delayed: false,
        }
    }
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
        self.handle_arp_for(now, arp, own_mac, |addr| {
            is_own(addr).then_some(Own::Unicast)
        })
    }

    /// As [`handle_arp`](Self::handle_arp), where some addresses are ours in another way than alone.
    pub fn handle_arp_for(
        &mut self,
        now: Instant,
        arp: &ArpHeader,
        own_mac: MacAddr,
        own: impl Fn(Ipv4Addr) -> Option<Own>,
    ) -> ArpOutcome {
        let (sender, mac) = (arp.sender_ip(), arp.sender_mac());
        if mac == own_mac || sender.is_broadcast() {
            return ArpOutcome::heard(Heard::Ignored);
        }
        if own(sender).is_some_and(Own::is_exclusive) {
            // RFC 5227 §2.4: somebody else uses our address. Its packet teaches nothing else.
            return ArpOutcome::heard(Heard::Conflict);
        }
        // One that asks for its own address announces it, and wants no answer.
        let target = if arp.is_announcement() {
            None
        } else {
            own(arp.target_ip())
        };
        match arp.operation() {
            // RFC 826: a request for us enters its sender, any other only updates. A probe has no sender
            // address to learn (RFC 5227 §1.1), but is answered as any other (RFC 5227 §2.5): that defends the address.
            ArpOperation::REQUEST => {
                let answers = target.is_some() && mac.is_unicast();
                ArpOutcome {
                    heard: self.handle_request(now, sender, mac, target.is_some()),
                    reply: answers.then(|| ArpHeader::reply(own_mac, arp.target_ip(), mac, sender)),
                    delayed: answers && target.is_some_and(Own::is_shared),
                }
            }
            ArpOperation::REPLY => {
                let asked = matches!(self.state(sender), Some(State::Incomplete | State::Probe));
                let answer = Answer {
                    solicited: asked && target.is_some(),
                    overrides: true,
                };
                ArpOutcome::heard(self.handle_answer(now, sender, mac, answer))
            }
            _ => ArpOutcome::heard(Heard::Ignored),
        }
    }
}
