//! The machines of IP in pairs, over a simulated link that loses, delays, swaps and copies frames: what must be true
//! of two of them, whatever became of what they sent. A failing case is printed with its seed, from which it happens
//! again.
#![cfg(feature = "alloc")]

mod claims;
mod fragments;
mod nat;
mod neighbors;
mod wire;

use std::collections::VecDeque;

use proptest::prelude::*;
use waypost_sim::{Jitter, LinkConfig};
use waypost_wire::{Duration, Instant, MacAddr};

const fn mac(last: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, last])
}

const fn secs(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

/// Sends the first of the frames that wait, if there is one, as a core's `poll_output`.
fn send_first(waiting: &mut VecDeque<Vec<u8>>, out: &mut Vec<u8>) -> bool {
    let frame = waiting.pop_front();
    let any = frame.is_some();
    out.extend(frame.into_iter().flatten());
    any
}

prop_compose! {
    /// A link that loses frames, up to so many in a million, and does all else but damage them: most of what crosses here has no
    /// checksum but that of Ethernet.
    fn link(most_lost: u32)(
        loss_ppm in 0..=most_lost,
        delay in 0..50_u64,
        jitter in 0..50_u64,
        duplication_ppm in 0..300_000_u32,
        reordering_ppm in 0..300_000_u32,
        reordering in 0..100_u64,
    ) -> LinkConfig {
        LinkConfig {
            loss: waypost_sim::Loss::Random { ppm: loss_ppm },
            duplication_ppm,
            reordering_ppm,
            reordering_delay: Duration::from_millis(reordering),
            ..quick(delay, jitter)
        }
    }
}

/// A link that loses nothing, with a delay and jitter of so many milliseconds.
fn quick(delay: u64, jitter: u64) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(delay),
        jitter: Jitter::Uniform(Duration::from_millis(jitter)),
        keep_order: false,
        ..LinkConfig::ip()
    }
}
