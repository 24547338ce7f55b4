use super::*;

const NOW: Duration = Duration::from_secs(7);

fn desired() -> Desired {
    Desired::new(ReadsTwin::EachSession, DesiredVersions::PerSession)
}

fn twin(rid: u64, desired: Value) -> Publish {
    let body = json!({ "desired": desired, "reported": { "$version": 9 } });
    Publish::at_most_once(format!("$iothub/twin/res/200/?$rid=twin-{rid}"), body.to_string())
}

fn change(patch: Value) -> Publish {
    let version = patch["$version"].to_string();
    Publish::at_most_once(format!("{CHANGES}?$version={version}"), patch.to_string())
}

fn request(packet: Option<Packet>) -> Option<String> {
    packet.map(|packet| if let Packet::Publish(publish) = packet { publish.topic } else { panic!("{packet:?}") })
}

/// Connected, subscribed, its twin read.
fn following(mut desired: Desired, twin_of: Value) -> Desired {
    desired.began(NOW);
    desired.send(NOW);
    desired.told(NOW, &twin(desired.requests, twin_of));
    desired
}

fn fan(desired: &Desired) -> &Value {
    desired.members.get("fan").unwrap_or(&Value::Null)
}

#[test]
fn the_twin_is_read_in_each_session_and_followed_and_acknowledged_by_the_convention() {
    let mut desired = desired();
    assert_eq!(desired.send(NOW), None, "there is no session");
    desired.began(NOW);
    assert_eq!(request(desired.send(NOW)).as_deref(), Some("$iothub/twin/GET/?$rid=twin-1"));
    assert_eq!(desired.waiting_since(), Some(NOW));
    let followed = desired.told(NOW, &twin(1, json!({ "fan": "on", "change": 3, "$version": 5 }))).unwrap();
    assert_eq!(followed.followed, Some(3));
    let acknowledged = json!({
        "fan": { "value": "on", "ac": 200, "av": 5, "ad": "completed" },
        "change": { "value": 3, "ac": 200, "av": 5, "ad": "completed" },
    });
    assert_eq!(Value::Object(followed.acknowledgements), acknowledged);
    assert_eq!((desired.waiting_since(), desired.send(NOW)), (None, None));
    desired.began(NOW);
    assert_eq!(request(desired.send(NOW)).as_deref(), Some("$iothub/twin/GET/?$rid=twin-2"));
}

#[test]
fn changes_newer_than_what_was_read_are_followed_and_older_ones_are_not() {
    let mut desired = following(desired(), json!({ "fan": "on", "change": 3, "$version": 5 }));
    assert_eq!(desired.told(NOW, &change(json!({ "fan": "late", "change": 2, "$version": 5 }))), None);
    let followed = desired.told(NOW, &change(json!({ "fan": null, "change": 4, "$version": 6 }))).unwrap();
    assert_eq!(followed.followed, Some(4));
    assert_eq!(followed.acknowledgements["fan"], Value::Null);
    assert_eq!(followed.acknowledgements["change"]["av"], 6);
    assert_eq!(fan(&desired), &Value::Null);
}

#[test]
fn patches_are_merged_member_by_member() {
    let mut desired = following(desired(), json!({ "fan": { "speed": 1, "dir": "up" }, "$version": 5 }));
    desired.told(NOW, &change(json!({ "fan": { "speed": 2, "dir": null }, "$version": 6 })));
    assert_eq!(fan(&desired), &json!({ "speed": 2 }));
}

#[test]
fn a_change_that_came_before_the_twin_that_lacks_it_makes_it_read_again() {
    let mut desired = desired();
    desired.began(NOW);
    desired.send(NOW);
    assert_eq!(desired.told(NOW, &change(json!({ "fan": "off", "$version": 6 }))), None);
    desired.told(NOW, &twin(1, json!({ "fan": "on", "$version": 5 })));
    assert_eq!(fan(&desired), "on");
    assert!(desired.send(NOW).is_some());
    desired.told(NOW, &twin(2, json!({ "fan": "off", "$version": 6 })));
    assert_eq!((fan(&desired), desired.due()), (&json!("off"), None));
}

#[test]
fn a_twin_that_is_not_shown_is_asked_for_again_a_little_later() {
    for answer in [("429", ""), ("200", "{"), ("200", "{}"), ("200", r#"{"desired":{}}"#), ("200", r#"{"desired":[]}"#)]
    {
        let mut desired = desired();
        desired.began(NOW);
        desired.send(NOW);
        let topic = format!("$iothub/twin/res/{}/?$rid=twin-1", answer.0);
        assert_eq!(desired.told(NOW, &Publish::at_most_once(topic, answer.1)), None);
        assert_eq!((desired.send(NOW), desired.due()), (None, Some(NOW + RETRY)));
        assert!(desired.send(NOW + RETRY).is_some());
    }
}

#[test]
fn what_is_gone_from_the_twin_is_reported_gone_and_what_is_known_is_not_followed_twice() {
    let mut desired = following(desired(), json!({ "fan": "on", "change": 3, "$version": 5 }));
    desired.began(NOW);
    desired.send(NOW);
    let followed = desired.told(NOW, &twin(2, json!({ "change": 3, "$version": 5 }))).unwrap();
    assert_eq!((&followed.acknowledgements["fan"], followed.followed), (&Value::Null, None));
}

#[test]
fn another_hubs_versions_are_its_own() {
    let mut desired = following(desired(), json!({ "fan": "on", "change": 3, "$version": 9 }));
    desired = following(desired, json!({ "$version": 1 }));
    let followed = desired.told(NOW, &change(json!({ "fan": "off", "change": 4, "$version": 2 }))).unwrap();
    assert_eq!((followed.followed, fan(&desired)), (Some(4), &json!("off")));
}

#[test]
fn with_the_knob_another_hubs_lower_versions_are_taken_for_old_ones() {
    let desired = Desired::new(ReadsTwin::EachSession, DesiredVersions::AcrossHubs);
    let desired = following(desired, json!({ "fan": "on", "change": 3, "$version": 9 }));
    let mut desired = following(desired, json!({ "$version": 1 }));
    assert_eq!(desired.told(NOW, &change(json!({ "fan": "off", "change": 4, "$version": 2 }))), None);
    assert_eq!(fan(&desired), "on");
    assert!(desired.told(NOW, &change(json!({ "fan": "off", "change": 4, "$version": 10 }))).is_some());
}

#[test]
fn with_the_knob_the_twin_is_read_once_and_what_changed_meanwhile_is_missed() {
    let desired = Desired::new(ReadsTwin::Once, DesiredVersions::PerSession);
    let mut desired = following(desired, json!({ "fan": "on", "change": 3, "$version": 5 }));
    desired.began(NOW);
    assert_eq!(desired.send(NOW), None);
    assert!(desired.told(NOW, &change(json!({ "lamp": "on", "change": 5, "$version": 7 }))).is_some());
}

#[test]
fn other_messages_are_not_about_what_is_desired() {
    let mut desired = desired();
    desired.began(NOW);
    desired.send(NOW);
    for topic in ["$iothub/twin/res/200/?$rid=1", "$iothub/twin/res/200/?$rid=twin-2", "$iothub/twin/res/x", "a"] {
        assert_eq!(desired.told(NOW, &Publish::at_most_once(topic, r#"{"desired":{"$version":1}}"#)), None);
    }
    assert_eq!(desired.waiting_since(), Some(NOW));
    assert_eq!(desired.told(NOW, &Publish::at_most_once(format!("{CHANGES}?$version=1"), "{")), None);
}
