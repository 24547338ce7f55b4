//! Group commit: what waits for the disk, in order, and what happens when it is there.
//!
//! ```text
//!   push ──> waiting ──begin──> writing ──finish──> done
//!              ^                   │
//!              └── while one batch is being synced, the next gathers
//! ```
//!
//! Positions are given out when a batch begins, so that one which fails leaves no gap.
use super::input::{SocketId, Ticket};
use super::message::{Message, Page};
use super::record::Record;
use super::stream::SubscriptionKey;
use super::topic::Topic;
use crate::history::MessageId;
use crate::streams::broker::call::Answer;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The most writes that share one sync: bounds what one failed write takes with it.
const MOST_AT_ONCE: usize = 4096;

/// Something to write, and what to do once it is durable.
#[derive(Clone, Debug)]
pub struct Write {
    /// What is to become true.
    pub fact: Fact,
    /// What to do then.
    pub effect: Effect,
}

/// What is to become true.
#[derive(Clone, Debug)]
pub enum Fact {
    /// Nothing: it only keeps its place in the order.
    Nothing,
    /// There is a stream.
    Stream(Topic),
    /// There is none of that name.
    Deleted(Topic),
    /// There is a subscription, born at the latest position.
    Subscribed(SubscriptionKey),
    /// There is none of that name.
    Unsubscribed(SubscriptionKey),
    /// A message was published here.
    Published(Box<Published>),
    /// A page of another region's.
    Page {
        /// What is in it.
        page: Page,
        /// When it came.
        at: Duration,
    },
    /// How long messages are kept.
    TimeToLive(Duration),
}

/// A message that was published here.
#[derive(Clone, Debug)]
pub struct Published {
    /// The stream.
    pub topic: Topic,
    /// When it came.
    pub at: Duration,
    /// The message.
    pub message: Message,
    /// Which built-in message it is, if it is one.
    pub made: Option<MessageId>,
}

/// What to do when something is durable, or could not be stored.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// A producer waits for its answer.
    Confirm {
        /// The producer's.
        socket: SocketId,
        /// Its own.
        context: Option<String>,
    },
    /// A socket can be let in.
    Attach(SocketId),
    /// A request is answered so; if nothing has changed, with the other answer.
    Reply {
        /// Which request.
        ticket: Ticket,
        /// When it is done.
        answer: Box<Answer>,
        /// When there was nothing to do.
        otherwise: Box<Answer>,
    },
    /// Another region's broker hears how far it is.
    Received {
        /// Its request.
        ticket: Ticket,
        /// The stream.
        topic: Topic,
        /// Its region.
        origin: String,
        /// The end of its page.
        upto: u64,
    },
    /// Another region's page can be taken: its stream exists.
    Take {
        /// Its request.
        ticket: Ticket,
        /// The page.
        page: Box<Page>,
    },
    /// What nobody could handle is stored elsewhere.
    Buried {
        /// The subscription.
        key: SubscriptionKey,
        /// The message's position there.
        position: u64,
    },
}

/// A batch on its way to the disk.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Records and what to do when they are true, in order.
    pub steps: Vec<(Option<Record>, Effect)>,
}

/// Writes on their way to the disk.
#[derive(Clone, Debug, Default)]
pub struct Commits {
    waiting: VecDeque<Write>,
    writing: Option<Batch>,
}

impl Commits {
    /// Takes out what a producer has published and what is not being written yet: what its answers are told by.
    pub fn take_unstored(&mut self, from: SocketId) -> Vec<Option<String>> {
        let mut contexts = Vec::new();
        self.waiting.retain_mut(|write| match &mut write.effect {
            Effect::Confirm { socket, context } if *socket == from => {
                contexts.push(context.take());
                false
            }
            _ => true,
        });
        contexts
    }

    /// Puts a write behind all others.
    pub fn push(&mut self, fact: Fact, effect: Effect) {
        self.waiting.push_back(Write { fact, effect });
    }

    /// Says whether something waits for the next batch.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Says whether a batch is being written.
    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Takes what goes into the next batch.
    pub fn take(&mut self) -> Vec<Write> {
        let many = self.waiting.len().min(MOST_AT_ONCE);
        self.waiting.drain(..many).collect()
    }

    /// A batch is being written from now on.
    pub fn begin(&mut self, batch: Batch) {
        self.writing = Some(batch);
    }

    /// It no longer is.
    pub fn finish(&mut self) -> Batch {
        self.writing.take().unwrap_or_default()
    }

    /// How many messages of a stream wait for their positions.
    pub fn waiting_for(&self, wanted: &Topic) -> u64 {
        let is_one = |write: &&Write| matches!(&write.fact, Fact::Published(published) if published.topic == *wanted);
        self.waiting.iter().filter(is_one).count() as u64
    }
}

/// A subscription's key.
pub fn key(topic: &Topic, subscription: &str) -> SubscriptionKey {
    (topic.clone(), Arc::from(subscription))
}
