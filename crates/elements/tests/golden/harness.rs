//! Graphs in tests, and two classes beside Click's: `Feed` hands out the frames it is given, `Keep` keeps what
//! it gets.
//!
//! `Feed(HEX, HEX…, LINK broadcast)` has the handler `feed`, by which more frames are handed out; with `SEGMENT SIZE` they are
//! super-segments, and begin with an IPv4 header. `Keep` has the
//! handlers `frames`, `destinations`, `paints`, `fixes` and `times`, a line for each packet, and `clear`.

use std::collections::VecDeque;
use std::fmt::Write as _;

use waypost_elements::registry;
use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Cx, Element, ElementClass, Handler, HandlerError, Instance,
    Instant, Options, Packet, Pool, Program, Progress, Registry, Source,
};
use waypost_netdev::{ChecksumState, FrameMeta, Segmentation, SegmentationKind};
use waypost_packet::LinkDestination;

/// A graph, and the virtual time at which it stands.
pub(crate) struct Graph {
    instance: Instance,
    now: Instant,
}

impl Graph {
    /// A graph that has run at time zero until it was idle.
    pub(crate) fn run(text: &str) -> Self {
        let mut graph = Self::idle(text);
        graph.settle();
        graph
    }

    /// A graph that has not run.
    pub(crate) fn idle(text: &str) -> Self {
        let instance = build(text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}"));
        Self {
            instance,
            now: Instant::ZERO,
        }
    }

    /// The graphs of several workers from one text, which have not run.
    pub(crate) fn workers(text: &str, workers: usize) -> Vec<Self> {
        let made = instances(text, workers).unwrap_or_else(|wrong| panic!("{text}\n{wrong}"));
        let now = Instant::ZERO;
        let graph = |instance| Self { instance, now };
        made.into_iter().map(graph).collect()
    }

    /// The graph itself, for a runtime.
    pub(crate) fn into_instance(self) -> Instance {
        self.instance
    }

    /// Reads a handler of all workers, and makes one answer of theirs, as a runtime does.
    pub(crate) fn merged(workers: &[Self], handler: &str) -> String {
        let merge = workers[0].instance.merge_of(handler);
        merge.of(workers.iter().map(|it| it.read(handler)).collect())
    }

    /// Runs until idle, at the time as it is.
    pub(crate) fn settle(&mut self) {
        self.instance.run_until_idle(self.now, 100_000);
    }

    /// Goes on to a time in milliseconds, through all timers on the way.
    pub(crate) fn until(&mut self, millis: u64) {
        let end = Instant::from_millis(millis);
        while let Some(next) = self.instance.next_timer().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.settle();
            if self.instance.is_stopped() || self.instance.next_timer() == Some(next) {
                break;
            }
        }
        self.now = end;
        self.settle();
    }

    /// Reads a handler.
    pub(crate) fn read(&self, handler: &str) -> String {
        let answer = self.instance.read(handler);
        answer.unwrap_or_else(|error| panic!("{handler}: {error}"))
    }

    /// Reads a handler that answers a number.
    pub(crate) fn number(&self, handler: &str) -> u64 {
        let answer = self.read(handler);
        answer
            .parse()
            .unwrap_or_else(|_| panic!("{handler}: {answer}"))
    }

    /// Reads several handlers, and joins the answers by spaces.
    pub(crate) fn all<const N: usize>(&self, handlers: [&str; N]) -> String {
        handlers.map(|handler| self.read(handler)).join(" ")
    }

    /// Writes a handler, then runs until idle.
    pub(crate) fn write(&mut self, handler: &str, value: &str) {
        let result = self.instance.write(handler, value);
        result.unwrap_or_else(|error| panic!("{handler}: {error}"));
        self.settle();
    }

    /// Writes a handler that refuses, and says how.
    pub(crate) fn refuses(&mut self, handler: &str, value: &str) -> String {
        let result = self.instance.write(handler, value);
        result
            .expect_err("the handler should have refused")
            .to_string()
    }

    /// Whether the graph was stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.instance.is_stopped()
    }

    /// The next time at which a timer is due, in milliseconds.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        self.instance
            .next_timer()
            .map(|it| it.as_nanos() / 1_000_000)
    }

    /// The frames that a `Keep` has, in hexadecimal.
    pub(crate) fn frames(&self, keep: &str) -> Vec<String> {
        self.lines(&format!("{keep}.frames"))
    }

    /// A handler's lines.
    pub(crate) fn lines(&self, handler: &str) -> Vec<String> {
        self.read(handler).lines().map(str::to_owned).collect()
    }

    /// Compares the frames that a `Keep` has with those expected, spaces apart.
    #[track_caller]
    pub(crate) fn expect<const N: usize>(&self, keep: &str, frames: [&str; N]) {
        assert_eq!(self.frames(keep), frames.map(tight), "{keep}");
    }
}

/// What is wrong with a text.
#[track_caller]
pub(crate) fn refused(text: &str) -> String {
    build(text).expect_err("the text should be refused")
}

/// What is wrong with a text that several workers are to run.
#[track_caller]
pub(crate) fn refused_by(workers: usize, text: &str) -> String {
    let made = instances(text, workers);
    made.expect_err("the text should be refused")
}

/// Hexadecimal digits without spaces.
pub(crate) fn tight(hex: &str) -> String {
    hex.split_whitespace().collect()
}

fn build(text: &str) -> Result<Instance, String> {
    instances(text, 1).map(|mut made| made.remove(0))
}

fn instances(text: &str, workers: usize) -> Result<Vec<Instance>, String> {
    let registry = extended();
    let shown = |wrong: waypost_graph::Diagnostics| {
        wrong.iter().map(|it| format!("{it:#}")).collect::<String>()
    };
    let source = Source::new("test", text);
    let program = Program::parse(&source, &registry, &mut Options::default()).map_err(shown)?;
    let pool = Pool::builder().small(4096).medium(64).large(16).build();
    let pool = pool.expect("memory for a test");
    program.instances(workers, &pool).map_err(shown)
}

fn extended() -> Registry {
    let mut registry = registry();
    registry.add(ElementClass {
        name: "Feed",
        ports: "0/1",
        processing: "a/a",
        flow: "x/x",
        doc: "Hands out the frames it is given.",
        handlers: FEED_HANDLERS,
        build: feed,
    });
    registry.add(ElementClass {
        name: "Keep",
        ports: "1/0",
        processing: "a/a",
        flow: "x/x",
        doc: "Keeps what it gets.",
        handlers: KEEP_HANDLERS,
        build: |_, _| Ok(Box::new(Keep::default())),
    });
    registry
}

/// Octets of hexadecimal digits, spaces apart.
pub(crate) fn octets(hex: &str) -> Option<Vec<u8>> {
    let digits = tight(hex);
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect()
}

/// Octets as hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

const FEED_HANDLERS: &[Handler] = &[Handler::write("feed", "hands out one more frame")];
const KEEP_HANDLERS: &[Handler] = &[
    Handler::read("frames", "what the packets hold"),
    Handler::read("destinations", "their destination annotations"),
    Handler::read("paints", "their paint annotations"),
    Handler::read("fixes", "whether their source is to be fixed"),
    Handler::read("times", "their times, in microseconds"),
    Handler::read(
        "unfinished",
        "whether something of them is left to a device",
    ),
    Handler::sum("count", "how many there are"),
    Handler::write("clear", "forgets them"),
];

fn feed(args: &mut Args, _: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let link = match args.take("LINK").as_deref() {
        Some("broadcast") => LinkDestination::Broadcast,
        Some("multicast") => LinkDestination::Multicast,
        _ => LinkDestination::default(),
    };
    let segment = args.take("SEGMENT").and_then(|size| size.parse().ok());
    let frames = args.take_rest();
    let frames = frames
        .iter()
        .map(|text| octets(text).ok_or_else(|| ConfigError::expected("hexadecimal digits", text)));
    Ok(Box::new(Feed {
        frames: frames.collect::<Result<_, _>>()?,
        link,
        segment,
    }))
}

/// What a host says of a super-segment that it leaves to a device.
fn super_segment(octets: &[u8], size: u16) -> FrameMeta {
    let (kind, offset) = match octets[9] {
        17 => (SegmentationKind::Udp, 6),
        _ => (SegmentationKind::Tcp4 { ecn: false }, 16),
    };
    FrameMeta {
        checksum: ChecksumState::Partial { start: 20, offset },
        segmentation: Some(Segmentation { size, kind }),
        ..FrameMeta::default()
    }
}

struct Feed {
    frames: VecDeque<Vec<u8>>,
    link: LinkDestination,
    segment: Option<u16>,
}

impl Element for Feed {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        while batch.len() < max
            && let Some(octets) = self.frames.pop_front()
        {
            let mut packet = cx.frames().copy(&octets).expect("a frame for a test");
            packet.set_link_destination(self.link);
            if let Some(size) = self.segment {
                packet.set_frame_meta(super_segment(&octets, size));
            }
            batch.push(packet).expect("room was asked for");
        }
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        if !cx.pushes(0) || self.frames.is_empty() {
            return Progress::Idle;
        }
        let mut batch = cx.take_batch();
        self.pull(0, budget, &mut batch, cx);
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        Progress::Worked
    }

    fn handlers(&self) -> &'static [Handler] {
        FEED_HANDLERS
    }

    fn write(&mut self, _: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        let frame = octets(value).ok_or_else(|| HandlerError::new("no hexadecimal digits"))?;
        self.frames.push_back(frame);
        Ok(())
    }
}

#[derive(Default)]
struct Keep(Vec<Packet>);

impl Element for Keep {
    fn push(&mut self, _: usize, batch: &mut Batch, _: &mut Cx<'_>) {
        self.0.extend(batch.drain());
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        if !cx.pulls(0) {
            return Progress::Finished;
        }
        let mut batch = cx.take_batch();
        let count = cx.pull(0, budget, &mut batch);
        self.0.extend(batch.drain());
        cx.put_batch(batch);
        if count > 0 {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        KEEP_HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        let say = |packet: &Packet| match handler {
            "frames" => hex(packet.octets()),
            "destinations" => packet.destination().to_string(),
            "paints" => packet.paint().to_string(),
            "unfinished" => packet.is_unfinished().to_string(),
            "fixes" => packet.fixes_source().to_string(),
            _ => packet.timestamp().map_or_else(
                || "none".to_owned(),
                |time| (time.as_unix_nanos() / 1000).to_string(),
            ),
        };
        match handler {
            "count" => Ok(self.0.len().to_string()),
            // An empty frame has a line too.
            "frames" => Ok(self.0.iter().map(|it| say(it) + "\n").collect()),
            _ => Ok(self.0.iter().map(say).collect::<Vec<_>>().join("\n")),
        }
    }

    fn write(&mut self, _: &str, _: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        self.0.clear();
        Ok(())
    }
}
