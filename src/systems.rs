//! The systems that a scenario can have: one line each, at the end of [this file](self), and everything else in the
//! system's own folder.
use crate::history::{Name, Roster};
use crate::host::Software;
use crate::invariant::Rules;
use crate::iot::Iot;
use crate::scenario::{ChaosFault, Checker};
use crate::streams::Streams;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What a system brings to scenarios and worlds.
pub trait System {
    /// What files say of it.
    type Section: Clone + fmt::Debug + PartialEq + Serialize + DeserializeOwned + JsonSchema;
    /// What a seed makes of that.
    type Plan: Clone + fmt::Debug + Serialize;

    /// The parts of its section by their names in the schema, and where they are written.
    const PARTS: &'static [(&'static str, &'static str)];
    /// Where its section declares names.
    const DECLARES: &'static [Declares];
    /// Hosts that it has in any case.
    const HOSTS: &'static [&'static str];

    /// Says what is wrong with a section of sound shape.
    fn check(section: &Self::Section, checker: &mut Checker<'_>);
    /// The longest it can need, from the moment at which every path is good again, until all is as it should be.
    fn longest_recovery(section: &Self::Section) -> Duration;
    /// The groups that a `count` makes, each with its hosts.
    fn groups(section: &Self::Section) -> Vec<(String, Vec<String>)>;
    /// The hosts to which chaos may do this: nothing that the system never promised to live through.
    fn survives(section: &Self::Section, fault: ChaosFault, roster: &Roster) -> Vec<String>;
    /// Draws every choice and enters everybody who takes part into the roster.
    fn plan(section: &Self::Section, setting: &Setting, roster: &mut Roster) -> Self::Plan;
    /// The hosts that are not started at the beginning, and when they are.
    fn late(plan: &Self::Plan) -> Vec<(Name, Duration)>;
    /// What its options mean for the bounds of invariants.
    fn bounds(_plan: &Self::Plan, _rules: &mut Rules) {}
    /// Gives every host of a plan its software.
    fn cast(plan: &Self::Plan) -> Vec<(Name, Software)>;
}

/// What a system is planned for.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Of every choice.
    pub seed: u64,
    /// When producers stop.
    pub until: Duration,
    /// Whether the file wants order judged.
    pub ordered: bool,
    /// Whether an operator asks for something during the run.
    pub operated: bool,
}

/// A part of a section whose keys are names.
#[derive(Clone, Copy, Debug)]
pub struct Declares {
    /// The section's key of that part: `hubs`.
    pub key: &'static str,
    /// The schema's format of such names where others mention them.
    pub format: &'static str,
    /// One of them, for people: `hub`.
    pub what: &'static str,
    /// What they stand for.
    pub role: Role,
}

/// What a declared name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A host that serves, named by this beginning and the name.
    Service(&'static str),
    /// A host that connects to services, or, with a `count`, that many.
    Client,
    /// No host.
    Thing,
}

macro_rules! systems {
    ($($(#[$about:meta])* $key:ident: $system:ty,)*) => {
        /// The sections of a file, one for each system that it has.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub struct Sections {
            $($(#[$about])* #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $key: Option<<$system as System>::Section>,)*
        }

        /// What a seed makes of the sections.
        #[derive(Clone, Debug, Default, Serialize)]
        pub struct Plans {
            $($(#[$about])* #[serde(skip_serializing_if = "Option::is_none")]
            pub $key: Option<<$system as System>::Plan>,)*
        }

        /// Every system's key in files, what names it declares, which hosts it has in any case.
        pub const DECLARATIONS: &[(&str, &[Declares], &[&str])] =
            &[$((stringify!($key), <$system>::DECLARES, <$system>::HOSTS)),*];

        /// Every system's parts by their names in the schema, and where they are written.
        pub const PARTS: &[&[(&str, &str)]] = &[$(<$system>::PARTS),*];

        impl Sections {
            /// Says what is wrong with each.
            pub fn check(&self, checker: &mut Checker<'_>) {
                $(if let Some(section) = &self.$key {
                    <$system>::check(section, checker);
                })*
            }
            /// The longest that any of them can need to recover.
            pub fn longest_recovery(&self) -> Duration {
                let each = [$(self.$key.as_ref().map(<$system>::longest_recovery)),*];
                each.into_iter().flatten().max().unwrap_or_default()
            }
            /// The groups that a `count` makes, each with its hosts.
            pub fn groups(&self) -> BTreeMap<String, Vec<String>> {
                let each = [$(self.$key.as_ref().map(<$system>::groups)),*];
                each.into_iter().flatten().flatten().collect()
            }
            /// The hosts to which chaos may do this.
            pub fn survives(&self, fault: ChaosFault, roster: &Roster) -> Vec<String> {
                let each = [$(self.$key.as_ref().map(|section| <$system>::survives(section, fault, roster))),*];
                each.into_iter().flatten().flatten().collect()
            }
            /// Draws every choice of each, in the order of the registry.
            pub fn plan(&self, setting: &Setting, roster: &mut Roster) -> Plans {
                Plans { $($key: self.$key.as_ref().map(|section| <$system>::plan(section, setting, roster)),)* }
            }
        }

        impl Plans {
            /// The hosts that are not started at the beginning, and when they are.
            pub fn late(&self) -> Vec<(Name, Duration)> {
                let each = [$(self.$key.as_ref().map(<$system>::late)),*];
                each.into_iter().flatten().flatten().collect()
            }
            /// Sets the bounds that hang on options of the systems.
            pub fn bounds(&self, rules: &mut Rules) {
                $(if let Some(plan) = &self.$key {
                    <$system>::bounds(plan, rules);
                })*
            }
            /// Gives every host its software.
            pub fn cast(&self) -> Vec<(Name, Software)> {
                let each = [$(self.$key.as_ref().map(<$system>::cast)),*];
                each.into_iter().flatten().flatten().collect()
            }
        }
    };
}

systems! {
    /// Devices, hubs, a provisioning service and central.
    iot: Iot,
    /// Brokers of regions, and programs that publish and consume.
    streams: Streams,
}
