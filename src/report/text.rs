//! The report for a person: the story, what held, the numbers, and the line that runs it again.
use super::story::StoryLine;
use super::summary::{InvariantReport, OperationReport, Percentiles, Report, Verdict};
use clap::builder::styling::{AnsiColor, Style};
use std::fmt::{self, Write};
use std::time::Duration;

/// Colours, or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Palette {
    good: Style,
    bad: Style,
    quiet: Style,
    strong: Style,
    lizard: Style,
}

impl Palette {
    /// For files, pipes and tests.
    pub fn plain() -> Self {
        Self::default()
    }
    /// For terminals.
    pub fn colour() -> Self {
        Self {
            good: AnsiColor::Green.on_default(),
            bad: AnsiColor::Red.on_default().bold(),
            quiet: Style::new().dimmed(),
            strong: Style::new().bold(),
            lizard: AnsiColor::Yellow.on_default(),
        }
    }
    /// Marks what is as it should be.
    pub fn good(&self, text: &str) -> String {
        painted(self.good, text)
    }
    /// Marks a heading.
    pub fn strong(&self, text: &str) -> String {
        painted(self.strong, text)
    }
    /// Marks what matters less.
    pub fn quiet(&self, text: &str) -> String {
        painted(self.quiet, text)
    }
    /// Marks an error's first words.
    pub fn bad(&self, text: &str) -> String {
        painted(self.bad, text)
    }
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Virtual time as a stopwatch shows it: `1:58.204`.
pub fn stopwatch(at: Duration) -> String {
    let (seconds, millis) = (at.as_secs(), at.subsec_millis());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}.{millis:03}")
    } else {
        format!("{minutes}:{seconds:02}.{millis:03}")
    }
}

/// Writes the whole report, many lines, the last with its end.
pub fn render(report: &Report, palette: Palette) -> String {
    let mut page = Page { out: String::new(), palette };
    // Writing into a string cannot fail.
    let _ = page.report(report);
    page.out
}

/// Violations of one invariant that are told with their custody.
const SHOWN: usize = 3;

struct Page {
    out: String,
    palette: Palette,
}

impl Page {
    fn report(&mut self, report: &Report) -> fmt::Result {
        let Palette { good, bad, strong, quiet, .. } = self.palette;
        let verdict = if report.passed() { painted(good, "passed") } else { painted(bad, "FAILED") };
        writeln!(self.out, "{}  seed {}  {verdict}", painted(strong, &report.scenario), report.seed)?;
        self.story(&report.story)?;
        if !report.complete {
            let at = stopwatch(Duration::from_micros((report.virtual_seconds * 1e6).round() as u64));
            writeln!(self.out, "\n  stopped at {at}: what was open then is not judged")?;
        }
        self.operations(&report.operations)?;
        self.invariants(&report.invariants)?;
        self.expectations(report)?;
        self.violations(&report.invariants)?;
        self.numbers(report)?;
        writeln!(self.out)?;
        if let Some(fingerprint) = &report.fingerprint {
            writeln!(self.out, "  {}", painted(quiet, &format!("fingerprint {fingerprint}")))?;
        }
        writeln!(self.out, "  {}", report.replay)
    }

    fn story(&mut self, story: &[StoryLine]) -> fmt::Result {
        const MOST: usize = 60;
        if story.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        for line in story.iter().take(MOST) {
            let at = painted(self.palette.quiet, &format!("{:>12}", stopwatch(line.at)));
            let sentence =
                line.subject().map_or_else(|| line.what.clone(), |subject| format!("{subject} {}", line.what));
            let sentence = if line.fault { painted(self.palette.lizard, &sentence) } else { sentence };
            let to = if line.until > line.at { format!(" (until {})", stopwatch(line.until)) } else { String::new() };
            writeln!(self.out, "{at}  {sentence}{to}")?;
        }
        if story.len() > MOST {
            writeln!(self.out, "{:>12}  and {} more; `lizard replay --log` tells all", "...", story.len() - MOST)?;
        }
        Ok(())
    }

    /// What operators were told; the story has who was asked, in the order of time.
    fn operations(&mut self, operations: &[OperationReport]) -> fmt::Result {
        const MOST: usize = 10;
        if operations.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        for OperationReport { at_seconds, verb, target, answer } in operations.iter().take(MOST) {
            let at = stopwatch(Duration::from_micros((at_seconds * 1e6).round() as u64));
            writeln!(self.out, "  {at:>10}  {verb} for {target}: {}", shortened(answer))?;
        }
        if operations.len() > MOST {
            writeln!(self.out, "  {:>10}  and {} more operations", "...", operations.len() - MOST)?;
        }
        Ok(())
    }

    fn invariants(&mut self, invariants: &[InvariantReport]) -> fmt::Result {
        let Palette { good, bad, quiet, .. } = self.palette;
        writeln!(self.out)?;
        for invariant in invariants {
            let InvariantReport { name, checked, .. } = invariant;
            match invariant.verdict {
                Verdict::Held => {
                    writeln!(self.out, "  {}  {name:<24} {} checked", painted(good, "held    "), counted(*checked))?
                }
                Verdict::Violated => {
                    let times = invariant.violations.len() as u64 + invariant.more_violations;
                    writeln!(
                        self.out,
                        "  {}  {name:<24} {} checked, {} violated",
                        painted(bad, "VIOLATED"),
                        counted(*checked),
                        counted(times)
                    )?;
                }
                Verdict::NotExercised => {}
            }
        }
        for invariant in invariants {
            if let Some(reason) = &invariant.waived {
                writeln!(self.out, "  {}  {:<24} {reason}", painted(quiet, "waived  "), invariant.name)?;
            }
        }
        let idle: Vec<&str> = invariants
            .iter()
            .filter(|invariant| invariant.verdict == Verdict::NotExercised && invariant.waived.is_none())
            .map(|invariant| invariant.name.as_str())
            .collect();
        if !idle.is_empty() {
            writeln!(self.out, "  {}", painted(quiet, &format!("not exercised: {}", idle.join(", "))))?;
        }
        Ok(())
    }

    fn expectations(&mut self, report: &Report) -> fmt::Result {
        let Palette { good, bad, quiet, .. } = self.palette;
        if report.expectations.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        for expectation in &report.expectations {
            let mark = match (expectation.met, report.complete) {
                (true, _) => painted(good, "met     "),
                (false, true) => painted(bad, "NOT MET "),
                (false, false) => painted(quiet, "open    "),
            };
            writeln!(self.out, "  {mark}  {}", expectation.text)?;
        }
        Ok(())
    }

    fn violations(&mut self, invariants: &[InvariantReport]) -> fmt::Result {
        for invariant in invariants {
            for violation in invariant.violations.iter().take(SHOWN) {
                writeln!(self.out)?;
                let at = stopwatch(Duration::from_micros((violation.at_seconds * 1e6).round() as u64));
                writeln!(self.out, "  {} at {at}: {}", painted(self.palette.bad, &invariant.name), violation.message)?;
                for line in &violation.custody {
                    writeln!(self.out, "    {line}")?;
                }
            }
            let more = invariant.violations.len().saturating_sub(SHOWN) as u64 + invariant.more_violations;
            if more > 0 {
                writeln!(self.out, "\n  {} and {} more", painted(self.palette.bad, &invariant.name), counted(more))?;
            }
        }
        Ok(())
    }

    fn numbers(&mut self, report: &Report) -> fmt::Result {
        let messages = &report.messages;
        writeln!(self.out)?;
        write!(
            self.out,
            "  messages  {} offered, {} confirmed, {} received",
            counted(messages.offered),
            counted(messages.confirmed),
            counted(messages.received)
        )?;
        let rest = [
            ("received twice", messages.duplicates),
            ("lost", messages.lost),
            ("on their way", messages.open),
            ("given up", messages.given_up),
            ("indeterminate", messages.indeterminate),
        ];
        for (word, count) in rest {
            if count > 0 || word == "lost" {
                write!(self.out, ", {} {word}", counted(count))?;
            }
        }
        writeln!(self.out)?;
        if let Some(line) = spread(&report.latency_ms) {
            writeln!(self.out, "  latency   {line}")?;
        }
        const MOST: usize = 10;
        let busy: Vec<_> =
            report.clients.iter().filter(|client| client.reconnects > 0 || !client.moves.is_empty()).collect();
        for client in busy.iter().take(MOST) {
            let again = spread(&client.reconnect_ms).map(|line| format!(" ({line})")).unwrap_or_default();
            let moved = match client.moves.len() as u64 {
                0 => String::new(),
                moves => format!(", {}", times(moves, "moved")),
            };
            writeln!(self.out, "  {:<9} {}{again}{moved}", client.name, times(client.reconnects, "reconnected"))?;
        }
        if busy.len() > MOST {
            writeln!(self.out, "            and {} more clients that connected again or moved", busy.len() - MOST)?;
        }
        let speed = format!(
            "{:.1} s of virtual time in {:.0} ms, {} events",
            report.virtual_seconds,
            report.wall_seconds * 1e3,
            counted(report.events)
        );
        writeln!(self.out, "  {}", painted(self.palette.quiet, &speed))
    }
}

fn times(count: u64, verb: &str) -> String {
    match count {
        1 => format!("{verb} once"),
        2 => format!("{verb} twice"),
        _ => format!("{verb} {} times", counted(count)),
    }
}

fn spread(percentiles: &Percentiles) -> Option<String> {
    let (p50, p99, max) = (percentiles.p50?, percentiles.p99?, percentiles.max?);
    Some(format!("half within {}, 99% within {}, longest {}", span(p50), span(p99), span(max)))
}

fn span(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1e3) }
}

/// Cuts an answer that would not fit a line.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Writes a number with commas between thousands.
pub(super) fn counted(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
