//! A consumer: handles what the queue delivers, and acknowledges it. The ledger de-duplicates.
use crate::link::{BEAT_EVERY, Either, Frame, Link, either};
use crate::producer::connect;
use crate::stage::{CLIENTS, back_off, message};
use giant_lizard::history::{Cause, DestinationId, Event, Name};
use giant_lizard::host::{BoxFuture, Host};
use rand::RngExt;
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

struct Consumer {
    host: Host,
    role: u8,
    destination: DestinationId,
    /// What it has handled, by the queue's numbers, if it de-duplicates. In memory: the ledger's machine is spared
    /// by chaos.
    handled: Option<BTreeSet<u64>>,
}

pub(crate) fn software(host: Host, role: u8) -> BoxFuture<'static, ()> {
    let de_duplicates = CLIENTS[role as usize] == "ledger";
    let destination = DestinationId(u32::from(role) - 1);
    let mut consumer = Consumer { host, role, destination, handled: de_duplicates.then(BTreeSet::new) };
    Box::pin(async move { consumer.keep_in_session().await })
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
                    if self.handled.as_mut().is_none_or(|handled| handled.insert(sequence)) {
                        self.host.sleep(Duration::from_millis(dice.random_range(1..10))).await;
                        self.host.record(Event::Received { message, destination, digest: xxh3_64(&payload) });
                    }
                    self.host.record(Event::Acked { message, destination });
                    link.send(Frame::Ack { sequence }).await?;
                }
                Either::First(Some(_)) => {}
                Either::First(None) => return Ok(()),
                Either::Second(()) => link.send(Frame::Beat).await?,
            }
        }
    }
}
