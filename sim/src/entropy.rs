//! The seed.
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A labelled stream of chance.
pub type Dice = ChaCha8Rng;

/// Derives a stream from the seed and a label. Adding one never changes another.
pub fn dice(seed: u64, label: &str) -> Dice {
    let mut key = [0; 32];
    for (lane, chunk) in key.chunks_mut(8).enumerate() {
        let hash = xxhash_rust::xxh3::xxh3_64_with_seed(label.as_bytes(), seed ^ (lane as u64) << 56);
        chunk.copy_from_slice(&hash.to_le_bytes());
    }
    Dice::from_seed(key)
}

pub(crate) struct Bend;
impl Bend {
    pub(crate) fn new(_seed: u64) -> Result<Bend, crate::WorldError> {
        Ok(Bend)
    }
}
pub(crate) fn set_clocks(_monotonic_ns: u64, _wall_ns: u64) {}
pub(crate) fn set_host(_host: u32) {}
pub(crate) fn foreign_thread() -> bool {
    false
}
