//! Direct methods: the application runs them, and the hub is answered while it still waits.
use crate::history::OperationId;
use crate::iot::knobs::MethodsAfterReconnect;
use crate::iot::tag::tagged;
use crate::wire::mqtt::{Publish, Quality};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const REQUESTS: &str = "$iothub/methods/POST/";

/// The filter under which requests come (Microsoft docs, iot-hub-mqtt-support).
pub const FILTER: &str = "$iothub/methods/POST/#";

/// The one method of the built-in application: it answers what it was given.
const ECHO: &str = "echo";

/// The most requests at once: callers wait 30 s by default, and an application has an end.
const MOST: usize = 1000;

#[derive(Clone, Debug)]
struct Request {
    rid: String,
    name: String,
    payload: Bytes,
}

/// ```text
///           handles-in is over            answer sent               PUBACK
///  Running ───────────────────> Answered ─────────────> Unconfirmed ───────> (gone)
///     │                                                     │
///     └── its session ends: it runs on, nobody is answered ─┴─> (forgotten)
/// ```
#[derive(Debug)]
struct Running {
    request: Request,
    done: Duration,
    /// Its session lives: somebody waits for the answer.
    asked_here: bool,
}

/// The method requests of one boot.
#[derive(Debug)]
pub struct Methods {
    handles_in: Duration,
    after_reconnect: MethodsAfterReconnect,
    running: VecDeque<Running>,
    answered: VecDeque<Request>,
    /// Sent at this time under a packet id, and not acknowledged.
    unconfirmed: BTreeMap<u16, (Request, Duration)>,
    /// The knob's: to be run again in the next session.
    again: VecDeque<Request>,
}

impl Methods {
    /// Begins with none. `handles_in`: what the application takes for each.
    pub fn new(handles_in: Duration, after_reconnect: MethodsAfterReconnect) -> Self {
        Self {
            handles_in,
            after_reconnect,
            running: VecDeque::new(),
            answered: VecDeque::new(),
            unconfirmed: BTreeMap::new(),
            again: VecDeque::new(),
        }
    }

    /// A session begins.
    pub fn began(&mut self, now: Duration) {
        for request in std::mem::take(&mut self.again) {
            self.run(now, request);
        }
    }

    /// The session has ended: whoever asked in it has had its time-out, or will.
    pub fn ended(&mut self) {
        let unconfirmed = std::mem::take(&mut self.unconfirmed).into_values().map(|(request, _)| request);
        let unanswered = unconfirmed.chain(self.answered.drain(..));
        match self.after_reconnect {
            MethodsAfterReconnect::Forgets => drop(unanswered),
            MethodsAfterReconnect::RunsAgain => {
                let running = self.running.iter().filter(|running| running.asked_here);
                self.again.extend(unanswered.chain(running.map(|running| running.request.clone())));
            }
        }
        self.running.iter_mut().for_each(|running| running.asked_here = false);
    }

    /// Takes a message from the hub; says whether it is a method request.
    pub fn told(&mut self, now: Duration, publish: &Publish) -> bool {
        let Some(rest) = publish.topic.strip_prefix(REQUESTS) else { return false };
        if let Some((name, rid)) = rest.split_once("/?$rid=")
            && self.running.len() < MOST
        {
            let (rid, name) = (rid.to_owned(), name.to_owned());
            self.run(now, Request { rid, name, payload: publish.payload.clone() });
        }
        true
    }

    /// Says when the application will have run one.
    pub fn due(&self) -> Option<Duration> {
        self.running.front().map(|running| running.done)
    }

    /// Looks at the clock: which operations the application has run since.
    pub fn go_on(&mut self, now: Duration) -> Vec<OperationId> {
        let mut ran = Vec::new();
        while let Some(Running { request, asked_here, .. }) = self.running.pop_front_if(|running| now >= running.done) {
            ran.extend(tagged(&request.rid));
            if asked_here {
                self.answered.push_back(request);
            }
        }
        ran
    }

    /// Says whether an answer waits to be sent.
    pub fn has_answer(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Takes the next answer, to be sent under this packet id (the Python SDK answers with QoS 1, too).
    pub fn send(&mut self, now: Duration, packet: u16) -> Option<Publish> {
        let request = self.answered.pop_front()?;
        let (status, payload) = match request.name.as_str() {
            ECHO => (200, request.payload.clone()),
            _ => (404, Bytes::from_static(b"null")),
        };
        let topic = format!("$iothub/methods/res/{status}/?$rid={}", request.rid);
        self.unconfirmed.insert(packet, (request, now));
        let quality = Quality::AtLeastOnce { id: packet, dup: false };
        Some(Publish { topic, payload, retain: false, quality })
    }

    /// Takes a PUBACK.
    pub fn acknowledged(&mut self, packet: u16) {
        self.unconfirmed.remove(&packet);
    }

    /// Says since when the oldest answer waits for its PUBACK.
    pub fn waiting_since(&self) -> Option<Duration> {
        self.unconfirmed.values().map(|(_, since)| *since).min()
    }

    /// Says whether nothing is left to run or to answer.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.answered.is_empty() && self.unconfirmed.is_empty()
    }

    fn run(&mut self, now: Duration, request: Request) {
        self.running.push_back(Running { request, done: now + self.handles_in, asked_here: true });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn methods(after_reconnect: MethodsAfterReconnect) -> Methods {
        Methods::new(SECOND, after_reconnect)
    }

    fn request(name: &str, rid: &str) -> Publish {
        Publish::at_most_once(format!("$iothub/methods/POST/{name}/?$rid={rid}"), r#"{"n":1}"#)
    }

    fn answer(status: u16, rid: &str, payload: &'static str, packet: u16) -> Option<Publish> {
        Some(Publish::at_least_once(format!("$iothub/methods/res/{status}/?$rid={rid}"), payload, packet))
    }

    #[test]
    fn echo_answers_what_it_was_given_and_other_methods_are_not_found() {
        let mut methods = methods(MethodsAfterReconnect::Forgets);
        assert!(methods.told(SECOND, &request("echo", "op-4")));
        assert!(methods.told(SECOND, &request("reboot", "1f")));
        assert_eq!((methods.due(), methods.go_on(SECOND)), (Some(2 * SECOND), vec![]));
        assert_eq!(methods.go_on(2 * SECOND), [OperationId(4)], "the other one is nobody's operation");
        assert_eq!(methods.send(2 * SECOND, 7), answer(200, "op-4", r#"{"n":1}"#, 7));
        assert_eq!(methods.send(3 * SECOND, 8), answer(404, "1f", "null", 8));
        assert_eq!(methods.waiting_since(), Some(2 * SECOND));
        methods.acknowledged(7);
        assert_eq!(methods.waiting_since(), Some(3 * SECOND));
        methods.acknowledged(8);
        assert!(methods.is_idle());
    }

    #[test]
    fn a_method_whose_session_ended_is_run_once_and_answers_nobody() {
        let mut methods = methods(MethodsAfterReconnect::Forgets);
        methods.told(SECOND, &request("echo", "op-4"));
        methods.ended();
        methods.began(SECOND * 3 / 2);
        assert_eq!(methods.go_on(2 * SECOND), [OperationId(4)]);
        assert!(!methods.has_answer() && methods.is_idle());
    }

    #[test]
    fn an_answer_that_was_not_acknowledged_is_forgotten_with_its_session() {
        let mut methods = methods(MethodsAfterReconnect::Forgets);
        methods.told(SECOND, &request("echo", "op-4"));
        methods.go_on(2 * SECOND);
        methods.send(2 * SECOND, 7);
        methods.ended();
        methods.began(9 * SECOND);
        assert!(methods.is_idle());
    }

    #[test]
    fn with_the_knob_whatever_may_not_have_been_answered_is_run_again_in_the_next_session() {
        let mut methods = methods(MethodsAfterReconnect::RunsAgain);
        methods.told(SECOND, &request("echo", "op-4"));
        methods.go_on(2 * SECOND);
        methods.send(2 * SECOND, 7);
        methods.told(2 * SECOND, &request("echo", "op-5"));
        methods.ended();
        assert_eq!(methods.go_on(3 * SECOND), [OperationId(5)], "it was in hand");
        assert_eq!(methods.due(), None);
        methods.began(9 * SECOND);
        assert_eq!(methods.go_on(10 * SECOND), [OperationId(4), OperationId(5)]);
        assert_eq!(methods.send(10 * SECOND, 1), answer(200, "op-4", r#"{"n":1}"#, 1));
    }

    #[test]
    fn other_topics_are_no_requests_and_a_request_without_an_id_cannot_be_answered() {
        let mut methods = methods(MethodsAfterReconnect::Forgets);
        assert!(!methods.told(SECOND, &Publish::at_most_once("$iothub/twin/res/200/?$rid=1", "")));
        assert!(methods.told(SECOND, &Publish::at_most_once("$iothub/methods/POST/echo", "")));
        assert!(methods.is_idle());
    }
}
