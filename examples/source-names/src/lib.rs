//! Names beside addresses: an asynchronous processor that asks a DNS server for the name of each
//! packet's source, and a log that shows both.
//!
//! [`SourceNames`] is what to read first. It asks one question per packet and keeps no cache: put one
//! behind it that fits your traffic, or ask a server that has one.
#![forbid(unsafe_code)]

mod dns;
mod log;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use waypost::elements::ip::Ipv4;
use waypost::graph::{
    AsyncProcessor, ConfigError, DropReason, ElementClass, Kind, Packet, Verdict, async_processor,
    kind,
};
use waypost::wire::Ipv4Header;

pub use dns::{ATTEMPTS, name_of};
pub use log::LOG_CLASS;

/// A packet has no room for a name behind it.
pub const NO_ROOM: DropReason = DropReason::new("no room for the name");

kind! {
    /// An IPv4 packet with its source's name behind it: the name's octets, then how many they are, in two octets.
    pub Named
}

impl Named {
    /// Puts a name behind a packet; gives the packet back if there is no room.
    fn new(mut packet: Packet, name: &str) -> Result<Self, Packet> {
        let Ok(len) = u16::try_from(name.len()) else {
            return Err(packet);
        };
        match packet.append(name.len() + 2) {
            Some(room) => {
                room[..name.len()].copy_from_slice(name.as_bytes());
                room[name.len()..].copy_from_slice(&len.to_be_bytes());
                Ok(Self(packet))
            }
            None => Err(packet),
        }
    }

    /// The name; empty if the source has none, or nobody told it.
    pub fn name(&self) -> &str {
        self.name_behind().unwrap_or_default()
    }

    /// Nothing, if a text puts what expects a name behind what does not give one.
    fn name_behind(&self) -> Option<&str> {
        let (rest, len) = self.octets().split_last_chunk()?;
        let from = rest
            .len()
            .checked_sub(usize::from(u16::from_be_bytes(*len)))?;
        str::from_utf8(&rest[from..]).ok()
    }
}

/// Asks a DNS server for the name of each packet's source. The packet goes on with the name behind it, or
/// with none: whatever the server does, no packet is lost and none waits for ever.
#[derive(Debug)]
pub struct SourceNames {
    server: SocketAddr,
    timeout: Duration,
    counts: Arc<Counts>,
}

/// What a [`SourceNames`] has counted.
#[derive(Debug, Default)]
pub struct Counts {
    /// Questions that wait for their answer.
    pub asking: AtomicU64,
    /// The most of them that there ever were.
    pub asking_most: AtomicU64,
    /// Packets whose question was not answered, or not understood.
    pub unanswered: AtomicU64,
}

impl SourceNames {
    /// Asks this server, [`ATTEMPTS`] times, and waits so long for an answer each time.
    pub fn new(server: SocketAddr, timeout: Duration) -> Self {
        Self {
            server,
            timeout,
            counts: Arc::default(),
        }
    }

    /// What it counts, for whoever wants to know while it runs.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    async fn ask(&self, source: Ipv4Addr) -> String {
        let counts = &self.counts;
        let asking = counts.asking.fetch_add(1, Ordering::Relaxed) + 1;
        counts.asking_most.fetch_max(asking, Ordering::Relaxed);
        let answer = name_of(source.into(), self.server, self.timeout).await;
        counts.asking.fetch_sub(1, Ordering::Relaxed);
        answer.unwrap_or_else(|_| {
            counts.unanswered.fetch_add(1, Ordering::Relaxed);
            String::new()
        })
    }
}

impl AsyncProcessor for SourceNames {
    type Input = Ipv4;
    type Output = Named;

    fn process(
        self: &Arc<Self>,
        packet: Ipv4,
    ) -> impl Future<Output = Verdict<Named>> + Send + 'static + use<> {
        let this = Arc::clone(self);
        async move {
            let name = match source(&packet) {
                Some(source) => this.ask(source).await,
                None => String::new(),
            };
            match Named::new(packet.unwrap(), &name) {
                Ok(named) => Verdict::Next(named),
                Err(packet) => Verdict::drop(packet, NO_ROOM),
            }
        }
    }
}

/// Where a packet comes from.
pub fn source(packet: &Packet) -> Option<Ipv4Addr> {
    let (header, _) = Ipv4Header::split_from(packet.network()?).ok()?;
    Some(header.source())
}

/// [`SourceNames`] for texts.
pub const CLASS: ElementClass = ElementClass {
    name: "SourceNames",
    ports: "1",
    processing: "h/h",
    flow: "x/x",
    doc: "Asks a DNS server for the name of each packet's source, and puts it behind the packet.

Arguments: `SourceNames(SERVER)`, an address and a port. Keywords:

- `TIMEOUT`: seconds to wait for an answer before it asks again, or gives up; 2 by default.
- `CONCURRENCY`: how many questions are asked at once; 64 by default.
- `ORDER`: false lets packets go on as their answers come; by default they keep their order.",
    handlers: &[],
    build: |args, _| {
        let server = args.take_mandatory("SERVER")?;
        let server = server
            .parse()
            .map_err(|_| ConfigError::expected("an address and port for SERVER", &server))?;
        let timeout = args.take("TIMEOUT").unwrap_or_else(|| "2".to_owned());
        let seconds = timeout.parse().ok();
        let timeout = seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| ConfigError::expected("seconds for TIMEOUT", &timeout))?;
        async_processor(SourceNames::new(server, timeout), args)
    },
};
