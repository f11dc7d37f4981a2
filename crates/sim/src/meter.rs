//! Figures of a link over time.

use waypost_wire::{Duration, Instant};

use crate::series::{Mark, POINTS_MAX};
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
    sides: [Direction; 2],
}

/// What an interval has seen.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    octets: u64,
    queued_max: usize,
}

#[derive(Debug)]
struct Direction {
    interval: Duration,
    rate: Series,
    queue: Series,
    /// Intervals that are over.
    cells: Vec<Cell>,
    /// The one that is not.
    open: Cell,
    /// How many wait, as far as is known.
    queued: usize,
    /// The interval that is not over has points, which are not its last: how far the series came before.
    before: Option<[Mark; 2]>,
}

impl LinkMeter {
    /// Measures in intervals of this length, at least a nanosecond: rates are averages, and of queues it is the longest. When
    /// there are 4096 intervals, two and two become one of twice the length.
    pub fn new(interval: Duration) -> Self {
        let side = |name: &str| Direction {
            interval: interval.max(Duration::from_nanos(1)),
            rate: Series::new(format!("rate {name}"), "bit/s"),
            queue: Series::new(format!("queue {name}"), "frames"),
            cells: Vec::new(),
            open: Cell::default(),
            queued: 0,
            before: None,
        };
        Self {
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

    /// Measures up to now, the interval that is not over yet included. A simulation that has run until a time has done so
    /// itself; it may go on after this.
    pub fn finish(&mut self, now: Instant) {
        for side in &mut self.sides {
            side.finish(now);
        }
    }
}

impl Direction {
    /// When the interval begins that is not over.
    fn begin(&self) -> Instant {
        Instant::ZERO + self.interval * self.cells.len() as u64
    }

    /// Closes the intervals that are over.
    fn close(&mut self, now: Instant) {
        if let Some([rate, queue]) = self.before.take() {
            self.rate.back_to(rate);
            self.queue.back_to(queue);
        }
        loop {
            let end = self.begin() + self.interval;
            // The end of all times ends no interval.
            if now < end || end == Instant::MAX {
                return;
            }
            let over = std::mem::take(&mut self.open);
            self.open.queued_max = self.queued;
            self.cells.push(over);
            if self.cells.len() < POINTS_MAX {
                self.point(end, over, self.interval);
            } else {
                self.halve();
            }
        }
    }

    /// Lets two and two intervals be one.
    fn halve(&mut self) {
        let (pairs, _) = self.cells.as_chunks::<2>();
        let sum = |[a, b]: &[Cell; 2]| Cell {
            octets: a.octets + b.octets,
            queued_max: a.queued_max.max(b.queued_max),
        };
        self.cells = pairs.iter().map(sum).collect();
        self.interval = self.interval * 2;
        self.rate.clear();
        self.queue.clear();
        let mut end = Instant::ZERO;
        for number in 0..self.cells.len() {
            end += self.interval;
            self.point(end, self.cells[number], self.interval);
        }
    }

    fn point(&mut self, at: Instant, cell: Cell, length: Duration) {
        let rate = cell.octets as f64 * 8.0 / length.as_secs_f64();
        self.rate.push_level(at, rate);
        self.queue.push_level(at, cell.queued_max as f64);
    }

    fn finish(&mut self, now: Instant) {
        self.close(now);
        let begin = self.begin();
        if now > begin {
            self.before = Some([self.rate.mark(), self.queue.mark()]);
            self.point(now, self.open, now - begin);
        }
    }
}

impl Observer for LinkMeter {
    fn see(&mut self, seen: &Seen<'_>) {
        let direction = &mut self.sides[seen.side as usize];
        direction.close(seen.at);
        if seen.fate == Fate::Delivered {
            direction.open.octets += seen.octets.len() as u64;
        }
        direction.queued = seen.queued_frames;
        direction.open.queued_max = direction.open.queued_max.max(seen.queued_frames);
    }

    fn reached(&mut self, now: Instant) {
        self.finish(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, LinkConfig, LinkId, Node, Output, Simulation};

    fn see(meter: &mut LinkMeter, millis: u64, queued_frames: usize) {
        meter.see(&Seen {
            at: Instant::from_millis(millis),
            link: LinkId(0),
            side: Side::A,
            number: 0,
            fate: Fate::Delivered,
            octets: &[0; 125],
            queued_frames,
            queued_octets: 0,
        });
    }

    fn points(series: &Series) -> Vec<(u64, u64)> {
        let points = series.points().iter();
        points
            .map(|(at, value)| (at.as_millis(), *value as u64))
            .collect()
    }

    #[test]
    fn quiet_intervals_make_a_line_of_two_points() {
        let mut meter = LinkMeter::new(Duration::from_secs(1));
        for at in [100, 200, 1500, 9500] {
            see(&mut meter, at, 2);
        }
        let rates = [(1000, 2000), (2000, 1000), (3000, 0), (9000, 0)];
        assert_eq!(points(meter.rate(Side::A)), rates);
        assert_eq!(points(meter.queue(Side::A)), [(1000, 2), (9000, 2)]);
        assert!(meter.rate(Side::B).points().is_empty());
    }

    #[test]
    fn the_last_interval_is_told_and_may_go_on() {
        let run = |stops: &[u64]| {
            let mut meter = LinkMeter::new(Duration::from_secs(1));
            see(&mut meter, 100, 3);
            for stop in stops {
                meter.finish(Instant::from_millis(*stop));
            }
            see(&mut meter, 5600, 1);
            meter.finish(Instant::from_millis(7500));
            [Side::A, Side::B].map(|side| (points(meter.rate(side)), points(meter.queue(side))))
        };
        let whole = run(&[]);
        let rates = [
            (1000, 1000),
            (2000, 0),
            (5000, 0),
            (6000, 1000),
            (7000, 0),
            (7500, 0),
        ];
        assert_eq!(whole[0].0, rates);
        assert_eq!(whole[0].1, [(1000, 3), (6000, 3), (7000, 1), (7500, 1)]);
        assert_eq!(whole[1].0, [(1000, 0), (7500, 0)]);
        assert_eq!(run(&[100, 500, 1000, 1001, 3500, 3600, 5599]), whole);
        // A run that is shorter than an interval is no empty drawing.
        let mut meter = LinkMeter::new(Duration::from_secs(1));
        see(&mut meter, 100, 0);
        meter.finish(Instant::from_millis(500));
        assert_eq!(points(meter.rate(Side::A)), [(500, 2000)]);
    }

    #[test]
    fn no_peak_vanishes_in_a_long_run() {
        let mut meter = LinkMeter::new(Duration::from_millis(1));
        for at in 0..100_000 {
            see(&mut meter, at, if at == 12_345 { 77 } else { 1 });
        }
        meter.finish(Instant::from_millis(100_000));
        let queue = points(meter.queue(Side::A));
        assert_eq!(queue.iter().filter(|point| point.1 == 77).count(), 1);
        // All intervals have the same rate, and all the time is there.
        assert_eq!(meter.rate(Side::A).points().len(), 2);
        assert_eq!(queue.last(), Some(&(100_000, 1)));
        assert!(meter.sides[0].cells.len() <= POINTS_MAX);
        // A long silence is no long computation.
        meter.finish(Instant::from_secs(1 << 32));
        meter.finish(Instant::MAX);
    }

    #[test]
    fn the_longest_queue_is_that_of_the_counters_with_a_delay_too() {
        struct Burst;
        impl Node for Burst {
            fn receive(&mut self, _: Instant, _: usize, _: Frame, _: &mut Output<'_>) {}
            fn poll(&mut self, _: Instant, out: &mut Output<'_>) {
                (0..10).for_each(|_| out.send(0, Frame::zeroed(1000)));
            }
        }
        let mut net = Simulation::new(1);
        let [a, b] = ["a", "b"].map(|name| net.add(name, Burst).unwrap());
        let config = LinkConfig {
            rate: Some(1_000_000),
            delay: Duration::from_millis(100),
            ..LinkConfig::ip()
        };
        let wire = net.connect("wire", a, b, config).unwrap();
        let meter = LinkMeter::new(Duration::from_secs(10));
        let meter = net.observe(&[wire], meter).unwrap();
        net.run_until(Instant::from_secs(1)).unwrap();
        let queue = net.observer::<LinkMeter>(meter).unwrap().queue(Side::A);
        assert_eq!(points(queue), [(1000, 9)]);
        assert_eq!(net.counters(wire, Side::A).unwrap().queued_max, 9);
    }
}
