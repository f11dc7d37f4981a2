//! A real DNS server, and packets from the sources that it has names for.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use waypost::wire::{IpProtocol, Ipv4Header, UdpHeader};
use waypost_source_names::name_of;

/// How long a question waits for its answer: long, since the machine may be busy with something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// dnsmasq on a port of its own; it ends with this value.
pub(crate) struct Dns {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What the names end in: no other server has them.
    domain: String,
}

impl Dns {
    /// A server with a name for each of the first `count` sources; `None` if dnsmasq is not installed, which is said.
    pub(crate) fn start(count: u32) -> Option<Self> {
        // Whoever takes the port that was found free before the server does makes the server fail: then it is another's turn.
        loop {
            let mut dns = match Self::spawn(count) {
                Ok(dns) => dns,
                Err(error) => {
                    waypost_tests::skip(&format!("cannot run dnsmasq: {error}"));
                    return None;
                }
            };
            if dns.answers() {
                return Some(dns);
            }
        }
    }

    fn spawn(count: u32) -> std::io::Result<Self> {
        static TURN: AtomicU32 = AtomicU32::new(0);
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        let address = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new("dnsmasq");
        // Administrators' programs are not on everybody's path.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        command.args(["--keep-in-foreground", "--conf-file=-", "--pid-file="]);
        // Nobody else is asked: private addresses without a record have no name.
        command.args(["--no-resolv", "--no-hosts", "--no-poll", "--bogus-priv"]);
        command.args(["--bind-interfaces", "--listen-address=127.0.0.1"]);
        command.arg(format!("--port={}", address.port()));
        let child = command
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut dns = Self {
            child,
            address,
            domain: format!("t{}-{turn}.example", std::process::id()),
        };
        let records: String = (0..count)
            .map(|number| {
                let [a, b, c, d] = source(number).octets();
                let name = dns.name(number);
                format!("ptr-record={d}.{c}.{b}.{a}.in-addr.arpa,{name}\n")
            })
            .collect();
        // A server that has ended already takes nothing; it will not answer either.
        if let Some(mut input) = dns.child.stdin.take() {
            let _ = input.write_all(records.as_bytes());
        }
        Ok(dns)
    }

    /// The name that the server has for a source.
    pub(crate) fn name(&self, number: u32) -> String {
        format!("host-{number}.{}", self.domain)
    }

    /// Asks until there is an answer; false if the server has ended.
    fn answers(&mut self) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let expected = self.name(0);
        while let Ok(None) = self.child.try_wait() {
            let asked = name_of(source(0).into(), self.address, Duration::from_millis(100));
            if runtime.block_on(asked).is_ok_and(|name| name == expected) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        // It is ours; it may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The source of a packet.
pub(crate) fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 0, 0).to_bits() + number)
}

/// A UDP packet from that source to 10.0.0.9.
pub(crate) fn packet(number: u32) -> Vec<u8> {
    let mut header = Ipv4Header::new(
        IpProtocol::UDP,
        source(number),
        Ipv4Addr::new(10, 0, 0, 9),
        12,
    );
    header.fill_checksum();
    let mut octets = header.as_bytes().to_vec();
    octets.extend(UdpHeader::new(1000, 2000, 4).as_bytes());
    octets.extend(number.to_be_bytes());
    octets
}
