//! One hub's feed, as central hears it.
use super::application::Door;
use super::feed::Recogniser;
use super::link::Link;
use crate::history::{Cause, Event, Name};
use crate::host::{BoxFuture, Elapsed, Host};
use crate::iot::hub::HEARTBEAT;
use crate::iot::plan::CONTROL_PORT;
use crate::wire::websocket::{self, ConnectError, Frame, Socket, SocketError, Utf8Bytes};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::Semaphore;

/// So long central waits for a hub's answer, or for more than a heartbeat: a batch of full-size messages over a bad link
/// takes its time.
const TIME_OUT: Duration = Duration::from_secs(20);
/// A hub that gave no sign of life for this long is taken for dead.
const SILENCE: Duration = Duration::from_secs(HEARTBEAT.as_secs() + TIME_OUT.as_secs());
/// So many batches of a hub may be on their way to the disk: that of a round trip, when telemetry comes one by one.
const MOST_UNSTORED: usize = 16;
/// A hub that did not answer is asked again after this long.
const RETRY: Duration = Duration::from_secs(1);

/// Reads one hub for ever: it stays connected to the hub's feed, and after a failure goes on where it was.
///
/// It is told, and does not ask: a request for each message would be a round trip for each, and the real service pushes
/// over a link that stays open (Microsoft docs, iot-hub-devguide-messages-read-builtin).
pub(super) struct Reader {
    host: Host,
    hub: Name,
    link: Option<Link>,
    recogniser: Arc<Recogniser>,
    door: Door,
    /// For every batch that may be on its way to the disk.
    room: Arc<Semaphore>,
}

/// Why a hub is not read any more.
#[derive(Debug, thiserror::Error)]
enum Parted {
    #[error(transparent)]
    NotLetIn(#[from] ConnectError),
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("connection ended")]
    Ended,
    #[error("nothing was heard for {0:?}")]
    Silent(Duration),
    #[error("not a batch: {0}")]
    Shape(#[from] serde_json::Error),
}

impl Reader {
    pub(super) fn new(host: Host, hub: Name, recogniser: Arc<Recogniser>, door: Door) -> Self {
        let name = Link::client_name(host.name(), &hub);
        let known = host.history().roster().clients.iter().any(|client| *client.name == *name);
        let link = known.then(|| Link::new(host.name(), &hub, host.boot()));
        Self { host, hub, link, recogniser, door, room: Arc::new(Semaphore::new(MOST_UNSTORED)) }
    }

    pub(super) async fn read_for_ever(mut self, mut from: u64) {
        loop {
            self.tell(|link| link.tries());
            let why = match self.connect(from).await {
                Ok(line) => {
                    self.tell(Link::opened);
                    self.listen(line, &mut from).await
                }
                Err(why) => why,
            };
            self.tell(|link| Some(link.failed(why.cause(), why.to_string())));
            self.host.sleep(RETRY).await;
        }
    }

    async fn connect(&self, from: u64) -> Result<Line, Parted> {
        let target = format!("/messages/events?from={from}");
        let connecting = websocket::connect(&self.host, &self.hub, CONTROL_PORT, &target, &[]);
        let socket = self.host.within(TIME_OUT, connecting).await.map_err(|Elapsed| Parted::Silent(TIME_OUT))??;
        Ok(Line { host: self.host.clone(), socket, timer: None })
    }

    /// Hands in what a hub tells, from an offset on, until the connection is of no more use. Goes on reading while what it
    /// read is being stored.
    async fn listen(&mut self, mut line: Line, from: &mut u64) -> Parted {
        loop {
            // Never closed. While central cannot store, the hub is not listened to: TCP holds it back.
            let Ok(room) = self.room.clone().acquire_owned().await else { return Parted::Ended };
            let told = line.next().await;
            match told.and_then(|text| Ok(self.recogniser.read(&self.hub, &text)?)) {
                Ok(batch) => {
                    let begins = std::mem::replace(from, batch.next);
                    self.door.hand_over(&self.hub, begins, batch, room);
                }
                Err(why) => return why,
            }
        }
    }

    fn tell(&mut self, what: impl FnOnce(&mut Link) -> Option<Event>) {
        if let Some(event) = self.link.as_mut().and_then(what) {
            self.host.record(event);
        }
    }
}

/// An open connection.
struct Line {
    host: Host,
    socket: Socket,
    /// When to look whether the hub is silent. Set no sooner than that: not with every batch.
    timer: Option<BoxFuture<'static, ()>>,
}

impl Line {
    /// Waits for a batch's text, for as long as the hub gives signs of life.
    async fn next(&mut self) -> Result<Utf8Bytes, Parted> {
        loop {
            let until = self.host.now() + SILENCE;
            match poll_fn(|cx| self.poll_heard(cx, until)).await? {
                None => return Err(Parted::Ended),
                Some(Frame::Text(text)) => return Ok(text),
                Some(_) => {}
            }
        }
    }

    fn poll_heard(&mut self, cx: &mut Context<'_>, until: Duration) -> Poll<Result<Option<Frame>, Parted>> {
        if let Poll::Ready(heard) = self.socket.poll_next(cx) {
            return Poll::Ready(Ok(heard?));
        }
        loop {
            ready!(self.timer.get_or_insert_with(|| self.host.sleep_until(until)).as_mut().poll(cx));
            self.timer = None;
            if self.host.now() >= until {
                return Poll::Ready(Err(Parted::Silent(SILENCE)));
            }
        }
    }
}

impl Parted {
    fn cause(&self) -> Cause {
        match self {
            Self::Silent(_) => Cause::TimeOut,
            Self::NotLetIn(ConnectError::Connect(error)) if error.kind() == io::ErrorKind::TimedOut => Cause::TimeOut,
            Self::NotLetIn(ConnectError::Connect(_)) => Cause::Reset,
            Self::NotLetIn(ConnectError::Failed(error)) if error.is_incomplete_message() => Cause::Eof,
            Self::NotLetIn(ConnectError::Failed(_)) | Self::Socket(SocketError::Io(_)) => Cause::Reset,
            Self::Ended => Cause::Eof,
            Self::NotLetIn(_) | Self::Socket(_) | Self::Shape(_) => Cause::Protocol,
        }
    }
}
