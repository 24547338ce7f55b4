//! The seeds that a hunt tries, in their order: kept ones first, then the range, each seed once.
use crate::report::{SeedRange, ShardOf};
use std::collections::BTreeSet;

/// One seed's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The seed.
    pub seed: u64,
    /// It has failed before.
    pub kept: bool,
}

/// Hands out seeds to whoever has time for one.
///
/// Of a shared hunt each shard has the seeds of the range whose distance from its beginning leaves the shard's index as
/// remainder, and the kept seeds from outside the range in turns: every seed is some shard's, and of one only.
#[derive(Clone, Debug)]
pub(super) struct SeedQueue {
    range: SeedRange,
    shard: ShardOf,
    kept: Vec<u64>,
    known: BTreeSet<u64>,
    /// How many of the kept ones have been handed out.
    begun: usize,
    /// The next seed of the range; `None`: there is none.
    next: Option<u64>,
}

impl SeedQueue {
    /// Lines up a shard's seeds. `None` is the whole.
    pub(super) fn new(kept: impl IntoIterator<Item = u64>, range: SeedRange, shard: Option<ShardOf>) -> Self {
        let shard = shard.unwrap_or(ShardOf { index: 0, of: 1 });
        let mut queue = Self {
            range,
            shard,
            kept: Vec::new(),
            known: BTreeSet::new(),
            begun: 0,
            next: range.from.checked_add(u64::from(shard.index)).filter(|seed| range.to.is_none_or(|to| *seed < to)),
        };
        let mut outside = 0;
        for seed in kept {
            if !queue.known.insert(seed) {
                continue;
            }
            let mine = if queue.is_in_range(seed) {
                (seed - range.from) % u64::from(shard.of) == u64::from(shard.index)
            } else {
                outside += 1;
                (outside - 1) % u64::from(shard.of) == u64::from(shard.index)
            };
            if mine {
                queue.kept.push(seed);
            }
        }
        queue
    }

    /// Hands out the next seed; `None`: all are taken.
    pub(super) fn next(&mut self) -> Option<Turn> {
        if let Some(seed) = self.kept.get(self.begun) {
            self.begun += 1;
            return Some(Turn { seed: *seed, kept: true });
        }
        loop {
            let seed = self.next?;
            self.next =
                seed.checked_add(u64::from(self.shard.of)).filter(|seed| self.range.to.is_none_or(|to| *seed < to));
            if !self.known.contains(&seed) {
                return Some(Turn { seed, kept: false });
            }
        }
    }

    /// Whether everything has been handed out.
    pub(super) fn is_empty(&self) -> bool {
        let mut rest = self.clone();
        rest.next().is_none()
    }

    /// Counts all seeds of this shard; `None`: there is no end.
    pub(super) fn total(&self) -> Option<u64> {
        let to = self.range.to?;
        let first = self.range.from.saturating_add(u64::from(self.shard.index));
        let of_range = to.saturating_sub(first).div_ceil(u64::from(self.shard.of));
        let outside = self.kept.iter().filter(|seed| !self.is_in_range(**seed)).count() as u64;
        Some(of_range + outside)
    }

    /// Whether the walk through the range has come past this seed: only such seeds are a sample of it. A kept seed that
    /// lies ahead was tried because it had failed before.
    pub(super) fn is_sampled(&self, seed: u64) -> bool {
        self.is_in_range(seed) && self.next.is_none_or(|next| seed < next)
    }

    fn is_in_range(&self, seed: u64) -> bool {
        seed >= self.range.from && self.range.to.is_none_or(|to| seed < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(from: u64, to: u64) -> SeedRange {
        SeedRange { from, to: Some(to), for_seconds: None }
    }
    fn seeds(mut queue: SeedQueue) -> Vec<u64> {
        std::iter::from_fn(|| queue.next()).map(|turn| turn.seed).collect()
    }

    #[test]
    fn kept_seeds_come_first_and_no_seed_comes_twice() {
        let queue = SeedQueue::new([17, 3, 17], range(0, 6), None);
        assert_eq!(queue.total(), Some(7));
        assert_eq!(seeds(queue), [17, 3, 0, 1, 2, 4, 5]);
    }

    #[test]
    fn only_kept_seeds_are_called_kept() {
        let mut queue = SeedQueue::new([1], range(0, 2), None);
        let turns: Vec<bool> = std::iter::from_fn(|| queue.next()).map(|turn| turn.kept).collect();
        assert_eq!(turns, [true, false]);
    }

    #[test]
    fn a_kept_seed_is_part_of_the_sample_once_the_walk_has_come_past_it() {
        let mut queue = SeedQueue::new([3, 99], range(0, 6), None);
        queue.next();
        assert!(!queue.is_sampled(3), "it was tried because it had failed");
        for _ in 0..4 {
            queue.next();
        }
        assert!(queue.is_sampled(2) && !queue.is_sampled(3));
        queue.next();
        assert!(queue.is_sampled(3) && !queue.is_sampled(99), "99 is not of the range");
        assert_eq!(queue.next().map(|turn| turn.seed), Some(5));
        assert!(queue.is_empty() && queue.is_sampled(5));
    }

    #[test]
    fn an_open_range_goes_on_and_ends_with_the_last_seed_there_is() {
        let open = |from| SeedRange { from, to: None, for_seconds: Some(1.0) };
        let mut queue = SeedQueue::new([], open(0), None);
        assert_eq!((queue.total(), queue.is_empty()), (None, false));
        assert!((0..1000).all(|seed| queue.next() == Some(Turn { seed, kept: false })));
        assert_eq!(seeds(SeedQueue::new([], open(u64::MAX - 1), None)), [u64::MAX - 1, u64::MAX]);
    }

    proptest! {
        #[test]
        fn shards_share_every_seed_and_no_two_have_the_same(
            kept in proptest::collection::vec(0u64..60, 0..12), from in 0u64..20, len in 0u64..30, of in 1u32..9,
        ) {
            let range = range(from, from + len);
            let whole = seeds(SeedQueue::new(kept.clone(), range, None));
            let mut shared = Vec::new();
            for index in 0..of {
                let queue = SeedQueue::new(kept.clone(), range, Some(ShardOf { index, of }));
                let total = queue.total();
                let mine = seeds(queue);
                prop_assert_eq!(total, Some(mine.len() as u64));
                shared.extend(mine);
            }
            let (mut whole, count) = (whole.clone(), whole.len());
            whole.sort_unstable();
            shared.sort_unstable();
            prop_assert_eq!(&shared, &whole);
            whole.dedup();
            prop_assert_eq!(whole.len(), count);
        }
    }
}
