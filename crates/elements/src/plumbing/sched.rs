//! RoundRobinSched and PrioSched: from which of several inputs packets are pulled.

use std::collections::VecDeque;

use waypost_graph::{Batch, Cx, Element, ElementClass};

pub(crate) const ROUND_ROBIN: ElementClass = ElementClass {
    name: "RoundRobinSched",
    ports: "-/1",
    processing: "l/l",
    flow: "x/x",
    doc: "Pulls from its inputs in turn, one packet from each that has one.

Packets leave in that order; an input that has several may be asked for all of them at once.",
    handlers: &[],
    build: |_, _| Ok(Box::new(RoundRobinSched::default())),
};

pub(crate) const PRIO: ElementClass = ElementClass {
    name: "PrioSched",
    ports: "-/1",
    processing: "l/l",
    flow: "x/x",
    doc: "Pulls from the first of its inputs that has a packet: input 0 goes before all others.",
    handlers: &[],
    build: |_, _| Ok(Box::new(PrioSched)),
};

#[derive(Default)]
struct RoundRobinSched {
    /// The input behind the one that gave last.
    next: usize,
    /// Inputs that may have more, in the order of their turns.
    turns: VecDeque<usize>,
    /// What each of them gave.
    shares: Vec<(usize, Box<Batch>)>,
}

impl Element for RoundRobinSched {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn pull(&mut self, _: usize, max: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        let inputs = cx.inputs();
        self.turns.clear();
        self.turns.extend(self.next..inputs);
        self.turns.extend(0..self.next);
        while batch.len() < max && !self.turns.is_empty() {
            match (max - batch.len()) / self.turns.len() {
                0 | 1 => self.serve_one(batch, cx),
                each => self.serve_all(each, batch, cx),
            }
        }
    }
}

impl RoundRobinSched {
    /// Asks the input whose turn it is for a packet.
    fn serve_one(&mut self, batch: &mut Batch, cx: &mut Cx<'_>) {
        if let Some(input) = self.turns.pop_front()
            && cx.pull(input, 1, batch) > 0
        {
            self.next = (input + 1) % cx.inputs();
            self.turns.push_back(input);
        }
    }

    /// Asks each input for its share of the room at once, instead of once for each packet, and takes one of each in turn. One
    /// that has less than its share is empty: the others go on without it, as if it had been asked in its turn.
    fn serve_all(&mut self, each: usize, batch: &mut Batch, cx: &mut Cx<'_>) {
        while let Some(input) = self.turns.pop_front() {
            let mut share = cx.take_batch();
            cx.pull(input, each, &mut share);
            self.shares.push((input, share));
        }
        let full = self.shares.iter().filter(|(_, it)| it.len() >= each);
        self.turns.extend(full.map(|&(input, _)| input));
        for _ in 0..each {
            for (input, share) in &mut self.shares {
                if batch.take_from(share, 1) > 0 {
                    self.next = (*input + 1) % cx.inputs();
                }
            }
        }
        for (_, share) in self.shares.drain(..) {
            cx.put_batch(share);
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

    #[test]
    fn without_inputs_they_have_nothing() {
        for sched in ["RoundRobinSched", "PrioSched"] {
            let mut graph = graph(&format!("{sched} -> Unqueue -> d :: Discard;"));
            graph.run_until_idle(Instant::ZERO, 100);
            assert_eq!(graph.read("d.count").unwrap(), "0");
        }
    }
}
