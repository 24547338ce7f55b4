//! A client's handshake.
use super::socket::Socket;
use crate::host::{Host, Stream};
use crate::wire::http::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::{CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The largest body of a refusal.
const REFUSAL_LIMIT: usize = 64 << 10;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No connection came about.
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    /// The server answered, and not with 101.
    #[error("handshake status {}", .0.status)]
    Refused(Response),
    /// The connection ended, or the other side does not speak HTTP.
    #[error("connection failed: {0}")]
    Failed(#[from] hyper::Error),
    /// The server says 101, but does not speak WebSocket.
    #[error("not a websocket handshake")]
    NotWebSocket,
    /// Target or headers are none; nothing was sent.
    #[error("not a request: {0}")]
    BadRequest(#[from] hyper::http::Error),
}

/// Connects to a port of another machine and shakes hands: `target` is the path with its query, `headers` come beside
/// those of the handshake. It has no time-out of its own: bound it with [`Host::within`].
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(
    host: &Host,
    to: &str,
    port: u16,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<Socket, ConnectError> {
    let stream = host.connect(to, port).await?;
    shake_hands(stream, to, target, headers).await
}

/// Shakes hands over a stream.
///
/// # Errors
/// [`ConnectError`].
pub(super) async fn shake_hands(
    stream: Stream,
    to: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<Socket, ConnectError> {
    let key = generate_key();
    let mut request = Request::get(target)
        .header(HOST, to)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new())?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let status = response.status().as_u16();
            // A body that does not come whole leaves a refusal what it is.
            let body = Limited::new(response.into_body(), REFUSAL_LIMIT).collect().await;
            return Err(ConnectError::Refused(Response {
                status,
                body: body.map(|body| body.to_bytes()).unwrap_or_default(),
            }));
        }
        let is = |name, wanted: &str| {
            response.headers().get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
        };
        let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(|value| value.as_bytes());
        if !is(UPGRADE, "websocket") || accepted != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(ConnectError::NotWebSocket);
        }
        Ok(hyper::upgrade::on(response).await?)
    };
    let (mut connection, mut exchange) = (pin!(connection.with_upgrades()), pin!(exchange));
    let mut over = false;
    let upgraded = poll_fn(|cx| {
        // The exchange learns of its end, and of its error.
        over = over || connection.as_mut().poll(cx).is_ready();
        exchange.as_mut().poll(cx)
    })
    .await?;
    Ok(Socket::over(upgraded, Role::Client).await)
}
