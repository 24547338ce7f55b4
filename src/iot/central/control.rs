//! The control plane: what operators ask of the application.
use super::application::{Door, Order};
use super::commands::CommandError;
use super::couriers::{Couriers, Method, encoded};
use crate::history::Name;
use crate::host::{BoxFuture, Host};
use crate::iot::hub::gate::may_be_device;
use crate::iot::plan::CONTROL_PORT;
use crate::iot::planning::DPS;
use crate::wire::http::{Client, Request, Response};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a command is good when nobody says, and at most (Microsoft docs, iot-hub-devguide-messages-c2d).
const DEFAULT_TTL: Duration = Duration::from_secs(3600);
const LONGEST_TTL: Duration = Duration::from_secs(2 * 24 * 3600);
/// The largest command (the same page).
const COMMAND_LIMIT: usize = 64 << 10;
/// How long a method may take when nobody says, and at most; the largest payload (Microsoft docs,
/// iot-hub-devguide-direct-methods).
const DEFAULT_TIME_OUT: Duration = Duration::from_secs(30);
const LONGEST_TIME_OUT: Duration = Duration::from_secs(300);
const METHOD_LIMIT: usize = 128 << 10;
/// The longest name of a command or method, and the longest request id.
const LONGEST_NAME: usize = 128;
/// The provisioning service is waited for no longer than this.
const DPS_TIME_OUT: Duration = Duration::from_secs(10);

/// Answers operators.
#[derive(Clone)]
pub(super) struct Control {
    pub(super) host: Host,
    pub(super) door: Door,
    pub(super) couriers: Couriers,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
enum Asked {
    /// `POST /devices/{id}/commands/{name}?ttl=600000ms&request=op-3`, `PATCH /devices/{id}/properties/desired`.
    Order(Order),
    /// `POST /devices/{id}/methods/{name}?time-out=30000ms&request=op-4`.
    Method(Method),
    /// `POST /devices/{id}/manual-failover?ttl-minutes=5`, `POST /devices/{id}/manual-failback`,
    /// `GET /devices/{id}/registration-info`: the provisioning service is asked.
    OfDps { method: &'static str, target: String },
}

impl Control {
    /// Answers one request. Commands and changes of desired properties are answered when they are durable; what becomes
    /// of them then does not depend on anybody's connection.
    pub(super) fn answer(&self, request: Request) -> BoxFuture<'static, Response> {
        let control = self.clone();
        Box::pin(async move {
            match read(&request) {
                Err(refusal) => refusal,
                Ok(Asked::Order(order)) => control.order(order).await,
                Ok(Asked::Method(method)) => {
                    let at = control.door.whereabouts(&method.device).await;
                    control.couriers.call(at.as_ref(), &method).await
                }
                Ok(Asked::OfDps { method, target }) => control.ask_dps(method, &target).await,
            }
        })
    }

    async fn order(&self, order: Order) -> Response {
        match self.door.order(order).await {
            None => Response::error(503_000, "going down"),
            Some(Ok(accepted)) => accepted.into_response(),
            Some(Err(error)) => error,
        }
    }

    async fn ask_dps(&self, method: &str, target: &str) -> Response {
        let mut client = Client::new(self.host.clone(), DPS.into(), CONTROL_PORT, DPS_TIME_OUT);
        match client.request(method, target, "").await {
            Ok(answer) => answer,
            Err(error) => Response::error(502_000, &format!("the provisioning service cannot be reached: {error}")),
        }
    }
}

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    Command { id: String },
    Change { number: u64 },
}

impl Accepted {
    fn into_response(self) -> Response {
        match self {
            Self::Command { id } => Response::json(202, &json!({ "messageId": id })),
            Self::Change { number } => Response::json(200, &json!({ "number": number })),
        }
    }
}

/// Refuses a command as a hub would.
pub(super) fn refused(error: CommandError) -> Response {
    let code = match error {
        CommandError::Full => 403_004,
        CommandError::Taken => 409_000,
    };
    Response::error(code, &error.to_string())
}

fn read(request: &Request) -> Result<Asked, Response> {
    let segments = request.segments();
    let ["devices", device, rest @ ..] = segments.as_slice() else {
        return Err(Response::error(404_000, "no such resource"));
    };
    if !may_be_device(device) {
        return Err(Response::error(400_000, "not a device id"));
    }
    let device: Name = (*device).into();
    let registration = format!("/registrations/{}", encoded(&device));
    match (request.method.as_str(), rest) {
        ("POST", ["commands", name]) => command(request, device, name),
        ("POST", ["methods", name]) => method(request, device, name),
        ("PATCH", ["properties", "desired"]) => Ok(Asked::Order(Order::Change { device, patch: request.body.clone() })),
        ("POST", ["manual-failover"]) => {
            let ttl = request.query.get("ttl-minutes").map(|minutes| format!("?ttl-minutes={}", encoded(minutes)));
            let target = format!("{registration}/manual-failover{}", ttl.unwrap_or_default());
            Ok(Asked::OfDps { method: "POST", target })
        }
        ("POST", ["manual-failback"]) => {
            Ok(Asked::OfDps { method: "POST", target: format!("{registration}/manual-failback") })
        }
        ("GET", ["registration-info"]) => Ok(Asked::OfDps { method: "GET", target: registration }),
        (
            _,
            ["commands" | "methods", _]
            | ["properties", "desired"]
            | ["manual-failover" | "manual-failback" | "registration-info"],
        ) => Err(Response::error(405_000, "method not allowed")),
        _ => Err(Response::error(404_000, "no such resource")),
    }
}

fn command(request: &Request, device: Name, name: &str) -> Result<Asked, Response> {
    let ttl = duration(request, "ttl", DEFAULT_TTL, LONGEST_TTL)?;
    let payload = json_text(request, COMMAND_LIMIT)?.to_owned();
    let (name, id) = (named(name)?, request_id(request)?);
    Ok(Asked::Order(Order::Command { device, id, name, payload, ttl }))
}

fn method(request: &Request, device: Name, name: &str) -> Result<Asked, Response> {
    let time_out = duration(request, "time-out", DEFAULT_TIME_OUT, LONGEST_TIME_OUT)?;
    let payload = match json_text(request, METHOD_LIMIT)? {
        "" => Value::Null,
        text => serde_json::from_str(text).map_err(|_| not_json())?,
    };
    let (name, request) = (named(name)?, request_id(request)?);
    Ok(Asked::Method(Method { device, name, payload, time_out, request }))
}

fn duration(request: &Request, key: &str, default: Duration, longest: Duration) -> Result<Duration, Response> {
    let Some(text) = request.query.get(key) else { return Ok(default) };
    let duration = humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero() && *duration <= longest);
    duration.ok_or_else(|| {
        let longest = humantime::format_duration(longest);
        Response::error(400_000, &format!("{key} is not a duration above zero and up to {longest}"))
    })
}

/// The body, which is JSON or empty.
fn json_text(request: &Request, limit: usize) -> Result<&str, Response> {
    if request.body.len() > limit {
        return Err(Response::error(413_000, &format!("payload over {limit} bytes")));
    }
    let text = std::str::from_utf8(&request.body).map_err(|_| not_json())?;
    if !text.is_empty() {
        serde_json::from_str::<Value>(text).map_err(|_| not_json())?;
    }
    Ok(text)
}

fn not_json() -> Response {
    Response::error(400_000, "payload is not json")
}

fn named(name: &str) -> Result<String, Response> {
    let good = (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    good.then(|| name.to_owned()).ok_or_else(|| Response::error(400_000, "not a name"))
}

fn request_id(request: &Request) -> Result<Option<String>, Response> {
    request.query.get("request").map(|id| named(id)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(method: &str, target: &str, body: &str) -> Result<Asked, u16> {
        let request = Request::new(method, target, body.to_owned(), "operator".into()).unwrap();
        read(&request).map_err(|refusal| refusal.status)
    }

    #[test]
    fn a_command_is_read_with_its_defaults() {
        let command = |id: Option<&str>, ttl| {
            let (id, payload) = (id.map(str::to_owned), r#"{"n": 1}"#.to_owned());
            Ok(Asked::Order(Order::Command { device: "xyz".into(), id, name: "blink".into(), payload, ttl }))
        };
        let body = r#"{"n": 1}"#;
        assert_eq!(asked("POST", "/devices/xyz/commands/blink", body), command(None, DEFAULT_TTL));
        let whole = "/devices/xyz/commands/blink?ttl=600000ms&request=op-3";
        assert_eq!(asked("POST", whole, body), command(Some("op-3"), Duration::from_secs(600)));
        assert!(asked("POST", "/devices/xyz/commands/blink", "").is_ok());
    }

    #[test]
    fn a_method_is_read_with_its_defaults() {
        let Ok(Asked::Method(method)) = asked("POST", "/devices/xyz/methods/echo?time-out=5s&request=op-4", "") else {
            panic!()
        };
        assert_eq!((&method.payload, method.time_out), (&Value::Null, Duration::from_secs(5)));
        assert_eq!((&*method.name, method.request.as_deref()), ("echo", Some("op-4")));
    }

    #[test]
    fn what_dps_knows_is_asked_of_dps() {
        let of_dps = |method, target: &str| Ok(Asked::OfDps { method, target: target.to_owned() });
        assert_eq!(
            asked("POST", "/devices/xyz/manual-failover?ttl-minutes=7", ""),
            of_dps("POST", "/registrations/xyz/manual-failover?ttl-minutes=7")
        );
        assert_eq!(
            asked("POST", "/devices/a%3Ab/manual-failback", ""),
            of_dps("POST", "/registrations/a%3Ab/manual-failback")
        );
        assert_eq!(asked("GET", "/devices/xyz/registration-info", ""), of_dps("GET", "/registrations/xyz"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let large = format!("\"{}\"", "x".repeat(COMMAND_LIMIT));
        for (method, target, body, status) in [
            ("POST", "/devices/xyz/commands/blink?ttl=0s", "{}", 400),
            ("POST", "/devices/xyz/commands/blink?ttl=49h", "{}", 400),
            ("POST", "/devices/xyz/commands/blink?ttl=soon", "{}", 400),
            ("POST", "/devices/xyz/commands/blink?request=", "{}", 400),
            ("POST", "/devices/xyz/commands/", "{}", 400),
            ("POST", "/devices/xyz/commands/blink", "{", 400),
            ("POST", "/devices/xyz/commands/blink", &large, 413),
            ("POST", "/devices/x%20z/commands/blink", "{}", 400),
            ("POST", "/devices/xyz/methods/echo?time-out=301s", "", 400),
            ("GET", "/devices/xyz/commands/blink", "", 405),
            ("POST", "/devices/xyz/registration-info", "", 405),
            ("POST", "/devices/xyz/dance", "", 404),
            ("GET", "/", "", 404),
        ] {
            assert_eq!(asked(method, target, body), Err(status), "{method} {target}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_is_read_or_refused_without_a_panic(
            method in "GET|POST|PATCH|\\PC{0,8}",
            path in "commands/\\PC{0,9}|methods/\\PC{0,9}|properties/desired|manual-failover|\\PC{0,20}",
            query in "(ttl|time-out|request|ttl-minutes)=\\PC{0,12}|\\PC{0,20}",
            body in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(request) = Request::new(&method, &format!("/devices/xyz/{path}?{query}"), body, "x".into()) {
                let _ = read(&request);
            }
        }
    }
}
