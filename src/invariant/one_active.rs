//! `one-active`: where one consumer at a time gets everything, there are never two.
use super::sessions::{self, Change, forgets};
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::history::{ClientId, DestinationId, Entry, Event, HostId, Kind, Kinds, MessageId, Roster, SubscriptionMode};
use std::collections::BTreeMap;

pub(super) const REGISTRATION: Registration = Registration {
    name: "one-active",
    holds_when: "a subscription with one active consumer never gives messages to two: its target changes only when one came or went",
    exercised_by: "a change of the active one",
    explanation: "Of an exclusive or failover subscription one consumer is active and gets everything. Another one may \
        become it when somebody came or went since it was last decided: one of its consumers opened or ended a \
        session, in its own view or in the broker's. A broker that gives messages to one, to another and to the first \
        again, while nobody comes or goes, has two actives. That is told from where messages go; that a broker says \
        whom it activated counts for nothing. Each boot of a broker begins anew, and each region has a subscription \
        of its own.",
    bounded: false,
    build: |roster, _| Box::new(OneActive::new(roster)),
};

struct OneActive {
    /// By destination: one receiver at a time is promised.
    promised: Vec<bool>,
    /// (destination, broker) -> whom it gives messages to in this boot.
    targets: BTreeMap<(DestinationId, HostId), Target>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    client: ClientId,
    /// The one before.
    before: Option<ClientId>,
    /// Somebody came or went since it became the target.
    moved: bool,
}

impl OneActive {
    fn new(roster: &Roster) -> Self {
        let modes = roster.destinations.iter().map(|destination| destination.mode);
        let promised = modes.map(|mode| mode.is_some_and(SubscriptionMode::has_one_active)).collect();
        Self { promised, targets: BTreeMap::new() }
    }

    fn destination(&self, client: ClientId, scene: &Scene<'_>) -> Option<DestinationId> {
        let destination = scene.roster.clients[client.index()].receives?;
        self.promised.get(destination.index())?.then_some(destination)
    }

    /// Says whether messages go to another one now than before, and whether that may be.
    fn dispatched(&mut self, broker: &str, to: &str, scene: &Scene<'_>) -> Option<(DestinationId, Target, bool)> {
        let (client, broker) = (scene.directory.client(to)?, scene.directory.host(broker)?);
        let destination = self.destination(client, scene)?;
        let first = Target { client, before: None, moved: false };
        let target = self.targets.entry((destination, broker)).or_insert(first);
        if target.client == client {
            return None;
        }
        let allowed = target.moved;
        *target = Target { client, before: Some(target.client), moved: false };
        Some((destination, *target, allowed))
    }

    fn came_or_went(&mut self, change: &Change, scene: &Scene<'_>) {
        let Some(destination) = self.destination(change.client, scene) else { return };
        if let Some(target) = self.targets.get_mut(&(destination, change.service)) {
            target.moved = true;
        }
    }
}

impl Invariant for OneActive {
    fn wants(&self) -> Kinds {
        if !self.promised.contains(&true) {
            return Kinds::NONE;
        }
        Kinds::of(&[Kind::Dispatched]).and(sessions::KINDS)
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        if let Event::Dispatched { message, to, .. } = &entry.event {
            if let Some((destination, target, allowed)) = self.dispatched(&entry.host, to, scene) {
                tally.exercise(true);
                if allowed {
                    tally.check(1);
                } else {
                    tally.violate(two(entry, *message, destination, target, scene));
                }
            }
            return;
        }
        if self.targets.is_empty() {
            return;
        }
        if forgets(entry) {
            let Some(place) = scene.directory.place(&entry.host) else { return };
            self.targets.retain(|(_, broker), _| !scene.directory.is_at(*broker, place));
        } else if let Some(change) = Change::of(entry, scene) {
            self.came_or_went(&change, scene);
        }
    }
}

fn two(entry: &Entry, message: MessageId, of: DestinationId, target: Target, scene: &Scene<'_>) -> Violation {
    let name = |client: ClientId| &*scene.roster.clients[client.index()].name;
    let what = format!(
        "{} gave messages to {} and then {} to {}, though nobody had come or gone",
        scene.roster.destination_name(of),
        target.before.map_or("somebody", name),
        scene.roster.message(message),
        name(target.client),
    );
    Violation { at: entry.at, message: Some(message), what, custody: scene.custody.of(message) }
}

#[cfg(test)]
mod tests {
    use crate::history::{Power, SubscriptionMode};
    use crate::invariant::story::Story;

    const TWO: &str =
        "workers@west gave messages to consumer-2 and then till #2 to consumer-1, though nobody had come or gone";

    /// consumer-1 is active, consumer-2 stands by.
    fn standing_by() -> Story {
        let mut story = Story::sharing("one-active", SubscriptionMode::Failover);
        story.attach("consumer-1", 1).attach("consumer-2", 1).take(0, "consumer-1");
        story
    }

    #[test]
    fn held_when_the_standby_gets_messages_after_the_active_one_has_gone() {
        let mut story = standing_by();
        story.detach("consumer-1", 1).take(1, "consumer-2").take(2, "consumer-2");
        story.ends().held(1);
    }

    #[test]
    fn held_when_it_goes_back_to_one_that_has_come_again() {
        let mut story = standing_by();
        story.detach("consumer-1", 1).take(1, "consumer-2").attach("consumer-1", 2).take(2, "consumer-1");
        story.ends().held(2);
    }

    #[test]
    fn violated_by_two_in_turn_while_nobody_comes_or_goes() {
        for mode in [SubscriptionMode::Failover, SubscriptionMode::Exclusive] {
            let mut story = Story::sharing("one-active", mode);
            story.attach("consumer-1", 1).take(0, "consumer-1");
            story.attach("consumer-2", 1).take(1, "consumer-2").take(2, "consumer-1");
            story.ends().violated(TWO);
        }
    }

    #[test]
    fn the_brokers_word_that_somebody_is_active_allows_nothing() {
        let mut story = standing_by();
        story.detach("consumer-2", 1).take(1, "consumer-1").attach("consumer-2", 2).take(1, "consumer-2");
        story.activate("consumer-1", 0).take(2, "consumer-1");
        story.ends().violated(TWO);
    }

    #[test]
    fn a_restart_of_the_broker_begins_anew() {
        let mut story = standing_by();
        story.power("broker-west", Power::Lost).power("broker-west", Power::On).take(1, "consumer-2");
        story.ends().not_exercised();
    }

    #[test]
    fn subscriptions_that_are_shared_give_to_all_in_turn() {
        let mut story = Story::sharing("one-active", SubscriptionMode::Shared);
        story.attach("consumer-1", 1).attach("consumer-2", 1).take(0, "consumer-1").take(1, "consumer-2");
        story.take(2, "consumer-1");
        story.ends().not_exercised();
    }

    #[test]
    fn not_exercised_while_one_gets_everything() {
        let mut story = standing_by();
        story.take(1, "consumer-1").detach("consumer-2", 1).take(2, "consumer-1");
        story.ends().not_exercised();
    }
}
