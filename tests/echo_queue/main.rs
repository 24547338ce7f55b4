//! The judge and the first six invariants, proven on the smallest system that can have them: a producer, a queue with
//! a log on its disk, and two consumers, one of which handles each message exactly once.
//!
//! - [`wire`]: frames, and a line that notices silence.
//! - [`client`], [`producer`], [`consumer`]: the queue's clients.
//! - [`queue`], [`memory`]: the queue, and what it knows.
//! - [`knobs`]: how each of them can be made to fail its users.
//! - [`storm`]: faults drawn from a seed.
//! - [`world`]: who takes part, who is owed what, and how a world is played.
mod client;
mod consumer;
mod knobs;
mod memory;
mod producer;
mod queue;
mod storm;
mod wire;
mod world;

use giant_lizard::history::{Event, Power};
use giant_lizard::invariant::Verdict;
use knobs::{Knobs, WhenFull};
use world::{Weather, over, play, play_following};

const SIX: [&str; 6] =
    ["no-confirmed-loss", "no-loss", "no-invention", "no-needless-duplicate", "exactly-once", "order"];

/// Plays the storms of a hundred seeds with a knob on. In at least 95 of them `caught` must be violated, and in none
/// anything that is neither `caught` nor in `also`.
fn assert_caught(knobs: Knobs, caught: &str, also: &[&str]) {
    assert_caught_in(95, knobs, caught, also);
}

fn assert_caught_in(at_least: usize, knobs: Knobs, caught: &str, also: &[&str]) {
    let worlds = over(0..100, |seed| play(seed, Weather::Storm, knobs).violated());
    let escaped: Vec<usize> = (0..100).filter(|seed| !worlds[*seed].contains(&caught)).collect();
    let count = 100 - escaped.len();
    assert!(count >= at_least, "{caught} caught {knobs:?} on {count} of 100 seeds, not on {escaped:?}");
    for (seed, violated) in worlds.iter().enumerate() {
        let others: Vec<_> = violated.iter().filter(|name| **name != caught && !also.contains(*name)).collect();
        assert!(others.is_empty(), "seed {seed}: {knobs:?} violated {others:?} too");
    }
}

/// A build that is not optimised takes as long for one as another for seven.
const STORMS: u64 = if cfg!(debug_assertions) { 300 } else { 2_000 };

#[test]
fn the_correct_queue_violates_nothing_in_any_storm() {
    let worlds = over(0..STORMS, |seed| {
        let played = play(seed, Weather::Storm, Knobs::default());
        let first = played.findings.first_violation().map(|(name, violation)| format!("{name}: {violation:#?}"));
        (first, played.findings.settled)
    });
    for (seed, (violation, settled)) in worlds.iter().enumerate() {
        assert!(violation.is_none(), "seed {seed} violated {}", violation.as_deref().unwrap_or_default());
        assert!(settled, "seed {seed} has not settled");
    }
}

#[test]
fn a_storm_exercises_every_invariant() {
    let worlds = over(0..100, |seed| {
        let played = play(seed, Weather::Storm, Knobs::default());
        SIX.map(|name| played.verdict(name) == Verdict::Held)
    });
    for (index, name) in SIX.iter().enumerate() {
        let exercised = worlds.iter().filter(|held| held[index]).count();
        assert!(exercised >= 95, "{name} was exercised and held in {exercised} of 100 storms");
    }
}

#[test]
fn a_quiet_world_exercises_nothing_but_no_invention() {
    for seed in 0..10 {
        let played = play(seed, Weather::Quiet, Knobs::default());
        for name in SIX {
            let expected = if name == "no-invention" { Verdict::Held } else { Verdict::NotExercised };
            assert_eq!(played.verdict(name), expected, "{name}, seed {seed}");
            let checked = played.findings.finding(name).map_or(0, |finding| finding.checked);
            assert!(checked > 600, "{name} was checked {checked} times, seed {seed}");
        }
    }
}

#[test]
fn in_a_quiet_world_no_knob_is_noticed() {
    let off = Knobs::default();
    let knobs = [
        Knobs { confirms_before_it_stores: true, ..off },
        Knobs { forgets_what_it_dispatched: true, ..off },
        Knobs { serves_the_newest_first: true, ..off },
        Knobs { keeps_acks_in_memory: true, ..off },
        Knobs { reuses_buffers: true, ..off },
        Knobs { when_full: WhenFull::GivesUpTheOldest, ..off },
        Knobs { when_full: WhenFull::ForgetsTheOldest, ..off },
        Knobs { forgets_what_it_handled: true, ..off },
    ];
    for knobs in knobs {
        assert_eq!(play(0, Weather::Quiet, knobs).violated(), [""; 0], "{knobs:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_history_and_another_seed_another() {
    let fingerprint = |seed| play(seed, Weather::Storm, Knobs::default()).fingerprint;
    let (first, again) = (over(0..20, fingerprint), over(0..20, fingerprint));
    assert_eq!(first, again);
    assert!((1..20).all(|seed| first[seed] != first[seed - 1]));
}

#[test]
fn the_same_run_again_tells_the_whole_custody_of_a_lost_message() {
    let knobs = Knobs { confirms_before_it_stores: true, ..Knobs::default() };
    let first = play(0, Weather::Storm, knobs);
    let violation = first.violations_of("no-confirmed-loss").remove(0);
    let lost = violation.message.expect("it is about a message");
    let second = play_following(lost, 0, Weather::Storm, knobs);
    assert_eq!(second.fingerprint, first.fingerprint);
    let custody = second.violations_of("no-confirmed-loss").remove(0).custody;
    let says = |host: &str, event: &Event| custody.iter().any(|entry| &*entry.host == host && entry.event == *event);
    assert!(says("producer", &Event::Confirmed { message: lost }), "{custody:#?}");
    let power = [Power::Lost, Power::Crashed].map(|state| Event::Power { state });
    assert!(power.iter().any(|event| says("queue", event)), "{custody:#?}");
    assert!(!says("queue", &Event::Stored { message: lost }), "{custody:#?}");
}

#[test]
fn a_queue_that_confirms_before_it_stores_is_caught_by_no_confirmed_loss() {
    let knobs = Knobs { confirms_before_it_stores: true, ..Knobs::default() };
    assert_caught(knobs, "no-confirmed-loss", &["no-loss"]);
}

#[test]
fn a_queue_that_forgets_what_it_dispatched_is_caught_by_no_loss() {
    let knobs = Knobs { forgets_what_it_dispatched: true, ..Knobs::default() };
    assert_caught(knobs, "no-loss", &["no-confirmed-loss", "order"]);
}

#[test]
fn a_queue_that_serves_the_newest_first_is_caught_by_order() {
    let knobs = Knobs { serves_the_newest_first: true, ..Knobs::default() };
    assert_caught(knobs, "order", &[]);
}

#[test]
fn a_queue_that_keeps_acks_in_memory_only_is_caught_by_no_needless_duplicate() {
    let knobs = Knobs { keeps_acks_in_memory: true, ..Knobs::default() };
    assert_caught(knobs, "no-needless-duplicate", &[]);
}

#[test]
fn a_producer_that_reuses_buffers_is_caught_by_no_invention() {
    let knobs = Knobs { reuses_buffers: true, ..Knobs::default() };
    assert_caught(knobs, "no-invention", &[]);
}

#[test]
fn a_producer_that_gives_messages_up_is_caught_by_no_loss() {
    let knobs = Knobs { when_full: WhenFull::GivesUpTheOldest, ..Knobs::default() };
    assert_caught(knobs, "no-loss", &[]);
}

#[test]
fn a_producer_that_forgets_messages_without_a_word_is_caught_by_no_loss() {
    let knobs = Knobs { when_full: WhenFull::ForgetsTheOldest, ..Knobs::default() };
    // What was forgotten is not owed any more when the producer's machine crashes later: it might have been in its
    // memory until then. In many storms it does.
    assert_caught_in(60, knobs, "no-loss", &[]);
}

#[test]
fn a_consumer_that_forgets_what_it_handled_is_caught_by_exactly_once() {
    let knobs = Knobs { forgets_what_it_handled: true, ..Knobs::default() };
    assert_caught(knobs, "exactly-once", &[]);
}
