//! ToDump: packets to capture files.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};

use super::NOT_WRITTEN;
use super::spool::{Spool, Target, Unwritten};
use super::window::ENCAPSULATIONS;
use crate::args::TypedArgs;
use crate::host::Host;
use waypost_device::pcap::{Format, LinkType, Writer};
use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Progress,
};

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
- `UNBUFFERED`: true writes each packet at once. Otherwise some 64 KiB are gathered, and written when no more packets come.

A file that is there already is emptied when the graph begins, and stays as it was if the graph is refused.
Several workers write one file each, with `.1`, `.2` and so on behind the name; standard output they share. What is gathered when the
graph is stopped at once is written then; where that fails, it is said on standard error.

Deviations: Click's default for `SNAPLEN` is 2000; `USE_ENCAP_FROM` is not there, nor are ATM's encapsulations and those of
the cards `AIRONET` and `PRISM`. Times are in nanoseconds: `NANO` is understood and changes nothing. So is `EXTRA_LENGTH`: packets have no length beside their own.",
    handlers: TO_HANDLERS,
    build: to_dump,
};

const TO_HANDLERS: &[Handler] = &[
    Handler::sum("count", "packets written, and those gathered"),
    Handler::sum(
        "unwritten",
        "packets that could not be written, lost unless there is an output",
    ),
    Handler::read("filename", "the file's name"),
    Handler::write("reset_counts", "counts from 0 again"),
    Handler::write("flush", "writes what is buffered"),
];

fn to_dump(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let name = args.mandatory::<String>("FILENAME");
    let snaplen = args
        .keyword::<usize>("SNAPLEN")
        .filter(|&len| len > 0)
        .unwrap_or(256 << 10);
    let link_type = args.choice("ENCAP", ENCAPSULATIONS);
    let link_type = link_type.unwrap_or(LinkType::ETHERNET.0);
    let unbuffered = args.keyword("UNBUFFERED").unwrap_or(false);
    // Nothing hangs on them.
    let _: [Option<bool>; 2] = [args.keyword("NANO"), args.keyword("EXTRA_LENGTH")];
    args.finish()?;
    let mut name = name?;
    let format = if name.ends_with(".pcapng") {
        Format::Pcapng
    } else {
        Format::Pcap
    };
    let standard = name == "-";
    if cx.worker > 0 && !standard {
        name = format!("{name}.{}", cx.worker);
    }
    let host = Host::of(cx)?;
    let failed = |error| ConfigError::new(format!("cannot write `{name}`: {error}"));
    let head = || {
        let head = Writer::new(Vec::new(), format, LinkType(link_type), snaplen);
        head.map(Writer::into_stream)
    };
    let open = || -> io::Result<Mutex<Target>> {
        let stream: Box<dyn Write + Send> = if standard && host.is_touched() {
            // Without the buffer that the process has for it, which does not say what it has written.
            Box::new(File::from(io::stdout().as_fd().try_clone_to_owned()?))
        } else {
            Box::new(host.open(&name)?)
        };
        Ok(Mutex::new(Target::new(stream, head()?)))
    };
    let target = if standard {
        cx.common(|| open().map_err(failed))?
    } else {
        Arc::new(open().map_err(failed)?)
    };
    let spool = Spool::new(target);
    let mut writer = Writer::new(spool, format, LinkType(link_type), snaplen).map_err(failed)?;
    // Its target has the head already.
    writer.stream_mut().clear();
    Ok(Box::new(ToDump {
        name,
        writer,
        host,
        unbuffered,
        fresh: false,
        begun: false,
        waits: true,
        count: 0,
        unwritten: 0,
    }))
}

struct ToDump {
    name: String,
    writer: Writer<Spool>,
    host: Host,
    unbuffered: bool,
    /// Packets have come since the last run.
    fresh: bool,
    /// The graph has run.
    begun: bool,
    /// Something has not been written, nor tried: the head of the file in the beginning.
    waits: bool,
    count: u64,
    unwritten: u64,
}

impl ToDump {
    /// Writes what was gathered, and counts what cannot be written.
    fn write_out(&mut self, cx: &mut Cx<'_>) -> io::Result<()> {
        (self.begun, self.waits) = (true, false);
        self.writer.stream_mut().write_out().map_err(|lost| {
            let Unwritten { records, error } = lost;
            self.count -= records;
            self.unwritten += records;
            // With an output they have gone on, written or not.
            if records > 0 && !cx.has_output(0) {
                cx.count_drops(records, NOT_WRITTEN);
            }
            error
        })
    }
}

impl Drop for ToDump {
    fn drop(&mut self) {
        if !self.begun {
            return;
        }
        if let Err(Unwritten { records, error }) = self.writer.stream_mut().write_out()
            && records > 0
        {
            let name = &self.name;
            let _ = writeln!(
                io::stderr().lock(),
                "`{name}`: {records} packets could not be written: {error}"
            );
        }
    }
}

impl Element for ToDump {
    fn begin(&mut self) {
        self.begun = true;
        // The file's head. If that fails, the first records go the same way, and are counted.
        let _ = self.writer.stream_mut().write_out();
    }

    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let now = self.host.time(cx.now());
        for packet in batch.iter() {
            let time = packet.timestamp().unwrap_or(now);
            // It only gathers, which does not fail.
            let _ = self.writer.write(time, packet.octets(), packet.len(), None);
            self.count += 1;
            if self.unbuffered || self.writer.stream_mut().is_full() {
                // What was lost is counted.
                let _ = self.write_out(cx);
            } else {
                (self.fresh, self.waits) = (true, true);
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
        if cx.pulls(0) && !cx.has_output(0) {
            let mut batch = cx.take_batch();
            cx.pull(0, budget, &mut batch);
            self.push(0, &mut batch, cx);
            cx.put_batch(batch);
        }
        // Perhaps more comes; if not, it does not wait for more.
        if std::mem::take(&mut self.fresh) {
            return Progress::Worked;
        }
        if self.waits {
            let _ = self.write_out(cx);
        }
        Progress::Idle
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

    fn write(&mut self, handler: &str, _: &str, cx: &mut Cx<'_>) -> Result<(), HandlerError> {
        match handler {
            "flush" => self
                .write_out(cx)
                .map_err(|error| HandlerError::new(format!("`{}`: {error}", self.name)))?,
            "reset_counts" => {
                // What is gathered was counted before.
                let _ = self.write_out(cx);
                (self.count, self.unwritten) = (0, 0);
            }
            _ => return Err(HandlerError::unknown(handler)),
        }
        Ok(())
    }
}
