//! `twin-converges`: both sides of a twin end up alike. Reported properties for now.
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::history::{Entry, Event, Power, Roster};
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "twin-converges",
    holds_when: "the last reported properties of every device are known to central",
    exercised_by: "a change",
    explanation: "Each change of a device's reported properties has a number that rises. Changes may be skipped, \
        as later ones replace them, but what central knows in the end must be the last one, and it may never know \
        one that the device did not make. What a device had reported, but not seen confirmed, when its machine \
        crashed or lost power is not owed. It is judged when the run has settled.",
    build: |roster, _| Box::new(TwinConverges::new(roster)),
};

/// One device's twin.
#[derive(Clone, Copy, Debug, Default)]
struct Twin {
    reported: Option<u64>,
    confirmed: Option<u64>,
    /// The least number that central must know.
    owed: Option<u64>,
    known: Option<u64>,
}

impl Twin {
    fn is_behind(&self) -> bool {
        self.known < self.owed
    }
}

struct TwinConverges {
    twins: Vec<Twin>,
}

impl TwinConverges {
    fn new(roster: &Roster) -> Self {
        Self { twins: vec![Twin::default(); roster.clients.len()] }
    }

    /// A machine that went down takes with it what it had not seen confirmed.
    fn forget(&mut self, entry: &Entry, scene: &Scene<'_>) {
        let Some(place) = scene.directory.place(&entry.host) else { return };
        for (index, twin) in self.twins.iter_mut().enumerate() {
            let host = scene.directory.host_of_client(crate::history::ClientId(index as u32));
            if host.is_some_and(|host| scene.directory.is_at(host, place)) {
                twin.owed = twin.confirmed;
            }
        }
    }
}

impl Invariant for TwinConverges {
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let (Event::Reported { client, number }
        | Event::ReportedConfirmed { client, number }
        | Event::ReportedKnown { client, number }) = &entry.event
        else {
            if let Event::Power { state: Power::Lost | Power::Crashed } = entry.event {
                self.forget(entry, scene);
            }
            return;
        };
        let Some(id) = scene.directory.client(client) else { return };
        let twin = &mut self.twins[id.index()];
        match &entry.event {
            Event::Reported { .. } => {
                twin.reported = Some(*number).max(twin.reported);
                twin.owed = twin.reported;
                tally.exercise(true);
            }
            Event::ReportedConfirmed { .. } => {
                twin.confirmed = Some(*number).max(twin.confirmed);
                twin.owed = twin.confirmed.max(twin.owed);
            }
            _ if Some(*number) > twin.reported => {
                let what = format!("central knows report #{number} of {client}, which never made it");
                tally.violate(Violation { at: entry.at, message: None, what, custody: Vec::new() });
            }
            _ => {
                let was_behind = twin.is_behind();
                twin.known = Some(*number);
                tally.check(u64::from(was_behind && !twin.is_behind()));
            }
        }
    }
    fn is_settled(&self, _scene: &Scene<'_>) -> bool {
        !self.twins.iter().any(Twin::is_behind)
    }
    fn finish(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        for (twin, client) in self.twins.iter().zip(&scene.roster.clients).filter(|(twin, _)| twin.is_behind()) {
            let number = |number: Option<u64>| number.map_or("none".to_owned(), |number| format!("#{number}"));
            let (owed, known) = (number(twin.owed), number(twin.known));
            let what = format!("the last report of {} is {owed}, central knows {known}", client.name);
            tally.violate(Violation { at: now, message: None, what, custody: Vec::new() });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::{Event, Power};
    use crate::invariant::story::Story;

    fn reported(number: u64) -> Event {
        Event::Reported { client: "xyz".into(), number }
    }
    fn confirmed(number: u64) -> Event {
        Event::ReportedConfirmed { client: "xyz".into(), number }
    }
    fn known(number: u64) -> Event {
        Event::ReportedKnown { client: "xyz".into(), number }
    }

    #[test]
    fn held_when_the_last_report_is_known_even_if_others_were_skipped() {
        let mut story = Story::of("twin-converges");
        story.tell("xyz", reported(1)).tell("xyz", reported(2)).tell("xyz", confirmed(2)).tell("central", known(2));
        story.ends().held(1);
    }

    #[test]
    fn violated_when_the_last_report_never_arrives() {
        let mut story = Story::of("twin-converges");
        story.tell("xyz", reported(1)).tell("central", known(1)).tell("xyz", reported(2));
        story.ends().violated("the last report of xyz is #2, central knows #1");
    }

    #[test]
    fn violated_when_an_old_report_overwrites_a_new_one() {
        let mut story = Story::of("twin-converges");
        story.tell("xyz", reported(1)).tell("xyz", reported(2));
        story.tell("central", known(2)).tell("central", known(1));
        story.ends().violated("the last report of xyz is #2, central knows #1");
    }

    #[test]
    fn violated_when_central_knows_what_was_never_reported() {
        let mut story = Story::of("twin-converges");
        story.tell("xyz", reported(1)).tell("central", known(1)).tell("central", known(7));
        story.ends().violated("central knows report #7 of xyz, which never made it");
    }

    #[test]
    fn what_was_not_confirmed_when_its_machine_lost_power_is_not_owed_but_what_was_confirmed_is() {
        let mut story = Story::of("twin-converges");
        story.tell("xyz", reported(1)).tell("xyz", confirmed(1)).tell("xyz", reported(2)).power("xyz", Power::Lost);
        story.tell("central", known(1));
        story.ends().held(1);
        let mut lost = Story::of("twin-converges");
        lost.tell("xyz", reported(1)).tell("xyz", confirmed(1)).power("xyz", Power::Lost);
        lost.ends().violated("the last report of xyz is #1, central knows none");
    }

    #[test]
    fn not_exercised_without_a_change() {
        let mut story = Story::of("twin-converges");
        story.session("hub-a", 1);
        story.ends().not_exercised();
    }
}
