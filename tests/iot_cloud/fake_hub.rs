//! A small hub with its control plane alone: it does what the test says, and remembers what it was asked.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use giant_lizard::host::Host;
use giant_lizard::iot::plan::CONTROL_PORT;
use giant_lizard::wire::http::{REQUEST_LIMIT, Request, Response};
use giant_lizard::wire::websocket::{Handover, Handshake, serve};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The most commands that it holds.
const ROOM: usize = 50;

#[derive(Clone, Default)]
pub(crate) struct FakeHub(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    feed: Vec<Value>,
    devices: BTreeSet<String>,
    /// The ids of commands taken, with repeats, and of those it holds.
    taken: Vec<String>,
    held: BTreeSet<String>,
    desired: Vec<Value>,
    methods: Vec<String>,
    /// It runs methods and does not answer.
    mute: bool,
    /// How often somebody has come to stay with its feed.
    readers: usize,
}

impl FakeHub {
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn tell(&self, device: &str, properties: &Value, body: &Value) {
        self.with(|state| {
            let (offset, body) = (state.feed.len(), BASE64.encode(body.to_string()));
            state.feed.push(json!({
                "offset": offset, "device": device, "enqueued": "", "properties": properties, "body": body,
            }));
        });
    }

    /// A device is registered.
    pub(crate) fn gets(&self, device: &str, generation: u64) {
        self.with(|state| state.devices.insert(device.into()));
        self.lifecycle(device, "createDeviceIdentity", generation);
    }

    /// A device is removed, and its commands with it.
    pub(crate) fn loses(&self, device: &str, generation: u64) {
        self.with(|state| {
            state.devices.remove(device);
            state.held.clear();
        });
        self.lifecycle(device, "deleteDeviceIdentity", generation);
    }

    /// A device comes or leaves, and nobody is told.
    pub(crate) fn has_silently(&self, device: &str, has: bool) {
        self.with(|state| if has { state.devices.insert(device.into()) } else { state.devices.remove(device) });
    }

    fn lifecycle(&self, device: &str, operation: &str, generation: u64) {
        let properties = json!({ "iothub-message-source": "deviceLifecycleEvents", "opType": operation });
        self.tell(device, &properties, &json!({ "deviceId": device, "generation": generation }));
    }

    /// The device acknowledged a command.
    pub(crate) fn completes(&self, device: &str, id: &str) {
        self.with(|state| state.held.remove(id));
        let body = json!({ "originalMessageId": id, "deviceId": device, "statusCode": "Success" });
        self.tell(device, &json!({ "iothub-message-source": "feedback" }), &body);
    }

    /// The device reported something.
    pub(crate) fn reports(&self, device: &str, patch: Value) {
        let properties = json!({ "iothub-message-source": "twinChangeEvents", "opType": "updateTwin" });
        self.tell(device, &properties, &json!({ "properties": { "reported": patch } }));
    }

    pub(crate) fn falls_mute(&self) {
        self.with(|state| state.mute = true);
    }

    pub(crate) fn taken(&self) -> Vec<String> {
        self.with(|state| state.taken.clone())
    }
    pub(crate) fn desired(&self) -> Vec<Value> {
        self.with(|state| state.desired.clone())
    }
    pub(crate) fn readers(&self) -> usize {
        self.with(|state| state.readers)
    }
    pub(crate) fn methods(&self) -> Vec<String> {
        self.with(|state| state.methods.clone())
    }

    pub(crate) async fn serve(self, host: Host) {
        let (listener, on) = (host.listen(CONTROL_PORT).unwrap(), host.clone());
        let answer = move |request: Result<Request, _>| {
            let (hub, host) = (self.clone(), on.clone());
            async move {
                let mut request = request.unwrap();
                match Handshake::of(&mut request) {
                    Ok(handshake) => {
                        let (reply, handover) = handshake.accept();
                        let from = request.query["from"].parse().unwrap();
                        host.spawn(hub.push(host.clone(), handover, from));
                        reply
                    }
                    Err(_) => hub.answer(&host, &request).await.into(),
                }
            }
        };
        serve(host, listener, REQUEST_LIMIT, answer).await.unwrap();
    }

    async fn answer(&self, host: &Host, request: &Request) -> Response {
        let unknown = |device: &str| !self.with(|state| state.devices.contains(device));
        match (request.method.as_str(), request.segments().as_slice()) {
            ("POST" | "PATCH", ["devices" | "twins", device, ..]) if unknown(device) => {
                Response::error(404_001, "device not found")
            }
            ("POST", ["devices", _, "messages", "devicebound"]) => self.with(|state| {
                let id = request.query["message-id"].clone();
                if !state.held.contains(&id) && state.held.len() >= ROOM {
                    return Response::error(403_004, "queue full");
                }
                state.held.insert(id.clone());
                state.taken.push(id);
                Response::empty(201)
            }),
            ("GET", ["twins", _]) => self.with(|state| {
                Response::json(200, &json!({ "etag": state.desired.len().to_string(), "desired": {}, "reported": {} }))
            }),
            ("PATCH", ["twins", _]) => self.with(|state| {
                let body: Value = request.json().unwrap();
                state.desired.push(body["properties"]["desired"].clone());
                Response::json(200, &body)
            }),
            ("POST", ["twins", _, "methods"]) => {
                let mute = self.with(|state| {
                    state.methods.push(request.query.get("request").cloned().unwrap_or_default());
                    state.mute
                });
                if mute {
                    host.sleep(Duration::from_secs(3600)).await;
                }
                let body: Value = request.json().unwrap();
                Response::json(200, &json!({ "status": 200, "payload": body["payload"] }))
            }
            _ => Response::error(404_000, "no such resource"),
        }
    }

    /// Looks every tenth of a second for what is new; says nothing while there is nothing, unlike a real hub.
    async fn push(self, host: Host, handover: Handover, mut from: usize) {
        self.with(|state| state.readers += 1);
        let mut socket = handover.socket().await.unwrap();
        loop {
            let events = self.with(|state| state.feed.get(from..).unwrap_or_default().to_vec());
            if !events.is_empty() {
                from += events.len();
                socket.send_text(json!({ "events": events, "next": from }).to_string());
            }
            if let Ok(Ok(None) | Err(_)) = host.within(Duration::from_millis(100), socket.next()).await {
                return;
            }
        }
    }
}
