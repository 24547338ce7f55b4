//! How a client names itself on the wire: the official SDKs send their name and version as `DeviceClientType` to a hub
//! and as `ClientVersion` to the provisioning service (Microsoft docs, iot-hub-mqtt-support).
//!
//! Built-in devices add the number of their session, so that both ends write the same number into the history.

/// The software's name and version.
pub const NAME: &str = concat!("giant-lizard/", env!("CARGO_PKG_VERSION"));
const SESSION: &str = " session=";

/// Names this client in one of its sessions (not percent-encoded).
pub fn agent(session: u64) -> String {
    format!("{NAME}{SESSION}{session}")
}

/// Reads the session's number out of a client's name; `None`: it is somebody else's client.
pub fn session_of(agent: &str) -> Option<u64> {
    agent.split_once(SESSION)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_back_and_other_clients_have_none() {
        assert_eq!(session_of(&agent(1_000_017)), Some(1_000_017));
        assert_eq!(session_of("azure-iot-device-iothub-py/2.14.0 (python 3.11)"), None);
        assert_eq!(session_of("x session=y"), None);
    }
}
