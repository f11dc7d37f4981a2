//! Ctrl-C and its kind stop a run, which then says what was.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// Becomes the number of the first signal that asks to stop. The second ends the command at once.
pub(crate) fn listen() -> Result<Arc<AtomicU8>, String> {
    let failed = |error| format!("cannot listen to signals: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let seen = Arc::new(AtomicU8::new(0));
    let mut signals = Vec::new();
    {
        let _runtime = runtime.enter();
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            let number = u8::try_from(kind.as_raw_value()).unwrap_or(1);
            signals.push((number, signal(kind).map_err(failed)?));
        }
    }
    let known = Arc::clone(&seen);
    std::thread::spawn(move || {
        for (number, mut signal) in signals {
            let known = Arc::clone(&known);
            runtime.spawn(async move {
                while signal.recv().await.is_some() {
                    if known.swap(number, Ordering::Relaxed) != 0 {
                        super::files::remove_halves();
                        std::process::exit(128 + i32::from(number));
                    }
                }
            });
        }
        runtime.block_on(std::future::pending::<()>());
    });
    Ok(seen)
}
