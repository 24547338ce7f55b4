//! Every scenario with every seed, as one test each: `giant-lizard::seed_3`; pitfalls three ways:
//! `pitfalls/device-never-returns-to-dps::seed_3::treatment`.
//!
//! `LIZARD_SEEDS=0..1000 cargo test --release --test scenarios` widens the default of eight seeds (one without
//! `--release`), and one for a fleet (none).
//!
//! Seeds that a hunt has kept in `NAME.seeds` beside the scenario come first: `giant-lizard::kept_seed_17`.
//!
//! In the end it prints which pitfall was caught by which invariant, and on how many seeds. An invariant that no pitfall
//! violates fails the run: nothing shows that it can be violated at all.
use giant_lizard::allocator::Mimalloc;
use giant_lizard::report::{Palette, Report, render};
use giant_lizard::run::hunt::{Kept, Prey, SeedBook};
use giant_lizard::run::pitfall::{Finding, Matrix, Way, judge, may_escape};
use giant_lizard::run::{Mode, run};
use giant_lizard::scenario::{Loaded, Plan, load};
use libtest_mimic::{Arguments, Failed, Trial};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// As the binary's.
#[global_allocator]
static ALLOCATOR: Mimalloc = Mimalloc;

const FOLDER: &str = "scenarios";
/// A build that is not optimised takes as long for one as another for eight.
const SEEDS: Range<u64> = if cfg!(debug_assertions) { 0..1 } else { 0..8 };
/// A fleet of a thousand takes as long as a hundred devices ten times over: unless more are asked for, one seed is enough,
/// and none in a build that is not optimised.
const OF_A_FLEET: Range<u64> = if cfg!(debug_assertions) { 0..0 } else { 0..1 };
const A_FEW_HOSTS: usize = 100;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let matrix = Arc::new(Mutex::new(Matrix::default()));
    match trials(&matrix) {
        Ok(trials) => {
            let listing = arguments.list;
            let conclusion = libtest_mimic::run(&arguments, trials);
            if !listing {
                print!("{}", lock(&matrix));
            }
            conclusion.exit_code()
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn trials(matrix: &Arc<Mutex<Matrix>>) -> Result<Vec<Trial>, String> {
    let asked = std::env::var("LIZARD_SEEDS").ok().map(|text| seeds(&text)).transpose()?;
    let mut trials = Vec::new();
    for file in files(Path::new(FOLDER))? {
        let name = file.strip_prefix(FOLDER).unwrap_or(&file).with_extension("").display().to_string();
        let loaded = Arc::new(load(&file).map_err(|error| error.to_string())?);
        let few = if loaded.plan(0).hosts.len() > A_FEW_HOSTS { OF_A_FLEET } else { SEEDS };
        let seeds = asked.clone().unwrap_or(few);
        trials.extend(kept(&name, &file, &loaded)?);
        if loaded.scenario.pitfall.is_some() {
            trials.extend(three_ways(&name, &loaded, seeds.clone(), matrix));
        } else {
            trials.extend(seeds.clone().map(|seed| {
                let loaded = loaded.clone();
                Trial::test(format!("{name}::seed_{seed}"), move || passes(&loaded.plan(seed)))
            }));
        }
    }
    let full = matrix.clone();
    trials.push(Trial::test("every_invariant_has_a_pitfall", move || is_full(&lock(&full))));
    Ok(trials)
}

fn lock(matrix: &Mutex<Matrix>) -> MutexGuard<'_, Matrix> {
    matrix.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_full(matrix: &Matrix) -> Result<(), Failed> {
    match matrix.unproven()[..] {
        [] => Ok(()),
        ref unproven => {
            Err(format!("no pitfall violates {}: nothing shows that it can fail", unproven.join(", ")).into())
        }
    }
}

/// The seeds that failed before: with the knobs of a pitfall as they were then.
fn kept(name: &str, file: &Path, loaded: &Arc<Loaded>) -> Result<Vec<Trial>, String> {
    let file = SeedBook::beside(file);
    if !file.exists() {
        return Ok(Vec::new());
    }
    let place = file.display().to_string();
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{place}: {error}"))?;
    let book = SeedBook::parse(&text).map_err(|error| format!("{place}: {error}"))?;
    let trial = |line: Kept| {
        let (loaded, place) = (loaded.clone(), place.clone());
        let knobs = if line.turned_on { "::turned_on" } else { "" };
        Trial::test(format!("{name}::kept_seed_{}{knobs}", line.seed), move || holds(&loaded, &line, &place))
    };
    Ok(book.lines.into_iter().map(trial).collect())
}

fn holds(loaded: &Loaded, line: &Kept, place: &str) -> Result<(), Failed> {
    let prey = Prey::new(loaded.clone());
    let prey = if line.turned_on { prey.turned_on()?.ok_or("not a pitfall")? } else { prey };
    if line.is_stale(&prey) {
        eprintln!("{place}: seed {} is stale: it is another run than the one that was kept", line.seed);
    }
    let pitfall = loaded.scenario.pitfall.as_ref().filter(|_| line.turned_on);
    let report = run(&prey.plan(line.seed), Mode::ToTheEnd)?.report;
    match pitfall.map(|pitfall| judge(pitfall, Way::Treatment, &report)) {
        // A pitfall's own failure is what its knobs are for.
        Some(Finding::AsItShould) => Ok(()),
        Some(_) => Err(told(&report).into()),
        None if report.passed() => Ok(()),
        None => Err(told(&report).into()),
    }
}

fn three_ways(name: &str, loaded: &Arc<Loaded>, seeds: Range<u64>, matrix: &Arc<Mutex<Matrix>>) -> Vec<Trial> {
    let escapes = Arc::new(Escapes { so_far: AtomicU64::new(0), allowed: may_escape(seeds.end - seeds.start) });
    let Some(pitfall) = &loaded.scenario.pitfall else { return Vec::new() };
    lock(matrix).enter(name, &pitfall.violates);
    let ways = Way::of(pitfall);
    let each = |seed: u64| ways.iter().map(move |way| (seed, *way));
    seeds
        .flat_map(each)
        .map(|(seed, way)| {
            let (loaded, escapes, matrix, pitfall) = (loaded.clone(), escapes.clone(), matrix.clone(), name.to_owned());
            Trial::test(format!("{name}::seed_{seed}::{way}"), move || {
                shows(&loaded, way, seed, &escapes, |report| lock(&matrix).caught(&pitfall, report))
            })
        })
        .collect()
}

/// How many seeds of a pitfall did their harm unseen. A few of a hundred may.
struct Escapes {
    so_far: AtomicU64,
    allowed: u64,
}

fn passes(plan: &Plan) -> Result<(), Failed> {
    let report = run(plan, Mode::ToTheEnd)?.report;
    if report.passed() { Ok(()) } else { Err(told(&report).into()) }
}

fn shows(loaded: &Loaded, way: Way, seed: u64, escapes: &Escapes, caught: impl FnOnce(&Report)) -> Result<(), Failed> {
    let pitfall = loaded.scenario.pitfall.as_ref().ok_or("not a pitfall")?;
    let report = run(&way.plan(loaded, seed)?, Mode::ToTheEnd)?.report;
    if way == Way::Treatment {
        caught(&report);
    }
    match judge(pitfall, way, &report) {
        Finding::AsItShould => Ok(()),
        Finding::Wrong(why) => Err(format!("{way}: {why}\n\n{}", told(&report)).into()),
        Finding::Escaped => {
            let escaped = escapes.so_far.fetch_add(1, Ordering::Relaxed) + 1;
            if escaped <= escapes.allowed {
                return Ok(());
            }
            let why = format!("{escaped} seeds escaped {}, {} may", pitfall.violates.to_owned(), escapes.allowed);
            Err(format!("{why}\n\n{}", told(&report)).into())
        }
    }
}

fn told(report: &Report) -> String {
    render(report, Palette::plain())
}

/// Reads `A..B`, or one number for that seed alone.
fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = |_| format!("LIZARD_SEEDS={text} is not a range such as 0..1000");
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (from.parse().map_err(wrong)?, to.parse().map_err(wrong)?),
        None => text.parse().map(|seed: u64| (seed, seed + 1)).map_err(wrong)?,
    };
    if from < to { Ok(from..to) } else { Err(format!("LIZARD_SEEDS={text} has no seed in it")) }
}

/// Every `.yaml` below a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        // What a hunt has shrunk fails with its own seed only.
        if entry.extension().is_some_and(|extension| extension == "shrunk") {
            continue;
        } else if entry.is_dir() {
            found.extend(files(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "yaml") {
            found.push(entry);
        }
    }
    Ok(found)
}
