//! The report of a run, made from what its audience saw.

use super::audience::Kept;
use crate::custody::{self, Answer};
use crate::engines::Curtain;
use crate::history::Roster;
use crate::invariant;
use crate::iot::plan::PlannedOperation;
use crate::judge::{ClientFinding, Findings};
use crate::report::{
    ClientReport, Determinism, FaultReport, InvariantReport, MessageCounts, Move, OperationReport, Percentiles, Report,
    SCHEMA, Verdict, ViolationReport, line, replay_line, seconds,
};
use crate::scenario::Plan;
use std::time::Duration;

pub(super) fn report(plan: &Plan, curtain: &Curtain, findings: Findings, kept: Kept) -> Report {
    let messages = counts(&findings.messages);
    let clients: Vec<ClientReport> = findings.clients.iter().map(client_report).collect();
    let invariants: Vec<InvariantReport> =
        findings.invariants.iter().map(|finding| invariant_report(&plan.roster, finding)).collect();
    let expectations = kept.expecting.decide(&messages, &clients, &invariants, findings.complete);
    let plan_hash = plan.hash().to_string();
    Report {
        schema: SCHEMA,
        scenario: plan.scenario.clone(),
        file: plan.file.display().to_string(),
        seed: plan.seed,
        version: env!("CARGO_PKG_VERSION"),
        world: "sim",
        verdict: Report::verdict_of(&invariants, &expectations, findings.complete),
        complete: findings.complete,
        // Built-in systems take no chance but the seed's, in any build.
        determinism: Determinism::Full,
        fingerprint: curtain.fingerprint.map(|fingerprint| fingerprint.to_string()),
        virtual_seconds: seconds(curtain.virtual_time),
        // Measured by whoever shows the report; a run itself has no real time.
        wall_seconds: 0.0,
        events: curtain.events,
        messages,
        latency_ms: percentiles(&findings.latency),
        clients,
        invariants,
        expectations,
        operations: operations(plan, &findings.operations, curtain.virtual_time),
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
        open: counts.open,
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
        about: violation.message,
        entries: violation.custody.clone(),
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

/// What the operator asked for before the run was over, and what it was told.
fn operations(plan: &Plan, asked: &custody::Operations, over: Duration) -> Vec<OperationReport> {
    let planned = plan.systems.iot.iter().flat_map(|iot| &iot.operator).flat_map(|operator| &operator.operations);
    let report = |operation: &PlannedOperation| {
        let asking = asked.of(operation.id)?;
        let answer = match (asking.asked_at, &asking.answer) {
            (None, _) => "not asked: the operator was down".to_owned(),
            (Some(_), None) => "not answered by the end".to_owned(),
            (Some(_), Some(Answer { status: 0, message, .. })) => format!("no answer: {message}"),
            (Some(_), Some(Answer { status, message, .. })) => format!("{status} {message}").trim_end().to_owned(),
        };
        Some(OperationReport {
            at_seconds: seconds(asking.asked_at.unwrap_or(operation.at)),
            verb: plan.roster.operations.get(operation.id.index())?.verb.to_owned(),
            target: operation.device.to_string(),
            answer,
        })
    };
    planned.filter(|operation| operation.at <= over).filter_map(report).collect()
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
