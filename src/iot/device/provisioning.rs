//! Asking the provisioning service where the device belongs (Microsoft docs, iot-mqtt-connect-to-iot-dps).
use crate::iot::knobs::DpsRetry;
use crate::iot::plan::{Model, ModelForm};
use crate::wire::mqtt::{ConnectCode, Packet, Publish, Qos, Quality, SubscribeCode, next_packet_id};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

const ANSWERS: &str = "$dps/registrations/res/";

/// How long to wait before asking again when the service does not say.
const DEFAULT_RETRY: Duration = Duration::from_secs(2);

/// The longest wait that is taken from the service: a device that was told to come back next year asks sooner.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// How long one registration may take. The SDKs go on for ever, and were found "assigning" for hours
/// (azure-iot-sdk-c, issue 1965); giving up only means to begin again.
const PATIENCE: Duration = Duration::from_secs(120);

/// ```text
///            CONNACK              SUBACK           202, 429, 5xx
///  Greeting ────────> Subscribing ──────> Asking ────────────────> Waiting
///                                           │ ^                       │
///                                           │ └─── its time is over ──┘
///                                           └─ 200 assigned, any other answer ──> (ended)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Subscribing,
    Asking,
    Waiting { until: Duration },
    Ended,
}

/// One registration over one connection.
#[derive(Debug)]
pub struct Provisioning {
    device: String,
    /// What the device tells of itself when it registers.
    payload: Value,
    retry: DpsRetry,
    state: State,
    /// Under which the service's answer is asked for; `None`: register first.
    operation: Option<String>,
    requests: u16,
    /// When the answer that is waited for is late.
    late: Duration,
    time_out: Duration,
    patience: Duration,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a packet to the service.
    Send(Packet),
    /// The service took the connection.
    Connected,
    /// The device belongs to this hub.
    Assigned(String),
    /// The service said not now, in its own words: the same request will be made again.
    PutOff(String),
    /// The service said no, in its own words.
    Refused(String),
    /// An answer did not come in time.
    Late,
    /// The service said what cannot be understood.
    Nonsense,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    operation_id: Option<String>,
    status: Option<String>,
    registration_state: Option<RegistrationState>,
    error_code: Option<u64>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationState {
    assigned_hub: Option<String>,
    error_code: Option<u64>,
    error_message: Option<String>,
}

impl Provisioning {
    /// Begins with the CONNECT sent. `payload`: goes with the registration. `time_out`: for each answer.
    pub fn new(device: &str, payload: Value, retry: DpsRetry, now: Duration, time_out: Duration) -> Self {
        Self {
            device: device.to_owned(),
            payload,
            retry,
            state: State::Greeting,
            operation: None,
            requests: 0,
            late: now + time_out,
            time_out,
            patience: now + PATIENCE,
        }
    }

    /// Says when to [`look`](Self::look) at the clock.
    pub fn due(&self) -> Duration {
        match self.state {
            State::Waiting { until } => until.min(self.patience),
            _ => self.late.min(self.patience),
        }
    }

    /// Looks at the clock: it may be time to ask again, or too late.
    pub fn look(&mut self, now: Duration) -> Option<Step> {
        match self.state {
            State::Ended => None,
            _ if now >= self.patience => self.end(Step::Late),
            State::Waiting { until } if now >= until => Some(self.ask(now)),
            State::Waiting { .. } => None,
            _ if now >= self.late => self.end(Step::Late),
            _ => None,
        }
    }

    /// Takes a packet from the service.
    pub fn handle(&mut self, now: Duration, packet: &Packet) -> Vec<Step> {
        match (&self.state, packet) {
            (State::Greeting, Packet::ConnAck { code: ConnectCode::Accepted, .. }) => {
                self.state = State::Subscribing;
                self.late = now + self.time_out;
                let filters = vec![(format!("{ANSWERS}#"), Qos::AtLeastOnce)];
                vec![Step::Connected, Step::Send(Packet::Subscribe { id: self.packet_id(), filters })]
            }
            (State::Greeting, Packet::ConnAck { code, .. }) => {
                self.end(Step::Refused(format!("connack {}", *code as u8))).into_iter().collect()
            }
            (State::Subscribing, Packet::SubAck { codes, .. }) => match codes[..] {
                [SubscribeCode::Granted(_)] => vec![self.ask(now)],
                _ => self.end(Step::Refused("subscription refused".into())).into_iter().collect(),
            },
            (State::Ended, _) | (_, Packet::PubAck { .. } | Packet::PingResp) => Vec::new(),
            (_, Packet::Publish(publish)) => {
                let mut steps = Vec::new();
                if let Quality::AtLeastOnce { id, .. } = publish.quality {
                    steps.push(Step::Send(Packet::PubAck { id }));
                }
                steps.extend(self.answered(now, publish));
                steps
            }
            _ => self.end(Step::Nonsense).into_iter().collect(),
        }
    }

    fn answered(&mut self, now: Duration, publish: &Publish) -> Option<Step> {
        let (status, parameters) = publish.topic.strip_prefix(ANSWERS)?.split_once("/?")?;
        let parameter = |name: &str| parameters.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        if self.state != State::Asking || parameter("$rid") != Some(self.requests.to_string().as_str()) {
            return None;
        }
        let Ok(status) = status.parse::<u16>() else { return self.end(Step::Nonsense) };
        // The official service sends whole seconds; whatever is not is taken as if it were not there.
        let retry_after = parameter("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let until = match self.retry {
            DpsRetry::BacksOff => now + retry_after.unwrap_or(DEFAULT_RETRY).min(LONGEST_RETRY),
            DpsRetry::AtOnce => now,
        };
        let body: Option<Body> = serde_json::from_slice(&publish.payload).ok();
        match (status, body) {
            (202, Some(Body { operation_id: Some(operation), .. })) => {
                self.operation = Some(operation);
                self.state = State::Waiting { until };
                None
            }
            // Throttled, or out of order for a while: the same request again (the service throttles registering and
            // polling apart: azure-iot-sdk-c, pull request 1703).
            (429 | 500.., body) => {
                self.state = State::Waiting { until };
                Some(Step::PutOff(in_words(status, body)))
            }
            (200, Some(body)) => self.registered(body),
            (200 | 202, None) => self.end(Step::Nonsense),
            (_, body) => self.end(Step::Refused(in_words(status, body))),
        }
    }

    fn registered(&mut self, body: Body) -> Option<Step> {
        let state = body.registration_state;
        match (body.status.as_deref(), state) {
            (Some("assigned"), Some(RegistrationState { assigned_hub: Some(hub), .. })) => {
                self.end(Step::Assigned(hub))
            }
            (Some(status @ ("failed" | "disabled" | "unassigned")), state) => {
                let (code, message) = state.map_or((None, None), |state| (state.error_code, state.error_message));
                let message = message.unwrap_or_else(|| status.to_owned());
                self.end(Step::Refused(words(code.unwrap_or_default(), Some(message))))
            }
            _ => self.end(Step::Nonsense),
        }
    }

    fn ask(&mut self, now: Duration) -> Step {
        self.state = State::Asking;
        self.late = now + self.time_out;
        let id = self.packet_id();
        let publish = match &self.operation {
            None => {
                let body = json!({ "payload": self.payload, "registrationId": self.device });
                Publish::at_least_once(
                    format!("$dps/registrations/PUT/iotdps-register/?$rid={id}"),
                    body.to_string(),
                    id,
                )
            }
            Some(operation) => {
                let operation = utf8_percent_encode(operation, NON_ALPHANUMERIC);
                let topic =
                    format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid={id}&operationId={operation}");
                Publish::at_least_once(topic, " ", id)
            }
        };
        Step::Send(Packet::Publish(publish))
    }

    /// Counts packet ids and request ids alike: one request is open at a time.
    fn packet_id(&mut self) -> u16 {
        self.requests = next_packet_id(self.requests);
        self.requests
    }

    fn end(&mut self, step: Step) -> Option<Step> {
        self.state = State::Ended;
        Some(step)
    }
}

/// Writes a device's model as the payload of its registration; `null` without one, as the Python SDK sends it.
pub fn model_payload(model: Option<&Model>) -> Value {
    let Some(Model { id, form }) = model else { return Value::Null };
    match form {
        ModelForm::Object => json!({ "modelId": id }),
        ModelForm::Legacy => json!({ "iotcModelId": id }),
        ModelForm::Text => json!({ "iotcModelId": id }).to_string().into(),
    }
}

fn in_words(status: u16, body: Option<Body>) -> String {
    let (code, message) = body.map_or((None, None), |body| (body.error_code, body.message));
    words(code.unwrap_or(u64::from(status) * 1000), message)
}

fn words(code: u64, message: Option<String>) -> String {
    match message {
        Some(message) => format!("{code} {message}"),
        None => code.to_string(),
    }
}

#[cfg(test)]
mod tests;
