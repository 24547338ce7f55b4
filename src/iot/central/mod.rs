//! The application: reads every hub and keeps what it read, exactly once.
//!
//! - [`intake`]: what it has; [`ranges`]: which numbers, in little.
pub mod intake;
pub mod ranges;
