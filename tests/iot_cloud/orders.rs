//! What operators ask of central gets to wherever the device is, through moves and restarts.
use crate::town::{Town, play};
use giant_lizard::history::{Event, OperationId};
use serde_json::{Value, json};

const BLINK: &str = "/devices/xyz/commands/blink?ttl=600000ms&request=op-0";

fn read(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[test]
fn a_command_follows_the_device_until_it_is_acknowledged() {
    play(1, |town| async move {
        let [a, b] = town.fake_hubs();
        town.central();
        a.gets("xyz", 1);
        let (status, body) = town.ask("operator-1", "POST", BLINK, r#"{"n":1}"#).await;
        assert_eq!((status, read(&body)), (202, json!({ "messageId": "op-0" })));
        town.sleep(5).await;
        assert_eq!(a.taken(), ["op-0"]);
        a.loses("xyz", 1);
        town.sleep(5).await;
        assert!(b.taken().is_empty());
        b.gets("xyz", 2);
        town.sleep(5).await;
        assert_eq!(b.taken(), ["op-0"], "the same message id");
        b.completes("xyz", "op-0");
        town.sleep(5).await;
        b.loses("xyz", 2);
        a.gets("xyz", 3);
        town.sleep(30).await;
        assert_eq!((a.taken().len(), b.taken().len()), (1, 1), "it is done");
        assert_eq!(town.count(&Event::CommandQueued { operation: OperationId(0) }), 1);
        assert_eq!(town.count(&Event::CommandExpired { operation: OperationId(0) }), 0);
    });
}

#[test]
fn what_central_accepted_survives_its_loss_of_power() {
    for seed in 0..5 {
        play(seed, |town| async move {
            let [a, _] = town.fake_hubs();
            town.central();
            assert_eq!(town.ask("operator-1", "POST", BLINK, "").await.0, 202);
            let (_, body) = town.ask("operator-2", "PATCH", "/devices/xyz/properties/desired", r#"{"fan":"on"}"#).await;
            assert_eq!(read(&body), json!({ "number": 1 }));
            town.restart("central");
            a.gets("xyz", 1);
            town.sleep(10).await;
            assert_eq!(a.taken(), ["op-0"]);
            assert_eq!(a.desired(), [json!({ "fan": "on", "change": 1 })]);
            a.completes("xyz", "op-0");
            town.sleep(5).await;
            town.restart("central");
            town.sleep(10).await;
            assert_eq!(a.taken(), ["op-0"], "that it is done is not forgotten");
            assert_eq!(town.count(&Event::CommandQueued { operation: OperationId(0) }), 1, "said once");
        });
    }
}

#[test]
fn a_command_that_reached_no_hub_expires_at_central() {
    play(2, |town| async move {
        let [a, _] = town.fake_hubs();
        town.central();
        let short = "/devices/xyz/commands/blink?ttl=20s&request=op-0";
        assert_eq!(town.ask("operator-1", "POST", short, "").await.0, 202);
        town.sleep(25).await;
        a.gets("xyz", 1);
        town.sleep(10).await;
        assert!(a.taken().is_empty());
        assert_eq!(town.count(&Event::CommandExpired { operation: OperationId(0) }), 1);
    });
}

#[test]
fn a_hub_that_says_nothing_is_taken_for_dead_and_asked_again_and_one_that_tells_of_something_is_not() {
    play(9, |town| async move {
        let [silent, busy] = town.fake_hubs();
        town.central();
        for generation in 1..=10 {
            busy.gets("xyz", generation);
            town.sleep(10).await;
        }
        // After 30 s of silence each time, and a second.
        assert_eq!((silent.readers(), busy.readers()), (4, 1));
    });
}

#[test]
fn sixty_commands_go_to_a_hub_that_holds_fifty_in_their_order() {
    play(3, |town| async move {
        let [a, _] = town.fake_hubs();
        town.central();
        a.gets("xyz", 1);
        for _ in 0..60 {
            let operator = format!("operator-{}", town.stage.now().as_nanos());
            assert_eq!(town.ask(&operator, "POST", "/devices/xyz/commands/blink", "").await.0, 202);
        }
        town.sleep(30).await;
        let first = a.taken();
        assert_eq!(first.len(), 50);
        for id in &first[..20] {
            a.completes("xyz", id);
        }
        town.sleep(15).await;
        let all = a.taken();
        let number = |id: &String| id.strip_prefix("central-").unwrap().parse::<u64>().unwrap();
        assert_eq!(all.len(), 60);
        assert!(all.windows(2).all(|pair| number(&pair[0]) < number(&pair[1])), "{all:?}");
    });
}

#[test]
fn desired_properties_are_applied_again_after_a_move_and_known_when_the_device_follows_them() {
    play(4, |town| async move {
        let [a, b] = town.fake_hubs();
        town.central();
        a.gets("xyz", 1);
        let desire = |town: Town, operator, patch| async move {
            town.ask(operator, "PATCH", "/devices/xyz/properties/desired", patch).await.0
        };
        assert_eq!(desire(town.clone(), "operator-1", r#"{"fan":"on"}"#).await, 200);
        town.sleep(5).await;
        assert_eq!(desire(town.clone(), "operator-2", r#"{"fan":null,"led":3}"#).await, 200);
        assert_eq!(desire(town.clone(), "operator-3", r#"[]"#).await, 400);
        town.sleep(5).await;
        let last = json!({ "fan": null, "led": 3, "change": 2 });
        assert_eq!(a.desired(), [json!({ "fan": "on", "change": 1 }), last.clone()]);
        a.reports("xyz", json!({ "change": { "value": 1, "ac": 200, "av": 2 } }));
        a.loses("xyz", 1);
        b.gets("xyz", 2);
        town.sleep(5).await;
        assert_eq!(b.desired(), [last]);
        b.reports("xyz", json!({ "change": { "value": 2, "ac": 200, "av": 2 } }));
        b.reports("xyz", json!({ "change": { "value": 9, "ac": 200, "av": 3 } }));
        town.sleep(5).await;
        let known = |event: &Event| match event {
            Event::DesiredKnown { number, .. } => Some(*number),
            _ => None,
        };
        assert_eq!(town.events().iter().filter_map(known).collect::<Vec<_>>(), [1, 2]);
    });
}

#[test]
fn a_method_runs_once_at_the_hub_that_has_the_device() {
    play(5, |town| async move {
        let [a, b] = town.fake_hubs();
        town.central();
        a.gets("xyz", 1);
        town.sleep(2).await;
        let echo = "/devices/xyz/methods/echo?time-out=5000ms&request=op-4";
        let (status, body) = town.ask("operator-1", "POST", echo, r#"{"n":1}"#).await;
        assert_eq!((status, read(&body)), (200, json!({ "status": 200, "payload": { "n": 1 } })));
        // It moved, and central has not heard of it yet.
        a.has_silently("xyz", false);
        b.has_silently("xyz", true);
        assert_eq!(town.ask("operator-2", "POST", echo, "").await.0, 200);
        assert_eq!((a.methods().len(), b.methods().len()), (1, 1));
        let (status, body) = town.ask("operator-3", "POST", "/devices/abc/methods/echo", "").await;
        assert_eq!((status, &read(&body)["errorCode"]), (404, &json!(404_001)));
        // It runs, and nobody ever answers: it is not run again.
        b.falls_mute();
        a.has_silently("xyz", true);
        b.gets("xyz", 2);
        town.sleep(2).await;
        let (status, body) = town.ask("operator-4", "POST", echo, "").await;
        assert_eq!((status, &read(&body)["errorCode"]), (504, &json!(504_101)));
        assert_eq!((a.methods().len(), b.methods().len()), (1, 2));
    });
}

#[test]
fn what_only_dps_knows_is_asked_of_dps_and_fails_in_words_when_that_is_gone() {
    play(6, |town| async move {
        town.hubs();
        town.dps();
        town.central();
        town.device("xyz");
        town.sleep(20).await;
        let (status, body) = town.ask("operator-1", "POST", "/devices/xyz/manual-failover?ttl-minutes=2", "").await;
        assert_eq!(status, 200, "{body}");
        assert!(read(&body)["message"].as_str().unwrap().contains("GMT"), "{body}");
        town.sleep(60).await;
        let (status, body) = town.ask("operator-2", "GET", "/devices/xyz/registration-info", "").await;
        assert_eq!((status, &read(&body)["assignedHub"]), (200, &json!("hub-b")));
        assert_eq!(read(&body)["manualFailover"], true);
        assert_eq!(town.ask("operator-3", "POST", "/devices/xyz/manual-failover", "").await.0, 409);
        assert_eq!(town.ask("operator-4", "POST", "/devices/abc/manual-failover", "").await.0, 404);
        town.restart("dps");
        town.sleep(120).await;
        let (_, body) = town.ask("operator-5", "GET", "/devices/xyz/registration-info", "").await;
        assert_eq!((&read(&body)["assignedHub"], &read(&body)["manualFailover"]), (&json!("hub-a"), &json!(false)));
        let settled = |event: &Event| match event {
            Event::Settled { at, .. } => Some(at.to_string()),
            _ => None,
        };
        assert_eq!(town.events().iter().filter_map(settled).collect::<Vec<_>>(), ["hub-a", "hub-b", "hub-a"]);
        assert_eq!(town.ask("operator-6", "POST", "/devices/xyz/manual-failback", "").await.0, 409);
        town.power_loss("dps");
        let (status, body) = town.ask("operator-7", "POST", "/devices/xyz/manual-failback", "").await;
        assert_eq!((status, &read(&body)["errorCode"]), (502, &json!(502_000)));
    });
}
