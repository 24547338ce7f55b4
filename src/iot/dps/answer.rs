//! What the provisioning service says: its JSON, its dates, its identifiers.
//!
//! The shapes are those quoted in azure-sdk-for-c's `az_iot_provisioning_client.c`.
use super::registration::Registration;
use crate::iot::moment::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::time::{Duration, SystemTime};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// An answer to a device, ready for any transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// As in HTTP.
    pub(super) status: u16,
    /// Whole seconds until the device should ask again. Always an integer: on `2.5` the Python SDK's
    /// `register()` hangs for ever.
    pub(super) retry_after: Option<u64>,
    /// JSON as the SDKs read it.
    pub(super) body: Value,
}

impl Answer {
    /// Tells a device to ask again.
    pub(super) fn assigning(operation: &str, retry_after: u64) -> Self {
        let body = json!({ "operationId": operation, "status": "assigning" });
        Self { status: 202, retry_after: Some(retry_after), body }
    }

    /// Tells a device its hub.
    pub(super) fn assigned(operation: &str, state: Value) -> Self {
        let body = json!({ "operationId": operation, "status": "assigned", "registrationState": state });
        Self { status: 200, retry_after: None, body }
    }

    /// Tells that a request failed. The status is what the code begins with: 401002 is a 401.
    pub(super) fn error(code: u32, message: &str, request: &str, at: SystemTime) -> Self {
        let at = utc(at);
        let tracking = guid(format!("{request} {at}").as_bytes());
        let body = json!({ "errorCode": code, "trackingId": tracking, "message": message, "timestampUtc": at });
        Self { status: u16::try_from(code / 1000).unwrap_or(500), retry_after: None, body }
    }

    /// Tells that there is no room for a request before so long.
    pub(super) fn throttled(wait: Duration, request: &str, at: SystemTime) -> Self {
        let retry_after = Some(whole_seconds(wait));
        Self { retry_after, ..Self::error(429_001, "Too many requests. Please try again later", request, at) }
    }
}

/// Rounds up to whole seconds, at least one: who comes back then does not come too early.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Describes an assigned device's registration.
///
/// `substatus`, `deviceId` and `assignedHub` are always there: without one of them the Python SDK's
/// `register()` hangs for ever.
pub(super) fn registration_state(device: &str, hub: &str, registration: &Registration) -> Value {
    let updated = utc(registration.updated);
    // An entity tag as the service writes them: a quoted GUID in base64; another one after each change.
    let version = guid(format!("{device} {} {updated}", registration.generation).as_bytes());
    json!({
        "registrationId": device,
        "createdDateTimeUtc": utc(registration.created),
        "assignedHub": hub,
        "deviceId": device,
        "status": "assigned",
        "substatus": registration.substatus(),
        "lastUpdatedDateTimeUtc": updated,
        "etag": BASE64.encode(format!("\"{version}\"")),
    })
}

/// Describes a registration to an operator: also its model, and whether and until when an operator sent the device
/// away. `now`: what the clocks say, since a manual failover ends by the one that is never skewed.
pub(super) fn registration_info(
    device: &str,
    hub: &str,
    placing: bool,
    registration: &Registration,
    now: Moment,
) -> Value {
    let mut state = registration_state(device, hub, registration);
    if placing {
        state["status"] = "assigning".into();
    }
    state["hubIdentifier"] = hub_identifier(hub).into();
    state["modelId"] = registration.model.clone().into();
    state["manualFailover"] = registration.away.is_some().into();
    state["revertsAt"] = registration.away.map(|away| utc(now.wall_clock + away.until.saturating_sub(now.now))).into();
    state
}

/// What the operator is told when a device is sent to another hub. Facts and fields are those that the README of
/// Azure-Samples, iot-central-high-availability-clients shows: the hub is the device's own, to which it will go back.
pub(super) fn failed_over(home: &str, reverts: SystemTime) -> Value {
    let reverts = http_date(reverts);
    let message = format!(
        "Success! This device is now being failed over. Its registration-info tells how that goes. The device will \
         revert to its original hub at {reverts}. To have it back earlier, use manual-failback."
    );
    json!({ "hubIdentifier": hub_identifier(home), "message": message })
}

/// What the operator is told when a device is called back.
pub(super) fn failed_back(home: &str) -> Value {
    json!({ "hubIdentifier": hub_identifier(home), "message": "Device has successfully failed back to its original hub" })
}

/// Names a hub without telling its name: 64 hexadecimal digits, as IoT Central does.
fn hub_identifier(hub: &str) -> String {
    Sha256::digest(hub.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a date as HTTP does (RFC 9110, section 5.6.7): `Mon, 19 Apr 2021 21:04:46 GMT`.
fn http_date(at: SystemTime) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = at.max(SystemTime::UNIX_EPOCH);
    let days = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() / (24 * 3600));
    let date = humantime::format_rfc3339_seconds(at).to_string();
    let month = date[5..7].parse().map_or(0, |month: usize| month - 1);
    let weekday = WEEKDAYS[(days % 7) as usize];
    format!("{weekday}, {} {} {} {} GMT", &date[8..10], MONTHS[month], &date[..4], &date[11..19])
}

/// Names a new operation of a device, of the form `4.{hash of the device}.{guid}`. `request` tells it
/// from the device's other operations.
pub(super) fn operation(device: &str, request: &str) -> String {
    format!("{}{}", operation_prefix(device), guid(format!("{device} {request}").as_bytes()))
}

/// Says whether an operation is this device's. Any of its operations will do: what they all wait for
/// is the device's place, so that none need be remembered.
pub(super) fn is_operation_of(device: &str, operation: &str) -> bool {
    operation.starts_with(&operation_prefix(device))
}

/// Writes a date in the service's form: hundreds of nanoseconds, `2020-04-10T03:11:13.0276997Z`.
pub(super) fn utc(at: SystemTime) -> String {
    // humantime cannot write what lies outside the years 1970 to 9999; no clock here is skewed that far.
    let at = at.max(SystemTime::UNIX_EPOCH);
    let nanoseconds = humantime::format_rfc3339_nanos(at).to_string();
    format!("{}Z", &nanoseconds[..nanoseconds.len() - "99Z".len()])
}

fn operation_prefix(device: &str) -> String {
    format!("4.{:016x}.", xxh3_64(device.as_bytes()))
}

/// Makes a GUID of bytes that are nobody else's. Not drawn, so that it is the same whenever they are.
fn guid(of: &[u8]) -> String {
    let hex = format!("{:032x}", xxh3_128(of));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Reason;
    use crate::iot::dps::allocation::HubIndex;
    use crate::iot::dps::registration::Away;
    use std::time::UNIX_EPOCH;

    fn at(nanos: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(1_586_488_273, nanos)
    }

    #[test]
    fn dates_have_seven_decimals() {
        assert_eq!(utc(at(27_699_799)), "2020-04-10T03:11:13.0276997Z");
        assert_eq!(utc(at(0)), "2020-04-10T03:11:13.0000000Z");
        assert_eq!(utc(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01T00:00:00.0000000Z");
    }

    #[test]
    fn an_assigned_device_is_told_everything_that_the_sdks_need() {
        let mut registration = Registration::new(HubIndex(0), at(0));
        let first = registration_state("xyz", "hub-a", &registration);
        assert_eq!(first["registrationId"], "xyz");
        assert_eq!(first["deviceId"], "xyz");
        assert_eq!(first["assignedHub"], "hub-a");
        assert_eq!(first["status"], "assigned");
        assert_eq!(first["substatus"], "initialAssignment");
        assert_eq!(first["createdDateTimeUtc"], "2020-04-10T03:11:13.0000000Z");
        registration.move_to(HubIndex(1), Reason::Failover, at(100));
        let second = registration_state("xyz", "hub-b", &registration);
        assert_eq!(second["substatus"], "deviceDataReset");
        assert_eq!(second["createdDateTimeUtc"], first["createdDateTimeUtc"]);
        assert_eq!(second["lastUpdatedDateTimeUtc"], "2020-04-10T03:11:13.0000001Z");
        assert_ne!(first["etag"], second["etag"]);
        let etag = BASE64.decode(first["etag"].as_str().unwrap()).unwrap();
        assert_eq!((etag[0], etag.len(), etag[37]), (b'"', 38, b'"'));
    }

    #[test]
    fn an_operation_belongs_to_one_device() {
        let operation = operation("xyz", "1");
        assert!(is_operation_of("xyz", &operation));
        assert!(!is_operation_of("abc", &operation));
        assert!(!is_operation_of("xyz", "4."));
        assert_eq!(operation.len(), "4.d0a671905ea5b2c8.42d78160-4c78-479e-8be7-61d5e55dac0d".len());
        assert_ne!(operation, super::operation("xyz", "2"));
    }

    #[test]
    fn an_error_carries_code_tracking_message_and_date() {
        let error = Answer::error(401_002, "Unauthorized", "xyz 1", at(0));
        assert_eq!((error.status, error.retry_after), (401, None));
        assert_eq!(error.body["errorCode"], 401_002);
        assert_eq!(error.body["message"], "Unauthorized");
        assert_eq!(error.body["timestampUtc"], "2020-04-10T03:11:13.0000000Z");
        assert_eq!(error.body["trackingId"].as_str().unwrap().len(), 36);
    }

    #[test]
    fn a_throttled_request_is_told_whole_seconds_that_are_not_too_few() {
        let answer = Answer::throttled(Duration::from_millis(2001), "xyz 1", at(0));
        assert_eq!((answer.status, answer.retry_after, &answer.body["errorCode"]), (429, Some(3), &json!(429_001)));
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds(Duration::ZERO), 1);
    }

    #[test]
    fn a_manual_failover_tells_the_devices_own_hub_and_when_it_goes_back() {
        let reverts = UNIX_EPOCH + Duration::from_secs(1_618_866_286);
        let answer = failed_over("hub-a", reverts);
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with("Success! This device is now being failed over."), "{message}");
        assert!(message.contains("will revert to its original hub at Mon, 19 Apr 2021 21:04:46 GMT"), "{message}");
        let identifier = answer["hubIdentifier"].as_str().unwrap();
        assert!(identifier.len() == 64 && identifier.bytes().all(|byte| byte.is_ascii_hexdigit()), "{identifier}");
        assert_eq!(failed_back("hub-a")["hubIdentifier"], identifier);
        assert_ne!(failed_back("hub-b")["hubIdentifier"], identifier);
        assert_eq!(http_date(UNIX_EPOCH), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(UNIX_EPOCH + Duration::from_secs(951_782_400)), "Tue, 29 Feb 2000 00:00:00 GMT");
    }

    #[test]
    fn an_operator_sees_model_and_manual_failover_and_the_true_time_of_its_end() {
        let mut registration = Registration::new(HubIndex(0), at(0));
        let now = Moment { now: Duration::from_secs(100), wall_clock: at(0) };
        let info = registration_info("xyz", "hub-a", true, &registration, now);
        assert_eq!((&info["status"], &info["modelId"]), (&json!("assigning"), &Value::Null));
        assert_eq!((&info["manualFailover"], &info["revertsAt"]), (&json!(false), &Value::Null));
        registration.model = Some("dtmi:x;1".into());
        registration.away = Some(Away { until: Duration::from_secs(103) });
        let info = registration_info("xyz", "hub-b", false, &registration, now);
        assert_eq!((&info["status"], &info["modelId"]), (&json!("assigned"), &json!("dtmi:x;1")));
        assert_eq!(info["revertsAt"], "2020-04-10T03:11:16.0000000Z");
        assert_eq!(info["manualFailover"], true);
    }
}
