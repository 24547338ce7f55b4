//! The history as `history.jsonl`: one JSON object a line, written while the run goes, so that memory stays flat.
use super::log::words;
use crate::history::{Entry, Event, OperationId, Roster, Witness};
use crate::scenario::Plan;
use serde::Serialize;
use std::io::{self, Write};

/// The schema that the first line names.
pub const HISTORY_SCHEMA: &str = "giant-lizard/history@1";

/// Writes the first line, which says who takes part, and then a line for each entry that it sees.
///
/// A writer that fails is not written to again: a world cannot wait for a full disk. [`Self::finish`] tells.
#[derive(Debug)]
pub struct HistoryLines<W> {
    roster: Roster,
    out: W,
    failed: Option<io::Error>,
}

/// The first line. Ids in events are places in these lists.
#[derive(Serialize)]
struct Head<'a> {
    schema: &'static str,
    scenario: &'a str,
    file: String,
    seed: u64,
    version: &'static str,
    plan_hash: String,
    producers: Vec<&'a str>,
    destinations: Vec<&'a str>,
    operations: Vec<String>,
}

/// Every other line.
#[derive(Serialize)]
struct Line<'a> {
    at_ns: u64,
    host: &'a str,
    event: &'a Event,
    text: String,
}

impl<W: Write> HistoryLines<W> {
    /// Writes the first line.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn begin(mut out: W, plan: &Plan) -> io::Result<Self> {
        let roster = &plan.roster;
        let head = Head {
            schema: HISTORY_SCHEMA,
            scenario: &plan.scenario,
            file: plan.file.display().to_string(),
            seed: plan.seed,
            version: env!("CARGO_PKG_VERSION"),
            plan_hash: plan.hash().to_string(),
            producers: roster.producers.iter().map(|producer| &*producer.name).collect(),
            destinations: roster.destinations.iter().map(|destination| &*destination.name).collect(),
            operations: (0..roster.operations.len() as u32).map(|id| roster.operation(OperationId(id))).collect(),
        };
        write_line(&mut out, &head)?;
        Ok(Self { roster: roster.clone(), out, failed: None })
    }

    /// Gives the writer back after the last line.
    ///
    /// # Errors
    /// The first error of the writer, whenever it was.
    pub fn finish(self) -> io::Result<W> {
        match self.failed {
            None => Ok(self.out),
            Some(error) => Err(error),
        }
    }
}

impl<W: Write + Send> Witness for HistoryLines<W> {
    fn see(&mut self, Entry { at, host, event }: &Entry) {
        if self.failed.is_none() {
            let line = Line { at_ns: at.as_nanos() as u64, host, event, text: words(&self.roster, event) };
            self.failed = write_line(&mut self.out, &line).err();
        }
    }
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{entry, hostile_plan};
    use super::*;
    use crate::history::{MessageId, ProducerId};
    use serde_json::{Value, json};

    #[test]
    fn each_entry_is_one_object_with_its_nanoseconds_and_its_words() {
        let mut lines = HistoryLines::begin(Vec::new(), &hostile_plan()).expect("memory takes all");
        let message = MessageId { producer: ProducerId(0), number: 3 };
        lines.see(&entry(1_500_000_001, "xyz", Event::Offered { message, digest: u64::MAX }));
        lines.see(&entry(2_000_000_000, "the world", Event::Settling));
        lines.see(&entry(2_000_000_000, "xyz", Event::Note { text: "a\nb</script>]]>".into() }));
        let text = String::from_utf8(lines.finish().expect("nothing failed")).expect("JSON is text");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        assert_eq!(lines.len(), 4, "a line end in a text ends no line");
        assert_eq!(lines[0]["schema"], HISTORY_SCHEMA);
        assert_eq!(lines[0]["producers"], json!(["<script>alert(1)</script>/telemetry"]));
        let offered = json!({ "offered": { "message": { "producer": 0, "number": 3 }, "digest": u64::MAX } });
        let words = "offers <script>alert(1)</script>/telemetry #3";
        assert_eq!(lines[1], json!({ "at_ns": 1_500_000_001, "host": "xyz", "event": offered, "text": words }));
        assert_eq!(lines[2]["event"], "settling");
        assert_eq!(lines[3]["text"], "a\nb</script>]]>");
    }

    #[test]
    fn a_writer_that_fails_is_told_of_at_the_end() {
        /// Has room for the first line only.
        struct Full(bool);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut lines = HistoryLines::begin(Full(false), &hostile_plan()).expect("there is room yet");
        lines.out.0 = true;
        lines.see(&entry(1, "xyz", Event::Settling));
        lines.out.0 = false;
        lines.see(&entry(2, "xyz", Event::Settling));
        assert_eq!(lines.finish().err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }
}
