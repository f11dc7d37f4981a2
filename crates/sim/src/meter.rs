//! Figures of a link over time.

use waypost_wire::{Duration, Instant};

use crate::{Fate, Observer, Seen, Series, Side};

/// An observer that measures one link: for each side, the rate of what is delivered of its frames, and how many wait.
///
/// ```
/// use waypost_sim::{Frame, LinkConfig, LinkMeter, Node, Output, Side, Simulation};
/// use waypost_wire::{Duration, Instant};
///
/// struct Burst;
///
/// impl Node for Burst {
///     fn receive(&mut self, _: Instant, _: usize, _: Frame, _: &mut Output<'_>) {}
///     fn poll(&mut self, _: Instant, out: &mut Output<'_>) {
///         (0..10).for_each(|_| out.send(0, Frame::zeroed(1000)));
///     }
/// }
///
/// let mut net = Simulation::new(1);
/// let (a, b) = (net.add("a", Burst)?, net.add("b", Burst)?);
/// let wire = net.connect("wire", a, b, LinkConfig { rate: Some(1_000_000), ..LinkConfig::ip() })?;
/// let meter = net.observe(&[wire], LinkMeter::new(Duration::from_millis(20)))?;
/// net.run_until(Instant::from_secs(1))?;
/// let meter = net.observer::<LinkMeter>(meter).unwrap();
/// // Two frames of 8000 bits in 20 ms.
/// assert_eq!(meter.rate(Side::A).points()[1].1, 800_000.0);
/// assert_eq!(meter.queue(Side::A).points().iter().map(|(_, frames)| *frames as u32).max(), Some(9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LinkMeter {
    interval: Duration,
    sides: [Direction; 2],
}

#[derive(Debug)]
struct Direction {
    rate: Series,
    queue: Series,
    /// Where the interval begins that is measured.
    begin: Instant,
    octets: u64,
    queued_max: usize,
}

impl LinkMeter {
    /// Measures in intervals of this length, at least a nanosecond: rates are averages, and of queues it is the longest. The
    /// interval that is not over yet is not told.
    pub fn new(interval: Duration) -> Self {
        let side = |name: &str| Direction {
            rate: Series::new(format!("rate {name}"), "bit/s"),
            queue: Series::new(format!("queue {name}"), "frames"),
            begin: Instant::ZERO,
            octets: 0,
            queued_max: 0,
        };
        Self {
            interval: interval.max(Duration::from_nanos(1)),
            sides: [side("A"), side("B")],
        }
    }

    /// Bits of frames that a side sent, and that were delivered, in a second. Framing is not counted.
    pub const fn rate(&self, side: Side) -> &Series {
        &self.sides[side as usize].rate
    }

    /// The most frames of a side that waited.
    pub const fn queue(&self, side: Side) -> &Series {
        &self.sides[side as usize].queue
    }
}

impl Direction {
    /// Closes the intervals that are over.
    fn close(&mut self, now: Instant, interval: Duration, queued: usize) {
        let end = self.begin + interval;
        if now < end {
            return;
        }
        let rate = self.octets as f64 * 8.0 / interval.as_secs_f64();
        self.rate.push(end, rate);
        self.queue.push(end, self.queued_max as f64);
        (self.octets, self.queued_max) = (0, queued);
        // Of intervals in which nothing happened, the first and the last make the line.
        let quiet = (now - end).as_nanos() / interval.as_nanos();
        self.begin = end + interval * quiet;
        let mut ends = [end + interval, self.begin];
        ends.sort_unstable();
        for at in ends.into_iter().take(quiet.min(2) as usize) {
            self.rate.push(at, 0.0);
            self.queue.push(at, queued as f64);
        }
    }
}

impl Observer for LinkMeter {
    fn see(&mut self, seen: &Seen<'_>) {
        let interval = self.interval;
        let direction = &mut self.sides[seen.side as usize];
        direction.close(seen.at, interval, seen.queued_frames);
        if seen.fate == Fate::Delivered {
            direction.octets += seen.octets.len() as u64;
        }
        direction.queued_max = direction.queued_max.max(seen.queued_frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkId;

    #[test]
    fn quiet_intervals_make_a_line_of_two_points() {
        let mut meter = LinkMeter::new(Duration::from_secs(1));
        let mut see = |millis| {
            meter.see(&Seen {
                at: Instant::from_millis(millis),
                link: LinkId(0),
                side: Side::A,
                number: 0,
                fate: Fate::Delivered,
                octets: &[0; 125],
                queued_frames: 2,
                queued_octets: 250,
            });
        };
        [100, 200, 1500, 9500].into_iter().for_each(&mut see);
        let points = meter.rate(Side::A).points();
        let points: Vec<_> = points
            .iter()
            .map(|(at, rate)| (at.as_millis(), *rate as u64))
            .collect();
        assert_eq!(points, [(1000, 2000), (2000, 1000), (3000, 0), (9000, 0)]);
        assert!(meter.rate(Side::B).points().is_empty());
    }
}
