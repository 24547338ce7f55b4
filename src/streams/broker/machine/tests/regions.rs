//! Replication between two regions, with their wires played by hand.
use super::*;
use crate::streams::broker::message::Page;
use crate::streams::knobs::Replicates;
use SubscriptionMode::Exclusive;
use serde_json::json;

struct Regions {
    west: Stage,
    east: Stage,
}

impl Regions {
    fn new() -> Self {
        Self::with_knobs(|_| {})
    }

    fn with_knobs(change: impl FnOnce(&mut BrokerKnobs)) -> Self {
        let west = Stage::with(|plan| {
            plan.others = vec!["broker-east".into()];
            change(&mut plan.knobs);
        });
        let east = Stage::with(|plan| {
            (plan.host, plan.region) = ("broker-east".into(), "east".into());
            plan.others = vec!["broker-west".into()];
        });
        Self { west, east }
    }

    /// Carries pages to and fro until there are none.
    fn carry(&mut self) -> &mut Self {
        while carry(&mut self.west, &mut self.east) | carry(&mut self.east, &mut self.west) {}
        self
    }

    /// The wire between them is cut: nothing arrives.
    fn lose(&mut self) -> &mut Self {
        for stage in [&mut self.west, &mut self.east] {
            for (to, _) in forwarded(stage) {
                stage.tell(Input::ReplicationLost { to: to.as_str().into() });
            }
        }
        self
    }
}

fn forwarded(stage: &mut Stage) -> Vec<(String, Page)> {
    stage.take(|output| match output {
        Output::Forward { to, page } => Some((to.to_string(), page.clone())),
        _ => None,
    })
}

fn give(page: Page, to: &mut Stage) -> Option<u64> {
    to.tell(Input::Replicate { ticket: 9, page });
    let answers = to.take(|output| match output {
        Output::Reply(9, answer) => Some(answer.clone()),
        _ => None,
    });
    match &answers[..] {
        [Answer::Done { status: 200, result: Some(upto) }] => upto.as_u64(),
        _ => None,
    }
}

fn carry(from: &mut Stage, into: &mut Stage) -> bool {
    let pages = forwarded(from);
    let has_some = !pages.is_empty();
    for (to, page) in pages {
        let topic = page.topic.clone();
        let to = to.as_str().into();
        match give(page, into) {
            Some(upto) => from.tell(Input::Replicated { to, topic, upto }),
            None => from.tell(Input::ReplicationLost { to }),
        };
    }
    has_some
}

#[test]
fn what_is_published_in_one_region_comes_to_the_other_in_order_and_not_back() {
    let mut regions = Regions::new();
    regions.west.producer().consumer(2, Exclusive, "a");
    regions.carry();
    regions.east.consumer(2, Exclusive, "b");
    regions.west.publish(0..300);
    regions.carry();
    assert_eq!(regions.east.got(2), (0..300).collect::<Vec<_>>());
    assert_eq!(regions.west.got(2), (0..300).collect::<Vec<_>>(), "once");
    regions.east.ack(2, 0..300);
    regions.west.ack(2, 0..300);
    assert_eq!((regions.west.kept(), regions.east.kept()), (0, 0));
}

#[test]
fn a_global_stream_is_created_in_every_region_and_a_local_one_is_not() {
    let mut regions = Regions::new();
    regions.west.call(Call::Create { topic: orders() });
    regions.west.call(Call::Create { topic: Topic::parse("c8locals.notes").unwrap() });
    regions.carry();
    let answer = regions.east.call(Call::Create { topic: orders() });
    assert!(matches!(answer, Answer::Refused(Refusal { status: 409, .. })), "{answer:?}");
    let answer = regions.east.call(Call::Create { topic: Topic::parse("c8locals.notes").unwrap() });
    assert!(matches!(answer, Answer::Done { status: 202, .. }), "{answer:?}");
}

#[test]
fn each_region_has_a_subscription_of_its_own() {
    let mut regions = Regions::new();
    regions.west.producer().consumer(2, Exclusive, "a");
    regions.carry();
    regions.east.consumer(2, Exclusive, "a");
    assert_eq!(regions.east.accepted(), [2]);
    regions.west.publish([0]).ack(2, [0]);
    regions.carry();
    assert_eq!(regions.east.got(2), [0], "although it is acknowledged in the other region");
}

#[test]
fn after_a_lost_connection_it_goes_on_after_what_the_other_region_has() {
    let mut regions = Regions::new();
    regions.west.producer();
    regions.carry();
    regions.east.consumer(2, Exclusive, "b");
    regions.west.publish([0, 1]);
    // The page arrives, its answer does not.
    let (_, page) = forwarded(&mut regions.west).remove(0);
    assert!(give(page.clone(), &mut regions.east).is_some());
    regions.west.tell(Input::ReplicationLost { to: "broker-east".into() }).publish([2]);
    assert_eq!(forwarded(&mut regions.west), [], "it is left alone for a while");
    regions.west.after(SECOND);
    regions.carry();
    // And the network delivers it once more.
    give(page, &mut regions.east);
    assert_eq!(regions.east.got(2), [0, 1, 2]);
    assert_eq!(regions.west.kept(), 0);
}

#[test]
fn both_ends_go_on_after_their_restarts() {
    let mut regions = Regions::new();
    regions.west.producer();
    regions.carry();
    regions.east.consumer(2, Exclusive, "b");
    regions.west.publish([0, 1]);
    regions.carry();
    regions.west.publish([2]);
    regions.lose();
    regions.west.restart().producer().publish([3]);
    regions.carry();
    assert_eq!(regions.east.got(2), [0, 1, 2, 3]);
    regions.east.ack(2, 0..2).after(SECOND).compact().restart().consumer(2, Exclusive, "b");
    regions.west.publish([4]).after(SECOND).compact().restart();
    regions.carry();
    assert_eq!(regions.east.got(2), [2, 3, 4]);
}

#[test]
fn a_region_whose_disk_refuses_confirms_nothing_and_loses_nothing() {
    let mut regions = Regions::new();
    regions.west.producer();
    regions.carry();
    regions.east.consumer(2, Exclusive, "b").disk_fails = true;
    regions.west.publish(0..3);
    regions.carry();
    assert_eq!(regions.west.kept(), 3);
    regions.east.disk_fails = false;
    regions.west.after(SECOND);
    regions.carry();
    assert_eq!(regions.east.got(2), [0, 1, 2]);
}

#[test]
fn an_answer_that_does_not_say_what_was_sent_is_not_asked_for_without_end() {
    let mut regions = Regions::new();
    regions.west.producer();
    regions.carry();
    regions.west.publish([0]);
    forwarded(&mut regions.west);
    regions.west.tell(Input::Replicated { to: "broker-east".into(), topic: orders(), upto: 0 });
    assert_eq!(forwarded(&mut regions.west), []);
    regions.west.after(SECOND);
    assert_eq!(forwarded(&mut regions.west).len(), 1);
}

#[test]
fn a_local_streams_page_is_refused() {
    let mut east = Stage::new();
    let topic = Topic::parse("c8locals.notes").unwrap();
    let page = Page { origin: "west".into(), topic, from: 0, upto: 0, replicas: vec![] };
    assert_eq!(give(page, &mut east), None);
}

#[test]
fn from_the_newest_forgets_what_the_other_region_lacks() {
    let mut regions = Regions::with_knobs(|knobs| knobs.replicates = Replicates::FromTheNewest);
    regions.west.producer();
    regions.carry();
    regions.east.consumer(2, Exclusive, "b");
    regions.west.publish([0, 1]);
    regions.lose();
    regions.west.publish([2]).after(SECOND);
    regions.carry();
    assert_eq!(regions.east.got(2), [2]);
}

#[test]
fn how_far_a_region_is_is_answered_as_a_number() {
    assert_eq!(super::super::durable::upto(4), Answer::Done { status: 200, result: Some(json!(4)) });
}
