//! Brings errands and methods to hubs, over each hub's control plane.
use super::application::Door;
use super::errands::{Errand, Load, Outcome};
use crate::history::Name;
use crate::host::Host;
use crate::iot::plan::CONTROL_PORT;
use crate::wire::http::{Client, HttpError, Pool, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A hub that does not answer an errand by then gets it again later.
const TIME_OUT: Duration = Duration::from_secs(5);
/// So many errands run to one hub at once: a fleet that moved has its commands and properties within seconds, and the
/// hub is not flooded.
const LANES: usize = 8;
/// So much longer than a method may take central waits for the hub's word that it took too long.
const METHOD_SLACK: Duration = Duration::from_secs(5);

/// The hub holds as many commands for this device as it may (Microsoft docs, iot-hub error codes).
const QUEUE_FULL: u32 = 403_004;
/// The hub's registry does not have the device.
const DEVICE_NOT_FOUND: u32 = 404_001;

/// A direct method for a device.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Method {
    pub(super) device: Name,
    pub(super) name: String,
    pub(super) payload: Value,
    pub(super) time_out: Duration,
    /// What the asker calls it.
    pub(super) request: Option<String>,
}

/// Couriers to every hub.
#[derive(Clone)]
pub(super) struct Couriers {
    host: Host,
    hubs: Arc<BTreeMap<Name, Pool>>,
}

/// A twin, as far as its state has a name.
#[derive(Deserialize)]
struct Tagged {
    etag: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    error_code: u32,
}

impl Couriers {
    pub(super) fn new(host: Host, hubs: &[Name]) -> Self {
        let pool = |hub: &Name| Pool::new(host.clone(), hub.clone(), CONTROL_PORT, TIME_OUT, LANES);
        let hubs = Arc::new(hubs.iter().map(|hub| (hub.clone(), pool(hub))).collect());
        Self { host, hubs }
    }

    /// Sends a courier off; the application will hear how it went.
    pub(super) fn send(&self, errand: Errand, door: Door) {
        let couriers = self.clone();
        self.host.spawn(async move {
            let outcome = couriers.run(&errand).await;
            door.done(errand, outcome);
        });
    }

    async fn run(&self, errand: &Errand) -> Outcome {
        // A hub of an older file: whoever has the device now will say so.
        let Some(hub) = self.hubs.get(&errand.stay.hub) else { return Outcome::Failed };
        let Some((method, mut target, body)) = request(errand, self.host.now()) else { return Outcome::Failed };
        if let Load::Desired(..) = errand.what {
            // The hub may still carry out a change that was given up here: only on the state that is read now.
            let twin = hub.request("GET", &target, "").await.ok().filter(Response::is_success);
            let Some(Tagged { etag }) = twin.and_then(|twin| twin.read().ok()) else { return Outcome::Failed };
            target = format!("{target}?if-match={}", encoded(&etag));
        }
        match hub.request(method, &target, body).await {
            Ok(answer) if answer.is_success() => Outcome::Taken,
            Ok(answer) if error_code(&answer) == Some(QUEUE_FULL) => Outcome::Full,
            _ => Outcome::Failed,
        }
    }

    /// Has a method run where the device is, and passes the hub's answer on. A hub whose registry does not have the
    /// device ran nothing, and neither did one that was not connected to: then the others are asked, each once. Whatever
    /// else a hub answers, or does not, the method may have run, and is not sent again.
    pub(super) async fn call(&self, at: Option<&Name>, method: &Method) -> Response {
        let others = self.hubs.keys().filter(|hub| Some(*hub) != at);
        let mut last = Response::error(DEVICE_NOT_FOUND, "device not found");
        for hub in at.into_iter().chain(others) {
            let limit = method.time_out + METHOD_SLACK;
            let mut client = Client::new(self.host.clone(), hub.clone(), CONTROL_PORT, limit);
            let (target, body) = call(method);
            match client.request("POST", &target, body).await {
                Ok(answer) if error_code(&answer) == Some(DEVICE_NOT_FOUND) => {}
                Ok(answer) => return answer,
                Err(HttpError::Connect(error)) => {
                    last = Response::error(502_000, &format!("{hub} cannot be reached: {error}"));
                }
                Err(HttpError::TimedOut(_)) => return Response::error(504_101, "the hub did not answer in time"),
                Err(error) => return Response::error(502_000, &format!("no answer of {hub}: {error}")),
            }
        }
        last
    }
}

/// Method, target and body of an errand's request. `None`: its time is over.
fn request(errand: &Errand, now: Duration) -> Option<(&'static str, String, String)> {
    let device = encoded(&errand.device);
    match &errand.what {
        Load::Command(command) => {
            let left = command.until.checked_sub(now).map(|left| left.as_millis()).filter(|left| *left > 0)?;
            let (id, name) = (encoded(&command.id), encoded(&command.name));
            let target =
                format!("/devices/{device}/messages/devicebound?message-id={id}&ttl={left}ms&method-name={name}");
            Some(("POST", target, command.payload.clone()))
        }
        Load::Desired(document, _) => {
            let body = json!({ "properties": { "desired": document } });
            Some(("PATCH", format!("/twins/{device}"), body.to_string()))
        }
    }
}

fn call(method: &Method) -> (String, String) {
    let device = encoded(&method.device);
    let request = method.request.as_deref().map(|request| format!("?request={}", encoded(request)));
    let seconds = method.time_out.as_secs() + u64::from(method.time_out.subsec_nanos() > 0);
    let body = json!({
        "methodName": method.name,
        "payload": method.payload,
        "responseTimeoutInSeconds": seconds,
    });
    (format!("/twins/{device}/methods{}", request.unwrap_or_default()), body.to_string())
}

fn error_code(answer: &Response) -> Option<u32> {
    if answer.is_success() {
        return None;
    }
    answer.read::<ErrorBody>().ok().map(|body| body.error_code)
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::commands::tests::command;
    use super::super::whereabouts::Stay;
    use super::*;
    use crate::wire::http::Request;

    fn errand(what: Load) -> Errand {
        Errand { device: "a/b".into(), stay: Stay { hub: "hub-a".into(), generation: 1 }, what }
    }

    #[test]
    fn a_command_carries_its_id_its_name_and_the_time_that_is_left() {
        let errand = errand(Load::Command(command("op-1", 60)));
        let (method, target, body) = request(&errand, Duration::from_millis(59_500)).unwrap();
        let read = Request::new(method, &target, body, "central".into()).unwrap();
        assert_eq!(read.segments(), ["devices", "a/b", "messages", "devicebound"]);
        assert_eq!(
            (&*read.query["message-id"], &*read.query["ttl"], &*read.query["method-name"]),
            ("op-1", "500ms", "blink")
        );
        assert_eq!(read.body, r#"{"n":1}"#);
        assert_eq!(request(&errand, Duration::from_secs(60)), None);
    }

    #[test]
    fn desired_properties_and_methods_have_the_bodies_of_the_hubs_own_interface() {
        let document = json!({ "fan": "on", "change": 2 }).as_object().unwrap().clone();
        let (method, target, body) = request(&errand(Load::Desired(document, 2)), Duration::ZERO).unwrap();
        assert_eq!((method, &*target), ("PATCH", "/twins/a%2Fb"));
        assert_eq!(body, r#"{"properties":{"desired":{"fan":"on","change":2}}}"#);
        let method = Method {
            device: "xyz".into(),
            name: "echo".into(),
            payload: json!({ "n": 1 }),
            time_out: Duration::from_millis(1500),
            request: Some("op-4".into()),
        };
        let (target, body) = call(&method);
        assert_eq!(target, "/twins/xyz/methods?request=op%2D4");
        assert_eq!(body, r#"{"methodName":"echo","payload":{"n":1},"responseTimeoutInSeconds":2}"#);
    }

    #[test]
    fn an_error_is_told_by_its_code() {
        assert_eq!(error_code(&Response::error(QUEUE_FULL, "full")), Some(QUEUE_FULL));
        assert_eq!(error_code(&Response::empty(404)), None);
        assert_eq!(error_code(&Response::json(200, &json!({ "errorCode": 404_001 }))), None);
    }
}
