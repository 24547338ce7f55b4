//! The queue: it writes a message to its disk, confirms it, and dispatches it to each of its subscribers.
use crate::knobs::Knobs;
use crate::memory::{Memory, Next, Record};
use crate::producer::message;
use crate::wire::{DEAD_AFTER, Frame, Happening, Line, out_of_place};
use giant_lizard::history::Event;
use giant_lizard::host::{Host, Stream};
use giant_lizard::ledger::Ledger;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

pub(crate) const PORT: u16 = 7;
/// With a knob on: how long a confirmed message may wait to be written.
const LATER: Duration = Duration::from_secs(2);

/// What the sessions of one boot share.
struct Queue {
    host: Host,
    knobs: Knobs,
    memory: StdMutex<Memory>,
    ledger: Mutex<Ledger>,
    /// Confirmed and not yet written, with a knob on.
    later: StdMutex<Vec<Record>>,
    /// Something in memory has changed.
    news: watch::Sender<()>,
}

/// The client at the other end of a session.
struct Caller {
    client: String,
    session: u64,
}

/// Serves until the machine stops.
pub(crate) async fn serve(host: Host, knobs: Knobs) {
    let (ledger, memory) = loop {
        match remember(&host).await {
            Ok(remembered) => break remembered,
            Err(_) => host.sleep(Duration::from_secs(1)).await,
        }
    };
    let (memory, ledger, later) = (StdMutex::new(memory), Mutex::new(ledger), StdMutex::default());
    let queue = Arc::new(Queue { host: host.clone(), knobs, memory, ledger, later, news: watch::Sender::new(()) });
    if knobs.confirms_before_it_stores {
        host.spawn(queue.clone().write_behind());
    }
    let listener = host.listen(PORT).expect("nobody else listens on this machine");
    while let Ok(accepted) = listener.accept().await {
        host.spawn(queue.clone().attend(accepted.stream));
    }
}

async fn remember(host: &Host) -> io::Result<(Ledger, Memory)> {
    let (ledger, records) = Ledger::open(host.disk(), "queue").await?;
    let mut memory = Memory::default();
    for record in records {
        memory.apply(serde_json::from_slice(&record)?);
    }
    Ok((ledger, memory))
}

impl Queue {
    async fn attend(self: Arc<Self>, stream: Stream) {
        let mut line = Line::new(&self.host, stream);
        let Ok(Ok(Frame::Hello { client, session, subscribes })) = self.host.within(DEAD_AFTER, line.next()).await
        else {
            return;
        };
        if !self.memory().greet(&client, session) {
            return;
        }
        self.news.send_replace(());
        self.host.record(Event::SessionOpened { client: client.as_str().into(), session });
        let caller = Caller { client, session };
        let served = if subscribes { self.feed(&mut line, &caller).await } else { self.take(&mut line, &caller).await };
        let Err(error) = served;
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the client closed it",
            io::ErrorKind::TimedOut => "the client is silent",
            io::ErrorKind::ConnectionAborted => "the client has a newer one",
            io::ErrorKind::StorageFull => "the disk is full",
            _ => "it broke",
        };
        self.host.record(Event::SessionEnded { client: caller.client.as_str().into(), session, why });
    }

    /// A producer's session.
    async fn take(&self, line: &mut Line, caller: &Caller) -> io::Result<Infallible> {
        let mut news = self.news.subscribe();
        line.send(&Frame::Welcome).await?;
        loop {
            match line.next_or(news.changed()).await? {
                Happening::Frame(Frame::Publish { number, body }) => {
                    let record = Record::Stored { number, body };
                    if self.knobs.confirms_before_it_stores {
                        self.later().push(record);
                    } else {
                        self.write(caller, record).await?;
                        self.host.record(Event::Stored { message: message(number) });
                    }
                    line.send(&Frame::Confirm { number }).await?;
                }
                Happening::Frame(other) => return Err(out_of_place(&other)),
                Happening::Other(_) => self.check_newest(caller)?,
            }
        }
    }

    /// A consumer's session.
    async fn feed(&self, line: &mut Line, caller: &Caller) -> io::Result<Infallible> {
        let mut news = self.news.subscribe();
        let subscribing = self.memory().subscribing(&caller.client);
        if let Some(record) = subscribing {
            self.write(caller, record).await?;
        }
        self.check_newest(caller)?;
        self.memory().begin(&caller.client);
        line.send(&Frame::Welcome).await?;
        loop {
            while let Some(next) = self.next(caller) {
                self.dispatch(line, caller, next).await?;
            }
            match line.next_or(news.changed()).await? {
                Happening::Frame(Frame::Ack { indices }) => {
                    let record = Record::Acked { client: caller.client.clone(), indices };
                    if self.knobs.keeps_acks_in_memory {
                        self.memory().apply(record);
                    } else {
                        self.write(caller, record).await?;
                    }
                }
                Happening::Frame(other) => return Err(out_of_place(&other)),
                Happening::Other(_) => self.check_newest(caller)?,
            }
        }
    }

    fn next(&self, caller: &Caller) -> Option<Next> {
        self.memory().dispatch(&caller.client, caller.session, self.knobs.serves_the_newest_first)
    }

    async fn dispatch(&self, line: &mut Line, caller: &Caller, next: Next) -> io::Result<()> {
        let Next { index, number, body, again } = next;
        if self.knobs.forgets_what_it_dispatched {
            self.write(caller, Record::Acked { client: caller.client.clone(), indices: vec![index] }).await?;
        }
        line.send(&Frame::Deliver { index, number, body }).await?;
        self.host.record(Event::Dispatched { message: message(number), to: caller.client.as_str().into(), again });
        Ok(())
    }

    /// Makes a change, when it is safe on the disk. Changes are made in the order in which they were asked for, and
    /// nothing is changed for a session whose client has begun a newer one.
    async fn write(&self, caller: &Caller, record: Record) -> io::Result<()> {
        let mut ledger = self.ledger.lock().await;
        self.check_newest(caller)?;
        ledger.append(&[serde_json::to_vec(&record)?]).await?;
        self.memory().apply(record);
        self.news.send_replace(());
        Ok(())
    }

    /// With a knob on: writes messages that are confirmed already.
    async fn write_behind(self: Arc<Self>) {
        loop {
            self.host.sleep(LATER).await;
            let records = self.later().clone();
            let bytes: Result<Vec<_>, _> = records.iter().map(serde_json::to_vec).collect();
            let Ok(bytes) = bytes else { continue };
            if self.ledger.lock().await.append(&bytes).await.is_err() {
                continue;
            }
            self.later().drain(..records.len());
            for record in records {
                self.memory().apply(record);
            }
            self.news.send_replace(());
        }
    }

    fn check_newest(&self, caller: &Caller) -> io::Result<()> {
        let is_newest = self.memory().is_newest(&caller.client, caller.session);
        if is_newest { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn later(&self) -> MutexGuard<'_, Vec<Record>> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
