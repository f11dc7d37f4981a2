//! Programs that drive devices, as nodes.

use std::fmt;

use waypost_wire::{Duration, Instant};

use crate::{Device, Frame, Node, Output};

/// A program that sends and receives by [`Device`]s when it is driven: a graph, a stack, anything that polls a
/// [`NetDev`](waypost_netdev::NetDev).
pub trait Driven: 'static {
    /// Does what there is to do, once, and says whether that was anything.
    fn step(&mut self, now: Instant) -> bool;

    /// When there will be something to do, if no frame comes before.
    fn next_timer(&self) -> Option<Instant>;
}

/// A program as a [`Node`]. When a frame comes, a time has come, or a link has room again, the program steps until it has
/// nothing to do. Computing takes no time.
///
/// A link that is full leaves frames in the ring of its device, and a full ring is felt by the program.
///
/// ```
/// use waypost_netdev::{FrameMeta, Medium, NetDev, RxFrame, TxFrame};
/// use waypost_sim::{Device, Driven, DrivenNode, LinkConfig, Simulation};
/// use waypost_wire::{Duration, Instant};
///
/// /// Sends back what it receives, one octet longer.
/// struct Longer(Device);
///
/// impl Driven for Longer {
///     fn step(&mut self, now: Instant) -> bool {
///         let mut frame = Vec::new();
///         let count = self.0.receive(now, 1, |it| frame.extend_from_slice(it.octets())).unwrap_or(0);
///         if count > 0 {
///             let send = |octets: &mut [u8]| octets[..frame.len()].copy_from_slice(&frame);
///             let _ = self.0.transmit(now, 1, |slot| slot.send(frame.len() + 1, FrameMeta::default(), send));
///         }
///         count > 0
///     }
///     fn next_timer(&self) -> Option<Instant> {
///         None
///     }
/// }
///
/// let mut net = Simulation::new(1);
/// let nodes = ["a", "b"].map(|name| {
///     let device = Device::new(Medium::Ip, 100, 8);
///     let mut program = Longer(device.clone());
///     if name == "a" {
///         let _ = program.0.transmit(Instant::ZERO, 1, |slot| slot.send(1, FrameMeta::default(), |octets| octets.fill(0)));
///     }
///     net.add(name, DrivenNode::new(program, [device]))
/// });
/// let [a, b] = nodes;
/// let wire = LinkConfig { delay: Duration::from_millis(1), ..LinkConfig::ip() };
/// let wire = net.connect("wire", a?, b?, wire)?;
/// net.run_until(Instant::from_secs(1))?;
/// // The frame went to and fro until it was too long.
/// let sent: u64 = waypost_sim::Side::ALL.iter().filter_map(|side| net.counters(wire, *side)).map(|it| it.sent).sum();
/// assert_eq!(sent, 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DrivenNode<P> {
    program: P,
    devices: Vec<Device>,
    steps_max: usize,
    rest: Duration,
    /// The program had more to do than it was let.
    tired_until: Option<Instant>,
    restart: Option<Restart<P>>,
}

/// What a restart of its node does to a program; what there is to say about it is [noted](Output::note).
pub type Restart<P> = fn(&mut P, Instant, &mut Output<'_>);

impl<P: Driven> DrivenNode<P> {
    /// A program that has the other clones of these devices; the first is at port 0 of the node, and so on.
    ///
    /// It steps 1000 times at one instant, at most, and goes on after a microsecond.
    pub fn new(program: P, devices: impl IntoIterator<Item = Device>) -> Self {
        Self {
            program,
            devices: devices.into_iter().collect(),
            steps_max: 1000,
            rest: Duration::from_micros(1),
            tired_until: None,
            restart: None,
        }
    }

    /// Lets the program step so many times at one instant, at least once, and go on after `rest`, which is not 0. A program
    /// that always has something to do, such as one with a source that never ends, is kept from stopping time by this.
    #[must_use]
    pub fn with_limit(mut self, steps: usize, rest: Duration) -> Self {
        self.steps_max = steps.max(1);
        self.rest = rest.max(Duration::from_nanos(1));
        self
    }

    /// Says what a restart of the node does to the program. Without this only its devices lose their frames.
    #[must_use]
    pub fn on_restart(mut self, restart: Restart<P>) -> Self {
        self.restart = Some(restart);
        self
    }

    /// The program.
    pub const fn program(&self) -> &P {
        &self.program
    }

    /// The program.
    pub const fn program_mut(&mut self) -> &mut P {
        &mut self.program
    }

    fn drive(&mut self, now: Instant, out: &mut Output<'_>) {
        self.tired_until = None;
        let mut steps = 0;
        while self.program.step(now) {
            // Room in the rings is what lets it go on.
            self.send(out);
            steps += 1;
            if steps >= self.steps_max {
                self.tired_until = Some(now + self.rest);
                break;
            }
        }
        self.send(out);
        for (port, device) in self.devices.iter().enumerate() {
            if let Some(len) = device.next_len() {
                out.wait_for_room_for(port, len);
            }
        }
    }

    /// Moves frames from the rings to the links, as far as these take them.
    fn send(&self, out: &mut Output<'_>) {
        for (port, device) in self.devices.iter().enumerate() {
            // Without a link, frames are lost, and the log says so.
            while let Some(len) = device.next_len()
                && (!out.has_link(port) || out.has_room_for(port, len))
                && let Some(frame) = device.take()
            {
                out.send(port, frame);
            }
        }
    }
}

impl<P: Driven> Node for DrivenNode<P> {
    fn receive(&mut self, now: Instant, port: usize, frame: Frame, out: &mut Output<'_>) {
        if let Some(device) = self.devices.get(port) {
            device.put(now, frame);
        }
        self.drive(now, out);
    }

    fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
        self.drive(now, out);
    }

    fn next_poll(&self) -> Option<Instant> {
        let times = [self.tired_until, self.program.next_timer()];
        times.into_iter().flatten().min()
    }

    fn restart(&mut self, now: Instant, out: &mut Output<'_>) {
        self.devices.iter().for_each(Device::clear);
        self.tired_until = None;
        if let Some(restart) = self.restart {
            restart(&mut self.program, now, out);
        }
    }
}

impl<P: fmt::Debug> fmt::Debug for DrivenNode<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrivenNode")
            .field("program", &self.program)
            .field("devices", &self.devices)
            .finish_non_exhaustive()
    }
}
