//! What devices report of themselves.
use super::*;

#[test]
fn a_report_is_answered_with_its_version_when_it_is_durable() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=9";
    let report = Packet::Publish(Publish::at_least_once(topic, &br#"{"n":1}"#[..], 4));
    assert_eq!(story.says(device, report), []);
    assert_eq!(
        story.disk_writes(),
        [
            Output::Send(device, Packet::PubAck { id: 4 }),
            answer_to(device, "$iothub/twin/res/204/?$rid=9&$version=2", ""),
        ]
    );
    story.loses_power();
    assert_eq!(story.hub.twin("xyz").unwrap().reported["n"], 1);
}

#[test]
fn a_report_that_is_no_json_is_answered_400() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let topic = "$iothub/twin/PATCH/properties/reported/?$rid=9";
    story.says(device, Packet::Publish(Publish::at_most_once(topic, "{")));
    assert_eq!(story.disk_writes(), [answer_to(device, "$iothub/twin/res/400/?$rid=9", "")]);
}

#[test]
fn the_twin_is_answered_also_to_who_did_not_subscribe_and_shows_earlier_reports() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    let report = "$iothub/twin/PATCH/properties/reported/?$rid=1";
    story.says(device, Packet::Publish(Publish::at_most_once(report, r#"{"n":1}"#)));
    story.says(device, Packet::Publish(Publish::at_most_once("$iothub/twin/GET/?$rid=2", " ")));
    assert_eq!(
        story.disk_writes(),
        [
            answer_to(device, "$iothub/twin/res/204/?$rid=1&$version=2", ""),
            answer_to(
                device,
                "$iothub/twin/res/200/?$rid=2",
                r#"{"desired":{"$version":1},"reported":{"n":1,"$version":2}}"#
            ),
        ]
    );
}
