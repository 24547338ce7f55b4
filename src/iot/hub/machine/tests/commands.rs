//! Cloud-to-device messages.
use super::*;
use crate::history::OperationId;
use crate::iot::hub::feed::FeedbackStatus::{self, Expired, Success};
use crate::iot::hub::properties::Properties;
use crate::iot::hub::queue::{DEEPEST, Message};

const FILTER: &str = "devices/xyz/messages/devicebound/#";
const TTL: u64 = 600;

impl Story {
    /// Central sends op-{n}; what came of it once it was on the disk.
    fn is_sent(&mut self, n: u32) -> Vec<Output> {
        let properties = Properties::from_iter([("method-name".to_owned(), Some("blink".to_owned()))]);
        let expires = self.now + Duration::from_secs(TTL);
        let message = Message { id: format!("op-{n}"), properties, body: "aGk=".into(), expires };
        self.hub.queue(RequestId::from(n), "xyz", message);
        self.disk_writes()
    }

    /// How the messages ended that ended, in order.
    fn endings(&self) -> Vec<(String, FeedbackStatus)> {
        let ending = |bytes: &Vec<u8>| match Record::read(bytes) {
            Some(Record::Settled { id, status, .. }) => Some((id, status)),
            _ => None,
        };
        self.stored.iter().filter_map(ending).collect()
    }
}

fn answered(n: u32, applied: Applied) -> Output {
    Output::Answer(RequestId::from(n), Answer::Now(applied))
}

fn queued(n: u32) -> [Output; 2] {
    let event = Event::CommandQueued { operation: OperationId(n) };
    [Output::Record(event), answered(n, Applied::Done)]
}

/// What goes to a device, in this order of packet ids and with or without DUP.
fn dispatched(to: ConnectionId, n: u32, packet: u16, again: bool) -> [Output; 2] {
    let topic = format!(
        "devices/xyz/messages/devicebound/%24.to=%2Fdevices%2Fxyz%2Fmessages%2Fdevicebound&%24.mid=op-{n}&method-name=blink"
    );
    let quality = Quality::AtLeastOnce { id: packet, dup: again };
    let publish = Publish { quality, ..Publish::at_least_once(topic, &b"hi"[..], packet) };
    let event = Event::CommandDispatched { operation: OperationId(n), again };
    [Output::Record(event), Output::Send(to, Packet::Publish(publish))]
}

#[test]
fn a_command_goes_to_a_device_that_listens_as_soon_as_it_is_durable() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    assert_eq!(story.is_sent(3), [queued(3), dispatched(device, 3, 1, false)].concat());
    assert_eq!(story.says(device, Packet::PubAck { id: 1 }), []);
    assert_eq!(story.endings(), [], "not before that is durable");
    assert_eq!(story.disk_writes(), []);
    assert_eq!(story.endings(), [("op-3".into(), Success)]);
    assert_eq!(story.hub.next_alarm(), None);
}

#[test]
fn a_command_waits_for_the_subscription() {
    let mut story = Story::with_xyz();
    assert_eq!(story.is_sent(3), queued(3));
    let device = story.connects();
    assert_eq!(story.subscribes(device, FILTER), dispatched(device, 3, 1, false));
}

#[test]
fn a_session_that_goes_on_gets_its_commands_without_subscribing_again() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    story.says(device, Packet::Disconnect);
    story.is_sent(3);
    let (device, outputs) = story.connect_with(|_| {});
    assert!(matches!(outputs[1], Output::Send(_, Packet::ConnAck { session_present: true, .. })));
    assert_eq!(outputs[2..], dispatched(device, 3, 1, false));
}

#[test]
fn a_command_is_redelivered_on_reconnect_until_it_is_acknowledged() {
    let mut story = Story::with_xyz();
    story.listens(FILTER);
    story.is_sent(3);
    story.is_sent(4);
    for _ in 0..2 {
        let (device, outputs) = story.connect_with(|_| {});
        let again = [dispatched(device, 3, 1, true), dispatched(device, 4, 2, true)].concat();
        assert_eq!(outputs[outputs.len() - 4..], again);
    }
    let device = story.hub.live["xyz"];
    story.says(device, Packet::PubAck { id: 1 });
    let (device, outputs) = story.connect_with(|_| {});
    assert_eq!(outputs[outputs.len() - 2..], dispatched(device, 4, 2, true), "op-3 is on its way out");
}

#[test]
fn a_command_survives_the_loss_of_power_and_may_have_been_sent_before() {
    let mut story = Story::with_xyz();
    story.listens(FILTER);
    story.is_sent(3);
    story.loses_power();
    let (device, outputs) = story.connect_with(|_| {});
    assert_eq!(outputs[outputs.len() - 2..], dispatched(device, 3, 1, true));
}

#[test]
fn an_acknowledgement_out_of_order_costs_the_connection() {
    for id in [2, 7] {
        let mut story = Story::with_xyz();
        let device = story.listens(FILTER);
        story.is_sent(3);
        story.is_sent(4);
        assert_eq!(story.says(device, Packet::PubAck { id }), [ended(Ending::Acknowledgement), Output::Close(device)]);
    }
}

#[test]
fn an_acknowledgement_that_could_not_be_stored_costs_the_connection_and_the_command_comes_again() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    story.is_sent(3);
    story.says(device, Packet::PubAck { id: 1 });
    assert_eq!(story.disk_refuses(), [ended(Ending::Storage), Output::Close(device)]);
    let (device, outputs) = story.connect_with(|_| {});
    assert_eq!(outputs[outputs.len() - 2..], dispatched(device, 3, 1, true));
}

#[test]
fn what_is_not_acknowledged_for_a_minute_is_sent_again_over_the_same_connection() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    story.is_sent(3);
    story.seconds_pass(59);
    assert_eq!(story.rings(), []);
    story.seconds_pass(1);
    assert_eq!(story.rings(), dispatched(device, 3, 1, true));
}

#[test]
fn the_fifty_first_command_is_refused_and_a_repeated_one_is_not_queued_twice() {
    let mut story = Story::with_xyz();
    let most = u32::try_from(DEEPEST).unwrap();
    for n in 1..=most {
        assert_eq!(story.is_sent(n), queued(n));
    }
    assert_eq!(story.is_sent(7), [answered(7, Applied::Unchanged)]);
    assert_eq!(story.is_sent(most + 1), [answered(most + 1, Applied::Full)]);
    story.loses_power();
    let device = story.connects();
    assert_eq!(story.subscribes(device, FILTER).len(), 2 * DEEPEST);
}

#[test]
fn a_command_for_an_unknown_device_or_a_full_disk_is_answered_so() {
    let mut story = Story::new(Confirms::AfterStoring);
    assert_eq!(story.is_sent(3), [answered(3, Applied::NotFound)]);
    let message =
        Message { id: "m".into(), properties: Properties::new(), body: String::new(), expires: Duration::MAX };
    story.hub.queue(4, "xyz", message);
    assert_eq!(story.disk_refuses(), [Output::Answer(4, Answer::Failed)]);
}

#[test]
fn a_command_whose_time_is_over_expires() {
    let mut story = Story::with_xyz();
    story.is_sent(3);
    assert_eq!(story.hub.next_alarm(), Some(Duration::from_secs(TTL)));
    story.seconds_pass(TTL);
    story.rings();
    assert_eq!(story.disk_writes(), [Output::Record(Event::CommandExpired { operation: OperationId(3) })]);
    assert_eq!(story.endings(), [("op-3".into(), Expired)]);
    assert_eq!(story.hub.next_alarm(), None);
}

#[test]
fn a_command_expires_also_when_its_time_came_while_the_hub_was_off() {
    let mut story = Story::with_xyz();
    story.listens(FILTER);
    story.is_sent(3);
    story.seconds_pass(TTL);
    story.loses_power();
    assert_eq!(story.hub.next_alarm(), Some(Duration::from_secs(TTL)));
    story.rings();
    story.disk_writes();
    assert_eq!(story.endings(), [("op-3".into(), Expired)]);
}

#[test]
fn a_command_that_cannot_expire_on_a_full_disk_is_tried_again_a_second_later() {
    let mut story = Story::with_xyz();
    story.is_sent(3);
    story.seconds_pass(TTL);
    story.rings();
    assert_eq!(story.disk_refuses(), []);
    assert_eq!(story.hub.next_alarm(), Some(Duration::from_secs(TTL + 1)));
    story.seconds_pass(1);
    story.rings();
    story.disk_writes();
    assert_eq!(story.endings(), [("op-3".into(), Expired)]);
}

#[test]
fn a_clean_session_removes_what_was_queued() {
    let mut story = Story::with_xyz();
    story.is_sent(3);
    let (device, _) = story.connect_with(|connect| connect.clean_session = true);
    story.disk_writes();
    assert_eq!(story.subscribes(device, FILTER), []);
    assert_eq!(story.is_sent(4)[2..], dispatched(device, 4, 2, false), "what comes later is for it");
}

#[test]
fn a_removal_takes_the_queue_along() {
    let mut story = Story::with_xyz();
    story.is_sent(3);
    story.remove(9, None);
    story.disk_writes();
    story.register(10, None);
    story.disk_writes();
    let device = story.connects();
    assert_eq!(story.subscribes(device, FILTER), []);
    story.seconds_pass(TTL);
    assert_eq!(story.rings(), []);
    assert_eq!(story.endings(), []);
}

#[test]
fn a_foreign_message_leaves_nothing_in_the_history() {
    let mut story = Story::with_xyz();
    let device = story.listens(FILTER);
    let expires = Duration::from_secs(60);
    let message = Message { id: "1f".into(), properties: Properties::new(), body: String::new(), expires };
    story.hub.queue(4, "xyz", message);
    let outputs = story.disk_writes();
    assert_eq!(outputs[0], answered(4, Applied::Done));
    assert!(matches!(&outputs[1..], [Output::Send(to, Packet::Publish(_))] if *to == device), "{outputs:?}");
}
