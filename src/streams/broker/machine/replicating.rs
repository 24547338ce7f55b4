//! What is published in one region goes to the others: in order, page by page, never back to where it came from.
//!
//! ```text
//!            something to tell           answered: on with the next
//!   Idle ──────────────────────> Busy ──────────────────────────────> Idle
//!    ^                            │ lost
//!    └────────── Waiting <────────┘
//! ```
use super::durable::upto as answer_upto;
use super::{ACKS_WAIT, Alarm, Broker, rest};
use crate::history::Name;
use crate::streams::broker::call::Answer;
use crate::streams::broker::commit::{Effect, Fact};
use crate::streams::broker::input::Ticket;
use crate::streams::broker::message::{Page, Replica};
use crate::streams::broker::output::Output;
use crate::streams::broker::stream::Stream;
use crate::streams::broker::topic::Topic;
use crate::streams::knobs::Replicates;
use crate::streams::plan::Scope;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most messages of a page, and the most bytes of payload (one more message is let through).
const MOST_REPLICAS: usize = 256;
const MOST_BYTES: usize = 1 << 20;
/// How long a lost broker is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// Another region's broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    state: LinkState,
    /// Streams of which it lacks something.
    lacking: BTreeSet<Topic>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum LinkState {
    #[default]
    Idle,
    /// It was sent a page of this stream, which ends there.
    Busy(Topic, u64),
    /// It is left alone for a while.
    Waiting,
}

impl Broker {
    // Of what is published here.

    pub(super) fn offer_to_regions(&mut self, now: Duration, topic: &Topic) {
        let Some(stream) = self.streams.get(topic) else { return };
        let lacking: Vec<_> = stream.targets.keys().filter(|to| stream.lacks(to)).cloned().collect();
        for to in lacking {
            if let Some(link) = self.links.get_mut(&to) {
                link.lacking.insert(topic.clone());
            }
            self.forward(now, &to);
        }
    }

    /// Sends another region's broker the next page, if it is not busy.
    fn forward(&mut self, _now: Duration, to: &Name) {
        let Some(link) = self.links.get_mut(to) else { return };
        while link.state == LinkState::Idle
            && let Some(topic) = link.lacking.pop_first()
        {
            let Some(stream) = self.streams.get(&topic).filter(|stream| stream.lacks(to)) else { continue };
            let page = page(&self.settings.plan.region, &topic, stream, to);
            link.state = LinkState::Busy(topic, page.upto);
            self.outputs.push(Output::Forward { to: to.clone(), page });
        }
    }

    pub(super) fn replicated(&mut self, now: Duration, to: &Name, topic: &Topic, upto: u64) {
        let Some(link) = self.links.get_mut(to) else { return };
        match std::mem::take(&mut link.state) {
            LinkState::Busy(sent, end) if sent == *topic && upto >= end => {}
            LinkState::Busy(sent, _) => {
                // It does not say that it has what it was sent: not to be asked without end.
                link.state = LinkState::Busy(sent, 0);
                return self.replication_lost(now, to);
            }
            // Nothing was sent.
            other => {
                link.state = other;
                return;
            }
        }
        if let Some(stream) = self.streams.get_mut(topic)
            && stream.replicated(to, upto)
        {
            self.moved.insert((topic.clone(), to.clone()));
            self.alarms.set_once(Alarm::Positions, now + ACKS_WAIT);
        }
        self.offer_to_regions(now, topic);
        self.forward(now, to);
    }

    pub(super) fn replication_lost(&mut self, now: Duration, to: &Name) {
        let Some(link) = self.links.get_mut(to) else { return };
        if let LinkState::Busy(topic, _) = std::mem::replace(&mut link.state, LinkState::Waiting) {
            link.lacking.insert(topic);
        }
        self.alarms.set(Alarm::Link(to.clone()), Some(now + RETRY));
        if self.settings.plan.knobs.replicates == Replicates::FromTheNewest {
            for (topic, stream) in &mut self.streams {
                let end = stream.log.end();
                if stream.replicated(to, end) {
                    self.moved.insert((topic.clone(), to.clone()));
                    self.alarms.set_once(Alarm::Positions, now + ACKS_WAIT);
                }
            }
        }
    }

    pub(super) fn link_retries(&mut self, now: Duration, to: &Name) {
        if let Some(link) = self.links.get_mut(to) {
            link.state = LinkState::Idle;
        }
        self.forward(now, to);
    }

    // Of what is published elsewhere.

    pub(super) fn take_page(&mut self, now: Duration, ticket: Ticket, page: Page) {
        if self.stopping {
            return self.reply(ticket, Answer::Refused(rest::refusal(503, 503, "the broker stops")));
        }
        if page.topic.scope() == Scope::Local {
            return self.reply(ticket, Answer::Refused(rest::refusal(400, 400, "a local stream is not replicated")));
        }
        if !self.streams.contains_key(&page.topic) {
            let topic = page.topic.clone();
            return self.commits.push(Fact::Stream(topic), Effect::Take { ticket, page: Box::new(page) });
        }
        let (topic, origin, upto) = (page.topic.clone(), page.origin.clone(), page.upto);
        self.commits.push(Fact::Page { page, at: now }, Effect::Received { ticket, topic, origin, upto });
    }

    /// A page is durable: its sender hears how far this region is.
    pub(super) fn received(&mut self, ticket: Ticket, topic: &Topic, origin: String, upto: u64) {
        let Some(stream) = self.streams.get_mut(topic) else {
            return self.reply(ticket, Answer::Refused(rest::stream_not_found()));
        };
        let received = stream.received.entry(origin).or_default();
        *received = (*received).max(upto);
        let position = *received;
        self.reply(ticket, answer_upto(position));
    }
}

/// Gathers what another region's broker lacks next.
fn page(origin: &str, topic: &Topic, stream: &Stream, to: &str) -> Page {
    let from = stream.targets.get(to).map_or(0, |target| target.next);
    let mut page =
        Page { origin: origin.to_owned(), topic: topic.clone(), from, upto: stream.log.end(), replicas: Vec::new() };
    let mut bytes = 0;
    for (position, entry) in stream.log.from(from).filter(|(_, entry)| entry.origin.is_none()) {
        if page.replicas.len() == MOST_REPLICAS || bytes >= MOST_BYTES {
            page.upto = position;
            break;
        }
        bytes += entry.message.payload.len();
        page.replicas.push(Replica { position, message: entry.message.clone() });
    }
    page
}
