//! Two runs side by side, for a person.
use super::diverge::{Difference, DifferenceKind, DivergeReport, Likeness, Pair, PlanDifferences, Row, RunSide, Whose};
use super::summary::Judgement;
use super::text::{Palette, counted, shortened, stopwatch};
use super::visible::visible;
use std::fmt::{self, Write};
use std::time::Duration;

/// Lines of the plans that are told.
const LINES_OF_PLANS: usize = 12;

/// Lines of how they end that are told.
const LINES_OF_ENDS: usize = 20;

/// Writes the whole comparison, many lines, the last with its end.
pub fn render_divergence(report: &DivergeReport, palette: Palette) -> String {
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
    fn report(&mut self, report: &DivergeReport) -> fmt::Result {
        let verdict = match report.verdict {
            Likeness::Same => self.palette.good("the same run"),
            Likeness::Different => self.palette.strong("two runs that differ"),
        };
        writeln!(self.out, "{}  {verdict}\n", self.palette.strong(&visible(&title(report))))?;
        self.side("a", &report.a)?;
        self.side("b", &report.b)?;
        self.plan(&report.plan)?;
        if report.first.is_none() && report.a.entries == report.b.entries {
            let entries = counted(report.a.entries);
            writeln!(self.out, "\n  nothing differs in the {entries} entries of their histories")?;
            if report.a.fingerprint == report.b.fingerprint {
                writeln!(self.out, "  fingerprint {}", report.a.fingerprint)?;
            } else {
                let (a, b) = (&report.a.fingerprint, &report.b.fingerprint);
                writeln!(self.out, "  what the network did below them does: fingerprints {a} and {b}")?;
            }
        }
        self.first(report)?;
        self.deed(report)?;
        self.ended(&report.ended)
    }

    fn side(&mut self, letter: &str, side: &RunSide) -> fmt::Result {
        let verdict = match side.verdict {
            Judgement::Passed => self.palette.good("passed"),
            Judgement::Failed => self.palette.bad("FAILED"),
        };
        writeln!(self.out, "  {letter}  {}  {verdict}", visible(&side.name))?;
        writeln!(self.out, "     {}", self.palette.quiet(&visible(&side.replay)))
    }

    fn plan(&mut self, plan: &PlanDifferences) -> fmt::Result {
        let all = plan.differences.len() as u64 + plan.more;
        match all {
            0 => return writeln!(self.out, "\n  the plans are the same"),
            1 => writeln!(self.out, "\n  the plans differ in one line:")?,
            _ => writeln!(self.out, "\n  the plans differ in {} lines:", counted(all))?,
        }
        for Pair { what, a, b } in plan.differences.iter().take(LINES_OF_PLANS) {
            writeln!(self.out, "    {}", visible(what))?;
            self.sides(a.as_deref(), b.as_deref())?;
        }
        self.rest(all, LINES_OF_PLANS)
    }

    fn first(&mut self, report: &DivergeReport) -> fmt::Result {
        let Some(first) = &report.first else {
            let (a, b) = (report.a.entries, report.b.entries);
            if a != b {
                let (shorter, more) = if a < b { ("a", b - a) } else { ("b", a - b) };
                writeln!(self.out, "\n  {shorter} ends where the other one has {} more", counted(more))?;
            }
            return Ok(());
        };
        let at = match report.alike {
            0 => "at their first entry".to_owned(),
            1 => "after one entry that is the same".to_owned(),
            alike => format!("after {} entries that are the same", counted(alike)),
        };
        let what = if first.kind == DifferenceKind::Time { "one at another time" } else { "another event" };
        writeln!(self.out, "\n  the histories part {at}, with {what}:")?;
        self.rows(first)
    }

    fn deed(&mut self, report: &DivergeReport) -> fmt::Result {
        let Some(deed) = &report.deed else {
            if report.first.is_some() {
                writeln!(self.out, "\n  the same happens in both, in the same order: only the times differ")?;
            }
            return Ok(());
        };
        let what = match deed.kind {
            DifferenceKind::OnlyA => "only in a",
            DifferenceKind::OnlyB => "only in b",
            _ => "in another order",
        };
        let at = stopwatch(deed.at);
        writeln!(self.out, "\n  what happens differs first at {at} at {}, {what}:", visible(&deed.host))?;
        if report.first.as_ref().is_some_and(|first| has_told(first, deed)) {
            return writeln!(self.out, "    that is the place above");
        }
        self.rows(deed)
    }

    fn rows(&mut self, difference: &Difference) -> fmt::Result {
        writeln!(self.out, "  {}", self.palette.quiet(&format!("{:>14}{:>14}", "a", "b")))?;
        let width = difference.rows.iter().map(|row| row.host.chars().count()).max().unwrap_or_default();
        for Row { a, b, host, text, differs } in &difference.rows {
            let time = |at: &Option<Duration>| at.map_or_else(|| "-".to_owned(), stopwatch);
            let line = format!("{:>12}{:>14}  {:<width$}  {}", time(a), time(b), visible(host), visible(text));
            let mark = match differs {
                None => {
                    writeln!(self.out, "    {line}")?;
                    continue;
                }
                Some(Whose::A) => "a>",
                Some(Whose::B) => "b>",
                Some(Whose::Both) => "->",
            };
            writeln!(self.out, "  {}", self.palette.strong(&format!("{mark}{line}")))?;
        }
        Ok(())
    }

    fn ended(&mut self, ended: &[Pair]) -> fmt::Result {
        if ended.is_empty() {
            return writeln!(self.out, "\n  they end alike");
        }
        writeln!(self.out, "\n  how they end differs:")?;
        let short = |text: &Option<String>| text.as_deref().map_or(1, |text| text.chars().count()) <= COLUMN;
        let width = ended.iter().map(|pair| pair.what.chars().count().min(40)).max().unwrap_or_default();
        for pair in ended.iter().take(LINES_OF_ENDS) {
            let Pair { what, a, b } = pair;
            if short(a) && short(b) {
                let value = |text: &Option<String>| visible(text.as_deref().unwrap_or("-")).into_owned();
                writeln!(self.out, "    {:<width$}  {:>COLUMN$}  {:>COLUMN$}", visible(what), value(a), value(b))?;
            } else {
                writeln!(self.out, "    {}", visible(what))?;
                self.sides(a.as_deref(), b.as_deref())?;
            }
        }
        self.rest(ended.len() as u64, LINES_OF_ENDS)
    }

    fn sides(&mut self, a: Option<&str>, b: Option<&str>) -> fmt::Result {
        for (letter, text) in [("a", a), ("b", b)] {
            let text = text.map_or_else(|| self.palette.quiet("-"), |text| shortened(&visible(text)));
            writeln!(self.out, "      {letter}  {text}")?;
        }
        Ok(())
    }

    fn rest(&mut self, all: u64, told: usize) -> fmt::Result {
        match all.saturating_sub(told as u64) {
            0 => Ok(()),
            more => writeln!(self.out, "    and {} more", counted(more)),
        }
    }
}

/// Whether what differs in the one is marked in the other.
fn has_told(told: &Difference, other: &Difference) -> bool {
    let marked = |row: &&Row| row.differs.is_some();
    let is_told =
        |row: &Row| told.rows.iter().filter(marked).any(|one| (&one.host, &one.text) == (&row.host, &row.text));
    other.rows.iter().filter(marked).all(is_told)
}

/// How wide a value is beside another one.
const COLUMN: usize = 16;

fn title(report: &DivergeReport) -> String {
    if report.a.scenario == report.b.scenario {
        report.a.scenario.clone()
    } else {
        format!("{} / {}", report.a.scenario, report.b.scenario)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::diverge::DIVERGE_SCHEMA;
    use super::super::tests::{failing, hostile, passing};
    use super::super::{Report, replay_line};
    use super::*;
    use std::path::Path;

    fn side(name: &str, report: &Report) -> RunSide {
        let Report { scenario, file, seed, plan_hash, fingerprint, verdict, virtual_seconds, replay, .. } =
            report.clone();
        let (name, fingerprint) = (name.to_owned(), fingerprint.unwrap_or_default());
        RunSide { name, scenario, file, seed, plan_hash, fingerprint, verdict, virtual_seconds, entries: 6897, replay }
    }

    fn row(a: Option<u64>, b: Option<u64>, host: &str, text: &str, differs: Option<Whose>) -> Row {
        let time = |at: Option<u64>| at.map(Duration::from_millis);
        Row { a: time(a), b: time(b), host: host.into(), text: text.into(), differs }
    }

    fn pair(what: &str, a: Option<&str>, b: Option<&str>) -> Pair {
        Pair { what: what.into(), a: a.map(str::to_owned), b: b.map(str::to_owned) }
    }

    /// A hub that confirms before it stores, off and on.
    pub(in crate::report) fn knob() -> DivergeReport {
        let (off, on) = (passing(), failing());
        let stored = |a, b, number: u64, differs| {
            let told = format!("stored meter-0001/telemetry #{number}");
            row(a, b, "hub-a", &told, differs)
        };
        let confirmed = |a, b, differs| row(a, b, "meter-0001", "sees meter-0001/telemetry #0 confirmed", differs);
        DivergeReport {
            schema: DIVERGE_SCHEMA,
            version: "0.1.0",
            verdict: Likeness::Different,
            a: RunSide { replay: replay_line(Path::new("x.yaml"), 5, "8f45"), ..side("control", &off) },
            b: RunSide { fingerprint: "0123456789abcdef".into(), ..side("treatment", &on) },
            plan: PlanDifferences {
                differences: vec![
                    pair("iot.hubs[hub-a].knobs.confirms", Some("after-storing"), Some("before-storing")),
                    pair("timeline[1]", None, Some("2m hub-b freezes, until 2m10s")),
                ],
                more: 12,
            },
            alike: 34,
            first: Some(Difference {
                kind: DifferenceKind::Event,
                at: Duration::from_millis(2168),
                host: "hub-a".into(),
                rows: vec![
                    row(Some(2156), Some(2156), "meter-0001", "meter-0001 works at hub-a", None),
                    stored(Some(2168), Some(12_167), 0, Some(Whose::A)),
                    confirmed(Some(2183), Some(2182), Some(Whose::B)),
                ],
            }),
            deed: Some(Difference {
                kind: DifferenceKind::OnlyA,
                at: Duration::from_millis(64_011),
                host: "hub-a".into(),
                rows: vec![stored(Some(64_011), None, 63, Some(Whose::A))],
            }),
            ended: vec![
                pair("verdict", Some("passed"), Some("FAILED")),
                pair("no-confirmed-loss", Some("held"), Some("VIOLATED, 22")),
                pair("method for xyz", Some("200 {}"), Some(&"no answer ".repeat(30))),
            ],
        }
    }

    fn told(report: &DivergeReport) -> String {
        render_divergence(report, Palette::plain()).replace(env!("CARGO_PKG_VERSION"), "0.1.0")
    }

    #[test]
    fn two_runs_are_told_side_by_side_with_what_led_to_their_difference() {
        insta::assert_snapshot!(told(&knob()));
    }

    #[test]
    fn json_has_every_field_of_the_contract_in_its_order() {
        let json = serde_json::to_string_pretty(&knob()).expect("a comparison is JSON");
        insta::assert_snapshot!(json.replace(env!("CARGO_PKG_VERSION"), "0.1.0"));
    }

    #[test]
    fn the_same_run_is_told_with_its_fingerprint() {
        let one = side("seed 7", &passing());
        let (plan, ended) = (PlanDifferences::default(), Vec::new());
        let same = DivergeReport {
            verdict: Likeness::Same,
            a: one.clone(),
            b: one,
            plan,
            alike: 6897,
            first: None,
            deed: None,
            ended,
            ..knob()
        };
        let text = told(&same);
        assert!(text.contains("the same run") && text.contains("fingerprint 00deadbeef00cafe"), "{text}");
        assert!(text.contains("nothing differs in the 6,897 entries"), "{text}");
        let mut below = same;
        below.verdict = Likeness::Different;
        below.b.fingerprint = "0000000000000001".into();
        assert!(told(&below).contains("fingerprints 00deadbeef00cafe and 0000000000000001"));
    }

    #[test]
    fn a_difference_that_was_shown_already_is_not_shown_twice_and_times_alone_are_said_to_be_that() {
        let mut report = knob();
        report.deed = report.first.clone();
        assert!(told(&report).contains("that is the place above"));
        report.deed = None;
        assert!(told(&report).contains("only the times differ"));
        report.first = None;
        report.b.entries -= 1;
        assert!(told(&report).contains("b ends where the other one has 1 more"), "{}", told(&report));
    }

    #[test]
    fn hostile_names_break_no_line() {
        let mut report = knob();
        report.a = side("one\ntwo\u{1b}[31m", &hostile());
        report.plan.differences[0].a = Some("\u{202e}x".into());
        let text = told(&report);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && text.contains(r"one\ntwo"), "{text}");
    }
}
