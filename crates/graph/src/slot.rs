//! An element in its place: its ports, and what waits there.

use std::collections::VecDeque;

use waypost_graph_text::FlowCode;
use waypost_packet::{Batch, Packet};
use waypost_wire::Instant;

use crate::drop::OnFull;
use crate::element::{Credit, Element};
use crate::statistics::Stats;
use crate::ways::Ways;

/// Where an edge leads, or comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct End {
    pub(crate) slot: usize,
    pub(crate) port: usize,
}

/// An output: what it is connected to, if packets are pushed through it, and what waits there.
pub(crate) struct Output {
    pub(crate) to: Option<End>,
    pub(crate) on_full: OnFull,
    /// What the element has emitted in this call.
    pub(crate) staged: Option<Box<Batch>>,
    /// What the other end had no room for.
    pub(crate) backlog: VecDeque<Packet>,
    /// Where packets may go from here, once somebody has asked.
    pub(crate) ways: Option<Box<Ways>>,
}

impl Output {
    pub(crate) fn new(to: Option<End>, on_full: OnFull) -> Self {
        Self {
            to,
            on_full,
            staged: None,
            backlog: VecDeque::new(),
            ways: None,
        }
    }
}

/// An element in its place.
pub(crate) struct Slot {
    /// Nothing while it is being called.
    pub(crate) element: Option<Box<dyn Element>>,
    pub(crate) outputs: Box<[Output]>,
    /// The far end of each input through which packets are pulled.
    pub(crate) inputs: Box<[Option<End>]>,
    /// For each input whether pushed packets end there: what is left in a batch was refused.
    pub(crate) ends: Box<[bool]>,
    /// For each input and output, whether packets go from one to the other; outputs of one input side by side.
    leads: Box<[bool]>,
    pub(crate) is_task: bool,
    /// Whether nothing that comes in goes out: what goes out begins here.
    pub(crate) makes: bool,
    /// Whether another worker's copy alone makes what begins here: nobody pulls any of this one.
    pub(crate) is_dry: bool,
    /// Whether some output has staged packets.
    pub(crate) has_staged: bool,
    pub(crate) stats: Stats,
    pub(crate) timer: Option<Instant>,
    /// Whether the timer is due, but has to wait for what the element's outputs hold.
    pub(crate) timer_held: bool,
}

impl Slot {
    pub(crate) fn new(
        element: Box<dyn Element>,
        outputs: Box<[Output]>,
        inputs: Box<[Option<End>]>,
        flow: Option<&FlowCode>,
    ) -> Self {
        let ends = (0..inputs.len()).map(|port| element.credit(port) != Credit::Through);
        let pairs =
            (0..inputs.len()).flat_map(|input| (0..outputs.len()).map(move |it| (input, it)));
        let leads = pairs.map(|(input, output)| {
            element.flows(input, output) && flow.is_none_or(|flow| flow.flows(input, output))
        });
        let leads: Box<[bool]> = leads.collect();
        Self {
            ends: ends.collect(),
            makes: !leads.contains(&true),
            leads,
            is_task: element.is_task(),
            element: Some(element),
            outputs,
            inputs,
            is_dry: false,
            has_staged: false,
            stats: Stats::default(),
            timer: None,
            timer_held: false,
        }
    }

    /// Whether packets go from an input to an output.
    pub(crate) fn leads(&self, input: usize, output: usize) -> bool {
        self.leads[input * self.outputs.len() + output]
    }

    /// Counts a batch that leaves the element, if it begins there: what others hand on was counted when it came in.
    #[inline]
    pub(crate) fn count_made(&mut self, packets: usize) {
        if self.makes && packets > 0 {
            self.stats.calls += 1;
            self.stats.packets += packets as u64;
        }
    }

    /// The element, unless it is being called.
    pub(crate) fn element(&self) -> Option<&dyn Element> {
        self.element.as_deref()
    }
}
