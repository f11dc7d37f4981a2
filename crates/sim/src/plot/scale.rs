//! Axes: round numbers, and prefixes of units.

/// Steps between two numbers of an axis are 1, 2 or 5 times a power of ten; so many of them are aimed at.
const TICKS: f64 = 5.0;

/// From a value to a place on an axis.
#[derive(Debug)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    step: f64,
    /// Numbers are told in units of so much, and this prefix.
    prefix: (f64, &'static str),
}

impl Scale {
    /// An axis over all these values, and 0 if that is asked.
    pub(super) fn over(values: impl Iterator<Item = f64>, from_zero: bool) -> Self {
        let bounds = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        // What is beyond all figures would leave no numbers to tell.
        let finite = values.filter(|value| value.abs() < 1e200);
        let (mut low, mut high) = finite.fold(none, bounds);
        if from_zero || low > high {
            (low, high) = bounds((low, high), 0.0);
        }
        if high - low <= (1e-12 * high.abs()).max(1e-200) {
            high = low + if low.abs() < 1e-100 { 1.0 } else { low.abs() };
        }
        let rough = (high - low) / TICKS;
        let mut power = 1.0;
        while power * 10.0 <= rough {
            power *= 10.0;
        }
        while power > rough {
            power /= 10.0;
        }
        let step = match rough / power {
            ..=1.0 => power,
            ..=2.0 => 2.0 * power,
            ..=5.0 => 5.0 * power,
            _ => 10.0 * power,
        };
        let (from, to) = ((low / step).floor() * step, (high / step).ceil() * step);
        let largest = from.abs().max(to.abs());
        let prefixes = [
            (1e9, "G"),
            (1e6, "M"),
            (1e3, "k"),
            (1.0, ""),
            (1e-3, "m"),
            (1e-6, "µ"),
        ];
        let fits = |(size, _): &&(f64, &str)| largest >= *size;
        let prefix = prefixes.iter().find(fits).copied();
        Self {
            from,
            to,
            step,
            prefix: prefix.unwrap_or((1e-9, "n")),
        }
    }

    /// From 0 at the beginning of the axis to 1 at its end.
    pub(super) fn place(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from)
    }

    /// Where numbers stand.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.to - self.from) / self.step).round() as u32;
        (0..=count).map(|tick| self.from + f64::from(tick) * self.step)
    }

    /// A number in units of [`unit`](Self::unit).
    pub(super) fn label(&self, tick: f64) -> String {
        number(tick / self.prefix.0)
    }

    /// The unit of the numbers. Units that have a prefix, and those of things that are counted, get none.
    pub(super) fn unit(&self, base: &str) -> String {
        match base {
            "s" | "bit/s" | "B/s" | "B" => format!("{}{base}", self.prefix.1),
            _ if self.prefix.1.is_empty() => base.to_owned(),
            _ => format!("{base} × {}", self.factor()),
        }
    }

    fn factor(&self) -> &'static str {
        match self.prefix.1 {
            "G" => "10⁹",
            "M" => "10⁶",
            "k" => "10³",
            "m" => "10⁻³",
            "µ" => "10⁻⁶",
            _ => "10⁻⁹",
        }
    }
}

/// Up to three decimals, as many as it takes.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], from_zero: bool) -> Vec<String> {
        let scale = Scale::over(values.iter().copied(), from_zero);
        scale.ticks().map(|tick| scale.label(tick)).collect()
    }

    #[test]
    fn numbers_are_round() {
        assert_eq!(labels(&[0.0, 10.0], false), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            labels(&[3.0, 97.0], true),
            ["0", "20", "40", "60", "80", "100"]
        );
        assert_eq!(
            labels(&[9.5e8], true),
            ["0", "0.2", "0.4", "0.6", "0.8", "1"]
        );
        assert_eq!(labels(&[-1.0, 0.2], false), ["-1", "-0.5", "0", "0.5"]);
        assert_eq!(labels(&[5.0, 5.0], false), ["5", "6", "7", "8", "9", "10"]);
        for odd in [
            1e-300,
            -1e-300,
            1e199,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::NAN,
        ] {
            assert!(labels(&[odd, -odd, 0.0], false).len() < 20);
        }
        assert_eq!(labels(&[], false), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
    }

    #[test]
    fn units_have_prefixes_where_they_can() {
        let unit = |value, base| Scale::over([value].into_iter(), true).unit(base);
        assert_eq!(unit(2e6, "bit/s"), "Mbit/s");
        assert_eq!(unit(0.003, "s"), "ms");
        assert_eq!(unit(30.0, "ms"), "ms");
        assert_eq!(unit(30e3, "frames"), "frames × 10³");
    }
}
