//! What a scenario expects to have happened, decided from the history as it passes.

use crate::history::{Entry, Event, Name, Witness};
use crate::report::{ExpectationReport, InvariantReport, MessageCounts, Verdict};
use crate::scenario::{Counted, ExpectedThat, PlannedExpectation};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Watches for every expectation of a plan.
#[derive(Debug)]
pub(crate) struct Expecting {
    expectations: Vec<(PlannedExpectation, BTreeSet<Name>)>,
    settled_at: BTreeMap<Name, Name>,
    lost: BTreeSet<Name>,
    reconnects: u64,
    refused: u64,
}

impl Expecting {
    pub(crate) fn new(expectations: &[PlannedExpectation]) -> Self {
        Self {
            expectations: expectations.iter().map(|planned| (planned.clone(), BTreeSet::new())).collect(),
            settled_at: BTreeMap::new(),
            lost: BTreeSet::new(),
            reconnects: 0,
            refused: 0,
        }
    }

    /// Decides each expectation at the end, in the order of the file.
    pub(crate) fn decide(&self, messages: &MessageCounts, invariants: &[InvariantReport]) -> Vec<ExpectationReport> {
        let decide = |(planned, seen): &(PlannedExpectation, BTreeSet<Name>)| {
            let (met, violated) = match &planned.kind {
                ExpectedThat::Moved { devices: all, .. }
                | ExpectedThat::Connected { clients: all, .. }
                | ExpectedThat::Reconnected { clients: all, .. } => (all.iter().all(|name| seen.contains(name)), None),
                ExpectedThat::Count { of, at_least, at_most } => {
                    let count = self.count(*of, messages);
                    (at_least.is_none_or(|least| count >= least) && at_most.is_none_or(|most| count <= most), None)
                }
                ExpectedThat::Violated { invariant } => {
                    let broken =
                        |report: &InvariantReport| report.name == *invariant && report.verdict == Verdict::Violated;
                    (invariants.iter().any(broken), Some(invariant.clone()))
                }
            };
            ExpectationReport { text: planned.text.clone(), met, violated }
        };
        self.expectations.iter().map(decide).collect()
    }

    fn count(&self, of: Counted, messages: &MessageCounts) -> u64 {
        match of {
            Counted::Offered => messages.offered,
            Counted::Confirmed => messages.confirmed,
            Counted::Received => messages.received,
            Counted::Duplicates => messages.duplicates,
            Counted::Lost => messages.lost,
            Counted::GivenUp => messages.given_up,
            Counted::Reconnects => self.reconnects,
            Counted::Refused => self.refused,
        }
    }

    /// Notes for whom an expectation has come true.
    fn note(
        &mut self,
        at: Duration,
        who: &Name,
        matches: impl Fn(&ExpectedThat) -> Option<(Duration, Option<Duration>)>,
    ) {
        for (planned, seen) in &mut self.expectations {
            let Some((after, by)) = matches(&planned.kind) else { continue };
            if at >= after && by.is_none_or(|by| at <= by) {
                seen.insert(who.clone());
            }
        }
    }
}

impl Witness for Expecting {
    fn see(&mut self, Entry { at, event, .. }: &Entry) {
        match event {
            Event::Settled { client, at: place } => {
                let Some(before) = self.settled_at.insert(client.clone(), place.clone()) else { return };
                self.note(*at, client, |kind| match kind {
                    ExpectedThat::Moved { from, to, after, by, .. } if *from == before && to == place => {
                        Some((*after, *by))
                    }
                    _ => None,
                });
            }
            Event::Connected { client, service, .. } => {
                let again = self.lost.remove(client);
                self.reconnects += u64::from(again);
                self.note(*at, client, |kind| match kind {
                    ExpectedThat::Connected { to, after, by, .. } if to == service => Some((*after, *by)),
                    ExpectedThat::Reconnected { after, by, .. } if again => Some((*after, *by)),
                    _ => None,
                });
            }
            Event::SessionLost { client, .. } => {
                self.lost.insert(client.clone());
            }
            Event::Refused { .. } => self.refused += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Cause;

    const MINUTE: Duration = Duration::from_secs(60);

    fn moved(after: u32, by: u32) -> PlannedExpectation {
        let kind = ExpectedThat::Moved {
            devices: vec!["xyz".into(), "abc".into()],
            from: "hub-a".into(),
            to: "hub-b".into(),
            after: MINUTE * after,
            by: Some(MINUTE * by),
        };
        PlannedExpectation { text: "both moved".into(), kind }
    }

    fn settled(at: u32, client: &str, place: &str) -> Entry {
        let event = Event::Settled { client: client.into(), at: place.into() };
        Entry { at: MINUTE * at, host: client.into(), event }
    }

    fn met(expectation: PlannedExpectation, entries: &[Entry]) -> bool {
        let mut expecting = Expecting::new(&[expectation]);
        entries.iter().for_each(|entry| expecting.see(entry));
        expecting.decide(&MessageCounts::default(), &[])[0].met
    }

    #[test]
    fn a_move_counts_once_every_device_has_made_it_in_time() {
        let begin = [settled(0, "xyz", "hub-a"), settled(0, "abc", "hub-a")];
        let with = |more: &[Entry]| [&begin, more].concat();
        assert!(met(moved(2, 4), &with(&[settled(3, "xyz", "hub-b"), settled(4, "abc", "hub-b")])));
        assert!(!met(moved(2, 4), &with(&[settled(3, "xyz", "hub-b")])), "only one of two");
        assert!(!met(moved(2, 4), &with(&[settled(3, "xyz", "hub-b"), settled(5, "abc", "hub-b")])), "too late");
        assert!(!met(moved(2, 4), &with(&[settled(1, "xyz", "hub-b"), settled(3, "abc", "hub-b")])), "too early");
        assert!(!met(moved(2, 4), &with(&[settled(3, "xyz", "hub-a"), settled(3, "abc", "hub-b")])), "not a move");
    }

    #[test]
    fn counts_are_compared_with_both_bounds_included() {
        let count = |at_least, at_most| PlannedExpectation {
            text: "received".into(),
            kind: ExpectedThat::Count { of: Counted::Received, at_least, at_most },
        };
        let messages = MessageCounts { received: 600, ..MessageCounts::default() };
        let met = |expectation| Expecting::new(&[expectation]).decide(&messages, &[])[0].met;
        assert!(met(count(Some(600), Some(600))));
        assert!(!met(count(Some(601), None)));
        assert!(!met(count(None, Some(599))));
    }

    #[test]
    fn a_session_opened_after_a_lost_one_is_a_reconnect() {
        let mut expecting = Expecting::new(&[]);
        let connected = Event::Connected { client: "xyz".into(), service: "hub-a".into(), session: 1 };
        let lost = Event::SessionLost { client: "xyz".into(), service: "hub-a".into(), session: 1, cause: Cause::Eof };
        for event in [connected.clone(), connected.clone(), lost, connected] {
            expecting.see(&Entry { at: MINUTE, host: "xyz".into(), event });
        }
        assert_eq!(expecting.count(Counted::Reconnects, &MessageCounts::default()), 1);
    }
}
