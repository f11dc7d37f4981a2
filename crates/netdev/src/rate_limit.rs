//! A device that sends no faster than a rate.
//!
//! Credit is counted in billionths of an octet, which one nanosecond at one octet a second earns, so no
//! refill is ever rounded, and nothing drifts.

use core::fmt;

use waypost_wire::{Duration, Instant};

use crate::observed::{ObservedTx, Watch};
use crate::{Capabilities, DeviceError, FrameMeta, Medium, NetDev};

/// Credit for one octet: nanoseconds in a second.
const OCTET: u64 = 1_000_000_000;
/// Octets of two VLAN tags, which a frame may have beyond its MTU and link header (IEEE 802.1ad).
const TAGS: usize = 8;

/// A device that sends at most `burst + rate × span` octets over any span of time, by a token bucket:
/// it has room only while there are tokens for the longest frame of its MTU, and drops nothing.
///
/// Octets are those of frames: no preamble, no checksum of the link, no tag beside the octets. Frames are
/// received without limit. Super-segments, which would leave as bursts, are not taken.
#[derive(Debug)]
pub struct RateLimit<D> {
    device: D,
    bucket: Bucket,
}

impl<D: NetDev> RateLimit<D> {
    /// Limits what `device` sends to `rate` octets a second, and to `burst` octets at once, which are there
    /// at the start. At rate 0, the first burst is all that is ever sent.
    ///
    /// # Errors
    /// The burst is shorter than the longest frame, so that frame could never be sent.
    pub fn new(device: D, rate: u64, burst: u32) -> Result<Self, BurstTooShort> {
        let Capabilities { medium, mtu, .. } = device.capabilities();
        let link = match medium {
            Medium::Ethernet(_) => medium.header_len() + TAGS,
            Medium::Ip => 0,
        };
        let longest = mtu.saturating_add(link);
        match u32::try_from(longest) {
            Ok(needed) if needed <= burst => {
                let bucket = Bucket::new(rate, burst, needed);
                Ok(Self { device, bucket })
            }
            _ => Err(BurstTooShort { burst, longest }),
        }
    }

    /// The first instant from `now` on at which there are tokens for another frame, or `None` if that is
    /// never: at rate 0, or beyond the end of time.
    ///
    /// The device's own [`Wakeup`](crate::Wakeup) knows nothing of tokens: who waits for room waits for this as well.
    pub fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        self.bucket.ready_at(now)
    }

    /// Frames that were not sent because they were longer than the MTU allows.
    pub const fn too_long(&self) -> u64 {
        self.bucket.too_long
    }

    /// The device within.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// The device within. What is sent on it directly takes no tokens.
    pub const fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// The device, no longer limited.
    pub fn into_device(self) -> D {
        self.device
    }
}

impl<D: NetDev> NetDev for RateLimit<D> {
    type RxFrame<'a> = D::RxFrame<'a>;
    type TxFrame<'a> = ObservedTx<'a>;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.device.capabilities();
        capabilities.offloads.tcp_segmentation = false;
        capabilities.offloads.udp_segmentation = false;
        capabilities
    }

    fn receive(
        &mut self,
        now: Instant,
        max: usize,
        each: impl FnMut(D::RxFrame<'_>),
    ) -> Result<usize, DeviceError> {
        self.device.receive(now, max, each)
    }

    fn transmit(
        &mut self,
        now: Instant,
        max: usize,
        mut each: impl FnMut(ObservedTx<'_>),
    ) -> Result<usize, DeviceError> {
        if max == 0 {
            // The device tries what it has.
            return self.device.transmit(now, 0, |_| ());
        }
        let mut count = 0;
        // Frames shorter than the longest leave tokens for more: hence again.
        while count < max {
            let asked = self.bucket.frames(now).min(max - count);
            if asked == 0 {
                break;
            }
            let Self { device, bucket } = self;
            let sent = device.transmit(now, asked, |room| {
                each(ObservedTx::new(&mut Some(room), bucket));
            })?;
            count += sent;
            if sent < asked {
                break;
            }
        }
        Ok(count)
    }

    fn room(&mut self, now: Instant) -> usize {
        self.device.room(now).min(self.bucket.frames(now))
    }

    crate::forward!(device: unsent, counted, overruns, wants_memory, wakeup, register);
}

/// A rate limit that could never send its longest frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstTooShort {
    /// The burst that was asked for, in octets.
    pub burst: u32,
    /// The longest frame of the device, in octets: its MTU, its link header and two VLAN tags.
    pub longest: usize,
}

impl fmt::Display for BurstTooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { burst, longest } = self;
        write!(
            f,
            "a burst of {burst} octets never lets a frame of {longest} octets pass: allow more"
        )
    }
}

impl core::error::Error for BurstTooShort {}

#[derive(Debug)]
struct Bucket {
    /// Octets a second.
    rate: u64,
    /// Most credit kept.
    capacity: u64,
    credit: u64,
    updated: Instant,
    /// Octets of the longest frame.
    longest: u32,
    too_long: u64,
}

impl Bucket {
    /// A full bucket. What it would have earned before its first use could not be kept.
    const fn new(rate: u64, burst: u32, longest: u32) -> Self {
        // Below 2⁶²: 2³² × 10⁹ < 2⁶².
        let capacity = burst as u64 * OCTET;
        Self {
            rate,
            capacity,
            credit: capacity,
            updated: Instant::ZERO,
            longest,
            too_long: 0,
        }
    }

    /// For how many frames of any length there are tokens.
    fn frames(&mut self, now: Instant) -> usize {
        self.refill(now);
        let frames = self.credit.checked_div(self.price_of_longest());
        frames.map_or(usize::MAX, |frames| {
            usize::try_from(frames).unwrap_or(usize::MAX)
        })
    }

    fn ready_at(&mut self, now: Instant) -> Option<Instant> {
        self.refill(now);
        let missing = self.price_of_longest().saturating_sub(self.credit);
        match (missing, self.rate) {
            (0, _) => Some(now),
            (_, 0) => None,
            (missing, rate) => {
                let wait = Duration::from_nanos(missing.div_ceil(rate));
                self.updated.checked_add(wait)
            }
        }
    }

    fn price_of_longest(&self) -> u64 {
        u64::from(self.longest) * OCTET
    }

    /// Earns the credit since the last call. A `now` before that earns nothing and moves nothing.
    fn refill(&mut self, now: Instant) {
        let Some(span) = now.checked_duration_since(self.updated) else {
            return;
        };
        self.updated = now;
        let earned = u128::from(span.as_nanos()) * u128::from(self.rate);
        let room = self.capacity - self.credit;
        // What does not fit 64 bits does not fit the room either.
        self.credit += u64::try_from(earned).map_or(room, |earned| earned.min(room));
    }
}

impl Watch for Bucket {
    fn limit(&self) -> usize {
        self.longest as usize
    }

    fn too_long(&mut self) {
        self.too_long += 1;
    }

    fn sent(&mut self, octets: &[u8], _: &FrameMeta) {
        // Room was offered for the longest frame only while there were tokens for it.
        self.credit = self.credit.saturating_sub(octets.len() as u64 * OCTET);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loopback, TxFrame};

    const fn at(ns: u64) -> Instant {
        Instant::from_nanos(ns)
    }

    /// A device of frames up to 100 octets.
    fn limited(rate: u64, burst: u32) -> RateLimit<Loopback<8, 120>> {
        let device = Loopback::new(Medium::Ip).with_mtu(100);
        RateLimit::new(device, rate, burst).expect("the burst is a frame at least")
    }

    fn send(device: &mut RateLimit<Loopback<8, 120>>, now: Instant, len: usize) -> usize {
        let each = |slot: ObservedTx<'_>| slot.send(len, FrameMeta::default(), |_| ());
        let sent = device.transmit(now, 8, each).unwrap_or_default();
        assert_eq!(device.receive(now, 8, |_| ()), Ok(sent));
        sent
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut device = limited(1000, 300);
        assert_eq!(device.room(at(0)), 3);
        assert_eq!(send(&mut device, at(0), 100), 3);
        assert_eq!(device.ready_at(at(0)), Some(at(100_000_000)));
        assert_eq!(device.room(at(99_999_999)), 0);
        assert_eq!(send(&mut device, at(99_999_999), 100), 0);
        assert_eq!(send(&mut device, at(100_000_000), 100), 1);
        assert_eq!(device.room(at(u64::MAX)), 3);
    }

    #[test]
    fn short_frames_use_the_tokens_up_to_less_than_the_longest() {
        let mut device = limited(1000, 300);
        // 60 octets × 4 leave 60, which is too little for any frame.
        assert_eq!(send(&mut device, at(0), 60), 4);
        assert_eq!(device.ready_at(at(0)), Some(at(40_000_000)));
    }

    #[test]
    fn hours_at_an_odd_rate_lose_nothing() {
        let (rate, step, steps) = (1009, 7_333_333, 5_000_000);
        let mut device = limited(rate, 200);
        let mut octets = 0;
        for now in (0..=steps).map(|n| n * step) {
            octets += 97 * send(&mut device, at(now), 97) as u64;
        }
        let allowed = 200 + rate * (step * steps) / OCTET;
        assert!(step * steps > 10 * 3600 * OCTET);
        assert!(
            (allowed - 100..=allowed).contains(&octets),
            "{octets} of {allowed}"
        );
    }

    #[test]
    fn rates_and_spans_without_end() {
        let mut device = limited(u64::MAX, u32::MAX);
        assert_eq!(send(&mut device, at(u64::MAX), 100), 8);
        assert_eq!(send(&mut device, at(0), 100), 8);
        assert_eq!(device.ready_at(Instant::MAX), Some(Instant::MAX));
        let mut none = limited(0, 100);
        assert_eq!(send(&mut none, at(0), 100), 1);
        assert_eq!((none.room(Instant::MAX), none.ready_at(at(1))), (0, None));
        let mut slow = limited(1, 100);
        assert_eq!(send(&mut slow, Instant::MAX, 100), 1);
        assert_eq!(slow.ready_at(Instant::MAX), None);
    }

    #[test]
    fn what_could_never_pass_is_refused() {
        let device = || Loopback::<1, 1514>::new(Medium::Ip);
        let error = RateLimit::new(device(), 1, 1513).map(drop);
        let (burst, longest) = (1513, 1514);
        assert_eq!(error, Err(BurstTooShort { burst, longest }));
        assert!(RateLimit::new(device(), 1, 1514).is_ok());
    }

    #[test]
    fn frames_beyond_the_mtu_are_counted_and_cost_nothing() {
        let mut device = limited(1, 100);
        assert_eq!(send(&mut device, at(0), 101), 0);
        assert_eq!((device.too_long(), device.room(at(0))), (1, 1));
    }
}
