//! The producer: an application that makes messages, and an outbox that keeps each until the queue has confirmed it.
use crate::client::Client;
use crate::knobs::{Knobs, WhenFull};
use crate::wire::{Frame, Happening, Line, out_of_place};
use giant_lizard::history::{Event, MessageId, ProducerId};
use giant_lizard::host::Host;
use giant_lizard::wire::payload::digest;
use rand::RngExt;
use std::convert::Infallible;
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Messages on the wire of one session and not confirmed.
const WINDOW: u64 = 8;
/// Messages that may wait: five seconds' worth.
const BUFFERS: u64 = 16;
/// With the knob: as many as a quiet world needs.
const TOO_FEW_BUFFERS: u64 = 4;
const PACE_MS: RangeInclusive<u64> = 150..=450;
/// No boot makes as many messages, so that numbers never come again.
const NUMBERS_A_BOOT: u64 = 1_000_000;

pub(crate) fn message(number: u64) -> MessageId {
    MessageId { producer: ProducerId(0), number }
}

/// Makes messages until `until`, and gets them confirmed.
pub(crate) async fn produce(host: Host, knobs: Knobs, until: Duration) {
    let outbox = Outbox::new(&host, knobs);
    host.spawn(make(outbox.clone(), until));
    let mut client = Client::new(&host, false);
    loop {
        let mut line = client.connect().await;
        outbox.kept().rewind();
        let Err(error) = outbox.empty(&mut line, client.session()).await;
        drop(line);
        client.part(error).await;
    }
}

/// The application.
async fn make(outbox: Outbox, until: Duration) {
    let mut dice = outbox.host.dice("messages");
    while outbox.host.now() < until {
        outbox.host.sleep(Duration::from_millis(dice.random_range(PACE_MS))).await;
        outbox.offer(format!("{} apples", dice.random_range(1..=1_000_000_000)));
    }
}

#[derive(Clone)]
struct Outbox {
    host: Host,
    when_full: WhenFull,
    kept: Arc<Mutex<Kept>>,
    news: Arc<Notify>,
}

/// What the outbox keeps: `first..next` are offered and not confirmed.
struct Kept {
    first: u64,
    next: u64,
    /// The next to send in this session, and the next that was never sent in any.
    to_send: u64,
    never_sent: u64,
    /// Message `n` lies in buffer `n` modulo their count.
    buffers: Vec<String>,
}

impl Outbox {
    fn new(host: &Host, knobs: Knobs) -> Self {
        let first = u64::from(host.boot() - 1) * NUMBERS_A_BOOT;
        let count = if knobs.reuses_buffers { TOO_FEW_BUFFERS } else { BUFFERS };
        let buffers = vec![String::new(); count as usize];
        let kept = Kept { first, next: first, to_send: first, never_sent: first, buffers };
        let (kept, news) = (Arc::new(Mutex::new(kept)), Arc::new(Notify::new()));
        Self { host: host.clone(), when_full: knobs.when_full, kept, news }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a message from the application, if there is room.
    fn offer(&self, body: String) {
        let mut kept = self.kept();
        if kept.next - kept.first == BUFFERS {
            match self.when_full {
                WhenFull::Waits => return,
                WhenFull::GivesUpTheOldest => {
                    self.host.record(Event::GivenUp { message: message(kept.first), why: "the buffers are full" });
                }
                WhenFull::ForgetsTheOldest => {}
            }
            kept.first += 1;
        }
        self.host.record(Event::Offered { message: message(kept.next), digest: digest(body.as_bytes()) });
        *kept.buffer() = body;
        kept.next += 1;
        self.news.notify_one();
    }

    /// Sends what is kept, in order, and waits for confirmations, until the session ends.
    async fn empty(&self, line: &mut Line, session: u64) -> io::Result<Infallible> {
        loop {
            while let Some((number, body, again)) = self.next_to_send() {
                line.send(&Frame::Publish { number, body }).await?;
                self.host.record(Event::Sent { message: message(number), session, again });
            }
            match line.next_or(self.news.notified()).await? {
                Happening::Frame(Frame::Confirm { number }) => self.confirmed(number),
                Happening::Frame(other) => return Err(out_of_place(&other)),
                Happening::Other(()) => {}
            }
        }
    }

    fn next_to_send(&self) -> Option<(u64, String, bool)> {
        let mut kept = self.kept();
        let number = kept.to_send.max(kept.first);
        if number >= kept.next.min(kept.first + WINDOW) {
            return None;
        }
        let again = number < kept.never_sent;
        kept.to_send = number + 1;
        kept.never_sent = kept.never_sent.max(kept.to_send);
        let slot = number as usize % kept.buffers.len();
        Some((number, kept.buffers[slot].clone(), again))
    }

    fn confirmed(&self, number: u64) {
        let mut kept = self.kept();
        if number >= kept.first {
            kept.first = number + 1;
            self.host.record(Event::Confirmed { message: message(number) });
        }
    }
}

impl Kept {
    /// A new session sends everything again that is not confirmed.
    fn rewind(&mut self) {
        self.to_send = self.first;
    }

    /// The buffer for the next message.
    fn buffer(&mut self) -> &mut String {
        let slot = self.next as usize % self.buffers.len();
        &mut self.buffers[slot]
    }
}
