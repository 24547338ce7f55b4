//! What the provisioning service says: its JSON, its dates, its identifiers.
//!
//! The shapes are those quoted in azure-sdk-for-c's `az_iot_provisioning_client.c`.
use super::registration::Registration;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::time::SystemTime;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// An answer to a device, ready for any transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// As in HTTP.
    pub status: u16,
    /// Whole seconds until the device should ask again. Always an integer: on `2.5` the Python SDK's
    /// `register()` hangs for ever.
    pub retry_after: Option<u64>,
    pub body: Value,
}

impl Answer {
    /// Tells a device to ask again.
    pub fn assigning(operation: &str, retry_after: u64) -> Self {
        let body = json!({ "operationId": operation, "status": "assigning" });
        Self { status: 202, retry_after: Some(retry_after), body }
    }

    /// Tells a device its hub.
    pub fn assigned(operation: &str, state: Value) -> Self {
        let body = json!({ "operationId": operation, "status": "assigned", "registrationState": state });
        Self { status: 200, retry_after: None, body }
    }

    /// Tells that a request failed. The status is what the code begins with: 401002 is a 401.
    pub fn error(code: u32, message: &str, request: &str, at: SystemTime) -> Self {
        let at = utc(at);
        let tracking = guid(format!("{request} {at}").as_bytes());
        let body = json!({ "errorCode": code, "trackingId": tracking, "message": message, "timestampUtc": at });
        Self { status: u16::try_from(code / 1000).unwrap_or(500), retry_after: None, body }
    }
}

/// Describes an assigned device's registration.
///
/// `substatus`, `deviceId` and `assignedHub` are always there: without one of them the Python SDK's
/// `register()` hangs for ever.
pub fn registration_state(device: &str, hub: &str, registration: &Registration) -> Value {
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

/// Names a new operation of a device, of the form `4.{hash of the device}.{guid}`. `request` tells it
/// from the device's other operations.
pub fn operation(device: &str, request: &str) -> String {
    format!("{}{}", operation_prefix(device), guid(format!("{device} {request}").as_bytes()))
}

/// Says whether an operation is this device's. Any of its operations will do: what they all wait for
/// is the device's place, so that none need be remembered.
pub fn is_operation_of(device: &str, operation: &str) -> bool {
    operation.starts_with(&operation_prefix(device))
}

/// Writes a date in the service's form: hundreds of nanoseconds, `2020-04-10T03:11:13.0276997Z`.
pub fn utc(at: SystemTime) -> String {
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
    use crate::iot::dps::allocation::HubIndex;
    use std::time::{Duration, UNIX_EPOCH};

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
        registration.move_to(HubIndex(1), at(100));
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
}
