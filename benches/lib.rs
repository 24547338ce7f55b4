//! What things cost, each beside its floor in the same run:
//!
//! - `engine`: a message between two hosts, beside turmoil.
//! - `streams`: a message through a broker, beside a raw echo.
//! - `seed`: one seed of a story, as a hunt runs it.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
use std::time::{Duration, Instant};

/// Runs something some times, and answers the median time.
///
/// # Panics
/// When `runs` is 0.
pub fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[runs / 2]
}
