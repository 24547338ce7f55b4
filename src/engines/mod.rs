//! The worlds that can run the same software. Only this folder names an engine.

mod production;
pub mod sim;

pub use production::{Curtain, Judge, Part, Production};
