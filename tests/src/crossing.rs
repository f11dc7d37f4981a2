//! Two hosts and a router between them: the router is `examples/router.click`.

use std::path::{Path, PathBuf};

use crate::{Host, Net, Running, program};

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
    /// Where the programs lie, if not beside the running one.
    built: Option<PathBuf>,
}

/// The left host's address.
pub const LEFT: &str = "10.1.0.2";
/// The right host's address.
pub const RIGHT: &str = "10.2.0.2";

impl Crossing {
    /// The hosts and their cables, without a router yet.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn new(net: Net) -> Result<Self, String> {
        let (left, router, right) = (net.host("left")?, net.host("router")?, net.host("right")?);
        net.link((&left, "eth0"), (&router, "port0"))?;
        net.link((&right, "eth0"), (&router, "port1"))?;
        for (host, address, gateway) in [(&left, LEFT, "10.1.0.1"), (&right, RIGHT, "10.2.0.1")] {
            host.ip(&format!("address add {address}/24 dev eth0"))?;
            host.ip(&format!("route add default via {gateway}"))?;
        }
        Ok(Self {
            left,
            right,
            router,
            net,
            built: None,
        })
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
        let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/router.click");
        let mut command = self.router.command(&self.program("waypost")?);
        command
            .args(["graph", "run"])
            .arg(text)
            .args(["A=port0", "B=port1"]);
        command.arg(format!("A_MAC={}", self.router.link_address("port0")?));
        command.arg(format!("B_MAC={}", self.router.link_address("port1")?));
        command.arg("--announce").args(arguments);
        let mut running = self.router.spawn(&mut command)?;
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
