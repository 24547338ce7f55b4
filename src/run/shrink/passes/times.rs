//! Shorter runs, earlier beginnings, shorter and rounder faults.
use super::super::draft::{Draft, verb};
use super::super::reduce::Reducing;
use super::lines::at;
use crate::scenario::DurationRange;
use serde_json::Value;
use std::time::Duration;

/// Lengths that are easy to read, in seconds.
const ROUND: [u64; 27] = [
    1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 420, 480, 540, 600, 720, 900, 1200, 1500, 1800, 2700,
    3600, 7200,
];
/// To what a time is rounded down, in milliseconds.
const GRAINS: [u64; 6] = [60_000, 30_000, 10_000, 5_000, 1_000, 100];

/// Reads a duration that is not drawn.
pub(super) fn plain(value: &Value) -> Option<Duration> {
    let range = value.as_str()?.parse::<DurationRange>().ok()?;
    (range.least() == range.most()).then(|| range.least())
}

pub(super) fn written(duration: Duration) -> Value {
    DurationRange::fixed(duration).to_string().into()
}

/// Every easy length that is shorter, the shortest first.
fn shorter(than: Duration) -> impl Iterator<Item = Duration> + Send {
    ROUND.into_iter().map(Duration::from_secs).take_while(move |length| *length < than)
}

/// The same time with less in it, the roundest first.
pub(super) fn rounded_down(time: Duration) -> impl Iterator<Item = Duration> + Send {
    let grains = GRAINS.into_iter().map(Duration::from_millis);
    let down = grains
        .map(move |grain| Duration::from_nanos((time.as_nanos() / grain.as_nanos()) as u64 * grain.as_nanos() as u64));
    down.filter(move |down| !down.is_zero() && *down < time)
}

/// Ends traffic sooner, and waits less for debts.
pub(super) fn duration(reducing: &mut Reducing<'_>) {
    for key in ["/duration", "/settle"] {
        let Some(length) = reducing.draft.0.pointer(key).and_then(plain) else { continue };
        let draft = reducing.draft.clone();
        // What begins after the end is refused, and not run.
        reducing.take_first(shorter(length).map(|length| draft.with(key, written(length))));
    }
}

/// Moves the whole timeline to an earlier beginning.
pub(super) fn sooner(reducing: &mut Reducing<'_>) {
    let draft = reducing.draft.clone();
    let Some(first) = draft.lines().iter().map(at).min() else { return };
    reducing.take_first(shorter(first).map(|beginning| moved(&draft, first - beginning)));
}

fn moved(draft: &Draft, by: Duration) -> Draft {
    let mut lines = draft.lines().to_vec();
    for line in &mut lines {
        line["at"] = written(at(line) - by);
    }
    draft.with_lines(lines)
}

/// Makes each line's length shorter or rounder, then its time rounder, then its other times.
pub(super) fn lines(reducing: &mut Reducing<'_>) {
    for index in 0..reducing.draft.lines().len() {
        let Some((verb, said)) = verb(&reducing.draft.lines()[index]) else { continue };
        let inner = said.keys().filter(|key| *key != "for").map(|key| format!("{verb}/{key}"));
        let mut keys = vec![format!("{verb}/for"), "at".to_owned()];
        keys.extend(inner);
        for key in keys {
            let place = format!("/timeline/{index}/{key}");
            let Some(time) = reducing.draft.0.pointer(&place).and_then(plain) else { continue };
            let draft = reducing.draft.clone();
            let easy = shorter(time).filter(|_| key.ends_with("/for"));
            let times = easy.chain(rounded_down(time));
            reducing.take_first(times.map(|time| draft.with(&place, written(time))));
        }
    }
}
