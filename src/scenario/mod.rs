//! Scenario files: what they may say, whether they make sense, and the plan that a seed makes of one.
//!
//! [`load`] reads a file and refuses it with every mistake and its place; [`Plan`] is scenario and seed with every
//! random choice made.
mod cast;
mod chaos;
mod checking;
mod document;
mod duration;
mod expectation;
mod expected;
pub mod fault_text;
mod faults;
mod glossary;
mod loading;
mod measure;
mod mistake;
mod name;
mod operations;
mod overlap;
mod pitfall;
mod plan;
mod planning;
mod roll;
mod rule;
mod schema;
mod shape;
mod site;
mod storm;
mod terse;
mod timeline;
mod unrolled;
mod writing;
mod written;

pub use chaos::{Chaos, ChaosFault};
pub(crate) use checking::Checker;
pub use duration::{DurationRange, OffsetRange, offset_written_out, written_out};
pub use expectation::{
    Active, Answered, Connected, Count, Counted, Expectation, Moved, OperatorVerb, Reconnected, ReconnectsSooner,
    Refused,
};
pub use glossary::{Meaning, expectations, faults, glossary, knobs, options, verbs};
pub use loading::{LoadError, Loaded, load, parse};
pub use measure::{Bandwidth, Drift, Rate, Share};
pub(crate) use mistake::closest;
pub use mistake::{Mistake, Mistakes, Place, Warnings};
pub use name::{
    ClientName, ConsumerName, DeviceName, HostName, HubName, InvariantName, PlaceName, RegionName, ServiceName,
    SiteName, StreamName, SubscriptionName,
};
pub use pitfall::{Pitfall, TurnOn};
pub use plan::{
    ExpectedThat, PathPlan, Plan, PlanHash, PlannedExpectation, PlannedFault, PlannedHost, PlannedRule, Step,
};
pub use planning::plan;
pub(crate) use roll::members;
pub use rule::Rule;
pub use schema::{Scenario, published, schema};
pub use site::{Link, Site};
pub(crate) use terse::terse;
pub(crate) use timeline::NO_VERB;
pub use timeline::{
    Attack, Command, Desired, Lossy, ManualFailover, Method, OfDevice, Outage, Passage, SkewClock, Slow, Spell, Start,
    Swizzle, ThrottleHub, TimelineItem,
};
pub use unrolled::unrolled;
pub use writing::to_yaml;
pub(crate) use writing::yaml_of;
