//! The `streams:` section of a scenario file: its parts, their options, their knobs.
use super::knobs::{
    Acks, AfterGivingBack, Answers, BrokerKnobs, GivenBack, OnClose, OnRefusal, Promotes, ReadsAnswers, Replicates,
    SecondConsumer, Shares, TakesOverAt, TimedOutRoom, Turns,
};
use super::plan::{Creates, HalfOpen, Scope, Selection, UnknownStream};
use crate::history::SubscriptionMode;
use crate::scenario::{DurationRange, RegionName, Share, SiteName, StreamName, SubscriptionName};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Regions with a broker each, streams, subscriptions, and the programs that publish and consume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StreamsSection {
    /// Regions by name. The broker of `west` is the host `broker-west`.
    pub regions: IndexMap<String, Region>,
    /// Streams by name.
    pub streams: IndexMap<String, StreamOptions>,
    /// Subscriptions by name; each region has its own of that name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub subscriptions: IndexMap<String, Subscription>,
    /// Programs that publish, by name, or groups of them (`count`).
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub producers: IndexMap<String, StreamProducer>,
    /// Programs that consume, by name, or groups of them (`count`).
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub consumers: IndexMap<String, StreamConsumer>,
}

/// A region and its broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Region {
    /// Where its broker runs.
    pub site: SiteName,
    /// What a socket gets that comes before its stream was created. Default creates, as Apache Pulsar does.
    #[serde(default)]
    pub unknown_stream: UnknownStream,
    /// What a consumer finds whose place is held by a connection that is dead, unknown to the broker. Default probed.
    /// <https://github.com/apache/pulsar/pull/21183>
    #[serde(default)]
    pub half_open: HalfOpen,
    /// How often it pings each socket; one that is silent for two of these is closed. Default 30s. Apache Pulsar's own
    /// default is not to ping; then a dead consumer is noticed when TCP gives up on what was sent to it.
    #[serde(default = "thirty_seconds")]
    pub ping: DurationRange,
    /// How long a message is kept for a subscription that does not acknowledge it. Default 72h, as the service does.
    #[serde(default = "three_days")]
    pub time_to_live: DurationRange,
    /// Knob. When it confirms what it was sent. Default after-storing.
    /// <https://github.com/nats-io/nats-server/issues/7564>
    #[serde(default)]
    pub answers: Answers,
    /// Knob. What it does with a second consumer of an exclusive subscription. Default refused.
    /// <https://github.com/apache/pulsar/issues/13154>
    #[serde(default)]
    pub second_consumer: SecondConsumer,
    /// Knob. What becomes of the active consumer when another one is made active. Default one-at-a-time.
    /// <https://github.com/apache/pulsar/issues/3504>
    #[serde(default)]
    pub promotes: Promotes,
    /// Knob. Where a consumer begins that takes over. Default first-unacked.
    /// <https://github.com/apache/pulsar/pull/11547>
    #[serde(default)]
    pub takes_over_at: TakesOverAt,
    /// Knob. How a shared subscription chooses among its consumers. Default round-robin.
    /// <https://github.com/apache/pulsar/issues/10390>
    #[serde(default)]
    pub turns: Turns,
    /// Knob. To how many consumers of a shared subscription a message goes. Default with-one.
    /// <https://github.com/apache/pulsar/issues/23056>
    #[serde(default)]
    pub shares: Shares,
    /// Knob. What an acknowledgement's time-out does to a consumer's room. Default freed.
    /// <https://github.com/apache/pulsar/issues/2731>
    #[serde(default)]
    pub timed_out_room: TimedOutRoom,
    /// Knob. Where replication goes on after its connection was lost. Default from-the-confirmed.
    /// <https://github.com/apache/pulsar/issues/26113>
    #[serde(default)]
    pub replicates: Replicates,
    /// Knob. What a subscription with one active consumer does with a message that was given back. Default rewinds.
    /// <https://github.com/apache/pulsar/issues/4118>
    #[serde(default)]
    pub given_back: GivenBack,
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StreamOptions {
    /// Whether every region has it, or one. Default global.
    #[serde(default)]
    pub scope: Scope,
    /// The region of a local stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionName>,
}

/// A subscription: what several consumers share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Subscription {
    /// The stream it is for.
    pub stream: StreamName,
    /// How its consumers share the messages. Default exclusive.
    #[serde(default = "exclusive")]
    pub mode: SubscriptionMode,
    /// Of failover: which consumer is the active one. Default first-connected.
    /// <https://github.com/apache/pulsar/issues/7864>
    #[serde(default)]
    pub selection: Selection,
    /// Of failover: how long a consumer that takes over waits before it gets messages, so that what the one before has
    /// in hand can still be acknowledged. Default 1s.
    #[serde(default = "one_second")]
    pub delay: DurationRange,
}

/// A program that publishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StreamProducer {
    /// Where it runs.
    pub site: SiteName,
    /// How many: `till` with 3 becomes till-0001 to till-0003. Default one, with the plain name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub count: Option<u32>,
    /// When it is started; a range is drawn for each. Default 0s.
    #[serde(default = "at_once")]
    pub starts: DurationRange,
    /// The regions whose brokers it tries, in this order.
    pub regions: Vec<RegionName>,
    /// Where it publishes.
    pub stream: StreamName,
    /// Period of its messages. Default 1s.
    #[serde(default = "one_second")]
    pub every: DurationRange,
    /// How many keys its messages have, in turn. Default none has a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub keys: Option<u32>,
    /// Whether it creates the stream, if it is absent, before it connects. Default first.
    #[serde(default)]
    pub creates: Creates,
    /// Most messages sent and not yet confirmed. Default 100.
    #[serde(default = "a_hundred")]
    #[schemars(range(min = 1, max = 1000))]
    pub in_flight: u32,
    /// Most messages kept; then the application waits (back-pressure). Default 1000.
    #[serde(default = "a_thousand")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub buffer: u32,
    /// Longest wait for a connection, and for each answer on the way to it. Default 10s.
    #[serde(default = "ten_seconds")]
    pub connect_time_out: DurationRange,
    /// Longest wait for the answer to a message; then the connection is given up. Default 30s.
    #[serde(default = "thirty_seconds")]
    pub send_time_out: DurationRange,
    /// How often it pings; it calls a broker dead when no byte came for one and a half of it. Default 20s.
    #[serde(default = "twenty_seconds")]
    pub keep_alive: DurationRange,
    /// First and longest step of the back-off, doubling, with full jitter. Default 1s..30s. Not drawn.
    #[serde(default = "one_to_thirty_seconds")]
    pub back_off: DurationRange,
    /// Knob. What it makes of the answers. Default each. <https://github.com/archfish/pulsar_sdk/issues/7>
    #[serde(default)]
    pub reads_answers: ReadsAnswers,
    /// Knob. What it does when its connection ends. Default reconnects. <https://github.com/apache/pulsar/issues/6991>
    #[serde(default)]
    pub on_close: OnClose,
    /// Knob. What it does when a broker refuses it. Default retries. <https://github.com/apache/pulsar/issues/13920>
    #[serde(default)]
    pub on_refusal: OnRefusal,
}

/// A program that consumes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StreamConsumer {
    /// Where it runs.
    pub site: SiteName,
    /// How many: `worker` with 3 becomes worker-0001 to worker-0003. Default one, with the plain name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub count: Option<u32>,
    /// When it is started; a range is drawn for each. Default 0s.
    #[serde(default = "at_once")]
    pub starts: DurationRange,
    /// The region in which it subscribes. One: each region has its own subscription.
    pub regions: Vec<RegionName>,
    /// What it consumes.
    pub subscription: SubscriptionName,
    /// How long its application takes for a message, drawn for each. Default 10ms.
    #[serde(default = "ten_milliseconds")]
    pub handles_in: DurationRange,
    /// Most messages it is sent without having acknowledged them. Default 1000, which is also the most.
    #[serde(default = "a_thousand")]
    #[schemars(range(min = 1, max = 1000))]
    pub queue: u32,
    /// Its rank among the consumers of a subscription; 0 is the highest. Default 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 1000))]
    pub priority: u32,
    /// Whether it creates the stream, if it is absent, before it connects. Default first.
    #[serde(default)]
    pub creates: Creates,
    /// How long the broker waits for an acknowledgement before it sends the message again. Default for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_time_out: Option<DurationRange>,
    /// The share of messages that it gives back once instead of handling them. Default 0%.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub gives_back: Share,
    /// How long the broker waits before it sends a message again that was given back. Default 60s.
    #[serde(default = "a_minute")]
    pub give_back_delay: DurationRange,
    /// Longest wait for a connection, and for each answer on the way to it. Default 10s.
    #[serde(default = "ten_seconds")]
    pub connect_time_out: DurationRange,
    /// How often it pings; it calls a broker dead when no byte came for one and a half of it. Default 20s.
    #[serde(default = "twenty_seconds")]
    pub keep_alive: DurationRange,
    /// First and longest step of the back-off, doubling, with full jitter. Default 1s..30s. Not drawn.
    #[serde(default = "one_to_thirty_seconds")]
    pub back_off: DurationRange,
    /// Knob. What it does after it gave a message back, where order is promised. Default waits.
    /// <https://github.com/apache/pulsar/pull/9681>
    #[serde(default)]
    pub after_giving_back: AfterGivingBack,
    /// Knob. When it acknowledges. Default after-handling. <https://github.com/HSLdevcom/transitdata/issues/162>
    #[serde(default)]
    pub acks: Acks,
    /// Knob. What it does when its connection ends. Default reconnects. <https://github.com/apache/pulsar/issues/6991>
    #[serde(default)]
    pub on_close: OnClose,
    /// Knob. What it does when a broker refuses it. Default retries. <https://github.com/apache/pulsar/issues/13920>
    #[serde(default)]
    pub on_refusal: OnRefusal,
}

impl Region {
    /// Gathers its knobs.
    pub(crate) fn knobs(&self) -> BrokerKnobs {
        BrokerKnobs {
            answers: self.answers,
            second_consumer: self.second_consumer,
            promotes: self.promotes,
            takes_over_at: self.takes_over_at,
            turns: self.turns,
            shares: self.shares,
            timed_out_room: self.timed_out_room,
            replicates: self.replicates,
            given_back: self.given_back,
        }
    }
}

impl StreamProducer {
    /// The longest it can need from the moment its path is good again until a message is confirmed.
    pub(crate) fn longest_recovery(&self) -> Duration {
        longest(self.keep_alive, self.back_off, self.connect_time_out) + self.send_time_out.most()
    }
}

impl StreamConsumer {
    /// The longest it can need from the moment its path is good again until it is connected.
    pub(crate) fn longest_recovery(&self) -> Duration {
        longest(self.keep_alive, self.back_off, self.connect_time_out)
    }
}

/// A client must notice that its connection is dead, wait out its back-off, and connect.
fn longest(keep_alive: DurationRange, back_off: DurationRange, connect_time_out: DurationRange) -> Duration {
    keep_alive.most() * 3 / 2 + back_off.most() + connect_time_out.most() * 2
}

fn exclusive() -> SubscriptionMode {
    SubscriptionMode::Exclusive
}
fn at_once() -> DurationRange {
    DurationRange::seconds(0)
}
fn ten_milliseconds() -> DurationRange {
    DurationRange::fixed(Duration::from_millis(10))
}
fn one_second() -> DurationRange {
    DurationRange::seconds(1)
}
fn ten_seconds() -> DurationRange {
    DurationRange::seconds(10)
}
fn twenty_seconds() -> DurationRange {
    DurationRange::seconds(20)
}
fn thirty_seconds() -> DurationRange {
    DurationRange::seconds(30)
}
fn a_minute() -> DurationRange {
    DurationRange::seconds(60)
}
fn three_days() -> DurationRange {
    DurationRange::seconds(72 * 3600)
}
fn one_to_thirty_seconds() -> DurationRange {
    DurationRange::between(Duration::from_secs(1), Duration::from_secs(30))
}
fn a_hundred() -> u32 {
    100
}
fn a_thousand() -> u32 {
    1000
}
fn is_zero(number: &u32) -> bool {
    *number == 0
}
fn is_none_of_them(share: &Share) -> bool {
    share.ppm == 0
}
