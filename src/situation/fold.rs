//! The fold itself.
use super::{Errand, HostState, Session};
use crate::custody::Numbers;
use crate::history::{
    DestinationId, Directory, Entry, Event, HostId, MessageId, Name, OperationId, Place, Roster, Witness,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Every host at the moment of the last entry. Memory grows with what is in hand, not with what has been.
#[derive(Clone, Debug)]
pub struct Situation {
    directory: Directory,
    hosts: Vec<HostState>,
    /// The destinations that each producer's messages are for.
    routes: Vec<Vec<DestinationId>>,
    /// Of each destination: whether it acknowledges what it has handled.
    acks: Vec<bool>,
    /// Destinations that are owed messages: those that always are, and those that somebody began to subscribe to.
    owed: BTreeSet<DestinationId>,
    /// What each destination has, by producer: what comes to a service again afterwards is on no way any more.
    done: BTreeMap<(DestinationId, u32), Numbers>,
    /// Confirmed, and by nobody's word on a disk or with all who are owed it.
    nowhere: BTreeSet<MessageId>,
}

impl Situation {
    /// Begins before the world does.
    pub fn new(roster: &Roster) -> Self {
        let mut routes = vec![Vec::new(); roster.producers.len()];
        for route in &roster.routes {
            if let Some(destinations) = routes.get_mut(route.producer.index()) {
                destinations.push(route.destination);
            }
        }
        let destinations = roster.destinations.iter().enumerate();
        let standing = destinations.filter(|(_, destination)| destination.standing);
        Self {
            directory: Directory::new(roster),
            hosts: roster.machines.iter().map(|machine| HostState::new(machine.name.clone())).collect(),
            routes,
            acks: roster.destinations.iter().map(|destination| destination.mode.is_some()).collect(),
            owed: standing.map(|(index, _)| DestinationId(index as u32)).collect(),
            done: BTreeMap::new(),
            nowhere: BTreeSet::new(),
        }
    }

    /// Folds a history as far as a moment, which is included.
    pub fn at(roster: &Roster, entries: &[Entry], moment: Duration) -> Self {
        let mut situation = Self::new(roster);
        entries.iter().take_while(|entry| entry.at <= moment).for_each(|entry| situation.see(entry));
        situation
    }

    /// Every host, in the roster's order.
    pub fn hosts(&self) -> &[HostState] {
        &self.hosts
    }

    /// What was confirmed, and is neither stored by any service nor with all who are owed it: nobody will bring it.
    pub fn nowhere(&self) -> &BTreeSet<MessageId> {
        &self.nowhere
    }

    fn host(&mut self, name: &str) -> Option<&mut HostState> {
        let host = self.directory.host(name)?;
        self.hosts.get_mut(host.index())
    }

    /// What the world does to a host or to every host of a site.
    fn world(&mut self, entry: &Entry) {
        let place = |name: &str| self.directory.place(name);
        let both = [place(&entry.host), entry.event.other().and_then(|other| place(other))];
        let touched = |host: HostId, place: &Place| self.directory.is_at(host, *place);
        for (index, state) in self.hosts.iter_mut().enumerate() {
            let is_there = both.iter().flatten().any(|place| touched(HostId(index as u32), place));
            if is_there && state.condition.see(entry) {
                state.boot_over();
            }
        }
    }

    fn stored(&mut self, at: &str, message: MessageId) {
        let destinations = self.routes.get(message.producer.index()).cloned().unwrap_or_default();
        let Some(host) = self.directory.host(at) else { return };
        for destination in destinations {
            let is_open = self.owed.contains(&destination) && !self.has(destination, message);
            if is_open && self.directory.via(destination).contains(&host) {
                self.hosts[host.index()].shelf.stored(message, destination);
            }
        }
        self.nowhere.remove(&message);
    }

    fn has(&self, destination: DestinationId, message: MessageId) -> bool {
        self.done.get(&(destination, message.producer.0)).is_some_and(|numbers| numbers.contains(message.number))
    }

    fn confirmed(&mut self, message: MessageId) {
        let Some(destinations) = self.routes.get(message.producer.index()) else { return };
        let is_stored = |destination: DestinationId| {
            let services = self.directory.via(destination).iter();
            services.into_iter().any(|host| self.hosts[host.index()].shelf.has(message, destination))
        };
        let owed = destinations.iter().filter(|destination| self.owed.contains(destination));
        if owed.into_iter().any(|destination| !self.has(*destination, message) && !is_stored(*destination)) {
            self.nowhere.insert(message);
        }
    }

    fn dispatched(&mut self, at: &str, message: MessageId, to: &Name) {
        let Some(receiver) = self.directory.host_behind(to) else { return };
        let destinations = self.routes.get(message.producer.index()).cloned().unwrap_or_default();
        let theirs = |destination: &DestinationId| self.directory.receivers(*destination).contains(&receiver);
        let destinations: Vec<DestinationId> = destinations.into_iter().filter(theirs).collect();
        let Some(state) = self.host(at) else { return };
        destinations.into_iter().for_each(|destination| state.shelf.dispatched(message, destination, to));
    }

    /// A destination has a message for good.
    fn done(&mut self, message: MessageId, destination: DestinationId) {
        self.done.entry((destination, message.producer.0)).or_default().insert(message.number);
        self.nowhere.remove(&message);
        for host in self.directory.via(destination) {
            self.hosts[host.index()].shelf.done(message, destination);
        }
    }

    fn receiver(&mut self, host: &Name, event: &Event) {
        let (Some(message), Some(destination)) = (event.message(), event.destination()) else { return };
        let acks = self.acks.get(destination.index()).copied().unwrap_or_default();
        let Some(state) = self.host(host) else { return };
        let (inbox, it) = (&mut state.inbox, (destination, message));
        match event {
            Event::Delivered { .. } => drop(inbox.unhandled.insert(it)),
            Event::Received { .. } => {
                inbox.unhandled.remove(&it);
                if acks {
                    inbox.unacked.insert(it);
                } else {
                    self.done(message, destination);
                }
            }
            _ => {
                inbox.unhandled.remove(&it);
                inbox.unacked.remove(&it);
                if matches!(event, Event::Acked { .. }) {
                    self.done(message, destination);
                }
            }
        }
    }

    /// An operator's request goes from hand to hand.
    fn errand(&mut self, host: &Name, event: &Event, operation: OperationId) {
        // The device's acknowledgement ends it everywhere.
        if matches!(event, Event::CommandAcked { .. }) {
            for state in &mut self.hosts {
                state.errands.retain(|other, errand| *other != operation || *errand == Errand::Asked);
            }
            return;
        }
        let Some(state) = self.host(host) else { return };
        let errand = match event {
            Event::Asked { .. } => Errand::Asked,
            Event::CommandQueued { .. } => Errand::Queued,
            Event::CommandDispatched { .. } => Errand::Dispatched,
            Event::CommandDelivered { .. } => Errand::Delivered,
            Event::CommandHandled { .. } => Errand::Handled,
            Event::Answered { .. } | Event::CommandExpired { .. } => {
                state.errands.remove(&operation);
                return;
            }
            _ => return,
        };
        state.errands.insert(operation, errand);
    }
}

impl Witness for Situation {
    fn see(&mut self, entry: &Entry) {
        let Entry { at, host, event } = entry;
        if event.is_of_the_world() {
            return self.world(entry);
        }
        if let Some(operation) = event.operation() {
            return self.errand(host, event, operation);
        }
        match event {
            Event::Stored { message } => return self.stored(host, *message),
            Event::Dispatched { message, to, .. } => return self.dispatched(host, *message, to),
            Event::Delivered { .. } | Event::Received { .. } | Event::Acked { .. } | Event::Unacked { .. } => {
                return self.receiver(host, event);
            }
            Event::Confirmed { message } => self.confirmed(*message),
            Event::SubscribeStarted { destination } => drop(self.owed.insert(*destination)),
            _ => {}
        }
        if let Some(state) = self.host(host) {
            state.own(*at, event);
        }
    }
}

impl HostState {
    /// What a host records about itself alone.
    fn own(&mut self, at: Duration, event: &Event) {
        match event {
            Event::Offered { message, .. } => self.outbox.offered(*message),
            Event::Sent { message, .. } => self.outbox.sent(*message),
            Event::Confirmed { message } | Event::GivenUp { message, .. } => self.outbox.closed(*message),
            Event::Connecting { client, service } => {
                self.connecting.insert(client.clone(), (service.clone(), at));
            }
            Event::Refused { client, .. } => drop(self.connecting.remove(client)),
            Event::Connected { client, service, session } => {
                self.connecting.remove(client);
                self.sessions.insert((client.clone(), *session), Session { service: service.clone(), since: at });
            }
            Event::SessionLost { client, session, service, .. } | Event::SessionClosed { client, session, service } => {
                self.sessions.remove(&(client.clone(), *session));
                self.connecting.remove(client);
                if self.works_at.get(client) == Some(service) {
                    self.works_at.remove(client);
                }
            }
            Event::SessionOpened { client, session } => drop(self.serves.insert((client.clone(), *session), at)),
            Event::SessionEnded { client, session, .. } => {
                self.serves.remove(&(client.clone(), *session));
                let is_there = self.serves.keys().any(|(other, _)| other == client);
                self.active.retain(|_, active| is_there || active != client);
            }
            Event::Allocated { client, to, .. } => drop(self.allocated.insert(client.clone(), to.clone())),
            Event::Assigned { client, to } => drop(self.assigned.insert(client.clone(), to.clone())),
            Event::Settled { client, at } => drop(self.works_at.insert(client.clone(), at.clone())),
            Event::HealthSeen { service, up: true } => drop(self.sees_down.remove(service)),
            Event::HealthSeen { service, up: false } => drop(self.sees_down.insert(service.clone())),
            Event::Activated { destination, client, .. } => drop(self.active.insert(*destination, client.clone())),
            Event::Reported { client, number } => drop(self.unreported.insert(client.clone(), *number)),
            Event::ReportedConfirmed { client, number } => self.unreported.retain(|other, open| {
                let is_confirmed = other == client && *open <= *number;
                !is_confirmed
            }),
            _ => {}
        }
    }
}
