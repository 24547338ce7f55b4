//! Which hosts a name in a scenario stands for.
use crate::history::{Name, Roster};
use std::collections::BTreeMap;

/// Hosts by name, by site and by group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cast {
    groups: BTreeMap<String, Vec<String>>,
    sites: BTreeMap<Name, Vec<String>>,
}

impl Cast {
    pub(crate) fn of(roster: &Roster, groups: BTreeMap<String, Vec<String>>) -> Self {
        let mut cast = Self { groups, ..Self::default() };
        for machine in &roster.machines {
            cast.sites.entry(machine.site.clone()).or_default().push(machine.name.to_string());
        }
        cast
    }

    /// A group's members, or the one host.
    pub(crate) fn hosts(&self, name: &str) -> Vec<String> {
        self.groups.get(name).cloned().unwrap_or_else(|| vec![name.to_owned()])
    }

    /// A group's members, or the one host or site.
    pub(crate) fn places(&self, name: &str) -> Vec<String> {
        self.hosts(name)
    }

    /// Every host at a site, in the order of the file.
    pub(crate) fn at(&self, site: &str) -> Vec<String> {
        self.sites.get(site).cloned().unwrap_or_default()
    }

    pub(crate) fn sites(&self) -> impl Iterator<Item = &Name> {
        self.sites.keys()
    }
}
