//! FromDump and ToDump: packets from and to capture files.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::time::{SystemTime, UNIX_EPOCH};

use waypost_device::pcap::{Format, LinkType, PcapError, Reader, Writer};
use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Packet, Progress, Spread,
};
use waypost_wire::WallTime;

use super::end::{End, reached};
use crate::args::{TypedArgs, handler_value};

/// A packet could not be written to a capture file.
pub const NOT_WRITTEN: DropReason = DropReason::new("capture file cannot be written");

pub(crate) const FROM_DUMP: ElementClass = ElementClass {
    name: "FromDump",
    ports: "0/1",
    processing: "a/a",
    flow: "x/x",
    doc: "Reads packets from a capture file, pcap or pcapng, as fast as they are wanted.

Arguments: `FromDump(FILENAME)`; keywords:

- `STOP`: true stops the graph at the end of the file, once nothing is on its way any more: see below.
- `END_CALL`: a write handler and its value, `element.handler VALUE`, which is written at the end of the file.
- `ACTIVE`: false reads nothing.

With `STOP true`, all sources stop when the first is done, and the graph once its packets have gone as far as they can:
asynchronous processors have handed on what they work on, queues are empty or nobody takes what is in them.

Deviations: packets come as fast as they are wanted, whatever their times; Click's `TIMING`, `SAMPLE`, `FORCE_IP`,
`START`, `END` and `INTERVAL` are not there. Click's `STOP` does not wait for queues.",
    handlers: FROM_HANDLERS,
    build: from_dump,
};

pub(crate) const TO_DUMP: ElementClass = ElementClass {
    name: "ToDump",
    ports: "1/0-1",
    processing: "a/a",
    flow: "x/x",
    doc: "Writes packets to a capture file: pcapng if its name ends in `.pcapng`, pcap otherwise. With an output, they go on
through it.

Arguments: `ToDump(FILENAME)`; keywords:

- `SNAPLEN`: octets kept of each packet, at most; all by default.
- `ENCAP`: `ETHER` (the default) or `IP`: what packets begin with.

Several workers write one file each, with `.1`, `.2` and so on behind the name.

Deviations: Click's default for `SNAPLEN` is 2000; `USE_ENCAP_FROM`, `EXTRA_LENGTH` and `UNBUFFERED` are not there.",
    handlers: TO_HANDLERS,
    build: to_dump,
};

const FROM_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets read"),
    Handler::read("filename", "the file's name"),
    Handler::read("error", "what is wrong with the file, if anything is"),
    Handler::read_write("active", "whether packets are read"),
];
const TO_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets written"),
    Handler::read("filename", "the file's name"),
    Handler::write("flush", "writes what is buffered"),
];

fn from_dump(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let name = args.mandatory::<String>("FILENAME")?;
    let file = File::open(&name)
        .map_err(|error| ConfigError::new(format!("cannot read `{name}`: {error}")))?;
    let reader = Reader::new(BufReader::with_capacity(1 << 16, file));
    let reader = reader.map_err(|error| ConfigError::new(format!("`{name}`: {error}")))?;
    let (end, active) = (End::parse(args)?, args.keyword("ACTIVE")?.unwrap_or(true));
    Ok(Box::new(FromDump {
        name,
        reader: Some(reader),
        ahead: None,
        error: None,
        end,
        active,
        count: 0,
    }))
}

fn to_dump(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let mut name = args.mandatory::<String>("FILENAME")?;
    let snaplen = args
        .keyword::<usize>("SNAPLEN")?
        .filter(|&len| len > 0)
        .unwrap_or(256 << 10);
    let link_type = match args.take("ENCAP").as_deref() {
        None | Some("ETHER") => LinkType::ETHERNET,
        Some("IP") => LinkType::RAW,
        Some(word) => return Err(ConfigError::expected("ENCAP ETHER or IP", word)),
    };
    let format = if name.ends_with(".pcapng") {
        Format::Pcapng
    } else {
        Format::Pcap
    };
    if cx.worker > 0 {
        name = format!("{name}.{}", cx.worker);
    }
    let failed = |error| ConfigError::new(format!("cannot write `{name}`: {error}"));
    let file = BufWriter::with_capacity(1 << 16, File::create(&name).map_err(failed)?);
    let writer = Writer::new(file, format, link_type, snaplen).map_err(failed)?;
    Ok(Box::new(ToDump {
        name,
        writer,
        count: 0,
    }))
}

struct FromDump {
    name: String,
    /// Nothing after the end.
    reader: Option<Reader<BufReader<File>>>,
    /// The next packet.
    ahead: Option<Packet>,
    error: Option<PcapError>,
    end: End,
    active: bool,
    count: u64,
}

impl FromDump {
    /// The next packet of the file. One is read ahead, so that the end of the file is known when the last packet leaves.
    fn read_one(&mut self, cx: &mut Cx<'_>) -> Option<Packet> {
        loop {
            let result = self.reader.as_mut()?.next();
            match result {
                Ok(Some(record)) => {
                    let Some(mut packet) = cx.frames().copy(record.octets) else {
                        cx.count_drops(1, DropReason::NO_BUFFER);
                        continue;
                    };
                    packet.set_timestamp(record.time);
                    return Some(packet);
                }
                Ok(None) => self.reader = None,
                Err(error) => {
                    self.error = Some(error);
                    self.reader = None;
                }
            }
        }
    }

    fn is_done(&self) -> bool {
        self.reader.is_none() && self.ahead.is_none()
    }
}

impl Element for FromDump {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        if !self.active {
            return;
        }
        while batch.len() < max {
            let Some(packet) = self.ahead.take().or_else(|| self.read_one(cx)) else {
                return;
            };
            self.count += 1;
            // There is room: `max` was asked for.
            drop(batch.push(packet));
        }
        if self.ahead.is_none() {
            self.ahead = self.read_one(cx);
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
        FROM_HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "count" => Ok(self.count.to_string()),
            "filename" => Ok(self.name.clone()),
            "error" => Ok(self
                .error
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default()),
            "active" => Ok(self.active.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "active" => self.active = handler_value(value)?,
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}

struct ToDump {
    name: String,
    writer: Writer<BufWriter<File>>,
    count: u64,
}

impl Element for ToDump {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_nanos() as u64);
        for packet in batch.iter() {
            let time = packet
                .timestamp()
                .unwrap_or_else(|| WallTime::from_unix_nanos(now));
            match self.writer.write(time, packet.octets(), packet.len(), None) {
                Ok(()) => self.count += 1,
                Err(_) => cx.count_drops(1, NOT_WRITTEN),
            }
        }
        if !cx.has_output(0) {
            cx.free(batch);
        }
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        if !cx.pulls(0) || cx.has_output(0) {
            return Progress::Finished;
        }
        let mut batch = cx.take_batch();
        let count = cx.pull(0, budget, &mut batch);
        self.push(0, &mut batch, cx);
        cx.put_batch(batch);
        if count > 0 {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        TO_HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "count" => Ok(self.count.to_string()),
            "filename" => Ok(self.name.clone()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, _: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "flush" => self
                .writer
                .flush()
                .map_err(|error| HandlerError::new(format!("`{}`: {error}", self.name))),
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn what_was_dumped_is_read_back() {
        let folder = std::env::temp_dir();
        for ending in ["pcap", "pcapng"] {
            let file = folder.join(format!("waypost-dump-{}.{ending}", std::process::id()));
            let file = file.to_str().unwrap();
            drop(run(&format!(
                "InfiniteSource(DATA \\<01020304>, LIMIT 100) -> ToDump(\"{file}\");"
            )));
            let graph = run(&format!(
                "f :: FromDump(\"{file}\") -> c :: Classifier(0/01020304, -); c[0] -> a :: Discard; c[1] -> b :: Discard;"
            ));
            assert_eq!(graph.read("a.count").unwrap(), "100");
            assert_eq!(graph.read("b.count").unwrap(), "0");
            std::fs::remove_file(file).unwrap();
        }
    }
}
