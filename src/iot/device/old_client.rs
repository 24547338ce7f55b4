//! The client of a hub that the device has left, dropped without being shut down: its background reconnect goes on.
//!
//! It exists with the knob `old-client: kept` only. The high-availability sample in Python makes a new client after each
//! failover and leaves the old one to itself (azure-iot-sdk-python, issue 1037).
use super::client::{Client, Output};
use super::credentials::Credentials;
use crate::history::{Cause, Event, Name};
use crate::iot::moment::Moment;
use crate::keep_alive::{KeepAlive, Pulse};
use crate::wire::mqtt::{ConnectCode, Packet};
use std::time::Duration;

/// The Python SDK's `connection_retry_interval`: fixed, without jitter, for ever.
const INTERVAL: Duration = Duration::from_secs(10);

/// ```text
///            10 s               connected            CONNACK 0
///  Waiting ───────> Dialling ────────────> Greeting ───────────> Open
///     ^                │                      │                   │
///     └──── failed ────┴────── refused ───────┴────── lost ───────┘
/// ```
#[derive(Debug)]
enum State {
    Waiting { until: Duration },
    Dialling,
    Greeting { session: u64, late: Duration },
    Open { session: u64, keep_alive: KeepAlive },
    Stopped,
}

/// Holds a session with its hub whenever it is let in, and does nothing with it.
#[derive(Debug)]
pub struct OldClient {
    device: Name,
    hub: Name,
    credentials: Credentials,
    keep_alive: Duration,
    time_out: Duration,
    last_session: u64,
    state: State,
    outputs: Vec<Output>,
}

impl OldClient {
    /// Begins after a lost session, with a wait. `last_session`: its sessions are numbered from there.
    pub fn new(
        (device, hub): (Name, Name),
        credentials: Credentials,
        keep_alive: Duration,
        time_out: Duration,
        last_session: u64,
        now: Duration,
    ) -> Self {
        let state = State::Waiting { until: now + INTERVAL };
        Self { device, hub, credentials, keep_alive, time_out, last_session, state, outputs: Vec::new() }
    }

    fn lost(&mut self, now: Duration, cause: Cause) {
        match self.state {
            State::Open { session, .. } => {
                let (client, service) = (self.device.clone(), self.hub.clone());
                self.record(Event::SessionLost { client, service, session, cause });
            }
            State::Greeting { .. } => self.refused(format!("{cause:?} instead of connack").to_lowercase()),
            _ => return,
        }
        self.outputs.push(Output::HangUp { politely: false });
        self.wait(now);
    }

    fn refused(&mut self, why: String) {
        self.record(Event::Refused { client: self.device.clone(), service: self.hub.clone(), why });
    }

    fn wait(&mut self, now: Duration) {
        self.state = State::Waiting { until: now + INTERVAL };
    }

    fn record(&mut self, event: Event) {
        self.outputs.push(Output::Record(event));
    }
}

impl Client for OldClient {
    fn outputs(&mut self) -> &mut Vec<Output> {
        &mut self.outputs
    }

    fn due(&self, _: Moment) -> Option<Duration> {
        match &self.state {
            State::Waiting { until } => Some(*until),
            State::Greeting { late, .. } => Some(*late),
            State::Open { keep_alive, .. } => Some(keep_alive.due()),
            State::Dialling | State::Stopped => None,
        }
    }

    fn tick(&mut self, Moment { now, .. }: Moment) {
        match &mut self.state {
            State::Waiting { until } if now >= *until => {
                self.state = State::Dialling;
                self.record(Event::Connecting { client: self.device.clone(), service: self.hub.clone() });
                self.outputs.push(Output::Dial(self.hub.clone()));
            }
            State::Greeting { late, .. } if now >= *late => self.lost(now, Cause::TimeOut),
            State::Open { keep_alive, .. } => match keep_alive.look(now) {
                Pulse::Dead => self.lost(now, Cause::Silence),
                Pulse::Ping => self.outputs.push(Output::Send(Packet::PingReq)),
                Pulse::Quiet => {}
            },
            _ => {}
        }
    }

    fn dialled(&mut self, moment: Moment, outcome: Result<(), String>) {
        match (&self.state, outcome) {
            (State::Dialling, Ok(())) => {
                self.last_session += 1;
                let session = self.last_session;
                let connect = self.credentials.for_hub(&self.hub, session, moment.wall_clock);
                self.outputs.push(Output::Send(connect.into()));
                self.state = State::Greeting { session, late: moment.now + self.time_out };
            }
            (State::Dialling, Err(why)) => {
                self.refused(why);
                self.wait(moment.now);
            }
            _ => {}
        }
    }

    fn received(&mut self, Moment { now, .. }: Moment, packet: Packet) {
        match (&mut self.state, packet) {
            (State::Greeting { session, .. }, Packet::ConnAck { code: ConnectCode::Accepted, .. }) => {
                let session = *session;
                let (client, service) = (self.device.clone(), self.hub.clone());
                self.record(Event::Connected { client, service, session });
                self.state = State::Open { session, keep_alive: KeepAlive::new(self.keep_alive, now) };
            }
            (State::Greeting { .. }, Packet::ConnAck { code, .. }) => {
                self.refused(format!("connack {}", code as u8));
                self.outputs.push(Output::HangUp { politely: true });
                self.wait(now);
            }
            // Its application is gone: nobody takes what comes, and nobody acknowledges it.
            (State::Open { keep_alive, .. }, _) => keep_alive.heard(now),
            _ => {}
        }
    }

    fn broken(&mut self, moment: Moment, cause: Cause) {
        self.lost(moment.now, cause);
    }

    fn stop(&mut self, _: Moment) {
        if let State::Open { session, .. } = self.state {
            self.outputs.push(Output::Send(Packet::Disconnect));
            self.record(Event::SessionClosed { client: self.device.clone(), service: self.hub.clone(), session });
        }
        self.outputs.push(Output::HangUp { politely: true });
        self.state = State::Stopped;
        self.outputs.push(Output::Stopped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";
    const SECOND: Duration = Duration::from_secs(1);

    fn at(now: Duration) -> Moment {
        Moment { now, wall_clock: UNIX_EPOCH + now }
    }

    fn dropped() -> OldClient {
        let credentials = Credentials::new("xyz", "0ne1", GROUP_KEY, 20 * SECOND, 3600 * SECOND).unwrap();
        OldClient::new(("xyz".into(), "hub-a".into()), credentials, 20 * SECOND, 10 * SECOND, 40, Duration::ZERO)
    }

    /// Let in at 10 s.
    fn let_in() -> OldClient {
        let mut client = dropped();
        client.tick(at(10 * SECOND));
        client.dialled(at(10 * SECOND), Ok(()));
        client.received(at(10 * SECOND), Packet::ConnAck { session_present: true, code: ConnectCode::Accepted });
        client
    }

    fn events(client: &mut OldClient) -> Vec<Event> {
        let event = |output| if let Output::Record(event) = output { Some(event) } else { None };
        client.outputs().drain(..).filter_map(event).collect()
    }

    #[test]
    fn it_tries_its_hub_every_ten_seconds_for_ever() {
        let mut client = dropped();
        for n in 1..100 {
            let now = at(n * INTERVAL);
            assert_eq!(client.due(now), Some(now.now));
            client.tick(now);
            assert!(matches!(&client.outputs()[..], [_, Output::Dial(hub)] if &**hub == "hub-a"));
            client.outputs().clear();
            client.dialled(now, Err("connection refused".into()));
            assert!(matches!(&events(&mut client)[..], [Event::Refused { .. }]));
        }
    }

    #[test]
    fn once_let_in_it_holds_its_session_with_pings_and_sends_nothing_else() {
        let mut client = let_in();
        let (device, hub) = (Name::from("xyz"), Name::from("hub-a"));
        let connecting = Event::Connecting { client: device.clone(), service: hub.clone() };
        assert_eq!(events(&mut client), [connecting, Event::Connected { client: device, service: hub, session: 41 }]);
        client.received(at(20 * SECOND), Packet::Publish(crate::wire::mqtt::Publish::at_least_once("t", "", 1)));
        client.tick(at(30 * SECOND));
        assert!(matches!(client.outputs()[..], [Output::Send(Packet::PingReq)]));
    }

    #[test]
    fn a_lost_session_and_a_refusal_only_mean_ten_more_seconds() {
        let mut client = let_in();
        client.broken(at(15 * SECOND), Cause::Eof);
        assert!(events(&mut client).iter().any(|event| matches!(event, Event::SessionLost { session: 41, .. })));
        assert_eq!(client.due(at(15 * SECOND)), Some(25 * SECOND));
        client.tick(at(25 * SECOND));
        client.dialled(at(25 * SECOND), Ok(()));
        client.received(
            at(25 * SECOND),
            Packet::ConnAck { session_present: false, code: ConnectCode::ServerUnavailable },
        );
        assert!(events(&mut client).iter().any(|event| matches!(event, Event::Refused { .. })));
        assert_eq!(client.due(at(25 * SECOND)), Some(35 * SECOND));
    }

    #[test]
    fn a_silent_hub_is_left_and_a_stop_is_a_goodbye() {
        let mut client = let_in();
        client.tick(at(30 * SECOND));
        client.tick(at(40 * SECOND));
        let lost = |event: &Event| matches!(event, Event::SessionLost { cause: Cause::Silence, .. });
        assert!(events(&mut client).iter().any(lost));
        let mut client = let_in();
        client.stop(at(20 * SECOND));
        assert!(matches!(client.outputs().last(), Some(Output::Stopped)));
        assert_eq!(client.due(at(20 * SECOND)), None);
    }
}
