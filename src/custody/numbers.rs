//! A set of message numbers that stays small: runs instead of members.

/// A set of numbers, kept as runs. A producer's closed messages are one run, whatever their count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Sorted; they neither overlap nor touch.
    runs: Vec<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u64,
    last: u64,
}

impl Numbers {
    /// The place of the first run that begins after a number: the number may be in the one before.
    fn after(&self, number: u64) -> usize {
        self.runs.partition_point(|run| run.first <= number)
    }
    /// The place of the run that a number is in.
    fn run(&self, number: u64) -> Option<usize> {
        let place = self.after(number).checked_sub(1)?;
        (number <= self.runs[place].last).then_some(place)
    }
    /// Adds a number; says whether it was new.
    pub fn insert(&mut self, number: u64) -> bool {
        let after = self.after(number);
        let before = after.checked_sub(1).map(|place| self.runs[place].last);
        if before.is_some_and(|last| number <= last) {
            return false;
        }
        let joins_before = before.is_some_and(|last| last + 1 == number);
        let joins_after = self.runs.get(after).is_some_and(|run| number + 1 == run.first);
        match (joins_before, joins_after) {
            (true, true) => self.runs[after - 1].last = self.runs.remove(after).last,
            (true, false) => self.runs[after - 1].last = number,
            (false, true) => self.runs[after].first = number,
            (false, false) => self.runs.insert(after, Run { first: number, last: number }),
        }
        true
    }
    /// Takes a number out; says whether it was there.
    pub fn remove(&mut self, number: u64) -> bool {
        let Some(place) = self.run(number) else { return false };
        let Run { first, last } = self.runs[place];
        match (first < number, number < last) {
            (true, true) => {
                self.runs[place].last = number - 1;
                self.runs.insert(place + 1, Run { first: number + 1, last });
            }
            (true, false) => self.runs[place].last = number - 1,
            (false, true) => self.runs[place].first = number + 1,
            (false, false) => {
                self.runs.remove(place);
            }
        }
        true
    }
    /// Whether a number is in it.
    pub fn contains(&self, number: u64) -> bool {
        self.run(number).is_some()
    }
    /// The greatest member.
    pub fn last(&self) -> Option<u64> {
        self.runs.last().map(|run| run.last)
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
