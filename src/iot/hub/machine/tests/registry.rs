//! Devices that come and go by order of the provisioning service.
use super::*;

#[test]
fn removing_a_device_closes_its_connection_and_refuses_it_from_then_on() {
    let mut story = Story::with_xyz();
    let device = story.connects();
    story.remove(9, None);
    assert_eq!(story.outputs(), [], "not before it is durable");
    assert_eq!(
        story.disk_writes(),
        [ended(Ending::Removed), Output::Close(device), Output::Answer(9, Answer::Now(Applied::Done)),]
    );
    story.loses_power();
    let (connection, outputs) = story.connect_with(|_| {});
    assert_eq!(outputs[0], Output::Send(connection, refusal(ConnectCode::ServerUnavailable)));
}

#[test]
fn a_removal_that_comes_too_late_leaves_the_connection_alone() {
    let mut story = Story::new(Confirms::AfterStoring);
    story.register(1, Some(3));
    story.disk_writes();
    story.connects();
    story.remove(9, Some(2));
    assert_eq!(story.disk_writes(), [Output::Answer(9, Answer::Now(Applied::Stale))]);
}

#[test]
fn a_hub_that_only_closes_lets_a_removed_device_in_again() {
    let mut story = Story::with(|settings| settings.knobs.moved_device = MovedDevice::CloseOnly);
    story.register(1, Some(3));
    story.disk_writes();
    let device = story.connects();
    story.remove(8, Some(2));
    assert_eq!(story.disk_writes(), [Output::Answer(8, Answer::Now(Applied::Stale))]);
    story.remove(9, Some(4));
    assert_eq!(
        story.disk_writes(),
        [ended(Ending::Removed), Output::Close(device), Output::Answer(9, Answer::Now(Applied::Done))]
    );
    story.connects();
}

#[test]
fn a_change_of_the_registry_that_could_not_be_stored_is_answered_so() {
    let mut story = Story::new(Confirms::AfterStoring);
    story.register(1, None);
    assert_eq!(story.disk_refuses(), [Output::Answer(1, Answer::Failed)]);
    let (_, outputs) = story.connect_with(|_| {});
    assert!(matches!(outputs[0], Output::Send(_, Packet::ConnAck { code: ConnectCode::ServerUnavailable, .. })));
}
