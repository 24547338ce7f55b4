//! How many messages met which fate.

/// Counts of a run, so far or final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted from their application.
    pub offered: u64,
    /// Seen confirmed by the asking side.
    pub confirmed: u64,
    /// First receipts, by each destination.
    pub received: u64,
    /// Later receipts, by each destination.
    pub duplicates: u64,
    /// Messages that a destination is owed and has not got, given up ones aside. Final once the run is over.
    pub lost: u64,
    /// In a run that did not come to its end: as `lost`, but what is on its way may still come.
    pub open: u64,
    /// Given up by their client.
    pub given_up: u64,
    /// Not confirmed when their producer's host crashed or lost power, and not received since.
    pub indeterminate: u64,
}
