//! The consumers: each handles what it is sent and acknowledges it, several at a time.
use crate::client::Client;
use crate::knobs::Knobs;
use crate::producer::message;
use crate::wire::{Frame, Happening, Line, out_of_place};
use giant_lizard::history::{DestinationId, Event};
use giant_lizard::host::Host;
use giant_lizard::iot::ledger::Ledger;
use giant_lizard::wire::payload::digest;
use lizard_sim::Dice;
use rand::RngExt;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long handling one message takes.
const HANDLING_MS: RangeInclusive<u64> = 5..=20;
/// Handled messages are acknowledged together: this many, or after this long.
const ACKS: usize = 8;
const ACK_AFTER: Duration = Duration::from_secs(2);

/// A consumer that may get a message more than once, and handles it each time.
pub(crate) async fn mirror(host: Host, destination: DestinationId) {
    Consumer::new(host, destination, None).consume().await;
}

/// A consumer that handles each message once: it writes it into its books.
pub(crate) async fn book(host: Host, destination: DestinationId, knobs: Knobs, auditor: Auditor) {
    let books = loop {
        match Books::open(&host, destination, knobs, auditor.clone()).await {
            Ok(books) => break books,
            Err(_) => host.sleep(Duration::from_secs(1)).await,
        }
    };
    Consumer::new(host, destination, Some(books)).consume().await;
}

struct Consumer {
    host: Host,
    destination: DestinationId,
    books: Option<Books>,
    /// Handled and not acknowledged: their places in the queue's log and their numbers.
    handled: Vec<(usize, u64)>,
    ack_at: Duration,
    dice: Dice,
}

impl Consumer {
    fn new(host: Host, destination: DestinationId, books: Option<Books>) -> Self {
        let dice = host.dice("handling");
        Self { host, destination, books, handled: Vec::new(), ack_at: Duration::MAX, dice }
    }

    async fn consume(mut self) {
        let (host, destination) = (self.host.clone(), self.destination);
        let mut client = Client::new(&host, true);
        loop {
            host.record(Event::SubscribeStarted { destination });
            let mut line = client.connect().await;
            host.record(Event::Subscribed { destination });
            let Err(error) = self.listen(&mut line).await;
            drop(line);
            for (_, number) in self.handled.drain(..) {
                let why = "the session ended first";
                host.record(Event::Unacked { message: message(number), destination, why });
            }
            client.part(error).await;
        }
    }

    async fn listen(&mut self, line: &mut Line) -> io::Result<Infallible> {
        self.ack_at = Duration::MAX;
        loop {
            match line.next_or(self.host.sleep_until(self.ack_at)).await? {
                Happening::Frame(Frame::Deliver { index, number, body }) => {
                    let destination = self.destination;
                    self.host.record(Event::Delivered { message: message(number), destination });
                    self.handle(number, digest(body.as_bytes())).await?;
                    self.handled.push((index, number));
                    self.ack_at = self.ack_at.min(self.host.now() + ACK_AFTER);
                }
                Happening::Frame(other) => return Err(out_of_place(&other)),
                Happening::Other(()) => {}
            }
            if self.handled.len() >= ACKS || self.host.now() >= self.ack_at {
                self.ack(line).await?;
            }
        }
    }

    async fn handle(&mut self, number: u64, digest: u64) -> io::Result<()> {
        self.host.sleep(Duration::from_millis(self.dice.random_range(HANDLING_MS))).await;
        match &mut self.books {
            Some(books) => books.enter(&self.host, number, digest).await,
            None => {
                let (message, destination) = (message(number), self.destination);
                self.host.record(Event::Received { message, destination, digest });
                Ok(())
            }
        }
    }

    async fn ack(&mut self, line: &mut Line) -> io::Result<()> {
        line.send(&Frame::Ack { indices: self.handled.iter().map(|(index, _)| *index).collect() }).await?;
        for (_, number) in self.handled.drain(..) {
            self.host.record(Event::Acked { message: message(number), destination: self.destination });
        }
        self.ack_at = Duration::MAX;
        Ok(())
    }
}

/// What the exactly-once consumer has handled: one entry a message, on its disk.
struct Books {
    destination: DestinationId,
    ledger: Ledger,
    entries: Vec<(u64, u64)>,
    handled: BTreeSet<u64>,
    auditor: Auditor,
}

impl Books {
    async fn open(host: &Host, destination: DestinationId, knobs: Knobs, auditor: Auditor) -> io::Result<Self> {
        let (ledger, records) = Ledger::open(host.disk(), "books").await?;
        let entries: Result<Vec<(u64, u64)>, _> = records.iter().map(|record| serde_json::from_slice(record)).collect();
        let entries = entries?;
        let handled = match knobs.forgets_what_it_handled {
            true => BTreeSet::new(),
            false => entries.iter().map(|(number, _)| *number).collect(),
        };
        auditor.look(host, destination, &entries);
        Ok(Self { destination, ledger, entries, handled, auditor })
    }

    /// Enters a message, if it is not there.
    async fn enter(&mut self, host: &Host, number: u64, digest: u64) -> io::Result<()> {
        if self.handled.contains(&number) {
            return Ok(());
        }
        self.ledger.append(&[serde_json::to_vec(&(number, digest))?]).await?;
        self.handled.insert(number);
        self.entries.push((number, digest));
        self.auditor.look(host, self.destination, &self.entries);
        Ok(())
    }
}

/// Reads the books whenever they are safe on the disk, and calls each entry received that was not there before.
///
/// It stands outside of the machine: whether a power loss left an entry that was being written, the machine itself
/// cannot tell from one that it wrote and told of.
#[derive(Clone, Default)]
pub(crate) struct Auditor(Arc<AtomicUsize>);

impl Auditor {
    fn look(&self, host: &Host, destination: DestinationId, entries: &[(u64, u64)]) {
        let seen = self.0.swap(entries.len(), Ordering::Relaxed);
        for (number, digest) in entries.iter().skip(seen) {
            host.record(Event::Received { message: message(*number), destination, digest: *digest });
        }
    }
}
