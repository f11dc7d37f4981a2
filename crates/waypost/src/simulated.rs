//! Graphs in simulated networks: a router's text, unchanged, under virtual time; captures of their links.
//!
//! ```
//! use waypost::graph::Source;
//! use waypost::sim::{LinkConfig, Simulation};
//! use waypost::simulated::Graph;
//! use waypost::wire::Instant;
//!
//! let mut net = Simulation::new(7);
//! let pings = "InfiniteSource(LIMIT 3) -> q :: Queue -> ToDevice(eth0); FromDevice(eth0) -> came :: Counter -> Discard;";
//! let a = net.add("a", Graph::new(Source::new("a", pings), ["eth0"]).node()?)?;
//! let mirror = "FromDevice(eth0) -> ToDevice(eth0);";
//! let b = net.add("b", Graph::new(Source::new("b", mirror), ["eth0"]).node()?)?;
//! net.connect("wire", a, b, LinkConfig::ethernet())?;
//! net.run_until(Instant::from_secs(1))?;
//! let a = net.node::<waypost::simulated::GraphNode>(a).ok_or("no such node")?;
//! assert_eq!(a.program().instance().read("came.count")?, "3");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod capture;
mod classes;

use std::fmt;

pub use capture::Capture;
use classes::{CLASSES, Plug, key};
pub use waypost_elements::host::Host;
use waypost_graph::{Builder, Diagnostics, Instance, Instant, Options, Pool, Program, Source};
use waypost_graph_text::Libraries;
use waypost_netdev::Medium;
use waypost_packet::PoolError;
use waypost_sim::{Device, Driven, DrivenNode, Output};
use waypost_wire::{MacAddr, WallTime};

/// A graph as a node of a simulation.
pub type GraphNode = DrivenNode<Running>;

/// A graph that is to be a node.
#[derive(Clone, Debug)]
pub struct Graph {
    source: Source,
    variables: Vec<(String, String)>,
    ports: Vec<String>,
    mtu: usize,
    ring: usize,
    packets: usize,
    library: Library,
    host: Host,
}

/// Finds the text that another requires by a name, or says why there is none.
pub type Library = fn(&str, &Source) -> Result<Source, String>;

/// The libraries of a graph, as its text asks for them.
struct Find(Library);

impl Libraries for Find {
    fn load(&mut self, name: &str, from: &Source) -> Result<Source, String> {
        self.0(name, from)
    }
}

impl Graph {
    /// A text, whose `FromDevice(NAME)` and `ToDevice(NAME)` are the node's ports: the first name is port 0, and so on. They are
    /// Ethernet devices with an MTU of 1500 octets, rings of 256 frames each, and a pool of 1024 packets behind all of them.
    pub fn new(source: Source, ports: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            source,
            variables: Vec::new(),
            ports: ports.into_iter().map(Into::into).collect(),
            mtu: 1500,
            ring: 256,
            packets: 1024,
            library: |name, _| Err(format!("no library `{name}`: this graph was given none")),
            host: Host::default(),
        }
    }

    /// Lets the text, and the libraries themselves, `require(library NAME)`. Without this there are none.
    #[must_use]
    pub fn libraries(mut self, find: Library) -> Self {
        self.library = find;
        self
    }

    /// Gives the text a variable, as the command line does with `NAME=value`.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How long packets may be, in octets above the Ethernet header.
    #[must_use]
    pub fn mtu(mut self, octets: usize) -> Self {
        self.mtu = octets;
        self
    }

    /// How many frames each ring of a device holds.
    #[must_use]
    pub fn ring(mut self, frames: usize) -> Self {
        self.ring = frames;
        self
    }

    /// How many packets the graph has memory for.
    #[must_use]
    pub fn packets(mut self, packets: usize) -> Self {
        self.packets = packets;
        self
    }

    /// Where elements that write files have them (`ToDump`, `IPPrint` with an `OUTFILE`). Without this it is where the text says, on
    /// this machine. Which time it is, the simulation says in any case: as in a capture, its time 0 is that of Unix; and chance is the same each time.
    #[must_use]
    pub fn host(mut self, host: Host) -> Self {
        self.host = host;
        self
    }

    /// The node. When it is restarted in the simulation, the graph is built anew once the one before is gone: what that one had
    /// gathered is written, and files begin anew too, as when a program is restarted.
    ///
    /// # Errors
    /// All that is wrong with the text, or there is no memory for so many packets.
    pub fn node(self) -> Result<GraphNode, GraphError> {
        // Texts say the addresses of their interfaces themselves.
        let medium = Medium::Ethernet(MacAddr::ZERO);
        let device = |_| {
            let device = Device::new(medium, self.mtu, self.ring);
            device.with_timestamps(WallTime::UNIX_EPOCH)
        };
        let devices: Vec<Device> = self.ports.iter().map(device).collect();
        let pool = Pool::builder()
            .small(self.packets)
            .clones(self.packets)
            .build()?;
        let instance = self.build(&devices, &pool)?;
        let running = Running {
            graph: self,
            devices: devices.clone(),
            pool,
            instance,
            failed: None,
        };
        Ok(DrivenNode::new(running, devices).on_restart(Running::restart))
    }

    fn build(&self, devices: &[Device], pool: &Pool) -> Result<Instance, Diagnostics> {
        let mut libraries = Find(self.library);
        let mut options = Options {
            variables: self.variables.clone(),
            libraries: Some(&mut libraries),
            ..Options::default()
        };
        let mut program = Program::parse(&self.source, &CLASSES, &mut options)?;
        for (number, (name, device)) in self.ports.iter().zip(devices).enumerate() {
            program = program.share(&key(name), Plug(device.clone(), number as u16 + 1));
        }
        let host = self.host.clone().since(WallTime::UNIX_EPOCH).seeded(0);
        program = program.share(Host::KEY, host);
        Ok(program.instances(1, pool)?.swap_remove(0))
    }
}

/// A graph could not be made a node.
#[derive(Debug)]
#[non_exhaustive]
pub enum GraphError {
    /// The text is not well-formed, or what it says is refused.
    Text(Diagnostics),
    /// There is no memory for its packets.
    Memory(PoolError),
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::Memory(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for GraphError {}

impl From<Diagnostics> for GraphError {
    fn from(error: Diagnostics) -> Self {
        Self::Text(error)
    }
}

impl From<PoolError> for GraphError {
    fn from(error: PoolError) -> Self {
        Self::Memory(error)
    }
}

/// A graph that runs in a simulation.
pub struct Running {
    graph: Graph,
    devices: Vec<Device>,
    pool: Pool,
    instance: Instance,
    /// Why it is not there any more.
    failed: Option<Diagnostics>,
}

impl Running {
    /// The graph: its handlers, its statistics.
    pub const fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The graph.
    pub const fn instance_mut(&mut self) -> &mut Instance {
        &mut self.instance
    }

    /// Frames that were lost because the ring of their port was full: nobody takes them where the graph has stopped, or has no
    /// `FromDevice` of that port.
    pub fn overruns(&self) -> u64 {
        let overruns = self.devices.iter().map(|it| it.statistics().overruns);
        overruns.sum()
    }

    /// Why it could not be built anew when it was restarted: a file that it reads is gone, say. What runs since then is a graph
    /// without elements. The log of the simulation says it too.
    pub const fn failed_restart(&self) -> Option<&Diagnostics> {
        self.failed.as_ref()
    }

    fn restart(&mut self, _: Instant, out: &mut Output<'_>) {
        // The old one lets go of its files and packets first.
        self.instance = nothing(&self.pool);
        match self.graph.build(&self.devices, &self.pool) {
            Ok(instance) => (self.instance, self.failed) = (instance, None),
            Err(error) => {
                out.note(format_args!("cannot be restarted: {error}"));
                self.failed = Some(error);
            }
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("graph", &self.graph)
            .finish_non_exhaustive()
    }
}

impl Driven for Running {
    fn step(&mut self, now: Instant) -> bool {
        !self.instance.is_stopped() && self.instance.step(now)
    }

    fn next_timer(&self) -> Option<Instant> {
        self.instance
            .next_timer()
            .filter(|_| !self.instance.is_stopped())
    }
}

/// A graph without elements.
fn nothing(pool: &Pool) -> Instance {
    Builder::new()
        .build(pool.allocator())
        .unwrap_or_else(|error| unreachable!("nothing is wrong with nothing: {error}"))
}
