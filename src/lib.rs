//! Giant Lizard: does my messaging client lose, repeat or reorder anything when a data centre dies and comes back?
//!
//! The map, from what a person writes to what a world runs:
//! - [`cli`]: the commands. [`scenario`]: QA's files, and the plan that a seed makes of one.
//! - [`run`]: a plan becomes a world, a world becomes a report. [`report`]: what people and machines read.
//! - [`judge`] feeds [`custody`] and every [`invariant`] from the [`history`], which all software writes.
//! - [`situation`]: every host at a moment of the history, for people who look at one.
//! - [`host`]: all that software may touch. [`engines`]: the worlds that run it.
//! - [`systems`]: the registry. [`iot`]: DPS, hubs, central and devices. [`streams`]: brokers, producers, consumers.
//! - [`wire`]: the protocols they speak. [`ledger`]: how services remember. [`alarms`]: what they will have to do at a
//!   later time. [`back_off`], [`keep_alive`], `waiting`: how clients wait, and how they notice that nobody is there.
//! - [`allocator`]: for programs that run many seeds.

pub mod alarms;
pub mod allocator;
pub mod back_off;
pub mod cli;
pub mod custody;
pub mod engines;
pub mod history;
pub mod host;
pub mod invariant;
pub mod iot;
pub mod judge;
pub mod keep_alive;
pub mod ledger;
mod mailbox;
pub mod report;
pub mod run;
pub mod scenario;
pub mod situation;
pub mod streams;
pub mod systems;
mod waiting;
pub mod wire;
