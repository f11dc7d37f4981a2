//! What talks to a graph that runs.

use std::sync::{Arc, mpsc as channel};

use tokio::sync::mpsc::UnboundedSender;

use crate::handler::HandlerError;
use crate::schedule::Instance;
use crate::statistics::ElementStatistics;

/// What a worker is to do between two steps.
pub(crate) type Command = Box<dyn FnOnce(&mut Instance) + Send>;

/// Talks to a graph that runs, from any thread.
#[derive(Clone, Debug)]
pub struct Handle {
    workers: Arc<[UnboundedSender<Command>]>,
}

impl Handle {
    pub(crate) fn new(workers: Vec<UnboundedSender<Command>>) -> Self {
        Self {
            workers: workers.into(),
        }
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Calls something of one worker's instance, between two steps, and blocks for the answer: not
    /// to be used on a worker's own thread. `None` if the worker has stopped.
    pub fn call<R: Send + 'static>(
        &self,
        worker: usize,
        f: impl FnOnce(&mut Instance) -> R + Send + 'static,
    ) -> Option<R> {
        let (answer, answered) = channel::sync_channel(1);
        // If nobody waits for the answer any more, it is not needed.
        let command: Command = Box::new(move |instance| drop(answer.send(f(instance))));
        self.workers.get(worker)?.send(command).ok()?;
        answered.recv().ok()
    }

    /// Reads a handler: the answers of all workers, made one.
    ///
    /// # Errors
    /// There is no such handler, it refused, or the graph has stopped.
    pub fn read(&self, handler: &str) -> Result<String, HandlerError> {
        let mut answers = Vec::new();
        let mut merge = None;
        for worker in 0..self.workers.len() {
            let name = handler.to_owned();
            let answer = self.call(worker, move |instance| {
                (instance.read(&name), instance.merge_of(&name))
            });
            let Some((answer, how)) = answer else {
                continue;
            };
            answers.push(answer?);
            merge.get_or_insert(how);
        }
        match merge {
            Some(merge) => Ok(merge.of(answers)),
            None => Err(HandlerError::new("the graph has stopped")),
        }
    }

    /// Writes a handler, on all workers, one after the other.
    ///
    /// # Errors
    /// There is no such handler, it refused, or the graph has stopped. Where the copies of an element do not agree, those before the
    /// one that refused have done it, and the error says so.
    pub fn write(&self, handler: &str, value: &str) -> Result<(), HandlerError> {
        let mut told = Err(HandlerError::new("the graph has stopped"));
        for worker in 0..self.workers.len() {
            let (handler, value) = (handler.to_owned(), value.to_owned());
            let answer = self.call(worker, move |instance| instance.write(&handler, &value));
            match answer {
                Some(Err(error)) if told.is_ok() => {
                    let done = format!("{error}; the {worker} workers before it have done so");
                    return Err(HandlerError::new(done));
                }
                Some(answer) => told = Ok(answer?),
                None => {}
            }
        }
        told
    }

    /// What all workers have counted, element by element; empty once the graph has stopped.
    pub fn statistics(&self) -> Vec<ElementStatistics> {
        ElementStatistics::sum(self.worker_statistics())
    }

    /// What each worker has counted, element by element; nothing of one that has stopped.
    pub fn worker_statistics(&self) -> Vec<Vec<ElementStatistics>> {
        let answer = |worker| self.call(worker, |it| it.statistics());
        (0..self.workers.len())
            .map(|worker| answer(worker).unwrap_or_default())
            .collect()
    }

    /// Asks all workers to stop, whatever packets are on their way; does not wait for it.
    pub fn stop(&self) {
        self.tell(|instance| instance.engine.stop());
    }

    /// Asks all workers to stop once nothing is on its way in them any more, as [`Cx::finish`](crate::Cx::finish)
    /// does; does not wait for it.
    pub fn finish(&self) {
        self.tell(Instance::finish);
    }

    fn tell(&self, what: fn(&mut Instance)) {
        for worker in 0..self.workers.len() {
            self.send(worker, what);
        }
    }

    /// Has something done at one worker, between two steps; does not wait for it.
    pub(crate) fn send(&self, worker: usize, what: impl FnOnce(&mut Instance) + Send + 'static) {
        // A worker that is gone has stopped.
        let _ = self.workers[worker].send(Box::new(what));
    }
}
