//! What is tried, in this order: first what takes most away.
//!
//! - [`lines`]: the timeline. [`members`]: systems, hosts, groups, sites, rules. [`keys`]: options, knobs, abilities.
//! - [`times`]: when things happen and how long they last. [`values`]: ranges and odd numbers.

mod keys;
mod lines;
mod members;
mod times;
mod values;

use super::reduce::Reducing;

/// Tries one kind of change wherever it can be made.
type Pass = fn(&mut Reducing<'_>);

/// Every pass and its name. None ever undoes what another one did.
pub(super) const ALL: [(&str, Pass); 13] = [
    ("what comes too late", lines::too_late),
    ("the run's length", times::duration),
    ("lines of the timeline", lines::subsets),
    ("one line after another", lines::one_by_one),
    ("systems", members::systems),
    ("hosts", members::members),
    ("groups", members::counts),
    ("sites", members::sites),
    ("links and rules", members::links_and_rules),
    ("options", keys::optional),
    ("an earlier beginning", times::sooner),
    ("lengths and times", times::lines),
    ("ranges and numbers", values::plain),
];
