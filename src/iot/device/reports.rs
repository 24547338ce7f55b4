//! What a device reports about itself, and whether its hub knows.
use crate::wire::mqtt::{Packet, Publish};
use serde_json::{Value, json};
use std::time::Duration;

/// The reported property that counts a device's reports.
const NUMBER: &str = "number";
const ANSWERS: &str = "$iothub/twin/res/";

/// The filter under which answers about the twin come.
pub const TWIN_ANSWERS: &str = "$iothub/twin/res/#";

/// Reads from a twin's reported properties which of its reports a built-in device made last.
pub fn reported_number(reported: &Value) -> Option<u64> {
    reported.get(NUMBER)?.as_u64()
}

/// ```text
///  Nothing ──change──> Due ──send──> Asked ──answer──> Known
///                       ^              │                │
///                       └── change, or a session begins ┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is nothing to report yet.
    Nothing,
    Due,
    /// `changed`: it is out of date already.
    Asked {
        request: u64,
        number: u64,
        since: Duration,
        changed: bool,
    },
    /// The hub has it, or would not have it.
    Known,
}

/// Keeps one hub informed of the latest report: older ones are merged into it, so none is queued.
#[derive(Debug)]
pub struct Reports {
    number: u64,
    requests: u64,
    state: State,
}

impl Reports {
    /// Begins to count after `last`.
    pub fn new(last: u64) -> Self {
        Self { number: last, requests: 0, state: State::Nothing }
    }

    /// The device has changed; its new report's number.
    pub fn change(&mut self) -> u64 {
        self.number += 1;
        match &mut self.state {
            State::Asked { changed, .. } => *changed = true,
            state => *state = State::Due,
        }
        self.number
    }

    /// A session begins: a hub that the device comes to may never have heard of it, so it is told again.
    pub fn begin_again(&mut self) {
        if self.state != State::Nothing {
            self.state = State::Due;
        }
    }

    /// Takes what is to be sent now: the whole report, since the hub may have none of it.
    pub fn send(&mut self, now: Duration) -> Option<Packet> {
        if self.state != State::Due {
            return None;
        }
        self.requests += 1;
        self.state = State::Asked { request: self.requests, number: self.number, since: now, changed: false };
        let topic = format!("$iothub/twin/PATCH/properties/reported/?$rid={}", self.requests);
        let body = json!({ NUMBER: self.number, "software": crate::iot::agent::NAME });
        Some(Packet::Publish(Publish::at_most_once(topic, body.to_string())))
    }

    /// Takes a message from the hub. The number of the report that it says is known.
    pub fn answered(&mut self, publish: &Publish) -> Option<u64> {
        let (status, parameters) = publish.topic.strip_prefix(ANSWERS)?.split_once("/?")?;
        let State::Asked { request, number, changed, .. } = self.state else { return None };
        let rid = parameters.split('&').find_map(|pair| pair.strip_prefix("$rid="))?;
        if rid != request.to_string() {
            return None;
        }
        // Refused or throttled: it goes with the next change.
        self.state = if changed { State::Due } else { State::Known };
        (status == "204").then_some(number)
    }

    /// Says since when an answer is outstanding.
    pub fn waiting_since(&self) -> Option<Duration> {
        match self.state {
            State::Asked { since, .. } => Some(since),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(7);

    fn answer(status: u16, rid: u64) -> Publish {
        Publish::at_most_once(format!("$iothub/twin/res/{status}/?$rid={rid}&$version=3"), "")
    }

    fn body(packet: Option<Packet>) -> Value {
        let Some(Packet::Publish(publish)) = packet else { panic!("nothing was sent") };
        serde_json::from_slice(&publish.payload).unwrap()
    }

    #[test]
    fn a_change_is_sent_once_and_known_with_its_204() {
        let mut reports = Reports::new(0);
        assert_eq!(reports.send(NOW), None);
        assert_eq!(reports.change(), 1);
        assert_eq!(reported_number(&body(reports.send(NOW))), Some(1));
        assert_eq!(reports.send(NOW), None);
        assert_eq!(reports.waiting_since(), Some(NOW));
        assert_eq!(reports.answered(&answer(204, 1)), Some(1));
        assert_eq!(reports.waiting_since(), None);
    }

    #[test]
    fn what_changed_meanwhile_is_sent_after_the_answer() {
        let mut reports = Reports::new(0);
        reports.change();
        reports.send(NOW);
        reports.change();
        assert_eq!(reports.send(NOW), None);
        assert_eq!(reports.answered(&answer(204, 1)), Some(1), "the answer is for the older one");
        assert_eq!(reported_number(&body(reports.send(NOW))), Some(2));
    }

    #[test]
    fn each_session_is_told_again() {
        let mut reports = Reports::new(0);
        reports.begin_again();
        assert_eq!(reports.send(NOW), None, "there is nothing to report");
        reports.change();
        reports.send(NOW);
        reports.answered(&answer(204, 1));
        reports.begin_again();
        assert_eq!(reported_number(&body(reports.send(NOW))), Some(1));
    }

    #[test]
    fn an_answer_to_another_request_says_nothing() {
        let mut reports = Reports::new(41);
        reports.change();
        reports.send(NOW);
        reports.begin_again();
        reports.send(NOW);
        assert_eq!(reports.answered(&answer(204, 1)), None, "asked in a session that has ended");
        assert_eq!(reports.answered(&Publish::at_most_once("$iothub/methods/POST/echo/?$rid=2", "")), None);
        assert_eq!(reports.answered(&answer(429, 2)), None);
        assert_eq!(reports.waiting_since(), None);
    }
}
