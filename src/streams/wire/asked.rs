//! What a request asks for.
use super::{attachment, call};
use crate::streams::broker::call::{Call, Refusal};
use crate::streams::broker::input::Attachment;
use crate::streams::broker::message::Page;
use crate::streams::plan::FABRIC;
use crate::wire::http::Request;

/// Where another region's broker sends what was published there: a path of our own, as the real service has another
/// protocol for it.
pub const REPLICATION: &str = "/_replication";

/// Where a one-time password is had.
pub const ONE_TIME_PASSWORD: &str = "/apid/otp";

/// Everything that a broker's port offers.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// `/_ws/ws/v2/..`: a socket.
    Socket(Attachment),
    /// `/_fabric/{fabric}/_api/..`.
    Rest(Call),
    /// `POST /apid/otp`.
    OneTimePassword,
    /// `GET /_api/user`.
    User,
    /// `GET /datacenter/local`.
    Datacenter,
    /// `POST /_replication`.
    Replicate(Page),
}

/// Where a request goes, whoever asks.
enum Way<'a> {
    Socket(&'a [&'a str]),
    Api(&'a str, &'a [&'a str]),
    Other(&'a [&'a str]),
}

/// Says whether a request goes to a socket, for which a one-time password will do.
pub fn is_for_socket(request: &Request) -> bool {
    matches!(way(trimmed(&request.segments())), Way::Socket(_))
}

/// Reads what a request asks for. `tenant`: the key's; `publish_time`: the wall clock's, in milliseconds since 1970;
/// `name`: draws one for a consumer or reader that has none.
///
/// # Errors
/// 400 for parameters and bodies that are none, 403 for another tenant, 404 for paths that lead nowhere and streams that
/// cannot be, 405 for another method.
pub fn read(
    request: &Request,
    tenant: &str,
    publish_time: u64,
    name: impl FnOnce() -> String,
) -> Result<Asked, Refusal> {
    let segments = request.segments();
    let path = match way(trimmed(&segments)) {
        Way::Socket(path) => return attachment::read(request, path, tenant, name).map(Asked::Socket),
        Way::Api(FABRIC, path) => return call::read(request, path, publish_time).map(Asked::Rest),
        Way::Api(..) => return Err(Refusal { status: 404, number: 1228, message: "fabric not found".into() }),
        Way::Other(path) => path,
    };
    match (request.method.as_str(), path) {
        ("POST", ["apid", "otp"]) => Ok(Asked::OneTimePassword),
        ("GET", ["_api", "user"]) => Ok(Asked::User),
        ("GET", ["datacenter", "local"]) => Ok(Asked::Datacenter),
        ("POST", ["_replication"]) => match request.json() {
            Ok(page) => Ok(Asked::Replicate(page)),
            Err(error) => Err(Refusal { status: 400, number: 400, message: format!("not a page: {error}") }),
        },
        (_, ["apid", "otp"] | ["_api", "user"] | ["datacenter", "local"] | ["_replication"]) => {
            Err(Refusal { status: 405, number: 405, message: "method not supported".into() })
        }
        _ => Err(call::unknown_path(request)),
    }
}

/// Cuts off what the public SDKs put before a path: the JavaScript SDK a second slash before `_ws`, the Python SDK the
/// port that it appends to a URL that ends in a path (`/p:443/_fabric/..`).
fn trimmed<'a>(mut segments: &'a [&'a str]) -> &'a [&'a str] {
    while let [first, rest @ ..] = segments {
        let is_port = first.strip_prefix("p:").is_some_and(|port| port.parse::<u16>().is_ok());
        if !first.is_empty() && !is_port || rest.is_empty() {
            break;
        }
        segments = rest;
    }
    segments
}

fn way<'a>(path: &'a [&'a str]) -> Way<'a> {
    match path {
        ["_ws", "ws", "v2", rest @ ..] => Way::Socket(rest),
        ["_fabric", fabric, "_api", rest @ ..] => Way::Api(fabric, rest),
        _ => Way::Other(path),
    }
}

#[cfg(test)]
mod tests;
