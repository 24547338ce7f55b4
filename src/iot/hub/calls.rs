//! Direct methods that devices were asked to run and have not answered.
use super::machine::{ConnectionId, RequestId};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a device has to answer when the caller does not say (Microsoft docs, iot-hub-devguide-direct-methods).
pub const DEFAULT_TIME: Duration = Duration::from_secs(30);

/// The longest a caller may give it; longer ones are cut to it.
pub const LONGEST_TIME: Duration = Duration::from_secs(300);

/// The most bytes of a method's payload (Microsoft docs, iot-hub-devguide-direct-methods).
pub const LARGEST_PAYLOAD: usize = 128 * 1024;

/// ```text
///          answered by its connection
///   open ──────────────────────────────> the answer
///     └── its time is over, or its connection ends ──> none
/// ```
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// By connection and request id on the wire.
    open: BTreeMap<(ConnectionId, String), Call>,
    last_number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    request: RequestId,
    until: Duration,
}

impl Calls {
    /// Gives a call its request id on the wire: the wished one, else a number in hex, as the real hub's.
    /// `None`: another call of that connection has the wished one.
    pub fn open(
        &mut self,
        to: ConnectionId,
        wished: Option<String>,
        request: RequestId,
        until: Duration,
    ) -> Option<String> {
        let rid = wished.unwrap_or_else(|| {
            loop {
                self.last_number += 1;
                let number = format!("{:x}", self.last_number);
                if !self.open.contains_key(&(to, number.clone())) {
                    break number;
                }
            }
        });
        let key = (to, rid.clone());
        if self.open.contains_key(&key) {
            return None;
        }
        self.open.insert(key, Call { request, until });
        Some(rid)
    }

    /// Takes an answer. Who waits for it; `None`: nobody does any more, or ever did.
    pub fn answered(&mut self, from: ConnectionId, rid: String) -> Option<RequestId> {
        self.open.remove(&(from, rid)).map(|call| call.request)
    }

    /// Takes the end of a connection. Who waits in vain.
    pub fn parted(&mut self, connection: ConnectionId) -> Vec<RequestId> {
        self.drop_where(|of, _| of == connection)
    }

    /// Drops the calls that have had their time. Who waits in vain.
    pub fn overdue(&mut self, now: Duration) -> Vec<RequestId> {
        self.drop_where(|_, call| call.until <= now)
    }

    /// When the next call will have had its time.
    pub fn alarm(&self) -> Option<Duration> {
        self.open.values().map(|call| call.until).min()
    }

    fn drop_where(&mut self, over: impl Fn(ConnectionId, &Call) -> bool) -> Vec<RequestId> {
        let gone = self.open.extract_if(.., |(of, _), call| over(*of, call));
        gone.map(|(_, call)| call.request).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_answer_finds_who_waits_for_it_once() {
        let mut calls = Calls::default();
        assert_eq!(calls.open(1, Some("op-4".into()), 7, at(30)), Some("op-4".into()));
        assert_eq!(calls.answered(1, "op-4".into()), Some(7));
        assert_eq!(calls.answered(1, "op-4".into()), None, "late");
        assert_eq!(calls.answered(1, "never".into()), None);
    }

    #[test]
    fn an_answer_over_another_connection_is_none() {
        let mut calls = Calls::default();
        let rid = calls.open(1, None, 7, at(30)).unwrap();
        assert_eq!(calls.answered(2, rid), None);
    }

    #[test]
    fn whoever_waits_learns_that_the_time_is_over_or_the_connection_gone() {
        let mut calls = Calls::default();
        calls.open(1, None, 7, at(30)).unwrap();
        calls.open(1, None, 8, at(20)).unwrap();
        calls.open(2, None, 9, at(40)).unwrap();
        assert_eq!(calls.alarm(), Some(at(20)));
        assert_eq!(calls.overdue(at(20)), [8]);
        assert_eq!(calls.parted(1), [7]);
        assert_eq!(calls.alarm(), Some(at(40)));
    }

    #[test]
    fn a_request_id_in_use_is_not_given_twice() {
        let mut calls = Calls::default();
        assert_eq!(calls.open(1, Some("1".into()), 7, at(30)), Some("1".into()));
        assert_eq!(calls.open(1, Some("1".into()), 8, at(30)), None);
        assert_eq!(calls.open(1, None, 9, at(30)), Some("2".into()), "1 is taken");
        assert_eq!(calls.open(2, Some("1".into()), 10, at(30)), Some("1".into()), "another connection's");
    }
}
