//! A device's task: one for each of its clients, and a device has one client.
use super::client::{Client, Output};
use super::credentials::Credentials;
use super::machine::Device;
use crate::history::{Cause, Event, Name};
use crate::host::{BoxFuture, Host, Stream, Task};
use crate::iot::knobs::Clients;
use crate::iot::moment::Moment;
use crate::iot::plan::{Abilities, DevicePlan, MQTT_PORT};
use crate::waiting::{First, Waiting};
use crate::wire::mqtt::{MqttStream, Packet, WireError};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

/// The largest packet read: the largest message to a device, and some room (Microsoft docs, iot-hub-devguide-c2d: 64 KB;
/// the longest answers are twins, of three times 32 KB).
const LARGEST_PACKET: usize = 128 * 1024;

/// How long a polite close may take.
const CLOSING_LIMIT: Duration = Duration::from_secs(1);

/// Runs a device until its host stops. `dps` is the provisioning service's host, `group_key` its enrolment group's key
/// (base64).
pub async fn device(host: Host, plan: DevicePlan, dps: Name, id_scope: String, group_key: String) {
    let credentials = Credentials::new(&plan.host, &id_scope, &group_key, plan.keep_alive, plan.token_life);
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => return host.record(Event::Note { text: format!("device cannot start: {error}") }),
    };
    let producer = plan.telemetry.and_then(|(id, _)| host.history().roster().producers.get(id.0 as usize));
    let producer = producer.map_or(String::new(), |producer| producer.name.to_string());
    let connect_time_out = plan.connect_time_out;
    let (boot, now) = (host.boot(), host.now());
    if plan.knobs.clients == Clients::Two {
        // The same program once more, with nothing to do.
        let plan = DevicePlan { telemetry: None, reported: None, abilities: Abilities::default(), ..plan.clone() };
        let dice = host.dice("back-off of the second client");
        let second = Device::new(plan, dps.clone(), credentials.clone(), "", boot, dice, now).as_second_client();
        host.spawn(run(host.clone(), Box::new(second), connect_time_out));
    }
    let dice = host.dice("back-off");
    let first = Device::new(plan, dps, credentials, &producer, boot, dice, now);
    run(host, Box::new(first), connect_time_out).await;
}

/// Moves a client's bytes until it has stopped.
fn run(host: Host, mut client: Box<dyn Client>, connect_time_out: Duration) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let mut line = Line::None;
        let mut waiting = Waiting::of(&host);
        let mut abandoned: Vec<Task> = Vec::new();
        let mut moment = Moment::of(&host);
        loop {
            let due = client.due(moment);
            let first = waiting.next(due, |cx| line.poll(cx)).await;
            moment = Moment::of(&host);
            match first {
                First::Stop => client.stop(moment),
                First::Time => client.tick(moment),
                First::Wires(Happened::Dialled(Ok(stream))) => {
                    line = Line::Open(MqttStream::new(stream, LARGEST_PACKET));
                    client.dialled(moment, Ok(()));
                }
                First::Wires(Happened::Dialled(Err(why))) => {
                    line = Line::None;
                    client.dialled(moment, Err(why));
                }
                First::Wires(Happened::Packet(packet)) => client.received(moment, packet),
                First::Wires(Happened::Broken(cause)) => client.broken(moment, cause),
            }
            for output in client.outputs().drain(..) {
                match output {
                    Output::Record(event) => host.record(event),
                    Output::Dial(to) => line = Line::Dialling(Box::pin(dial(host.clone(), to, connect_time_out))),
                    Output::Send(packet) => line.send(&packet),
                    Output::HangUp { politely } => {
                        hang_up(&host, &mut line, politely).await;
                        moment = Moment::of(&host);
                    }
                    Output::Abandon(client) => {
                        abandoned.push(host.spawn(run(host.clone(), client, connect_time_out)));
                    }
                    Output::Exited => {
                        // The process is gone with all its clients; the machine is not.
                        abandoned.into_iter().for_each(Task::abort);
                        return host.stopping().await;
                    }
                    Output::Stopped => return,
                }
            }
        }
    })
}

/// What happens on its line.
enum Happened {
    Dialled(Result<Stream, String>),
    Packet(Packet),
    Broken(Cause),
}

/// Its one connection.
enum Line {
    None,
    Dialling(BoxFuture<'static, Result<Stream, String>>),
    Open(MqttStream),
}

impl Line {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        match self {
            Self::None => Poll::Pending,
            Self::Dialling(dialling) => dialling.as_mut().poll(cx).map(Happened::Dialled),
            Self::Open(stream) => stream.poll_next(cx).map(|packet| match packet {
                Ok(Some(packet)) => Happened::Packet(packet),
                Ok(None) => Happened::Broken(Cause::Eof),
                Err(error) => Happened::Broken(cause(&error)),
            }),
        }
    }

    fn send(&mut self, packet: &Packet) {
        if let Self::Open(stream) = self {
            stream.send(packet).expect("a device makes only packets that have an encoding");
        }
    }
}

async fn dial(host: Host, to: Name, time_out: Duration) -> Result<Stream, String> {
    match host.within(time_out, host.connect(&to, MQTT_PORT)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(error.kind().to_string()),
        Err(_) => Err("no connection in time".to_owned()),
    }
}

async fn hang_up(host: &Host, line: &mut Line, politely: bool) {
    if let (Line::Open(stream), true) = (std::mem::replace(line, Line::None), politely) {
        // A peer that does not take the goodbye does not get it.
        let _ = host.within(CLOSING_LIMIT, stream.close()).await;
    }
}

fn cause(error: &WireError) -> Cause {
    match error {
        WireError::Io(error) if error.kind() == io::ErrorKind::TimedOut => Cause::TimeOut,
        WireError::Io(_) => Cause::Reset,
        _ => Cause::Protocol,
    }
}
