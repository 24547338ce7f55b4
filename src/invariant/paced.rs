//! `paced`: clients that are refused do not hammer.
use super::{Invariant, Pace, Registration, Scene, Tally, Violation};
use crate::history::{Entry, Event, Kind, Kinds, Name, Roster};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const CLIENT_WINDOW: Duration = Duration::from_secs(10);
const SERVICE_WINDOW: Duration = Duration::from_secs(1);

pub(super) const REGISTRATION: Registration = Registration {
    name: "paced",
    holds_when: "a client connects at most 10 times in 10 s, and a service sees at most 2 x clients + 20 arrivals a second",
    exercised_by: "a refused attempt",
    explanation: "Every attempt to connect counts, whatever becomes of it, in a sliding window. The limit of a \
        service grows with the clients of the plan: after an attack all of them may come at once, twice, but not in \
        a loop. One burst is one violation: after it the window begins anew. A client without back-off breaks the \
        first limit, a fleet without jitter and back-off the second.",
    bounded: false,
    build: |roster, rules| Box::new(Paced::new(roster, rules.pace)),
};

struct Paced {
    pace: Pace,
    per_service: usize,
    by_client: BTreeMap<Name, Window>,
    by_service: BTreeMap<Name, Window>,
}

impl Paced {
    fn new(roster: &Roster, pace: Pace) -> Self {
        let per_service = pace.per_service_and_client * roster.clients.len() + pace.per_service;
        Self { pace, per_service, by_client: BTreeMap::new(), by_service: BTreeMap::new() }
    }
}

/// When the latest attempts were made.
#[derive(Clone, Debug, Default)]
struct Window(VecDeque<Duration>);

impl Window {
    /// Adds one; says whether there are now more than `most` in the window, which then begins anew.
    fn overflows(&mut self, now: Duration, window: Duration, most: usize) -> bool {
        while self.0.front().is_some_and(|first| *first + window <= now) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        let overflows = self.0.len() > most;
        if overflows {
            self.0.clear();
        }
        overflows
    }
}

fn window<'a>(windows: &'a mut BTreeMap<Name, Window>, name: &Name) -> &'a mut Window {
    if !windows.contains_key(name) {
        windows.insert(name.clone(), Window::default());
    }
    windows.entry(name.clone()).or_default()
}

impl Invariant for Paced {
    fn wants(&self) -> Kinds {
        Kinds::of(&[Kind::Connecting, Kind::Refused])
    }
    fn see(&mut self, entry: &Entry, _scene: &Scene<'_>, tally: &mut Tally) {
        match &entry.event {
            Event::Connecting { client, service } => {
                let (most, most_here) = (self.pace.per_client, self.per_service);
                let mut hasty = Vec::new();
                if window(&mut self.by_client, client).overflows(entry.at, CLIENT_WINDOW, most) {
                    hasty.push(format!("{client} connected more than {most} times in 10 s"));
                }
                if window(&mut self.by_service, service).overflows(entry.at, SERVICE_WINDOW, most_here) {
                    hasty.push(format!("{service} saw more than {most_here} arrivals in a second"));
                }
                tally.check(u64::from(hasty.is_empty()));
                for what in hasty {
                    tally.violate(Violation { at: entry.at, message: None, what, custody: Vec::new() });
                }
            }
            Event::Refused { .. } => tally.exercise(true),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::history::Event;
    use crate::invariant::story::Story;

    fn connects(story: &mut Story, client: &str, times: u64, gap_ms: u64) {
        for _ in 0..times {
            let event = Event::Connecting { client: client.into(), service: "hub-a".into() };
            story.after_ms(gap_ms).tell(client, event);
        }
    }

    #[test]
    fn held_when_a_refused_client_connects_ten_times_in_ten_seconds() {
        let mut story = Story::of("paced");
        connects(&mut story, "xyz", 30, 1000);
        story.refused("xyz", "hub-a");
        story.ends().held(30);
    }

    #[test]
    fn violated_by_the_eleventh_attempt() {
        let mut story = Story::of("paced");
        connects(&mut story, "xyz", 11, 900);
        story.ends().violated("xyz connected more than 10 times in 10 s");
    }

    #[test]
    fn violated_when_a_service_sees_more_arrivals_than_its_clients_explain() {
        let mut story = Story::of("paced");
        // Three clients are in the plan: 26 arrivals a second are allowed.
        for stranger in 0..26 {
            connects(&mut story, &format!("stranger-{stranger}"), 1, 1);
        }
        let mut another = Story::of("paced");
        story.ends().not_exercised_but_checked(26);
        for stranger in 0..27 {
            connects(&mut another, &format!("stranger-{stranger}"), 1, 1);
        }
        another.ends().violated("hub-a saw more than 26 arrivals in a second");
    }

    #[test]
    fn not_exercised_when_nobody_was_refused() {
        let mut story = Story::of("paced");
        connects(&mut story, "xyz", 5, 1000);
        story.ends().not_exercised_but_checked(5);
    }
}
