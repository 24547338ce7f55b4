//! The run as a Chrome trace (`trace.json`), which opens in Perfetto: sites are processes, hosts their threads.
//!
//! - What happens at a host is a short slice on its thread; a machine without power, or frozen, is a long one.
//! - A message is an arrow from where it was offered to where each destination received it, an operation one from where
//!   it was asked for to where it was carried out.
//! - A session is a span of its client's site. Faults and violations are slices of the process `the world`.
//!
//! It is written while the run goes: what is kept is what is open. [`event`] is the format, [`thread`] a host's slices,
//! [`lanes`] lays faults out.

mod event;
mod lanes;
#[cfg(test)]
mod tests;
mod thread;

use super::log::{of_cause, words};
use super::{Report, ViolationReport};
use crate::history::{DestinationId, Entry, Event, MessageId, Name, OperationId, Power, Roster, Witness};
use crate::scenario::{Plan, PlannedFault};
use event::{Local, TraceEvent, TraceFile, micros, phase};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::mem;
use std::time::Duration;
use thread::{Arrow, BRIEF, Brief, Thread};

/// The process that is no site. Sites follow, and after them the threads, so that no two numbers are alike.
const WORLD: u32 = 1;

/// Writes a trace of what it sees.
#[derive(Debug)]
pub struct Trace<W> {
    file: TraceFile<W>,
    roster: Roster,
    faults: Vec<PlannedFault>,
    threads: BTreeMap<Name, Thread>,
    world: Thread,
    next_thread: u32,
    sessions: BTreeMap<SessionKey, Session>,
    sessions_begun: u64,
    arrows: BTreeSet<u64>,
    now: Duration,
}

/// Sessions are numbered by their client; two services may have the same one open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SessionKey {
    host: Name,
    client: Name,
    service: Name,
    session: u64,
}

#[derive(Debug)]
struct Session {
    id: u64,
    name: String,
    pid: u32,
    tid: u32,
}

impl<W: Write> Trace<W> {
    /// Begins the file: names every site and host.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn begin(out: W, plan: &Plan) -> io::Result<Self> {
        let about = json!({
            "scenario": plan.scenario,
            "file": plan.file.display().to_string(),
            "seed": plan.seed,
            "plan": plan.hash().to_string(),
            "version": env!("CARGO_PKG_VERSION"),
        });
        let mut sites: Vec<&Name> = Vec::new();
        for machine in &plan.roster.machines {
            if !sites.contains(&&machine.site) {
                sites.push(&machine.site);
            }
        }
        let first_thread = WORLD + sites.len() as u32 + 1;
        let mut trace = Self {
            file: TraceFile::begin(out, &about)?,
            roster: plan.roster.clone(),
            faults: plan.faults.clone(),
            threads: BTreeMap::new(),
            world: Thread::new(WORLD, first_thread),
            next_thread: first_thread + 1,
            sessions: BTreeMap::new(),
            sessions_begun: 0,
            arrows: BTreeSet::new(),
            now: Duration::ZERO,
        };
        trace.name_process(WORLD, "the world");
        trace.name_thread(WORLD, first_thread, "the world");
        for (site, pid) in sites.iter().zip(WORLD + 1..) {
            trace.name_process(pid, site);
        }
        for machine in &plan.roster.machines {
            let site = sites.iter().position(|site| **site == machine.site).unwrap_or_default() as u32;
            let (pid, tid) = (WORLD + 1 + site, trace.new_thread());
            trace.name_thread(pid, tid, &machine.name);
            trace.threads.insert(machine.name.clone(), Thread::new(pid, tid));
        }
        Ok(trace)
    }

    /// Ends what is open, lays out faults and violations, and gives the writer back. `report`: none of a run that ended
    /// in an error.
    ///
    /// # Errors
    /// The first error of the writer, whenever it was.
    pub fn finish(mut self, report: Option<&Report>) -> io::Result<W> {
        let over = report.and_then(|report| Duration::try_from_secs_f64(report.virtual_seconds).ok());
        let end = self.now.max(over.unwrap_or_default());
        for thread in self.threads.values_mut().chain([&mut self.world]) {
            thread.goes_on(end + BRIEF, &mut self.file);
            thread.is_up(end + BRIEF, &mut self.file);
        }
        for session in mem::take(&mut self.sessions).into_values() {
            self.end_session(&session, end, "the run is over");
        }
        self.write_faults(end);
        self.write_violations(report);
        self.file.finish()
    }

    fn new_thread(&mut self) -> u32 {
        self.next_thread += 1;
        self.next_thread - 1
    }

    fn name_process(&mut self, pid: u32, name: &str) {
        let event = TraceEvent { ph: phase::METADATA, pid, ..TraceEvent::default() };
        self.file.write(&TraceEvent { name: "process_name", args: Some(json!({ "name": name })), ..event.clone() });
        self.file.write(&TraceEvent { name: "process_sort_index", args: Some(json!({ "sort_index": pid })), ..event });
    }

    fn name_thread(&mut self, pid: u32, tid: u32, name: &str) {
        let event = TraceEvent { ph: phase::METADATA, pid, tid, ..TraceEvent::default() };
        self.file.write(&TraceEvent { name: "thread_name", args: Some(json!({ "name": name })), ..event.clone() });
        self.file.write(&TraceEvent { name: "thread_sort_index", args: Some(json!({ "sort_index": tid })), ..event });
    }

    /// A slice on the thread of a host, or of the world for what is no host.
    fn brief(&mut self, entry: &Entry, cat: &'static str, arrow: Option<Arrow>) {
        let name = words(&self.roster, &entry.event);
        let thread = self.threads.get_mut(&entry.host).unwrap_or(&mut self.world);
        thread.happens(entry.at, Brief { name, cat, arrow }, &mut self.file);
    }

    fn power(&mut self, Entry { at, host, .. }: &Entry, state: Power) {
        let Some(thread) = self.threads.get_mut(host) else { return };
        thread.goes_on(*at, &mut self.file);
        thread.is_up(*at, &mut self.file);
        let Some(why) = state.why_idle() else { return };
        thread.is_down(*at, why, &mut self.file);
        // A machine that is only frozen keeps its sessions.
        if state != Power::Frozen {
            let lost: Vec<SessionKey> = self.sessions.keys().filter(|key| key.host == *host).cloned().collect();
            for session in lost.iter().filter_map(|key| self.sessions.remove(key)).collect::<Vec<_>>() {
                self.end_session(&session, *at, why);
            }
        }
    }

    fn begin_session(&mut self, at: Duration, key: SessionKey) {
        let Some(thread) = self.threads.get(&key.host) else { return };
        let name = format!("{} with {}", key.client, key.service);
        self.sessions_begun += 1;
        let session = Session { id: self.sessions_begun, name, pid: thread.pid, tid: thread.tid };
        let args = json!({ "client": key.client, "service": key.service, "session": key.session });
        let event = TraceEvent { ph: phase::SPAN_BEGINS, ts: micros(at), args: Some(args), ..span(&session) };
        self.file.write(&event);
        self.sessions.insert(key, session);
    }

    fn end_session(&mut self, session: &Session, at: Duration, why: &str) {
        let args = Some(json!({ "ended": why }));
        self.file.write(&TraceEvent { ph: phase::SPAN_ENDS, ts: micros(at), args, ..span(session) });
    }

    /// Begins the arrows of a message, one to each destination.
    fn offered(&mut self, entry: &Entry, message: MessageId) {
        let routes = self.roster.routes.iter().filter(|route| route.producer == message.producer);
        let arrows: Vec<u64> = routes.map(|route| self.arrow_to(message, route.destination)).collect();
        self.arrows.extend(&arrows);
        if arrows.is_empty() {
            self.brief(entry, "message", None);
        }
        // An arrow needs a slice of its own: it ends or begins at the topmost one.
        for arrow in arrows {
            self.brief(entry, "message", Some(Arrow::Begins(arrow)));
        }
    }

    fn ends(&mut self, arrow: u64) -> Option<Arrow> {
        self.arrows.remove(&arrow).then_some(Arrow::Ends(arrow))
    }

    /// A number for each pair of message and destination. Messages have the even ones, operations the odd ones.
    fn arrow_to(&self, message: MessageId, destination: DestinationId) -> u64 {
        let producers = self.roster.producers.len().max(1) as u64;
        let destinations = self.roster.destinations.len().max(1) as u64;
        let number = message.number.wrapping_mul(producers).wrapping_add(u64::from(message.producer.0));
        number.wrapping_mul(destinations).wrapping_add(u64::from(destination.0)).wrapping_mul(2)
    }

    fn write_faults(&mut self, end: Duration) {
        let faults = mem::take(&mut self.faults);
        for (number, lane) in lanes::of(&faults, end).iter().enumerate() {
            let tid = self.new_thread();
            let name = if number == 0 { "faults".to_owned() } else { format!("faults, {}", number + 1) };
            self.name_thread(WORLD, tid, &name);
            for (fault, until) in lane {
                self.file.write(&TraceEvent {
                    name: &fault.text,
                    cat: "fault",
                    ph: phase::COMPLETE,
                    ts: micros(fault.at),
                    dur: Some(micros(until.saturating_sub(fault.at))),
                    pid: WORLD,
                    tid,
                    args: Some(json!({ "kind": fault.kind, "origin": fault.origin, "end": fault.end_text })),
                    ..TraceEvent::default()
                });
            }
        }
    }

    fn write_violations(&mut self, report: Option<&Report>) {
        let invariants = report.iter().flat_map(|report| &report.invariants);
        // A loss is certain at the end only. It is shown where it came about.
        let place = |violation: &ViolationReport| violation.end_of_custody().map_or(violation.at_seconds * 1e6, micros);
        let mut violations: Vec<_> = invariants
            .flat_map(|one| one.violations.iter().map(|violation| (place(violation), &one.name, violation)))
            .collect();
        if violations.is_empty() {
            return;
        }
        violations.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
        let tid = self.new_thread();
        self.name_thread(WORLD, tid, "violations");
        // Many come about at once: they lie side by side, since one above the other they would fill the screen.
        let mut free = 0.0;
        for (place, invariant, violation) in violations {
            let ts = f64::max(place, free);
            free = ts + micros(BRIEF);
            self.file.write(&TraceEvent {
                name: &format!("{invariant}: {}", violation.message),
                cat: "violation",
                ph: phase::COMPLETE,
                ts,
                dur: Some(micros(BRIEF)),
                pid: WORLD,
                tid,
                args: Some(json!({
                    "invariant": invariant,
                    "certain at": violation.at_seconds,
                    "custody": violation.custody,
                })),
                ..TraceEvent::default()
            });
        }
    }
}

/// Arrows of operations.
fn arrow_of(operation: OperationId) -> u64 {
    u64::from(operation.0) * 2 + 1
}

fn span(session: &Session) -> TraceEvent<'_> {
    let Session { id, name, pid, tid } = session;
    let id2 = Some(Local { local: format!("{id:#x}") });
    TraceEvent { name, cat: "session", id2, pid: *pid, tid: *tid, ..TraceEvent::default() }
}

impl<W: Write + Send> Witness for Trace<W> {
    fn see(&mut self, entry: &Entry) {
        self.now = self.now.max(entry.at);
        let key = |client: &Name, service: &Name, session: u64| SessionKey {
            host: entry.host.clone(),
            client: client.clone(),
            service: service.clone(),
            session,
        };
        match &entry.event {
            Event::Offered { message, .. } => self.offered(entry, *message),
            Event::Received { message, destination, .. } => {
                let arrow = self.ends(self.arrow_to(*message, *destination));
                self.brief(entry, "message", arrow);
            }
            Event::GivenUp { .. } | Event::Unrecognised { .. } => self.brief(entry, "message", None),
            Event::Asked { operation } => {
                self.arrows.insert(arrow_of(*operation));
                self.brief(entry, "operation", Some(Arrow::Begins(arrow_of(*operation))));
            }
            Event::CommandHandled { operation } | Event::MethodRun { operation } => {
                let arrow = self.ends(arrow_of(*operation));
                self.brief(entry, "operation", arrow);
            }
            Event::Answered { .. }
            | Event::CommandExpired { .. }
            | Event::DesiredAccepted { .. }
            | Event::DesiredApplied { .. } => self.brief(entry, "operation", None),
            Event::Connected { client, service, session } => {
                self.begin_session(entry.at, key(client, service, *session))
            }
            Event::SessionLost { client, service, session, cause } => {
                if let Some(session) = self.sessions.remove(&key(client, service, *session)) {
                    self.end_session(&session, entry.at, of_cause(*cause));
                }
                self.brief(entry, "session", None);
            }
            Event::SessionClosed { client, service, session } => {
                if let Some(session) = self.sessions.remove(&key(client, service, *session)) {
                    self.end_session(&session, entry.at, "closed by the client");
                }
            }
            Event::Refused { .. } => self.brief(entry, "session", None),
            Event::Allocated { .. }
            | Event::Assigned { .. }
            | Event::Settled { .. }
            | Event::HealthSeen { .. }
            | Event::Activated { .. } => self.brief(entry, "placement", None),
            Event::Power { state } => self.power(entry, *state),
            Event::Settling => self.brief(entry, "fault", None),
            // Steps on a message's way, which `history.jsonl` tells, and what the plan's faults tell at more length.
            _ => {}
        }
    }
}
