//! What a graph has counted.

use std::sync::Arc;

use crate::drop::{DropReason, Drops};
use crate::schedule::Instance;
use crate::trace::TraceStep;

/// What an engine counts of an element.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) calls: u64,
    pub(crate) packets: u64,
    pub(crate) nanos: u64,
    pub(crate) drops: Drops,
}

/// What was counted of one element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementStatistics {
    /// Its name.
    pub name: Arc<str>,
    /// Its class.
    pub class: Arc<str>,
    /// Batches that it was handed, has pulled, or has made, where what goes out begins in it.
    pub calls: u64,
    /// Packets in those batches.
    pub packets: u64,
    /// Time spent in it, without the elements that it called, in nanoseconds; 0 unless profiled.
    pub nanos: u64,
    /// Packets lost in it, by reason.
    pub drops: Vec<(DropReason, u64)>,
}

impl ElementStatistics {
    /// Adds what another worker's copy has counted.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.packets += other.packets;
        self.nanos += other.nanos;
        for &(reason, count) in &other.drops {
            match self.drops.iter_mut().find(|(it, _)| *it == reason) {
                Some((_, sum)) => *sum += count,
                None => self.drops.push((reason, count)),
            }
        }
    }
}

impl ElementStatistics {
    /// What several workers have counted, element by element: the sums.
    pub fn sum(workers: impl IntoIterator<Item = Vec<Self>>) -> Vec<Self> {
        // One that has stopped tells nothing.
        let told = workers.into_iter().filter(|it| !it.is_empty());
        told.reduce(|mut sum, more| {
            sum.iter_mut()
                .zip(&more)
                .for_each(|(sum, more)| sum.add(more));
            sum
        })
        .unwrap_or_default()
    }
}

impl Instance {
    /// What was counted of each element, in the order of the graph.
    pub fn statistics(&self) -> Vec<ElementStatistics> {
        let slots = self.engine.slots.iter().zip(&*self.engine.names);
        slots
            .map(|(slot, naming)| ElementStatistics {
                name: naming.name.clone(),
                class: naming.class.clone(),
                calls: slot.stats.calls,
                packets: slot.stats.packets,
                nanos: slot.stats.nanos,
                drops: slot.stats.drops.iter().collect(),
            })
            .collect()
    }

    /// Whether the time spent in each element is measured; it costs two looks at the clock for each batch.
    pub fn set_profiled(&mut self, profiled: bool) {
        self.engine.profile.set_on(profiled);
    }

    /// Follows the next `count` packets that reach an element, or are made by it, from there on; false if there is no such element.
    ///
    /// Following costs a look at each packet of each batch. It ends once all of them were found and none was seen for ten
    /// seconds, and at once with a `count` of 0; the steps so far remain.
    pub fn trace(&mut self, element: &str, count: u32) -> bool {
        let found = self.engine.names.iter().position(|it| &*it.name == element);
        if let Some(slot) = found {
            self.engine.tracer.start(slot, count);
        }
        found.is_some()
    }

    /// Whether packets are being followed, or looked for.
    pub fn is_tracing(&self) -> bool {
        self.engine.tracer.is_active()
    }

    /// The steps of the packets followed so far, in order of time.
    pub fn trace_steps(&self) -> Vec<TraceStep> {
        self.engine.tracer.steps().cloned().collect()
    }
}
