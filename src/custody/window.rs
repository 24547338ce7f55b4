//! What is kept of messages for a while, by their numbers.
use std::collections::VecDeque;

/// Values by number, sorted. Messages come and go in about the order of their numbers, so that a new one is nearly
/// always the last, one that goes is among the first, and all between are there: a number tells its place.
#[derive(Clone, Debug)]
pub(super) struct Window<T>(VecDeque<(u64, T)>);

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Window<T> {
    /// Finds the place of a number, or the one where it would be.
    fn place(&self, number: u64) -> Result<usize, usize> {
        let ahead = self.0.front().and_then(|(first, _)| number.checked_sub(*first));
        let guess = ahead.and_then(|ahead| usize::try_from(ahead).ok()).unwrap_or(usize::MAX);
        match self.0.get(guess) {
            Some((found, _)) if *found == number => Ok(guess),
            _ if self.0.back().is_none_or(|(last, _)| *last < number) => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&number, |(number, _)| *number),
        }
    }
    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.place(number).ok().map(|place| &self.0[place].1)
    }
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.place(number).ok().map(|place| &mut self.0[place].1)
    }
    /// Finds what is kept of a number, or begins to keep something.
    pub(super) fn get_or_default(&mut self, number: u64) -> &mut T
    where
        T: Default,
    {
        let place = self.place(number).unwrap_or_else(|place| {
            self.0.insert(place, (number, T::default()));
            place
        });
        &mut self.0[place].1
    }
    /// Keeps this of a number, instead of what was kept before.
    pub(super) fn insert(&mut self, number: u64, value: T) {
        match self.place(number) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (number, value)),
        }
    }
    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        self.remove_if(number, |_| true)
    }
    /// Takes out what is kept of a number, if it is like this.
    pub(super) fn remove_if(&mut self, number: u64, is_so: impl FnOnce(&T) -> bool) -> Option<T> {
        let place = self.place(number).ok().filter(|place| is_so(&self.0[*place].1))?;
        self.0.remove(place).map(|(_, value)| value)
    }
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
    /// All, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.0.iter().map(|(number, value)| (*number, value))
    }
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        Touch(u64),
        Remove(u64),
        RemoveFirst,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Mostly in a row, sometimes from far away.
        let number = || prop_oneof![8 => 0u64..40, 1 => any::<u64>(), 1 => Just(u64::MAX)];
        let step = prop_oneof![
            number().prop_map(Step::Insert),
            number().prop_map(Step::Touch),
            number().prop_map(Step::Remove),
            Just(Step::RemoveFirst),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn a_window_agrees_with_a_plain_map(steps in steps()) {
            let (mut window, mut plain) = (Window::default(), BTreeMap::new());
            for (value, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(number) => {
                        window.insert(number, value);
                        plain.insert(number, value);
                    }
                    Step::Touch(number) => {
                        *window.get_or_default(number) += 1;
                        *plain.entry(number).or_default() += 1;
                        prop_assert_eq!(window.get_mut(number), plain.get_mut(&number));
                    }
                    Step::Remove(number) => {
                        prop_assert_eq!(window.get(number), plain.get(&number));
                        prop_assert_eq!(window.remove_if(number, |_| false), None);
                        prop_assert_eq!(window.remove(number), plain.remove(&number));
                        prop_assert_eq!(window.get(number), None);
                    }
                    Step::RemoveFirst => {
                        if let Some((number, value)) = plain.pop_first() {
                            prop_assert_eq!(window.remove(number), Some(value));
                        }
                    }
                }
                prop_assert!(window.iter().eq(plain.iter().map(|(number, value)| (*number, value))));
                prop_assert_eq!(window.len(), plain.len());
                prop_assert!(window.values_mut().eq(plain.values_mut()));
            }
        }
    }
}
