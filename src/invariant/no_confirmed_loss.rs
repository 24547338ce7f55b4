//! `no-confirmed-loss`: what the service confirmed, it may not lose.
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::custody::{Receipt, Turn};
use crate::history::{Entry, Kind, Kinds};
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "no-confirmed-loss",
    holds_when: "every confirmed message is received by every destination entitled to it",
    exercised_by: "a fault on a message's path while it was unacknowledged or not yet received",
    explanation: "A confirmation (PUBACK, basic.ack, 2xx) makes a message the service's. From then on every \
        destination that the plan entitles must receive it, whatever dies. A destination is entitled to what is \
        offered after it recorded `subscribed`, or to everything if the plan says so; nothing that a service \
        records can excuse a loss. It is judged when the run has settled: until then a message may be on its way. \
        Messages that were never confirmed belong to `no-loss`.",
    bounded: false,
    build: |_, _| Box::new(NoConfirmedLoss),
};

struct NoConfirmedLoss;

impl Invariant for NoConfirmedLoss {
    fn wants(&self) -> Kinds {
        Kinds::of(&[Kind::Confirmed, Kind::Received])
    }
    fn see(&mut self, _entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        match scene.turn {
            Turn::Confirmed { kept, tried, .. } if kept > 0 => {
                tally.check(kept);
                tally.exercise(tried);
            }
            Turn::Received { receipt: Receipt::First { owed: true, confirmed: true, tried, .. }, .. } => {
                tally.check(1);
                tally.exercise(tried);
            }
            _ => {}
        }
    }
    fn finish(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        for (message, destination, open) in scene.custody.missing() {
            if let Some(confirmed_at) = open.confirmed_at {
                let missing = (message, destination);
                tally.violate(Violation::never_received(now, scene, missing, "confirmed", confirmed_at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::Power;
    use crate::invariant::story::Story;

    #[test]
    fn held_when_a_confirmed_message_survives_a_power_loss_on_its_path() {
        let mut story = Story::of("no-confirmed-loss");
        story.offer(0).send(0).confirm(0).power("hub-a", Power::Lost).power("hub-a", Power::On).receive(0);
        story.ends().held(1);
    }

    #[test]
    fn held_when_the_confirmation_comes_after_the_receipt() {
        let mut story = Story::of("no-confirmed-loss");
        story.offer(0).send(0).cut("field", "west").receive(0).healed("field", "west").confirm(0);
        story.ends().held(1);
    }

    #[test]
    fn violated_when_a_confirmed_message_never_arrives_and_its_custody_is_told() {
        let mut story = Story::of("no-confirmed-loss");
        story.offer(0).send(0).confirm(0).offer(1).confirm(1).receive(1);
        let what = "xyz/telemetry #0 was confirmed at 2.000 s and never received by central";
        story.ends().violated(what).custody(&["Offered", "Confirmed"]);
    }

    #[test]
    fn a_message_that_was_never_confirmed_is_not_its_business() {
        let mut story = Story::of("no-confirmed-loss");
        story.power("hub-a", Power::Lost).offer(0).send(0);
        story.ends().not_exercised();
    }

    #[test]
    fn not_exercised_when_no_fault_met_a_message_on_its_way() {
        let mut story = Story::of("no-confirmed-loss");
        story.offer(0).send(0).confirm(0).receive(0).power("hub-a", Power::Lost).power("hub-a", Power::On);
        story.offer(1).send(1).confirm(1).receive(1);
        story.ends().not_exercised_but_checked(2);
    }

    #[test]
    fn a_fault_off_the_path_does_not_exercise_it() {
        let mut story = Story::of("no-confirmed-loss");
        story.offer(0).send(0).power("dps", Power::Lost).confirm(0).receive(0);
        story.ends().not_exercised_but_checked(1);
    }
}
