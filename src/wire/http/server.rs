//! Answers requests on one port.
use super::message::{Request, Response};
use crate::history::Name;
use crate::host::{BoxFuture, Elapsed, Host, Stream};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
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
    let activity = Arc::new(Activity::default());
    let (on, seen) = (host.clone(), activity.clone());
    let service = service_fn(move |request| {
        let (on, handler, peer, activity) = (on.clone(), handler.clone(), peer.clone(), seen.clone());
        async move {
            let _busy = Busy::begin(activity);
            Ok::<_, Infallible>(to_wire(answer(&on, request, peer, handler).await))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .auto_date_header(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
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

async fn answer<F>(host: &Host, request: hyper::Request<Incoming>, peer: Name, handler: F) -> Response
where
    F: Fn(Request) -> BoxFuture<'static, Response>,
{
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    let too_large = || Response::error(413_000, "request body too large");
    // One that says so itself is not waited for.
    if body.size_hint().lower() > REQUEST_LIMIT as u64 {
        return too_large();
    }
    let body = match body.is_end_stream() {
        // Nearly all requests have none.
        true => Bytes::new(),
        false => match host.within(IDLE_LIMIT, Limited::new(body, REQUEST_LIMIT).collect()).await {
            Err(Elapsed) => return Response::error(408_000, "request body did not come"),
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(),
            Ok(Err(_)) => return Response::error(400_000, "request body incomplete"),
        },
    };
    match Request::new(head.method.as_str(), target, body, peer) {
        Ok(request) => handler(request).await,
        Err(error) => Response::error(400_000, &error.to_string()),
    }
}

fn to_wire(response: Response) -> hyper::Response<Full<Bytes>> {
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
