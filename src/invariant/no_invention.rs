//! `no-invention`: nothing comes out that did not go in.
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::custody::{Receipt, Stranger, Turn};
use crate::history::{Entry, Event, Kind, Kinds, MessageId};

pub(super) const REGISTRATION: Registration = Registration {
    name: "no-invention",
    holds_when: "nothing is received that was not offered, or with other bytes, or where no route leads",
    exercised_by: "any receipt",
    explanation: "Each receipt must be of a message that its producer offered before, with the same bytes, at a \
        destination to which the plan has a route. Built-in messages carry their producer, number and checksum, so \
        that bytes which are nobody's are noticed as well. Bytes are compared while a message is open, that is \
        until it is confirmed and everybody entitled has it. A producer that offers one number twice is also \
        caught here: nobody could tell the two apart.",
    bounded: false,
    build: |_, _| Box::new(NoInvention),
};

struct NoInvention;

impl Invariant for NoInvention {
    fn wants(&self) -> Kinds {
        Kinds::of(&[Kind::Offered, Kind::Received, Kind::Unrecognised])
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let mut violate = |message: Option<MessageId>, what: String| {
            let custody = message.map(|message| scene.custody.of(message)).unwrap_or_default();
            tally.violate(Violation { at: entry.at, message, what, custody });
        };
        match (&entry.event, scene.turn) {
            (_, Turn::Received { message, destination, receipt }) => {
                let name = || scene.roster.message(message);
                let at = scene.roster.destination_name(destination);
                let wrong = match receipt {
                    Receipt::First { other_bytes: false, .. } | Receipt::Again { other_bytes: false, .. } => None,
                    Receipt::Unexpected(Stranger::NeverOffered) => {
                        Some(format!("{at} received {}, never offered", name()))
                    }
                    Receipt::Unexpected(Stranger::NoRoute) => {
                        Some(format!("{at} received {}, which has no route to it", name()))
                    }
                    _ => Some(format!("{at} received {} with other bytes than were offered", name())),
                };
                match wrong {
                    Some(what) => violate(Some(message), what),
                    None => tally.check(1),
                }
                tally.exercise(true);
            }
            (Event::Unrecognised { destination, .. }, _) => {
                let at = scene.roster.destination_name(*destination);
                violate(None, format!("{at} received bytes that no producer offered"));
            }
            (_, Turn::OfferedTwice { message }) => {
                violate(Some(message), format!("{} was offered twice", scene.roster.message(message)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::Event;
    use crate::invariant::story::{CENTRAL, Story, message};

    #[test]
    fn held_when_what_comes_out_went_in() {
        let mut story = Story::of("no-invention");
        story.offer(0).receive(0).receive(0).confirm(0);
        story.ends().held(2);
    }

    #[test]
    fn violated_by_a_message_that_was_never_offered() {
        let mut story = Story::of("no-invention");
        story.offer(0).receive(1);
        story.ends().violated("central received xyz/telemetry #1, never offered");
    }

    #[test]
    fn violated_by_other_bytes() {
        let mut story = Story::of("no-invention");
        story.offer(0).tell("central", Event::Received { message: message(0), destination: CENTRAL, digest: 666 });
        story.ends().violated("central received xyz/telemetry #0 with other bytes than were offered");
    }

    #[test]
    fn violated_by_other_bytes_the_second_time() {
        let mut story = Story::of("no-invention");
        story.offer(0).receive(0);
        story.tell("central", Event::Received { message: message(0), destination: CENTRAL, digest: 666 });
        story.ends().violated("central received xyz/telemetry #0 with other bytes than were offered");
    }

    #[test]
    fn violated_by_bytes_of_no_producer() {
        let mut story = Story::of("no-invention");
        story.tell("central", Event::Unrecognised { destination: CENTRAL, digest: 1 });
        story.ends().violated("central received bytes that no producer offered");
    }

    #[test]
    fn violated_by_a_number_offered_twice() {
        let mut story = Story::of("no-invention");
        story.offer(0).offer(0);
        story.ends().violated("xyz/telemetry #0 was offered twice");
    }

    #[test]
    fn not_exercised_without_a_receipt() {
        let mut story = Story::of("no-invention");
        story.offer(0).send(0).confirm(0);
        story.ends().not_exercised();
    }
}
