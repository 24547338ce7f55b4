//! Which entries of a history are shown: those of some hosts, messages or kinds.
use crate::history::{Directory, Entry, Event, Kind, MessageId, Name, Place, ProducerId, Roster};
use crate::scenario::closest;
use std::collections::BTreeSet;

/// What is asked for. Of several in one list any will do; of the lists, each must.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    hosts: Vec<Seat>,
    messages: Vec<Wanted>,
    kinds: Vec<Kind>,
}

/// A host with its clients, or all of a site.
#[derive(Clone, Debug)]
struct Seat {
    /// Hosts and clients.
    names: BTreeSet<Name>,
    /// Where they stand: what the world does there, it does to them.
    site: Name,
}

/// A producer's messages, or one of them.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    producer: ProducerId,
    number: Option<u64>,
}

/// A name that nobody in the run has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{name}`{}", .meant.as_ref().map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default())]
pub struct UnknownName {
    what: &'static str,
    name: String,
    meant: Option<String>,
}

impl Filter {
    /// Understands names: hosts or sites; messages as `xyz/telemetry #63`, or `xyz/telemetry` for all of that producer;
    /// kinds of event as `history.jsonl` calls them.
    ///
    /// # Errors
    /// The first name that nobody has, with the one that was probably meant.
    pub fn new(roster: &Roster, hosts: &[String], messages: &[String], kinds: &[String]) -> Result<Self, UnknownName> {
        Ok(Self {
            hosts: hosts.iter().map(|name| seat(roster, name)).collect::<Result<_, _>>()?,
            messages: messages.iter().map(|text| wanted(roster, text)).collect::<Result<_, _>>()?,
            kinds: kinds.iter().map(|name| kind(name)).collect::<Result<_, _>>()?,
        })
    }

    /// Whether an entry is shown.
    pub fn admits(&self, entry: &Entry) -> bool {
        let of_host = self.hosts.is_empty() || self.hosts.iter().any(|seat| seat.has(entry));
        let is_wanted = |message: MessageId| {
            let same = |wanted: &Wanted| {
                wanted.producer == message.producer && wanted.number.is_none_or(|number| number == message.number)
            };
            self.messages.iter().any(same)
        };
        let of_message = self.messages.is_empty() || entry.event.message().is_some_and(is_wanted);
        let of_kind = self.kinds.is_empty() || self.kinds.contains(&entry.event.kind());
        of_host && of_message && of_kind
    }

    /// Whether a host's situation is told.
    pub fn is_about(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|seat| seat.names.iter().any(|name| **name == *host))
    }

    /// Whether everything is shown.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.messages.is_empty() && self.kinds.is_empty()
    }
}

impl Seat {
    /// Whether it recorded this, is named by it, or is where the world does something.
    fn has(&self, Entry { host, event, .. }: &Entry) -> bool {
        let named = [Some(host), event.client(), event.other()];
        let is_here = |name: &Name| self.names.contains(name);
        let is_site = |name: &Name| *name == self.site;
        named.into_iter().flatten().any(|name| is_here(name) || event.is_of_the_world() && is_site(name))
            || matches!(event, Event::Settling)
    }
}

fn seat(roster: &Roster, name: &str) -> Result<Seat, UnknownName> {
    let directory = Directory::new(roster);
    let Some(place) = directory.place(name) else {
        let machines = roster.machines.iter().flat_map(|machine| [&*machine.name, &*machine.site]);
        return Err(unknown("host or site", name, machines));
    };
    let ids = (0..roster.machines.len()).map(|index| crate::history::HostId(index as u32));
    let mut names = BTreeSet::new();
    let mut site: Name = name.into();
    for id in ids.filter(|id| directory.is_at(*id, place)) {
        let machine = &roster.machines[id.index()];
        names.insert(machine.name.clone());
        names.extend(directory.clients_on(id).iter().map(|client| roster.clients[client.index()].name.clone()));
        if matches!(place, Place::Host(_)) {
            site = machine.site.clone();
        }
    }
    Ok(Seat { names, site })
}

fn wanted(roster: &Roster, text: &str) -> Result<Wanted, UnknownName> {
    let (name, number) = match text.rsplit_once('#') {
        Some((name, number)) => (name.trim(), Some(number.trim())),
        None => (text.trim(), None),
    };
    let all = || roster.producers.iter().map(|producer| &*producer.name);
    let Some(producer) = roster.producer(name) else {
        return Err(unknown("producer", name, all()));
    };
    match number.map(str::parse) {
        None => Ok(Wanted { producer, number: None }),
        Some(Ok(number)) => Ok(Wanted { producer, number: Some(number) }),
        Some(Err(_)) => {
            let meant = Some(format!("{name} #0"));
            Err(UnknownName { what: "message", name: text.to_owned(), meant })
        }
    }
}

fn kind(name: &str) -> Result<Kind, UnknownName> {
    let same = Kind::ALL.iter().find(|kind| kind.name() == name);
    same.copied().ok_or_else(|| unknown("kind of event", name, Kind::ALL.iter().map(|kind| kind.name())))
}

fn unknown<'a>(what: &'static str, name: &str, all: impl Iterator<Item = &'a str>) -> UnknownName {
    UnknownName { what, name: name.to_owned(), meant: closest(name, all) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::hostile_plan;
    use super::*;
    use crate::history::{Machine, Power, Producer};
    use std::time::Duration;

    fn roster() -> Roster {
        let machine = |name: &str, site: &str| Machine { name: name.into(), site: site.into() };
        let producer = |name: &str| Producer { name: format!("{name}/telemetry").into(), host: name.into() };
        Roster {
            machines: vec![machine("hub-a", "west"), machine("hub-b", "east"), machine("xyz", "field")],
            producers: vec![producer("xyz"), producer("abc")],
            ..Roster::default()
        }
    }

    fn filter(hosts: &[&str], messages: &[&str], kinds: &[&str]) -> Result<Filter, String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Filter::new(&roster(), &owned(hosts), &owned(messages), &owned(kinds)).map_err(|error| error.to_string())
    }

    fn entry(host: &str, event: Event) -> Entry {
        Entry { at: Duration::ZERO, host: host.into(), event }
    }

    fn stored(host: &str, producer: u32, number: u64) -> Entry {
        entry(host, Event::Stored { message: MessageId { producer: ProducerId(producer), number } })
    }

    #[test]
    fn a_host_has_what_it_recorded_what_names_it_and_what_is_done_to_its_site() {
        let filter = filter(&["hub-a"], &[], &[]).expect("it is there");
        assert!(filter.admits(&stored("hub-a", 0, 1)) && !filter.admits(&stored("hub-b", 0, 1)));
        let connecting = Event::Connecting { client: "xyz".into(), service: "hub-a".into() };
        assert!(filter.admits(&entry("xyz", connecting)));
        let cut = || Event::Cut { from: "field".into(), to: "west".into() };
        assert!(filter.admits(&entry("field", cut())));
        assert!(!filter.admits(&entry("hub-b", Event::Power { state: Power::Lost })));
        assert!(filter.is_about("hub-a") && !filter.is_about("xyz"));
    }

    #[test]
    fn a_site_is_all_of_its_hosts() {
        let filter = filter(&["east"], &[], &[]).expect("it is there");
        assert!(filter.admits(&stored("hub-b", 0, 1)) && !filter.admits(&stored("hub-a", 0, 1)));
    }

    #[test]
    fn a_message_is_named_with_or_without_a_space_and_a_producer_alone_is_all_of_its_messages() {
        for name in ["xyz/telemetry #63", "xyz/telemetry#63"] {
            let filter = filter(&[], &[name], &[]).expect("it is there");
            assert!(filter.admits(&stored("hub-a", 0, 63)));
            assert!(!filter.admits(&stored("hub-a", 0, 64)) && !filter.admits(&stored("hub-a", 1, 63)));
            assert!(!filter.admits(&entry("hub-a", Event::Settling)));
        }
        let all = filter(&[], &["xyz/telemetry"], &[]).expect("it is there");
        assert!(all.admits(&stored("hub-a", 0, 64)) && !all.admits(&stored("hub-a", 1, 64)));
    }

    #[test]
    fn of_one_list_any_will_do_and_of_several_each_must() {
        let filter = filter(&["hub-a", "hub-b"], &["xyz/telemetry"], &["stored", "power"]).expect("they are there");
        assert!(filter.admits(&stored("hub-a", 0, 1)) && filter.admits(&stored("hub-b", 0, 1)));
        assert!(!filter.admits(&stored("xyz", 0, 1)) && !filter.admits(&stored("hub-a", 1, 1)));
        assert!(!filter.admits(&entry("hub-a", Event::Power { state: Power::On })));
        assert!(Filter::default().is_empty() && Filter::default().admits(&entry("xyz", Event::Settling)));
    }

    #[test]
    fn a_slip_of_the_pen_is_refused_with_what_was_meant() {
        let refused = |hosts: &[&str], messages: &[&str], kinds: &[&str]| {
            filter(hosts, messages, kinds).expect_err("nobody is called so")
        };
        assert_eq!(refused(&["hub-c"], &[], &[]), "there is no host or site `hub-c`: did you mean `hub-a`?");
        assert_eq!(
            refused(&[], &["xzy/telemetry #3"], &[]),
            "there is no producer `xzy/telemetry`: did you mean `xyz/telemetry`?"
        );
        assert_eq!(
            refused(&[], &["xyz/telemetry #3b"], &[]),
            "there is no message `xyz/telemetry #3b`: did you mean `xyz/telemetry #0`?"
        );
        assert_eq!(refused(&[], &[], &["storde"]), "there is no kind of event `storde`: did you mean `stored`?");
        assert_eq!(refused(&["elsewhere"], &[], &[]), "there is no host or site `elsewhere`");
        let names = Filter::new(&hostile_plan().roster, &["xyz".into()], &[], &[]);
        assert!(names.is_err(), "{names:?}");
    }
}
