//! `method-answered`: whoever calls a method is told what came of it, and it did not run twice.
use super::bounds::Bounds;
use super::{Invariant, Registration, Scene, Tally, Violation};
use crate::history::{
    Client, Disturbance, Entry, Event, HostId, Kind, Kinds, Operation, OperationId, Outages, Owes, Power, Roster,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long after the time-out the operator may wait for an answer, with a second for timers.
const AFTER_TIME_OUT: Duration = Duration::from_secs(31);
/// What was troubled so shortly before the call may not be at work yet.
const SHORTLY: Duration = Duration::from_secs(30);

pub(super) const REGISTRATION: Registration = Registration {
    name: "method-answered",
    holds_when: "each method is answered within its time-out and 30 s, and run at most once",
    exercised_by: "a method",
    explanation: "The operator calls a method through central, and central through the device's hub. Any answer with \
        a status is one: the device's own, that it is not online (404103), that it did not answer in time (504101). \
        That there was none (status 0) counts only if there was trouble between operator, central, the hubs and the \
        device, from 30 s before the call until then: otherwise a service kept silent. An operator that lost its \
        power or was stopped waits no more, and the time does not run while it is frozen. However often a request is \
        sent, the device's application may run the method once: a second run is a violation, whatever was answered.",
    bounded: false,
    build: |roster, _| Box::new(MethodAnswered::new(roster)),
};

struct MethodAnswered {
    /// The plan has a method.
    is_promised: bool,
    bounds: Bounds,
    open: BTreeMap<u32, Call>,
    /// What went wrong or was put right within the last [`SHORTLY`].
    recent: VecDeque<(Duration, Disturbance)>,
}

/// One call that waits for its answer.
#[derive(Clone, Debug)]
struct Call {
    operator: HostId,
    path: Vec<HostId>,
    /// There has been trouble on its path.
    troubled: bool,
}

impl MethodAnswered {
    fn new(roster: &Roster) -> Self {
        let is_promised = roster.operations.iter().any(|planned| matches!(planned.owes, Owes::Answer { .. }));
        Self { is_promised, bounds: Bounds::new(AFTER_TIME_OUT), open: BTreeMap::new(), recent: VecDeque::new() }
    }

    fn asked(&mut self, now: Duration, operation: OperationId, scene: &Scene<'_>, tally: &mut Tally) {
        let Some((planned, time_out)) = method(operation, scene) else { return };
        let Some(operator) = scene.directory.host(&planned.host) else { return };
        tally.exercise(true);
        let path = path(planned, scene);
        self.forget(now);
        let troubled = scene.outages.is_troubled_among(&path)
            || self.recent.iter().any(|(_, disturbance)| scene.outages.touches(*disturbance, &path));
        self.open.insert(operation.0, Call { operator, path, troubled });
        self.bounds.start_own(operation.0, time_out + AFTER_TIME_OUT, now, scene.outages.is_up(operator));
    }

    fn answered(&mut self, entry: &Entry, operation: OperationId, scene: &Scene<'_>, tally: &mut Tally) {
        let Some(call) = self.open.remove(&operation.0) else { return };
        self.bounds.stop(operation.0);
        let Event::Answered { status, message, .. } = &entry.event else { return };
        if *status != 0 || call.troubled {
            tally.check(1);
            return;
        }
        let Operation { name, client, .. } = &scene.roster.operations[operation.index()];
        let what = format!("{name} of {client} had no answer ({message}) though nothing was in the way");
        tally.violate(violation(entry.at, operation, what, scene));
    }

    fn ran(&mut self, now: Duration, operation: OperationId, scene: &Scene<'_>, tally: &mut Tally) {
        let runs = scene.custody.operations().of(operation).map_or(0, |asking| asking.runs);
        if let (2.., Some((Operation { name, client, .. }, _))) = (runs, method(operation, scene)) {
            tally.violate(violation(now, operation, format!("{client} ran {name} {runs} times"), scene));
        }
    }

    fn forget(&mut self, now: Duration) {
        while self.recent.front().is_some_and(|(at, _)| *at + SHORTLY < now) {
            self.recent.pop_front();
        }
    }

    fn disturbed(&mut self, now: Duration, scene: &Scene<'_>) {
        let Some(disturbance) = scene.disturbance else { return };
        self.forget(now);
        self.recent.push_back((now, disturbance));
        for (operation, call) in &mut self.open {
            call.troubled |= scene.outages.touches(disturbance, &call.path);
            self.bounds.path(*operation, now, scene.outages.is_up(call.operator), false);
        }
    }

    /// An operator that is gone waits for nothing.
    fn gone(&mut self, entry: &Entry, scene: &Scene<'_>) {
        let Some(place) = scene.directory.place(&entry.host) else { return };
        let (bounds, open) = (&mut self.bounds, &mut self.open);
        open.retain(|operation, call| {
            let gone = scene.directory.is_at(call.operator, place);
            if gone {
                bounds.stop(*operation);
            }
            !gone
        });
    }
}

impl Invariant for MethodAnswered {
    fn wants(&self) -> Kinds {
        if !self.is_promised {
            return Kinds::NONE;
        }
        Kinds::of(&[Kind::Asked, Kind::Answered, Kind::MethodRun]).and(Outages::KINDS)
    }
    fn see(&mut self, entry: &Entry, scene: &Scene<'_>, tally: &mut Tally) {
        match &entry.event {
            Event::Asked { operation } => self.asked(entry.at, *operation, scene, tally),
            Event::Answered { operation, .. } => self.answered(entry, *operation, scene, tally),
            Event::MethodRun { operation } => self.ran(entry.at, *operation, scene, tally),
            Event::Power { state: Power::Lost | Power::Crashed | Power::Stopped } => self.gone(entry, scene),
            _ => {}
        }
        self.disturbed(entry.at, scene);
    }
    fn expire(&mut self, now: Duration, scene: &Scene<'_>, tally: &mut Tally) {
        for (operation, at) in self.bounds.expired(now) {
            self.open.remove(&operation);
            let Operation { name, client, .. } = &scene.roster.operations[operation as usize];
            let what = format!("{name} of {client} was never answered: not even that there is no answer");
            tally.violate(violation(at, OperationId(operation), what, scene));
        }
    }
    fn next_deadline(&self) -> Option<Duration> {
        self.bounds.next_deadline()
    }
    fn is_settled(&self, _scene: &Scene<'_>) -> bool {
        self.bounds.is_settled()
    }
}

/// A method of the plan with its time-out.
fn method<'a>(operation: OperationId, scene: &Scene<'a>) -> Option<(&'a Operation, Duration)> {
    let planned = scene.roster.operations.get(operation.index())?;
    match planned.owes {
        Owes::Answer { time_out } => Some((planned, time_out)),
        _ => None,
    }
}

/// Everybody a call may run through: who asks, who is asked, the services that the device needs, the device.
fn path(operation: &Operation, scene: &Scene<'_>) -> Vec<HostId> {
    let ends = [&operation.host, &operation.service].map(|name| scene.directory.host(name));
    let client = scene.directory.client(&operation.client);
    let device = client.and_then(|client| scene.directory.host_of_client(client));
    let needs = client.map(|client| &scene.roster.clients[client.index()]).map(|Client { needs, .. }| needs);
    let services = needs.into_iter().flatten().flat_map(|group| scene.directory.hosts(group));
    ends.into_iter().flatten().chain(device).chain(services).collect()
}

fn violation(at: Duration, operation: OperationId, what: String, scene: &Scene<'_>) -> Violation {
    let asking = scene.custody.operations().of(operation);
    let custody = asking.map(|asking| asking.entries().to_vec()).unwrap_or_default();
    Violation { at, message: None, what, custody }
}

#[cfg(test)]
mod tests {
    use crate::history::{Event, Power};
    use crate::invariant::story::{METHOD, Story};

    const SILENCE: &str = "method echo of xyz had no answer (in words) though nothing was in the way";

    fn run() -> Event {
        Event::MethodRun { operation: METHOD }
    }
    /// Everybody is at work when the operator calls a method with 30 s for its answer.
    fn called() -> Story {
        let mut story = Story::of("method-answered");
        story.session("hub-a", 1).after(60).ask(METHOD);
        story
    }

    #[test]
    fn held_by_any_answer_in_time() {
        for status in [200, 404, 504] {
            called().tell("xyz", run()).after(60).answer(METHOD, status).ends().held(1);
        }
    }

    #[test]
    fn violated_when_there_is_no_word_within_the_time_out_and_half_a_minute() {
        let mut story = called();
        story.after(62);
        story.ends().violated("method echo of xyz was never answered: not even that there is no answer");
    }

    #[test]
    fn violated_with_its_custody_when_the_method_runs_twice() {
        let mut story = called();
        story.tell("xyz", run()).answer(METHOD, 200).tell("xyz", run());
        story.ends().violated("xyz ran method echo 2 times").custody(&["Asked", "MethodRun", "Answered", "MethodRun"]);
    }

    #[test]
    fn silence_of_a_service_in_a_world_without_trouble_is_no_answer() {
        called().after(60).answer(METHOD, 0).ends().violated(SILENCE);
    }

    #[test]
    fn silence_is_explained_by_trouble_on_the_way_during_the_call_or_shortly_before() {
        called().cut("central", "hub-a").healed("central", "hub-a").answer(METHOD, 0).ends().held(1);
        let mut before = Story::of("method-answered");
        before.power("central", Power::Lost).after(100).power("central", Power::On).ask(METHOD).answer(METHOD, 0);
        before.ends().held(1);
        let mut long_before = Story::of("method-answered");
        long_before.power("central", Power::Lost).power("central", Power::On).after(60).ask(METHOD).answer(METHOD, 0);
        long_before.ends().violated(SILENCE);
        let mut elsewhere = called();
        elsewhere.power("central-2", Power::Lost).answer(METHOD, 0);
        elsewhere.ends().violated(SILENCE);
    }

    #[test]
    fn an_operator_that_is_gone_or_frozen_does_not_wait() {
        called().power("operator", Power::Lost).after(600).ends().held(0);
        let mut frozen = called();
        frozen
            .power("operator", Power::Frozen)
            .after(600)
            .power("operator", Power::Thawed)
            .after(59)
            .answer(METHOD, 200);
        frozen.ends().held(1);
    }

    #[test]
    fn not_exercised_when_no_method_was_called() {
        Story::of("method-answered").session("hub-a", 1).ends().not_exercised();
    }
}
