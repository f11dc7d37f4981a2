//! DPDK's testpmd as a peer: one process that forwards between two of its devices whenever it is told to.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::cycles;
use crate::measure::Sample;

/// How long it forwards in one turn.
const TURN: Duration = Duration::from_millis(40);

/// A running testpmd.
pub(crate) struct Testpmd {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Testpmd {
    /// Starts one over two null devices with frames of 60 octets, which are written if `write`. It
    /// waits on the first core and forwards on the second.
    pub(crate) fn null(cores: (usize, usize), write: bool) -> Result<Self, String> {
        let devices =
            [0, 1].map(|at| format!("--vdev=net_null{at},size=60,copy={}", i32::from(write)));
        Self::start(Command::new("stdbuf"), cores, &devices)
    }

    /// Starts one over two devices of DPDK's own description, by a command that runs `stdbuf`, such as one in a namespace.
    pub(crate) fn start(
        mut command: Command,
        cores: (usize, usize),
        devices: &[String; 2],
    ) -> Result<Self, String> {
        // Through a pipe it would keep its answers to itself until a block of them is full.
        let mut process = command
            .args(["-oL", "dpdk-testpmd"])
            .arg(format!("-l{},{}", cores.0, cores.1))
            .arg(format!("--main-lcore={}", cores.0))
            .args([
                "--no-huge",
                "-m192",
                "--no-pci",
                "--no-telemetry",
                "--no-shconf",
            ])
            .arg(format!("--file-prefix=waypost-{}", std::process::id()))
            .args(devices)
            .args(["--", "-i", "--nb-cores=1", "--record-core-cycles"])
            .arg("--total-num-mbufs=16384")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("dpdk-testpmd (Debian: dpdk-dev): {error}"))?;
        let (Some(commands), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("dpdk-testpmd: no pipes to talk through".to_owned());
        };
        let mut this = Self {
            process,
            commands,
            answers: BufReader::new(answers),
        };
        // An answer shows that it has come up.
        this.say("show config fwd")?;
        this.answer("packet forwarding - ports")?;
        Ok(this)
    }

    fn say(&mut self, command: &str) -> Result<(), String> {
        writeln!(self.commands, "{command}").map_err(|error| format!("dpdk-testpmd: {error}"))
    }

    /// Reads until a line that contains `what`.
    fn answer(&mut self, what: &str) -> Result<String, String> {
        let mut line = String::new();
        loop {
            line.clear();
            match self.answers.read_line(&mut line) {
                Ok(0) => {
                    return Err(format!(
                        "dpdk-testpmd ended before it said `{what}`; it needs 200 MB of free memory"
                    ));
                }
                Ok(_) if line.contains(what) => return Ok(line),
                Ok(_) => {}
                Err(error) => return Err(format!("dpdk-testpmd: {error}")),
            }
        }
    }

    /// Forwards for a while; `mode` is `io` (nothing is looked at) or `mac` (the Ethernet addresses are written).
    pub(crate) fn turn(&mut self, mode: &str, batch: usize) -> Result<Sample, String> {
        let ((), cycles) = self.forward(mode, batch, || std::thread::sleep(TURN))?;
        let rate = cycles::per_nanosecond().ok_or("no cycle counter here")?;
        Ok(Sample {
            nanoseconds: cycles / rate,
            cycles: Some(cycles),
        })
    }

    /// Forwards while `during` runs; says what that said, and how many cycles a packet took, not counting looks at empty devices.
    pub(crate) fn forward<T>(
        &mut self,
        mode: &str,
        batch: usize,
        during: impl FnOnce() -> T,
    ) -> Result<(T, f64), String> {
        self.say(&format!("set burst {batch}"))?;
        self.say(&format!("set fwd {mode}"))?;
        self.say("start")?;
        self.answer("packet forwarding packets/burst")?;
        let said = during();
        self.say("stop")?;
        let line = self.answer("CPU cycles/packet=")?;
        let cycles = line
            .split_once("CPU cycles/packet=")
            .and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<f64>().ok())
            .ok_or_else(|| format!("dpdk-testpmd: expected cycles, found `{}`", line.trim()))?;
        Ok((said, cycles))
    }
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        let _ = self.say("quit");
        let _ = self.process.wait();
    }
}
