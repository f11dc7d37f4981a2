//! ToDump: packets to capture files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use waypost_device::pcap::{Format, LinkType, Writer};
use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Progress,
};
use waypost_wire::WallTime;

use super::NOT_WRITTEN;
use super::window::ENCAPSULATIONS;
use crate::args::TypedArgs;

pub(crate) const TO_DUMP: ElementClass = ElementClass {
    name: "ToDump",
    ports: "1/0-1",
    processing: "a/a",
    flow: "x/x",
    doc: "Writes packets to a capture file: pcapng if its name ends in `.pcapng`, pcap otherwise. With an output, they go on
through it.

Arguments: `ToDump(FILENAME)`; `-` is standard output. Keywords:

- `SNAPLEN`: octets kept of each packet, at most; all by default.
- `ENCAP`: what packets begin with: `ETHER` (the default), `IP`, `FDDI`, `802_11`, `SLL`, `PPP`, `PPP_HDLC`, `HDLC` or `NULL`.
- `UNBUFFERED`: true writes each packet at once.

Several workers write one file each, with `.1`, `.2` and so on behind the name.

Deviations: Click's default for `SNAPLEN` is 2000; `USE_ENCAP_FROM` is not there, nor are ATM's encapsulations and those of
the cards `AIRONET` and `PRISM`. Times are in nanoseconds: `NANO` is understood and changes nothing. So is `EXTRA_LENGTH`: packets have no length beside their own.",
    handlers: TO_HANDLERS,
    build: to_dump,
};

const TO_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets written"),
    Handler::sum(
        "unwritten",
        "packets that could not be written, lost unless there is an output",
    ),
    Handler::read("filename", "the file's name"),
    Handler::write("reset_counts", "counts from 0 again"),
    Handler::write("flush", "writes what is buffered"),
];

fn to_dump(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let mut name = args.mandatory::<String>("FILENAME")?;
    let snaplen = args
        .keyword::<usize>("SNAPLEN")?
        .filter(|&len| len > 0)
        .unwrap_or(256 << 10);
    let word = args.take("ENCAP").unwrap_or_else(|| "ETHER".to_owned());
    let link_type = ENCAPSULATIONS.iter().find(|(name, _)| *name == word);
    let Some(&(_, link_type)) = link_type else {
        return Err(ConfigError::expected("ENCAP ETHER, IP or the like", &word));
    };
    let unbuffered = args.keyword("UNBUFFERED")?.unwrap_or(false);
    // Nothing hangs on them.
    let _: [Option<bool>; 2] = [args.keyword("NANO")?, args.keyword("EXTRA_LENGTH")?];
    let format = if name.ends_with(".pcapng") {
        Format::Pcapng
    } else {
        Format::Pcap
    };
    let standard = name == "-";
    if cx.worker > 0 && !standard {
        name = format!("{name}.{}", cx.worker);
    }
    let failed = |error| ConfigError::new(format!("cannot write `{name}`: {error}"));
    let file: Box<dyn Write + Send> = if standard {
        Box::new(io::stdout())
    } else {
        Box::new(File::create(&name).map_err(failed)?)
    };
    let file = BufWriter::with_capacity(1 << 16, file);
    let writer = Writer::new(file, format, LinkType(link_type), snaplen).map_err(failed)?;
    Ok(Box::new(ToDump {
        name,
        writer,
        unbuffered,
        count: 0,
        unwritten: 0,
    }))
}

struct ToDump {
    name: String,
    writer: Writer<BufWriter<Box<dyn Write + Send>>>,
    unbuffered: bool,
    count: u64,
    unwritten: u64,
}

impl Element for ToDump {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_nanos() as u64);
        let mut unwritten = 0;
        for packet in batch.iter() {
            let time = packet
                .timestamp()
                .unwrap_or_else(|| WallTime::from_unix_nanos(now));
            match self.writer.write(time, packet.octets(), packet.len(), None) {
                Ok(()) => self.count += 1,
                Err(_) => unwritten += 1,
            }
        }
        if self.unbuffered && self.writer.flush().is_err() {
            unwritten = batch.len() as u64;
        }
        self.unwritten += unwritten;
        // With an output they go on, written or not.
        if !cx.has_output(0) {
            if unwritten > 0 {
                cx.count_drops(unwritten, NOT_WRITTEN);
            }
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
            "unwritten" => Ok(self.unwritten.to_string()),
            "filename" => Ok(self.name.clone()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }

    fn write(&mut self, handler: &str, _: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "flush" => self
                .writer
                .flush()
                .map_err(|error| HandlerError::new(format!("`{}`: {error}", self.name)))?,
            "reset_counts" => (self.count, self.unwritten) = (0, 0),
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}
