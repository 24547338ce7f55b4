//! What lies on a host's lane beside messages: moves, leaderships, sessions, times without power.
use super::super::log::{of_cause, words};
use super::phrases::{Phrases, shortened};
use super::sample::Sample;
use crate::history::{Directory, Entry, Event, HostId, Name, Power, Roster};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most of each kind.
const MOST: usize = 1500;

/// Most sessions, and most times without power.
const MOST_SPANS: usize = 4000;

/// Something that happened to a host or its client at one moment.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// Microseconds.
    pub(super) at: u64,
    pub(super) host: u32,
    /// `move`, `active`, `lost`, `other`.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

/// A session: from when until when, microseconds.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) host: u32,
    pub(super) with: u32,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) ended: &'static str,
}

/// A host that was off or frozen.
#[derive(Clone, Debug)]
pub(super) struct Down {
    pub(super) host: u32,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) why: &'static str,
}

/// Everything on the lanes.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// Moves and leaderships.
    moves: Sample<Mark>,
    others: Sample<Mark>,
    sessions: Sample<Session>,
    downs: Sample<Down>,
    open: BTreeMap<(u32, Name, u64), (u32, Duration)>,
    down: BTreeMap<u32, (Duration, &'static str)>,
    /// Where each client was in session last.
    places: BTreeMap<Name, Name>,
    placed: BTreeSet<Name>,
}

/// The same at the end.
#[derive(Clone, Debug)]
pub(super) struct Laid {
    pub(super) marks: Vec<Mark>,
    pub(super) sessions: Vec<Session>,
    pub(super) downs: Vec<Down>,
    pub(super) left_out: u64,
}

pub(super) fn micros(at: Duration) -> u64 {
    at.as_micros() as u64
}

impl Marks {
    pub(super) fn new(roster: &Roster) -> Self {
        Self {
            moves: Sample::new(MOST),
            others: Sample::new(MOST),
            sessions: Sample::new(MOST_SPANS),
            downs: Sample::new(MOST_SPANS),
            open: BTreeMap::new(),
            down: BTreeMap::new(),
            places: BTreeMap::new(),
            placed: roster.clients.iter().filter(|client| client.placed).map(|client| client.name.clone()).collect(),
        }
    }

    /// The host at the other end of a session.
    pub(super) fn service(&self, host: u32, client: &Name, session: u64) -> Option<u32> {
        self.open.get(&(host, client.clone(), session)).map(|(service, _)| *service)
    }

    pub(super) fn see(&mut self, entry: &Entry, roster: &Roster, directory: &Directory, phrases: &mut Phrases) {
        let host = phrases.host(directory, &entry.host);
        let mut mark = |kind: &'static str, host: u32| {
            let text = shortened(&words(roster, &entry.event));
            let sample = if matches!(kind, "move" | "active") { &mut self.moves } else { &mut self.others };
            sample.push(Mark { at: micros(entry.at), host, kind, text }, 1);
        };
        match &entry.event {
            Event::Settled { client, at } => {
                let before = self.places.insert(client.clone(), at.clone());
                mark(if before.is_some_and(|before| before != *at) { "move" } else { "other" }, host);
            }
            Event::Connected { client, service, session } => {
                if !self.placed.contains(client) {
                    let before = self.places.insert(client.clone(), service.clone());
                    if before.is_some_and(|before| before != *service) {
                        mark("move", host);
                    }
                }
                let with = phrases.host(directory, service);
                self.open.insert((host, client.clone(), *session), (with, entry.at));
            }
            Event::Activated { client, .. } => {
                mark("active", directory.host_behind(client).map_or(host, |HostId(host)| host));
            }
            Event::SessionLost { client, session, cause, .. } => {
                mark("lost", host);
                self.end(entry.at, (host, client.clone(), *session), of_cause(*cause));
            }
            Event::SessionClosed { client, session, .. } => {
                self.end(entry.at, (host, client.clone(), *session), "closed by the client");
            }
            Event::Refused { .. }
            | Event::Allocated { .. }
            | Event::Assigned { .. }
            | Event::HealthSeen { .. }
            | Event::Unrecognised { .. }
            | Event::DesiredAccepted { .. }
            | Event::DesiredApplied { .. }
            | Event::Subscribed { .. }
            | Event::Note { .. } => mark("other", host),
            Event::Power { state } => self.power(entry.at, host, *state),
            _ => {}
        }
    }

    fn end(&mut self, at: Duration, key: (u32, Name, u64), ended: &'static str) {
        if let Some((with, from)) = self.open.remove(&key) {
            let session = Session { host: key.0, with, from: micros(from), until: micros(at), ended };
            self.sessions.push(session, 1);
        }
    }

    fn power(&mut self, at: Duration, host: u32, state: Power) {
        if let Some((from, why)) = self.down.remove(&host) {
            self.downs.push(Down { host, from: micros(from), until: micros(at), why }, 1);
        }
        let Some(why) = state.why_idle() else { return };
        self.down.insert(host, (at, why));
        if state != Power::Frozen {
            let range = (host, Name::from(""), 0)..(host + 1, Name::from(""), 0);
            let lost: Vec<(u32, Name, u64)> = self.open.range(range).map(|(key, _)| key.clone()).collect();
            lost.into_iter().for_each(|key| self.end(at, key, why));
        }
    }

    /// Ends what is open.
    pub(super) fn finish(mut self, end: Duration) -> Laid {
        let open: Vec<(u32, Name, u64)> = self.open.keys().cloned().collect();
        open.into_iter().for_each(|key| self.end(end, key, "the run is over"));
        for (host, (from, why)) in std::mem::take(&mut self.down) {
            self.downs.push(Down { host, from: micros(from), until: micros(end), why }, 1);
        }
        let left_out =
            self.moves.left_out() + self.others.left_out() + self.sessions.left_out() + self.downs.left_out();
        let mut marks: Vec<Mark> = self.moves.into_kept().chain(self.others.into_kept()).collect();
        marks.sort_by_key(|mark| mark.at);
        let (sessions, downs) = (self.sessions.into_kept().collect(), self.downs.into_kept().collect());
        Laid { marks, sessions, downs, left_out }
    }
}
