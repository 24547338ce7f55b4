//! A scenario while it is being shrunk: JSON with nothing in it that goes without saying, so that any part of any system
//! can be taken out by its place.
use crate::scenario::{Loaded, Mistakes, NO_VERB, OperatorVerb, Scenario, parse, terse, yaml_of};
use crate::systems::{DECLARATIONS, Role};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// Keys of a verb whose texts name nobody.
const NO_NAMES: [&str; 3] = ["name", "payload", "set"];

/// One version of the scenario.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft(pub(super) Value);

impl Draft {
    pub(super) fn of(scenario: &Scenario) -> Self {
        Self(terse(scenario))
    }

    /// The file that it would be.
    pub(super) fn text(&self) -> String {
        yaml_of(&self.0)
    }

    /// Reads that file: whatever is run has passed every check, and can be written down.
    pub(super) fn loaded(&self) -> Result<Loaded, Mistakes> {
        parse(Path::new("draft.yaml"), &self.text())
    }

    pub(super) fn lines(&self) -> &[Value] {
        self.0["timeline"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The same with another timeline; without lines there is none.
    pub(super) fn with_lines(&self, lines: Vec<Value>) -> Self {
        let mut draft = self.clone();
        match draft.0.get_mut("timeline") {
            _ if lines.is_empty() => draft.remove("", "timeline"),
            Some(timeline) => *timeline = lines.into(),
            None => {}
        }
        draft
    }

    /// The same without one line.
    pub(super) fn without_line(&self, index: usize) -> Self {
        let mut lines = self.lines().to_vec();
        lines.remove(index);
        self.with_lines(lines)
    }

    /// The same with nothing going wrong: what an operator asks for is left.
    pub(super) fn calm(&self) -> Self {
        let asked_for = |line: &&Value| verb(line).is_some_and(|(verb, _)| OperatorVerb::named(verb).is_some());
        self.with_lines(self.lines().iter().filter(asked_for).cloned().collect())
    }

    /// The same with another value at a place.
    pub(super) fn with(&self, place: &str, value: Value) -> Self {
        let mut draft = self.clone();
        if let Some(slot) = draft.0.pointer_mut(place) {
            *slot = value;
        }
        draft
    }

    /// The same without a key of the mapping at a place.
    pub(super) fn without_key(&self, place: &str, key: &str) -> Self {
        let mut draft = self.clone();
        draft.remove(place, key);
        draft
    }

    /// The same without an item of the list at a place.
    pub(super) fn without_item(&self, place: &str, index: usize) -> Self {
        let mut draft = self.clone();
        if let Some(items) = draft.0.pointer_mut(place).and_then(Value::as_array_mut) {
            items.remove(index);
            if items.is_empty() {
                draft.remove("", place.trim_start_matches('/'));
            }
        }
        draft
    }

    /// The same without some members of a part, and without whatever only made sense with them.
    pub(super) fn without_members(&self, part: &Part, names: &[String]) -> Self {
        let mut draft = self.clone();
        let mut gone = Gone::default();
        for name in names {
            draft.take_out(part, name, &mut gone);
        }
        draft.forget(gone);
        draft
    }

    /// The same without a whole system.
    pub(super) fn without_system(&self, system: &str) -> Self {
        let mut draft = self.clone();
        let mut gone = Gone::default();
        for part in self.parts().into_iter().filter(|part| part.system == system) {
            self.members(&part).into_iter().for_each(|name| draft.take_out(&part, &name, &mut gone));
        }
        let hosts = DECLARATIONS.iter().filter(|(key, ..)| *key == system).flat_map(|(_, _, hosts)| *hosts);
        gone.names.extend(hosts.map(|host| (*host).to_owned()));
        draft.remove("", system);
        draft.forget(gone);
        draft
    }

    /// Every part of a system whose keys are names, of the systems that there are.
    pub(super) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        for (system, declares, _) in DECLARATIONS.iter().filter(|(system, ..)| self.0.get(system).is_some()) {
            parts.extend(declares.iter().map(|declares| Part { system, key: declares.key, role: declares.role }));
        }
        parts
    }

    /// The names that a part declares.
    pub(super) fn members(&self, part: &Part) -> Vec<String> {
        let members = self.0.pointer(&part.place()).and_then(Value::as_object);
        members.into_iter().flat_map(Map::keys).cloned().collect()
    }

    /// The systems that there are.
    pub(super) fn systems(&self) -> Vec<&'static str> {
        DECLARATIONS.iter().map(|(system, ..)| *system).filter(|system| self.0.get(system).is_some()).collect()
    }

    /// Every mapping below a place, the outer ones first.
    pub(super) fn mappings(&self, place: &str) -> Vec<String> {
        let mut found = Vec::new();
        gather(self.0.pointer(place).unwrap_or(&Value::Null), place.to_owned(), &mut found);
        found
    }

    /// The keys of the mapping at a place.
    pub(super) fn keys(&self, place: &str) -> Vec<String> {
        self.0.pointer(place).and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
    }

    pub(super) fn text_at(&self, place: &str) -> Option<&str> {
        self.0.pointer(place).and_then(Value::as_str)
    }

    fn remove(&mut self, place: &str, key: &str) {
        if let Some(members) = self.0.pointer_mut(place).and_then(Value::as_object_mut) {
            members.shift_remove(key);
        }
    }

    fn take_out(&mut self, part: &Part, name: &str, gone: &mut Gone) {
        let member = self.0.pointer(&format!("{}/{name}", part.place()));
        if member.is_some_and(|member| member.get("count").is_some()) {
            gone.groups.insert(name.to_owned());
        }
        self.remove(&part.place(), name);
        if let Role::Service(prefix) = part.role {
            gone.names.insert(format!("{prefix}{name}"));
        }
        gone.names.insert(name.to_owned());
    }

    /// Takes out what speaks of somebody who is gone, and then the sites where nobody is left.
    fn forget(&mut self, mut gone: Gone) {
        loop {
            let mut more = Vec::new();
            for part in self.parts() {
                for name in self.members(&part) {
                    let place = format!("{}/{name}", part.place());
                    let Some(Value::Object(member)) = self.0.pointer_mut(&place) else { continue };
                    for list in member.values_mut().filter_map(Value::as_array_mut) {
                        list.retain(|item| item.as_str().is_none_or(|name| !gone.has(name)));
                    }
                    if member.values().any(|value| value.as_str().is_some_and(|name| gone.has(name))) {
                        more.push((part, name));
                    }
                }
            }
            if more.is_empty() {
                break;
            }
            more.into_iter().for_each(|(part, name)| self.take_out(&part, &name, &mut gone));
        }
        let mut inhabited = BTreeSet::new();
        self.systems().into_iter().for_each(|system| gather_sites(&self.0[system], &mut inhabited));
        for site in self.keys("/sites").into_iter().filter(|site| !inhabited.contains(site)) {
            self.remove("/sites", &site);
            gone.names.insert(site);
        }
        let left = |line: &&Value| !mentioned(line).iter().any(|name| gone.has(name));
        let lines: Vec<Value> = self.lines().iter().filter(left).cloned().collect();
        let joins = |link: &Value| link["between"].as_array().is_some_and(|ends| ends.iter().any(|end| gone.is(end)));
        let links = self.0["links"].as_array().into_iter().flatten().filter(|link| !joins(link)).cloned();
        let links: Vec<Value> = links.collect();
        *self = self.with_lines(lines);
        match self.0.get_mut("links") {
            _ if links.is_empty() => self.remove("", "links"),
            Some(slot) => *slot = links.into(),
            None => {}
        }
    }
}

/// A part of a system whose keys are names: `iot: devices:`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) system: &'static str,
    pub(super) key: &'static str,
    pub(super) role: Role,
}

impl Part {
    pub(super) fn place(&self) -> String {
        format!("/{}/{}", self.system, self.key)
    }
}

/// Who is not there any more.
#[derive(Default)]
struct Gone {
    names: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl Gone {
    fn has(&self, name: &str) -> bool {
        let number = |rest: &str| rest.len() >= 4 && rest.bytes().all(|byte| byte.is_ascii_digit());
        let of_group =
            || name.rsplit_once('-').is_some_and(|(group, rest)| self.groups.contains(group) && number(rest));
        self.names.contains(name) || of_group()
    }

    fn is(&self, value: &Value) -> bool {
        value.as_str().is_some_and(|name| self.has(name))
    }
}

/// Tells the verb of a line of the timeline and what is said of it.
pub(super) fn verb(line: &Value) -> Option<(&str, &Map<String, Value>)> {
    let mut members = line.as_object()?.iter().filter(|(key, _)| !NO_VERB.contains(&key.as_str()));
    let (verb, said) = members.next()?;
    Some((verb, said.as_object()?))
}

/// Every host, site, device that a line speaks of.
pub(super) fn mentioned(line: &Value) -> Vec<&str> {
    let said = verb(line).into_iter().flat_map(|(_, said)| said);
    let named = said.filter(|(key, _)| !NO_NAMES.contains(&key.as_str())).map(|(_, value)| value);
    let mut names = Vec::new();
    for value in named {
        names.extend(value.as_str());
        names.extend(value.as_array().into_iter().flatten().filter_map(Value::as_str));
    }
    names
}

fn gather(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(place.clone());
            let inner = members.iter().filter(|(key, _)| !NO_NAMES.contains(&key.as_str()));
            inner.for_each(|(key, value)| gather(value, format!("{place}/{key}"), found));
        }
        Value::Array(items) => {
            let inner = items.iter().enumerate();
            inner.for_each(|(index, value)| gather(value, format!("{place}/{index}"), found));
        }
        _ => {}
    }
}

fn gather_sites(value: &Value, sites: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        if key == "site" {
            sites.extend(value.as_str().map(str::to_owned));
        }
        gather_sites(value, sites);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn draft() -> Draft {
        let text = "
name: test
duration: 10m
sites: { west: {}, east: {}, field: {} }
links: [{ between: [west, east], latency: 5ms }]
iot:
  dps: { site: east }
  hubs: { hub-a: { site: west }, hub-b: { site: east } }
  central: { site: east }
  devices: { xyz: { site: field, commands: on }, meter: { site: field, count: 2 } }
timeline:
  - { at: 1m, crash: { host: hub-a } }
  - { at: 2m, crash: { host: meter-0002 } }
  - { at: 3m, partition: { between: [west, field] } }
  - { at: 4m, command: { device: xyz, name: west } }
";
        Draft::of(&parse(Path::new("x.yaml"), text).unwrap_or_else(|mistakes| panic!("{mistakes}")).scenario)
    }

    fn part(draft: &Draft, key: &str) -> Part {
        draft.parts().into_iter().find(|part| part.key == key).expect("it has such a part")
    }

    #[test]
    fn with_the_last_host_of_a_site_the_site_goes_and_whatever_speaks_of_either() {
        let draft = draft();
        let without = draft.without_members(&part(&draft, "hubs"), &["hub-a".to_owned()]);
        let verbs: Vec<&str> = without.lines().iter().filter_map(verb).map(|(verb, _)| verb).collect();
        assert_eq!(verbs, ["crash", "command"], "the name of a command names nobody");
        assert_eq!(without.keys("/sites"), ["east", "field"]);
        assert!(without.0.get("links").is_none());
        assert!(without.loaded().is_ok());
    }

    #[test]
    fn with_a_group_its_members_go() {
        let draft = draft();
        let without = draft.without_members(&part(&draft, "devices"), &["meter".to_owned()]);
        assert_eq!(without.lines().len(), 3);
        assert!(without.loaded().is_ok());
    }

    #[test]
    fn what_hangs_on_something_that_is_gone_goes_with_it_in_any_system() {
        let draft = Draft(json!({
            "sites": { "west": {} },
            "streams": {
                "regions": { "west": { "site": "west" }, "east": { "site": "west" } },
                "streams": { "orders": {}, "notes": {} },
                "subscriptions": { "workers": { "stream": "orders" }, "readers": { "stream": "notes" } },
                "producers": { "till": { "site": "west", "regions": ["west", "east"], "stream": "notes" } },
                "consumers": { "one": { "site": "west", "subscription": "workers" } },
            },
            "timeline": [{ "at": "1m", "crash": { "host": "one" } }, { "at": "1m", "crash": { "host": "broker-east" } }],
        }));
        let without = draft.without_members(&part(&draft, "streams"), &["orders".to_owned()]);
        assert_eq!(without.keys("/streams/subscriptions"), ["readers"]);
        assert!(without.keys("/streams/consumers").is_empty());
        assert_eq!(without.lines().len(), 1);
        let without = draft.without_members(&part(&draft, "regions"), &["east".to_owned()]);
        assert_eq!(without.0["streams"]["producers"]["till"]["regions"], json!(["west"]));
        assert_eq!(without.lines().len(), 1);
    }
}
