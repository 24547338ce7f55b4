//! What steps say, each sentence once: a page has thousands of steps and few sentences.
use super::super::log::words;
use crate::history::{Directory, Event, HostId, MessageId, Name, Roster};
use serde::Serialize;
use std::collections::BTreeMap;

/// Stands in a sentence where the message or operation is named. No name of a file can have it: it is a noncharacter.
pub(super) const SUBJECT: &str = "\u{fdd0}";

/// A sentence, and what an arrow needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Phrase {
    /// The event's name, such as `stored`.
    pub(super) what: &'static str,
    /// Its words, with [`SUBJECT`] for the name.
    pub(super) text: String,
    /// The host that it goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<u32>,
    /// The destination that it is about.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub(super) destination: Option<u32>,
}

/// All sentences, and all names of hosts: those of the roster first, in its order.
#[derive(Clone, Debug)]
pub(super) struct Phrases {
    known: BTreeMap<Key, u32>,
    told: BTreeMap<String, u32>,
    list: Vec<Phrase>,
    others: BTreeMap<Name, u32>,
    hosts: Vec<Name>,
}

/// What makes two sentences about messages alike, found without writing them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    what: &'static str,
    number: u64,
    to: Option<u32>,
    again: bool,
    why: &'static str,
}

impl Phrases {
    pub(super) fn new(roster: &Roster) -> Self {
        let hosts = roster.machines.iter().map(|machine| machine.name.clone()).collect();
        Self { known: BTreeMap::new(), told: BTreeMap::new(), list: Vec::new(), others: BTreeMap::new(), hosts }
    }

    /// The number of a host, or of what else has a name: a site, the world.
    pub(super) fn host(&mut self, directory: &Directory, name: &Name) -> u32 {
        if let Some(HostId(host)) = directory.host(name) {
            return host;
        }
        let (others, hosts) = (&mut self.others, &mut self.hosts);
        *others.entry(name.clone()).or_insert_with(|| {
            hosts.push(name.clone());
            hosts.len() as u32 - 1
        })
    }

    /// The sentence of an event about this message. `service`: where the session goes that it is sent in.
    pub(super) fn of_message(
        &mut self,
        roster: &Roster,
        event: &Event,
        message: MessageId,
        service: Option<u32>,
    ) -> u32 {
        let Some(key) = key(event, service) else { return self.told(roster, event, Some(roster.message(message))) };
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let text = words(roster, event).replacen(&roster.message(message), SUBJECT, 1);
        let destination = match event {
            Event::Delivered { destination, .. }
            | Event::Received { destination, .. }
            | Event::Acked { destination, .. }
            | Event::Unacked { destination, .. } => Some(destination.0),
            _ => None,
        };
        let phrase = Phrase { what: key.what, text, to: key.to, destination };
        let number = self.add(phrase);
        self.known.insert(key, number);
        number
    }

    /// The sentence of any other event, with `subject`'s name left open.
    pub(super) fn told(&mut self, roster: &Roster, event: &Event, subject: Option<String>) -> u32 {
        let text = words(roster, event);
        let text = subject.map_or(text.clone(), |subject| text.replacen(&subject, SUBJECT, 1));
        if let Some(told) = self.told.get(&text) {
            return *told;
        }
        let phrase = Phrase { what: name_of(event), text: shortened(&text), to: None, destination: None };
        let number = self.add(phrase);
        self.told.insert(text, number);
        number
    }

    pub(super) fn into_parts(self) -> (Vec<Phrase>, Vec<Name>) {
        (self.list, self.hosts)
    }

    fn add(&mut self, phrase: Phrase) -> u32 {
        self.list.push(phrase);
        self.list.len() as u32 - 1
    }
}

fn key(event: &Event, service: Option<u32>) -> Option<Key> {
    let key = Key { what: name_of(event), number: 0, to: None, again: false, why: "" };
    Some(match event {
        Event::Offered { .. } | Event::Confirmed { .. } | Event::Stored { .. } => key,
        Event::Sent { session, again, .. } => Key { number: *session, again: *again, to: service, ..key },
        Event::GivenUp { why, .. } => Key { why, ..key },
        Event::Dispatched { again, .. } => Key { again: *again, to: service, ..key },
        Event::Delivered { destination, .. }
        | Event::Received { destination, .. }
        | Event::Acked { destination, .. } => Key { number: u64::from(destination.0), ..key },
        Event::Unacked { destination, why, .. } => Key { number: u64::from(destination.0), why, ..key },
        _ => return None,
    })
}

/// Cuts an answer or a payload that nobody could read on a page.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 400;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a step is, in a word that the page's scripts know.
pub(super) fn name_of(event: &Event) -> &'static str {
    match event {
        Event::Offered { .. } => "offered",
        Event::Sent { .. } => "sent",
        Event::Confirmed { .. } => "confirmed",
        Event::GivenUp { .. } => "given-up",
        Event::Stored { .. } => "stored",
        Event::Dispatched { .. } => "dispatched",
        Event::Delivered { .. } => "delivered",
        Event::Received { .. } => "received",
        Event::Acked { .. } => "acked",
        Event::Unacked { .. } => "unacked",
        Event::Asked { .. } => "asked",
        Event::Answered { .. } => "answered",
        Event::CommandQueued { .. } => "queued",
        Event::CommandDispatched { .. } => "sent-on",
        Event::CommandDelivered { .. } => "got",
        Event::CommandHandled { .. } | Event::MethodRun { .. } => "done",
        Event::CommandAcked { .. } => "acked",
        Event::CommandExpired { .. } => "expired",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::hostile_plan;
    use super::*;
    use crate::history::{DestinationId, ProducerId};

    #[test]
    fn a_sentence_is_kept_once_however_many_messages_it_is_said_of() {
        let plan = hostile_plan();
        let mut phrases = Phrases::new(&plan.roster);
        let mut told = |number, event: fn(MessageId) -> Event| {
            let message = MessageId { producer: ProducerId(0), number };
            phrases.of_message(&plan.roster, &event(message), message, Some(1))
        };
        let sent = |message| Event::Sent { message, session: 2, again: false };
        let received = |message| Event::Received { message, destination: DestinationId(0), digest: message.number };
        let numbers = [told(0, sent), told(1, sent), told(0, received), told(1, received)];
        assert_eq!(numbers, [0, 0, 1, 1]);
        let (list, hosts) = phrases.into_parts();
        let sent = format!("sends {SUBJECT} in session 2");
        assert_eq!(list[0], Phrase { what: "sent", text: sent, to: Some(1), destination: None });
        assert_eq!(list[1].text, format!("has handled {SUBJECT} for central"));
        assert_eq!(hosts.len(), 3);
    }

    #[test]
    fn what_is_no_host_has_a_number_after_them() {
        let plan = hostile_plan();
        let directory = Directory::new(&plan.roster);
        let mut phrases = Phrases::new(&plan.roster);
        let mut number = |name: &str| phrases.host(&directory, &name.into());
        assert_eq!([number("hub-a"), number("the world"), number("west"), number("the world")], [1, 3, 4, 3]);
    }
}
