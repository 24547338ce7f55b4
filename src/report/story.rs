//! The run as a short timeline: who was assigned where, what the lizard did, who lost a session, who moved, who came home.
use super::log::of_cause;
use crate::history::{Entry, Event, Name, Operation, OperationId, Roster, Witness};
use crate::scenario::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One line of the story. Equal sentences close in time become one line about several clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryLine {
    /// When, from the first client it is about.
    pub at: Duration,
    /// To the last one.
    pub until: Duration,
    /// Whom it is about; nobody for what happens to the world.
    pub who: Vec<String>,
    /// What happened, to be read after `who`.
    pub what: String,
    /// Whether it is the world's doing.
    pub fault: bool,
}

/// Equal sentences at most this far apart are told as one.
const CLOSE: Duration = Duration::from_secs(30);

/// Gathers a story while a world runs.
#[derive(Debug, Default)]
pub struct Story {
    lines: Vec<StoryLine>,
    /// Of each sentence, the last line that says it.
    last: BTreeMap<String, usize>,
    clients: BTreeMap<Name, Told>,
    operations: Vec<Operation>,
    /// The names of destinations, in the roster's order.
    destinations: Vec<Name>,
    /// Clients that receive beside others.
    consumers: BTreeSet<Name>,
    asked_at: BTreeMap<OperationId, Duration>,
}

/// What has been told about one client.
#[derive(Debug, Default)]
struct Told {
    home: Option<Name>,
    assigned: Option<Name>,
    settled: Option<Name>,
    lost_at: Option<Duration>,
    /// It has been told that it was refused, in these words, and it was not let in since.
    refused: Option<String>,
}

impl Story {
    /// Begins with what the plan does to the world.
    pub fn of(plan: &Plan) -> Self {
        let mut story = Self::among(&plan.roster);
        for fault in &plan.faults {
            story.fault(fault.at, fault.text.clone());
            if let (Some(until), Some(text)) = (fault.until, &fault.end_text) {
                story.fault(until, text.clone());
            }
        }
        story
    }

    fn among(roster: &Roster) -> Self {
        let consumers = roster.clients.iter().filter(|client| client.receives.is_some());
        Self {
            operations: roster.operations.clone(),
            destinations: roster.destinations.iter().map(|destination| destination.name.clone()).collect(),
            consumers: consumers.map(|client| client.name.clone()).collect(),
            ..Self::default()
        }
    }

    /// The lines in the order of time, as far as the run went.
    pub fn lines(mut self, over: Duration) -> Vec<StoryLine> {
        self.lines.retain(|line| line.at <= over);
        self.lines.sort_by_key(|line| line.at);
        self.lines
    }

    fn fault(&mut self, at: Duration, what: String) {
        self.lines.push(StoryLine { at, until: at, who: Vec::new(), what, fault: true });
    }

    fn tell(&mut self, at: Duration, who: &Name, what: String) {
        let line = self.last.get(&what).and_then(|index| self.lines.get_mut(*index));
        if let Some(line) = line.filter(|line| at.saturating_sub(line.until) <= CLOSE && !line.tells_of(who)) {
            line.until = at;
            line.who.push(who.to_string());
            return;
        }
        self.last.insert(what.clone(), self.lines.len());
        self.lines.push(StoryLine { at, until: at, who: vec![who.to_string()], what, fault: false });
    }
}

impl Witness for Story {
    fn see(&mut self, Entry { at, host, event }: &Entry) {
        match event {
            Event::Assigned { client, to } => {
                let told = self.clients.entry(client.clone()).or_default();
                let news = told.assigned.as_ref() != Some(to);
                told.assigned = Some(to.clone());
                told.home.get_or_insert_with(|| to.clone());
                if news {
                    self.tell(*at, client, format!("assigned to {to}"));
                }
            }
            Event::SessionLost { client, service, cause, .. } => {
                let told = self.clients.entry(client.clone()).or_default();
                told.lost_at.get_or_insert(*at);
                self.tell(*at, client, format!("lost the session with {service}: {}", of_cause(*cause)));
            }
            Event::Settled { client, at: place } => {
                let told = self.clients.entry(client.clone()).or_default();
                let before = told.settled.replace(place.clone());
                let lost_at = told.lost_at.take();
                let home = told.home.as_ref() == Some(place);
                let what = match before {
                    None => format!("working at {place}"),
                    Some(before) if before == *place => format!("working at {place} again"),
                    Some(_) if home => format!("moved home to {place}"),
                    Some(_) => format!("moved to {place}"),
                };
                let news = lost_at.is_some() || !what.ends_with("again");
                if news {
                    self.tell(*at, client, what);
                }
            }
            Event::HealthSeen { service, up } => {
                self.tell(*at, host, format!("sees {service} {}", if *up { "up" } else { "down" }));
            }
            Event::Asked { operation } => {
                self.asked_at.insert(*operation, *at);
            }
            Event::Answered { operation, status, message } => {
                let Some(Operation { name, client, .. }) = self.operations.get(operation.index()).cloned() else {
                    return;
                };
                let told = match status {
                    0 => format!("addressed by the operator: {name}, no answer"),
                    200..300 => format!("addressed by the operator: {name}, answered {status}"),
                    _ => format!("addressed by the operator: {name}, refused with {status}{}", in_parentheses(message)),
                };
                self.tell(self.asked_at.get(operation).copied().unwrap_or(*at), &client, told);
            }
            Event::CommandHandled { operation } => {
                let Some(Operation { name, client, .. }) = self.operations.get(operation.index()).cloned() else {
                    return;
                };
                self.tell(*at, &client, format!("handled {name}"));
            }
            Event::CommandExpired { operation } => {
                let Some(Operation { name, client, .. }) = self.operations.get(operation.index()) else { return };
                let what = format!("throws {name} for {client} away: its time is over");
                self.tell(*at, host, what);
            }
            Event::Activated { destination, client, held } => {
                let Some(place) = self.destinations.get(destination.index()) else { return };
                let handed_over = match held {
                    0 => "with nothing to hand over".into(),
                    1 => "1 unacknowledged message handed over".into(),
                    held => format!("{held} unacknowledged messages handed over"),
                };
                let what = format!("active for {place}, {handed_over}");
                self.tell(*at, client, what);
            }
            Event::Refused { client, service, why } if self.consumers.contains(client) => {
                let told = self.clients.entry(client.clone()).or_default();
                if told.refused.as_ref() != Some(why) {
                    told.refused = Some(why.clone());
                    self.tell(*at, client, format!("refused by {service}: {why}"));
                }
            }
            Event::Connected { client, .. } => {
                if let Some(told) = self.clients.get_mut(client) {
                    told.refused = None;
                }
            }
            Event::Settling => self.fault(*at, "every fault has ended; nothing new is sent".into()),
            _ => {}
        }
    }
}

/// The code that a refusal names, such as 404103: Microsoft's services put one into every error.
fn in_parentheses(message: &str) -> String {
    let code = message.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6);
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

impl StoryLine {
    fn tells_of(&self, who: &str) -> bool {
        self.who.iter().any(|other| other == who)
    }

    /// Names whom it is about: a few by name, many by their number.
    pub fn subject(&self) -> Option<String> {
        match self.who.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            [first, second] => Some(format!("{first} and {second}")),
            [first, others @ ..] => Some(format!("{first} and {} others", others.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Cause, DestinationId};

    fn seen(events: &[(u64, &str, Event)]) -> Vec<String> {
        told_by(Story::default(), events)
    }
    fn told_by(mut story: Story, events: &[(u64, &str, Event)]) -> Vec<String> {
        for (at, host, event) in events {
            story.see(&Entry { at: Duration::from_secs(*at), host: (*host).into(), event: event.clone() });
        }
        let told =
            |line: &StoryLine| format!("{} {} {}", line.at.as_secs(), line.subject().unwrap_or_default(), line.what);
        story.lines(Duration::MAX).iter().map(told).collect()
    }

    fn assigned(client: &str, to: &str) -> Event {
        Event::Assigned { client: client.into(), to: to.into() }
    }
    fn settled(client: &str, at: &str) -> Event {
        Event::Settled { client: client.into(), at: at.into() }
    }
    fn lost(client: &str, service: &str) -> Event {
        Event::SessionLost { client: client.into(), service: service.into(), session: 1, cause: Cause::Silence }
    }

    #[test]
    fn a_device_that_moves_and_comes_home_is_told_from_assigned_to_home() {
        let told = seen(&[
            (1, "xyz", assigned("xyz", "hub-a")),
            (2, "xyz", settled("xyz", "hub-a")),
            (150, "xyz", lost("xyz", "hub-a")),
            (152, "xyz", assigned("xyz", "hub-b")),
            (153, "xyz", settled("xyz", "hub-b")),
            (500, "xyz", lost("xyz", "hub-b")),
            (502, "xyz", settled("xyz", "hub-a")),
        ]);
        assert_eq!(
            told,
            [
                "1 xyz assigned to hub-a",
                "2 xyz working at hub-a",
                "150 xyz lost the session with hub-a: silence",
                "152 xyz assigned to hub-b",
                "153 xyz moved to hub-b",
                "500 xyz lost the session with hub-b: silence",
                "502 xyz moved home to hub-a",
            ]
        );
    }

    #[test]
    fn many_clients_that_do_the_same_within_seconds_are_one_line() {
        let names: Vec<String> = (0..100).map(|number| format!("meter-{number}")).collect();
        let events: Vec<(u64, &str, Event)> =
            names.iter().enumerate().map(|(at, name)| (at as u64, &**name, lost(name, "hub-a"))).collect();
        assert_eq!(seen(&events), ["0 meter-0 and 99 others lost the session with hub-a: silence"]);
    }

    #[test]
    fn what_the_operator_asked_for_is_told_at_its_time_with_its_answer() {
        let operation = |client: &str| Operation {
            name: "method echo".into(),
            verb: "method",
            client: client.into(),
            host: "operator".into(),
            service: "central".into(),
            owes: crate::history::Owes::Nothing,
        };
        let operations = ["meter-0001", "meter-0002", "xyz"].map(operation).to_vec();
        let mut story = Story { operations, ..Story::default() };
        let mut see = |at: u64, event: Event| {
            story.see(&Entry { at: Duration::from_secs(at), host: "operator".into(), event });
        };
        let ids = [0, 1, 2].map(OperationId);
        ids.iter().for_each(|operation| see(60, Event::Asked { operation: *operation }));
        for (operation, status) in [(ids[0], 200), (ids[1], 200), (ids[2], 404)] {
            let message = r#"{"errorCode":404103,"message":"not online"}"#.to_owned();
            see(65, Event::Answered { operation, status, message });
        }
        let lines = story.lines(Duration::MAX);
        let told: Vec<String> =
            lines.iter().map(|l| format!("{} {} {}", l.at.as_secs(), l.subject().unwrap(), l.what)).collect();
        assert_eq!(
            told,
            [
                "60 meter-0001 and meter-0002 addressed by the operator: method echo, answered 200",
                "60 xyz addressed by the operator: method echo, refused with 404 (404103)",
            ]
        );
    }

    #[test]
    fn who_becomes_active_with_what_and_who_is_refused_is_told_once() {
        let client = |name: &str, receives| crate::history::Client {
            name: name.into(),
            host: name.into(),
            keep_alive: Duration::ZERO,
            needs: Vec::new(),
            producers: Vec::new(),
            placed: false,
            receives,
            room: None,
            rank: 0,
        };
        let place = DestinationId(0);
        let roster = Roster {
            destinations: vec![crate::history::Destination {
                name: "workers@west".into(),
                hosts: Vec::new(),
                via: Vec::new(),
                standing: false,
                mode: None,
            }],
            clients: vec![client("one", Some(place)), client("two", Some(place)), client("till", None)],
            ..Roster::default()
        };
        let active = |client: &str, held| Event::Activated { destination: place, client: client.into(), held };
        let refused = |client: &str| Event::Refused {
            client: client.into(),
            service: "broker-west".into(),
            why: "409 Exclusive consumer is already connected".into(),
        };
        let connected = Event::Connected { client: "two".into(), service: "broker-west".into(), session: 1 };
        let events = [
            (1, active("one", 0)),
            (2, refused("two")),
            (3, refused("two")),
            (4, refused("till")),
            (60, connected),
            (60, active("two", 3)),
            (90, refused("two")),
            (120, active("one", 1)),
        ];
        let told = told_by(Story::among(&roster), &events.map(|(at, event)| (at, "broker-west", event)));
        assert_eq!(
            told,
            [
                "1 one active for workers@west, with nothing to hand over",
                "2 two refused by broker-west: 409 Exclusive consumer is already connected",
                "60 two active for workers@west, 3 unacknowledged messages handed over",
                "90 two refused by broker-west: 409 Exclusive consumer is already connected",
                "120 one active for workers@west, 1 unacknowledged message handed over",
            ]
        );
    }

    #[test]
    fn the_same_client_losing_twice_is_two_lines() {
        let told = seen(&[(1, "xyz", lost("xyz", "hub-a")), (5, "xyz", lost("xyz", "hub-a"))]);
        assert_eq!(told.len(), 2);
    }
}
