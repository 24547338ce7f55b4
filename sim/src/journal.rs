use std::time::Duration;

/// The running hash of everything that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One engine event, kept when the world is recording.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Duration,
    pub host: Option<String>,
    pub kind: &'static str,
    pub detail: String,
}
