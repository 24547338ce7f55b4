//! What programs and operators ask over REST.
use crate::program::{API, Program, consumer, orders};
use crate::town::{KEY, play, seconds};
use giant_lizard::history::SubscriptionMode::{Exclusive, Shared};
use giant_lizard::streams::broker::input::Attachment;
use giant_lizard::streams::plan::PORT;
use giant_lizard::wire::http::Client;
use serde_json::{Value, json};

/// A result that is JSON within a string, as the service documents it.
fn within(body: &Value) -> Value {
    serde_json::from_str(body["result"].as_str().unwrap()).unwrap()
}

#[test]
fn a_stream_is_created_once_listed_and_deleted() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let streams = |rest: &str| format!("{API}/streams{rest}");
            assert_eq!(program.ask("GET", &streams("?global=true"), "").await, {
                (200, json!({"error": false, "code": 200, "result": []}))
            });
            let created = program.ask("POST", &streams("/orders?global=True"), "").await;
            assert_eq!(
                created,
                (202, json!({"code": 202, "result": {"stream-id": "c8globals.orders"}, "error": false}))
            );
            let (status, twice) = program.ask("POST", &streams("/orders?global=true"), "").await;
            assert_eq!((status, &twice["error"], &twice["code"]), (409, &json!(true), &json!(409)));
            assert!(twice["errorNum"].is_number() && twice["errorMessage"].is_string(), "{twice}");
            assert_eq!(program.ask("POST", &streams("/notes?global=false"), "").await.0, 202);
            let (_, list) = program.ask("GET", &streams("?global=true"), "").await;
            let [one] = list["result"].as_array().unwrap().as_slice() else { panic!("{list}") };
            assert_eq!(one["topic"], "c8globals.orders");
            assert_eq!((one["local"].as_bool(), one["type"].as_u64()), (Some(false), Some(4)));
            assert!(one["db"].is_string() && one["tenant"].is_string());
            let (_, all) = program.ask("GET", &streams(""), "").await;
            assert_eq!(all["result"].as_array().unwrap().len(), 2);
            assert_eq!(program.ask("DELETE", &streams("/c8locals.notes"), "").await, {
                (202, json!({"code": 202, "error": false}))
            });
            let gone = program.ask("DELETE", &streams("/c8locals.notes"), "").await;
            let wanted = json!({
                "code": 404, "error": true, "errorMessage": "stream not found", "errorNum": 100_016
            });
            assert_eq!(gone, (404, wanted));
        })
        .await;
    });
}

#[test]
fn whoever_has_no_key_gets_nothing() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let mut stranger = Client::new(host, "broker-west".into(), PORT, seconds(10));
            for (method, target) in [
                ("POST", "/apid/otp"),
                ("GET", "/_api/user"),
                ("GET", "/datacenter/local"),
                ("GET", "/_fabric/_system/_api/streams"),
                ("POST", "/_replication"),
                ("GET", "/nowhere"),
            ] {
                let response = stranger.request(method, target, "").await.unwrap();
                let body: Value = response.read().unwrap();
                let wanted = json!({"code": 401, "error": true, "errorMessage": "forbidden", "errorNum": 11});
                assert_eq!((response.status, body), (401, wanted), "{method} {target}");
            }
        })
        .await;
    });
}

#[test]
fn the_python_sdk_finds_its_tenant_and_its_region_behind_the_port_that_it_appends() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let (status, user) = program.ask("GET", "/p:443/_api/user", "").await;
            assert_eq!((status, &user["result"][0]["tenant"]), (200, &json!("_mm")));
            let (status, datacenter) = program.ask("GET", "/p:443/datacenter/local", "").await;
            assert_eq!((status, &datacenter["tags"]["url"]), (200, &json!("broker-west")));
            let (status, _) = program.ask("GET", "/p:443/_fabric/_system/_api/streams?global=true", "").await;
            assert_eq!(status, 200);
        })
        .await;
    });
}

#[test]
fn publishing_subscriptions_backlog_and_expiry_have_their_calls() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let of = |rest: &str| format!("{API}/streams/c8globals.orders{rest}");
            assert_eq!(program.ask("POST", &of("/publish"), "hi").await.0, 404);
            let mut first = program.consumer(consumer("s", Exclusive, "c-1")).await;
            for body in ["hi", "there"] {
                let (status, answer) = program.ask("POST", &of("/publish"), body).await;
                assert_eq!((status, &answer["code"]), (200, &json!(200)));
            }
            assert_eq!(first.consume().await, "hi");
            let (_, subscriptions) = program.ask("GET", &of("/subscriptions?global=true"), "").await;
            assert!(subscriptions["result"].as_str().unwrap().contains("\"s\""), "{subscriptions}");
            host.sleep(seconds(1)).await;
            for what in ["/backlog", "/stats"] {
                let (status, told) = program.ask("GET", &of(what), "").await;
                assert_eq!(status, 200);
                assert!(within(&told).is_object(), "{told}");
            }
            assert_eq!(program.ask("DELETE", &of("/subscriptions/s"), "").await.0, 412, "it has a consumer");
            assert_eq!(program.ask("DELETE", &of("/subscriptions/t"), "").await.0, 404);
            first.leave().await;
            assert_eq!(program.ask("POST", &format!("{API}/streams/clearbacklog/s"), "").await.0, 200);
            let mut again = program.consumer(consumer("s", Exclusive, "c-1")).await;
            assert_eq!(again.hear(seconds(2)).await, None, "the backlog was cleared");
            again.leave().await;
            assert_eq!(program.ask("DELETE", &of("/subscriptions/s"), "").await.0, 200);
            let mut anew = program.consumer(consumer("s", Shared, "c-1")).await;
            program.ask("POST", &of("/publish"), "new").await;
            assert_eq!(anew.consume().await, "new", "another mode, at latest");
            anew.leave().await;
            assert_eq!(program.ask("POST", &of("/expiry/0"), "").await.0, 200);
            assert_eq!(program.ask("DELETE", &format!("{API}/streams/subscription/s?global=true"), "").await.0, 200);
            assert_eq!(program.ask("POST", &format!("{API}/streams/ttl/3600"), "").await.0, 200);
            assert_eq!(program.ask("GET", &format!("{API}/streams/ttl"), "").await.1["result"], json!("3600"));
        })
        .await;
    });
}

#[test]
fn a_stream_in_use_is_deleted_only_by_force_and_its_sockets_with_it() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let mut consumer = program.consumer(consumer("s", Exclusive, "c-1")).await;
            let orders = format!("{API}/streams/c8globals.orders");
            assert_eq!(program.ask("DELETE", &orders, "").await.0, 412);
            assert_eq!(program.ask("DELETE", &format!("{orders}?force=true"), "").await.0, 202);
            assert!(consumer.closed().await.is_some());
        })
        .await;
    });
}

#[test]
fn two_producers_of_one_name_are_one_too_many() {
    play(7, |town| async move {
        town.broker("west", &[], |_| {});
        town.visit("programs", |host| async move {
            let program = Program::new(&host, "west");
            let named = Attachment::Producer { topic: orders(), name: Some("till".into()) };
            let mut first = program.attach(&named).await.unwrap();
            let reading = host.spawn(async move {
                first.next(seconds(60)).await;
            });
            assert!(program.is_refused(&named).await.starts_with("409 "));
            reading.abort();
            let key = format!("apikey {KEY}");
            let unnamed = "/_ws/ws/v2/producer/persistent/acme/c8global._system/c8globals.orders";
            for _ in 0..2 {
                assert!(program.attach_at(unnamed, &[("authorization", &key)]).await.is_ok());
            }
        })
        .await;
    });
}
