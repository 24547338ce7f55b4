//! The story of a run: what a person would want to be told, in order.
use crate::history::{ClientId, Directory, Entry, Event, Name, Reason, Roster};
use std::collections::BTreeMap;
use std::time::Duration;

/// Highlights kept; more are only counted.
const KEPT: usize = 1000;
/// The same thing happening to another client this soon after is told as one.
const TOGETHER: Duration = Duration::from_secs(60);
/// How many of the latest highlights are looked at for that.
const LOOK_BACK: usize = 32;

/// What a highlight is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something was done to the world, or ended.
    World,
    /// A session was lost or found again.
    Session,
    /// Somebody was put somewhere, or thinks differently of a service's health.
    Placement,
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Highlight {
    pub at: Duration,
    pub kind: Kind,
    pub who: Name,
    /// To how many others the same happened within a minute.
    pub others: u64,
    /// What, without who: `lost its session at hub-a: silence`.
    pub what: String,
}

#[derive(Clone, Debug)]
pub(super) struct Highlights {
    told: Vec<Highlight>,
    more: u64,
    /// Where each client was settled last.
    settled: Vec<Option<Name>>,
    assigned: BTreeMap<ClientId, Name>,
}

impl Highlights {
    pub(super) fn new(roster: &Roster) -> Self {
        Self { told: Vec::new(), more: 0, settled: vec![None; roster.clients.len()], assigned: BTreeMap::new() }
    }

    pub(super) fn into_parts(self) -> (Vec<Highlight>, u64) {
        (self.told, self.more)
    }

    pub(super) fn see(&mut self, entry: &Entry, directory: &Directory) {
        match &entry.event {
            Event::Power { .. } | Event::Cut { .. } | Event::Healed { .. } | Event::Fault { .. } | Event::Settling => {
                self.tell(entry, Kind::World, &entry.host, entry.event.words(&Roster::default()));
            }
            Event::SessionLost { client, service, cause, .. } => {
                self.tell(entry, Kind::Session, client, format!("lost its session at {service}: {}", cause.words()));
            }
            Event::HealthSeen { service, up } => {
                let what = format!("sees {service} {}", if *up { "up" } else { "down" });
                self.tell(entry, Kind::Placement, &entry.host, what);
            }
            Event::Allocated { client, to, reason } if is_a_call(*reason) => {
                self.tell(entry, Kind::Placement, client, format!("is called to {to}: {}", reason.words()));
            }
            Event::Assigned { client, to } => {
                let Some(id) = directory.client(client) else { return };
                let before = self.assigned.insert(id, to.clone());
                if before.as_ref() != Some(to) {
                    self.tell(entry, Kind::Placement, client, format!("is assigned to {to}"));
                }
            }
            Event::Settled { client, at } => self.settled(entry, client, at, directory),
            _ => {}
        }
    }

    fn settled(&mut self, entry: &Entry, client: &Name, at: &Name, directory: &Directory) {
        let Some(id) = directory.client(client) else { return };
        let what = match self.settled[id.index()].replace(at.clone()) {
            None => format!("settles at {at}"),
            Some(from) if from == *at => format!("is back at {at}"),
            Some(from) => format!("moves from {from} to {at}"),
        };
        self.tell(entry, Kind::Session, client, what);
    }

    fn tell(&mut self, entry: &Entry, kind: Kind, who: &Name, what: String) {
        if kind != Kind::World {
            let recent = self.told.iter_mut().rev().take(LOOK_BACK).take_while(|told| told.at + TOGETHER >= entry.at);
            if let Some(same) =
                recent.into_iter().find(|told| told.kind == kind && told.what == what && told.who != *who)
            {
                same.others += 1;
                return;
            }
        }
        if self.told.len() < KEPT {
            self.told.push(Highlight { at: entry.at, kind, who: who.clone(), others: 0, what });
        } else {
            self.more += 1;
        }
    }
}

fn is_a_call(reason: Reason) -> bool {
    !matches!(reason, Reason::Initial | Reason::Failover)
}
