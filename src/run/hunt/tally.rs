//! What a hunt over one scenario has found so far: counts and minima only, so that neither the order of the seeds nor
//! who tried them makes a difference.
use super::bound::bound;
use super::queue::SeedQueue;
use super::trial::{Prey, Showing, Trial};
use crate::invariant::ALL;
use crate::report::{
    Coverage, ErrorSeed, Errors, FailureGroup, HuntedScenario, InvariantTally, Judgement, KeptTally, Phase, Shortest,
};
use std::cmp::Reverse;

/// Errors that are kept with their words; more are only counted.
const KEPT_ERRORS: usize = 20;

/// Counts one scenario's trials.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    hunted: HuntedScenario,
    /// Kept seeds, and whether each failed: whether they are part of the sample is known at the end.
    kept: Vec<(u64, bool)>,
}

impl Tally {
    /// Begins with nothing tried. `stale`: kept seeds that make other runs now.
    pub(super) fn new(prey: &Prey) -> Self {
        let scenario = &prey.loaded().scenario;
        let invariants = ALL.iter().map(|registration| InvariantTally {
            name: registration.name.to_owned(),
            exercised: 0,
            violated: 0,
            checked: 0,
            waived: scenario.invariants.get(registration.name).and_then(|rule| rule.waived.clone()),
        });
        let kinds = scenario.fault_kinds();
        let every = |phase| kinds.iter().map(move |fault| Coverage { phase, fault: fault.clone(), runs: 0 });
        let hunted = HuntedScenario {
            scenario: scenario.name.clone(),
            file: prey.loaded().file.display().to_string(),
            scenario_hash: scenario.hash(),
            turned_on: prey.is_turned_on(),
            verdict: Judgement::Passed,
            tried: 0,
            failed: 0,
            sample: 0,
            sample_failed: 0,
            kept: KeptTally::default(),
            run_twice: 0,
            groups: Vec::new(),
            errors: Errors::default(),
            bound: bound(0, 0),
            invariants: invariants.collect(),
            coverage: Phase::ALL.into_iter().flat_map(every).collect(),
            offered: 0,
            events: 0,
            virtual_micros: 0,
        };
        Self { hunted, kept: Vec::new() }
    }

    /// Counts one trial; `stale`: it was of a kept seed whose line is stale.
    pub(super) fn add(&mut self, trial: &Trial, stale: bool) {
        let Trial { turn, plan_hash, run_twice, showing } = trial;
        self.hunted.tried += 1;
        self.hunted.run_twice += u64::from(*run_twice);
        if turn.kept {
            self.hunted.kept.tried += 1;
            self.hunted.kept.stale.extend(stale.then_some(turn.seed));
        }
        let showing = match showing {
            Ok(showing) => showing,
            Err(error) => {
                let error = ErrorSeed { seed: turn.seed, error: error.clone() };
                return join_errors(&mut self.hunted.errors, Errors { count: 1, first: vec![error] });
            }
        };
        let failed = showing.failure.is_some();
        self.hunted.failed += u64::from(failed);
        if turn.kept {
            self.kept.push((turn.seed, failed));
            self.hunted.kept.failed.extend(failed.then_some(turn.seed));
        } else {
            self.hunted.sample += 1;
            self.hunted.sample_failed += u64::from(failed);
        }
        self.count(showing);
        if let Some(failure) = &showing.failure {
            let shortest = Shortest {
                seed: turn.seed,
                plan_hash: plan_hash.clone(),
                faults: failure.faults,
                at_seconds: failure.at_seconds,
                message: failure.message.clone(),
                replay: showing.replay.clone(),
            };
            join_group(
                &mut self.hunted.groups,
                FailureGroup { cause: failure.cause.clone(), count: 1, shortest, shrunk: None },
            );
        }
    }

    fn count(&mut self, showing: &Showing) {
        for (tally, (exercised, violated, checked)) in self.hunted.invariants.iter_mut().zip(&showing.invariants) {
            tally.exercised += u64::from(*exercised);
            tally.violated += u64::from(*violated);
            tally.checked += checked;
        }
        for (phase, fault) in &showing.met {
            let cell = self.hunted.coverage.iter_mut().find(|cell| cell.phase == *phase && cell.fault == *fault);
            cell.into_iter().for_each(|cell| cell.runs += 1);
        }
        self.hunted.offered += showing.offered;
        self.hunted.events += showing.events;
        self.hunted.virtual_micros += showing.virtual_micros;
    }

    /// How many seeds have failed so far.
    pub(super) fn failed(&self) -> u64 {
        self.hunted.failed
    }

    /// Sums up. The queue tells which kept seeds its walk has come past.
    pub(super) fn finish(mut self, queue: &SeedQueue) -> HuntedScenario {
        for (_, failed) in self.kept.iter().filter(|(seed, _)| queue.is_sampled(*seed)) {
            self.hunted.sample += 1;
            self.hunted.sample_failed += u64::from(*failed);
        }
        conclude(&mut self.hunted);
        self.hunted
    }
}

/// Adds another machine's counts for the same scenario.
pub(super) fn join(one: &mut HuntedScenario, other: HuntedScenario) {
    one.tried += other.tried;
    one.failed += other.failed;
    one.sample += other.sample;
    one.sample_failed += other.sample_failed;
    one.kept.tried += other.kept.tried;
    one.kept.failed.extend(other.kept.failed);
    one.kept.stale.extend(other.kept.stale);
    one.run_twice += other.run_twice;
    other.groups.into_iter().for_each(|group| join_group(&mut one.groups, group));
    join_errors(&mut one.errors, other.errors);
    for (tally, other) in one.invariants.iter_mut().zip(other.invariants) {
        tally.exercised += other.exercised;
        tally.violated += other.violated;
        tally.checked += other.checked;
    }
    for (cell, other) in one.coverage.iter_mut().zip(other.coverage) {
        cell.runs += other.runs;
    }
    one.offered += other.offered;
    one.events += other.events;
    one.virtual_micros += other.virtual_micros;
    conclude(one);
}

/// Brings what follows from the counts up to date.
fn conclude(hunted: &mut HuntedScenario) {
    let clean = hunted.failed == 0 && hunted.errors.count == 0;
    hunted.verdict = if clean { Judgement::Passed } else { Judgement::Failed };
    hunted.bound = bound(hunted.sample, hunted.sample_failed);
    hunted.groups.sort_by(|a, b| (Reverse(a.count), &a.cause).cmp(&(Reverse(b.count), &b.cause)));
    hunted.kept.failed.sort_unstable();
    hunted.kept.stale.sort_unstable();
}

fn join_group(groups: &mut Vec<FailureGroup>, other: FailureGroup) {
    let Some(group) = groups.iter_mut().find(|group| group.cause == other.cause) else {
        return groups.push(other);
    };
    group.count += other.count;
    let shorter = |a: &Shortest, b: &Shortest| {
        let by_time = || a.at_seconds.total_cmp(&b.at_seconds);
        a.faults.cmp(&b.faults).then_with(by_time).then(a.seed.cmp(&b.seed)).is_lt()
    };
    if shorter(&other.shortest, &group.shortest) {
        (group.shortest, group.shrunk) = (other.shortest, other.shrunk);
    }
}

fn join_errors(errors: &mut Errors, other: Errors) {
    errors.count += other.count;
    errors.first.extend(other.first);
    errors.first.sort();
    errors.first.truncate(KEPT_ERRORS);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::cause::Failure;
    use super::super::queue::Turn;
    use super::*;
    use crate::report::{Cause, SeedRange};
    use crate::scenario::parse;
    use proptest::prelude::*;
    use std::path::Path;

    fn prey() -> Prey {
        let text = include_str!("../../../scenarios/giant-lizard.yaml");
        Prey::new(parse(Path::new("giant-lizard.yaml"), text).expect("it is sound"))
    }

    fn range(from: u64, to: u64) -> SeedRange {
        SeedRange { from, to: Some(to), for_seconds: None }
    }

    /// A hunt that has not tried anything.
    pub(crate) fn nothing_found() -> HuntedScenario {
        Tally::new(&prey()).finish(&SeedQueue::new([], range(0, 0), None))
    }

    /// One failure of an invariant.
    pub(crate) fn group(invariant: &str, seed: u64, faults: u64) -> FailureGroup {
        let shortest = Shortest {
            seed,
            plan_hash: format!("{seed:016x}"),
            faults,
            at_seconds: 100.5,
            message: format!("xyz/telemetry #{seed} was given up"),
            replay: format!("lizard replay giant-lizard.yaml --seed {seed}"),
        };
        FailureGroup { cause: cause(invariant), count: 1, shortest, shrunk: None }
    }

    fn cause(invariant: &str) -> Cause {
        Cause { invariant: invariant.into(), what: "<producer> #N was given up".into(), after: Some("attack".into()) }
    }

    fn trial(seed: u64, kept: bool, failure: Option<(&str, u64, f64)>) -> Trial {
        let failure = failure.map(|(invariant, faults, at_seconds)| Failure {
            cause: cause(invariant),
            at_seconds,
            message: format!("xyz/telemetry #{seed} was given up"),
            faults,
        });
        let invariants = ALL.iter().enumerate().map(|(index, _)| (index % 2 == 0, false, seed));
        let showing = Showing {
            failure,
            replay: format!("lizard replay --seed {seed}"),
            invariants: invariants.collect(),
            met: [(Phase::BeforeFailover, "attack".to_owned())].into(),
            offered: 100,
            events: 1000,
            virtual_micros: 1,
        };
        let turn = Turn { seed, kept };
        Trial { turn, plan_hash: format!("{seed:016x}"), run_twice: seed.is_multiple_of(20), showing: Ok(showing) }
    }

    fn erring(seed: u64) -> Trial {
        Trial { showing: Err("determinism is broken".into()), run_twice: false, ..trial(seed, false, None) }
    }

    fn told(trials: &[Trial], to: u64) -> HuntedScenario {
        let kept = trials.iter().filter(|trial| trial.turn.kept).map(|trial| trial.turn.seed);
        let mut queue = SeedQueue::new(kept, range(0, to), None);
        while queue.next().is_some() {}
        let mut tally = Tally::new(&prey());
        trials.iter().for_each(|trial| tally.add(trial, false));
        tally.finish(&queue)
    }

    #[test]
    fn of_each_cause_the_fewest_faults_are_kept_then_the_earliest_then_the_least_seed() {
        let hunted = told(
            &[
                trial(0, false, Some(("no-loss", 2, 50.0))),
                trial(1, false, Some(("no-loss", 1, 90.0))),
                trial(2, false, Some(("no-loss", 1, 80.0))),
                trial(3, false, Some(("no-loss", 1, 80.0))),
                trial(4, false, Some(("order", 9, 10.0))),
                trial(5, false, None),
            ],
            6,
        );
        let told: Vec<_> = hunted.groups.iter().map(|g| (&*g.cause.invariant, g.count, g.shortest.seed)).collect();
        assert_eq!(told, [("no-loss", 4, 2), ("order", 1, 4)]);
        assert_eq!((hunted.tried, hunted.failed, hunted.verdict), (6, 5, Judgement::Failed));
    }

    #[test]
    fn a_kept_seed_from_outside_the_range_says_nothing_about_how_often_seeds_fail() {
        let hunted = told(
            &[
                trial(99, true, Some(("no-loss", 1, 1.0))),
                trial(3, true, Some(("no-loss", 1, 1.0))),
                trial(0, false, None),
            ],
            4,
        );
        assert_eq!((hunted.failed, hunted.sample, hunted.sample_failed), (2, 2, 1));
        assert_eq!((hunted.kept.tried, hunted.kept.failed), (2, vec![3, 99]));
        assert_eq!(hunted.bound, bound(2, 1));
    }

    #[test]
    fn a_run_that_ended_in_an_error_fails_the_hunt_and_is_no_sample() {
        let hunted = told(&[trial(0, false, None), erring(1)], 2);
        assert_eq!((hunted.verdict, hunted.failed, hunted.sample), (Judgement::Failed, 0, 1));
        assert_eq!((hunted.errors.count, hunted.errors.first[0].seed), (1, 1));
    }

    #[test]
    fn every_kind_of_fault_has_a_cell_in_every_phase_and_those_not_met_stay_at_zero() {
        let hunted = told(&[trial(0, false, None), trial(1, false, None)], 2);
        let attack: Vec<u64> = hunted.coverage.iter().filter(|c| c.fault == "attack").map(|c| c.runs).collect();
        assert_eq!(attack, [2, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn neither_order_nor_sharing_changes_the_result(
            fates in proptest::collection::vec((0u8..8, 0u64..4, 0u32..5), 1..60), of in 1usize..5,
        ) {
            let trials: Vec<Trial> = fates.iter().enumerate().map(|(seed, (fate, faults, at))| match fate {
                0 => erring(seed as u64),
                1 => trial(seed as u64, false, Some(("no-loss", *faults, f64::from(*at)))),
                2 => trial(seed as u64, false, Some(("order", *faults, f64::from(*at)))),
                _ => trial(seed as u64, false, None),
            }).collect();
            let to = trials.len() as u64;
            let whole = told(&trials, to);
            let backwards: Vec<Trial> = trials.iter().rev().cloned().collect();
            prop_assert_eq!(&told(&backwards, to), &whole);
            let mut shards = (0..of).map(|index| {
                let mine: Vec<Trial> = trials.iter().skip(index).step_by(of).cloned().collect();
                told(&mine, to)
            });
            let mut joined = shards.next().expect("one at least");
            shards.for_each(|shard| join(&mut joined, shard));
            prop_assert_eq!(joined, whole);
        }
    }
}
