//! Graphs that send and forward, each on a thread of its own in a namespace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;

use waypost::graph::{Options, Program, Source};
use waypost::packet::Pool;
use waypost_tests::Host;

use super::net::enter;
use crate::{cycles, machine};

/// Runs a text in a host's namespace, on one core, without a pause, until `stop`; says how many busy cycles it took for each packet
/// that the element `sink` has sent. A step that found nothing to do is not counted, as testpmd does not count it.
pub(super) fn run<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    host: &'scope Host,
    core: usize,
    text: String,
    stop: &'scope AtomicBool,
) -> ScopedJoinHandle<'scope, Result<f64, String>> {
    scope.spawn(move || {
        enter(host)?;
        machine::pin(core);
        let registry = waypost::elements::registry();
        let source = Source::new("bench", text);
        let program = Program::parse(&source, &registry, &mut Options::default())
            .map_err(|error| error.to_string())?;
        let pool = Pool::builder()
            .small(16384)
            .clones(0)
            .build()
            .map_err(|error| error.to_string())?;
        let mut instances = program
            .instances(1, &pool)
            .map_err(|error| error.to_string())?;
        let instance = instances.first_mut().ok_or("no instance")?;
        instance.set_batch_limit(64);
        let mut busy = 0;
        let mut from = cycles::now();
        while !stop.load(Ordering::Relaxed) {
            let worked = instance.step(waypost::graph::now());
            let to = cycles::now();
            busy += if worked { to - from } else { 0 };
            from = to;
        }
        let sent = instance
            .read("sink.count")
            .map_err(|error| error.to_string())?;
        let sent: f64 = sent
            .parse()
            .map_err(|_| format!("expected a count, found `{sent}`"))?;
        Ok(busy as f64 / sent)
    })
}
