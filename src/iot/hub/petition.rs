//! What requests of the control plane say: messages for devices, methods, patches of twins.
use super::calls::{DEFAULT_TIME, LARGEST_PAYLOAD, LONGEST_TIME};
use super::machine::MethodCall;
use super::properties::Properties;
use super::queue::Message;
use super::topic;
use super::twin;
use crate::wire::http::{Request, Response};
use base64_simd::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// The largest message for a device, body and properties (Microsoft docs, iot-hub-devguide-messages-c2d).
pub(super) const LARGEST_COMMAND: usize = 64 * 1024;

/// How long a message waits for a device when its sender does not say, and the longest
/// (Microsoft docs, iot-hub-devguide-messages-c2d#message-expiration-time-to-live).
const DEFAULT_TTL: Duration = Duration::from_secs(3600);
const LONGEST_TTL: Duration = Duration::from_secs(2 * 24 * 3600);

/// The longest topic that MQTT can carry (3.1.1, section 1.5.3).
const LONGEST_TOPIC: usize = 65_535;

/// The longest name of a message, a request or a method (Microsoft docs, iot-hub-devguide-messages-construct).
const LONGEST_NAME: usize = 128;

/// Why a request is not carried out: the six digits of its answer, and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{1}")]
pub(super) struct Refusal(u32, &'static str);

impl From<Refusal> for Response {
    fn from(Refusal(code, why): Refusal) -> Self {
        Self::error(code, why)
    }
}

/// Reads `POST /devices/{id}/messages/devicebound?message-id=op-3&ttl=10m&key=value`: the body is the message's, every
/// other parameter is a property. `fresh`: the id of a message whose sender gives none.
///
/// # Errors
/// 400 for an id or a time to live that is none and for a property with a system property's name, 413 for a message
/// over [`LARGEST_COMMAND`] bytes.
pub(super) fn message(
    request: &Request,
    device: &str,
    now: Duration,
    fresh: impl FnOnce() -> String,
) -> Result<Message, Refusal> {
    let mut properties = Properties::new();
    let (mut id, mut ttl) = (None, DEFAULT_TTL);
    for (key, value) in &request.query {
        match key.as_str() {
            "message-id" => id = Some(name(value).ok_or(Refusal(400_000, "not a message id"))?),
            "ttl" => {
                let given = humantime::parse_duration(value).map_err(|_| Refusal(400_000, "ttl is not a duration"))?;
                ttl = given.min(LONGEST_TTL);
            }
            system if system.starts_with('$') => return Err(Refusal(400_000, "a property's name begins with $")),
            _ => properties.insert(key, Some(value)),
        }
    }
    let id = id.unwrap_or_else(fresh);
    let told: usize = properties.iter().map(|(key, value)| key.len() + value.map_or(0, str::len)).sum();
    let on_the_wire = topic::command(device, &id, &properties).len();
    if request.body.len() + told > LARGEST_COMMAND || on_the_wire > LONGEST_TOPIC {
        return Err(Refusal(413_001, "message too large"));
    }
    Ok(Message { id, properties, body: BASE64.encode_to_string(&request.body), expires: now + ttl })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MethodBody {
    method_name: String,
    payload: Option<Value>,
    response_timeout_in_seconds: Option<f64>,
}

/// Reads `POST /twins/{id}/methods?request=op-4` with
/// `{"methodName":"echo","payload":..,"responseTimeoutInSeconds":30}`.
///
/// # Errors
/// 400 for a body, a name, a request id or a time that is none, 413 for a payload over [`LARGEST_PAYLOAD`] bytes.
pub(super) fn method_call(request: &Request) -> Result<MethodCall, Refusal> {
    let body: MethodBody = request.json().map_err(|_| Refusal(400_004, "not a method request"))?;
    let rid = match request.query.get("request") {
        Some(text) => Some(name(text).ok_or(Refusal(400_000, "not a request id"))?),
        None => None,
    };
    let method = name(&body.method_name).ok_or(Refusal(400_004, "not a method name"))?;
    let time = match body.response_timeout_in_seconds.map(Duration::try_from_secs_f64) {
        None => DEFAULT_TIME,
        Some(Ok(time)) if !time.is_zero() => time.min(LONGEST_TIME),
        Some(_) => return Err(Refusal(400_004, "not a response time-out")),
    };
    let payload = body.payload.map_or_else(Bytes::new, |payload| payload.to_string().into());
    if payload.len() > LARGEST_PAYLOAD {
        return Err(Refusal(413_001, "payload too large"));
    }
    Ok(MethodCall { rid, name: method, payload, time })
}

/// Reads `PATCH /twins/{id}` with `{"properties":{"desired":{..}}}`.
///
/// # Errors
/// 400, with what is wrong.
pub(super) fn desired(request: &Request) -> Result<Map<String, Value>, Response> {
    let mut body: Value = request.json().map_err(|_| Response::error(400_000, "not json"))?;
    let desired = body.pointer_mut("/properties/desired").map(Value::take);
    let Some(Value::Object(patch)) = desired else {
        return Err(Response::error(400_000, "no desired properties"));
    };
    match twin::check(&patch) {
        Ok(()) => Ok(patch),
        Err(error) => Err(Response::error(400_000, &error.to_string())),
    }
}

/// A name that goes into a topic: 1 to 128 of the ASCII characters documented for message ids, of which `#` and `+` are
/// left out, as no topic may hold them.
fn name(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-:._*?!(),=@;$'%".contains(&byte);
    ((1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn request(target: &str, body: impl Into<Bytes>) -> Request {
        Request::new("POST", target, body, "central".into()).unwrap()
    }

    fn read(target: &str, body: impl Into<Bytes>) -> Result<Message, Refusal> {
        message(&request(target, body), "xyz", Duration::from_secs(5), || "1-7".into())
    }

    fn call(body: &Value) -> Result<MethodCall, Refusal> {
        method_call(&request("/twins/xyz/methods?request=op-4", body.to_string()))
    }

    #[test]
    fn a_message_has_its_parameters_as_properties() {
        let message = read("/d?message-id=op-3&ttl=600000ms&method-name=blink&a%20b=%2F", "hi").unwrap();
        let properties = [("a b", "/"), ("method-name", "blink")];
        let properties = properties.map(|(key, value)| (key, Some(value))).into_iter().collect();
        let expires = Duration::from_secs(605);
        assert_eq!(message, Message { id: "op-3".into(), properties, body: "aGk=".into(), expires });
    }

    #[test]
    fn a_message_without_an_id_gets_one_and_waits_for_an_hour() {
        let message = read("/d", "").unwrap();
        assert_eq!((message.id.as_str(), message.expires), ("1-7", Duration::from_secs(3605)));
        assert_eq!(read("/d?ttl=30days", "").unwrap().expires, LONGEST_TTL + Duration::from_secs(5));
    }

    #[test]
    fn what_is_no_message_is_refused_with_400_and_too_much_with_413() {
        for target in ["/d?message-id=", "/d?message-id=a%20b", "/d?message-id=a%23", "/d?ttl=soon", "/d?%24.to=x"] {
            assert!(matches!(read(target, ""), Err(Refusal(400_000, _))), "{target}");
        }
        let long_id = format!("/d?message-id={}", "x".repeat(129));
        assert!(matches!(read(&long_id, ""), Err(Refusal(400_000, _))));
        assert!(read("/d", vec![0; LARGEST_COMMAND]).is_ok());
        assert!(matches!(read("/d", vec![0; LARGEST_COMMAND + 1]), Err(Refusal(413_001, _))));
        let wide = format!("/d?k={}", "%20".repeat(30_000));
        assert!(matches!(read(&wide, ""), Err(Refusal(413_001, _))), "no topic could carry it");
    }

    #[test]
    fn a_method_has_a_name_a_payload_and_a_time() {
        let full = call(&json!({"methodName": "echo", "payload": {"n": 1}, "responseTimeoutInSeconds": 2.5})).unwrap();
        assert_eq!(full.rid.as_deref(), Some("op-4"));
        assert_eq!((full.name.as_str(), &full.payload[..]), ("echo", &br#"{"n":1}"#[..]));
        assert_eq!(full.time, Duration::from_millis(2500));
        let bare = call(&json!({"methodName": "echo"})).unwrap();
        assert_eq!((bare.payload.len(), bare.time), (0, DEFAULT_TIME));
        assert_eq!(call(&json!({"methodName": "e", "responseTimeoutInSeconds": 1e9})).unwrap().time, LONGEST_TIME);
    }

    #[test]
    fn what_is_no_method_is_refused() {
        for body in [
            json!(null),
            json!({"payload": 1}),
            json!({"methodName": ""}),
            json!({"methodName": "a/b"}),
            json!({"methodName": "a#"}),
            json!({"methodName": "a", "responseTimeoutInSeconds": 0}),
            json!({"methodName": "a", "responseTimeoutInSeconds": -1}),
            json!({"methodName": "a", "responseTimeoutInSeconds": "soon"}),
        ] {
            assert!(matches!(call(&body), Err(Refusal(400_004, _))), "{body}");
        }
        let large = json!({"methodName": "a", "payload": "x".repeat(LARGEST_PAYLOAD)});
        assert!(matches!(call(&large), Err(Refusal(413_001, _))));
        let bad_id = request("/twins/xyz/methods?request=a%2Fb", r#"{"methodName":"a"}"#);
        assert!(matches!(method_call(&bad_id), Err(Refusal(400_000, _))));
    }

    #[test]
    fn a_patch_of_a_twin_is_what_is_desired_and_nothing_else() {
        let patch = |body: Value| desired(&request("/twins/xyz", body.to_string()));
        let good = patch(json!({"tags": {"a": 1}, "properties": {"desired": {"fan": null}}})).unwrap();
        assert_eq!(Value::Object(good), json!({"fan": null}));
        for bad in [
            json!([]),
            json!({"properties": {}}),
            json!({"properties": {"desired": 1}}),
            json!({"properties": {"desired": {"$version": 1}}}),
        ] {
            assert_eq!(patch(bad).unwrap_err().status, 400);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_requests_never_panic(target in "/d[?][ -~]{0,40}", body in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(request) = Request::new("POST", &target, body, "central".into()) {
                let _ = message(&request, "xyz", Duration::ZERO, String::new);
                let _ = method_call(&request);
                let _ = desired(&request);
            }
        }
    }
}
