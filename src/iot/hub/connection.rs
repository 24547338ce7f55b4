//! One connection of a device, as the hub holds it.
use super::properties::Properties;
use crate::history::Name;
use crate::iot::moment::Moment;
use crate::wire::mqtt::{Connect, Will};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// A connection that has not said who it is within this time is closed.
pub const GREETING_LIMIT: Duration = Duration::from_secs(30);

/// The longest silence: a hub's keep-alive time-out is one and a half of the client's value, and no longer than this,
/// also for clients that ask for none (Microsoft docs, iot-hub-mqtt-support).
pub const LONGEST_SILENCE: Duration = Duration::from_secs(1767);

/// The most publishes of one connection that may wait for their PUBACK; beyond it the hub stops reading.
pub const MOST_UNANSWERED: usize = 1000;

/// ```text
///            CONNECT let in
///  Greeting ────────────────────────> Open
///     │  └────────> Waiting ──────────^ │
///     │   throttled    │                │
///     └── 30 s, or     └── 10 s, or     └── any Ending
///      v  refused       v  refused       v
///   (removed)       (removed)        (removed)
/// ```
#[derive(Clone, Debug)]
pub enum Connection {
    /// Accepted; its CONNECT has not come.
    Greeting {
        /// When it is shown out.
        until: Duration,
    },
    /// The throttle keeps its CONNECT waiting.
    Waiting {
        /// Until then.
        until: Duration,
        /// What is looked at then; `None`: it will have waited too long.
        connect: Option<Connect>,
    },
    /// Let in.
    Open(Live),
}

/// A session of a device.
#[derive(Clone, Debug)]
pub struct Live {
    /// Whose it is.
    pub device: Name,
    /// Its number: its client's own, if the client told.
    pub session: u64,
    /// Asked with CleanSession: its filters are not kept.
    pub clean: bool,
    /// What it subscribed to, now or before.
    pub filters: BTreeSet<String>,
    /// When its last packet came.
    pub heard: Duration,
    /// How long it may be silent.
    pub silence: Duration,
    /// When its token ends, on the hub's wall clock.
    pub expires: SystemTime,
    /// Publishes not yet answered.
    pub unanswered: usize,
    /// What the throttle keeps waiting; nothing else is read meanwhile.
    pub held: Option<Held>,
    /// What to store for the device should it vanish.
    pub will: Option<Will>,
}

/// Telemetry that came too fast.
#[derive(Clone, Debug)]
pub struct Held {
    /// Until then.
    pub until: Duration,
    /// Its properties, payload and packet id; `None`: it will have waited too long.
    pub telemetry: Option<(Properties, Bytes, Option<u16>)>,
}

/// Why a hub's connection ended. A device sees no more than that it did: MQTT 3.1.1 has no other error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The device said DISCONNECT.
    Disconnect,
    /// The device closed without a DISCONNECT.
    Eof,
    /// The connection broke: RST, or bytes that nobody acknowledged.
    Reset,
    /// The same device connected again.
    NewerConnection,
    /// The provisioning service took the device away.
    Removed,
    /// Nothing came for one and a half keep-alives.
    Silence,
    /// Its token is over by the hub's wall clock.
    TokenExpired,
    /// No CONNECT came, or its answer was a refusal.
    NotLetIn,
    /// Bytes that are no packet.
    Malformed,
    /// A packet that a device may not send, or not now.
    Unexpected,
    /// A topic or filter that is not this device's.
    Topic,
    /// QoS 2.
    ExactlyOnce,
    /// More than a message may have.
    TooLong,
    /// More filters than a device may have.
    TooManySubscriptions,
    /// PUBACKs in another order than the messages.
    Acknowledgement,
    /// What came too fast waited too long.
    Throttled,
    /// What the device sent could not be stored.
    Storage,
    /// The hub stops.
    Stopping,
}

impl Ending {
    /// Says it in words, for the history.
    pub fn why(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
            Self::Eof => "closed by the device",
            Self::Reset => "connection broken",
            Self::NewerConnection => "newer connection of the device",
            Self::Removed => "device removed from the registry",
            Self::Silence => "silent for one and a half keep-alives",
            Self::TokenExpired => "token expired",
            Self::NotLetIn => "not let in",
            Self::Malformed => "malformed packet",
            Self::Unexpected => "packet out of place",
            Self::Topic => "topic not a device's",
            Self::ExactlyOnce => "quality of service 2",
            Self::TooLong => "message too long",
            Self::TooManySubscriptions => "too many subscriptions",
            Self::Acknowledgement => "acknowledged out of order",
            Self::Throttled => "throttled for too long (429002)",
            Self::Storage => "could not store",
            Self::Stopping => "hub is stopping",
        }
    }
}

impl Connection {
    /// Says when to look again, or that its time is up.
    ///
    /// The token's expiry is on the wall clock, which may be set at any time: so it is looked at when it should come
    /// and with every packet, not waited for.
    ///
    /// # Errors
    /// How it ends.
    pub fn check(&self, moment: Moment) -> Result<Duration, Ending> {
        match self {
            Self::Greeting { until } if moment.now >= *until => Err(Ending::NotLetIn),
            Self::Greeting { until } => Ok(*until),
            // It goes on by the throttle's own alarm.
            Self::Waiting { until, .. } => Ok(*until + GREETING_LIMIT),
            Self::Open(live) => {
                // What a throttled connection says is not heard.
                let heard = live.held.as_ref().map_or(live.heard, |held| held.until.max(live.heard));
                let silent_at = heard + live.silence;
                if moment.now >= silent_at {
                    return Err(Ending::Silence);
                }
                match live.expires.duration_since(moment.wall_clock) {
                    Ok(left) if !left.is_zero() => Ok(silent_at.min(moment.now + left)),
                    _ => Err(Ending::TokenExpired),
                }
            }
        }
    }
}

/// Says how long a client with this keep-alive (seconds) may be silent.
pub fn silence_allowed(keep_alive: u16) -> Duration {
    match keep_alive {
        0 => LONGEST_SILENCE,
        seconds => (Duration::from_secs(seconds.into()) * 3 / 2).min(LONGEST_SILENCE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn moment(seconds: u64, wall: u64) -> Moment {
        let wall_clock = UNIX_EPOCH + Duration::from_secs(wall);
        Moment { now: Duration::from_secs(seconds), wall_clock }
    }

    fn live(expires: u64) -> Connection {
        Connection::Open(Live {
            device: "xyz".into(),
            session: 1,
            clean: false,
            filters: BTreeSet::new(),
            heard: Duration::from_secs(100),
            silence: silence_allowed(20),
            expires: UNIX_EPOCH + Duration::from_secs(expires),
            unanswered: 0,
            held: None,
            will: None,
        })
    }

    #[test]
    fn silence_of_one_and_a_half_keep_alives_ends_it() {
        assert_eq!(live(9000).check(moment(129, 0)), Ok(Duration::from_secs(130)));
        assert_eq!(live(9000).check(moment(130, 0)), Err(Ending::Silence));
    }

    #[test]
    fn silence_is_capped_also_for_clients_without_keep_alive() {
        assert_eq!(silence_allowed(1177), Duration::from_millis(1_765_500));
        assert_eq!(silence_allowed(1200), LONGEST_SILENCE);
        assert_eq!(silence_allowed(0), LONGEST_SILENCE);
    }

    #[test]
    fn a_tokens_expiry_on_the_wall_clock_ends_it() {
        assert_eq!(live(5010).check(moment(101, 5000)), Ok(Duration::from_secs(111)));
        assert_eq!(live(5010).check(moment(101, 5010)), Err(Ending::TokenExpired));
        assert_eq!(live(5010).check(moment(101, 9999)), Err(Ending::TokenExpired), "the clock was set forward");
    }

    #[test]
    fn who_does_not_say_who_they_are_are_shown_out() {
        let greeting = Connection::Greeting { until: Duration::from_secs(30) };
        assert_eq!(greeting.check(moment(29, 0)), Ok(Duration::from_secs(30)));
        assert_eq!(greeting.check(moment(30, 0)), Err(Ending::NotLetIn));
    }
}
