//! The network that a topology text describes, built, and run to its end.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use waypost::simulated::{Capture, GraphNode};
use waypost_sim::{
    Disturbance, FaultSchedule, Keep, LinkId, LinkMeter, NodeId, ObserverId, Plot, Side,
    Simulation, Stuck,
};
use waypost_wire::Instant;

use super::figure::Judgement;
use super::files::{NewFile, cannot};
use super::mistake::Mistake;
use super::output::{self, Line};
use super::topology::{Topology, Write};

/// Events between two looks at what is not of the network: signals, the log's file, full disks.
const EVENTS_AT_A_TIME: usize = 1024;

type FileCapture = Capture<BufWriter<File>>;

/// A network that runs.
pub(crate) struct Network {
    pub(crate) net: Simulation,
    /// Nodes that faults restart, and their names.
    restarted: BTreeMap<NodeId, String>,
    captures: Vec<(ObserverId, NewFile)>,
    plots: Vec<Drawing>,
}

/// A drawing that is to be: its file, and its meters by link.
struct Drawing {
    file: NewFile,
    stream: BufWriter<File>,
    meters: Vec<(usize, ObserverId)>,
}

/// How a run came to its end.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// The time is over.
    Time,
    /// The user did not want to wait, and sent this signal.
    Signal(u8),
    /// Time stands still, or there is more on its way than there may be.
    Stuck(Stuck),
    /// It cannot go on.
    Failed(Wrong),
}

/// Why a run cannot go on.
#[derive(Clone, Debug)]
pub(crate) enum Wrong {
    /// What the text says there is refused.
    There(Box<Mistake>),
    Plain(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::There(mistake) => mistake.fmt(f),
            Self::Plain(message) => f.write_str(message),
        }
    }
}

impl From<String> for End {
    fn from(message: String) -> Self {
        Self::Failed(Wrong::Plain(message))
    }
}

/// Where the lines of the log go.
pub(crate) type Lines<'a> = &'a mut dyn FnMut(&str) -> Result<(), String>;

/// A file that was written, and what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) file: String,
    pub(crate) what: String,
}

impl Network {
    /// Builds a network. Captures, and what graphs write, are written below `out`, or not at all.
    pub(crate) fn build(
        topology: &Topology,
        seed: u64,
        faults: &FaultSchedule,
        keep: Keep,
        out: Option<&Path>,
    ) -> Result<Self, String> {
        let mut net = Simulation::new(seed).keep(keep);
        for node in &topology.nodes {
            node.add(&mut net, out)
                .map_err(|error| format!("`{}`: {error}", node.name))?;
        }
        let ids: Vec<_> = net.nodes().collect();
        for link in &topology.links {
            let [a, b] = link.ends.map(|(node, port)| (ids[node], port));
            net.connect_ports(&link.name, a, b, link.configs.clone())
                .map_err(|error| format!("`{}`: {error}", link.name))?;
        }
        let faults = topology.all_faults(faults);
        let restarted = faults
            .faults()
            .iter()
            .filter_map(|fault| match &fault.what {
                Disturbance::Restart(name) => Some((net.node_named(name)?, name.clone())),
                _ => None,
            });
        let restarted = restarted.collect();
        net.set_faults(faults).map_err(|error| error.to_string())?;
        let mut network = Self {
            net,
            restarted,
            captures: Vec::new(),
            plots: Vec::new(),
        };
        if let Some(out) = out {
            network.observe(topology, out)?;
        }
        Ok(network)
    }

    fn observe(&mut self, topology: &Topology, out: &Path) -> Result<(), String> {
        let failed = |error: &dyn fmt::Display| error.to_string();
        let links: Vec<LinkId> = self.net.links().collect();
        for capture in &topology.captures {
            let path = out.join(&capture.file);
            let (file, stream) = NewFile::create(&path)?;
            let framing = topology.links[capture.link].configs[0].framing;
            let observer = Capture::new(stream, framing, capture.side)
                .map_err(|error| cannot(&path, &error))?;
            let observer = self.net.observe(&[links[capture.link]], observer);
            self.captures
                .push((observer.map_err(|error| failed(&error))?, file));
        }
        for plot in &topology.plots {
            let mut meters: Vec<(usize, ObserverId)> = Vec::new();
            for line in &plot.lines {
                let (Line::Rate(link, _) | Line::Queue(link, _)) = *line else {
                    continue;
                };
                if meters.iter().any(|(known, _)| *known == link) {
                    continue;
                }
                let meter = LinkMeter::new(plot.every);
                let meter = self.net.observe(&[links[link]], meter);
                meters.push((link, meter.map_err(|error| failed(&error))?));
            }
            // Begun now: that it cannot be written is not to be found out in the end.
            let (file, stream) = NewFile::create(&out.join(&plot.file))?;
            self.plots.push(Drawing {
                file,
                stream,
                meters,
            });
        }
        Ok(())
    }

    /// Runs to the end, unless `signal` becomes that of a signal before.
    pub(crate) fn run(&mut self, topology: &Topology, signal: &AtomicU8, lines: Lines<'_>) -> End {
        let until = Instant::ZERO + topology.until;
        let writes = topology.writes.iter();
        let ran = writes
            .take_while(|write| write.at <= until)
            .try_for_each(|write| {
                self.advance(write.at, signal, lines)?;
                self.write(topology, write)
            })
            .and_then(|()| self.advance(until, signal, lines));
        ran.err().unwrap_or(End::Time)
    }

    /// Runs up to a time; an error is how the run came to its end before.
    fn advance(&mut self, to: Instant, signal: &AtomicU8, lines: Lines<'_>) -> Result<(), End> {
        let mut more = true;
        while more {
            for _ in 0..EVENTS_AT_A_TIME {
                more = self.net.next_time().is_some_and(|at| at <= to);
                if !more {
                    break;
                }
                if let Err(stuck) = self.net.step() {
                    self.tell(lines)?;
                    return Err(End::Stuck(stuck));
                }
            }
            self.tell(lines)?;
            self.check_captures()?;
            self.check_restarts()?;
            match signal.load(Ordering::Relaxed) {
                0 => {}
                number => return Err(End::Signal(number)),
            }
        }
        self.net.run_until(to).map(drop).map_err(End::Stuck)
    }

    fn tell(&mut self, lines: Lines<'_>) -> Result<(), String> {
        self.net.lines().try_for_each(|line| lines(&line))?;
        self.net.forget_lines();
        Ok(())
    }

    /// Nothing is computed for hours for a file that cannot be written.
    fn check_captures(&self) -> Result<(), String> {
        let observed = |(id, file): &(ObserverId, NewFile)| {
            let error = self.net.observer::<FileCapture>(*id)?.error()?;
            Some(cannot(file.path(), error))
        };
        self.captures.iter().find_map(observed).map_or(Ok(()), Err)
    }

    /// What is computed with a node that is not there is not what the text says.
    fn check_restarts(&self) -> Result<(), String> {
        let failed = |(id, name): (&NodeId, &String)| {
            let error = self
                .net
                .node::<GraphNode>(*id)?
                .program()
                .failed_restart()?;
            Some(format!("`{name}` cannot be restarted: {error}"))
        };
        self.restarted.iter().find_map(failed).map_or(Ok(()), Err)
    }

    fn write(&mut self, topology: &Topology, write: &Write) -> Result<(), End> {
        let Write {
            at,
            node,
            handler,
            value,
            value_span,
            ..
        } = write;
        let failed = |what: String| {
            let message = format!("write to {node}/{handler} at {at}: {what}");
            let mistake = Mistake::at(&topology.source, value_span.clone(), message);
            End::Failed(Wrong::There(Box::new(mistake)))
        };
        let id = self.net.node_named(node);
        let id = id.ok_or_else(|| failed("no such node".to_owned()))?;
        let graph = self.net.node_mut::<GraphNode>(id);
        let graph = graph.ok_or_else(|| failed("not a graph".to_owned()))?;
        let instance = graph.program_mut().instance_mut();
        instance
            .write(handler, value)
            .map_err(|error| failed(error.to_string()))?;
        Ok(self.net.wake(id).map_err(|error| error.to_string())?)
    }

    /// What holds at the end, and what does not.
    pub(crate) fn judge(&self, topology: &Topology) -> Vec<Judgement> {
        let all = topology.expectations.iter();
        all.map(|it| it.judge(&self.net)).collect()
    }

    /// Writes what was captured and measured, and gives each file its name once it is whole: those that were written, and why others
    /// were not.
    pub(crate) fn finish(&mut self, topology: &Topology) -> (Vec<Written>, Vec<String>) {
        let (mut kept, mut wrong) = (Vec::new(), Vec::new());
        let mut end = |file: NewFile, name: &str, written: io::Result<()>, what: String| {
            let written = written.map_err(|error| cannot(file.path(), &error));
            match written.and_then(|()| file.keep()) {
                Ok(()) => kept.push(Written {
                    file: name.to_owned(),
                    what,
                }),
                Err(error) => wrong.push(error),
            }
        };
        for ((id, file), capture) in self.captures.drain(..).zip(&topology.captures) {
            let Some(observer) = self.net.observer_mut::<FileCapture>(id) else {
                continue;
            };
            let what = format!("{} frames", observer.written());
            end(file, &capture.file, observer.finish().map(drop), what);
        }
        let (now, plots) = (self.net.now(), std::mem::take(&mut self.plots));
        for (plot, drawing) in topology.plots.iter().zip(plots) {
            // A run that ended before its time has not told its meters.
            for (_, meter) in &drawing.meters {
                if let Some(meter) = self.net.observer_mut::<LinkMeter>(*meter) {
                    meter.finish(now);
                }
            }
            let (svg, lines) = self.draw(topology, plot, &drawing.meters);
            let mut stream = drawing.stream;
            let written = stream.write_all(svg.as_bytes());
            let written = written.and_then(|()| stream.flush());
            end(drawing.file, &plot.file, written, format!("{lines} lines"));
        }
        (kept, wrong)
    }

    /// A drawing, and how many lines it has.
    fn draw(
        &self,
        topology: &Topology,
        plot: &output::Plot,
        meters: &[(usize, ObserverId)],
    ) -> (String, usize) {
        let mut drawing = Plot::new(&plot.title);
        let mut count = 0;
        let nodes: Vec<_> = self.net.nodes().collect();
        for line in &plot.lines {
            let (link, only, is_rate) = match line {
                Line::Rate(link, only) => (*link, *only, true),
                Line::Queue(link, only) => (*link, *only, false),
                Line::Series { node, name } => {
                    let series = self.net.series(nodes[*node]).iter();
                    for series in series.filter(|it| it.name() == name) {
                        let called = format!("{name} {}", topology.nodes[*node].name);
                        drawing = drawing.with_named(called, series);
                        count += 1;
                    }
                    continue;
                }
            };
            let meter = meters.iter().find(|(known, _)| *known == link);
            let meter = meter.and_then(|(_, id)| self.net.observer::<LinkMeter>(*id));
            let Some(meter) = meter else { continue };
            let link = &topology.links[link];
            for side in Side::ALL {
                if only.is_some_and(|only| only != side) {
                    continue;
                }
                let from = &topology.nodes[link.ends[side as usize].0].name;
                let (what, series) = if is_rate {
                    ("rate", meter.rate(side))
                } else {
                    ("queue", meter.queue(side))
                };
                let called = format!("{what} {} from {from}", link.name);
                drawing = drawing.with_named(called, series);
                count += 1;
            }
        }
        (drawing.svg(), count)
    }
}
