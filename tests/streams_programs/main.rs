//! The programs of the streams, in worlds: against a broker that keeps to no rule, and against the real one.
//!
//! - [`stub`]: a broker that is honest when it wants to be. [`manners`]: what programs make of the rest.
//! - [`storms`]: what becomes of messages when the real one and its clients are struck.
//! - [`world`]: who takes part, and how a world is played and judged.
mod manners;
mod storms;
mod stub;
mod world;
