//! MQTT 3.1.1 control packets as values (OASIS MQTT 3.1.1, section 3).
#![allow(missing_docs, reason = "packets and fields bear the standard's names")]

use bytes::Bytes;

/// The largest packet identifier; 0 is none (section 2.3.1).
pub const MAX_PACKET_ID: u16 = u16::MAX;

/// One control packet. The three packets of a QoS 2 hand-shake are left out: neither service speaks QoS 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    Connect(Connect),
    ConnAck { session_present: bool, code: ConnectCode },
    Publish(Publish),
    PubAck { id: u16 },
    Subscribe { id: u16, filters: Vec<(String, Qos)> },
    SubAck { id: u16, codes: Vec<SubscribeCode> },
    Unsubscribe { id: u16, filters: Vec<String> },
    UnsubAck { id: u16 },
    PingReq,
    PingResp,
    Disconnect,
}

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    pub client_id: String,
    pub username: Option<String>,
    pub password: Option<Bytes>,
    /// Asks the server to forget the session of an earlier connection.
    pub clean_session: bool,
    /// Seconds; 0 turns the server's watch off.
    pub keep_alive: u16,
    pub will: Option<Will>,
}

/// What the server publishes for a client that vanishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    pub topic: String,
    pub payload: Bytes,
    pub qos: Qos,
    pub retain: bool,
}

/// A server's answer to CONNECT (table 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ConnectCode {
    Accepted = 0,
    UnacceptableProtocol = 1,
    IdentifierRejected = 2,
    ServerUnavailable = 3,
    BadCredentials = 4,
    NotAuthorized = 5,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Qos {
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}

/// A server's answer to one filter of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeCode {
    Granted(Qos),
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    pub topic: String,
    pub payload: Bytes,
    pub retain: bool,
    pub quality: Quality,
}

/// A PUBLISH's quality of service, with what only the acknowledged ones carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    AtMostOnce,
    /// `dup`: it may have been sent before.
    AtLeastOnce {
        id: u16,
        dup: bool,
    },
    ExactlyOnce {
        id: u16,
        dup: bool,
    },
}

impl Publish {
    /// Makes a PUBLISH that nobody acknowledges.
    pub fn at_most_once(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), payload: payload.into(), retain: false, quality: Quality::AtMostOnce }
    }
    /// Makes the first PUBLISH of a message under a packet id.
    pub fn at_least_once(topic: impl Into<String>, payload: impl Into<Bytes>, id: u16) -> Self {
        let quality = Quality::AtLeastOnce { id, dup: false };
        Self { topic: topic.into(), payload: payload.into(), retain: false, quality }
    }
}

/// Counts packet ids up from 1, and from the largest back to 1.
pub fn next_packet_id(last: u16) -> u16 {
    if last == MAX_PACKET_ID { 1 } else { last + 1 }
}
