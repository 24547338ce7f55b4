//! The producer: an application that offers messages, and a client that stores them in the queue.
use crate::knobs::Knobs;
use crate::link::{BEAT_EVERY, Either, Frame, Link, either};
use crate::stage::{DURATION, back_off, message};
use giant_lizard::history::{Cause, Event, Name};
use giant_lizard::host::{BoxFuture, Host};
use rand::Rng;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use xxhash_rust::xxh3::xxh3_64;

/// How many buffers the client has.
const BUFFERS: usize = 16;
const PERIOD: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Producer {
    host: Host,
    knobs: Knobs,
    outbox: Arc<Mutex<Outbox>>,
    news: watch::Sender<()>,
}

/// Accepted and not confirmed, oldest first.
#[derive(Default)]
struct Outbox {
    waiting: VecDeque<Waiting>,
    buffers: [Vec<u8>; BUFFERS],
}

struct Waiting {
    number: u64,
    buffer: usize,
    sent: bool,
}

impl Outbox {
    /// A buffer that no message needs any more.
    fn free(&self, reuses: bool) -> Option<usize> {
        let taken = |buffer: &usize| self.waiting.iter().any(|w| w.buffer == *buffer && !(reuses && w.sent));
        (0..BUFFERS).find(|buffer| !taken(buffer))
    }
}

pub(crate) fn software(host: Host, knobs: Knobs) -> BoxFuture<'static, ()> {
    let producer = Producer { host, knobs, outbox: Arc::default(), news: watch::Sender::new(()) };
    Box::pin(async move {
        let application = producer.clone();
        producer.host.spawn(async move { application.offer_until_the_end().await });
        producer.keep_in_session().await;
    })
}

impl Producer {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn offer_until_the_end(&self) {
        let mut dice = self.host.dice("payload");
        let mut number = u64::from(self.host.boot()) << 32;
        while self.host.now() + PERIOD < DURATION {
            self.host.sleep(PERIOD).await;
            let free = self.outbox().free(self.knobs.reuses_buffers);
            if free.is_none() && !self.knobs.drops_when_full {
                continue;
            }
            let mut payload = vec![0; 32];
            dice.fill_bytes(&mut payload);
            self.host.record(Event::Offered { message: message(number), digest: xxh3_64(&payload) });
            if let Some(buffer) = free {
                let mut outbox = self.outbox();
                outbox.buffers[buffer] = payload;
                outbox.waiting.push_back(Waiting { number, buffer, sent: false });
            } else {
                self.host.record(Event::GivenUp { message: message(number), why: "every buffer is taken" });
            }
            number += 1;
            self.news.send_replace(());
        }
    }

    async fn keep_in_session(&self) {
        let (client, service): (Name, Name) = (self.host.name().clone(), "queue".into());
        let mut dice = self.host.dice("back-off");
        let mut session = u64::from(self.host.boot()) * 1_000_000;
        loop {
            session += 1;
            self.host.record(Event::Connecting { client: client.clone(), service: service.clone() });
            let (client, service) = (client.clone(), service.clone());
            match connect(&self.host, 0).await {
                Err(error) => self.host.record(Event::Refused { client, service, why: error.to_string() }),
                Ok(link) => {
                    let connected = Event::Connected { client: client.clone(), service: service.clone(), session };
                    self.host.record(connected);
                    let cause = self.session(link, session).await.err().map_or(Cause::Eof, |_| Cause::Reset);
                    self.host.record(Event::SessionLost { client, service, session, cause });
                }
            }
            self.host.sleep(back_off(&mut dice)).await;
        }
    }

    /// Sends everything that is not confirmed, oldest first, then what is new, until the session ends.
    async fn session(&self, mut link: Link, session: u64) -> io::Result<()> {
        let mut news = self.news.subscribe();
        let mut next = 0;
        loop {
            while let Some((frame, event)) = self.next_to_send(&mut next, session) {
                self.host.record(event);
                link.send(frame).await?;
            }
            let timer = self.host.sleep(BEAT_EVERY);
            match either(link.next(), either(news.changed(), timer)).await {
                Either::First(Some(Frame::Stored { number })) => {
                    let known = self.outbox().waiting.iter().position(|waiting| waiting.number == number);
                    if let Some(at) = known {
                        self.outbox().waiting.remove(at);
                        self.host.record(Event::Confirmed { message: message(number) });
                    }
                }
                Either::First(Some(_)) | Either::Second(Either::First(_)) => {}
                Either::First(None) => return Ok(()),
                Either::Second(Either::Second(())) => link.send(Frame::Beat).await?,
            }
        }
    }

    fn next_to_send(&self, next: &mut u64, session: u64) -> Option<(Frame, Event)> {
        let outbox = &mut *self.outbox();
        let waiting = outbox.waiting.iter_mut().find(|waiting| waiting.number >= *next)?;
        *next = waiting.number + 1;
        let again = std::mem::replace(&mut waiting.sent, true);
        let frame = Frame::Store { number: waiting.number, payload: outbox.buffers[waiting.buffer].clone() };
        Some((frame, Event::Sent { message: message(waiting.number), session, again }))
    }
}

/// Connects to the queue and says hello; consumers do the same.
pub(crate) async fn connect(host: &Host, role: u8) -> io::Result<Link> {
    let mut link = Link::open(host, "queue").await?;
    link.send(Frame::Hello { role }).await?;
    match link.next().await {
        Some(Frame::Welcome) => Ok(link),
        _ => Err(io::ErrorKind::ConnectionReset.into()),
    }
}
