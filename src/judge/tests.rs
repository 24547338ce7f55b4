use super::*;
use crate::history::samples::about_messages;
use crate::history::{
    Cause, Client, Delivery, Destination, DestinationId, Directory, Machine, Name, Power, Producer, ProducerId, Reason,
    Route,
};
use crate::invariant::Verdict;

const CENTRAL: DestinationId = DestinationId(0);

fn message(producer: u32, number: u64) -> MessageId {
    MessageId { producer: ProducerId(producer), number }
}

/// So many devices, two hubs, one central.
fn roster(devices: u32) -> Arc<Roster> {
    let name = |device: u32| Name::from(format!("meter-{device:04}"));
    let hubs: Vec<Name> = vec!["hub-a".into(), "hub-b".into()];
    let fixed = [("hub-a", "west"), ("hub-b", "east"), ("dps", "east"), ("central", "east")];
    let machines = fixed.map(|(name, site)| Machine { name: name.into(), site: site.into() }).into_iter();
    Arc::new(Roster {
        machines: machines.chain((0..devices).map(|d| Machine { name: name(d), site: "field".into() })).collect(),
        producers: (0..devices)
            .map(|d| Producer { name: format!("{}/telemetry", name(d)).into(), host: name(d) })
            .collect(),
        destinations: vec![Destination {
            name: "central".into(),
            hosts: vec!["central".into()],
            via: hubs.clone(),
            standing: true,
            mode: None,
        }],
        routes: (0..devices)
            .map(|d| Route {
                producer: ProducerId(d),
                destination: CENTRAL,
                ordered: true,
                delivery: Delivery::ExactlyOnce,
            })
            .collect(),
        clients: (0..devices)
            .map(|d| Client {
                name: name(d),
                host: name(d),
                keep_alive: Duration::from_secs(20),
                needs: vec![vec!["dps".into()], hubs.clone()],
                producers: vec![ProducerId(d)],
                placed: true,
                receives: None,
                room: None,
                rank: 0,
            })
            .collect(),
        operations: Vec::new(),
    })
}

struct Run {
    judge: Judge,
    now: Duration,
}

impl Run {
    fn new(judge: Judge, roster: &Roster) -> Self {
        let mut run = Self { judge, now: Duration::ZERO };
        for machine in &roster.machines {
            run.see(&machine.name, Event::Power { state: Power::On });
        }
        run
    }
    fn see(&mut self, host: &str, event: Event) {
        self.judge.see(&Entry { at: self.now, host: host.into(), event });
    }
    fn after(&mut self, millis: u64) -> &mut Self {
        self.now += Duration::from_millis(millis);
        self
    }
    fn life(&mut self, name: &Name, message: MessageId) {
        let digest = message.number;
        self.see(name, Event::Offered { message, digest });
        self.see(name, Event::Sent { message, session: 1, again: false });
        self.see("hub-a", Event::Stored { message });
        self.see(name, Event::Confirmed { message });
        self.see("central", Event::Received { message, destination: CENTRAL, digest });
        self.see("central", Event::Acked { message, destination: CENTRAL });
    }
    fn session(&mut self, hub: &str, session: u64) {
        let client: Name = "meter-0000".into();
        self.see(hub, Event::SessionOpened { client: client.clone(), session });
        self.see("meter-0000", Event::Connected { client: client.clone(), service: hub.into(), session });
        self.see("meter-0000", Event::Settled { client, at: hub.into() });
    }
    fn allocate(&mut self, hub: &str, reason: Reason) {
        self.see("dps", Event::Allocated { client: "meter-0000".into(), to: hub.into(), reason });
        self.see("meter-0000", Event::Assigned { client: "meter-0000".into(), to: hub.into() });
    }
    fn lost(&mut self, hub: &str, session: u64, cause: Cause) {
        let (client, service) = (Name::from("meter-0000"), Name::from(hub));
        self.see("meter-0000", Event::SessionLost { client, service, session, cause });
    }
}

#[test]
fn messages_are_nothing_to_what_becomes_of_clients() {
    let roster = roster(1);
    let (mut clients, directory) = (Clients::new(&roster), Directory::new(&roster));
    let before = format!("{clients:?}");
    for entry in about_messages() {
        clients.see(&entry, &directory);
        assert_eq!(format!("{clients:?}"), before, "{entry:?}");
    }
}

#[test]
fn a_settling_run_is_settled_when_the_last_debt_is_paid() {
    let roster = roster(1);
    let mut run = Run::new(Judge::new(roster.clone(), &Rules::default()), &roster);
    run.session("hub-a", 1);
    run.see("meter-0000", Event::Offered { message: message(0, 0), digest: 0 });
    run.see("meter-0000", Event::Confirmed { message: message(0, 0) });
    run.see("central", Event::Settling);
    assert!(!run.judge.is_settled());
    run.after(5).see("central", Event::Received { message: message(0, 0), destination: CENTRAL, digest: 0 });
    assert!(run.judge.is_settled() && !run.judge.has_seen_enough());
}

#[test]
fn a_settling_run_waits_for_a_client_that_has_no_progress_yet() {
    let roster = roster(1);
    let mut run = Run::new(Judge::new(roster.clone(), &Rules::default()), &roster);
    run.session("hub-a", 1);
    run.lost("hub-a", 1, Cause::Reset);
    run.see("central", Event::Settling);
    assert!(!run.judge.is_settled());
    run.session("hub-a", 2);
    assert!(run.judge.is_settled());
}

#[test]
fn nothing_is_settled_before_the_settling_time() {
    let roster = roster(1);
    let mut run = Run::new(Judge::new(roster.clone(), &Rules::default()), &roster);
    run.life(&"meter-0000".into(), message(0, 0));
    assert!(!run.judge.is_settled());
}

#[test]
fn a_hunt_is_over_at_the_first_violation_and_judges_no_losses() {
    let roster = roster(1);
    let judge = Judge::new(roster.clone(), &Rules::default()).stopping_at_the_first_violation();
    let mut run = Run::new(judge, &roster);
    run.see("meter-0000", Event::Offered { message: message(0, 0), digest: 0 });
    run.see("central", Event::Received { message: message(0, 7), destination: CENTRAL, digest: 0 });
    assert!(run.judge.has_seen_enough());
    let findings = run.judge.finish(run.now);
    let verdict = |name| findings.finding(name).map(|finding| finding.verdict);
    assert_eq!(verdict("no-invention"), Some(Verdict::Violated));
    assert_eq!(verdict("no-loss"), Some(Verdict::NotExercised));
    assert_eq!(findings.first_violation().map(|(name, _)| name), Some("no-invention"));
    assert!(!findings.complete && !findings.is_clean());
}

#[test]
fn what_is_on_its_way_when_a_run_is_interrupted_is_neither_lost_nor_judged() {
    let roster = roster(1);
    let offered = |run: &mut Run| run.see("meter-0000", Event::Offered { message: message(0, 0), digest: 0 });
    let mut run = Run::new(Judge::new(roster.clone(), &Rules::default()), &roster);
    offered(&mut run);
    run.judge.interrupt();
    let findings = run.judge.finish(run.now);
    assert!(!findings.complete && findings.is_clean());
    assert_eq!(findings.messages.lost, 0);
    let mut whole = Run::new(Judge::new(roster.clone(), &Rules::default()), &roster);
    offered(&mut whole);
    let findings = whole.judge.finish(whole.now);
    assert!(findings.complete && !findings.is_clean());
    assert_eq!(findings.messages.lost, 1);
}

#[test]
fn a_bound_that_runs_out_in_silence_is_found_by_a_tick_at_the_deadline() {
    let roster = roster(1);
    let judge = Judge::new(roster.clone(), &Rules::default()).stopping_at_the_first_violation();
    let mut run = Run::new(judge, &roster);
    run.lost("hub-a", 1, Cause::Eof);
    let deadline = run.judge.next_deadline().unwrap();
    assert_eq!(deadline, Duration::from_secs(180) + Duration::from_nanos(1));
    run.judge.tick(deadline - Duration::from_nanos(1));
    assert!(!run.judge.has_seen_enough());
    run.judge.tick(deadline);
    assert!(run.judge.has_seen_enough());
}

#[test]
fn a_waived_invariant_is_listed_with_its_reason_and_never_violated() {
    let roster = roster(1);
    let rules = Rules { waived: [("no-loss".to_owned(), "a demo".to_owned())].into(), ..Rules::default() };
    let mut run = Run::new(Judge::new(roster.clone(), &rules), &roster);
    run.see("meter-0000", Event::Offered { message: message(0, 0), digest: 0 });
    let findings = run.judge.finish(run.now);
    let finding = findings.finding("no-loss").unwrap();
    assert_eq!((finding.verdict, finding.waived.as_deref()), (Verdict::NotExercised, Some("a demo")));
    assert_eq!(findings.invariants.len(), ALL.len());
    assert!(findings.invariants.iter().zip(ALL).all(|(finding, registration)| finding.name == registration.name));
}

#[test]
fn findings_tell_of_reconnects_and_moves() {
    let roster = roster(1);
    let mut run = Run::new(Judge::new(roster.clone(), &Rules::default()), &roster);
    run.allocate("hub-a", Reason::Initial);
    run.session("hub-a", 1);
    run.life(&"meter-0000".into(), message(0, 0));
    run.after(1000).see("hub-a", Event::Power { state: Power::Lost });
    run.after(30_000).lost("hub-a", 1, Cause::Silence);
    run.after(2000).allocate("hub-b", Reason::Failover);
    run.after(500).session("hub-b", 2);
    let findings = run.judge.finish(run.now);
    let client = &findings.clients[0];
    assert_eq!(
        (client.reconnects, client.reconnect_times.map(|times| times.max)),
        (1, Some(Duration::from_millis(2500)))
    );
    let moved = Move { at: Duration::from_millis(33_500), from: "hub-a".into(), to: "hub-b".into() };
    assert_eq!(client.moves, [moved]);
    assert_eq!(findings.messages.received, 1);
}

#[test]
fn custody_of_a_followed_message_comes_with_its_violation() {
    let roster = roster(1);
    let judge = Judge::new(roster.clone(), &Rules::default()).following(message(0, 0));
    let mut run = Run::new(judge, &roster);
    run.see("meter-0000", Event::Offered { message: message(0, 0), digest: 0 });
    run.see("hub-a", Event::Stored { message: message(0, 0) });
    let findings = run.judge.finish(run.now);
    let custody = &findings.finding("no-loss").unwrap().violations[0].custody;
    assert_eq!(custody.iter().map(|entry| &*entry.host).collect::<Vec<_>>(), ["meter-0000", "hub-a"]);
}

/// 120,000 messages of a fleet of 1,000 devices through an attack. Prints what an entry costs; see the bar in
/// the design: the whole fleet has 5 s.
#[test]
fn a_fleets_history_is_judged_in_passing() {
    let roster = roster(1000);
    let mut run = Run::new(Judge::new(roster.clone(), &Rules::default()), &roster);
    let names: Vec<Name> = roster.clients.iter().map(|client| client.name.clone()).collect();
    let started = cpu_time();
    for number in 0..120 {
        for (device, name) in names.iter().enumerate() {
            run.after(5).life(name, message(device as u32, number));
        }
        if number % 40 == 10 {
            run.see("hub-a", Event::Power { state: Power::Lost });
        }
        if number % 40 == 30 {
            run.see("hub-a", Event::Power { state: Power::On });
        }
    }
    let took = cpu_time() - started;
    let findings = run.judge.finish(run.now);
    let per_entry = took.as_nanos() / u128::from(findings.entries);
    println!("{} entries in {took:?}, {per_entry} ns each", findings.entries);
    assert_eq!(findings.messages.received, 120_000);
    assert_eq!(findings.finding("no-loss").map(|f| (f.verdict, f.checked)), Some((Verdict::Held, 120_000)));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// The processor time of this process: `Instant` is not for tests of a deterministic harness.
fn cpu_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = schedstat.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}
