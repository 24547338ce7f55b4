//! A set of numbers that are mostly consecutive, as few spans.
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A set of numbers. Its size is that of its gaps: a producer's messages are one span once none is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// First to last, both included; never touching one another.
    spans: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds a number; answers whether it was not there yet.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let before = self.spans.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| number <= last) {
            return false;
        }
        let first = match before {
            Some((first, last)) if last.checked_add(1) == Some(number) => first,
            _ => number,
        };
        let after = number.checked_add(1).and_then(|next| self.spans.remove(&next));
        self.spans.insert(first, after.unwrap_or(number));
        true
    }

    /// Says whether a number is among them.
    pub(super) fn contains(&self, number: u64) -> bool {
        self.spans.range(..=number).next_back().is_some_and(|(_, last)| number <= *last)
    }
}

/// As pairs of first and last: `[[0,41],[43,50]]`.
impl Serialize for Ranges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.spans)
    }
}

impl<'de> Deserialize<'de> for Ranges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(u64, u64)>::deserialize(deserializer)?;
        let apart = pairs.windows(2).all(|pair| pair[0].1.checked_add(1).is_some_and(|next| next < pair[1].0));
        if !apart || pairs.iter().any(|(first, last)| first > last) {
            return Err(D::Error::custom("spans out of order"));
        }
        Ok(Self { spans: pairs.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn consecutive_numbers_are_one_span_however_they_came() {
        let mut ranges = Ranges::default();
        for number in [3, 1, 0, 2, 5, 4] {
            assert!(ranges.insert(number));
        }
        assert_eq!(ranges.spans.len(), 1);
        assert_eq!(serde_json::to_string(&ranges).unwrap(), "[[0,5]]");
    }

    #[test]
    fn the_greatest_number_is_a_number_like_others() {
        let mut ranges = Ranges::default();
        assert!(ranges.insert(u64::MAX));
        assert!(ranges.insert(u64::MAX - 1));
        assert!(!ranges.insert(u64::MAX));
        assert_eq!(ranges.spans.len(), 1);
    }

    #[test]
    fn spans_that_overlap_or_touch_are_not_read() {
        for text in ["[[5,3]]", "[[0,3],[4,5]]", "[[4,5],[0,1]]", "[[0,5],[3,9]]", "[1]"] {
            assert!(serde_json::from_str::<Ranges>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ranges_are_a_set(numbers in prop::collection::vec(0u64..60, 0..120)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for number in numbers {
                prop_assert_eq!(ranges.insert(number), set.insert(number));
                let gaps = set.iter().filter(|n| !set.contains(&(*n + 1))).count();
                prop_assert_eq!(ranges.spans.len(), gaps);
            }
            prop_assert!((0..61).all(|number| ranges.contains(number) == set.contains(&number)));
            let read: Ranges = serde_json::from_str(&serde_json::to_string(&ranges).unwrap()).unwrap();
            prop_assert_eq!(read, ranges);
        }
    }
}
