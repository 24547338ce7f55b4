//! What a device shows to the provisioning service and to its hub.
use crate::wire::agent::agent;
use crate::wire::mqtt::Connect;
use crate::wire::sas::{SasError, device_key, make};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::{Duration, SystemTime};

/// A session is renewed so long before its token ends (as the Python SDK does), or at half of a life too short for that.
const RENEW_BEFORE: Duration = Duration::from_secs(120);

/// A device's name and key.
#[derive(Clone, Debug)]
pub struct Credentials {
    device: String,
    id_scope: String,
    key: String,
    keep_alive: u16,
    token_life: Duration,
}

impl Credentials {
    /// Derives the device's key from its enrolment group's (base64). `token_life`: how long its tokens are good.
    ///
    /// # Errors
    /// [`SasError::Key`].
    pub fn new(
        device: &str,
        id_scope: &str,
        group_key: &str,
        keep_alive: Duration,
        token_life: Duration,
    ) -> Result<Self, SasError> {
        let key = device_key(group_key, device)?;
        let keep_alive = u16::try_from(keep_alive.as_secs()).unwrap_or(u16::MAX).max(1);
        Ok(Self { device: device.to_owned(), id_scope: id_scope.to_owned(), key, keep_alive, token_life })
    }

    /// Says when a token of this wall clock time is to be changed for a fresh one.
    pub fn renew_at(&self, made: SystemTime) -> SystemTime {
        let life = self.token_life;
        made + if life < RENEW_BEFORE * 2 { life / 2 } else { life - RENEW_BEFORE }
    }

    /// The device id, which is its registration id, too.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Makes the CONNECT for the provisioning service, which knows no persistent sessions
    /// (Microsoft docs, iot-mqtt-connect-to-iot-dps).
    pub fn for_provisioning(&self, session: u64, wall_clock: SystemTime) -> Connect {
        let (scope, device) = (&self.id_scope, &self.device);
        let resource = format!("{scope}/registrations/{device}");
        let username = format!("{resource}/api-version=2019-03-31&ClientVersion={}", encoded(&agent(session)));
        self.connect(username, &resource, Some("registration"), true, wall_clock)
    }

    /// Makes the CONNECT for a hub, which is to keep the session (Microsoft docs, iot-hub-mqtt-support).
    /// `made`: of its token, by the wall clock; the same time makes the same token.
    pub fn for_hub(&self, hub: &str, session: u64, made: SystemTime) -> Connect {
        let device = &self.device;
        let client = encoded(&agent(session));
        let username = format!("{hub}/{device}/?api-version=2021-04-12&DeviceClientType={client}");
        self.connect(username, &format!("{hub}/devices/{device}"), None, false, made)
    }

    fn connect(
        &self,
        username: String,
        resource: &str,
        key_name: Option<&str>,
        clean_session: bool,
        made: SystemTime,
    ) -> Connect {
        let token = make(resource, &self.key, made + self.token_life, key_name);
        Connect {
            client_id: self.device.clone(),
            username: Some(username),
            password: Some(token.expect("a derived key is base64").into()),
            clean_session,
            keep_alive: self.keep_alive,
            will: None,
        }
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iot::hub::gate;
    use crate::wire::sas::Token;
    use std::time::UNIX_EPOCH;

    const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";

    const HOUR: Duration = Duration::from_secs(3600);

    fn credentials_for(token_life: Duration) -> Credentials {
        Credentials::new("xyz", "0ne1", GROUP_KEY, Duration::from_secs(20), token_life).unwrap()
    }

    fn credentials() -> Credentials {
        credentials_for(HOUR)
    }

    #[test]
    fn a_hub_lets_the_device_in_until_the_token_ends() {
        let connect = credentials().for_hub("hub-a", 1_000_003, UNIX_EPOCH);
        let entry = gate::entry("hub-a", GROUP_KEY, &connect, UNIX_EPOCH).unwrap();
        assert_eq!((&*entry.device, entry.session), ("xyz", Some(1_000_003)));
        assert_eq!(entry.expires, UNIX_EPOCH + HOUR);
        assert!(!connect.clean_session);
    }

    #[test]
    fn a_token_is_renewed_two_minutes_before_its_end_or_at_half_of_a_short_life() {
        let after = |life| credentials_for(Duration::from_secs(life)).renew_at(UNIX_EPOCH);
        assert_eq!(after(3600), UNIX_EPOCH + Duration::from_secs(3480));
        assert_eq!(after(240), UNIX_EPOCH + Duration::from_secs(120));
        assert_eq!(after(239), UNIX_EPOCH + Duration::from_millis(119_500));
    }

    #[test]
    fn the_provisioning_service_gets_a_token_over_the_registration() {
        let connect = credentials().for_provisioning(3, UNIX_EPOCH);
        let username = connect.username.unwrap();
        assert!(username.starts_with("0ne1/registrations/xyz/api-version=2019-03-31&ClientVersion="), "{username}");
        let token = Token::parse(std::str::from_utf8(&connect.password.unwrap()).unwrap()).unwrap();
        assert_eq!((token.resource(), token.key_name()), ("0ne1/registrations/xyz", Some("registration")));
        assert_eq!(token.verify(&device_key(GROUP_KEY, "xyz").unwrap(), UNIX_EPOCH), Ok(()));
    }
}
