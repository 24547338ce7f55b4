//! Commands from the cloud: handled by the application one after the other, acknowledged in their order.
use crate::history::Event;
use crate::iot::knobs::AcksCommands;
use crate::iot::tag::tagged;
use crate::wire::mqtt::{Publish, Quality};
use percent_encoding::percent_decode_str;
use std::collections::VecDeque;
use std::time::Duration;

/// How many message ids are remembered. A hub keeps at most 50 commands for a device (Microsoft docs,
/// iot-hub-devguide-quotas-throttling), so no repeat comes later than this.
const REMEMBERED: usize = 100;

/// Names the filter under which a device's commands come (Microsoft docs, iot-hub-mqtt-support).
pub fn filter(device: &str) -> String {
    format!("devices/{device}/messages/devicebound/#")
}

/// What is to be done with commands.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Write into the history.
    Record(Event),
    /// Send the PUBACK: the hub may forget the command.
    Acknowledge(u16),
}

/// By what a repeat is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Identity {
    /// The sender's message id.
    Named(String),
    /// None was given: each one is another one.
    Unnamed(u64),
}

#[derive(Clone, Debug)]
struct Delivery {
    identity: Identity,
    /// To be acknowledged under this id. `None`: it was when it came, or needs none.
    packet: Option<u16>,
}

/// The commands of one boot.
///
/// ```text
///            its turn               handles-in is over           at the head
///  Delivered ────────> in handling ───────────────────> handled ────────────> (acknowledged)
///      │                                                   ^
///      └── a repeat of what was handled ───────────────────┘
/// ```
///
/// When a session ends, deliveries that were not acknowledged are forgotten, since the hub will repeat them; what the
/// application has in hand it goes on with, and knows its repeat.
#[derive(Debug)]
pub struct Commands {
    prefix: String,
    handles_in: Duration,
    acks: AcksCommands,
    deliveries: VecDeque<Delivery>,
    in_hand: Option<(Identity, Duration)>,
    handled: VecDeque<Identity>,
    unnamed: u64,
}

impl Commands {
    /// Begins with none. `handles_in`: what the application takes for each.
    pub fn new(device: &str, handles_in: Duration, acks: AcksCommands) -> Self {
        Self {
            prefix: filter(device).trim_end_matches('#').to_owned(),
            handles_in,
            acks,
            deliveries: VecDeque::new(),
            in_hand: None,
            handled: VecDeque::new(),
            unnamed: 0,
        }
    }

    /// Takes a message from the hub. `None`: it is no command.
    pub fn told(&mut self, now: Duration, publish: &Publish) -> Option<Vec<Step>> {
        let properties = publish.topic.strip_prefix(&self.prefix)?;
        let mut steps = Vec::new();
        let identity = match message_id(properties) {
            Some(id) => Identity::Named(id),
            None => {
                self.unnamed += 1;
                Identity::Unnamed(self.unnamed)
            }
        };
        steps.extend(event(&identity, |operation| Event::CommandDelivered { operation }));
        let packet = match publish.quality {
            Quality::AtLeastOnce { id, .. } => Some(id),
            _ => None,
        };
        match (self.acks, packet) {
            (AcksCommands::AfterHandling, Some(_)) => self.deliveries.push_back(Delivery { identity, packet }),
            (AcksCommands::BeforeHandling, _) | (_, None) => {
                if let Some(packet) = packet {
                    steps.push(Step::Acknowledge(packet));
                    steps.extend(event(&identity, |operation| Event::CommandAcked { operation }));
                }
                if !self.knows(&identity) {
                    self.deliveries.push_back(Delivery { identity, packet: None });
                }
            }
        }
        steps.extend(self.go_on(now));
        Some(steps)
    }

    /// The session has ended.
    pub fn ended(&mut self) {
        self.deliveries.retain(|delivery| delivery.packet.is_none());
    }

    /// Says when the application will have handled the one in hand.
    pub fn due(&self) -> Option<Duration> {
        self.in_hand.as_ref().map(|(_, until)| *until)
    }

    /// Says whether nothing is left to handle or to acknowledge.
    pub fn is_idle(&self) -> bool {
        self.in_hand.is_none() && self.deliveries.is_empty()
    }

    /// Looks at the clock: finishes the one in hand, acknowledges what is handled, begins with the next.
    pub fn go_on(&mut self, now: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some((identity, _)) = self.in_hand.take_if(|(_, until)| now >= *until) {
            steps.extend(event(&identity, |operation| Event::CommandHandled { operation }));
            if self.handled.len() == REMEMBERED {
                self.handled.pop_front();
            }
            self.handled.push_back(identity);
        }
        // Only the head is looked at: a hub takes PUBACKs in the order of its messages (OASIS MQTT 3.1.1, 4.6.0-2).
        while let Some(head) = self.deliveries.front() {
            if self.handled.contains(&head.identity) {
                if let Some(packet) = head.packet {
                    steps.push(Step::Acknowledge(packet));
                    steps.extend(event(&head.identity, |operation| Event::CommandAcked { operation }));
                }
                self.deliveries.pop_front();
            } else {
                if self.in_hand.is_none() {
                    self.in_hand = Some((head.identity.clone(), now + self.handles_in));
                }
                break;
            }
        }
        steps
    }

    fn knows(&self, identity: &Identity) -> bool {
        self.handled.contains(identity)
            || self.in_hand.as_ref().is_some_and(|(in_hand, _)| in_hand == identity)
            || self.deliveries.iter().any(|delivery| delivery.identity == *identity)
    }
}

/// Tells of a command, if it is one of the plan's.
fn event(identity: &Identity, tell: impl Fn(crate::history::OperationId) -> Event) -> Option<Step> {
    let Identity::Named(id) = identity else { return None };
    tagged(id).map(tell).map(Step::Record)
}

/// Finds `$.mid` among a topic's properties; both key and value are percent-encoded.
fn message_id(properties: &str) -> Option<String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(String::from);
    properties.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        if decoded(key)? == "$.mid" { decoded(value) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::OperationId;

    const SECOND: Duration = Duration::from_secs(1);

    fn commands(acks: AcksCommands) -> Commands {
        Commands::new("xyz", SECOND, acks)
    }

    fn command(operation: u32, packet: u16) -> Publish {
        let bag = format!("%24.to=%2Fdevices%2Fxyz&%24.mid=op-{operation}&method-name=blink");
        Publish::at_least_once(format!("devices/xyz/messages/devicebound/{bag}"), "{}", packet)
    }

    fn delivered(operation: u32) -> Step {
        Step::Record(Event::CommandDelivered { operation: OperationId(operation) })
    }
    fn handled(operation: u32) -> Step {
        Step::Record(Event::CommandHandled { operation: OperationId(operation) })
    }
    fn acked(operation: u32) -> Step {
        Step::Record(Event::CommandAcked { operation: OperationId(operation) })
    }

    #[test]
    fn commands_are_handled_one_after_the_other_and_acknowledged_when_they_are() {
        let mut commands = commands(AcksCommands::AfterHandling);
        assert_eq!(commands.told(SECOND, &command(1, 7)), Some(vec![delivered(1)]));
        assert_eq!(commands.told(SECOND, &command(2, 8)), Some(vec![delivered(2)]));
        assert_eq!(commands.due(), Some(2 * SECOND));
        assert_eq!(commands.go_on(SECOND * 3 / 2), []);
        assert_eq!(commands.go_on(2 * SECOND), [handled(1), Step::Acknowledge(7), acked(1)]);
        assert_eq!(commands.go_on(3 * SECOND), [handled(2), Step::Acknowledge(8), acked(2)]);
        assert!(commands.is_idle());
    }

    #[test]
    fn a_command_in_hand_when_its_session_ends_is_handled_once_and_its_repeat_acknowledged() {
        let mut commands = commands(AcksCommands::AfterHandling);
        commands.told(SECOND, &command(1, 7));
        commands.told(SECOND, &command(2, 8));
        commands.ended();
        assert_eq!(commands.go_on(2 * SECOND), [handled(1)], "nobody is left to tell; the second one is forgotten");
        let repeat = commands.told(5 * SECOND, &command(1, 1));
        assert_eq!(repeat, Some(vec![delivered(1), Step::Acknowledge(1), acked(1)]));
        assert_eq!(commands.told(5 * SECOND, &command(2, 2)), Some(vec![delivered(2)]));
        assert_eq!(commands.go_on(6 * SECOND), [handled(2), Step::Acknowledge(2), acked(2)]);
    }

    #[test]
    fn a_repeat_that_comes_while_it_is_in_hand_is_acknowledged_when_it_is_handled() {
        let mut commands = commands(AcksCommands::AfterHandling);
        commands.told(SECOND, &command(1, 7));
        commands.ended();
        assert_eq!(commands.told(SECOND * 3 / 2, &command(1, 9)), Some(vec![delivered(1)]));
        assert_eq!(commands.go_on(2 * SECOND), [handled(1), Step::Acknowledge(9), acked(1)]);
    }

    #[test]
    fn a_repeat_behind_a_new_command_waits_for_its_turn() {
        let mut commands = commands(AcksCommands::AfterHandling);
        commands.told(SECOND, &command(1, 7));
        commands.go_on(2 * SECOND);
        commands.told(3 * SECOND, &command(2, 8));
        assert_eq!(commands.told(3 * SECOND, &command(1, 9)), Some(vec![delivered(1)]));
        let both = [handled(2), Step::Acknowledge(8), acked(2), Step::Acknowledge(9), acked(1)];
        assert_eq!(commands.go_on(4 * SECOND), both);
    }

    #[test]
    fn with_the_knob_a_command_is_acknowledged_before_it_is_handled() {
        let mut commands = commands(AcksCommands::BeforeHandling);
        let first = commands.told(SECOND, &command(1, 7));
        assert_eq!(first, Some(vec![delivered(1), Step::Acknowledge(7), acked(1)]));
        let second = commands.told(SECOND, &command(2, 8));
        assert_eq!(second, Some(vec![delivered(2), Step::Acknowledge(8), acked(2)]));
        commands.ended();
        assert_eq!(commands.go_on(2 * SECOND), [handled(1)]);
        assert_eq!(commands.go_on(3 * SECOND), [handled(2)], "the hub would not repeat it");
        let repeat = commands.told(4 * SECOND, &command(2, 1));
        assert_eq!(repeat, Some(vec![delivered(2), Step::Acknowledge(1), acked(2)]));
        assert!(commands.is_idle());
    }

    #[test]
    fn commands_of_others_are_handled_and_are_nobodys_operation() {
        let mut commands = commands(AcksCommands::AfterHandling);
        let nameless = Publish::at_least_once("devices/xyz/messages/devicebound/", "", 3);
        assert_eq!(commands.told(SECOND, &nameless), Some(vec![]));
        assert_eq!(commands.go_on(2 * SECOND), [Step::Acknowledge(3)]);
        let again = Publish::at_least_once("devices/xyz/messages/devicebound/", "", 4);
        assert_eq!(commands.told(2 * SECOND, &again), Some(vec![]), "without an id it is another one");
        assert_eq!(commands.due(), Some(3 * SECOND));
        let garbage = Publish::at_least_once("devices/xyz/messages/devicebound/%24.mid=%ff&&=", "", 5);
        assert_eq!(commands.told(2 * SECOND, &garbage), Some(vec![]));
        assert_eq!(commands.told(SECOND, &Publish::at_least_once("devices/abc/messages/devicebound/", "", 4)), None);
    }

    #[test]
    fn the_last_hundred_are_remembered() {
        let mut commands = commands(AcksCommands::AfterHandling);
        for operation in 0..=100 {
            let now = operation * SECOND;
            commands.told(now, &command(operation, 1));
            commands.go_on(now + SECOND);
        }
        assert_eq!(commands.told(200 * SECOND, &command(1, 1)).map(|steps| steps.len()), Some(3));
        assert_eq!(commands.told(200 * SECOND, &command(0, 2)), Some(vec![delivered(0)]), "too long ago");
    }
}
