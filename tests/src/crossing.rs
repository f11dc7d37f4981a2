//! Two hosts and a router between them: the router is `examples/router.click`.

use std::path::PathBuf;

use crate::{Host, Net, Running, program};

/// The router's text.
const ROUTER: &str = include_str!("../../examples/router.click");

/// How the router's graph is connected to the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// By cables (veth), whose ends it reads and writes through packet sockets.
    AfPacket,
    /// By cables, whose ends it reads and writes by AF_XDP; the hosts' ends are told to finish their frames.
    AfXdp,
    /// By an interface in each host that the graph itself makes.
    Tap,
}

/// Two hosts, and between them a namespace in which a graph routes.
#[derive(Debug)]
pub struct Crossing {
    /// The host at 10.1.0.2.
    pub left: Host,
    /// The host at 10.2.0.2.
    pub right: Host,
    /// Where the graph runs; its kernel has no addresses, and routes nothing.
    pub router: Host,
    /// Dropped last: the hosts are of it.
    pub net: Net,
    over: Over,
    /// Where the programs lie, if not beside the running one.
    built: Option<PathBuf>,
}

/// The left host's address.
pub const LEFT: &str = "10.1.0.2";
/// The right host's address.
pub const RIGHT: &str = "10.2.0.2";

impl Crossing {
    /// The hosts and what connects them, without a router yet.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn new(net: Net, over: Over) -> Result<Self, String> {
        Self::with_queues(net, over, 1)
    }

    /// The same, over cables of so many queues, one for each of the router's threads.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn with_queues(net: Net, over: Over, queues: u32) -> Result<Self, String> {
        let (left, router, right) = (net.host("left")?, net.host("router")?, net.host("right")?);
        let this = Self {
            left,
            right,
            router,
            net,
            over,
            built: None,
        };
        if over != Over::Tap {
            for (host, address, port) in
                [(&this.left, LEFT, "port0"), (&this.right, RIGHT, "port1")]
            {
                this.net
                    .link_of_queues((host, "eth0"), (&this.router, port), queues)?;
                host.ip(&format!("address add {address}/24 dev eth0"))?;
            }
            this.add_routes()?;
        }
        Ok(this)
    }

    fn add_routes(&self) -> Result<(), String> {
        self.left.ip("route add default via 10.1.0.1")?;
        self.right.ip("route add default via 10.2.0.1")
    }

    /// The router's text, with other devices in place of its own where need be.
    fn text(&self) -> Result<String, String> {
        let (left, right) = (self.left.namespace(), self.right.namespace());
        let devices = match self.over {
            Over::AfPacket => return Ok(ROUTER.to_owned()),
            Over::AfXdp => format!(
                "from_a :: FromDevice($A, METHOD AF_XDP, PROMISC true, PEER {left}/eth0) -> [0] a;
                 from_b :: FromDevice($B, METHOD AF_XDP, PROMISC true, PEER {right}/eth0) -> [0] b;
                 a [1] -> to_a :: ToDevice($A, METHOD AF_XDP);
                 b [1] -> to_b :: ToDevice($B, METHOD AF_XDP);"
            ),
            Over::Tap => format!(
                "a [1] -> tap_a :: KernelTap({LEFT}/24, DEVNAME eth0, NETNS {left}) -> [0] a;
                 b [1] -> tap_b :: KernelTap({RIGHT}/24, DEVNAME eth0, NETNS {right}) -> [0] b;"
            ),
        };
        let parts = ROUTER
            .split_once("// The devices.\n")
            .and_then(|(before, rest)| {
                let (_, after) = rest.split_once("\n\n")?;
                Some((before, after))
            });
        let (before, after) = parts.ok_or("the router's text has no paragraph of devices")?;
        Ok(format!("{before}{devices}\n\n{after}"))
    }

    /// Runs the programs of this folder, in place of those beside the running one.
    #[must_use]
    pub fn built_in(mut self, folder: &str) -> Self {
        self.built = Some(folder.into());
        self
    }

    fn program(&self, name: &str) -> Result<String, String> {
        let path = match &self.built {
            Some(folder) => folder.join(name),
            None => program(name)?,
        };
        Ok(path.display().to_string())
    }

    /// Starts the graph, with further arguments for `waypost graph run`, and waits until it runs.
    ///
    /// # Errors
    /// It was not built, or did not start.
    pub fn route(&self, arguments: &[&str]) -> Result<Running, String> {
        let mut command = self.router.command(&self.program("waypost")?);
        command
            .args(["graph", "run", "-e", &self.text()?])
            .args(["A=port0", "B=port1"]);
        if self.over != Over::Tap {
            command.arg(format!("A_MAC={}", self.router.link_address("port0")?));
            command.arg(format!("B_MAC={}", self.router.link_address("port1")?));
        }
        command.arg("--announce").args(arguments);
        let mut running = self.router.spawn(&mut command)?;
        running.wait_for("running")?;
        if self.over == Over::Tap {
            // Now there are the interfaces to route by.
            self.add_routes()?;
        }
        Ok(running)
    }

    /// Writes all that comes in at a host's interface into a file, from now on.
    ///
    /// # Errors
    /// It was not built, or did not start.
    pub fn capture(&self, host: &Host, file: &std::path::Path) -> Result<Running, String> {
        let text = format!(
            "FromDevice(eth0, PROMISC true) -> ToDump({})",
            file.display()
        );
        let mut command = host.command(&self.program("waypost")?);
        command.args(["graph", "run", "--announce", "-e", &text]);
        let mut running = host.spawn(&mut command)?;
        running.wait_for("running")?;
        Ok(running)
    }

    /// Sends octets by TCP from left to right; says what both ends say of them: octets and digest.
    ///
    /// # Errors
    /// An end failed.
    pub fn tcp(&self, octets: u64) -> Result<(String, String), String> {
        let peer = self.program("waypost-peer")?;
        let address = format!("{RIGHT}:5001");
        let mut receiver = self
            .right
            .spawn(self.right.command(&peer).args(["tcp-receive", &address]))?;
        receiver.wait_for("listening")?;
        let sent = self
            .left
            .run(&format!("{peer} tcp-send {address} {octets}"))?;
        if !sent.status.success() {
            return Err(String::from_utf8_lossy(&sent.stderr).into_owned());
        }
        let line = |text: &str, word: &str| text.trim().trim_start_matches(word).trim().to_owned();
        Ok((
            line(&String::from_utf8_lossy(&sent.stdout), "sent"),
            line(&receiver.finish()?, "received"),
        ))
    }

    /// Sends datagrams from left to right as fast as a program can, of so many flows; says how many the program at the other end
    /// has received.
    ///
    /// # Errors
    /// An end failed.
    pub fn flood(&self, datagrams: u64, flows: u64) -> Result<u64, String> {
        let peer = self.program("waypost-peer")?;
        let address = format!("{RIGHT}:5003");
        let words = ["udp-count", &address, &datagrams.to_string()];
        let mut receiver = self.right.spawn(self.right.command(&peer).args(words))?;
        receiver.wait_for("listening")?;
        let sent = self
            .left
            .run(&format!("{peer} udp-flood {address} {datagrams} {flows}"))?;
        if !sent.status.success() {
            return Err(String::from_utf8_lossy(&sent.stderr).into_owned());
        }
        let said = receiver.finish()?;
        let number = said.trim().trim_start_matches("received ");
        number
            .parse()
            .map_err(|_| format!("the receiver said `{said}`"))
    }

    /// Sends datagrams from left to right; says how many came in right, and how many wrong.
    ///
    /// # Errors
    /// An end failed.
    pub fn udp(&self, datagrams: u64) -> Result<(u64, u64), String> {
        let peer = self.program("waypost-peer")?;
        let address = format!("{RIGHT}:5002");
        let words = ["udp-receive", &address, &datagrams.to_string()];
        let mut receiver = self.right.spawn(self.right.command(&peer).args(words))?;
        receiver.wait_for("listening")?;
        let sent = self
            .left
            .run(&format!("{peer} udp-send {address} {datagrams}"))?;
        if !sent.status.success() {
            return Err(String::from_utf8_lossy(&sent.stderr).into_owned());
        }
        let said = receiver.finish()?;
        let numbers: Vec<u64> = said
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        match *numbers.as_slice() {
            [right, wrong] => Ok((right, wrong)),
            _ => Err(format!("the receiver said `{said}`")),
        }
    }
}
