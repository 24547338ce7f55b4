//! The control plane: what operators ask of the provisioning service, and what they are told.
use super::desk::LetterBox;
use super::placement::{LONGEST_STAY, ManualError};
use crate::host::BoxFuture;
use crate::wire::http::{Request, Response};
use serde_json::Value;
use std::time::Duration;

/// How long a manual failover lasts when nobody says (README of Azure-Samples, iot-central-high-availability-clients).
const DEFAULT_STAY: Duration = Duration::from_secs(5 * 60);

/// What an operator asks about one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Describe its registration.
    Info,
    /// Send it to another hub for so long.
    FailOver(Duration),
    /// Call it home before that is over.
    FailBack,
}

/// Answers `GET /registrations/{id}` (Microsoft docs, Device Registration State - Get), and for IoT Central's commands
/// `POST /registrations/{id}/manual-failover?ttl-minutes=5` and `POST /registrations/{id}/manual-failback`: answered when
/// durable. Unknown devices 404; a second failover, and a failback without one, 409; no healthy hub to go to 503.
pub(super) fn answer(request: Request, desk: LetterBox) -> BoxFuture<'static, Response> {
    Box::pin(async move {
        let (device, wish) = match read(&request) {
            Ok(read) => read,
            Err(refusal) => return refusal,
        };
        match desk.wish(device.into(), wish).await {
            Some(Ok(told)) => Response::json(200, &told),
            Some(Err(error)) => Response::error(code(error), &error.to_string()),
            None => Response::error(503_000, "going down"),
        }
    })
}

fn read(request: &Request) -> Result<(&str, Wish), Response> {
    match (request.method.as_str(), request.segments().as_slice()) {
        ("GET", &["registrations", device]) => Ok((device, Wish::Info)),
        ("POST", &["registrations", device, "manual-failover"]) => match stay(request) {
            Some(stay) => Ok((device, Wish::FailOver(stay))),
            None => Err(Response::error(400_000, "ttl-minutes is not a whole number from 1 to 10080")),
        },
        ("POST", &["registrations", device, "manual-failback"]) => Ok((device, Wish::FailBack)),
        (_, ["registrations", _] | ["registrations", _, "manual-failover" | "manual-failback"]) => {
            Err(Response::error(405_000, "Method not allowed"))
        }
        _ => Err(Response::error(404_000, "Not found")),
    }
}

fn stay(request: &Request) -> Option<Duration> {
    let Some(text) = request.query.get("ttl-minutes") else { return Some(DEFAULT_STAY) };
    let minutes: u32 = text.parse().ok()?;
    let stay = Duration::from_secs(60) * minutes;
    (minutes > 0 && stay <= LONGEST_STAY).then_some(stay)
}

fn code(error: ManualError) -> u32 {
    match error {
        ManualError::Unknown => 404_201,
        ManualError::Away | ManualError::NotAway => 409_000,
        ManualError::NoHealthyHub => 503_000,
    }
}

/// What an operator is told.
pub(super) type Told = Result<Value, ManualError>;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(method: &str, target: &str) -> Result<Wish, u16> {
        let request = Request::new(method, target, "", "operator".into()).unwrap();
        read(&request).map(|(_, wish)| wish).map_err(|refusal| refusal.status)
    }

    #[test]
    fn a_manual_failover_lasts_five_minutes_or_as_many_as_are_asked_for() {
        let minutes = |n: u64| Ok(Wish::FailOver(Duration::from_secs(n * 60)));
        assert_eq!(asked("POST", "/registrations/xyz/manual-failover"), minutes(5));
        assert_eq!(asked("POST", "/registrations/xyz/manual-failover?ttl-minutes=1"), minutes(1));
        assert_eq!(asked("POST", "/registrations/xyz/manual-failover?ttl-minutes=10080"), minutes(10_080));
        for wrong in ["0", "10081", "-1", "1.5", "x", "", "99999999999"] {
            let target = format!("/registrations/xyz/manual-failover?ttl-minutes={wrong}");
            assert_eq!(asked("POST", &target), Err(400), "{wrong}");
        }
    }

    #[test]
    fn other_methods_and_paths_are_refused() {
        assert_eq!(asked("GET", "/registrations/xyz"), Ok(Wish::Info));
        assert_eq!(asked("POST", "/registrations/xyz/manual-failback"), Ok(Wish::FailBack));
        assert_eq!(asked("PUT", "/registrations/xyz"), Err(405));
        assert_eq!(asked("GET", "/registrations/xyz/manual-failback"), Err(405));
        assert_eq!(asked("GET", "/registrations/xyz/twin"), Err(404));
        assert_eq!(asked("GET", "/"), Err(404));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_is_read_without_a_panic(
            method in "GET|POST|PUT|\\PC{0,8}",
            target in "/registrations/\\PC{0,20}|/registrations/x/manual-failover\\?ttl-minutes=\\PC{0,20}|/\\PC{0,40}",
        ) {
            if let Ok(request) = Request::new(&method, &target, "", "operator".into()) {
                let _ = read(&request);
            }
        }
    }
}
