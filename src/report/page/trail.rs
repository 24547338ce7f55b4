//! The steps of each message and operation: where it was, when, and what was done with it there.
use super::sample::Sample;
use crate::history::{MessageId, OperationId};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What leaves a trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Message(MessageId),
    Operation(OperationId),
}

/// One step. Numbers are places in [`super::phrases::Phrases`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Duration,
    pub(super) host: u32,
    pub(super) phrase: u32,
}

/// Why a trail must not be left out. More than one may apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Note(u8);

impl Note {
    pub(super) const LOST: Self = Self(1);
    pub(super) const TWICE: Self = Self(2);
    pub(super) const LATE: Self = Self(4);
    pub(super) const GIVEN_UP: Self = Self(8);
    pub(super) const VIOLATED: Self = Self(16);

    pub(super) fn bits(self) -> u8 {
        self.0
    }
}

/// A message's or an operation's way, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    pub(super) steps: Vec<Step>,
    /// Steps that were too many.
    pub(super) more: u64,
}

/// The most steps of one trail: a message that is sent a thousand times shows nothing new after some dozens.
const MOST_STEPS: usize = 60;

/// So long after its last step a trail that is not open is at rest: its last ack has come.
const REST: Duration = Duration::from_secs(60);

/// All trails. Memory: those that are open or moved in the last minute, up to a limit, those of note, and a sample.
#[derive(Clone, Debug)]
pub(super) struct Trails {
    live: BTreeMap<Subject, Live>,
    /// When to look at a live one again.
    glances: VecDeque<(Duration, Subject)>,
    notes: BTreeMap<Subject, Note>,
    of_note: BTreeMap<Subject, Trail>,
    sample: Sample<(Subject, Trail)>,
    most_live: usize,
    /// Trails that there was no room to begin.
    refused: u64,
}

#[derive(Clone, Debug)]
struct Live {
    trail: Trail,
    last: Duration,
}

/// What is shown, and how much is not.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) trails: Vec<(Subject, Note, Trail)>,
    pub(super) left_out: u64,
}

impl Trails {
    /// Begins. `room`: about how many steps a page may have; `most_live`: how many trails may be open at once.
    pub(super) fn new(room: usize, most_live: usize) -> Self {
        Self {
            live: BTreeMap::new(),
            glances: VecDeque::new(),
            notes: BTreeMap::new(),
            of_note: BTreeMap::new(),
            sample: Sample::new(room),
            most_live,
            refused: 0,
        }
    }

    /// Adds a step.
    pub(super) fn step(&mut self, subject: Subject, step: Step) {
        if !self.live.contains_key(&subject) {
            // One of note goes on where it was.
            let before = self.of_note.remove(&subject);
            if before.is_none() && self.live.len() >= self.most_live {
                self.refused += u64::from(!self.notes.contains_key(&subject));
                return;
            }
            self.live.insert(subject, Live { trail: before.unwrap_or_default(), last: step.at });
            self.glances.push_back((step.at + REST, subject));
        }
        let Some(live) = self.live.get_mut(&subject) else { return };
        live.last = step.at;
        if live.trail.steps.len() < MOST_STEPS { live.trail.steps.push(step) } else { live.trail.more += 1 }
    }

    /// Keeps this one's trail, whatever else is left out.
    pub(super) fn note(&mut self, subject: Subject, note: Note) {
        self.notes.entry(subject).or_default().0 |= note.0;
    }

    /// Takes a note back: there are more notable ones.
    pub(super) fn forget(&mut self, subject: Subject, note: Note) {
        let Some(notes) = self.notes.get_mut(&subject) else { return };
        notes.0 &= !note.0;
        if *notes == Note::default() {
            self.notes.remove(&subject);
            if let Some(trail) = self.of_note.remove(&subject) {
                self.put_by(subject, trail);
            }
        }
    }

    /// Puts by what is at rest.
    pub(super) fn rest(&mut self, now: Duration, is_open: impl Fn(Subject) -> bool) {
        while let Some((due, subject)) = self.glances.front().copied().filter(|(due, _)| *due <= now) {
            self.glances.pop_front();
            let Some(live) = self.live.get(&subject) else { continue };
            if live.last + REST > now || is_open(subject) {
                self.glances.push_back((due + REST, subject));
            } else if let Some(live) = self.live.remove(&subject) {
                self.put_by(subject, live.trail);
            }
        }
    }

    fn put_by(&mut self, subject: Subject, trail: Trail) {
        if self.notes.contains_key(&subject) {
            self.of_note.insert(subject, trail);
        } else {
            let weight = trail.steps.len();
            self.sample.push((subject, trail), weight);
        }
    }

    /// Ends: everything is at rest. In the order of subjects.
    pub(super) fn finish(mut self) -> Shown {
        for (subject, live) in std::mem::take(&mut self.live) {
            self.put_by(subject, live.trail);
        }
        let left_out = self.refused + self.sample.left_out();
        let mut all = self.of_note;
        for (subject, trail) in self.sample.into_kept() {
            let whole = all.entry(subject).or_default();
            whole.more += trail.more;
            whole.steps.extend(trail.steps);
            // Of one that went on after it was at rest both parts may be here.
            whole.steps.sort_by_key(|step| step.at);
        }
        let noted = |subject: Subject| self.notes.get(&subject).copied().unwrap_or_default();
        let trails = all.into_iter().map(|(subject, trail)| (subject, noted(subject), trail)).collect();
        Shown { trails, left_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ProducerId;

    fn message(number: u64) -> Subject {
        Subject::Message(MessageId { producer: ProducerId(0), number })
    }
    fn step(at: u64) -> Step {
        Step { at: Duration::from_secs(at), host: 0, phrase: 0 }
    }
    fn shown(trails: Trails) -> (Vec<(Subject, usize)>, u64) {
        let shown = trails.finish();
        let trails = shown.trails.iter().map(|(subject, _, trail)| (*subject, trail.steps.len()));
        (trails.collect(), shown.left_out)
    }

    #[test]
    fn of_very_many_messages_a_sample_stays_and_all_that_are_of_note() {
        let mut trails = Trails::new(100, 1000);
        for number in 0..10_000 {
            trails.step(message(number), step(number));
            trails.step(message(number), step(number));
            if number % 1000 == 7 {
                trails.note(message(number), Note::TWICE);
            }
            trails.rest(Duration::from_secs(number), |_| false);
            assert!(trails.live.len() <= 62, "only the last minute is alive");
        }
        let (kept, left_out) = shown(trails);
        let of_note = (0..10).map(|n| (message(n * 1000 + 7), 2)).filter(|one| kept.contains(one)).count();
        assert_eq!(of_note, 10);
        assert!(kept.len() <= 60 && kept.len() > 20, "{}", kept.len());
        assert_eq!(kept.len() as u64 + left_out, 10_000);
    }

    #[test]
    fn an_open_message_keeps_its_trail_and_one_that_comes_back_goes_on() {
        let mut trails = Trails::new(1, 10);
        trails.step(message(0), step(0));
        trails.step(message(1), step(0));
        trails.note(message(1), Note::LATE);
        trails.rest(Duration::from_secs(500), |subject| subject == message(0));
        assert!(trails.live.contains_key(&message(0)) && !trails.live.contains_key(&message(1)));
        trails.step(message(1), step(501));
        assert_eq!(shown(trails).0, [(message(0), 1), (message(1), 2)]);
    }

    #[test]
    fn one_that_is_no_longer_of_note_may_be_left_out() {
        let mut trails = Trails::new(1, 10);
        for number in 0..3 {
            trails.step(message(number), step(0));
            trails.note(message(number), Note::LATE);
        }
        trails.rest(Duration::from_secs(500), |_| false);
        (0..3).for_each(|number| trails.forget(message(number), Note::LATE));
        assert_eq!(shown(trails), (vec![(message(0), 1)], 2));
    }

    #[test]
    fn what_has_no_end_has_a_limit() {
        let mut trails = Trails::new(1000, 2);
        (0..5).for_each(|number| trails.step(message(number), step(0)));
        (0..1000).for_each(|at| trails.step(message(0), step(at)));
        let shown = trails.finish();
        assert_eq!((shown.trails.len(), shown.left_out), (2, 3));
        assert_eq!((shown.trails[0].2.steps.len(), shown.trails[0].2.more), (MOST_STEPS, 1001 - MOST_STEPS as u64));
    }
}
