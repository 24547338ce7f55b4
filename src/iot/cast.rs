//! Who runs what: each host of a plan with its software.

use super::plan::IotPlan;
use super::{central, device, dps, hub, operator};
use crate::history::Name;
use crate::host::{Software, software};

/// Gives every host of a plan its software.
pub fn cast(plan: &IotPlan) -> Vec<(Name, Software)> {
    let hubs: Vec<Name> = plan.hubs.iter().map(|hub| hub.host.clone()).collect();
    let mut cast = Vec::new();
    {
        let (dps, scope, key, hubs) = (plan.dps.clone(), plan.id_scope.clone(), plan.group_key.clone(), hubs.clone());
        let name = dps.host.clone();
        cast.push((name, software(move |host| dps::dps(host, dps.clone(), scope.clone(), key.clone(), hubs.clone()))));
    }
    for hub in &plan.hubs {
        let (hub, key) = (hub.clone(), plan.group_key.clone());
        cast.push((hub.host.clone(), software(move |host| hub::hub(host, hub.clone(), key.clone()))));
    }
    let central = plan.central.clone();
    let name = central.host.clone();
    cast.push((name, software(move |host| central::central(host, central.clone(), hubs.clone()))));
    for device in &plan.devices {
        let (device, dps) = (device.clone(), plan.dps.host.clone());
        let (scope, key) = (plan.id_scope.clone(), plan.group_key.clone());
        let name = device.host.clone();
        let run = move |host| device::device(host, device.clone(), dps.clone(), scope.clone(), key.clone());
        cast.push((name, software(run)));
    }
    if let Some(plan) = plan.operator.clone() {
        let name = plan.host.clone();
        cast.push((name, software(move |host| operator::operator(host, plan.clone()))));
    }
    cast
}
