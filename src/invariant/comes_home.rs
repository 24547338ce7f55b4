//! `comes-home`: failback.
use super::bounds::Bounds;
use super::placement::{Placement, Step};
use super::{Invariant, Registration, Rules, Scene, Tally, Violation};
use crate::history::{Entry, HostId, Kinds, Outages, Reason};
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "comes-home",
    holds_when: "after failback, revert or rebalance a device is back home within 90 s",
    exercised_by: "a move away",
    explanation: "A device's home is the hub of its first assignment. When the provisioning service calls it home \
        (rebalance, manual failback, the end of a manual failover), it must be there within the limit (`within`, \
        default 90 s). When a failover moved it away and its home is back, the service must call it: it has 45 s \
        for that (two health checks and `rebalance-after`), and the device its limit on top. Both count only while \
        the device, the provisioning service and the home reach one another, and whoever holds the device can be \
        told; from zero each time that becomes so again. A new failover cancels a call.",
    bounded: true,
    build: |_, rules| Box::new(ComesHome::new(rules)),
};

struct ComesHome {
    placement: Placement,
    /// Devices that were called home.
    called: Bounds,
    /// Devices away after a failover, not called yet.
    away: Bounds,
    limit: Duration,
}

impl ComesHome {
    fn new(rules: &Rules) -> Self {
        Self {
            placement: Placement::default(),
            called: Bounds::new(rules.comes_home),
            away: Bounds::new(rules.calls_home + rules.comes_home),
            limit: rules.comes_home,
        }
    }

    fn home(&self, client: u32) -> Option<HostId> {
        self.placement.placed(client)?.home
    }

    fn can_come(&self, client: u32, scene: &Scene<'_>) -> bool {
        self.home(client).is_some_and(|home| self.placement.can_go(client, home, scene.outages))
    }

    fn allocated(&mut self, now: Duration, client: u32, to: HostId, reason: Reason, scene: &Scene<'_>) {
        let (at_home, clear) = (self.home(client) == Some(to), self.can_come(client, scene));
        let held_at_home = self.placement.placed(client).is_some_and(|p| p.sessions.services().any(|at| at == to));
        match reason {
            _ if at_home => {
                let was_away = self.away.stop(client);
                let calls = matches!(reason, Reason::Rebalance | Reason::ManualFailback | Reason::Revert);
                if (calls || was_away) && !held_at_home && !self.called.is_open(client) {
                    self.called.start(client, now, clear);
                }
            }
            Reason::Failover => {
                self.called.stop(client);
                if !self.away.is_open(client) {
                    self.away.start(client, now, clear);
                }
            }
            _ => {
                self.called.stop(client);
                self.away.stop(client);
            }
        }
    }
}

impl Invariant for ComesHome {
    fn wants(&self) -> Kinds {
        Placement::KINDS.and(Outages::KINDS)
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let step = self.placement.see(entry, scene);
        match step {
            Some(Step::Allocated { client, to, reason, .. }) => self.allocated(entry.at, client, to, reason, scene),
            Some(Step::Arrived { client, at }) if self.home(client) == Some(at) => {
                // A device may find its own way home before it is called.
                let (called, away) = (self.called.stop(client), self.away.stop(client));
                tally.check(u64::from(called || away));
                tally.exercise(called || away);
            }
            _ => {}
        }
        let touched = match step {
            Some(Step::Arrived { client, .. } | Step::Sessions { client }) => vec![client],
            _ if scene.disturbance.is_some() => [self.called.subjects(), self.away.subjects()].concat(),
            _ => return,
        };
        for client in touched {
            let clear = self.can_come(client, scene);
            self.called.path(client, entry.at, clear, false);
            self.away.path(client, entry.at, clear, false);
        }
    }
    fn expire(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        let (called, away) = (self.called.expired(now), self.away.expired(now));
        let name = |client: u32| &*scene.roster.clients[client as usize].name;
        let home = |client| self.home(client).map_or("its home", |home| &*scene.roster.machines[home.index()].name);
        let limit = self.limit.as_secs();
        let called = called.into_iter().map(|(client, at)| {
            (at, format!("{} was called home to {} and is not there after {limit} s", name(client), home(client)))
        });
        let away = away.into_iter().map(|(client, at)| {
            (at, format!("{} is still away though its home {} is back", name(client), home(client)))
        });
        let mut late: Vec<(Duration, String)> = called.chain(away).collect();
        late.sort();
        for (at, what) in late {
            tally.violate(Violation { at, message: None, what, custody: Vec::new() });
        }
    }
    fn next_deadline(&self) -> Option<Duration> {
        self.called.next_deadline().into_iter().chain(self.away.next_deadline()).min()
    }
    fn is_settled(&self, _scene: &Scene<'_>) -> bool {
        self.called.is_settled() && self.away.is_settled()
    }
}

#[cfg(test)]
mod tests {
    use crate::history::{Power, Reason};
    use crate::invariant::story::Story;

    /// hub-a, where xyz is at home, lost its power, and xyz is at hub-b.
    fn away() -> Story {
        let mut story = Story::of("comes-home");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1).power("hub-a", Power::Lost).lost("xyz", "hub-a");
        story.allocate("hub-b", Reason::Failover).session("hub-b", 2);
        story
    }

    #[test]
    fn held_when_a_device_that_was_called_is_home_in_time() {
        let mut story = away();
        story.after(300).power("hub-a", Power::On).after(40).allocate("hub-a", Reason::Rebalance).lost("xyz", "hub-b");
        story.after(80).session("hub-a", 3);
        story.ends().held(1);
    }

    #[test]
    fn violated_when_a_device_that_was_called_stays_away() {
        let mut story = away();
        story.power("hub-a", Power::On).after(40).allocate("hub-a", Reason::Rebalance).lost("xyz", "hub-b").after(91);
        story.ends().violated("xyz was called home to hub-a and is not there after 90 s");
    }

    #[test]
    fn violated_when_a_device_is_never_called_though_its_home_is_back() {
        let mut story = away();
        story.after(300).power("hub-a", Power::On).after(136);
        story.ends().violated("xyz is still away though its home hub-a is back");
    }

    #[test]
    fn a_device_need_not_come_home_while_its_home_is_down() {
        let mut story = away();
        story.after(3600);
        story.ends().not_exercised();
    }

    #[test]
    fn a_fault_on_the_way_home_starts_the_time_again() {
        let mut story = away();
        story.power("hub-a", Power::On).after(40).allocate("hub-a", Reason::Rebalance).lost("xyz", "hub-b");
        story.after(80).cut("xyz", "hub-a").after(10).healed("xyz", "hub-a").after(89).session("hub-a", 3);
        story.ends().held(1);
    }

    #[test]
    fn a_new_failover_cancels_the_call() {
        let mut story = away();
        story.power("hub-a", Power::On).allocate("hub-a", Reason::Rebalance).power("hub-a", Power::Lost);
        story.allocate("hub-b", Reason::Failover).session("hub-b", 4).after(1000);
        story.ends().not_exercised();
    }

    #[test]
    fn a_manual_failover_is_not_called_back_by_the_world_but_by_its_revert() {
        let mut story = Story::of("comes-home");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1).allocate("hub-b", Reason::ManualFailover);
        story.lost("xyz", "hub-a").session("hub-b", 2).after(300).allocate("hub-a", Reason::Revert);
        story.lost("xyz", "hub-b").after(50).session("hub-a", 3);
        story.ends().held(1);
    }

    #[test]
    fn not_exercised_when_nobody_moved_away() {
        let mut story = Story::of("comes-home");
        story.allocate("hub-a", Reason::Initial).session("hub-a", 1).power("hub-b", Power::Lost);
        story.ends().not_exercised();
    }
}
