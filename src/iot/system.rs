//! What the IoT system brings to the registry.
use super::plan::IotPlan;
use super::planning::{CENTRAL, DPS, OPERATOR};
use super::section::{Device, IotSection};
use super::{cast, checking, envelope, planning};
use crate::history::{Name, Roster};
use crate::host::Software;
use crate::invariant::Rules;
use crate::scenario::{ChaosFault, Checker, DeviceName, HubName};
use crate::systems::{Declares, Role, Setting, System};
use std::time::Duration;

/// Devices, hubs, a provisioning service and central.
#[derive(Clone, Copy, Debug)]
pub struct Iot;

impl System for Iot {
    type Section = IotSection;
    type Plan = IotPlan;

    const PARTS: &'static [(&'static str, &'static str)] =
        &[("Dps", "iot.dps"), ("Hub", "iot.hubs.*"), ("Central", "iot.central"), ("Device", "iot.devices.*")];
    const DECLARES: &'static [Declares] = &[
        Declares { key: "hubs", format: HubName::FORMAT, what: "hub", role: Role::Service("") },
        Declares { key: "devices", format: DeviceName::FORMAT, what: "device", role: Role::Client },
    ];
    const HOSTS: &'static [&'static str] = &[DPS, CENTRAL, OPERATOR];

    fn check(section: &IotSection, checker: &mut Checker<'_>) {
        checking::check(section, checker);
    }
    fn longest_recovery(section: &IotSection) -> Duration {
        let devices = section.devices.values().map(Device::longest_recovery).max().unwrap_or_default();
        devices + section.dps.longest_failback()
    }
    fn groups(section: &IotSection) -> Vec<(String, Vec<String>)> {
        let groups = section.devices.iter().filter(|(_, device)| device.count.is_some());
        groups.map(|(group, device)| (group.clone(), device.members(group))).collect()
    }
    fn survives(section: &IotSection, fault: ChaosFault, roster: &Roster) -> Vec<String> {
        envelope::hosts(fault, section, roster)
    }
    fn plan(section: &IotSection, setting: &Setting, roster: &mut Roster) -> IotPlan {
        planning::plan(section, setting, roster)
    }
    fn late(plan: &IotPlan) -> Vec<(Name, Duration)> {
        plan.devices.iter().map(|device| (device.host.clone(), device.starts)).collect()
    }
    fn bounds(plan: &IotPlan, rules: &mut Rules) {
        // Two good health checks, the wait before rebalancing, and some seconds to say so.
        rules.calls_home = 2 * plan.dps.health_check + plan.dps.rebalance_after + Duration::from_secs(5);
    }
    fn cast(plan: &IotPlan) -> Vec<(Name, Software)> {
        cast::cast(plan)
    }
}
