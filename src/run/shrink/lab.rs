//! Where drafts are tried: many at one time, and yet always the same one is chosen, however many.
use super::draft::Draft;
use super::{Effort, Stopped};
use crate::report::Cause;
use crate::run::hunt::cause::{Failure, failure, failure_like};
use crate::run::hunt::crew;
use crate::run::{Mode, Prints, Watch, survey};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use xxhash_rust::xxh3::xxh3_64;

/// What a draft did.
#[derive(Clone, Debug)]
pub(super) enum Showing {
    Passed,
    Failed(Failure),
    /// It fails so without any fault, too: where a fault was needed in the beginning, that is another story.
    FailsCalm,
    /// It could not be judged: Giant Lizard's own failure, and no reason to prefer it.
    Broken,
}

/// How much two failures must have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alike {
    /// The invariant, what broke, and the kind of the fault before it.
    Wholly,
    /// The invariant and what broke: the fault that happened to come last may have played no part.
    ButForTheFaultBefore,
}

impl Alike {
    pub(super) fn holds(self, one: &Cause, other: &Cause) -> bool {
        one.invariant == other.invariant
            && timeless(&one.what) == timeless(&other.what)
            && (self == Self::ButForTheFaultBefore || one.after == other.after)
    }
}

/// Takes lengths of time out of a sentence that has no numbers any more: `NmNs` and `Ns` are both `N`. That there is none of
/// what is numbered says as much as its number.
fn timeless(what: &str) -> String {
    let is_time = |word: &str| word.starts_with('N') && word.bytes().all(|byte| b"Nhmsnu.d".contains(&byte));
    let words = what.split(' ').map(|word| {
        let bare = word.trim_end_matches([',', '.', ';', ')']);
        match bare {
            "#N" | "none" => format!("#{}", &word[bare.len()..]),
            bare if is_time(bare) => format!("N{}", &word[bare.len()..]),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How a draft is run, and what is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bench<'a> {
    pub(super) seed: u64,
    /// How the first run failed.
    pub(super) cause: &'a Cause,
    /// What has a longer history than this is not simpler, however short its file: clients that are refused try again as
    /// fast as the network lets them, and without a latency that is without an end.
    pub(super) most_entries: u64,
}

/// Tries drafts with one seed.
pub(super) struct Lab<'a> {
    pub(super) bench: Bench<'a>,
    pub(super) effort: Effort,
    pub(super) is_over: &'a (dyn Fn() -> bool + Sync),
    /// The failure needs a fault, and goes on to need one.
    pub(super) needs_fault: bool,
    pub(super) runs: u64,
    pub(super) stopped: Option<Stopped>,
    /// What has been tried already, by the hash of its text.
    pub(super) known: BTreeMap<u64, Showing>,
}

/// One draft on its way through the workers.
struct Tried {
    draft: Draft,
    key: u64,
    /// `None`: it is no sound file, and was not run.
    showing: Option<Showing>,
    /// How many runs that took.
    runs: u64,
}

impl Lab<'_> {
    /// Finds the first draft, in the order in which they are given, that fails in a way that is wanted.
    ///
    /// Those after it may be run on other cores meanwhile; they are neither counted nor remembered.
    pub(super) fn first(
        &mut self,
        mut drafts: impl Iterator<Item = Draft> + Send,
        wanted: impl Fn(&Cause) -> bool + Sync,
    ) -> Option<(usize, Draft, Failure)> {
        let (bench, is_over, known, needs_fault) = (self.bench, self.is_over, &self.known, self.needs_fault);
        let out_of_time = AtomicBool::new(false);
        let decided = AtomicBool::new(self.stopped.is_some());
        let next = || {
            if decided.load(Ordering::SeqCst) {
                return None;
            }
            if is_over() {
                out_of_time.store(true, Ordering::SeqCst);
                return None;
            }
            drafts.next()
        };
        let try_out = |draft: Draft| {
            let key = xxh3_64(draft.text().as_bytes());
            let mut runs = 1;
            let showing = known.get(&key).cloned().or_else(|| bench.show(&draft));
            let showing = match showing {
                Some(Showing::Failed(failure)) if needs_fault && wanted(&failure.cause) => {
                    runs += 1;
                    let calm = bench.fails_calm(&draft);
                    Some(if calm { Showing::FailsCalm } else { Showing::Failed(failure) })
                }
                other => other,
            };
            Tried { draft, key, showing, runs }
        };
        let (mut found, mut fresh, mut index) = (None, BTreeMap::new(), 0);
        let (mut runs, mut stopped) = (self.runs, None);
        crew::work(self.effort.jobs, next, try_out, |Tried { draft, key, showing, runs: took }| {
            let here = index;
            index += 1;
            if found.is_some() || stopped.is_some() {
                return;
            }
            let Some(showing) = showing else { return };
            if !known.contains_key(&key) && !fresh.contains_key(&key) {
                if runs >= self.effort.most_runs {
                    stopped = Some(Stopped::MostRuns);
                    return decided.store(true, Ordering::SeqCst);
                }
                runs += took;
                fresh.insert(key, showing.clone());
            }
            if let Showing::Failed(failure) = showing
                && wanted(&failure.cause)
            {
                found = Some((here, draft, failure));
                decided.store(true, Ordering::SeqCst);
            }
        });
        if found.is_none() && out_of_time.load(Ordering::SeqCst) {
            stopped = stopped.or(Some(Stopped::OutOfTime));
        }
        self.runs = runs;
        self.stopped = self.stopped.or(stopped);
        self.known.extend(fresh);
        found
    }
}

impl Bench<'_> {
    /// Runs a draft to its first violation, and where that is another one of the invariant that is looked at, to the end: one
    /// flaw may break an invariant in several ways, and a smaller scenario may show another one first. `None`: it is no
    /// sound file.
    pub(super) fn show(self, draft: &Draft) -> Option<Showing> {
        let plan = draft.loaded().ok()?.plan(self.seed);
        let report = |mode| {
            let watch = Watch { most_entries: Some(self.most_entries), ..Watch::default() };
            survey(&plan, mode, watch, Prints::None).map(|outcome| outcome.report)
        };
        let alike = |other: &Cause| Alike::ButForTheFaultBefore.holds(other, self.cause);
        let Ok(first) = report(Mode::FirstViolation) else { return Some(Showing::Broken) };
        let Some(failure) = failure(&plan, &first) else { return Some(Showing::Passed) };
        if alike(&failure.cause) || failure.cause.invariant != self.cause.invariant {
            return Some(Showing::Failed(failure));
        }
        let later = report(Mode::ToTheEnd).ok().and_then(|whole| failure_like(&plan, &whole, alike));
        Some(Showing::Failed(later.unwrap_or(failure)))
    }

    /// Whether a draft fails in this way without any of its faults. What an operator asks for stays.
    pub(super) fn fails_calm(self, draft: &Draft) -> bool {
        let calm = self.show(&draft.calm());
        matches!(calm, Some(Showing::Failed(other)) if Alike::ButForTheFaultBefore.holds(&other.cause, self.cause))
    }
}

#[cfg(test)]
mod tests {
    use super::super::materialise;
    use super::*;
    use crate::scenario::{Scenario, parse};
    use std::path::Path;

    #[test]
    fn times_and_the_fault_before_need_not_be_the_same() {
        let cause =
            |what: &str, after: &str| Cause { invariant: "x".into(), what: what.into(), after: Some(after.into()) };
        let (one, other) = (cause("no answer after NmNs.", "crash"), cause("no answer after Nm.", "slow"));
        assert!(Alike::ButForTheFaultBefore.holds(&one, &other));
        assert!(!Alike::Wholly.holds(&one, &other));
        assert!(Alike::Wholly.holds(&one, &cause("no answer after Ns.", "crash")));
        assert!(!Alike::ButForTheFaultBefore.holds(&one, &cause("no answer after none.", "crash")));
        assert!(
            Alike::Wholly.holds(&cause("it follows #N, not #N", "crash"), &cause("it follows none, not #N", "crash"))
        );
        assert_eq!(timeless("<service> saw more than N arrivals"), "<service> saw more than N arrivals");
    }

    /// A pitfall with its knobs on, written out.
    fn flawed(text: &str) -> Draft {
        let scenario = parse(Path::new("flawed.yaml"), text).unwrap_or_else(|mistakes| panic!("{mistakes}")).scenario;
        let on = scenario.turned_on().expect("the knob fits");
        Draft::of(&materialise(&Scenario { expect: Vec::new(), ..on }, 4))
    }

    #[test]
    fn what_needs_a_fault_passes_in_calm_and_what_needs_none_does_not() {
        for (text, needs_fault) in [
            (include_str!("../../../scenarios/pitfalls/hub-confirms-before-it-stores.yaml"), true),
            (include_str!("../../../scenarios/pitfalls/shared-message-sent-to-two.yaml"), false),
        ] {
            let draft = flawed(text);
            let anything = Cause { invariant: String::new(), what: String::new(), after: None };
            let bench = Bench { seed: 4, cause: &anything, most_entries: u64::MAX };
            let Some(Showing::Failed(failure)) = bench.show(&draft) else { panic!("it fails") };
            assert_eq!(Bench { cause: &failure.cause, ..bench }.fails_calm(&draft), !needs_fault, "{failure:?}");
        }
    }

    #[test]
    fn a_run_with_too_long_a_history_is_ended_and_shows_nothing() {
        let draft = flawed(include_str!("../../../scenarios/pitfalls/hub-confirms-before-it-stores.yaml"));
        let anything = Cause { invariant: String::new(), what: String::new(), after: None };
        let shown = |most_entries| Bench { seed: 4, cause: &anything, most_entries }.show(&draft);
        assert!(matches!(shown(100_000), Some(Showing::Failed(_))));
        assert!(matches!(shown(100), Some(Showing::Passed)), "{:?}", shown(100));
    }
}
