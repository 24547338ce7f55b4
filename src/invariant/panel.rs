//! A panel of invariants: what folds the history once and lets each of them judge it.
use super::{Finding, Invariant, Registration, Rules, Scene, Tally};
use crate::custody::{Custody, Turn};
use crate::history::{Directory, Entry, Kind, Kinds, MessageId, Outages, Roster};
use std::sync::Arc;
use std::time::Duration;

struct Seat {
    registration: &'static Registration,
    invariant: Box<dyn Invariant>,
    tally: Tally,
    /// When its next bound could run out, as of the latest entry that it saw.
    deadline: Option<Duration>,
}

impl Seat {
    fn new(registration: &'static Registration, roster: &Roster, rules: &Rules) -> Self {
        let invariant = (registration.build)(roster, rules);
        Self { registration, deadline: invariant.next_deadline(), invariant, tally: Tally::default() }
    }
    /// Shows an entry; says whether the deadline has moved.
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>) -> bool {
        self.invariant.see(entry, scene, &mut self.tally);
        self.look_at_clock()
    }
    /// Ends the bounds that have run out.
    fn expire(&mut self, now: Duration, scene: &Scene<'_>) {
        self.invariant.expire(now, scene, &mut self.tally);
        self.look_at_clock();
    }
    fn look_at_clock(&mut self) -> bool {
        let deadline = self.invariant.next_deadline();
        std::mem::replace(&mut self.deadline, deadline) != deadline
    }
}

/// Folds entries and asks those invariants that make something of an entry what it is. Waived ones have no seat.
pub struct Panel {
    roster: Arc<Roster>,
    directory: Arc<Directory>,
    outages: Outages,
    custody: Custody,
    seats: Vec<Seat>,
    /// By kind of event: the seats whose invariants want it.
    hearers: Vec<Vec<usize>>,
    waived: Vec<Finding>,
    /// When the next bound could run out, as of the latest entry.
    deadline: Option<Duration>,
}

impl Panel {
    /// Seats these invariants.
    pub fn new(roster: Arc<Roster>, registrations: &'static [Registration], rules: &Rules) -> Self {
        let directory = Arc::new(Directory::new(&roster));
        let (mut seats, mut waived) = (Vec::new(), Vec::new());
        for registration in registrations {
            match rules.waived.get(registration.name) {
                None => seats.push(Seat::new(registration, &roster, rules)),
                reason => {
                    let waived_because = reason.cloned();
                    waived.push(Finding { waived: waived_because, ..Tally::default().finding(registration.name) });
                }
            }
        }
        let outages = Outages::new(directory.clone());
        let custody = Custody::new(roster.clone(), directory.clone());
        let hearers = hearers(seats.iter().map(|seat| seat.invariant.wants()));
        Self { roster, directory, outages, custody, seats, hearers, waived, deadline: None }
    }

    /// Shows every invariant every entry, whatever it wants: it must come to the same findings.
    #[cfg(test)]
    pub(super) fn showing_everything(mut self) -> Self {
        self.hearers.fill((0..self.seats.len()).collect());
        self
    }

    /// Records the full custody of one message.
    pub fn follow(&mut self, message: MessageId) {
        self.custody.follow(message);
    }

    /// Folds and judges one entry, after the bounds that ran out before it.
    pub fn see(&mut self, entry: &Entry) {
        if self.deadline.is_some_and(|deadline| deadline <= entry.at) {
            self.expire(entry.at);
        }
        let kind = entry.event.kind();
        let disturbance = if Outages::KINDS.contains(kind) { self.outages.see(entry) } else { None };
        let turn = self.custody.see(entry, &self.outages, disturbance);
        let scene = Scene { turn, disturbance, ..scene(&self.roster, &self.directory, &self.custody, &self.outages) };
        let mut moved = false;
        for seat in &self.hearers[kind.index()] {
            moved |= self.seats[*seat].see(entry, &scene);
        }
        if moved {
            self.deadline = self.first_deadline();
        }
    }

    /// Judges the bounds that have run out by now.
    pub fn tick(&mut self, now: Duration) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.expire(now);
        }
    }

    fn expire(&mut self, now: Duration) {
        let scene = scene(&self.roster, &self.directory, &self.custody, &self.outages);
        self.seats.iter_mut().for_each(|seat| seat.expire(now, &scene));
        self.deadline = self.first_deadline();
    }

    fn first_deadline(&self) -> Option<Duration> {
        self.seats.iter().filter_map(|seat| seat.deadline).min()
    }

    /// When a bound could run out, if nothing happens until then.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Whether anything is violated.
    pub fn is_violated(&self) -> bool {
        self.seats.iter().any(|seat| seat.tally.is_violated())
    }

    /// Whether no debt is open: every message owed is received, and no bound runs.
    pub fn is_settled(&self) -> bool {
        let scene = scene(&self.roster, &self.directory, &self.custody, &self.outages);
        self.custody.is_settled() && self.seats.iter().all(|seat| seat.invariant.is_settled(&scene))
    }

    /// Judges what is left, and sums up in the registry's order. What is still owed is judged only when the run
    /// was `complete`: in one that was stopped early it might have come.
    pub fn finish(&mut self, now: Duration, complete: bool) -> Vec<Finding> {
        self.tick(now);
        let scene = scene(&self.roster, &self.directory, &self.custody, &self.outages);
        if complete {
            for seat in &mut self.seats {
                seat.invariant.finish(now, &scene, &mut seat.tally);
            }
        }
        let mut findings: Vec<Finding> = self.seats.iter().map(|s| s.tally.finding(s.registration.name)).collect();
        findings.extend(self.waived.iter().cloned());
        let place = |finding: &Finding| super::ALL.iter().position(|registration| registration.name == finding.name);
        findings.sort_by_key(place);
        findings
    }

    /// The books.
    pub fn custody(&self) -> &Custody {
        &self.custody
    }
    /// The roster's names.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }
}

fn scene<'a>(roster: &'a Roster, directory: &'a Directory, custody: &'a Custody, outages: &'a Outages) -> Scene<'a> {
    Scene { roster, directory, custody, outages, turn: Turn::Quiet, disturbance: None }
}

/// By kind of event: who wants it, in the order of the seats.
fn hearers(wants: impl Iterator<Item = Kinds>) -> Vec<Vec<usize>> {
    let wants: Vec<Kinds> = wants.collect();
    let hearers = |kind: &Kind| (0..wants.len()).filter(|seat| wants[*seat].contains(*kind)).collect();
    Kind::ALL.iter().map(hearers).collect()
}
