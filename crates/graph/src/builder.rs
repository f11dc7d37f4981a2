//! The typed builder: a graph in Rust, whose wrong connections do not compile.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use waypost_packet::{Allocator, Packet};

use crate::class::Commons;
use crate::classifier::{Class, Classifier, LiftClassifier};
use crate::concurrent::{AsyncProcessor, Order, concurrent};
use crate::drop::OnFull;
use crate::element::Element;
use crate::kind::Kind;
use crate::plan::{BuildError, Edge, Plan};
use crate::processor::{Lift, Processor};
use crate::schedule::Instance;
use crate::slot::End;

/// Packets are handed on by whoever has them.
#[derive(Clone, Copy, Debug)]
pub enum Push {}

/// Packets are asked for by whoever wants them.
#[derive(Clone, Copy, Debug)]
pub enum Pull {}

/// Push or pull.
pub trait Mode: sealed::Sealed {
    /// Whether it is pull.
    const PULL: bool;
}

impl Mode for Push {
    const PULL: bool = false;
}

impl Mode for Pull {
    const PULL: bool = true;
}

mod sealed {
    /// Keeps the modes to two.
    #[allow(unnameable_types)]
    pub trait Sealed {}
    impl Sealed for super::Push {}
    impl Sealed for super::Pull {}
}

/// An output that is not connected yet. It is used up by being connected: no output goes to two places.
#[derive(Debug)]
#[must_use = "an output that is not connected is an error when the graph is built"]
pub struct Output<K, M = Push> {
    builder: u64,
    end: End,
    kinds: PhantomData<fn() -> (K, M)>,
}

/// An input. A push input may be connected to many outputs.
#[derive(Debug)]
pub struct Input<K, M = Push> {
    builder: u64,
    end: End,
    kinds: PhantomData<fn(K, M)>,
}

impl<K> Clone for Input<K, Push> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Input<K, Push> {}

/// An element whose ports have types.
pub trait Typed: Element + Sized + 'static {
    /// Its inputs: [`Input`]s, in a tuple or array.
    type Inputs: Ports;
    /// Its outputs: [`Output`]s, in a tuple or array.
    type Outputs: Ports;

    /// The name of its class, for those who look at the graph.
    fn class(&self) -> &str {
        let name = std::any::type_name::<Self>();
        let name = name.split_once('<').map_or(name, |(name, _)| name);
        name.rsplit("::").next().unwrap_or(name)
    }
}

/// One or several ports of one side of an element.
pub trait Ports {
    /// How many.
    const COUNT: usize;

    /// The ports of an element of the graph, from `first` on.
    fn of(element: ElementPorts, first: usize) -> Self;

    /// For each of them, whether it is pull.
    fn pulls() -> Vec<bool>;
}

/// An element in a builder, by which its ports are made.
#[derive(Clone, Copy, Debug)]
pub struct ElementPorts {
    builder: u64,
    slot: usize,
}

impl Ports for () {
    const COUNT: usize = 0;

    fn of(_: ElementPorts, _: usize) -> Self {}

    fn pulls() -> Vec<bool> {
        Vec::new()
    }
}

impl<K, M: Mode> Ports for Output<K, M> {
    const COUNT: usize = 1;

    fn of(element: ElementPorts, first: usize) -> Self {
        Self {
            builder: element.builder,
            end: End {
                slot: element.slot,
                port: first,
            },
            kinds: PhantomData,
        }
    }

    fn pulls() -> Vec<bool> {
        vec![M::PULL]
    }
}

impl<K, M: Mode> Ports for Input<K, M> {
    const COUNT: usize = 1;

    fn of(element: ElementPorts, first: usize) -> Self {
        Self {
            builder: element.builder,
            end: End {
                slot: element.slot,
                port: first,
            },
            kinds: PhantomData,
        }
    }

    fn pulls() -> Vec<bool> {
        vec![M::PULL]
    }
}

impl<P: Ports, const N: usize> Ports for [P; N] {
    const COUNT: usize = N * P::COUNT;

    fn of(element: ElementPorts, first: usize) -> Self {
        std::array::from_fn(|at| P::of(element, first + at * P::COUNT))
    }

    fn pulls() -> Vec<bool> {
        P::pulls().repeat(N)
    }
}

impl<A: Ports, B: Ports> Ports for (A, B) {
    const COUNT: usize = A::COUNT + B::COUNT;

    fn of(element: ElementPorts, first: usize) -> Self {
        (A::of(element, first), B::of(element, first + A::COUNT))
    }

    fn pulls() -> Vec<bool> {
        [A::pulls(), B::pulls()].concat()
    }
}

impl<A: Ports, B: Ports, C: Ports> Ports for (A, B, C) {
    const COUNT: usize = A::COUNT + B::COUNT + C::COUNT;

    fn of(element: ElementPorts, first: usize) -> Self {
        (
            A::of(element, first),
            B::of(element, first + A::COUNT),
            C::of(element, first + A::COUNT + B::COUNT),
        )
    }

    fn pulls() -> Vec<bool> {
        [A::pulls(), B::pulls(), C::pulls()].concat()
    }
}

/// Builds a graph in Rust.
///
/// ```
/// use waypost_graph::{Builder, Packet, Pool, Verdict, each};
/// # use waypost_graph::{Batch, Credit, Cx, Element, Input, Instant, Output, Progress, Typed};
/// # struct Source(u8);
/// # impl Element for Source {
/// #     fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}
/// #     fn is_task(&self) -> bool { true }
/// #     fn run(&mut self, budget: usize, cx: &mut Cx<'_>) -> Progress {
/// #         let mut batch = cx.take_batch();
/// #         cx.frames().fill(&mut batch, budget.min(self.0 as usize));
/// #         self.0 -= batch.len() as u8;
/// #         cx.push(0, &mut batch);
/// #         cx.put_batch(batch);
/// #         if self.0 == 0 { Progress::Finished } else { Progress::Worked }
/// #     }
/// # }
/// # impl Typed for Source { type Inputs = (); type Outputs = Output<Packet>; }
/// # struct Sink;
/// # impl Element for Sink { fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) { cx.free(batch); } }
/// # impl Typed for Sink { type Inputs = Input<Packet>; type Outputs = (); }
/// let pool = Pool::builder().small(256).build()?;
/// let mut graph = Builder::new();
/// let ((), packets) = graph.add("source", Source(3));
/// let painted = graph.chain("paint", packets, each(|mut packet: Packet| {
///     packet.set_paint(1);
///     Verdict::Next(packet)
/// }));
/// let (sink, ()) = graph.add("sink", Sink);
/// graph.connect(painted, sink);
/// let mut running = graph.build(pool.allocator())?;
/// running.run_until_idle(Instant::ZERO, 100);
/// assert_eq!(running.read("sink.packets")?, "3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Builder {
    /// Which of all builders this is: its ports say so.
    id: u64,
    pub(crate) plan: Plan,
    pub(crate) commons: Commons,
    /// A connection to a port of another builder, in words.
    foreign: Option<String>,
}

impl Default for Builder {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            plan: Plan::default(),
            commons: Commons::default(),
            foreign: None,
        }
    }
}

impl Builder {
    /// A graph without elements.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an element, and hands out its ports.
    pub fn add<E: Typed>(&mut self, name: &str, element: E) -> (E::Inputs, E::Outputs) {
        let class = element.class().to_owned();
        self.add_boxed(name, &class, Box::new(element))
    }

    fn add_boxed<I: Ports, O: Ports>(
        &mut self,
        name: &str,
        class: &str,
        element: Box<dyn Element>,
    ) -> (I, O) {
        let slot = self
            .plan
            .add(name, class, "", element, (I::COUNT, O::COUNT), None);
        self.ports_of(slot)
    }

    /// The ports of an element of the plan.
    pub(crate) fn ports_of<I: Ports, O: Ports>(&self, slot: usize) -> (I, O) {
        let element = ElementPorts {
            builder: self.id,
            slot,
        };
        (I::of(element, 0), O::of(element, 0))
    }

    /// Connects an output to an input of the same kind of packets, push to push or pull to pull.
    pub fn connect<K, M: Mode>(&mut self, from: Output<K, M>, to: Input<K, M>) {
        self.connect_on_full(from, to, OnFull::Block);
    }

    /// Connects, and says what becomes of packets when the input's side is full.
    pub fn connect_on_full<K, M: Mode>(
        &mut self,
        from: Output<K, M>,
        to: Input<K, M>,
        on_full: OnFull,
    ) {
        if from.builder != self.id || to.builder != self.id {
            let port = |builder, side, end: End| {
                let own = (builder == self.id).then(|| self.plan.nodes.get(end.slot));
                own.flatten().map_or_else(
                    || format!("an {side} of another builder"),
                    |node| format!("{side} {} of `{}`", end.port, node.naming.name),
                )
            };
            let (from, to) = (
                port(from.builder, "output", from.end),
                port(to.builder, "input", to.end),
            );
            self.foreign = Some(format!("{from} to {to}"));
            return;
        }
        self.plan.edges.push(Edge {
            from: from.end,
            to: to.end,
            pull: M::PULL,
            on_full,
        });
    }

    /// Puts a processor behind an output, push or pull, and hands out the processor's own.
    pub fn chain<P, M>(
        &mut self,
        name: &str,
        from: Output<P::Input, M>,
        processor: P,
    ) -> Output<P::Output, M>
    where
        P: Processor + 'static,
        P::Input: Kind,
        P::Output: Kind,
        M: Mode,
    {
        let (input, output) = self.add_boxed(name, class_of::<P>(), Box::new(Lift::new(processor)));
        self.connect(from, input);
        output
    }

    /// Puts a classifier behind an output, and hands out one output for each class, in order.
    pub fn classify<C, const N: usize>(
        &mut self,
        name: &str,
        from: Output<C::Packet>,
        classifier: C,
    ) -> [Output<C::Packet>; N]
    where
        C: Classifier + 'static,
        C::Packet: Kind,
    {
        const {
            assert!(
                N == <C::Class as Class>::COUNT && N <= 256,
                "one output for each class"
            );
        };
        let (input, outputs) =
            self.add_boxed(name, class_of::<C>(), Box::new(LiftClassifier(classifier)));
        self.connect(from, input);
        outputs
    }

    /// Puts an asynchronous processor behind an output, for so many packets at once.
    pub fn chain_async<P: AsyncProcessor>(
        &mut self,
        name: &str,
        from: Output<P::Input>,
        processor: P,
        places: usize,
        order: Order,
    ) -> Output<P::Output> {
        let (input, output) =
            self.add_boxed(name, class_of::<P>(), concurrent(processor, places, order));
        self.connect(from, input);
        output
    }

    /// Says of an output that its packets are of another kind.
    ///
    /// For elements that establish the kind themselves but are written for plain packets. Whoever calls it promises what the kind
    /// says of the packets, as one does who calls [`Kind::wrap`].
    pub fn declare<K: Kind, M>(&mut self, output: Output<Packet, M>) -> Output<K, M> {
        Output {
            builder: output.builder,
            end: output.end,
            kinds: PhantomData,
        }
    }

    /// Forgets what an output's kind says, for elements that take any packet.
    pub fn plain<K: Kind, M>(&mut self, output: Output<K, M>) -> Output<Packet, M> {
        Output {
            builder: output.builder,
            end: output.end,
            kinds: PhantomData,
        }
    }

    /// The graph, for one worker.
    ///
    /// # Errors
    /// A port is not connected, or was to be connected to a port of another builder, or two elements have one name.
    pub fn build(self, frames: Allocator) -> Result<Instance, BuildError> {
        if let Some(foreign) = self.foreign {
            return Err(BuildError::OtherBuilder(foreign));
        }
        let mut names: Vec<&str> = self
            .plan
            .nodes
            .iter()
            .map(|node| &*node.naming.name)
            .collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(BuildError::NameTaken(pair[0].to_owned()));
        }
        self.plan.start(frames)
    }
}

/// The last part of a type's name.
fn class_of<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    let name = name.split_once('<').map_or(name, |(name, _)| name);
    name.rsplit("::").next().unwrap_or(name)
}
