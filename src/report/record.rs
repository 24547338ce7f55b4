//! Keeps the history, for logs and for `history.jsonl`.
use super::seconds;
use crate::history::{Entry, OperationId, Roster, Witness};
use serde_json::json;
use std::io::{self, Write};

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

impl Recorder {
    /// Writes one JSON object a line: first who takes part (ids are places in these lists), then each entry.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, roster: &Roster, out: &mut dyn Write) -> io::Result<()> {
        let names = json!({
            "schema": "giant-lizard/history@1",
            "producers": roster.producers.iter().map(|producer| &producer.name).collect::<Vec<_>>(),
            "operations": (0..roster.operations.len() as u32)
                .map(|operation| roster.operation(OperationId(operation)))
                .collect::<Vec<_>>(),
            "destinations": roster.destinations.iter().map(|destination| &destination.name).collect::<Vec<_>>(),
        });
        writeln!(out, "{names}")?;
        for Entry { at, host, event } in &self.entries {
            writeln!(out, "{}", json!({ "at_seconds": seconds(*at), "host": host, "event": event }))?;
        }
        Ok(())
    }
}
