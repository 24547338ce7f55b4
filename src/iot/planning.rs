//! What a seed makes of the `iot:` section: who takes part, and every choice.
use super::knobs::{CentralKnobs, HubKnobs};
use super::plan::{Abilities, CentralPlan, DevicePlan, DpsPlan, HubPlan, IotPlan, Model, OperatorPlan};
use super::section::{Device, IotSection};
use crate::history::{
    Client, Delivery, Destination, DestinationId, Machine, Name, Producer, ProducerId, Roster, Route,
};
use crate::scenario::DurationRange;
use crate::systems::Setting;
use base64::Engine;
use rand::Rng;
use std::time::Duration;

/// The host of the provisioning service.
pub const DPS: &str = "dps";
/// The host of the application, and the destination of all telemetry.
pub const CENTRAL: &str = "central";
/// The host of the person who operates the application, at its site.
pub const OPERATOR: &str = "operator";

/// Draws every choice of the section and enters everybody who takes part into the roster.
///
/// Order is judged if the file wants it; with several hubs nobody can promise it while one of them is down with messages
/// that central has not read. The operator's operations are planned elsewhere.
pub fn plan(section: &IotSection, setting: &Setting, roster: &mut Roster) -> IotPlan {
    let Setting { seed, until, ordered, operated } = *setting;
    let draw = |range: &DurationRange, label: &str| range.draw(seed, &format!("iot.{label}"));
    let dps = DpsPlan {
        host: DPS.into(),
        site: (&*section.dps.site).into(),
        health_check: draw(&section.dps.health_check, "dps.health-check"),
        rebalance_after: draw(&section.dps.rebalance_after, "dps.rebalance-after"),
        policy: section.dps.policy,
        limit: section.dps.limit,
    };
    let hubs: Vec<HubPlan> = section
        .hubs
        .iter()
        .map(|(name, hub)| HubPlan {
            host: name.as_str().into(),
            site: (&*hub.site).into(),
            limit: hub.limit,
            throttles: Vec::new(),
            knobs: HubKnobs { confirms: hub.confirms, moved_device: hub.moved_device },
        })
        .collect();
    let names: Vec<Name> = hubs.iter().map(|hub| hub.host.clone()).collect();

    enter(roster, &dps.host, &dps.site);
    for hub in &hubs {
        enter(roster, &hub.host, &hub.site);
    }
    let site: Name = (&*section.central.site).into();
    enter(roster, &CENTRAL.into(), &site);
    let destination = DestinationId(roster.destinations.len() as u32);
    roster.destinations.push(Destination {
        name: CENTRAL.into(),
        hosts: vec![CENTRAL.into()],
        via: names.clone(),
        standing: true,
        mode: None,
    });
    let knobs = CentralKnobs { de_duplicates: section.central.de_duplicates, remembers: section.central.remembers };
    let central = CentralPlan { host: CENTRAL.into(), site: site.clone(), destination, knobs };

    let mut devices = Vec::new();
    for (group, device) in &section.devices {
        for member in device.members(group) {
            let planned = planned_device(device, &member, seed, until, roster);
            let producers: Vec<ProducerId> = planned.telemetry.iter().map(|(producer, _)| *producer).collect();
            for producer in &producers {
                roster.routes.push(Route {
                    producer: *producer,
                    destination,
                    ordered,
                    delivery: Delivery::ExactlyOnce,
                });
            }
            roster.clients.push(Client {
                name: planned.host.clone(),
                host: planned.host.clone(),
                keep_alive: planned.keep_alive,
                needs: vec![vec![dps.host.clone()], names.clone()],
                producers,
                placed: true,
                receives: None,
                room: None,
                rank: 0,
            });
            devices.push(planned);
        }
    }
    let operator = operated.then(|| {
        let operator = OperatorPlan { host: OPERATOR.into(), site, operations: Vec::new() };
        enter(roster, &operator.host, &operator.site);
        operator
    });
    IotPlan { id_scope: "0ne00000001".into(), group_key: group_key(seed), dps, hubs, central, devices, operator }
}

fn enter(roster: &mut Roster, host: &Name, site: &Name) {
    roster.machines.push(Machine { name: host.clone(), site: site.clone() });
}

fn planned_device(device: &Device, member: &str, seed: u64, until: Duration, roster: &mut Roster) -> DevicePlan {
    let draw = |range: &DurationRange, key: &str| range.draw(seed, &format!("iot.devices.{member}.{key}"));
    let host: Name = member.into();
    let site: Name = (&*device.site).into();
    enter(roster, &host, &site);
    let telemetry = device.telemetry.as_ref().map(|period| {
        let producer = ProducerId(roster.producers.len() as u32);
        roster.producers.push(Producer { name: format!("{member}/telemetry").into(), host: host.clone() });
        (producer, draw(period, "telemetry"))
    });
    DevicePlan {
        starts: draw(&device.starts, "starts"),
        telemetry,
        reported: device.reported.as_ref().map(|period| draw(period, "reported")),
        connect_time_out: draw(&device.connect_time_out, "connect-time-out"),
        keep_alive: draw(&device.keep_alive, "keep-alive"),
        puback_time_out: draw(&device.puback_time_out, "puback-time-out"),
        back_off: (device.back_off.least(), device.back_off.most()),
        in_flight: device.in_flight as usize,
        buffer: device.buffer as usize,
        token_life: draw(&device.token_life, "token-life"),
        handles_in: draw(&device.handles_in, "handles-in"),
        abilities: Abilities {
            desired: device.desired,
            methods: device.methods,
            commands: device.commands,
            cache_hostname: device.cache_hostname,
            model: device.model.clone().map(|id| Model { id, form: device.model_form }),
        },
        knobs: device.knobs(),
        until,
        host,
        site,
    }
}

/// A group's symmetric key: 32 bytes, as the service makes them.
fn group_key(seed: u64) -> String {
    let mut key = [0; 32];
    lizard_sim::dice(seed, "iot.group-key").fill_bytes(&mut key);
    base64::engine::general_purpose::STANDARD.encode(key)
}
