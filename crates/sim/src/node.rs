//! What stands at the ends of links.

use std::any::Any;
use std::fmt;

use waypost_wire::Instant;

use crate::network::{Network, Wanted};
use crate::{Frame, NodeId};

/// A participant: any core that is told of frames and time, and sends frames.
///
/// After each call the simulation asks for [`next_poll`](Self::next_poll). A node has no clock, and what it draws comes
/// from a generator that it was given, so that a run can be repeated.
///
/// ```
/// use waypost_sim::{Frame, LinkConfig, Node, Output, Simulation};
/// use waypost_wire::{Duration, Instant};
///
/// /// Sends back what it receives, and counts.
/// struct Echo(u32);
///
/// impl Node for Echo {
///     fn receive(&mut self, _: Instant, port: usize, frame: Frame, out: &mut Output<'_>) {
///         self.0 += 1;
///         out.send(port, frame);
///     }
/// }
///
/// /// Sends one frame.
/// struct Begin;
///
/// impl Node for Begin {
///     fn receive(&mut self, _: Instant, port: usize, frame: Frame, out: &mut Output<'_>) {
///         out.send(port, frame);
///     }
///     fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
///         if now == Instant::ZERO {
///             out.send(0, Frame::zeroed(60));
///         }
///     }
/// }
///
/// let mut net = Simulation::new(1);
/// let (begin, echo) = (net.add("begin", Begin)?, net.add("echo", Echo(0))?);
/// let slow = LinkConfig { delay: Duration::from_millis(10), ..LinkConfig::ethernet() };
/// net.connect("wire", begin, echo, slow)?;
/// net.run_until(Instant::from_secs(1))?;
/// assert_eq!(net.node::<Echo>(echo).map(|echo| echo.0), Some(50));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Node: Any {
    /// A frame arrives at a port.
    fn receive(&mut self, now: Instant, port: usize, frame: Frame, out: &mut Output<'_>);

    /// The time of [`next_poll`](Self::next_poll) has come, or a port has room that was waited for. Every node is polled
    /// once when it begins.
    fn poll(&mut self, now: Instant, out: &mut Output<'_>) {
        let _ = (now, out);
    }

    /// When the node wants to be polled.
    fn next_poll(&self) -> Option<Instant> {
        None
    }

    /// The node was switched off and on again: what is lost by that is to be forgotten. It is polled after this.
    fn restart(&mut self, now: Instant, out: &mut Output<'_>) {
        let _ = (now, out);
    }
}

/// What a node does while it is called.
pub struct Output<'a> {
    network: &'a mut Network,
    node: NodeId,
}

impl<'a> Output<'a> {
    pub(crate) const fn new(network: &'a mut Network, node: NodeId) -> Self {
        Self { network, node }
    }

    /// Who is called.
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// The time.
    pub const fn now(&self) -> Instant {
        self.network.now()
    }

    /// How many ports have, or had, a link: their numbers are below this.
    pub fn ports(&self) -> usize {
        self.network.ports(self.node)
    }

    /// Whether a link is at this port.
    pub fn has_link(&self, port: usize) -> bool {
        self.network.has_link(self.node, port)
    }

    /// Sends a frame. What the link has no room for is lost there; through a port without a link, all is.
    pub fn send(&mut self, port: usize, frame: Frame) {
        self.network.send(self.node, port, frame);
    }

    /// How many frames of any length a port takes now without loss. 0 without a link.
    pub fn room(&self, port: usize) -> usize {
        self.network.room(self.node, port)
    }

    /// Has the node polled as soon as the link of this port, which is full, has room again.
    pub fn wait_for_room(&mut self, port: usize) {
        self.network.wait_for_room(self.node, port, Wanted::Any);
    }

    /// Whether a port takes a frame of this length now without a loss for want of room. Where queues count octets, it may do so
    /// while it has no [`room`](Self::room) for a longer one.
    pub fn has_room_for(&self, port: usize, len: usize) -> bool {
        self.network.has_room(self.node, port, len)
    }

    /// As [`wait_for_room`](Self::wait_for_room), for a frame of this length.
    pub fn wait_for_room_for(&mut self, port: usize, len: usize) {
        self.network
            .wait_for_room(self.node, port, Wanted::Frame(len));
    }

    /// Whether more is on its way than there may be: the simulation ends after this call.
    pub(crate) const fn is_storm(&self) -> bool {
        self.network.world.traffic.is_storm()
    }

    /// The node has done so much in this call, and comes to no end.
    pub(crate) const fn give_up(&mut self, outputs: u64) {
        self.network.world.endless = outputs;
    }

    /// Writes a line into the log: `out.note(format_args!("{count} lost"))`.
    pub fn note(&mut self, text: impl fmt::Display) {
        self.network.note(self.node, &text);
    }

    /// Adds a point to a series of this node, which a plot can show: `out.sample("rtt", "s", 0.03)`.
    pub fn sample(&mut self, series: &str, unit: &'static str, value: f64) {
        self.network.sample(self.node, series, unit, value);
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("node", &self.node).finish()
    }
}
