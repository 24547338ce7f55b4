//! What ends a hunt early.
use super::output::remark;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked for the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for Ctrl-C, and for SIGTERM, which batch systems send when a job's time is over. A second one does not
    /// wait for the worlds that run.
    pub(super) fn on_signal() -> Self {
        let stop = Self::default();
        let asked = stop.clone();
        let listening = ctrlc::set_handler(move || {
            if asked.0.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            remark("stopping: the worlds that run are run to their end");
        });
        if let Err(error) = listening {
            remark(&format!("warning: Ctrl-C will lose the results so far: {error}"));
        }
        stop
    }

    /// Asks for the end.
    pub(super) fn now(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
