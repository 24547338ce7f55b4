//! Asks one service, over one connection that is kept.
use super::message::Response;
use crate::history::Name;
use crate::host::{Host, Task};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::pin;
use std::time::Duration;

/// The largest response body: a batch of telemetry, the largest thing asked for, stays well below it.
const RESPONSE_LIMIT: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection came about; nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    /// The request may have been carried out.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection ended, or the other side does not speak HTTP. The request may have been carried out.
    #[error("connection failed: {0}")]
    Failed(#[from] hyper::Error),
    /// The answer broke off, or was larger than any.
    #[error("response body: {0}")]
    Body(String),
    /// Method or target are none; nothing was sent.
    #[error("not a request: {0}")]
    BadRequest(#[from] hyper::http::Error),
}

/// One keep-alive connection to one service, made when first needed and again after it failed.
pub struct Client {
    host: Host,
    to: Name,
    port: u16,
    time_out: Duration,
    headers: Vec<(HeaderName, HeaderValue)>,
    connection: Option<Connection>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Option<Task>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A connection with unanswered bytes to a dead peer would otherwise linger until TCP gives up.
        if let Some(driver) = self.driver.take() {
            driver.abort();
        }
    }
}

impl Client {
    /// Plans a connection; nothing is sent yet. `time_out` bounds each request, connecting included.
    pub fn new(host: Host, to: Name, port: u16, time_out: Duration) -> Self {
        Self { host, to, port, time_out, headers: Vec::new(), connection: None }
    }

    /// Sends these headers with every request, such as the credentials.
    #[must_use]
    pub fn with_headers(mut self, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        self.headers = headers;
        self
    }

    /// Names the service.
    pub fn to(&self) -> &Name {
        &self.to
    }

    /// Asks, and waits for the whole answer. A status of 4xx or 5xx is an answer, not an error.
    ///
    /// # Errors
    /// No connection, no whole answer within the time-out, or no HTTP. The connection is then
    /// dropped, and the next request makes a new one. A request that failed *after* it was sent may
    /// have been carried out: ask again only what may happen twice. One that found its kept
    /// connection closed before it was sent is sent over a new one, within the same time-out.
    pub async fn request(&mut self, method: &str, target: &str, body: impl Into<Bytes>) -> Result<Response, HttpError> {
        self.request_within(self.time_out, method, target, body).await
    }

    /// Asks as [`Client::request`] does, with a time-out of its own: a long poll needs the service's
    /// wait on top.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn request_within(
        &mut self,
        time_out: Duration,
        method: &str,
        target: &str,
        body: impl Into<Bytes>,
    ) -> Result<Response, HttpError> {
        let body = body.into();
        let host = self.host.clone();
        // Taken out, so that a caller who drops this future half-way drops the connection with it.
        let kept = self.connection.take();
        let (connection, response) = {
            // Pinned where it is made: it is large, and would be moved twice.
            let exchange = pin!(self.exchange(kept, method, target, body));
            host.within(time_out, exchange).await.map_err(|_| HttpError::TimedOut(time_out))??
        };
        self.connection = Some(connection);
        Ok(response)
    }

    async fn exchange(
        &self,
        kept: Option<Connection>,
        method: &str,
        target: &str,
        body: Bytes,
    ) -> Result<(Connection, Response), HttpError> {
        let mut request = self.to_wire(method, target, body)?;
        if let Some(mut connection) = kept {
            // Ready once the last answer is wholly read; an error when the service closed meanwhile.
            if connection.sender.ready().await.is_ok() {
                match connection.sender.try_send_request(request).await {
                    Ok(response) => return Ok((connection, read(response).await?)),
                    Err(mut error) => match error.take_message() {
                        Some(unsent) => request = unsent,
                        None => return Err(error.into_error().into()),
                    },
                }
            }
        }
        let mut connection = self.connect().await?;
        let response = connection.sender.send_request(request).await?;
        Ok((connection, read(response).await?))
    }

    fn to_wire(&self, method: &str, target: &str, body: Bytes) -> Result<hyper::Request<Full<Bytes>>, HttpError> {
        let json = !body.is_empty();
        let mut request = hyper::Request::new(Full::new(body));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(hyper::http::Error::from)?;
        *request.uri_mut() = Uri::try_from(target).map_err(hyper::http::Error::from)?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(&self.to).map_err(hyper::http::Error::from)?);
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        if json {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(request)
    }

    async fn connect(&self) -> Result<Connection, HttpError> {
        let stream = self.host.connect(&self.to, self.port).await?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await?;
        let driver = self.host.spawn(async move {
            // Its error also reaches whoever waits for an answer.
            let _ = driver.await;
        });
        Ok(Connection { sender, driver: Some(driver) })
    }
}

async fn read(response: hyper::Response<hyper::body::Incoming>) -> Result<Response, HttpError> {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), RESPONSE_LIMIT).collect().await;
    Ok(Response { status, body: body.map_err(|error| HttpError::Body(error.to_string()))?.to_bytes() })
}
