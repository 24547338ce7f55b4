//! What led to a difference: what happened before to the same message, client or host, and to the world.
use super::tape::{Deed, Tape};
use crate::history::{Entry, Event, MessageId, Name, Power, Roster};
use crate::report::{Row, Whose, words};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many rows are told from before a difference, and after.
const BEFORE: usize = 12;
const AFTER: usize = 4;

/// Whom and what an entry concerns, in one run.
#[derive(Debug, Default)]
struct Concern {
    message: Option<MessageId>,
    operation: Option<crate::history::OperationId>,
    /// The client it is about and those of its host, by whose sessions it is explained.
    clients: Vec<Name>,
    host: Option<Name>,
    /// Where it happens, and where its producer and clients are: that others start is no news.
    around: Vec<Name>,
}

impl Concern {
    fn of(roster: &Roster, entry: &Entry) -> Self {
        let event = &entry.event;
        let mut clients: Vec<Name> = event.client().cloned().into_iter().collect();
        if let Event::Dispatched { to, .. } = event {
            clients.push(to.clone());
        }
        let producer = event.message().and_then(|message| roster.producers.get(message.producer.index()));
        let hosts = [Some(&entry.host), producer.map(|producer| &producer.host)];
        // A service has no clients of its own; what a device or a program does is told by its sessions.
        let theirs = roster.clients.iter().filter(|client| hosts.contains(&Some(&client.host)));
        clients.extend(theirs.map(|client| client.name.clone()));
        let of_clients = roster.clients.iter().filter(|client| clients.contains(&client.name));
        let around = hosts.into_iter().flatten().cloned().chain(of_clients.map(|client| client.host.clone())).collect();
        let plain = event.message().is_none() && event.operation().is_none() && event.client().is_none();
        Self {
            message: event.message(),
            operation: event.operation(),
            clients,
            host: plain.then(|| entry.host.clone()),
            around,
        }
    }

    fn concerns(&self, entry: &Entry) -> bool {
        let event = &entry.event;
        if event.is_of_the_world() {
            return !matches!(event, Event::Power { state: Power::On }) || self.around.contains(&entry.host);
        }
        if let Some(message) = event.message() {
            return self.message == Some(message);
        }
        if let Some(operation) = event.operation() {
            return self.operation == Some(operation);
        }
        let of_client = event.client().is_some_and(|client| self.clients.contains(client));
        let kind = event.kind().name();
        let properties = kind.starts_with("reported") || kind.starts_with("desired");
        of_client && !properties || self.host.as_ref() == Some(&entry.host)
    }
}

/// What one side has around a place of its history.
struct Scene<'a> {
    tape: &'a Tape<'a>,
    /// What is before this place came before the difference.
    place: usize,
    /// The entry that differs, at that place, if this side has it.
    differing: Option<usize>,
    concern: Concern,
}

impl<'a> Scene<'a> {
    /// The entries that concern it, close before and after.
    fn around(&self) -> Vec<usize> {
        let entries = &self.tape.entries;
        let concerns = |index: &usize| self.differing == Some(*index) || self.concern.concerns(&entries[*index]);
        let place = self.place.min(entries.len());
        let mut before: Vec<usize> = (0..place).rev().filter(concerns).take(BEFORE).collect();
        before.reverse();
        before.into_iter().chain((place..entries.len()).filter(concerns).take(AFTER + 1)).collect()
    }
}

/// Tells what is around a place in both histories: each deed once, with its times, in the order of the earlier one.
pub(super) fn rows(a: &Tape<'_>, b: &Tape<'_>, differing: (Option<usize>, Option<usize>), at: Duration) -> Vec<Row> {
    let scene = |tape, differing: Option<usize>, other: (&Tape<'_>, Option<usize>)| scene(tape, differing, other, at);
    let (one, another) = (scene(a, differing.0, (b, differing.1)), scene(b, differing.1, (a, differing.0)));
    let mut rows: BTreeMap<(Duration, usize, Deed), Row> = BTreeMap::new();
    for (scene, whose) in [(&one, Whose::A), (&another, Whose::B)] {
        for index in scene.around() {
            let deed = scene.tape.deed(index);
            let places = (a.find(deed), b.find(deed));
            let times = (a.time_of(deed), b.time_of(deed));
            let first = times.0.into_iter().chain(times.1).min().unwrap_or_default();
            // Of one instant: in the order in which whoever has it has it.
            let place = places.0.or(places.1).unwrap_or_default();
            let entry = &scene.tape.entries[index];
            let row = rows.entry((first, place, deed)).or_insert_with(|| Row {
                a: times.0,
                b: times.1,
                host: entry.host.to_string(),
                text: words(scene.tape.roster, &entry.event),
                differs: None,
            });
            if scene.differing == Some(index) {
                row.differs = Some(row.differs.map_or(whose, |_| Whose::Both));
            }
        }
    }
    cut(rows.into_values().collect())
}

fn scene<'a>(
    tape: &'a Tape<'a>,
    differing: Option<usize>,
    (other, there): (&Tape<'_>, Option<usize>),
    at: Duration,
) -> Scene<'a> {
    let place = differing.unwrap_or_else(|| tape.after(at));
    let concern = match (differing, there) {
        (Some(index), _) => Concern::of(tape.roster, &tape.entries[index]),
        // What this side has not is looked for by its name.
        (None, Some(there)) => translated(Concern::of(other.roster, &other.entries[there]), other.roster, tape.roster),
        (None, None) => Concern::default(),
    };
    Scene { tape, place, differing, concern }
}

/// The same message and operation, by their names, as another roster numbers them.
fn translated(concern: Concern, from: &Roster, to: &Roster) -> Concern {
    let message = concern.message.and_then(|message| {
        let name = &from.producers.get(message.producer.index())?.name;
        Some(MessageId { producer: to.producer(name)?, ..message })
    });
    let operation = concern.operation.filter(|id| {
        let name = |roster: &Roster| roster.operations.get(id.index()).map(|operation| operation.name.clone());
        name(from) == name(to)
    });
    Concern { message, operation, ..concern }
}

/// Keeps what is close to the difference.
fn cut(rows: Vec<Row>) -> Vec<Row> {
    let first = rows.iter().position(|row| row.differs.is_some()).unwrap_or_default();
    let last = rows.iter().rposition(|row| row.differs.is_some()).unwrap_or_default();
    let keep = first.saturating_sub(BEFORE)..=last + AFTER;
    rows.into_iter().enumerate().filter(|(index, _)| keep.contains(index)).map(|(_, row)| row).collect()
}
