//! `no-loss`: the seed's promise, "no data was lost".
use super::{Invariant, Registration, Rules, Scene, Tally, Violation};
use crate::custody::{Receipt, Turn};
use crate::history::{Entry, Kind, Kinds};
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "no-loss",
    holds_when: "every offered message is received by every destination entitled to it: no data was lost",
    exercised_by: "a fault on a message's path while it was unacknowledged or not yet received",
    explanation: "A message is offered when the client has accepted it from its application; holding the \
        application back (back-pressure) is not acceptance. From then on it must arrive. A client that tells its \
        application that it gives a message up has lost it, unless the scenario allows a number (`given-up`). What \
        was offered, not confirmed, and in the memory of a machine that crashed or lost power is indeterminate: it \
        is never owed, and never counted as lost. Losses are judged when the run has settled, given-up messages at once.",
    bounded: false,
    build: |_, rules| Box::new(NoLoss::new(rules)),
};

struct NoLoss {
    /// How many messages may still be given up.
    allowed: u64,
}

impl NoLoss {
    fn new(rules: &Rules) -> Self {
        Self { allowed: rules.given_up }
    }
}

impl Invariant for NoLoss {
    fn wants(&self) -> Kinds {
        Kinds::of(&[Kind::GivenUp, Kind::Received])
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        match scene.turn {
            Turn::Received { receipt: Receipt::First { owed: true, tried, .. }, .. } => {
                tally.check(1);
                tally.exercise(tried);
            }
            Turn::GivenUp { missing, .. } if self.allowed > 0 => {
                self.allowed -= 1;
                tally.check(missing);
            }
            Turn::GivenUp { message, why, .. } => {
                let what = format!("{} was given up: {why}", scene.roster.message(message));
                let custody = scene.custody.of(message);
                tally.violate(Violation { at: entry.at, message: Some(message), what, custody });
            }
            _ => {}
        }
    }
    fn finish(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        for (message, destination, open) in scene.custody.missing() {
            let missing = (message, destination);
            tally.violate(Violation::never_received(now, scene, missing, "offered", open.offered_at));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::Power;
    use crate::invariant::Rules;
    use crate::invariant::story::Story;

    #[test]
    fn held_when_what_was_offered_during_a_fault_arrives() {
        let mut story = Story::of("no-loss");
        story.cut("field", "west").offer(0).send(0).healed("field", "west").receive(0).confirm(0);
        story.ends().held(1);
    }

    #[test]
    fn violated_when_an_offered_message_never_arrives() {
        let mut story = Story::of("no-loss");
        story.offer(0).send(0).power("hub-a", Power::Lost).power("hub-a", Power::On);
        story.ends().violated("xyz/telemetry #0 was offered at 0.000 s and never received by central");
    }

    #[test]
    fn violated_at_once_when_the_client_gives_a_message_up() {
        let mut story = Story::of("no-loss");
        story.offer(0).give_up(0, "the buffer is full");
        story.stops().violated("xyz/telemetry #0 was given up: the buffer is full");
    }

    #[test]
    fn held_when_the_scenario_allows_that_many_to_be_given_up() {
        let mut story = Story::with("no-loss", Rules { given_up: 2, ..Rules::default() });
        story.cut("field", "west").offer(0).give_up(0, "old").offer(1).give_up(1, "old").offer(2).receive(2).confirm(2);
        story.ends().held(3);
        story.offer(3).give_up(3, "old");
        story.ends().violated("xyz/telemetry #3 was given up: old");
    }

    #[test]
    fn what_was_unconfirmed_in_the_memory_of_a_machine_that_lost_power_is_not_owed() {
        let mut story = Story::of("no-loss");
        story.offer(0).send(0).power("xyz", Power::Lost).power("xyz", Power::On);
        story.ends().not_exercised();
    }

    #[test]
    fn what_was_unconfirmed_when_a_machine_was_stopped_on_request_is_owed() {
        let mut story = Story::of("no-loss");
        story.offer(0).power("xyz", Power::Stopped).power("xyz", Power::On);
        story.ends().violated("xyz/telemetry #0 was offered at 0.000 s and never received by central");
    }

    #[test]
    fn losses_are_not_judged_in_a_run_that_was_stopped_early() {
        let mut story = Story::of("no-loss");
        story.offer(0);
        story.stops().not_exercised();
    }

    #[test]
    fn not_exercised_in_a_quiet_world() {
        let mut story = Story::of("no-loss");
        story.offer(0).send(0).confirm(0).receive(0);
        story.ends().not_exercised_but_checked(1);
    }
}
