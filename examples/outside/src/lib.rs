//! A library outside Giant Lizard's workspace that uses a world through another library.
//!
//! ```
//! assert_eq!(outside::history(7)?, outside::history(7)?);
//! assert_ne!(outside::history(7)?, outside::history(8)?);
//! # Ok::<(), outside::WorldError>(())
//! ```

pub use middle::WorldError;

/// Tells a seed's history in one line.
///
/// # Errors
///
/// As `lizard_sim::World::run`.
pub fn history(seed: u64) -> Result<String, WorldError> {
    Ok(format!("seed {seed} {}", middle::fingerprint(seed)?))
}
