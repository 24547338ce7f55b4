//! What a producer and a consumer have in common: sessions with the queue, one after the other.
use crate::queue::PORT;
use crate::wire::{Frame, Line, out_of_place};
use giant_lizard::history::{Cause, Event, Name};
use giant_lizard::host::Host;
use lizard_sim::Dice;
use rand::RngExt;
use std::io;
use std::time::Duration;

/// How long connecting may take, `Welcome` included.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause before the next attempt, in milliseconds.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 1_000..=3_000;

/// A client of the queue. Its name is its host's.
pub(crate) struct Client {
    host: Host,
    subscribes: bool,
    session: u64,
    dice: Dice,
}

impl Client {
    pub(crate) fn new(host: &Host, subscribes: bool) -> Self {
        // A boot does not know how many sessions the one before it had.
        let session = u64::from(host.boot()) * 1_000_000;
        Self { host: host.clone(), subscribes, session, dice: host.dice("pauses") }
    }

    /// Tries until it is welcome.
    pub(crate) async fn connect(&mut self) -> Line {
        loop {
            self.session += 1;
            self.host.record(Event::Connecting { client: self.name(), service: "queue".into() });
            let (client, service, session) = (self.name(), "queue".into(), self.session);
            match self.host.within(PATIENCE, self.knock()).await {
                Ok(Ok(line)) => {
                    self.host.record(Event::Connected { client, service, session });
                    return line;
                }
                Ok(Err(error)) => self.host.record(Event::Refused { client, service, why: error.kind().to_string() }),
                Err(elapsed) => self.host.record(Event::Refused { client, service, why: elapsed.to_string() }),
            }
            self.pause().await;
        }
    }

    async fn knock(&self) -> io::Result<Line> {
        let mut line = Line::new(&self.host, self.host.connect("queue", PORT).await?);
        let (client, session, subscribes) = (self.name().to_string(), self.session, self.subscribes);
        line.send(&Frame::Hello { client, session, subscribes }).await?;
        match line.next().await? {
            Frame::Welcome => Ok(line),
            other => Err(out_of_place(&other)),
        }
    }

    /// Takes note of how the session ended.
    pub(crate) async fn part(&mut self, error: io::Error) {
        let (client, service, session) = (self.name(), "queue".into(), self.session);
        let cause = match error.kind() {
            io::ErrorKind::UnexpectedEof => Cause::Eof,
            io::ErrorKind::TimedOut => Cause::Silence,
            io::ErrorKind::InvalidData => Cause::Protocol,
            // Its own disk's failure: it has hung up itself.
            io::ErrorKind::StorageFull => {
                self.host.record(Event::SessionClosed { client, service, session });
                return self.pause().await;
            }
            _ => Cause::Reset,
        };
        self.host.record(Event::SessionLost { client, service, session, cause });
        self.pause().await;
    }

    pub(crate) fn session(&self) -> u64 {
        self.session
    }

    fn name(&self) -> Name {
        self.host.name().clone()
    }

    async fn pause(&mut self) {
        self.host.sleep(Duration::from_millis(self.dice.random_range(PAUSE_MS))).await;
    }
}
