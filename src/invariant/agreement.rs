//! That an invariant which is shown only what it wants comes to the findings of one which is shown everything.
use super::story::{roster, sharers};
use super::{ALL, Finding, Panel, Registration, Rules};
use crate::history::{Directory, Entry, Event, Kind, Name, Outages, Power, Roster, SubscriptionMode, samples};
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;
use std::time::Duration;

/// Two panels of the same invariants: one shows them what they want, the other one everything. They must agree.
pub(super) struct Panels {
    panel: Panel,
    thorough: Panel,
    outages: Outages,
}

impl Panels {
    pub(super) fn new(roster: &Roster, registrations: &'static [Registration], rules: &Rules) -> Self {
        let panel = || Panel::new(Arc::new(roster.clone()), registrations, rules);
        let outages = Outages::new(Arc::new(Directory::new(roster)));
        Self { panel: panel(), thorough: panel().showing_everything(), outages }
    }
    pub(super) fn see(&mut self, entry: &Entry) {
        self.panel.see(entry);
        self.thorough.see(entry);
        let disturbs = self.outages.see(entry).is_some();
        assert!(!disturbs || Outages::KINDS.contains(entry.event.kind()), "{entry:?}");
        assert_eq!(self.panel.next_deadline(), self.thorough.next_deadline(), "after {entry:?}");
        assert_eq!(self.panel.is_settled(), self.thorough.is_settled(), "after {entry:?}");
    }
    pub(super) fn finish(&mut self, now: Duration, complete: bool) -> Vec<Finding> {
        let findings = self.panel.finish(now, complete);
        assert_eq!(findings, self.thorough.finish(now, complete));
        findings
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
                Entry { at, host, event: samples::event(kind, &name, &other, n) }
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
