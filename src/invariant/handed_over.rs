//! `handed-over`: what a lost consumer had in hand goes to its successor first.
use super::sessions::{self, Change, End, receiver};
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::history::{
    ClientId, Destination, DestinationId, Entry, Event, Kind, Kinds, MessageId, Power, ProducerId, Roster,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const REGISTRATION: Registration = Registration {
    name: "handed-over",
    holds_when: "all that a lost active consumer had not acknowledged goes to its successor, before anything newer",
    exercised_by: "a consumer lost with something unacknowledged, and a successor that gets messages",
    explanation: "An exclusive or failover subscription has one active consumer. When its session has ended at either \
        end, or its machine went down, everything that was given to it, or that reached it, and that it had not \
        acknowledged is to be handed over: its successor, another consumer or the same one in its next session, must \
        get each such message before it gets anything newer from the same producer that the subscription had not seen \
        yet. What the lost one still acknowledges is done with. What reaches it late, in the session that is over, \
        has not been handed over.",
    bounded: false,
    build: |roster, _| Box::new(HandedOver::new(roster)),
};

struct HandedOver {
    /// By destination; `None`: more than one may be active, and nothing is handed over.
    lists: Vec<Option<List>>,
    clients: BTreeMap<ClientId, Own>,
}

/// One subscription's messages that are given out, and those that wait for a successor.
#[derive(Clone, Debug, Default)]
struct List {
    /// Given to a consumer and not acknowledged.
    out: BTreeMap<MessageId, Given>,
    /// Of lost consumers: who had it.
    waiting: BTreeMap<ProducerId, BTreeMap<u64, ClientId>>,
    /// Somebody was lost with something in hand, and no successor has got anything yet.
    is_new: bool,
}

#[derive(Clone, Copy, Debug)]
struct Given {
    to: ClientId,
    /// The session in which it reached the consumer.
    reached_in: Option<u64>,
}

/// A consumer's sessions. Their numbers rise.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    /// The one that it holds.
    held: Option<u64>,
    /// The last one that a broker has ended.
    ended: Option<u64>,
}

impl Own {
    /// The session that it holds and no broker has ended.
    fn alive(self) -> Option<u64> {
        self.held.filter(|held| self.ended.is_none_or(|ended| *held > ended))
    }
}

impl HandedOver {
    fn new(roster: &Roster) -> Self {
        let list =
            |destination: &Destination| destination.mode.filter(|mode| mode.has_one_active()).map(|_| List::default());
        Self { lists: roster.destinations.iter().map(list).collect(), clients: BTreeMap::new() }
    }

    fn list(&mut self, destination: Option<DestinationId>) -> Option<&mut List> {
        self.lists.get_mut(destination?.index())?.as_mut()
    }

    fn dispatched(&mut self, message: MessageId, to: &str, scene: &Scene<'_>) {
        let Some(client) = scene.directory.client(to) else { return };
        let Some(list) = self.list(scene.roster.clients[client.index()].receives) else { return };
        list.out.insert(message, Given { to: client, reached_in: None });
    }

    fn delivered(&mut self, entry: &Entry, of: (MessageId, DestinationId), scene: &Scene<'_>, tally: &mut Tally) {
        let (message, destination) = of;
        let Some(client) = receiver(&entry.host, destination, scene) else { return };
        let alive = self.clients.get(&client).copied().unwrap_or_default().alive();
        let Some(list) = self.list(Some(destination)) else { return };
        // In a session that is over it is nobody's: what was lost with that session still waits.
        let Some(session) = alive else { return };
        list.out.insert(message, Given { to: client, reached_in: Some(session) });
        tally.exercise(std::mem::take(&mut list.is_new));
        let Some(waiting) = list.waiting.get_mut(&message.producer) else { return };
        if waiting.remove(&message.number).is_some() {
            tally.check(1);
            return;
        }
        // One that the subscription had got before comes again for a reason of its own.
        if scene.custody.has_received(message, destination) {
            return;
        }
        let newer = waiting.split_off(&message.number);
        let left_out = std::mem::replace(waiting, newer);
        let Some((number, lost)) = left_out.first_key_value().map(|(number, lost)| (*number, *lost)) else { return };
        let name = |client: ClientId| &scene.roster.clients[client.index()].name;
        let others = match left_out.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let what = format!(
            "{} got {} of {} before #{number}{others}, which {} had not acknowledged",
            name(client),
            scene.roster.message(message),
            scene.roster.destination_name(destination),
            name(lost),
        );
        let custody = scene.custody.of(MessageId { number, ..message });
        tally.violate(Violation { at: entry.at, message: Some(MessageId { number, ..message }), what, custody });
    }

    fn acked(&mut self, message: MessageId, destination: DestinationId, tally: &mut Tally) {
        let Some(list) = self.list(Some(destination)) else { return };
        list.out.remove(&message);
        let waited = list.waiting.get_mut(&message.producer).and_then(|waiting| waiting.remove(&message.number));
        tally.check(u64::from(waited.is_some()));
    }

    fn session(&mut self, change: &Change, scene: &Scene<'_>) {
        let Change { client, session, end, opened, .. } = *change;
        let destination = scene.roster.clients[client.index()].receives;
        if self.list(destination).is_none() {
            return;
        }
        let own = self.clients.entry(client).or_default();
        match (opened, end) {
            (true, End::Client) => own.held = Some(session),
            (true, End::Service) => return,
            (false, End::Client) => own.held = own.held.filter(|held| *held != session),
            (false, End::Service) => own.ended = own.ended.max(Some(session)),
        }
        if !opened {
            self.lost(client, Some(session), destination);
        }
    }

    /// What a consumer has in hand waits for a successor. `session`: what reached it in a later one does not.
    fn lost(&mut self, client: ClientId, session: Option<u64>, destination: Option<DestinationId>) {
        let Some(list) = self.list(destination) else { return };
        let is_over =
            |given: &Given| given.to == client && session.is_none_or(|s| given.reached_in.is_none_or(|r| r <= s));
        let lost: BTreeSet<MessageId> = list.out.iter().filter(|(_, g)| is_over(g)).map(|(id, _)| *id).collect();
        list.is_new |= !lost.is_empty();
        for message in lost {
            list.out.remove(&message);
            list.waiting.entry(message.producer).or_default().insert(message.number, client);
        }
    }

    fn power(&mut self, entry: &Entry, scene: &Scene<'_>) {
        let Some(place) = scene.directory.place(&entry.host) else { return };
        let clients: Vec<ClientId> = self.clients.keys().copied().collect();
        for client in clients {
            let host = scene.directory.host_of_client(client);
            if host.is_some_and(|host| scene.directory.is_at(host, place)) {
                self.clients.entry(client).or_default().held = None;
                self.lost(client, None, scene.roster.clients[client.index()].receives);
            }
        }
    }
}

impl Invariant for HandedOver {
    fn wants(&self) -> Kinds {
        if self.lists.iter().all(Option::is_none) {
            return Kinds::NONE;
        }
        Kinds::of(&[Kind::Dispatched, Kind::Delivered, Kind::Acked]).and(sessions::KINDS)
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        match &entry.event {
            Event::Dispatched { message, to, .. } => self.dispatched(*message, to, scene),
            Event::Delivered { message, destination } => self.delivered(entry, (*message, *destination), scene, tally),
            Event::Acked { message, destination } => self.acked(*message, *destination, tally),
            Event::Power { state: Power::Lost | Power::Crashed | Power::Stopped } => self.power(entry, scene),
            _ => {
                if let Some(change) = Change::of(entry, scene) {
                    self.session(&change, scene);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::{Power, SubscriptionMode};
    use crate::invariant::story::Story;

    const BEFORE: &str =
        "consumer-2 got till #3 of workers@west before #1 and 1 more, which consumer-1 had not acknowledged";

    /// consumer-1 is active and has two messages in hand, consumer-2 stands by.
    fn in_hand() -> Story {
        let mut story = Story::sharing("handed-over", SubscriptionMode::Failover);
        story.attach("consumer-1", 1).attach("consumer-2", 1).take(0, "consumer-1");
        story.give(1, "consumer-1").dispatch_only(2, "consumer-1");
        story
    }

    #[test]
    fn held_when_the_successor_gets_them_first() {
        let mut story = in_hand();
        story.detach("consumer-1", 1).take(1, "consumer-2").take(2, "consumer-2").take(3, "consumer-2");
        story.ends().held(2);
    }

    #[test]
    fn held_when_the_same_consumer_gets_them_in_its_next_session() {
        let mut story = Story::sharing("handed-over", SubscriptionMode::Exclusive);
        story.attach("consumer-1", 1).give(0, "consumer-1").detach("consumer-1", 1);
        story.attach("consumer-1", 2).take(0, "consumer-1").take(1, "consumer-1");
        story.ends().held(1);
    }

    #[test]
    fn violated_when_the_successor_begins_with_the_newest() {
        in_hand().detach("consumer-1", 1).take(3, "consumer-2").take(4, "consumer-2").ends().violated(BEFORE);
    }

    #[test]
    fn violated_when_the_lost_ones_machine_went_down() {
        in_hand().power("consumer-1", Power::Lost).take(3, "consumer-2").ends().violated(BEFORE);
        in_hand().power("consumer-1", Power::Crashed).take(3, "consumer-2").ends().violated(BEFORE);
    }

    #[test]
    fn violated_when_one_of_them_is_left_out() {
        let mut story = in_hand();
        story.detach("consumer-1", 1).take(1, "consumer-2").take(3, "consumer-2");
        let what = "consumer-2 got till #3 of workers@west before #2, which consumer-1 had not acknowledged";
        story.ends().violated(what);
    }

    #[test]
    fn violated_when_nothing_but_a_restart_of_the_broker_took_the_session() {
        let mut story = Story::sharing("handed-over", SubscriptionMode::Exclusive);
        story.attach("consumer-1", 1).give(0, "consumer-1").power("broker-west", Power::Lost);
        story.lost("consumer-1", "broker-west").power("broker-west", Power::On).attach("consumer-1", 2);
        story.take(1, "consumer-1");
        let what = "consumer-1 got till #1 of workers@west before #0, which consumer-1 had not acknowledged";
        story.ends().violated(what);
    }

    #[test]
    fn what_reaches_the_lost_one_late_has_not_been_handed_over() {
        let mut story = in_hand();
        story.end_session("consumer-1", 1).give(2, "consumer-1").give(1, "consumer-1");
        story.lost("consumer-1", "broker-west").take(3, "consumer-2");
        story.ends().violated(BEFORE);
    }

    #[test]
    fn what_the_lost_one_still_acknowledges_is_done_with() {
        let mut story = in_hand();
        story.end_session("consumer-1", 1).finish(1, "consumer-1").take(2, "consumer-2").take(3, "consumer-2");
        story.ends().held(2);
    }

    #[test]
    fn what_was_received_before_may_come_again_in_between() {
        let mut story = in_hand();
        story.finish(2, "consumer-1").detach("consumer-1", 1).take(2, "consumer-2").take(1, "consumer-2");
        story.take(3, "consumer-2");
        story.ends().held(1);
    }

    #[test]
    fn the_end_of_an_older_session_takes_nothing_from_the_next_one() {
        let mut story = in_hand();
        story.lost("consumer-1", "broker-west").attach("consumer-1", 2);
        story.give(1, "consumer-1").give(2, "consumer-1").end_session("consumer-1", 1).take(3, "consumer-1");
        story.ends().held(2);
    }

    #[test]
    fn a_consumer_that_stays_hands_nothing_over() {
        let mut story = in_hand();
        story.detach("consumer-2", 1).take(3, "consumer-1");
        story.ends().not_exercised();
    }

    #[test]
    fn consumers_that_share_promise_no_order() {
        let mut story = Story::sharing("handed-over", SubscriptionMode::Shared);
        story.attach("consumer-1", 1).attach("consumer-2", 1).give(0, "consumer-1").detach("consumer-1", 1);
        story.take(1, "consumer-2").take(0, "consumer-2");
        story.ends().not_exercised();
    }

    #[test]
    fn not_exercised_when_the_lost_one_had_nothing_in_hand() {
        let mut story = Story::sharing("handed-over", SubscriptionMode::Failover);
        story.attach("consumer-1", 1).attach("consumer-2", 1).take(0, "consumer-1").detach("consumer-1", 1);
        story.take(1, "consumer-2");
        story.ends().not_exercised();
    }
}
