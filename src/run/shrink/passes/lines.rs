//! Fewer lines in the timeline.
use super::super::draft::Draft;
use super::super::reduce::Reducing;
use crate::scenario::DurationRange;
use serde_json::Value;
use std::time::Duration;

/// Into how many parts the timeline is cut while single parts are tried alone, too: beyond that they are so small that
/// they hardly ever fail.
const MOST_ALONE: usize = 8;

/// When a line happens.
pub(super) fn at(line: &Value) -> Duration {
    let at = line["at"].as_str().and_then(|at| at.parse::<DurationRange>().ok());
    at.map(|at| at.least()).unwrap_or_default()
}

/// Drops what begins only when everything has gone wrong already.
pub(super) fn too_late(reducing: &mut Reducing<'_>) {
    let end = Duration::try_from_secs_f64(reducing.failure.at_seconds).unwrap_or(Duration::MAX);
    let lines = reducing.draft.lines();
    let early: Vec<Value> = lines.iter().filter(|line| at(line) <= end).cloned().collect();
    if early.len() < lines.len() {
        let draft = reducing.draft.with_lines(early);
        reducing.take_first(std::iter::once(draft));
    }
}

/// Delta debugging (ddmin: Zeller and Hildebrandt, IEEE TSE 28(2), 2002): the timeline is cut into parts; one part alone
/// is tried, then all but one; then smaller parts.
pub(super) fn subsets(reducing: &mut Reducing<'_>) {
    let nothing = reducing.draft.with_lines(Vec::new());
    if reducing.draft.lines().is_empty() || reducing.take_first(std::iter::once(nothing)).is_some() {
        return;
    }
    let mut parts = 2;
    loop {
        let draft = reducing.draft.clone();
        let count = draft.lines().len();
        if count < 2 {
            return;
        }
        parts = parts.min(count);
        let alone = if parts <= MOST_ALONE { parts } else { 0 };
        let bounds = move |part: usize| part * count / parts..(part + 1) * count / parts;
        let one = (0..alone).map(|part| subset(&draft, |index| bounds(part).contains(&index)));
        // Cut in two, all but the one half is the other half.
        let others = if parts > 2 { parts } else { 0 };
        let all_but_one = (0..others).map(|part| subset(&draft, |index| !bounds(part).contains(&index)));
        match reducing.take_first(one.chain(all_but_one)) {
            Some(taken) if taken < alone => parts = 2,
            Some(_) => parts = (parts - 1).max(2),
            None if parts == count => return,
            None => parts *= 2,
        }
    }
}

fn subset(draft: &Draft, is_kept: impl Fn(usize) -> bool) -> Draft {
    let lines = draft.lines().iter().enumerate().filter(|(index, _)| is_kept(*index));
    draft.with_lines(lines.map(|(_, line)| line.clone()).collect())
}

/// Drops one line after another, the last first; also one that only happened to come last before the failure.
pub(super) fn one_by_one(reducing: &mut Reducing<'_>) {
    let mut left = reducing.draft.lines().len();
    while left > 0 {
        let draft = reducing.draft.clone();
        let drafts = (0..left).rev().map(|index| draft.without_line(index));
        let Some(taken) = reducing.take_first_but_for_the_fault_before(drafts) else { return };
        left -= taken + 1;
    }
}
