//! What two plans differ in: the faults line by line, and all else by its place.
use crate::history::{Name, Roster};
use crate::report::{Pair, PlanDifferences};
use crate::scenario::{Plan, PlannedFault, written_out};
use indexmap::IndexMap;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// How many differences are told.
const MOST: usize = 200;

/// Told by themselves, following from the rest, or of no meaning to a person: told only when nothing else differs.
const ASIDE: [&str; 6] = ["faults", "seed", "roster", "hosts", "iot.group_key", "streams.api_key"];

/// Compares two plans.
pub(super) fn differences(a: &Plan, b: &Plan) -> PlanDifferences {
    let mut differences = faults(&a.faults, &b.faults);
    differences.extend(values(a, b, &ASIDE));
    if differences.is_empty() {
        differences = values(a, b, &["seed"]);
    }
    let more = differences.len().saturating_sub(MOST) as u64;
    differences.truncate(MOST);
    PlanDifferences { differences, more }
}

/// Faults that only one has in these words. Two of one origin are one fault at another time or place.
fn faults(a: &[PlannedFault], b: &[PlannedFault]) -> Vec<Pair> {
    let mut theirs: Vec<&PlannedFault> = b.iter().collect();
    let mut ours = Vec::new();
    for fault in a {
        match theirs.iter().position(|other| in_words(other) == in_words(fault)) {
            Some(same) => drop(theirs.remove(same)),
            None => ours.push(fault),
        }
    }
    let mut pairs: Vec<(Duration, Pair)> = Vec::new();
    for fault in ours {
        let other = theirs.iter().position(|other| other.origin == fault.origin).map(|place| theirs.remove(place));
        let at = other.map_or(fault.at, |other| fault.at.min(other.at));
        pairs.push((at, pair(&fault.origin, Some(fault), other)));
    }
    pairs.extend(theirs.into_iter().map(|fault| (fault.at, pair(&fault.origin, None, Some(fault)))));
    pairs.sort_by_key(|(at, _)| *at);
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

fn pair(what: &str, a: Option<&PlannedFault>, b: Option<&PlannedFault>) -> Pair {
    Pair { what: what.to_owned(), a: a.map(in_words), b: b.map(in_words) }
}

/// A fault with the times of its steps between, such as the starts of the machines of a site.
fn in_words(fault: &PlannedFault) -> String {
    let between = fault.steps.iter().map(|step| step.at).filter(|at| *at != fault.at && Some(*at) != fault.until);
    let between: BTreeSet<Duration> = between.collect();
    let between: Vec<String> = between.into_iter().map(written_out).collect();
    if between.is_empty() { fault.to_string() } else { format!("{fault} (with steps at {})", between.join(", ")) }
}

/// Every value that differs, by its path, such as `iot.devices[xyz].token_life`.
fn values(a: &Plan, b: &Plan, but: &[&'static str]) -> Vec<Pair> {
    let value = |plan: &Plan| serde_json::to_value(plan).unwrap_or_default();
    let mut walk = Walk { rosters: (&a.roster, &b.roster), but, found: Vec::new() };
    walk.members("", &value(a), &value(b));
    walk.found
}

struct Walk<'a> {
    rosters: (&'a Roster, &'a Roster),
    but: &'a [&'static str],
    found: Vec<Pair>,
}

impl Walk<'_> {
    fn compare(&mut self, path: String, a: Option<&Value>, b: Option<&Value>) {
        if a == b || self.but.contains(&path.as_str()) {
            return;
        }
        let is_inside = |value: &Value| duration(value).is_none() && (value.is_object() || value.is_array());
        match (a, b) {
            (Some(Value::Array(a)), Some(Value::Array(b))) if self.is_of_the_same(a, b) => {
                self.compare(path, a.get(1), b.get(1));
            }
            (Some(a), Some(b)) if is_inside(a) && is_inside(b) => self.members(&path, a, b),
            (Some(a), Some(b)) if self.names_the_same(a, b) => {}
            _ => self.found.push(Pair { what: path, a: a.and_then(in_short), b: b.and_then(in_short) }),
        }
    }

    fn members(&mut self, path: &str, a: &Value, b: &Value) {
        let (ours, theirs) = (members(path, a), members(path, b));
        for (place, value) in &ours {
            self.compare(place.clone(), Some(value), theirs.get(place).copied());
        }
        for (place, value) in theirs.iter().filter(|(place, _)| !ours.contains_key(*place)) {
            self.compare(place.clone(), None, Some(value));
        }
    }

    /// Whether two pairs say of the same producer how often it does what.
    fn is_of_the_same(&self, a: &[Value], b: &[Value]) -> bool {
        let ([one, ours], [another, theirs]) = (a, b) else { return false };
        duration(ours).is_some() && duration(theirs).is_some() && self.names_the_same(one, another)
    }

    /// Whether two numbers are how the two rosters number one producer, destination or operation.
    fn names_the_same(&self, a: &Value, b: &Value) -> bool {
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let Some((a, b)) = number(a).zip(number(b)) else { return false };
        let (one, another) = self.rosters;
        let producer = |roster: &Roster, id: u32| roster.producers.get(id as usize).map(|one| one.name.clone());
        let destination = |roster: &Roster, id: u32| roster.destinations.get(id as usize).map(|one| one.name.clone());
        let same = |one: Option<Name>, another: Option<Name>| one.is_some() && one == another;
        same(producer(one, a), producer(another, b)) || same(destination(one, a), destination(another, b))
    }
}

/// What an object or list has, by its path.
fn members<'a>(path: &str, value: &'a Value) -> IndexMap<String, &'a Value> {
    match value {
        Value::Object(members) => {
            let dot = if path.is_empty() { "" } else { "." };
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (format!("{path}{dot}{name}"), value))
                .collect()
        }
        Value::Array(items) => {
            let mut places = IndexMap::new();
            for (index, item) in items.iter().enumerate() {
                let label = label(item).filter(|label| !places.contains_key(&format!("{path}[{label}]")));
                places.insert(format!("{path}[{}]", label.unwrap_or_else(|| index.to_string())), item);
            }
            places
        }
        _ => IndexMap::new(),
    }
}

/// A value as people write it; of what has members, that it is there.
fn in_short(value: &Value) -> Option<String> {
    if let Some(duration) = duration(value) {
        return Some(written_out(duration));
    }
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(_) => Some("there".to_owned()),
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => Some("there".to_owned()),
        other => Some(other.to_string()),
    }
}

/// What an item of a list is called: by its own name, or by the names at the head of a tuple.
fn label(item: &Value) -> Option<String> {
    match item {
        Value::Object(members) => {
            ["name", "host", "id"].iter().find_map(|key| members.get(*key)?.as_str()).map(str::to_owned)
        }
        Value::Array(items) if items.iter().any(|item| !item.is_string()) => {
            let names: Vec<&str> = items.iter().map_while(Value::as_str).collect();
            (!names.is_empty()).then(|| names.join(" "))
        }
        _ => None,
    }
}

/// Serde writes a duration as an object of two numbers.
fn duration(value: &Value) -> Option<Duration> {
    let members = value.as_object().filter(|members| members.len() == 2)?;
    let nanos = u32::try_from(members.get("nanos")?.as_u64()?).ok()?;
    Some(Duration::new(members.get("secs")?.as_u64()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;
    use std::path::Path;

    fn plan(devices: &str, rest: &str) -> Plan {
        let text = format!(
            "
name: test
duration: 5m
sites: {{ west: {{}}, field: {{}} }}
iot:
  dps: {{ site: west }}
  hubs: {{ hub-a: {{ site: west }} }}
  central: {{ site: west }}
  devices: {{ {devices} }}
{rest}"
        );
        parse(Path::new("test.yaml"), &text).unwrap_or_else(|mistakes| panic!("{mistakes}")).plan(1)
    }

    fn told(a: &Plan, b: &Plan) -> Vec<String> {
        let pairs = differences(a, b).differences;
        let side = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        pairs.into_iter().map(|Pair { what, a, b }| format!("{what}: {} / {}", side(a), side(b))).collect()
    }

    #[test]
    fn a_fault_at_another_time_is_one_line_and_one_more_is_another() {
        let xyz = "xyz: { site: field, telemetry: 1s }";
        let one = plan(xyz, "timeline: [{ at: 1m, freeze: { host: xyz, for: 5s } }]");
        let line = "timeline: [{ at: 90s, freeze: { host: xyz, for: 5s } }, { at: 2m, crash: { host: hub-a } }]";
        let different = told(&one, &plan(xyz, line));
        assert_eq!(different[0], "timeline[0]: 1m xyz freezes, until 1m5s / 1m30s xyz freezes, until 1m35s");
        assert!(different[1].starts_with("timeline[1]: - / 2m hub-a crashes"), "{different:?}");
        assert_eq!(different.len(), 2, "{different:?}");
    }

    #[test]
    fn a_value_is_told_by_its_place_and_a_part_that_only_one_has_in_one_line() {
        let one = plan("xyz: { site: field, telemetry: 1s, keep-alive: 20s }", "");
        let other =
            plan("abc: { site: field, telemetry: 1s }, xyz: { site: field, telemetry: 2s, keep-alive: 30s }", "");
        assert_eq!(
            told(&one, &other),
            [
                "iot.devices[xyz].telemetry: 1s / 2s",
                "iot.devices[xyz].keep_alive: 20s / 30s",
                "iot.devices[abc]: - / there"
            ],
        );
    }

    #[test]
    fn plans_that_are_the_same_differ_in_nothing() {
        let xyz = "xyz: { site: field, telemetry: 1s }";
        assert_eq!(told(&plan(xyz, ""), &plan(xyz, "")), [""; 0]);
    }
}
