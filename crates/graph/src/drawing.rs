//! A graph that runs, as those see it who draw it.

use waypost_graph_text::{Drawing, Processing};

use crate::schedule::Instance;
use crate::slot::End;

impl Instance {
    /// What [`dot`](crate::dot) and [`svg`](crate::svg) draw of this graph, whether it was built in Rust or comes from a text.
    ///
    /// ```
    /// use waypost_graph::{Builder, Packet, Pool, Pull, Verdict, each, dot, svg};
    /// # use waypost_graph::{Batch, Cx, Element, Input, Output, Typed};
    /// # struct Source;
    /// # impl Element for Source {
    /// #     fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}
    /// # }
    /// # impl Typed for Source { type Inputs = (); type Outputs = Output<Packet>; }
    /// # struct Sink;
    /// # impl Element for Sink { fn push(&mut self, _: usize, batch: &mut Batch, cx: &mut Cx<'_>) { cx.free(batch); } }
    /// # impl Typed for Sink { type Inputs = Input<Packet>; type Outputs = (); }
    /// let mut graph = Builder::new();
    /// let ((), packets) = graph.add("source", Source);
    /// let painted = graph.chain("paint", packets, each(|mut packet: Packet| {
    ///     packet.set_paint(1);
    ///     Verdict::Next(packet)
    /// }));
    /// let (sink, ()) = graph.add("sink", Sink);
    /// graph.connect(painted, sink);
    /// let running = graph.build(Pool::builder().small(256).build()?.allocator())?;
    ///
    /// let text = dot(running.drawing());
    /// assert!(text.starts_with("digraph") && text.contains("n0:o0 -> n1:i0"));
    /// assert!(svg(running.drawing()).contains("<title>sink :: Sink()</title>"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drawing(&self) -> Drawing<'_> {
        let engine = &self.engine;
        let mode = |pull: bool| {
            if pull {
                Processing::Pull
            } else {
                Processing::Push
            }
        };
        let mut drawing = Drawing::new();
        let elements = engine.slots.iter().zip(&*engine.names);
        let ids: Vec<_> = elements
            .map(|(slot, naming)| {
                // All ports are connected: an input that does not pull is pushed into, an output that does not push is pulled from.
                let inputs = slot.inputs.iter().map(|from| mode(from.is_some()));
                let outputs = slot.outputs.iter().map(|output| mode(output.to.is_none()));
                drawing.add(
                    &naming.name,
                    &naming.class,
                    &naming.config,
                    inputs.collect(),
                    outputs.collect(),
                )
            })
            .collect();
        // A connection is known where packets are moved: at its output if they are pushed, at its input if they are pulled.
        let mut edges = Vec::new();
        for (slot, here) in engine.slots.iter().enumerate() {
            let outputs = here.outputs.iter().enumerate();
            edges.extend(outputs.filter_map(|(port, it)| Some((End { slot, port }, it.to?))));
            let inputs = here.inputs.iter().enumerate();
            edges.extend(inputs.filter_map(|(port, from)| Some(((*from)?, End { slot, port }))));
        }
        // In the order of a text's, so that one graph is one drawing.
        edges.sort_by_key(|(from, to)| (from.slot, from.port, to.slot, to.port));
        for (from, to) in edges {
            drawing.connect(ids[from.slot], from.port, ids[to.slot], to.port);
        }
        drawing
    }
}
