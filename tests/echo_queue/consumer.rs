//! The consumers: each handles what it is sent and acknowledges it, several at a time.
use crate::client::Client;
use crate::knobs::Knobs;
use crate::producer::message;
use crate::wire::{Frame, Happening, Line, out_of_place};
use giant_lizard::history::{DestinationId, Event};
use giant_lizard::host::Host;
use giant_lizard::ledger::Ledger;
use giant_lizard::wire::payload::digest;
use lizard_sim::Dice;
use rand::RngExt;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::ops::RangeInclusive;
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
pub(crate) async fn book(host: Host, destination: DestinationId, knobs: Knobs) {
    let books = loop {
        match Books::open(&host, destination, knobs).await {
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

/// What the exactly-once consumer has handled: to handle a message is to write an entry.
struct Books {
    destination: DestinationId,
    ledger: Ledger,
    entries: u64,
    handled: BTreeSet<u64>,
}

impl Books {
    /// Reads them. An entry that is there counts, whether or not the boot that wrote it had the time to say so.
    async fn open(host: &Host, destination: DestinationId, knobs: Knobs) -> io::Result<Self> {
        let (ledger, records) = Ledger::open(host.disk(), "books").await?;
        let mut books = Self { destination, ledger, entries: 0, handled: BTreeSet::new() };
        for record in records {
            let (number, digest) = serde_json::from_slice(&record)?;
            books.tell(host, number, digest);
            if !knobs.forgets_what_it_handled {
                books.handled.insert(number);
            }
        }
        Ok(books)
    }

    /// Enters a message, if it is not there.
    async fn enter(&mut self, host: &Host, number: u64, digest: u64) -> io::Result<()> {
        if self.handled.contains(&number) {
            return Ok(());
        }
        self.ledger.append(&[serde_json::to_vec(&(number, digest))?]).await?;
        self.handled.insert(number);
        self.tell(host, number, digest);
        Ok(())
    }

    /// Tells of the next entry.
    fn tell(&mut self, host: &Host, number: u64, digest: u64) {
        let (message, destination) = (message(number), self.destination);
        host.record_once(self.entries, Event::Received { message, destination, digest });
        self.entries += 1;
    }
}
