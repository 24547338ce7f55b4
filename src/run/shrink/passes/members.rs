//! Fewer systems, hosts, members of groups, sites, links and rules.
use super::super::draft::{Draft, Part, mentioned};
use super::super::groups::{SMALL, separated};
use super::super::reduce::Reducing;
use crate::systems::Role;
use serde_json::Value;

/// Drops whole systems.
pub(super) fn systems(reducing: &mut Reducing<'_>) {
    let systems = reducing.draft.systems();
    if systems.len() > 1 {
        reducing.sweep(&systems, |draft, system| (draft.systems().len() > 1).then(|| draft.without_system(system)));
    }
}

/// Drops members of every part, clients first, many at one time and then fewer.
pub(super) fn members(reducing: &mut Reducing<'_>) {
    let mut parts = reducing.draft.parts();
    parts.sort_by_key(|part| part.role != Role::Client);
    for part in parts {
        let mut size = reducing.draft.members(&part).len().div_ceil(2).max(1);
        loop {
            thin_out(reducing, &part, size);
            if size == 1 {
                break;
            }
            size = size.div_ceil(2);
        }
    }
}

/// Drops so many neighbours at one time, the last ones first.
fn thin_out(reducing: &mut Reducing<'_>, part: &Part, size: usize) {
    let mut names = reducing.draft.members(part);
    loop {
        let draft = reducing.draft.clone();
        let drafts = names.rchunks(size).map(|chunk| draft.without_members(part, chunk));
        let Some(taken) = reducing.take_first(drafts) else { return };
        // Those after it have been tried.
        names.truncate(names.len().saturating_sub((taken + 1) * size));
    }
}

/// Makes groups smaller, and writes small ones as their members.
pub(super) fn counts(reducing: &mut Reducing<'_>) {
    for part in reducing.draft.parts() {
        for name in reducing.draft.members(&part) {
            let place = format!("{}/{name}/count", part.place());
            let Some(count) = reducing.draft.0.pointer(&place).and_then(Value::as_u64) else { continue };
            let fewer = std::iter::successors(Some(1), |fewer| Some(fewer * 2)).take_while(|fewer| *fewer < count);
            let mut counts: Vec<u64> = fewer.collect();
            counts.extend((count > 2).then(|| count - 1));
            let draft = reducing.draft.clone();
            reducing.take_first(counts.into_iter().map(|count| draft.with(&place, count.into())));
            let count = reducing.draft.0.pointer(&place).and_then(Value::as_u64).unwrap_or_default();
            if count <= SMALL
                && let Some(members) = separated(&reducing.draft, &part, &name)
            {
                reducing.take_first(std::iter::once(members));
            }
        }
    }
}

/// Puts the hosts of one site to another one, so that there is one site less. Where something happens to either of them it
/// would happen to more hosts then, or fewer: that is another story.
pub(super) fn sites(reducing: &mut Reducing<'_>) {
    let sites = reducing.draft.keys("/sites");
    let pairs: Vec<(String, String)> = sites
        .iter()
        .rev()
        .flat_map(|from| sites.iter().filter(move |to| *to != from).map(move |to| (from.clone(), to.clone())))
        .collect();
    reducing.sweep(&pairs, |draft, (from, to)| {
        let is_left_alone = |site: &String| {
            let is_there = draft.0["sites"].get(site.as_str()).is_some();
            is_there && !draft.lines().iter().any(|line| mentioned(line).contains(&site.as_str()))
        };
        (is_left_alone(from) && is_left_alone(to)).then(|| joined(draft, from, to))
    });
}

/// Everybody of one site at another one.
fn joined(draft: &Draft, from: &str, to: &str) -> Draft {
    let mut joined = draft.clone();
    for system in draft.systems() {
        move_hosts(&mut joined.0[system], from, to);
    }
    // Nobody is left there: it goes, and its links and what was done to it.
    joined.without_members(&Part { system: "", key: "", role: Role::Thing }, &[])
}

fn move_hosts(value: &mut Value, from: &str, to: &str) {
    for (key, value) in value.as_object_mut().into_iter().flatten() {
        if key == "site" && value.as_str() == Some(from) {
            *value = to.into();
        }
        move_hosts(value, from, to);
    }
}

/// Drops links, and what the file changes about invariants.
pub(super) fn links_and_rules(reducing: &mut Reducing<'_>) {
    let links = reducing.draft.0["links"].as_array().map_or(0, Vec::len);
    let links: Vec<usize> = (0..links).rev().collect();
    reducing.sweep(&links, |draft, index| Some(draft.without_item("/links", *index)));
    let rules = reducing.draft.keys("/invariants");
    reducing.sweep(&rules, |draft, rule| {
        let without = draft.without_key("/invariants", rule);
        let is_last = without.keys("/invariants").is_empty();
        Some(if is_last { without.without_key("", "invariants") } else { without })
    });
}
