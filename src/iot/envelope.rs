//! What chaos may do to the IoT system: nothing that it never promised to live through.
use super::planning::{CENTRAL, DPS};
use super::section::IotSection;
use crate::history::Roster;
use crate::scenario::{ChaosFault, OffsetRange};

/// Tokens live for an hour, and a hub refuses one that its clock calls expired: skew stays well under half of that.
pub const SKEW: OffsetRange = OffsetRange::minutes(-10, 10);

/// The hosts to which a fault may happen.
///
/// A disk that is full or fails: hubs and central only, which then confirm nothing. Stopping: services only, since a
/// device that is told to stop tells its application what it gives up. Everything else: any host; of many devices, the
/// first few stand for all, so that services are hit as often as devices are.
pub fn hosts(fault: ChaosFault, section: &IotSection, roster: &Roster) -> Vec<String> {
    const DEVICES: usize = 3;
    let services = section.hubs.keys().cloned().chain([CENTRAL.to_owned()]);
    match fault {
        ChaosFault::DiskFull | ChaosFault::DiskError => services.collect(),
        ChaosFault::Stop => services.chain([DPS.to_owned()]).collect(),
        _ => {
            let devices = roster.clients.iter().take(DEVICES).map(|client| client.host.to_string());
            services.chain([DPS.to_owned()]).chain(devices).collect()
        }
    }
}
