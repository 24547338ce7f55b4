use super::*;
use crate::wire::mqtt::{Publish, Quality};
use proptest::prelude::*;

fn bytes_of(packet: &Packet) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(packet, &mut out).unwrap();
    out.to_vec()
}

fn decoded(bytes: &[u8]) -> Result<Option<Packet>, WireError> {
    decode(&mut BytesMut::from(bytes), 300_000)
}

fn refused(bytes: &[u8]) -> bool {
    matches!(decoded(bytes), Err(WireError::Malformed(_)))
}

#[test]
fn the_bytes_of_a_publish_are_those_of_the_standard() {
    let packet = Packet::Publish(Publish::at_least_once("a/b", &b"hi"[..], 10));
    assert_eq!(bytes_of(&packet), [0x32, 9, 0, 3, b'a', b'/', b'b', 0, 10, b'h', b'i']);
}

#[test]
fn the_bytes_of_a_connect_are_those_of_the_standard() {
    let packet = Packet::from(Connect {
        client_id: "d".into(),
        username: Some("u".into()),
        password: Some(Bytes::from_static(b"p")),
        clean_session: false,
        keep_alive: 20,
        will: None,
    });
    let expected = [0x10, 19, 0, 4, b'M', b'Q', b'T', b'T', 4, 0b1100_0000, 0, 20, 0, 1, b'd', 0, 1, b'u', 0, 1, b'p'];
    assert_eq!(bytes_of(&packet), expected);
}

#[test]
fn a_packet_cut_anywhere_waits_for_the_rest() {
    let packet = Packet::Publish(Publish::at_least_once("devices/xyz/messages/events/", vec![7; 200], 3));
    let bytes = bytes_of(&packet);
    for cut in 0..bytes.len() {
        let mut come = BytesMut::from(&bytes[..cut]);
        assert_eq!(decode(&mut come, 1000).unwrap(), None);
        come.extend_from_slice(&bytes[cut..]);
        assert_eq!(decode(&mut come, 1000).unwrap(), Some(packet.clone()));
    }
}

#[test]
fn two_packets_in_one_read_come_one_by_one() {
    let mut bytes = BytesMut::new();
    encode(&Packet::PingReq, &mut bytes).unwrap();
    encode(&Packet::PubAck { id: 9 }, &mut bytes).unwrap();
    assert_eq!(decode(&mut bytes, 100).unwrap(), Some(Packet::PingReq));
    assert_eq!(decode(&mut bytes, 100).unwrap(), Some(Packet::PubAck { id: 9 }));
    assert_eq!(decode(&mut bytes, 100).unwrap(), None);
}

#[test]
fn a_packet_over_the_limit_is_refused_before_its_body_is_read() {
    let bytes = bytes_of(&Packet::Publish(Publish::at_most_once("t", vec![0; 200])));
    let head = &mut BytesMut::from(&bytes[..3]);
    assert!(matches!(decode(head, 100), Err(WireError::TooLong)));
}

#[test]
fn another_protocol_version_is_told_apart_from_garbage() {
    let v5 = [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 20, 0, 1, b'd'];
    assert!(matches!(decoded(&v5), Err(WireError::Protocol)));
    let v31 = [0x10, 15, 0, 6, b'M', b'Q', b'I', b's', b'd', b'p', 3, 2, 0, 20, 0, 1, b'd'];
    assert!(matches!(decoded(&v31), Err(WireError::Protocol)));
}

#[test]
fn what_the_standard_forbids_is_malformed() {
    assert!(refused(&[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 3, 0, 20, 0, 1, b'd']), "reserved CONNECT flag");
    assert!(refused(&[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 0x08, 0, 20, 0, 1, b'd']), "will QoS without a will");
    assert!(refused(&[0x32, 5, 0, 1, b't', 0, 0]), "packet id 0");
    assert!(refused(&[0x36, 5, 0, 1, b't', 0, 1]), "QoS 3");
    assert!(refused(&[0x38, 3, 0, 1, b't']), "DUP on QoS 0");
    assert!(refused(&[0x30, 3, 0, 1, b'#']), "wildcard in a topic name");
    assert!(refused(&[0x30, 2, 0, 0]), "empty topic name");
    assert!(refused(&[0x30, 3, 0, 1, 0]), "U+0000");
    assert!(refused(&[0x80, 6, 0, 1, 0, 1, b't', 1]), "SUBSCRIBE without its flag");
    assert!(refused(&[0x82, 6, 0, 1, 0, 1, b't', 4]), "reserved SUBSCRIBE option");
    assert!(refused(&[0x82, 6, 0, 0, 0, 1, b't', 1]), "SUBSCRIBE with packet id 0");
    assert!(refused(&[0x82, 2, 0, 1]), "SUBSCRIBE without a filter");
    assert!(refused(&[0x40, 3, 0, 1, 0]), "PUBACK with a reason code");
    assert!(refused(&[0xc0, 1, 0]), "PINGREQ with a body");
    assert!(refused(&[0xc0, 0x80, 0x80, 0x80, 0x80]), "remaining length of five bytes");
    assert!(refused(&[0xf0, 0]), "packet type 15");
    assert!(matches!(decoded(&[0x62, 2, 0, 1]), Err(WireError::Malformed(_) | WireError::ExactlyOnce)), "PUBREL");
}

#[test]
fn a_value_without_bytes_is_an_error_and_writes_nothing() {
    let mut out = BytesMut::new();
    for packet in [
        Packet::PubAck { id: 0 },
        Packet::Publish(Publish::at_most_once("", "")),
        Packet::Publish(Publish::at_most_once("a".repeat(70_000), "")),
        Packet::Subscribe { id: 1, filters: Vec::new() },
    ] {
        assert!(matches!(encode(&packet, &mut out), Err(WireError::Unencodable)), "{packet:?}");
    }
    assert!(out.is_empty());
}

fn qos() -> impl Strategy<Value = Qos> {
    prop_oneof![Just(Qos::AtMostOnce), Just(Qos::AtLeastOnce), Just(Qos::ExactlyOnce)]
}

fn publish_strategy() -> impl Strategy<Value = Publish> {
    let quality = prop_oneof![
        Just(Quality::AtMostOnce),
        (1..=u16::MAX, any::<bool>()).prop_map(|(id, dup)| Quality::AtLeastOnce { id, dup }),
        (1..=u16::MAX, any::<bool>()).prop_map(|(id, dup)| Quality::ExactlyOnce { id, dup }),
    ];
    ("[a-zA-Z0-9$/%&=.é-]{1,40}", prop::collection::vec(any::<u8>(), 0..300), any::<bool>(), quality)
        .prop_map(|(topic, payload, retain, quality)| Publish { topic, payload: payload.into(), retain, quality })
}

fn connect_strategy() -> impl Strategy<Value = Connect> {
    let will = ("[a-z/]{1,20}", prop::collection::vec(any::<u8>(), 0..20), qos(), any::<bool>())
        .prop_map(|(topic, payload, qos, retain)| Will { topic, payload: payload.into(), qos, retain });
    let login = prop::option::of(("[a-z/?=-]{0,20}", prop::option::of(prop::collection::vec(any::<u8>(), 0..30))));
    ("[a-z0-9-]{0,30}", login, any::<bool>(), any::<u16>(), prop::option::of(will)).prop_map(
        |(client_id, login, clean_session, keep_alive, will)| {
            let (username, password) = login.map_or((None, None), |(name, pass)| (Some(name), pass.map(Bytes::from)));
            Connect { client_id, username, password, clean_session, keep_alive, will }
        },
    )
}

fn packet_strategy() -> impl Strategy<Value = Packet> {
    let code = prop_oneof![qos().prop_map(SubscribeCode::Granted), Just(SubscribeCode::Refused)];
    prop_oneof![
        connect_strategy().prop_map(Packet::from),
        publish_strategy().prop_map(Packet::Publish),
        any::<bool>().prop_map(|session_present| Packet::ConnAck { session_present, code: ConnectCode::Accepted }),
        (1..=u16::MAX).prop_map(|id| Packet::PubAck { id }),
        (1..=u16::MAX, prop::collection::vec(("[a-z/#+$]{1,20}", qos()), 1..6))
            .prop_map(|(id, filters)| Packet::Subscribe { id, filters }),
        (1..=u16::MAX, prop::collection::vec(code, 1..6)).prop_map(|(id, codes)| Packet::SubAck { id, codes }),
        (1..=u16::MAX, prop::collection::vec("[a-z/#+$]{1,20}", 1..6))
            .prop_map(|(id, filters)| Packet::Unsubscribe { id, filters }),
        (1..=u16::MAX).prop_map(|id| Packet::UnsubAck { id }),
        Just(Packet::PingReq),
        Just(Packet::PingResp),
        Just(Packet::Disconnect),
    ]
}

proptest! {
    #[test]
    fn every_packet_survives_its_own_bytes(packet in packet_strategy()) {
        let mut bytes = BytesMut::from(&bytes_of(&packet)[..]);
        prop_assert_eq!(decode(&mut bytes, 300_000).unwrap(), Some(packet));
        prop_assert!(bytes.is_empty());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decode(&mut bytes, 10_000) {}
    }

    #[test]
    fn a_damaged_packet_never_panics(packet in packet_strategy(), place in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = bytes_of(&packet);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let mut bytes = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decode(&mut bytes, 10_000) {}
    }

    #[test]
    fn a_publish_has_the_librarys_bytes(publish in publish_strategy()) {
        prop_assert_eq!(bytes_of(&Packet::Publish(publish.clone())), librarys_bytes(&publish));
    }

    #[test]
    fn whatever_came_as_a_publish_is_read_as_the_library_reads_it(
        publish in publish_strategy(),
        flags in 0..16u8,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let bytes = bytes_of(&Packet::Publish(publish));
        let frame = Frame::first(&bytes, bytes.len()).unwrap().unwrap();
        let mut body = frame.body.to_vec();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        body.truncate(cut.map_or(body.len(), |cut| cut.index(body.len())));
        let ours = publish::read(Frame { kind: 3, flags, body: &body, length: 0 });
        prop_assert_eq!(ours.ok(), librarys_reading(flags, &body));
    }

    #[test]
    fn an_acknowledgement_has_the_librarys_bytes(id in 1..=u16::MAX) {
        let puback = core::Puback::builder().packet_id(id).build().unwrap().to_continuous_buffer();
        prop_assert_eq!(bytes_of(&Packet::PubAck { id }), puback);
        let unsuback = core::Unsuback::builder().packet_id(id).build().unwrap().to_continuous_buffer();
        prop_assert_eq!(bytes_of(&Packet::UnsubAck { id }), unsuback);
    }
}

/// As mqtt-protocol-core writes it.
fn librarys_bytes(publish: &Publish) -> Vec<u8> {
    let builder = core::Publish::builder().topic_name(publish.topic.as_str()).unwrap().retain(publish.retain);
    let builder = builder.payload(&publish.payload[..]);
    let builder = match publish.quality {
        Quality::AtMostOnce => builder.qos(CoreQos::AtMostOnce),
        Quality::AtLeastOnce { id, dup } => builder.qos(CoreQos::AtLeastOnce).packet_id(id).dup(dup),
        Quality::ExactlyOnce { id, dup } => builder.qos(CoreQos::ExactlyOnce).packet_id(id).dup(dup),
    };
    builder.build().unwrap().to_continuous_buffer()
}

/// As mqtt-protocol-core reads it, but for what that lets pass and the standard forbids.
fn librarys_reading(flags: u8, body: &[u8]) -> Option<Publish> {
    let (parsed, _) = core::Publish::parse(flags, body.into()).ok()?;
    let (topic, dup) = (parsed.topic_name().to_owned(), parsed.dup());
    let quality = match (parsed.qos(), parsed.packet_id()) {
        (CoreQos::AtMostOnce, _) if !dup => Quality::AtMostOnce,
        (CoreQos::AtLeastOnce, Some(id)) if id > 0 => Quality::AtLeastOnce { id, dup },
        (CoreQos::ExactlyOnce, Some(id)) if id > 0 => Quality::ExactlyOnce { id, dup },
        _ => return None,
    };
    let payload = Bytes::copy_from_slice(parsed.payload().as_slice());
    let is_name = !topic.is_empty() && !topic.contains(['#', '+', '\0']);
    is_name.then_some(Publish { topic, payload, retain: parsed.retain(), quality })
}
