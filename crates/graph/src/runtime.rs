//! Drivers: what calls the steps of a graph, and sleeps when there is nothing to do.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock, mpsc as channel};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::RuntimeFlavor;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Sleep;
use waypost_wire::Instant;

use crate::drop::DropReason;
use crate::element::ReadinessSource;
use crate::handle::{Command, Handle};
use crate::peers::{Peers, Wait};
use crate::schedule::Instance;

/// Steps between two looks at what else there is: commands, readiness, other tasks.
const STEPS: usize = 64;
/// Commands that are done before steps have their turn again.
const COMMANDS: usize = 64;

/// How graphs are driven.
#[derive(Clone)]
pub struct Runtime {
    kind: Kind,
    busy: bool,
    each_thread: Arc<dyn Fn(usize) + Send + Sync>,
}

#[derive(Clone)]
enum Kind {
    Workers,
    Tokio(tokio::runtime::Handle),
}

impl Kind {
    /// How a worker waits for another.
    fn wait(&self) -> Wait {
        match self {
            Self::Workers => Wait::Block,
            Self::Tokio(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
                Wait::BlockInPlace
            }
            Self::Tokio(_) => Wait::Never,
        }
    }
}

impl Runtime {
    /// A thread for each worker's graph, each with a runtime of its own.
    pub fn workers() -> Self {
        Self {
            kind: Kind::Workers,
            busy: false,
            each_thread: Arc::new(|_| ()),
        }
    }

    /// Tasks on an ordinary tokio runtime, which has its I/O and time drivers enabled.
    pub fn tokio(handle: tokio::runtime::Handle) -> Self {
        Self {
            kind: Kind::Tokio(handle),
            ..Self::workers()
        }
    }

    /// Workers do not sleep when they are idle: less latency, for a whole core each.
    #[must_use]
    pub fn busy_polling(mut self, busy: bool) -> Self {
        self.busy = busy;
        self
    }

    /// Runs this on each worker's thread first, with the worker's number: to pin it to a core.
    #[must_use]
    pub fn each_thread(mut self, f: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.each_thread = Arc::new(f);
        self
    }

    /// Runs the graph: one instance for each worker.
    ///
    /// # Errors
    /// The operating system has no thread, or no event queue, for a worker.
    pub fn start(&self, mut instances: Vec<Instance>) -> io::Result<Running> {
        Instance::join(&mut instances);
        // Before the first runs: it may stop the others.
        instances.iter_mut().for_each(Instance::begin);
        let (senders, receivers): (Vec<_>, Vec<_>) =
            instances.iter().map(|_| unbounded_channel()).unzip();
        let handle = Handle::new(senders);
        let (report, ends) = channel::channel();
        let mut running = Running {
            handle,
            ends,
            count: instances.len(),
            threads: Vec::new(),
        };
        for (worker, (mut instance, commands)) in instances.into_iter().zip(receivers).enumerate() {
            instance.engine.peers = Peers::new(running.handle.clone(), worker, self.kind.wait());
            let (report, busy) = (report.clone(), self.busy);
            let mut others = OneForAll {
                all: running.handle.clone(),
                finished: false,
            };
            let drive = async move {
                let mut instance = drive(instance, commands, busy).await;
                instance.engine.peers = None;
                others.finished = instance.is_finishing();
                drop(others);
                // Nobody waits for the end: fine.
                let _ = report.send((worker, instance));
            };
            match &self.kind {
                Kind::Tokio(handle) => drop(handle.spawn(drive)),
                Kind::Workers => {
                    let each_thread = Arc::clone(&self.each_thread);
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()?;
                    let thread = std::thread::Builder::new().name(format!("worker-{worker}"));
                    running.threads.push(thread.spawn(move || {
                        each_thread(worker);
                        runtime.block_on(drive);
                    })?);
                }
            }
        }
        Ok(running)
    }
}

/// One worker's end is the end of all, in the same way; a panic stops them, too.
struct OneForAll {
    all: Handle,
    finished: bool,
}

impl Drop for OneForAll {
    fn drop(&mut self) {
        if self.finished {
            self.all.finish();
        } else {
            self.all.stop();
        }
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("busy", &self.busy)
            .finish_non_exhaustive()
    }
}

/// A graph that runs.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    ends: channel::Receiver<(usize, Instance)>,
    count: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// What talks to the graph while it runs.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits until the graph has stopped, and hands it out, worker by worker. What lay in it then counts as lost.
    ///
    /// Blocks: on a tokio runtime, call it where blocking is allowed. A worker that panicked is missing.
    pub fn wait(self) -> Vec<Instance> {
        drop(self.handle);
        let mut ends: Vec<_> = self.ends.iter().take(self.count).collect();
        for thread in self.threads {
            // A panic was reported by the thread itself.
            let _ = thread.join();
        }
        ends.sort_by_key(|(worker, _)| *worker);
        let mut instances: Vec<_> = ends.into_iter().map(|(_, instance)| instance).collect();
        // Not before all have ended: until then one may hand packets to another.
        for instance in &mut instances {
            instance.engine.lose_kept(DropReason::STOPPED);
        }
        instances
    }
}

/// The monotonic time, counted from the first look of the process.
pub fn now() -> Instant {
    Instant::from_nanos(beginning().elapsed().as_nanos() as u64 + 1)
}

fn beginning() -> &'static time::Instant {
    static BEGINNING: OnceLock<time::Instant> = OnceLock::new();
    BEGINNING.get_or_init(time::Instant::now)
}

/// Drives an instance until it stops, and gives it back.
async fn drive(
    mut instance: Instance,
    mut commands: UnboundedReceiver<Command>,
    busy: bool,
) -> Instance {
    let mut files = Files::default();
    let mut timer = pin!(tokio::time::sleep(time::Duration::ZERO));
    loop {
        for _ in 0..COMMANDS {
            let Ok(command) = commands.try_recv() else {
                break;
            };
            command(&mut instance);
        }
        if instance.is_stopped() {
            return instance;
        }
        poll_fn(|cx| {
            instance.engine.set_waker(cx.waker());
            // Before the steps, which look at the devices: what becomes ready after this is known when the graph is idle.
            files.clear_ready(&mut instance, cx);
            Poll::Ready(())
        })
        .await;
        let mut idle = false;
        for _ in 0..STEPS {
            if instance.is_stopped() || !instance.step(now()) {
                idle = true;
                break;
            }
        }
        if !idle || busy || instance.is_stopped() {
            tokio::task::yield_now().await;
            continue;
        }
        instance.engine.frames.give_back();
        match sleep(&mut instance, &mut files, &mut commands, timer.as_mut()).await {
            Wakeup::Command(command) => command(&mut instance),
            Wakeup::Event => {}
            // Others have their turn, the drivers of input and time among them.
            Wakeup::Poll => tokio::task::yield_now().await,
        }
    }
}

/// What ends a sleep.
enum Wakeup {
    /// Somebody has sent a command.
    Command(Command),
    /// A device is ready, a timer is due, or somebody has woken the graph.
    Event,
    /// Nothing: there is a device that has to be polled.
    Poll,
}

/// Sleeps until anything happens.
async fn sleep(
    instance: &mut Instance,
    files: &mut Files,
    commands: &mut UnboundedReceiver<Command>,
    mut timer: Pin<&mut Sleep>,
) -> Wakeup {
    let deadline = instance.next_timer();
    if let Some(deadline) = deadline {
        let at = *beginning() + time::Duration::from_nanos(deadline.as_nanos());
        timer.as_mut().reset(at.into());
    }
    let mut armed = false;
    poll_fn(|cx| {
        if let Poll::Ready(command) = commands.poll_recv(cx) {
            return Poll::Ready(command.map_or(Wakeup::Event, Wakeup::Command));
        }
        // Whatever woke this task, the next step finds out what there is to do.
        if armed {
            return Poll::Ready(Wakeup::Event);
        }
        armed = true;
        if let Poll::Ready(wakeup) = files.poll_ready(instance, cx) {
            return Poll::Ready(wakeup);
        }
        match deadline {
            Some(_) => timer.as_mut().poll(cx).map(|()| Wakeup::Event),
            None => Poll::Pending,
        }
    })
    .await
}

/// The files of the graph's devices, by the slot of the element, as the runtime watches them.
#[derive(Default)]
struct Files(Vec<(usize, AsyncFd<OwnedFd>)>);

impl Files {
    /// Forgets that devices for which the graph waits are ready: the next step looks at them. Had it looked before, what came
    /// between its look and this would be forgotten unseen, since another thread may turn the driver at any time.
    #[allow(
        clippy::needless_pass_by_ref_mut,
        reason = "a shared borrow across an await is not `Send`"
    )]
    fn clear_ready(&self, instance: &mut Instance, cx: &mut Context<'_>) {
        for (slot, readiness) in instance.readiness() {
            let Some((_, file)) = self.0.iter().find(|(it, _)| *it == slot) else {
                continue;
            };
            if readiness.receive
                && let Poll::Ready(Ok(mut guard)) = file.poll_read_ready(cx)
            {
                guard.clear_ready();
            }
            if readiness.transmit
                && let Poll::Ready(Ok(mut guard)) = file.poll_write_ready(cx)
            {
                guard.clear_ready();
            }
        }
    }

    /// Whether a device that the graph waits for has become ready, or has to be polled; leaves the task's waker with those that
    /// are not.
    #[allow(
        clippy::needless_pass_by_ref_mut,
        reason = "a shared borrow across an await is not `Send`"
    )]
    fn poll_ready(&mut self, instance: &mut Instance, cx: &mut Context<'_>) -> Poll<Wakeup> {
        let mut any = false;
        for (slot, readiness) in instance.readiness() {
            let ReadinessSource::Fd(fd) = readiness.source else {
                return Poll::Ready(Wakeup::Poll);
            };
            let Some(file) = self.watch(slot, fd) else {
                return Poll::Ready(Wakeup::Poll);
            };
            any |= readiness.receive && file.poll_read_ready(cx).is_ready();
            any |= readiness.transmit && file.poll_write_ready(cx).is_ready();
        }
        if any {
            Poll::Ready(Wakeup::Event)
        } else {
            Poll::Pending
        }
    }

    /// The watch on an element's file; `None` if it cannot be watched, and has to be polled.
    fn watch(&mut self, slot: usize, fd: BorrowedFd<'_>) -> Option<&AsyncFd<OwnedFd>> {
        let found = self.0.iter().position(|(it, _)| *it == slot);
        let at = match found {
            Some(at) => at,
            None => {
                let file = fd.try_clone_to_owned().ok()?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                // An `OwnedFd` is open, and the same, for as long as it lives: what the newer, unsafe
                // constructor asks its caller to promise. This crate has no unsafe code.
                #[allow(deprecated)]
                let file = AsyncFd::with_interest(file, interest).ok()?;
                self.0.push((slot, file));
                self.0.len() - 1
            }
        };
        Some(&self.0[at].1)
    }
}
