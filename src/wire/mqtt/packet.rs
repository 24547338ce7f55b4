//! MQTT 3.1.1 control packets as values (OASIS MQTT 3.1.1, section 3).

use bytes::Bytes;

/// The largest packet identifier; 0 is none (section 2.3.1).
pub const MAX_PACKET_ID: u16 = u16::MAX;

/// One control packet. The three packets of a QoS 2 hand-shake are left out: neither service speaks QoS 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A client's first packet (section 3.1). It is by far the largest, and comes once: the others are not to be as
    /// large.
    Connect(Box<Connect>),
    /// The server's first packet (section 3.2).
    ConnAck {
        /// The server has kept a session of this client. Never with a refusal.
        session_present: bool,
        /// Whether the client is let in.
        code: ConnectCode,
    },
    /// A message, in either direction (section 3.3).
    Publish(Publish),
    /// Takes a PUBLISH of QoS 1 over (section 3.4).
    PubAck {
        /// The PUBLISH's.
        id: u16,
    },
    /// Asks for messages (section 3.8).
    Subscribe {
        /// Comes back in the SUBACK; never 0.
        id: u16,
        /// At least one, each with the highest QoS wanted.
        filters: Vec<(String, Qos)>,
    },
    /// Answers a SUBSCRIBE (section 3.9).
    SubAck {
        /// The SUBSCRIBE's.
        id: u16,
        /// One for each filter, in their order.
        codes: Vec<SubscribeCode>,
    },
    /// Asks for no more messages (section 3.10).
    Unsubscribe {
        /// Comes back in the UNSUBACK; never 0.
        id: u16,
        /// At least one.
        filters: Vec<String>,
    },
    /// Answers an UNSUBSCRIBE (section 3.11).
    UnsubAck {
        /// The UNSUBSCRIBE's.
        id: u16,
    },
    /// Shows that the client is alive (section 3.12).
    PingReq,
    /// Answers a PINGREQ (section 3.13).
    PingResp,
    /// The client's goodbye: its will is forgotten (section 3.14). A server has none, it closes.
    Disconnect,
}

impl From<Connect> for Packet {
    fn from(connect: Connect) -> Self {
        Self::Connect(Box::new(connect))
    }
}

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// Names the client and its session. Empty: the server is to choose, which asks for a clean session.
    pub client_id: String,
    /// Who it is; to Azure's services also the API version and the client's software.
    pub username: Option<String>,
    /// Proves it; to Azure's services a shared access signature. Never without a user name.
    pub password: Option<Bytes>,
    /// Asks the server to forget the session of an earlier connection.
    pub clean_session: bool,
    /// Seconds; 0 turns the server's watch off.
    pub keep_alive: u16,
    /// What to publish when the client vanishes without a DISCONNECT.
    pub will: Option<Will>,
}

/// What the server publishes for a client that vanishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Where it goes.
    pub topic: String,
    /// What it says, at most 65,535 bytes.
    pub payload: Bytes,
    /// How it is published.
    pub qos: Qos,
    /// It is kept for later subscribers.
    pub retain: bool,
}

/// A server's answer to CONNECT (table 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ConnectCode {
    /// The client is let in. Every other code is followed by the end of the connection.
    Accepted = 0,
    /// The server does not speak this version of MQTT.
    UnacceptableProtocol = 1,
    /// The client's name is not allowed.
    IdentifierRejected = 2,
    /// There is no service: also Azure's answer to a device that it does not know.
    ServerUnavailable = 3,
    /// User name or password is malformed.
    BadCredentials = 4,
    /// The client may not connect: also Azure's answer to a token that is wrong or has expired.
    NotAuthorized = 5,
}

/// How surely a message is delivered (section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Qos {
    /// Nobody acknowledges it.
    AtMostOnce = 0,
    /// It is sent again until a PUBACK comes.
    AtLeastOnce = 1,
    /// A hand-shake of four packets. Azure's services do not speak it.
    ExactlyOnce = 2,
}

/// A server's answer to one filter of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeCode {
    /// Messages will come with this QoS at most, which may be less than was wanted.
    Granted(Qos),
    /// None will come (0x80).
    Refused,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where it goes: a name, never a filter.
    pub topic: String,
    /// What it says. May be empty.
    pub payload: Bytes,
    /// It is kept for later subscribers. Hubs keep none, and note it as a property (Microsoft docs,
    /// iot-hub-mqtt-support).
    pub retain: bool,
    /// How it is sent.
    pub quality: Quality,
}

/// A PUBLISH's quality of service, with what only the acknowledged ones carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// QoS 0.
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce {
        /// Comes back in the PUBACK; never 0.
        id: u16,
        /// It may have been sent before.
        dup: bool,
    },
    /// QoS 2: read, so that it can be refused.
    ExactlyOnce {
        /// Never 0.
        id: u16,
        /// It may have been sent before.
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
