//! A device in a graph.

mod egress;
mod ingress;
mod sides;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};

use waypost_device::OpenError;
use waypost_graph::{
    Batch, Credit, Cx, DropReason, Element, Handler, HandlerError, Progress, Readiness,
    ReadinessSource, Spread, Typed,
};
use waypost_netdev::{Capabilities, DeviceError, DeviceStatistics, Medium, NetDev, Wakeup};
use waypost_packet::{IntoPacket, Packet, SendPacket};
use waypost_wire::{Duration, Instant};

use super::{FROM_HANDLERS, TAP_HANDLERS, TO_HANDLERS};
pub use sides::{Both, Egress, Ingress, Sides};

/// The pool was built without frames that are long enough for a received packet.
pub const NO_FRAME: DropReason = DropReason::new("no frame for a received packet");
/// The packet is longer than the device takes.
pub const TOO_LONG: DropReason = DropReason::new("too long for the device");
/// A host left the packet unfinished, and its headers do not say how to finish it.
pub const UNFINISHED: DropReason = DropReason::new("cannot be finished for the device");
/// The device is gone.
pub const DEVICE_FAILED: DropReason = DropReason::new("device failed");
/// The kernel had no room for a packet that came in.
pub const OVERRUN: DropReason = DropReason::new("kernel had no room");
/// The kernel did not send a packet, for what it is.
pub const REFUSED: DropReason = DropReason::new("kernel refused");
/// A packet that came in was cut, or unfinished in a way that nobody here can finish.
pub const TRUNCATED: DropReason = DropReason::new("truncated by the device");

/// Between two looks at what the kernel has lost, at least: each costs a system call.
const LOOK_PERIOD: Duration = Duration::from_millis(10);
/// After so long a device is asked again that had no room, or no memory, and may tell nobody when it has.
const PATIENCE: Duration = Duration::from_millis(1);
/// Packets that are taken at a time for a device that is gone, to be lost.
const ROOM_OF_NONE: usize = 64;
/// After so long a device is asked again that was down.
const DOWN_PERIOD: Duration = Duration::from_millis(100);

/// A device in a graph, as a source, a sink, or both: any [`NetDev`], also one of one's own.
///
/// ```
/// use waypost_elements::device::{Both, Port};
/// use waypost_graph::{Builder, DropReason, Instant, Packet, Pool, Verdict, each};
/// use waypost_netdev::{Capabilities, FrameMeta, Loopback, Medium, NetDev, TxFrame};
///
/// // What is sent comes in again: one frame goes round.
/// let mut device = Loopback::<8, 1514>::new(Medium::Ip);
/// device.transmit(Instant::ZERO, 1, |slot| slot.send(60, FrameMeta::default(), |octets| octets.fill(0)))?;
///
/// let mut graph = Builder::new();
/// let (to_device, from_device) = graph.add("port", Port::<_, Both>::new(device));
/// let counted = graph.chain("count", from_device, each(|mut packet: Packet| {
///     packet.octets_mut()[0] += 1;
///     if packet.octets()[0] < 10 { Verdict::Next(packet) } else { Verdict::drop(packet, DropReason::new("was round ten times")) }
/// }));
/// graph.connect(counted, to_device);
///
/// let pool = Pool::builder().small(64).build()?;
/// let mut running = graph.build(pool.allocator())?;
/// running.run_until_idle(Instant::ZERO, 100);
/// assert_eq!((running.read("port.count")?, running.read("port.sent")?), ("10".to_owned(), "9".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Port<D, W = Both> {
    device: D,
    capabilities: Capabilities,
    /// What polls readable and writable for the device.
    file: Option<fn(&D) -> BorrowedFd<'_>>,
    /// What is done to the device when the graph begins.
    begin: Option<Begin<D>>,
    burst: usize,
    /// What packets that come in say of where they came in.
    number: u16,
    /// The interface's name, where it is told.
    name: String,
    source: bool,
    sink: bool,
    /// How many packets the device would take; none while there are `pieces`.
    room: usize,
    /// Packets finished here, for a device that does not finish them, and not sent yet.
    pieces: VecDeque<Packet>,
    /// The last look found nothing to receive.
    starved: bool,
    received: u64,
    accepted: u64,
    /// What the device had counted when it was last looked at.
    counted: DeviceStatistics,
    /// How many packets the kernel has lost that were counted as lost here.
    overruns: u64,
    look_at: Instant,
    /// Packets have come in since the last look: one more when all is quiet.
    look_wanted: bool,
    /// What is the matter with the device.
    failed: Option<DeviceError>,
    /// Nothing is sent before the device was asked again.
    resting: bool,
    retry_at: Option<Instant>,
    /// When the element's timer is set for.
    armed: Option<Instant>,
    sides: PhantomData<fn() -> W>,
}

/// What is done to a device when a graph begins.
pub(super) type Begin<D> = fn(&mut D) -> Result<(), OpenError>;

impl<D: NetDev, W: Sides> Port<D, W> {
    /// A port of a device that wakes a waker, or has to be polled.
    pub fn new(device: D) -> Self {
        Self {
            capabilities: device.capabilities(),
            device,
            file: None,
            begin: None,
            burst: usize::MAX,
            number: 0,
            name: String::new(),
            source: W::SOURCE,
            sink: W::SINK,
            room: 64,
            pieces: VecDeque::new(),
            starved: true,
            received: 0,
            accepted: 0,
            counted: DeviceStatistics::default(),
            overruns: 0,
            look_at: Instant::ZERO,
            look_wanted: false,
            failed: None,
            resting: false,
            retry_at: None,
            armed: None,
            sides: PhantomData,
        }
    }

    /// A port of a device that is ready when a file is: those of `waypost-device`.
    pub fn with_file(device: D) -> Self
    where
        D: AsFd,
    {
        Self {
            file: Some(D::as_fd),
            ..Self::new(device)
        }
    }

    /// Moves so many packets at a time, at most.
    #[must_use]
    pub fn burst(self, packets: usize) -> Self {
        Self {
            burst: packets.max(1),
            ..self
        }
    }

    /// Gives packets that come in this number, as their [ingress](Packet::ingress); 0 by default.
    #[must_use]
    pub fn numbered(self, number: u16) -> Self {
        Self { number, ..self }
    }

    /// Tells this name by the handler `dev_name`.
    #[must_use]
    pub(super) fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// Does this to the device when the graph begins. If it fails, that is said on standard error, and the device is used as it is.
    #[must_use]
    pub(super) fn beginning(self, begin: Begin<D>) -> Self {
        Self {
            begin: Some(begin),
            ..self
        }
    }

    /// Leaves out a way that nobody uses.
    #[must_use]
    pub(super) fn only(self, source: bool, sink: bool) -> Self {
        Self {
            source,
            sink,
            ..self
        }
    }

    /// Packets that the device has sent, as far as it knows, or else taken and not kept.
    fn sent(&self) -> u64 {
        let kept = || self.accepted.saturating_sub(self.device.unsent() as u64);
        self.device.counted().map_or_else(kept, |it| it.sent)
    }

    fn is_removed(&self) -> bool {
        self.failed == Some(DeviceError::Removed)
    }

    /// The device said that something is the matter with it.
    fn fail(&mut self, error: DeviceError, cx: &mut Cx<'_>) {
        if self.is_removed() {
            return;
        }
        self.failed = Some(error);
        if error == DeviceError::Removed {
            self.retry_at = None;
            // Nobody asks it again, so that whoever feeds it must not wait: what it is given is lost.
            (self.resting, self.room) = (false, ROOM_OF_NONE);
            if self.sink {
                cx.count_drops(self.device.unsent() as u64, DEVICE_FAILED);
                self.lose_pieces(cx);
            }
        } else {
            self.retry_at = Some(cx.now() + DOWN_PERIOD);
        }
    }

    /// The device is gone: what was to be sent is lost.
    fn lose_pieces(&mut self, cx: &mut Cx<'_>) {
        self.pieces
            .drain(..)
            .for_each(|packet| cx.drop(packet, DEVICE_FAILED));
    }

    /// Asks again soon.
    fn retry_soon(&mut self, now: Instant) {
        self.retry_at.get_or_insert(now + PATIENCE);
    }

    /// Counts what the device has lost since it was last looked at.
    fn count(&mut self, cx: &mut Cx<'_>) {
        let Some(counted) = self.device.counted() else {
            return;
        };
        for (now, before, reason) in [
            (counted.refused, self.counted.refused, REFUSED),
            (counted.truncated, self.counted.truncated, TRUNCATED),
        ] {
            if now > before {
                cx.count_drops(now - before, reason);
            }
        }
        self.counted = counted;
    }

    /// Sets the timer for what is to be done next.
    #[inline]
    fn arm(&mut self, cx: &mut Cx<'_>) {
        let look = self.look_wanted.then_some(self.look_at);
        let next = match (look, self.retry_at) {
            (Some(look), Some(retry)) => Some(look.min(retry)),
            (look, retry) => look.or(retry),
        };
        if next != self.armed {
            self.armed = next;
            cx.set_timer(next);
        }
    }

    /// Leaves the graph's waker with a device that wakes: before the look, so that nothing is missed.
    fn register(&mut self, cx: &Cx<'_>) {
        if self.file.is_none() && self.device.wakeup() == Wakeup::Waker {
            self.device.register(cx.waker());
        }
    }
}

impl<D, W: Sides> Element for Port<D, W>
where
    D: NetDev + Send,
    for<'a> D::RxFrame<'a>: IntoPacket,
    for<'a> D::TxFrame<'a>: SendPacket,
{
    fn begin(&mut self) {
        let Some(begin) = self.begin.take() else {
            return;
        };
        if let Err(error) = begin(&mut self.device) {
            let _ = writeln!(io::stderr().lock(), "{error}");
        }
        self.capabilities = self.device.capabilities();
    }

    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        self.send(batch, cx);
        self.arm(cx);
    }

    fn credit(&self, _: usize) -> Credit {
        Credit::Packets(self.room.min(self.burst))
    }

    fn flows(&self, _: usize, _: usize) -> bool {
        // What is sent is gone, and what comes in begins here.
        false
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        self.register(cx);
        let (mut worked, was_removed) = (false, self.is_removed());
        if self.sink {
            worked |= self.run_sink(cx);
        }
        if self.source && budget > 0 && !cx.is_finishing() && !self.is_removed() {
            worked |= self.receive(budget, cx);
        }
        // Who has waited for room may go on.
        worked |= self.is_removed() && !was_removed;
        self.arm(cx);
        if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn timer(&mut self, cx: &mut Cx<'_>) {
        self.armed = None;
        let now = cx.now();
        if self.look_wanted && now >= self.look_at {
            self.look(cx);
        }
        if self.retry_at.is_some_and(|at| now >= at) {
            self.retry_at = None;
            if self.sink {
                self.retry(cx);
            }
            if self.source && self.failed.is_some() && !self.is_removed() {
                self.retry_at.get_or_insert(now + DOWN_PERIOD);
            }
        }
        self.arm(cx);
    }

    fn wakeup(&self) -> Option<Readiness<'_>> {
        if self.is_removed() {
            return None;
        }
        let receive = self.source && self.starved;
        let transmit = self.sink && !self.resting && (self.room == 0 || self.device.unsent() > 0);
        if !receive && !transmit {
            return None;
        }
        let source = match self.file {
            Some(file) => ReadinessSource::Fd(file(&self.device)),
            // The waker was left with it.
            None if self.device.wakeup() == Wakeup::Waker => return None,
            None => ReadinessSource::Poll,
        };
        Some(Readiness {
            source,
            receive,
            transmit,
        })
    }

    fn in_flight(&self) -> usize {
        // What waits for an interface that is down may wait for ever.
        if self.resting { 0 } else { self.held() }
    }

    fn held(&self) -> usize {
        // What a device that is gone has not sent was counted as lost.
        if !self.sink || self.is_removed() {
            return 0;
        }
        self.pieces.len() + self.device.unsent()
    }

    fn spread(&self) -> Spread {
        Spread::EveryWorker
    }

    fn handlers(&self) -> &'static [Handler] {
        // Those of the class, whichever side is connected.
        match (W::SOURCE, W::SINK) {
            (true, false) => FROM_HANDLERS,
            (false, true) => TO_HANDLERS,
            _ => TAP_HANDLERS,
        }
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "dev_name" => Ok(self.name.clone()),
            "count" if W::SOURCE => Ok(self.received.to_string()),
            "count" | "sent" => Ok(self.sent().to_string()),
            "kernel_drops" => Ok(self.overruns.to_string()),
            "encap" => Ok(match self.capabilities.medium {
                Medium::Ethernet(_) => "ETHER".to_owned(),
                _ => "IP".to_owned(),
            }),
            "state" => Ok(match self.failed {
                None => "up".to_owned(),
                Some(DeviceError::Down) => "down".to_owned(),
                Some(DeviceError::Removed) => "removed".to_owned(),
                Some(error) => error.to_string(),
            }),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, _: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "reset_counts" => self.received = 0,
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

impl<D, W: Sides> Typed for Port<D, W>
where
    D: NetDev + Send + 'static,
    for<'a> D::RxFrame<'a>: IntoPacket,
    for<'a> D::TxFrame<'a>: SendPacket,
{
    type Inputs = W::Inputs;
    type Outputs = W::Outputs;
}

impl<D: fmt::Debug, W> fmt::Debug for Port<D, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port")
            .field("device", &self.device)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
