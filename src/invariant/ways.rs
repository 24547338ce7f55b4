//! The ways that a client has to the services it needs.
use super::Scene;
use crate::history::{ClientId, HostId};

/// Choices of one service from each group that are looked at; a client with more has a way if one of these is clear.
const MOST_WAYS: usize = 64;

/// The choices of one service from each group that a client needs, one bit each: set when the client, all chosen and
/// all `others` are clear and reach one another.
pub(super) fn ways_of(client: ClientId, others: &[HostId], scene: &Scene<'_>) -> u64 {
    let Some(own) = scene.directory.host_of_client(client) else { return 1 };
    let needs = &scene.roster.clients[client.index()].needs;
    let groups: Vec<Vec<HostId>> = needs.iter().map(|group| scene.directory.hosts(group)).collect();
    let count = groups.iter().map(Vec::len).product::<usize>().min(MOST_WAYS);
    let is_clear = |choice: &usize| {
        let mut rest = *choice;
        let mut chosen = vec![own];
        chosen.extend(others);
        for group in &groups {
            chosen.push(group[rest % group.len()]);
            rest /= group.len();
        }
        let clear = |a: HostId, b: HostId| a == b || scene.outages.is_clear_between(a, b);
        chosen.iter().all(|a| scene.outages.is_clear(*a) && chosen.iter().all(|b| clear(*a, *b)))
    };
    (0..count).filter(is_clear).fold(0, |ways, choice| ways | 1 << choice)
}
