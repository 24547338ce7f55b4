//! Who may come in: what a hub looks at in a CONNECT.
use crate::history::Name;
use crate::wire::agent::session_of;
use crate::wire::mqtt::{Connect, ConnectCode};
use crate::wire::sas::{Token, device_key};
use percent_encoding::percent_decode_str;
use std::time::SystemTime;

/// A CONNECT that may come in, as far as its own words go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who it is.
    pub device: Name,
    /// When its token, and with it its session, ends.
    pub expires: SystemTime,
    /// What a built-in device calls this session.
    pub session: Option<u64>,
}

/// Checks client id, username and token.
///
/// The username is `{hub}/{device id}/?api-version=...`, the password a token over `{hub}/devices/{device id}` signed
/// with the device's key (Microsoft docs, iot-hub-mqtt-support). Whether the device is registered is not looked at.
///
/// # Errors
/// The CONNACK code: 2 for a client id that is not the device's, 4 for a username or password that cannot be read,
/// 5 for a token that does not open this device at this hub, or has expired.
pub fn entry(hub: &str, group_key: &str, connect: &Connect, wall_clock: SystemTime) -> Result<Entry, ConnectCode> {
    let username = connect.username.as_deref().ok_or(ConnectCode::BadCredentials)?;
    let (path, query) = username.split_once('?').ok_or(ConnectCode::BadCredentials)?;
    let (host, device) = path
        .strip_suffix('/')
        .and_then(|path| path.split_once('/'))
        .filter(|(host, device)| *host == hub && may_be_device(device))
        .ok_or(ConnectCode::BadCredentials)?;
    if connect.client_id != device {
        return Err(ConnectCode::IdentifierRejected);
    }
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    if parameter("api-version").is_none_or(str::is_empty) {
        return Err(ConnectCode::BadCredentials);
    }
    let password = connect.password.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let token = password.and_then(|text| Token::parse(text).ok()).ok_or(ConnectCode::BadCredentials)?;
    if token.resource() != format!("{host}/devices/{device}") {
        return Err(ConnectCode::NotAuthorized);
    }
    let key = device_key(group_key, device).map_err(|_| ConnectCode::NotAuthorized)?;
    token.verify(&key, wall_clock).map_err(|_| ConnectCode::NotAuthorized)?;
    let agent = parameter("DeviceClientType").and_then(|text| percent_decode_str(text).decode_utf8().ok());
    Ok(Entry { device: device.into(), expires: token.expires(), session: agent.and_then(|text| session_of(&text)) })
}

/// Says whether this can be a device id: 1 to 128 of the documented ASCII characters
/// (Microsoft docs, iot-hub-devguide-identity-registry).
pub fn may_be_device(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.%_*?!(),:=@$'".contains(&byte);
    (1..=128).contains(&id.len()) && id.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sas;
    use proptest::prelude::*;
    use std::time::{Duration, UNIX_EPOCH};

    const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn connect() -> Connect {
        let key = device_key(GROUP_KEY, "xyz").unwrap();
        let token = sas::make("hub-a/devices/xyz", &key, at(100), None).unwrap();
        Connect {
            client_id: "xyz".into(),
            username: Some("hub-a/xyz/?api-version=2021-04-12&DeviceClientType=lizard%20session%3D7".into()),
            password: Some(token.into()),
            clean_session: false,
            keep_alive: 20,
            will: None,
        }
    }

    fn refusal(change: impl FnOnce(&mut Connect)) -> ConnectCode {
        let mut connect = connect();
        change(&mut connect);
        entry("hub-a", GROUP_KEY, &connect, at(99)).unwrap_err()
    }

    fn token_over(resource: &str, device: &str) -> Option<bytes::Bytes> {
        let key = device_key(GROUP_KEY, device).unwrap();
        Some(sas::make(resource, &key, at(100), None).unwrap().into())
    }

    #[test]
    fn a_device_with_its_own_token_may_come_in() {
        let expected = Entry { device: "xyz".into(), expires: at(100), session: Some(7) };
        assert_eq!(entry("hub-a", GROUP_KEY, &connect(), at(99)), Ok(expected));
    }

    #[test]
    fn an_expired_token_is_not_authorized() {
        assert_eq!(entry("hub-a", GROUP_KEY, &connect(), at(100)), Err(ConnectCode::NotAuthorized));
    }

    #[test]
    fn a_token_for_another_hub_or_of_another_device_is_not_authorized() {
        for password in [
            token_over("hub-b/devices/xyz", "xyz"),
            token_over("hub-a/devices/abc", "xyz"),
            token_over("hub-a/devices/xyz", "abc"),
        ] {
            assert_eq!(refusal(|connect| connect.password = password), ConnectCode::NotAuthorized);
        }
    }

    #[test]
    fn a_client_id_that_is_not_the_device_is_rejected() {
        assert_eq!(refusal(|connect| connect.client_id = "abc".into()), ConnectCode::IdentifierRejected);
    }

    #[test]
    fn a_username_or_password_that_cannot_be_read_is_bad() {
        for username in
            ["", "hub-a/xyz", "hub-a/xyz/", "hub-a/xyz?api-version=1", "hub-b/xyz/?api-version=1", "hub-a/xyz/?x=1"]
        {
            let code = refusal(|connect| connect.username = Some(username.into()));
            assert_eq!(code, ConnectCode::BadCredentials, "{username}");
        }
        assert_eq!(refusal(|connect| connect.username = None), ConnectCode::BadCredentials);
        assert_eq!(refusal(|connect| connect.password = None), ConnectCode::BadCredentials);
        assert_eq!(refusal(|connect| connect.password = Some("secret".into())), ConnectCode::BadCredentials);
        assert_eq!(refusal(|connect| connect.password = Some(b"\xff"[..].into())), ConnectCode::BadCredentials);
    }

    proptest! {
        #[test]
        fn arbitrary_credentials_never_panic_and_open_nothing(
            client_id in ".{0,10}",
            username in prop_oneof![".{0,40}", "hub-a/[a-z/?=&%]{0,20}", "hub-a/xyz/[?]api-version=.{0,20}"],
            password in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let connect = Connect { client_id, username: Some(username), password: Some(password.into()), ..connect() };
            prop_assert!(entry("hub-a", GROUP_KEY, &connect, at(99)).is_err());
        }
    }
}
