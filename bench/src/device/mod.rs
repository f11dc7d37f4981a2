//! Packets from one virtual wire to another: a sender on one core, a forwarder on another.
//!
//! Nanoseconds are from one packet that arrives to the next: the sender may be the slower of the two. Cycles are those that the
//! forwarder's core was busy for each packet, its system calls included.

mod net;
mod worker;

use std::error::Error;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cycles;
use crate::machine;
use crate::measure::{self, Case, Sample, Settings};
use crate::report::{Report, Row};
use crate::testpmd::Testpmd;
use net::Wires;

const BATCH: usize = 64;
/// The group of the kernel's own forwarding.
const KERNEL: &str = "kernel";

/// Measures all of it.
pub(crate) fn run(settings: &Settings) -> Result<Report, Box<dyn Error>> {
    let cores = machine::cores();
    let (&first, &last) = cores.first().zip(cores.last()).ok_or("no core to run on")?;
    if first == last {
        return Err("one core: the sender would take the forwarder's time; two are needed".into());
    }
    let wires = Wires::new()?;
    let bench = Bench {
        wires: &wires,
        cores: (first, last),
        frame: wires.frame()?,
    };
    let case = |group: &str, name: &str, turn| Case {
        group: group.to_owned(),
        name: name.to_owned(),
        batch: BATCH,
        most: None,
        turn,
    };
    let mut cases = Vec::new();
    // As testpmd does: its driver drives an interface from its own calls where the kernel can.
    for (method, arguments, driver) in [
        ("AF_PACKET", "METHOD AF_PACKET", "net_af_packet"),
        (
            "AF_XDP",
            "METHOD AF_XDP, PEER FINISHES, BUSY_POLL 20",
            "net_af_xdp",
        ),
    ] {
        let bench = &bench;
        cases.push(case(
            method,
            "DPDK testpmd io",
            Box::new(move || bench.testpmd(driver)),
        ));
        cases.push(case(
            method,
            "waypost",
            Box::new(move || bench.waypost(method, arguments)),
        ));
    }
    cases.push(case(
        "kernel",
        "Linux forwards",
        Box::new(|| bench.kernel()),
    ));
    let mut report = measure::run(
        "device",
        "testpmd over the same driver",
        settings,
        cases,
        Vec::new(),
    )?;
    report.notes = beside_the_kernel(&report.rows);
    Ok(report)
}

/// The time of each packet as a share of the kernel's, which forwards on the same core.
fn beside_the_kernel(rows: &[Row]) -> Vec<String> {
    let Some(kernel) = rows.iter().find(|row| row.group == KERNEL) else {
        return Vec::new();
    };
    let others = rows.iter().filter(|row| row.group != KERNEL);
    others
        .map(|row| {
            let cycles = row.cycles.zip(kernel.cycles);
            format!(
                "{} over {}: {:.2} of the time and {:.2} of the cycles of Linux's own forwarding, on as many cores",
                row.name,
                row.group,
                row.nanoseconds / kernel.nanoseconds,
                cycles.map_or(f64::NAN, |(row, kernel)| row / kernel)
            )
        })
        .collect()
}

struct Bench<'a> {
    wires: &'a Wires,
    cores: (usize, usize),
    frame: Vec<u8>,
}

impl Bench<'_> {
    /// Sends while `forward` runs; says what that said.
    fn send<T>(&self, forward: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let data: String = self
            .frame
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        let text = format!(
            "InfiniteSource(DATA \\<{data}>, LIMIT -1) -> sink :: ToDevice(out0, METHOD AF_XDP)"
        );
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let sender = worker::run(scope, &self.wires.sender, self.cores.0, text, &stop);
            let said = forward();
            stop.store(true, Ordering::Relaxed);
            match sender.join() {
                Ok(sent) => sent.and(said),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn waypost(&self, method: &str, arguments: &str) -> Result<Sample, String> {
        let text = format!(
            "FromDevice(in0, PROMISC true, {arguments}) -> sink :: ToDevice(out0, METHOD {method})"
        );
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let forwarder = worker::run(scope, &self.wires.forwarder, self.cores.1, text, &stop);
            let counted = self.send(|| self.wires.count());
            stop.store(true, Ordering::Relaxed);
            let cycles = match forwarder.join() {
                Ok(cycles) => cycles?,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            Ok(Sample {
                nanoseconds: counted?,
                cycles: Some(cycles),
            })
        })
    }

    fn testpmd(&self, driver: &str) -> Result<Sample, String> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.wires.forwarder.namespace(), "stdbuf"]);
        let devices = [(0, "in0"), (1, "out0")]
            .map(|(at, interface)| format!("--vdev={driver}{at},iface={interface}"));
        let mut peer = Testpmd::start(command, self.cores, &devices)?;
        let (counted, cycles) = peer.forward("io", BATCH, || self.send(|| self.wires.count()))?;
        Ok(Sample {
            nanoseconds: counted?,
            cycles: Some(cycles),
        })
    }

    fn kernel(&self) -> Result<Sample, String> {
        let core = self.cores.1;
        self.wires.kernel_forwards(Some(1 << core))?;
        let counted = self.send(|| {
            let (before, begun) = (machine::busy(core)?, std::time::Instant::now());
            let nanoseconds = self.wires.count()?;
            let (after, elapsed) = (machine::busy(core)?, begun.elapsed());
            let share = (after - before) / elapsed.as_secs_f64();
            Ok((nanoseconds, nanoseconds * share))
        });
        self.wires.kernel_forwards(None)?;
        let (nanoseconds, busy) = counted?;
        Ok(Sample {
            nanoseconds,
            cycles: cycles::per_nanosecond().map(|rate| busy * rate),
        })
    }
}
