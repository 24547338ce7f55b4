//! Requests and responses, whole.
use crate::history::Name;
use crate::wire::json;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::AsHeaderName;
use hyper::upgrade::OnUpgrade;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// A request as a handler sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// In capitals, as on the wire.
    pub method: String,
    /// The path as on the wire, still percent-encoded, without the query.
    pub path: String,
    /// The decoded query; of a key given twice the last counts, a key without `=` has an empty value.
    pub query: BTreeMap<String, String>,
    /// As it came; empty when there is none.
    pub body: Bytes,
    /// The name of the host that asked.
    pub peer: Name,
    /// Its headers; none when it was not read from the wire.
    pub headers: HeaderMap,
    /// The connection beneath it, for who answers 101.
    pub(crate) upgrade: Option<OnUpgrade>,
    segments: Vec<String>,
}

/// A target that is no path, or decodes to something that is no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a request target: {0}")]
pub struct BadTarget(pub String);

impl Request {
    /// Reads a target such as `/twins/xyz?wait=10s`.
    ///
    /// # Errors
    /// [`BadTarget`] when it does not begin with `/`, or a percent-encoded part is not UTF-8.
    pub fn new(method: &str, target: &str, body: impl Into<Bytes>, peer: Name) -> Result<Self, BadTarget> {
        let bad = || BadTarget(target.to_owned());
        let (path, pairs) = target.split_once('?').unwrap_or((target, ""));
        let below_root = path.strip_prefix('/').ok_or_else(bad)?;
        let segments = below_root.split('/').map(decode).collect::<Option<Vec<_>>>().ok_or_else(bad)?;
        let mut query = BTreeMap::new();
        for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            query.insert(decode(key).ok_or_else(bad)?, decode(value).ok_or_else(bad)?);
        }
        let (method, path, headers, upgrade) = (method.to_owned(), path.to_owned(), HeaderMap::new(), None);
        Ok(Self { method, path, query, body: body.into(), peer, headers, upgrade, segments })
    }

    /// Reads a header; `None` when there is none, or one that is not visible ASCII.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Splits the path at its slashes, each part decoded: `/twins/a%2Fb` is `["twins", "a/b"]`.
    /// Made for `match (request.method.as_str(), request.segments().as_slice())`.
    pub fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// serde's, when the body is no JSON or has another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        json::read(&self.body)
    }
}

fn decode(part: &str) -> Option<String> {
    // Most parts have nothing to decode.
    if !part.as_bytes().contains(&b'%') {
        return Some(part.to_owned());
    }
    Some(percent_decode_str(part).decode_utf8().ok()?.into_owned())
}

/// A response. A body that is not empty is sent as `application/json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// As in HTTP.
    pub status: u16,
    /// JSON, or empty.
    pub body: Bytes,
}

impl Response {
    /// Answers without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, body: Bytes::new() }
    }

    /// Answers with a JSON body. A value that cannot be JSON (a map without text keys) is answered as a 500.
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self { status, body: body.into() },
            Err(error) => Self::error(500_000, &error.to_string()),
        }
    }

    /// Answers an error as the IoT services number them: six digits, of which the first three are
    /// the HTTP status (404001 is a 404), with `{"errorCode":..,"message":..}` as the body.
    pub fn error(code: u32, message: &str) -> Self {
        let status = u16::try_from(code / 1000).ok().filter(|s| (400..600).contains(s)).unwrap_or(500);
        Self { status, body: serde_json::json!({ "errorCode": code, "message": message }).to_string().into() }
    }

    /// Says whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// serde's, when the body is no JSON or has another shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        json::read(&self.body)
    }
}
