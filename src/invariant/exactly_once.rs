//! `exactly-once`: destinations that de-duplicate must do so.
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::custody::{LaneId, Receipt, Turn};
use crate::history::{Delivery, Entry, Kind, Kinds, Roster};

pub(super) const REGISTRATION: Registration = Registration {
    name: "exactly-once",
    holds_when: "exactly-once destinations (central, consumers that de-duplicate) receive each message once",
    exercised_by: "an ack in flight when a connection ended",
    explanation: "Where the plan promises exactly-once, the application must not handle a message twice, whatever \
        happens: a message that had to be sent again, a connection lost before an ack, a restart. The message may \
        well reach the receiving client twice (`delivered`); what counts is that the application finished handling \
        it (`received`). Whether it is received at all is the business of `no-loss`.",
    bounded: false,
    build: |roster, _| Box::new(ExactlyOnce::new(roster)),
};

struct ExactlyOnce {
    /// By lane: whether it promises this.
    promised: Vec<bool>,
}

impl ExactlyOnce {
    fn new(roster: &Roster) -> Self {
        Self { promised: roster.routes.iter().map(|route| route.delivery == Delivery::ExactlyOnce).collect() }
    }
    fn promises(&self, lane: LaneId) -> bool {
        self.promised[lane.index()]
    }
}

impl Invariant for ExactlyOnce {
    fn wants(&self) -> Kinds {
        Kinds::of(&[Kind::Received])
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let Turn::Received { message, destination, receipt } = scene.turn else { return };
        match receipt {
            Receipt::First { lane, .. } if self.promises(lane) => {
                tally.check(1);
                tally.exercise(scene.custody.interruptions(lane).of_one > 0);
            }
            Receipt::Again { lane, .. } if self.promises(lane) => {
                let name = scene.roster.message(message);
                let what = format!("{} received {name} more than once", scene.roster.destination_name(destination));
                let custody = scene.custody.of(message);
                tally.violate(Violation { at: entry.at, message: Some(message), what, custody });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::Delivery;
    use crate::invariant::story::Story;

    fn story() -> Story {
        Story::of("exactly-once").promising(Delivery::ExactlyOnce)
    }

    #[test]
    fn held_when_what_was_sent_twice_is_received_once() {
        let mut story = story();
        story.offer(0).send(0).lost("xyz", "hub-a").send_again(0).confirm(0).deliver(0).deliver(0).receive(0).ack(0);
        story.ends().held(1);
    }

    #[test]
    fn violated_by_a_second_receipt_even_with_a_cause() {
        let mut story = story();
        story.offer(0).send(0).lost("xyz", "hub-a").send_again(0).confirm(0).receive(0).receive(0);
        story.ends().violated("central received xyz/telemetry #0 more than once");
    }

    #[test]
    fn a_destination_that_promises_at_least_once_may_repeat() {
        let mut story = Story::of("exactly-once");
        story.offer(0).send(0).lost("xyz", "hub-a").send_again(0).confirm(0).receive(0).receive(0);
        story.ends().not_exercised();
    }

    #[test]
    fn not_exercised_when_no_connection_ended_with_an_ack_in_flight() {
        let mut story = story();
        story.offer(0).send(0).confirm(0).receive(0).ack(0).after(5).lost("xyz", "hub-a").lost("central", "hub-a");
        story.offer(1).send(1).confirm(1).receive(1);
        story.ends().not_exercised_but_checked(2);
    }
}
