//! A set of message numbers that stays small: runs instead of members.
use std::collections::BTreeMap;

/// A set of numbers, kept as runs. A producer's closed messages are one run, whatever their count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// First number of each run -> its last. Runs neither overlap nor touch.
    runs: BTreeMap<u64, u64>,
}

impl Numbers {
    /// Adds a number; says whether it was new.
    pub fn insert(&mut self, number: u64) -> bool {
        let before = self.runs.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| number <= last) {
            return false;
        }
        let after = number.checked_add(1).and_then(|next| self.runs.remove(&next));
        let last = after.unwrap_or(number);
        let first = match before {
            Some((first, end)) if end + 1 == number => first,
            _ => number,
        };
        self.runs.insert(first, last);
        true
    }
    /// Takes a number out; says whether it was there.
    pub fn remove(&mut self, number: u64) -> bool {
        let Some((first, last)) = self.runs.range(..=number).next_back().map(|(first, last)| (*first, *last)) else {
            return false;
        };
        if number > last {
            return false;
        }
        self.runs.remove(&first);
        if first < number {
            self.runs.insert(first, number - 1);
        }
        if number < last {
            self.runs.insert(number + 1, last);
        }
        true
    }
    /// Whether a number is in it.
    pub fn contains(&self, number: u64) -> bool {
        self.runs.range(..=number).next_back().is_some_and(|(_, last)| number <= *last)
    }
    /// The greatest member.
    pub fn last(&self) -> Option<u64> {
        self.runs.last_key_value().map(|(_, last)| *last)
    }
    /// How many runs it takes: what it costs in memory.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_million_numbers_in_order_are_one_run() {
        let mut numbers = Numbers::default();
        for number in 0..1_000_000 {
            assert!(numbers.insert(number));
        }
        assert_eq!((numbers.runs(), numbers.last()), (1, Some(999_999)));
    }

    #[test]
    fn the_greatest_number_has_a_place() {
        let mut numbers = Numbers::default();
        assert!(numbers.insert(u64::MAX) && numbers.insert(u64::MAX - 1) && !numbers.insert(u64::MAX));
        assert_eq!(numbers.runs(), 1);
        assert!(numbers.remove(u64::MAX) && !numbers.contains(u64::MAX));
    }

    proptest! {
        #[test]
        fn numbers_agree_with_a_plain_set(steps in prop::collection::vec((any::<bool>(), 0u64..60), 0..300)) {
            let (mut numbers, mut plain) = (Numbers::default(), BTreeSet::new());
            for (insert, number) in steps {
                if insert {
                    prop_assert_eq!(numbers.insert(number), plain.insert(number));
                } else {
                    prop_assert_eq!(numbers.remove(number), plain.remove(&number));
                }
                prop_assert_eq!(numbers.last(), plain.last().copied());
            }
            for number in 0..60 {
                prop_assert_eq!(numbers.contains(number), plain.contains(&number));
            }
            let gaps = (0..60).filter(|n| plain.contains(n) && (*n == 0 || !plain.contains(&(n - 1)))).count();
            prop_assert_eq!(numbers.runs(), gaps);
        }
    }
}
