//! A history that can be compared with another one: each entry known by what happened at whom, and for which time.
use crate::history::{Entry, Event, Roster};
use crate::report::words;
use std::fmt::Write;
use std::time::Duration;
use xxhash_rust::xxh3::Xxh3;

/// What happened at a host, without its time, and for which time in that history. Equal on both sides, it is the same
/// deed: names, not numbers, go into it, as the rosters of two files number differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deed {
    what: u64,
    nth: u32,
}

/// One run's history.
#[derive(Debug)]
pub(super) struct Tape<'a> {
    pub(super) roster: &'a Roster,
    pub(super) entries: &'a [Entry],
    /// Of each entry.
    deeds: Vec<Deed>,
    /// Where each deed is, by deed.
    places: Vec<(Deed, u32)>,
}

impl<'a> Tape<'a> {
    pub(super) fn new(roster: &'a Roster, entries: &'a [Entry]) -> Self {
        let mut hash = Hashing::default();
        let mut places: Vec<(Deed, u32)> = entries
            .iter()
            .enumerate()
            .map(|(index, entry)| (Deed { what: hash.of(roster, entry), nth: 0 }, index as u32))
            .collect();
        places.sort_unstable();
        let mut deeds = vec![Deed { what: 0, nth: 0 }; entries.len()];
        let mut last = None;
        for (deed, index) in &mut places {
            let nth = last.map_or(0, |Deed { what, nth }| if what == deed.what { nth + 1 } else { 0 });
            deed.nth = nth;
            last = Some(*deed);
            deeds[*index as usize] = *deed;
        }
        Self { roster, entries, deeds, places }
    }

    pub(super) fn deed(&self, index: usize) -> Deed {
        self.deeds[index]
    }
    /// Finds where this history has a deed.
    pub(super) fn find(&self, deed: Deed) -> Option<usize> {
        let place = self.places.binary_search_by_key(&deed, |(deed, _)| *deed).ok()?;
        Some(self.places[place].1 as usize)
    }
    /// When this history has a deed.
    pub(super) fn time_of(&self, deed: Deed) -> Option<Duration> {
        self.find(deed).map(|index| self.entries[index].at)
    }
    /// The first entry after a time.
    pub(super) fn after(&self, at: Duration) -> usize {
        self.entries.partition_point(|entry| entry.at <= at)
    }
    /// Whether two entries are the same in everything.
    pub(super) fn is_same(&self, index: usize, other: &Tape<'_>, there: usize) -> bool {
        let (one, another) = (&self.entries[index], &other.entries[there]);
        one.at == another.at && self.deeds[index].what == other.deeds[there].what && digest(one) == digest(another)
    }
    /// Each entry's queue: those of one queue are done one after the other at one host, so that their order means
    /// something. What a service does for two producers, or gets and sends, is a race that each seed decides anew.
    pub(super) fn queues(&self) -> Vec<(u64, u32)> {
        let mut hash = Hashing::default();
        let entries = self.entries.iter().enumerate();
        let mut queues: Vec<(u64, u32)> =
            entries.map(|(index, entry)| (hash.queue(self.roster, entry), index as u32)).collect();
        queues.sort_unstable();
        queues
    }
}

/// The bytes that an entry is about: no part of its words.
fn digest(entry: &Entry) -> Option<u64> {
    match entry.event {
        Event::Offered { digest, .. } | Event::Received { digest, .. } => Some(digest),
        _ => None,
    }
}

/// Hashes words without keeping them.
#[derive(Default)]
struct Hashing {
    hash: Xxh3,
    text: String,
}

impl Hashing {
    fn of(&mut self, roster: &Roster, entry: &Entry) -> u64 {
        self.sum(entry, &words(roster, &entry.event))
    }

    fn queue(&mut self, roster: &Roster, entry: &Entry) -> u64 {
        let event = &entry.event;
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        if let Some(message) = event.message() {
            let producer = roster.producers.get(message.producer.index()).map_or("", |producer| &producer.name);
            // Writing into a string cannot fail.
            let _ = write!(text, "{} {producer}", event.kind().name());
            if let Some(destination) = event.destination() {
                let _ = write!(text, " {}", roster.destination_name(destination));
            }
        } else if let (Some(client), true) = (event.client(), is_of_sessions(event)) {
            let _ = write!(text, "session {client}");
        } else {
            let _ = write!(text, "{} {} ", event.kind().name(), event.client().map_or("", |client| client));
            text.push_str(event.other().map_or("", |other| other));
        }
        let queue = self.sum(entry, &text);
        self.text = text;
        queue
    }

    fn sum(&mut self, entry: &Entry, text: &str) -> u64 {
        self.hash.reset();
        self.hash.update(entry.host.as_bytes());
        self.hash.update(b"\0");
        self.hash.update(text.as_bytes());
        self.hash.digest()
    }
}

/// Whether an event belongs to the life of a client's sessions, which is one after the other whatever its kind.
fn is_of_sessions(event: &Event) -> bool {
    matches!(
        event,
        Event::Connecting { .. }
            | Event::Connected { .. }
            | Event::Refused { .. }
            | Event::SessionLost { .. }
            | Event::SessionClosed { .. }
            | Event::SessionOpened { .. }
            | Event::SessionEnded { .. }
            | Event::Allocated { .. }
            | Event::Assigned { .. }
            | Event::Settled { .. }
    )
}
