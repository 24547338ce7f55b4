//! The witness: gathers what the page will show.
use super::super::chapter::Lens;
use super::super::{PitfallWay, Report};
use super::curves::Curves;
use super::data::Data;
use super::fates::{Fates, GivenUp, Late, MOST_ROWS, Twice};
use super::marks::Marks;
use super::phrases::Phrases;
use super::render;
use super::sheet::{Sheet, Tables};
use super::trail::{Note, Step, Subject, Trails};
use crate::custody::{Custody, Receipt, Turn};
use crate::history::{Directory, Entry, Event, HostId, MessageId, Name, Outages, Power, Roster, Witness};
use crate::scenario::{Plan, PlannedFault};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// About how many steps there is room for: a dozen bytes each.
const MOST_STEPS: usize = 80_000;

/// Most messages that are on their way at once and have a trail.
const MOST_LIVE: usize = 100_000;

/// Gathers a page while a run goes.
#[derive(Debug)]
pub struct Page {
    roster: Arc<Roster>,
    directory: Arc<Directory>,
    outages: Outages,
    /// The same books as the judge's, so that the page tells what the verdict rests on.
    custody: Custody,
    phrases: Phrases,
    trails: Trails,
    fates: Fates,
    curves: Curves,
    marks: Marks,
    faults: Vec<PlannedFault>,
    /// By producer: the client that sends for it.
    senders: Vec<Option<Name>>,
    /// Clients that lost their session and have none yet.
    away: BTreeSet<Name>,
    settling: Option<Duration>,
    now: Duration,
}

impl Page {
    /// Begins with who takes part and what will be done to the world.
    pub fn begin(plan: &Plan) -> Self {
        let roster = Arc::new(plan.roster.clone());
        let directory = Arc::new(Directory::new(&roster));
        let mut senders = vec![None; roster.producers.len()];
        for client in &roster.clients {
            for producer in &client.producers {
                if let Some(sender) = senders.get_mut(producer.index()) {
                    *sender = Some(client.name.clone());
                }
            }
        }
        Self {
            outages: Outages::new(directory.clone()),
            custody: Custody::new(roster.clone(), directory.clone()),
            phrases: Phrases::new(&roster),
            trails: Trails::new(MOST_STEPS, MOST_LIVE),
            fates: Fates::default(),
            curves: Curves::new(),
            marks: Marks::new(&roster),
            faults: plan.faults.clone(),
            senders,
            away: BTreeSet::new(),
            settling: None,
            now: Duration::ZERO,
            roster,
            directory,
        }
    }

    /// Writes the page. `way`: which of a pitfall's runs it is.
    ///
    /// # Errors
    /// None but those of a template that is wrong.
    pub fn finish(mut self, report: &Report, way: Option<&PitfallWay>) -> Result<String, minijinja::Error> {
        let over = Duration::try_from_secs_f64(report.virtual_seconds).unwrap_or_default();
        let end = self.now.max(over);
        let mut lost: Vec<_> = Vec::new();
        let mut all_lost = 0;
        for (message, destination, open) in self.custody.missing() {
            all_lost += 1;
            if lost.len() < MOST_ROWS {
                self.trails.note(Subject::Message(message), Note::LOST);
                lost.push((message, destination, open.clone()));
            }
        }
        for violation in report.invariants.iter().flat_map(|invariant| &invariant.violations) {
            if let Some(message) = violation.about {
                self.trails.note(Subject::Message(message), Note::VIOLATED);
            }
        }
        let shown = self.trails.finish();
        let laid = self.marks.finish(end);
        let left_out = (shown.left_out, laid.left_out);
        let curves = self.curves.finish(end);
        let (roster, directory) = (&*self.roster, &*self.directory);
        let data = Data::new(roster, report, end, self.settling)
            .with_faults(&self.faults, end)
            .with_custody(roster, directory, report, &mut self.phrases)
            .with_trails(roster, shown.trails)
            .with_lanes(laid, curves)
            .with_phrases(self.phrases);
        let tables = Tables { lost, all_lost, fates: self.fates, left_out };
        render::page(&Sheet::new(roster, Lens { report, way }, tables), &data)
    }

    fn step(&mut self, entry: &Entry, host: u32) {
        let event = &entry.event;
        let (subject, phrase) = if let Some(message) = event.message() {
            let service = match event {
                Event::Sent { session, .. } => self.service(host, message, *session),
                Event::Dispatched { to, .. } => self.directory.host_behind(to).map(|HostId(host)| host),
                _ => None,
            };
            let phrase = self.phrases.of_message(&self.roster, event, message, service);
            (Subject::Message(message), phrase)
        } else if let Some(operation) = event.operation() {
            let phrase = self.phrases.told(&self.roster, event, Some(self.roster.operation(operation)));
            (Subject::Operation(operation), phrase)
        } else {
            return;
        };
        self.trails.step(subject, Step { at: entry.at, host, phrase });
    }

    fn service(&self, host: u32, message: MessageId, session: u64) -> Option<u32> {
        let client = self.senders.get(message.producer.index())?.as_ref()?;
        self.marks.service(host, client, session)
    }

    /// Keeps count of clients that lost their sessions.
    fn sessions(&mut self, entry: &Entry) {
        match &entry.event {
            Event::SessionLost { client, .. } => {
                self.curves.lost_a_session(entry.at);
                self.away.insert(client.clone());
            }
            Event::Connected { client, .. } => {
                let again = self.away.remove(client);
                self.curves.connected(entry.at, again);
            }
            // One that begins anew does not connect again.
            Event::Power { state: Power::Lost | Power::Crashed | Power::Stopped } => {
                for client in self.directory.host(&entry.host).iter().flat_map(|host| self.directory.clients_on(*host))
                {
                    self.away.remove(&self.roster.clients[client.index()].name);
                }
            }
            _ => {}
        }
    }

    fn fate(&mut self, at: Duration, turn: Turn, offered_at: Option<Duration>) {
        match turn {
            Turn::Received { message, destination, receipt: Receipt::First { .. } } => {
                if let Some(offered_at) = offered_at {
                    let took = at.saturating_sub(offered_at);
                    self.curves.received(at, took);
                    self.fates.came(Late { took, message, destination, at }, &mut self.trails);
                }
            }
            Turn::Received { message, destination, receipt: Receipt::Again { caused, .. } } => {
                self.fates.came_again(Twice { message, destination, at, caused }, &mut self.trails);
            }
            Turn::GivenUp { message, why, .. } => {
                self.fates.gave_up(GivenUp { message, at, why }, &mut self.trails);
            }
            _ => {}
        }
        self.curves.owed(at, self.custody.counts().lost);
    }
}

impl Witness for Page {
    fn see(&mut self, entry: &Entry) {
        self.now = self.now.max(entry.at);
        let host = self.phrases.host(&self.directory, &entry.host);
        self.step(entry, host);
        self.marks.see(entry, &self.roster, &self.directory, &mut self.phrases);
        self.sessions(entry);
        if matches!(entry.event, Event::Settling) {
            self.settling = Some(entry.at);
        }
        let disturbance = self.outages.see(entry);
        let open = entry.event.message().and_then(|message| self.custody.find(message));
        let offered_at = open.map(|open| open.offered_at);
        let turn = self.custody.see(entry, &self.outages, disturbance);
        self.fate(entry.at, turn, offered_at);
        let custody = &self.custody;
        self.trails.rest(entry.at, |subject| match subject {
            Subject::Message(message) => custody.find(message).is_some(),
            Subject::Operation(_) => false,
        });
    }
}
