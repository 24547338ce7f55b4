//! How a run is judged: rules of invariants, expectations, the pitfall.
use super::super::duration::written_out;
use super::super::expectation::{Active, Answered};
use super::Checker;
use super::operations::is_member;
use crate::invariant::ALL;

impl Checker<'_> {
    pub(super) fn rules(&mut self) {
        let bounded: Vec<&str> = ALL.iter().filter(|one| one.bounded).map(|one| one.name).collect();
        for (name, rule) in &self.scenario.invariants {
            if rule.within.is_some() && !bounded.contains(&name.as_str()) {
                self.say(
                    self.key(&["invariants", name, "within"]),
                    format!("`{name}` has no bound in time"),
                    format!("`within` only with `{}`", bounded.join("`, `")),
                );
            }
            if rule.given_up.is_some() && name != "no-loss" {
                self.say(
                    self.key(&["invariants", name, "given-up"]),
                    format!("`{name}` does not count what is given up"),
                    "`given-up` only with `no-loss`",
                );
            }
            if rule.waived.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
                self.say(self.at(&["invariants", name, "waived"]), "waived for no reason", "the reason, in words");
            }
        }
    }

    pub(super) fn expectations(&mut self) {
        let end = self.scenario.duration.most() + self.scenario.settle.most();
        for (index, expectation) in self.scenario.expect.iter().enumerate() {
            let index = index.to_string();
            let path = |kind, key| ["expect", index.as_str(), kind, key];
            if let Some(moved) = expectation.moved.as_ref().filter(|moved| moved.from == moved.to) {
                self.say(
                    self.at(&path("moved", "to")),
                    format!("from `{0}` to `{0}` is no move", moved.to),
                    "another hub",
                );
            }
            let afters = [
                ("moved", expectation.moved.as_ref().and_then(|moved| moved.after)),
                ("connected", expectation.connected.as_ref().and_then(|connected| connected.after)),
                ("reconnected", expectation.reconnected.as_ref().and_then(|reconnected| reconnected.after)),
                ("answered", expectation.answered.as_ref().and_then(|answered| answered.after)),
                ("active", expectation.active.as_ref().and_then(|active| active.after)),
                ("refused", expectation.refused.as_ref().and_then(|refused| refused.after)),
            ];
            for (kind, after) in afters {
                if let Some(after) = after.filter(|after| after.least() >= end) {
                    self.say(
                        self.at(&path(kind, "after")),
                        format!("`after: {after}` is after the end"),
                        format!("a time before `duration` and `settle` are over ({})", written_out(end)),
                    );
                }
            }
            if let Some(sooner) = expectation.reconnects_sooner.as_ref().filter(|sooner| sooner.client == sooner.than) {
                self.say(
                    self.at(&path("reconnects-sooner", "than")),
                    format!("`{}` is compared with itself", sooner.than),
                    "another client",
                );
            }
            if let Some(answered) = &expectation.answered {
                self.asked(answered, &path("answered", "verb"));
            }
            if let Some(active) = &expectation.active {
                self.activated(active, &index);
            }
            match expectation.count.as_ref().map(|count| (count.at_least, count.at_most)) {
                Some((None, None)) if self.whole("expect", &index) => {
                    self.say(
                        self.at(&["expect", &index, "count"]),
                        "a count without bounds",
                        "`at-least`, `at-most`, or both",
                    );
                }
                Some((Some(least), Some(most))) if least > most => {
                    self.say(
                        self.at(&path("count", "at-most")),
                        format!("at least {least} and at most {most} cannot both be"),
                        "`at-least` no greater than `at-most`",
                    );
                }
                _ => {}
            }
        }
    }

    /// Only a subscription's own consumers can be the active one, and only where there is one.
    fn activated(&mut self, active: &Active, index: &str) {
        let Some(streams) = &self.scenario.systems.streams else { return };
        let Active { subscription, consumer, .. } = active;
        let mode = streams.subscriptions.get(&**subscription).map(|subscription| subscription.mode);
        if mode.is_some_and(|mode| !mode.has_one_active()) {
            self.say(
                self.at(&["expect", index, "active", "subscription"]),
                format!("`{subscription}` has no active consumer: all of its consumers get messages"),
                "a subscription of `mode: exclusive` or `mode: failover`",
            );
        }
        let group =
            || streams.consumers.iter().find(|(name, _)| consumer.strip_prefix(&***name).is_some_and(is_member));
        let one = streams.consumers.get(&**consumer).or_else(|| group().map(|(_, one)| one));
        if one.is_some_and(|one| one.subscription != *subscription) {
            self.say(
                self.at(&["expect", index, "active", "consumer"]),
                format!("`{consumer}` does not consume `{subscription}`"),
                "one of the subscription's consumers",
            );
        }
    }

    /// An answer can only come to what is asked.
    fn asked(&mut self, answered: &Answered, path: &[&str]) {
        let (verb, device) = (answered.verb, &answered.device);
        let original = self.root.nearest(&["timeline"]);
        let asked = original.items().iter().filter_map(|item| item.entry(verb.name())).any(|entry| {
            let named = entry.value.entry("device").and_then(|device| device.value.text());
            // A device of a group is asked with the group; one that is misspelt is reported where it stands.
            named.is_none_or(|named| *named == **device || device.strip_prefix(named).is_some_and(is_member))
        });
        if !asked {
            self.say(
                self.at(path),
                format!("no `{}` is asked of `{device}`", verb.name()),
                "a verb that the timeline has for this device",
            );
        }
    }

    pub(super) fn pitfall(&mut self) {
        let Some(pitfall) = &self.scenario.pitfall else { return };
        if !pitfall.issue.starts_with("https://") {
            self.say(
                self.at(&["pitfall", "issue"]),
                format!("`{}` cannot be looked up", pitfall.issue),
                "the address of the public report, `https://...`",
            );
        }
        if pitfall.turn_on.0.is_empty() && self.root.nearest(&["pitfall", "turn-on"]).entries().is_empty() {
            self.say(
                self.key(&["pitfall", "turn-on"]),
                "no knob is turned on",
                "such as `devices.xyz: { on-session-loss: same-hub }`",
            );
        }
        if pitfall.also.contains(&pitfall.violates) {
            self.say(
                self.at(&["pitfall", "also"]),
                format!("`{}` is what it violates already", pitfall.violates),
                "only others in `also`",
            );
        }
        let faults = self.root.entry("timeline").is_some() || self.root.entry("chaos").is_some();
        if pitfall.needs_fault && !faults {
            self.say(
                self.key(&["pitfall"]),
                "this needs a fault, and nothing happens",
                "a `timeline:`, `chaos:`, or `needs-fault: no`",
            );
        }
    }
}
