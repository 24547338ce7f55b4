//! What became of each client: reconnects and moves.
use crate::custody::{Histogram, Percentiles};
use crate::history::{ClientId, Directory, Entry, Event, Name, Power, Roster};
use std::time::Duration;

/// Moves kept for each client; later ones are only counted as reconnects.
const KEPT_MOVES: usize = 200;

/// One client's part in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFinding {
    /// As the roster calls it.
    pub name: Name,
    /// How often it was in session again after it had lost one.
    pub reconnects: u64,
    /// From the loss until it was in session again (a placed client: settled).
    pub reconnect_times: Option<Percentiles>,
    /// Where it went.
    pub moves: Vec<Move>,
}

/// A client appeared at another service than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// When it was in session there.
    pub at: Duration,
    /// Where it was before.
    pub from: Name,
    /// Where it is now.
    pub to: Name,
}

#[derive(Clone, Debug)]
struct Record {
    name: Name,
    /// It is in session when settled; others when connected.
    placed: bool,
    at: Option<Name>,
    lost_at: Option<Duration>,
    times: Histogram,
    moves: Vec<Move>,
}

/// All clients of the roster.
#[derive(Clone, Debug)]
pub(super) struct Clients(Vec<Record>);

impl Clients {
    pub(super) fn new(roster: &Roster) -> Self {
        let record = |client: &crate::history::Client| Record {
            name: client.name.clone(),
            placed: client.placed,
            at: None,
            lost_at: None,
            times: Histogram::default(),
            moves: Vec::new(),
        };
        Self(roster.clients.iter().map(record).collect())
    }

    pub(super) fn see(&mut self, entry: &Entry, directory: &Directory) {
        match &entry.event {
            Event::SessionLost { client, service, .. } => {
                if let Some(record) = self.of(client, directory).filter(|record| record.at.as_ref() == Some(service)) {
                    record.lost_at.get_or_insert(entry.at);
                }
            }
            Event::Settled { client, at } => self.in_session(entry.at, client, at, true, directory),
            Event::Connected { client, service, .. } => self.in_session(entry.at, client, service, false, directory),
            Event::Power { state: Power::Lost | Power::Crashed | Power::Stopped } => {
                let hosts = directory.host(&entry.host).into_iter();
                for ClientId(client) in hosts.flat_map(|host| directory.clients_on(host)) {
                    self.0[*client as usize].lost_at = None;
                }
            }
            _ => {}
        }
    }

    fn of(&mut self, name: &str, directory: &Directory) -> Option<&mut Record> {
        self.0.get_mut(directory.client(name)?.index())
    }

    fn in_session(&mut self, now: Duration, client: &str, service: &Name, settled: bool, directory: &Directory) {
        let Some(record) = self.of(client, directory).filter(|record| record.placed == settled) else { return };
        if let Some(lost_at) = record.lost_at.take() {
            record.times.record(now - lost_at);
        }
        let before = record.at.replace(service.clone());
        if let Some(from) = before.filter(|from| from != service && record.moves.len() < KEPT_MOVES) {
            record.moves.push(Move { at: now, from, to: service.clone() });
        }
    }

    pub(super) fn findings(&self) -> Vec<ClientFinding> {
        let finding = |record: &Record| ClientFinding {
            name: record.name.clone(),
            reconnects: record.times.count(),
            reconnect_times: record.times.percentiles(),
            moves: record.moves.clone(),
        };
        self.0.iter().map(finding).collect()
    }
}
