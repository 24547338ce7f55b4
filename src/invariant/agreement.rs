//! That an invariant which is shown only what it wants comes to the findings of one which is shown everything.
use super::story::{roster, sharers};
use super::{ALL, Finding, Panel, Registration, Rules};
use crate::history::{
    Cause, DestinationId, Entry, Event, Kind, MessageId, Name, OperationId, Power, ProducerId, Reason, Roster,
    SubscriptionMode,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;
use std::time::Duration;

/// Two panels of the same invariants: one shows them what they want, the other one everything. They must agree.
pub(super) struct Panels {
    panel: Panel,
    thorough: Panel,
}

impl Panels {
    pub(super) fn new(roster: &Roster, registrations: &'static [Registration], rules: &Rules) -> Self {
        let panel = || Panel::new(Arc::new(roster.clone()), registrations, rules);
        Self { panel: panel(), thorough: panel().showing_everything() }
    }
    pub(super) fn see(&mut self, entry: &Entry) {
        self.panel.see(entry);
        self.thorough.see(entry);
        assert_eq!(self.panel.next_deadline(), self.thorough.next_deadline(), "after {entry:?}");
        assert_eq!(self.panel.is_settled(), self.thorough.is_settled(), "after {entry:?}");
    }
    pub(super) fn finish(&mut self, now: Duration, complete: bool) -> Vec<Finding> {
        let findings = self.panel.finish(now, complete);
        assert_eq!(findings, self.thorough.finish(now, complete));
        findings
    }
}

/// An event of this kind about somebody of these names; `n` makes the rest.
fn event(kind: Kind, name: &Name, other: &Name, n: u64) -> Event {
    let (client, service, to, at) = (name.clone(), other.clone(), other.clone(), other.clone());
    let from = client.clone();
    let message = MessageId { producer: ProducerId(0), number: n / 2 };
    let (destination, operation) = (DestinationId(0), OperationId(n as u32 % 6));
    let (session, number, digest, again, why) = (n % 3, n % 3, n / 2, n % 2 == 0, "for a reason");
    match kind {
        Kind::Offered => Event::Offered { message, digest },
        Kind::Sent => Event::Sent { message, session, again },
        Kind::Confirmed => Event::Confirmed { message },
        Kind::GivenUp => Event::GivenUp { message, why },
        Kind::Stored => Event::Stored { message },
        Kind::Dispatched => Event::Dispatched { message, to, again },
        Kind::Delivered => Event::Delivered { message, destination },
        Kind::Received => Event::Received { message, destination, digest },
        Kind::Acked => Event::Acked { message, destination },
        Kind::Unacked => Event::Unacked { message, destination, why },
        Kind::Unrecognised => Event::Unrecognised { destination, digest },
        Kind::SubscribeStarted => Event::SubscribeStarted { destination },
        Kind::Subscribed => Event::Subscribed { destination },
        Kind::Connecting => Event::Connecting { client, service },
        Kind::Connected => Event::Connected { client, service, session },
        Kind::Refused => Event::Refused { client, service, why: why.into() },
        Kind::SessionLost => Event::SessionLost { client, service, session, cause: Cause::Eof },
        Kind::SessionClosed => Event::SessionClosed { client, service, session },
        Kind::SessionOpened => Event::SessionOpened { client, session },
        Kind::SessionEnded => Event::SessionEnded { client, session, why },
        Kind::Allocated => {
            let reasons = [Reason::Initial, Reason::Failover, Reason::Rebalance, Reason::ManualFailover];
            Event::Allocated { client, to, reason: reasons[n as usize % 4] }
        }
        Kind::Assigned => Event::Assigned { client, to },
        Kind::Settled => Event::Settled { client, at },
        Kind::HealthSeen => Event::HealthSeen { service, up: again },
        Kind::Reported => Event::Reported { client, number },
        Kind::ReportedConfirmed => Event::ReportedConfirmed { client, number },
        Kind::ReportedKnown => Event::ReportedKnown { client, number },
        Kind::DesiredAccepted => Event::DesiredAccepted { client, number },
        Kind::DesiredApplied => Event::DesiredApplied { client, number },
        Kind::DesiredKnown => Event::DesiredKnown { client, number },
        Kind::Asked => Event::Asked { operation },
        Kind::Answered => Event::Answered { operation, status: [0, 202, 404][n as usize % 3], message: why.into() },
        Kind::CommandQueued => Event::CommandQueued { operation },
        Kind::CommandDispatched => Event::CommandDispatched { operation, again },
        Kind::CommandDelivered => Event::CommandDelivered { operation },
        Kind::CommandHandled => Event::CommandHandled { operation },
        Kind::CommandAcked => Event::CommandAcked { operation },
        Kind::CommandExpired => Event::CommandExpired { operation },
        Kind::MethodRun => Event::MethodRun { operation },
        Kind::Power => {
            let states = [Power::On, Power::On, Power::Lost, Power::Crashed, Power::Frozen, Power::Thawed];
            Event::Power { state: *states.get(n as usize).unwrap_or(&Power::Stopped) }
        }
        Kind::Cut => Event::Cut { from, to },
        Kind::Healed => Event::Healed { from, to },
        Kind::Fault => Event::Fault { text: why.into(), on: again },
        Kind::Settling => Event::Settling,
        Kind::Note => Event::Note { text: why.into() },
        Kind::Held => Event::Held { from, to },
        Kind::Released => Event::Released { from, to },
        Kind::Activated => Event::Activated { destination, client, held: n },
    }
}

/// Everybody's name, their sites' too, and that of somebody whom nobody knows.
fn names(roster: &Roster) -> Vec<Name> {
    let machines = roster.machines.iter().flat_map(|machine| [machine.name.clone(), machine.site.clone()]);
    machines.chain([Name::from("nobody")]).collect()
}

fn histories() -> impl Strategy<Value = (Roster, Vec<Entry>)> {
    let modes = [SubscriptionMode::Exclusive, SubscriptionMode::Failover, SubscriptionMode::Shared];
    let rosters: Vec<Roster> = std::iter::once(roster()).chain(modes.map(sharers)).collect();
    select(rosters).prop_flat_map(|roster| {
        let name = || select(names(&roster));
        let line = (name(), select(Kind::ALL), name(), name(), 0..7u64, 0..20_000u64);
        let lines = prop::collection::vec(line, 1..200);
        (Just(roster), lines).prop_map(|(roster, lines)| {
            let mut at = Duration::ZERO;
            let boot = |host: Name| Entry { at, host, event: Event::Power { state: Power::On } };
            let boots: Vec<Entry> = roster.machines.iter().map(|machine| boot(machine.name.clone())).collect();
            let rest = lines.into_iter().map(|(host, kind, name, other, n, millis)| {
                at += Duration::from_millis(millis);
                Entry { at, host, event: event(kind, &name, &other, n) }
            });
            let entries = boots.into_iter().chain(rest).collect();
            (roster, entries)
        })
    })
}

proptest! {
    #[test]
    fn what_an_invariant_does_not_want_means_nothing_to_it((roster, entries) in histories()) {
        let mut panels = Panels::new(&roster, ALL, &Rules::default());
        entries.iter().for_each(|entry| panels.see(entry));
        let over = entries.last().map_or(Duration::ZERO, |entry| entry.at + Duration::from_secs(300));
        panels.finish(over, true);
    }
}
