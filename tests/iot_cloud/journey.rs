//! The whole way: operator, central, the hub that has the device, the device, and back, through a manual failover.
use crate::town::{Town, play};
use giant_lizard::history::{Event, OperationId};
use serde_json::{Value, json};

fn count(town: &Town, wanted: impl Fn(&Event) -> bool) -> usize {
    town.events().iter().filter(|event| wanted(event)).count()
}

fn known(number: u64) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::DesiredKnown { number: seen, .. } if *seen == number)
}

fn handled(operation: u32) -> impl Fn(&Event) -> bool {
    move |event| *event == Event::CommandHandled { operation: OperationId(operation) }
}

#[test]
fn commands_properties_and_methods_reach_a_device_at_home_and_away() {
    for seed in 0..5 {
        play(seed, |town| async move {
            town.hubs();
            town.dps();
            town.central();
            town.able_device("xyz");
            town.sleep(20).await;
            let blink = "/devices/xyz/commands/blink?request=op-0";
            assert_eq!(town.ask("one", "POST", blink, r#"{"n":1}"#).await.0, 202);
            let desired = "/devices/xyz/properties/desired";
            assert_eq!(town.ask("two", "PATCH", desired, r#"{"fan":"on"}"#).await.0, 200);
            town.sleep(20).await;
            assert_eq!(count(&town, handled(0)), 1);
            assert_eq!(count(&town, known(1)), 1);
            assert_eq!(town.ask("three", "POST", "/devices/xyz/manual-failover", "").await.0, 200);
            // While it is on its way.
            let again = "/devices/xyz/commands/blink?request=op-1";
            assert_eq!(town.ask("four", "POST", again, r#"{"n":2}"#).await.0, 202);
            assert_eq!(town.ask("five", "PATCH", desired, r#"{"fan":"off"}"#).await.0, 200);
            town.sleep(90).await;
            assert_eq!(count(&town, handled(1)), 1);
            assert_eq!(count(&town, known(2)), 1);
            let echo = "/devices/xyz/methods/echo?time-out=10s&request=op-2";
            let (status, body) = town.ask("six", "POST", echo, r#"{"n":3}"#).await;
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((status, &body["status"]), (200, &json!(200)), "{body}");
            assert_eq!(count(&town, handled(0)), 1, "not again at the other hub");
        });
    }
}
