//! Who asks: the key in the `Authorization` header, or a one-time password in the query (Macrometa docs, API keys).
use crate::wire::http::Request;
use hyper::header::AUTHORIZATION;

/// The `Authorization` header of whoever has the key, as both public SDKs send it.
pub fn authorization(key: &str) -> String {
    format!("apikey {key}")
}

/// Says whether a request shows the key: as `apikey`, or as a bearer's token.
pub fn shows_key(request: &Request, key: &str) -> bool {
    let Some((scheme, shown)) = request.header(AUTHORIZATION).and_then(|header| header.split_once(' ')) else {
        return false;
    };
    let known = scheme.eq_ignore_ascii_case("apikey") || scheme.eq_ignore_ascii_case("bearer");
    known && shown.trim() == key
}

/// Reads the one-time password of a handshake. The header beside it does not count: the JavaScript SDK, pointed at a
/// host with user information in its URL, sends a `Basic` one.
pub fn one_time_password(request: &Request) -> Option<&str> {
    request.query.get("otp").map(String::as_str)
}

/// Tells the tenant that a key belongs to: all but its last two parts, as the JavaScript SDK reads it; of a key without
/// parts, `_mm`.
pub fn tenant_of(key: &str) -> &str {
    let cut = key.rmatch_indices('.').nth(1).map(|(at, _)| at);
    cut.map_or(crate::streams::plan::TENANT, |at| &key[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn with(header: &'static str) -> Request {
        let mut request = Request::new("GET", "/", "", "somebody".into()).unwrap();
        request.headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
        request
    }

    #[test]
    fn the_key_is_known_in_both_forms_and_nothing_else_is() {
        for good in ["apikey k.1.s", "Bearer k.1.s", "bearer k.1.s", "ApiKey  k.1.s"] {
            assert!(shows_key(&with(good), "k.1.s"), "{good}");
        }
        for bad in ["apikey k.1", "apikey", "k.1.s", "Basic k.1.s", "", "apikeyk.1.s"] {
            assert!(!shows_key(&with(bad), "k.1.s"), "{bad}");
        }
        assert!(!shows_key(&Request::new("GET", "/", "", "somebody".into()).unwrap(), ""));
    }

    #[test]
    fn a_key_tells_its_tenant() {
        assert_eq!(tenant_of("acme.id.secret"), "acme");
        assert_eq!(tenant_of("acme.co.id.secret"), "acme.co");
        assert_eq!(tenant_of("xxxxxx"), "_mm");
    }
}
