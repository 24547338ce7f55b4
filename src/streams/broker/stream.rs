//! One stream of a broker: its log, and everybody who needs it.
use super::input::SocketId;
use super::log::{Entry, Log};
use super::output::Output;
use super::room::Room;
use super::subscription::{Subscription, frame};
use super::topic::Topic;
use crate::history::Name;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// One stream of a broker.
#[derive(Clone, Debug)]
pub struct Stream {
    /// What is kept of it.
    pub log: Log,
    /// Its subscriptions by name.
    pub subscriptions: BTreeMap<Arc<str>, Subscription>,
    /// Who reads without a subscription.
    pub readers: BTreeMap<SocketId, Reader>,
    /// Who publishes, with the name that only one at a time may have.
    pub producers: BTreeMap<SocketId, Option<String>>,
    /// Other regions' brokers that get what is published here.
    pub targets: BTreeMap<Name, Target>,
    /// Everything that another region published below this position is here.
    pub received: BTreeMap<String, u64>,
    /// As `received`, when the batch is stored that is being written.
    pub receiving: BTreeMap<String, u64>,
    /// The next position, when the batch is stored that is being written.
    pub assigned: u64,
    /// How many were published here since this boot.
    pub published: u64,
}

/// Another region's broker, as a stream sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// It has everything below this position.
    pub next: u64,
    /// It is known to have the stream.
    pub told: bool,
}

/// A reader: it goes through the log, and nobody remembers how far.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The next position for it.
    pub next: u64,
    /// What it may be sent, and what it has in hand.
    pub room: Room,
}

impl Stream {
    /// Begins at a position, without anybody.
    pub fn at(next: u64, targets: impl Iterator<Item = Name>) -> Self {
        Self {
            log: Log::at(next),
            subscriptions: BTreeMap::new(),
            readers: BTreeMap::new(),
            producers: BTreeMap::new(),
            targets: targets.map(|to| (to, Target { next, told: false })).collect(),
            received: BTreeMap::new(),
            receiving: BTreeMap::new(),
            assigned: next,
            published: 0,
        }
    }

    /// Adds a message at a position, not below the end.
    pub fn push(&mut self, position: u64, entry: Entry) {
        self.log.skip_to(position);
        let subscriptions = self.subscriptions.values().filter(|each| !each.cursor().is_acked(position)).count();
        let readers = self.readers.values().filter(|reader| reader.next <= position).count();
        let targets = match &entry.origin {
            None => self.targets.values().filter(|target| target.next <= position).count(),
            Some((origin, at)) => {
                let received = self.received.entry(origin.clone()).or_default();
                *received = (*received).max(at + 1);
                // What came from elsewhere is passed over.
                let at_it = self.targets.values_mut().filter(|target| target.told && target.next == position);
                at_it.for_each(|target| target.next += 1);
                0
            }
        };
        self.log.push(entry, subscriptions + readers + targets);
        self.assigned = self.assigned.max(self.log.end());
    }

    /// Forgets a subscription, and what was kept for it alone.
    pub fn unsubscribe(&mut self, name: &str) -> bool {
        let Some(subscription) = self.subscriptions.remove(name) else { return false };
        let cursor = subscription.cursor();
        let needed: Vec<_> = self.log.from(cursor.first()).map(|(position, _)| position).collect();
        needed.into_iter().filter(|position| !cursor.is_acked(*position)).for_each(|at| self.log.release(at));
        true
    }

    /// Takes a reader in.
    pub fn read_by(&mut self, socket: SocketId, reader: Reader) {
        let kept: Vec<_> = self.log.from(reader.next).map(|(position, _)| position).collect();
        kept.into_iter().for_each(|position| self.log.hold(position));
        self.readers.insert(socket, reader);
    }

    /// Lets a reader go, if it is one.
    pub fn unread_by(&mut self, socket: SocketId) {
        let Some(reader) = self.readers.remove(&socket) else { return };
        let kept: Vec<_> = self.log.from(reader.next).map(|(position, _)| position).collect();
        kept.into_iter().for_each(|position| self.log.release(position));
    }

    /// Sends readers what can be sent.
    pub fn deal_to_readers(&mut self, out: &mut Vec<Output>) {
        for (socket, reader) in &mut self.readers {
            while reader.room.is_free() && reader.next < self.log.end() {
                let position = reader.next;
                reader.next += 1;
                if let Some(entry) = self.log.get(position) {
                    out.push(Output::Send(*socket, frame(entry, 0)));
                    reader.room.sent(position, None);
                    self.log.release(position);
                }
            }
        }
    }

    /// Another region's broker has everything below a position. Says whether that is new.
    pub fn replicated(&mut self, to: &str, upto: u64) -> bool {
        let end = self.log.end();
        let Some(target) = self.targets.get_mut(to) else { return false };
        let before = std::mem::replace(target, Target { next: target.next.max(upto.min(end)), told: true });
        let after = target.next;
        let is_ours = |(position, entry): (u64, &Entry)| entry.origin.is_none().then_some(position);
        let released: Vec<_> =
            self.log.from(before.next).take_while(|(position, _)| *position < after).filter_map(is_ours).collect();
        released.into_iter().for_each(|position| self.log.release(position));
        before != Target { next: after, told: true }
    }

    /// Says whether another region's broker lacks something.
    pub fn lacks(&self, to: &str) -> bool {
        let Some(target) = self.targets.get(to) else { return false };
        !target.told || self.log.from(target.next).any(|(_, entry)| entry.origin.is_none())
    }

    /// Forgets what is older, whoever needs it. Gives the positions.
    pub fn expire(&mut self, stored_until: Duration) -> Vec<u64> {
        let mut expired = Vec::new();
        while let Some((position, _)) = self.log.oldest().filter(|(_, entry)| entry.at <= stored_until) {
            self.log.forget(position);
            expired.push(position);
        }
        for subscription in self.subscriptions.values_mut() {
            for position in &expired {
                subscription.done_with(*position);
            }
        }
        expired
    }

    /// Says whether a socket is attached.
    pub fn is_in_use(&self) -> bool {
        !self.producers.is_empty()
            || !self.readers.is_empty()
            || self.subscriptions.values().any(|each| each.consumers().len() > 0)
    }
}

/// A subscription's stream and its name.
pub type SubscriptionKey = (Topic, Arc<str>);
