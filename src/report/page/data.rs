//! What the page's scripts draw from, as one JSON object. Times are microseconds, hosts and phrases places in lists.
use super::super::Report;
use super::curves::Drawn;
use super::fates::LATE;
use super::marks::{Down, Laid, Mark, Session, micros};
use super::phrases::{Phrase, Phrases};
use super::trail::{Note, Step, Subject, Trail};
use crate::history::{Directory, Entry, Name, Roster};
use crate::scenario::PlannedFault;
use lizard_sim::Spot;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Numbers before the steps of a trail.
const HEAD: usize = 5;

#[derive(Default, Serialize)]
pub(super) struct Data {
    end: u64,
    /// When every fault has ended and producers stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    settling: Option<u64>,
    late: u64,
    complete: bool,
    /// The roster's hosts, and after them what else has a name.
    hosts: Vec<Name>,
    /// Of the roster's hosts: their sites, as places in `sites`.
    at: Vec<u32>,
    sites: Vec<Name>,
    producers: Vec<Name>,
    /// Those that have a trail.
    operations: BTreeMap<u32, String>,
    phrases: Vec<Phrase>,
    /// Each `[0, producer, number, ...]` of a message or `[1, operation, 0, ...]`, then its [`Note`], how many steps were
    /// left out, and then for each step the time since the one before, the host, the phrase.
    trails: Vec<Vec<u64>>,
    faults: Vec<DrawnFault>,
    /// `[at, host, kind, text]`
    marks: Vec<(u64, u32, &'static str, String)>,
    /// `[host, service, from, until, how it ended]`
    sessions: Vec<(u32, u32, u64, u64, &'static str)>,
    /// `[host, from, until, why]`
    downs: Vec<(u32, u64, u64, &'static str)>,
    violations: Vec<Broken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    curves: Option<Drawn>,
}

#[derive(Serialize)]
struct DrawnFault {
    kind: String,
    from: u64,
    until: u64,
    text: String,
    /// Hosts and sites that it happens to, and pairs that it happens between.
    places: Vec<String>,
    between: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Broken {
    invariant: String,
    at: u64,
    text: String,
    /// The message, as trails begin: `[0, producer, number]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<[u64; 3]>,
    /// As the steps of a trail.
    custody: Vec<u64>,
    /// In words, where there are no steps.
    lines: Vec<String>,
}

impl Data {
    pub(super) fn new(roster: &Roster, report: &Report, end: Duration, settling: Option<Duration>) -> Self {
        let mut sites: Vec<Name> = Vec::new();
        let mut at = Vec::new();
        for machine in &roster.machines {
            let known = sites.iter().position(|site| *site == machine.site);
            at.push(known.unwrap_or(sites.len()) as u32);
            if known.is_none() {
                sites.push(machine.site.clone());
            }
        }
        Self {
            end: micros(end),
            settling: settling.map(micros),
            late: micros(LATE),
            complete: report.complete,
            at,
            sites,
            producers: roster.producers.iter().map(|producer| producer.name.clone()).collect(),
            ..Self::default()
        }
    }

    /// Adds what was done to the world before it ended.
    pub(super) fn with_faults(mut self, faults: &[PlannedFault], end: Duration) -> Self {
        let happened = faults.iter().filter(|fault| fault.at <= end);
        self.faults = happened.map(|fault| drawn(fault, end)).collect();
        self.faults.sort_by_key(|fault| fault.from);
        self
    }

    /// Adds the violations with all that is known of them.
    pub(super) fn with_custody(
        mut self,
        roster: &Roster,
        directory: &Directory,
        report: &Report,
        phrases: &mut Phrases,
    ) -> Self {
        let mut step = |Entry { at, host, event }: &Entry| {
            let host = phrases.host(directory, host);
            let phrase = match event.message() {
                Some(message) => phrases.of_message(roster, event, message, None),
                None => phrases.told(roster, event, None),
            };
            Step { at: *at, host, phrase }
        };
        for invariant in &report.invariants {
            for violation in &invariant.violations {
                let steps: Vec<Step> = violation.entries.iter().map(&mut step).collect();
                let at = Duration::try_from_secs_f64(violation.at_seconds).unwrap_or_default();
                self.violations.push(Broken {
                    invariant: invariant.name.clone(),
                    at: micros(at),
                    text: violation.message.clone(),
                    about: violation.about.map(|about| [0, u64::from(about.producer.0), about.number]),
                    lines: if steps.is_empty() { violation.custody.clone() } else { Vec::new() },
                    custody: flat(&steps),
                });
            }
        }
        self
    }

    pub(super) fn with_trails(mut self, roster: &Roster, trails: Vec<(Subject, Note, Trail)>) -> Self {
        for (subject, ..) in &trails {
            if let Subject::Operation(operation) = subject {
                self.operations.insert(operation.0, roster.operation(*operation));
            }
        }
        let trail = |(subject, note, trail): (Subject, Note, Trail)| {
            let [kind, whose, number] = match subject {
                Subject::Message(message) => [0, u64::from(message.producer.0), message.number],
                Subject::Operation(operation) => [1, u64::from(operation.0), 0],
            };
            let mut written = vec![kind, whose, number, u64::from(note.bits()), trail.more];
            debug_assert_eq!(written.len(), HEAD);
            written.extend(flat(&trail.steps));
            written
        };
        self.trails = trails.into_iter().map(trail).collect();
        self
    }

    pub(super) fn with_lanes(self, laid: Laid, curves: Drawn) -> Self {
        let mark = |Mark { at, host, kind, text }| (at, host, kind, text);
        let session = |Session { host, with, from, until, ended }| (host, with, from, until, ended);
        let down = |Down { host, from, until, why }| (host, from, until, why);
        Self {
            marks: laid.marks.into_iter().map(mark).collect(),
            sessions: laid.sessions.into_iter().map(session).collect(),
            downs: laid.downs.into_iter().map(down).collect(),
            curves: Some(curves),
            ..self
        }
    }

    /// Adds the lists that everything else refers to, when nothing more will. Of the phrases those that are said.
    pub(super) fn with_phrases(mut self, phrases: Phrases) -> Self {
        let (all, hosts) = phrases.into_parts();
        let mut kept: Vec<Option<u64>> = vec![None; all.len()];
        let trails = self.trails.iter_mut().map(|trail| &mut trail[HEAD..]);
        let custodies = self.violations.iter_mut().map(|violation| &mut violation.custody[..]);
        for phrase in trails.chain(custodies).flat_map(|steps| steps.iter_mut().skip(2).step_by(3)) {
            let known = &mut kept[*phrase as usize];
            if known.is_none() {
                *known = Some(self.phrases.len() as u64);
                self.phrases.push(all[*phrase as usize].clone());
            }
            *phrase = known.unwrap_or_default();
        }
        Self { hosts, ..self }
    }
}

fn flat(steps: &[Step]) -> Vec<u64> {
    let mut before = 0;
    let mut flat = Vec::with_capacity(steps.len() * 3);
    for step in steps {
        let at = micros(step.at);
        // Custody is in the order of time; a trail is sorted.
        flat.extend([at.saturating_sub(before), u64::from(step.host), u64::from(step.phrase)]);
        before = at;
    }
    flat
}

fn drawn(fault: &PlannedFault, end: Duration) -> DrawnFault {
    let mut places: Vec<String> = Vec::new();
    let mut between: Vec<(String, String)> = Vec::new();
    for step in &fault.steps {
        match step.fault.spot() {
            Spot::At(place) if !places.iter().any(|known| known == place) => places.push(place.to_owned()),
            Spot::Between(from, to) if !between.iter().any(|(a, b)| a == from && b == to) => {
                between.push((from.to_owned(), to.to_owned()));
            }
            Spot::At(_) | Spot::Between(..) => {}
        }
    }
    let lasting = if fault.kind == "start" { fault.at } else { end };
    let until = fault.until.unwrap_or(lasting).clamp(fault.at, end.max(fault.at));
    let (from, until) = (micros(fault.at), micros(until));
    DrawnFault { kind: fault.kind.clone(), from, until, text: fault.text.clone(), places, between }
}
