//! Answers requests on one port.
use super::message::{BadTarget, Request, Response};
use crate::history::Name;
use crate::host::{BoxFuture, Elapsed, Host, Stream};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

/// The largest request body: above it the answer is a 413. Telemetry batches are responses; what
/// clients send here (identities, twins, commands) is at most 256 KB on the real services.
pub const REQUEST_LIMIT: usize = 1 << 20;

/// A connection on which no request begins or ends for this long is closed: its peer may have lost
/// power, which nobody hears of until they write. Longer than any health check or long poll. A request's body has as
/// long to come; then the answer is a 408.
pub const IDLE_LIMIT: Duration = Duration::from_secs(120);

/// Answers requests on a port until the listener fails or the caller drops the future (open
/// connections are closed with the boot).
///
/// Each connection is a task of its own, its requests one after the other. When the peer closes
/// while the handler still works (a long poll), the handler's future is dropped. A malformed
/// request is answered with 400 and the connection closed, a body above [`REQUEST_LIMIT`] with 413.
///
/// # Errors
/// The listener's: the port is taken, or it stopped accepting.
pub async fn serve<F>(host: Host, port: u16, handler: F) -> io::Result<()>
where
    F: Fn(Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static,
{
    let listener = host.listen(port)?;
    loop {
        let accepted = listener.accept().await?;
        let (on, handler) = (host.clone(), handler.clone());
        host.spawn(async move { serve_stream(on, accepted.stream, accepted.peer, handler).await });
    }
}

/// Answers the requests of one connection until it ends.
pub async fn serve_stream<F>(host: Host, stream: Stream, peer: Name, handler: F)
where
    F: Fn(Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static,
{
    let answer = move |request: Result<Request, Unreadable>| {
        let handler = handler.clone();
        async move {
            to_wire(match request {
                Ok(request) => handler(request).await,
                Err(why) => why.into(),
            })
        }
    };
    converse(host, stream, peer, REQUEST_LIMIT, answer).await;
}

/// Answers the requests of one connection, with bodies of at most `limit` bytes, with responses as they go onto the wire,
/// until it ends or an answer of 101 has handed it over.
pub(crate) async fn converse<F, A>(host: Host, stream: Stream, peer: Name, limit: usize, answer: F)
where
    F: Fn(Result<Request, Unreadable>) -> A + Clone,
    A: Future<Output = hyper::Response<Full<Bytes>>>,
{
    let activity = Arc::new(Activity::default());
    let (on, seen) = (host.clone(), activity.clone());
    let service = service_fn(move |request| {
        let (on, answer, peer, activity) = (on.clone(), answer.clone(), peer.clone(), seen.clone());
        async move {
            let _busy = Busy::begin(activity);
            Ok::<_, Infallible>(answer(read(&on, request, peer, limit).await).await)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .auto_date_header(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut idle = std::pin::pin!(idle(&host, &activity));
    std::future::poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        idle.as_mut().poll(cx)
    })
    .await;
}

/// Why what came is no whole request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Its body is over the limit: [`REQUEST_LIMIT`], unless the service has its own.
    #[error("request body too large")]
    TooLarge,
    /// Its body took longer than [`IDLE_LIMIT`].
    #[error("request body did not come")]
    Late,
    /// Its body broke off.
    #[error("request body incomplete")]
    Incomplete,
    /// Its target is none.
    #[error(transparent)]
    Target(#[from] BadTarget),
}

impl Unreadable {
    /// The status that it is answered with.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::Late => 408,
            Self::Incomplete | Self::Target(_) => 400,
        }
    }
}

impl From<Unreadable> for Response {
    fn from(why: Unreadable) -> Self {
        Self::error(u32::from(why.status()) * 1000, &why.to_string())
    }
}

async fn read(
    host: &Host,
    mut request: hyper::Request<Incoming>,
    peer: Name,
    limit: usize,
) -> Result<Request, Unreadable> {
    let upgrade = request.headers().contains_key(UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    // One that says so itself is not waited for.
    if body.size_hint().lower() > limit as u64 {
        return Err(Unreadable::TooLarge);
    }
    let body = match body.is_end_stream() {
        // Nearly all requests have none.
        true => Bytes::new(),
        false => match host.within(IDLE_LIMIT, Limited::new(body, limit).collect()).await {
            Err(Elapsed) => return Err(Unreadable::Late),
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Unreadable::TooLarge),
            Ok(Err(_)) => return Err(Unreadable::Incomplete),
        },
    };
    let mut request = Request::new(head.method.as_str(), target, body, peer)?;
    (request.headers, request.upgrade) = (head.headers, upgrade);
    Ok(request)
}

pub(crate) fn to_wire(response: Response) -> hyper::Response<Full<Bytes>> {
    let json = !response.body.is_empty();
    let mut wire = hyper::Response::new(Full::new(response.body));
    // Handlers write the status by hand; one that no wire can carry is our own mistake, and a 500.
    *wire.status_mut() =
        hyper::StatusCode::from_u16(response.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    if json {
        wire.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    wire
}

/// Counts a connection's begun and ended requests.
#[derive(Default)]
struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request at work. Ended by its drop, so that a dropped handler counts too.
struct Busy(Arc<Activity>);

impl Busy {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        Self(activity)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Resolves when no request was at work for a whole [`IDLE_LIMIT`] (checked once per limit, so at most twice as late).
async fn idle(host: &Host, activity: &Activity) {
    let mut last = None;
    loop {
        let (begun, ended) = (activity.begun.load(Ordering::Relaxed), activity.ended.load(Ordering::Relaxed));
        if begun == ended && last == Some(begun) {
            return;
        }
        last = (begun == ended).then_some(begun);
        host.sleep(IDLE_LIMIT).await;
    }
}
