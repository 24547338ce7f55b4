use super::*;
use crate::scenario::parse;
use std::path::Path;

/// A minute of one device, whose hub crashes.
const CRASH: &str = "
name: a hub crashes
duration: 1m
settle: 3m
sites: { west: {}, field: { latency: 30ms..80ms } }
iot:
  dps: { site: west }
  hubs: { hub-a: { site: west } }
  central: { site: west }
  devices: { xyz: { site: field, telemetry: 1s } }
timeline: [{ at: 20s..40s, crash: { host: hub-a, for: 1s..5s } }]
";

const PITFALL: &str = "
pitfall:
  issue: https://example.org/1
  turn-on: { hubs.hub-a: { confirms: before-storing } }
  violates: no-confirmed-loss
  also: [no-loss, recovers]
";

fn prey(text: &str) -> Prey {
    match parse(Path::new("a-hub-crashes.yaml"), text) {
        Ok(loaded) => Prey::new(loaded),
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// The flaw is a confirmed message that was never stored: only the loss of power shows it.
fn flawed() -> Prey {
    let text = format!("{CRASH}{PITFALL}").replace("crash: {", "power-loss: {");
    prey(&text).turned_on().expect("the knob fits").expect("it is a pitfall")
}

fn hunt(prey: &Prey, to: u64, jobs: usize, shard: Option<ShardOf>, book: &SeedBook) -> Hunted {
    let asked = SeedRange { from: 0, to: Some(to), for_seconds: None };
    let jobs = NonZeroUsize::new(jobs).expect("at least one");
    Hunt { prey, asked, shard, book, jobs, fingerprints: false }.run(|| false, || |_: &mut Report| (), |_, _, _| ())
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let prey = flawed();
    let one = hunt(&prey, 12, 1, None, &SeedBook::default());
    assert!(one.exhausted && one.scenario.failed > 0, "{:?}", one.scenario);
    for jobs in [2, 5] {
        assert_eq!(hunt(&prey, 12, jobs, None, &SeedBook::default()).scenario, one.scenario);
    }
}

#[test]
fn two_shards_merged_are_the_whole_kept_seeds_and_all() {
    let prey = flawed();
    let mut book = SeedBook::default();
    book.learn(&hunt(&prey, 6, 2, None, &book).scenario, env!("CARGO_PKG_VERSION"));
    assert!(!book.lines.is_empty());
    // One from outside the range, whose line is of another version.
    book.lines.push(Kept { seed: 1000, version: "0.0.1".into(), ..book.lines[0].clone() });
    let whole = hunt(&prey, 9, 2, None, &book).scenario;
    assert_eq!(whole.kept.stale, [1000]);
    assert_eq!((whole.tried, whole.sample), (10, 9));
    let shards = (0..2).map(|index| {
        let shard = Some(ShardOf { index, of: 2 });
        let hunted = hunt(&prey, 9, 2, shard, &book);
        let asked = SeedRange { from: 0, to: Some(9), for_seconds: None };
        (format!("{index}"), report(asked, shard, hunted.exhausted, vec![hunted.scenario], 1.0))
    });
    let merged = merge(shards.collect()).expect("they belong together");
    assert_eq!(merged.report.scenarios, [whole]);
}

#[test]
fn a_sound_scenario_has_no_failure_and_says_how_sure_that_is() {
    let hunted = hunt(&prey(CRASH), 10, 2, None, &SeedBook::default()).scenario;
    assert_eq!((hunted.verdict, hunted.failed, hunted.sample), (Judgement::Passed, 0, 10), "{hunted:?}");
    assert!(hunted.bound.low == 0.0 && (0.25..0.27).contains(&hunted.bound.high), "{:?}", hunted.bound);
    assert!(hunted.invariants.iter().any(|invariant| invariant.name == "recovers" && invariant.exercised == 10));
}

#[test]
fn a_failing_seed_is_told_with_its_replay_line_its_cause_and_the_faults_before_it() {
    let hunted = hunt(&flawed(), 8, 2, None, &SeedBook::default()).scenario;
    let group = &hunted.groups[0];
    assert_eq!(group.cause.after.as_deref(), Some("power-loss"));
    assert!(!group.cause.what.contains(|c: char| c.is_ascii_digit()) && !group.cause.what.contains("xyz"), "{group:?}");
    assert_eq!(group.shortest.faults, 1);
    let line = format!("lizard replay a-hub-crashes.yaml --seed {}  # giant-lizard", group.shortest.seed);
    assert!(group.shortest.replay.starts_with(&line), "{}", group.shortest.replay);
    assert!(group.shortest.replay.ends_with(&group.shortest.plan_hash));
}

#[test]
fn a_pitfall_hunted_as_its_file_has_it_is_replayed_without_its_knobs() {
    let prey = prey(&format!("{CRASH}{PITFALL}"));
    let asked = SeedRange { from: 0, to: Some(1), for_seconds: None };
    let book = SeedBook::default();
    let hunt = Hunt { prey: &prey, asked, shard: None, book: &book, jobs: NonZeroUsize::MIN, fingerprints: false };
    let mut replay = None;
    hunt.run(|| false, || |report: &mut Report| report.replay.clone(), |_, line, _| replay = line);
    assert!(replay.expect("one seed was run").contains(" --seed 0 --way control  # giant-lizard"));
}

#[test]
fn only_who_looks_at_the_reports_pays_for_fingerprints_and_finds_nothing_else() {
    let (prey, book) = (flawed(), SeedBook::default());
    let twice = (0..).find(|seed| trial::is_run_twice(*seed)).expect("one in twenty is");
    let asked = SeedRange { from: twice - 4, to: Some(twice + 4), for_seconds: None };
    let hunted = |fingerprints| {
        let hunt = Hunt { prey: &prey, asked, shard: None, book: &book, jobs: NonZeroUsize::MIN, fingerprints };
        let mut taken = Vec::new();
        let look = || |report: &mut Report| report.fingerprint.is_some();
        let hunted = hunt.run(|| false, look, |trial, has, _| taken.push((trial.run_twice, has == Some(true))));
        (hunted.scenario, taken)
    };
    let ((with, all), (without, few)) = (hunted(true), hunted(false));
    assert_eq!(with, without);
    assert!(with.failed > 0 && all.iter().all(|(_, taken)| *taken), "{all:?}");
    assert!(few.iter().all(|(twice, taken)| twice == taken) && few.iter().any(|(twice, _)| *twice), "{few:?}");
}

#[test]
fn a_hunt_that_is_stopped_keeps_what_it_has_and_says_that_more_was_asked_for() {
    let prey = prey(CRASH);
    let asked = SeedRange { from: 0, to: Some(1_000_000), for_seconds: None };
    let book = SeedBook::default();
    let hunt = Hunt { prey: &prey, asked, shard: None, book: &book, jobs: NonZeroUsize::MIN, fingerprints: false };
    let stop = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    let hunted =
        hunt.run(|| stop.load(order), || |_: &mut Report| (), |_, _, progress| stop.store(progress.tried >= 3, order));
    assert!(!hunted.exhausted);
    assert!((3..100).contains(&hunted.scenario.tried), "{}", hunted.scenario.tried);
    assert_eq!(hunted.scenario.sample, hunted.scenario.tried);
}
