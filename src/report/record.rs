//! Who looks on beside the judge: one that keeps the history for logs, and several as one.
use crate::history::{Entry, Witness};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A witness that keeps everything.
#[derive(Debug, Default)]
pub struct Recorder {
    /// What it saw.
    pub entries: Vec<Entry>,
}

impl Witness for Recorder {
    fn see(&mut self, entry: &Entry) {
        self.entries.push(entry.clone());
    }
}

/// Several witnesses as one: each sees every entry, in this order.
#[derive(Default)]
pub struct Onlookers(pub Vec<Arc<Mutex<dyn Witness>>>);

impl fmt::Debug for Onlookers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Onlookers({})", self.0.len())
    }
}

impl Witness for Onlookers {
    fn see(&mut self, entry: &Entry) {
        for witness in &self.0 {
            witness.lock().unwrap_or_else(PoisonError::into_inner).see(entry);
        }
    }
}
