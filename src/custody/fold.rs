//! The fold itself.
use super::lane::Lane;
use super::source::Source;
use super::{Counts, Histogram, Interruptions, LaneId, Open, Operations, Percentiles, Receipt, Stranger, Turn};
use crate::history::{
    DestinationId, Directory, Disturbance, Entry, Event, MessageId, Outages, Power, ProducerId, Roster,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where each open message is, who is owed it. Memory grows with what is open, not with what has been.
#[derive(Clone, Debug)]
pub struct Custody {
    roster: Arc<Roster>,
    directory: Arc<Directory>,
    sources: Vec<Source>,
    lanes: Vec<Lane>,
    lanes_into: Vec<Vec<LaneId>>,
    counts: Counts,
    latency: Histogram,
    /// Open messages of all producers.
    open: usize,
    /// What is owed and not received, over all lanes.
    debts: u64,
    /// By destination: on how many lanes something confirmed is owed that is newer than all that was received.
    awaiting: Vec<u64>,
    followed: BTreeMap<MessageId, Vec<Entry>>,
    operations: Operations,
}

impl Custody {
    /// Opens the books of a roster.
    pub fn new(roster: Arc<Roster>, directory: Arc<Directory>) -> Self {
        let mut lanes = Vec::new();
        let mut lanes_into = vec![Vec::new(); roster.destinations.len()];
        let mut sources: Vec<Source> = roster
            .producers
            .iter()
            .enumerate()
            .map(|(index, _)| Source::new(directory.host_of_producer(ProducerId(index as u32))))
            .collect();
        for (index, route) in roster.routes.iter().enumerate() {
            let id = LaneId(index as u32);
            let ends = [directory.receivers(route.destination), directory.via(route.destination)].concat();
            let source = &mut sources[route.producer.index()];
            source.lanes.push((route.destination, id));
            source.widen(&ends);
            lanes_into[route.destination.index()].push(id);
            lanes.push(Lane::new(route, &roster, ends));
        }
        Self {
            operations: Operations::new(&roster),
            awaiting: vec![0; roster.destinations.len()],
            roster,
            directory,
            sources,
            lanes,
            lanes_into,
            counts: Counts::default(),
            latency: Histogram::default(),
            open: 0,
            debts: 0,
            followed: BTreeMap::new(),
        }
    }

    /// Records the full custody of one message from now on.
    pub fn follow(&mut self, message: MessageId) {
        self.followed.entry(message).or_default();
    }

    /// Folds one entry. `outages` and `disturbance` are what the same entry made of the world.
    pub fn see(&mut self, entry: &Entry, outages: &Outages, disturbance: Option<Disturbance>) -> Turn {
        if !self.followed.is_empty() {
            self.write_down(entry, outages, disturbance);
        }
        if let Some(disturbance) = disturbance {
            self.disturbed(entry.at, outages, disturbance);
        }
        match &entry.event {
            Event::Offered { message, digest } => self.offered(entry.at, *message, *digest),
            Event::Sent { message, again, .. } => self.sent(*message, *again),
            Event::Confirmed { message } => self.confirmed(entry.at, *message),
            Event::GivenUp { message, why } => self.given_up(*message, why),
            Event::Stored { .. } => Turn::Quiet,
            Event::Dispatched { message, to, .. } => self.dispatched(entry.at, *message, to, outages),
            Event::Delivered { message, destination } => {
                self.held(entry, *message, *destination, outages);
                Turn::Quiet
            }
            Event::Received { message, destination, digest } => {
                let lane = self.held(entry, *message, *destination, outages);
                let receipt = self.received(entry.at, *message, lane, *digest);
                Turn::Received { message: *message, destination: *destination, receipt }
            }
            Event::Acked { message, destination } => {
                if let Some(lane) = self.lane(*message, *destination) {
                    self.lanes[lane.index()].acked(message.number, entry.at);
                }
                Turn::Quiet
            }
            Event::Unacked { message, destination, .. } => {
                if let Some(lane) = self.lane(*message, *destination) {
                    self.lanes[lane.index()].unacked(message.number, entry.at);
                }
                Turn::Quiet
            }
            Event::Subscribed { destination } => self.subscribed(*destination),
            Event::SessionLost { client, .. }
            | Event::SessionClosed { client, .. }
            | Event::SessionEnded { client, .. } => self.session_over(entry.at, client),
            Event::Power { state: Power::Lost | Power::Crashed } => self.boot_over(&entry.host, true),
            Event::Power { state: Power::Stopped } => self.boot_over(&entry.host, false),
            _ => {
                self.operations.see(entry);
                Turn::Quiet
            }
        }
    }

    /// A message that somebody still owes something; `None`: it is closed, or nobody's.
    pub fn find(&self, message: MessageId) -> Option<&Open> {
        self.sources.get(message.producer.index())?.open.get(message.number)
    }
    /// Counts so far; `lost` is what is owed at this moment.
    pub fn counts(&self) -> Counts {
        Counts { lost: self.debts, ..self.counts }
    }
    /// What became of the operators' requests.
    pub fn operations(&self) -> &Operations {
        &self.operations
    }
    /// From offered to received, over every first receipt of a message that was still open.
    pub fn latency(&self) -> Option<Percentiles> {
        self.latency.percentiles()
    }
    /// Whether every message owed is received, and what was received is confirmed or given up.
    pub fn is_settled(&self) -> bool {
        self.open == 0
    }
    /// How many messages are open: what custody's memory grows with.
    pub fn open(&self) -> usize {
        self.open
    }
    /// How many messages are between their dispatch and a settled ack at this time, by destination.
    pub fn flights(&mut self, now: Duration) -> usize {
        self.lanes.iter_mut().map(|lane| lane.flights(now)).sum()
    }
    /// Whether a destination waits for something confirmed that it is owed, newer than all that it has received of
    /// that producer. What others have overtaken is late or lost, and no sign that a destination gets nothing.
    pub fn is_awaited(&self, destination: DestinationId) -> bool {
        self.awaiting.get(destination.index()).is_some_and(|lanes| *lanes > 0)
    }
    /// The destinations to which routes lead from a producer.
    pub fn destinations_of(&self, producer: ProducerId) -> impl Iterator<Item = DestinationId> {
        let lanes = self.sources.get(producer.index()).map(|source| &source.lanes);
        lanes.into_iter().flatten().map(|(destination, _)| *destination)
    }
    /// Whether a destination has received a message.
    pub fn has_received(&self, message: MessageId, destination: DestinationId) -> bool {
        self.lane(message, destination).is_some_and(|lane| self.lanes[lane.index()].received.contains(message.number))
    }
    /// Whether a producer has offered something that is not confirmed yet.
    pub fn has_unconfirmed(&self, producer: ProducerId) -> bool {
        self.sources.get(producer.index()).is_some_and(|source| source.unconfirmed > 0)
    }
    /// How often connections on this lane ended with something in flight.
    pub fn interruptions(&self, lane: LaneId) -> Interruptions {
        self.lanes[lane.index()].interruptions
    }
    /// What is owed and not received, in the order of producers and numbers.
    pub fn missing(&self) -> impl Iterator<Item = (MessageId, DestinationId, &Open)> {
        self.sources.iter().enumerate().flat_map(move |(index, source)| {
            source.open.iter().flat_map(move |(number, open)| {
                let message = MessageId { producer: ProducerId(index as u32), number };
                let missing = source.lanes.iter().filter(move |(_, lane)| self.lanes[lane.index()].misses(number));
                missing.map(move |(destination, _)| (message, *destination, open))
            })
        })
    }
    /// What happened to a message: its full custody when it is followed, else what is still known of it.
    pub fn of(&self, message: MessageId) -> Vec<Entry> {
        if let Some(entries) = self.followed.get(&message) {
            return entries.clone();
        }
        let Some(source) = self.sources.get(message.producer.index()) else { return Vec::new() };
        let Some(open) = source.open.get(message.number) else { return Vec::new() };
        let host = self.roster.producers[message.producer.index()].host.clone();
        let entry = |at, event| Entry { at, host: host.clone(), event };
        let offered = open.digest.map(|digest| entry(open.offered_at, Event::Offered { message, digest }));
        let confirmed = open.confirmed_at.map(|at| entry(at, Event::Confirmed { message }));
        offered.into_iter().chain(confirmed).collect()
    }

    fn lane(&self, message: MessageId, destination: DestinationId) -> Option<LaneId> {
        self.sources.get(message.producer.index())?.lane_to(destination)
    }

    fn offered(&mut self, at: Duration, message: MessageId, digest: u64) -> Turn {
        let Some(source) = self.sources.get_mut(message.producer.index()) else { return Turn::Quiet };
        if !source.offered.insert(message.number) {
            return Turn::OfferedTwice { message };
        }
        let (tried, boot) = (source.troubled, source.boot);
        let open = Open { offered_at: at, digest: Some(digest), confirmed_at: None, sent: false, tried, boot };
        source.open.insert(message.number, open);
        source.unconfirmed += 1;
        self.open += 1;
        self.counts.offered += 1;
        self.debts += missing(source, &self.lanes, message.number);
        Turn::Quiet
    }

    fn sent(&mut self, message: MessageId, again: bool) -> Turn {
        let Some(source) = self.sources.get_mut(message.producer.index()) else { return Turn::Quiet };
        let open = source.open.get_mut(message.number);
        let confirmed = match &open {
            Some(open) => open.confirmed_at.is_some(),
            None => !source.indeterminate.contains(message.number),
        };
        if let Some(open) = open {
            open.sent = true;
        }
        // Its ack did not come in time or before its connection ended: it may be stored twice.
        if again && !confirmed {
            for (_, lane) in &source.lanes {
                self.lanes[lane.index()].excuse(message.number);
            }
        }
        Turn::Quiet
    }

    fn confirmed(&mut self, at: Duration, message: MessageId) -> Turn {
        let Some(source) = self.sources.get_mut(message.producer.index()) else { return Turn::Quiet };
        let number = message.number;
        if source.indeterminate.remove(number) {
            // A later boot had kept it and has got its answer: it is owed after all.
            let (tried, boot) = (true, source.boot);
            let open = Open { offered_at: at, digest: None, confirmed_at: None, sent: true, tried, boot };
            source.open.insert(number, open);
            source.unconfirmed += 1;
            self.open += 1;
            let missing = missing(source, &self.lanes, number);
            self.counts.indeterminate -= u64::from(missing > 0);
            self.debts += missing;
        }
        let Some(open) = source.open.get_mut(number) else { return Turn::Quiet };
        if open.confirmed_at.is_some() {
            return Turn::Quiet;
        }
        open.confirmed_at = Some(at);
        let tried = open.tried;
        source.unconfirmed -= 1;
        self.counts.confirmed += 1;
        let (mut owed, mut kept) = (0, 0);
        for (destination, lane) in &source.lanes {
            let lane = &mut self.lanes[lane.index()];
            if lane.owes(number) {
                owed += 1;
                kept += u64::from(lane.received.contains(number));
                let count = &mut self.awaiting[destination.index()];
                *count -= u64::from(lane.is_awaited());
                lane.confirmed = lane.confirmed.max(Some(number));
                *count += u64::from(lane.is_awaited());
            }
        }
        if kept == owed {
            source.open.remove(number);
            self.open -= 1;
        }
        Turn::Confirmed { message, kept, tried }
    }

    fn given_up(&mut self, message: MessageId, why: &'static str) -> Turn {
        let Some(source) = self.sources.get_mut(message.producer.index()) else { return Turn::Quiet };
        let missing = missing(source, &self.lanes, message.number);
        if source.indeterminate.remove(message.number) {
            self.counts.indeterminate -= u64::from(missing > 0);
        }
        if let Some(open) = source.open.remove(message.number) {
            source.unconfirmed -= usize::from(open.confirmed_at.is_none());
            self.open -= 1;
            self.debts -= missing;
        }
        self.counts.given_up += 1;
        Turn::GivenUp { message, missing, why }
    }

    fn dispatched(&mut self, at: Duration, message: MessageId, to: &str, outages: &Outages) -> Turn {
        let holder = self.directory.host_behind(to);
        let Some((holder, source)) = holder.zip(self.sources.get(message.producer.index())) else { return Turn::Quiet };
        for (destination, lane) in &source.lanes {
            if self.directory.receivers(*destination).contains(&holder) {
                let services = self.directory.via(*destination);
                self.lanes[lane.index()].held_by(message.number, at, holder, services, outages);
            }
        }
        Turn::Quiet
    }

    /// It is where the entry was recorded. Says by which lane it came.
    fn held(
        &mut self,
        Entry { at, host, .. }: &Entry,
        message: MessageId,
        destination: DestinationId,
        outages: &Outages,
    ) -> Option<LaneId> {
        let lane = self.lane(message, destination)?;
        if let Some(holder) = self.directory.host(host) {
            let services = self.directory.via(destination);
            self.lanes[lane.index()].held_by(message.number, *at, holder, services, outages);
        }
        Some(lane)
    }

    /// `lane`: by which it came, if there is one.
    fn received(&mut self, at: Duration, message: MessageId, lane: Option<LaneId>, digest: u64) -> Receipt {
        let number = message.number;
        let known = self.sources.get_mut(message.producer.index()).filter(|s| s.offered.contains(number));
        let Some(source) = known else { return Receipt::Unexpected(Stranger::NeverOffered) };
        let Some(id) = lane else { return Receipt::Unexpected(Stranger::NoRoute) };
        let lane = &mut self.lanes[id.index()];
        let open = source.open.get(number);
        let other_bytes = open.and_then(|open| open.digest).is_some_and(|offered| offered != digest);
        let caused = lane.may_repeat(number);
        lane.handled(number, at);
        let was_awaited = lane.is_awaited();
        let is_new = lane.received.insert(number);
        self.awaiting[lane.destination.index()] -= u64::from(was_awaited && !lane.is_awaited());
        if !is_new {
            self.counts.duplicates += 1;
            return Receipt::Again { lane: id, caused, other_bytes };
        }
        self.counts.received += 1;
        let owed = lane.owes(number);
        let (confirmed, tried) = match open {
            Some(open) => {
                self.latency.record(at - open.offered_at);
                self.debts -= u64::from(owed);
                (open.confirmed_at.is_some(), open.tried)
            }
            None => {
                let last = owed && missing(source, &self.lanes, number) == 0;
                self.counts.indeterminate -= u64::from(last && source.indeterminate.contains(number));
                (false, false)
            }
        };
        // Given up, or indeterminate: it came, but nobody was owed it.
        let owed = owed && open.is_some();
        if confirmed && missing(source, &self.lanes, number) == 0 {
            source.open.remove(number);
            self.open -= 1;
        }
        Receipt::First { lane: id, owed, confirmed, tried, other_bytes }
    }

    fn subscribed(&mut self, destination: DestinationId) -> Turn {
        for lane in self.lanes_into.get(destination.index()).into_iter().flatten() {
            let lane = &mut self.lanes[lane.index()];
            let offered = &self.sources[lane.producer.index()].offered;
            lane.owed_from.get_or_insert(offered.last().map_or(0, |last| last.saturating_add(1)));
        }
        Turn::Quiet
    }

    fn session_over(&mut self, at: Duration, client: &str) -> Turn {
        let Some(client) = self.directory.client(client) else { return Turn::Quiet };
        for producer in &self.roster.clients[client.index()].producers {
            let source = &self.sources[producer.index()];
            let in_flight = source.in_flight();
            for (_, lane) in &source.lanes {
                self.lanes[lane.index()].interruptions.add(in_flight);
            }
        }
        if let Some(holder) = self.directory.host_of_client(client) {
            for lane in self.lanes.iter_mut().filter(|lane| lane.ends.contains(&holder)) {
                let in_flight = lane.connection_ended(holder, at);
                lane.interruptions.add(in_flight);
            }
        }
        Turn::Quiet
    }

    fn boot_over(&mut self, host: &str, by_accident: bool) -> Turn {
        let Some(place) = self.directory.place(host) else { return Turn::Quiet };
        for source in &mut self.sources {
            if !source.host.is_some_and(|host| self.directory.is_at(host, place)) {
                continue;
            }
            let lost_with_it = |open: &Open| by_accident && open.boot == source.boot && open.confirmed_at.is_none();
            let numbers: Vec<u64> = source.open.iter().filter(|(_, o)| lost_with_it(o)).map(|(n, _)| n).collect();
            source.boot += 1;
            for number in numbers {
                source.open.remove(number);
                source.unconfirmed -= 1;
                self.open -= 1;
                let missing = missing(source, &self.lanes, number);
                self.debts -= missing;
                source.indeterminate.insert(number);
                self.counts.indeterminate += u64::from(missing > 0);
            }
        }
        Turn::Quiet
    }

    fn disturbed(&mut self, at: Duration, outages: &Outages, disturbance: Disturbance) {
        for source in self.sources.iter_mut().filter(|source| outages.touches(disturbance, &source.path)) {
            source.troubled = outages.is_troubled_among(&source.path);
            if disturbance.begins {
                source.open.values_mut().for_each(|open| open.tried = true);
            }
        }
        for lane in self.lanes.iter_mut().filter(|lane| outages.touches(disturbance, &lane.ends)) {
            lane.disturbed(at, disturbance.begins);
            if lane.flights(at) == 0 {
                continue;
            }
            let services = self.directory.via(lane.destination);
            let in_flight = lane.disturb_paths(at, services, |path| outages.touches(disturbance, path));
            if disturbance.restart {
                lane.interruptions.add(in_flight);
            }
        }
    }

    fn write_down(&mut self, entry: &Entry, outages: &Outages, disturbance: Option<Disturbance>) {
        for (message, entries) in &mut self.followed {
            let source = self.sources.get(message.producer.index());
            let about_it = entry.event.message() == Some(*message);
            let on_its_path = disturbance.zip(source).is_some_and(|(disturbance, source)| {
                source.open.get(message.number).is_some() && outages.touches(disturbance, &source.path)
            });
            if about_it || on_its_path {
                entries.push(entry.clone());
            }
        }
    }
}

/// How many destinations are owed this message and have not got it.
fn missing(source: &Source, lanes: &[Lane], number: u64) -> u64 {
    source.lanes.iter().filter(|(_, lane)| lanes[lane.index()].misses(number)).count() as u64
}
