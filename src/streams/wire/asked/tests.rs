use super::*;
use crate::history::SubscriptionMode;
use crate::streams::broker::input::{ConsumerOptions, DeadLetter, ReadFrom};
use crate::streams::broker::message::{Message, Replica};
use crate::streams::broker::topic::Topic;
use crate::streams::plan::Scope;
use crate::streams::wire::attachment::target;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

fn asked(method: &str, target: &str, body: &str) -> Result<Asked, Refusal> {
    let request = Request::new(method, target, body.to_owned(), "somebody".into()).unwrap();
    read(&request, "acme", 5, || "drawn".into())
}

fn status(method: &str, target: &str) -> (u16, u32) {
    let refusal = asked(method, target, "").expect_err(target);
    (refusal.status, refusal.number)
}

fn rest(method: &str, target: &str) -> Call {
    match asked(method, &format!("/_fabric/_system/_api{target}"), "hi").unwrap() {
        Asked::Rest(call) => call,
        other => panic!("{other:?}"),
    }
}

fn orders() -> Topic {
    Topic::new(Scope::Global, "orders")
}

fn consumer(subscription: &str) -> ConsumerOptions {
    ConsumerOptions {
        topic: orders(),
        subscription: subscription.into(),
        mode: SubscriptionMode::Exclusive,
        name: "drawn".into(),
        priority: 0,
        queue: 1000,
        ack_time_out: None,
        nack_delay: Duration::from_secs(60),
        pull: false,
        dead_letter: None,
    }
}

#[test]
fn both_sdks_sockets_are_read_as_they_ask_for_them() {
    let producer = Asked::Socket(Attachment::Producer { topic: orders(), name: None });
    let failover = Attachment::Consumer(ConsumerOptions { mode: SubscriptionMode::Failover, ..consumer("workers") });
    for (target, wanted) in [
        // The JavaScript SDK's.
        ("//_ws/ws/v2/producer/persistent/acme/c8global._system/c8globals.orders?otp=x", producer.clone()),
        (
            "//_ws/ws/v2/consumer/persistent/acme/c8global._system/c8globals.orders/workers\
             ?otp=x&subscriptionType=Failover",
            Asked::Socket(failover.clone()),
        ),
        // The Python SDK's.
        (
            "/_ws/ws/v2/producer/persistent/acme/c8global._system/c8globals.orders?sendTimeoutMillis=30000\
             &maxPendingMessages=1000&batchingEnabled=False&batchingMaxMessages=1000&batchingMaxPublishDelay=10\
             &messageRoutingMode=RoundRobinPartition",
            producer.clone(),
        ),
        (
            "/_ws/ws/v2/consumer/persistent//c8global._system/c8globals.orders/workers\
             ?subscriptionType=Failover&receiverQueueSize=1000",
            Asked::Socket(failover),
        ),
        ("/p:443/_ws/ws/v2/producer/persistent/_mm/c8global._system/c8globals.orders", producer),
    ] {
        assert_eq!(asked("GET", target, ""), Ok(wanted), "{target}");
    }
}

#[test]
fn a_consumer_may_say_everything() {
    let query = "subscriptionType=Key_Shared&consumerName=c-1&receiverQueueSize=0&priorityLevel=2&ackTimeoutMillis=1500\
                 &negativeAckRedeliveryDelay=100&pullMode=TRUE&maxRedeliverCount=3&subscriptionMode=Durable\
                 &deadLetterTopic=persistent://acme/c8local._system/c8locals.dead";
    let target = format!("/_ws/ws/v2/consumer/persistent/acme/c8global._system/c8globals.orders/a%20b?{query}");
    let wanted = ConsumerOptions {
        mode: SubscriptionMode::KeyShared,
        name: "c-1".into(),
        priority: 2,
        queue: 1,
        ack_time_out: Some(Duration::from_millis(1500)),
        nack_delay: Duration::from_millis(100),
        pull: true,
        dead_letter: Some(DeadLetter { after: 3, topic: Topic::new(Scope::Local, "dead") }),
        ..consumer("a b")
    };
    assert_eq!(asked("GET", &target, ""), Ok(Asked::Socket(Attachment::Consumer(wanted))));
    let bare = "/_ws/ws/v2/consumer/persistent/acme/c8global._system/c8globals.orders/s?maxRedeliverCount=1\
                &receiverQueueSize=4000";
    let topic = Topic::new(Scope::Global, "orders-s-DLQ");
    let wanted = ConsumerOptions { dead_letter: Some(DeadLetter { after: 1, topic }), ..consumer("s") };
    assert_eq!(asked("GET", bare, ""), Ok(Asked::Socket(Attachment::Consumer(wanted))), "the most is the most");
}

#[test]
fn a_reader_begins_where_it_says() {
    for (query, wanted) in [
        ("", ReadFrom::Latest),
        ("?messageId=latest", ReadFrom::Latest),
        ("?messageId=earliest", ReadFrom::Earliest),
        ("?messageId=CAAQAw%3D%3D", ReadFrom::After("CAAQAw==".into())),
    ] {
        let target = format!("/_ws/ws/v2/reader/persistent/acme/c8global._system/c8globals.orders{query}");
        let (name, queue) = ("drawn".to_owned(), 1000);
        let wanted = Attachment::Reader { topic: orders(), name, queue, from: wanted };
        assert_eq!(asked("GET", &target, ""), Ok(Asked::Socket(wanted)));
    }
}

#[test]
fn what_is_no_socket_is_refused_before_the_upgrade() {
    let consumer = "/_ws/ws/v2/consumer/persistent/acme/c8global._system/c8globals.orders/s";
    let producer = "/_ws/ws/v2/producer/persistent/acme/c8global._system/c8globals.orders";
    for query in [
        "subscriptionType=failover",
        "subscriptionType=KeyShared",
        "subscriptionMode=NonDurable",
        "receiverQueueSize=-1",
        "receiverQueueSize=many",
        "receiverQueueSize=99999999999999",
        "priorityLevel=high",
        "ackTimeoutMillis=-5",
        "negativeAckRedeliveryDelay=1.5",
        "pullMode=yes",
        "consumerName=a%2Fb",
        "maxRedeliverCount=x",
        "maxRedeliverCount=1&deadLetterTopic=elsewhere",
    ] {
        assert_eq!(status("GET", &format!("{consumer}?{query}")), (400, 400), "{query}");
    }
    for query in ["batchingEnabled=1", "messageRoutingMode=Random", "compressionType=lz4", "initialSequenceId=x"] {
        assert_eq!(status("GET", &format!("{producer}?{query}")), (400, 400), "{query}");
    }
    let refusal = asked("GET", &format!("{consumer}?subscriptionType=Some"), "").unwrap_err();
    assert_eq!(refusal.message, "Invalid query params: Invalid subscriptionType Some");
    for (path, wanted) in [
        ("consumer/persistent/acme/c8global._system/c8globals.orders/", (400, 400)),
        ("producer/persistent/other/c8global._system/c8globals.orders", (403, 403)),
        ("producer/persistent/acme/c8global._system/orders", (404, 100_016)),
        ("producer/persistent/acme/c8local._system/c8globals.orders", (404, 100_016)),
        ("producer/persistent/acme/c8global.other/c8globals.orders", (404, 100_016)),
        ("producer/persistent/acme/c8global._system/c8globals.", (404, 100_016)),
        ("producer/persistent/c8globals.orders", (404, 100_016)),
        ("producer/non-persistent/acme/c8global._system/c8globals.orders", (404, 404)),
        ("watcher/persistent/acme/c8global._system/c8globals.orders", (404, 404)),
        ("", (404, 404)),
    ] {
        assert_eq!(status("GET", &format!("/_ws/ws/v2/{path}")), wanted, "{path}");
    }
}

#[test]
fn every_call_has_its_path() {
    assert_eq!(rest("GET", "/streams"), Call::List { scope: None });
    assert_eq!(rest("GET", "/streams?global=false"), Call::List { scope: Some(Scope::Local) });
    assert_eq!(rest("POST", "/streams/orders?global=True"), Call::Create { topic: orders() });
    assert_eq!(rest("POST", "/streams/orders"), Call::Create { topic: orders() });
    let notes = Topic::new(Scope::Local, "notes");
    assert_eq!(rest("POST", "/streams/notes?global=false"), Call::Create { topic: notes.clone() });
    assert_eq!(rest("DELETE", "/streams/c8locals.notes"), Call::Delete { topic: notes, force: false });
    assert_eq!(rest("DELETE", "/streams/c8globals.orders?force=true"), Call::Delete { topic: orders(), force: true });
    let message =
        Message { payload: "aGk=".into(), properties: BTreeMap::new(), key: None, event_time: None, publish_time: 5 };
    assert_eq!(rest("POST", "/streams/c8globals.orders/publish"), Call::Publish { topic: orders(), message });
    assert_eq!(
        rest("GET", "/streams/c8globals.orders/subscriptions?global=true"),
        Call::Subscriptions { topic: orders() }
    );
    assert_eq!(rest("GET", "/streams/orders/backlog?global=true"), Call::Backlog { topic: orders() });
    assert_eq!(rest("GET", "/streams/c8globals.orders/stats?getPreciseBacklog=true"), Call::Stats { topic: orders() });
    let subscription = || "s".to_owned();
    assert_eq!(
        rest("DELETE", "/streams/c8globals.orders/subscriptions/s"),
        Call::DeleteSubscription { topic: orders(), subscription: subscription() }
    );
    assert_eq!(
        rest("DELETE", "/streams/subscription/s?global=true"),
        Call::DeleteSubscriptionEverywhere { subscription: subscription(), scope: Some(Scope::Global) }
    );
    assert_eq!(rest("POST", "/streams/clearbacklog"), Call::ClearBacklog { subscription: None, scope: None });
    assert_eq!(
        rest("POST", "/streams/clearbacklog/s"),
        Call::ClearBacklog { subscription: Some(subscription()), scope: None }
    );
    let age = Duration::from_secs(60);
    assert_eq!(rest("POST", "/streams/c8globals.orders/expiry/60"), Call::Expire { topic: orders(), age });
    assert_eq!(rest("GET", "/streams/ttl"), Call::Ttl);
    assert_eq!(rest("POST", "/streams/ttl/60"), Call::SetTtl { time_to_live: age });
}

#[test]
fn what_is_no_call_is_told_so() {
    let api = "/_fabric/_system/_api";
    for (method, path, wanted) in [
        ("PUT", "/streams/orders", (405, 405)),
        ("POST", "/streams", (405, 405)),
        ("GET", "/streams/c8globals.orders/publish", (405, 405)),
        ("GET", "/streams/c8globals.orders/expiry/60", (405, 405)),
        ("GET", "/streams/a/b/c/d", (404, 404)),
        ("GET", "/streams/", (405, 405)),
        ("POST", "/streams/", (400, 400)),
        ("GET", "/document", (404, 404)),
        ("GET", "", (404, 404)),
        ("GET", "/streams?global=maybe", (400, 400)),
        ("DELETE", "/streams/orders", (404, 100_016)),
        ("GET", "/streams/c8globals.a%2Fb/stats", (404, 100_016)),
        ("POST", "/streams/a%00b", (400, 400)),
        ("POST", "/streams/ttl/soon", (400, 400)),
        ("POST", "/streams/ttl/99999999999999", (400, 400)),
        ("POST", "/streams/clearbacklog/", (400, 400)),
    ] {
        assert_eq!(status(method, &format!("{api}{path}")), wanted, "{method} {path}");
    }
    let long = format!("{api}/streams/{}", "x".repeat(256));
    assert_eq!(status("POST", &long), (400, 400));
    assert_eq!(status("GET", "/_fabric/other/_api/streams"), (404, 1228));
    assert_eq!(status("GET", "/_fabric/_system/streams"), (404, 404));
    assert_eq!(status("GET", "/"), (404, 404));
    assert_eq!(status("GET", "///"), (404, 404));
    assert_eq!(status("GET", "/p:443"), (404, 404));
    assert_eq!(status("GET", "/apid/otp"), (405, 405));
    assert_eq!(status("POST", "/_replication"), (400, 400));
}

#[test]
fn the_rest_of_the_port_is_found_behind_what_sdks_put_before_it() {
    assert_eq!(asked("POST", "/apid/otp", ""), Ok(Asked::OneTimePassword));
    assert_eq!(asked("GET", "/p:443/_api/user", ""), Ok(Asked::User));
    assert_eq!(asked("GET", "/p:443/datacenter/local", ""), Ok(Asked::Datacenter));
    let list = Ok(Asked::Rest(Call::List { scope: Some(Scope::Global) }));
    assert_eq!(asked("GET", "/p:443/_fabric/_system/_api/streams?global=true", ""), list);
    let replica = Replica {
        position: 7,
        message: Message {
            payload: "aGk=".into(),
            properties: BTreeMap::new(),
            key: None,
            event_time: None,
            publish_time: 1,
        },
    };
    let page = Page { origin: "west".into(), topic: orders(), from: 7, upto: 8, replicas: vec![replica] };
    let body = serde_json::to_string(&page).unwrap();
    assert_eq!(asked("POST", REPLICATION, &body), Ok(Asked::Replicate(page)));
}

#[test]
fn a_one_time_password_is_for_sockets_only() {
    let is = |target: &str| is_for_socket(&Request::new("GET", target, "", "somebody".into()).unwrap());
    assert!(is("//_ws/ws/v2/producer/persistent/acme/c8global._system/c8globals.orders?otp=x"));
    assert!(!is("/_fabric/_system/_api/streams?otp=x"));
}

fn names() -> impl Strategy<Value = String> {
    "[^/\\pC]{1,20}"
}

fn topics() -> impl Strategy<Value = Topic> {
    (any::<bool>(), names())
        .prop_map(|(global, name)| Topic::new(if global { Scope::Global } else { Scope::Local }, &name))
}

prop_compose! {
    fn consumers()(
        topic in topics(), subscription in names(), name in names(), priority: u32, queue in 1u32..=1000,
        ack_time_out in prop::option::of(1u32..), nack_delay: u32, pull: bool, mode in 0usize..4,
        dead_letter in prop::option::of((any::<u32>(), topics())),
    ) -> ConsumerOptions {
        use SubscriptionMode::{Exclusive, Failover, KeyShared, Shared};
        let millis = |millis: u32| Duration::from_millis(millis.into());
        let mode = [Exclusive, Failover, Shared, KeyShared][mode];
        let dead_letter = dead_letter.map(|(after, topic)| DeadLetter { after, topic });
        ConsumerOptions {
            topic, subscription, mode, name, priority, queue, ack_time_out: ack_time_out.map(millis),
            nack_delay: millis(nack_delay), pull, dead_letter,
        }
    }
}

fn attachments() -> impl Strategy<Value = Attachment> {
    let from =
        prop_oneof![Just(ReadFrom::Latest), Just(ReadFrom::Earliest), "[a-zA-Z0-9+/]{9,20}=".prop_map(ReadFrom::After)];
    prop_oneof![
        (topics(), prop::option::of(names())).prop_map(|(topic, name)| Attachment::Producer { topic, name }),
        consumers().prop_map(Attachment::Consumer),
        (topics(), names(), 1u32..=1000, from).prop_map(|(topic, name, queue, from)| Attachment::Reader {
            topic,
            name,
            queue,
            from
        }),
    ]
}

proptest! {
    #[test]
    fn where_a_program_connects_to_the_broker_reads(attachment in attachments(), otp in prop::option::of("[a-z]{8}")) {
        let target = target(&attachment, otp.as_deref());
        let request = Request::new("GET", &target, "", "somebody".into()).unwrap();
        prop_assert!(is_for_socket(&request));
        prop_assert_eq!(request.query.get("otp").cloned(), otp);
        prop_assert_eq!(read(&request, "acme", 0, String::new), Ok(Asked::Socket(attachment)), "{}", target);
    }
    #[test]
    fn arbitrary_requests_are_read_or_refused_with_an_error_status(
        method in "GET|POST|DELETE|PUT",
        path in prop::collection::vec(
            "|_ws|ws|v2|consumer|producer|reader|persistent|acme|c8global._system|c8globals.a|_fabric|_system|_api|\
             streams|ttl|9|subscription|subscriptions|publish|_replication|apid|otp|p:443|[^/?#\\pC]{0,8}",
            0..10,
        ),
        query in "([a-zA-Z]{1,20}=[a-zA-Z0-9%=-]{0,10}&?){0,4}",
        body in "\\PC{0,40}",
    ) {
        let target = format!("/{}?{query}", path.join("/"));
        if let Ok(request) = Request::new(&method, &target, body, "somebody".into())
            && let Err(refusal) = read(&request, "acme", 0, String::new)
        {
            prop_assert!((400..500).contains(&refusal.status), "{}", refusal);
        }
    }
}
