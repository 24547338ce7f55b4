//! A route as custody keeps it: what its destination is owed, has, and may rightly get twice.
use super::Numbers;
use super::window::Window;
use crate::history::{DestinationId, HostId, Outages, ProducerId, Roster, Route};
use std::collections::VecDeque;
use std::time::Duration;

/// An ack that met no disturbance for this long has arrived: many round trips, enough for four retransmissions in a
/// row on a lossy link (200 ms, doubling), and for a service that writes acks down once a second.
pub(super) const ACK_ARRIVES: Duration = Duration::from_secs(5);
/// The longest that TCP waits before it tries again after a cut: an ack that was sent into it, or behind what was, is
/// on its way for up to as long after the cut as that lasted, and no longer than this.
const LONGEST_RETRANSMISSION: Duration = Duration::from_secs(30);
/// An ack younger than this may be in flight when its connection ends: a long round trip.
const ACK_IN_FLIGHT: Duration = Duration::from_millis(200);

/// Index of a route in the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneId(pub u32);

impl LaneId {
    /// The place in [`Roster::routes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A message on its way into a receiver and back as an ack.
///
/// ```text
///   (none) --dispatched, delivered--> out --received--> handled --acked--> acked --5 s undisturbed--> (none)
///                                      ^------------------'---dispatched again------'
/// ```
/// A disturbance on the way, at any point of it, is a cause to see the message again.
#[derive(Clone, Debug, Default)]
struct Flight {
    /// Who has or may have it.
    holders: Holders,
    handled_at: Option<Duration>,
    acked_at: Option<Duration>,
    caused: bool,
}

impl Flight {
    fn ack_at_risk(&self, now: Duration) -> bool {
        self.acked_at.is_none_or(|at| now.saturating_sub(at) < ACK_IN_FLIGHT)
    }
}

/// One, or more when it was handed over.
#[derive(Clone, Debug, Default)]
struct Holders {
    first: Option<HostId>,
    others: Vec<HostId>,
}

impl Holders {
    fn iter(&self) -> impl Iterator<Item = HostId> {
        self.first.into_iter().chain(self.others.iter().copied())
    }
    /// Adds one; says whether it was new.
    fn insert(&mut self, holder: HostId) -> bool {
        match self.first {
            None => self.first = Some(holder),
            Some(_) if self.iter().any(|other| other == holder) => return false,
            Some(_) => self.others.push(holder),
        }
        true
    }
}

/// One route's books.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) producer: ProducerId,
    pub(super) destination: DestinationId,
    /// Messages from this number on are owed to the destination; `None`: none yet.
    pub(super) owed_from: Option<u64>,
    pub(super) received: Numbers,
    /// The greatest number that is confirmed and owed.
    pub(super) confirmed: Option<u64>,
    /// The machines at the receiving side: receivers first, then services.
    pub(super) ends: Vec<HostId>,
    flights: Window<Flight>,
    /// When to look whether the flight of a message is over, in the order of time.
    landings: VecDeque<(Duration, u64)>,
    /// Disturbed on their way: these may come again.
    excused: Numbers,
    /// Whether this destination records acks at all.
    acks: bool,
    /// When the last disturbance on its way began.
    disturbed_at: Option<Duration>,
    /// From when on what is sent arrives as it does on a clear way.
    clear_from: Duration,
    pub(super) interruptions: Interruptions,
}

/// How often connections ended with something in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interruptions {
    /// With at least one ack (of the receiver, or to the producer) in flight.
    pub of_one: u64,
    /// With at least two messages in flight.
    pub of_two: u64,
}

impl Interruptions {
    pub(super) fn add(&mut self, in_flight: usize) {
        self.of_one += u64::from(in_flight >= 1);
        self.of_two += u64::from(in_flight >= 2);
    }
}

impl Lane {
    pub(super) fn new(route: &Route, roster: &Roster, ends: Vec<HostId>) -> Self {
        let standing = roster.destinations.get(route.destination.index()).is_some_and(|d| d.standing);
        Self {
            producer: route.producer,
            destination: route.destination,
            owed_from: standing.then_some(0),
            received: Numbers::default(),
            confirmed: None,
            ends,
            flights: Window::default(),
            landings: VecDeque::new(),
            excused: Numbers::default(),
            acks: false,
            disturbed_at: None,
            clear_from: Duration::ZERO,
            interruptions: Interruptions::default(),
        }
    }
    pub(super) fn owes(&self, number: u64) -> bool {
        self.owed_from.is_some_and(|from| number >= from)
    }
    /// Whether the destination is owed this message and has not got it.
    pub(super) fn misses(&self, number: u64) -> bool {
        self.owes(number) && !self.received.contains(number)
    }
    /// Whether something confirmed is owed that is newer than all that was received.
    pub(super) fn is_awaited(&self) -> bool {
        self.confirmed > self.received.last()
    }
    /// Whether a second receipt of this message has a cause.
    pub(super) fn may_repeat(&self, number: u64) -> bool {
        self.excused.contains(number) || self.flights.get(number).is_some_and(|flight| flight.caused)
    }
    pub(super) fn excuse(&mut self, number: u64) {
        self.excused.insert(number);
    }
    /// How many messages are between dispatch and settled ack.
    pub(super) fn flights(&mut self, now: Duration) -> usize {
        self.land(now);
        self.flights.len()
    }
    /// What is in the air of one message.
    fn flight(&mut self, number: u64, now: Duration) -> &mut Flight {
        self.land(now);
        self.flights.get_or_default(number)
    }

    /// A holder is known: the service dispatched it there, or it arrived there.
    pub(super) fn held_by(
        &mut self,
        number: u64,
        now: Duration,
        holder: HostId,
        services: &[HostId],
        outages: &Outages,
    ) {
        let flight = self.flight(number, now);
        if !flight.holders.insert(holder) {
            return;
        }
        // Its way was disturbed when it set out.
        let troubled = outages.is_troubled(holder)
            || services.iter().any(|service| outages.is_troubled(*service) || !outages.is_connected(*service, holder));
        flight.caused |= troubled;
    }
    /// The application has handled it: the flight is over some time later, if no ack is to be expected.
    pub(super) fn handled(&mut self, number: u64, now: Duration) {
        let counts_from = now.max(self.clear_from);
        self.flight(number, now).handled_at = Some(counts_from);
        if !self.acks {
            self.landings.push_back((counts_from + ACK_ARRIVES, number));
        }
    }
    /// The receiver sent its ack: the flight is over some time later.
    pub(super) fn acked(&mut self, number: u64, now: Duration) {
        self.land(now);
        self.acks = true;
        let counts_from = now.max(self.clear_from);
        if let Some(flight) = self.flights.get_mut(number) {
            flight.acked_at = Some(counts_from);
            self.landings.push_back((counts_from + ACK_ARRIVES, number));
        }
    }
    /// Takes note that something on its way was disturbed, or is no longer.
    pub(super) fn disturbed(&mut self, now: Duration, begins: bool) {
        if begins {
            // What overlaps, or follows before all is clear again, is one disturbance.
            if now > self.clear_from {
                self.disturbed_at = None;
            }
            self.disturbed_at.get_or_insert(now);
        } else if let Some(since) = self.disturbed_at {
            self.clear_from = self.clear_from.max(now + (now - since).min(LONGEST_RETRANSMISSION));
        }
    }
    pub(super) fn unacked(&mut self, number: u64, now: Duration) {
        self.flight(number, now).caused = true;
    }
    /// Ends the flights whose acks have had their time. Nobody asks for them in between, so it is done when somebody
    /// does.
    fn land(&mut self, now: Duration) {
        while let Some((_, number)) = self.landings.pop_front_if(|(due, _)| *due <= now) {
            self.land_one(number, now);
        }
    }
    fn land_one(&mut self, number: u64, now: Duration) {
        let acks = self.acks;
        let is_over = |flight: &Flight| {
            let since = if acks { flight.acked_at } else { flight.acked_at.or(flight.handled_at) };
            since.is_some_and(|since| since + ACK_ARRIVES <= now)
        };
        if self.flights.remove_if(number, is_over).is_some_and(|flight| flight.caused) {
            self.excused.insert(number);
        }
    }
    /// A connection of this holder ended. Says how many messages were in flight on it.
    pub(super) fn connection_ended(&mut self, holder: HostId, now: Duration) -> usize {
        self.disturb(now, |flight| flight.holders.iter().any(|other| other == holder))
    }
    /// Something on the way of some flights was disturbed. Says how many of them were in flight.
    pub(super) fn disturb_paths(
        &mut self,
        now: Duration,
        services: &[HostId],
        touches: impl Fn(&[HostId]) -> bool,
    ) -> usize {
        self.disturb(now, |flight| {
            let path: Vec<HostId> = flight.holders.iter().chain(services.iter().copied()).collect();
            touches(&path)
        })
    }
    fn disturb(&mut self, now: Duration, hit: impl Fn(&Flight) -> bool) -> usize {
        self.land(now);
        let mut in_flight = 0;
        for flight in self.flights.values_mut().filter(|flight| hit(flight)) {
            flight.caused = true;
            in_flight += usize::from(flight.ack_at_risk(now));
        }
        in_flight
    }
}
