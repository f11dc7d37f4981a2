//! Where packets may go: found once, when a graph is built, and asked before each run of a task.

use std::collections::HashSet;

use crate::drop::OnFull;
use crate::element::Credit;
use crate::engine::Engine;
use crate::slot::{End, Slot};

/// The ways that packets may take from some outputs on, over edges that block.
#[derive(Default)]
pub(crate) struct Ways {
    /// The inputs that end them: their room is the credit of whoever feeds the outputs.
    ends: Box<[End]>,
    /// Their edges, by the output: while packets wait on one of them, whoever feeds the outputs waits too.
    edges: Box<[End]>,
}

impl Ways {
    /// All ways out of an element that runs as a task, but for those that end where it takes packets from: each that it takes
    /// leaves room there for itself. Were that room asked for first, what was full would stay so.
    pub(crate) fn out_of(slots: &[Slot], at: usize) -> Self {
        let mut walk = Walk::new(slots);
        (0..slots[at].outputs.len()).for_each(|port| walk.follow(at, port));
        let mut ways = walk.finish();
        let origins = origins(slots, at);
        let mut ends = std::mem::take(&mut ways.ends).into_vec();
        ends.retain(|end| {
            let taken_in = end.slot == at && !slots[at].makes;
            !taken_in && origins.iter().all(|origin| origin.slot != end.slot)
        });
        ways.ends = ends.into();
        ways
    }

    /// The ways out of one output, whatever its own edge does when it is full.
    pub(crate) fn beyond(slots: &[Slot], from: End) -> Self {
        let mut walk = Walk::new(slots);
        if let Some(to) = slots[from.slot].outputs[from.port].to {
            walk.edges.push(from);
            walk.reach(to);
        }
        walk.finish()
    }

    /// The ways of what is pushed aside where an element pulls: out of other outputs of those through which the packets come.
    pub(crate) fn beside(slots: &[Slot], at: usize) -> Self {
        let mut walk = Walk::new(slots);
        for from in origins(slots, at) {
            let slot = &slots[from.slot];
            for input in pulled_for(slot, from.port) {
                (0..slot.outputs.len())
                    .filter(|&port| slot.leads(input, port))
                    .for_each(|port| walk.follow(from.slot, port));
            }
        }
        walk.finish()
    }

    /// Whether they lead nowhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Whether some edge has at least so many packets waiting on it.
    pub(crate) fn wait(&self, engine: &Engine, packets: usize) -> bool {
        let mut edges = self.edges.iter();
        edges.any(|&edge| engine.waiting(edge) >= packets)
    }

    /// How many packets find room, whichever way they take; at most `most`.
    #[inline]
    pub(crate) fn room(&self, engine: &Engine, most: usize) -> usize {
        if engine.backlogged > 0 && self.wait(engine, 1) {
            return 0;
        }
        let mut room = most;
        for end in &self.ends {
            if let Some(element) = engine.slots[end.slot].element()
                && let Credit::Packets(packets) = element.credit(end.port)
            {
                room = room.min(packets);
            }
        }
        room
    }
}

/// The inputs through which an element pulls what leaves by an output.
fn pulled_for(slot: &Slot, output: usize) -> impl Iterator<Item = usize> {
    let inputs = slot.inputs.iter().enumerate();
    inputs.filter_map(move |(input, from)| {
        (from.is_some() && slot.leads(input, output)).then_some(input)
    })
}

/// The outputs from which an element pulls, and those from which these pull in turn.
fn origins(slots: &[Slot], at: usize) -> HashSet<End> {
    let mut open: Vec<End> = slots[at].inputs.iter().flatten().copied().collect();
    let mut seen: HashSet<End> = open.iter().copied().collect();
    while let Some(from) = open.pop() {
        let slot = &slots[from.slot];
        for input in pulled_for(slot, from.port) {
            if let Some(pulled) = slot.inputs[input]
                && seen.insert(pulled)
            {
                open.push(pulled);
            }
        }
    }
    seen
}

/// A walk through the graph, down from some outputs.
struct Walk<'s> {
    slots: &'s [Slot],
    ends: Vec<End>,
    edges: Vec<End>,
    outputs_seen: HashSet<End>,
    inputs_seen: HashSet<End>,
    open: Vec<End>,
}

impl<'s> Walk<'s> {
    fn new(slots: &'s [Slot]) -> Self {
        Self {
            slots,
            ends: Vec::new(),
            edges: Vec::new(),
            outputs_seen: HashSet::new(),
            inputs_seen: HashSet::new(),
            open: Vec::new(),
        }
    }

    /// Packets may leave by this output.
    fn follow(&mut self, slot: usize, port: usize) {
        let output = &self.slots[slot].outputs[port];
        if let (Some(to), OnFull::Block) = (output.to, output.on_full)
            && self.outputs_seen.insert(End { slot, port })
        {
            self.edges.push(End { slot, port });
            self.reach(to);
        }
    }

    /// Packets may arrive at this input.
    fn reach(&mut self, to: End) {
        if !self.inputs_seen.insert(to) {
            return;
        }
        let slot = &self.slots[to.slot];
        if slot.ends[to.port] {
            self.ends.push(to);
        }
        // What a task takes in it hands on when it runs; other ends push out at once what they do not keep.
        if !slot.ends[to.port] || !slot.is_task {
            self.open.push(to);
        }
    }

    fn finish(mut self) -> Ways {
        while let Some(input) = self.open.pop() {
            let slot = &self.slots[input.slot];
            for port in 0..slot.outputs.len() {
                if slot.leads(input.port, port) {
                    self.follow(input.slot, port);
                }
            }
        }
        Ways {
            ends: self.ends.into(),
            edges: self.edges.into(),
        }
    }
}
