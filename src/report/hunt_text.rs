//! The result of a hunt for a person.
use super::hunt::{
    Bound, Coverage, FailureGroup, HuntReport, HuntedScenario, InvariantTally, Method, Phase, Shortest, Smallest,
};
use super::summary::Judgement;
use super::text::{Palette, counted, stopwatch};
use std::fmt::{self, Write};
use std::time::Duration;

/// Groups that are told with their replay line.
const SHOWN: usize = 20;

/// Writes the whole result, many lines, the last with its end.
pub fn render_hunt(report: &HuntReport, palette: Palette) -> String {
    let mut page = Page { out: String::new(), palette };
    // Writing into a string cannot fail.
    let _ = page.report(report);
    page.out
}

struct Page {
    out: String,
    palette: Palette,
}

impl Page {
    fn report(&mut self, report: &HuntReport) -> fmt::Result {
        for scenario in &report.scenarios {
            self.scenario(scenario)?;
        }
        if !report.complete {
            let notice = self.palette.bad("cut short:");
            writeln!(self.out, "{notice} not every seed that was asked for was tried")?;
        }
        let shard = report.shard.map(|shard| format!("shard {shard}: ")).unwrap_or_default();
        let speed = format!(
            "{shard}{} in {:.1} s, {:.1} seeds/s",
            seeds(report.tried),
            report.wall_seconds,
            report.seeds_per_second
        );
        writeln!(self.out, "{}", self.palette.quiet(&speed))
    }

    fn scenario(&mut self, hunted: &HuntedScenario) -> fmt::Result {
        let verdict = match (hunted.verdict, hunted.failed) {
            (Judgement::Passed, _) => self.palette.good("none failed"),
            (Judgement::Failed, 0) => self.palette.bad("NOT JUDGED"),
            (Judgement::Failed, failed) => self.palette.bad(&format!("{} FAILED", counted(failed))),
        };
        let knobs = if hunted.turned_on { ", knobs turned on" } else { "" };
        let name = self.palette.strong(&hunted.scenario);
        writeln!(self.out, "{name}{knobs}  {}  {verdict}", seeds(hunted.tried))?;
        self.groups(&hunted.groups)?;
        self.errors(hunted)?;
        self.invariants(&hunted.invariants)?;
        self.coverage(&hunted.coverage)?;
        writeln!(self.out, "\n  {}", bound_in_words(&hunted.bound, hunted.sample, hunted.sample_failed))?;
        if hunted.run_twice > 0 {
            writeln!(self.out, "  {} run twice, with the same history each time", seeds(hunted.run_twice))?;
        }
        if hunted.kept.tried > 0 {
            let failed = hunted.kept.failed.len() as u64;
            writeln!(self.out, "  {} kept from before, {} failed again", seeds(hunted.kept.tried), counted(failed))?;
        }
        if !hunted.kept.stale.is_empty() {
            let stale: Vec<String> = hunted.kept.stale.iter().map(u64::to_string).collect();
            let why = "kept by another version or for another plan, and another run now";
            writeln!(self.out, "  stale: {} ({why})", stale.join(", "))?;
        }
        writeln!(self.out)
    }

    fn groups(&mut self, groups: &[FailureGroup]) -> fmt::Result {
        for FailureGroup { cause, count, shortest, shrunk } in groups.iter().take(SHOWN) {
            let Shortest { seed, faults, at_seconds, message, replay, .. } = shortest;
            let at = stopwatch(Duration::from_micros((at_seconds * 1e6).round() as u64));
            let faults = number_of(*faults, "fault");
            writeln!(self.out, "\n  {}  {cause}", self.palette.bad(&format!("{}x", counted(*count))))?;
            writeln!(self.out, "    shortest: seed {seed}, {faults}, at {at}: {message}")?;
            writeln!(self.out, "    {replay}")?;
            if let Some(shrunk) = shrunk {
                self.shrunk(shrunk, replay)?;
            }
        }
        if groups.len() > SHOWN {
            writeln!(self.out, "\n  and {} more causes; `--format json` has all", groups.len() - SHOWN)?;
        }
        Ok(())
    }

    /// What the failure needs, and where that file is: or how to get it.
    fn shrunk(&mut self, shrunk: &Smallest, replay: &str) -> fmt::Result {
        let Smallest { sentence, faults, clients, stopped, file, .. } = shrunk;
        writeln!(self.out, "    shrunk: {sentence}")?;
        if let Some(stopped) = stopped {
            writeln!(self.out, "    {}: it may not be the smallest", stopped.in_words())?;
        }
        let (faults, clients) = (number_of(*faults, "fault"), number_of(*clients, "client"));
        let place = file.clone().unwrap_or_else(|| {
            let run = replay.split("  #").next().unwrap_or(replay);
            format!("{} writes it", run.replacen("lizard replay", "lizard shrink", 1))
        });
        writeln!(self.out, "    {faults}, {clients}: {place}")
    }

    fn errors(&mut self, hunted: &HuntedScenario) -> fmt::Result {
        if hunted.errors.count == 0 {
            return Ok(());
        }
        let heading = format!("{} could not be judged: Giant Lizard itself failed", seeds(hunted.errors.count));
        writeln!(self.out, "\n  {}", self.palette.bad(&heading))?;
        for error in hunted.errors.first.iter().take(SHOWN) {
            writeln!(self.out, "    seed {}: {}", error.seed, error.error)?;
        }
        Ok(())
    }

    fn invariants(&mut self, invariants: &[InvariantTally]) -> fmt::Result {
        let tried: Vec<&InvariantTally> = invariants.iter().filter(|one| one.exercised > 0).collect();
        if !tried.is_empty() {
            writeln!(self.out, "\n  {:<24} {:>12} {:>12} {:>16}", "invariant", "exercised", "violated", "checked")?;
        }
        for InvariantTally { name, exercised, violated, checked, .. } in tried {
            let (exercised, violated, checked) = (counted(*exercised), counted(*violated), counted(*checked));
            writeln!(self.out, "  {name:<24} {exercised:>12} {violated:>12} {checked:>16}")?;
        }
        let idle = |waived: bool| -> Vec<&str> {
            let idle = invariants.iter().filter(|one| one.exercised == 0 && one.waived.is_some() == waived);
            idle.map(|one| one.name.as_str()).collect()
        };
        for (words, names) in [("never exercised", idle(false)), ("waived", idle(true))] {
            if !names.is_empty() {
                writeln!(self.out, "  {}", self.palette.quiet(&format!("{words}: {}", names.join(", "))))?;
            }
        }
        Ok(())
    }

    /// Runs in which a fault met a phase: faults down, phases across.
    fn coverage(&mut self, coverage: &[Coverage]) -> fmt::Result {
        let faults: Vec<&str> =
            coverage.iter().filter(|cell| cell.phase == Phase::ALL[0]).map(|cell| cell.fault.as_str()).collect();
        if faults.is_empty() {
            return Ok(());
        }
        let runs = |phase: Phase, fault: &str| {
            coverage.iter().find(|cell| cell.phase == phase && cell.fault == fault).map_or(0, |cell| cell.runs)
        };
        let heading = ["before", "during", "after", "settling"].map(|phase| format!(" {phase:>9}")).concat();
        writeln!(self.out, "\n  {:<24}{heading}   (of the first failover)", "runs with a fault")?;
        for fault in &faults {
            let row = Phase::ALL.map(|phase| format!(" {:>9}", counted(runs(phase, fault)))).concat();
            writeln!(self.out, "  {fault:<24}{row}")?;
        }
        let blind: Vec<String> = Phase::ALL
            .into_iter()
            .filter_map(|phase| {
                let never: Vec<&str> = faults.iter().copied().filter(|fault| runs(phase, fault) == 0).collect();
                (!never.is_empty()).then(|| format!("{phase}: {}", never.join(", ")))
            })
            .collect();
        for line in blind {
            writeln!(self.out, "  {}", self.palette.quiet(&format!("never {line}")))?;
        }
        Ok(())
    }
}

/// `no failure in 20,000 seeds: under 0.015 % at 95 %`
fn bound_in_words(bound: &Bound, sample: u64, failed: u64) -> String {
    let sure = percent(bound.confidence);
    match (bound.method, bound.share) {
        (_, None) => "no seed of the range was judged: nothing is known of how often it fails".to_owned(),
        (Method::RuleOfThree, Some(_)) => {
            format!("no failure in {}: under {} at {sure}", seeds(sample), percent(bound.high))
        }
        (Method::Wilson, Some(share)) => format!(
            "{} of {} failed: {}, between {} and {} at {sure}",
            counted(failed),
            seeds(sample),
            percent(share),
            percent(bound.low),
            percent(bound.high)
        ),
    }
}

fn number_of(count: u64, what: &str) -> String {
    match count {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}

fn seeds(count: u64) -> String {
    if count == 1 { "1 seed".to_owned() } else { format!("{} seeds", counted(count)) }
}

/// Two digits that mean something: `0.015 %`, `12 %`, `99.7 %`.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let from_the_end = percent.min(100.0 - percent);
    let digits = if from_the_end <= 0.0 { 0 } else { (1.0 - from_the_end.log10().floor()).clamp(0.0, 9.0) as usize };
    let written = format!("{percent:.digits$}");
    let short = if written.contains('.') { written.trim_end_matches('0').trim_end_matches('.') } else { &written };
    format!("{short} %")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{SeedRange, Stopped};
    use crate::run::hunt::{self, tests_support};

    #[test]
    fn shares_are_told_with_two_digits_that_mean_something() {
        for (share, told) in [
            (0.00014977, "0.015 %"),
            (0.0, "0 %"),
            (1.0, "100 %"),
            (0.95, "95 %"),
            (0.123456, "12 %"),
            (0.05, "5 %"),
            (0.9971, "99.71 %"),
            (0.0000001, "0.00001 %"),
        ] {
            assert_eq!(percent(share), told);
        }
    }

    #[test]
    fn the_bound_is_told_with_what_it_rests_on() {
        let told = |sample, failed| bound_in_words(&tests_support::bound(sample, failed), sample, failed);
        assert_eq!(told(20_000, 0), "no failure in 20,000 seeds: under 0.015 % at 95 %");
        assert_eq!(told(148, 15), "15 of 148 seeds failed: 10 %, between 6.2 % and 16 % at 95 %");
        assert!(told(0, 0).starts_with("no seed of the range"));
    }

    #[test]
    fn a_hunt_is_told_with_causes_numbers_and_blind_spots() {
        let mut hunted = tests_support::nothing_found();
        let shrunk = Smallest {
            sentence: "fails only while it is there: the attack on west at 1m".into(),
            lines: 1,
            faults: 1,
            clients: 1,
            runs: 37,
            stopped: None,
            file: Some("giant-lizard.shrunk/seed-17.yaml".into()),
        };
        let cut = Smallest { stopped: Some(Stopped::OutOfTime), faults: 2, file: None, ..shrunk.clone() };
        hunted.groups = [("no-loss", 17, Some(shrunk)), ("order", 3, Some(cut)), ("paced", 4, None)]
            .map(|(invariant, seed, shrunk)| FailureGroup { shrunk, ..tests_support::group(invariant, seed, 1) })
            .to_vec();
        (hunted.tried, hunted.failed, hunted.sample, hunted.sample_failed) = (148, 15, 148, 15);
        hunted.verdict = Judgement::Failed;
        hunted.bound = tests_support::bound(148, 15);
        (hunted.run_twice, hunted.kept.tried, hunted.kept.stale) = (7, 2, vec![3]);
        hunted.coverage[0].runs = 148;
        hunted.invariants[1].exercised = 148;
        hunted.invariants[1].violated = 15;
        hunted.invariants[1].checked = 1_234_567;
        let asked = SeedRange { from: 0, to: Some(148), for_seconds: None };
        insta::assert_snapshot!(render_hunt(&hunt::report(asked, None, false, vec![hunted], 2.0), Palette::plain()));
    }
}
