//! Every way in which brokers and their clients get this wrong, as a documented option that is off by default.
//!
//! Each enum is one decision of the real code path: the default is the right way, the other what a public report tells
//! of. The option that sets it, with the report it comes from, stands in [`section`](super::section).
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a broker confirms what it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// When it is on its disk.
    #[default]
    AfterStoring,
    /// When it has it in memory.
    BeforeStoring,
}

/// What a broker does with a second consumer of an exclusive subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecondConsumer {
    /// Refuses it with 409.
    #[default]
    Refused,
    /// Attaches it beside the first.
    LetIn,
}

/// What becomes of the active consumer when another one is made active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Promotes {
    /// It gets nothing more.
    #[default]
    OneAtATime,
    /// It stays active beside the new one.
    BesideTheOld,
}

/// Where a consumer begins that takes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TakesOverAt {
    /// At the first message that is not acknowledged.
    #[default]
    FirstUnacked,
    /// At what comes next.
    Newest,
}

/// How a shared subscription chooses among its consumers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Turns {
    /// One after the other, as far as they have room.
    #[default]
    RoundRobin,
    /// The first one that has room.
    FirstWithRoom,
}

/// To how many consumers of a shared subscription a message goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shares {
    /// To one, until it is lost or gives it back.
    #[default]
    WithOne,
    /// To another one, too, when one joins while it is not acknowledged.
    AgainWithJoiners,
}

/// What an acknowledgement's time-out does to a consumer's room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimedOutRoom {
    /// The message no longer takes room.
    #[default]
    Freed,
    /// It does for as long as the consumer is connected.
    Kept,
}

/// Where replication goes on after its connection was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Replicates {
    /// After the last message that the other region has confirmed.
    #[default]
    FromTheConfirmed,
    /// At what comes next.
    FromTheNewest,
}

/// What a subscription with one active consumer does with a message that was given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GivenBack {
    /// Sends everything that is not acknowledged again, in order.
    #[default]
    Rewinds,
    /// Sends that one again, after what has been sent since.
    SendsAlone,
}

/// What a broker has to be able to get wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field's type tells it")]
pub struct BrokerKnobs {
    pub answers: Answers,
    pub second_consumer: SecondConsumer,
    pub promotes: Promotes,
    pub takes_over_at: TakesOverAt,
    pub turns: Turns,
    pub shares: Shares,
    pub timed_out_room: TimedOutRoom,
    pub replicates: Replicates,
    pub given_back: GivenBack,
}

/// What a producer makes of the answers to what it publishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReadsAnswers {
    /// It keeps a message until its answer says `ok`, and sends it again after a lost connection or another answer.
    #[default]
    Each,
    /// It forgets a message once it is written.
    Never,
}

/// When a consumer acknowledges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Acks {
    /// When its application has handled the message.
    #[default]
    AfterHandling,
    /// When the message arrives.
    BeforeHandling,
}

/// What a consumer does after it gave a message back, where one consumer gets everything in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AfterGivingBack {
    /// It handles nothing until that message comes again.
    #[default]
    Waits,
    /// It handles what comes next.
    GoesOn,
}

/// What a client does when its connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnClose {
    /// Connects again, with back-off.
    #[default]
    Reconnects,
    /// Nothing: the program is over.
    Exits,
}

/// What a client does when a broker refuses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnRefusal {
    /// Tries again, with back-off.
    #[default]
    Retries,
    /// Nothing: the program is over.
    GivesUp,
}
