//! One port for requests and handshakes.
use super::socket::Socket;
use crate::host::{Host, Listener};
use crate::wire::http::{Request, Response, Unreadable, converse, to_wire};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::upgrade::OnUpgrade;
use std::future::Future;
use std::io;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Answers requests and handshakes until the listener fails or the caller drops the future (open connections end with
/// the boot). Each connection is a task of its own, as [`http::serve`](crate::wire::http::serve) has them; one that was
/// answered 101 is whoever's has the [`Handover`]. Bodies of requests have at most `limit` bytes.
///
/// # Errors
/// The listener's: it stopped accepting.
pub async fn serve<F, A>(host: Host, listener: Listener, limit: usize, answer: F) -> io::Result<()>
where
    F: Fn(Result<Request, Unreadable>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Reply> + Send + 'static,
{
    loop {
        let accepted = listener.accept().await?;
        let (on, answer) = (host.clone(), answer.clone());
        host.spawn(async move {
            let answer = move |request| {
                let reply = answer(request);
                async { reply.await.0 }
            };
            converse(on, accepted.stream, accepted.peer, limit, answer).await;
        });
    }
}

/// What a request is answered with: a response, or 101 (see [`Handshake::accept`]).
#[derive(Debug)]
pub struct Reply(hyper::Response<Full<Bytes>>);

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        let mut wire = to_wire(response);
        if wire.status() == StatusCode::UPGRADE_REQUIRED {
            wire.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            wire.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        Self(wire)
    }
}

/// Why a request is no handshake: the status of its answer, and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{1}")]
pub struct NoHandshake(pub u16, pub &'static str);

/// A client's half of a handshake, found good.
#[derive(Debug)]
pub struct Handshake {
    upgrade: OnUpgrade,
    accept: HeaderValue,
}

impl Handshake {
    /// Says whether a request means to be one.
    pub fn is_meant(request: &Request) -> bool {
        lists(request, "upgrade", "websocket")
    }

    /// Reads a handshake (RFC 6455, section 4.2.1). Subprotocols and extensions that it offers are not taken up.
    ///
    /// # Errors
    /// 426 for another version than 13, 400 for anything else that is missing; 405 when the method is not GET.
    pub fn of(request: &mut Request) -> Result<Self, NoHandshake> {
        if request.method != "GET" {
            return Err(NoHandshake(405, "a handshake is a GET"));
        }
        if !Self::is_meant(request) || !lists(request, CONNECTION.as_str(), "upgrade") {
            return Err(NoHandshake(400, "not a websocket handshake"));
        }
        if request.header(SEC_WEBSOCKET_VERSION) != Some("13") {
            return Err(NoHandshake(426, "websocket version 13 required"));
        }
        let key = request.header(SEC_WEBSOCKET_KEY).unwrap_or("");
        if !BASE64.decode(key).is_ok_and(|nonce| nonce.len() == 16) {
            return Err(NoHandshake(400, "not a websocket key"));
        }
        let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
        match (request.upgrade.take(), accept) {
            (Some(upgrade), Ok(accept)) => Ok(Self { upgrade, accept }),
            _ => Err(NoHandshake(400, "not a websocket handshake")),
        }
    }

    /// Splits into the answer for the wire and what its holder gets the socket from.
    pub fn accept(self) -> (Reply, Handover) {
        let mut wire = hyper::Response::new(Full::default());
        *wire.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        wire.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        wire.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        wire.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        (Reply(wire), Handover(self.upgrade))
    }
}

/// A connection that becomes a socket once 101 is written.
#[derive(Debug)]
pub struct Handover(OnUpgrade);

impl Handover {
    /// Waits for the socket. `None`: the connection ended before.
    pub async fn socket(self) -> Option<Socket> {
        Some(Socket::over(self.0.await.ok()?, Role::Server).await)
    }
}

/// Says whether a header is there and lists a token, in whatever case.
fn lists(request: &Request, header: &str, token: &str) -> bool {
    let values = request.headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|listed| listed.trim().eq_ignore_ascii_case(token))
}
