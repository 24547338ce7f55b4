//! One event of a trace, and the file that they make.
//!
//! Source: "Trace Event Format" (Google, public document), the JSON object format; Perfetto docs, "External trace
//! formats: JSON".
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};
use std::time::Duration;

/// An event. Fields that its phase does not have are left out.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct TraceEvent<'a> {
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) cat: &'static str,
    /// The phase: what kind of event this is.
    pub(super) ph: &'static str,
    /// Microseconds.
    pub(super) ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dur: Option<f64>,
    pub(super) pid: u32,
    pub(super) tid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<u64>,
    /// The number of a span, within its process: with a plain `id` Perfetto lays it beside all processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id2: Option<Local>,
    /// Where an arrow ends: at the slice around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bp: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) args: Option<Value>,
}

/// A number that means something in its process only.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Local {
    pub(super) local: String,
}

/// The phases that are used here.
pub(super) mod phase {
    pub(in super::super) const METADATA: &str = "M";
    pub(in super::super) const COMPLETE: &str = "X";
    pub(in super::super) const BEGIN: &str = "B";
    pub(in super::super) const END: &str = "E";
    pub(in super::super) const SPAN_BEGINS: &str = "b";
    pub(in super::super) const SPAN_ENDS: &str = "e";
    pub(in super::super) const ARROW_BEGINS: &str = "s";
    pub(in super::super) const ARROW_ENDS: &str = "f";
}

/// Microseconds with their fraction, in which traces count.
pub(super) fn micros(at: Duration) -> f64 {
    at.as_nanos() as f64 / 1e3
}

/// Writes events one a line; the first error is kept, and nothing is written after it.
#[derive(Debug)]
pub(super) struct TraceFile<W> {
    out: W,
    failed: Option<io::Error>,
    empty: bool,
}

impl<W: Write> TraceFile<W> {
    /// Begins the file. `about` is what it says of itself.
    pub(super) fn begin(mut out: W, about: &Value) -> io::Result<Self> {
        write!(out, "{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":[")?;
        Ok(Self { out, failed: None, empty: true })
    }

    pub(super) fn write(&mut self, event: &TraceEvent) {
        if self.failed.is_none() {
            self.failed = self.try_write(event).err();
        }
    }

    fn try_write(&mut self, event: &TraceEvent) -> io::Result<()> {
        self.out.write_all(if self.empty { b"\n" } else { b",\n" })?;
        self.empty = false;
        Ok(serde_json::to_writer(&mut self.out, event)?)
    }

    /// Ends the file and gives the writer back, or the first error.
    pub(super) fn finish(mut self) -> io::Result<W> {
        match self.failed {
            Some(error) => Err(error),
            None => {
                self.out.write_all(b"\n]}\n")?;
                Ok(self.out)
            }
        }
    }
}
