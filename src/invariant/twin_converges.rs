//! `twin-converges`: both sides of a twin end up alike.
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::history::{ClientId, Entry, Event, Kind, Kinds, Owes, Power, Roster};
use std::time::Duration;

pub(super) const REGISTRATION: Registration = Registration {
    name: "twin-converges",
    holds_when: "central knows the last reported properties of every device, and every device follows its last desired ones",
    exercised_by: "a change",
    explanation: "Each change has a number that rises, for each device and direction. Changes may be skipped, as later \
        ones replace them, but in the end the last one must be there. Reported properties: what central knows must be \
        the last report, and it may never know one that the device did not make; what a device had reported, but not \
        seen confirmed, when its machine crashed or lost power is not owed. Desired properties: the last change that \
        the operator saw accepted must be applied by the device's application, and central must know that it is. An \
        older change applied after a newer one must be put right; what an application had applied is forgotten with \
        its boot and must be applied again. Nobody may follow a change that was not asked for, and central may know \
        of none that the device never followed. A device whose machine is off in the end owes nothing. It is judged \
        when the run has settled.",
    bounded: false,
    build: |roster, _| Box::new(TwinConverges::new(roster)),
};

/// One device's reported properties.
#[derive(Clone, Copy, Debug, Default)]
struct Reports {
    made: Option<u64>,
    confirmed: Option<u64>,
    /// The least number that central must know.
    owed: Option<u64>,
    known: Option<u64>,
}

impl Reports {
    fn is_behind(&self) -> bool {
        self.known < self.owed
    }
}

/// One device's desired properties.
#[derive(Clone, Copy, Debug, Default)]
struct Wishes {
    /// How many changes the operator has asked for.
    asked: u64,
    accepted: Option<u64>,
    /// What the application of this boot follows.
    applied: Option<u64>,
    /// The greatest that it ever followed.
    followed: Option<u64>,
    known: Option<u64>,
}

impl Wishes {
    fn is_behind(&self) -> bool {
        self.applied < self.accepted || self.known < self.accepted
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Twin {
    reports: Reports,
    wishes: Wishes,
}

struct TwinConverges {
    twins: Vec<Twin>,
}

impl TwinConverges {
    fn new(roster: &Roster) -> Self {
        Self { twins: vec![Twin::default(); roster.clients.len()] }
    }

    /// A machine that went down takes with it what it had not seen confirmed, and what its application followed.
    fn forget(&mut self, entry: &Entry, by_accident: bool, scene: &Scene<'_>) {
        let Some(place) = scene.directory.place(&entry.host) else { return };
        for (index, twin) in self.twins.iter_mut().enumerate() {
            let host = scene.directory.host_of_client(ClientId(index as u32));
            if host.is_some_and(|host| scene.directory.is_at(host, place)) {
                twin.wishes.applied = None;
                if by_accident {
                    twin.reports.owed = twin.reports.confirmed;
                }
            }
        }
    }

    fn twin(&mut self, client: &str, scene: &Scene<'_>) -> Option<&mut Twin> {
        self.twins.get_mut(scene.directory.client(client)?.index())
    }
}

impl Invariant for TwinConverges {
    fn wants(&self) -> Kinds {
        Kinds::of(&[
            Kind::Reported,
            Kind::ReportedConfirmed,
            Kind::ReportedKnown,
            Kind::Asked,
            Kind::DesiredAccepted,
            Kind::DesiredApplied,
            Kind::DesiredKnown,
            Kind::Power,
        ])
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        let invented = |what: String| Violation { at: entry.at, message: None, what, custody: Vec::new() };
        match &entry.event {
            Event::Reported { client, number } => {
                let Some(Twin { reports, .. }) = self.twin(client, scene) else { return };
                reports.made = Some(*number).max(reports.made);
                reports.owed = reports.made;
                tally.exercise(true);
            }
            Event::ReportedConfirmed { client, number } => {
                let Some(Twin { reports, .. }) = self.twin(client, scene) else { return };
                reports.confirmed = Some(*number).max(reports.confirmed);
                reports.owed = reports.confirmed.max(reports.owed);
            }
            Event::ReportedKnown { client, number } => {
                let Some(Twin { reports, .. }) = self.twin(client, scene) else { return };
                if Some(*number) > reports.made {
                    let what = format!("central knows report #{number} of {client}, which never made it");
                    tally.violate(invented(what));
                    return;
                }
                let was_behind = reports.is_behind();
                reports.known = Some(*number);
                tally.check(u64::from(was_behind && !reports.is_behind()));
            }
            Event::Asked { operation } => {
                let planned = scene.roster.operations.get(operation.index());
                let Some(planned) = planned.filter(|planned| planned.owes == Owes::Desired) else { return };
                let Some(Twin { wishes, .. }) = self.twin(&planned.client, scene) else { return };
                wishes.asked += 1;
            }
            Event::DesiredAccepted { client, number } => {
                let Some(Twin { wishes, .. }) = self.twin(client, scene) else { return };
                let was_behind = wishes.is_behind();
                wishes.accepted = Some(*number).max(wishes.accepted);
                tally.check(u64::from(!was_behind && !wishes.is_behind()));
                tally.exercise(true);
            }
            Event::DesiredApplied { client, number } => {
                let Some(Twin { wishes, .. }) = self.twin(client, scene) else { return };
                if *number > wishes.asked {
                    tally.violate(invented(format!("{client} follows change #{number}, which nobody asked for")));
                    return;
                }
                let was_behind = wishes.is_behind();
                wishes.applied = Some(*number);
                wishes.followed = wishes.applied.max(wishes.followed);
                tally.check(u64::from(was_behind && !wishes.is_behind()));
            }
            Event::DesiredKnown { client, number } => {
                let Some(Twin { wishes, .. }) = self.twin(client, scene) else { return };
                if Some(*number) > wishes.followed {
                    let what = format!("central knows that {client} follows change #{number}, which it never did");
                    tally.violate(invented(what));
                    return;
                }
                let was_behind = wishes.is_behind();
                wishes.known = Some(*number);
                tally.check(u64::from(was_behind && !wishes.is_behind()));
            }
            Event::Power { state: state @ (Power::Lost | Power::Crashed | Power::Stopped) } => {
                self.forget(entry, *state != Power::Stopped, scene);
            }
            _ => {}
        }
    }
    fn is_settled(&self, scene: &Scene<'_>) -> bool {
        let behind =
            |(index, twin): (usize, &Twin)| twin.reports.is_behind() || twin.wishes.is_behind() && is_up(index, scene);
        !self.twins.iter().enumerate().any(behind)
    }
    fn finish(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        let number = |number: Option<u64>| number.map_or("none".to_owned(), |number| format!("#{number}"));
        for (index, (Twin { reports, wishes }, client)) in self.twins.iter().zip(&scene.roster.clients).enumerate() {
            let mut owes = |what: String| {
                tally.violate(Violation { at: now, message: None, what, custody: Vec::new() });
            };
            let name = &client.name;
            if reports.is_behind() {
                let (owed, known) = (number(reports.owed), number(reports.known));
                owes(format!("the last report of {name} is {owed}, central knows {known}"));
            }
            if !wishes.is_behind() || !is_up(index, scene) {
                continue;
            }
            let (accepted, applied) = (number(wishes.accepted), number(wishes.applied));
            owes(if wishes.applied < wishes.accepted {
                format!("the last change for {name} is {accepted}, it follows {applied}")
            } else {
                let known = number(wishes.known);
                format!("{name} follows its last change {accepted}, central knows of {known}")
            });
        }
    }
}

fn is_up(client: usize, scene: &Scene<'_>) -> bool {
    let host = scene.directory.host_of_client(ClientId(client as u32));
    host.is_some_and(|host| scene.outages.is_up(host))
}

#[cfg(test)]
mod tests {
    use crate::history::{Event, Power};
    use crate::invariant::story::{DESIRED, Story};

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

    fn accepted(number: u64) -> Event {
        Event::DesiredAccepted { client: "xyz".into(), number }
    }
    fn applied(number: u64) -> Event {
        Event::DesiredApplied { client: "xyz".into(), number }
    }
    fn followed(number: u64) -> Event {
        Event::DesiredKnown { client: "xyz".into(), number }
    }
    /// The operator has asked for two changes, and both were accepted.
    fn wished() -> Story {
        let mut story = Story::of("twin-converges");
        story.ask(DESIRED[0]).tell("operator", accepted(1)).ask(DESIRED[1]).tell("operator", accepted(2));
        story
    }

    #[test]
    fn held_when_the_last_change_is_followed_and_known_even_if_others_were_skipped() {
        wished().tell("xyz", applied(2)).tell("central", followed(2)).ends().held(1);
    }

    #[test]
    fn held_when_the_device_was_faster_than_the_answer() {
        let mut story = Story::of("twin-converges");
        story.ask(DESIRED[0]).tell("xyz", applied(1)).tell("central", followed(1)).tell("operator", accepted(1));
        story.ends().held(1);
    }

    #[test]
    fn violated_when_the_last_change_is_never_followed_or_never_known() {
        wished().tell("xyz", applied(1)).ends().violated("the last change for xyz is #2, it follows #1");
        let mut unknown = wished();
        unknown.tell("xyz", applied(2));
        unknown.ends().violated("xyz follows its last change #2, central knows of none");
    }

    #[test]
    fn an_older_change_followed_after_a_newer_one_must_be_put_right() {
        let mut story = wished();
        story.tell("xyz", applied(2)).tell("central", followed(2)).tell("xyz", applied(1));
        story.ends().violated("the last change for xyz is #2, it follows #1");

        let mut mended = wished();
        mended.tell("xyz", applied(2)).tell("central", followed(2)).tell("xyz", applied(1)).tell("xyz", applied(2));
        mended.ends().held(2);
    }

    #[test]
    fn what_was_followed_is_forgotten_with_the_boot_unless_the_machine_stays_off() {
        let mut story = wished();
        story.tell("xyz", applied(2)).tell("central", followed(2)).power("xyz", Power::Crashed);
        story.power("xyz", Power::On).ends().violated("the last change for xyz is #2, it follows none");
        let mut off = wished();
        off.power("xyz", Power::Lost).ends().held(0);
    }

    #[test]
    fn violated_when_a_change_is_followed_that_nobody_asked_for_or_known_that_was_never_followed() {
        let mut story = Story::of("twin-converges");
        story.ask(DESIRED[0]).tell("xyz", applied(2));
        story.ends().violated("xyz follows change #2, which nobody asked for");
        let mut known = Story::of("twin-converges");
        known.ask(DESIRED[0]).tell("xyz", applied(1)).tell("central", followed(2));
        known.ends().violated("central knows that xyz follows change #2, which it never did");
    }

    #[test]
    fn not_exercised_without_a_change() {
        let mut story = Story::of("twin-converges");
        story.session("hub-a", 1);
        story.ends().not_exercised();
    }
}
