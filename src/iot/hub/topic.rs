//! The topics a device may use (Microsoft docs, iot-hub-mqtt-support).
use indexmap::IndexMap;
use percent_encoding::percent_decode_str;

/// The most topic filters of one device.
pub const MOST_SUBSCRIPTIONS: usize = 5;

/// A message's properties in the order they were sent: system ones (`$.mid`) and the application's. `None`: only a key.
pub type Properties = IndexMap<String, Option<String>>;

/// What a device asks by publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "a `rid` is the request id, sent back as it came")]
pub enum Asked {
    /// `devices/{id}/messages/events/{bag}`
    Telemetry(Properties),
    /// `$iothub/twin/GET/?$rid={rid}`
    Twin { rid: String },
    /// `$iothub/twin/PATCH/properties/reported/?$rid={rid}`
    Report { rid: String },
}

/// Reads a topic that a device published to. `None`: it is none of its topics. A device id is never encoded in a topic.
pub fn asked(device: &str, topic: &str) -> Option<Asked> {
    if let Some(rest) = topic.strip_prefix("$iothub/twin/") {
        return match rest.split_once("?$rid=")? {
            ("GET/", rid) => Some(Asked::Twin { rid: request_id(rid)? }),
            ("PATCH/properties/reported/", rid) => Some(Asked::Report { rid: request_id(rid)? }),
            _ => None,
        };
    }
    let rest = below_device(device, topic)?.strip_prefix("messages/events")?;
    match rest {
        "" => Some(Asked::Telemetry(Properties::new())),
        _ => bag(rest.strip_prefix('/')?).map(Asked::Telemetry),
    }
}

/// Says whether a device may subscribe to a filter: one of the four documented ones, or one topic below them.
/// Other wildcards are not spoken.
pub fn may_subscribe(device: &str, filter: &str) -> bool {
    let below =
        below_device(device, filter).and_then(|rest| rest.strip_prefix("messages/devicebound/")).or_else(|| {
            ["$iothub/twin/res/", "$iothub/twin/PATCH/properties/desired/", "$iothub/methods/POST/"]
                .iter()
                .find_map(|prefix| filter.strip_prefix(prefix))
        });
    below.is_some_and(|rest| rest == "#" || !(rest.is_empty() || rest.contains(['#', '+'])))
}

/// Names the topic of an answer about a twin.
pub fn twin_answer(status: u16, rid: &str, version: Option<u64>) -> String {
    match version {
        Some(version) => format!("$iothub/twin/res/{status}/?$rid={rid}&$version={version}"),
        None => format!("$iothub/twin/res/{status}/?$rid={rid}"),
    }
}

fn below_device<'a>(device: &str, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix("devices/")?.strip_prefix(device)?.strip_prefix('/')
}

fn request_id(text: &str) -> Option<String> {
    let rid = text.split('&').next()?;
    (!rid.is_empty()).then(|| rid.to_owned())
}

/// Reads `k=v&k=v`, each part percent-encoded; a key alone is a property without a value.
fn bag(text: &str) -> Option<Properties> {
    let mut properties = Properties::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = match pair.split_once('=') {
            Some((key, value)) => (key, Some(decoded(value)?)),
            None => (pair, None),
        };
        properties.insert(decoded(key)?, value);
    }
    Some(properties)
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telemetry(pairs: &[(&str, Option<&str>)]) -> Option<Asked> {
        let own = |(key, value): &(&str, Option<&str>)| ((*key).to_owned(), value.map(str::to_owned));
        Some(Asked::Telemetry(pairs.iter().map(own).collect()))
    }

    #[test]
    fn a_property_bag_is_decoded_in_its_order() {
        let topic = "devices/dev1/messages/events/%24.mid=m-1&%24.ct=application%2Fjson&a%20b=x%2Fy%26z&empty=&none";
        let pairs = [
            ("$.mid", Some("m-1")),
            ("$.ct", Some("application/json")),
            ("a b", Some("x/y&z")),
            ("empty", Some("")),
            ("none", None),
        ];
        assert_eq!(asked("dev1", topic), telemetry(&pairs));
    }

    #[test]
    fn telemetry_needs_no_properties() {
        assert_eq!(asked("dev1", "devices/dev1/messages/events/"), telemetry(&[]));
        assert_eq!(asked("dev1", "devices/dev1/messages/events"), telemetry(&[]));
    }

    #[test]
    fn twin_requests_carry_their_request_id() {
        let rid = || "4f".to_owned();
        assert_eq!(asked("d", "$iothub/twin/GET/?$rid=4f"), Some(Asked::Twin { rid: rid() }));
        let patch = "$iothub/twin/PATCH/properties/reported/?$rid=4f&$version=3";
        assert_eq!(asked("d", patch), Some(Asked::Report { rid: rid() }));
    }

    #[test]
    fn other_topics_are_not_a_devices() {
        for topic in [
            "devices/other/messages/events/",
            "devices/dev1/messages/devicebound/",
            "devices/dev1x/messages/events/",
            "devices/dev1/messages/eventsx",
            "devices/dev1/messages/events/%ff=1",
            "$iothub/twin/GET/",
            "$iothub/twin/GET/?$rid=",
            "$iothub/twin/PATCH/properties/desired/?$rid=1",
            "telemetry",
        ] {
            assert_eq!(asked("dev1", topic), None, "{topic}");
        }
    }

    #[test]
    fn only_documented_filters_may_have_a_wildcard() {
        for filter in [
            "devices/dev1/messages/devicebound/#",
            "$iothub/twin/res/#",
            "$iothub/twin/PATCH/properties/desired/#",
            "$iothub/methods/POST/#",
            "$iothub/methods/POST/echo/?$rid=1",
        ] {
            assert!(may_subscribe("dev1", filter), "{filter}");
        }
        for filter in ["#", "devices/dev2/messages/devicebound/#", "$iothub/#", "$iothub/methods/POST/+/x", "a/b"] {
            assert!(!may_subscribe("dev1", filter), "{filter}");
        }
    }

    #[test]
    fn an_answer_has_the_form_that_the_python_sdk_splits() {
        assert_eq!(twin_answer(204, "7", Some(3)), "$iothub/twin/res/204/?$rid=7&$version=3");
        assert_eq!(twin_answer(200, "7", None), "$iothub/twin/res/200/?$rid=7");
    }
}
