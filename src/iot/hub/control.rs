//! A hub's control plane: identities, telemetry, messages for devices, twins, methods, health.
use super::driver::Core;
use super::gate::may_be_device;
use super::machine::Answer;
use super::memory::Applied;
use super::petition;
use super::readers;
use crate::history::Event;
use crate::iot::plan::CONTROL_PORT;
use crate::wire::http::{REQUEST_LIMIT, Request, Response, Unreadable};
use crate::wire::websocket::{self, Handshake, Reply};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// Where readers find the feed.
const EVENTS: &str = "/messages/events";

pub(super) async fn serve(core: Arc<Core>) {
    let host = core.host().clone();
    let served = match host.listen(CONTROL_PORT) {
        Ok(listener) => {
            let answer = move |request| reply(core.clone(), request);
            websocket::serve(host.clone(), listener, REQUEST_LIMIT, answer).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        host.record(Event::Note { text: format!("hub's control plane ended: {error}") });
    }
}

async fn reply(core: Arc<Core>, request: Result<Request, Unreadable>) -> Reply {
    match request {
        Err(why) => Response::from(why).into(),
        Ok(request) if request.path == EVENTS && Handshake::is_meant(&request) => readers::stay(&core, request),
        Ok(request) => answer(core, request).await.into(),
    }
}

async fn answer(core: Arc<Core>, request: Request) -> Response {
    match (request.method.as_str(), request.segments().as_slice()) {
        ("GET", ["health"]) => Response::json(200, &Health { status: "up" }),
        ("PUT" | "DELETE", ["devices", device]) => change(&core, &request, device).await,
        ("GET", ["messages", "events"]) => readers::ask(&core, &request).await,
        ("POST", ["devices", device, "messages", "devicebound"]) => command(&core, &request, device).await,
        ("GET", ["twins", device]) => match core.look(|hub| hub.tagged_twin(device)) {
            Some(twin) => Response::json(200, &twin),
            None => no_device(),
        },
        ("PATCH", ["twins", device]) => desire(&core, &request, device).await,
        ("POST", ["twins", device, "methods"]) => method(&core, &request, device).await,
        (
            _,
            ["health"]
            | ["devices", _]
            | ["messages", "events"]
            | ["devices", _, "messages", "devicebound"]
            | ["twins", _]
            | ["twins", _, "methods"],
        ) => Response::error(405_000, "method not allowed"),
        _ => Response::error(404_000, "no such resource"),
    }
}

/// What a health check is answered.
#[derive(Serialize)]
struct Health {
    status: &'static str,
}

fn no_device() -> Response {
    Response::error(404_001, "device not found")
}

fn not_stored() -> Response {
    Response::error(500_000, "could not store")
}

/// `POST /devices/{id}/messages/devicebound?message-id={id}&ttl={duration}&{property}={value}`: answered 201 when
/// durable, also when a message of this id is queued already.
async fn command(core: &Core, request: &Request, device: &str) -> Response {
    let host = core.host();
    let fresh = || core.fresh_id();
    let message = match petition::message(request, device, host.now(), fresh) {
        Ok(message) => message,
        Err(refusal) => return refusal.into(),
    };
    let id = message.id.clone();
    match core.ask(|hub, _, request| hub.queue(request, device, message)).await {
        Answer::Now(Applied::Done | Applied::Unchanged) => Response::json(201, &json!({ "messageId": id })),
        Answer::Now(Applied::Full) => Response::error(403_004, "device queue depth exceeded"),
        Answer::Now(_) => no_device(),
        _ => not_stored(),
    }
}

/// `PATCH /twins/{id}?if-match={etag}`: answered with the twin when durable; 412 when its desired properties are not, or
/// no longer, in the state that the entity tag names. So a request that was long on its way cannot undo a later one
/// (Microsoft docs, iot-hub-devguide-device-twins#optimistic-concurrency; there it is a header).
async fn desire(core: &Core, request: &Request, device: &str) -> Response {
    let patch = match petition::desired(request) {
        Ok(patch) => patch,
        Err(response) => return response,
    };
    let if_match = request.query.get("if-match").cloned();
    match core.ask(|hub, _, request| hub.desire(request, device, if_match, patch)).await {
        Answer::Twin(twin) => Response::json(200, &twin),
        Answer::Now(Applied::Refused(error)) => Response::error(400_000, &error.to_string()),
        Answer::Now(Applied::Stale) => Response::error(412_001, "the twin has changed"),
        Answer::Now(_) => no_device(),
        _ => not_stored(),
    }
}

/// `POST /twins/{id}/methods`: answered when the device has answered, or will not any more.
async fn method(core: &Core, request: &Request, device: &str) -> Response {
    let call = match petition::method_call(request) {
        Ok(call) => call,
        Err(refusal) => return refusal.into(),
    };
    match core.ask(|hub, moment, request| hub.call(moment.now, request, device, call)).await {
        Answer::Returned { status, payload } => Response::json(200, &json!({ "status": status, "payload": payload })),
        Answer::NotOnline => Response::error(404_103, "device is not online"),
        Answer::InUse => Response::error(409_000, "request id in use"),
        Answer::Now(_) => no_device(),
        _ => Response::error(504_101, "device did not answer in time"),
    }
}

/// `PUT /devices/{id}?generation={n}` and `DELETE` the same: answered when durable. A request of an earlier generation
/// than one already carried out is answered 412 and changes nothing.
async fn change(core: &Core, request: &Request, device: &str) -> Response {
    if !may_be_device(device) {
        return Response::error(400_000, "not a device id");
    }
    let generation = match request.query.get("generation").map(|text| text.parse()).transpose() {
        Ok(generation) => generation,
        Err(_) => return Response::error(400_000, "generation is not a number"),
    };
    let removes = request.method == "DELETE";
    let answer = core
        .ask(|hub, moment, id| match removes {
            true => hub.remove(moment, id, device, generation),
            false => hub.register(moment, id, device, generation),
        })
        .await;
    match (answer, removes) {
        (Answer::Failed, _) => not_stored(),
        (Answer::Now(Applied::Stale), _) => Response::error(412_000, "a later generation is known"),
        (_, true) => Response::empty(204),
        (Answer::Now(Applied::Done), false) => Response::json(201, &json!({ "deviceId": device })),
        (_, false) => Response::json(200, &json!({ "deviceId": device })),
    }
}
