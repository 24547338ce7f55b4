//! What goes wrong, and when; written down or drawn.
use super::super::timeline::{Passage, TimelineItem};
use super::{Checker, MOST_OCCURRENCES};

impl Checker<'_> {
    pub(super) fn timeline_item(&mut self, item: &TimelineItem, index: &str) {
        let path = |key| ["timeline", index, key];
        if let Some(at) = item.at.filter(|at| at.most() >= self.scenario.duration.least()) {
            self.say(self.at(&path("at")), format!("`at: {at}` is after the end"), self.before_the_end());
        }
        match item.every {
            None if item.at.is_none() => {
                self.say(self.at(&["timeline", index]), "no time here", "`at: 2m`, or `every: 30s`")
            }
            Some(every) if every.least().is_zero() => self.positive(every, &path("every")),
            Some(every) if self.scenario.duration.most().as_nanos() / every.least().as_nanos() > MOST_OCCURRENCES => {
                self.say(
                    self.at(&path("every")),
                    format!("`every: {every}` happens more than {MOST_OCCURRENCES} times"),
                    "a longer gap",
                );
            }
            Some(every) if every.most() >= self.scenario.duration.least() && item.at.is_none() => {
                self.say(
                    self.at(&path("every")),
                    format!("`every: {every}` may not happen before the end"),
                    self.before_the_end(),
                );
            }
            _ => {}
        }
        self.lasting(item, index);
        if let Some(cut) = &item.partition {
            self.passage(cut, index, "partition", "cut", "nothing can be cut from itself");
        }
        if let Some(hold) = &item.hold {
            self.passage(hold, index, "hold", "held", "nothing can be held on its way to itself");
        }
        if let Some(slow) = &item.slow {
            self.positive(slow.latency, &["timeline", index, "slow", "latency"]);
        }
    }

    fn passage(&mut self, passage: &Passage, index: &str, verb: &str, done: &str, itself: &str) {
        let place = self.at(&["timeline", index, verb]);
        let ends = match (&passage.between, &passage.from, &passage.to) {
            (Some([a, b]), None, None) => Some((a, b)),
            (None, Some(from), Some(to)) => Some((from, to)),
            _ => {
                // A misspelt end has been reported by its own place.
                if self.whole("timeline", index) {
                    self.say(
                        place,
                        format!("this does not say what is {done}"),
                        "`between: [a, b]`, or `from: a, to: b` for one direction",
                    );
                }
                None
            }
        };
        if ends.is_some_and(|(a, b)| a == b) {
            self.say(place, itself, "two hosts or sites");
        }
    }

    fn lasting(&mut self, item: &TimelineItem, index: &str) {
        let outages = [("crash", &item.crash), ("power-loss", &item.power_loss), ("stop", &item.stop)];
        let outages = outages
            .into_iter()
            .filter_map(|(verb, outage)| outage.as_ref().map(|outage| (verb, outage.lasting, outage.for_good)));
        let attack = item.attack.as_ref().map(|attack| ("attack", attack.lasting, attack.for_good));
        for (verb, lasting, for_good) in outages.chain(attack) {
            if for_good && lasting.is_some() {
                self.say(
                    self.key(&["timeline", index, verb, "for-good"]),
                    "for good, and yet for a time",
                    "`for`, or `for-good: yes`",
                );
            }
            if for_good && item.every.is_some() {
                self.say(
                    self.key(&["timeline", index, verb, "for-good"]),
                    "what is gone for good cannot go again",
                    "`at` instead of `every`",
                );
            }
        }
    }

    pub(super) fn chaos(&mut self) {
        let Some(chaos) = &self.scenario.chaos else { return };
        if chaos.faults.is_empty() && self.root.nearest(&["chaos", "faults"]).items().is_empty() {
            self.say(self.at(&["chaos", "faults"]), "nothing to draw from", "at least one fault");
        }
        if chaos.at_most == 0 {
            self.say(self.at(&["chaos", "at-most"]), "chaos of no faults", "1 or more, or no `chaos:`");
        }
        self.positive(chaos.every, &["chaos", "every"]);
        self.positive(chaos.lasting, &["chaos", "lasting"]);
        if !chaos.every.least().is_zero()
            && self.scenario.duration.most().as_nanos() / chaos.every.least().as_nanos() > MOST_OCCURRENCES
        {
            self.say(self.at(&["chaos", "every"]), format!("more than {MOST_OCCURRENCES} faults"), "a longer gap");
        }
    }
}
