//! The other workers of a graph, as an element of one sees them: what a script says, it says to all.

use crate::handle::Handle;
use crate::handler::{HandlerError, Merge};

/// How a worker waits for what another answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It has its thread to itself.
    Block,
    /// Other tasks of its thread go on at another.
    BlockInPlace,
    /// The other may need its thread.
    Never,
}

/// The other workers.
pub(crate) struct Peers {
    handle: Handle,
    own: usize,
    wait: Wait,
}

impl Peers {
    /// Those of worker `own`; `None` if there are none.
    pub(crate) fn new(handle: Handle, own: usize, wait: Wait) -> Option<Self> {
        (handle.workers() > 1).then_some(Self { handle, own, wait })
    }

    /// Writes a handler at all others; does not wait for it.
    pub(crate) fn write(&self, handler: &str, value: &str) {
        for worker in self.others() {
            let (handler, value) = (handler.to_owned(), value.to_owned());
            self.handle.send(worker, move |instance| {
                // What this worker's copy did not refuse, the others do not.
                let _ = instance.write(&handler, &value);
            });
        }
    }

    /// Reads a handler at all others too, and makes one answer of all. Only the first worker waits for others: that they wait for
    /// each other cannot happen.
    pub(crate) fn read(
        &self,
        handler: &str,
        own: String,
        merge: Merge,
    ) -> Result<String, HandlerError> {
        if self.own > 0 || merge == Merge::First {
            return Ok(own);
        }
        let ask = || {
            let ask = |worker| {
                let handler = handler.to_owned();
                self.handle
                    .call(worker, move |instance| instance.read(&handler))
            };
            // One that has stopped does not answer.
            self.others().filter_map(ask).collect::<Result<Vec<_>, _>>()
        };
        let others = match self.wait {
            Wait::Block => ask(),
            Wait::BlockInPlace => tokio::task::block_in_place(ask),
            Wait::Never => return Ok(own),
        };
        let answers = std::iter::once(own).chain(others?).collect();
        Ok(merge.of(answers))
    }

    fn others(&self) -> impl Iterator<Item = usize> {
        (0..self.handle.workers()).filter(|&worker| worker != self.own)
    }
}
