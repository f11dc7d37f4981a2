//! Classes that make numbered packets, keep some waiting, and look at what comes.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use waypost_elements::registry;
use waypost_graph::{
    AsyncProcessor, Batch, Cx, DropReason, Element, ElementClass, Handler, HandlerError, Instance,
    Instant, Options, Packet, Pool, Processor, Program, Progress, Registry, Source, Verdict,
    async_processor, processor,
};

/// Flows of packets: a worker has each.
pub(crate) const FLOWS: u64 = 6;

/// `Numbers(COUNT)`: so many packets of each flow, 8 octets of flow and 8 of number, the flows shared out among the workers; the
/// graph finishes after the last.
struct Numbers {
    flows: Vec<u64>,
    /// Packets made so far, of all flows in turn.
    made: u64,
    count: u64,
    working: Arc<AtomicUsize>,
}

impl Element for Numbers {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let mut batch = cx.take_batch();
        let flows = self.flows.len() as u64;
        while self.made < self.count * flows && batch.len() < budget.min(Batch::CAPACITY) {
            let flow = self.flows[(self.made % flows) as usize];
            let octets = [flow.to_be_bytes(), (self.made / flows).to_be_bytes()].concat();
            let Some(packet) = cx.frames().copy(&octets) else {
                break;
            };
            batch.push(packet).unwrap();
            self.made += 1;
        }
        let worked = !batch.is_empty();
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        if self.made == self.count * flows {
            if self.working.fetch_sub(1, Ordering::Relaxed) == 1 {
                cx.finish();
            }
            Progress::Finished
        } else if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }
}

/// `Rising`: hands packets on, and loses those that do not come after the last of their flow.
struct Rising(Arc<Mutex<[u64; FLOWS as usize]>>);

const DISORDER: DropReason = DropReason::new("disorder");

impl Processor for Rising {
    type Input = Packet;
    type Output = Packet;

    fn process(&mut self, packet: Packet) -> Verdict<Packet> {
        let number = |at| u64::from_be_bytes(*packet.octets()[at..].first_chunk().unwrap());
        let next = &mut self.0.lock().unwrap()[number(0) as usize];
        if number(8) < *next {
            return Verdict::drop(packet, DISORDER);
        }
        *next = number(8) + 1;
        Verdict::Next(packet)
    }
}

/// `Dawdle`: hands packets on after a while that is another each time, from none to more than it takes to fall asleep.
struct Dawdle(u32);

impl Processor for Dawdle {
    type Input = Packet;
    type Output = Packet;

    fn process(&mut self, packet: Packet) -> Verdict<Packet> {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        for _ in 0..self.0 >> 22 {
            std::hint::spin_loop();
        }
        Verdict::Next(packet)
    }
}

/// `Later`: hands packets on when others have had their turn.
struct Later;

impl AsyncProcessor for Later {
    type Input = Packet;
    type Output = Packet;

    fn process(
        self: &Arc<Self>,
        packet: Packet,
    ) -> impl Future<Output = Verdict<Packet>> + Send + 'static + use<> {
        async move {
            for _ in 0..packet.octets()[15] % 5 {
                tokio::task::yield_now().await;
            }
            Verdict::Next(packet)
        }
    }
}

/// `Collect`: hands packets on, and keeps what is in them.
#[derive(Default)]
struct Collect(Vec<String>);

const COLLECT_HANDLERS: &[Handler] = &[Handler::read("all", "the packets, a line each")];

impl Processor for Collect {
    type Input = Packet;
    type Output = Packet;

    fn process(&mut self, packet: Packet) -> Verdict<Packet> {
        self.0.push(format!("{:02x?}", packet.octets()));
        Verdict::Next(packet)
    }

    fn handlers(&self) -> &'static [Handler] {
        COLLECT_HANDLERS
    }

    fn read(&self, _: &str) -> Result<String, HandlerError> {
        Ok(self.0.join("\n"))
    }
}

thread_local! {
    static OTHER: RefCell<Option<Instance>> = const { RefCell::new(None) };
}

/// Makes this the worker that [`Beside`] runs, and gives the one before.
pub(crate) fn beside(worker: Option<Instance>) -> Option<Instance> {
    OTHER.replace(worker)
}

/// `Beside`: runs another worker's steps in the middle of this worker's, from the second on.
struct Beside(bool);

impl Element for Beside {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, _: usize, _: &mut Cx<'_>) -> Progress {
        let second = std::mem::replace(&mut self.0, true);
        if second && let Some(mut other) = beside(None) {
            while other.step(Instant::ZERO) {}
            beside(Some(other));
        }
        Progress::Idle
    }
}

/// All classes, and those of this file.
pub(crate) fn classes() -> Registry {
    let mut registry = registry();
    let numbers = ElementClass {
        name: "Numbers",
        ports: "0/1",
        processing: "h",
        flow: "x/x",
        doc: "Numbered packets.",
        handlers: &[],
        build: |args, cx| {
            let count = args.take_mandatory("COUNT")?.parse().unwrap();
            let (worker, workers) = (cx.worker as u64, cx.workers as u64);
            let working = cx.common(|| Ok(AtomicUsize::new(cx.workers)))?;
            Ok(Box::new(Numbers {
                flows: (0..FLOWS).filter(|flow| flow % workers == worker).collect(),
                made: 0,
                count,
                working,
            }))
        },
    };
    registry.add(numbers.clone());
    registry.add(ElementClass {
        name: "Beside",
        ports: "0/0",
        build: |_, _| Ok(Box::new(Beside(false))),
        ..numbers.clone()
    });
    let through = ElementClass {
        ports: "1",
        processing: "a/a",
        ..numbers
    };
    registry.add(ElementClass {
        name: "Rising",
        build: |_, cx| {
            let next = cx.common(|| Ok(Mutex::new([0; FLOWS as usize])))?;
            Ok(processor(Rising(next)))
        },
        ..through.clone()
    });
    registry.add(ElementClass {
        name: "Dawdle",
        build: |_, cx| Ok(processor(Dawdle(cx.worker as u32))),
        ..through.clone()
    });
    registry.add(ElementClass {
        name: "Later",
        processing: "h/h",
        build: |args, _| async_processor(Later, args),
        ..through.clone()
    });
    registry.add(ElementClass {
        name: "Collect",
        handlers: COLLECT_HANDLERS,
        build: |_, _| Ok(processor(Collect::default())),
        ..through
    });
    registry
}

/// A text's graphs, over a pool of so many packets.
pub(crate) fn instances(text: &str, workers: usize, packets: usize) -> Vec<Instance> {
    let registry = classes();
    let source = Source::new("test", text);
    let program = Program::parse(&source, &registry, &mut Options::default()).unwrap();
    let pool = Pool::builder().small(packets).build().unwrap();
    program.instances(workers, &pool).unwrap()
}
