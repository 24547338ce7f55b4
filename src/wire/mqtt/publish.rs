//! The bytes of a PUBLISH (OASIS MQTT 3.1.1, section 3.3). Of its acknowledgement there are as many, but nothing to say.
use super::WireError;
use super::frame::{self, Frame};
use super::packet::{Publish, Quality};
use bytes::{BufMut, Bytes, BytesMut};

const PUBLISH: u8 = 3 << 4;
const DUP: u8 = 0b1000;
const RETAIN: u8 = 0b0001;

pub(super) fn read(frame: Frame<'_>) -> Result<Publish, WireError> {
    let (topic, rest) = topic(frame.body)?;
    let dup = frame.flags & DUP != 0;
    let (quality, payload) = match (frame.flags >> 1) & 0b11 {
        0 if !dup => (Quality::AtMostOnce, rest),
        1 => packet_id(rest).map(|(id, payload)| (Quality::AtLeastOnce { id, dup }, payload))?,
        2 => packet_id(rest).map(|(id, payload)| (Quality::ExactlyOnce { id, dup }, payload))?,
        _ => return Err(WireError::Malformed("PUBLISH flags")),
    };
    let (topic, payload) = (topic.to_owned(), Bytes::copy_from_slice(payload));
    Ok(Publish { topic, payload, retain: frame.flags & RETAIN != 0, quality })
}

pub(super) fn write(publish: &Publish, out: &mut BytesMut) -> Result<(), WireError> {
    let Publish { topic, payload, retain, quality } = publish;
    let (qos, id, dup) = match *quality {
        Quality::AtMostOnce => (0, None, false),
        Quality::AtLeastOnce { id, dup } => (1, Some(id), dup),
        Quality::ExactlyOnce { id, dup } => (2, Some(id), dup),
    };
    let topic_length = u16::try_from(topic.len()).map_err(|_| WireError::Unencodable)?;
    if !is_topic_name(topic) || id == Some(0) {
        return Err(WireError::Unencodable);
    }
    let rest = 2 + topic.len() + id.map_or(0, |_| 2) + payload.len();
    let flags = (u8::from(dup) * DUP) | (qos << 1) | (u8::from(*retain) * RETAIN);
    frame::begin(PUBLISH | flags, rest, out)?;
    out.put_u16(topic_length);
    out.put_slice(topic.as_bytes());
    if let Some(id) = id {
        out.put_u16(id);
    }
    out.put_slice(payload);
    Ok(())
}

fn topic(body: &[u8]) -> Result<(&str, &[u8]), WireError> {
    const CUT: WireError = WireError::Malformed("PUBLISH");
    let (length, rest) = body.split_first_chunk().ok_or(CUT)?;
    let (topic, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(CUT)?;
    match std::str::from_utf8(topic) {
        Ok(topic) if is_topic_name(topic) => Ok((topic, rest)),
        _ => Err(WireError::Malformed("topic name")),
    }
}

fn packet_id(rest: &[u8]) -> Result<(u16, &[u8]), WireError> {
    match rest.split_first_chunk() {
        Some((id, payload)) if *id != [0, 0] => Ok((u16::from_be_bytes(*id), payload)),
        _ => Err(WireError::Malformed("packet id")),
    }
}

/// No topic name is empty or has a wildcard (section 4.7), and no string has U+0000 (section 1.5.3).
pub(super) fn is_topic_name(topic: &str) -> bool {
    // All are looked at, also behind one that is found: that is many at once.
    let forbidden = topic.bytes().fold(false, |found, byte| found | matches!(byte, b'#' | b'+' | 0));
    !topic.is_empty() && !forbidden
}
