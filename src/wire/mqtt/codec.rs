//! Packets to bytes and back.
use super::frame::Frame;
use super::packet::{Connect, ConnectCode, Packet, Qos, SubscribeCode, Will};
use super::publish;
use bytes::{Buf, Bytes, BytesMut};
use mqtt_protocol_core::mqtt::packet::v3_1_1 as core;
use mqtt_protocol_core::mqtt::packet::{MqttString, Qos as CoreQos, SubEntry, SubOpts};
use mqtt_protocol_core::mqtt::result_code::{ConnectReturnCode, MqttError, SubackReturnCode};

/// The packet types that have nothing but their packet id (sections 3.4 and 3.11).
const PUBACK: u8 = 4;
const UNSUBACK: u8 = 11;

/// Why bytes are no packet, or a packet cannot be bytes.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The bytes break MQTT 3.1.1; the connection must be closed (section 4.8).
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    /// CONNECT asks for another protocol or version: the one error with an answer (CONNACK 1, section 3.1.2.2).
    #[error("not MQTT 3.1.1")]
    Protocol,
    /// The packet is longer than this side reads.
    #[error("packet longer than the limit")]
    TooLong,
    /// A part of QoS 2, which is not spoken here.
    #[error("quality of service 2 is not spoken")]
    ExactlyOnce,
    /// A value that has no bytes in MQTT: a string over 65,535 bytes, an empty topic, packet id 0.
    #[error("packet has no encoding")]
    Unencodable,
    /// The connection itself failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Takes the first packet off the front of what has come. `None`: it is not whole, and stays where it is.
///
/// # Errors
/// Anything but [`WireError::Io`]; the connection is beyond repair then. A packet of more than `limit` bytes is one
/// before the rest of it has come.
pub fn decode(bytes: &mut BytesMut, limit: usize) -> Result<Option<Packet>, WireError> {
    let Some(frame) = Frame::first(bytes, limit)? else { return Ok(None) };
    let (packet, length) = (packet(frame)?, frame.length);
    bytes.advance(length);
    Ok(Some(packet))
}

/// Appends a packet's bytes.
///
/// # Errors
/// [`WireError::Unencodable`]; nothing is appended then.
pub fn encode(packet: &Packet, out: &mut BytesMut) -> Result<(), WireError> {
    let bytes = match packet {
        Packet::Connect(connect) => connect_bytes(connect),
        Packet::ConnAck { session_present, code } => core::Connack::builder()
            .session_present(*session_present)
            .return_code(connect_return_code(*code))
            .build()
            .map(|p| p.to_continuous_buffer()),
        Packet::Publish(publish) => return publish::write(publish, out),
        Packet::PubAck { id } => return bare(PUBACK, *id, out),
        Packet::Subscribe { id, filters } => subscribe_bytes(*id, filters),
        Packet::SubAck { id, codes } => {
            let codes: Vec<_> = codes.iter().map(|code| suback_return_code(*code)).collect();
            core::Suback::builder().packet_id(*id).return_codes(codes).build().map(|p| p.to_continuous_buffer())
        }
        Packet::Unsubscribe { id, filters } => core::Unsubscribe::builder()
            .packet_id(*id)
            .entries(filters.iter().map(String::as_str))
            .and_then(|p| p.build())
            .map(|p| p.to_continuous_buffer()),
        Packet::UnsubAck { id } => return bare(UNSUBACK, *id, out),
        Packet::PingReq => Ok(core::Pingreq::new().to_continuous_buffer()),
        Packet::PingResp => Ok(core::Pingresp::new().to_continuous_buffer()),
        Packet::Disconnect => Ok(core::Disconnect::new().to_continuous_buffer()),
    };
    out.extend_from_slice(&bytes.map_err(|_| WireError::Unencodable)?);
    Ok(())
}

fn connect_bytes(connect: &Connect) -> Result<Vec<u8>, MqttError> {
    let mut builder = core::Connect::builder()
        .client_id(connect.client_id.as_str())?
        .clean_session(connect.clean_session)
        .keep_alive(connect.keep_alive);
    if let Some(will) = &connect.will {
        builder = builder.will_message(will.topic.as_str(), will.payload.to_vec(), core_qos(will.qos), will.retain)?;
    }
    if let Some(username) = &connect.username {
        builder = builder.user_name(username.as_str())?;
    }
    if let Some(password) = &connect.password {
        builder = builder.password(password.to_vec())?;
    }
    builder.build().map(|p| p.to_continuous_buffer())
}

/// Writes a packet that is nothing but its packet id.
fn bare(kind: u8, id: u16, out: &mut BytesMut) -> Result<(), WireError> {
    if id == 0 {
        return Err(WireError::Unencodable);
    }
    let [high, low] = id.to_be_bytes();
    out.extend_from_slice(&[kind << 4, 2, high, low]);
    Ok(())
}

fn subscribe_bytes(id: u16, filters: &[(String, Qos)]) -> Result<Vec<u8>, MqttError> {
    let entries: Result<Vec<_>, _> = filters
        .iter()
        .map(|(filter, qos)| SubEntry::new(filter.as_str(), SubOpts::new().set_qos(core_qos(*qos))))
        .collect();
    core::Subscribe::builder().packet_id(id).entries(entries?).build().map(|p| p.to_continuous_buffer())
}

/// Reads one packet. mqtt-protocol-core lets pass what the standard forbids in places;
/// what it does not look at is checked here.
fn packet(frame: Frame<'_>) -> Result<Packet, WireError> {
    let expected_flags = match frame.kind {
        3 => frame.flags,
        8 | 10 => 0b0010,
        _ => 0,
    };
    if frame.flags != expected_flags {
        return Err(WireError::Malformed("flags of the fixed header"));
    }
    match frame.kind {
        1 => connect(frame),
        2 => connack(frame),
        3 => publish::read(frame).map(Packet::Publish),
        PUBACK => Ok(Packet::PubAck { id: bare_id(frame)? }),
        5..=7 => Err(WireError::ExactlyOnce),
        8 => subscribe(frame),
        9 => suback(frame),
        10 => unsubscribe(frame),
        UNSUBACK => Ok(Packet::UnsubAck { id: bare_id(frame)? }),
        12 => empty(frame, Packet::PingReq),
        13 => empty(frame, Packet::PingResp),
        14 => empty(frame, Packet::Disconnect),
        _ => Err(WireError::Malformed("packet type")),
    }
}

fn connect(frame: Frame<'_>) -> Result<Packet, WireError> {
    let parsed = whole(frame, core::Connect::parse).map_err(|error| match error {
        MqttError::ProtocolError | MqttError::UnsupportedProtocolVersion => WireError::Protocol,
        _ => WireError::Malformed("CONNECT"),
    })?;
    let flags = frame.body[7];
    let will_bits = (flags >> 3) & 0b111;
    if flags & 1 != 0 || will_bits & 0b11 == 0b11 || (!parsed.will_flag() && will_bits != 0) {
        return Err(WireError::Malformed("CONNECT flags"));
    }
    let will = match (parsed.will_topic(), parsed.will_payload()) {
        (Some(topic), Some(payload)) => Some(Will {
            topic: topic_name(topic)?,
            payload: Bytes::copy_from_slice(payload),
            qos: our_qos(parsed.will_qos()),
            retain: parsed.will_retain(),
        }),
        _ => None,
    };
    let connect = Connect {
        client_id: text(parsed.client_id())?,
        username: parsed.user_name().map(text).transpose()?,
        password: parsed.password().map(Bytes::copy_from_slice),
        clean_session: parsed.clean_session(),
        keep_alive: parsed.keep_alive(),
        will,
    };
    Ok(connect.into())
}

fn connack(frame: Frame<'_>) -> Result<Packet, WireError> {
    let parsed = whole(frame, core::Connack::parse).map_err(|_| WireError::Malformed("CONNACK"))?;
    if frame.body[0] > 1 {
        return Err(WireError::Malformed("CONNACK flags"));
    }
    let code = match parsed.return_code() {
        ConnectReturnCode::Accepted => ConnectCode::Accepted,
        ConnectReturnCode::UnacceptableProtocolVersion => ConnectCode::UnacceptableProtocol,
        ConnectReturnCode::IdentifierRejected => ConnectCode::IdentifierRejected,
        ConnectReturnCode::ServerUnavailable => ConnectCode::ServerUnavailable,
        ConnectReturnCode::BadUserNameOrPassword => ConnectCode::BadCredentials,
        ConnectReturnCode::NotAuthorized => ConnectCode::NotAuthorized,
    };
    Ok(Packet::ConnAck { session_present: parsed.session_present(), code })
}

fn subscribe(frame: Frame<'_>) -> Result<Packet, WireError> {
    let parsed = whole(frame, core::Subscribe::parse).map_err(|_| WireError::Malformed("SUBSCRIBE"))?;
    let mut filters = Vec::with_capacity(parsed.entries().len());
    for entry in parsed.entries() {
        // The upper six bits are reserved (section 3.8.3); the crate reads them as MQTT 5 options.
        if entry.sub_opts().to_buffer()[0] > 2 {
            return Err(WireError::Malformed("SUBSCRIBE options"));
        }
        filters.push((filter(entry.topic_filter())?, our_qos(entry.sub_opts().qos())));
    }
    Ok(Packet::Subscribe { id: nonzero(parsed.packet_id())?, filters })
}

fn suback(frame: Frame<'_>) -> Result<Packet, WireError> {
    let parsed = whole(frame, core::Suback::parse).map_err(|_| WireError::Malformed("SUBACK"))?;
    let codes = parsed
        .return_codes()
        .iter()
        .map(|code| match code {
            SubackReturnCode::SuccessMaximumQos0 => SubscribeCode::Granted(Qos::AtMostOnce),
            SubackReturnCode::SuccessMaximumQos1 => SubscribeCode::Granted(Qos::AtLeastOnce),
            SubackReturnCode::SuccessMaximumQos2 => SubscribeCode::Granted(Qos::ExactlyOnce),
            SubackReturnCode::Failure => SubscribeCode::Refused,
        })
        .collect();
    Ok(Packet::SubAck { id: nonzero(parsed.packet_id())?, codes })
}

fn unsubscribe(frame: Frame<'_>) -> Result<Packet, WireError> {
    let parsed = whole(frame, core::Unsubscribe::parse).map_err(|_| WireError::Malformed("UNSUBSCRIBE"))?;
    let filters: Result<Vec<_>, _> = parsed.entries().iter().map(MqttString::as_str).map(filter).collect();
    Ok(Packet::Unsubscribe { id: nonzero(parsed.packet_id())?, filters: filters? })
}

/// Reads a body to its end by one of the crate's parsers.
fn whole<T>(frame: Frame<'_>, parse: impl FnOnce(&[u8]) -> Result<(T, usize), MqttError>) -> Result<T, MqttError> {
    match parse(frame.body)? {
        (packet, taken) if taken == frame.body.len() => Ok(packet),
        _ => Err(MqttError::MalformedPacket),
    }
}

/// Reads a packet that is nothing but its packet id. The crate would take an MQTT 5 reason code behind it.
fn bare_id(frame: Frame<'_>) -> Result<u16, WireError> {
    match frame.body {
        [high, low] => nonzero(u16::from_be_bytes([*high, *low])),
        _ => Err(WireError::Malformed("length of an acknowledgement")),
    }
}

fn empty(frame: Frame<'_>, packet: Packet) -> Result<Packet, WireError> {
    if frame.body.is_empty() { Ok(packet) } else { Err(WireError::Malformed("bytes after an empty packet")) }
}

fn nonzero(id: u16) -> Result<u16, WireError> {
    if id == 0 { Err(WireError::Malformed("packet id 0")) } else { Ok(id) }
}

/// No string may hold U+0000 (section 1.5.3).
fn text(text: &str) -> Result<String, WireError> {
    if text.contains('\0') { Err(WireError::Malformed("U+0000 in a string")) } else { Ok(text.to_owned()) }
}

fn topic_name(topic: &str) -> Result<String, WireError> {
    if publish::is_topic_name(topic) { Ok(topic.to_owned()) } else { Err(WireError::Malformed("topic name")) }
}

fn filter(filter: &str) -> Result<String, WireError> {
    if filter.is_empty() { Err(WireError::Malformed("empty topic filter")) } else { text(filter) }
}

fn core_qos(qos: Qos) -> CoreQos {
    match qos {
        Qos::AtMostOnce => CoreQos::AtMostOnce,
        Qos::AtLeastOnce => CoreQos::AtLeastOnce,
        Qos::ExactlyOnce => CoreQos::ExactlyOnce,
    }
}

fn our_qos(qos: CoreQos) -> Qos {
    match qos {
        CoreQos::AtMostOnce => Qos::AtMostOnce,
        CoreQos::AtLeastOnce => Qos::AtLeastOnce,
        CoreQos::ExactlyOnce => Qos::ExactlyOnce,
    }
}

fn connect_return_code(code: ConnectCode) -> ConnectReturnCode {
    match code {
        ConnectCode::Accepted => ConnectReturnCode::Accepted,
        ConnectCode::UnacceptableProtocol => ConnectReturnCode::UnacceptableProtocolVersion,
        ConnectCode::IdentifierRejected => ConnectReturnCode::IdentifierRejected,
        ConnectCode::ServerUnavailable => ConnectReturnCode::ServerUnavailable,
        ConnectCode::BadCredentials => ConnectReturnCode::BadUserNameOrPassword,
        ConnectCode::NotAuthorized => ConnectReturnCode::NotAuthorized,
    }
}

fn suback_return_code(code: SubscribeCode) -> SubackReturnCode {
    match code {
        SubscribeCode::Granted(Qos::AtMostOnce) => SubackReturnCode::SuccessMaximumQos0,
        SubscribeCode::Granted(Qos::AtLeastOnce) => SubackReturnCode::SuccessMaximumQos1,
        SubscribeCode::Granted(Qos::ExactlyOnce) => SubackReturnCode::SuccessMaximumQos2,
        SubscribeCode::Refused => SubackReturnCode::Failure,
    }
}

#[cfg(test)]
mod tests;
