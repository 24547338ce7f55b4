//! Runs plans in a world and judges them.
//!
//! - [`audience`]: who looks on: the judge, the story, the expectations, a recorder.
//! - [`expecting`]: what a scenario expects to have happened.
//! - [`reporting`]: a report made from what they saw.
//! - [`pitfall`]: one seed three ways.

mod audience;
mod expecting;
mod outcome;
pub mod pitfall;
mod reporting;

pub use outcome::{Mode, Outcome, RunError, Watch};

use crate::engines::{Curtain, Part, Production};
use crate::history::MessageId;
use crate::iot;
use crate::judge::Findings;
use crate::scenario::Plan;
use audience::Audience;
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
    let (curtain, audience) = play(plan, Audience::new(plan, mode, watch))?;
    let (mut findings, rest) = audience.findings(curtain.virtual_time);
    let wronged = wronged(&findings);
    if !wronged.is_empty() {
        let again = Audience::new(plan, mode, Watch { witness: None, until }).following(&wronged);
        let (second, audience) = play(plan, again)?;
        if second.fingerprint != curtain.fingerprint {
            return Err(RunError::NotDeterministic { first: curtain.fingerprint, second: second.fingerprint });
        }
        findings = audience.findings(second.virtual_time).0;
    }
    Ok(Outcome { report: reporting::report(plan, &curtain, findings, rest) })
}

fn play(plan: &Plan, audience: Audience) -> Result<(Curtain, Audience), RunError> {
    let audience = Arc::new(Mutex::new(audience));
    let curtain = production(plan).play(audience.clone())?;
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

fn production(plan: &Plan) -> Production {
    let cast = plan.iot.as_ref().map(iot::cast::cast).unwrap_or_default();
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
    }
}
