//! Many pitfalls, each three ways on many seeds: the proof that the invariants catch what they are for.
use super::{Finding, Matrix, Way, judge, may_escape};
use crate::report::Report;
use crate::run::hunt::crew;
use crate::run::{Mode, RunError, run};
use crate::scenario::{Loaded, Pitfall};
use std::num::NonZeroUsize;
use std::ops::Range;

/// What is to be proven: a pitfall file, by its name in the matrix.
#[derive(Debug)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// The file, which has a `pitfall:` section.
    pub loaded: Loaded,
}

/// What one run showed that it should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The pitfall's name.
    pub pitfall: String,
    /// The seed.
    pub seed: u64,
    /// Which of its runs.
    pub way: Way,
    /// Why that is wrong, or that the flaw escaped.
    pub finding: Finding,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Proof {
    /// Which pitfall was caught by which invariant.
    pub matrix: Matrix,
    /// How many runs it took.
    pub runs: u64,
    /// What was not as it should be, by pitfall, seed and way. A few seeds may escape.
    pub doubts: Vec<Shown>,
    /// Pitfalls of which more seeds escaped than may, with how many did.
    pub leaky: Vec<(String, u64)>,
}

impl Proof {
    /// Whether every pitfall was caught as it should be.
    pub fn holds(&self) -> bool {
        self.leaky.is_empty() && self.doubts.iter().all(|shown| shown.finding == Finding::Escaped)
    }

    fn note(&mut self, shown: Shown, report: &Report) {
        self.runs += 1;
        if shown.way == Way::Treatment {
            self.matrix.caught(&shown.pitfall, report);
        }
        if shown.finding != Finding::AsItShould {
            self.doubts.push(shown);
        }
    }

    fn count_escapes(&mut self, claims: &[Claim], seeds: u64) {
        for Claim { name, .. } in claims {
            let escaped =
                self.doubts.iter().filter(|shown| shown.pitfall == *name && shown.finding == Finding::Escaped);
            let escaped = escaped.count() as u64;
            if escaped > may_escape(seeds) {
                self.leaky.push((name.clone(), escaped));
            }
        }
    }
}

/// Why nothing is proven: a run that could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The run itself: built-in software panicked, or a seed had two histories.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A knob does not fit its part: loading has refused such a file.
    #[error(transparent)]
    Knob(#[from] serde_json::Error),
}

/// Runs every pitfall three ways on every seed, `jobs` worlds at a time. `go_on`: asked before each run; `tell`: hears after
/// each run what has come of them so far. A file without a `pitfall:` section is left out.
///
/// # Errors
/// The first run that could not be judged, in the order of files, seeds and ways.
pub fn prove(
    claims: &[Claim],
    seeds: Range<u64>,
    jobs: NonZeroUsize,
    go_on: impl Fn() -> bool + Sync,
    mut tell: impl FnMut(&Proof),
) -> Result<Proof, ProveError> {
    let mut proof = Proof::default();
    let mut failed = None;
    for Claim { name, loaded } in claims {
        if let Some(pitfall) = &loaded.scenario.pitfall {
            proof.matrix.enter(name, &pitfall.violates);
        }
    }
    let pitfalls = claims.iter().filter_map(|claim| Some((claim, claim.loaded.scenario.pitfall.as_ref()?)));
    let mut todo = pitfalls.flat_map(|(claim, pitfall)| {
        let ways = Way::of(pitfall).iter();
        seeds.clone().flat_map(move |seed| ways.clone().map(move |way| ((claim, pitfall), seed, *way)))
    });
    let next = || if go_on() { todo.next() } else { None };
    crew::work(
        jobs,
        next,
        |(what, seed, way)| try_one(what, seed, way),
        |tried| match tried {
            Ok((shown, report)) => {
                proof.note(shown, &report);
                tell(&proof);
            }
            Err(error) => failed = failed.take().or(Some(error)),
        },
    );
    proof.count_escapes(claims, seeds.end - seeds.start);
    failed.map_or(Ok(proof), Err)
}

fn try_one((claim, pitfall): (&Claim, &Pitfall), seed: u64, way: Way) -> Result<(Shown, Report), ProveError> {
    let report = run(&way.plan(&claim.loaded, seed)?, Mode::ToTheEnd)?.report;
    let finding = judge(pitfall, way, &report);
    Ok((Shown { pitfall: claim.name.clone(), seed, way, finding }, report))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;
    use std::path::Path;

    fn claim() -> Claim {
        let file = Path::new("scenarios/pitfalls/hub-confirms-before-it-stores.yaml");
        Claim { name: "stores".into(), loaded: load(file).expect("it is ours") }
    }

    #[test]
    fn a_pitfall_is_proven_three_ways_whatever_the_number_of_workers() {
        let jobs = |jobs| NonZeroUsize::new(jobs).expect("some");
        let prove = |workers| prove(&[claim()], 0..2, jobs(workers), || true, |_| {}).expect("they can be judged");
        let (one, three) = (prove(1), prove(3));
        assert!(one.holds(), "{:?}", one.doubts);
        assert_eq!(one.runs, 6);
        assert_eq!(one.matrix.to_string(), three.matrix.to_string());
        assert!(one.matrix.to_string().contains("stores, 2 seeds"), "{}", one.matrix);
    }

    #[test]
    fn a_flaw_that_is_not_there_escapes_and_one_seed_is_too_many_of_two() {
        let mut claim = claim();
        let pitfall = claim.loaded.scenario.pitfall.as_mut().expect("a pitfall");
        pitfall.turn_on = Default::default();
        let proof = prove(&[claim], 0..2, NonZeroUsize::MIN, || true, |_| {}).expect("they can be judged");
        assert!(!proof.holds());
        assert_eq!(proof.leaky, [("stores".to_owned(), 2)]);
    }
}
