//! A message's properties.
use crate::wire::json::Text;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A message's properties in the order they were sent: system ones (`$.mid`) and the application's. `None`: only a key.
///
/// A list and no hash map, because messages have a handful: looking through them all is cheaper than to hash one. And
/// one text for all of them, because every message has them written, read and dropped in several places.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// Keys and values, one behind the other.
    text: String,
    ends: Vec<Ends>,
}

/// Where a property's key and value end; it begins where the one before ends.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends {
    key: usize,
    value: Option<usize>,
}

impl Ends {
    fn last(self) -> usize {
        self.value.unwrap_or(self.key)
    }
}

/// Room for the keys and values of most messages.
const ROOM: usize = 64;
/// Room for the properties of most messages.
const FEW: usize = 4;

impl Properties {
    /// Begins without any.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a property bag, `k=v&k=v`, each part percent-encoded; a key alone is a property without a value. `None`: a
    /// part is no text.
    pub fn read(bag: &str) -> Option<Self> {
        // Decoded where it lies, since nothing gets longer by it: every message has a bag, and most of it is as it was.
        let (mut text, mut ends) = (bag.as_bytes().to_vec(), Vec::with_capacity(FEW));
        let (mut at, mut start, mut end, mut key) = (0, 0, 0, None);
        loop {
            let byte = text.get(at).copied();
            at += 1;
            match byte {
                None | Some(b'&') => {
                    if key.is_some() || end > start {
                        ends.push(Ends { key: key.unwrap_or(end), value: key.map(|_| end) });
                    }
                    (start, key) = (end, None);
                }
                Some(b'=') if key.is_none() => key = Some(end),
                Some(byte) => {
                    let decoded = if byte == b'%' { hex(&text[at..]) } else { None };
                    at += decoded.map_or(0, |_| 2);
                    text[end] = decoded.unwrap_or(byte);
                    end += 1;
                }
            }
            if byte.is_none() {
                break;
            }
        }
        text.truncate(end);
        let text = String::from_utf8(text).ok()?;
        let parted = |ends: &Ends| text.is_char_boundary(ends.key) && text.is_char_boundary(ends.last());
        let read = ends.iter().all(parted).then_some(Self { text, ends })?;
        Some(if read.repeats_a_key() { read.iter().collect() } else { read })
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Finds a property's value; within, `None`: it has only a key.
    pub fn get(&self, key: &str) -> Option<Option<&str>> {
        self.place(key).map(|place| self.value(self.ends[place]))
    }

    /// Sets a property: in its place if it is there, else behind all others.
    pub fn insert(&mut self, key: &str, value: Option<&str>) {
        if let Some(place) = self.place(key) {
            return self.replace(place, value);
        }
        self.text.push_str(key);
        let key = self.text.len();
        let value = value.map(|value| {
            self.text.push_str(value);
            self.text.len()
        });
        self.ends.push(Ends { key, value });
    }

    /// Goes through them in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let mut start = 0;
        self.ends.iter().map(move |ends| {
            let key = &self.text[start..ends.key];
            start = ends.last();
            (key, self.value(*ends))
        })
    }

    fn replace(&mut self, place: usize, value: Option<&str>) {
        let Ends { key, .. } = self.ends[place];
        let (old, new) = (self.ends[place].last(), key + value.map_or(0, str::len));
        self.text.replace_range(key..old, value.unwrap_or_default());
        self.ends[place].value = value.map(|_| new);
        for later in &mut self.ends[place + 1..] {
            later.key = later.key - old + new;
            later.value = later.value.map(|end| end - old + new);
        }
    }

    fn value(&self, ends: Ends) -> Option<&str> {
        ends.value.map(|end| &self.text[ends.key..end])
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.keys().position(|known| known == key.as_bytes())
    }

    fn repeats_a_key(&self) -> bool {
        self.keys().enumerate().any(|(place, key)| self.keys().take(place).any(|before| before == key))
    }

    /// Goes through the keys alone, as bytes: to compare them no text is needed.
    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let (text, mut start) = (self.text.as_bytes(), 0);
        self.ends.iter().map(move |ends| {
            let key = &text[start..ends.key];
            start = ends.last();
            key
        })
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, Option<V>)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, Option<V>)>>(pairs: I) -> Self {
        let mut properties = Self::new();
        pairs.into_iter().for_each(|(key, value)| properties.insert(key.as_ref(), value.as_ref().map(V::as_ref)));
        properties
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
                let mut properties = Properties { text: String::with_capacity(ROOM), ..Properties::default() };
                while let Some((Text(key), value)) = members.next_entry::<_, Option<Text<'_>>>()? {
                    properties.insert(&key, value.as_ref().map(|Text(value)| &**value));
                }
                Ok(properties)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Reads two digits of hex.
fn hex(bytes: &[u8]) -> Option<u8> {
    let [high, low, ..] = bytes else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    /// A bag, read part by part.
    fn by_parts(bag: &str) -> Option<Properties> {
        let decoded = |part| percent_decode_str(part).decode_utf8().ok();
        let pairs = bag.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some((key, value)) => Some((decoded(key)?, Some(decoded(value)?))),
            None => Some((decoded(pair)?, None)),
        });
        pairs.collect()
    }

    proptest! {
        #[test]
        fn a_bag_is_read_as_its_parts_are(bag in "([a-c=&é]|%[0-9a-fg]{0,2}|%c3%a9|%e2%82%ac){0,20}") {
            prop_assert_eq!(Properties::read(&bag), by_parts(&bag));
        }
    }

    #[test]
    fn of_two_properties_of_a_bag_with_the_same_key_the_last_counts_in_the_place_of_the_first() {
        let properties = Properties::read("b&a=x&b=y&%61=z").unwrap();
        assert_eq!(properties.iter().collect::<Vec<_>>(), [("b", Some("y")), ("a", Some("z"))]);
    }

    #[test]
    fn a_character_in_two_parts_of_a_bag_is_none() {
        assert_eq!(Properties::read("%c3%a9").unwrap().iter().collect::<Vec<_>>(), [("é", None)]);
        for bag in ["%c3&%a9", "%c3=%a9", "k=%c3&%a9=v", "k=%ff"] {
            assert_eq!(Properties::read(bag), None, "{bag}");
        }
    }

    #[test]
    fn properties_are_a_json_object_in_their_order_and_the_last_of_two_counts() {
        let json = r#"{"$.mid":"1","b":null,"a":"x","b":"y"}"#;
        let properties: Properties = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&properties).unwrap(), r#"{"$.mid":"1","b":"y","a":"x"}"#);
        assert_eq!(properties.get("b"), Some(Some("y")));
        assert_eq!(properties.get("c"), None);
        let json = r#"{"a":"long","b":null,"c":"x","a":"y","b":"z","c":null}"#;
        let properties: Properties = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&properties).unwrap(), r#"{"a":"y","b":"z","c":null}"#);
        assert!(serde_json::from_str::<Properties>("[]").is_err());
    }
}
