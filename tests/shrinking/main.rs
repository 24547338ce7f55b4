//! What a seed makes of a scenario can be written out as a plain file that runs the same; and what a knob breaks is
//! shrunk to a file that a person can read, in which nothing is left that need not be there.
mod under_chaos;

use giant_lizard::report::Report;
use giant_lizard::run::pitfall::Way;
use giant_lizard::run::shrink::{Effort, Need, Shrunk, materialise, shrink};
use giant_lizard::run::{Mode, run};
use giant_lizard::scenario::{Loaded, Plan, Scenario, load, parse, plan, to_yaml};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// Every shipped scenario, knobs on.
fn shipped() -> Vec<Loaded> {
    let files = [files("scenarios"), files("scenarios/pitfalls")].concat();
    let turned_on = |file: &PathBuf| {
        let loaded = load(file).unwrap_or_else(|error| panic!("{error}"));
        Loaded { scenario: loaded.scenario.turned_on().expect("the knob fits"), ..loaded }
    };
    files.iter().map(turned_on).collect()
}

/// The same scenario written out, read back from its file.
fn plain(scenario: &Scenario, seed: u64) -> Scenario {
    let text = to_yaml(&materialise(scenario, seed));
    parse(Path::new("plain.yaml"), &text).unwrap_or_else(|mistakes| panic!("{mistakes}")).scenario
}

/// What is done to the world; of faults at one time, in any order.
fn steps(plan: &Plan) -> Vec<String> {
    let mut steps: Vec<String> = plan.steps().iter().map(|step| format!("{:?} {:?}", step.at, step.fault)).collect();
    steps.sort();
    steps
}

#[test]
fn what_is_written_out_does_the_same_to_the_same_world_in_any_scenario_and_seed() {
    for Loaded { scenario, file, .. } in shipped() {
        for seed in 0..4 {
            let written = plain(&scenario, seed);
            assert!(written.chaos.is_none() && written.timeline.iter().all(|line| line.every.is_none()));
            let (first, second) = (plan(&scenario, &file, seed), plan(&written, &file, seed));
            let name = file.display();
            assert_eq!(steps(&first), steps(&second), "{name}, seed {seed}");
            assert_eq!(first.hosts, second.hosts, "{name}, seed {seed}");
            assert_eq!((first.duration, first.settle), (second.duration, second.settle), "{name}, seed {seed}");
            assert_eq!(first.roster.operations.len(), second.roster.operations.len(), "{name}, seed {seed}");
            // It says nothing that another seed would draw otherwise.
            assert_eq!(steps(&second), steps(&plan(&Scenario { seed: None, ..written }, &file, seed)));
        }
    }
}

#[test]
fn what_is_written_out_runs_to_the_same_fingerprint() {
    for Loaded { scenario, file, .. } in shipped() {
        let seeds = if plan(&scenario, &file, 0).hosts.len() > 200 { 0..0 } else { 0..1 };
        for seed in seeds {
            let ran = |scenario: &Scenario| {
                let report = run(&plan(scenario, &file, seed), Mode::FirstViolation).expect("it runs").report;
                (report.fingerprint, report.events, report.messages)
            };
            assert_eq!(ran(&scenario), ran(&plain(&scenario, seed)), "{}, seed {seed}", file.display());
        }
    }
}

/// The pitfalls' seeds. A build that is not optimised takes as long for one as another for several.
const SEEDS: std::ops::Range<u64> = if cfg!(debug_assertions) { 0..1 } else { 0..3 };

/// Shrinks what the knob of a pitfall does, on its own timeline, and looks closely at what is left.
fn is_shrunk_to_what_matters(name: &str) {
    let file = PathBuf::from(format!("scenarios/pitfalls/{name}.yaml"));
    let loaded = load(&file).unwrap_or_else(|error| panic!("{error}"));
    let scenario = Way::Treatment.scenario(&loaded.scenario).expect("the knob fits");
    let loaded = Loaded { scenario, ..loaded };
    for seed in SEEDS {
        let shrunk = shrunk(&loaded, seed, 1);
        let text = shrunk.file();
        let about = format!("{name}, seed {seed}\n{text}");
        assert_eq!(shrunk.stopped, None, "{about}");
        let written_out = to_yaml(&materialise(&loaded.scenario, seed));
        assert!(to_yaml(&shrunk.scenario).len() < written_out.len(), "{about}");

        let small = parse(Path::new("shrunk.yaml"), &text).unwrap_or_else(|mistakes| panic!("{mistakes}")).scenario;
        assert_eq!((&small, small.seed), (&shrunk.scenario, Some(seed)), "{about}");
        let small_plan = plan(&small, Path::new("shrunk.yaml"), seed);
        assert!(small_plan.faults.len() <= 3, "{about}");
        assert!(small_plan.roster.clients.len() <= 2, "{about}");

        let invariant = &shrunk.shrunk_cause.invariant;
        let replayed = replayed(&small_plan);
        assert!(replayed.passed(), "a file that expects its violation: {about}");
        assert!(broken(&replayed).contains(invariant), "{about}");
        for index in 0..small.timeline.len() {
            let mut without = small.clone();
            without.timeline.remove(index);
            let report = self::replayed(&plan(&without, Path::new("shrunk.yaml"), seed));
            assert!(!broken(&report).contains(invariant), "line {index} is not needed: {about}");
        }
        assert!(shrunk.needed.iter().all(|needed| needed.need == Need::Passes), "{:?}\n{about}", shrunk.needed);
    }
}

fn shrunk(loaded: &Loaded, seed: u64, jobs: usize) -> Shrunk {
    let effort = Effort { jobs: NonZeroUsize::new(jobs).expect("one at least"), most_runs: 2000 };
    shrink(loaded, seed, effort, &|| false, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

fn replayed(plan: &Plan) -> Report {
    run(plan, Mode::ToTheEnd).expect("it runs").report
}

fn broken(report: &Report) -> Vec<String> {
    use giant_lizard::report::Verdict;
    let broken = report.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Violated);
    broken.map(|invariant| invariant.name.clone()).collect()
}

macro_rules! pitfalls {
    ($($test:ident: $name:literal,)*) => {
        mod a_pitfall {
            $(#[test]
            fn $test() {
                super::is_shrunk_to_what_matters($name);
            })*
        }
    };
}

pitfalls! {
    bad_credentials: "bad-credentials-end-it-for-good",
    central_forgets: "central-forgets-what-it-has-read",
    without_de_duplication: "central-without-de-duplication",
    never_returns_to_dps: "device-never-returns-to-dps",
    confirms_early: "hub-confirms-before-it-stores",
    method_run_twice: "method-run-twice-after-reconnect",
    process_dies: "process-dies-when-dps-is-down",
    newest_first: "re-sends-newest-first",
    buffer_reused: "send-buffer-reused",
    two_clients: "two-clients-one-identity",
}

#[test]
fn neither_the_number_of_workers_nor_the_time_makes_a_difference() {
    let loaded =
        load(Path::new("scenarios/pitfalls/send-buffer-reused.yaml")).unwrap_or_else(|error| panic!("{error}"));
    let loaded = Loaded { scenario: loaded.scenario.turned_on().expect("the knob fits"), ..loaded };
    let (one, three) = (shrunk(&loaded, 0, 1), shrunk(&loaded, 0, 3));
    assert_eq!((one.file(), one.runs), (three.file(), three.runs));
}

#[test]
fn a_seed_that_passes_has_nothing_to_shrink_and_a_budget_of_few_runs_is_said_to_be_used_up() {
    let loaded =
        load(Path::new("scenarios/pitfalls/send-buffer-reused.yaml")).unwrap_or_else(|error| panic!("{error}"));
    let few = Effort { jobs: NonZeroUsize::MIN, most_runs: 5 };
    let passes = shrink(&loaded, 0, few, &|| false, &mut |_| {}).expect_err("its knob is off").to_string();
    assert_eq!(passes, "seed 0 passes: there is nothing to shrink");
    let loaded = Loaded { scenario: loaded.scenario.turned_on().expect("the knob fits"), ..loaded };
    let shrunk = shrink(&loaded, 0, few, &|| false, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    assert!(shrunk.file().contains("# Stopped when all runs were used up"), "{}", shrunk.file());
    assert!(broken(&replayed(&plan(&shrunk.scenario, Path::new("x.yaml"), 0))).contains(&shrunk.cause.invariant));
}
