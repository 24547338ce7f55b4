use super::*;
use crate::history::ProducerId;
use proptest::prelude::*;

const NOW: Duration = Duration::from_secs(7);
const SECOND: Duration = Duration::from_secs(1);

fn id(number: u64) -> MessageId {
    MessageId { producer: ProducerId(0), number }
}

fn body(number: u32) -> Bytes {
    format!("number {number}").into()
}

fn message(number: u32) -> Message {
    Message { id: id(number.into()), topic: "t".into(), payload: body(number), given: number * SECOND }
}

fn outbox(messages: u32, window: usize) -> Outbox {
    filled(messages, Outbox::new(1000, window, Resends::InOrder, SendBuffer::Owned))
}

fn filled(messages: u32, mut outbox: Outbox) -> Outbox {
    (0..messages).for_each(|number| outbox.offer(message(number)).unwrap());
    outbox.began(&"hub-a".into(), false);
    outbox
}

/// Sends all that may be sent: number, packet id, DUP, again.
fn sends(outbox: &mut Outbox) -> Vec<(u64, u16, bool, bool)> {
    std::iter::from_fn(|| outbox.send(NOW))
        .map(|Sending { id, packet, again }| {
            let Packet::Publish(Publish { quality: Quality::AtLeastOnce { id: packet, dup }, .. }) = packet else {
                panic!("not a QoS 1 publish")
            };
            (id.number, packet, dup, again)
        })
        .collect()
}

#[test]
fn no_more_than_the_window_is_in_flight() {
    let mut outbox = outbox(5, 2);
    assert_eq!(sends(&mut outbox), [(0, 1, false, false), (1, 2, false, false)]);
    assert_eq!(outbox.acknowledged(1), Some(id(0)));
    assert_eq!(sends(&mut outbox), [(2, 3, false, false)]);
}

#[test]
fn when_it_is_full_the_application_waits_and_nothing_is_dropped() {
    let mut outbox = Outbox::new(2, 16, Resends::InOrder, SendBuffer::Owned);
    outbox.offer(message(0)).unwrap();
    outbox.offer(message(1)).unwrap();
    assert!(outbox.is_full());
    assert_eq!(outbox.offer(message(2)), Err(message(2)));
    outbox.began(&"hub-a".into(), false);
    sends(&mut outbox);
    assert!(outbox.is_full(), "what is in flight still takes room");
    outbox.acknowledged(1);
    outbox.offer(message(2)).unwrap();
}

#[test]
fn a_resumed_session_repeats_unanswered_messages_with_dup_and_their_packet_ids() {
    let mut outbox = outbox(4, 3);
    sends(&mut outbox);
    outbox.acknowledged(2);
    outbox.ended();
    outbox.began(&"hub-a".into(), true);
    assert_eq!(sends(&mut outbox), [(0, 1, true, true), (2, 3, true, true), (3, 4, false, false)]);
}

#[test]
fn a_session_the_hub_forgot_gets_them_anew_in_the_same_order() {
    let mut outbox = outbox(3, 2);
    sends(&mut outbox);
    outbox.ended();
    outbox.began(&"hub-a".into(), false);
    assert_eq!(sends(&mut outbox), [(0, 3, false, true), (1, 4, false, true)]);
}

#[test]
fn another_hubs_old_session_is_no_resumption() {
    let mut outbox = outbox(1, 2);
    sends(&mut outbox);
    outbox.ended();
    outbox.began(&"hub-b".into(), true);
    assert_eq!(sends(&mut outbox), [(0, 2, false, true)]);
}

#[test]
fn an_acknowledgement_from_before_is_not_taken_for_one_of_now() {
    let mut outbox = outbox(1, 2);
    sends(&mut outbox);
    outbox.ended();
    assert_eq!(outbox.acknowledged(1), None);
    outbox.began(&"hub-a".into(), false);
    assert_eq!(outbox.acknowledged(1), None);
    assert_eq!(outbox.acknowledged(77), None);
    assert!(!outbox.is_empty());
}

#[test]
fn the_oldest_unanswered_message_is_the_one_that_times_out() {
    let mut outbox = outbox(2, 2);
    assert_eq!(outbox.waiting_since(), None);
    outbox.send(Duration::from_secs(1));
    outbox.send(Duration::from_secs(2));
    assert_eq!(outbox.waiting_since(), Some(Duration::from_secs(1)));
    outbox.acknowledged(1);
    assert_eq!(outbox.waiting_since(), Some(Duration::from_secs(2)));
}

#[test]
fn packet_ids_go_round_and_skip_those_in_use() {
    let mut outbox = outbox(2, 2);
    outbox.send(NOW);
    outbox.last_packet = u16::MAX;
    assert_eq!(sends(&mut outbox), [(1, 2, false, false)]);
}

#[test]
fn with_the_knob_the_newest_is_sent_again_first() {
    let mut outbox = filled(4, Outbox::new(1000, 3, Resends::NewestFirst, SendBuffer::Owned));
    assert_eq!(sends(&mut outbox), [(0, 1, false, false), (1, 2, false, false), (2, 3, false, false)]);
    outbox.ended();
    outbox.began(&"hub-a".into(), false);
    assert_eq!(sends(&mut outbox), [(2, 4, false, true), (1, 5, false, true), (0, 6, false, true)]);
    outbox.acknowledged(5);
    assert_eq!(sends(&mut outbox), [(3, 7, false, false)], "what was never sent keeps its order");
}

/// The bytes of everything that may be sent.
fn bodies(outbox: &mut Outbox) -> Vec<Bytes> {
    let payload = |sending: Sending| match sending.packet {
        Packet::Publish(publish) => publish.payload,
        other => panic!("{other:?}"),
    };
    std::iter::from_fn(|| outbox.send(NOW)).map(payload).collect()
}

#[test]
fn a_message_keeps_its_bytes_however_often_it_is_sent() {
    let mut outbox = outbox(2, 2);
    assert_eq!(bodies(&mut outbox), [body(0), body(1)]);
    outbox.offer(message(10)).unwrap();
    outbox.ended();
    outbox.began(&"hub-a".into(), true);
    assert_eq!(bodies(&mut outbox), [body(0), body(1)]);
}

#[test]
fn with_the_knob_a_message_sent_again_has_the_bytes_that_lie_in_its_place_by_then() {
    let mut outbox = filled(2, Outbox::new(1000, 3, Resends::InOrder, SendBuffer::Reused));
    assert_eq!(bodies(&mut outbox), [body(0), body(1)]);
    outbox.offer(message(2)).unwrap();
    outbox.ended();
    outbox.began(&"hub-a".into(), true);
    assert_eq!(bodies(&mut outbox), [body(2), body(2), body(2)]);
    outbox.offer(message(10)).unwrap();
    outbox.ended();
    outbox.began(&"hub-a".into(), true);
    assert_eq!(bodies(&mut outbox), ["number 1", "number 1", "number 1"], "as long as it was");
}

#[test]
fn what_is_too_old_is_dropped_in_flight_or_not() {
    let mut outbox = outbox(4, 2);
    sends(&mut outbox);
    assert_eq!(outbox.oldest_given(), Some(Duration::ZERO));
    outbox.drop_given_until(2 * SECOND);
    assert_eq!(outbox.oldest_given(), Some(3 * SECOND));
    assert_eq!(outbox.acknowledged(1), None);
    assert_eq!(sends(&mut outbox), [(3, 3, false, false)]);
}

/// What happens between a device and its hub.
#[derive(Clone, Debug)]
enum Turn {
    /// The hub stores so many of what it was sent, and its acknowledgements arrive.
    Answered(usize),
    /// The hub stores so many, and the session ends before the device hears of it.
    Broken { stored: usize, present: bool },
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        (0usize..6).prop_map(Turn::Answered),
        (0usize..6, any::<bool>()).prop_map(|(stored, present)| Turn::Broken { stored, present }),
    ];
    prop::collection::vec(turn, 0..40)
}

proptest! {
    #[test]
    fn a_hub_gets_first_copies_in_order_and_none_is_missing(turns in turns(), window in 1usize..5) {
        let mut outbox = outbox(20, window);
        let (mut stored, mut wire) = (Vec::new(), VecDeque::new());
        for turn in turns {
            wire.extend(sends(&mut outbox));
            match turn {
                Turn::Answered(many) => for (number, packet, ..) in wire.drain(..many.min(wire.len())) {
                    stored.push(number);
                    prop_assert_eq!(outbox.acknowledged(packet), Some(id(number)));
                },
                Turn::Broken { stored: many, present } => {
                    stored.extend(wire.drain(..).take(many).map(|(number, ..)| number));
                    outbox.ended();
                    outbox.began(&"hub-a".into(), present);
                }
            }
        }
        loop {
            wire.extend(sends(&mut outbox));
            let Some((number, packet, ..)) = wire.pop_front() else { break };
            stored.push(number);
            outbox.acknowledged(packet);
        }
        prop_assert!(outbox.is_empty());
        let mut first_copies = Vec::new();
        stored.into_iter().for_each(|number| if !first_copies.contains(&number) { first_copies.push(number) });
        prop_assert_eq!(first_copies, (0..20).collect::<Vec<_>>());
    }
}
