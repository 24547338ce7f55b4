//! What a scenario expects to have happened, decided from the history as it passes.

use crate::history::{Entry, Event, Name, Operation, Roster, Witness};
use crate::report::{ClientReport, ExpectationReport, InvariantReport, MessageCounts, Verdict};
use crate::scenario::{Counted, ExpectedThat, PlannedExpectation};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Watches for every expectation of a plan.
#[derive(Debug)]
pub(crate) struct Expecting {
    expectations: Vec<(PlannedExpectation, BTreeSet<Name>)>,
    settled_at: BTreeMap<Name, Name>,
    operations: Vec<Operation>,
    /// The names of destinations, in the roster's order.
    destinations: Vec<Name>,
    lost: BTreeSet<Name>,
    reconnects: u64,
    refused: u64,
}

impl Expecting {
    pub(crate) fn new(expectations: &[PlannedExpectation], roster: &Roster) -> Self {
        Self {
            expectations: expectations.iter().map(|planned| (planned.clone(), BTreeSet::new())).collect(),
            settled_at: BTreeMap::new(),
            operations: roster.operations.clone(),
            destinations: roster.destinations.iter().map(|destination| destination.name.clone()).collect(),
            lost: BTreeSet::new(),
            reconnects: 0,
            refused: 0,
        }
    }

    /// Decides each expectation at the end, in the order of the file. In a run that is not `complete`, what is bounded
    /// from above may still be exceeded: it is not met.
    pub(crate) fn decide(
        &self,
        messages: &MessageCounts,
        clients: &[ClientReport],
        invariants: &[InvariantReport],
        complete: bool,
    ) -> Vec<ExpectationReport> {
        let decide = |(planned, seen): &(PlannedExpectation, BTreeSet<Name>)| {
            let (met, violated) = match &planned.kind {
                ExpectedThat::Moved { devices: all, .. }
                | ExpectedThat::Connected { clients: all, .. }
                | ExpectedThat::Reconnected { clients: all, .. }
                | ExpectedThat::Answered { devices: all, .. } => (all.iter().all(|name| seen.contains(name)), None),
                ExpectedThat::Active { consumers: any, .. } | ExpectedThat::Refused { consumers: any, .. } => {
                    (any.iter().any(|name| seen.contains(name)), None)
                }
                ExpectedThat::Count { of, at_least, at_most } => {
                    let count = self.count(*of, messages);
                    let is_few = at_most.is_none_or(|most| complete && count <= most);
                    (at_least.is_none_or(|least| count >= least) && is_few, None)
                }
                ExpectedThat::ReconnectsSooner { clients: these, than, share_ppm } => {
                    let medians = median(these, clients).zip(median(than, clients));
                    let is_sooner = |(own, other): (f64, f64)| own * 1e6 <= other * f64::from(*share_ppm);
                    (complete && medians.is_some_and(is_sooner), None)
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

/// Whether a destination is a subscription, or one in a region: `workers@west`.
fn is_of(destination: &str, subscription: &str) -> bool {
    destination.strip_prefix(subscription).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

/// The median of a client's times to reconnect; of many, the median of their medians. `None`: none did.
fn median(of: &[Name], clients: &[ClientReport]) -> Option<f64> {
    let mine = clients.iter().filter(|client| of.iter().any(|name| **name == *client.name));
    let mut medians: Vec<f64> = mine.filter_map(|client| client.reconnect_ms.p50).collect();
    medians.sort_by(f64::total_cmp);
    medians.get(medians.len().saturating_sub(1) / 2).copied()
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
            Event::Answered { operation, status: got, message } => {
                let Some(Operation { verb: asked, client, .. }) = self.operations.get(operation.index()).cloned()
                else {
                    return;
                };
                self.note(*at, &client, |kind| match kind {
                    ExpectedThat::Answered { verb, status, message_has, after, by, .. }
                        if *verb == asked
                            && status.is_none_or(|status| status == u32::from(*got))
                            && message_has.as_ref().is_none_or(|words| message.contains(words.as_str())) =>
                    {
                        Some((*after, *by))
                    }
                    _ => None,
                });
            }
            Event::Activated { destination, client, .. } => {
                let Some(place) = self.destinations.get(destination.index()).cloned() else { return };
                self.note(*at, client, |kind| match kind {
                    ExpectedThat::Active { subscription, after, by, .. } if is_of(&place, subscription) => {
                        Some((*after, *by))
                    }
                    _ => None,
                });
            }
            Event::Refused { client, why, .. } => {
                self.refused += 1;
                let got = why.split(' ').next().and_then(|status| status.parse::<u32>().ok());
                self.note(*at, client, |kind| match kind {
                    ExpectedThat::Refused { status, after, by, .. } if status.is_none() || *status == got => {
                        Some((*after, *by))
                    }
                    _ => None,
                });
            }
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
        let mut expecting = Expecting::new(&[expectation], &Roster::default());
        entries.iter().for_each(|entry| expecting.see(entry));
        expecting.decide(&MessageCounts::default(), &[], &[], true)[0].met
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
        let met =
            |expectation| Expecting::new(&[expectation], &Roster::default()).decide(&messages, &[], &[], true)[0].met;
        assert!(met(count(Some(600), Some(600))));
        assert!(!met(count(Some(601), None)));
        assert!(!met(count(None, Some(599))));
    }

    #[test]
    fn what_may_not_exceed_a_number_is_open_until_the_run_is_over() {
        let none_lost = PlannedExpectation {
            text: "no messages lost".into(),
            kind: ExpectedThat::Count { of: Counted::Lost, at_least: None, at_most: Some(0) },
        };
        let expecting = Expecting::new(&[none_lost], &Roster::default());
        let met = |complete| expecting.decide(&MessageCounts::default(), &[], &[], complete)[0].met;
        assert!(met(true) && !met(false));
    }

    #[test]
    fn a_session_opened_after_a_lost_one_is_a_reconnect() {
        let mut expecting = Expecting::new(&[], &Roster::default());
        let connected = Event::Connected { client: "xyz".into(), service: "hub-a".into(), session: 1 };
        let lost = Event::SessionLost { client: "xyz".into(), service: "hub-a".into(), session: 1, cause: Cause::Eof };
        for event in [connected.clone(), connected.clone(), lost, connected] {
            expecting.see(&Entry { at: MINUTE, host: "xyz".into(), event });
        }
        assert_eq!(expecting.count(Counted::Reconnects, &MessageCounts::default()), 1);
    }

    #[test]
    fn everything_that_can_be_counted_is_counted_apart() {
        let messages = MessageCounts {
            offered: 1,
            confirmed: 2,
            received: 3,
            duplicates: 4,
            lost: 5,
            open: 0,
            given_up: 6,
            indeterminate: 9,
        };
        let expecting = Expecting { reconnects: 7, refused: 8, ..Expecting::new(&[], &Roster::default()) };
        let of = [
            Counted::Offered,
            Counted::Confirmed,
            Counted::Received,
            Counted::Duplicates,
            Counted::Lost,
            Counted::GivenUp,
            Counted::Reconnects,
            Counted::Refused,
        ];
        assert_eq!(of.map(|of| expecting.count(of, &messages)), [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn an_answer_is_told_by_verb_device_status_words_and_time() {
        let operation = |verb: &'static str, client: &str| Operation {
            name: verb.into(),
            verb,
            client: client.into(),
            host: "operator".into(),
            service: "central".into(),
            owes: crate::history::Owes::Nothing,
        };
        let operations = vec![operation("method", "xyz"), operation("manual-failover", "xyz")];
        let roster = Roster { operations, ..Roster::default() };
        let met = |verb: &'static str, device: &str, status, words: Option<&str>, after: u32| {
            let kind = ExpectedThat::Answered {
                verb,
                devices: vec![device.into()],
                status,
                message_has: words.map(str::to_owned),
                after: MINUTE * after,
                by: None,
            };
            let mut expecting = Expecting::new(&[PlannedExpectation { text: String::new(), kind }], &roster);
            let answered = |operation: u32, status, message: &str| Event::Answered {
                operation: crate::history::OperationId(operation),
                status,
                message: message.into(),
            };
            for event in [answered(0, 200, "17"), answered(1, 409, "no healthy hub")] {
                expecting.see(&Entry { at: MINUTE * 2, host: "operator".into(), event });
            }
            expecting.decide(&MessageCounts::default(), &[], &[], true)[0].met
        };
        assert!(met("method", "xyz", None, None, 0) && met("manual-failover", "xyz", Some(409), Some("healthy"), 2));
        assert!(!met("command", "xyz", None, None, 0), "another verb");
        assert!(!met("method", "abc", None, None, 0), "another device");
        assert!(!met("method", "xyz", Some(404), None, 0), "another status");
        assert!(!met("method", "xyz", Some(200), Some("healthy"), 0), "the other's words");
        assert!(!met("method", "xyz", None, None, 3), "too early");
    }

    #[test]
    fn one_of_a_group_is_active_when_it_is_activated_for_that_subscription_in_time() {
        let destination = |name: &str| crate::history::Destination {
            name: name.into(),
            hosts: Vec::new(),
            via: Vec::new(),
            standing: false,
            mode: None,
        };
        let destinations = ["workers", "workers@west", "workers-2@west"].map(destination).to_vec();
        let roster = Roster { destinations, ..Roster::default() };
        let met = |place: u32, client: &str, at: u32| {
            let kind = ExpectedThat::Active {
                subscription: "workers".into(),
                consumers: vec!["one".into(), "two".into()],
                after: MINUTE * 2,
                by: Some(MINUTE * 4),
            };
            let mut expecting = Expecting::new(&[PlannedExpectation { text: String::new(), kind }], &roster);
            let (destination, client) = (crate::history::DestinationId(place), client.into());
            let event = Event::Activated { destination, client, held: 0 };
            expecting.see(&Entry { at: MINUTE * at, host: "broker-west".into(), event });
            expecting.decide(&MessageCounts::default(), &[], &[], true)[0].met
        };
        assert!(met(0, "one", 2) && met(1, "two", 4));
        assert!(!met(1, "three", 3), "another consumer");
        assert!(!met(2, "one", 3), "another subscription");
        assert!(!met(7, "one", 3), "a destination that nobody knows");
        assert!(!met(1, "one", 1) && !met(1, "one", 5), "too early, too late");
    }

    #[test]
    fn a_refusal_is_told_by_consumer_status_and_time() {
        let met = |consumer: &str, status, after: u32, why: &str| {
            let consumers = vec![consumer.into(), "nobody".into()];
            let kind = ExpectedThat::Refused { consumers, status, after: MINUTE * after, by: None };
            let mut expecting = Expecting::new(&[PlannedExpectation { text: String::new(), kind }], &Roster::default());
            let event = Event::Refused { client: "two".into(), service: "broker-west".into(), why: why.into() };
            expecting.see(&Entry { at: MINUTE * 2, host: "two".into(), event });
            expecting.decide(&MessageCounts::default(), &[], &[], true)[0].met
        };
        let busy = "409 Exclusive consumer is already connected";
        assert!(met("two", Some(409), 0, busy) && met("two", None, 2, "no route to it"));
        assert!(!met("one", Some(409), 0, busy), "another consumer");
        assert!(!met("two", Some(404), 0, busy) && !met("two", Some(409), 0, "4090 of them"), "another status");
        assert!(!met("two", Some(409), 3, busy), "too early");
    }

    #[test]
    fn medians_of_reconnects_are_compared_and_nobody_is_sooner_without_one() {
        let client = |name: &str, p50: Option<f64>| ClientReport {
            name: name.into(),
            reconnects: 1,
            reconnect_ms: crate::report::Percentiles { p50, ..Default::default() },
            moves: Vec::new(),
        };
        let clients = [client("cached", Some(100.0)), client("plain", Some(200.0)), client("never", None)];
        let met = |one: &str, other: &str, share_ppm| {
            let (these, than) = (vec![one.into()], vec![other.into()]);
            let kind = ExpectedThat::ReconnectsSooner { clients: these, than, share_ppm };
            let expecting = Expecting::new(&[PlannedExpectation { text: String::new(), kind }], &Roster::default());
            expecting.decide(&MessageCounts::default(), &clients, &[], true)[0].met
        };
        assert!(met("cached", "plain", 500_000));
        assert!(!met("cached", "plain", 499_999));
        assert!(!met("plain", "cached", 1_000_000));
        assert!(!met("never", "plain", 1_000_000) && !met("cached", "never", 1_000_000));
    }
}
