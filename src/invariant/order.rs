//! `order`: ordered routes keep the producer's order.
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::custody::{Receipt, Turn};
use crate::history::{Entry, Kind, Kinds, Roster};

pub(super) const REGISTRATION: Registration = Registration {
    name: "order",
    holds_when: "on ordered routes first receipts come in the producer's order",
    exercised_by: "two messages in flight across a reconnect",
    explanation: "On a route that the plan calls ordered, a destination receives each producer's messages for the \
        first time in the order in which they were offered. A message that comes again later is no breach: a \
        window that is sent again after a reconnect repeats what came before. A message that is left out and comes \
        late is one: it should have come before its successors. One that never comes is a loss, not disorder.",
    bounded: false,
    build: |roster, _| Box::new(Order::new(roster)),
};

struct Order {
    /// By lane: `None`: not ordered; else the greatest number received, plus one.
    next: Vec<Option<u64>>,
}

impl Order {
    fn new(roster: &Roster) -> Self {
        Self { next: roster.routes.iter().map(|route| route.ordered.then_some(0)).collect() }
    }
}

impl Invariant for Order {
    fn wants(&self) -> Kinds {
        Kinds::of(&[Kind::Received])
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let Turn::Received { message, destination, receipt: Receipt::First { lane, .. } } = scene.turn else { return };
        let Some(next) = &mut self.next[lane.index()] else { return };
        if message.number >= *next {
            *next = message.number.saturating_add(1);
            tally.check(1);
            tally.exercise(scene.custody.interruptions(lane).of_two > 0);
            return;
        }
        let what = format!(
            "{} received {} after #{}",
            scene.roster.destination_name(destination),
            scene.roster.message(message),
            *next - 1
        );
        let custody = scene.custody.of(message);
        tally.violate(Violation { at: entry.at, message: Some(message), what, custody });
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::story::Story;

    #[test]
    fn held_when_a_window_is_sent_again_in_order() {
        let mut story = Story::of("order");
        story.offer(0).offer(1).send(0).send(1).receive(0).lost("xyz", "hub-a").send_again(0).send_again(1);
        story.receive(0).receive(1).confirm(0).confirm(1);
        story.ends().held(2);
    }

    #[test]
    fn violated_when_a_newer_one_overtakes() {
        let mut story = Story::of("order");
        story.offer(0).offer(1).receive(1).receive(0);
        story.ends().violated("central received xyz/telemetry #0 after #1");
    }

    #[test]
    fn a_gap_is_a_loss_and_not_disorder() {
        let mut story = Story::of("order");
        story.offer(0).offer(1).offer(2).receive(0).receive(2);
        story.ends().not_exercised_but_checked(2);
    }

    #[test]
    fn a_route_that_is_not_ordered_is_not_judged() {
        let mut story = Story::of("order").unordered();
        story.offer(0).offer(1).receive(1).receive(0);
        story.ends().not_exercised();
    }

    #[test]
    fn not_exercised_by_one_message_in_flight() {
        let mut story = Story::of("order");
        story.offer(0).send(0).lost("xyz", "hub-a").send_again(0).receive(0).confirm(0);
        story.ends().not_exercised_but_checked(1);
    }

    #[test]
    fn exercised_by_two_unacknowledged_messages_when_the_receivers_connection_ends() {
        let mut story = Story::of("order");
        story.offer(0).offer(1).confirm(0).confirm(1).deliver(0).deliver(1).lost("central", "hub-a");
        story.receive(0).receive(1);
        story.ends().held(2);
    }
}
