//! Shared access signatures: the tokens that devices show to the provisioning service and to hubs.
//!
//! `SharedAccessSignature sr={resource}&sig={signature}&se={expiry}[&skn={key name}]`, where the signature is
//! `base64(HMAC-SHA256(base64decode(key), sr + "\n" + se))` (Microsoft docs, iot-hub-dev-guide-sas).
//! Clients differ: the Python SDK leaves `skn` out where the docs ask for it, the Node SDK sends `sr` without
//! percent-encoding and writes the fields in another order. So the fields are a set, and what was signed is `sr`
//! and `se` exactly as they were sent.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SCHEME: &str = "SharedAccessSignature ";

/// What stays as it is in `sr` and `sig` (RFC 3986, unreserved).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a token or a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SasError {
    /// Another scheme, or a field is missing, twice or not readable.
    #[error("not a shared access signature")]
    Malformed,
    /// The key that it is made or checked with is none.
    #[error("key is not base64")]
    Key,
    /// Signed with another key, or for another resource or end.
    #[error("signature does not match")]
    Signature,
    /// Rightly signed, and over by the wall clock of whoever checks it.
    #[error("token has expired")]
    Expired,
}

/// A token as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    sent_resource: String,
    sent_expiry: String,
    signature: Vec<u8>,
    resource: String,
    expires: SystemTime,
    key_name: Option<String>,
}

impl Token {
    /// Reads a token: its fields in any order, `skn` or not.
    ///
    /// # Errors
    /// [`SasError::Malformed`]: another scheme, a field missing, twice or not readable.
    pub fn parse(text: &str) -> Result<Self, SasError> {
        let (mut sr, mut sig, mut se, mut skn) = (None, None, None, None);
        for pair in text.strip_prefix(SCHEME).ok_or(SasError::Malformed)?.split('&') {
            let (key, value) = pair.split_once('=').ok_or(SasError::Malformed)?;
            let field = match key {
                "sr" => &mut sr,
                "sig" => &mut sig,
                "se" => &mut se,
                "skn" => &mut skn,
                _ => return Err(SasError::Malformed),
            };
            if field.replace(value).is_some() {
                return Err(SasError::Malformed);
            }
        }
        let (Some(sr), Some(sig), Some(se)) = (sr, sig, se) else {
            return Err(SasError::Malformed);
        };
        let seconds: u64 = se.parse().map_err(|_| SasError::Malformed)?;
        let expires = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(SasError::Malformed)?;
        Ok(Self {
            sent_resource: sr.to_owned(),
            sent_expiry: se.to_owned(),
            signature: BASE64.decode(decoded(sig)?).map_err(|_| SasError::Malformed)?,
            resource: decoded(sr)?,
            expires,
            key_name: skn.map(decoded).transpose()?,
        })
    }

    /// Checks signature and expiry against a key (base64) and a wall clock.
    ///
    /// # Errors
    /// [`SasError::Key`], [`SasError::Signature`], [`SasError::Expired`].
    pub fn verify(&self, key: &str, wall_clock: SystemTime) -> Result<(), SasError> {
        signing(key, &self.sent_resource, &self.sent_expiry)?
            .verify_slice(&self.signature)
            .map_err(|_| SasError::Signature)?;
        if wall_clock >= self.expires { Err(SasError::Expired) } else { Ok(()) }
    }

    /// What it opens, decoded: `{hub}/devices/{id}` or `{scope}/registrations/{id}`.
    pub fn resource(&self) -> &str {
        &self.resource
    }
    /// When it stops to be good, by the wall clock of whoever checks it.
    pub fn expires(&self) -> SystemTime {
        self.expires
    }
    /// The key that it says it was signed with.
    pub fn key_name(&self) -> Option<&str> {
        self.key_name.as_deref()
    }
}

/// Makes a token for a resource (not encoded), good until `expires`, as the Python SDK writes it.
///
/// # Errors
/// [`SasError::Key`].
pub fn make(resource: &str, key: &str, expires: SystemTime, key_name: Option<&str>) -> Result<String, SasError> {
    let sr = encoded(resource);
    let se = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let signature = BASE64.encode(signing(key, &sr, &se)?.finalize().into_bytes());
    let mut token = format!("{SCHEME}sr={sr}&sig={}&se={se}", encoded(&signature));
    if let Some(name) = key_name {
        token.push_str("&skn=");
        token.push_str(&encoded(name));
    }
    Ok(token)
}

/// Derives a device's key from its enrolment group's: `base64(HMAC-SHA256(base64decode(group key), registration id))`
/// (Microsoft docs, concepts-symmetric-key-attestation). It opens both the provisioning service and the hub.
///
/// # Errors
/// [`SasError::Key`].
pub fn device_key(group_key: &str, registration_id: &str) -> Result<String, SasError> {
    let mac = keyed(group_key)?.chain_update(registration_id.as_bytes());
    Ok(BASE64.encode(mac.finalize().into_bytes()))
}

fn signing(key: &str, sr: &str, se: &str) -> Result<Hmac<Sha256>, SasError> {
    Ok(keyed(key)?.chain_update(sr.as_bytes()).chain_update(b"\n").chain_update(se.as_bytes()))
}

fn keyed(key: &str) -> Result<Hmac<Sha256>, SasError> {
    let key = BASE64.decode(key).map_err(|_| SasError::Key)?;
    Hmac::new_from_slice(&key).map_err(|_| SasError::Key)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn decoded(text: &str) -> Result<String, SasError> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| SasError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Computed with Python's hmac, hashlib and base64.
    const GROUP_KEY: &str = "dGhlIGdpYW50IGxpemFyZCBhdHRhY2tzIHRoZSB3ZXN0";
    const XYZ_KEY: &str = "C3E9OIT2hGcmuGY1dixhaT2dhoDdjCu3vj82clm2nSA=";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_devices_key_is_derived_from_its_groups() {
        assert_eq!(device_key(GROUP_KEY, "xyz").unwrap(), XYZ_KEY);
    }

    #[test]
    fn a_token_made_here_is_the_one_the_python_sdk_makes() {
        let token = make("hub-a/devices/xyz", XYZ_KEY, at(1_618_865_999), None).unwrap();
        assert_eq!(
            token,
            "SharedAccessSignature sr=hub-a%2Fdevices%2Fxyz&sig=bVhmhjMBFCKuMnuc0Q%2F7q2Vy%2BfcfjfC7WPTcxBNSytk%3D&se=1618865999"
        );
    }

    #[test]
    fn the_resource_is_signed_exactly_as_it_was_sent() {
        let python = "SharedAccessSignature sr=0ne00000001%2Fregistrations%2Fxyz&sig=tqmgUmjZaL7jzVAddi7kJ5E5GN20vkCMdRRkh42HDP4%3D&se=1618865999";
        let node = "SharedAccessSignature sr=0ne00000001/registrations/xyz&sig=xckGciiUTtvvnZFxyFGguolP9ASERDUXZ6WM5ZaQ0Oc%3D&skn=registration&se=1618865999";
        for text in [python, node] {
            let token = Token::parse(text).unwrap();
            assert_eq!(token.verify(XYZ_KEY, at(1_618_865_998)), Ok(()), "{text}");
            assert_eq!(token.resource(), "0ne00000001/registrations/xyz");
        }
        let swapped = node.replace("0ne00000001/registrations/xyz", "0ne00000001%2Fregistrations%2Fxyz");
        assert_eq!(Token::parse(&swapped).unwrap().verify(XYZ_KEY, at(0)), Err(SasError::Signature));
    }

    #[test]
    fn the_key_name_may_be_there_or_not_and_anywhere() {
        let token = make("scope/registrations/xyz", XYZ_KEY, at(100), Some("registration")).unwrap();
        let mut fields: Vec<_> = token.strip_prefix(SCHEME).unwrap().split('&').collect();
        fields.reverse();
        let reversed = Token::parse(&format!("{SCHEME}{}", fields.join("&"))).unwrap();
        assert_eq!(reversed, Token::parse(&token).unwrap());
        assert_eq!(reversed.key_name(), Some("registration"));
        assert_eq!(reversed.verify(XYZ_KEY, at(0)), Ok(()));
    }

    #[test]
    fn a_token_is_good_until_the_second_it_names() {
        let token = Token::parse(&make("r", XYZ_KEY, at(100), None).unwrap()).unwrap();
        assert_eq!(token.verify(XYZ_KEY, at(100) - Duration::from_nanos(1)), Ok(()));
        assert_eq!(token.verify(XYZ_KEY, at(100)), Err(SasError::Expired));
        assert_eq!(token.expires(), at(100));
    }

    #[test]
    fn another_devices_key_opens_nothing() {
        let token = Token::parse(&make("r", &device_key(GROUP_KEY, "abc").unwrap(), at(100), None).unwrap()).unwrap();
        assert_eq!(token.verify(XYZ_KEY, at(0)), Err(SasError::Signature));
        assert_eq!(token.verify("not base64!", at(0)), Err(SasError::Key));
    }

    #[test]
    fn a_later_expiry_cannot_be_written_into_a_token() {
        let text = make("r", XYZ_KEY, at(100), None).unwrap().replace("se=100", "se=999");
        assert_eq!(Token::parse(&text).unwrap().verify(XYZ_KEY, at(0)), Err(SasError::Signature));
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        for text in [
            "",
            "SharedAccessSignature ",
            "sr=r&sig=AA==&se=1",
            "SharedAccessSignature sr=r&sig=AA%3D%3D",
            "SharedAccessSignature sr=r&sig=AA%3D%3D&se=soon",
            "SharedAccessSignature sr=r&sig=AA%3D%3D&se=-1",
            "SharedAccessSignature sr=r&sr=r&sig=AA%3D%3D&se=1",
            "SharedAccessSignature sr=r&sig=???&se=1",
            "SharedAccessSignature sr=%ff&sig=AA%3D%3D&se=1",
            "SharedAccessSignature sr=r&sig=AA%3D%3D&se=18446744073709551615",
        ] {
            assert_eq!(Token::parse(text), Err(SasError::Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,80}") {
            let _ = Token::parse(&text);
            let _ = Token::parse(&format!("{SCHEME}{text}"));
        }
        #[test]
        fn what_is_made_is_read_and_holds(resource in "[ -~]{1,60}", seconds in 1u64..4_000_000_000) {
            let token = Token::parse(&make(&resource, XYZ_KEY, at(seconds), None).unwrap()).unwrap();
            prop_assert_eq!(token.resource(), resource);
            prop_assert_eq!(token.verify(XYZ_KEY, at(seconds - 1)), Ok(()));
        }
    }
}
