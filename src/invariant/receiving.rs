//! What the clients of one destination owe together: receipts, while something is owed to them.
use super::bounds::Bounds;
use super::sessions::{self, Attendance, End};
use super::ways::ways_of;
use super::{Scene, Tally};
use crate::history::{ClientId, DestinationId, Entry, Event, Kind, Kinds, Roster, SubscriptionMode};
use std::collections::BTreeSet;
use std::time::Duration;

/// Destinations that clients receive for, as subjects of bounds: they are numbered after the clients.
///
/// ```text
///   idle --something confirmed is owed--> owed --a client is in session over a clear way--> running --receipt--> running
///    ^------nothing confirmed is owed------'^----------------no longer so--------------------'
/// ```
pub(super) struct Receiving {
    attendance: Attendance,
    /// By destination; `None`: it has no such clients, and owes no receipts.
    places: Vec<Option<Place>>,
    first_subject: u32,
}

#[derive(Clone, Debug, Default)]
struct Place {
    /// In session, in its own view, over a clear way.
    through: BTreeSet<ClientId>,
}

impl Receiving {
    pub(super) fn new(roster: &Roster) -> Self {
        let mut places = vec![None; roster.destinations.len()];
        for destination in roster.clients.iter().filter_map(|client| client.receives) {
            if let Some(place) = places.get_mut(destination.index()) {
                *place = Some(Place::default());
            }
        }
        let first_subject = roster.clients.len() as u32;
        Self { attendance: Attendance::of(roster, |_| true), places, first_subject }
    }

    /// The kinds of entry that it folds.
    pub(super) fn wants(&self) -> Kinds {
        let receipts = Kinds::of(&[Kind::Received, Kind::Confirmed, Kind::GivenUp]);
        match self.places.iter().all(Option::is_none) {
            true => Kinds::NONE,
            false => sessions::KINDS.and(receipts),
        }
    }

    fn subject(&self, destination: DestinationId) -> u32 {
        self.first_subject + destination.0
    }

    /// Folds one entry; says whose session began or ended, in its own view.
    pub(super) fn see(
        &mut self,
        entry: &Entry,
        scene: &Scene<'_>,
        bounds: &mut Bounds,
        tally: &mut Tally,
    ) -> Option<ClientId> {
        match &entry.event {
            Event::Received { destination, .. } => {
                self.owed(entry, *destination, true, scene, bounds, tally);
                None
            }
            Event::Confirmed { .. } | Event::GivenUp { .. } => {
                let producer = entry.event.message().map(|message| message.producer);
                for destination in producer.into_iter().flat_map(|one| scene.custody.destinations_of(one)) {
                    self.owed(entry, destination, false, scene, bounds, tally);
                }
                None
            }
            _ => {
                let change = self.attendance.see(entry, scene);
                let client = change.filter(|change| change.end == End::Client)?.client;
                self.session(entry.at, client, scene, bounds);
                Some(client)
            }
        }
    }

    /// Looks whether something is owed to a destination. `receipt`: it has just received something.
    fn owed(
        &self,
        entry: &Entry,
        destination: DestinationId,
        receipt: bool,
        scene: &Scene<'_>,
        bounds: &mut Bounds,
        tally: &mut Tally,
    ) {
        let Some(Some(place)) = self.places.get(destination.index()) else { return };
        let subject = self.subject(destination);
        if !scene.custody.is_awaited(destination) {
            tally.check(u64::from(bounds.stop(subject)));
        } else if receipt || !bounds.is_open(subject) {
            bounds.start(subject, entry.at, !place.through.is_empty());
        }
    }

    fn session(&mut self, now: Duration, client: ClientId, scene: &Scene<'_>, bounds: &mut Bounds) {
        let Some(destination) = scene.roster.clients[client.index()].receives else { return };
        let can_receive = is_open(destination, scene) && self.can_receive(client, scene);
        let subject = self.subject(destination);
        let Some(Some(place)) = self.places.get_mut(destination.index()) else { return };
        if can_receive {
            place.through.insert(client);
        } else {
            place.through.remove(&client);
        }
        bounds.path(subject, now, !place.through.is_empty(), false);
    }

    /// Looks again at everybody's ways after the world has changed.
    pub(super) fn look_again(&mut self, now: Duration, scene: &Scene<'_>, bounds: &mut Bounds) {
        for index in 0..self.places.len() {
            let Some(Place { through: before }) = self.places[index].take() else { continue };
            let destination = DestinationId(index as u32);
            let clients = scene.directory.receiving_clients(destination).iter().copied();
            let through: BTreeSet<ClientId> = match is_open(destination, scene) {
                true => clients.filter(|client| self.can_receive(*client, scene)).collect(),
                false => BTreeSet::new(),
            };
            // A fault took away a way that was open: the messages may just have been on it.
            let taken = !before.is_subset(&through);
            bounds.path(self.subject(destination), now, !through.is_empty(), taken);
            self.places[index] = Some(Place { through });
        }
    }

    fn can_receive(&self, client: ClientId, scene: &Scene<'_>) -> bool {
        self.attendance.is_in_session(client) && ways_of(client, None, &[], scene) != 0
    }

    /// The others of an exclusive subscription.
    pub(super) fn rivals(&self, client: ClientId, scene: &Scene<'_>) -> Vec<ClientId> {
        let destination = scene.roster.clients[client.index()].receives;
        let is_exclusive = |destination: &DestinationId| {
            let mode = scene.roster.destinations.get(destination.index()).and_then(|destination| destination.mode);
            mode == Some(SubscriptionMode::Exclusive)
        };
        let clients =
            destination.filter(is_exclusive).map(|destination| scene.directory.receiving_clients(destination));
        clients.into_iter().flatten().copied().filter(|other| *other != client).collect()
    }

    /// Whether another one holds a session of an exclusive subscription, in its own view, on a machine that is on.
    pub(super) fn is_locked_out(&self, client: ClientId, scene: &Scene<'_>) -> bool {
        self.rivals(client, scene).into_iter().any(|other| self.attendance.is_in_session(other))
    }

    /// Tells of a destination that received nothing.
    pub(super) fn silence(&self, subject: u32, limit: u64, scene: &Scene<'_>) -> String {
        let destination = DestinationId(subject - self.first_subject);
        let place = self.places.get(destination.index()).and_then(Option::as_ref);
        let client = place.and_then(|place| place.through.first());
        let connected = client.map_or("somebody", |client| &*scene.roster.clients[client.index()].name);
        let name = scene.roster.destination_name(destination);
        format!("{name} received nothing for {limit} s though something was owed and {connected} was connected")
    }
}

/// Whether the brokers on the way to a destination are clear and reach one another.
fn is_open(destination: DestinationId, scene: &Scene<'_>) -> bool {
    let services = scene.directory.via(destination);
    let clear = |a, b| a == b || scene.outages.is_clear_between(a, b);
    services.iter().all(|a| scene.outages.is_clear(*a) && services.iter().all(|b| clear(*a, *b)))
}

#[cfg(test)]
mod tests {
    use crate::history::{Event, Power, SubscriptionMode};
    use crate::invariant::story::{Story, till};

    const NOTHING: &str =
        "workers@west received nothing for 180 s though something was owed and consumer-1 was connected";

    /// Both are connected, and the broker keeps a message to itself.
    fn owed() -> Story {
        let mut story = Story::sharing("recovers", SubscriptionMode::Shared);
        story.attach("consumer-1", 1).attach("consumer-2", 1).publish(0);
        story
    }

    #[test]
    fn held_when_what_is_owed_is_received_in_time() {
        let mut story = owed();
        story.after(175).take(0, "consumer-2").after(600);
        story.ends().not_exercised_but_checked(4);
    }

    #[test]
    fn violated_when_nothing_is_received_though_a_consumer_is_connected() {
        owed().after(181).ends().violated(NOTHING);
        let mut story = owed();
        story
            .detach("consumer-1", 1)
            .attach("consumer-1", 2)
            .detach("consumer-2", 1)
            .attach("consumer-2", 2)
            .after(178);
        story.ends().violated(NOTHING);
    }

    #[test]
    fn each_receipt_gives_the_rest_more_time() {
        let mut story = owed();
        story.publish(1).after(170).take(0, "consumer-1").after(170).take(1, "consumer-1");
        story.ends().not_exercised_but_checked(4);
        let mut stuck = owed();
        stuck.publish(1).after(170).take(0, "consumer-1").after(181);
        stuck.ends().violated(NOTHING);
    }

    #[test]
    fn what_newer_ones_have_overtaken_is_late_or_lost_and_does_not_mean_that_nothing_comes() {
        let mut story = owed();
        story.publish(1).after(170).take(1, "consumer-1").after(600);
        story.ends().not_exercised_but_checked(4);
    }

    #[test]
    fn what_is_not_confirmed_is_not_owed_yet() {
        let mut story = Story::sharing("recovers", SubscriptionMode::Shared);
        story.attach("consumer-1", 1).attach("consumer-2", 1).attach("till", 1);
        story.tell("till", Event::Offered { message: till(0), digest: 0 }).after(600);
        story.ends().not_exercised_but_checked(3);
    }

    #[test]
    fn the_time_does_not_run_while_no_consumer_has_a_clear_way() {
        let mut story = owed();
        story.power("consumer-1", Power::Frozen).power("consumer-2", Power::Frozen).after(600);
        story.power("consumer-2", Power::Thawed).after(170).take(0, "consumer-2");
        story.ends().not_exercised_but_checked(4);
        let mut cut = owed();
        cut.cut("office", "west").after(600).healed("office", "west").after(170).take(0, "consumer-1");
        cut.ends().not_exercised_but_checked(4);
    }

    #[test]
    fn the_time_does_not_run_while_the_brokers_cannot_reach_one_another() {
        let mut story = owed();
        story.cut("west", "east").after(600).healed("west", "east").after(170).take(0, "consumer-1");
        story.ends().not_exercised_but_checked(4);
    }

    #[test]
    fn the_time_starts_again_when_a_fault_takes_one_of_them_away() {
        let mut story = owed();
        story.after(170).power("consumer-1", Power::Frozen).after(170).take(0, "consumer-2");
        story.ends().not_exercised_but_checked(4);
    }
}
