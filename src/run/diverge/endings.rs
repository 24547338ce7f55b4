//! What the ends of two runs differ in.
use crate::report::{ClientReport, InvariantReport, Judgement, Pair, Percentiles, Report, Verdict};
use indexmap::IndexMap;

/// What is told of an end, by what it is, in the order of a report.
type Told = IndexMap<String, String>;

/// Compares verdicts, counts, latencies, answers and clients; what is alike is left out.
pub(super) fn differences(a: &Report, b: &Report) -> Vec<Pair> {
    let (one, another) = (told(a), told(b));
    let only_there = another.keys().filter(|what| !one.contains_key(*what));
    let all = one.keys().chain(only_there).filter(|what| one.get(*what) != another.get(*what));
    all.map(|what| Pair { what: what.clone(), a: one.get(what).cloned(), b: another.get(what).cloned() }).collect()
}

fn told(report: &Report) -> Told {
    let mut told = Told::new();
    tell(&mut told, "verdict", if report.verdict == Judgement::Passed { "passed" } else { "FAILED" });
    for invariant in &report.invariants {
        tell(&mut told, &invariant.name, standing(invariant));
    }
    for expectation in &report.expectations {
        let how = match (expectation.met, report.complete) {
            (true, _) => "met",
            (false, true) => "NOT MET",
            (false, false) => "open",
        };
        tell(&mut told, &expectation.text, how);
    }
    let messages = &report.messages;
    for (what, count) in [
        ("messages offered", messages.offered),
        ("messages confirmed", messages.confirmed),
        ("messages received", messages.received),
        ("messages received twice", messages.duplicates),
        ("messages lost", messages.lost),
        ("messages given up", messages.given_up),
        ("messages indeterminate", messages.indeterminate),
    ] {
        tell(&mut told, what, count.to_string());
    }
    let Percentiles { p50, p99, max } = report.latency_ms;
    for (what, ms) in [("latency, half within", p50), ("latency, 99% within", p99), ("latency, longest", max)] {
        if let Some(ms) = ms {
            tell(&mut told, what, format!("{ms:.0} ms"));
        }
    }
    for client in &report.clients {
        tell(&mut told, &format!("{} reconnected", client.name), client.reconnects.to_string());
        tell(&mut told, &format!("{} moved", client.name), moves(client));
    }
    for operation in &report.operations {
        tell(&mut told, &format!("{} for {}", operation.verb, operation.target), operation.answer.clone());
    }
    tell(&mut told, "virtual time", format!("{:.1} s", report.virtual_seconds));
    told
}

/// What comes a second time is numbered.
fn tell(told: &mut Told, what: &str, how: impl Into<String>) {
    let mut name = what.to_owned();
    let mut number = 1;
    while told.contains_key(&name) {
        number += 1;
        name = format!("{what} ({number})");
    }
    told.insert(name, how.into());
}

fn standing(invariant: &InvariantReport) -> String {
    match invariant.verdict {
        Verdict::Held => "held".into(),
        Verdict::Violated => format!("VIOLATED, {}", invariant.violations.len() as u64 + invariant.more_violations),
        Verdict::NotExercised if invariant.waived.is_some() => "waived".into(),
        Verdict::NotExercised => "not exercised".into(),
    }
}

fn moves(client: &ClientReport) -> String {
    match &*client.moves {
        [] => "never".into(),
        [first, ..] => {
            let places = client.moves.iter().map(|moved| format!(" → {}", moved.to));
            format!("{}{}", first.from, places.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{failing, passing};

    #[test]
    fn only_what_differs_is_told_each_verdict_and_count_by_name() {
        assert_eq!(differences(&passing(), &passing()), []);
        let different = differences(&passing(), &failing());
        let told: Vec<String> = different
            .iter()
            .map(|Pair { what, a, b }| {
                format!("{what}: {} / {}", a.as_deref().unwrap_or("-"), b.as_deref().unwrap_or("-"))
            })
            .collect();
        assert!(told.contains(&"verdict: passed / FAILED".to_owned()), "{told:?}");
        assert!(told.contains(&"no-confirmed-loss: held / VIOLATED, 1".to_owned()), "{told:?}");
        assert!(told.contains(&"messages lost: 0 / 2".to_owned()), "{told:?}");
        assert!(!told.iter().any(|line| line.starts_with("messages offered")), "{told:?}");
    }

    #[test]
    fn what_is_asked_twice_is_told_twice() {
        let mut twice = passing();
        twice.operations.push(twice.operations[1].clone());
        let different = differences(&passing(), &twice);
        assert_eq!(different.len(), 1);
        assert_eq!((different[0].what.as_str(), &different[0].a), ("method for xyz (2)", &None));
    }
}
