//! What an ARP packet says about an address that is being checked, or is ours (RFC 5227).

use core::net::Ipv4Addr;

use waypost_wire::arp::{ArpHeader, ArpOperation};
use waypost_wire::{Instant, MacAddr};

use super::{Dad, DadHeard, DadState};

impl Dad<Ipv4Addr> {
    /// Takes in an ARP packet of the interface. `is_own` says which addresses of the link are ours, those of
    /// other interfaces too, which may be on the same link.
    pub fn handle_arp(
        &mut self,
        now: Instant,
        arp: &ArpHeader,
        is_own: impl Fn(MacAddr) -> bool,
    ) -> DadHeard {
        if self.state == DadState::Idle
            || !matches!(arp.operation(), ArpOperation::REQUEST | ArpOperation::REPLY)
        {
            return DadHeard::Nothing;
        }
        // RFC 5227 §2.1.1, §2.4: another uses it. While it is checked, another who checks it counts as well.
        let uses = arp.sender_ip() == self.addr;
        let wants = self.is_checking() && arp.is_probe() && arp.target_ip() == self.addr;
        if !(uses || wants) {
            return DadHeard::Nothing;
        }
        if is_own(arp.sender_mac()) {
            self.total.echoes += 1;
            return DadHeard::Echo;
        }
        self.conflict(now, Some(arp.sender_mac()));
        DadHeard::Conflict
    }
}
