//! Somebody's library that tests its software in a world.
mod software;

pub use lizard_sim::{Fingerprint, WorldError};
pub use software::fingerprint;
