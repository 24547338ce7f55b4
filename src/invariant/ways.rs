//! The ways that clients have to the services they need.
use super::Scene;
use crate::history::{ClientId, Entry, Event, HostId, Kind, Kinds, Roster};

/// Choices of one service from each group that are looked at; a client with more has a way if one of these is clear.
const MOST_WAYS: usize = 64;

/// The ways of all clients, with where those belong that do not choose it themselves.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    /// By client: where it was last allocated.
    places: Vec<Option<Place>>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    service: HostId,
    /// Who put it there, and may put it elsewhere.
    provisioner: HostId,
}

impl Ways {
    /// The kinds of entry that it folds.
    pub(super) const KINDS: Kinds = Kinds::of(&[Kind::Allocated]);

    pub(super) fn new(roster: &Roster) -> Self {
        Self { places: vec![None; roster.clients.len()] }
    }

    /// Folds one entry; says whose place it has decided.
    pub(super) fn see(&mut self, entry: &Entry, scene: &Scene<'_>) -> Option<ClientId> {
        let Event::Allocated { client, to, .. } = &entry.event else { return None };
        let client = scene.directory.client(client).filter(|client| scene.roster.clients[client.index()].placed)?;
        let (service, provisioner) = (scene.directory.host(to)?, scene.directory.host(&entry.host)?);
        self.places[client.index()] = Some(Place { service, provisioner });
        Some(client)
    }

    /// The ways that a client has now. One that was put at a service stays there until who put it there sees that
    /// this is down: before that no other service of the group is a way for it.
    pub(super) fn of(&self, client: ClientId, others: &[HostId], scene: &Scene<'_>) -> u64 {
        let place = self.places[client.index()]
            .filter(|place| scene.outages.is_reachable(place.provisioner, place.service))
            .map(|place| place.service);
        ways_of(client, place, others, scene)
    }
}

/// The choices of one service from each group that a client needs, one bit each: set when the client, all chosen and
/// all `others` are clear and reach one another. Of the group with `only` in it, nothing else can be chosen.
pub(super) fn ways_of(client: ClientId, only: Option<HostId>, others: &[HostId], scene: &Scene<'_>) -> u64 {
    let Some(own) = scene.directory.host_of_client(client) else { return 1 };
    let needs = &scene.roster.clients[client.index()].needs;
    let groups: Vec<Vec<HostId>> = needs.iter().map(|group| scene.directory.hosts(group)).collect();
    let count = groups.iter().map(Vec::len).product::<usize>().min(MOST_WAYS);
    let is_clear = |choice: &usize| {
        let mut rest = *choice;
        let mut chosen = vec![own];
        chosen.extend(others);
        for group in &groups {
            let service = group[rest % group.len()];
            if only.is_some_and(|only| only != service && group.contains(&only)) {
                return false;
            }
            chosen.push(service);
            rest /= group.len();
        }
        let clear = |a: HostId, b: HostId| a == b || scene.outages.is_clear_between(a, b);
        chosen.iter().all(|a| scene.outages.is_clear(*a) && chosen.iter().all(|b| clear(*a, *b)))
    };
    (0..count).filter(is_clear).fold(0, |ways, choice| ways | 1 << choice)
}
