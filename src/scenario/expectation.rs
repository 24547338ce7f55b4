//! What must have happened by the end of a run.
use super::duration::DurationRange;
use super::measure::Share;
use super::name::{ClientName, ConsumerName, DeviceName, HubName, InvariantName, ServiceName, SubscriptionName};
use super::schema::exactly_one_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One expectation: exactly one of its kinds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(transform = one_kind)]
pub struct Expectation {
    /// A device moved from one hub to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// A number of messages or events lies between bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// An invariant was violated (for scenarios that show a bug).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violated: Option<InvariantName>,
    /// A client had a session at a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<Connected>,
    /// A client had a session again after it had lost one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnected: Option<Reconnected>,
    /// One client was back in session sooner than another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnects_sooner: Option<ReconnectsSooner>,
    /// The operator was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
    /// A consumer became the active one of a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Active>,
    /// A consumer was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

fn one_kind(schema: &mut schemars::Schema) {
    exactly_one_of(schema, "expectation", &[]);
}

/// `moved: { device: xyz, from: hub-a, to: hub-b, after: 2m, within: 90s }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Moved {
    /// The device; of a group, every one.
    pub device: DeviceName,
    /// Where it was settled before.
    pub from: HubName,
    /// Where it is settled then.
    pub to: HubName,
    /// Not before this time. Default the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DurationRange>,
    /// No later than this after `after`. Default the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<DurationRange>,
}

/// `count: { of: received, at-least: 600 }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Count {
    /// What is counted.
    pub of: Counted,
    /// Least number, included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// Greatest number, included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
}

/// What `count` can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// Messages that clients accepted from their application.
    Offered,
    /// Messages whose acceptance the asking side saw.
    Confirmed,
    /// Messages whose handling a receiver finished, each once.
    Received,
    /// Second and later receipts.
    Duplicates,
    /// Messages owed and never received.
    Lost,
    /// Messages of which a client told its application that it will not deliver them.
    GivenUp,
    /// Sessions after a lost one.
    Reconnects,
    /// Refused attempts to connect.
    Refused,
}

impl Counted {
    /// Names it for a reader: `messages received`.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Offered => "messages offered",
            Self::Confirmed => "messages confirmed",
            Self::Received => "messages received",
            Self::Duplicates => "duplicates",
            Self::Lost => "messages lost",
            Self::GivenUp => "messages given up",
            Self::Reconnects => "reconnects",
            Self::Refused => "refused attempts",
        }
    }
}

/// `connected: { client: xyz, to: hub-a, after: 0s, within: 30s }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Connected {
    /// The client; of a group, every one.
    pub client: ClientName,
    /// The service.
    pub to: ServiceName,
    /// Not before this time. Default the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DurationRange>,
    /// No later than this after `after`. Default the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<DurationRange>,
}

/// `reconnected: { client: xyz, after: 2m, within: 90s }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reconnected {
    /// The client; of a group, every one.
    pub client: ClientName,
    /// Not before this time. Default the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DurationRange>,
    /// No later than this after `after`. Default the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<DurationRange>,
}

/// `reconnects-sooner: { client: cached, than: plain, share: 50% }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReconnectsSooner {
    /// The client; of a group, the median of its members' medians counts.
    pub client: ClientName,
    /// The other client, or group.
    pub than: ClientName,
    /// The median of its times to reconnect is at most this share of the other's. Default 100%.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub share: Share,
}

const ALL: Share = Share { ppm: 1_000_000 };

fn all() -> Share {
    ALL
}

fn is_all(share: &Share) -> bool {
    *share == ALL
}

/// `answered: { verb: manual-failover, device: xyz, message-has: Success }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Answered {
    /// What the operator had asked for.
    pub verb: OperatorVerb,
    /// The device; of a group, every one.
    pub device: DeviceName,
    /// The answer's HTTP status; 0 when there was none. Default any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 599))]
    pub status: Option<u32>,
    /// Words of the answer. Default any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_has: Option<String>,
    /// Not before this time. Default the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DurationRange>,
    /// No later than this after `after`. Default the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<DurationRange>,
}

/// `active: { subscription: workers, consumer: consumer-2, after: 2m, within: 90s }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Active {
    /// The subscription, in whatever region.
    pub subscription: SubscriptionName,
    /// The consumer; of a group, any one.
    pub consumer: ConsumerName,
    /// Not before this time. Default the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DurationRange>,
    /// No later than this after `after`. Default the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<DurationRange>,
}

/// `refused: { consumer: consumer-2, status: 409, after: 1m, within: 30s }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Refused {
    /// The consumer; of a group, any one.
    pub consumer: ConsumerName,
    /// The HTTP status with which it was refused. Default any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u32>,
    /// Not before this time. Default the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DurationRange>,
    /// No later than this after `after`. Default the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<DurationRange>,
}

/// The verbs that the operator carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorVerb {
    /// A command was sent.
    Command,
    /// A method was called.
    Method,
    /// Desired properties were changed.
    Desired,
    /// A device was sent away.
    ManualFailover,
    /// A device was called back.
    ManualFailback,
    /// It was asked where a device belongs.
    RegistrationInfo,
}

impl OperatorVerb {
    const ALL: [Self; 6] = [
        Self::Command,
        Self::Method,
        Self::Desired,
        Self::ManualFailover,
        Self::ManualFailback,
        Self::RegistrationInfo,
    ];

    /// Finds the verb of this name. `None`: it is no verb of the operator.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }
    /// As the timeline spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Method => "method",
            Self::Desired => "desired",
            Self::ManualFailover => "manual-failover",
            Self::ManualFailback => "manual-failback",
            Self::RegistrationInfo => "registration-info",
        }
    }
}
