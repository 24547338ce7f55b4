//! What is the author's own: payloads and properties, taken as they stand.
use super::{Shape, Sound};
use crate::scenario::document::{Kind, Node};
use crate::scenario::mistake::Mistake;
use serde_json::{Map, Value};

impl Shape<'_> {
    /// Takes a value as it stands. A key that stands twice is a mistake even here.
    pub(super) fn free(&mut self, node: &Node) -> Sound {
        let value = match &node.kind {
            Kind::Map(entries) => {
                let mut members = Map::new();
                for entry in entries {
                    if members.insert(entry.key.clone(), self.free(&entry.value).value).is_some() {
                        let message = format!("`{}` stands here a second time", entry.key);
                        self.mistakes.push(Mistake::new(entry.key_place, message).expected("each name once"));
                    }
                }
                Value::Object(members)
            }
            Kind::List(items) => items.iter().map(|item| self.free(item).value).collect(),
            Kind::Nothing => Value::Null,
            Kind::Scalar { text, quoted: true } => text.as_str().into(),
            Kind::Scalar { text, .. } => plain(text),
        };
        Sound { node: node.clone(), value }
    }
}

/// What unquoted text means (YAML 1.2, core schema): numbers and `true` and `false`, all else is text.
fn plain(text: &str) -> Value {
    let number =
        |text: &str| text.parse::<i64>().ok().map(Value::from).or_else(|| text.parse::<u64>().ok().map(Value::from));
    let starts_like_one = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let float = || text.parse::<f64>().ok().filter(|_| starts_like_one).and_then(serde_json::Number::from_f64);
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => number(text).or_else(|| float().map(Value::Number)).unwrap_or_else(|| text.into()),
    }
}
