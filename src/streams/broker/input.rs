//! What can happen to a broker.
use super::call::Call;
use super::message::{Message, Page};
use super::topic::Topic;
use crate::history::{Name, SubscriptionMode};
use std::time::Duration;

/// Numbers a socket within one boot of a broker, in the order of their coming.
pub type SocketId = u64;
/// Numbers a request within one boot of a broker.
pub type Ticket = u64;

/// What can happen to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A socket asks to be let in: answered by `Accept` or `Refuse`, which may take a while.
    Attach {
        /// Which socket.
        socket: SocketId,
        /// As what.
        attachment: Attachment,
        /// Which session of which client, if it says so.
        session: Option<Session>,
    },
    /// A producer's frame.
    Publish {
        /// The producer's.
        socket: SocketId,
        /// With the wall clock's `publish_time`.
        message: Message,
        /// Comes back with the answer.
        context: Option<String>,
    },
    /// A consumer's or reader's frame: done with this message id.
    Ack {
        /// Whose.
        socket: SocketId,
        /// As it was sent.
        id: String,
    },
    /// A consumer gives this message id back.
    Nack {
        /// Whose.
        socket: SocketId,
        /// As it was sent.
        id: String,
    },
    /// A consumer in pull mode takes so many more.
    Permit {
        /// Whose.
        socket: SocketId,
        /// How many.
        messages: u32,
    },
    /// A consumer ends its subscription.
    Unsubscribe {
        /// Whose.
        socket: SocketId,
    },
    /// A consumer or reader asks whether more will come.
    IsEndOfTopic {
        /// Whose.
        socket: SocketId,
    },
    /// Any sign of life that is no frame: a pong, above all after a `Probe`.
    Alive {
        /// Whose.
        socket: SocketId,
    },
    /// A socket has ended, or was closed by the driver. Not needed after `Refuse` and `Close`.
    Closed {
        /// Which.
        socket: SocketId,
        /// For the history.
        why: &'static str,
    },
    /// A REST request, answered by `Reply`.
    Rest {
        /// Which.
        ticket: Ticket,
        /// What it asks for.
        call: Call,
    },
    /// Another region's broker sends what was published there, answered by `Reply` with `{"upto": position}`.
    Replicate {
        /// Which request.
        ticket: Ticket,
        /// What it sends.
        page: Page,
    },
    /// Another region's broker has answered a `Forward`: it has everything below this position on its disk.
    Replicated {
        /// That broker.
        to: Name,
        /// The stream.
        topic: Topic,
        /// From its answer.
        upto: u64,
    },
    /// A `Forward` had no answer, or another one.
    ReplicationLost {
        /// The broker that it was for.
        to: Name,
    },
    /// The batch that `begin_commit` handed out is durable.
    Stored,
    /// It is not.
    StoreFailed,
    /// It is, or may be, the time of `next_deadline`.
    Tick,
    /// The host is to stop: everything goes to the disk, nothing more is taken.
    Stop,
}

/// One session of a client that says so: both ends number it alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The client's name: its host's.
    pub client: Name,
    /// The client's number for it.
    pub number: u64,
}

/// What a socket is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// It publishes.
    Producer {
        /// The stream.
        topic: Topic,
        /// `producerName`, of which there is one at a time; `None`: it gave none.
        name: Option<String>,
    },
    /// It consumes.
    Consumer(ConsumerOptions),
    /// It reads by itself, without a subscription.
    Reader {
        /// The stream.
        topic: Topic,
        /// `readerName`, or one drawn for it.
        name: String,
        /// Most messages it is sent without having acknowledged them.
        queue: u32,
        /// Where it begins.
        from: ReadFrom,
    },
}

impl Attachment {
    /// The stream it is for.
    pub fn topic(&self) -> &Topic {
        match self {
            Self::Producer { topic, .. } | Self::Reader { topic, .. } => topic,
            Self::Consumer(options) => &options.topic,
        }
    }
}

/// What a consumer's socket asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerOptions {
    /// The stream.
    pub topic: Topic,
    /// The subscription's name.
    pub subscription: String,
    /// How its consumers share the messages. Default exclusive.
    pub mode: SubscriptionMode,
    /// `consumerName`, or one drawn for it.
    pub name: String,
    /// Its rank; 0 is the highest.
    pub priority: u32,
    /// `receiverQueueSize`: most messages it is sent without having acknowledged them. 0 counts as 1, more than 1000
    /// as 1000 (Apache Pulsar, `ConsumerHandler`).
    pub queue: u32,
    /// `ackTimeoutMillis`; `None`: it waits for ever.
    pub ack_time_out: Option<Duration>,
    /// `negativeAckRedeliveryDelay`. Default 60 s.
    pub nack_delay: Duration,
    /// `pullMode`: it is sent nothing without a permit.
    pub pull: bool,
    /// `maxRedeliverCount` and `deadLetterTopic`, of shared and key-shared.
    pub dead_letter: Option<DeadLetter>,
}

/// Where messages go that nobody can handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// After so many redeliveries.
    pub after: u32,
    /// To this stream: by default `{stream}-{subscription}-DLQ`.
    pub topic: Topic,
}

/// Where a reader begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// At what comes next. The default.
    Latest,
    /// At the oldest message that is kept.
    Earliest,
    /// After this message id.
    After(String),
}
