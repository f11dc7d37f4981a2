//! What a reader on another core sees of a writer: its longest batch while a wide route comes and goes.

use std::cell::RefCell;
use std::error::Error;
use std::hint::{black_box, spin_loop};
use std::rc::Rc;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use waypost_ip::fib::Fib;
use waypost_wire::Prefix;

use super::pieces::case;
use super::routes::{Random, Routed, Routes, prefix};
use super::table::{Ours, Table, next_hop};
use super::{short, wants_any};
use crate::machine;
use crate::measure::{self, Sample, Settings};
use crate::report::Report;

const BATCH: usize = 64;
/// How long the reader is watched in one turn.
const WINDOW: Duration = Duration::from_millis(5);
/// Batches before it is watched.
const WARM_UP: usize = 256;
const NAMES: [&str; 2] = ["nobody writes", "the route comes and goes"];

/// A reader of a table of these routes.
pub(super) fn add<A: Routed>(
    report: &mut Report,
    settings: &Settings,
    routes: &Routes<A>,
    cores: (usize, usize),
) -> Result<(), Box<dyn Error>>
where
    Prefix<A>: FromStr,
{
    let [wide, _] = A::WIDE;
    let table = format!("IPv{}, {} routes", A::VERSION, short(routes.count()));
    let group = format!("{table}, longest batch of a reader within 5 ms, beside {wide}");
    if !wants_any(settings, std::slice::from_ref(&group), &NAMES) {
        return Ok(());
    }
    if cores.0 == cores.1 {
        let why = "one core: a reader beside a writer needs two";
        report.missing.push(format!("{group}: {why}"));
        return Ok(());
    }
    let wide = prefix::<A>(wide)?;
    let mut random = Random::new(13);
    let scene = Rc::new(RefCell::new(Scene {
        fib: Ours::build(routes)?.fib,
        addrs: (0..1 << 16).map(|_| A::within(wide, &mut random)).collect(),
        wide,
        core: cores.0,
    }));
    let mut all = Vec::new();
    let cases = NAMES.into_iter().zip([false, true]).map(|(name, writes)| {
        let times = Rc::new(RefCell::new(Vec::new()));
        all.push((name, times.clone()));
        let scene = scene.clone();
        case(&group, name, BATCH, move || {
            let seen = scene.borrow_mut().watch(writes)?;
            let longest = seen.iter().copied().max().unwrap_or(0);
            times.borrow_mut().extend(seen);
            Ok(Sample {
                nanoseconds: longest as f64,
                cycles: None,
            })
        })
    });
    let cases = cases.collect();
    report.add_rows(measure::take_turns(settings, cases)?);
    let group = format!("{table}, all batches of that reader");
    for (name, times) in all {
        report.add_spread(&group, name, times.take());
    }
    Ok(())
}

/// A table, and what is asked of it.
struct Scene<A: Routed> {
    fib: Fib<A>,
    addrs: Vec<A>,
    wide: Prefix<A>,
    /// Where the reader runs.
    core: usize,
}

impl<A: Routed> Scene<A> {
    /// How long each batch of a reader took, in nanoseconds.
    fn watch(&mut self, writes: bool) -> Result<Vec<u64>, String> {
        let reader = self.fib.reader();
        let (addrs, core) = (&self.addrs, self.core);
        let (reads, stop) = (&AtomicBool::new(false), &AtomicBool::new(false));
        let (written, seen) = std::thread::scope(|scope| {
            let seen = scope.spawn(move || {
                machine::pin(core);
                // As many as can be had in the window, so that nothing has to grow.
                let mut seen = Vec::with_capacity(1 << 16);
                let mut hops = [None; BATCH];
                for (number, batch) in addrs.chunks_exact(BATCH).cycle().enumerate() {
                    if number == WARM_UP {
                        seen.clear();
                        reads.store(true, Ordering::Release);
                    }
                    let begun = Instant::now();
                    reader.lookup_batch(batch, &mut hops);
                    black_box(&hops);
                    seen.push(begun.elapsed().as_nanos() as u64);
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
                seen
            });
            while !reads.load(Ordering::Acquire) && !seen.is_finished() {
                spin_loop();
            }
            let begun = Instant::now();
            let mut written = Ok(());
            while begun.elapsed() < WINDOW && written.is_ok() {
                if writes {
                    written = Self::write(&mut self.fib, self.wide);
                } else {
                    spin_loop();
                }
            }
            stop.store(true, Ordering::Relaxed);
            (written, seen.join())
        });
        written?;
        seen.or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn write(fib: &mut Fib<A>, wide: Prefix<A>) -> Result<(), String> {
        fib.insert(wide, next_hop(1)?)
            .map_err(|full| full.to_string())?;
        fib.remove(wide).map_err(|full| full.to_string())?;
        Ok(())
    }
}
