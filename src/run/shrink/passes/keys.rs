//! Fewer options: knobs, abilities, producers, qualities of paths, whatever a key may be left out for.
use super::super::reduce::Reducing;

/// Keys without which a line is not simpler: a fault without a length lasts until the end.
const KEPT: [&str; 3] = ["at", "for", "between"];
/// Top-level keys with nothing to leave out below them, or other passes of their own.
const OTHERS: [&str; 3] = ["expect", "invariants", "seed"];

/// Drops every key that can be dropped alone. Where a key must be there, the file without it is refused, and not run.
pub(super) fn optional(reducing: &mut Reducing<'_>) {
    let mut changes: Vec<(String, String)> = vec![(String::new(), "settle".to_owned())];
    for place in reducing.draft.mappings("") {
        let top = place.split('/').nth(1).unwrap_or_default();
        // The keys of these are names, or verbs, and not options.
        let is_list_of_names = place.split('/').count() == 2 && top == "sites" || is_part(reducing, &place);
        if place.is_empty() || OTHERS.contains(&top) || is_list_of_names {
            continue;
        }
        let keys = reducing.draft.keys(&place).into_iter().filter(|key| !KEPT.contains(&key.as_str()));
        changes.extend(keys.map(|key| (place.clone(), key)));
    }
    reducing.sweep(&changes, |draft, (place, key)| {
        let is_there = draft.0.pointer(place).is_some_and(|it| it.get(key).is_some());
        is_there.then(|| draft.without_key(place, key))
    });
}

fn is_part(reducing: &Reducing<'_>, place: &str) -> bool {
    reducing.draft.parts().iter().any(|part| part.place() == place)
}
