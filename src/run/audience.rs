//! Who looks on while a plan is played.

use super::expecting::Expecting;
use super::{Mode, Watch};
use crate::engines;
use crate::history::{Entry, MessageId, Witness};
use crate::invariant::Rules;
use crate::judge::{Findings, Judge};
use crate::report::Story;
use crate::scenario::Plan;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The judge, and everybody else who keeps something of the history.
pub(super) struct Audience {
    judge: Judge,
    story: Story,
    expecting: Expecting,
    witness: Option<Arc<Mutex<dyn Witness>>>,
    until: Option<Duration>,
    most_entries: Option<u64>,
    now: Duration,
    entries: u64,
}

/// What the others kept, once the judge has spoken.
pub(super) struct Kept {
    pub(super) story: Story,
    pub(super) expecting: Expecting,
}

impl Audience {
    pub(super) fn new(plan: &Plan, mode: Mode, watch: Watch) -> Self {
        let judge = Judge::new(Arc::new(plan.roster.clone()), &rules(plan));
        Self {
            judge: if mode == Mode::FirstViolation { judge.stopping_at_the_first_violation() } else { judge },
            story: Story::of(plan),
            expecting: Expecting::new(&plan.expectations, &plan.roster),
            witness: watch.witness,
            until: watch.until,
            most_entries: watch.most_entries,
            now: Duration::ZERO,
            entries: 0,
        }
    }

    /// Records the whole custody of these messages.
    pub(super) fn following(mut self, messages: &[MessageId]) -> Self {
        for message in messages {
            self.judge = self.judge.following(*message);
        }
        self
    }

    pub(super) fn findings(mut self, now: Duration) -> (Findings, Kept) {
        if (self.until.is_some_and(|until| now >= until) || self.is_too_long()) && !self.judge.is_settled() {
            self.judge.interrupt();
        }
        (self.judge.finish(now), Kept { story: self.story, expecting: self.expecting })
    }

    fn is_too_long(&self) -> bool {
        self.most_entries.is_some_and(|most| self.entries > most)
    }
}

impl Witness for Audience {
    fn see(&mut self, entry: &Entry) {
        self.entries += 1;
        self.judge.see(entry);
        // Nine entries of ten are about messages: no story is told of those, and nothing but their counts expected.
        if entry.event.message().is_none() {
            self.story.see(entry);
            self.expecting.see(entry);
        }
        if let Some(witness) = &self.witness {
            witness.lock().unwrap_or_else(PoisonError::into_inner).see(entry);
        }
    }
}

impl engines::Judge for Audience {
    fn tick(&mut self, now: Duration) {
        self.now = now;
        self.judge.tick(now);
    }

    fn next_deadline(&self) -> Option<Duration> {
        let deadline = self.judge.next_deadline();
        deadline.into_iter().chain(self.until).min()
    }

    fn is_settled(&self) -> bool {
        self.judge.is_settled()
    }

    fn has_seen_enough(&self) -> bool {
        self.judge.has_seen_enough() || self.is_too_long() || self.until.is_some_and(|until| self.now >= until)
    }
}

/// The scenario's own rules over the defaults.
fn rules(plan: &Plan) -> Rules {
    let mut rules = Rules::default();
    plan.systems.bounds(&mut rules);
    for (name, rule) in &plan.rules {
        if let Some(reason) = &rule.waived {
            rules.waived.insert(name.clone(), reason.clone());
        }
        match (name.as_str(), rule.within) {
            ("recovers", Some(within)) => rules.recovers = within,
            ("comes-home", Some(within)) => rules.comes_home = within,
            ("one-connection", Some(within)) => rules.one_connection = within,
            ("command-arrives", Some(within)) => rules.command_arrives = within,
            _ => {}
        }
        if name == "no-loss" {
            rules.given_up = rule.given_up;
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::samples::about_messages;
    use crate::invariant::ALL;
    use crate::scenario::parse;
    use std::path::Path;

    fn plan(rest: &str) -> Plan {
        let frame = "
name: test
duration: 10m
sites: { west: {} }
iot:
  dps: { site: west, health-check: 5s, rebalance-after: 30s }
  hubs: { hub-a: { site: west } }
  central: { site: west }
  devices: { xyz: { site: west, telemetry: 1s } }
timeline: [{ at: 1m, crash: { host: hub-a, for: 10s } }]
";
        match parse(Path::new("test.yaml"), &format!("{frame}{rest}")) {
            Ok(loaded) => loaded.plan(3),
            Err(mistakes) => panic!("{mistakes}"),
        }
    }

    #[test]
    fn every_bound_that_a_file_may_set_is_judged_by() {
        for registration in ALL.iter().filter(|registration| registration.bounded) {
            let rules = rules(&plan(&format!("invariants: {{ {}: {{ within: 61s }} }}", registration.name)));
            assert_ne!(rules, Rules::default(), "{}", registration.name);
        }
    }

    #[test]
    fn nobody_tells_a_story_of_messages_or_expects_anything_of_one() {
        let expected = "expect: [{ connected: { client: xyz, to: hub-a } }]";
        let mut audience = Audience::new(&plan(expected), Mode::ToTheEnd, Watch::default());
        let told = |audience: &Audience| format!("{:?} {:?}", audience.story, audience.expecting);
        let before = told(&audience);
        for entry in about_messages() {
            audience.story.see(&entry);
            audience.expecting.see(&entry);
            assert_eq!(told(&audience), before, "{entry:?}");
        }
    }

    #[test]
    fn a_file_that_says_nothing_is_judged_by_the_invariants_own_bounds() {
        assert_eq!(rules(&plan("")), Rules::default());
    }

    #[test]
    fn what_a_file_says_about_an_invariant_is_what_it_is_judged_by() {
        let rules = rules(&plan(
            "invariants: { recovers: { within: 60s }, no-loss: { given-up: 3 }, order: { waived: two hubs } }",
        ));
        assert_eq!((rules.recovers, rules.given_up), (Duration::from_secs(60), 3));
        assert_eq!(rules.waived.get("order").map(String::as_str), Some("two hubs"));
        assert_eq!(rules.comes_home, Rules::default().comes_home);
    }
}
