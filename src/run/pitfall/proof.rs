//! Many pitfalls, each three ways on many seeds: the proof that the invariants catch what they are for.
use super::{Finding, Matrix, Way, judge, may_escape};
use crate::report::Report;
use crate::run::hunt::crew;
use crate::run::{Mode, RunError, run};
use crate::scenario::Loaded;
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

    fn note(&mut self, shown: Shown, report: Option<&Report>) {
        self.runs += 1;
        if let Some(report) = report.filter(|_| shown.way == Way::Treatment) {
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

/// Runs every pitfall three ways on every seed, `jobs` worlds at a time. `go_on`: asked before each run; `tell`: hears how many
/// runs are done. A file without a `pitfall:` section is left out.
pub fn prove(
    claims: &[Claim],
    seeds: Range<u64>,
    jobs: NonZeroUsize,
    go_on: impl Fn() -> bool + Sync,
    mut tell: impl FnMut(&Proof),
) -> Proof {
    let mut proof = Proof::default();
    for Claim { name, loaded } in claims {
        if let Some(pitfall) = &loaded.scenario.pitfall {
            proof.matrix.enter(name, &pitfall.violates);
        }
    }
    let mut todo = claims.iter().flat_map(|claim| {
        let ways = claim.loaded.scenario.pitfall.as_ref().map_or(&[][..], Way::of);
        seeds.clone().flat_map(move |seed| ways.iter().map(move |way| (claim, seed, *way)))
    });
    let next = || if go_on() { todo.next() } else { None };
    crew::work(
        jobs,
        next,
        |(claim, seed, way)| try_one(claim, seed, way),
        |(shown, report)| {
            proof.note(shown, report.as_ref());
            tell(&proof);
        },
    );
    proof.count_escapes(claims, seeds.end - seeds.start);
    proof
}

fn try_one(Claim { name, loaded }: &Claim, seed: u64, way: Way) -> (Shown, Option<Report>) {
    let shown = |finding| Shown { pitfall: name.clone(), seed, way, finding };
    let Some(pitfall) = &loaded.scenario.pitfall else { return (shown(Finding::AsItShould), None) };
    let ran = way.plan(loaded, seed).map_err(|error| error.to_string());
    let ran = ran.and_then(|plan| run(&plan, Mode::ToTheEnd).map_err(|error: RunError| error.to_string()));
    match ran {
        Ok(outcome) => (shown(judge(pitfall, way, &outcome.report)), Some(outcome.report)),
        Err(why) => (shown(Finding::Wrong(why)), None),
    }
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
        let prove = |jobs| prove(&[claim()], 0..2, NonZeroUsize::new(jobs).expect("some"), || true, |_| {});
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
        let proof = prove(&[claim], 0..2, NonZeroUsize::MIN, || true, |_| {});
        assert!(!proof.holds());
        assert_eq!(proof.leaky, [("stores".to_owned(), 2)]);
    }
}
