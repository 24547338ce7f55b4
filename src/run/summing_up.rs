//! From what was found to what is reported.
use super::expecting::Expecting;
use crate::custody::{Counts, Percentiles as Found};
use crate::engines::Curtain;
use crate::invariant::{self, Rules};
use crate::judge::{ClientFinding, Findings};
use crate::report::{
    ClientReport, Determinism, FaultReport, InvariantReport, MessageCounts, Move, Percentiles, Report, SCHEMA, Story,
    Verdict, ViolationReport, replay_line, seconds, told,
};
use crate::scenario::Plan;
use std::time::Duration;

/// Takes from a plan what its file says about invariants, and what its system's own times mean for them.
pub(crate) fn rules(plan: &Plan) -> Rules {
    let mut rules = Rules::default();
    if let Some(iot) = &plan.iot {
        // Two answers after the hub is up, and the first of them up to a whole period late.
        rules.calls_home = iot.dps.health_check * 3 + iot.dps.rebalance_after;
    }
    for (name, rule) in &plan.rules {
        if let Some(reason) = &rule.waived {
            rules.waived.insert(name.clone(), reason.clone());
        }
        let bound = match name.as_str() {
            "recovers" => &mut rules.recovers,
            "comes-home" => &mut rules.comes_home,
            "one-connection" => &mut rules.one_connection,
            _ => continue,
        };
        *bound = rule.within.unwrap_or(*bound);
    }
    rules.given_up = plan.rules.get("no-loss").map_or(0, |rule| rule.given_up);
    rules
}

/// Sums a run up. Real time is the caller's to measure.
pub(crate) fn report(
    plan: &Plan,
    findings: &Findings,
    expecting: &Expecting,
    story: Story,
    curtain: &Curtain,
) -> Report {
    let invariants: Vec<InvariantReport> = findings.invariants.iter().map(of_invariant).collect();
    let messages = of_messages(&findings.messages);
    let expectations = expecting.decide(&messages, &invariants);
    let plan_hash = plan.hash().to_string();
    Report {
        schema: SCHEMA,
        scenario: plan.scenario.clone(),
        file: plan.file.display().to_string(),
        seed: plan.seed,
        version: env!("CARGO_PKG_VERSION"),
        world: "sim",
        verdict: Report::verdict_of(&invariants, &expectations),
        // Built-in systems draw nothing from the seedless parts of tokio, with and without `tokio_unstable`.
        determinism: Determinism::Full,
        fingerprint: curtain.fingerprint.to_string(),
        virtual_seconds: seconds(curtain.virtual_time),
        wall_seconds: 0.0,
        events: curtain.events,
        messages,
        latency_ms: of_times(&findings.latency),
        clients: findings.clients.iter().map(of_client).collect(),
        invariants,
        expectations,
        operations: Vec::new(),
        faults: of_faults(plan),
        replay: replay_line(&plan.file, plan.seed, &plan_hash),
        plan_hash,
        story: story.lines(),
    }
}

fn of_invariant(finding: &invariant::Finding) -> InvariantReport {
    InvariantReport {
        name: finding.name.to_owned(),
        verdict: match finding.verdict {
            invariant::Verdict::Held => Verdict::Held,
            invariant::Verdict::Violated => Verdict::Violated,
            invariant::Verdict::NotExercised => Verdict::NotExercised,
        },
        checked: finding.checked,
        violations: finding.violations.iter().map(of_violation).collect(),
        more_violations: finding.more_violations,
        waived: finding.waived.clone(),
    }
}

fn of_violation(violation: &invariant::Violation) -> ViolationReport {
    ViolationReport {
        at_seconds: seconds(violation.at),
        message: violation.what.clone(),
        custody: violation.custody.iter().map(told).collect(),
    }
}

fn of_messages(counts: &Counts) -> MessageCounts {
    let Counts { offered, confirmed, received, duplicates, lost, given_up, indeterminate } = *counts;
    MessageCounts { offered, confirmed, received, duplicates, lost, given_up, indeterminate }
}

/// Nothing that takes time takes none of it: a longest of zero means that nothing was measured.
fn of_times(times: &Found) -> Percentiles {
    let Found { p50, p99, max } = *times;
    if max.is_zero() { Percentiles::default() } else { Percentiles::ranks(p50, p99, max) }
}

fn of_client(finding: &ClientFinding) -> ClientReport {
    let of_move = |moved: &crate::judge::Move| Move {
        at_seconds: seconds(moved.at),
        from: moved.from.to_string(),
        to: moved.to.to_string(),
    };
    ClientReport {
        name: finding.name.to_string(),
        reconnects: finding.reconnects,
        reconnect_ms: of_times(&finding.reconnect_times),
        moves: finding.moves.iter().map(of_move).collect(),
    }
}

/// Beginnings and ends, in the order of their times.
fn of_faults(plan: &Plan) -> Vec<FaultReport> {
    let mut faults: Vec<(Duration, &str)> = Vec::new();
    for fault in &plan.faults {
        faults.push((fault.at, &fault.text));
        faults.extend(fault.until.zip(fault.end_text.as_deref()));
    }
    faults.sort_by_key(|(at, _)| *at);
    faults.into_iter().map(|(at, text)| FaultReport { at_seconds: seconds(at), text: text.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;
    use std::path::Path;

    fn plan(rest: &str) -> Plan {
        let frame = "
name: test
duration: 10m
sites: { west: {} }
iot:
  dps: { site: west, health-check: 5s, rebalance-after: 30s }
  hubs: { hub-a: { site: west } }
  central: { site: west }
  devices: { xyz: { site: west, telemetry: 1s } }
timeline: [{ at: 1m, crash: { host: hub-a, for: 10s } }]
";
        match parse(Path::new("test.yaml"), &format!("{frame}{rest}")) {
            Ok(loaded) => loaded.plan(3),
            Err(mistakes) => panic!("{mistakes}"),
        }
    }

    #[test]
    fn a_file_that_says_nothing_is_judged_by_the_invariants_own_bounds() {
        assert_eq!(rules(&plan("")), Rules::default());
    }

    #[test]
    fn what_a_file_says_about_an_invariant_is_what_it_is_judged_by() {
        let rules = rules(&plan(
            "invariants: { recovers: { within: 60s }, no-loss: { given-up: 3 }, order: { waived: two hubs } }",
        ));
        assert_eq!((rules.recovers, rules.given_up), (Duration::from_secs(60), 3));
        assert_eq!(rules.waived.get("order").map(String::as_str), Some("two hubs"));
        assert_eq!(rules.comes_home, Rules::default().comes_home);
    }

    #[test]
    fn faults_are_reported_from_their_beginnings_and_ends_in_order() {
        let told: Vec<(f64, String)> =
            of_faults(&plan("")).into_iter().map(|fault| (fault.at_seconds, fault.text)).collect();
        assert_eq!(told, [(60.0, "hub-a crashes".to_owned()), (70.0, "hub-a boots".to_owned())]);
    }
}
