//! Values of several parts.

use std::str::FromStr;

use waypost_sim::{FaultSchedule, units};
use waypost_wire::{Duration, Instant};

/// `2s..3s`, or `2s..` for all that is left of a run.
pub(crate) fn span(text: &str) -> Result<(Instant, Duration), String> {
    let wrong = || {
        format!("expected a span of time such as `2s..3s`, or `2s..` to the end, found `{text}`")
    };
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let duration = |text| units::duration(text).map_err(|error| error.to_string());
    let from = duration(from)?;
    let lasts = match to.trim() {
        "" => Duration::MAX,
        to => duration(to)?
            .checked_sub(from)
            .filter(|it| !it.is_zero())
            .ok_or_else(wrong)?,
    };
    Ok((Instant::ZERO + from, lasts))
}

/// One line of a schedule of faults, in the simulator's own words.
pub(crate) fn fault(line: &str) -> Result<FaultSchedule, String> {
    FaultSchedule::from_str(line).map_err(|error| error.what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_beginning() {
        let (at, lasts) = span("2s..3.5s").unwrap();
        assert_eq!((at.as_millis(), lasts.as_millis()), (2000, 1500));
        assert_eq!(span("2s ..").unwrap().1, Duration::MAX);
        for wrong in ["2s", "3s..2s", "2s..2s", "..2s", "2..3s"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
