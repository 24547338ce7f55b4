//! Runs plans in a world and judges them.
//!
//! - [`audience`]: who looks on: the judge, the story, the expectations, a recorder.
//! - [`expecting`]: what a scenario expects to have happened.
//! - [`reporting`]: a report made from what they saw.
//! - [`pitfall`]: one seed three ways.
//! - [`diverge`]: two runs side by side.
//! - [`hunt`]: many seeds, on all cores. [`shrink`]: the smallest file that fails in the same way.

mod audience;
pub mod diverge;
mod expecting;
pub mod hunt;
mod outcome;
pub mod pitfall;
mod reporting;
pub mod shrink;

pub use outcome::{Mode, Outcome, RunError, Watch};

use crate::engines::{Curtain, Part, Production};
use crate::history::MessageId;
use crate::judge::Findings;
use crate::scenario::Plan;
use audience::{Audience, Kept};
use std::sync::{Arc, Mutex, PoisonError};

/// Runs a plan in the simulated world and judges it.
///
/// # Errors
/// When the world cannot be made or fails; a violated invariant is no error but the report's verdict.
pub fn run(plan: &Plan, mode: Mode) -> Result<Outcome, RunError> {
    run_watched(plan, mode, Watch::default())
}

/// Runs a plan as [`run`] does, with somebody looking on.
///
/// When messages were wronged, the same plan is run once more with their whole custody recorded. That also proves
/// that the run is what its seed says.
///
/// # Errors
/// As [`run`].
pub fn run_watched(plan: &Plan, mode: Mode, watch: Watch) -> Result<Outcome, RunError> {
    let until = watch.until;
    let (curtain, mut findings, rest) = watched(plan, production(plan), mode, watch)?;
    let wronged = wronged(&findings);
    if !wronged.is_empty() {
        let again = Audience::new(plan, mode, Watch { until, ..Watch::default() }).following(&wronged);
        let (second, audience) = play(production(plan), again)?;
        one_history(&curtain, &second)?;
        findings = audience.findings(second.virtual_time).0;
    }
    Ok(Outcome { report: reporting::report(plan, &curtain, findings, rest) })
}

/// What a survey makes of a run's fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prints {
    /// Nothing: the run is one of many, and its report is not kept.
    None,
    /// Its report has it.
    One,
    /// The plan is played once more, unseen, and must come to the same.
    Two,
}

/// Runs a plan as [`run_watched`] does, but tells of what was wronged only what the run itself knew.
pub(crate) fn survey(plan: &Plan, mode: Mode, watch: Watch, prints: Prints) -> Result<Outcome, RunError> {
    let played = Production { needs_no_fingerprint: prints == Prints::None, ..production(plan) };
    let (curtain, findings, rest) = watched(plan, played, mode, watch)?;
    if prints == Prints::Two {
        let (again, _) = play(production(plan), Audience::new(plan, mode, Watch::default()))?;
        one_history(&curtain, &again)?;
    }
    Ok(Outcome { report: reporting::report(plan, &curtain, findings, rest) })
}

/// Whether two runs of one plan were the same.
fn one_history(first: &Curtain, second: &Curtain) -> Result<(), RunError> {
    let [first, second] =
        [first, second].map(|run| run.fingerprint.expect("a run that is compared needs a fingerprint"));
    if first == second { Ok(()) } else { Err(RunError::NotDeterministic { first, second }) }
}

fn watched(
    plan: &Plan,
    production: Production,
    mode: Mode,
    watch: Watch,
) -> Result<(Curtain, Findings, Kept), RunError> {
    let (curtain, audience) = play(production, Audience::new(plan, mode, watch))?;
    let (findings, rest) = audience.findings(curtain.virtual_time);
    Ok((curtain, findings, rest))
}

fn play(production: Production, audience: Audience) -> Result<(Curtain, Audience), RunError> {
    let audience = Arc::new(Mutex::new(audience));
    let curtain = production.play(audience.clone())?;
    if let Some(panic) = curtain.panics.first() {
        let (host, at, message) = (panic.host.clone(), panic.at, panic.message.clone());
        return Err(RunError::Panicked { host, at, message });
    }
    let audience = Arc::into_inner(audience).expect("the world has ended, and nobody else holds the audience");
    Ok((curtain, audience.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

/// The first wronged message of each invariant.
fn wronged(findings: &Findings) -> Vec<MessageId> {
    let firsts = findings.invariants.iter().filter_map(|finding| finding.violations.first()?.message);
    let mut messages: Vec<MessageId> = firsts.collect();
    messages.sort_unstable();
    messages.dedup();
    messages
}

/// Makes a plan playable: every host with its software, and what is done to the world.
pub fn production(plan: &Plan) -> Production {
    let cast = plan.systems.cast();
    let part = |host: &crate::scenario::PlannedHost| {
        let (_, software) = cast.iter().find(|(name, _)| *name == host.name)?;
        let (name, site, starts) = (host.name.clone(), host.site.clone(), host.starts);
        Some(Part { name, site, starts, software: software.clone() })
    };
    Production {
        seed: plan.seed,
        roster: Arc::new(plan.roster.clone()),
        parts: plan.hosts.iter().filter_map(part).collect(),
        sites: plan.sites.iter().map(|(site, path)| (site.clone(), path.into())).collect(),
        links: plan.links.iter().map(|(a, b, path)| (a.clone(), b.clone(), path.into())).collect(),
        faults: plan.steps().into_iter().map(|step| (step.at, step.fault)).collect(),
        for_good: plan.for_good.iter().cloned().collect(),
        duration: plan.duration,
        settle: plan.settle,
        needs_no_tokio: true,
        needs_no_fingerprint: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lizard_sim::Fingerprint;

    #[test]
    fn two_fingerprints_of_one_plan_are_an_error_that_names_both() {
        let curtain = |fingerprint| Curtain {
            fingerprint: Some(Fingerprint(fingerprint)),
            virtual_time: std::time::Duration::ZERO,
            events: 1,
            panics: Vec::new(),
        };
        assert!(one_history(&curtain(7), &curtain(7)).is_ok());
        let why = one_history(&curtain(7), &curtain(8)).expect_err("they differ").to_string();
        assert!(why.contains("0000000000000007 and 0000000000000008"), "{why}");
    }
}
