//! The queue: stores, confirms, dispatches, forgets nothing.
use crate::knobs::Knobs;
use crate::link::{BEAT_EVERY, Either, Frame, Link, PORT, either};
use crate::stage::{CLIENTS, message};
use giant_lizard::history::Event;
use giant_lizard::host::{BoxFuture, DiskFile, Host};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64;

/// How many messages a consumer may hold unacknowledged.
const WINDOW: usize = 8;
/// A record of the log: number, length, digest; then the payload.
const HEAD: usize = 20;

#[derive(Clone)]
struct Queue {
    host: Host,
    knobs: Knobs,
    /// Held while the log is written, so that it is written in order.
    log: Arc<tokio::sync::Mutex<Box<dyn DiskFile>>>,
    acks: Arc<tokio::sync::Mutex<Box<dyn DiskFile>>>,
    books: Arc<Mutex<Books>>,
    news: watch::Sender<()>,
    /// Added to a position, it is the number under which a message is dispatched.
    base: u64,
}

/// What is in memory; all of it can be had from the disk.
#[derive(Default)]
struct Books {
    stored: Vec<(u64, Vec<u8>)>,
    /// By consumer: positions that it has not acknowledged.
    waiting: [BTreeSet<u64>; 2],
    last_number: Option<u64>,
    /// Confirmed and not stored yet, by the knob.
    unwritten: Vec<(u64, Vec<u8>)>,
}

impl Books {
    fn add(&mut self, number: u64, payload: Vec<u8>) {
        let position = self.stored.len() as u64;
        for waiting in &mut self.waiting {
            waiting.insert(position);
        }
        self.last_number = Some(number);
        self.stored.push((number, payload));
    }
}

pub(crate) fn software(host: Host, knobs: Knobs) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let queue = Queue::recover(host, knobs).await.expect("no fault touches the disk of this queue");
        let listener = queue.host.listen(PORT).expect("the port is free at boot");
        if knobs.acks_before_it_stores {
            let late = queue.clone();
            queue.host.spawn(async move { late.write_behind().await });
        }
        let mut session = u64::from(queue.host.boot()) * 1_000_000;
        while let Ok(accepted) = listener.accept().await {
            session += 1;
            let (queue, session) = (queue.clone(), session);
            queue.clone().host.spawn(async move {
                let mut link = Link::over(&queue.host, accepted.stream);
                let Some(Frame::Hello { role }) = link.next().await else { return };
                let client = || CLIENTS[role as usize].into();
                queue.host.record(Event::SessionOpened { client: client(), session });
                if link.send(Frame::Welcome).await.is_ok() {
                    let _ = match role {
                        0 => queue.serve_producer(link).await,
                        role => queue.serve_consumer(link, role as usize - 1, CLIENTS[role as usize]).await,
                    };
                }
                queue.host.record(Event::SessionEnded { client: client(), session, why: "connection over" });
            });
        }
    })
}

impl Queue {
    /// Reads the disk as it was left: whole records count, a torn one at the end never was.
    async fn recover(host: Host, knobs: Knobs) -> io::Result<Queue> {
        let disk = host.disk();
        let (mut log, mut acks) = (disk.open("log")?, disk.open("acks")?);
        let (bytes, mut at) = (disk.read("log")?, 0);
        let mut books = Books::default();
        while let Some((number, payload)) = record_at(&bytes[at..]) {
            at += HEAD + payload.len();
            books.add(number, payload);
        }
        log.truncate(at as u64)?;
        let acked = disk.read("acks")?;
        acks.truncate(acked.len() as u64 / 9 * 9)?;
        // What a crash left in the cache must not be gone after the next loss of power.
        log.sync().await?;
        acks.sync().await?;
        let base = if knobs.forgets_on_restart { u64::from(host.boot()) << 32 } else { 0 };
        for ack in acked.chunks_exact(9).filter(|_| !knobs.forgets_on_restart) {
            let position = ack[1..].iter().fold(0, |position, byte| position << 8 | u64::from(*byte));
            books.waiting[usize::from(ack[0])].remove(&position);
        }
        let (log, acks) = (Arc::new(log.into()), Arc::new(acks.into()));
        Ok(Queue { host, knobs, log, acks, books: Arc::new(Mutex::new(books)), news: watch::Sender::new(()), base })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve_producer(&self, mut link: Link) -> io::Result<()> {
        loop {
            match either(link.next(), self.host.sleep(BEAT_EVERY)).await {
                Either::First(Some(Frame::Store { number, payload })) => {
                    self.store(number, payload).await?;
                    link.send(Frame::Stored { number }).await?;
                }
                Either::First(Some(_)) => {}
                Either::First(None) => return Ok(()),
                Either::Second(()) => link.send(Frame::Beat).await?,
            }
        }
    }

    async fn store(&self, number: u64, payload: Vec<u8>) -> io::Result<()> {
        if self.knobs.acks_before_it_stores {
            self.books().unwritten.push((number, payload));
            return Ok(());
        }
        self.write(number, payload).await
    }

    /// Writes a message unless it is here already, durably, and only then lets it be dispatched.
    async fn write(&self, number: u64, payload: Vec<u8>) -> io::Result<()> {
        let mut log = self.log.lock().await;
        if self.books().last_number >= Some(number) {
            return Ok(());
        }
        let mut record = number.to_be_bytes().to_vec();
        record.extend((payload.len() as u32).to_be_bytes());
        record.extend(xxh3_64(&payload).to_be_bytes());
        record.extend(&payload);
        log.append(&record)?;
        log.sync().await?;
        self.host.record(Event::Stored { message: message(number) });
        self.books().add(number, payload);
        self.news.send_replace(());
        Ok(())
    }

    async fn write_behind(&self) {
        loop {
            self.host.sleep(Duration::from_millis(500)).await;
            let late = std::mem::take(&mut self.books().unwritten);
            for (number, payload) in late {
                let _ = self.write(number, payload).await;
            }
        }
    }

    async fn serve_consumer(&self, mut link: Link, consumer: usize, name: &str) -> io::Result<()> {
        let mut news = self.news.subscribe();
        let mut held = BTreeSet::new();
        loop {
            while let Some((position, number, payload)) = self.next_for(consumer, &held) {
                held.insert(position);
                self.host.record(Event::Dispatched { message: message(number), to: name.into(), again: false });
                link.send(Frame::Deliver { sequence: self.base + position, number, payload }).await?;
            }
            let timer = self.host.sleep(BEAT_EVERY);
            match either(link.next(), either(news.changed(), timer)).await {
                Either::First(Some(Frame::Ack { sequence })) => {
                    let position = sequence - self.base;
                    held.remove(&position);
                    self.acknowledge(consumer, position).await?;
                }
                Either::First(Some(_)) | Either::Second(Either::First(_)) => {}
                Either::First(None) => return Ok(()),
                Either::Second(Either::Second(())) => link.send(Frame::Beat).await?,
            }
        }
    }

    /// The next message to dispatch to a consumer that holds these.
    fn next_for(&self, consumer: usize, held: &BTreeSet<u64>) -> Option<(u64, u64, Vec<u8>)> {
        let books = self.books();
        let mut free = books.waiting[consumer].iter().filter(|position| !held.contains(position));
        let next = if self.knobs.serves_newest_first { free.next_back() } else { free.next() };
        let position = *next.filter(|_| held.len() < WINDOW)?;
        let (number, payload) = books.stored[position as usize].clone();
        Some((position, number, payload))
    }

    async fn acknowledge(&self, consumer: usize, position: u64) -> io::Result<()> {
        self.books().waiting[consumer].remove(&position);
        let mut acks = self.acks.lock().await;
        acks.append(&[&[consumer as u8], &position.to_be_bytes()[..]].concat())?;
        acks.sync().await
    }
}

fn record_at(bytes: &[u8]) -> Option<(u64, Vec<u8>)> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let number = u64::from_be_bytes(head[..8].try_into().ok()?);
    let payload = rest.get(..u32::from_be_bytes(head[8..12].try_into().ok()?) as usize)?;
    (head[12..] == xxh3_64(payload).to_be_bytes()).then(|| (number, payload.to_vec()))
}
