//! Every n-th of many: n doubles whenever there is no more room.

/// Keeps some of what it is given, evenly, and counts the rest.
#[derive(Clone, Debug)]
pub(super) struct Sample<T> {
    /// Most that the kept ones may weigh together.
    room: usize,
    weight: usize,
    every: u64,
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
        Self { room, weight: 0, every: 1, seen: 0, kept: Vec::new() }
    }

    /// Takes one that weighs so much.
    pub(super) fn push(&mut self, item: T, weight: usize) {
        let number = self.seen;
        self.seen += 1;
        if !number.is_multiple_of(self.every) {
            return;
        }
        self.weight += weight;
        self.kept.push(Kept { number, weight, item });
        while self.weight > self.room && self.kept.len() > 1 {
            self.every *= 2;
            self.kept.retain(|kept| kept.number.is_multiple_of(self.every));
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
    fn of_what_does_not_fit_every_nth_is_kept_however_much_comes() {
        let mut sample = Sample::new(100);
        (0..100_000).for_each(|n| sample.push(n, 2));
        assert!(sample.weight <= 100 && sample.weight > 50 && sample.kept.capacity() <= 256);
        let left_out = sample.left_out();
        let kept: Vec<i32> = sample.into_kept().collect();
        assert_eq!(left_out, 100_000 - kept.len() as u64);
        assert!(kept.windows(2).all(|two| two[1] - two[0] == kept[1]), "evenly: {kept:?}");
    }

    #[test]
    fn one_that_is_too_large_alone_is_kept_as_there_is_no_smaller_sample() {
        let mut sample = Sample::new(3);
        sample.push('a', 10);
        assert_eq!(sample.into_kept().collect::<Vec<_>>(), ['a']);
    }
}
