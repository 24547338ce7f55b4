//! The provisioning service as software: moves bytes between devices, hubs, disk and the desk.
use super::allocation::HubIndex;
use super::control::answer;
use super::desk::{Desk, Letter, LetterBox};
use super::errands::Couriers;
use super::health::Check;
use super::session::{Action, Group, PACKET_LIMIT, Session};
use crate::history::{Event, Name};
use crate::host::{Host, Stream};
use crate::iot::moment::Moment;
use crate::iot::plan::{CONTROL_PORT, DpsPlan, MQTT_PORT};
use crate::wire::agent::session_of;
use crate::wire::http::{self, Client};
use crate::wire::mqtt::{ConnectCode, MqttStream, Packet, WireError};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// A hub that does not answer a health check by then has missed it (or by the next check, if that is sooner).
const CHECK_TIME_OUT: Duration = Duration::from_secs(2);
/// From the first health check of a hub to the second.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long a closing connection may take to write what is left.
const CLOSING_LIMIT: Duration = Duration::from_secs(2);
/// A disk or port that fails at the start is tried again after this long.
const START_RETRY: Duration = Duration::from_secs(1);

/// Runs the provisioning service until the host is asked to stop.
///
/// - MQTT on [`MQTT_PORT`] for devices of the group.
/// - `GET /registrations/{id}`, manual failover and failback on [`CONTROL_PORT`].
/// - `GET /health` of each hub every `plan.health_check`, `PUT` and `DELETE /devices/{id}` when a
///   device comes or goes.
///
/// `hubs` are host names in file order. What it decides is on its disk before anybody hears of it;
/// while the disk fails, nothing is decided.
pub async fn dps(host: Host, plan: DpsPlan, id_scope: String, group_key: String, hubs: Vec<Name>) {
    let mut stopping = host.stopping();
    let mut running = pin!(run(&host, &plan, Group { id_scope, key: group_key }, &hubs));
    poll_fn(|cx| match stopping.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => running.as_mut().poll(cx),
    })
    .await;
}

async fn run(host: &Host, plan: &DpsPlan, group: Group, hubs: &[Name]) {
    let (desk, letters) = loop {
        match Desk::open(host.clone(), plan.clone(), hubs).await {
            Ok(opened) => break opened,
            Err(error) => complain(host, "cannot read what was kept", &error),
        }
        host.sleep(START_RETRY).await;
    };
    let listener = loop {
        match host.listen(MQTT_PORT) {
            Ok(listener) => break listener,
            Err(error) => complain(host, "cannot listen", &error),
        }
        host.sleep(START_RETRY).await;
    };
    host.spawn(desk.work(Couriers::new(host.clone(), letters.clone(), hubs)));
    for (index, hub) in hubs.iter().enumerate() {
        let (host, hub, letters) = (host.clone(), hub.clone(), letters.clone());
        let every = plan.health_check;
        host.clone().spawn(async move { check_for_ever(host, hub, HubIndex(index), every, letters).await });
    }
    let (on, control) = (host.clone(), letters.clone());
    host.spawn(async move {
        if let Err(error) = http::serve(on.clone(), CONTROL_PORT, move |request| answer(request, control.clone())).await
        {
            complain(&on, "control plane ended", &error);
        }
    });
    while let Ok(accepted) = listener.accept().await {
        let (on, group, letters) = (host.clone(), group.clone(), letters.clone());
        host.spawn(async move { attend(on, accepted.stream, group, letters).await });
    }
}

fn complain(host: &Host, what: &str, error: &dyn std::error::Error) {
    host.record(Event::Note { text: format!("{what}: {error}") });
}

async fn check_for_ever(host: Host, hub: Name, index: HubIndex, every: Duration, desk: LetterBox) {
    let mut client = Client::new(host.clone(), hub, CONTROL_PORT, CHECK_TIME_OUT.min(every));
    // The second check after a start comes soon: devices wait until the health of every hub is known.
    for pause in std::iter::once(FIRST_PAUSE.min(every)).chain(std::iter::repeat(every)) {
        let began = host.now();
        let check = match client.request("GET", "/health", "").await {
            Ok(answer) if answer.is_success() => Check::Answered(host.now() - began),
            _ => Check::Missed,
        };
        desk.drop(Letter::Checked(index, check));
        host.sleep_until(began + pause).await;
    }
}

/// Serves one device's connection to its end.
async fn attend(host: Host, stream: Stream, group: Group, desk: LetterBox) {
    let mut stream = MqttStream::new(stream, PACKET_LIMIT);
    let mut session = Session::new(group, host.now());
    let mut attendance = Attendance::new(host.clone());
    loop {
        let packet = match next(&host, &mut stream, session.deadline()).await {
            Ok(packet) => packet,
            Err(why) => return attendance.ends(why),
        };
        for action in session.handle(Moment::of(&host), packet) {
            match action {
                Action::Send(packet) => send(&mut stream, &packet),
                Action::Opened { device, client_version } => attendance.opened(device, client_version.as_deref()),
                Action::Ask(question) => {
                    let rid = question.rid.clone();
                    let Some(answer) = desk.ask(question).await else { return attendance.ends("stopping") };
                    if let Some(packet) = session.answer(&rid, &answer) {
                        send(&mut stream, &packet);
                    }
                }
                Action::Close(why) => {
                    attendance.ends(why);
                    // Whether the peer still hears it is its own affair.
                    let _ = host.within(CLOSING_LIMIT, stream.close()).await;
                    return;
                }
            }
        }
    }
}

/// A session in the history, if the device numbers its sessions (as built-in ones do).
struct Attendance {
    host: Host,
    open: Option<(Name, u64)>,
}

impl Attendance {
    fn new(host: Host) -> Self {
        Self { host, open: None }
    }
    fn opened(&mut self, client: Name, client_version: Option<&str>) {
        if let Some(session) = client_version.and_then(session_of) {
            self.host.record(Event::SessionOpened { client: client.clone(), session });
            self.open = Some((client, session));
        }
    }
    /// Ends it, and says why.
    fn ends(&mut self, why: &'static str) {
        if let Some((client, session)) = self.open.take() {
            self.host.record(Event::SessionEnded { client, session, why });
        }
    }
}

fn send(stream: &mut MqttStream, packet: &Packet) {
    // Only a topic over 64 KiB cannot be encoded; a request id that long gets no answer.
    let _ = stream.send(packet);
}

/// Waits for a packet.
///
/// # Errors
/// Why none will come any more.
async fn next(host: &Host, stream: &mut MqttStream, deadline: Option<Duration>) -> Result<Packet, &'static str> {
    let packet = match deadline {
        None => stream.next().await,
        Some(deadline) => {
            let limit = deadline.saturating_sub(host.now());
            host.within(limit, stream.next()).await.map_err(|_| "silent for too long")?
        }
    };
    match packet {
        Ok(Some(packet)) => Ok(packet),
        Ok(None) => Err("closed by the device"),
        Err(WireError::Io(_)) => Err("connection broken"),
        Err(WireError::Protocol) => {
            // The one breach that MQTT answers.
            let code = ConnectCode::UnacceptableProtocol;
            send(stream, &Packet::ConnAck { session_present: false, code });
            let _ = host.within(CLOSING_LIMIT, stream.flush()).await;
            Err("not MQTT 3.1.1")
        }
        Err(_) => Err("malformed packet"),
    }
}
