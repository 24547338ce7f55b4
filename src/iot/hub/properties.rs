//! A message's properties.
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A message's properties in the order they were sent: system ones (`$.mid`) and the application's. `None`: only a key.
///
/// A list and no hash map, because messages have a handful: looking through them all is cheaper than to hash one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Vec<(String, Option<String>)>);

impl Properties {
    /// Begins without any.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds a property's value; within, `None`: it has only a key.
    pub fn get(&self, key: &str) -> Option<&Option<String>> {
        self.0.iter().find_map(|(known, value)| (known == key).then_some(value))
    }

    /// Sets a property: in its place if it is there, else behind all others.
    pub fn insert(&mut self, key: String, value: Option<String>) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    /// Goes through them in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Option<String>)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl FromIterator<(String, Option<String>)> for Properties {
    fn from_iter<I: IntoIterator<Item = (String, Option<String>)>>(pairs: I) -> Self {
        let mut properties = Self::new();
        pairs.into_iter().for_each(|(key, value)| properties.insert(key, value));
        properties
    }
}

impl IntoIterator for Properties {
    type Item = (String, Option<String>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Properties;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of properties")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Properties, A::Error> {
                let mut properties = Properties::new();
                while let Some((key, value)) = members.next_entry()? {
                    properties.insert(key, value);
                }
                Ok(properties)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_a_json_object_in_their_order_and_the_last_of_two_counts() {
        let json = r#"{"$.mid":"1","b":null,"a":"x","b":"y"}"#;
        let properties: Properties = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&properties).unwrap(), r#"{"$.mid":"1","b":"y","a":"x"}"#);
        assert_eq!(properties.get("b"), Some(&Some("y".to_owned())));
        assert_eq!(properties.get("c"), None);
        assert!(serde_json::from_str::<Properties>("[]").is_err());
    }
}
