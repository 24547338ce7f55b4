//! The situation at a moment, for a person: a few lines for each host that has something to tell.
use super::text::{Palette, counted, stopwatch};
use super::visible::visible;
use crate::history::{DestinationId, MessageId, Name, OperationId, Power, Roster};
use crate::situation::{Condition, Errand, HostState, Running, Situation};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Hosts that are told one by one.
const HOSTS: usize = 30;

/// Names in one list, and runs of messages.
const NAMES: usize = 6;

/// Writes the situation of the hosts that are wanted. Where there are many, those in trouble or with something in hand
/// come first, and the rest is counted.
pub fn render_situation(
    situation: &Situation,
    roster: &Roster,
    at: Duration,
    wanted: impl Fn(&str) -> bool,
    palette: Palette,
) -> String {
    let hosts: Vec<&HostState> = situation.hosts().iter().filter(|state| wanted(&state.name)).collect();
    let mut told: BTreeSet<&Name> = BTreeSet::new();
    for quiet in [false, true] {
        let these = hosts.iter().filter(|state| quiet == (state.condition.is_plain() && state.is_idle()));
        let room = HOSTS - told.len();
        told.extend(these.take(room).map(|state| &state.name));
    }
    let width = told.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut out = format!("\n  the situation at {}:\n", stopwatch(at));
    for state in hosts.iter().filter(|state| told.contains(&state.name)) {
        let mut lines = vec![condition(&state.condition)];
        lines.extend(Teller { roster, state }.lines());
        for (index, line) in lines.iter().enumerate() {
            let name = if index == 0 { visible(&state.name) } else { "".into() };
            let line = if index == 0 && !state.condition.is_plain() { palette.bad(line) } else { line.clone() };
            out += &format!("    {name:<width$}  {line}\n");
        }
    }
    out += &nowhere(situation, roster, &wanted, palette);
    match hosts.len() - told.len() {
        0 => {}
        1 => out += "    and one more host\n",
        more => out += &format!("    and {} more hosts; `--host` tells of one\n", counted(more as u64)),
    }
    out
}

/// What nobody has any more, of the producers on hosts that are wanted.
fn nowhere(situation: &Situation, roster: &Roster, wanted: impl Fn(&str) -> bool, palette: Palette) -> String {
    let of_wanted = |message: &&MessageId| {
        roster.producers.get(message.producer.index()).is_some_and(|producer| wanted(&producer.host))
    };
    let messages: Vec<MessageId> = situation.nowhere().iter().filter(of_wanted).copied().collect();
    if messages.is_empty() {
        return String::new();
    }
    let line = list(roster, "confirmed, and neither stored nor with all who are owed it", messages.into_iter());
    format!("    {}\n", palette.bad(&visible(&line)))
}

/// `3 sent and not confirmed: xyz/telemetry #126 to #128`.
fn list(roster: &Roster, how: &str, messages: impl Iterator<Item = MessageId>) -> String {
    let mut count = 0;
    let mut runs: Vec<(MessageId, u64)> = Vec::new();
    for message in messages {
        count += 1;
        match runs.last_mut() {
            Some((first, last)) if first.producer == message.producer && *last + 1 == message.number => {
                *last = message.number;
            }
            _ => runs.push((message, message.number)),
        }
    }
    let runs = runs.into_iter().map(|(first, last)| match last - first.number {
        0 => roster.message(first),
        1 => format!("{} and #{last}", roster.message(first)),
        _ => format!("{} to #{last}", roster.message(first)),
    });
    format!("{} {how}: {}", counted(count), listed(&runs.collect::<Vec<_>>()))
}

fn condition(condition: &Condition) -> String {
    let mut words = vec![match condition.running {
        Running::NotYet => "not started yet".to_owned(),
        Running::Up(since) => format!("up since {}", stopwatch(since)),
        Running::Frozen(since) => format!("frozen since {}", stopwatch(since)),
        Running::Down(power, since) => {
            let how = match power {
                Power::Crashed => "crashed",
                Power::Stopped => "stopped",
                _ => "without power",
            };
            format!("{how} since {}", stopwatch(since))
        }
    }];
    words.extend(condition.cuts().map(|(from, to)| format!("cut: {from} to {to}")));
    words.extend(condition.holds().map(|(from, to)| format!("held: {from} to {to}")));
    words.extend(condition.faults().map(str::to_owned));
    visible(&words.join("; ")).into_owned()
}

/// Tells of one host.
struct Teller<'a> {
    roster: &'a Roster,
    state: &'a HostState,
}

impl Teller<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.sessions(&mut lines);
        self.places(&mut lines);
        self.messages(&mut lines);
        self.errands(&mut lines);
        lines.into_iter().map(|line| visible(&line).into_owned()).collect()
    }

    fn sessions(&self, lines: &mut Vec<String>) {
        let state = self.state;
        let sessions = state.sessions.iter().map(|((client, number), session)| {
            let who = if *client == state.name { String::new() } else { format!("{client}: ") };
            format!("{who}session {number} with {} since {}", session.service, stopwatch(session.since))
        });
        lines.extend(sessions);
        for (service, since) in state.connecting.values() {
            lines.push(format!("connects to {service} since {}", stopwatch(*since)));
        }
        let served: Vec<String> =
            state.serves.keys().map(|(client, number)| format!("{client} (session {number})")).collect();
        if !served.is_empty() {
            lines.push(format!("serves {}", listed(&served)));
        }
    }

    fn places(&self, lines: &mut Vec<String>) {
        let state = self.state;
        for (client, at) in &state.works_at {
            let who = if *client == state.name { String::new() } else { format!("{client} ") };
            lines.push(format!("{who}works at {at}"));
        }
        for (client, to) in state.assigned.iter().filter(|(client, to)| state.works_at.get(*client) != Some(*to)) {
            let who = if *client == state.name { String::new() } else { format!("{client} ") };
            lines.push(format!("{who}was assigned to {to}, and does not work there"));
        }
        let mut sent: BTreeMap<&Name, Vec<String>> = BTreeMap::new();
        for (client, to) in &state.allocated {
            sent.entry(to).or_default().push(client.to_string());
        }
        lines.extend(sent.iter().map(|(to, clients)| format!("has sent to {to}: {}", listed(clients))));
        let down: Vec<String> = state.sees_down.iter().map(ToString::to_string).collect();
        if !down.is_empty() {
            lines.push(format!("sees down: {}", listed(&down)));
        }
        for (destination, client) in &state.active {
            lines.push(format!("{client} is the active one of {}", self.roster.destination_name(*destination)));
        }
    }

    fn messages(&self, lines: &mut Vec<String>) {
        let state = self.state;
        let outbox = &state.outbox;
        for (these, how) in [
            (&outbox.queued, "accepted and not sent yet"),
            (&outbox.sent, "sent and not confirmed"),
            (&outbox.uncertain, "not confirmed when its last boot ended"),
        ] {
            if !these.is_empty() {
                lines.push(list(self.roster, how, these.iter().copied()));
            }
        }
        for (destination, these) in state.shelf.by_destination() {
            let name = self.roster.destination_name(destination);
            let verb = if self.acknowledges(destination) { "acknowledged" } else { "handled" };
            let (sent, waiting): (Vec<_>, Vec<_>) = these.iter().partition(|(_, to)| to.is_some());
            if !waiting.is_empty() {
                let how = format!("stored for {name} and not sent on");
                lines.push(list(self.roster, &how, waiting.iter().map(|(message, _)| **message)));
            }
            let mut by_holder: BTreeMap<&Name, Vec<MessageId>> = BTreeMap::new();
            for (message, to) in sent {
                by_holder.entry(to.as_ref().unwrap_or(&state.name)).or_default().push(*message);
            }
            for (holder, messages) in by_holder {
                let how = format!("stored for {name}, sent to {holder} and not {verb}");
                lines.push(list(self.roster, &how, messages.into_iter()));
            }
        }
        for (these, how) in [
            (&state.inbox.unhandled, "in hand and not handled"),
            (&state.inbox.unacked, "handled and not acknowledged"),
        ] {
            let destinations: BTreeSet<DestinationId> = these.iter().map(|(destination, _)| *destination).collect();
            for destination in destinations {
                let messages = these.iter().filter(|(other, _)| *other == destination).map(|(_, message)| *message);
                let how = format!("{how}, for {}", self.roster.destination_name(destination));
                lines.push(list(self.roster, &how, messages));
            }
        }
        for (client, number) in &state.unreported {
            lines.push(format!("properties of {client} reported up to number {number}, and not confirmed"));
        }
    }

    fn acknowledges(&self, destination: DestinationId) -> bool {
        self.roster.destinations.get(destination.index()).is_some_and(|destination| destination.mode.is_some())
    }

    fn errands(&self, lines: &mut Vec<String>) {
        let mut kinds: BTreeMap<&str, Vec<OperationId>> = BTreeMap::new();
        for (operation, errand) in &self.state.errands {
            let how = match errand {
                Errand::Asked => "asked for and not answered",
                Errand::Queued => "kept for the device",
                Errand::Dispatched => "sent to the device and not acknowledged",
                Errand::Delivered => "in hand and not handled",
                Errand::Handled => "handled and not acknowledged",
            };
            kinds.entry(how).or_default().push(*operation);
        }
        for (how, operations) in kinds {
            let names: Vec<String> = operations
                .iter()
                .map(|operation| format!("{} (op-{})", self.roster.operation(*operation), operation.0))
                .collect();
            lines.push(format!("{} {how}: {}", counted(names.len() as u64), listed(&names)));
        }
    }
}

fn listed(names: &[String]) -> String {
    match names.len().saturating_sub(NAMES) {
        0 => names.join(", "),
        more => format!("{} and {} more", names[..NAMES].join(", "), counted(more as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Cause, Entry, Event, Machine, ProducerId, Witness};
    use crate::situation::tests::roster;

    fn seen(roster: &Roster, events: &[(u64, &str, Event)]) -> Situation {
        let mut situation = Situation::new(roster);
        for (at, host, event) in events {
            situation.see(&Entry { at: Duration::from_secs(*at), host: (*host).into(), event: event.clone() });
        }
        situation
    }

    fn told(situation: &Situation, roster: &Roster, wanted: impl Fn(&str) -> bool) -> String {
        render_situation(situation, roster, Duration::from_secs(60), wanted, Palette::plain())
    }

    /// Everything that can be told, once.
    #[test]
    fn each_host_tells_its_condition_its_sessions_and_what_it_holds() {
        let roster = roster();
        let on = |host| (0, host, Event::Power { state: Power::On });
        let telemetry = |number| MessageId { producer: ProducerId(0), number };
        let order = |number| MessageId { producer: ProducerId(1), number };
        let offered = |number| (3, "xyz", Event::Offered { message: telemetry(number), digest: 0 });
        let sent = |number| (4, "xyz", Event::Sent { message: telemetry(number), session: 2, again: false });
        let stored = |number| (5, "hub-a", Event::Stored { message: telemetry(number) });
        let (workers, operation) = (DestinationId(1), OperationId(0));
        let connected = Event::Connected { client: "xyz".into(), service: "hub-a".into(), session: 2 };
        let mut events: Vec<_> = ["xyz", "one", "till", "hub-a", "hub-b", "central", "broker"].map(on).to_vec();
        events.extend([(1, "xyz", connected), (2, "xyz", Event::Settled { client: "xyz".into(), at: "hub-a".into() })]);
        events.extend([1, 2, 3, 4, 7, 9].map(offered));
        events.extend([1, 2, 3, 7].map(sent));
        events.extend([(1, "hub-a", Event::SessionOpened { client: "xyz".into(), session: 2 }), stored(1), stored(2)]);
        events.push((6, "xyz", Event::Reported { client: "xyz".into(), number: 4 }));
        events.push((6, "central", Event::CommandQueued { operation }));
        events.push((6, "hub-a", Event::CommandQueued { operation }));
        events.push((6, "hub-a", Event::CommandDispatched { operation, again: false }));
        events.push((7, "one", Event::SubscribeStarted { destination: workers }));
        events.push((7, "broker", Event::SessionOpened { client: "one".into(), session: 1 }));
        events.push((7, "broker", Event::Activated { destination: workers, client: "one".into(), held: 0 }));
        for number in 0..3 {
            events.push((8, "broker", Event::Stored { message: order(number) }));
        }
        events.push((8, "broker", Event::Dispatched { message: order(0), to: "one".into(), again: false }));
        events.push((9, "one", Event::Delivered { message: order(0), destination: workers }));
        events.push((10, "hub-a", Event::Power { state: Power::Lost }));
        events.push((11, "hub-b", Event::Power { state: Power::Frozen }));
        events.push((12, "till", Event::Connecting { client: "till".into(), service: "broker".into() }));
        events.push((13, "field", Event::Cut { from: "field".into(), to: "west".into() }));
        events.push((14, "broker", Event::Fault { text: "full disk".into(), on: true }));
        events.push((15, "xyz", Event::Confirmed { message: telemetry(7) }));
        let cause = Cause::Silence;
        let lost = |session| Event::SessionLost { client: "two".into(), service: "broker".into(), session, cause };
        events.push((15, "two", lost(1)));
        insta::assert_snapshot!(told(&seen(&roster, &events), &roster, |_| true));
    }

    #[test]
    fn of_many_hosts_those_in_trouble_are_told_and_the_rest_is_counted() {
        let machine = |number: usize| Machine { name: format!("m-{number:03}").into(), site: "field".into() };
        let roster = Roster { machines: (0..100).map(machine).collect(), ..Roster::default() };
        let mut events: Vec<(u64, &str, Event)> =
            roster.machines.iter().map(|machine| (1, &*machine.name, Event::Power { state: Power::On })).collect();
        events.push((2, "m-077", Event::Power { state: Power::Crashed }));
        let situation = seen(&roster, &events);
        let text = told(&situation, &roster, |_| true);
        assert!(text.contains("m-077  crashed since 0:02.000") && text.contains("and 70 more hosts"), "{text}");
        let text = told(&situation, &roster, |host| host == "m-042");
        assert!(text.contains("m-042  up") && text.lines().count() == 3, "{text}");
    }
}
