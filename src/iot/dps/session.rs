//! One device's MQTT connection to the provisioning service.
//!
//! Topics and credentials are those of Microsoft docs, iot-mqtt-connect-to-iot-dps; what the SDKs do
//! differently is said where it matters.
use super::answer::{Answer, is_operation_of, operation};
use super::model::model_of;
use crate::history::Name;
use crate::iot::moment::Moment;
use crate::wire::mqtt::{Connect, ConnectCode, Packet, Publish, Qos, Quality, SubscribeCode};
use crate::wire::sas::{Token, device_key};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The longest packet read: the service's limit for a message (Microsoft docs, iot-dps limits: 96 KB)
/// and room for the topic.
pub(super) const PACKET_LIMIT: usize = 97 << 10;

/// A connection that has not sent its CONNECT by then is closed.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// The longest silence allowed, whatever keep-alive the client asked for (as the hub's).
const LONGEST_SILENCE: Duration = Duration::from_secs(1767);

const RESPONSES: &str = "$dps/registrations/res/";
const REGISTER: &str = "$dps/registrations/PUT/iotdps-register/?";
const STATUS: &str = "$dps/registrations/GET/iotdps-get-operationstatus/?";

/// The group whose devices may register.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The service instance that devices name in username and token.
    pub(super) id_scope: String,
    /// The key from which each device's own is derived, in base64.
    pub(super) key: String,
}

/// What a connection must do after a packet, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Send a packet to the device.
    Send(Packet),
    /// The CONNECT was accepted: this device, and what its client says about itself.
    Opened { device: Name, client_version: Option<String> },
    /// Ask where the device belongs, and give the outcome to [`Session::answer`].
    Ask(Question),
    /// Close the connection, and say nothing more.
    Close(&'static str),
}

/// A device wants to know where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Whose token it is.
    pub(super) device: Name,
    /// The request's own identifier, to be sent back as it came.
    pub(super) rid: String,
    /// The operation under which the device asks or will ask again.
    pub(super) operation: String,
    /// Whether it registers or asks again.
    pub(super) kind: QuestionKind,
}

/// Whether it registers, or asks how its registration goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QuestionKind {
    /// It registers.
    Register {
        /// The model that it names.
        model: Option<String>,
    },
    /// It asks how its registration goes.
    Poll,
}

/// One connection. Every session is clean: nothing outlives it, and CONNACK never says otherwise.
///
/// ```text
///   Fresh -- CONNECT --> Open -- DISCONNECT, silence, breach --> Closed
///     |                                                            ^
///     +--------- refused, something else, nothing in time ---------+
/// ```
#[derive(Debug)]
pub(super) struct Session {
    group: Group,
    state: State,
    /// When the last packet came.
    heard: Duration,
    questions: u64,
}

#[derive(Debug)]
enum State {
    Fresh,
    Open { device: Name, token: Token, silence: Option<Duration>, subscribed: bool },
    Closed,
}

#[derive(Deserialize)]
struct RegisterBody {
    #[serde(rename = "registrationId")]
    registration_id: Option<String>,
    #[serde(default)]
    payload: Value,
}

impl Session {
    /// Begins with a connection that has said nothing.
    pub(super) fn new(group: Group, now: Duration) -> Self {
        Self { group, state: State::Fresh, heard: now, questions: 0 }
    }

    /// Names the time at which the connection is to be closed for its silence.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match &self.state {
            State::Fresh => Some(self.heard + CONNECT_WITHIN),
            State::Open { silence, .. } => silence.map(|silence| self.heard + silence),
            State::Closed => None,
        }
    }

    /// Takes a packet.
    pub(super) fn handle(&mut self, at: Moment, packet: Packet) -> Vec<Action> {
        self.heard = at.now;
        let actions = match (&mut self.state, packet) {
            (State::Closed, _) => Vec::new(),
            (State::Fresh, Packet::Connect(connect)) => self.connect(&connect),
            (State::Fresh, _) => vec![Action::Close("no CONNECT first")],
            (State::Open { .. }, Packet::Publish(publish)) => self.publish(at, &publish),
            (State::Open { subscribed, .. }, Packet::Subscribe { id, filters }) => {
                let codes = filters.iter().map(|(filter, qos)| grant(filter, *qos)).collect::<Vec<_>>();
                *subscribed |= codes.iter().any(|code| *code != SubscribeCode::Refused);
                vec![Action::Send(Packet::SubAck { id, codes })]
            }
            (State::Open { subscribed, .. }, Packet::Unsubscribe { id, filters }) => {
                *subscribed &= !filters.iter().any(|filter| filter.starts_with(RESPONSES));
                vec![Action::Send(Packet::UnsubAck { id })]
            }
            (State::Open { .. }, Packet::PingReq) => vec![Action::Send(Packet::PingResp)],
            (State::Open { .. }, Packet::Disconnect) => vec![Action::Close("disconnect")],
            (State::Open { .. }, _) => vec![Action::Close("packet out of place")],
        };
        if matches!(actions.last(), Some(Action::Close(_))) {
            self.state = State::Closed;
        }
        actions
    }

    /// Makes the packet that answers a request. `None`: the device is not subscribed to answers, or gone.
    pub(super) fn answer(&self, rid: &str, answer: &Answer) -> Option<Packet> {
        let State::Open { subscribed: true, .. } = self.state else { return None };
        // Exactly this form: the Python SDK splits it at `$` into three parts.
        let mut topic = format!("{RESPONSES}{}/?$rid={rid}", answer.status);
        if let Some(seconds) = answer.retry_after {
            topic.push_str(&format!("&retry-after={seconds}"));
        }
        Some(Packet::Publish(Publish::at_most_once(topic, answer.body.to_string())))
    }

    /// Reads client id, username and password. The token's signature is looked at when the device
    /// registers, since the service then answers 401 rather than closing the connection.
    fn connect(&mut self, connect: &Connect) -> Vec<Action> {
        match self.admit(connect) {
            Ok((device, token, client_version)) => {
                let silence = Duration::from_secs(connect.keep_alive.into()) * 3 / 2;
                let silence = (connect.keep_alive > 0).then_some(silence.min(LONGEST_SILENCE));
                self.state = State::Open { device: device.clone(), token, silence, subscribed: false };
                let code = ConnectCode::Accepted;
                let accepted = Action::Send(Packet::ConnAck { session_present: false, code });
                vec![accepted, Action::Opened { device, client_version }]
            }
            Err(code) => {
                let refused = Action::Send(Packet::ConnAck { session_present: false, code });
                vec![refused, Action::Close("refused")]
            }
        }
    }

    fn admit(&self, connect: &Connect) -> Result<(Name, Token, Option<String>), ConnectCode> {
        let username = connect.username.as_deref().ok_or(ConnectCode::BadCredentials)?;
        let mut parts = username.splitn(4, '/');
        let (Some(scope), Some("registrations"), Some(device), Some(parameters)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ConnectCode::BadCredentials);
        };
        // No `?` before the parameters, unlike at the hub.
        let parameter = |name: &str| {
            let mut pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
        };
        if parameter("api-version").is_none() {
            return Err(ConnectCode::BadCredentials);
        }
        if connect.client_id != device || !may_be_registration_id(device) {
            return Err(ConnectCode::IdentifierRejected);
        }
        let password = connect.password.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let token = password.and_then(|text| Token::parse(text).ok()).ok_or(ConnectCode::BadCredentials)?;
        if scope != self.group.id_scope || token.resource() != format!("{scope}/registrations/{device}") {
            return Err(ConnectCode::NotAuthorized);
        }
        let client_version = parameter("ClientVersion")
            .and_then(|text| percent_decode_str(text).decode_utf8().ok())
            .map(|text| text.into_owned());
        Ok((device.into(), token, client_version))
    }

    fn publish(&mut self, at: Moment, publish: &Publish) -> Vec<Action> {
        let mut actions = Vec::new();
        match publish.quality {
            Quality::AtMostOnce => {}
            Quality::AtLeastOnce { id, .. } => actions.push(Action::Send(Packet::PubAck { id })),
            Quality::ExactlyOnce { .. } => return vec![Action::Close("quality of service 2")],
        }
        let Some(request) = Request::read(&publish.topic) else {
            return vec![Action::Close("unknown topic")];
        };
        self.questions += 1;
        match self.question(at, &request, &publish.payload) {
            Ok(question) => actions.push(Action::Ask(question)),
            Err((code, message)) => {
                let tracked = format!("{} {}", publish.topic, self.questions);
                let error = Answer::error(code, message, &tracked, at.wall_clock);
                actions.extend(self.answer(request.rid(), &error).map(Action::Send));
            }
        }
        actions
    }

    fn question(&self, at: Moment, request: &Request, body: &[u8]) -> Result<Question, (u32, &'static str)> {
        let State::Open { device, token, .. } = &self.state else {
            return Err((401_002, "Unauthorized"));
        };
        let key = device_key(&self.group.key, device).map_err(|_| (401_002, "Unauthorized"))?;
        token.verify(&key, at.wall_clock).map_err(|_| (401_002, "Unauthorized"))?;
        let (rid, operation, kind) = match request {
            Request::Register { rid } => {
                let body: RegisterBody = serde_json::from_slice(body).map_err(|_| (400_000, "Bad request"))?;
                if body.registration_id.is_some_and(|id| id != **device) {
                    return Err((401_002, "Unauthorized"));
                }
                let kind = QuestionKind::Register { model: model_of(&body.payload) };
                (rid, operation(device, &format!("{:?} {}", at.now, self.questions)), kind)
            }
            Request::Status { rid, operation } if is_operation_of(device, operation) => {
                (rid, operation.clone(), QuestionKind::Poll)
            }
            Request::Status { .. } => return Err((404_201, "Operation not found")),
        };
        Ok(Question { device: device.clone(), rid: rid.clone(), operation, kind })
    }
}

/// What a device asks by publishing.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Register { rid: String },
    Status { rid: String, operation: String },
}

impl Request {
    fn read(topic: &str) -> Option<Self> {
        let parameter = |parameters: &str, name: &str| {
            let mut pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value.to_owned())
        };
        if let Some(parameters) = topic.strip_prefix(REGISTER) {
            return Some(Request::Register { rid: parameter(parameters, "$rid")? });
        }
        let parameters = topic.strip_prefix(STATUS)?;
        let operation = parameter(parameters, "operationId")?;
        let operation = percent_decode_str(&operation).decode_utf8().ok()?.into_owned();
        Some(Request::Status { rid: parameter(parameters, "$rid")?, operation })
    }

    fn rid(&self) -> &str {
        match self {
            Request::Register { rid } | Request::Status { rid, .. } => rid,
        }
    }
}

/// Grants answers, at most at quality 1 (a subscription at 2 is granted 1), and nothing else.
fn grant(filter: &str, qos: Qos) -> SubscribeCode {
    if filter.starts_with(RESPONSES) {
        SubscribeCode::Granted(qos.min(Qos::AtLeastOnce))
    } else {
        SubscribeCode::Refused
    }
}

/// Says whether this can be a registration id: at most 128 letters, digits, `-`, `.`, `_`, `:`, the
/// last one a letter, a digit or `-` (Microsoft docs, iot-dps concepts-service#registration-id).
fn may_be_registration_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let last = id.bytes().last().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    id.len() <= 128 && last && id.bytes().all(allowed)
}

#[cfg(test)]
mod tests;
