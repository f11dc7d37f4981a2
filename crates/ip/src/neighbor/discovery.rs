//! Neighbour discovery over the neighbour table: what its messages teach, and what is answered.

use core::net::Ipv6Addr;

use waypost_wire::{Instant, MacAddr};

use super::{
    ALL_NODES, Advertisement, Answer, Heard, NdpBody, NdpMessage, NeighborStorage, NeighborTable,
    Own, State,
};

/// What a message of neighbour discovery meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NdpOutcome {
    /// What it told about the neighbour it speaks of.
    pub heard: Heard,
    /// The answer, if it asked for an address of ours.
    pub reply: Option<Advertisement>,
    /// A neighbour that was a router is none any more: it is to leave the list of default routers, and the
    /// destinations behind it need another (RFC 4861 §7.2.5). One that does not answer any more is told by
    /// [`poll_gone_router`](NeighborTable::poll_gone_router).
    pub router_lost: Option<Ipv6Addr>,
}

impl NdpOutcome {
    const IGNORED: Self = Self::heard(Heard::Ignored);

    const fn heard(heard: Heard) -> Self {
        Self {
            heard,
            reply: None,
            router_lost: None,
        }
    }
}

impl<P, S: NeighborStorage<Ipv6Addr, P>> NeighborTable<Ipv6Addr, P, S> {
    /// Takes in a checked message that came in on the interface whose link address is `own_mac`; `own` says
    /// in what way an address is ours, `is_router` whether we are a router here.
    ///
    /// A message without an address on the link enters nobody and moves nobody (RFC 4861 §7.2, §9).
    ///
    /// An address that is still tentative is not ours yet: its [`Dad`](super::Dad) takes the message
    /// instead. Redirects need to know more: [`handle_redirect`](Self::handle_redirect).
    pub fn handle_ndp(
        &mut self,
        now: Instant,
        message: &NdpMessage,
        own_mac: MacAddr,
        is_router: bool,
        own: impl Fn(Ipv6Addr) -> Option<Own>,
    ) -> NdpOutcome {
        let is_conflict = || own(message.source).is_some_and(Own::is_exclusive);
        match message.body {
            NdpBody::Solicitation { target, mac, .. } => {
                // RFC 4861 §7.2.3
                let Some(kind) = own(target) else {
                    return NdpOutcome::IGNORED;
                };
                if mac == Some(own_mac) {
                    return NdpOutcome::IGNORED;
                }
                if is_conflict() {
                    return NdpOutcome::heard(Heard::Conflict);
                }
                let heard = match mac {
                    Some(mac) => self.handle_request(now, message.source, mac, true),
                    None => Heard::Ignored,
                };
                NdpOutcome {
                    heard,
                    reply: Some(answer(message, target, mac, is_router, kind)),
                    router_lost: None,
                }
            }
            NdpBody::Advertisement { target, mac, .. } => {
                if mac == Some(own_mac) {
                    return NdpOutcome::IGNORED;
                }
                match own(target) {
                    // Ours, yet somebody else says that he has it (RFC 4862 §5.4.4 leaves open what to do).
                    Some(own) if own.is_exclusive() => NdpOutcome::heard(Heard::Conflict),
                    _ => self.advertised(now, target, &message.body),
                }
            }
            // RFC 4861 §6.2.6: a host discards it. To a router it says that the sender is none.
            NdpBody::RouterSolicitation { .. } if !is_router => NdpOutcome::IGNORED,
            NdpBody::RouterSolicitation { mac } | NdpBody::RouterAdvertisement { mac } => {
                if mac == Some(own_mac) {
                    return NdpOutcome::IGNORED;
                }
                // RFC 4861 §6.2.6, §6.3.4: what the sender is counts with or without an address on the link.
                let heard = match mac {
                    Some(_) if is_conflict() => return NdpOutcome::heard(Heard::Conflict),
                    Some(mac) => self.handle_request(now, message.source, mac, true),
                    None => Heard::Ignored,
                };
                let is_router = matches!(message.body, NdpBody::RouterAdvertisement { .. });
                self.told(heard, message.source, is_router)
            }
            NdpBody::Redirect { .. } => NdpOutcome::IGNORED,
        }
    }

    /// Takes in what a redirect tells about its target (RFC 4861 §8.3), which is to be believed only if
    /// `is_first_hop` says that packets for a destination (the second) go to the router (the first) now.
    /// `None` if it is not: then the list of destinations must not follow it either. A router does not call
    /// this (RFC 4861 §8.2).
    pub fn handle_redirect(
        &mut self,
        now: Instant,
        message: &NdpMessage,
        is_first_hop: impl FnOnce(Ipv6Addr, Ipv6Addr) -> bool,
    ) -> Option<Heard> {
        let NdpBody::Redirect {
            target,
            destination,
            mac,
        } = message.body
        else {
            return None;
        };
        if !is_first_hop(message.source, destination) {
            return None;
        }
        let heard = match mac {
            Some(mac) => self.handle_request(now, target, mac, true),
            None => Heard::Ignored,
        };
        if target != destination {
            self.set_router(target, true);
        }
        Some(heard)
    }

    /// Says that a neighbour is a router or none; whether it was one before and is none now.
    pub fn set_router(&mut self, addr: Ipv6Addr, router: bool) -> bool {
        let Some(index) = self.index.entry(addr) else {
            return false;
        };
        match self.entries.slab.at_mut(index) {
            Some(entry) => core::mem::replace(&mut entry.router, router) && !router,
            None => false,
        }
    }

    /// RFC 4861 §7.2.5.
    fn advertised(&mut self, now: Instant, target: Ipv6Addr, body: &NdpBody) -> NdpOutcome {
        let NdpBody::Advertisement {
            mac,
            router,
            solicited,
            overrides,
            ..
        } = *body
        else {
            return NdpOutcome::IGNORED;
        };
        let known = self
            .index
            .entry(target)
            .and_then(|index| self.state_and_mac(index));
        let mac = match (mac, known) {
            (Some(mac), Some(_)) => mac,
            // Without an address it says only that the one that we know is right.
            (None, Some((state, known))) if state != State::Incomplete => known,
            _ => return NdpOutcome::IGNORED,
        };
        let answer = Answer {
            solicited,
            overrides,
        };
        match self.handle_answer(now, target, mac, answer) {
            // Nothing else is taken from one that may not override.
            heard @ (Heard::Conflict | Heard::Ignored) => NdpOutcome::heard(heard),
            heard => self.told(heard, target, router),
        }
    }

    fn told(&mut self, heard: Heard, addr: Ipv6Addr, router: bool) -> NdpOutcome {
        NdpOutcome {
            heard,
            reply: None,
            router_lost: self.set_router(addr, router).then_some(addr),
        }
    }
}

/// The answer to a solicitation (RFC 4861 §7.2.4, §7.2.7, §7.2.8).
fn answer(
    message: &NdpMessage,
    target: Ipv6Addr,
    mac: Option<MacAddr>,
    router: bool,
    own: Own,
) -> Advertisement {
    let asked_by_nobody = message.source.is_unspecified();
    Advertisement {
        target,
        to: if asked_by_nobody {
            ALL_NODES
        } else {
            message.source
        },
        mac: mac.filter(|mac| mac.is_unicast()),
        router,
        solicited: !asked_by_nobody,
        overrides: own == Own::Unicast,
        // One that asks us alone has chosen already.
        delayed: own.is_shared() && message.destination.is_multicast(),
    }
}
