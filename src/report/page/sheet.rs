//! What stands on the page as it is: verdicts, numbers, the story, tables. The template escapes it.
use super::super::chapter::{Lens, PitfallWay, Standing};
use super::super::summary::{ExpectationReport, InvariantReport, MessageCounts, Percentiles, Report, Verdict};
use super::super::text::{counted, stopwatch};
use super::super::visible::visible;
use super::fates::Fates;
use super::phrases::shortened;
use crate::custody::Open;
use crate::history::{DestinationId, MessageId, Roster};
use crate::invariant;
use serde::Serialize;
use std::time::Duration;

/// Lines of the story, operations and clients that are told: more nobody reads, and `report.json` has them.
const MOST_LINES: usize = 300;
const MOST_CLIENTS: usize = 50;

/// What the tables are made of.
pub(super) struct Tables {
    pub(super) lost: Vec<(MessageId, DestinationId, Open)>,
    pub(super) all_lost: u64,
    pub(super) fates: Fates,
    /// Messages and operations, and what lies on lanes, that are not drawn.
    pub(super) left_out: (u64, u64),
}

#[derive(Serialize)]
pub(super) struct Sheet {
    pub(super) title: String,
    class: &'static str,
    verdict: &'static str,
    /// Of a pitfall: what this one of its runs is there for, and why it did not show that.
    meant: Option<String>,
    stopped: Option<String>,
    scenario: String,
    file: String,
    seed: u64,
    version: &'static str,
    plan: String,
    fingerprint: String,
    replay: String,
    numbers: Vec<Number>,
    violations: Vec<Broken>,
    invariants: Vec<Judged>,
    /// Not exercised and not waived.
    idle: Vec<String>,
    expectations: Vec<Judged>,
    story: Vec<Line>,
    operations: Vec<Line>,
    clients: Vec<Client>,
    tables: Vec<Table>,
    left_out: Vec<String>,
}

#[derive(Serialize)]
struct Number {
    label: &'static str,
    value: String,
    class: &'static str,
}

#[derive(Serialize)]
struct Broken {
    /// Its place among the violations of the data.
    index: usize,
    invariant: String,
    at: String,
    text: String,
}

#[derive(Serialize)]
struct Judged {
    class: &'static str,
    word: &'static str,
    name: String,
    about: String,
    checked: String,
    more: String,
}

#[derive(Serialize)]
struct Line {
    seconds: f64,
    at: String,
    text: String,
    class: &'static str,
}

#[derive(Serialize)]
struct Client {
    name: String,
    reconnects: u64,
    within: String,
    moves: String,
}

#[derive(Serialize)]
struct Table {
    heading: &'static str,
    count: String,
    about: String,
    columns: [&'static str; 4],
    rows: Vec<Row>,
    more: u64,
    none: &'static str,
}

#[derive(Serialize)]
struct Row {
    /// As the data's trails begin.
    message: String,
    name: String,
    cells: [String; 3],
}

impl Sheet {
    pub(super) fn new(roster: &Roster, lens: Lens<'_>, tables: Tables) -> Self {
        let Lens { report, way } = lens;
        let told = |text: &str| visible(text).into_owned();
        let clock = |seconds: f64| stopwatch(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        let violations = report.invariants.iter().flat_map(|invariant| {
            let name = told(&invariant.name);
            invariant.violations.iter().map(move |violation| (name.clone(), violation))
        });
        let operations = report.operations.iter().take(MOST_LINES).map(|operation| Line {
            seconds: operation.at_seconds,
            at: clock(operation.at_seconds),
            text: told(&shortened(&format!("{} for {}: {}", operation.verb, operation.target, operation.answer))),
            class: "",
        });
        Self {
            title: told(&report.scenario),
            class: if lens.passed() { "passed" } else { "failed" },
            verdict: match (lens.passed(), way) {
                (true, Some(_)) => "As it should be",
                (true, None) => "Passed",
                (false, _) => "Failed",
            },
            meant: way.map(|way| told(&meant(way))),
            stopped: (!report.complete).then(|| clock(report.virtual_seconds)),
            scenario: told(&report.scenario),
            file: told(&report.file),
            seed: report.seed,
            version: report.version,
            plan: report.plan_hash.clone(),
            fingerprint: report.fingerprint.clone().unwrap_or_default(),
            replay: told(&report.replay),
            numbers: numbers(report),
            violations: violations
                .enumerate()
                .map(|(index, (invariant, violation))| Broken {
                    index,
                    invariant,
                    at: clock(violation.at_seconds),
                    text: told(&violation.message),
                })
                .collect(),
            invariants: judged(lens),
            idle: report.invariants.iter().filter(is_idle).map(|one| told(&one.name)).collect(),
            expectations: report.expectations.iter().map(|one| expected(lens, one)).collect(),
            story: story(report),
            operations: operations.collect(),
            clients: clients(report),
            left_out: left_out(report, &tables),
            tables: written(roster, report.complete, &tables),
        }
    }
}

fn numbers(report: &Report) -> Vec<Number> {
    let MessageCounts { offered, confirmed, received, duplicates, lost, open, given_up, indeterminate } =
        report.messages;
    let plain = |label, value: String| Number { label, value, class: "" };
    let count = |label, count: u64| plain(label, counted(count));
    let mut numbers = vec![count("offered", offered), count("confirmed", confirmed), count("received", received)];
    numbers.push(Number { class: if lost > 0 { "failed" } else { "" }, ..count("lost", lost) });
    numbers.push(count("received twice", duplicates));
    let seldom = [("on their way", open), ("given up", given_up), ("indeterminate", indeterminate)];
    numbers.extend(seldom.iter().filter(|(_, n)| *n > 0).map(|(label, n)| count(label, *n)));
    let Percentiles { p50, p99, max } = report.latency_ms;
    let latency = [("latency, half within", p50), ("99% within", p99), ("longest", max)];
    numbers.extend(latency.iter().filter_map(|(label, ms)| ms.map(|ms| plain(label, span(ms)))));
    let over = Duration::try_from_secs_f64(report.virtual_seconds).unwrap_or_default();
    numbers.push(plain("virtual time", stopwatch(over)));
    numbers
}

fn is_idle(invariant: &&InvariantReport) -> bool {
    invariant.verdict == Verdict::NotExercised && invariant.waived.is_none()
}

/// Which of a pitfall's runs it is, what it is there to show, and why it did not.
fn meant(PitfallWay { name, wanted, wrong, .. }: &PitfallWay) -> String {
    let aim = match wanted.as_slice() {
        [] => "everything is to hold".to_owned(),
        [one] => format!("{one} is to be violated"),
        [one, also @ ..] => format!("{one} is to be violated, {} may be", also.join(", ")),
    };
    match wrong {
        None => format!("{name} of a pitfall: {aim}"),
        Some(why) => format!("{name} of a pitfall: {aim}; {why}"),
    }
}

fn judged(lens: Lens<'_>) -> Vec<Judged> {
    let rank = |invariant: &&InvariantReport| match invariant.verdict {
        Verdict::Violated => 0,
        Verdict::Held => 1,
        Verdict::NotExercised => 2,
    };
    let mut ranked: Vec<&InvariantReport> =
        lens.report.invariants.iter().filter(|invariant| !is_idle(invariant)).collect();
    ranked.sort_by_key(rank);
    let one = |invariant: &&InvariantReport| {
        let (class, word) = match lens.invariant(invariant) {
            Standing::Good => ("passed", "held"),
            Standing::Wanted => ("passed", "violated, as it should be"),
            Standing::Bad => ("failed", "violated"),
            Standing::Idle(_) => ("quiet", "waived"),
        };
        let about = invariant::find(&invariant.name).map_or("", |registration| registration.holds_when);
        let times = invariant.violations.len() as u64 + invariant.more_violations;
        Judged {
            class,
            word,
            name: visible(&invariant.name).into_owned(),
            about: visible(invariant.waived.as_deref().unwrap_or(about)).into_owned(),
            checked: counted(invariant.checked),
            more: if times > 0 { format!("{} times", counted(times)) } else { String::new() },
        }
    };
    ranked.iter().map(one).collect()
}

fn expected(lens: Lens<'_>, expectation: &ExpectationReport) -> Judged {
    let (class, word, about) = match lens.expectation(expectation) {
        Standing::Good | Standing::Wanted => ("passed", "met", String::new()),
        Standing::Bad => ("failed", "not met", String::new()),
        Standing::Idle(reason) => ("quiet", "open", reason),
    };
    let name = visible(&expectation.text).into_owned();
    Judged { class, word, name, about, checked: String::new(), more: String::new() }
}

fn story(report: &Report) -> Vec<Line> {
    let line = |line: &super::super::StoryLine| {
        let text = line.subject().map_or_else(|| line.what.clone(), |subject| format!("{subject} {}", line.what));
        Line {
            seconds: line.at.as_secs_f64(),
            at: stopwatch(line.at),
            text: visible(&text).into_owned(),
            class: if line.fault { "fault" } else { "" },
        }
    };
    report.story.iter().take(MOST_LINES).map(line).collect()
}

fn clients(report: &Report) -> Vec<Client> {
    let busy = report.clients.iter().filter(|client| client.reconnects > 0 || !client.moves.is_empty());
    let client = |client: &super::super::ClientReport| Client {
        name: visible(&client.name).into_owned(),
        reconnects: client.reconnects,
        within: client.reconnect_ms.max.map(span).unwrap_or_default(),
        moves: visible(&moves(client)).into_owned(),
    };
    busy.take(MOST_CLIENTS).map(client).collect()
}

fn moves(client: &super::super::ClientReport) -> String {
    const MOST: usize = 8;
    let first = client.moves.first().map(|moved| moved.from.clone());
    let places = first.into_iter().chain(client.moves.iter().take(MOST).map(|moved| moved.to.clone()));
    let way = places.collect::<Vec<_>>().join(" → ");
    if client.moves.len() > MOST { format!("{way} → …") } else { way }
}

fn written(roster: &Roster, complete: bool, tables: &Tables) -> Vec<Table> {
    let id = |message: MessageId| format!("0:{}:{}", message.producer.0, message.number);
    let name = |message: MessageId| visible(&roster.message(message)).into_owned();
    let place = |destination: DestinationId| visible(roster.destination_name(destination)).into_owned();
    let row = |message, cells| Row { message: id(message), name: name(message), cells };
    let Tables { lost, all_lost, fates, .. } = tables;
    let lost_rows = lost.iter().map(|(message, destination, open)| {
        let confirmed = open.confirmed_at.map_or("never".to_owned(), stopwatch);
        row(*message, [place(*destination), stopwatch(open.offered_at), confirmed])
    });
    let twice_rows = fates.twice.iter().map(|twice| {
        let cause = if twice.caused { "trouble on its way" } else { "none" };
        row(twice.message, [place(twice.destination), stopwatch(twice.at), cause.to_owned()])
    });
    let late_rows = fates.late.iter().rev().map(|late| {
        let took = span(late.took.as_micros() as f64 / 1e3);
        row(late.message, [place(late.destination), stopwatch(late.at), took])
    });
    let given_up = fates.given_up.iter().map(|one| {
        let why = visible(one.why).into_owned();
        row(one.message, [String::new(), stopwatch(one.at), why])
    });
    let table = |heading, all: u64, rows: Vec<Row>, columns, about: &str, none| Table {
        heading,
        count: counted(all),
        about: about.to_owned(),
        columns,
        more: all - rows.len() as u64,
        rows,
        none,
    };
    let (heading, about) = match complete {
        true => ("Lost", "Owed to a destination and never received there."),
        false => ("On their way", "Owed to a destination and not received there when the run was stopped."),
    };
    let mut written = vec![
        table(heading, *all_lost, lost_rows.collect(), ["message", "owed to", "offered", "confirmed"], about, "None."),
        table(
            "Received twice",
            fates.all_twice,
            twice_rows.collect(),
            ["message", "by", "again at", "cause"],
            "A second receipt is no harm where its own way was disturbed.",
            "None.",
        ),
        table(
            "Late",
            fates.all_late,
            late_rows.collect(),
            ["message", "for", "received", "took"],
            "More than 1 s from offered to received, the latest first.",
            "None took more than 1 s.",
        ),
    ];
    if fates.all_given_up > 0 {
        let columns = ["message", "", "at", "why"];
        let about = "The client told its application that it will not deliver them.";
        written.push(table("Given up", fates.all_given_up, given_up.collect(), columns, about, "None."));
    }
    written
}

/// Says what is not on the page, and where it is.
fn left_out(report: &Report, tables: &Tables) -> Vec<String> {
    let mut said = Vec::new();
    let (trails, marks) = tables.left_out;
    if trails > 0 {
        said.push(format!(
            "The diagram shows a sample: {} messages and operations are not drawn, evenly chosen. Violations and their custody, and \
             every message of the tables, are. The numbers, charts and tables count all.",
            counted(trails)
        ));
    }
    if marks > 0 {
        said.push(format!("{} sessions and marks on lanes are not drawn, evenly chosen.", counted(marks)));
    }
    if report.story.len() > MOST_LINES {
        let more = (report.story.len() - MOST_LINES) as u64;
        said.push(format!("The story has {} more lines.", counted(more)));
    }
    if report.operations.len() > MOST_LINES {
        let more = (report.operations.len() - MOST_LINES) as u64;
        said.push(format!("{} more operations are in report.json.", counted(more)));
    }
    let busy = report.clients.iter().filter(|client| client.reconnects > 0 || !client.moves.is_empty()).count();
    if busy > MOST_CLIENTS {
        let more = (busy - MOST_CLIENTS) as u64;
        said.push(format!("{} more clients connected again or moved; report.json has them.", counted(more)));
    }
    let more: u64 = report.invariants.iter().map(|invariant| invariant.more_violations).sum();
    if more > 0 {
        said.push(format!("{} more violations were counted; a run keeps the first of each invariant.", counted(more)));
    }
    if !said.is_empty() {
        said.push("history.jsonl beside this page has everything.".to_owned());
    }
    said
}

fn span(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1e3) }
}
