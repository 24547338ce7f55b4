//! What the streams are made of, every choice made: what a seed makes of the `streams:` section.
use super::knobs::{Acks, AfterGivingBack, BrokerKnobs, OnClose, OnRefusal, ReadsAnswers};
use crate::history::{DestinationId, Name, ProducerId, SubscriptionMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// HTTP and WebSocket in the simulated network (as the real service's: 443; TLS is the live world's).
pub const PORT: u16 = 80;
/// The tenant, as accounts without one of their own have it.
pub const TENANT: &str = "_mm";
/// The geo-fabric that the public programs use.
pub const FABRIC: &str = "_system";

/// Regions and the programs that use them.
#[derive(Clone, Debug, Serialize)]
pub struct StreamsPlan {
    /// The key with which programs and regions authenticate.
    pub api_key: String,
    /// One broker a region, in the order of the file.
    pub brokers: Vec<BrokerPlan>,
    /// The programs that publish, groups written out.
    pub producers: Vec<ProducerPlan>,
    /// The programs that consume, groups written out.
    pub consumers: Vec<ConsumerPlan>,
}

/// A region's broker.
#[derive(Clone, Debug, Serialize)]
pub struct BrokerPlan {
    /// Its name: `broker-` and the region's.
    pub host: Name,
    /// Where it is.
    pub site: Name,
    /// The region's name.
    pub region: String,
    /// The brokers of the other regions, in the order of the file: it sends them what is published here on global streams.
    pub others: Vec<Name>,
    /// The subscriptions whose options it is told, by what their name is on the wire.
    pub subscriptions: Vec<SubscriptionPlan>,
    /// What a socket gets that comes before its stream was created. Default creates.
    pub unknown_stream: UnknownStream,
    /// What a consumer finds whose place is held by a dead connection. Default probed.
    pub half_open: HalfOpen,
    /// How often it pings each socket; silent for two of these, it is closed. Default 30 s.
    pub ping: Duration,
    /// How long a message is kept for a subscription that does not acknowledge it. Default 72 h.
    pub time_to_live: Duration,
    /// What it gets wrong.
    pub knobs: BrokerKnobs,
}

/// A subscription of a region, as the broker is told it. Subscriptions that it is not told have the defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubscriptionPlan {
    /// Its name on the wire.
    pub name: String,
    /// The stream's name on the wire: `c8globals.orders`.
    pub topic: String,
    /// What receives as one.
    pub destination: DestinationId,
    /// Of failover: which consumer is the active one. Default first-connected.
    pub selection: Selection,
    /// Of failover: how long a consumer that takes over waits. Default 1 s.
    pub delay: Duration,
}

/// How a client connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connecting {
    /// The brokers that it tries, in this order.
    pub brokers: Vec<Name>,
    /// Whether it creates the stream before it connects.
    pub creates: Creates,
    /// Longest wait for a connection, and for each answer on the way to it. Default 10 s.
    pub time_out: Duration,
    /// How often it pings; dead when no byte came for one and a half of it. Default 20 s.
    pub keep_alive: Duration,
    /// First and longest step of the back-off, doubling, with full jitter. Default 1 s and 30 s.
    pub back_off: (Duration, Duration),
    /// What it does when its connection ends.
    pub on_close: OnClose,
    /// What it does when a broker refuses it.
    pub on_refusal: OnRefusal,
}

/// A program that publishes.
#[derive(Clone, Debug, Serialize)]
pub struct ProducerPlan {
    /// Its name, as a host and as a client.
    pub host: Name,
    /// Where it is.
    pub site: Name,
    /// When it is started.
    pub starts: Duration,
    /// When it stops making messages.
    pub until: Duration,
    /// The stream.
    pub stream: StreamPlan,
    /// The source of its messages.
    pub producer: ProducerId,
    /// Period of its messages.
    pub every: Duration,
    /// How many keys its messages have, in turn; 0: none has a key.
    pub keys: u32,
    /// Most messages sent and not yet confirmed. Default 100.
    pub in_flight: usize,
    /// Most messages kept. Default 1000.
    pub buffer: usize,
    /// Longest wait for the answer to a message. Default 30 s.
    pub send_time_out: Duration,
    /// How it connects.
    pub connecting: Connecting,
    /// What it makes of the answers.
    pub reads_answers: ReadsAnswers,
}

/// A program that consumes.
#[derive(Clone, Debug, Serialize)]
pub struct ConsumerPlan {
    /// Its name, as a host, as a client, and as `consumerName`.
    pub host: Name,
    /// Where it is.
    pub site: Name,
    /// When it is started.
    pub starts: Duration,
    /// The stream.
    pub stream: StreamPlan,
    /// The subscription's name on the wire.
    pub subscription: String,
    /// How its consumers share the messages.
    pub mode: SubscriptionMode,
    /// What it receives for.
    pub destination: DestinationId,
    /// Least and most time for a message, drawn for each. Default 10 ms.
    pub handles_in: (Duration, Duration),
    /// Most messages it is sent without having acknowledged them. Default 1000.
    pub queue: u32,
    /// Its rank; 0 is the highest.
    pub priority: u32,
    /// How long the broker waits for an acknowledgement; `None`: for ever.
    pub ack_time_out: Option<Duration>,
    /// Messages given back once instead of handled, in parts per million.
    pub gives_back_ppm: u32,
    /// How long the broker waits before it sends such a message again. Default 60 s.
    pub give_back_delay: Duration,
    /// How it connects.
    pub connecting: Connecting,
    /// When it acknowledges.
    pub acks: Acks,
    /// What it does after it gave a message back.
    pub after_giving_back: AfterGivingBack,
}

/// A stream, as clients name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamPlan {
    /// Its bare name: `orders`.
    pub name: String,
    /// Whether every region has it.
    pub scope: Scope,
}

impl StreamPlan {
    /// Names it as the service does: `c8globals.orders`, `c8locals.notes` (Macrometa docs, streams).
    pub fn topic(&self) -> String {
        match self.scope {
            Scope::Global => format!("c8globals.{}", self.name),
            Scope::Local => format!("c8locals.{}", self.name),
        }
    }
}

/// Who has a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every region; what is published in one is replicated to the others.
    #[default]
    Global,
    /// One region.
    Local,
}

/// Which consumer of a failover subscription is the active one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The one that has been connected longest: who joins takes nothing from anybody.
    #[default]
    FirstConnected,
    /// The highest rank, then the first by name.
    Sorted,
    /// Of the highest rank, the one that a hash ring gives the stream.
    HashRing,
}

/// What a socket gets that comes before its stream was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownStream {
    /// The stream is created.
    #[default]
    Creates,
    /// 404.
    Refuses,
}

/// What a consumer finds whose place is held by a connection that is dead, unknown to the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HalfOpen {
    /// The broker pings the holder first, and refuses only if it answers within 5 s.
    #[default]
    Probed,
    /// It is refused until the broker notices by itself.
    LockedOut,
}

/// Whether a program creates the stream, if it is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Creates {
    /// Before it connects.
    #[default]
    First,
    /// At the same time, so that the socket may come first, as the public JavaScript programs do.
    Races,
    /// Not at all.
    Never,
}
