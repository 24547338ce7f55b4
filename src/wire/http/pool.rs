//! Asks one service many things at once, over a few connections.
use super::client::{Client, HttpError};
use super::message::Response;
use crate::history::Name;
use crate::host::Host;
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Connections to one service, made when needed and kept. Who comes when all are busy waits for one.
pub struct Pool {
    host: Host,
    to: Name,
    port: u16,
    time_out: Duration,
    headers: Vec<(HeaderName, HeaderValue)>,
    lanes: Semaphore,
    /// Connections that nobody uses now, the warmest last.
    idle: Mutex<Vec<Client>>,
}

impl Pool {
    /// Plans at most `lanes` connections; nothing is sent yet. `time_out` bounds each request from when it has a
    /// connection to itself.
    pub fn new(host: Host, to: Name, port: u16, time_out: Duration, lanes: usize) -> Self {
        Self { host, to, port, time_out, headers: Vec::new(), lanes: Semaphore::new(lanes), idle: Mutex::default() }
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

    /// Asks as [`Client::request`] does.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn request(&self, method: &str, target: &str, body: impl Into<Bytes>) -> Result<Response, HttpError> {
        let _lane = self.lanes.acquire().await;
        let mut client = self.take_idle().unwrap_or_else(|| {
            Client::new(self.host.clone(), self.to.clone(), self.port, self.time_out).with_headers(self.headers.clone())
        });
        let answer = client.request(method, target, body).await;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        answer
    }

    fn take_idle(&self) -> Option<Client> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}
