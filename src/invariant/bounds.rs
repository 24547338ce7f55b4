//! Time limits that run only while their path is clear.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One limit for many subjects (clients, by index).
///
/// ```text
///   (none) --start--> waiting --path clear--> running --limit over--> expired: a violation
///      ^                 ^----path troubled-----'  |
///      '------------------stop---------------------'
/// ```
/// A limit counts from the later of its start and the moment when its path became clear, from zero each time.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    limit: Duration,
    /// Subject -> its limit, and when that is over; `None`: its path is not clear.
    open: BTreeMap<u32, (Duration, Option<Duration>)>,
    due: BTreeSet<(Duration, u32)>,
}

impl Bounds {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, open: BTreeMap::new(), due: BTreeSet::new() }
    }
    /// Starts a subject's limit, or starts it again.
    pub(super) fn start(&mut self, subject: u32, now: Duration, clear: bool) {
        self.start_own(subject, self.limit, now, clear);
    }
    /// The same with a limit of its own.
    pub(super) fn start_own(&mut self, subject: u32, limit: Duration, now: Duration, clear: bool) {
        self.stop(subject);
        let over = clear.then(|| now + limit);
        self.open.insert(subject, (limit, over));
        self.due.extend(over.map(|over| (over, subject)));
    }
    /// Ends it, kept; says whether it was open.
    pub(super) fn stop(&mut self, subject: u32) -> bool {
        let stopped = self.open.remove(&subject);
        if let Some((_, Some(over))) = stopped {
            self.due.remove(&(over, subject));
        }
        stopped.is_some()
    }
    /// Takes note of whether the path of an open limit is clear. `again`: it broke in between, or another way of
    /// keeping the limit broke: a running limit starts again.
    pub(super) fn path(&mut self, subject: u32, now: Duration, clear: bool, again: bool) {
        match self.open.get(&subject) {
            Some((limit, over)) if over.is_some() != clear || (clear && again) => {
                self.start_own(subject, *limit, now, clear);
            }
            _ => {}
        }
    }
    pub(super) fn is_open(&self, subject: u32) -> bool {
        self.open.contains_key(&subject)
    }
    /// The subjects whose limits are open.
    pub(super) fn subjects(&self) -> Vec<u32> {
        self.open.keys().copied().collect()
    }
    /// Whether no limit is running. One that waits for its path could go on forever, and is no debt.
    pub(super) fn is_settled(&self) -> bool {
        self.due.is_empty()
    }
    /// The first moment after a limit: one kept at its very end is kept.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.due.first().map(|(over, _)| *over + Duration::from_nanos(1))
    }
    /// Ends the limits that were over before `now`, in order, with when they were.
    pub(super) fn expired(&mut self, now: Duration) -> Vec<(u32, Duration)> {
        let mut expired = Vec::new();
        while let Some((over, subject)) = self.due.first().copied().filter(|(over, _)| *over < now) {
            self.stop(subject);
            expired.push((subject, over));
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_limit_runs_from_its_start_and_a_subject_on_time_is_never_late() {
        let mut bounds = Bounds::new(s(60));
        bounds.start(1, s(10), true);
        bounds.start(2, s(20), true);
        assert_eq!(bounds.next_deadline(), Some(s(70) + Duration::from_nanos(1)));
        assert_eq!(bounds.expired(s(70)), []);
        assert!(bounds.stop(1));
        assert_eq!(bounds.expired(s(100)), [(2, s(80))]);
        assert!(bounds.is_settled() && !bounds.is_open(2));
    }

    #[test]
    fn a_limit_does_not_run_while_its_path_is_troubled_and_starts_from_zero_when_it_clears() {
        let mut bounds = Bounds::new(s(60));
        bounds.start(1, s(0), true);
        bounds.path(1, s(50), false, false);
        assert_eq!((bounds.next_deadline(), bounds.is_open(1)), (None, true));
        bounds.path(1, s(100), true, false);
        assert_eq!(bounds.expired(s(160)), []);
        assert_eq!(bounds.expired(s(161)), [(1, s(160))]);
    }

    #[test]
    fn a_subject_may_have_a_limit_of_its_own_and_keeps_it_when_its_path_clears() {
        let mut bounds = Bounds::new(s(60));
        bounds.start_own(1, s(5), s(0), false);
        bounds.start(2, s(0), true);
        bounds.path(1, s(10), true, false);
        assert_eq!(bounds.expired(s(16)), [(1, s(15))]);
        assert_eq!(bounds.expired(s(61)), [(2, s(60))]);
    }

    #[test]
    fn news_that_change_nothing_leave_a_running_limit_alone() {
        let mut bounds = Bounds::new(s(60));
        bounds.start(1, s(0), true);
        bounds.path(1, s(50), true, false);
        assert_eq!(bounds.next_deadline(), Some(s(60) + Duration::from_nanos(1)));
        bounds.path(1, s(50), true, true);
        assert_eq!(bounds.next_deadline(), Some(s(110) + Duration::from_nanos(1)));
        bounds.path(7, s(50), true, true);
        assert!(!bounds.is_open(7));
    }
}
