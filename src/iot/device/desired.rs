//! What is desired of the device: the other half of its twin.
use crate::iot::knobs::{DesiredVersions, ReadsTwin};
use crate::iot::patch::merge;
use crate::wire::mqtt::{Packet, Publish};
use serde_json::{Map, Value, json};
use std::time::Duration;

const ANSWERS: &str = "$iothub/twin/res/";
const CHANGES: &str = "$iothub/twin/PATCH/properties/desired/";

/// The filter under which changes come (Microsoft docs, iot-hub-mqtt-support).
pub const FILTER: &str = "$iothub/twin/PATCH/properties/desired/#";

/// The member that counts this device's changes, as central writes it.
const NUMBER: &str = "change";

/// Tells the requests for the twin from those that report: both are answered on the same topics.
const REQUEST: &str = "twin-";

/// How long to wait when the hub would not show the twin (it is throttled, or out of order).
const RETRY: Duration = Duration::from_secs(2);

/// ```text
///  Away ──session──> Due ──send──> Asked ──200──> Following
///                     ^              │                │
///                     ├── not 200, or out of date ────┤
///                     └────────── session ────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is no session yet.
    Away,
    Due {
        at: Duration,
    },
    /// `notified`: the latest version of a change that came before the answer.
    Asked {
        request: u64,
        since: Duration,
        notified: u64,
    },
    Following,
}

/// What the application makes of what it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What to acknowledge: reported properties by the convention of IoT Plug and Play
    /// (Microsoft docs, concepts-convention); `null` for what is desired no longer.
    pub acknowledgements: Map<String, Value>,
    /// Central's number of the change that the application follows now, when it did not before.
    pub followed: Option<u64>,
}

/// Follows the desired properties of one device.
///
/// Changes are not kept for a device that is away. So in each session it subscribes, then reads its twin, and from then
/// on takes changes that are newer than what it read (Microsoft docs, iot-hub-devguide-device-twins).
#[derive(Debug)]
pub struct Desired {
    reads: ReadsTwin,
    versions: DesiredVersions,
    state: State,
    requests: u64,
    /// It was read in this boot.
    was_read: bool,
    members: Map<String, Value>,
    /// Of `members`. Versions of one hub say nothing about another's.
    version: u64,
    followed: Option<u64>,
}

impl Desired {
    /// Begins with nothing known.
    pub fn new(reads: ReadsTwin, versions: DesiredVersions) -> Self {
        Self {
            reads,
            versions,
            state: State::Away,
            requests: 0,
            was_read: false,
            members: Map::new(),
            version: 0,
            followed: None,
        }
    }

    /// A session has begun, and is subscribed.
    pub fn began(&mut self, now: Duration) {
        if self.versions == DesiredVersions::PerSession {
            self.version = 0;
        }
        self.state = match self.reads {
            ReadsTwin::Once if self.was_read => State::Following,
            _ => State::Due { at: now },
        };
    }

    /// Says when to [`send`](Self::send).
    pub fn due(&self) -> Option<Duration> {
        match self.state {
            State::Due { at } => Some(at),
            _ => None,
        }
    }

    /// Takes the request for the twin, when it is due.
    pub fn send(&mut self, now: Duration) -> Option<Packet> {
        self.due().filter(|at| now >= *at)?;
        self.requests += 1;
        self.state = State::Asked { request: self.requests, since: now, notified: 0 };
        Some(Packet::Publish(Publish::at_most_once(format!("$iothub/twin/GET/?$rid={REQUEST}{}", self.requests), "")))
    }

    /// Says since when an answer is outstanding.
    pub fn waiting_since(&self) -> Option<Duration> {
        match self.state {
            State::Asked { since, .. } => Some(since),
            _ => None,
        }
    }

    /// Takes a message from the hub: a twin that was asked for, or a change. `None`: it is neither, or changes nothing.
    pub fn told(&mut self, now: Duration, publish: &Publish) -> Option<Change> {
        if publish.topic.starts_with(CHANGES) {
            return self.changed(&publish.payload);
        }
        let (status, parameters) = publish.topic.strip_prefix(ANSWERS)?.split_once("/?")?;
        let rid = parameters.split('&').find_map(|pair| pair.strip_prefix("$rid="))?.strip_prefix(REQUEST)?;
        let State::Asked { request, notified, .. } = self.state else { return None };
        if rid != request.to_string() {
            return None;
        }
        let twin = if status == "200" { read_twin(&publish.payload) } else { None };
        let Some((version, members)) = twin else {
            self.state = State::Due { at: now + RETRY };
            return None;
        };
        self.was_read = true;
        self.state = if notified > version { State::Due { at: now } } else { State::Following };
        if version <= self.version {
            return None;
        }
        let gone = self.members.keys().filter(|key| !members.contains_key(*key));
        let gone = gone.map(|key| (key.clone(), Value::Null)).collect::<Vec<_>>();
        let patch = members.iter().map(|(key, value)| (key.clone(), value.clone())).chain(gone).collect();
        self.members = members;
        Some(self.follow(version, &patch))
    }

    fn changed(&mut self, payload: &[u8]) -> Option<Change> {
        let (version, patch) = versioned(serde_json::from_slice(payload).ok()?)?;
        if let State::Asked { notified, .. } = &mut self.state {
            *notified = version.max(*notified);
            return None;
        }
        if version <= self.version || self.state != State::Following {
            return None;
        }
        merge(&mut self.members, &patch);
        Some(self.follow(version, &patch))
    }

    fn follow(&mut self, version: u64, patch: &Map<String, Value>) -> Change {
        self.version = version;
        let number = self.members.get(NUMBER).and_then(Value::as_u64);
        let followed = number.filter(|_| number != self.followed);
        self.followed = number;
        let acknowledgements = patch.keys().map(|key| {
            let acknowledgement = self
                .members
                .get(key)
                .map_or(Value::Null, |value| json!({ "value": value, "ac": 200, "av": version, "ad": "completed" }));
            (key.clone(), acknowledgement)
        });
        Change { acknowledgements: acknowledgements.collect(), followed }
    }
}

fn read_twin(payload: &[u8]) -> Option<(u64, Map<String, Value>)> {
    let Value::Object(mut twin) = serde_json::from_slice(payload).ok()? else { return None };
    versioned(twin.remove("desired")?)
}

/// Parts properties into their version and their members; names with `$` are the hub's own.
fn versioned(properties: Value) -> Option<(u64, Map<String, Value>)> {
    let Value::Object(mut members) = properties else { return None };
    let version = members.get("$version")?.as_u64()?;
    members.retain(|key, _| !key.starts_with('$'));
    Some((version, members))
}

#[cfg(test)]
mod tests;
