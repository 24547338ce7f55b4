//! What the engine did, and the running fingerprint of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The running hash of everything that happened in a world: every engine event and every note.
///
/// Two runs with the same fingerprint had the same history. Printed as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One engine event, kept when the world is recording.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Virtual time since the world began.
    pub at: Duration,
    /// The host it happened on; `None` for the world itself.
    pub host: Option<Arc<str>>,
    /// What happened, such as `established` or `power-loss`.
    pub kind: &'static str,
    /// The particulars, in words.
    pub detail: String,
}

/// Counts every event, hashes them unless nobody asks for that, keeps them when recording.
#[derive(Debug)]
pub(crate) struct Journal {
    hash: Option<Fingerprint>,
    events: u64,
    recording: bool,
    entries: Vec<Entry>,
}

impl Journal {
    pub(crate) fn new(seed: u64, hashing: bool, recording: bool) -> Self {
        Self { hash: hashing.then_some(Fingerprint(seed)), events: 0, recording, entries: Vec::new() }
    }

    /// The checksum of bytes, as one of an event's facts; 0 when nothing is hashed.
    pub(crate) fn sum(&self, bytes: &[u8]) -> u64 {
        if self.hash.is_some() { xxh3_64(bytes) } else { 0 }
    }

    /// Counts an event and mixes it into the fingerprint. `facts` must determine what happened.
    pub(crate) fn mix(&mut self, now: u64, host: u32, kind: &'static str, facts: [u64; 3]) {
        self.events += 1;
        let Some(Fingerprint(hash)) = &mut self.hash else { return };
        let mut bytes = [0; 48];
        bytes[..8].copy_from_slice(&now.to_le_bytes());
        bytes[8..12].copy_from_slice(&host.to_le_bytes());
        let kind = kind.as_bytes();
        let kept = kind.len().min(12);
        bytes[12..12 + kept].copy_from_slice(&kind[..kept]);
        for (lane, fact) in bytes[24..].chunks_mut(8).zip(facts) {
            lane.copy_from_slice(&fact.to_le_bytes());
        }
        *hash = xxh3_64_with_seed(&bytes, *hash);
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.recording
    }

    /// Keeps an event's words.
    pub(crate) fn tell(&mut self, now: u64, host: Option<&Arc<str>>, kind: &'static str, detail: String) {
        self.entries.push(Entry { at: Duration::from_nanos(now), host: host.cloned(), kind, detail });
    }

    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.hash
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }
}
