//! What runs in a graph.

use std::os::fd::BorrowedFd;

use waypost_packet::{Batch, Packet};

use crate::Cx;
use crate::drop::OnFull;
use crate::handler::{Handler, HandlerError};

/// What runs in a graph. Called once per batch, through `dyn`; the loops inside are static.
///
/// Most elements are a [`Processor`](crate::Processor), a [`Classifier`](crate::Classifier) or an
/// [`AsyncProcessor`](crate::AsyncProcessor) and lift to this trait by themselves. It is for what has
/// several ports, holds packets, waits for time, or drives others.
pub trait Element: Send {
    /// Packets arrive on input `port`. What is left in `batch` goes out of output 0; what belongs to
    /// other outputs is handed to [`Cx::emit`], what is to be lost to [`Cx::drop`].
    ///
    /// An element without a push output 0 leaves in `batch` what it had no room for.
    fn push(&mut self, port: usize, batch: &mut Batch, cx: &mut Cx<'_>);

    /// Somebody downstream of output `port` asks for up to `max` packets; `batch` is empty.
    ///
    /// Most elements do to packets that are pulled through them what they do to those that are
    /// pushed, and so does the default. Where packets are held, this hands them out.
    fn pull(&mut self, port: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let _ = port;
        cx.pull(0, max, batch);
        self.push(0, batch, cx);
    }

    /// How many packets input `port` would take now, for an element that ends the way of pushed
    /// packets: a queue, a device, an asynchronous stage.
    ///
    /// Which variant an input answers does not change over time.
    fn credit(&self, port: usize) -> Credit {
        let _ = port;
        Credit::Through
    }

    /// What becomes of packets that leave through output `port` when the way is full; asked once, when
    /// the graph starts. A connection in Rust may say so itself.
    fn on_full(&self, port: usize) -> OnFull {
        let _ = port;
        OnFull::Block
    }

    /// Whether packets that arrive at an input may leave by an output, as far as this is not said by the class's flow code. Whoever
    /// feeds the input waits for what is behind the output, so an element whose directions are apart says so here.
    ///
    /// Asked once, when the graph is built.
    fn flows(&self, input: usize, output: usize) -> bool {
        let _ = (input, output);
        true
    }

    /// The graph is about to run: all its elements were accepted, on every worker. Called once, before anything else of the graph
    /// is. What cannot be taken back, such as emptying a file that is there already, waits for this: of a graph that is refused
    /// nothing is done.
    fn begin(&mut self) {}

    /// Whether this element drives others: then [`run`](Self::run) is called again and again.
    fn is_task(&self) -> bool {
        false
    }

    /// Moves up to `budget` packets from where they come from to where they go. The budget is what
    /// everything downstream has room for: a source reads no more. An element that also has inputs runs with a budget of 0,
    /// too: what it does for what it took in, it does then.
    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let _ = (budget, cx);
        Progress::Idle
    }

    /// The time set with [`Cx::set_timer`] has come.
    fn timer(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }

    /// How to learn that an idle task has work again, if the engine cannot know: the readiness of a device.
    fn wakeup(&self) -> Option<Readiness<'_>> {
        None
    }

    /// How many packets are on their way in this element and will leave it by themselves, such as those that an asynchronous
    /// processor works on, or that wait for a time: a graph that is to [finish](Cx::finish) waits for them. What waits for
    /// others to pull it, or for packets that may never come, is not in flight.
    fn in_flight(&self) -> usize {
        0
    }

    /// How many packets the element holds, in flight or not: they are lost when the graph stops.
    fn held(&self) -> usize {
        self.in_flight()
    }

    /// Whether each worker runs this element's task on packets of its own, or the first worker alone.
    fn spread(&self) -> Spread {
        Spread::EveryWorker
    }

    /// What may be asked of the element and told to it while it runs, beside what every element has.
    fn handlers(&self) -> &'static [Handler] {
        &[]
    }

    /// Answers a read handler listed by [`handlers`](Self::handlers).
    ///
    /// # Errors
    /// The handler's own, in words.
    fn read(&self, handler: &str, argument: &str) -> Result<String, HandlerError> {
        let _ = argument;
        Err(HandlerError::unknown(handler))
    }

    /// Carries out a write handler listed by [`handlers`](Self::handlers).
    ///
    /// # Errors
    /// The value is refused; nothing has changed.
    fn write(&mut self, handler: &str, value: &str, cx: &mut Cx<'_>) -> Result<(), HandlerError> {
        let _ = (value, cx);
        Err(HandlerError::unknown(handler))
    }

    /// What a trace says of a packet that left this element, beside where it went.
    fn note(&self, packet: &Packet) -> Option<String> {
        let _ = packet;
        None
    }
}

/// How many packets an input would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credit {
    /// As many as its outputs take: packets pass through at once.
    Through,
    /// So many; they are held, or leave the graph.
    Packets(usize),
}

/// What a run of a task came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It moved packets, or may at once: run it again.
    Worked,
    /// There was nothing to do.
    Idle,
    /// There never will be anything to do again.
    Finished,
}

/// What the readiness of an idle task hangs on.
#[derive(Clone, Copy, Debug)]
pub struct Readiness<'a> {
    /// Who says that the device is ready.
    pub source: ReadinessSource<'a>,
    /// Whether to wait for frames to receive.
    pub receive: bool,
    /// Whether to wait for room to transmit.
    pub transmit: bool,
}

/// Who says that a device is ready.
#[derive(Clone, Copy, Debug)]
pub enum ReadinessSource<'a> {
    /// The operating system, of this file.
    Fd(BorrowedFd<'a>),
    /// Nobody: the device has to be polled.
    Poll,
}

/// On which workers a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Each worker runs it, on packets of its own: a device with a queue for each.
    EveryWorker,
    /// The first worker alone: a file to read, a count to keep.
    FirstWorker,
}
