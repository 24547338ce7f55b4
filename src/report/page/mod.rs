//! The page of a run (`report.html`): one file with everything in it, which asks no network for anything.
//!
//! It is gathered while the run goes, in memory that has a bound, because what is drawn must fit a browser anyway:
//! - [`trail`]: the steps of each message and operation, in [`phrases`] that are kept once; too many are a [`sample`].
//! - [`fates`]: which messages were lost, came twice, came late or were given up. Those are in no sample: they stay.
//! - [`marks`]: moves, leaderships, sessions, machines without power.
//! - [`curves`]: latency, backlog and reconnects over time, of every message.
//!
//! At the end [`data`] is what the scripts draw from, [`sheet`] is what stands on the page without them, and [`render`]
//! puts both into `page.html` with its style (`page.css`), its scripts (`script/`) and `uplot/`.

mod curves;
mod data;
mod fates;
mod gather;
mod marks;
mod phrases;
mod render;
mod sample;
mod sheet;
#[cfg(test)]
mod tests;
mod trail;

pub use gather::Page;
