//! Commands, methods and desired properties: the built-in device at the built-in hub.
use crate::neighbourhood::{Neighbourhood, control, play, seconds};
use giant_lizard::history::{Event, OperationId};
use giant_lizard::iot::knobs::Confirms;
use giant_lizard::iot::plan::{Abilities, DevicePlan};
use std::time::Duration;

fn able(plan: &mut DevicePlan) {
    plan.abilities = Abilities { desired: true, methods: true, commands: true, ..Abilities::default() };
    plan.handles_in = Duration::from_secs(2);
}

/// Asks hub-a's control plane; status and body.
async fn ask(place: &Neighbourhood, method: &'static str, target: &'static str, body: &'static str) -> (u16, String) {
    let asked = move |host| async move {
        let answer = control(&host, "hub-a").request(method, target, body).await.unwrap();
        (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
    };
    place.visit(&format!("{method} {target} {body}"), asked).await
}

const COMMAND: &str = "/devices/xyz/messages/devicebound?message-id=op-3&ttl=600000ms&method-name=blink";
const OPERATION: OperationId = OperationId(3);

fn count(place: &Neighbourhood, event: &Event) -> usize {
    place.chronicle.pick(|entry| (entry.event == *event).then_some(())).len()
}

#[test]
fn a_device_that_loses_its_hub_while_it_handles_a_command_handles_it_once_and_acknowledges_the_repeat() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.dps(&["hub-a"]);
        place.device(able);
        place.stage.sleep(seconds(20)).await;
        assert_eq!(ask(&place, "POST", COMMAND, "{}").await.0, 201);
        place.stage.sleep(seconds(1)).await;
        place.crash("hub-a");
        place.boot("hub-a");
        place.stage.sleep(seconds(30)).await;
        assert_eq!(count(&place, &Event::CommandDelivered { operation: OPERATION }), 2);
        assert_eq!(count(&place, &Event::CommandHandled { operation: OPERATION }), 1);
        assert_eq!(count(&place, &Event::CommandAcked { operation: OPERATION }), 1);
    });
}

#[test]
fn a_method_is_answered_through_the_hub() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.dps(&["hub-a"]);
        place.device(able);
        place.stage.sleep(seconds(20)).await;
        let body = r#"{"methodName":"echo","payload":{"n":1},"responseTimeoutInSeconds":30}"#;
        let (status, answer) = ask(&place, "POST", "/twins/xyz/methods?request=op-3", body).await;
        assert_eq!((status, answer.as_str()), (200, r#"{"status":200,"payload":{"n":1}}"#));
        assert_eq!(count(&place, &Event::MethodRun { operation: OPERATION }), 1);
        let body = r#"{"methodName":"reboot","payload":null,"responseTimeoutInSeconds":30}"#;
        let (status, answer) = ask(&place, "POST", "/twins/xyz/methods?request=op-4", body).await;
        assert_eq!((status, answer.as_str()), (200, r#"{"status":404,"payload":null}"#));
    });
}

#[test]
fn what_is_desired_while_a_device_is_away_is_followed_and_acknowledged_when_it_is_back() {
    play(1, |place| async move {
        place.hub("hub-a", "west", Confirms::AfterStoring);
        place.dps(&["hub-a"]);
        place.device(|plan| {
            able(plan);
            plan.reported = None;
        });
        place.stage.sleep(seconds(20)).await;
        let change = r#"{"properties":{"desired":{"fan":"on","change":1}}}"#;
        assert_eq!(ask(&place, "PATCH", "/twins/xyz", change).await.0, 200);
        place.stage.sleep(seconds(2)).await;
        assert!(place.chronicle.has(&Event::DesiredApplied { client: "xyz".into(), number: 1 }));
        place.power_loss("xyz");
        let change = r#"{"properties":{"desired":{"fan":null,"lamp":"on","change":2}}}"#;
        assert_eq!(ask(&place, "PATCH", "/twins/xyz", change).await.0, 200);
        place.boot("xyz");
        place.stage.sleep(seconds(20)).await;
        assert!(place.chronicle.has(&Event::DesiredApplied { client: "xyz".into(), number: 2 }));
        let (_, twin) = ask(&place, "GET", "/twins/xyz", "").await;
        assert!(twin.contains(r#""lamp":{"value":"on","ac":200,"#), "{twin}");
        assert!(twin.contains(r#""change":{"value":2,"ac":200,"#), "{twin}");
    });
}
