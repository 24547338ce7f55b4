//! A consumer: handles what the queue delivers, and acknowledges it. The ledger de-duplicates.
use crate::link::{BEAT_EVERY, Either, Frame, Link, either};
use crate::producer::connect;
use crate::stage::{CLIENTS, back_off, message};
use giant_lizard::history::{Cause, DestinationId, Event, MessageId, Name};
use giant_lizard::host::{BoxFuture, DiskFile, Host};
use rand::RngExt;
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

struct Consumer {
    host: Host,
    role: u8,
    destination: DestinationId,
    ledger: Option<Ledger>,
}

/// What was handled, durably, by the queue's numbers: handling a message is writing it down.
struct Ledger {
    file: Box<dyn DiskFile>,
    handled: BTreeSet<u64>,
}

/// A ledger's record: sequence, number, digest.
const RECORD: usize = 24;

impl Ledger {
    /// Reads the disk as it was left. What is there has been handled; whether this host had time to say so before it
    /// went down it cannot know, and says it again under the same serial number.
    async fn open(host: &Host, destination: DestinationId) -> io::Result<Ledger> {
        let mut file = host.disk().open("ledger")?;
        let bytes = file.read_at(0, file.len()? as usize)?;
        file.truncate((bytes.len() / RECORD * RECORD) as u64)?;
        file.sync().await?;
        let mut ledger = Ledger { file, handled: BTreeSet::new() };
        for record in bytes.chunks_exact(RECORD) {
            let field = |at: usize| record[at..at + 8].iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
            ledger.say(host, field(0), message(field(8)), destination, field(16));
        }
        Ok(ledger)
    }
    fn say(&mut self, host: &Host, sequence: u64, message: MessageId, destination: DestinationId, digest: u64) {
        let serial = self.handled.len() as u64;
        self.handled.insert(sequence);
        host.record_once(serial, Event::Received { message, destination, digest });
    }
    async fn write(&mut self, sequence: u64, number: u64, digest: u64) -> io::Result<()> {
        self.file.append(&[sequence, number, digest].map(u64::to_be_bytes).concat())?;
        self.file.sync().await
    }
}

pub(crate) fn software(host: Host, role: u8) -> BoxFuture<'static, ()> {
    let destination = DestinationId(u32::from(role) - 1);
    Box::pin(async move {
        let mut consumer = Consumer { host: host.clone(), role, destination, ledger: None };
        if CLIENTS[role as usize] == "ledger" {
            let ledger = Ledger::open(&host, destination).await;
            consumer.ledger = Some(ledger.expect("no fault touches the disk of this consumer"));
        }
        consumer.keep_in_session().await;
    })
}

impl Consumer {
    async fn keep_in_session(&mut self) {
        let (host, destination) = (self.host.clone(), self.destination);
        let (client, service): (Name, Name) = (host.name().clone(), "queue".into());
        let mut dice = host.dice("back-off");
        let mut session = u64::from(host.boot()) * 1_000_000;
        loop {
            session += 1;
            host.record(Event::Connecting { client: client.clone(), service: service.clone() });
            host.record(Event::SubscribeStarted { destination });
            let (client, service) = (client.clone(), service.clone());
            match connect(&host, self.role).await {
                Err(error) => host.record(Event::Refused { client, service, why: error.to_string() }),
                Ok(link) => {
                    host.record(Event::Connected { client: client.clone(), service: service.clone(), session });
                    host.record(Event::Subscribed { destination });
                    let cause = self.session(link).await.err().map_or(Cause::Eof, |_| Cause::Reset);
                    host.record(Event::SessionLost { client, service, session, cause });
                }
            }
            host.sleep(back_off(&mut dice)).await;
        }
    }

    async fn session(&mut self, mut link: Link) -> io::Result<()> {
        let mut dice = self.host.dice("work");
        loop {
            match either(link.next(), self.host.sleep(BEAT_EVERY)).await {
                Either::First(Some(Frame::Deliver { sequence, number, payload })) => {
                    let (message, destination) = (message(number), self.destination);
                    self.host.record(Event::Delivered { message, destination });
                    self.host.sleep(Duration::from_millis(dice.random_range(1..10))).await;
                    self.handle(sequence, number, xxh3_64(&payload)).await?;
                    self.host.record(Event::Acked { message, destination });
                    link.send(Frame::Ack { sequence }).await?;
                }
                Either::First(Some(_)) => {}
                Either::First(None) => return Ok(()),
                Either::Second(()) => link.send(Frame::Beat).await?,
            }
        }
    }

    async fn handle(&mut self, sequence: u64, number: u64, digest: u64) -> io::Result<()> {
        let (message, destination) = (message(number), self.destination);
        match &mut self.ledger {
            None => self.host.record(Event::Received { message, destination, digest }),
            Some(ledger) if ledger.handled.contains(&sequence) => {}
            Some(ledger) => {
                ledger.write(sequence, number, digest).await?;
                ledger.say(&self.host, sequence, message, destination, digest);
            }
        }
        Ok(())
    }
}
