//! `fair-share`: those that share a subscription take turns.
use super::sessions::{self, Attendance, End, receiver};
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::history::{
    ClientId, DestinationId, Entry, Event, HostId, Kind, Kinds, Name, Outages, Roster, SubscriptionMode,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "fair-share",
    holds_when: "a shared subscription gives its messages to its consumers in turn, as long as each has room and nothing disturbs",
    exercised_by: "ten messages in turn to consumers that all have room",
    explanation: "While the same two or more consumers share a subscription, both they and the broker call them \
        connected, each has room and a clear way to the broker, and no message is given out again, each gets as many as \
        any other of its rank, or one more. Counting begins anew whenever one of these changes: one comes or goes, a fault begins \
        or ends at one of them, at the broker or between them, a message is redelivered, one has too many messages in \
        hand. That is told carefully: to have room, a consumer must have acknowledged all but half of what it may \
        have in hand, and an ack counts once it is a second old and nothing disturbed its way. A consumer that is \
        slow gets no less until then.",
    bounded: false,
    build: |roster, _| Box::new(FairShare::new(roster)),
};

/// An ack of this age has arrived, when nothing disturbed its way: round trips and two retransmissions.
const ACK_ARRIVES: Duration = Duration::from_secs(1);
/// So many messages in turn say something.
const TELLING: u32 = 10;

struct FairShare {
    attendance: Attendance,
    hands: BTreeMap<ClientId, Hands>,
    /// (destination, broker) -> the window that is open.
    windows: BTreeMap<(DestinationId, HostId), Window>,
}

/// What a consumer has in hand, as far as its broker can know.
#[derive(Clone, Debug, Default)]
struct Hands {
    /// Given to it in its session, and not known to be back.
    full: u32,
    /// When it gave back those whose acks are on their way.
    on_their_way: VecDeque<Duration>,
}

impl Hands {
    fn full(&mut self, now: Duration) -> u32 {
        while self.on_their_way.front().is_some_and(|at| *at + ACK_ARRIVES <= now) {
            self.on_their_way.pop_front();
            self.full = self.full.saturating_sub(1);
        }
        self.full
    }
}

/// How many messages each got since the window began.
#[derive(Clone, Debug, Default)]
struct Window {
    counts: BTreeMap<ClientId, u32>,
    given: u32,
}

impl FairShare {
    fn new(roster: &Roster) -> Self {
        Self {
            attendance: Attendance::of(roster, |mode| mode == SubscriptionMode::Shared),
            hands: BTreeMap::new(),
            windows: BTreeMap::new(),
        }
    }

    /// The shared destination for which a client receives.
    fn destination(&self, client: ClientId, scene: &Scene<'_>) -> Option<DestinationId> {
        self.attendance.sessions(client)?;
        scene.roster.clients[client.index()].receives
    }

    fn dispatched(&mut self, entry: &Entry, to: &Name, again: bool, scene: &Scene<'_>, tally: &mut Tally) {
        let (Some(client), Some(broker)) = (scene.directory.client(to), scene.directory.host(&entry.host)) else {
            return;
        };
        let Some(destination) = self.destination(client, scene) else { return };
        self.hands.entry(client).or_default().full += 1;
        let window = (destination, broker);
        if again || !self.is_fair_weather(entry.at, window, scene) {
            self.windows.remove(&window);
            return;
        }
        let attendance = &self.attendance;
        let is_member = |client: &ClientId| {
            attendance.sessions(*client).is_some_and(|sessions| sessions.agreed(broker) == Some(true))
        };
        let open = self.windows.entry(window).or_insert_with(|| {
            let members = scene.directory.receiving_clients(destination).iter().copied().filter(is_member);
            Window { counts: members.map(|member| (member, 0)).collect(), given: 0 }
        });
        let Some(count) = open.counts.get_mut(&client) else { return };
        *count += 1;
        open.given += 1;
        let count = *count;
        let rank = |client: &ClientId| scene.roster.clients[client.index()].rank;
        let peers = || open.counts.iter().filter(|(other, _)| rank(other) == rank(&client));
        let least = peers().min_by_key(|(_, count)| **count).map(|(client, count)| (*client, *count));
        let others = peers().nth(1).is_some();
        tally.exercise(others && open.given >= TELLING);
        if let Some((neglected, least)) = least.filter(|(_, least)| count - least > 1) {
            let name = |client: ClientId| &scene.roster.clients[client.index()].name;
            let what = format!(
                "{} gave {} {count} of {} messages and {} {least}, though all had room",
                scene.roster.destination_name(destination),
                name(client),
                open.given,
                name(neglected),
            );
            self.windows.remove(&window);
            let custody = entry.event.message().map(|message| scene.custody.of(message)).unwrap_or_default();
            tally.violate(Violation { at: entry.at, message: entry.event.message(), what, custody });
        } else {
            tally.check(u64::from(others));
        }
    }

    /// Whether every member has room and a clear way.
    fn is_fair_weather(&mut self, now: Duration, window: (DestinationId, HostId), scene: &Scene<'_>) -> bool {
        let (destination, broker) = window;
        let mut clients = scene.directory.receiving_clients(destination).iter();
        clients.all(|client| match self.in_session(*client, broker) {
            None => false,
            Some(false) => true,
            Some(true) => {
                let room = scene.roster.clients[client.index()].room;
                let full = self.hands.entry(*client).or_default().full(now);
                let own = scene.directory.host_of_client(*client);
                let is_clear = own.is_some_and(|own| scene.outages.is_clear_between(own, broker));
                is_clear && room.is_none_or(|room| full <= room / 2)
            }
        })
    }

    fn in_session(&self, client: ClientId, broker: HostId) -> Option<bool> {
        self.attendance.sessions(client)?.agreed(broker)
    }

    /// An ack, or a message given back, is on its way.
    fn gave_back(&mut self, entry: &Entry, destination: DestinationId, scene: &Scene<'_>) {
        let Some(client) = receiver(&entry.host, destination, scene) else { return };
        let path = self.path(client, scene);
        // What sets out on a disturbed way may take as long as it likes: it counts as in hand until the session is over.
        if !path.is_empty() && !scene.outages.is_troubled_among(&path) {
            self.hands.entry(client).or_default().on_their_way.push_back(entry.at);
        }
    }

    /// The machines of a consumer and of the brokers with which it holds a session.
    fn path(&self, client: ClientId, scene: &Scene<'_>) -> Vec<HostId> {
        let Some(sessions) = self.attendance.sessions(client) else { return Vec::new() };
        scene.directory.host_of_client(client).into_iter().chain(sessions.services()).collect()
    }

    /// Windows near a disturbance end, and so does what was known of the acks on their way.
    fn disturbed(&mut self, scene: &Scene<'_>) {
        let Some(disturbance) = scene.disturbance else { return };
        self.windows.retain(|(destination, broker), _| {
            let mut path = scene.directory.receivers(*destination).to_vec();
            path.push(*broker);
            !scene.outages.touches(disturbance, &path)
        });
        let mut hands = std::mem::take(&mut self.hands);
        for (client, hands) in &mut hands {
            if scene.outages.touches(disturbance, &self.path(*client, scene)) {
                hands.on_their_way.clear();
            }
        }
        self.hands = hands;
    }
}

impl Invariant for FairShare {
    fn wants(&self) -> Kinds {
        if self.attendance.is_empty() {
            return Kinds::NONE;
        }
        let messages = Kinds::of(&[Kind::Dispatched, Kind::Acked, Kind::Unacked]);
        messages.and(sessions::KINDS).and(Outages::KINDS)
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        self.disturbed(scene);
        match &entry.event {
            Event::Dispatched { to, again, .. } => self.dispatched(entry, to, *again, scene, tally),
            Event::Acked { destination, .. } | Event::Unacked { destination, .. } => {
                self.gave_back(entry, *destination, scene);
            }
            _ => {
                let change = self.attendance.see(entry, scene);
                if let Some(destination) = change.and_then(|change| self.destination(change.client, scene)) {
                    self.windows.retain(|(other, _), _| *other != destination);
                }
                // Whoever is let in begins its session with empty hands.
                if let Some(change) = change.filter(|change| change.opened && change.end == End::Service) {
                    self.hands.remove(&change.client);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::{Event, Power, SubscriptionMode};
    use crate::invariant::story::{Story, WORKERS, till};

    /// Both consumers share, and may have four messages in hand.
    fn shared() -> Story {
        let mut story = Story::sharing("fair-share", SubscriptionMode::Shared);
        story.attach("consumer-1", 1).attach("consumer-2", 1);
        story
    }
    /// So many messages, from this one on, for both in turn.
    fn turns(story: &mut Story, from: u64, count: u64) {
        for number in from..from + count {
            story.take(number, if number % 2 == 0 { "consumer-1" } else { "consumer-2" });
        }
    }

    #[test]
    fn held_when_both_take_turns() {
        let mut story = shared();
        turns(&mut story, 0, 10);
        story.ends().held(10);
    }

    #[test]
    fn violated_when_one_gets_more_though_both_have_room() {
        let mut story = shared();
        story.take(0, "consumer-1").take(1, "consumer-1");
        story.ends().violated("workers@west gave consumer-1 2 of 2 messages and consumer-2 0, though all had room");
    }

    #[test]
    fn violated_when_the_other_one_is_left_out_later() {
        let mut story = shared();
        turns(&mut story, 0, 6);
        story.take(6, "consumer-2").take(7, "consumer-2");
        story.ends().violated("workers@west gave consumer-2 5 of 8 messages and consumer-1 3, though all had room");
    }

    #[test]
    fn one_of_a_lower_rank_takes_no_turns_with_one_of_a_higher() {
        let mut story = Story::sharing("fair-share", SubscriptionMode::Shared).ranking("consumer-2", 1);
        story.attach("consumer-1", 1).attach("consumer-2", 1);
        (0..12).for_each(|number| {
            story.take(number, "consumer-1");
        });
        story.ends().not_exercised();
    }

    #[test]
    fn one_that_has_its_hands_full_is_left_out() {
        let mut story = shared();
        for number in [0, 2, 4] {
            story.give(number, "consumer-1").take(number + 1, "consumer-2");
        }
        story.take(6, "consumer-2").take(7, "consumer-2").take(8, "consumer-2");
        story.ends().not_exercised_but_checked(4);
    }

    #[test]
    fn an_ack_that_is_on_its_way_has_not_made_room_yet() {
        let mut story = shared();
        for number in 0..3 {
            story.after_ms(1).give(number * 2, "consumer-1").after_ms(1).take(number * 2 + 1, "consumer-2");
        }
        for number in [0, 2, 4] {
            story.after_ms(1).finish(number, "consumer-1");
        }
        story.after_ms(100).give(6, "consumer-2").after_ms(100).give(7, "consumer-2");
        story.ends().not_exercised_but_checked(4);
        story.finish(6, "consumer-2").finish(7, "consumer-2").after(2).take(8, "consumer-2").take(9, "consumer-2");
        story.ends().violated("workers@west gave consumer-2 2 of 2 messages and consumer-1 0, though all had room");
    }

    #[test]
    fn an_ack_that_set_out_on_a_cut_way_makes_no_room() {
        let mut story = shared();
        story.cut("consumer-1", "broker-west").give(0, "consumer-1").give(2, "consumer-1").give(4, "consumer-1");
        story.finish(0, "consumer-1").finish(2, "consumer-1").finish(4, "consumer-1");
        story.healed("consumer-1", "broker-west").after(5).take(1, "consumer-2").take(3, "consumer-2");
        story.ends().not_exercised_but_checked(0);
    }

    #[test]
    fn the_count_begins_anew_when_one_comes_or_goes() {
        let mut story = shared();
        story.take(0, "consumer-1").detach("consumer-2", 1).take(1, "consumer-1").take(2, "consumer-1");
        story.attach("consumer-2", 2).take(3, "consumer-1").take(4, "consumer-2");
        story.ends().not_exercised_but_checked(3);
    }

    #[test]
    fn nobody_is_counted_whom_the_broker_does_not_know_yet_to_be_gone() {
        let mut story = shared();
        let lost = |session| Event::SessionEnded { client: "consumer-1".into(), session, why: "silent" };
        story.lost("consumer-1", "broker-west").attach("consumer-1", 2);
        story.take(0, "consumer-1").take(1, "consumer-1").take(2, "consumer-2").take(3, "consumer-1");
        story.tell("broker-west", lost(1)).take(4, "consumer-1").take(5, "consumer-2");
        story.ends().not_exercised_but_checked(2);
    }

    #[test]
    fn the_count_begins_anew_when_a_message_is_redelivered() {
        let mut story = shared();
        let again = Event::Dispatched { message: till(0), to: "consumer-1".into(), again: true };
        story.take(0, "consumer-1").tell("broker-west", again).take(1, "consumer-1").take(2, "consumer-2");
        story.ends().not_exercised_but_checked(3);
    }

    #[test]
    fn nothing_is_said_while_one_of_them_is_in_trouble() {
        let mut story = shared();
        story.power("consumer-2", Power::Frozen).take(0, "consumer-1").take(1, "consumer-1");
        story.tell("consumer-1", Event::Unacked { message: till(1), destination: WORKERS, why: "given back" });
        story.ends().not_exercised();
    }

    #[test]
    fn subscriptions_of_another_mode_promise_no_turns() {
        for mode in [SubscriptionMode::Failover, SubscriptionMode::KeyShared] {
            let mut story = Story::sharing("fair-share", mode);
            story.attach("consumer-1", 1).attach("consumer-2", 1).take(0, "consumer-1").take(1, "consumer-1");
            story.ends().not_exercised();
        }
    }
}
