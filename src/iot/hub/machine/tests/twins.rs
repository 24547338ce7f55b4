//! What is desired of a device.
use super::*;
use crate::iot::hub::twin::PatchError;
use serde_json::json;

const FILTER: &str = "$iothub/twin/PATCH/properties/desired/#";

impl Story {
    fn desires(&mut self, patch: Value) -> Vec<Output> {
        let Value::Object(patch) = patch else { panic!("no patch") };
        self.hub.desire(6, "xyz", None, patch);
        assert_eq!(self.outputs(), [], "not before it is durable");
        self.disk_writes()
    }
}

#[test]
fn a_change_goes_to_a_device_that_listens_with_the_sections_own_version() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    let report = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    story.says(device, Packet::Publish(Publish::at_most_once(report, "{}")));
    story.disk_writes();
    let outputs = story.desires(json!({"fan": "on", "change": 1}));
    let told = r#"{"fan":"on","change":1,"$version":2}"#;
    assert_eq!(outputs[0], answer_to(device, "$iothub/twin/PATCH/properties/desired/?$version=2", told));
    let outputs = story.desires(json!({"fan": null}));
    let told = r#"{"fan":null,"$version":3}"#;
    assert_eq!(outputs[0], answer_to(device, "$iothub/twin/PATCH/properties/desired/?$version=3", told));
    let twin = TwinView {
        etag: Some("1.3".into()),
        desired: json!({"change": 1, "$version": 3}),
        reported: json!({"$version": 2}),
    };
    assert_eq!(outputs[1..], [Output::Answer(6, Answer::Twin(twin))]);
}

#[test]
fn a_change_is_not_kept_as_a_message_for_a_device_that_is_away_but_is_in_its_twin() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    story.says(device, Packet::Disconnect);
    story.desires(json!({"fan": "on"}));
    story.loses_power();
    let (device, outputs) = story.connect_with(|_| {});
    assert!(!outputs.iter().any(|output| matches!(output, Output::Send(_, Packet::Publish(_)))), "{outputs:?}");
    story.says(device, Packet::Publish(Publish::at_most_once("$iothub/twin/GET/?$rid=2", "")));
    let twin = r#"{"desired":{"fan":"on","$version":2},"reported":{"$version":1}}"#;
    assert_eq!(story.disk_writes(), [answer_to(device, "$iothub/twin/res/200/?$rid=2", twin)]);
}

#[test]
fn a_change_that_does_not_fit_is_for_an_unknown_device_or_cannot_be_stored_changes_nothing() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    let half = |name: &str| json!({ name: vec!["x".repeat(4000); 5] });
    story.desires(half("a"));
    let refused = Answer::Now(Applied::Refused(PatchError::TooLarge));
    assert_eq!(story.desires(half("b")), [Output::Answer(6, refused)]);
    story.hub.desire(7, "xyz", None, Map::new());
    assert_eq!(story.disk_refuses(), [Output::Answer(7, Answer::Failed)]);
    assert_eq!(story.hub.twin("xyz").unwrap().desired["$version"], 2);
    story.says(device, Packet::Disconnect);
    story.remove(8, None);
    story.disk_writes();
    assert_eq!(story.desires(json!({})), [Output::Answer(6, Answer::Now(Applied::NotFound))]);
}

#[test]
fn a_change_that_was_long_on_its_way_cannot_undo_a_later_one_nor_reach_a_later_stay() {
    let mut story = Story::with_xyz();
    let seen = story.hub.tagged_twin("xyz").unwrap().etag;
    story.desires(json!({"change": 15}));
    let late = |story: &mut Story, etag: &Option<String>| {
        story.hub.desire(9, "xyz", etag.clone(), json!({"change": 14}).as_object().unwrap().clone());
        story.disk_writes()
    };
    let stale = [Output::Answer(9, Answer::Now(Applied::Stale))];
    assert_eq!(late(&mut story, &seen), stale);
    assert_eq!(story.hub.twin("xyz").unwrap().desired["change"], 15);
    story.remove(8, None);
    story.disk_writes();
    story.register(8, None);
    story.disk_writes();
    assert_eq!(late(&mut story, &seen), stale, "the versions begin again, and mean another stay");
    let now = story.hub.tagged_twin("xyz").unwrap().etag;
    assert_ne!(late(&mut story, &now), stale);
}
