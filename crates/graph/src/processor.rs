//! Processors: one packet in, one or none out, at once. What most people write.

use std::marker::PhantomData;

use waypost_packet::{Batch, Packet};

use crate::Cx;
use crate::drop::DropReason;
use crate::element::Element;
use crate::handler::{Handler, HandlerError};
use crate::kind::Kind;

/// One packet in, one or none out, at once.
///
/// ```
/// use waypost_graph::{DropReason, Packet, Processor, Verdict};
///
/// /// Loses packets shorter than a minimum.
/// struct AtLeast(usize);
///
/// impl Processor for AtLeast {
///     type Input = Packet;
///     type Output = Packet;
///
///     fn process(&mut self, packet: Packet) -> Verdict<Packet> {
///         const TOO_SHORT: DropReason = DropReason::new("too short");
///         if packet.len() < self.0 { Verdict::drop(packet, TOO_SHORT) } else { Verdict::Next(packet) }
///     }
/// }
/// ```
pub trait Processor: Send {
    /// What it takes.
    type Input;
    /// What it makes of it.
    type Output;

    /// Processes one packet.
    fn process(&mut self, packet: Self::Input) -> Verdict<Self::Output>;

    /// What may be asked of it and told to it while it runs, beside what every element has.
    fn handlers(&self) -> &'static [Handler] {
        &[]
    }

    /// Answers a read handler listed by [`handlers`](Self::handlers).
    ///
    /// # Errors
    /// The handler's own, in words.
    fn read(&self, handler: &str) -> Result<String, HandlerError> {
        Err(HandlerError::unknown(handler))
    }

    /// Carries out a write handler listed by [`handlers`](Self::handlers).
    ///
    /// # Errors
    /// The value is refused; nothing has changed.
    fn write(&mut self, handler: &str, value: &str) -> Result<(), HandlerError> {
        let _ = value;
        Err(HandlerError::unknown(handler))
    }

    /// This processor, then another: one static element, whatever is handed on between the two. It has no
    /// handlers, since both may have some of one name.
    fn then<P: Processor<Input = Self::Output>>(self, next: P) -> Then<Self, P>
    where
        Self: Sized,
    {
        Then {
            first: self,
            second: next,
        }
    }
}

/// What becomes of a packet.
#[derive(Debug)]
pub enum Verdict<T> {
    /// It goes on.
    Next(T),
    /// It is lost, for a reason.
    Drop(Dropped),
}

impl<T> Verdict<T> {
    /// The packet is lost, for a reason.
    #[inline(always)]
    pub fn drop<K: Kind>(packet: K, reason: DropReason) -> Self {
        Self::Drop(Dropped {
            packet: Some(packet.unwrap()),
            reason,
        })
    }

    /// What the packet was made into is lost, for a reason; the packet itself is gone already.
    #[inline(always)]
    pub fn drop_consumed(reason: DropReason) -> Self {
        Self::Drop(Dropped {
            packet: None,
            reason,
        })
    }
}

/// A packet that is to be lost, and why.
#[derive(Debug)]
pub struct Dropped {
    pub(crate) packet: Option<Packet>,
    pub(crate) reason: DropReason,
}

/// Two processors, one after the other, made by [`Processor::then`].
#[derive(Clone, Debug)]
pub struct Then<A, B> {
    first: A,
    second: B,
}

impl<A: Processor, B: Processor<Input = A::Output>> Processor for Then<A, B> {
    type Input = A::Input;
    type Output = B::Output;

    #[inline(always)]
    fn process(&mut self, packet: A::Input) -> Verdict<B::Output> {
        match self.first.process(packet) {
            Verdict::Next(packet) => self.second.process(packet),
            Verdict::Drop(dropped) => Verdict::Drop(dropped),
        }
    }
}

/// A processor as an element with one input and one output, agnostic of push and pull.
pub(crate) struct Lift<P: Processor> {
    processor: P,
    kinds: PhantomData<fn(P::Input) -> P::Output>,
}

impl<P: Processor> Lift<P> {
    pub(crate) fn new(processor: P) -> Self {
        Self {
            processor,
            kinds: PhantomData,
        }
    }
}

impl<P> Element for Lift<P>
where
    P: Processor,
    P::Input: Kind,
    P::Output: Kind,
{
    #[inline]
    fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        batch.filter_map(
            |packet| match self.processor.process(P::Input::wrap(packet)) {
                Verdict::Next(packet) => Some(packet.unwrap()),
                Verdict::Drop(dropped) => {
                    lose(cx, dropped);
                    None
                }
            },
        );
    }

    fn handlers(&self) -> &'static [Handler] {
        self.processor.handlers()
    }

    fn read(&self, handler: &str, _: &str) -> Result<String, HandlerError> {
        self.processor.read(handler)
    }

    fn write(&mut self, handler: &str, value: &str, _: &mut Cx<'_>) -> Result<(), HandlerError> {
        self.processor.write(handler, value)
    }
}

/// Loses what a verdict says is lost.
#[cold]
pub(crate) fn lose(cx: &mut Cx<'_>, dropped: Dropped) {
    match dropped.packet {
        Some(packet) => cx.drop(packet, dropped.reason),
        None => cx.count_drops(1, dropped.reason),
    }
}

/// A processor from a closure.
#[derive(Clone, Debug)]
pub struct Each<F, I, O> {
    f: F,
    kinds: PhantomData<fn(I) -> O>,
}

/// A processor from a closure: `each(|mut packet: Packet| { packet.set_paint(1); Verdict::Next(packet) })`.
pub fn each<I, O, F: FnMut(I) -> Verdict<O> + Send>(f: F) -> Each<F, I, O> {
    Each {
        f,
        kinds: PhantomData,
    }
}

impl<I, O, F: FnMut(I) -> Verdict<O> + Send> Processor for Each<F, I, O> {
    type Input = I;
    type Output = O;

    #[inline(always)]
    fn process(&mut self, packet: I) -> Verdict<O> {
        (self.f)(packet)
    }
}
