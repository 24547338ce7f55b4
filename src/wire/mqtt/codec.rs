//! Packets to bytes and back.
use super::packet::{Connect, ConnectCode, Packet, Publish, Qos, Quality, SubscribeCode, Will};
use bytes::{Bytes, BytesMut};
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{PacketBuildResult, PacketBuilder, PacketData, RawPacket};
use mqtt_protocol_core::mqtt::packet::v3_1_1 as core;
use mqtt_protocol_core::mqtt::packet::{MqttString, Qos as CoreQos, SubEntry, SubOpts};
use mqtt_protocol_core::mqtt::result_code::{ConnectReturnCode, MqttError, SubackReturnCode};
use std::sync::Arc;

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

/// Takes bytes as they come, gives packets.
pub struct Decoder {
    builder: PacketBuilder,
}

impl Decoder {
    /// Reads packets of at most `limit` bytes, fixed header included.
    pub fn new(limit: usize) -> Self {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Self { builder: PacketBuilder::with_maximum_packet_size(limit) }
    }

    /// Takes bytes off the front of `bytes` until a packet is whole; `None`: more are needed, all were taken.
    ///
    /// # Errors
    /// Anything but [`WireError::Io`]; the connection is beyond repair then.
    pub fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Packet>, WireError> {
        while !bytes.is_empty() {
            let mut cursor = Cursor::new(&bytes[..]);
            let result = self.builder.feed(&mut cursor);
            let taken = usize::try_from(cursor.position()).unwrap_or(bytes.len());
            let _ = bytes.split_to(taken.min(bytes.len()));
            match result {
                PacketBuildResult::Complete(raw) => return packet(&raw).map(Some),
                PacketBuildResult::Error(MqttError::PacketTooLarge) => {
                    return Err(WireError::TooLong);
                }
                PacketBuildResult::Error(_) => {
                    return Err(WireError::Malformed("remaining length"));
                }
                PacketBuildResult::Incomplete => {}
            }
        }
        Ok(None)
    }
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
        Packet::Publish(publish) => publish_bytes(publish),
        Packet::PubAck { id } => core::Puback::builder().packet_id(*id).build().map(|p| p.to_continuous_buffer()),
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
        Packet::UnsubAck { id } => core::Unsuback::builder().packet_id(*id).build().map(|p| p.to_continuous_buffer()),
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

fn publish_bytes(publish: &Publish) -> Result<Vec<u8>, MqttError> {
    let builder = core::Publish::builder()
        .topic_name(publish.topic.as_str())?
        .retain(publish.retain)
        .payload(&publish.payload[..]);
    let builder = match publish.quality {
        Quality::AtMostOnce => builder.qos(CoreQos::AtMostOnce),
        Quality::AtLeastOnce { id, dup } => builder.qos(CoreQos::AtLeastOnce).packet_id(id).dup(dup),
        Quality::ExactlyOnce { id, dup } => builder.qos(CoreQos::ExactlyOnce).packet_id(id).dup(dup),
    };
    builder.build().map(|p| p.to_continuous_buffer())
}

fn subscribe_bytes(id: u16, filters: &[(String, Qos)]) -> Result<Vec<u8>, MqttError> {
    let entries: Result<Vec<_>, _> = filters
        .iter()
        .map(|(filter, qos)| SubEntry::new(filter.as_str(), SubOpts::new().set_qos(core_qos(*qos))))
        .collect();
    core::Subscribe::builder().packet_id(id).entries(entries?).build().map(|p| p.to_continuous_buffer())
}

/// Reads one framed packet. mqtt-protocol-core lets pass what the standard forbids in places;
/// what it does not look at is checked here.
fn packet(raw: &RawPacket) -> Result<Packet, WireError> {
    let expected_flags = match raw.packet_type() {
        3 => raw.flags(),
        8 | 10 => 0b0010,
        _ => 0,
    };
    if raw.flags() != expected_flags {
        return Err(WireError::Malformed("flags of the fixed header"));
    }
    match raw.packet_type() {
        1 => connect(raw),
        2 => connack(raw),
        3 => publish(raw),
        4 => Ok(Packet::PubAck { id: bare_id(raw)? }),
        5..=7 => Err(WireError::ExactlyOnce),
        8 => subscribe(raw),
        9 => suback(raw),
        10 => unsubscribe(raw),
        11 => Ok(Packet::UnsubAck { id: bare_id(raw)? }),
        12 => empty(raw, Packet::PingReq),
        13 => empty(raw, Packet::PingResp),
        14 => empty(raw, Packet::Disconnect),
        _ => Err(WireError::Malformed("packet type")),
    }
}

fn connect(raw: &RawPacket) -> Result<Packet, WireError> {
    let parsed = raw.parse_exact(core::Connect::parse).map_err(|error| match error {
        MqttError::ProtocolError | MqttError::UnsupportedProtocolVersion => WireError::Protocol,
        _ => WireError::Malformed("CONNECT"),
    })?;
    let flags = raw.data_as_slice()[7];
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
    Ok(Packet::Connect(Connect {
        client_id: text(parsed.client_id())?,
        username: parsed.user_name().map(text).transpose()?,
        password: parsed.password().map(Bytes::copy_from_slice),
        clean_session: parsed.clean_session(),
        keep_alive: parsed.keep_alive(),
        will,
    }))
}

fn connack(raw: &RawPacket) -> Result<Packet, WireError> {
    let parsed = raw.parse_exact(core::Connack::parse).map_err(|_| WireError::Malformed("CONNACK"))?;
    if raw.data_as_slice()[0] > 1 {
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

fn publish(raw: &RawPacket) -> Result<Packet, WireError> {
    let PacketData::Publish(data) = &raw.data else {
        return Err(WireError::Malformed("PUBLISH"));
    };
    let (parsed, _) =
        core::Publish::parse(raw.flags(), Arc::clone(data)).map_err(|_| WireError::Malformed("PUBLISH"))?;
    let dup = parsed.dup();
    let quality = match (parsed.qos(), parsed.packet_id()) {
        (CoreQos::AtMostOnce, _) if !dup => Quality::AtMostOnce,
        (CoreQos::AtLeastOnce, Some(id)) => Quality::AtLeastOnce { id: nonzero(id)?, dup },
        (CoreQos::ExactlyOnce, Some(id)) => Quality::ExactlyOnce { id: nonzero(id)?, dup },
        _ => return Err(WireError::Malformed("PUBLISH flags")),
    };
    let payload = Bytes::copy_from_slice(parsed.payload().as_slice());
    Ok(Packet::Publish(Publish { topic: topic_name(parsed.topic_name())?, payload, retain: parsed.retain(), quality }))
}

fn subscribe(raw: &RawPacket) -> Result<Packet, WireError> {
    let parsed = raw.parse_exact(core::Subscribe::parse).map_err(|_| WireError::Malformed("SUBSCRIBE"))?;
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

fn suback(raw: &RawPacket) -> Result<Packet, WireError> {
    let parsed = raw.parse_exact(core::Suback::parse).map_err(|_| WireError::Malformed("SUBACK"))?;
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

fn unsubscribe(raw: &RawPacket) -> Result<Packet, WireError> {
    let parsed = raw.parse_exact(core::Unsubscribe::parse).map_err(|_| WireError::Malformed("UNSUBSCRIBE"))?;
    let filters: Result<Vec<_>, _> = parsed.entries().iter().map(MqttString::as_str).map(filter).collect();
    Ok(Packet::Unsubscribe { id: nonzero(parsed.packet_id())?, filters: filters? })
}

/// Reads a packet that is nothing but its packet id. The crate would take an MQTT 5 reason code behind it.
fn bare_id(raw: &RawPacket) -> Result<u16, WireError> {
    match raw.data_as_slice() {
        [high, low] => nonzero(u16::from_be_bytes([*high, *low])),
        _ => Err(WireError::Malformed("length of an acknowledgement")),
    }
}

fn empty(raw: &RawPacket, packet: Packet) -> Result<Packet, WireError> {
    if raw.data_as_slice().is_empty() { Ok(packet) } else { Err(WireError::Malformed("bytes after an empty packet")) }
}

fn nonzero(id: u16) -> Result<u16, WireError> {
    if id == 0 { Err(WireError::Malformed("packet id 0")) } else { Ok(id) }
}

/// No string may hold U+0000 (section 1.5.3).
fn text(text: &str) -> Result<String, WireError> {
    if text.contains('\0') { Err(WireError::Malformed("U+0000 in a string")) } else { Ok(text.to_owned()) }
}

fn topic_name(topic: &str) -> Result<String, WireError> {
    if topic.is_empty() || topic.bytes().any(|byte| matches!(byte, b'#' | b'+')) {
        return Err(WireError::Malformed("topic name"));
    }
    text(topic)
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
