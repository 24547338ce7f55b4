//! From what a file expects to what the history decides, each time drawn from its own labelled dice.
use super::cast::Cast;
use super::duration::{DurationRange, written_out};
use super::expectation::{
    Active, Answered, Connected, Count, Expectation, Moved, Reconnected, ReconnectsSooner, Refused,
};
use super::plan::{ExpectedThat, PlannedExpectation};
use crate::history::Name;
use std::time::Duration;

/// Draws one expectation of a file.
pub(crate) fn draw(expectation: &Expectation, index: usize, seed: u64, cast: &Cast) -> PlannedExpectation {
    let expected = Expected { index, seed, cast };
    if let Some(moved) = &expectation.moved {
        expected.moved(moved)
    } else if let Some(count) = &expectation.count {
        counted(count)
    } else if let Some(invariant) = &expectation.violated {
        let kind = ExpectedThat::Violated { invariant: invariant.to_string() };
        PlannedExpectation { text: format!("{invariant} is violated"), kind }
    } else if let Some(connected) = &expectation.connected {
        expected.connected(connected)
    } else if let Some(again) = &expectation.reconnected {
        expected.reconnected(again)
    } else if let Some(sooner) = &expectation.reconnects_sooner {
        expected.sooner(sooner)
    } else if let Some(answered) = &expectation.answered {
        expected.answered(answered)
    } else if let Some(active) = &expectation.active {
        expected.active(active)
    } else if let Some(refused) = &expectation.refused {
        expected.refused(refused)
    } else {
        unreachable!("loading refuses expectations of no kind")
    }
}

struct Expected<'a> {
    index: usize,
    seed: u64,
    cast: &'a Cast,
}

impl Expected<'_> {
    /// The earliest and the latest time that count.
    fn window(&self, after: Option<DurationRange>, within: Option<DurationRange>) -> (Duration, Option<Duration>) {
        let draw = |range: DurationRange, key: &str| range.draw(self.seed, &format!("expect[{}].{key}", self.index));
        let after = after.map_or(Duration::ZERO, |after| draw(after, "after"));
        (after, within.map(|within| after + draw(within, "within")))
    }

    fn names(&self, group: &str) -> Vec<Name> {
        self.cast.hosts(group).iter().map(|host| host.as_str().into()).collect()
    }

    fn moved(&self, moved: &Moved) -> PlannedExpectation {
        let (after, by) = self.window(moved.after, moved.within);
        let text = format!("{} moved from {} to {}{}", moved.device, moved.from, moved.to, when(after, by));
        let (from, to) = ((&*moved.from).into(), (&*moved.to).into());
        let kind = ExpectedThat::Moved { devices: self.names(&moved.device), from, to, after, by };
        PlannedExpectation { text, kind }
    }

    fn connected(&self, connected: &Connected) -> PlannedExpectation {
        let (after, by) = self.window(connected.after, connected.within);
        let text = format!("{} connected to {}{}", connected.client, connected.to, when(after, by));
        let clients = self.names(&connected.client);
        PlannedExpectation { text, kind: ExpectedThat::Connected { clients, to: (&*connected.to).into(), after, by } }
    }

    fn reconnected(&self, again: &Reconnected) -> PlannedExpectation {
        let (after, by) = self.window(again.after, again.within);
        let text = format!("{} connected again{}", again.client, when(after, by));
        PlannedExpectation { text, kind: ExpectedThat::Reconnected { clients: self.names(&again.client), after, by } }
    }

    fn sooner(&self, sooner: &ReconnectsSooner) -> PlannedExpectation {
        let ReconnectsSooner { client, than, share } = sooner;
        let text = format!("{client} reconnects in at most {share} of the time of {than} (medians)");
        let (clients, than) = (self.names(client), self.names(than));
        PlannedExpectation { text, kind: ExpectedThat::ReconnectsSooner { clients, than, share_ppm: share.ppm } }
    }

    fn answered(&self, answered: &Answered) -> PlannedExpectation {
        let (after, by) = self.window(answered.after, answered.within);
        let verb = answered.verb.name();
        let status = answered.status.map(|status| format!(" {status}")).unwrap_or_default();
        let words = answered.message_has.as_ref().map(|words| format!(" with `{words}`")).unwrap_or_default();
        let text = format!("{verb} for {} answered{status}{words}{}", answered.device, when(after, by));
        let devices = self.names(&answered.device);
        let (status, message_has) = (answered.status, answered.message_has.clone());
        PlannedExpectation { text, kind: ExpectedThat::Answered { verb, devices, status, message_has, after, by } }
    }

    fn active(&self, active: &Active) -> PlannedExpectation {
        let (after, by) = self.window(active.after, active.within);
        let Active { subscription, consumer, .. } = active;
        let text = format!("{consumer} active for {subscription}{}", when(after, by));
        let (subscription, consumers) = (subscription.to_string(), self.names(consumer));
        PlannedExpectation { text, kind: ExpectedThat::Active { subscription, consumers, after, by } }
    }

    fn refused(&self, refused: &Refused) -> PlannedExpectation {
        let (after, by) = self.window(refused.after, refused.within);
        let with = refused.status.map(|status| format!(" with {status}")).unwrap_or_default();
        let text = format!("{} refused{with}{}", refused.consumer, when(after, by));
        let (consumers, status) = (self.names(&refused.consumer), refused.status);
        PlannedExpectation { text, kind: ExpectedThat::Refused { consumers, status, after, by } }
    }
}

fn counted(count: &Count) -> PlannedExpectation {
    let bounds = match (count.at_least, count.at_most) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(0)) => "no".into(),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "any number".into(),
    };
    PlannedExpectation {
        text: format!("{bounds} {}", count.of.in_words()),
        kind: ExpectedThat::Count { of: count.of, at_least: count.at_least, at_most: count.at_most },
    }
}

fn when(after: Duration, by: Option<Duration>) -> String {
    match (after.is_zero(), by) {
        (true, None) => String::new(),
        (true, Some(by)) => format!(" by {}", written_out(by)),
        (false, None) => format!(" after {}", written_out(after)),
        (false, Some(by)) => format!(" between {} and {}", written_out(after), written_out(by)),
    }
}
