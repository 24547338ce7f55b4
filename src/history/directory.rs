//! Names to numbers: what a roster says, indexed once so that folds need no string comparisons per event.
use super::{ClientId, DestinationId, HostId, Name, ProducerId, Roster, SiteId};
use std::collections::BTreeMap;

/// What a name stands for: one machine, or every machine of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// One machine.
    Host(HostId),
    /// All machines of a site.
    Site(SiteId),
}

/// The roster's names, indexed. Names that the roster uses without declaring them as machines are left out.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    places: BTreeMap<Name, Place>,
    clients: BTreeMap<Name, ClientId>,
    site_of: Vec<SiteId>,
    host_of_client: Vec<Option<HostId>>,
    clients_on: Vec<Vec<ClientId>>,
    host_of_producer: Vec<Option<HostId>>,
    receivers: Vec<Vec<HostId>>,
    receiving_clients: Vec<Vec<ClientId>>,
    via: Vec<Vec<HostId>>,
}

impl Directory {
    /// Indexes a roster. A name that is both a machine's and a site's means the machine.
    pub fn new(roster: &Roster) -> Self {
        let mut directory = Self::default();
        let mut sites: BTreeMap<Name, SiteId> = BTreeMap::new();
        for machine in &roster.machines {
            let fresh = SiteId(sites.len() as u32);
            directory.site_of.push(*sites.entry(machine.site.clone()).or_insert(fresh));
        }
        directory.places.extend(sites.into_iter().map(|(name, id)| (name, Place::Site(id))));
        for (index, machine) in roster.machines.iter().enumerate() {
            directory.places.insert(machine.name.clone(), Place::Host(HostId(index as u32)));
        }
        directory.clients_on = vec![Vec::new(); roster.machines.len()];
        for (index, client) in roster.clients.iter().enumerate() {
            let id = ClientId(index as u32);
            directory.clients.insert(client.name.clone(), id);
            let host = directory.host(&client.host);
            directory.host_of_client.push(host);
            if let Some(host) = host {
                directory.clients_on[host.index()].push(id);
            }
        }
        directory.host_of_producer = roster.producers.iter().map(|p| directory.host(&p.host)).collect();
        for destination in &roster.destinations {
            directory.receivers.push(directory.hosts(&destination.hosts));
            directory.via.push(directory.hosts(&destination.via));
        }
        directory.receiving_clients = vec![Vec::new(); roster.destinations.len()];
        for (index, client) in roster.clients.iter().enumerate() {
            if let Some(clients) = client.receives.and_then(|to| directory.receiving_clients.get_mut(to.index())) {
                clients.push(ClientId(index as u32));
            }
        }
        directory
    }
    /// Finds the machine or site of this name.
    pub fn place(&self, name: &str) -> Option<Place> {
        self.places.get(name).copied()
    }
    /// Finds the machine of this name.
    pub fn host(&self, name: &str) -> Option<HostId> {
        match self.place(name) {
            Some(Place::Host(host)) => Some(host),
            _ => None,
        }
    }
    /// Finds those of these names that are machines, in order.
    pub fn hosts(&self, names: &[Name]) -> Vec<HostId> {
        names.iter().filter_map(|name| self.host(name)).collect()
    }
    /// Counts the machines.
    pub fn host_count(&self) -> usize {
        self.site_of.len()
    }
    /// Finds the client of this name.
    pub fn client(&self, name: &str) -> Option<ClientId> {
        self.clients.get(name).copied()
    }
    /// Finds the machine that a client or machine of this name is on.
    pub fn host_behind(&self, name: &str) -> Option<HostId> {
        match self.client(name) {
            Some(client) => self.host_of_client(client),
            None => self.host(name),
        }
    }
    /// Finds the machine that a client is on.
    pub fn host_of_client(&self, client: ClientId) -> Option<HostId> {
        self.host_of_client[client.index()]
    }
    /// Lists the clients on a machine.
    pub fn clients_on(&self, host: HostId) -> &[ClientId] {
        &self.clients_on[host.index()]
    }
    /// Finds the machine that a producer is on.
    pub fn host_of_producer(&self, producer: ProducerId) -> Option<HostId> {
        self.host_of_producer[producer.index()]
    }
    /// Lists the machines whose software receives for a destination.
    pub fn receivers(&self, destination: DestinationId) -> &[HostId] {
        &self.receivers[destination.index()]
    }
    /// Lists the clients that receive for a destination beside one another.
    pub fn receiving_clients(&self, destination: DestinationId) -> &[ClientId] {
        &self.receiving_clients[destination.index()]
    }
    /// Lists the service machines on the way to a destination.
    pub fn via(&self, destination: DestinationId) -> &[HostId] {
        &self.via[destination.index()]
    }
    /// Whether a machine is this place or stands in it.
    pub fn is_at(&self, host: HostId, place: Place) -> bool {
        match place {
            Place::Host(other) => host == other,
            Place::Site(site) => self.site_of(host) == site,
        }
    }
    /// Finds the site that a machine stands in.
    pub fn site_of(&self, host: HostId) -> SiteId {
        self.site_of[host.index()]
    }
}
