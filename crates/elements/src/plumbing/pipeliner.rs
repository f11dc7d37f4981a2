//! Pipeliner: packets go on at another worker.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Credit, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Packet, Progress,
};
use waypost_packet::mpsc::{self, Consumer, Producer};

use crate::args::TypedArgs;

/// The ring to another worker had no room for a packet.
pub const PIPELINER_FULL: DropReason = DropReason::new("pipeliner full");

pub(crate) const CLASS: ElementClass = ElementClass {
    name: "Pipeliner",
    ports: "1",
    processing: "h/h",
    flow: "x/x",
    doc: "Hands packets to another worker: whichever worker they come in at, they leave at that one. It is the only way from worker
to worker; all other elements have their packets to themselves. Packets that come in at one worker leave in their order.

Arguments: `Pipeliner(WORKER)`: the number of the worker, from 0. `CAPACITY` (keyword): how many packets may be between the
workers, 1024 by default, rounded up to a power of two. `ON_FULL` (keyword) says what happens when there is no room:

- `BLOCK` (the default): nothing is lost: whoever feeds it waits, back to the source.
- `DROP_TAIL`: the packet that comes is lost.

Deviations: the class is FastClick's, not Click's. There the worker is said by the home thread of what follows, and its default is
to lose packets.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::read("length", "packets between the workers"),
    Handler::read("capacity", "most packets that may be between the workers"),
    Handler::sum("drops", "packets lost for want of room"),
];

/// The most packets that may be between workers.
const CAPACITY_MAX: usize = 1 << 20;

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let worker = args.mandatory::<usize>("WORKER")?;
    if worker >= cx.workers {
        let wrong = format!("WORKER {worker}: there are {}, from 0", cx.workers);
        let help = format!("run the graph on {} threads or more", worker + 1);
        return Err(ConfigError::new(wrong).help(help));
    }
    let capacity = args.keyword::<usize>("CAPACITY")?.unwrap_or(1024);
    if !(1..=CAPACITY_MAX).contains(&capacity) {
        let expected = format!("CAPACITY from 1 to {CAPACITY_MAX}");
        return Err(ConfigError::expected(&expected, &capacity.to_string()));
    }
    let blocks = match args.take("ON_FULL").as_deref() {
        None | Some("BLOCK") => true,
        Some("DROP_TAIL") => false,
        Some(word) => return Err(ConfigError::expected("ON_FULL BLOCK or DROP_TAIL", word)),
    };
    let crossing = cx.common(|| Ok(Crossing::new(capacity, cx.workers)))?;
    let consumer = (cx.worker == worker).then(|| crossing.consumer().take());
    Ok(Box::new(Pipeliner {
        producer: crossing.producer.clone(),
        consumer: consumer.flatten(),
        crossing,
        own: cx.worker,
        target: worker,
        waker: Waker::noop().clone(),
        blocks,
        refused: Cell::new(false),
        outrun: false,
        drops: 0,
    }))
}

/// What the copies of a `Pipeliner` at all workers share.
struct Crossing {
    producer: Producer<Packet>,
    /// Until the worker that the packets go to takes it.
    consumer: Mutex<Option<Consumer<Packet>>>,
    /// The worker that the packets go to has found none: the next that comes wakes it.
    is_idle: AtomicBool,
    workers: Box<[Feeder]>,
}

/// What is known of one worker.
struct Feeder {
    /// It has found no room: the next packet that leaves wakes it.
    is_blocked: AtomicBool,
    waker: Mutex<Waker>,
}

impl Crossing {
    fn new(capacity: usize, workers: usize) -> Self {
        let (producer, consumer) = mpsc::ring(capacity);
        let feeder = |_| Feeder {
            is_blocked: AtomicBool::new(false),
            waker: Mutex::new(Waker::noop().clone()),
        };
        Self {
            producer,
            consumer: Mutex::new(Some(consumer)),
            is_idle: AtomicBool::new(false),
            workers: (0..workers).map(feeder).collect(),
        }
    }

    fn consumer(&self) -> MutexGuard<'_, Option<Consumer<Packet>>> {
        self.consumer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waker(&self, worker: usize) -> MutexGuard<'_, Waker> {
        let waker = self.workers[worker].waker.lock();
        waker.unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a worker that has set this flag before it looked the last time. What it looks at was changed before.
    fn wake(&self, flag: &AtomicBool, worker: usize) {
        // Either it sees the change, or this sees the flag.
        fence(Ordering::SeqCst);
        if flag.load(Ordering::Relaxed) && flag.swap(false, Ordering::Relaxed) {
            self.waker(worker).wake_by_ref();
        }
    }
}

/// Packets go on at another worker.
struct Pipeliner {
    crossing: Arc<Crossing>,
    producer: Producer<Packet>,
    /// At the worker that the packets go to.
    consumer: Option<Consumer<Packet>>,
    own: usize,
    target: usize,
    /// What wakes this worker, as the others know it.
    waker: Waker,
    blocks: bool,
    /// Whoever feeds it here has found no room, and has not been asked again since there is some.
    refused: Cell<bool>,
    /// The room that there was, another worker has taken first: to be tried again.
    outrun: bool,
    drops: u64,
}

impl Pipeliner {
    /// How many packets are between the workers.
    fn between(&self) -> usize {
        self.producer.capacity() - self.producer.room()
    }

    /// How many packets there is room for; when there is none, whoever takes the next packet wakes this worker.
    fn room(&self) -> usize {
        let room = self.producer.room();
        if room > 0 {
            return room;
        }
        let blocked = &self.crossing.workers[self.own].is_blocked;
        blocked.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let room = self.producer.room();
        if room > 0 {
            blocked.store(false, Ordering::Relaxed);
        }
        room
    }

    /// Says how this worker is woken, and whether that is news: what was to wake it before has woken nobody.
    fn listen(&mut self, waker: &Waker) -> bool {
        let news = !self.waker.will_wake(waker);
        if news {
            self.waker.clone_from(waker);
            self.crossing.waker(self.own).clone_from(waker);
        }
        news
    }

    /// Takes over up to `budget` packets, and says how many.
    fn take_over(&mut self, budget: usize, cx: &mut Cx<'_>) -> usize {
        let Some(consumer) = &mut self.consumer else {
            return 0;
        };
        let mut batch = cx.take_batch();
        // An empty batch has room for as many as a batch holds.
        let count = consumer.pop_into(budget.min(Batch::CAPACITY), |it| drop(batch.push(it)));
        // They come from another core's cache.
        batch.prefetch();
        cx.count_taken_over(count);
        if count > 0 {
            for (worker, feeder) in self.crossing.workers.iter().enumerate() {
                self.crossing.wake(&feeder.is_blocked, worker);
            }
        }
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        count
    }

    /// Whether a packet has come after all, once others know that this worker found none.
    fn is_ready(&self) -> bool {
        let Some(consumer) = &self.consumer else {
            return false;
        };
        if !self.crossing.is_idle.load(Ordering::Relaxed) {
            self.crossing.is_idle.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
        }
        consumer.is_ready()
    }
}

impl Element for Pipeliner {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let mut places = self.producer.claim(batch.len());
        let count = places.len();
        for packet in batch.drain_front(count) {
            // As many as there are places.
            drop(places.push(packet));
        }
        drop(places);
        cx.count_handed_over(count);
        self.crossing.wake(&self.crossing.is_idle, self.target);
        if self.blocks {
            self.outrun |= !batch.is_empty();
        } else {
            self.drops += batch.len() as u64;
            cx.drop_all(batch, PIPELINER_FULL);
        }
    }

    fn credit(&self, _: usize) -> Credit {
        if !self.blocks {
            return Credit::Packets(usize::MAX);
        }
        let room = self.room();
        if room == 0 {
            self.refused.set(true);
        }
        Credit::Packets(room)
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        let news = self.listen(cx.waker());
        let count = self.take_over(budget, cx);
        let has_room = self.refused.get() && self.room() > 0;
        if has_room {
            // One more step at least, in which whoever waits is asked, comes before this worker has nothing to do.
            self.refused.set(false);
        }
        let again = news | has_room | std::mem::take(&mut self.outrun);
        if again || count > 0 || budget > 0 && self.is_ready() {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn in_flight(&self) -> usize {
        // Who waits for room has something to do still. Not told by what the other worker sees, which it takes back in the
        // middle of a step of this one.
        self.held() + usize::from(self.refused.get())
    }

    fn held(&self) -> usize {
        if self.consumer.is_some() {
            self.between()
        } else {
            0
        }
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "length" => Ok(self.between().to_string()),
            "capacity" => Ok(self.producer.capacity().to_string()),
            "drops" => Ok(self.drops.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}
