//! Readers of a hub's feed: who asks for what there is by now, and who stays and is told of everything as it is stored.
use super::driver::Core;
use super::event::feed_json;
use crate::wire::http::{Request, Response};
use crate::wire::websocket::{Close, Frame, Handover, Handshake, NoHandshake, Reply, Socket, SocketError};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// The most events of one batch.
const MOST_EVENTS: usize = 500;
/// A batch of this many bytes gets no more events: with a last one of the largest size it is still a frame that readers take.
const LARGE: usize = 1 << 20;
/// The longest that an asker may wait for an event; who asks for longer is answered sooner.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Whoever stays hears of the hub at least as often, so that neither takes the other for dead: the hub's pings go
/// unacknowledged by a peer without power, and who hears nothing for much longer has no hub any more.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// As many bytes wait for a reader that is slower than the hub; the rest stays on the disk until it has taken these.
const MOST_UNREAD: usize = 1 << 20;

/// Where to read from: the query's `from`, or the beginning.
fn from(request: &Request) -> Result<u64, Response> {
    let from = request.query.get("from").map_or(Ok(0), |text| text.parse());
    from.map_err(|_| Response::error(400_000, "from is not an offset"))
}

/// `GET /messages/events?from={offset}&wait={duration}`: a [`Batch`](super::Batch), at once when there is something to read, else
/// when the first event is stored or the wait is over.
pub(super) async fn ask(core: &Core, request: &Request) -> Response {
    let from = match from(request) {
        Ok(from) => from,
        Err(refusal) => return refusal,
    };
    let wait = match request.query.get("wait").map_or(Ok(Duration::ZERO), |text| humantime::parse_duration(text)) {
        Ok(wait) => wait.min(LONGEST_WAIT),
        Err(_) => return Response::error(400_000, "wait is not a duration"),
    };
    // That the wait is over is no error: the batch is empty then.
    let _ = core.host().within(wait, core.until_stored(from)).await;
    match batch(core, from) {
        Ok((body, _)) => Response { status: 200, body: body.into() },
        Err(error) => Response::error(500_000, &error.to_string()),
    }
}

/// `GET /messages/events?from={offset}` as a WebSocket: the same [`Batch`](super::Batch)es as messages of text, each as soon as
/// there is something to tell, and a ping when there is nothing for [`HEARTBEAT`]. The real service pushes too, over a link
/// of AMQP that stays open (Microsoft docs, iot-hub-devguide-messages-read-builtin).
pub(super) fn stay(core: &Arc<Core>, mut request: Request) -> Reply {
    let from = match from(&request) {
        Ok(from) => from,
        Err(refusal) => return refusal.into(),
    };
    match Handshake::of(&mut request) {
        Err(NoHandshake(status, why)) => Response::error(u32::from(status) * 1000, why).into(),
        Ok(handshake) => {
            let (reply, handover) = handshake.accept();
            core.host().spawn(tell(core.clone(), handover, from));
            reply
        }
    }
}

/// What the task of a reader that stays waits for.
enum Happened {
    Heard(Result<Option<Frame>, SocketError>),
    /// There may be more to tell.
    More,
    Time,
}

/// Tells one reader of everything from an offset on, until either end is gone.
async fn tell(core: Arc<Core>, handover: Handover, mut from: u64) {
    let Some(mut socket) = handover.socket().await else { return };
    let host = core.host();
    let (mut told, mut heartbeat) = (false, host.sleep(HEARTBEAT));
    loop {
        // Made before anything is looked at, so that nothing stored meanwhile is missed.
        let mut stored = pin!(core.stored());
        match push(&core, &mut socket, from) {
            Ok(next) => (told, from) = (told || next > from, next),
            Err(error) => return drop(socket.close(Some(Close::new(1011, &error.to_string()))).await),
        }
        let happened = poll_fn(|cx| {
            let has_room = |socket: &Socket| socket.unwritten() < MOST_UNREAD;
            // First, so that the socket is looked at once for writing and reading.
            if core.has_stored(from) && has_room(&socket) {
                return Poll::Ready(Happened::More);
            }
            if let Poll::Ready(heard) = socket.poll_next(cx) {
                return Poll::Ready(Happened::Heard(heard));
            }
            let more = match core.has_stored(from) {
                // Else the stream wakes this task when it has taken some.
                true => has_room(&socket),
                false => stored.as_mut().poll(cx).is_ready(),
            };
            if more { Poll::Ready(Happened::More) } else { heartbeat.as_mut().poll(cx).map(|()| Happened::Time) }
        })
        .await;
        match happened {
            Happened::More | Happened::Heard(Ok(Some(_))) => {}
            Happened::Heard(Ok(None)) => return,
            Happened::Heard(Err(error)) => return drop(socket.drain(error.close()).await),
            Happened::Time => {
                if !std::mem::take(&mut told) {
                    socket.ping();
                }
                heartbeat = host.sleep(HEARTBEAT);
            }
        }
    }
}

/// Queues what is stored from an offset on, as much as a reader may have unread, and gives the offset after it.
fn push(core: &Core, socket: &mut Socket, mut from: u64) -> io::Result<u64> {
    while core.has_stored(from) && socket.unwritten() < MOST_UNREAD {
        let (body, next) = batch(core, from)?;
        let text = String::from_utf8(body).map_err(io::Error::other)?;
        socket.send_text(text);
        from = next;
    }
    Ok(from)
}

/// Room for what a batch has besides its events.
const SMALL: usize = 64;
/// Room for an event's offset, with its name.
const OFFSET: usize = 40;

/// Writes a [`Batch`](super::Batch) as JSON from the ledger's own bytes, and gives the offset after it.
fn batch(core: &Core, from: u64) -> io::Result<(Vec<u8>, u64)> {
    let places = core.look(|hub| hub.feed(from, MOST_EVENTS).to_vec());
    let length: usize = places.iter().map(|place| place.length + OFFSET).sum();
    let mut body = Vec::with_capacity(SMALL + length.min(LARGE));
    body.extend_from_slice(br#"{"events":["#);
    let mut next = from;
    for place in places {
        if body.len() > LARGE {
            break;
        }
        let record = core.reader.read_at(place.at, place.length)?;
        if next > from {
            body.push(b',');
        }
        feed_json(&record, next, &mut body).ok_or(io::ErrorKind::InvalidData)?;
        next += 1;
    }
    body.extend_from_slice(br#"],"next":"#);
    serde_json::to_writer(&mut body, &next)?;
    body.push(b'}');
    Ok((body, next))
}
