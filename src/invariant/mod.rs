//! Invariants: what must always hold. One a file; [`registry`] lists them.
//!
//! An invariant sees each entry of the history after [`crate::custody`] and [`crate::history::Outages`] have
//! folded it, and writes what it finds into its [`Tally`]. It never asks a service what it believes.
#[cfg(test)]
mod agreement;
mod bounds;
mod comes_home;
mod command_arrives;
mod exactly_once;
mod fair_share;
mod handed_over;
mod method_answered;
mod never_received;
mod no_confirmed_loss;
mod no_invention;
mod no_loss;
mod no_needless_duplicate;
mod one_active;
mod one_connection;
mod one_receiver;
mod order;
mod paced;
mod panel;
mod placement;
mod receiving;
mod recovers;
mod registry;
mod rules;
mod scene;
mod second_refused;
mod sessions;
#[cfg(test)]
mod story;
mod tally;
mod twin_converges;
mod ways;

pub use panel::Panel;
pub use registry::{ALL, Registration, find};
pub use rules::{Pace, Rules};
pub use scene::{Invariant, Scene};
pub use tally::{Finding, Tally, Verdict, Violation};
