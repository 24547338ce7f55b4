//! Checks a document's shape against the schema: keys, types, spellings, names. Every mistake is found, and what is
//! sound is kept, so that later checks see the rest of the file.
mod free;

use super::document::{Entry, Kind, Node};
use super::mistake::{Mistake, Place};
use super::pitfall::TurnOn;
use super::roll::Roll;
use super::written;
use crate::systems::DECLARATIONS;
use serde_json::{Map, Value, json};

/// What is not built yet, by the part of the schema that will have it: said plainly instead of called unknown.
const COMING: [(&str, &[&str]); 1] = [("Scenario", &["amqp"])];

/// What was sound of a node: itself with unsound parts left out, and the same as a value for serde.
pub(crate) struct Sound {
    pub(crate) node: Node,
    pub(crate) value: Value,
}

/// Walks one document.
pub(crate) struct Shape<'s> {
    schema: &'s Value,
    roll: &'s Roll,
    pub(crate) mistakes: Vec<Mistake>,
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Spot<'s, 'd> {
    schema: &'s Value,
    /// The name of the schema's part.
    part: &'s str,
    /// The key that led here, and its place.
    key: &'d str,
    place: Option<Place>,
    /// The part is complete already and only some keys of it are set: knobs.
    partial: bool,
}

impl<'s> Shape<'s> {
    pub(crate) fn new(schema: &'s Value, roll: &'s Roll) -> Self {
        Self { schema, roll, mistakes: Vec::new() }
    }

    /// Walks from the root. `None`: not even the frame of a scenario is sound.
    pub(crate) fn scenario(&mut self, root: &Node) -> Option<Sound> {
        let spot = Spot { schema: self.schema, part: "Scenario", key: "a scenario", place: None, partial: false };
        let mut sound = self.node(root, spot);
        if let Some(turn_on) = root.entry("pitfall").and_then(|pitfall| pitfall.value.entry("turn-on")) {
            let knobs = self.knobs(root, &turn_on.value);
            if let Some(slot) = sound.as_mut().and_then(|sound| sound.value.pointer_mut("/pitfall/turn-on")) {
                *slot = knobs;
            }
        }
        sound
    }

    fn node(&mut self, node: &Node, spot: Spot<'s, '_>) -> Option<Sound> {
        if matches!(node.kind, Kind::Nothing) && allows_nothing(spot.schema) {
            return Some(Sound { node: node.clone(), value: Value::Null });
        }
        let spot = self.resolved(spot);
        let choices = choices(spot.schema);
        if !choices.is_empty() {
            return self.choice(node, spot, &choices);
        }
        match type_of(spot.schema) {
            // Payloads and properties are the author's own.
            "" => Some(self.free(node)),
            "object" if spot.schema["additionalProperties"] == true && matches!(node.kind, Kind::Map(_)) => {
                Some(self.free(node))
            }
            "object" if spot.schema["format"] == TurnOn::FORMAT => Some(Sound { node: node.clone(), value: json!({}) }),
            "object" => self.object(node, spot),
            "array" => self.array(node, spot),
            "string" => self.text(node, spot),
            "integer" => self.integer(node, spot),
            "boolean" => self.switch(node, spot),
            other => unreachable!("the schema of scenarios has no {other:?} in {}", spot.part),
        }
    }

    /// Follows `$ref`, and looks through `anyOf: [it, null]`.
    fn resolved<'d>(&self, mut spot: Spot<'s, 'd>) -> Spot<'s, 'd> {
        loop {
            let inner = spot.schema["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] != "null"));
            if let Some(inner) = inner {
                spot.schema = inner;
            } else if let Some(name) = spot.schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
                spot = Spot { schema: &self.schema["$defs"][name], part: name, ..spot };
            } else {
                return spot;
            }
        }
    }

    fn object(&mut self, node: &Node, spot: Spot<'s, '_>) -> Option<Sound> {
        let Kind::Map(entries) = &node.kind else {
            return self.wrong(node, spot, "a mapping (`{}` for an empty one)");
        };
        let (mut kept, mut value) = (Vec::new(), Map::new());
        let before = self.mistakes.len();
        for (index, entry) in entries.iter().enumerate() {
            if let Some(first) = entries[..index].iter().find(|earlier| earlier.key == entry.key) {
                let message = format!("`{}` stands here a second time", entry.key);
                let expected = format!("each name once: the first is on line {}", first.key_place.line);
                self.mistakes.push(Mistake::new(entry.key_place, message).expected(expected));
                continue;
            }
            let Some(schema) = self.property(entry, spot) else { continue };
            let inner = Spot { schema, key: &entry.key, place: Some(entry.key_place), partial: false, ..spot };
            if let Some(sound) = self.node(&entry.value, inner) {
                kept.push(Entry { value: sound.node, ..entry.clone() });
                value.insert(entry.key.clone(), sound.value);
            }
        }
        // What a misspelt key was meant to be is not missing as well.
        let own = |mistake: &&Mistake| entries.iter().any(|entry| entry.key_place == mistake.place);
        let strangers: Vec<&Mistake> = self.mistakes[before..].iter().filter(own).collect();
        let meant: Vec<String> = strangers.iter().filter_map(|mistake| mistake.suggestion.clone()).collect();
        let strangers = !strangers.is_empty();
        let complete = self.complete(node, spot, &value, &meant) & self.one(node, spot, &value, strangers);
        complete.then(|| Sound { node: Node { place: node.place, kind: Kind::Map(kept) }, value: Value::Object(value) })
    }

    /// Finds the schema of a key's value, or says that there is none.
    fn property(&mut self, entry: &Entry, spot: Spot<'s, '_>) -> Option<&'s Value> {
        let known = spot.schema["properties"].as_object();
        if let Some(schema) = known.and_then(|properties| properties.get(&entry.key)) {
            return Some(schema);
        }
        if spot.schema["additionalProperties"].is_object() {
            if let Some(format) = spot.schema["propertyNames"]["format"].as_str() {
                self.named(format, &entry.key, entry.key_place)?;
            }
            return Some(&spot.schema["additionalProperties"]);
        }
        let key = &entry.key;
        let keys: Vec<&str> = known.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        self.mistakes.push(if is_coming(spot.part, key) {
            Mistake::new(entry.key_place, format!("`{key}` is not built yet")).expected(one_of(&keys))
        } else {
            Mistake::new(entry.key_place, format!("unknown key `{key}`"))
                .expected(one_of(&keys))
                .meant(key, keys.iter().copied())
        });
        None
    }

    /// Whether every required key is there and sound; says which are missing.
    fn complete(&mut self, node: &Node, spot: Spot<'s, '_>, sound: &Map<String, Value>, meant: &[String]) -> bool {
        let mut complete = true;
        for key in spot.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if spot.partial || sound.contains_key(key) {
                continue;
            }
            complete = false;
            if node.entry(key).is_none() && !meant.iter().any(|meant| meant == key) {
                let about = spot.schema["properties"][key]["description"].as_str().unwrap_or_default();
                let message = format!("`{key}` is missing in {}", quoted(spot.key));
                self.mistakes.push(
                    Mistake::new(spot.place.unwrap_or(node.place), message)
                        .expected(format!("`{key}`: {}", first_line(about))),
                );
            }
        }
        complete
    }

    /// Where the schema wants exactly one of some keys: whether that one is there and sound.
    fn one(&mut self, node: &Node, spot: Spot<'s, '_>, sound: &Map<String, Value>, strangers: bool) -> bool {
        let Some(what) = spot.schema["x-one"].as_str() else {
            return true;
        };
        let choices = spot.schema["oneOf"].as_array().into_iter().flatten();
        let choices: Vec<&str> = choices.filter_map(|choice| choice["required"][0].as_str()).collect();
        let mut there = node.entries().iter().filter(|entry| choices.contains(&entry.key.as_str()));
        match (there.next(), there.next()) {
            (Some(first), None) => sound.contains_key(&first.key),
            (None, _) => {
                // An unknown key has been named already; most likely it is the missing one, misspelt.
                if !strangers {
                    self.mistakes.push(Mistake::new(node.place, format!("no {what} here")).expected(one_of(&choices)));
                }
                false
            }
            (Some(first), Some(second)) => {
                let message = format!("a second {what}, `{}`, beside `{}`", second.key, first.key);
                self.mistakes
                    .push(Mistake::new(second.key_place, message).expected(format!("one {what} in each item")));
                false
            }
        }
    }

    fn array(&mut self, node: &Node, spot: Spot<'s, '_>) -> Option<Sound> {
        let Kind::List(items) = &node.kind else {
            return self.wrong(node, spot, "a list");
        };
        if let Some(size) = spot.schema["maxItems"].as_u64().filter(|size| *size != items.len() as u64) {
            let message = format!("`{}` takes {size}, not {}", spot.key, items.len());
            self.mistakes.push(Mistake::new(node.place, message));
            return None;
        }
        let inner = Spot { schema: &spot.schema["items"], place: None, ..spot };
        let sound: Vec<Sound> = items.iter().filter_map(|item| self.node(item, inner)).collect();
        if spot.schema["maxItems"].is_u64() && sound.len() < items.len() {
            return None;
        }
        let (kept, values): (Vec<Node>, Vec<Value>) = sound.into_iter().map(|sound| (sound.node, sound.value)).unzip();
        Some(Sound { node: Node { place: node.place, kind: Kind::List(kept) }, value: values.into() })
    }

    fn text(&mut self, node: &Node, spot: Spot<'s, '_>) -> Option<Sound> {
        let format = spot.schema["format"].as_str().unwrap_or_default();
        let Some(text) = node.text() else {
            let expected = spot.schema["description"].as_str().filter(|_| !format.is_empty());
            return self.wrong(node, spot, expected.unwrap_or("text"));
        };
        match written::check(format, text) {
            Some(Err((message, expected))) => {
                self.mistakes.push(Mistake::new(node.place, message).expected(expected));
                return None;
            }
            Some(Ok(())) => {}
            None => self.named(format, text, node.place)?,
        }
        Some(Sound { node: node.clone(), value: text.into() })
    }

    /// Looks a name up, where the format says that it must be declared.
    fn named(&mut self, format: &str, name: &str, place: Place) -> Option<()> {
        let Some(declared) = self.roll.unless_declared(format, name) else {
            return Some(());
        };
        let declared: Vec<&str> = declared.iter().map(String::as_str).collect();
        let expected = if declared.is_empty() { format!("none: there is no {format}") } else { one_of(&declared) };
        self.mistakes.push(
            Mistake::new(place, format!("unknown {format} `{name}`"))
                .expected(expected)
                .meant(name, declared.iter().copied()),
        );
        None
    }

    fn choice(&mut self, node: &Node, spot: Spot<'s, '_>, choices: &[&str]) -> Option<Sound> {
        match node.text() {
            Some(text) if choices.contains(&text) => Some(Sound { node: node.clone(), value: text.into() }),
            Some(text) => {
                let message = format!("`{text}` is not what `{}` takes", spot.key);
                self.mistakes.push(
                    Mistake::new(node.place, message).expected(one_of(choices)).meant(text, choices.iter().copied()),
                );
                None
            }
            None => self.wrong(node, spot, &one_of(choices)),
        }
    }

    fn integer(&mut self, node: &Node, spot: Spot<'s, '_>) -> Option<Sound> {
        let least = spot.schema["minimum"].as_u64().unwrap_or(0);
        let most = spot.schema["maximum"].as_u64().unwrap_or(if spot.schema["format"] == "uint32" {
            u32::MAX.into()
        } else {
            u64::MAX
        });
        let number = match &node.kind {
            Kind::Scalar { text, quoted: false } => text.parse::<u64>().ok(),
            _ => None,
        };
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(Sound { node: node.clone(), value: number.into() }),
            None if most >= u32::MAX.into() => self.wrong(node, spot, &format!("a whole number, {least} or more")),
            None => self.wrong(node, spot, &format!("a whole number from {least} to {most}")),
        }
    }

    fn switch(&mut self, node: &Node, spot: Spot<'s, '_>) -> Option<Sound> {
        let on = match node.text() {
            Some("on" | "yes" | "true") => true,
            Some("off" | "no" | "false") => false,
            _ => return self.wrong(node, spot, "`on` or `off` (`yes` and `no`, `true` and `false` are the same)"),
        };
        Some(Sound { node: node.clone(), value: on.into() })
    }

    /// Walks `turn-on`: each path must lead to a part of this file, each knob must be one of that part's.
    fn knobs(&mut self, root: &Node, turn_on: &Node) -> Value {
        let mut parts: Vec<(String, Spot<'s, '_>)> = Vec::new();
        for (system, ..) in DECLARATIONS {
            let Some(section) = root.entry(system) else { continue };
            let schema = &self.schema["properties"][*system];
            let spot = self.resolved(Spot { schema, part: system, key: "", place: None, partial: true });
            for (key, schema) in spot.schema["properties"].as_object().into_iter().flatten() {
                let members = section.value.entry(key).map(|part| part.value.entries()).unwrap_or_default();
                let part = |path: String, schema| (path, Spot { schema, ..spot });
                if schema["additionalProperties"].is_object() {
                    let schema = &schema["additionalProperties"];
                    parts.extend(members.iter().map(|member| part(format!("{key}.{}", member.key), schema)));
                } else {
                    parts.push(part(key.clone(), schema));
                }
            }
        }
        let mut knobs = Map::new();
        for entry in turn_on.entries() {
            let Some((_, part)) = parts.iter().find(|(path, _)| *path == entry.key) else {
                let paths: Vec<&str> = parts.iter().map(|(path, _)| path.as_str()).collect();
                self.mistakes.push(
                    Mistake::new(entry.key_place, format!("unknown part `{}`", entry.key))
                        .expected(one_of(&paths))
                        .meant(&entry.key, paths.iter().copied()),
                );
                continue;
            };
            let spot = Spot { key: &entry.key, place: Some(entry.key_place), ..*part };
            if let Some(sound) = self.node(&entry.value, spot) {
                knobs.insert(entry.key.clone(), sound.value);
            }
        }
        Value::Object(knobs)
    }

    fn wrong(&mut self, node: &Node, spot: Spot<'s, '_>, expected: &str) -> Option<Sound> {
        let (place, message) = match &node.kind {
            Kind::Nothing => (spot.place.unwrap_or(node.place), format!("{} has no value", quoted(spot.key))),
            _ => (node.place, format!("{} is not what {} takes", node.named(), quoted(spot.key))),
        };
        self.mistakes.push(Mistake::new(place, message).expected(expected));
        None
    }
}

fn quoted(key: &str) -> String {
    if key.contains(' ') { key.to_owned() } else { format!("`{key}`") }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn is_coming(part: &str, key: &str) -> bool {
    COMING.iter().any(|(of, keys)| *of == part && keys.contains(&key))
}

/// Lists what is possible, as far as a reader wants to read.
fn one_of(names: &[&str]) -> String {
    const MOST: usize = 20;
    let listed: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > MOST { format!(" and {} more", names.len() - MOST) } else { String::new() };
    match listed.len() {
        0 => "nothing here".into(),
        1 => listed.concat(),
        _ => format!("one of {}{more}", listed.join(", ")),
    }
}

fn type_of(schema: &Value) -> &str {
    let first = schema["type"].as_array().and_then(|types| types.iter().find(|one| *one != "null"));
    first.unwrap_or(&schema["type"]).as_str().unwrap_or_default()
}

fn allows_nothing(schema: &Value) -> bool {
    let among = |list: &Value| {
        list.as_array().is_some_and(|list| list.iter().any(|one| one == "null" || one["type"] == "null"))
    };
    among(&schema["type"]) || among(&schema["anyOf"])
}

/// The words that an enum of plain variants takes.
fn choices(schema: &Value) -> Vec<&str> {
    let consts = schema["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["const"].as_str());
    let enums = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    consts.chain(enums).collect()
}
