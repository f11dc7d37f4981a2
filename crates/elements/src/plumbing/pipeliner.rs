//! Pipeliner: packets go on at another worker.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use waypost_graph::{
    Args, Batch, BuildCx, ConfigError, Credit, Cx, DropReason, Element, ElementClass, Handler,
    HandlerError, Packet, Progress,
};
use waypost_packet::IdleFlag;
use waypost_packet::spsc::{self, Consumer, Producer};

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

Arguments: `Pipeliner(WORKER)`: the number of the worker, from 0. `CAPACITY` (keyword): how many packets may be between each
worker and that one, 1024 by default, rounded up to a power of two. `ON_FULL` (keyword) says what happens when there is no room:

- `BLOCK` (the default): nothing is lost: whoever feeds it waits, back to the source.
- `DROP_TAIL`: the packet that comes is lost.

Deviations: the class is FastClick's, not Click's. There the worker is said by the home thread of what follows, and its default is
to lose packets.",
    handlers: HANDLERS,
    build,
};

const HANDLERS: &[Handler] = &[
    Handler::sum("length", "packets between the workers"),
    Handler::read(
        "capacity",
        "most packets that may be between one worker and that one",
    ),
    Handler::sum("drops", "packets lost for want of room"),
];

/// The most packets that may be between two workers.
const CAPACITY_MAX: usize = 1 << 20;

/// How often a worker looks for packets again before it says that there are none: for about as long as it takes to fall asleep and
/// be woken. Packets at shorter intervals than that wake nobody.
const LOOKS: u8 = 32;

/// After how many steps of a worker without packets for another it makes sure that the other knows of the last.
const STEPS_UNSURE: u8 = 2;

fn build(args: &mut Args, cx: &mut BuildCx<'_>) -> Result<Box<dyn Element>, ConfigError> {
    let worker = args.mandatory::<usize>("WORKER");
    if let Ok(worker) = worker
        && worker >= cx.workers
    {
        let wrong = format!("WORKER {worker}: there are {}, from 0", cx.workers);
        let help = format!("run the graph on {} threads or more", worker + 1);
        args.refuse("WORKER", ConfigError::new(wrong).help(help));
    }
    let capacity = args.keyword::<usize>("CAPACITY").unwrap_or(1024);
    let expected = format!("CAPACITY from 1 to {CAPACITY_MAX}");
    let fits = (1..=CAPACITY_MAX).contains(&capacity);
    args.require("CAPACITY", fits, &expected, capacity);
    let choices = [("BLOCK", true), ("DROP_TAIL", false)];
    let blocks = args.choice("ON_FULL", &choices).unwrap_or(true);
    args.finish()?;
    let worker = worker?;
    let crossing = cx.common(|| Ok(Crossing::new(capacity, cx.workers)))?;
    let producer = crossing.workers[cx.worker].producer.take();
    let incoming = (cx.worker == worker).then(|| {
        let feeders = crossing.workers.iter();
        feeders.filter_map(|it| it.consumer.take()).collect()
    });
    Ok(Box::new(Pipeliner {
        producer: producer
            .ok_or_else(|| ConfigError::new("this worker has a copy of the element already"))?,
        incoming: incoming.unwrap_or_default(),
        first: 0,
        looks: 0,
        crossing,
        own: cx.worker,
        target: worker,
        waker: Waker::noop().clone(),
        blocks,
        refused: Cell::new(false),
        unsure: 0,
        drops: 0,
    }))
}

/// What the copies of a `Pipeliner` at all workers share: a ring from each of them to the one that the packets go to.
struct Crossing {
    /// The worker that the packets go to has found none: the next that comes wakes it.
    idle: IdleFlag,
    workers: Box<[Feeder]>,
}

/// What is known of one worker. What it and the others write lies apart from what is so of other workers.
#[repr(align(128))]
struct Feeder {
    /// It has found no room: the next packets that leave wake it.
    blocked: IdleFlag,
    waker: Mutex<Waker>,
    producer: End<Producer<Packet>>,
    consumer: End<Consumer<Packet>>,
}

/// An end of a ring, until the worker that is to have it takes it.
struct End<T>(Mutex<Option<T>>);

impl<T> End<T> {
    fn new(end: T) -> Self {
        Self(Mutex::new(Some(end)))
    }

    fn take(&self) -> Option<T> {
        let mut end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        end.take()
    }
}

impl Crossing {
    fn new(capacity: usize, workers: usize) -> Self {
        let feeder = |_| {
            let (producer, consumer) = spsc::ring(capacity);
            Feeder {
                blocked: IdleFlag::new(),
                waker: Mutex::new(Waker::noop().clone()),
                producer: End::new(producer),
                consumer: End::new(consumer),
            }
        };
        Self {
            idle: IdleFlag::new(),
            workers: (0..workers).map(feeder).collect(),
        }
    }

    fn waker(&self, worker: usize) -> MutexGuard<'_, Waker> {
        let waker = self.workers[worker].waker.lock();
        waker.unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a worker.
    #[cold]
    fn wake(&self, worker: usize) {
        self.waker(worker).wake_by_ref();
    }
}

/// Packets go on at another worker.
struct Pipeliner {
    crossing: Arc<Crossing>,
    producer: Producer<Packet>,
    /// At the worker that the packets go to: from each worker, in order of their numbers. None elsewhere.
    incoming: Vec<Consumer<Packet>>,
    /// The worker from which packets are taken over first, next time.
    first: usize,
    /// How often this worker still looks for packets before it says that there are none.
    looks: u8,
    own: usize,
    target: usize,
    /// What wakes this worker, as the others know it.
    waker: Waker,
    blocks: bool,
    /// Whoever feeds it here has found no room, and has not been asked again since there is some.
    refused: Cell<bool>,
    /// Steps until this worker makes sure that the other knows of the last packets; none when it does.
    unsure: u8,
    drops: u64,
}

impl Pipeliner {
    /// How many packets there is room for; when there is none, whoever gives room back wakes this worker.
    fn room(&self) -> usize {
        let room = self.producer.room_for(Batch::CAPACITY);
        if room > 0 {
            return room;
        }
        self.crossing.workers[self.own].blocked.set();
        self.producer.room()
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

    /// Takes over up to `budget` packets, of all workers in turns, and says how many.
    fn take_over(&mut self, budget: usize, cx: &mut Cx<'_>) -> usize {
        let mut batch = cx.take_batch();
        let budget = budget.min(batch.room());
        let (later, sooner) = self.incoming.split_at_mut(self.first);
        for (consumer, worker) in sooner
            .iter_mut()
            .zip(self.first..)
            .chain(later.iter_mut().zip(0..))
        {
            let wanted = budget - batch.len();
            let count = consumer.take_into(wanted, |it| drop(batch.push(it)));
            // Not at once where others may wait for it: who finds much room comes back later.
            let is_due = !self.blocks || count == 0 || consumer.kept() >= consumer.capacity() / 4;
            if is_due && consumer.kept() > 0 {
                consumer.give_back();
                if self.crossing.workers[worker].blocked.take() {
                    self.crossing.wake(worker);
                }
            }
        }
        self.first = (self.first + 1) % self.incoming.len().max(1);
        // They come from another core's cache.
        batch.prefetch();
        let count = batch.len();
        cx.count_taken_over(count);
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        count
    }

    /// Makes sure that the other worker knows of what was handed over, once no more comes. Says whether that was not so before: the
    /// worker must not fall asleep until it is.
    #[inline]
    fn make_sure(&mut self) -> bool {
        if self.unsure == 0 {
            return false;
        }
        self.unsure -= 1;
        if self.unsure == 0 && self.crossing.idle.take() {
            self.crossing.wake(self.target);
        }
        true
    }

    /// Whether there is reason to look for packets again. If not, others know that this worker has found none.
    fn is_ready(&mut self) -> bool {
        // What this worker hands to itself it need not wait for.
        if self.incoming.len() > 1 && self.looks > 0 {
            self.looks -= 1;
            spin_loop();
            return true;
        }
        if self.incoming.is_empty() {
            return false;
        }
        self.crossing.idle.set();
        self.held() > 0
    }
}

impl Element for Pipeliner {
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let count = self.producer.room_for(batch.len()).min(batch.len());
        let mut packets = batch.drain_front(count);
        self.producer.push_from(count, || packets.next());
        drop(packets);
        cx.count_handed_over(count);
        if count > 0 {
            self.unsure = STEPS_UNSURE;
            if self.crossing.idle.take_if_seen() {
                self.crossing.wake(self.target);
            }
        }
        if !self.blocks {
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
        let unsure = self.make_sure();
        let count = self.take_over(budget, cx);
        if count > 0 {
            self.looks = LOOKS;
        }
        let has_room = self.refused.get() && self.room() > 0;
        if has_room {
            // One more step at least, in which whoever waits is asked, comes before this worker has nothing to do.
            self.refused.set(false);
        }
        if news || unsure || has_room || count > 0 || budget > 0 && self.is_ready() {
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
        self.incoming.iter().map(Consumer::len).sum()
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "length" => Ok(self.held().to_string()),
            "capacity" => Ok(self.producer.capacity().to_string()),
            "drops" => Ok(self.drops.to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}
