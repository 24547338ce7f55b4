//! A producer, two consumers and the real broker under attack: nothing is lost, repeated without a cause or out of turn.
use crate::world::{
    API_KEY, BROKER, CONSUMERS, Played, SECOND, TRAFFIC, consumer, consumer_plan, over, part, play, producer_plan, till,
};
use giant_lizard::engines::Part;
use giant_lizard::history::{DestinationId, Event, SubscriptionMode};
use giant_lizard::invariant::Verdict;
use giant_lizard::streams::broker::broker;
use giant_lizard::streams::knobs::{Acks, BrokerKnobs, ReadsAnswers};
use giant_lizard::streams::plan::{
    BrokerPlan, ConsumerPlan, HalfOpen, ProducerPlan, Selection, SubscriptionPlan, UnknownStream,
};
use lizard_sim::{Dice, Fault, dice};
use rand::RngExt as _;
use std::ops::Range;
use std::time::Duration;

const SEEDS: Range<u64> = 0..20;

fn broker_plan() -> BrokerPlan {
    BrokerPlan {
        host: BROKER.into(),
        site: "west".into(),
        region: "west".into(),
        others: vec![],
        subscriptions: vec![SubscriptionPlan {
            name: "workers".into(),
            topic: "c8globals.orders".into(),
            destination: DestinationId(0),
            selection: Selection::FirstConnected,
            delay: SECOND,
        }],
        unknown_stream: UnknownStream::Creates,
        half_open: HalfOpen::Probed,
        ping: 30 * SECOND,
        time_to_live: 72 * 3600 * SECOND,
        knobs: BrokerKnobs::default(),
    }
}

fn fast_producer() -> ProducerPlan {
    ProducerPlan { every: SECOND / 5, ..producer_plan() }
}

fn parts(producer: ProducerPlan, consumers: impl Fn(&str) -> ConsumerPlan) -> Vec<Part> {
    let plan = broker_plan();
    let broker = part(BROKER, "west", move |host| broker(host, plan.clone(), API_KEY.to_owned()));
    [broker, till(producer)].into_iter().chain(CONSUMERS.map(|name| consumer(consumers(name)))).collect()
}

/// Who is struck, how, and for how long.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Crash,
    PowerLoss,
    Freeze,
    Stop,
}

fn strike(dice: &mut Dice, host: &str, blow: Blow, at: Range<u64>) -> Vec<(Duration, Fault)> {
    let at = SECOND * dice.random_range(at) as u32 + Duration::from_millis(dice.random_range(0..1000));
    let until = at + Duration::from_millis(dice.random_range(1_000..20_000));
    let host = host.to_owned();
    let boot = Fault::Boot { host: host.clone() };
    let (begins, ends) = match blow {
        Blow::Crash => (Fault::Crash { host }, boot),
        Blow::PowerLoss => (Fault::PowerLoss { host }, boot),
        Blow::Freeze => (Fault::Freeze { host: host.clone() }, Fault::Thaw { host }),
        Blow::Stop => (Fault::Stop { host }, boot),
    };
    vec![(at, begins), (until, ends)]
}

/// The broker crashes, a consumer loses its power, and both again the other way round; a consumer freezes, another one
/// and the producer are stopped for a while, and the way to one is cut.
fn storm(seed: u64) -> Vec<(Duration, Fault)> {
    let mut dice = dice(seed, "storm");
    let first = dice.random_range(0..2);
    let (one, other) = (CONSUMERS[first], CONSUMERS[1 - first]);
    let blows = [
        (BROKER, Blow::Crash, 10..40),
        (one, Blow::PowerLoss, 30..70),
        (other, Blow::Freeze, 70..90),
        ("till", Blow::Stop, 80..110),
        (other, Blow::Stop, 110..130),
        (BROKER, Blow::PowerLoss, 120..150),
        (one, Blow::Crash, 150..180),
        ("till", Blow::Crash, 180..200),
    ];
    let mut faults: Vec<_> = blows.into_iter().flat_map(|(host, blow, at)| strike(&mut dice, host, blow, at)).collect();
    let (from, to) = if dice.random_range(0..2) == 0 { (other, BROKER) } else { (BROKER, other) };
    let at = SECOND * dice.random_range(185..195);
    faults.push((at, Fault::Cut { from: from.into(), to: to.into() }));
    // Not for long: after a long cut TCP waits as long again before it brings an acknowledgement.
    faults.push((at + 3 * SECOND, Fault::Heal { from: from.into(), to: to.into() }));
    faults.sort_by_key(|(at, _)| *at);
    assert!(faults.iter().all(|(at, _)| *at < TRAFFIC));
    faults
}

/// Says what is wrong with a world, if anything: a violation, a debt that nobody paid, or that it was no test.
fn complaint(seed: u64, played: &Played) -> Option<String> {
    let messages = &played.findings.messages;
    let violations = played.violations();
    let complaint = if !violations.is_empty() {
        format!("{violations:#?}")
    } else if messages.lost > 0 || messages.received < 750 {
        format!("{messages:?}")
    } else if played.verdict("no-loss") != Verdict::Held {
        "no-loss was not exercised".to_owned()
    } else {
        return None;
    };
    Some(format!("seed {seed}: {complaint}"))
}

fn holds_in_storms(mode: SubscriptionMode, keys: u32, change: impl Fn(ConsumerPlan) -> ConsumerPlan + Sync) {
    let complaints = over(SEEDS, |seed| {
        let producer = ProducerPlan { keys, ..fast_producer() };
        let parts = parts(producer, |name| change(consumer_plan(name, mode)));
        complaint(seed, &play(seed, mode, parts, storm(seed)))
    });
    let complaints: Vec<String> = complaints.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "{} of {SEEDS:?}: {}", complaints.len(), complaints[0]);
}

#[test]
fn an_exclusive_subscription_survives_crashes_and_power_losses() {
    holds_in_storms(SubscriptionMode::Exclusive, 0, |plan| plan);
}

#[test]
fn a_failover_subscription_survives_crashes_and_power_losses() {
    holds_in_storms(SubscriptionMode::Failover, 0, |plan| plan);
}

#[test]
fn a_shared_subscription_survives_crashes_and_power_losses() {
    holds_in_storms(SubscriptionMode::Shared, 0, |plan| plan);
}

#[test]
fn a_key_shared_subscription_survives_crashes_and_power_losses() {
    holds_in_storms(SubscriptionMode::KeyShared, 7, |plan| plan);
}

#[test]
fn messages_given_back_in_a_storm_are_neither_lost_nor_out_of_order() {
    let gives_back = |plan| ConsumerPlan { gives_back_ppm: 10_000, give_back_delay: 2 * SECOND, ..plan };
    for mode in [SubscriptionMode::Exclusive, SubscriptionMode::Failover, SubscriptionMode::Shared] {
        holds_in_storms(mode, 0, gives_back);
    }
}

#[test]
fn slow_consumers_with_a_small_queue_and_a_time_out_survive_too() {
    let slow = |plan| ConsumerPlan {
        handles_in: (Duration::from_millis(10), Duration::from_millis(300)),
        queue: 20,
        ack_time_out: Some(2 * SECOND),
        ..plan
    };
    for mode in [SubscriptionMode::Failover, SubscriptionMode::Shared] {
        let complaints = over(SEEDS, |seed| {
            let parts =
                parts(ProducerPlan { every: SECOND, ..producer_plan() }, |name| slow(consumer_plan(name, mode)));
            // What a cut holds up would be taken for what the time-out gives back.
            let is_cut = |fault: &Fault| matches!(fault, Fault::Cut { .. } | Fault::Heal { .. });
            let faults = storm(seed).into_iter().filter(|(_, fault)| !is_cut(fault)).collect();
            let played = play(seed, mode, parts, faults);
            let wrong = !played.violations().is_empty() || played.findings.messages.lost > 0;
            wrong.then(|| format!("seed {seed}: {:#?} {:?}", played.violations(), played.findings.messages))
        });
        let complaints: Vec<String> = complaints.into_iter().flatten().collect();
        assert!(complaints.is_empty(), "{mode:?}: {} of {SEEDS:?}: {}", complaints.len(), complaints[0]);
    }
}

#[test]
fn who_stops_cleanly_leaves_nothing_in_doubt() {
    let stop = |host: &str, at: u32| {
        let host = host.to_owned();
        [(at * SECOND, Fault::Stop { host: host.clone() }), ((at + 20) * SECOND, Fault::Boot { host })]
    };
    let faults = [stop("consumer-1", 30), stop("till", 60), stop("consumer-2", 90), stop("till", 120)];
    for mode in [SubscriptionMode::Failover, SubscriptionMode::Shared] {
        let parts = parts(fast_producer(), |name| consumer_plan(name, mode));
        let played = play(1, mode, parts, faults.iter().flatten().cloned().collect());
        assert_eq!(played.violations(), [""; 0]);
        let messages = &played.findings.messages;
        assert_eq!((messages.lost, messages.given_up, messages.duplicates), (0, 0, 0), "{mode:?}: {messages:?}");
        assert_eq!(messages.offered, messages.confirmed, "{mode:?}: {messages:?}");
        let closed = played.count(|event| matches!(event, Event::SessionClosed { .. }));
        assert_eq!(closed, 4, "{mode:?}");
    }
}

#[test]
fn a_consumer_that_acknowledges_first_loses_what_it_had_when_its_power_goes() {
    let hasty = |name: &str| ConsumerPlan {
        acks: Acks::BeforeHandling,
        handles_in: (SECOND / 2, SECOND / 2),
        ..consumer_plan(name, SubscriptionMode::Failover)
    };
    let producer = ProducerPlan { every: SECOND / 4, ..producer_plan() };
    let play_it = |faults| play(0, SubscriptionMode::Failover, parts(producer.clone(), hasty), faults);
    assert_eq!(play_it(vec![]).violations(), [""; 0]);
    let lost = |host: &str| (60 * SECOND, Fault::PowerLoss { host: host.to_owned() });
    let played = play_it(CONSUMERS.map(lost).into());
    assert_eq!(played.verdict("no-confirmed-loss"), Verdict::Violated);
}

#[test]
fn a_producer_that_reads_no_answers_loses_what_a_crash_of_the_broker_takes() {
    let deaf = ProducerPlan { reads_answers: ReadsAnswers::Never, ..fast_producer() };
    let consumers = |name: &str| consumer_plan(name, SubscriptionMode::Shared);
    let play_it = |faults| play(0, SubscriptionMode::Shared, parts(deaf.clone(), consumers), faults);
    assert_eq!(play_it(vec![]).violations(), [""; 0]);
    let host = BROKER.to_owned();
    let power_loss = [(60 * SECOND, Fault::PowerLoss { host: host.clone() }), (65 * SECOND, Fault::Boot { host })];
    let played = play_it(power_loss.into());
    assert_eq!(played.verdict("no-loss"), Verdict::Violated);
    assert_ne!(played.verdict("no-confirmed-loss"), Verdict::Violated);
}

#[test]
fn the_same_seed_is_the_same_history() {
    let play_it = |seed| {
        let parts = parts(fast_producer(), |name| consumer_plan(name, SubscriptionMode::Failover));
        play(seed, SubscriptionMode::Failover, parts, storm(seed)).fingerprint
    };
    let (first, again) = (over(0..4, play_it), over(0..4, play_it));
    assert_eq!(first, again);
    assert!(first.windows(2).all(|pair| pair[0] != pair[1]));
}
