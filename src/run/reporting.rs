//! The report of a run, made from what its audience saw.

use super::audience::Kept;
use crate::custody;
use crate::engines::Curtain;
use crate::history::Roster;
use crate::invariant;
use crate::judge::{ClientFinding, Findings};
use crate::report::{
    ClientReport, Determinism, FaultReport, InvariantReport, MessageCounts, Move, Percentiles, Report, SCHEMA, Verdict,
    ViolationReport, line, replay_line, seconds,
};
use crate::scenario::Plan;
use std::time::Duration;

pub(super) fn report(plan: &Plan, curtain: &Curtain, findings: Findings, kept: Kept) -> Report {
    let messages = counts(&findings.messages);
    let invariants: Vec<InvariantReport> =
        findings.invariants.iter().map(|finding| invariant_report(&plan.roster, finding)).collect();
    let expectations = kept.expecting.decide(&messages, &invariants);
    let plan_hash = plan.hash().to_string();
    Report {
        schema: SCHEMA,
        scenario: plan.scenario.clone(),
        file: plan.file.display().to_string(),
        seed: plan.seed,
        version: env!("CARGO_PKG_VERSION"),
        world: "sim",
        verdict: Report::verdict_of(&invariants, &expectations),
        // Built-in systems take no chance but the seed's, in any build.
        determinism: Determinism::Full,
        fingerprint: curtain.fingerprint.to_string(),
        virtual_seconds: seconds(curtain.virtual_time),
        // Measured by whoever shows the report; a run itself has no real time.
        wall_seconds: 0.0,
        events: curtain.events,
        messages,
        latency_ms: percentiles(&findings.latency),
        clients: findings.clients.iter().map(client_report).collect(),
        invariants,
        expectations,
        operations: Vec::new(),
        faults: faults(plan, curtain.virtual_time),
        replay: replay_line(&plan.file, plan.seed, &plan_hash),
        plan_hash,
        story: kept.story.lines(curtain.virtual_time),
    }
}

fn counts(counts: &custody::Counts) -> MessageCounts {
    MessageCounts {
        offered: counts.offered,
        confirmed: counts.confirmed,
        received: counts.received,
        duplicates: counts.duplicates,
        lost: counts.lost,
        given_up: counts.given_up,
        indeterminate: counts.indeterminate,
    }
}

fn percentiles(of: &Option<custody::Percentiles>) -> Percentiles {
    of.as_ref().map(|of| Percentiles::ranks(of.p50, of.p99, of.max)).unwrap_or_default()
}

fn client_report(client: &ClientFinding) -> ClientReport {
    let moves = client.moves.iter().map(|moved| Move {
        at_seconds: seconds(moved.at),
        from: moved.from.to_string(),
        to: moved.to.to_string(),
    });
    ClientReport {
        name: client.name.to_string(),
        reconnects: client.reconnects,
        reconnect_ms: percentiles(&client.reconnect_times),
        moves: moves.collect(),
    }
}

fn invariant_report(roster: &Roster, finding: &invariant::Finding) -> InvariantReport {
    let violations = finding.violations.iter().map(|violation| ViolationReport {
        at_seconds: seconds(violation.at),
        message: violation.what.clone(),
        custody: violation.custody.iter().map(|entry| line(roster, entry)).collect(),
    });
    InvariantReport {
        name: finding.name.to_owned(),
        verdict: match finding.verdict {
            invariant::Verdict::Held => Verdict::Held,
            invariant::Verdict::Violated => Verdict::Violated,
            invariant::Verdict::NotExercised => Verdict::NotExercised,
        },
        checked: finding.checked,
        violations: violations.collect(),
        more_violations: finding.more_violations,
        waived: finding.waived.clone(),
    }
}

/// What was done to the world before the run was over, each beginning and each end.
fn faults(plan: &Plan, over: Duration) -> Vec<FaultReport> {
    let mut faults: Vec<(Duration, &str)> = Vec::new();
    for fault in &plan.faults {
        faults.push((fault.at, &fault.text));
        faults.extend(fault.until.zip(fault.end_text.as_deref()));
    }
    faults.sort_by_key(|(at, _)| *at);
    let happened = faults.into_iter().filter(|(at, _)| *at <= over);
    happened.map(|(at, text)| FaultReport { at_seconds: seconds(at), text: text.to_owned() }).collect()
}
