//! Figures over time.

use waypost_wire::Instant;

/// Points that a series has at most: beyond, it keeps every second, and from then on of what comes.
pub(crate) const POINTS_MAX: usize = 1 << 12;

/// A figure over time.
///
/// ```
/// use waypost_sim::Series;
/// use waypost_wire::Instant;
///
/// let mut queue = Series::new("queue", "frames");
/// queue.push(Instant::from_millis(1), 3.0);
/// assert_eq!(queue.points(), [(Instant::from_millis(1), 3.0)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    name: String,
    unit: &'static str,
    points: Vec<(Instant, f64)>,
    /// One in so many points is kept.
    stride: u64,
    seen: u64,
}

/// How far a series has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(usize, Option<(Instant, f64)>);

impl Series {
    /// A series without points.
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            unit,
            points: Vec::new(),
            stride: 1,
            seen: 0,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its values are counted in.
    pub const fn unit(&self) -> &'static str {
        self.unit
    }

    /// Adds a point, which is not before the last. A series of 4096 points forgets every second one, and goes on at half
    /// the density.
    pub fn push(&mut self, at: Instant, value: f64) {
        let kept = self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        if !kept {
            return;
        }
        if self.points.len() == POINTS_MAX {
            let mut odd = true;
            self.points.retain(|_| {
                odd = !odd;
                !odd
            });
            self.stride *= 2;
        }
        self.points.push((at, value));
    }

    /// Adds a point, for whoever sees to their number. Of points on a level line, the first and the last stay.
    pub(crate) fn push_level(&mut self, at: Instant, value: f64) {
        match self.points.as_mut_slice() {
            [.., (_, before), (last, same)] if *before == value && *same == value => *last = at,
            _ => self.points.push((at, value)),
        }
    }

    /// What [`back_to`](Self::back_to) goes back to.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.points.len(), self.points.last().copied())
    }

    /// Forgets what was added since.
    pub(crate) fn back_to(&mut self, Mark(len, last): Mark) {
        self.points.truncate(len);
        if let (Some(point), Some(last)) = (self.points.last_mut(), last) {
            *point = last;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.points.clear();
    }

    /// The same points under another name.
    pub(crate) fn renamed(&self, name: String) -> Self {
        Self {
            name,
            points: self.points.clone(),
            ..*self
        }
    }

    /// The points, in the order of time.
    pub fn points(&self) -> &[(Instant, f64)] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_keeps_its_shape_and_not_all_its_points() {
        let mut series = Series::new("s", "");
        for point in 0..1_000_000 {
            series.push(Instant::from_nanos(point), point as f64);
        }
        let points = series.points();
        assert!(points.len() <= POINTS_MAX && points.len() > POINTS_MAX / 4);
        let step = points[1].1 - points[0].1;
        assert!(points.windows(2).all(|pair| pair[1].1 - pair[0].1 == step));
        assert_eq!(points[0].1, 0.0);
    }
}
