use super::*;
use crate::scenario::{Plan, parse};
use std::path::Path;

const SYSTEM: &str = "
name: test
duration: 10m
sites: { west: {}, east: {}, field: {} }
streams:
  regions: { west: { site: west }, east: { site: east } }
  streams: { orders: {}, notes: { scope: local, region: west } }
  subscriptions:
    workers: { stream: orders, mode: failover, delay: 1s..5s }
    helpers: { stream: orders, mode: shared }
    readers: { stream: notes }
  producers:
    till: { site: field, regions: [west, east], stream: orders }
    clerk: { site: field, count: 2, regions: [west], stream: notes, starts: 0s..30s }
  consumers:
    a: { site: field, regions: [west], subscription: workers, queue: 7 }
    b: { site: field, regions: [east], subscription: workers }
    c: { site: field, regions: [west], subscription: readers }
";

fn planned(seed: u64) -> Plan {
    match parse(Path::new("test.yaml"), SYSTEM) {
        Ok(loaded) => loaded.plan(seed),
        Err(mistakes) => panic!("{mistakes}"),
    }
}

fn streams(plan: &Plan) -> &StreamsPlan {
    plan.systems.streams.as_ref().expect("the file has streams")
}

#[test]
fn a_subscription_is_a_destination_in_each_region_where_somebody_consumes_it() {
    let plan = planned(1);
    let named = |name: &str| plan.roster.destinations.iter().find(|one| &*one.name == name);
    let names: Vec<&str> = plan.roster.destinations.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["workers@west", "workers@east", "readers@west"], "nobody consumes helpers");
    let workers = named("workers@west").expect("it is there");
    assert_eq!(workers.mode, Some(SubscriptionMode::Failover));
    assert_eq!(workers.hosts, ["a".into()]);
    assert!(!workers.standing, "what was published before it was born is not owed to it");
    assert_eq!(workers.via, ["broker-west".into(), "broker-east".into()], "the till may publish in either");
    assert_eq!(named("readers@west").map(|one| one.via.clone()), Some(vec!["broker-west".into()]));
}

#[test]
fn a_broker_is_told_the_subscriptions_of_its_own_region() {
    let plan = planned(1);
    let [west, east] = &streams(&plan).brokers[..] else { panic!("two regions") };
    let told = |broker: &BrokerPlan| -> Vec<(String, String)> {
        broker.subscriptions.iter().map(|one| (one.name.clone(), one.topic.clone())).collect()
    };
    let workers = ("workers".to_owned(), "c8globals.orders".to_owned());
    assert_eq!(told(west), [workers.clone(), ("readers".into(), "c8locals.notes".into())]);
    assert_eq!(told(east), [workers]);
    assert_ne!(west.subscriptions[0].destination, east.subscriptions[0].destination);
    assert_eq!((&*west.others[0], west.others.len()), ("broker-east", 1));
}

#[test]
fn order_is_owed_where_the_mode_promises_it_and_the_producer_stays_in_one_region() {
    let plan = planned(1);
    let ordered = |producer: &str, destination: &str| {
        let ends = plan.roster.producer(producer).zip(plan.roster.destination(destination)).expect("both are there");
        let route = plan.roster.routes.iter().find(|route| (route.producer, route.destination) == ends);
        route.map(|route| route.ordered)
    };
    assert_eq!(ordered("till/orders", "workers@east"), Some(false), "it may go from one region to the other");
    assert_eq!(ordered("clerk-0002/notes", "readers@west"), Some(true));
    assert_eq!(ordered("clerk-0002/notes", "workers@west"), None, "that is another stream");
}

#[test]
fn clients_say_what_they_receive_and_how_much_room_they_have() {
    let plan = planned(1);
    let client = |name: &str| plan.roster.clients.iter().find(|one| &*one.name == name).expect("it is there");
    assert_eq!(client("a").receives, plan.roster.destination("workers@west"));
    assert_eq!((client("a").room, client("b").room), (Some(7), Some(1000)));
    assert_eq!(client("till").needs, [vec!["broker-west".into(), "broker-east".into()]]);
    assert!(client("till").receives.is_none() && client("till").producers.len() == 1);
}

#[test]
fn ranges_are_drawn_by_the_seed_and_of_a_group_for_each() {
    let starts = |seed| -> Vec<std::time::Duration> {
        streams(&planned(seed)).producers.iter().map(|producer| producer.starts).collect()
    };
    assert_eq!(starts(1), starts(1));
    assert_ne!(starts(1), starts(2));
    assert_ne!(starts(1)[1], starts(1)[2], "till, clerk-0001, clerk-0002");
    let delay = |seed| streams(&planned(seed)).brokers[0].subscriptions[0].delay;
    assert_ne!(delay(1), delay(2));
    assert_eq!(delay(1), streams(&planned(1)).brokers[1].subscriptions[0].delay, "it is one subscription's");
}
