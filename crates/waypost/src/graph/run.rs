//! `waypost graph run` and `waypost graph trace`.

use std::error::Error;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use waypost_device::MappedMemory;
use waypost_graph::{ElementStatistics, Handle, Instance, Pool, Running, Runtime};

use super::{read, statistics, text, watch};
use crate::out::{self, Failure};

/// How to run a graph.
#[derive(Args, Debug)]
// Click's `-h` reads a handler: help is `--help` alone here.
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    text: text::Text,
    #[command(flatten)]
    how: How,
    /// Read these handlers when the graph has stopped, as `element.handler`; a pattern (`*.count`) or a class (`Counter.count`)
    /// in place of the element reads those of all such elements
    #[arg(short = 'h', long = "read", value_name = "ELEMENT.HANDLER")]
    read: Vec<String>,
    /// Show rates, element by element, while the graph runs
    #[arg(long)]
    watch: bool,
    /// Print `running` once all elements are made and the graph runs
    #[arg(long)]
    announce: bool,
    /// Follow packets from this element on, and print their way when the graph has stopped
    #[arg(long, value_name = "ELEMENT[:COUNT]")]
    trace: Option<String>,
    /// Print statistics when the graph has stopped: of each element and, with several threads, of each of its workers
    #[arg(long)]
    statistics: bool,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// Which packets to follow.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(crate) struct TraceArguments {
    #[command(flatten)]
    text: text::Text,
    #[command(flatten)]
    how: How,
    /// Follow packets from this element on
    #[arg(long, value_name = "ELEMENT")]
    from: String,
    /// How many packets to follow
    #[arg(long, default_value_t = 1)]
    count: u32,
    /// Stop after so many seconds
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    seconds: f64,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// Threads, batches and frames.
#[derive(Args, Clone, Debug)]
struct How {
    /// Threads, each with its own copy of the graph
    #[arg(short = 'j', long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Run as tasks of a multi-threaded tokio runtime instead of on threads of its own
    #[arg(long)]
    tokio: bool,
    /// Packets in a batch, at most
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    batch: u16,
    /// Frames of 2 KiB in the pool
    #[arg(long, default_value_t = 16384)]
    frames: usize,
    /// Never sleep: less latency for a whole core each
    #[arg(long)]
    busy: bool,
    /// Measure the time spent in each element
    #[arg(long)]
    profile: bool,
}

/// A graph that runs, with the runtime that signals and, if asked for, the graph itself are driven by.
struct Started {
    running: Running,
    runtime: tokio::runtime::Runtime,
}

impl How {
    fn pool(&self) -> Result<Pool, Box<dyn Error>> {
        let frames = Pool::builder()
            .small(self.frames)
            .medium(self.frames / 32)
            .large(self.frames / 128);
        let memory = MappedMemory::new(frames.octets()?)?;
        Ok(frames.memory(Box::new(memory)).build()?)
    }

    fn start(
        &self,
        text: &text::Text,
        prepare: impl Fn(&mut Instance) -> Result<(), Failure>,
    ) -> Result<Started, Failure> {
        let registry = waypost_elements::registry();
        let program = text.program(&registry)?;
        let pool = self
            .pool()
            .map_err(|error| Failure::new(format!("--frames {}: {error}", self.frames)))?;
        let mut instances = program.instances(self.threads.into(), &pool)?;
        for instance in &mut instances {
            instance.set_batch_limit(self.batch.into());
            instance.set_profiled(self.profile);
            prepare(instance)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(if self.tokio {
                usize::from(self.threads) + 1
            } else {
                1
            })
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format!("cannot start a runtime: {error}")))?;
        let driver = if self.tokio {
            Runtime::tokio(runtime.handle().clone())
        } else {
            Runtime::workers().each_thread(pin)
        };
        let running = driver
            .busy_polling(self.busy)
            .start(instances)
            .map_err(|error| {
                Failure::new(format!("cannot start {} threads: {error}", self.threads))
            })?;
        Ok(Started { running, runtime })
    }
}

/// Pins the calling thread to a core; where the kernel does not let it, it runs where it is put.
fn pin(worker: usize) {
    let Ok(allowed) = rustix::thread::sched_getaffinity(None) else {
        return;
    };
    let cores: Vec<usize> = (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|&core| allowed.is_set(core))
        .collect();
    // Threads that would share a core are better placed by the kernel.
    if let Some(&core) = cores.get(worker) {
        let mut set = rustix::thread::CpuSet::new();
        set.set(core);
        let _ = rustix::thread::sched_setaffinity(None, &set);
    }
}

/// `waypost graph run`
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let followed = arguments.trace.as_deref().map(followed).transpose()?;
    let started = arguments
        .how
        .start(&arguments.text, |instance| match &followed {
            Some((element, count)) => follow(instance, element, *count),
            None => Ok(()),
        })?;
    let handle = started.running.handle().clone();
    let watcher = arguments.watch.then(|| watch::Watcher::new(handle));
    obey_signals(&started, watcher.as_ref().map(watch::Watcher::notes))?;
    if arguments.announce {
        out::line("running");
    }
    let watcher = watcher.map(watch::Watcher::start);
    let instances = started.running.wait();
    if let Some(watcher) = watcher {
        watcher.stop();
    }
    if followed.is_some() {
        print_trace(&instances);
    }
    if arguments.statistics {
        let mut workers: Vec<_> = instances.iter().map(Instance::statistics).collect();
        if workers.len() < usize::from(arguments.how.threads) {
            // Which of them are left is not known any more: the sums alone.
            workers = vec![ElementStatistics::sum(workers)];
        }
        out::text(statistics::table(&workers));
    }
    if instances.len() < usize::from(arguments.how.threads) {
        return Err(Failure::new("a worker failed: see above"));
    }
    read::print(&arguments.read, &instances)
}

/// `waypost graph trace`
pub(crate) fn trace(arguments: TraceArguments) -> Result<(), Failure> {
    if !(arguments.seconds.is_finite() && arguments.seconds > 0.0) {
        return Err(Failure::new(format!(
            "--seconds {}: expected more than 0",
            arguments.seconds
        )));
    }
    let started = arguments.how.start(&arguments.text, |instance| {
        follow(instance, &arguments.from, arguments.count)
    })?;
    obey_signals(&started, None)?;
    let handle = started.running.handle().clone();
    let patience = Duration::from_secs_f64(arguments.seconds.min(1e6));
    started.runtime.spawn(async move {
        tokio::time::sleep(patience).await;
        handle.stop();
    });
    print_trace(&started.running.wait());
    Ok(())
}

/// The steps of all packets that were followed, in order of time: a packet may go on at another worker.
fn print_trace(workers: &[Instance]) {
    let mut steps: Vec<_> = workers.iter().flat_map(Instance::trace_steps).collect();
    steps.sort_by_key(|step| step.time);
    steps.iter().for_each(out::line);
}

/// An element, and how many packets to follow from there on.
fn followed(text: &str) -> Result<(String, u32), Failure> {
    match text.rsplit_once(':') {
        None => Ok((text.to_owned(), 1)),
        Some((element, count)) => match count.parse() {
            Ok(count) => Ok((element.to_owned(), count)),
            Err(_) => Err(Failure::new(format!(
                "--trace {text}: expected a number behind `:`"
            ))),
        },
    }
}

fn follow(instance: &mut Instance, element: &str, count: u32) -> Result<(), Failure> {
    if instance.trace(element, count) {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "no element `{element}`; `waypost graph flatten` shows all names"
        )))
    }
}

/// Ctrl-C and SIGTERM stop the graph; SIGUSR1 prints statistics, above the display if there is one.
fn obey_signals(started: &Started, display: Option<watch::Notes>) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("cannot listen to signals: {error}"));
    let _runtime = started.runtime.enter();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        let (mut signal, handle) = (
            signal(kind).map_err(failed)?,
            started.running.handle().clone(),
        );
        started.runtime.spawn(async move {
            signal.recv().await;
            handle.stop();
        });
    }
    let (mut signal, handle) = (
        signal(SignalKind::user_defined1()).map_err(failed)?,
        started.running.handle().clone(),
    );
    started.runtime.spawn(async move {
        while signal.recv().await.is_some() {
            let table = statistics(handle.clone()).await;
            match &display {
                Some(display) => display.print(table),
                None => out::note(table),
            }
        }
    });
    Ok(())
}

async fn statistics(handle: Handle) -> String {
    // The answer is waited for where blocking is allowed.
    let table = move || statistics::table(&handle.worker_statistics());
    let table = tokio::task::spawn_blocking(table).await;
    table.unwrap_or_default().trim_end().to_owned()
}
