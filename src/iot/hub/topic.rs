//! The topics a device may use (Microsoft docs, iot-hub-mqtt-support).
use super::properties::Properties;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// What is percent-encoded in a property bag: all but the unreserved characters (RFC 2396, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The most topic filters of one device.
pub const MOST_SUBSCRIPTIONS: usize = 5;

/// The system property that names a message (Microsoft docs, iot-hub-devguide-messages-construct).
pub const MESSAGE_ID: &str = "$.mid";

/// What a device asks by publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `devices/{id}/messages/events/{bag}`
    Telemetry(Properties),
    /// `$iothub/twin/GET/?$rid={rid}`
    Twin {
        /// The request's id, sent back as it came.
        rid: String,
    },
    /// `$iothub/twin/PATCH/properties/reported/?$rid={rid}`
    Report {
        /// The request's id, sent back as it came.
        rid: String,
    },
    /// `$iothub/methods/res/{status}/?$rid={rid}`: the answer to a method.
    Returned {
        /// The device's own status: any number, 200 by custom.
        status: i32,
        /// The id under which the hub called the method.
        rid: String,
    },
}

/// Reads a topic that a device published to. `None`: it is none of its topics. A device id is never encoded in a topic.
pub fn asked(device: &str, topic: &str) -> Option<Asked> {
    if let Some(rest) = topic.strip_prefix("$iothub/") {
        let (path, rid) = rest.split_once("?$rid=")?;
        let rid = request_id(rid)?;
        return match path {
            "twin/GET/" => Some(Asked::Twin { rid }),
            "twin/PATCH/properties/reported/" => Some(Asked::Report { rid }),
            _ => {
                let status = path.strip_prefix("methods/res/")?.strip_suffix('/')?;
                Some(Asked::Returned { status: status.parse().ok()?, rid })
            }
        };
    }
    let rest = below_device(device, topic)?.strip_prefix("messages/events")?;
    match rest {
        "" => Some(Asked::Telemetry(Properties::new())),
        _ => Properties::read(rest.strip_prefix('/')?).map(Asked::Telemetry),
    }
}

/// The filter that brings changes of the desired properties.
pub const DESIRED_FILTER: &str = "$iothub/twin/PATCH/properties/desired/#";
/// The filter that brings methods.
pub const METHODS_FILTER: &str = "$iothub/methods/POST/#";

/// The filter that brings cloud-to-device messages.
pub fn commands_filter(device: &str) -> String {
    format!("devices/{device}/messages/devicebound/#")
}

/// Says whether a device may subscribe to a filter: one of the four documented ones, or one topic below them.
/// Other wildcards are not spoken.
pub fn may_subscribe(device: &str, filter: &str) -> bool {
    let commands = commands_filter(device);
    let documented = [&commands, "$iothub/twin/res/#", DESIRED_FILTER, METHODS_FILTER];
    let below = documented.iter().find_map(|all| filter.strip_prefix(all.trim_end_matches('#')));
    below.is_some_and(|rest| rest == "#" || !(rest.is_empty() || rest.contains(['#', '+'])))
}

/// Names the topic of an answer about a twin.
pub fn twin_answer(status: u16, rid: &str, version: Option<u64>) -> String {
    match version {
        Some(version) => format!("$iothub/twin/res/{status}/?$rid={rid}&$version={version}"),
        None => format!("$iothub/twin/res/{status}/?$rid={rid}"),
    }
}

/// Names the topic of a change of desired properties.
pub fn desired_change(version: u64) -> String {
    format!("$iothub/twin/PATCH/properties/desired/?$version={version}")
}

/// Names the topic of a method's request.
pub fn method_request(name: &str, rid: &str) -> String {
    format!("$iothub/methods/POST/{}/?$rid={rid}", encoded(name))
}

/// Names the topic of a cloud-to-device message: where it goes and its id, then the application's properties; one
/// without a value is its key alone.
pub fn command(device: &str, id: &str, properties: &Properties) -> String {
    let to = format!("/devices/{device}/messages/devicebound");
    let system = format!("%24.to={}&%24.mid={}", encoded(&to), encoded(id));
    let pair = |(key, value): (&str, Option<&str>)| match value {
        Some(value) => format!("&{}={}", encoded(key), encoded(value)),
        None => format!("&{}", encoded(key)),
    };
    let bag: String = properties.iter().map(pair).collect();
    format!("devices/{device}/messages/devicebound/{system}{bag}")
}

fn below_device<'a>(device: &str, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix("devices/")?.strip_prefix(device)?.strip_prefix('/')
}

fn request_id(text: &str) -> Option<String> {
    let rid = text.split('&').next()?;
    (!rid.is_empty()).then(|| rid.to_owned())
}

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn telemetry(pairs: &[(&str, Option<&str>)]) -> Option<Asked> {
        Some(Asked::Telemetry(pairs.iter().copied().collect()))
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
    fn a_methods_answer_carries_its_request_id_whatever_form_it_has() {
        for rid in ["1", "ff", "op-4", "3b7e-%20x", "a/b"] {
            let topic = format!("$iothub/methods/res/200/?$rid={rid}");
            assert_eq!(asked("d", &topic), Some(Asked::Returned { status: 200, rid: rid.into() }));
        }
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
            "$iothub/methods/res/?$rid=1",
            "$iothub/methods/res/fine/?$rid=1",
            "$iothub/methods/res/200/",
            "$iothub/methods/POST/echo/?$rid=1",
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

    #[test]
    fn a_command_says_where_it_goes_and_a_property_without_a_value_is_its_key() {
        let properties = [("method-name", Some("blink")), ("a b", Some("x/y&z")), ("empty", Some("")), ("none", None)];
        let properties = properties.into_iter().collect();
        assert_eq!(
            command("dev1", "op-3", &properties),
            "devices/dev1/messages/devicebound/%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound&%24.mid=op-3\
             &method-name=blink&a%20b=x%2Fy%26z&empty=&none"
        );
    }

    #[test]
    fn a_method_and_a_change_of_desired_properties_have_their_documented_topics() {
        assert_eq!(method_request("set fan", "op-4"), "$iothub/methods/POST/set%20fan/?$rid=op-4");
        assert_eq!(desired_change(7), "$iothub/twin/PATCH/properties/desired/?$version=7");
    }

    proptest! {
        #[test]
        fn arbitrary_topics_never_panic(text in ".{0,60}", at in 0usize..5) {
            let prefix = ["", "devices/d/messages/events/", "$iothub/", "$iothub/twin/GET/?$rid=", "$iothub/methods/res/"];
            let topic = format!("{}{text}", prefix[at]);
            let _ = asked("d", &topic);
            let _ = may_subscribe("d", &topic);
        }
        #[test]
        fn every_property_bag_is_read_as_it_was_written(
            pairs in prop::collection::btree_map(".{1,8}", prop::option::of(".{0,8}"), 0..5),
        ) {
            let properties: Properties = pairs.into_iter().collect();
            let topic = command("d", "m", &properties);
            let bag = Properties::read(topic.strip_prefix("devices/d/messages/devicebound/").unwrap()).unwrap();
            let written: Properties = bag.iter().filter(|(key, _)| !["$.to", "$.mid"].contains(key)).collect();
            prop_assert_eq!(written, properties);
        }
    }
}
