//! Whether a scenario of sound shape makes sense.
//!
//! - [`times`]: durations, limits, what comes after the end. [`places`]: sites, links, names taken twice.
//! - What each system says of its own section is in its folder. [`timeline`]: faults and chaos. [`operations`]: what the operator asks for.
//! - [`outcome`]: rules of invariants, expectations, the pitfall.
//! - [`limits`]: what may be written, though no system promises to live through it.
mod limits;
mod operations;
mod outcome;
mod places;
mod timeline;
mod times;

pub(crate) use limits::warn;

use super::document::Node;
use super::duration::DurationRange;
use super::mistake::{Mistake, Place};
use super::schema::Scenario;

/// More occurrences of one `every` than this are a slip.
const MOST_OCCURRENCES: u128 = 10_000;

/// Finds what is wrong. `sound` is the part of the document that the scenario was read from; `root` is all of it.
pub(crate) fn check(scenario: &Scenario, sound: &Node, root: &Node) -> Vec<Mistake> {
    let mut checker = Checker { scenario, sound, root, mistakes: Vec::new() };
    checker.times();
    checker.sites();
    checker.names();
    scenario.systems.check(&mut checker);
    for (index, item) in scenario.timeline.iter().enumerate() {
        checker.timeline_item(item, &index.to_string());
        checker.operation(item, &index.to_string());
    }
    checker.links();
    checker.chaos();
    checker.rules();
    checker.expectations();
    checker.pitfall();
    checker.mistakes
}

pub struct Checker<'a> {
    pub(crate) scenario: &'a Scenario,
    sound: &'a Node,
    pub(crate) root: &'a Node,
    mistakes: Vec<Mistake>,
}

impl Checker<'_> {
    pub(crate) fn at(&self, path: &[&str]) -> Place {
        self.sound.nearest(path).place
    }

    /// The place of the key that a path ends with.
    pub(crate) fn key(&self, path: &[&str]) -> Place {
        let Some((last, before)) = path.split_last() else {
            return self.sound.place;
        };
        let parent = self.sound.nearest(before);
        parent.entry(last).map_or(parent.place, |entry| entry.key_place)
    }

    pub(crate) fn say(&mut self, place: Place, message: impl Into<String>, expected: impl Into<String>) {
        self.mistakes.push(Mistake::new(place, message).expected(expected));
    }

    pub(crate) fn positive(&mut self, range: DurationRange, path: &[&str]) {
        if range.least().is_zero() {
            self.say(
                self.at(path),
                format!("`{}` may not be zero", path.last().unwrap_or(&"it")),
                DurationRange::EXPECTED_POSITIVE,
            );
        }
    }

    pub(crate) fn before_the_end(&self) -> String {
        format!("a time before `duration: {}`", self.scenario.duration)
    }

    /// Whether nothing was left out of an item of a list because it was unsound.
    fn whole(&self, list: &str, index: &str) -> bool {
        let item = self.sound.nearest(&[list, index]);
        let original = self.root.nearest(&[list]).items().iter().find(|original| original.place == item.place);
        original.is_some_and(|original| count(original) == count(item))
    }
}

fn count(node: &Node) -> usize {
    let inside = node.entries().iter().map(|entry| count(&entry.value)).sum::<usize>();
    1 + inside + node.items().iter().map(count).sum::<usize>()
}
