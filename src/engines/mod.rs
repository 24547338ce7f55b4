//! The worlds that can run the same software. Only this folder names an engine.

pub mod sim;
