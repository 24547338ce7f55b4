//! The person who operates the application: asks central for what the plan says, and writes down what it answers.
use super::plan::{CONTROL_PORT, Call, OperatorPlan, PlannedOperation};
use super::planning::CENTRAL;
use super::tag::tag;
use crate::history::Event;
use crate::host::Host;
use crate::wire::http::{Client, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;

/// An answer that takes longer than this, beyond what was asked for, does not come.
const TIME_OUT: Duration = Duration::from_secs(30);

/// Runs the operator until the host is asked to stop. Each operation is asked for once, at its time; those whose time
/// came while the host was off are left out. The operator does not try again: what fails has failed, and is written
/// down.
pub async fn operator(host: Host, plan: OperatorPlan) {
    let now = host.now();
    for operation in plan.operations.into_iter().filter(|operation| operation.at >= now) {
        let asking = ask(host.clone(), operation);
        host.spawn(asking);
    }
    host.stopping().await;
}

async fn ask(host: Host, operation: PlannedOperation) {
    host.sleep_until(operation.at).await;
    let id = operation.id;
    host.record(Event::Asked { operation: id });
    let (method, target, body) = request(&operation);
    let time_out = match operation.call {
        Call::Method { time_out, .. } => time_out + TIME_OUT,
        _ => TIME_OUT,
    };
    let mut central = Client::new(host.clone(), CENTRAL.into(), CONTROL_PORT, time_out);
    let (status, message) = match central.request(method, &target, body).await {
        Ok(answer) => {
            let number = accepted_at(&operation.call, &answer);
            if let Some(number) = number {
                host.record(Event::DesiredAccepted { client: operation.device, number });
            }
            (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
        }
        Err(error) => (0, error.to_string()),
    };
    host.record(Event::Answered { operation: id, status, message });
}

/// The number that central gave to a change of desired properties.
fn accepted_at(call: &Call, answer: &Response) -> Option<u64> {
    let desired = matches!(call, Call::Desired { .. }) && answer.is_success();
    let body = desired.then(|| serde_json::from_slice::<serde_json::Value>(&answer.body).ok()).flatten()?;
    body.get("number")?.as_u64()
}

/// Method, target and body of the request to central's control plane.
fn request(operation: &PlannedOperation) -> (&'static str, String, String) {
    let device = encoded(&operation.device);
    let id = tag(operation.id);
    match &operation.call {
        Call::Command { name, payload, ttl } => {
            let (name, ttl) = (encoded(name), ttl.as_millis());
            ("POST", format!("/devices/{device}/commands/{name}?ttl={ttl}ms&request={id}"), payload.to_string())
        }
        Call::Method { name, payload, time_out } => {
            let (name, time_out) = (encoded(name), time_out.as_millis());
            let target = format!("/devices/{device}/methods/{name}?time-out={time_out}ms&request={id}");
            ("POST", target, payload.to_string())
        }
        Call::Desired { set } => {
            let body = serde_json::to_string(set).expect("a map with text keys is always JSON");
            ("PATCH", format!("/devices/{device}/properties/desired"), body)
        }
        Call::ManualFailover { ttl } => {
            let minutes = ttl.as_secs() / 60;
            ("POST", format!("/devices/{device}/manual-failover?ttl-minutes={minutes}"), String::new())
        }
        Call::ManualFailback => ("POST", format!("/devices/{device}/manual-failback"), String::new()),
        Call::RegistrationInfo => ("GET", format!("/devices/{device}/registration-info"), String::new()),
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
