//! One in n of many: n doubles whenever there is no more room.

/// Keeps some of what it is given, evenly over all of it, and counts the rest.
///
/// Which ones hangs on their numbers, scattered: a thousand devices take turns, and every 16th message would be one of
/// always the same few.
#[derive(Clone, Debug)]
pub(super) struct Sample<T> {
    /// Most that the kept ones may weigh together.
    room: usize,
    weight: usize,
    /// A power of two.
    one_in: u64,
    seen: u64,
    kept: Vec<Kept<T>>,
}

#[derive(Clone, Debug)]
struct Kept<T> {
    number: u64,
    weight: usize,
    item: T,
}

impl<T> Sample<T> {
    /// Begins with room for this much.
    pub(super) fn new(room: usize) -> Self {
        Self { room, weight: 0, one_in: 1, seen: 0, kept: Vec::new() }
    }

    /// Takes one that weighs so much.
    pub(super) fn push(&mut self, item: T, weight: usize) {
        let number = self.seen;
        self.seen += 1;
        if !is_in(number, self.one_in) {
            return;
        }
        self.weight += weight;
        self.kept.push(Kept { number, weight, item });
        while self.weight > self.room && self.kept.len() > 1 {
            self.one_in *= 2;
            self.kept.retain(|kept| is_in(kept.number, self.one_in));
            self.weight = self.kept.iter().map(|kept| kept.weight).sum();
        }
    }

    /// How many it was given and does not have.
    pub(super) fn left_out(&self) -> u64 {
        self.seen - self.kept.len() as u64
    }

    /// Gives what it kept, in the order in which it came.
    pub(super) fn into_kept(self) -> impl Iterator<Item = T> {
        self.kept.into_iter().map(|kept| kept.item)
    }
}

/// Whether a number is in the sample of one in so many. What is in a smaller sample is in every larger one.
fn is_in(number: u64, one_in: u64) -> bool {
    // The mixing of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) & (one_in - 1) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_whole() {
        let mut sample = Sample::new(100);
        (0..100).for_each(|n| sample.push(n, 1));
        assert_eq!(sample.left_out(), 0);
        assert!(sample.into_kept().eq(0..100));
    }

    #[test]
    fn of_what_does_not_fit_some_of_each_part_are_kept_however_much_comes() {
        let mut sample = Sample::new(1000);
        (0..100_000).for_each(|n| sample.push(n, 2));
        assert!(sample.weight <= 1000 && sample.weight > 400 && sample.kept.capacity() <= 2048);
        let left_out = sample.left_out();
        let kept: Vec<u64> = sample.into_kept().collect();
        assert_eq!(left_out, 100_000 - kept.len() as u64);
        let of_tenth = |tenth| kept.iter().filter(|n| **n / 10_000 == tenth).count();
        let of_device = |device| kept.iter().filter(|n| **n % 16 == device).count();
        assert!((0..10).all(|tenth| of_tenth(tenth) * 20 > kept.len()), "evenly: {kept:?}");
        assert!((0..16).all(|device| of_device(device) * 32 > kept.len()), "of everybody: {kept:?}");
    }

    #[test]
    fn one_that_is_too_large_alone_is_kept_as_there_is_no_smaller_sample() {
        let mut sample = Sample::new(3);
        sample.push('a', 10);
        assert_eq!(sample.into_kept().collect::<Vec<_>>(), ['a']);
    }
}
