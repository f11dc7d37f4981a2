//! The other workers of a graph, as an element of one sees them: what a script says, it says to all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// How many writes of one worker another may still have to do.
const WRITES_MAX: usize = 1024;

/// The other workers.
pub(crate) struct Peers {
    handle: Handle,
    own: usize,
    wait: Wait,
    /// How many writes each worker has still to do.
    writes: Box<[Arc<AtomicUsize>]>,
}

impl Peers {
    /// Those of worker `own`; `None` if there are none.
    pub(crate) fn new(handle: Handle, own: usize, wait: Wait) -> Option<Self> {
        (handle.workers() > 1).then(|| Self {
            writes: (0..handle.workers()).map(|_| Arc::default()).collect(),
            handle,
            own,
            wait,
        })
    }

    /// Refuses a write that another worker could not be asked for, since it does not keep up with those before.
    pub(crate) fn check_room(&self) -> Result<(), HandlerError> {
        let full = |worker: &usize| self.writes[*worker].load(Ordering::Relaxed) >= WRITES_MAX;
        match self.others().find(full) {
            None => Ok(()),
            Some(worker) => Err(HandlerError::new(format!(
                "worker {worker} has not yet done {WRITES_MAX} writes before this one"
            ))),
        }
    }

    /// Writes a handler at all others; does not wait for it.
    pub(crate) fn write(&self, handler: &str, value: &str) {
        for worker in self.others() {
            let (handler, value) = (handler.to_owned(), value.to_owned());
            let writes = Arc::clone(&self.writes[worker]);
            writes.fetch_add(1, Ordering::Relaxed);
            self.handle.send(worker, move |instance| {
                writes.fetch_sub(1, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_does_not_keep_up_is_asked_for_no_more() {
        let (senders, mut receivers): (Vec<_>, Vec<_>) = (0..2)
            .map(|_| tokio::sync::mpsc::unbounded_channel())
            .unzip();
        let peers = Peers::new(Handle::new(senders), 0, Wait::Never).unwrap();
        for _ in 0..WRITES_MAX {
            peers.check_room().unwrap();
            peers.write("c.reset", "");
        }
        assert!(receivers[0].try_recv().is_err(), "it does its own");
        let wrong = peers.check_room().unwrap_err().to_string();
        assert!(wrong.contains("worker 1"), "{wrong}");
        let text = crate::Source::new("test", "");
        let registry = crate::Registry::default();
        let program =
            crate::Program::parse(&text, &registry, &mut crate::Options::default()).unwrap();
        let pool = crate::Pool::builder().small(8).build().unwrap();
        let mut instance = program.instances(1, &pool).unwrap().remove(0);
        receivers[1].try_recv().unwrap()(&mut instance);
        peers.check_room().unwrap();
    }
}
