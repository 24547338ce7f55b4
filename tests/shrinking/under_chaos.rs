//! The whole way for the knob of each pitfall that needs a fault: nobody wrote down what goes wrong, chaos draws it; a hunt
//! finds a seed, and what it is shrunk to is small, fails each time, and passes without any of its lines.
//!
//! `cargo test --release --test shrinking -- --ignored --nocapture` goes it for every such pitfall, and prints a table.
use crate::{broken, files, replayed};
use giant_lizard::report::{Report, SeedRange};
use giant_lizard::run::hunt::{Hunt, Prey, SeedBook};
use giant_lizard::run::shrink::{Effort, MOST_RUNS, Shrunk, shrink};
use giant_lizard::scenario::{Loaded, Pitfall, Scenario, load, parse, plan, verbs};
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How many seeds are tried before somebody looks whether one failed.
const AT_ONCE: u64 = 8;
/// How many are tried at all.
const MOST_SEEDS: u64 = 200;
/// How long a shrinking may take in a release build, in seconds.
const LONGEST: f64 = 60.0;

/// What stays inside the envelope of chaos cannot show these: a clock that is wrong by more than a token's life, outages that
/// are long enough for a device to be moved, and missed. Their own faults stay, and chaos comes on top.
const BEYOND_CHAOS: [&str; 2] = ["bad-credentials-end-it-for-good", "device-never-returns-to-dps"];

fn name_of(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A pitfall that needs a fault.
fn pitfall(file: &Path) -> Option<(Loaded, Pitfall)> {
    let loaded = load(file).unwrap_or_else(|error| panic!("{error}"));
    let pitfall = loaded.scenario.pitfall.clone().filter(|pitfall| pitfall.needs_fault)?;
    Some((loaded, pitfall))
}

/// A pitfall's cast and what its operator asks for, with its knobs on; in place of its faults those of its system's chaos.
fn under_chaos(loaded: &Loaded, keeps_its_faults: bool) -> Loaded {
    let mut scenario = loaded.scenario.turned_on().expect("the knob fits");
    let system =
        if scenario.systems.streams.is_some() { "scenarios/all-three-modes.yaml" } else { "scenarios/chaos.yaml" };
    let system = load(Path::new(system)).unwrap_or_else(|error| panic!("{error}")).scenario;
    if !keeps_its_faults {
        let asked_for = verbs();
        scenario.timeline.retain(|item| asked_for.iter().any(|verb| verb.word == item.verb()));
    }
    (scenario.chaos, scenario.expect, scenario.pitfall) = (system.chaos, Vec::new(), None);
    Loaded { scenario, ..loaded.clone() }
}

/// The shortest seed of the first few among which one violates what the knob is about, and the invariant: if there is none,
/// of the first that violates what the knob breaks beside it, which may always be certain sooner.
fn found(loaded: &Loaded, pitfall: &Pitfall, jobs: NonZeroUsize) -> Option<(u64, String)> {
    let prey = Prey::new(loaded.clone());
    let book = SeedBook::default();
    let mut beside = None;
    let first = (0..MOST_SEEDS).step_by(AT_ONCE as usize).find_map(|from| {
        let asked = SeedRange { from, to: Some(from + AT_ONCE), for_seconds: None };
        let hunt = Hunt { prey: &prey, asked, shard: None, book: &book, jobs, fingerprints: false };
        let groups = hunt.run(|| false, || |_: &mut Report| (), |_, _, _| ()).scenario.groups;
        let of = |invariants: &[String]| {
            let group = groups.iter().find(|group| invariants.contains(&group.cause.invariant))?;
            Some((group.shortest.seed, group.cause.invariant.clone()))
        };
        beside = beside.take().or_else(|| of(&pitfall.also.iter().map(ToString::to_string).collect::<Vec<_>>()));
        of(&[pitfall.violates.to_string()])
    });
    first.or(beside)
}

/// How far it was from a knob to its cause.
struct Way {
    pitfall: String,
    seed: u64,
    lines_before: usize,
    runs: u64,
    faults: usize,
    clients: usize,
    seconds: f64,
    sentence: String,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pitfall, seed, lines_before, runs, faults, clients, seconds, sentence } = self;
        write!(f, "| {pitfall} | {seed} | {lines_before} | {runs} | {faults} | {clients} | {seconds:.1} | {sentence} |")
    }
}

/// Goes the whole way. An error says what is not as it should be.
fn way(file: &Path, jobs: NonZeroUsize) -> Result<Way, String> {
    let (original, pitfall) = pitfall(file).expect("it needs a fault");
    let mut name = name_of(file);
    let mut loaded = under_chaos(&original, false);
    let mut catch = found(&loaded, &pitfall, jobs);
    if catch.is_none() && BEYOND_CHAOS.contains(&name.as_str()) {
        name += " (and its own faults)";
        loaded = under_chaos(&original, true);
        catch = found(&loaded, &pitfall, jobs);
    }
    let (seed, invariant) = catch.ok_or_else(|| format!("{name}: no seed of {MOST_SEEDS} shows it"))?;
    #[expect(clippy::disallowed_methods, reason = "how long it takes is a promise")]
    let began = Instant::now();
    let effort = Effort { jobs, most_runs: MOST_RUNS };
    let shrunk = shrink(&loaded, seed, effort, &|| false, &mut |_| {}).map_err(|error| format!("{name}: {error}"))?;
    let seconds = began.elapsed().as_secs_f64();
    let text = shrunk.file();
    let small = parse(Path::new("shrunk.yaml"), &text).unwrap_or_else(|mistakes| panic!("{mistakes}")).scenario;
    let planned = plan(&small, Path::new("shrunk.yaml"), seed);
    let way = Way {
        pitfall: name,
        seed,
        lines_before: shrunk.lines_before,
        runs: shrunk.runs,
        faults: planned.faults.len(),
        clients: planned.roster.clients.len(),
        seconds,
        sentence: shrunk.sentence(),
    };
    let wrong = what_is_wrong(&way, &small, &shrunk, &pitfall, &invariant);
    if wrong.is_empty() { Ok(way) } else { Err(format!("{way}\n{}\n{text}", wrong.join("\n"))) }
}

fn what_is_wrong(way: &Way, small: &Scenario, shrunk: &Shrunk, pitfall: &Pitfall, invariant: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| wrong.extend((!holds).then_some(what));
    must(shrunk.stopped.is_none(), format!("it was stopped after {} runs", shrunk.runs));
    must(way.faults <= 3, format!("{} faults", way.faults));
    must(way.clients <= 2, format!("{} clients", way.clients));
    must(way.seconds < LONGEST || cfg!(debug_assertions), format!("it took {:.0} s", way.seconds));
    let text = shrunk.file();
    let is_there = |knob: &String| text.contains(&format!("{knob}: "));
    must(pitfall.turn_on.0.values().flat_map(|knobs| knobs.keys()).any(is_there), "its knob is gone".to_owned());

    let run = |scenario: &Scenario| replayed(&plan(scenario, Path::new("shrunk.yaml"), way.seed));
    let first = run(small);
    must(first.passed(), "it does not show what it expects".to_owned());
    must(broken(&first).iter().any(|name| name == invariant), format!("{invariant} holds"));
    for _ in 1..10 {
        let again = run(small);
        must(again.fingerprint == first.fingerprint, "another replay is another run".to_owned());
        must(broken(&again) == broken(&first), "another replay fails otherwise".to_owned());
    }
    for index in 0..small.timeline.len() {
        let mut without = small.clone();
        without.timeline.remove(index);
        let broken = broken(&run(&without));
        must(broken.is_empty(), format!("without line {index} it fails still: {}", broken.join(", ")));
    }
    wrong
}

/// In a development build, with other tests beside: a few of both systems.
macro_rules! pitfalls {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            let file = PathBuf::from(format!("scenarios/pitfalls/{}.yaml", $name));
            way(&file, NonZeroUsize::MIN).unwrap_or_else(|wrong| panic!("{wrong}"));
        })*
    };
}

pitfalls! {
    confirms_early: "hub-confirms-before-it-stores",
    answers_early: "broker-answers-before-it-stores",
    locked_out: "locked-out-by-its-own-past",
    buffer_reused: "send-buffer-reused",
}

#[test]
#[ignore = "takes minutes, and the times it promises are those of a release build"]
fn every_pitfall_that_needs_a_fault_is_found_under_chaos_and_shrunk_to_what_matters() {
    let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    println!(
        "| pitfall | seed | lines before | runs | faults | clients | seconds | what it needs |\n|---|---|---|---|---|---|---|---|"
    );
    let mut wrong = Vec::new();
    // `LIZARD_PITFALL=dps` for those whose names contain it.
    let only = std::env::var("LIZARD_PITFALL").unwrap_or_default();
    let is_asked_for = |file: &Path| file.display().to_string().contains(&only);
    let mut files = files("scenarios/pitfalls");
    files.retain(|file| is_asked_for(file) && pitfall(file).is_some());
    assert!(!files.is_empty(), "no pitfall of that name needs a fault");
    for file in &files {
        match way(file, jobs) {
            Ok(way) => println!("{way}"),
            Err(why) => {
                println!("WRONG {why}");
                wrong.push(why);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
