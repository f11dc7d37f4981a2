//! What one direction of a link is like.

use std::sync::Arc;

use waypost_wire::Duration;

use crate::vlan;

/// What frames begin with, and what they cost beside their octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// An Ethernet header. On the wire a frame takes 24 octets more: preamble, check sequence and gap, as of IEEE 802.3.
    Ethernet,
    /// An IP header; nothing is added.
    Ip,
}

impl Framing {
    /// Octets of the link header.
    pub const fn header_len(self) -> usize {
        match self {
            Self::Ethernet => 14,
            Self::Ip => 0,
        }
    }
}

/// By how much the delay of a frame differs from that of the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// It is longer by a span from 0 to this one, each as likely.
    Uniform(Duration),
    /// It is longer or shorter, as of a normal distribution of this standard deviation, but never below 0.
    Normal(Duration),
}

/// Which frames vanish on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each with this probability, in parts per million.
    Random {
        /// Frames lost of a million.
        ppm: u32,
    },
    /// Frames are lost in bursts: the model of Gilbert (1960) and Elliott (1963). A link is good or bad, and may change
    /// between two frames; it is good when it gets this model. All are parts per million.
    Bursts {
        /// How likely a good link becomes bad.
        begin_ppm: u32,
        /// How likely a bad link becomes good: a burst lasts a million of frames, divided by this, on average.
        end_ppm: u32,
        /// Loss while the link is good.
        good_ppm: u32,
        /// Loss while the link is bad.
        bad_ppm: u32,
    },
    /// The frames of these numbers, in ascending order. The first frame that is sent in this direction has number 0.
    Numbers(Arc<[u64]>),
}

/// How much waits for the transmitter. What is being sent does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Frames that wait, at most.
    pub frames: usize,
    /// Octets of frames that wait, at most.
    pub octets: usize,
    /// Whether the oldest frame makes room for a new one, instead of the new one being dropped.
    pub drop_head: bool,
    /// Frames that find so many ahead of them are marked as having met congestion, if they are IP packets whose sender
    /// understands that (RFC 3168).
    pub mark_from: Option<usize>,
}

impl Default for Queue {
    /// A thousand frames, as Linux has, of any length; the new ones are dropped.
    fn default() -> Self {
        Self {
            frames: 1000,
            octets: usize::MAX,
            drop_head: false,
            mark_from: None,
        }
    }
}

/// What one direction of a link is like. By default it is perfect: no delay, as fast as can be, of any MTU.
///
/// ```
/// use waypost_sim::{Jitter, LinkConfig, Loss};
/// use waypost_wire::Duration;
///
/// let satellite = LinkConfig {
///     rate: Some(10_000_000),
///     delay: Duration::from_millis(280),
///     jitter: Jitter::Normal(Duration::from_millis(5)),
///     loss: Loss::Random { ppm: 1000 },
///     ..LinkConfig::ethernet()
/// };
/// assert_eq!(satellite.transmission_time(1514), Duration::from_nanos(1_230_400));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// What frames begin with.
    pub framing: Framing,
    /// Octets that each frame takes on the wire beside its own.
    pub overhead: usize,
    /// Bits that are sent in a second; `None` for a link on which sending takes no time. 0 sends nothing ever.
    pub rate: Option<u64>,
    /// From the last bit sent to the last bit received.
    pub delay: Duration,
    /// By how much the delay of a frame differs.
    pub jitter: Jitter,
    /// Whether frames arrive in the order in which they were sent in spite of the jitter: one that would overtake
    /// another arrives with it. Those that are held back (`reordering_ppm`) do not count.
    pub keep_order: bool,
    /// What waits while a frame is sent.
    pub queue: Queue,
    /// The longest packet above the link header, in octets. Longer ones are dropped. Two VLAN tags of Ethernet do not count.
    pub mtu: usize,
    /// Which frames vanish.
    pub loss: Loss,
    /// How many frames of a million arrive twice. The copy has a delay of its own.
    pub duplication_ppm: u32,
    /// How many frames of a million arrive damaged.
    pub corruption_ppm: u32,
    /// How many bits of a damaged frame are inverted.
    pub corrupted_bits: u32,
    /// How many frames of a million are held back, so that later ones overtake them.
    pub reordering_ppm: u32,
    /// For how long they are held back.
    pub reordering_delay: Duration,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self::ethernet()
    }
}

impl LinkConfig {
    /// A perfect link of Ethernet frames.
    pub fn ethernet() -> Self {
        Self {
            framing: Framing::Ethernet,
            overhead: 24,
            rate: None,
            delay: Duration::ZERO,
            jitter: Jitter::None,
            keep_order: true,
            queue: Queue::default(),
            mtu: usize::MAX,
            loss: Loss::None,
            duplication_ppm: 0,
            corruption_ppm: 0,
            corrupted_bits: 1,
            reordering_ppm: 0,
            reordering_delay: Duration::from_millis(1),
        }
    }

    /// A perfect link of IP packets.
    pub fn ip() -> Self {
        Self {
            framing: Framing::Ip,
            overhead: 0,
            ..Self::ethernet()
        }
    }

    /// How long the transmitter is busy with a frame of `len` octets, in whole nanoseconds, rounded up.
    #[inline]
    pub fn transmission_time(&self, len: usize) -> Duration {
        let Some(rate) = self.rate else {
            return Duration::ZERO;
        };
        let octets = len.saturating_add(self.overhead) as u64;
        // 64 bits do for frames of 2 MB.
        let nanos = match octets.checked_mul(8_000_000_000) {
            Some(scaled) if rate > 0 => scaled.div_ceil(rate),
            _ => u64::MAX,
        };
        Duration::from_nanos(nanos)
    }

    /// The longest frame without VLAN tags that crosses, in octets.
    #[inline]
    pub const fn frame_max(&self) -> usize {
        self.mtu.saturating_add(self.framing.header_len())
    }

    /// The longest frame that crosses, in octets.
    pub(crate) const fn tagged_frame_max(&self) -> usize {
        let tags = match self.framing {
            Framing::Ethernet => vlan::TAGS_MAX,
            Framing::Ip => 0,
        };
        self.frame_max().saturating_add(tags)
    }

    /// Whether a frame is not too long.
    #[inline]
    pub(crate) fn takes(&self, frame: &[u8]) -> bool {
        // Most are short enough, whatever they hold.
        frame.len() <= self.frame_max()
            || (self.framing == Framing::Ethernet
                && frame.len() - vlan::tags_len(frame) <= self.frame_max())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_on_the_wire_counts_the_overhead_and_is_rounded_up() {
        let gigabit = LinkConfig {
            rate: Some(1_000_000_000),
            ..LinkConfig::ethernet()
        };
        assert_eq!(gigabit.transmission_time(60), Duration::from_nanos(672));
        let odd = LinkConfig {
            rate: Some(3),
            ..LinkConfig::ip()
        };
        assert_eq!(
            odd.transmission_time(1),
            Duration::from_nanos(2_666_666_667)
        );
        let dead = LinkConfig {
            rate: Some(0),
            ..LinkConfig::ip()
        };
        assert_eq!(dead.transmission_time(1), Duration::MAX);
        assert_eq!(LinkConfig::ip().transmission_time(9), Duration::ZERO);
    }
}
