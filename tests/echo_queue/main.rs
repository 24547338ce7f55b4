//! An echo queue: the smallest system that has every delivery invariant, and knobs that break each of them.
//!
//! A producer stores messages in a queue with a disk; the queue hands each to two consumers: `audit`, which may see a
//! message again when it has a cause, and `ledger`, which de-duplicates. The correct queue holds everything under
//! chaos; each knob is a decision that real software gets wrong.
mod chaos;
mod consumer;
mod knobs;
mod link;
mod producer;
mod queue;
mod stage;

use giant_lizard::history::MessageId;
use giant_lizard::invariant::Verdict;
use knobs::Knobs;
use stage::{Run, run};
use std::ops::Range;

const JUDGED: [&str; 6] =
    ["no-confirmed-loss", "no-loss", "no-invention", "no-needless-duplicate", "exactly-once", "order"];

/// The knob breaks these invariants in at least half of all worlds with faults, never another one, and none in a world
/// without faults.
#[track_caller]
fn bites(knobs: Knobs, broken: &[&str]) {
    let mut caught = vec![0; broken.len()];
    for seed in 0..40 {
        let run = run(seed, knobs, true);
        for finding in run.findings.invariants.iter().filter(|finding| finding.verdict == Verdict::Violated) {
            let at = broken.iter().position(|name| *name == finding.name);
            caught[at.unwrap_or_else(|| panic!("seed {seed} violates {finding:#?}"))] += 1;
        }
    }
    assert!(caught.iter().all(|count| *count >= 20), "of 40 seeds, {broken:?} caught {caught:?}");
    for seed in 0..5 {
        let calm = run(seed, knobs, false);
        assert!(calm.findings.is_clean(), "calm seed {seed}: {:#?}", calm.findings.first_violation());
    }
}

#[track_caller]
fn holds(seeds: Range<u64>) {
    let mut exercised = [0; JUDGED.len()];
    for seed in seeds.clone() {
        let run = run(seed, Knobs::default(), true);
        assert!(run.findings.is_clean(), "seed {seed}: {:#?}", run.findings.first_violation());
        assert!(run.findings.settled, "seed {seed} never settled");
        assert!(run.curtain.panics.is_empty(), "seed {seed}: {:?}", run.curtain.panics);
        for (count, name) in exercised.iter_mut().zip(JUDGED) {
            *count += u64::from(run.verdict(name) == Verdict::Held);
        }
    }
    let most = (seeds.end - seeds.start) * 9 / 10;
    assert!(exercised.iter().all(|count| *count > most), "exercised {exercised:?} of {seeds:?}");
}

#[test]
fn the_correct_queue_holds_everything_in_the_first_thousand_seeds_of_chaos() {
    holds(0..1000);
}

#[test]
fn the_correct_queue_holds_everything_in_the_second_thousand_seeds_of_chaos() {
    holds(1000..2000);
}

#[test]
fn in_a_quiet_world_everything_is_checked_and_only_no_invention_is_exercised() {
    let Run { findings, .. } = run(1, Knobs::default(), false);
    for name in JUDGED {
        let finding = findings.finding(name).expect("it is registered");
        let quiet = if name == "no-invention" { Verdict::Held } else { Verdict::NotExercised };
        assert_eq!(finding.verdict, quiet, "{name}");
        assert!(finding.checked >= findings.messages.offered, "{name} checked {}", finding.checked);
    }
    assert_eq!(findings.messages.offered, findings.messages.confirmed);
}

#[test]
fn a_queue_that_acks_before_it_stores_loses_what_it_confirmed() {
    bites(Knobs { acks_before_it_stores: true, ..Knobs::default() }, &["no-confirmed-loss", "no-loss"]);
}

#[test]
fn a_producer_that_drops_when_its_buffer_is_full_loses() {
    bites(Knobs { drops_when_full: true, ..Knobs::default() }, &["no-loss"]);
}

#[test]
fn a_producer_that_reuses_a_buffer_before_it_is_acknowledged_invents() {
    bites(Knobs { reuses_buffers: true, ..Knobs::default() }, &["no-invention"]);
}

#[test]
fn a_queue_that_forgets_on_restart_what_it_had_dispatched_repeats_without_need_and_defeats_de_duplication() {
    bites(Knobs { forgets_on_restart: true, ..Knobs::default() }, &["no-needless-duplicate", "exactly-once"]);
}

#[test]
fn a_queue_that_serves_the_newest_first_breaks_order() {
    bites(Knobs { serves_newest_first: true, ..Knobs::default() }, &["order"]);
}

#[test]
fn one_seed_is_one_history_and_another_is_another() {
    let fingerprint = |seed| run(seed, Knobs::default(), true).curtain.fingerprint;
    assert_eq!(fingerprint(7), fingerprint(7));
    assert_ne!(fingerprint(7), fingerprint(8));
}

#[test]
fn a_second_run_that_follows_the_lost_message_is_the_same_run_and_tells_its_whole_custody() {
    let knobs = Knobs { acks_before_it_stores: true, ..Knobs::default() };
    let first = (0..40).map(|seed| run(seed, knobs, true)).find(|run| !run.findings.is_clean());
    let first = first.expect("the knob bites");
    let (_, violation) = first.findings.first_violation().expect("it is not clean");
    let lost: MessageId = violation.message.expect("a message was lost");
    let second = stage::run_following(first.seed, knobs, lost);
    assert_eq!(second.curtain.fingerprint, first.curtain.fingerprint);
    let custody = &second.findings.finding("no-confirmed-loss").expect("it is registered").violations[0].custody;
    let hosts: Vec<&str> = custody.iter().map(|entry| &*entry.host).collect();
    assert!(custody.len() > violation.custody.len() && hosts.contains(&"queue"), "{custody:#?}");
}
