//! `one-receiver`: consumers that compete for messages do not share them.
use super::sessions::{self, Attendance, receiver};
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::custody::{LaneId, Receipt, Turn};
use crate::history::{ClientId, DestinationId, Entry, Event, Kind, Kinds, MessageId, Roster};
use std::collections::BTreeMap;

pub(super) const REGISTRATION: Registration = Registration {
    name: "one-receiver",
    holds_when: "of the clients that compete for a subscription's messages, one receives each, unless it was handed over",
    exercised_by: "a message given out while two of them were in session",
    explanation: "Clients that receive for one subscription, in whatever mode, compete: a message that one of them has \
        received is not for another one. It may be handed over when its way to the first one and back explains it: \
        that connection ended, or that machine or its broker had trouble, before the ack had arrived; or the first \
        one gave it back, or let the time for its ack pass. A message that its producer had to send again may be \
        there twice, and each copy has its receiver. That another one joined, or was lost, explains nothing.",
    bounded: false,
    build: |roster, _| Box::new(OneReceiver::new(roster)),
};

struct OneReceiver {
    attendance: Attendance,
    /// By lane: who received each message first. Only lanes to a destination with two or more clients are kept.
    firsts: BTreeMap<LaneId, Firsts>,
}

impl OneReceiver {
    fn new(roster: &Roster) -> Self {
        Self { attendance: Attendance::of(roster, |_| true), firsts: BTreeMap::new() }
    }

    /// A message is on its way to somebody: did anybody else compete for it?
    fn given_out(&self, destination: Option<DestinationId>, scene: &Scene<'_>, tally: &mut Tally) {
        let clients = destination.filter(|to| is_shared(*to, scene)).map(|to| scene.directory.receiving_clients(to));
        let in_session = clients.into_iter().flatten().filter(|client| self.attendance.is_in_session(**client));
        tally.exercise(in_session.take(2).count() == 2);
    }

    fn received(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let Turn::Received { message, destination, receipt } = scene.turn else { return };
        if !is_shared(destination, scene) {
            return;
        }
        let Some(client) = receiver(&entry.host, destination, scene) else { return };
        match receipt {
            Receipt::First { lane, .. } => {
                self.firsts.entry(lane).or_default().insert(message.number, client);
                tally.check(1);
            }
            Receipt::Again { lane, caused, .. } => {
                let first = self.firsts.get(&lane).and_then(|firsts| firsts.of(message.number));
                match first.filter(|first| *first != client && !caused) {
                    None => tally.check(1),
                    Some(first) => tally.violate(twice(entry, (message, destination), (first, client), scene)),
                }
            }
            Receipt::Unexpected(_) => {}
        }
    }
}

fn twice(
    entry: &Entry,
    (message, destination): (MessageId, DestinationId),
    (first, second): (ClientId, ClientId),
    scene: &Scene<'_>,
) -> Violation {
    let name = |client: ClientId| &scene.roster.clients[client.index()].name;
    let what = format!(
        "{} received {} of {} after {}, which had not handed it over",
        name(second),
        scene.roster.message(message),
        scene.roster.destination_name(destination),
        name(first),
    );
    Violation { at: entry.at, message: Some(message), what, custody: scene.custody.of(message) }
}

fn is_shared(destination: DestinationId, scene: &Scene<'_>) -> bool {
    let mode = scene.roster.destinations.get(destination.index()).and_then(|destination| destination.mode);
    mode.is_some() && scene.directory.receiving_clients(destination).len() > 1
}

impl Invariant for OneReceiver {
    fn wants(&self) -> Kinds {
        if self.attendance.is_empty() {
            return Kinds::NONE;
        }
        sessions::KINDS.and(Kinds::of(&[Kind::Dispatched, Kind::Delivered, Kind::Received]))
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        match &entry.event {
            Event::Dispatched { to, .. } => {
                let client = scene.directory.client(to).map(|client| &scene.roster.clients[client.index()]);
                self.given_out(client.and_then(|client| client.receives), scene, tally);
            }
            Event::Delivered { destination, .. } => self.given_out(Some(*destination), scene, tally),
            Event::Received { .. } => self.received(entry, scene, tally),
            _ => {
                self.attendance.see(entry, scene);
            }
        }
    }
}

/// Who was first, by number: four bytes a message.
#[derive(Clone, Debug, Default)]
struct Firsts(BTreeMap<u64, [u32; Firsts::BLOCK]>);

impl Firsts {
    const BLOCK: usize = 256;
    const NOBODY: u32 = u32::MAX;

    fn insert(&mut self, number: u64, client: ClientId) {
        let (block, index) = (number / Self::BLOCK as u64, number % Self::BLOCK as u64);
        self.0.entry(block).or_insert([Self::NOBODY; Self::BLOCK])[index as usize] = client.0;
    }
    fn of(&self, number: u64) -> Option<ClientId> {
        let block = self.0.get(&(number / Self::BLOCK as u64))?;
        let client = block[(number % Self::BLOCK as u64) as usize];
        (client != Self::NOBODY).then_some(ClientId(client))
    }
}

#[cfg(test)]
mod tests {
    use crate::history::{Event, Power, SubscriptionMode};
    use crate::invariant::story::{Story, WORKERS, till};

    const TWICE: &str = "consumer-2 received till #0 of workers@west after consumer-1, which had not handed it over";

    /// Two consumers share the subscription.
    fn shared() -> Story {
        let mut story = Story::sharing("one-receiver", SubscriptionMode::Shared);
        story.attach("consumer-1", 1).attach("consumer-2", 1);
        story
    }

    #[test]
    fn held_when_each_message_goes_to_one() {
        let mut story = shared();
        story.take(0, "consumer-1").take(1, "consumer-2").take(2, "consumer-1");
        story.ends().held(3);
    }

    #[test]
    fn violated_when_two_receive_one_message_in_any_mode() {
        use SubscriptionMode::*;
        for mode in [Exclusive, Failover, Shared, KeyShared] {
            let mut story = Story::sharing("one-receiver", mode);
            story.attach("consumer-1", 1).attach("consumer-2", 1).take(0, "consumer-1").take(0, "consumer-2");
            story.ends().violated(TWICE);
        }
    }

    #[test]
    fn violated_when_the_second_one_was_slow_and_the_ack_of_the_first_is_long_past() {
        let mut story = shared();
        story.give(0, "consumer-1").give(0, "consumer-2").finish(0, "consumer-1").after(60).finish(0, "consumer-2");
        story.ends().violated(TWICE);
    }

    #[test]
    fn a_message_goes_to_another_one_when_the_connection_of_the_first_ended_before_its_ack() {
        let mut story = shared();
        story.give(0, "consumer-1").detach("consumer-1", 1).give(0, "consumer-2");
        story.finish(0, "consumer-2").finish(0, "consumer-1");
        story.ends().held(2);
    }

    #[test]
    fn a_message_goes_to_another_one_when_the_machine_of_the_first_had_trouble() {
        let mut story = shared();
        story.give(0, "consumer-1").power("consumer-1", Power::Frozen).give(0, "consumer-2").finish(0, "consumer-2");
        story.power("consumer-1", Power::Thawed).finish(0, "consumer-1");
        story.ends().held(2);
    }

    #[test]
    fn a_message_goes_to_another_one_when_the_first_gave_it_back() {
        let mut story = shared();
        let given_back = Event::Unacked { message: till(0), destination: WORKERS, why: "ack time-out" };
        story.give(0, "consumer-1").tell("consumer-1", given_back).give(0, "consumer-2");
        story.finish(0, "consumer-1").finish(0, "consumer-2");
        story.ends().held(2);
    }

    #[test]
    fn the_loss_of_another_one_explains_nothing() {
        let mut story = shared();
        story.take(0, "consumer-1").detach("consumer-2", 1).attach("consumer-2", 2).take(0, "consumer-2");
        story.ends().violated(TWICE);
    }

    #[test]
    fn a_message_that_comes_to_the_same_one_again_is_another_invariants_business() {
        let mut story = shared();
        story.take(0, "consumer-1").take(0, "consumer-1");
        story.ends().held(2);
    }

    #[test]
    fn not_exercised_while_only_one_is_in_session() {
        let mut story = Story::sharing("one-receiver", SubscriptionMode::Shared);
        story.attach("consumer-1", 1).take(0, "consumer-1").detach("consumer-1", 1);
        story.attach("consumer-2", 1).take(1, "consumer-2");
        story.ends().not_exercised_but_checked(2);
    }

    #[test]
    fn what_central_receives_is_not_competed_for() {
        let mut story = Story::of("one-receiver");
        story.offer(0).deliver(0).receive(0).receive(0);
        story.ends().not_exercised();
    }
}
