//! The names that a file declares, gathered from the document itself, so that a mistake inside a part does not make
//! every mention of that part look unknown.
use super::document::Node;
use super::name::{DeviceName, HostName, HubName, InvariantName, PlaceName, SiteName};
use crate::invariant;
use crate::iot::planning::{CENTRAL, DPS};

/// Every name that other parts of the file may mention.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roll {
    sites: Vec<String>,
    hubs: Vec<String>,
    devices: Vec<String>,
    /// `meter-0001` and so on, of groups.
    members: Vec<String>,
}

impl Roll {
    pub(crate) fn of(root: &Node) -> Self {
        let keys = |path: &[&str]| {
            let mut node = Some(root);
            for key in path {
                node = node.and_then(|node| node.entry(key)).map(|entry| &entry.value);
            }
            node.map(Node::entries).unwrap_or_default()
        };
        let names = |path: &[&str]| keys(path).iter().map(|entry| entry.key.clone()).collect();
        let mut members = Vec::new();
        for group in keys(&["iot", "devices"]) {
            let count = group
                .value
                .entry("count")
                .and_then(|count| count.value.text())
                .and_then(|count| count.parse::<u32>().ok());
            let count = count.unwrap_or(0).min(100_000);
            members.extend((1..=count).map(|number| format!("{}-{number:04}", group.key)));
        }
        Self { sites: names(&["sites"]), hubs: names(&["iot", "hubs"]), devices: names(&["iot", "devices"]), members }
    }

    /// `None`: the name is declared, or the format is of no name. Else all that are.
    pub(crate) fn unless_declared(&self, format: &str, name: &str) -> Option<Vec<&str>> {
        let sites = || self.sites.iter().map(String::as_str);
        let hubs = || self.hubs.iter().map(String::as_str);
        let devices = || self.devices.iter().map(String::as_str);
        let hosts = || [DPS, CENTRAL].into_iter().chain(hubs()).chain(devices());
        let declared: Vec<&str> = match format {
            SiteName::FORMAT => sites().collect(),
            HubName::FORMAT => hubs().collect(),
            DeviceName::FORMAT => devices().collect(),
            HostName::FORMAT => hosts().collect(),
            PlaceName::FORMAT => sites().chain(hosts()).collect(),
            InvariantName::FORMAT => invariant::ALL.iter().map(|registration| registration.name).collect(),
            _ => return None,
        };
        let may_be_a_device = matches!(format, DeviceName::FORMAT | HostName::FORMAT | PlaceName::FORMAT);
        let found = declared.contains(&name) || may_be_a_device && self.members.iter().any(|member| member == name);
        // Where nothing at all is declared, that is the mistake, and it is reported where it stands.
        (!found && !declared.is_empty()).then_some(declared)
    }
}
