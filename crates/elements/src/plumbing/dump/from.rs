//! FromDump: packets from capture files.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;

use waypost_device::pcap::{LinkType, PcapError, Reader};
use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Packet, Progress, Spread,
};
use waypost_wire::{Duration, WallTime};

use super::NOT_IP;
use super::window::{ENCAPSULATIONS, Pace, Place, Window, ip_header};
use crate::args::{TypedArgs, handler_value};
use crate::host::Host;
use crate::plumbing::end::{End, reached};

pub(crate) const FROM_DUMP: ElementClass = ElementClass {
    name: "FromDump",
    ports: "0/1-2",
    processing: "/ah",
    flow: "x/x",
    doc: "Reads packets from a capture file, pcap or pcapng, as fast as they are wanted. Of several workers the first alone does.

Arguments: `FromDump(FILENAME, TIMING)`; keywords:

- `TIMING`: true hands the packets out at the pace of the file, by the graph's clock: the first at once, each later one as long
  after it as it was recorded.
- `STOP`: true stops the graph at the end of the file, once nothing is on its way any more: see below.
- `END_CALL`: a write handler and its value, `element.handler VALUE`, which is written at the end of the file.
- `ACTIVE`: false reads nothing.
- `START`, `END`: times in seconds since 1970; packets before the one, and from the other on, are left out. The end is one
  of the file; but with an `END_CALL` reading goes on, unless the handler says otherwise.
- `START_AFTER`, `END_AFTER`: the same as spans after the time of the file's first packet. `INTERVAL`: the end as a span after the
  start, or after the first packet.
- `SAMPLE`: a number from 0 to 1: the part of the packets that is handed out, chosen at random.
- `FORCE_IP`: true marks the headers of IPv4 packets, and hands all others to output 1, or drops them without one. Where packets
  begin with an IP header, it is so in any case.

With `STOP true`, all sources stop when the first is done, and the graph once its packets have gone as far as they can:
asynchronous processors have handed on what they work on, queues are empty or nobody takes what is in them. Where there is a
`DriverManager`, it is asked in their place.

Deviations: Click's `STOP` does not wait for queues. With `TIMING` the pace begins with the first packet that is handed out; in Click
with the file's first. The choice of `SAMPLE` is the same in each run. `FORCE_IP` knows IPv4 over Ethernet with and without a tag, raw IP, Linux's
cooked packets and the loopback. `MMAP` is understood and changes nothing; `FILEPOS` is not there, nor are compressed files and the handlers `filesize`,
`filepos` and `packet_filepos`.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets read"),
    Handler::write("reset_counts", "counts from 0 again"),
    Handler::read("filename", "the file's name"),
    Handler::read("encap", "what packets begin with, as ToDump's `ENCAP`"),
    Handler::read(
        "sampling_prob",
        "the part of the packets that is handed out",
    ),
    Handler::read("error", "what is wrong with the file, if anything is"),
    Handler::read_write("active", "whether packets are read"),
    Handler::write("stop", "reads no more, and stops the graph as `STOP` does"),
    Handler::write(
        "extend_interval",
        "sets the end off by a span, and goes on reading",
    ),
    Handler::write("reset_timing", "begins the pace anew with the next packet"),
];

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let name = args.mandatory::<String>("FILENAME");
    let timing = args.optional("TIMING").unwrap_or(false);
    let sample = args.keyword("SAMPLE").unwrap_or(1.0);
    let fits = (0.0..=1.0).contains(&sample);
    args.require("SAMPLE", fits, "SAMPLE from 0 to 1", sample);
    // Nothing hangs on it.
    let _: Option<bool> = args.keyword("MMAP");
    let (end, window) = (End::parse(args), Window::parse(args));
    let force_ip = args.keyword("FORCE_IP").unwrap_or(false);
    let active = args.keyword("ACTIVE").unwrap_or(true);
    args.finish()?;
    let mut dump = FromDump {
        name: name?,
        reader: None,
        link: LinkType::ETHERNET,
        kept: None,
        ahead: None,
        error: None,
        end,
        window,
        last_end: None,
        timing,
        pace: Pace::default(),
        sample,
        chance: 0x9e37_79b9_7f4a_7c15,
        force_ip,
        active,
        count: 0,
    };
    if Host::of(cx)?.reads() {
        dump.reader = Some(open(&dump.name)?);
    }
    Ok(Box::new(dump))
}

fn open(name: &str) -> Result<Reader<BufReader<File>>, ConfigError> {
    let file = File::open(name)
        .map_err(|error| ConfigError::new(format!("cannot read `{name}`: {error}")))?;
    Reader::new(BufReader::with_capacity(1 << 16, file))
        .map_err(|error| ConfigError::new(format!("`{name}`: {error}")))
}

/// How often a handler may set the end off in front of one packet, at most.
const ENDS_MAX: usize = 1000;

struct FromDump {
    name: String,
    /// Nothing after the end.
    reader: Option<Reader<BufReader<File>>>,
    /// What the last packet that was read begins with.
    link: LinkType,
    /// What was read when there was no memory for it, or lies behind an end that is not reached yet.
    kept: Option<(WallTime, Vec<u8>)>,
    /// The next packet.
    ahead: Option<Packet>,
    error: Option<PcapError>,
    end: End,
    window: Window,
    /// The end that was reached last.
    last_end: Option<WallTime>,
    timing: bool,
    pace: Pace,
    sample: f64,
    chance: u64,
    force_ip: bool,
    active: bool,
    count: u64,
}

impl FromDump {
    /// The next packet of the file. One is read ahead, so that the end of the file is known when the last packet leaves. The end of
    /// the time that was asked for is reached only where all packets before it are `away`.
    fn read_one(&mut self, away: bool, cx: &mut Cx<'_>) -> Option<Packet> {
        while self.active {
            let (time, octets) = match self.kept.take() {
                Some((time, octets)) => (time, Cow::Owned(octets)),
                None => match self.reader.as_mut()?.next() {
                    Ok(Some(record)) => {
                        self.link = record.link_type;
                        (record.time, Cow::Borrowed(record.octets))
                    }
                    Ok(None) => {
                        self.reader = None;
                        return None;
                    }
                    Err(error) => {
                        (self.error, self.reader) = (Some(error), None);
                        return None;
                    }
                },
            };
            let mut place = self.window.place(time);
            if place == Place::Before {
                continue;
            }
            if place == Place::Behind && !away {
                self.kept = Some((time, octets.into_owned()));
                return None;
            }
            let Some(mut packet) = cx.frames().copy(&octets) else {
                if cx.frames().pool().has_frames_for(octets.len()) {
                    // Others hold them all: later.
                    self.kept = Some((time, octets.into_owned()));
                    return None;
                }
                cx.count_drops(1, DropReason::NO_BUFFER);
                continue;
            };
            packet.set_timestamp(time);
            let mut ends = 0;
            while place == Place::Behind && ends < ENDS_MAX {
                ends += 1;
                self.reach_end(cx);
                if !self.active {
                    cx.frames().free_packet(packet);
                    return None;
                }
                place = self.window.place(time);
            }
            if self.sample < 1.0 && !drawn(&mut self.chance, self.sample) {
                cx.frames().free_packet(packet);
                continue;
            }
            if self.force_ip || self.link == LinkType::RAW {
                match ip_header(packet.octets(), self.link) {
                    Some((network, transport)) => {
                        packet.set_network_offset(network);
                        packet.set_transport_offset(transport);
                    }
                    None => {
                        cx.emit_or_drop(1, packet, NOT_IP);
                        continue;
                    }
                }
            }
            return Some(packet);
        }
        None
    }

    /// The end of the time that was asked for: as of the file, but a handler may have it go on.
    #[cold]
    fn reach_end(&mut self, cx: &mut Cx<'_>) {
        self.last_end = self.window.open_end();
        self.active = self.end.calls();
        reached(self, |it| &mut it.end, cx);
        self.end.again();
    }

    /// Whether the packet that was read ahead has to wait for its time.
    fn is_early(&mut self, cx: &mut Cx<'_>) -> bool {
        let time = self.ahead.as_ref().and_then(Packet::timestamp);
        let Some(time) = time.filter(|_| self.timing) else {
            return false;
        };
        let due = self.pace.due(time, cx.now());
        let early = cx.now() < due;
        if early {
            cx.set_timer(Some(due));
        }
        early
    }

    fn is_done(&self) -> bool {
        self.reader.is_none() && self.kept.is_none() && self.ahead.is_none()
    }
}

/// Whether a packet is chosen that is so with such a probability.
fn drawn(state: &mut u64, probability: f64) -> bool {
    // xorshift64*
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    let number = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
    (number as f64) < probability * 4_294_967_296.0
}

impl Element for FromDump {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if !self.active {
            return;
        }
        while batch.len() < max {
            if self.ahead.is_none() {
                self.ahead = self.read_one(batch.is_empty(), cx);
            }
            if self.is_early(cx) {
                return;
            }
            let Some(packet) = self.ahead.take() else {
                return;
            };
            self.count += 1;
            // There is room: `max` was asked for.
            drop(batch.push(packet));
        }
        if self.ahead.is_none() {
            self.ahead = self.read_one(batch.is_empty(), cx);
        }
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        if !self.active {
            return Progress::Idle;
        }
        let mut worked = false;
        if cx.pushes(0) {
            let mut batch = cx.take_batch();
            self.pull(0, budget, &mut batch, cx);
            worked = !batch.is_empty();
            cx.push(0, &mut batch);
            cx.put_batch(batch);
        }
        // At once: when the last packet fills what is behind it, this does not run again.
        if self.ahead.is_none() && self.kept.is_some() {
            self.ahead = self.read_one(true, cx);
        }
        if self.is_done() {
            reached(self, |it| &mut it.end, cx);
            return Progress::Finished;
        }
        if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn spread(&self) -> Spread {
        Spread::FirstWorker
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "count" => Ok(self.count.to_string()),
            "filename" => Ok(self.name.clone()),
            "encap" => {
                let mut known = ENCAPSULATIONS.iter();
                let found = known.find(|(_, number)| *number == self.link.0);
                Ok(found.map_or_else(|| self.link.0.to_string(), |(name, _)| (*name).to_owned()))
            }
            "sampling_prob" => Ok(self.sample.to_string()),
            "error" => Ok(self
                .error
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default()),
            "active" => Ok(self.active.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, cx: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = handler_value(value)?,
            "reset_counts" => self.count = 0,
            "stop" => {
                self.active = false;
                End::stop(cx);
            }
            "extend_interval" => {
                let span: Duration = handler_value(value)?;
                let before = self.window.end().or(self.last_end);
                let before = before.ok_or_else(|| {
                    HandlerError::new("no end was asked for, or none is known yet")
                })?;
                let end = before.as_unix_nanos().saturating_add(span.as_nanos());
                self.window.end_at(WallTime::from_unix_nanos(end));
                self.active = true;
            }
            "reset_timing" => self.pace = Pace::default(),
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}
