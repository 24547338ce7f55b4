use super::*;
use crate::history::{
    Delivery, Destination, DestinationId, Directory, Entry, Event, Machine, MessageId, Name, Outages, Power, Producer,
    ProducerId, Roster, Route,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const CENTRAL: DestinationId = DestinationId(0);
const LATE: DestinationId = DestinationId(1);

/// Two producers; `central` is entitled from the beginning, `late` when it has subscribed.
struct Books {
    custody: Custody,
    outages: Outages,
    now: Duration,
}

fn message(producer: u32, number: u64) -> MessageId {
    MessageId { producer: ProducerId(producer), number }
}

impl Books {
    fn new() -> Self {
        let machine = |name: &str| Machine { name: name.into(), site: "here".into() };
        let producer = |name: &str, host: &str| Producer { name: name.into(), host: host.into() };
        let destination = |name: &str, standing| Destination {
            name: name.into(),
            hosts: vec![name.into()],
            via: vec!["hub".into()],
            standing,
            mode: None,
        };
        let route = |producer, destination| Route {
            producer: ProducerId(producer),
            destination,
            ordered: true,
            delivery: Delivery::AtLeastOnce,
        };
        let roster = Arc::new(Roster {
            machines: ["xyz", "meter", "hub", "central", "late"].map(machine).into(),
            producers: vec![producer("xyz/telemetry", "xyz"), producer("meter/telemetry", "meter")],
            destinations: vec![destination("central", true), destination("late", false)],
            routes: vec![route(0, CENTRAL), route(1, CENTRAL), route(0, LATE)],
            ..Roster::default()
        });
        let directory = Arc::new(Directory::new(&roster));
        let mut books = Self {
            custody: Custody::new(roster, directory.clone()),
            outages: Outages::new(directory),
            now: Duration::ZERO,
        };
        for host in ["xyz", "meter", "hub", "central", "late"] {
            books.see(host, Event::Power { state: Power::On });
        }
        books
    }
    fn see(&mut self, host: &str, event: Event) -> Turn {
        self.now += Duration::from_millis(1);
        let entry = Entry { at: self.now, host: host.into(), event };
        let disturbance = self.outages.see(&entry);
        self.custody.see(&entry, &self.outages, disturbance)
    }
    fn offer(&mut self, message: MessageId) -> Turn {
        self.see("xyz", Event::Offered { message, digest: message.number })
    }
    fn confirm(&mut self, message: MessageId) -> Turn {
        self.see("xyz", Event::Confirmed { message })
    }
    fn receive(&mut self, message: MessageId, destination: DestinationId) -> Receipt {
        let host = if destination == CENTRAL { "central" } else { "late" };
        match self.see(host, Event::Received { message, destination, digest: message.number }) {
            Turn::Received { receipt, .. } => receipt,
            turn => panic!("{turn:?}"),
        }
    }
    fn power(&mut self, host: &str, state: Power) {
        self.see(host, Event::Power { state });
    }
    fn missing(&self) -> Vec<(MessageId, DestinationId)> {
        self.custody.missing().map(|(message, destination, _)| (message, destination)).collect()
    }
}

#[test]
fn what_is_offered_after_subscribed_is_owed_and_what_came_before_is_not() {
    let mut books = Books::new();
    books.offer(message(0, 0));
    books.see("late", Event::SubscribeStarted { destination: LATE });
    books.offer(message(0, 1));
    books.see("late", Event::Subscribed { destination: LATE });
    books.offer(message(0, 2));
    books.see("late", Event::Subscribed { destination: LATE });
    let owed: Vec<u64> = books.missing().iter().filter(|(_, to)| *to == LATE).map(|(m, _)| m.number).collect();
    assert_eq!(owed, [2]);
    assert!(matches!(books.receive(message(0, 1), LATE), Receipt::First { owed: false, .. }), "it may come");
}

#[test]
fn what_a_crash_leaves_unconfirmed_is_never_owed_but_what_a_stop_leaves_is() {
    let mut books = Books::new();
    books.offer(message(0, 0));
    books.offer(message(0, 1));
    books.confirm(message(0, 0));
    books.power("xyz", Power::Lost);
    assert_eq!(books.missing(), [(message(0, 0), CENTRAL)]);
    assert_eq!(books.custody.counts().indeterminate, 1);
    books.offer(message(1, 0));
    books.power("meter", Power::Stopped);
    books.power("meter", Power::On);
    books.power("meter", Power::Crashed);
    assert_eq!(books.missing(), [(message(0, 0), CENTRAL), (message(1, 0), CENTRAL)]);
}

#[test]
fn an_indeterminate_message_that_arrives_after_all_is_received_and_one_confirmed_later_is_owed_again() {
    let mut books = Books::new();
    books.offer(message(0, 0));
    books.offer(message(0, 1));
    books.power("xyz", Power::Crashed);
    assert_eq!(books.custody.counts().indeterminate, 2);
    books.receive(message(0, 0), CENTRAL);
    assert_eq!(books.custody.counts().indeterminate, 1);
    books.confirm(message(0, 1));
    let counts = books.custody.counts();
    assert_eq!((counts.indeterminate, counts.lost, counts.confirmed, counts.received), (0, 1, 1, 1));
    assert_eq!(books.missing(), [(message(0, 1), CENTRAL)]);
}

#[test]
fn a_long_run_leaves_nothing_open_and_nothing_in_flight() {
    let mut books = Books::new();
    for number in 0..20_000 {
        books.offer(message(0, number));
        books.receive(message(0, number), CENTRAL);
        books.see("central", Event::Acked { message: message(0, number), destination: CENTRAL });
        books.confirm(message(0, number));
    }
    assert!(books.custody.is_settled());
    books.now += Duration::from_secs(6);
    books.power("late", Power::On);
    assert_eq!((books.custody.open(), books.custody.flights(books.now)), (0, 0));
}

#[test]
fn a_destination_that_never_acks_leaves_no_flights_behind() {
    let mut books = Books::new();
    books.offer(message(0, 0));
    books.receive(message(0, 0), CENTRAL);
    assert_eq!(books.custody.flights(books.now), 1);
    books.now += Duration::from_secs(6);
    books.offer(message(0, 1));
    assert_eq!(books.custody.flights(books.now), 0);
}

/// Central and the hub are cut off from each other for 20 s; a second later the message comes, and is acknowledged.
/// So long after that its connection ends, and it comes again: has that a cause?
fn comes_again_after(seconds: u64) -> bool {
    let mut books = Books::new();
    let ends = |from: &str, to: &str| (Name::from(from), Name::from(to));
    let (from, to) = ends("central", "hub");
    books.see("central", Event::Cut { from, to });
    books.now += Duration::from_secs(20);
    let (from, to) = ends("central", "hub");
    books.see("central", Event::Healed { from, to });
    books.now += Duration::from_secs(1);
    books.offer(message(0, 0));
    books.see("hub", Event::Dispatched { message: message(0, 0), to: "central".into(), again: false });
    books.receive(message(0, 0), CENTRAL);
    books.see("central", Event::Acked { message: message(0, 0), destination: CENTRAL });
    books.now += Duration::from_secs(seconds);
    // The hub ends in this moment, as far as its connections are concerned.
    books.power("hub", Power::Crashed);
    books.power("hub", Power::On);
    matches!(books.receive(message(0, 0), CENTRAL), Receipt::Again { caused: true, .. })
}

#[test]
fn an_ack_behind_a_cut_is_on_its_way_for_as_long_as_that_lasted() {
    assert!(comes_again_after(2), "it may be in flight on any way");
    assert!(comes_again_after(22), "TCP waits longer and longer to try again");
    assert!(!comes_again_after(30));
}

#[test]
fn a_followed_message_has_its_whole_custody_with_the_faults_on_its_path() {
    let mut books = Books::new();
    books.custody.follow(message(0, 1));
    books.offer(message(0, 0));
    books.offer(message(0, 1));
    books.power("meter", Power::Lost);
    books.power("hub", Power::Lost);
    books.receive(message(0, 1), CENTRAL);
    let told: Vec<_> = books.custody.of(message(0, 1)).into_iter().map(|entry| (entry.host, entry.event)).collect();
    assert_eq!(
        told,
        [
            ("xyz".into(), Event::Offered { message: message(0, 1), digest: 1 }),
            ("hub".into(), Event::Power { state: Power::Lost }),
            ("central".into(), Event::Received { message: message(0, 1), destination: CENTRAL, digest: 1 }),
        ]
    );
}

#[test]
fn a_message_that_is_not_followed_still_has_what_is_known_of_it() {
    let mut books = Books::new();
    books.offer(message(0, 0));
    books.confirm(message(0, 0));
    let told: Vec<_> = books.custody.of(message(0, 0)).into_iter().map(|entry| entry.event).collect();
    assert_eq!(
        told,
        [Event::Offered { message: message(0, 0), digest: 0 }, Event::Confirmed { message: message(0, 0) }]
    );
    assert_eq!(books.custody.of(message(9, 9)), []);
}

#[test]
fn ids_that_nobody_knows_change_nothing_and_never_panic() {
    let mut books = Books::new();
    let (stranger, nowhere) = (message(77, 1), DestinationId(55));
    books.offer(stranger);
    books.confirm(stranger);
    assert_eq!(books.receive(stranger, CENTRAL), Receipt::Unexpected(Stranger::NeverOffered));
    books.offer(message(1, 0));
    assert_eq!(books.receive(message(1, 0), LATE), Receipt::Unexpected(Stranger::NoRoute));
    assert_eq!(books.receive(message(1, 0), nowhere), Receipt::Unexpected(Stranger::NoRoute));
    books.see("late", Event::Subscribed { destination: nowhere });
    books.see("nobody", Event::Power { state: Power::Lost });
    assert_eq!(books.custody.counts().received, 0);
}

/// The same rules, kept without any thrift: one record for each message there ever was.
#[derive(Clone, Debug, Default)]
struct Record {
    boot: u32,
    owed: BTreeSet<u32>,
    received: BTreeSet<u32>,
    confirmed: bool,
    given_up: bool,
    indeterminate: bool,
}

impl Record {
    fn missing(&self) -> BTreeSet<u32> {
        self.owed.difference(&self.received).copied().collect()
    }
    fn is_owed(&self) -> bool {
        !self.given_up && !self.indeterminate
    }
}

#[derive(Default)]
struct Model {
    records: Vec<Record>,
    boot: u32,
    subscribed: bool,
    repeats: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Offer,
    Confirm(usize),
    GiveUp(usize),
    Receive(usize, bool),
    Subscribe,
    EndBoot(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Offer),
        5 => (0usize..40).prop_map(Step::Confirm),
        1 => (0usize..40).prop_map(Step::GiveUp),
        9 => (0usize..40, any::<bool>()).prop_map(|(n, late)| Step::Receive(n, late)),
        1 => Just(Step::Subscribe),
        1 => any::<bool>().prop_map(Step::EndBoot),
    ];
    prop::collection::vec(step, 0..150)
}

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Offer => {
                let owed = if self.subscribed { [0, 1].into() } else { [0].into() };
                self.records.push(Record { boot: self.boot, owed, ..Record::default() });
            }
            Step::Confirm(n) => {
                if let Some(record) = self.records.get_mut(*n).filter(|record| !record.given_up) {
                    record.confirmed = true;
                    record.indeterminate = false;
                }
            }
            // A client never gives up what it saw confirmed.
            Step::GiveUp(n) => {
                if let Some(record) = self.records.get_mut(*n) {
                    record.given_up = true;
                }
            }
            Step::Receive(n, late) => {
                if let Some(record) = self.records.get_mut(*n) {
                    self.repeats += u64::from(!record.received.insert(u32::from(*late)));
                }
            }
            Step::Subscribe => self.subscribed = true,
            Step::EndBoot(by_accident) => {
                for record in self.records.iter_mut().filter(|r| r.boot == self.boot && r.is_owed() && !r.confirmed) {
                    record.indeterminate = *by_accident;
                }
                self.boot += 1;
            }
        }
    }
    fn is_awaited(&self, to: u32) -> bool {
        let last = |is_one: &dyn Fn(&Record) -> bool| self.records.iter().rposition(is_one);
        last(&|record| record.confirmed && record.owed.contains(&to)) > last(&|record| record.received.contains(&to))
    }
    fn missing(&self) -> Vec<(MessageId, DestinationId)> {
        let owed = self.records.iter().enumerate().filter(|(_, record)| record.is_owed());
        let missing = |(n, record): (usize, &Record)| {
            record.missing().into_iter().map(move |to| (message(0, n as u64), DestinationId(to))).collect::<Vec<_>>()
        };
        owed.flat_map(missing).collect()
    }
    fn counts(&self) -> Counts {
        let count = |what: fn(&Record) -> bool| self.records.iter().filter(|r| what(r)).count() as u64;
        Counts {
            offered: self.records.len() as u64,
            confirmed: count(|r| r.confirmed),
            received: self.records.iter().map(|r| r.received.len() as u64).sum(),
            duplicates: self.repeats,
            lost: self.missing().len() as u64,
            open: 0,
            given_up: count(|r| r.given_up),
            indeterminate: count(|r| r.indeterminate && !r.given_up && !r.missing().is_empty()),
        }
    }
}

proptest! {
    #[test]
    fn thrifty_books_agree_with_wasteful_ones(steps in steps()) {
        let (mut books, mut model) = (Books::new(), Model::default());
        for step in &steps {
            let known = |n: &usize| *n < model.records.len();
            let given_up = |n: &usize| known(n) && (model.records[*n].given_up || model.records[*n].confirmed);
            match step {
                Step::GiveUp(n) if !known(n) || given_up(n) => continue,
                Step::Confirm(n) if !known(n) || model.records[*n].given_up => continue,
                Step::Offer => { books.offer(message(0, model.records.len() as u64)); }
                Step::Confirm(n) => { books.confirm(message(0, *n as u64)); }
                Step::GiveUp(n) => {
                    books.see("xyz", Event::GivenUp { message: message(0, *n as u64), why: "full" });
                }
                Step::Receive(n, late) => {
                    let receipt = books.receive(message(0, *n as u64), DestinationId(u32::from(*late)));
                    let again = known(n) && model.records[*n].received.contains(&u32::from(*late));
                    match receipt {
                        Receipt::Unexpected(_) => prop_assert!(!known(n)),
                        Receipt::First { .. } => prop_assert!(known(n) && !again),
                        Receipt::Again { .. } => prop_assert!(again),
                    }
                }
                Step::Subscribe => { books.see("late", Event::Subscribed { destination: LATE }); }
                Step::EndBoot(by_accident) => {
                    books.power("xyz", if *by_accident { Power::Lost } else { Power::Stopped });
                    books.power("xyz", Power::On);
                }
            }
            model.apply(step);
            prop_assert_eq!(books.missing(), model.missing());
            let open = model.records.iter().filter(|r| r.is_owed() && !(r.confirmed && r.missing().is_empty())).count();
            prop_assert_eq!(books.custody.open(), open);
            prop_assert_eq!(books.custody.counts(), model.counts());
            for to in [CENTRAL, LATE] {
                prop_assert_eq!(books.custody.is_awaited(to), model.is_awaited(to.0));
            }
        }
    }
}
