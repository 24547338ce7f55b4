//! Which invariants a scenario voids, because it asks more of a system than that promises.
use super::super::document::Node;
use super::super::mistake::{Mistake, Place};
use super::super::schema::Scenario;
use super::super::storm;
use crate::invariant::Rules;
use crate::iot::limits::{Beyond, Limits};

/// Finds where a sound scenario leaves what the systems promise. Invariants that it waives are not spoken of.
pub(crate) fn warn(scenario: &Scenario, sound: &Node) -> Vec<Mistake> {
    let Some(section) = &scenario.systems.iot else { return Vec::new() };
    let usual = Rules::default().given_up;
    let given_up = scenario.invariants.get("no-loss").and_then(|rule| rule.given_up).unwrap_or(usual);
    let limits = Limits { section, given_up };
    let mut found: Vec<(Place, Beyond)> = Vec::new();
    for (index, item) in scenario.timeline.iter().enumerate() {
        let written = sound.nearest(&["timeline", &index.to_string()]);
        let place = written.entry(&item.verb()).map_or(written.place, |entry| entry.key_place);
        found.extend(limits.beyond(item).into_iter().map(|beyond| (place, beyond)));
    }
    if let Some(chaos) = &scenario.chaos {
        let place = sound.nearest(&["chaos"]);
        let place = place.entry("lasting").map_or(place.place, |entry| entry.key_place);
        // Much of what it may draw is alike: what comes first of each kind stands for all.
        let mut told: Vec<Vec<&str>> = Vec::new();
        for beyond in storm::possible(chaos, scenario).iter().flat_map(|item| limits.beyond(item)) {
            if !told.contains(&beyond.voids) {
                told.push(beyond.voids.clone());
                found.push((place, beyond));
            }
        }
    }
    found.into_iter().filter_map(|(place, beyond)| worded(scenario, place, beyond)).collect()
}

fn worded(scenario: &Scenario, place: Place, Beyond { what, inside, voids }: Beyond) -> Option<Mistake> {
    let is_judged = |name: &&str| scenario.invariants.get(*name).is_none_or(|rule| rule.waived.is_none());
    let voids: Vec<String> = voids.into_iter().filter(is_judged).map(|name| format!("`{name}`")).collect();
    let names = match voids.as_slice() {
        [] => return None,
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    let message = format!("{what}; {names} may be violated without any fault of a client");
    Some(Mistake::new(place, message).expected(inside))
}
