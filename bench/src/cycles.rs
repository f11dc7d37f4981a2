//! The processor's own clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Ticks of the time-stamp counter since some moment; 0 where there is none.
#[inline(always)]
pub(crate) fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 processor has the instruction, and no precondition.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        0
    }
}

/// Ticks in a nanosecond, measured once against the operating system's clock; `None` without a counter.
pub(crate) fn per_nanosecond() -> Option<f64> {
    static RATE: OnceLock<Option<f64>> = OnceLock::new();
    *RATE.get_or_init(|| {
        let (begun, from) = (Instant::now(), now());
        while begun.elapsed() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        let (elapsed, ticks) = (begun.elapsed().as_nanos() as f64, now() - from);
        (ticks > 0).then_some(ticks as f64 / elapsed)
    })
}
