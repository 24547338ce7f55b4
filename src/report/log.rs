//! One entry of the history as a line of a log.
use super::text::stopwatch;
use crate::history::{Entry, Line, Roster};

/// Writes an entry as a line of a log: `1:58.204  xyz  xyz/telemetry #113 offered`.
pub fn line(roster: &Roster, entry: &Entry) -> String {
    told(&Line { at: entry.at, host: entry.host.clone(), what: entry.event.words(roster) })
}

/// Writes a line of custody with the same clock as the story.
pub fn told(line: &Line) -> String {
    format!("{:>12}  {:<12}  {}", stopwatch(line.at), line.host, line.what)
}
