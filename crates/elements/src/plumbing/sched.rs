//! RoundRobinSched and PrioSched: from which of several inputs packets are pulled.

use waypost_graph::{Batch, Cx, Element, ElementClass};

pub(crate) const ROUND_ROBIN: ElementClass = ElementClass {
    name: "RoundRobinSched",
    ports: "1-/1",
    processing: "l/l",
    flow: "x/x",
    doc: "Pulls from its inputs in turn, one packet from each that has one.",
    handlers: &[],
    build: |_, _| Ok(Box::new(RoundRobinSched { next: 0 })),
};

pub(crate) const PRIO: ElementClass = ElementClass {
    name: "PrioSched",
    ports: "1-/1",
    processing: "l/l",
    flow: "x/x",
    doc: "Pulls from the first of its inputs that has a packet: input 0 goes before all others.",
    handlers: &[],
    build: |_, _| Ok(Box::new(PrioSched)),
};

struct RoundRobinSched {
    next: usize,
}

impl Element for RoundRobinSched {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let inputs = cx.inputs();
        let mut empty = 0;
        while batch.len() < max && empty < inputs {
            let count = cx.pull(self.next, 1, batch);
            empty = if count > 0 { 0 } else { empty + 1 };
            self.next = (self.next + 1) % inputs;
        }
    }
}

struct PrioSched;

impl Element for PrioSched {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        for input in 0..cx.inputs() {
            while batch.len() < max && cx.pull(input, max - batch.len(), batch) > 0 {}
        }
    }
}

#[cfg(test)]
mod tests {
    use waypost_graph::Instant;

    use crate::testing::graph;

    fn first_ten(sched: &str) -> [String; 2] {
        let text = format!(
            "InfiniteSource(LIMIT 20) -> a :: Queue -> [0] s :: {sched}; InfiniteSource(LIMIT 20) -> b :: Queue -> [1] s;
             s -> u :: Unqueue(LIMIT 10, ACTIVE false) -> Discard;"
        );
        let mut graph = graph(&text);
        graph.run_until_idle(Instant::ZERO, 100);
        graph.write("u.active", "true").unwrap();
        graph.run_until_idle(Instant::ZERO, 100);
        ["a.length", "b.length"].map(|it| graph.read(it).unwrap())
    }

    #[test]
    fn round_robin_takes_in_turn() {
        assert_eq!(first_ten("RoundRobinSched"), ["15", "15"]);
    }

    #[test]
    fn priority_takes_the_first() {
        assert_eq!(first_ten("PrioSched"), ["10", "20"]);
    }
}
