//! What stands where an interface would be, in a graph that is only checked.

use waypost_graph::{Batch, Credit, Cx, Element, Handler, HandlerError};

/// Takes no packets and brings none.
pub(super) struct Unopened(&'static [Handler]);

impl Unopened {
    /// In the place of an element with these handlers.
    pub(super) fn boxed(handlers: &'static [Handler]) -> Box<dyn Element> {
        Box::new(Self(handlers))
    }
}

impl Element for Unopened {
    fn push(&mut self, _: usize, _: &mut Batch, _: &mut Cx<'_>) {}

    fn credit(&self, _: usize) -> Credit {
        Credit::Packets(0)
    }

    fn flows(&self, _: usize, _: usize) -> bool {
        false
    }

    fn handlers(&self) -> &'static [Handler] {
        self.0
    }

    fn read(&self, _: &str, _: &str) -> Result<String, HandlerError> {
        Err(HandlerError::new("the interface was not opened"))
    }
}
