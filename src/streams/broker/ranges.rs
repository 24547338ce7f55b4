//! A set of positions, kept as ranges: it is as small as it has gaps.
use std::collections::BTreeMap;

/// Positions, as ranges that neither meet nor overlap: first position to the one after the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a position; says whether it is new.
    pub fn insert(&mut self, position: u64) -> bool {
        if self.contains(position) {
            return false;
        }
        let end = self.0.remove(&(position + 1)).unwrap_or(position + 1);
        match self.0.range_mut(..position).next_back() {
            Some((_, before)) if *before == position => *before = end,
            _ => drop(self.0.insert(position, end)),
        }
        true
    }

    /// Says whether it has this position.
    pub fn contains(&self, position: u64) -> bool {
        self.end_of(position).is_some()
    }

    /// Where the range ends that has this position, if one has.
    pub fn end_of(&self, position: u64) -> Option<u64> {
        let (_, end) = self.0.range(..=position).next_back()?;
        (position < *end).then_some(*end)
    }

    /// Takes the range away that begins here, and gives its end.
    pub fn take(&mut self, first: u64) -> Option<u64> {
        self.0.remove(&first)
    }

    /// Counts the positions below this one.
    pub fn count_below(&self, position: u64) -> u64 {
        self.0.range(..position).map(|(first, end)| (*end).min(position) - first).sum()
    }

    /// Says whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its ranges in order: first position, and the one after the last.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(first, end)| (*first, *end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_the_set_of_what_was_put_in(positions in prop::collection::vec(0_u64..40, 0..60), at in 0_u64..42) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for position in positions {
                prop_assert_eq!(ranges.insert(position), set.insert(position));
            }
            prop_assert_eq!(ranges.contains(at), set.contains(&at));
            prop_assert_eq!(ranges.count_below(at), set.range(..at).count() as u64);
            prop_assert!(ranges.iter().zip(ranges.iter().skip(1)).all(|((_, end), (next, _))| end < next));
            prop_assert_eq!(ranges.iter().flat_map(|(first, end)| first..end).collect::<BTreeSet<_>>(), set);
        }
    }
}
