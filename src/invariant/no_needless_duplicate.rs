//! `no-needless-duplicate`: at least once is no licence.
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::custody::{Receipt, Turn};
use crate::history::{Entry, Kind, Kinds};

pub(super) const REGISTRATION: Registration = Registration {
    name: "no-needless-duplicate",
    holds_when: "a second receipt has a cause on that message's own path",
    exercised_by: "an ack in flight when a connection ended",
    explanation: "A message may come twice when something on its own way explains it: its producer had to send it \
        again before it was confirmed; the connection of whoever held it, or that machine, or a service on its way \
        ended before its ack had arrived; a fault was on that way; or the receiver recorded that it did not \
        acknowledge it (a nack, an ack time-out). Whoever the service dispatched it to, or where it arrived, holds \
        it. An ack has arrived when nothing disturbed its way for five seconds. The trouble of another consumer, or \
        a restart long after the ack, explains nothing.",
    bounded: false,
    build: |_, _| Box::new(NoNeedlessDuplicate),
};

struct NoNeedlessDuplicate;

impl Invariant for NoNeedlessDuplicate {
    fn wants(&self) -> Kinds {
        Kinds::of(&[Kind::Received])
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let Turn::Received { message, destination, receipt } = scene.turn else { return };
        match receipt {
            Receipt::First { lane, .. } | Receipt::Again { lane, caused: true, .. } => {
                tally.check(1);
                tally.exercise(scene.custody.interruptions(lane).of_one > 0);
            }
            Receipt::Again { caused: false, .. } => {
                let name = scene.roster.message(message);
                let what =
                    format!("{} received {name} again without cause", scene.roster.destination_name(destination));
                let custody = scene.custody.of(message);
                tally.violate(Violation { at: entry.at, message: Some(message), what, custody });
            }
            Receipt::Unexpected(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::{Event, Power};
    use crate::invariant::story::{CENTRAL, Story, message};

    const AGAIN: &str = "central received xyz/telemetry #0 again without cause";

    #[test]
    fn held_when_the_receivers_connection_ended_before_its_ack_arrived() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).send(0).confirm(0).receive(0).ack(0).after_ms(20).lost("central", "hub-a");
        story.receive(0);
        story.ends().held(2);
    }

    #[test]
    fn held_when_the_receiver_lost_power_before_it_could_ack() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).confirm(0).receive(0).power("central", Power::Lost).power("central", Power::On).receive(0);
        story.ends().held(2);
    }

    #[test]
    fn held_when_the_producer_had_to_send_it_again() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).send(0).receive(0).ack(0).lost("xyz", "hub-a").send_again(0).confirm(0);
        story.after(300).receive(0);
        story.ends().held(2);
    }

    #[test]
    fn held_when_a_service_on_its_way_restarted_before_the_ack_arrived() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).confirm(0).receive(0).power("hub-a", Power::Crashed).power("hub-a", Power::On);
        story.after(300).receive(0);
        story.ends().held(2);
    }

    #[test]
    fn held_when_the_receiver_says_that_it_did_not_acknowledge() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).confirm(0).receive(0);
        story.tell("central", Event::Unacked { message: message(0), destination: CENTRAL, why: "nack" }).receive(0);
        story.ends().not_exercised_but_checked(2);
    }

    #[test]
    fn held_when_it_was_dispatched_to_a_frozen_receiver_first() {
        let mut story = Story::of("no-needless-duplicate");
        story.power("central-2", Power::Frozen).offer(0).confirm(0).dispatch(0, "central-2");
        story.dispatch(0, "central").receive(0).ack(0).after(60).power("central-2", Power::Thawed);
        story.tell("central-2", Event::Received { message: message(0), destination: CENTRAL, digest: 0 });
        story.ends().not_exercised_but_checked(2);
    }

    #[test]
    fn violated_when_nothing_happened() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).confirm(0).receive(0).receive(0);
        story.ends().violated(AGAIN);
    }

    #[test]
    fn violated_when_the_producer_sent_again_what_was_confirmed() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).send(0).confirm(0).receive(0).send_again(0).receive(0);
        story.ends().violated(AGAIN);
    }

    #[test]
    fn violated_when_the_restart_came_long_after_the_ack() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).confirm(0).receive(0).ack(0).after(6).power("hub-a", Power::Lost).power("hub-a", Power::On);
        story.receive(0);
        story.ends().violated(AGAIN);
    }

    #[test]
    fn violated_when_only_another_receivers_connection_ended() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).confirm(0).receive(0).lost("central-2", "hub-a").receive(0);
        story.ends().violated(AGAIN);
    }

    #[test]
    fn not_exercised_when_connections_end_with_nothing_in_flight() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).send(0).confirm(0).receive(0).ack(0).after(1).lost("central", "hub-a").lost("xyz", "hub-a");
        story.offer(1).receive(1);
        story.ends().not_exercised_but_checked(2);
    }

    #[test]
    fn exercised_when_the_producers_connection_ended_before_it_was_confirmed() {
        let mut story = Story::of("no-needless-duplicate");
        story.offer(0).send(0).lost("xyz", "hub-a").send_again(0).confirm(0).receive(0);
        story.ends().held(1);
    }
}
