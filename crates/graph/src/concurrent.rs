//! Asynchronous processors: several packets at once, each for as long as it takes.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use waypost_packet::Batch;

use crate::Cx;
use crate::element::{Credit, Element, Progress};
use crate::handler::{Handler, HandlerError};
use crate::kind::Kind;
use crate::processor::{Verdict, lose};

/// One packet in, one or none out, when its future is done.
pub trait AsyncProcessor: Send + Sync + 'static {
    /// What it takes.
    type Input: Kind;
    /// What it makes of it.
    type Output: Kind;

    /// Processes one packet.
    fn process(
        self: &Arc<Self>,
        packet: Self::Input,
    ) -> impl Future<Output = Verdict<Self::Output>> + Send + 'static + use<Self>;
}

/// In which order packets leave an asynchronous processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    #[default]
    Kept,
    /// As they are done.
    AsDone,
}

/// An asynchronous processor as an element: an edge between tasks. It takes packets as far as it
/// has free places, without waiting for what is behind it, and emits what is done as far as there is room there.
pub fn concurrent<P: AsyncProcessor>(
    processor: P,
    places: usize,
    order: Order,
) -> Box<dyn Element> {
    let processor = Arc::new(processor);
    // The future's type has no name: it is inferred from the closure that makes it.
    Box::new(Concurrent::new(places.max(1), order, move |packet| {
        processor.process(P::Input::wrap(packet))
    }))
}

/// The places are made once, with the memory for a future each.
struct Concurrent<M, F> {
    make: M,
    order: Order,
    places: Vec<Place<F>>,
    free: Vec<usize>,
    /// Places in use, in the order in which their packets came; used where the order is kept.
    queue: VecDeque<usize>,
    /// Places whose packets are done, in the order in which they became so; used where it is not.
    done: VecDeque<usize>,
    ready: Arc<Ready>,
    /// Whom a future wakes that is ready, as `ready` has it.
    engine: Waker,
}

struct Place<F> {
    future: Pin<Box<Option<F>>>,
    /// The verdict, once the future is done.
    verdict: Option<Verdict<waypost_packet::Packet>>,
    waker: Waker,
}

/// Which futures were woken: a bit for each place.
struct Ready {
    places: Box<[AtomicU64]>,
    engine: Mutex<Waker>,
}

struct PlaceWaker {
    ready: Arc<Ready>,
    place: usize,
}

impl Wake for PlaceWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.places[self.place / 64].fetch_or(1 << (self.place % 64), Ordering::Release);
        self.ready
            .engine
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wake_by_ref();
    }
}

impl<M, F, K> Concurrent<M, F>
where
    M: FnMut(waypost_packet::Packet) -> F + Send,
    F: Future<Output = Verdict<K>> + Send + 'static,
    K: Kind,
{
    fn new(places: usize, order: Order, make: M) -> Self {
        let ready = Arc::new(Ready {
            places: (0..places.div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
            engine: Mutex::new(Waker::noop().clone()),
        });
        let waker = |place| {
            Waker::from(Arc::new(PlaceWaker {
                ready: Arc::clone(&ready),
                place,
            }))
        };
        let place = |place| Place {
            future: Box::pin(None),
            verdict: None,
            waker: waker(place),
        };
        Self {
            make,
            order,
            places: (0..places).map(place).collect(),
            free: (0..places).rev().collect(),
            queue: VecDeque::with_capacity(places),
            done: VecDeque::with_capacity(places),
            ready,
            engine: Waker::noop().clone(),
        }
    }

    /// Polls the future in a place.
    fn poll(&mut self, at: usize) {
        let place = &mut self.places[at];
        let Some(future) = place.future.as_mut().as_pin_mut() else {
            return;
        };
        let Poll::Ready(verdict) = future.poll(&mut Context::from_waker(&place.waker)) else {
            return;
        };
        place.future.set(None);
        place.verdict = Some(match verdict {
            Verdict::Next(packet) => Verdict::Next(packet.unwrap()),
            Verdict::Drop(dropped) => Verdict::Drop(dropped),
        });
        if self.order == Order::AsDone {
            self.done.push_back(at);
        }
    }

    /// The next verdict that may leave.
    fn next_done(&mut self) -> Option<Verdict<waypost_packet::Packet>> {
        let at = match self.order {
            Order::AsDone => self.done.pop_front()?,
            Order::Kept => {
                let &at = self.queue.front()?;
                self.places[at].verdict.as_ref()?;
                self.queue.pop_front();
                at
            }
        };
        self.free.push(at);
        self.places[at].verdict.take()
    }
}

const HANDLERS: &[Handler] = &[
    Handler::sum("waiting", "how many packets are being worked on"),
    Handler::sum("places", "how many packets may be worked on at once"),
];

impl<M, F, K> Element for Concurrent<M, F>
where
    M: FnMut(waypost_packet::Packet) -> F + Send,
    F: Future<Output = Verdict<K>> + Send + 'static,
    K: Kind,
{
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        // A future may wake its place while it is polled here: on whom, must be said before.
        self.listen(cx.waker());
        let count = batch.len().min(self.free.len());
        for packet in batch.drain_front(count) {
            // As many as there are packets: counted above.
            let Some(at) = self.free.pop() else { break };
            self.places[at].future.set(Some((self.make)(packet)));
            if self.order == Order::Kept {
                self.queue.push_back(at);
            }
            self.poll(at);
        }
    }

    fn credit(&self, _: usize) -> Credit {
        Credit::Packets(self.free.len())
    }

    fn is_task(&self) -> bool {
        true
    }

    fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
        self.listen(cx.waker());
        let ready = Arc::clone(&self.ready);
        for (word, bits) in ready.places.iter().enumerate() {
            if bits.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut bits = bits.swap(0, Ordering::Acquire);
            while bits != 0 {
                let at = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.poll(at);
            }
        }
        let mut batch = cx.take_batch();
        let mut lost = 0;
        while batch.len() < budget.min(Batch::CAPACITY) {
            match self.next_done() {
                // There is room: checked above.
                Some(Verdict::Next(packet)) => drop(batch.push(packet)),
                Some(Verdict::Drop(dropped)) => {
                    lose(cx, dropped);
                    lost += 1;
                }
                None => break,
            }
        }
        let worked = lost > 0 || !batch.is_empty();
        cx.push(0, &mut batch);
        cx.put_batch(batch);
        if worked {
            Progress::Worked
        } else {
            Progress::Idle
        }
    }

    fn in_flight(&self) -> usize {
        // What is done leaves as soon as there is room for it.
        self.places
            .iter()
            .filter(|place| place.future.is_some())
            .count()
    }

    fn held(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn handlers(&self) -> &'static [Handler] {
        HANDLERS
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        match handler {
            "waiting" => Ok((self.places.len() - self.free.len()).to_string()),
            "places" => Ok(self.places.len().to_string()),
            _ => Err(HandlerError::unknown(handler)),
        }
    }
}

impl<M, F> Concurrent<M, F> {
    /// Has the engine woken when a future is.
    fn listen(&mut self, waker: &Waker) {
        if !self.engine.will_wake(waker) {
            self.engine.clone_from(waker);
            let engine = self.ready.engine.lock();
            engine
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(waker);
        }
    }
}
