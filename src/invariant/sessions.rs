//! Sessions as both of their ends tell them, and which of them count.
use super::Scene;
use crate::history::{
    Client, ClientId, DestinationId, Entry, Event, HostId, Kind, Kinds, Outages, Power, Roster, SubscriptionMode,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What an entry did to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) client: ClientId,
    pub(super) service: HostId,
    pub(super) session: u64,
    /// Which end tells it.
    pub(super) end: End,
    /// It opened; otherwise it is over.
    pub(super) opened: bool,
}

/// The kinds of entry that tell of sessions: of a [`Change`], or that [`forgets`] them.
pub(super) const KINDS: Kinds = Kinds::of(&[
    Kind::Connected,
    Kind::SessionLost,
    Kind::SessionClosed,
    Kind::SessionOpened,
    Kind::SessionEnded,
    Kind::Power,
]);

/// One end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Client,
    Service,
}

impl Change {
    /// Reads an entry. `None`: it is about no session, or about somebody whom the roster does not know.
    pub(super) fn of(entry: &Entry, scene: &Scene<'_>) -> Option<Self> {
        let (name, service, session, end, opened) = match &entry.event {
            Event::Connected { client, service, session } => (client, service, session, End::Client, true),
            Event::SessionLost { client, service, session, .. } => (client, service, session, End::Client, false),
            Event::SessionClosed { client, service, session } => (client, service, session, End::Client, false),
            Event::SessionOpened { client, session } => (client, &entry.host, session, End::Service, true),
            Event::SessionEnded { client, session, .. } => (client, &entry.host, session, End::Service, false),
            _ => return None,
        };
        let (client, service) = (scene.directory.client(name)?, scene.directory.host(service)?);
        Some(Self { client, service, session: *session, end, opened })
    }
}

/// Whether an entry takes the memory of the machines it is about.
pub(super) fn forgets(entry: &Entry) -> bool {
    matches!(entry.event, Event::Power { state: Power::Lost | Power::Crashed | Power::Stopped | Power::On })
}

/// The client on this machine that receives for a destination beside others.
pub(super) fn receiver(host: &str, destination: DestinationId, scene: &Scene<'_>) -> Option<ClientId> {
    let clients = scene.directory.clients_on(scene.directory.host(host)?);
    clients.iter().copied().find(|client| scene.roster.clients[client.index()].receives == Some(destination))
}

/// One client's sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    /// Those that the client holds open: (service, session).
    held: BTreeSet<(HostId, u64)>,
    /// Those that services hold open: (service, the service's number for it).
    seen: BTreeSet<(HostId, u64)>,
    /// Services with which it holds a session and cannot exchange packets -> since when.
    apart: BTreeMap<HostId, Duration>,
}

impl Sessions {
    /// Takes a change of this client's sessions.
    pub(super) fn change(&mut self, change: &Change) {
        let side = match change.end {
            End::Client => &mut self.held,
            End::Service => &mut self.seen,
        };
        let session = (change.service, change.session);
        if change.opened {
            side.insert(session);
        } else {
            side.remove(&session);
        }
        self.forget_paths();
    }
    /// A machine that went down, or was booted, holds no session. `own`: the client's is among them.
    pub(super) fn forget(&mut self, own: bool, is_there: impl Fn(HostId) -> bool) {
        if own {
            self.held.clear();
            self.apart.clear();
        }
        self.seen.retain(|(service, _)| !is_there(*service));
    }
    /// A path is watched only while a session is held over it: a new one begins afresh.
    fn forget_paths(&mut self) {
        let held = &self.held;
        self.apart.retain(|service, _| at(held, *service) > 0);
    }
    /// Notes which services the client cannot reach any longer, or again.
    pub(super) fn watch_paths(&mut self, now: Duration, own: HostId, outages: &Outages) {
        for (service, _) in &self.held {
            if outages.is_reachable(own, *service) {
                self.apart.remove(service);
            } else {
                self.apart.entry(*service).or_insert(now);
            }
        }
    }
    /// How many sessions with a service count: both ends hold them open, and each could reach the other within the
    /// last keep-alive.
    pub(super) fn counting(&self, service: HostId, now: Duration, keep_alive: Duration) -> usize {
        if self.apart.get(&service).is_some_and(|since| now - *since > keep_alive) {
            return 0;
        }
        at(&self.held, service).min(at(&self.seen, service))
    }
    /// The services with which it holds a session, in its own view.
    pub(super) fn services(&self) -> impl Iterator<Item = HostId> {
        self.held.iter().map(|(service, _)| *service)
    }
    /// Whether the client holds any session, in its own view.
    pub(super) fn is_held(&self) -> bool {
        !self.held.is_empty()
    }
    /// Whether the client holds a session with a service, if both ends say the same about that. `None`: one of them
    /// does not know yet that a session has begun or is over. Only for clients that tell services their numbers.
    pub(super) fn agreed(&self, service: HostId) -> Option<bool> {
        let all = (service, 0)..=(service, u64::MAX);
        self.held.range(all.clone()).eq(self.seen.range(all)).then(|| at(&self.held, service) > 0)
    }
}

fn at(sessions: &BTreeSet<(HostId, u64)>, service: HostId) -> usize {
    sessions.range((service, 0)..=(service, u64::MAX)).count()
}

/// Who of those that receive beside one another is in session.
#[derive(Clone, Debug)]
pub(super) struct Attendance(BTreeMap<ClientId, Sessions>);

impl Attendance {
    /// Watches the clients of destinations that are shared in one of these ways.
    pub(super) fn of(roster: &Roster, wanted: impl Fn(SubscriptionMode) -> bool) -> Self {
        let mode = |client: &Client| roster.destinations.get(client.receives?.index())?.mode;
        let clients = roster.clients.iter().enumerate();
        let watched = clients.filter(|(_, client)| mode(client).is_some_and(&wanted));
        Self(watched.map(|(index, _)| (ClientId(index as u32), Sessions::default())).collect())
    }
    /// Whether nobody is watched.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Folds one entry. Says what changed about the session of one that is watched.
    pub(super) fn see(&mut self, entry: &Entry, scene: &Scene<'_>) -> Option<Change> {
        if self.is_empty() {
            return None;
        }
        if forgets(entry) {
            self.forget(entry, scene);
            return None;
        }
        let change = Change::of(entry, scene)?;
        self.0.get_mut(&change.client)?.change(&change);
        Some(change)
    }
    fn forget(&mut self, entry: &Entry, scene: &Scene<'_>) {
        let Some(place) = scene.directory.place(&entry.host) else { return };
        let is_there = |host: HostId| scene.directory.is_at(host, place);
        for (client, sessions) in &mut self.0 {
            sessions.forget(scene.directory.host_of_client(*client).is_some_and(is_there), is_there);
        }
    }
    /// Notes who can reach whom no longer, or again.
    pub(super) fn watch_paths(&mut self, now: Duration, scene: &Scene<'_>) {
        for (client, sessions) in &mut self.0 {
            if let Some(own) = scene.directory.host_of_client(*client) {
                sessions.watch_paths(now, own, scene.outages);
            }
        }
    }
    /// Finds the sessions of one that is watched.
    pub(super) fn sessions(&self, client: ClientId) -> Option<&Sessions> {
        self.0.get(&client)
    }
    /// Whether a client that is watched holds a session, in its own view.
    pub(super) fn is_in_session(&self, client: ClientId) -> bool {
        self.sessions(client).is_some_and(Sessions::is_held)
    }
    /// Everybody who is watched.
    pub(super) fn clients(&self) -> impl Iterator<Item = ClientId> {
        self.0.keys().copied()
    }
}
