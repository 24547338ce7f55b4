//! Times that nothing can happen in.
use super::super::duration::written_out;
use super::super::schema::Scenario;
use super::Checker;
use std::time::Duration;

/// Retransmission after a long cut starts again within this.
const LONGEST_RETRANSMISSION: Duration = Duration::from_secs(30);

impl Checker<'_> {
    pub(super) fn times(&mut self) {
        let Scenario { duration, settle, systems, .. } = self.scenario;
        if duration.least().is_zero() {
            self.say(self.at(&["duration"]), "a run of no time", "at least a second");
        }
        let needed = LONGEST_RETRANSMISSION + systems.longest_recovery();
        if settle.least() < needed {
            let message = format!("`settle: {settle}` is shorter than the time-outs can need");
            let expected = format!(
                "{} or more: retransmission, keep-alive, back-off, time-outs and failback add up to it",
                written_out(needed)
            );
            self.say(self.at(&["settle"]), message, expected);
        }
    }
}
