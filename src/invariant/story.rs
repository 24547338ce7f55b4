//! A hand-written history, told step by step: a fixture that reads as a story.
//!
//! The world: device `xyz` in the field, homes `hub-a` (west) and `hub-b` (east), `dps`, and `central` with its
//! second receiver `central-2` (east). The operator asks central for a command, a method, two changes of desired
//! properties and another command. Everybody is up and the receivers are connected. Each step happens a second
//! after the one before, unless `after` says otherwise.
//!
//! Another world, of [`Story::sharing`]: producer `till` in the field publishes through `broker-west`, where
//! `consumer-1` and `consumer-2` (office) share `workers@west`. Nobody is connected yet.
use super::agreement::Panels;
use super::{ALL, Finding, Registration, Rules, Verdict};
use crate::history::{
    Cause, Client, Delivery, Destination, DestinationId, Entry, Event, Machine, MessageId, Name, Operation,
    OperationId, Owes, Power, Producer, ProducerId, Reason, Roster, Route, SubscriptionMode,
};
use std::time::Duration;

pub(super) const CENTRAL: DestinationId = DestinationId(0);
/// A command with ten minutes to live.
pub(super) const COMMAND: OperationId = OperationId(0);
/// A method with thirty seconds for its answer.
pub(super) const METHOD: OperationId = OperationId(1);
/// Two changes of desired properties.
pub(super) const DESIRED: [OperationId; 2] = [OperationId(2), OperationId(3)];
/// Another command like the first.
pub(super) const ANOTHER: OperationId = OperationId(4);

/// The subscription in the world of those who share.
pub(super) const WORKERS: DestinationId = DestinationId(0);

pub(super) fn message(number: u64) -> MessageId {
    MessageId { producer: ProducerId(0), number }
}

/// A message of the till.
pub(super) fn till(number: u64) -> MessageId {
    message(number)
}

pub(super) struct Story {
    registrations: &'static [Registration],
    rules: Rules,
    roster: Roster,
    panels: Option<Panels>,
    now: Option<Duration>,
    gap: Option<Duration>,
    session: u64,
    /// How many messages the till has published.
    published: u64,
}

impl Story {
    /// A story that one invariant judges.
    pub(super) fn of(name: &str) -> Self {
        Self::with(name, Rules::default())
    }
    pub(super) fn with(name: &str, rules: Rules) -> Self {
        let index = ALL.iter().position(|registration| registration.name == name).expect("the invariant is registered");
        let registrations = &ALL[index..=index];
        Self { registrations, rules, roster: roster(), panels: None, now: None, gap: None, session: 0, published: 0 }
    }
    /// A story of consumers that share a subscription in this way, each with room for four messages.
    pub(super) fn sharing(name: &str, mode: SubscriptionMode) -> Self {
        let roster = sharers(mode);
        Self { roster, ..Self::of(name) }
    }
    pub(super) fn ranking(mut self, client: &str, rank: u32) -> Self {
        self.roster.clients.iter_mut().filter(|one| &*one.name == client).for_each(|one| one.rank = rank);
        self
    }
    pub(super) fn promising(mut self, delivery: Delivery) -> Self {
        self.roster.routes[0].delivery = delivery;
        self
    }
    pub(super) fn unordered(mut self) -> Self {
        self.roster.routes[0].ordered = false;
        self
    }

    /// Lets the next step, or the end, come so many seconds after the last.
    pub(super) fn after(&mut self, seconds: u64) -> &mut Self {
        self.after_ms(seconds * 1000)
    }
    pub(super) fn after_ms(&mut self, millis: u64) -> &mut Self {
        self.gap = Some(Duration::from_millis(millis));
        self
    }
    /// Any event at all.
    pub(super) fn tell(&mut self, host: &str, event: Event) -> &mut Self {
        let gap = self.gap.take().unwrap_or(Duration::from_secs(1));
        let at = self.now.map_or(Duration::ZERO, |now| now + gap);
        self.now = Some(at);
        self.tell_at(at, host, event);
        self
    }
    fn tell_at(&mut self, at: Duration, host: &str, event: Event) {
        self.panels().see(&Entry { at, host: host.into(), event });
    }
    fn panels(&mut self) -> &mut Panels {
        let (roster, registrations, rules) = (&self.roster, self.registrations, &self.rules);
        self.panels.get_or_insert_with(|| {
            let mut panels = Panels::new(roster, registrations, rules);
            for machine in &roster.machines {
                let (at, host) = (Duration::ZERO, machine.name.clone());
                panels.see(&Entry { at, host, event: Event::Power { state: Power::On } });
            }
            let receivers =
                roster.clients.iter().map(|client| &*client.name).filter(|name| name.starts_with("central"));
            for client in receivers {
                let event = Event::Connected { client: client.into(), service: "hub-a".into(), session: 1 };
                panels.see(&Entry { at: Duration::ZERO, host: client.into(), event });
            }
            panels
        })
    }

    pub(super) fn offer(&mut self, number: u64) -> &mut Self {
        self.tell("xyz", Event::Offered { message: message(number), digest: number })
    }
    pub(super) fn send(&mut self, number: u64) -> &mut Self {
        let session = self.session;
        self.tell("xyz", Event::Sent { message: message(number), session, again: false })
    }
    pub(super) fn send_again(&mut self, number: u64) -> &mut Self {
        let session = self.session;
        self.tell("xyz", Event::Sent { message: message(number), session, again: true })
    }
    pub(super) fn confirm(&mut self, number: u64) -> &mut Self {
        self.tell("xyz", Event::Confirmed { message: message(number) })
    }
    pub(super) fn give_up(&mut self, number: u64, why: &'static str) -> &mut Self {
        self.tell("xyz", Event::GivenUp { message: message(number), why })
    }
    pub(super) fn dispatch(&mut self, number: u64, to: &str) -> &mut Self {
        self.tell("hub-a", Event::Dispatched { message: message(number), to: to.into(), again: false })
    }
    pub(super) fn deliver(&mut self, number: u64) -> &mut Self {
        self.tell("central", Event::Delivered { message: message(number), destination: CENTRAL })
    }
    pub(super) fn receive(&mut self, number: u64) -> &mut Self {
        self.tell("central", Event::Received { message: message(number), destination: CENTRAL, digest: number })
    }
    pub(super) fn ack(&mut self, number: u64) -> &mut Self {
        self.tell("central", Event::Acked { message: message(number), destination: CENTRAL })
    }

    /// Messages up to this one are published and confirmed, which takes no time.
    pub(super) fn publish(&mut self, number: u64) -> &mut Self {
        let at = self.now.unwrap_or_default();
        for number in self.published..=number {
            self.tell_at(at, "till", Event::Offered { message: till(number), digest: number });
            self.tell_at(at, "till", Event::Confirmed { message: till(number) });
        }
        self.published = self.published.max(number + 1);
        self
    }
    /// The broker gives a message, published before, to a consumer that it does not reach.
    pub(super) fn dispatch_only(&mut self, number: u64, to: &str) -> &mut Self {
        self.publish(number);
        self.tell("broker-west", Event::Dispatched { message: till(number), to: to.into(), again: false })
    }
    /// The same, and it reaches the consumer.
    pub(super) fn give(&mut self, number: u64, to: &str) -> &mut Self {
        self.dispatch_only(number, to);
        let at = self.now.unwrap_or_default();
        self.tell_at(at, to, Event::Delivered { message: till(number), destination: WORKERS });
        self
    }
    /// A consumer's application finishes a message, and the consumer acknowledges it.
    pub(super) fn finish(&mut self, number: u64, consumer: &str) -> &mut Self {
        let (message, destination) = (till(number), WORKERS);
        self.tell(consumer, Event::Received { message, destination, digest: number });
        let at = self.now.unwrap_or_default();
        self.tell_at(at, consumer, Event::Acked { message, destination });
        self
    }
    /// The broker gives a consumer a message, which it finishes.
    pub(super) fn take(&mut self, number: u64, consumer: &str) -> &mut Self {
        self.give(number, consumer).finish(number, consumer)
    }
    /// The broker lets a consumer in.
    pub(super) fn attach(&mut self, consumer: &str, session: u64) -> &mut Self {
        self.tell("broker-west", Event::SessionOpened { client: consumer.into(), session });
        let (at, service) = (self.now.unwrap_or_default(), "broker-west".into());
        self.tell_at(at, consumer, Event::Connected { client: consumer.into(), service, session });
        self
    }
    /// A consumer loses its session, and the broker knows.
    pub(super) fn detach(&mut self, consumer: &str, session: u64) -> &mut Self {
        let (client, service): (Name, Name) = (consumer.into(), "broker-west".into());
        self.tell(consumer, Event::SessionLost { client, service, session, cause: Cause::Eof });
        let at = self.now.unwrap_or_default();
        self.tell_at(at, "broker-west", Event::SessionEnded { client: consumer.into(), session, why: "closed" });
        self
    }
    /// The broker ends a consumer's session.
    pub(super) fn end_session(&mut self, consumer: &str, session: u64) -> &mut Self {
        self.tell("broker-west", Event::SessionEnded { client: consumer.into(), session, why: "removed" })
    }
    pub(super) fn connecting(&mut self, client: &str, service: &str) -> &mut Self {
        self.tell(client, Event::Connecting { client: client.into(), service: service.into() })
    }
    pub(super) fn activate(&mut self, consumer: &str, held: u64) -> &mut Self {
        let client = consumer.into();
        self.tell("broker-west", Event::Activated { destination: WORKERS, client, held })
    }

    pub(super) fn power(&mut self, host: &str, state: Power) -> &mut Self {
        self.tell(host, Event::Power { state })
    }
    pub(super) fn cut(&mut self, from: &str, to: &str) -> &mut Self {
        self.tell(from, Event::Cut { from: from.into(), to: to.into() })
    }
    pub(super) fn healed(&mut self, from: &str, to: &str) -> &mut Self {
        self.tell(from, Event::Healed { from: from.into(), to: to.into() })
    }

    /// xyz opens a session, and the service knows of it.
    pub(super) fn session(&mut self, service: &str, session: u64) -> &mut Self {
        self.session = session;
        self.tell(service, Event::SessionOpened { client: "xyz".into(), session });
        let at = self.now.unwrap_or_default();
        self.tell_at(at, "xyz", Event::Connected { client: "xyz".into(), service: service.into(), session });
        self
    }
    pub(super) fn settle(&mut self, at: &str) -> &mut Self {
        self.tell("xyz", Event::Settled { client: "xyz".into(), at: at.into() })
    }
    /// The client notices that its latest session is gone.
    pub(super) fn lost(&mut self, client: &str, service: &str) -> &mut Self {
        let session = if client == "xyz" { self.session } else { 1 };
        let (name, service): (Name, Name) = (client.into(), service.into());
        self.tell(client, Event::SessionLost { client: name, service, session, cause: Cause::Eof })
    }
    pub(super) fn service_ends(&mut self, service: &str, session: u64) -> &mut Self {
        self.tell(service, Event::SessionEnded { client: "xyz".into(), session, why: "removed" })
    }
    pub(super) fn refused(&mut self, client: &str, service: &str) -> &mut Self {
        let why = "connection refused".to_owned();
        self.tell(client, Event::Refused { client: client.into(), service: service.into(), why })
    }
    /// xyz learns where it belongs.
    pub(super) fn allocate(&mut self, to: &str, reason: Reason) -> &mut Self {
        self.tell("dps", Event::Allocated { client: "xyz".into(), to: to.into(), reason })
    }

    pub(super) fn ask(&mut self, operation: OperationId) -> &mut Self {
        self.tell("operator", Event::Asked { operation })
    }
    pub(super) fn answer(&mut self, operation: OperationId, status: u16) -> &mut Self {
        self.tell("operator", Event::Answered { operation, status, message: "in words".into() })
    }

    /// The run is over, and settled.
    pub(super) fn ends(&mut self) -> Ending {
        self.end(true)
    }
    /// The run was stopped early.
    pub(super) fn stops(&mut self) -> Ending {
        self.end(false)
    }
    fn end(&mut self, complete: bool) -> Ending {
        let now = self.now.unwrap_or_default() + self.gap.take().unwrap_or_default();
        self.now = Some(now);
        let findings = self.panels().finish(now, complete);
        Ending(findings.into_iter().next().expect("one invariant judges"))
    }
}

/// What the invariant found.
pub(super) struct Ending(Finding);

impl Ending {
    #[track_caller]
    pub(super) fn held(&self, checked: u64) {
        assert_eq!((self.0.verdict, self.0.checked), (Verdict::Held, checked), "{:#?}", self.0);
    }
    #[track_caller]
    pub(super) fn violated(&self, what: &str) -> &Self {
        let violations: Vec<&str> = self.0.violations.iter().map(|violation| &*violation.what).collect();
        assert_eq!(violations, [what]);
        assert_eq!(self.0.verdict, Verdict::Violated);
        self
    }
    /// The violation's custody has entries of these kinds.
    #[track_caller]
    pub(super) fn custody(&self, kinds: &[&str]) {
        let entries: Vec<String> = self.0.violations[0].custody.iter().map(|e| format!("{:?}", e.event)).collect();
        assert_eq!(entries.len(), kinds.len(), "{entries:?}");
        assert!(entries.iter().zip(kinds).all(|(entry, kind)| entry.starts_with(kind)), "{entries:?}");
    }
    #[track_caller]
    pub(super) fn not_exercised(&self) {
        self.not_exercised_but_checked(0);
    }
    #[track_caller]
    pub(super) fn not_exercised_but_checked(&self, checked: u64) {
        assert_eq!((self.0.verdict, self.0.checked), (Verdict::NotExercised, checked), "{:#?}", self.0);
    }
}

pub(super) fn roster() -> Roster {
    let machine = |(name, site): (&str, &str)| Machine { name: name.into(), site: site.into() };
    let names = |names: &[&str]| names.iter().map(|name| Name::from(*name)).collect::<Vec<Name>>();
    let client = |name: &str, needs: Vec<Vec<Name>>, producers: Vec<ProducerId>, placed| Client {
        name: name.into(),
        host: name.into(),
        keep_alive: Duration::from_secs(20),
        needs,
        producers,
        placed,
        receives: None,
        room: None,
        rank: 0,
    };
    let hubs = names(&["hub-a", "hub-b"]);
    let machines = [
        ("xyz", "field"),
        ("hub-a", "west"),
        ("hub-b", "east"),
        ("dps", "east"),
        ("central", "east"),
        ("central-2", "east"),
        ("operator", "east"),
    ];
    let operation = |(verb, name, owes): (&'static str, &str, Owes)| Operation {
        name: format!("{verb} {name}").into(),
        verb,
        client: "xyz".into(),
        host: "operator".into(),
        service: "central".into(),
        owes,
    };
    let ttl = Duration::from_secs(600);
    let operations = [
        ("command", "blink", Owes::Handling { ttl }),
        ("method", "echo", Owes::Answer { time_out: Duration::from_secs(30) }),
        ("desired", "fan: on", Owes::Desired),
        ("desired", "fan: off", Owes::Desired),
        ("command", "beep", Owes::Handling { ttl }),
    ];
    Roster {
        machines: machines.into_iter().map(machine).collect(),
        producers: vec![Producer { name: "xyz/telemetry".into(), host: "xyz".into() }],
        destinations: vec![Destination {
            name: "central".into(),
            hosts: names(&["central", "central-2"]),
            via: hubs.clone(),
            standing: true,
            mode: None,
        }],
        routes: vec![Route {
            producer: ProducerId(0),
            destination: CENTRAL,
            ordered: true,
            delivery: Delivery::AtLeastOnce,
        }],
        clients: vec![
            client("xyz", vec![names(&["dps"]), hubs.clone()], vec![ProducerId(0)], true),
            client("central", vec![hubs.clone()], Vec::new(), false),
            client("central-2", vec![hubs], Vec::new(), false),
        ],
        operations: operations.into_iter().map(operation).collect(),
    }
}

pub(super) fn sharers(mode: SubscriptionMode) -> Roster {
    let machine = |(name, site): (&str, &str)| Machine { name: name.into(), site: site.into() };
    let machines = [
        ("till", "field"),
        ("broker-west", "west"),
        ("broker-east", "east"),
        ("consumer-1", "office"),
        ("consumer-2", "office"),
    ];
    let client = |name: &str, receives: Option<DestinationId>| Client {
        name: name.into(),
        host: name.into(),
        keep_alive: Duration::from_secs(20),
        needs: vec![vec!["broker-west".into()]],
        producers: if receives.is_none() { vec![ProducerId(0)] } else { Vec::new() },
        placed: false,
        receives,
        room: receives.map(|_| 4),
        rank: 0,
    };
    Roster {
        machines: machines.map(machine).into(),
        producers: vec![Producer { name: "till".into(), host: "till".into() }],
        destinations: vec![Destination {
            name: "workers@west".into(),
            hosts: ["consumer-1", "consumer-2"].map(Name::from).into(),
            via: ["broker-west", "broker-east"].map(Name::from).into(),
            standing: true,
            mode: Some(mode),
        }],
        routes: vec![Route {
            producer: ProducerId(0),
            destination: WORKERS,
            ordered: mode != SubscriptionMode::Shared,
            delivery: Delivery::AtLeastOnce,
        }],
        clients: vec![client("till", None), client("consumer-1", Some(WORKERS)), client("consumer-2", Some(WORKERS))],
        operations: Vec::new(),
    }
}
