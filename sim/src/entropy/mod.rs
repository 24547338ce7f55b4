//! The seed: where chance comes from, and what the operating system answers inside a world.
//!
//! - [`dice`]: labelled streams of chance, for code that knows that it is in a world.
//! - `bend`: the same seed for code that does not know it. While a thread is *bent*, the C library's randomness and
//!   clocks answer from the seed and the virtual clock on this thread, and from the real ones on every other.
//! - `interpose`: the C functions that stand before the C library's.
//!
//! What this covers and what not is listed in `docs/determinism.md`.

#[cfg_attr(
    any(target_feature = "crt-static", not(any(target_os = "linux", target_os = "macos"))),
    allow(dead_code, reason = "where nothing is interposed nothing asks what to answer")
)]
mod bend;
#[cfg(all(any(target_os = "linux", target_os = "macos"), not(target_feature = "crt-static")))]
mod interpose;
mod stream;

pub(crate) use bend::{Bend, foreign_thread, name_host, set_clocks, set_host};
pub use stream::{Dice, dice};
