//! Bodies of answers and errors.
use crate::streams::broker::call::{Answer, Refusal};
use crate::streams::plan::TENANT;
use crate::wire::http::{Response, Unreadable};
use serde::Deserialize;
use serde_json::{Value, json};

/// Writes what a call came to: `{"error":false,"code":..,"result":..}`, or an error.
pub fn of_call(answer: Answer) -> Response {
    match answer {
        Answer::Refused(refusal) => refused(&refusal),
        Answer::Done { status, result } => {
            let mut body = json!({ "error": false, "code": status });
            if let Some(result) = result {
                body["result"] = result;
            }
            Response::json(status, &body)
        }
    }
}

/// Writes what another region's broker is told: `{"upto":..}`, or an error.
pub fn of_replication(answer: Answer) -> Response {
    match answer {
        Answer::Refused(refusal) => refused(&refusal),
        Answer::Done { status, result } => Response::json(status, &json!({ "upto": result })),
    }
}

/// Reads [`of_replication`]; `None`: it is none.
pub fn read_replication(response: &Response) -> Option<u64> {
    #[derive(Deserialize)]
    struct Body {
        upto: u64,
    }
    response.is_success().then(|| response.read::<Body>().ok())?.map(|body| body.upto)
}

/// Writes an error as the service does: `{"code":..,"error":true,"errorMessage":..,"errorNum":..}`.
pub fn refused(refusal: &Refusal) -> Response {
    let Refusal { status, number, message } = refusal;
    let body = json!({ "code": status, "error": true, "errorMessage": message, "errorNum": number });
    Response::json(*status, &body)
}

/// Writes why a request could not be read.
pub fn unreadable(why: &Unreadable) -> Response {
    refused(&Refusal { status: why.status(), number: why.status().into(), message: why.to_string() })
}

/// Tells a refusal in words: its status, and the message of its body if it has one.
pub fn in_words(response: &Response) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        error_message: String,
    }
    match response.read::<Body>() {
        Ok(body) => format!("{} {}", response.status, body.error_message),
        Err(_) => response.status.to_string(),
    }
}

/// Writes a one-time password for who asked for it.
pub fn one_time_password(password: &str) -> Response {
    Response::json(200, &json!({ "otp": password }))
}

/// Reads a one-time password; `None`: the body is none.
pub fn read_one_time_password(response: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        otp: String,
    }
    response.is_success().then(|| response.read::<Body>().ok())?.map(|body| body.otp)
}

/// Writes the account that every key belongs to: the Python SDK reads its tenant there.
pub fn user() -> Response {
    let user = json!({
        "tenant": TENANT, "user": "root", "email": "", "active": true, "extra": {}, "displayName": "root",
    });
    Response::json(200, &json!({ "error": false, "code": 200, "result": [user] }))
}

/// Writes which region this is, and under which name it is reached: the Python SDK connects its sockets there.
pub fn datacenter(region: &str, host: &str) -> Response {
    let body: Value = json!({
        "_key": region, "name": region, "host": host, "local": true, "spot_region": false, "status": 0,
        "tags": { "api": format!("api-{host}"), "url": host }, "locationInfo": {},
    });
    Response::json(200, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_the_services() {
        let done = of_call(Answer::Done { status: 202, result: Some(json!({ "stream-id": "c8globals.x" })) });
        assert_eq!(done.status, 202);
        let body: Value = done.read().unwrap();
        assert_eq!(body, json!({"code": 202, "result": {"stream-id": "c8globals.x"}, "error": false}));
        let bare: Value = of_call(Answer::Done { status: 202, result: None }).read().unwrap();
        assert_eq!(bare, json!({"code": 202, "error": false}));
        let refusal = Refusal { status: 404, number: 100_016, message: "stream not found".into() };
        let response = of_call(Answer::Refused(refusal));
        let body: Value = response.read().unwrap();
        let wanted = json!({"code": 404, "error": true, "errorMessage": "stream not found", "errorNum": 100_016});
        assert_eq!((response.status, body), (404, wanted));
        assert_eq!(in_words(&response), "404 stream not found");
        assert_eq!(in_words(&Response::empty(503)), "503");
    }

    #[test]
    fn positions_and_passwords_are_read_back_and_errors_are_none() {
        let done = of_replication(Answer::Done { status: 200, result: Some(json!(7)) });
        assert_eq!(read_replication(&done), Some(7));
        assert_eq!(read_replication(&of_replication(Answer::Done { status: 200, result: None })), None);
        assert_eq!(read_replication(&Response::empty(500)), None);
        assert_eq!(read_one_time_password(&one_time_password("abc")).as_deref(), Some("abc"));
        assert_eq!(read_one_time_password(&Response::json(401, &json!({ "otp": "abc" }))), None);
    }
}
