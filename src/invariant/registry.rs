//! All invariants, in the order in which reports list them.
use super::{
    Invariant, Rules, comes_home, command_arrives, exactly_once, fair_share, handed_over, method_answered,
    no_confirmed_loss, no_invention, no_loss, no_needless_duplicate, one_active, one_connection, one_receiver, order,
    paced, recovers, second_refused, twin_converges,
};
use crate::history::Roster;

/// What people and the judge need to know of an invariant.
#[derive(Clone, Copy, Debug)]
pub struct Registration {
    /// As scenarios and reports call it.
    pub name: &'static str,
    /// "Holds when ...", one sentence.
    pub holds_when: &'static str,
    /// "Exercised by ...".
    pub exercised_by: &'static str,
    /// For `lizard explain`: what counts, what does not, and why.
    pub explanation: &'static str,
    /// It has a bound in time that a scenario may set with `within`.
    pub bounded: bool,
    /// Makes one for a run.
    pub build: fn(&Roster, &Rules) -> Box<dyn Invariant>,
}

/// Every invariant there is.
pub const ALL: &[Registration] = &[
    no_confirmed_loss::REGISTRATION,
    no_loss::REGISTRATION,
    no_invention::REGISTRATION,
    no_needless_duplicate::REGISTRATION,
    exactly_once::REGISTRATION,
    order::REGISTRATION,
    one_receiver::REGISTRATION,
    fair_share::REGISTRATION,
    one_active::REGISTRATION,
    second_refused::REGISTRATION,
    handed_over::REGISTRATION,
    one_connection::REGISTRATION,
    comes_home::REGISTRATION,
    twin_converges::REGISTRATION,
    command_arrives::REGISTRATION,
    method_answered::REGISTRATION,
    paced::REGISTRATION,
    recovers::REGISTRATION,
];

/// Finds an invariant by name.
pub fn find(name: &str) -> Option<&'static Registration> {
    ALL.iter().find(|registration| registration.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invariant_has_its_own_name_and_says_what_it_is_about() {
        for (index, registration) in ALL.iter().enumerate() {
            let Registration { name, holds_when, exercised_by, explanation, .. } = registration;
            assert!(ALL[..index].iter().all(|other| other.name != *name), "{name} twice");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert!(holds_when.len() > 20 && !exercised_by.is_empty() && explanation.len() > 200, "{name}");
            assert_eq!(find(name).map(|found| found.name), Some(*name));
        }
        assert!(find("no-such-thing").is_none());
    }
}
