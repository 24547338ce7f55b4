//! The report as Markdown (`summary.md`), for the page that a CI job has.
//!
//! Written for GitHub's dialect; GitLab's and plain CommonMark read the same. Whatever comes from files and networks is
//! escaped, so that no name becomes a tag, a link, a formula or the end of a table.
use super::chapter::{Chapter, Reading, Standing};
use super::hunt::HuntReport;
use super::hunted;
use super::summary::{InvariantReport, Report, Verdict};
use super::text::{counted, stopwatch};
use super::visible::visible;
use std::fmt::Write;
use std::time::Duration;

/// Violations of one invariant that are told with their custody.
const SHOWN: usize = 3;

/// Writes the summary of all runs, in at most about `room` bytes: what has no room is counted, and runs that failed come
/// before those that passed. (GitHub takes 1 MiB a step, and nothing of what is longer; GitHub docs, "Workflow commands".)
pub fn to_markdown(chapters: &[Chapter], hunt: Option<&HuntReport>, room: usize) -> String {
    let mut out = match hunt {
        Some(hunt) => format!("## Giant Lizard: {}\n", hunted::heading(hunt)),
        None => heading(chapters),
    };
    out += &hunt.map(hunted::block).filter(|block| block.len() <= room / 2).unwrap_or_default();
    if chapters.len() > 1 {
        out += &overview(chapters, room / 2);
    }
    let (passed, failed): (Vec<&Chapter>, Vec<&Chapter>) =
        chapters.iter().partition(|chapter| chapter.reading() == Reading::Passed);
    let mut left_out = 0;
    for chapter in failed.into_iter().chain(passed) {
        let section = section(chapter, chapters.len() == 1);
        if out.len() + section.len() > room {
            left_out += 1;
        } else {
            out += &section;
        }
    }
    if left_out > 0 {
        out += &format!("\n{left_out} more had no room here; the report's folder has all.\n");
    }
    out
}

fn heading(chapters: &[Chapter]) -> String {
    let failed = chapters.iter().filter(|chapter| chapter.reading() != Reading::Passed).count();
    match (chapters, failed) {
        ([one], _) => format!("## Giant Lizard: {}\n", one.reading()),
        (all, 0) => format!("## Giant Lizard: all {} runs passed\n", all.len()),
        (all, failed) => format!("## Giant Lizard: {failed} of {} runs FAILED\n", all.len()),
    }
}

/// A line for each run, as far as there is room.
fn overview(chapters: &[Chapter], room: usize) -> String {
    let mut out = "\n| run | seed | verdict | violated |\n| --- | ---: | --- | --- |\n".to_owned();
    for (told, chapter) in chapters.iter().enumerate() {
        let violated: Vec<String> = match &chapter.shown {
            Ok(report) => broken(report).map(|invariant| inline(&invariant.name)).collect(),
            Err(_) => Vec::new(),
        };
        let (title, violated) = (inline(&chapter.title()), violated.join(", "));
        let line = format!("| {title} | {} | {} | {violated} |\n", chapter.seed, mark(chapter.reading()));
        if out.len() + line.len() > room {
            return out + &format!("\nand {} more\n", chapters.len() - told);
        }
        out += &line;
    }
    out
}

/// One run. `open`: it is the only one, so nothing of it is folded away but custody.
fn section(chapter: &Chapter, open: bool) -> String {
    let mut out = format!("\n### {}, seed {}: {}\n", inline(&chapter.title()), chapter.seed, mark(chapter.reading()));
    // Writing into a string cannot fail.
    let _ = match &chapter.shown {
        Ok(report) => tell(&mut out, chapter, report, open),
        Err(why) => writeln!(out, "\nGiant Lizard itself failed: {}", inline(why)),
    };
    out
}

fn tell(out: &mut String, chapter: &Chapter, report: &Report, open: bool) -> std::fmt::Result {
    if let Some(why) = chapter.way.as_ref().and_then(|way| way.wrong.as_ref()) {
        writeln!(out, "\n{}", inline(why))?;
    }
    if !report.complete {
        let at = stopwatch(Duration::try_from_secs_f64(report.virtual_seconds).unwrap_or_default());
        writeln!(out, "\nStopped at {at}: what was open then is not judged.")?;
    }
    let fold = !open && chapter.reading() == Reading::Passed;
    if fold {
        writeln!(out, "\n<details><summary>invariants, numbers, custody</summary>")?;
    }
    invariants(out, chapter, report)?;
    expectations(out, chapter, report)?;
    numbers(out, report)?;
    for invariant in broken(report) {
        violations(out, invariant)?;
    }
    if fold {
        writeln!(out, "\n</details>")?;
    }
    writeln!(out, "\n{}", fenced("sh", &visible(&report.replay)))
}

fn invariants(out: &mut String, chapter: &Chapter, report: &Report) -> std::fmt::Result {
    writeln!(out, "\n| invariant | verdict | checked |\n| --- | --- | ---: |")?;
    for invariant in &report.invariants {
        let verdict = match chapter.lens(report).invariant(invariant) {
            Standing::Good => "✅ held".to_owned(),
            Standing::Wanted => "✅ violated, as it should be".to_owned(),
            Standing::Bad => "❌ **violated**".to_owned(),
            Standing::Idle(why) => inline(&why),
        };
        writeln!(out, "| {} | {verdict} | {} |", inline(&invariant.name), counted(invariant.checked))?;
    }
    Ok(())
}

fn expectations(out: &mut String, chapter: &Chapter, report: &Report) -> std::fmt::Result {
    if report.expectations.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| expected | |\n| --- | --- |")?;
    for expectation in &report.expectations {
        let standing = match chapter.lens(report).expectation(expectation) {
            Standing::Good | Standing::Wanted => "✅ met".to_owned(),
            Standing::Bad => "❌ **not met**".to_owned(),
            Standing::Idle(why) => inline(&why),
        };
        writeln!(out, "| {} | {standing} |", inline(&expectation.text))?;
    }
    Ok(())
}

fn numbers(out: &mut String, report: &Report) -> std::fmt::Result {
    let messages = &report.messages;
    writeln!(
        out,
        "\n{} messages offered, {} confirmed, {} received, {} received twice, {} lost, {} given up; {:.1} s of virtual time.",
        counted(messages.offered),
        counted(messages.confirmed),
        counted(messages.received),
        counted(messages.duplicates),
        counted(messages.lost),
        counted(messages.given_up),
        report.virtual_seconds,
    )
}

fn violations(out: &mut String, invariant: &InvariantReport) -> std::fmt::Result {
    for violation in invariant.violations.iter().take(SHOWN) {
        let at = stopwatch(Duration::try_from_secs_f64(violation.at_seconds).unwrap_or_default());
        let (name, message) = (in_tag(&invariant.name), in_tag(&violation.message));
        // No empty line inside: it would end the tags' block, and what follows would be read as Markdown.
        writeln!(out, "\n<details><summary><b>{name}</b> at {at}: {message}</summary>\n<pre>")?;
        for line in &violation.custody {
            writeln!(out, "{}", if line.trim().is_empty() { "&#32;".into() } else { in_tag(line) })?;
        }
        writeln!(out, "</pre>\n</details>")?;
    }
    let more = invariant.violations.len().saturating_sub(SHOWN) as u64 + invariant.more_violations;
    if more > 0 {
        writeln!(out, "\nand {} more violations of {}", counted(more), inline(&invariant.name))?;
    }
    Ok(())
}

fn broken(report: &Report) -> impl Iterator<Item = &InvariantReport> {
    report.invariants.iter().filter(|invariant| invariant.verdict == Verdict::Violated)
}

fn mark(reading: Reading) -> &'static str {
    match reading {
        Reading::Passed => "✅ passed",
        Reading::Failed => "❌ **FAILED**",
        Reading::NotJudged => "⚠️ **NOT JUDGED**",
    }
}

/// Escapes for the running text and for tables.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in visible(text).chars() {
        match c {
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '!' => out.extend(['\\', c]),
            // Neither people nor issues are meant.
            '@' => out += "&#64;",
            c => out.push(c),
        }
    }
    out
}

/// Escapes for inside of tags, where nothing but tags means anything.
fn in_tag(text: &str) -> String {
    visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A block of code, fenced by more backticks than stand in it.
pub(super) fn fenced(language: &str, code: &str) -> String {
    let code: Vec<_> = code.lines().map(visible).collect();
    let code = code.join("\n");
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{code}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{chapter, failing, hostile, passing};
    use super::*;

    const ROOM: usize = 1 << 20;

    #[test]
    fn a_failing_run_has_its_verdicts_custody_and_replay_line() {
        insta::assert_snapshot!(to_markdown(&[chapter(failing())], None, ROOM));
    }

    #[test]
    fn many_runs_begin_with_a_table_and_those_that_failed() {
        let broken = Chapter { shown: Err("hub-a panicked at 3s: no".into()), ..chapter(passing()) };
        insta::assert_snapshot!(to_markdown(&[chapter(passing()), chapter(failing()), broken], None, ROOM));
    }

    #[test]
    fn hostile_names_and_payloads_become_no_tag_no_link_and_no_cell() {
        let markdown = to_markdown(&[chapter(hostile())], None, ROOM);
        assert!(!markdown.contains('\u{202e}'), "{markdown}");
        // A fence longer than any in the name keeps everything in it.
        let (text, code) = markdown.split_once("\n````sh\n").expect("a fence");
        assert!(code.ends_with("\n````\n") && code.matches("````").count() == 1, "{code}");
        for tag in text.split('<').skip(1) {
            let ours = ["details>", "/details>", "summary>", "/summary>", "b>", "/b>", "pre>", "/pre>"];
            assert!(ours.iter().any(|ours| tag.starts_with(ours)), "<{tag}");
        }
        assert_eq!((text.matches("<pre>").count(), text.matches("</pre>").count()), (1, 1), "{text}");
        let outside = text.split("<details>").next().unwrap_or_default();
        assert!(outside.contains(r"\[a\](javascript:alert(1))\`\`\`") && !outside.contains("[a]("), "{outside}");
        for table in text.lines().filter(|line| line.starts_with('|')) {
            let cells = table.replace(r"\|", "").matches('|').count();
            assert!(cells == 3 || cells == 4, "{table}");
        }
        // Every block of tags is closed where it should be: an empty line inside would open it to Markdown.
        for block in text.split("<details>").skip(1) {
            let block = block.split("</details>").next().unwrap_or_default();
            assert!(!block.contains("\n\n"), "{block}");
        }
    }

    #[test]
    fn what_has_no_room_is_counted_and_the_failures_come_first() {
        let mut chapters = vec![chapter(passing()); 50];
        chapters.push(chapter(failing()));
        let markdown = to_markdown(&chapters, None, 5_000);
        assert!(markdown.len() < 5_200, "{}", markdown.len());
        assert!(markdown.contains("1 of 51 runs FAILED") && markdown.contains("<details><summary><b>"), "{markdown}");
        assert!(markdown.contains(" more had no room here") && markdown.contains("\nand "), "{markdown}");
    }
}
