//! A scenario and a seed as a plain scenario: nothing left to be drawn before the world begins.
use super::draft::Draft;
use super::groups::{SMALL, separated};
use crate::scenario::{DurationRange, Plan, Scenario, plan, unrolled};
use serde_json::Value;
use std::path::Path;

/// Writes down what a seed draws: `every` and `chaos` as lines with fixed times and lengths, ranges as plain values,
/// small groups as their members. The seed stays, so that what is drawn inside the world is the same.
///
/// Some ranges stay: those that are drawn again and again while the world runs (latencies, back-off), and those of groups
/// of more than 16 members, where each member draws its own by its name, as before.
pub fn materialise(scenario: &Scenario, seed: u64) -> Scenario {
    let mut plain = scenario.clone();
    plain.timeline = unrolled(scenario, seed);
    (plain.chaos, plain.pitfall, plain.seed) = (None, None, Some(seed));

    let mut draft = Draft::of(&plain);
    for part in draft.parts() {
        for name in draft.members(&part) {
            let count = draft.0.pointer(&format!("{}/{name}/count", part.place())).and_then(Value::as_u64);
            if count.is_some_and(|count| count <= SMALL)
                && let Some(members) = separated(&draft, &part, &name)
            {
                draft = members;
            }
        }
    }
    let draft = without_ranges(draft, seed);
    serde_json::from_value(draft.0).expect("a draft says what a scenario said")
}

/// Fixes every range that the plan draws: one is drawn under the label that is its place in the file, and fixing it
/// leaves the plan as it is. Any other range is left.
fn without_ranges(mut draft: Draft, seed: u64) -> Draft {
    let mut places: Vec<(String, String)> = Vec::new();
    for place in draft.mappings("") {
        if !place.starts_with("/timeline") {
            let keys = draft.keys(&place).into_iter();
            places.extend(keys.map(|key| (format!("{place}/{key}"), label(&place, &key))));
        }
    }
    let Some(mut before) = planned(&draft, seed) else { return draft };
    for (place, label) in places {
        let range = draft.text_at(&place).and_then(|text| text.parse::<DurationRange>().ok());
        let Some(range) = range.filter(|range| range.least() != range.most()) else { continue };
        let fixed = draft.with(&place, DurationRange::fixed(range.draw(seed, &label)).to_string().into());
        let Some(after) = planned(&fixed, seed) else { continue };
        if after.hash() == before.hash() {
            (draft, before) = (fixed, after);
        }
    }
    draft
}

/// The label of what is drawn at a place: `/iot/dps/health-check` draws as `iot.dps.health-check`.
fn label(place: &str, key: &str) -> String {
    let mut steps = place.split('/').skip(1);
    match (steps.next(), steps.next()) {
        (Some("expect"), Some(index)) => format!("expect[{index}].{key}"),
        (None, _) => key.to_owned(),
        _ => format!("{}.{key}", place[1..].replace('/', ".")),
    }
}

fn planned(draft: &Draft, seed: u64) -> Option<Plan> {
    let scenario: Scenario = serde_json::from_value(draft.0.clone()).ok()?;
    Some(plan(&scenario, Path::new(""), seed))
}
