//! What a message of neighbour discovery says about an address that is being checked, or is ours (RFC 4862
//! §5.4.3, §5.4.4; RFC 7527 §4.2).

use core::net::Ipv6Addr;

use waypost_wire::{Instant, MacAddr};

use super::{Dad, DadHeard, DadState};
use crate::neighbor::{NdpBody, NdpMessage, Nonce};

/// How many of the latest probes may come back.
const REMEMBERED: u32 = 8;

impl Dad<Ipv6Addr> {
    /// Takes in a checked message of the interface, from the moment when the check begins, ahead of the first
    /// solicitation too (RFC 4862 §5.4.2). `is_own` says which addresses of the link are ours.
    pub fn handle_ndp(
        &mut self,
        now: Instant,
        message: &NdpMessage,
        is_own: impl Fn(MacAddr) -> bool,
    ) -> DadHeard {
        match message.body {
            // RFC 4862 §5.4.3: with an address, it is somebody who wants to send to the owner.
            NdpBody::Solicitation { target, nonce, .. }
                if target == self.addr && self.is_checking() && message.source.is_unspecified() =>
            {
                if nonce.is_some_and(|nonce| self.is_ours(nonce)) {
                    self.total.echoes += 1;
                    self.echoed = true;
                    return DadHeard::Echo;
                }
                self.conflict(now, None);
                DadHeard::Conflict
            }
            // RFC 4862 §5.4.4
            NdpBody::Advertisement { target, mac, .. }
                if target == self.addr && self.state != DadState::Idle =>
            {
                if mac.is_some_and(is_own) {
                    self.total.echoes += 1;
                    return DadHeard::Echo;
                }
                self.conflict(now, mac);
                DadHeard::Conflict
            }
            _ => DadHeard::Nothing,
        }
    }

    /// Whether a nonce is of a probe of ours (RFC 7527 §4.2).
    fn is_ours(&self, nonce: Nonce) -> bool {
        let first = self.probes.saturating_sub(REMEMBERED) + 1;
        (first..=self.probes).any(|probe| self.nonce(probe) == nonce)
    }
}
