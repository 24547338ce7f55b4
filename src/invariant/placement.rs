//! Where placed clients are and where they belong: sessions and allocations, folded.
use super::Scene;
use super::sessions::{self, Change, End, Sessions, forgets};
use crate::history::{ClientId, Entry, Event, HostId, Kind, Kinds, Outages, Reason};
use std::collections::{BTreeMap, BTreeSet};

/// One client that a provisioning service places.
#[derive(Clone, Debug, Default)]
pub(super) struct Placed {
    pub(super) host: Option<HostId>,
    /// Who decided last where it belongs.
    provisioner: Option<HostId>,
    pub(super) assigned: Option<HostId>,
    /// Where it belonged first.
    pub(super) home: Option<HostId>,
    pub(super) sessions: Sessions,
}

/// What an entry meant for placement. Clients are indices into the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Allocated {
        client: u32,
        to: HostId,
        reason: Reason,
        before: Option<HostId>,
    },
    /// A session of it became open at a place, in the client's view.
    Arrived {
        client: u32,
        at: HostId,
    },
    /// Other sessions of it opened or ended, in either view.
    Sessions {
        client: u32,
    },
}

/// All placed clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Placement {
    pub(super) clients: BTreeMap<u32, Placed>,
    /// Services at which clients were ever placed.
    pub(super) services: BTreeSet<HostId>,
}

impl Placement {
    /// The kinds of entry that it folds.
    pub(super) const KINDS: Kinds = sessions::KINDS.and(Kinds::of(&[Kind::Allocated, Kind::Settled]));

    /// Folds one entry.
    pub(super) fn see(&mut self, entry: &Entry, scene: &Scene<'_>) -> Option<Step> {
        match &entry.event {
            Event::Allocated { client, to, reason } => {
                let to = scene.directory.host(to)?;
                let (client, placed) = self.client(client, scene)?;
                let before = placed.assigned.replace(to);
                placed.home.get_or_insert(to);
                placed.provisioner = scene.directory.host(&entry.host);
                self.services.insert(to);
                Some(Step::Allocated { client, to, reason: *reason, before })
            }
            Event::Settled { client, at } => {
                let at = scene.directory.host(at)?;
                Some(Step::Arrived { client: self.client(client, scene)?.0, at })
            }
            _ if forgets(entry) => {
                self.forget_sessions(entry, scene);
                None
            }
            _ => {
                let change = Change::of(entry, scene)?;
                let (client, placed) = self.record(change.client, scene)?;
                placed.sessions.change(&change);
                let arrived = change.opened && change.end == End::Client;
                Some(if arrived { Step::Arrived { client, at: change.service } } else { Step::Sessions { client } })
            }
        }
    }

    /// A machine that went down, or was booted, holds no session.
    fn forget_sessions(&mut self, entry: &Entry, scene: &Scene<'_>) {
        let Some(place) = scene.directory.place(&entry.host) else { return };
        let is_there = |host: HostId| scene.directory.is_at(host, place);
        for placed in self.clients.values_mut() {
            placed.sessions.forget(placed.host.is_some_and(is_there), is_there);
        }
    }

    /// Finds or makes the record of a client, if it is one that is placed.
    fn client(&mut self, name: &str, scene: &Scene<'_>) -> Option<(u32, &mut Placed)> {
        self.record(scene.directory.client(name)?, scene)
    }
    fn record(&mut self, id: ClientId, scene: &Scene<'_>) -> Option<(u32, &mut Placed)> {
        if !scene.roster.clients[id.index()].placed {
            return None;
        }
        let host = scene.directory.host_of_client(id);
        let placed = self.clients.entry(id.0).or_insert_with(|| Placed { host, ..Placed::default() });
        Some((id.0, placed))
    }

    pub(super) fn placed(&self, client: u32) -> Option<&Placed> {
        self.clients.get(&client)
    }

    /// Whether the client could learn that it belongs at `to`, and go there: it can reach who decides and where it
    /// shall be, who decides can reach that too, and can reach the service that still holds the client (one that
    /// is gone, or that the client cannot reach, lets it go by silence).
    pub(super) fn can_go(&self, client: u32, to: HostId, outages: &Outages) -> bool {
        let Some(placed) = self.placed(client) else { return false };
        let (Some(host), Some(provisioner)) = (placed.host, placed.provisioner) else { return false };
        let clear = |a, b| a == b || outages.is_clear_between(a, b);
        let holder_can_be_told = placed
            .sessions
            .services()
            .all(|service| service == to || !outages.is_reachable(host, service) || clear(provisioner, service));
        clear(host, provisioner) && clear(host, to) && clear(provisioner, to) && holder_can_be_told
    }
}
