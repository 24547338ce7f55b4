//! The model that a device names when it registers.
use serde_json::Value;

/// The longest model id taken (DTDL: an interface's identifier has at most 2048 characters).
const LONGEST: usize = 2048;

/// Reads a model id out of the payload of a registration: `modelId` (IoT Plug and Play) or `iotcModelId` (IoT Central
/// before it), in an object, or in a string that is such an object: the Python sample encodes it twice
/// (Azure-Samples, iot-central-high-availability-clients). `None`: it names none.
pub(super) fn model_of(payload: &Value) -> Option<String> {
    let decoded;
    let object = match payload {
        Value::String(text) => {
            decoded = serde_json::from_str::<Value>(text).ok()?;
            decoded.as_object()?
        }
        other => other.as_object()?,
    };
    let id = object.get("modelId").or_else(|| object.get("iotcModelId"))?.as_str()?;
    (1..=LONGEST).contains(&id.len()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_model_is_read_from_every_form_that_the_samples_send() {
        let id = "dtmi:Sample:Failover;1";
        for payload in [
            json!({ "modelId": id }),
            json!({ "iotcModelId": id }),
            json!(json!({ "iotcModelId": id }).to_string()),
            json!({ "modelId": id, "iotcModelId": "older" }),
        ] {
            assert_eq!(model_of(&payload).as_deref(), Some(id), "{payload}");
        }
    }

    #[test]
    fn a_payload_without_a_model_names_none() {
        for payload in [json!(null), json!({}), json!("text"), json!("[1]"), json!(7), json!({ "modelId": 7 })] {
            assert_eq!(model_of(&payload), None, "{payload}");
        }
        assert_eq!(model_of(&json!({ "modelId": "" })), None);
        assert_eq!(model_of(&json!({ "modelId": "x".repeat(LONGEST + 1) })), None);
        let thrice = json!(json!(json!({ "modelId": "m" }).to_string()).to_string());
        assert_eq!(model_of(&thrice), None, "twice is enough");
    }

    proptest! {
        #[test]
        fn whatever_the_payload_is_it_is_read_without_a_panic(text in "\\PC{0,60}", key in "modelId|iotcModelId|x") {
            model_of(&Value::String(text.clone()));
            let read = model_of(&json!({ key.as_str(): text.as_str() }));
            prop_assert_eq!(read.is_some(), key != "x" && !text.is_empty());
        }
    }
}
