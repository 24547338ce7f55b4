//! Two runs side by side: what their plans differ in, the first event that does, what led to it, how they ended.
//!
//! Two seeds differ at once, in latencies of microseconds. So there are two first differences: the first in anything,
//! which is what tells a run that should have been the same; and the first *deed* that differs, which tells two seeds,
//! two files or a knob apart: something that only one of them ever has, or that one host does in another order.
//!
//! - [`tape`]: histories as they can be compared. [`context`]: what led to a difference.
//! - [`plans`], [`endings`]: what differs before and after.

mod context;
mod endings;
mod plans;
mod tape;
#[cfg(test)]
mod tests;

use crate::history::Entry;
use crate::report::{DIVERGE_SCHEMA, Difference, DifferenceKind, DivergeReport, Likeness, Report, RunSide};
use crate::scenario::Plan;
use std::time::Duration;
use tape::Tape;

/// One of the runs, when it is over.
#[derive(Debug)]
pub struct Played<'a> {
    /// By what it differs from the other one.
    pub name: String,
    /// What was run.
    pub plan: &'a Plan,
    /// Its whole history.
    pub entries: &'a [Entry],
    /// What it showed.
    pub report: &'a Report,
}

/// Compares two runs.
pub fn compare(one: &Played<'_>, another: &Played<'_>) -> DivergeReport {
    let (a, b) = (Tape::new(&one.plan.roster, one.entries), Tape::new(&another.plan.roster, another.entries));
    let shorter = a.entries.len().min(b.entries.len());
    let alike = (0..shorter).find(|index| !a.is_same(*index, &b, *index)).unwrap_or(shorter);
    let ended = endings::differences(one.report, another.report);
    let same = one.report.fingerprint == another.report.fingerprint && ended.is_empty();
    DivergeReport {
        schema: DIVERGE_SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        verdict: if same { Likeness::Same } else { Likeness::Different },
        a: side(one),
        b: side(another),
        plan: plans::differences(one.plan, another.plan),
        alike: alike as u64,
        first: first(&a, &b, alike),
        deed: deed(&a, &b),
        ended,
    }
}

fn side(played: &Played<'_>) -> RunSide {
    let report = played.report;
    RunSide {
        name: played.name.clone(),
        scenario: report.scenario.clone(),
        file: report.file.clone(),
        seed: report.seed,
        plan_hash: report.plan_hash.clone(),
        fingerprint: report.fingerprint.clone().unwrap_or_default(),
        verdict: report.verdict,
        virtual_seconds: report.virtual_seconds,
        entries: played.entries.len() as u64,
        replay: report.replay.clone(),
    }
}

/// Where the entries of two histories differ: places in either, where they have one.
type Places = (Option<usize>, Option<usize>);

/// The first entry that differs in anything.
fn first(a: &Tape<'_>, b: &Tape<'_>, alike: usize) -> Option<Difference> {
    let there = |tape: &Tape<'_>| (alike < tape.entries.len()).then_some(alike);
    let (ours, theirs) = (there(a)?, there(b)?);
    let places = (Some(ours), Some(theirs));
    if a.deed(ours) == b.deed(theirs) {
        return Some(difference(a, b, places, DifferenceKind::Time));
    }
    Some(difference(a, b, places, DifferenceKind::Event))
}

/// The first difference in what happens.
fn deed(a: &Tape<'_>, b: &Tape<'_>) -> Option<Difference> {
    let only_a = (0..a.entries.len()).find(|index| b.find(a.deed(*index)).is_none());
    let only_b = (0..b.entries.len()).find(|index| a.find(b.deed(*index)).is_none());
    let candidates = [
        only_a.map(|place| ((Some(place), None), DifferenceKind::OnlyA)),
        only_b.map(|place| ((None, Some(place)), DifferenceKind::OnlyB)),
        order(a, b).map(|places| (places, DifferenceKind::Order)),
    ];
    let at = |places: &Places| time(a, b, *places);
    // Of one instant, what only one of them has says more than an order; `min_by_key` keeps the first.
    let (places, kind) = candidates.into_iter().flatten().min_by_key(|(places, _)| at(places))?;
    Some(difference(a, b, places, kind))
}

/// The first place at which a host does in another order what both do.
fn order(a: &Tape<'_>, b: &Tape<'_>) -> Option<Places> {
    let (ours, theirs) = (common(a, b), common(b, a));
    // What is common stands in both, in the same queues; so the queues are of one length.
    let different = ours.iter().zip(&theirs).filter(|((queue, one), (other, another))| {
        queue == other && a.deed(*one as usize) != b.deed(*another as usize)
    });
    let places = different.map(|((_, one), (_, another))| (Some(*one as usize), Some(*another as usize)));
    places.min_by_key(|places| time(a, b, *places))
}

/// The queues without what the other history does not have.
fn common(tape: &Tape<'_>, other: &Tape<'_>) -> Vec<(u64, u32)> {
    let mut queues = tape.queues();
    queues.retain(|(_, index)| other.find(tape.deed(*index as usize)).is_some());
    queues
}

fn time(a: &Tape<'_>, b: &Tape<'_>, (one, another): Places) -> Duration {
    let times = [one.map(|place| a.entries[place].at), another.map(|place| b.entries[place].at)];
    times.into_iter().flatten().min().unwrap_or_default()
}

fn difference(a: &Tape<'_>, b: &Tape<'_>, places: Places, kind: DifferenceKind) -> Difference {
    let at = time(a, b, places);
    let one = places.0.map(|place| &a.entries[place]);
    let another = places.1.map(|place| &b.entries[place]);
    let earlier = match (one, another) {
        (Some(one), Some(another)) if another.at < one.at => Some(another),
        (one, another) => one.or(another),
    };
    let host = earlier.map(|entry| entry.host.to_string()).unwrap_or_default();
    Difference { kind, at, host, rows: context::rows(a, b, places, at) }
}
