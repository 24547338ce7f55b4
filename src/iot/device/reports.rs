//! What a device reports about itself, and whether its hub knows.
use crate::wire::mqtt::{Packet, Publish};
use serde_json::{Map, Value};
use std::time::Duration;

/// The reported property that counts a device's reports.
const NUMBER: &str = "number";
const ANSWERS: &str = "$iothub/twin/res/";

/// How long to wait when the hub is throttled or out of order.
const RETRY: Duration = Duration::from_secs(2);

/// The filter under which answers about the twin come.
pub const TWIN_ANSWERS: &str = "$iothub/twin/res/#";

/// Reads from a twin's reported properties which of its reports a built-in device made last.
pub fn reported_number(reported: &Value) -> Option<u64> {
    reported.get(NUMBER)?.as_u64()
}

/// ```text
///  Nothing ──change──> Due ──send──> Asked ──answer──> Known
///                       ^              │                │
///                       ├── change, or a session begins ┤
///                       └── throttled: a little later ──┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is nothing to report yet.
    Nothing,
    Due {
        at: Duration,
    },
    /// `number`: of the device's own report in it. `changed`: it is out of date already.
    Asked {
        request: u64,
        number: Option<u64>,
        since: Duration,
        changed: bool,
    },
    /// The hub has it, or would not have it.
    Known,
}

/// Keeps one hub informed of the latest report, and of what the device follows of its desired properties: older ones
/// are merged into it, so none is queued.
#[derive(Debug)]
pub struct Reports {
    number: u64,
    /// It has made a report of its own in this boot.
    has_reported: bool,
    acknowledgements: Map<String, Value>,
    requests: u64,
    state: State,
}

impl Reports {
    /// Begins to count after `last`.
    pub fn new(last: u64) -> Self {
        Self { number: last, has_reported: false, acknowledgements: Map::new(), requests: 0, state: State::Nothing }
    }

    /// The device has changed; its new report's number.
    pub fn change(&mut self) -> u64 {
        self.number += 1;
        self.has_reported = true;
        self.outdate();
        self.number
    }

    /// The device follows desired properties: their acknowledgements, merged member by member; `null` takes one back.
    pub fn acknowledge(&mut self, acknowledgements: Map<String, Value>) {
        let known = |(key, value): (&String, &Value)| self.acknowledgements.get(key) == Some(value);
        if !acknowledgements.iter().all(known) {
            self.acknowledgements.extend(acknowledgements);
            self.outdate();
        }
    }

    /// A session begins: a hub that the device comes to may never have heard of it, so it is told again.
    pub fn begin_again(&mut self) {
        if self.state != State::Nothing {
            self.state = State::Due { at: Duration::ZERO };
        }
    }

    /// Says when to [`send`](Self::send).
    pub fn due(&self) -> Option<Duration> {
        match self.state {
            State::Due { at } => Some(at),
            _ => None,
        }
    }

    /// Takes what is to be sent now: the whole report, since the hub may have none of it.
    pub fn send(&mut self, now: Duration) -> Option<Packet> {
        self.due().filter(|at| now >= *at)?;
        self.requests += 1;
        let number = self.has_reported.then_some(self.number);
        self.state = State::Asked { request: self.requests, number, since: now, changed: false };
        let topic = format!("$iothub/twin/PATCH/properties/reported/?$rid={}", self.requests);
        let mut body = Map::new();
        if let Some(number) = number {
            body.insert(NUMBER.into(), number.into());
            body.insert("software".into(), crate::wire::agent::NAME.into());
        }
        // A member of the device's own that somebody desires as well stays the device's.
        self.acknowledgements.iter().for_each(|(key, value)| {
            body.entry(key).or_insert_with(|| value.clone());
        });
        let body = serde_json::to_vec(&body).expect("maps with text keys are always JSON");
        Some(Packet::Publish(Publish::at_most_once(topic, body)))
    }

    /// Takes a message from the hub. The number of the report that it says is known.
    pub fn answered(&mut self, now: Duration, publish: &Publish) -> Option<u64> {
        let (status, parameters) = publish.topic.strip_prefix(ANSWERS)?.split_once("/?")?;
        let State::Asked { request, number, changed, .. } = self.state else { return None };
        let rid = parameters.split('&').find_map(|pair| pair.strip_prefix("$rid="))?;
        if rid != request.to_string() {
            return None;
        }
        self.state = match status {
            _ if changed => State::Due { at: now },
            "429" => State::Due { at: now + RETRY },
            _ if status.starts_with('5') => State::Due { at: now + RETRY },
            // Known, or refused: then it goes with the next change.
            _ => State::Known,
        };
        if status != "204" {
            return None;
        }
        if !changed {
            self.acknowledgements.retain(|_, value| !value.is_null());
        }
        number
    }

    /// Says since when an answer is outstanding.
    pub fn waiting_since(&self) -> Option<Duration> {
        match self.state {
            State::Asked { since, .. } => Some(since),
            _ => None,
        }
    }

    fn outdate(&mut self) {
        match &mut self.state {
            State::Asked { changed, .. } => *changed = true,
            state => *state = State::Due { at: Duration::ZERO },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        assert_eq!(reports.answered(NOW, &answer(204, 1)), Some(1));
        assert_eq!(reports.waiting_since(), None);
    }

    #[test]
    fn what_changed_meanwhile_is_sent_after_the_answer() {
        let mut reports = Reports::new(0);
        reports.change();
        reports.send(NOW);
        reports.change();
        assert_eq!(reports.send(NOW), None);
        assert_eq!(reports.answered(NOW, &answer(204, 1)), Some(1), "the answer is for the older one");
        assert_eq!(reported_number(&body(reports.send(NOW))), Some(2));
    }

    #[test]
    fn each_session_is_told_again() {
        let mut reports = Reports::new(0);
        reports.begin_again();
        assert_eq!(reports.send(NOW), None, "there is nothing to report");
        reports.change();
        reports.send(NOW);
        reports.answered(NOW, &answer(204, 1));
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
        assert_eq!(reports.answered(NOW, &answer(204, 1)), None, "asked in a session that has ended");
        assert_eq!(reports.answered(NOW, &Publish::at_most_once("$iothub/methods/POST/echo/?$rid=2", "")), None);
        assert_eq!(reports.waiting_since(), Some(NOW));
    }

    #[test]
    fn a_throttled_report_is_made_again_a_little_later() {
        for status in [429, 503] {
            let mut reports = Reports::new(0);
            reports.change();
            reports.send(NOW);
            assert_eq!(reports.answered(NOW, &answer(status, 1)), None);
            assert_eq!((reports.waiting_since(), reports.send(NOW)), (None, None));
            assert_eq!(reported_number(&body(reports.send(NOW + RETRY))), Some(1));
        }
    }

    fn followed(members: Value) -> Map<String, Value> {
        members.as_object().unwrap().clone()
    }

    #[test]
    fn acknowledgements_are_told_also_when_nothing_else_is_and_again_in_each_session() {
        let mut reports = Reports::new(0);
        reports.acknowledge(followed(json!({ "fan": { "value": "on" } })));
        let told = json!({ "fan": { "value": "on" } });
        assert_eq!(body(reports.send(NOW)), told);
        assert_eq!(reports.answered(NOW, &answer(204, 1)), None, "it is no report of the device's own");
        reports.acknowledge(followed(json!({ "fan": { "value": "on" } })));
        assert_eq!(reports.send(NOW), None, "the hub knows");
        reports.begin_again();
        assert_eq!(body(reports.send(NOW)), told);
    }

    #[test]
    fn acknowledgements_go_with_the_report_and_are_taken_back_once() {
        let mut reports = Reports::new(0);
        reports.acknowledge(followed(json!({ "fan": 1, "lamp": 2, "number": 3 })));
        reports.change();
        let told = body(reports.send(NOW));
        assert_eq!((&told["fan"], &told["lamp"], reported_number(&told)), (&json!(1), &json!(2), Some(1)));
        reports.acknowledge(followed(json!({ "fan": null })));
        assert_eq!(reports.answered(NOW, &answer(204, 1)), Some(1));
        assert_eq!(body(reports.send(NOW)).get("fan"), Some(&Value::Null));
        reports.answered(NOW, &answer(204, 2));
        reports.begin_again();
        assert_eq!(body(reports.send(NOW)).get("fan"), None);
    }
}
