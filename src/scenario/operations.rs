//! From the operator's verbs to what is asked of central, each choice drawn from its own labelled dice.
use super::cast::Cast;
use super::duration::{DurationRange, written_out};
use super::timeline::TimelineItem;
use crate::history::{Name, Operation, OperationId, Owes, Roster};
use crate::iot::plan::{Call, OperatorPlan, PlannedOperation};
use crate::iot::planning::CENTRAL;
use std::time::Duration;

/// How long a command may wait for its device (Microsoft docs, iot-hub-devguide-messages-c2d: the default of a hub).
const TTL: DurationRange = DurationRange::seconds(3600);
/// How long a method has for its answer (Microsoft docs, iot-hub-devguide-direct-methods: `responseTimeout`).
const TIME_OUT: DurationRange = DurationRange::seconds(30);
/// How long a device stays away (Azure-Samples, iot-central-high-availability-clients: five minutes).
const AWAY: DurationRange = DurationRange::seconds(300);

/// Says whether an item is something that the operator does.
pub(crate) fn is_operation(item: &TimelineItem) -> bool {
    item.command.is_some()
        || item.method.is_some()
        || item.desired.is_some()
        || item.manual_failover.is_some()
        || item.manual_failback.is_some()
        || item.registration_info.is_some()
}

/// Draws what an item asks for, once for each device that it names. `origin`: the beginning of every label.
pub(crate) fn draw(
    item: &TimelineItem,
    at: Duration,
    seed: u64,
    origin: &str,
    cast: &Cast,
) -> Vec<(Duration, Name, Call)> {
    let drawn = |range: Option<DurationRange>, default: DurationRange, key: &str| {
        range.unwrap_or(default).draw(seed, &format!("{origin}.{key}"))
    };
    let (group, call) = if let Some(command) = &item.command {
        let ttl = drawn(command.ttl, TTL, "ttl");
        (&command.device, Call::Command { name: command.name.clone(), payload: command.payload.clone(), ttl })
    } else if let Some(method) = &item.method {
        let time_out = drawn(method.time_out, TIME_OUT, "time-out");
        (&method.device, Call::Method { name: method.name.clone(), payload: method.payload.clone(), time_out })
    } else if let Some(desired) = &item.desired {
        (&desired.device, Call::Desired { set: desired.set.clone() })
    } else if let Some(failover) = &item.manual_failover {
        let ttl = drawn(failover.ttl, AWAY, "ttl");
        // Whole minutes, as the service takes it, and never none.
        let minutes = ttl.as_secs().div_ceil(60).max(1);
        (&failover.device, Call::ManualFailover { ttl: Duration::from_secs(minutes * 60) })
    } else if let Some(failback) = &item.manual_failback {
        (&failback.device, Call::ManualFailback)
    } else if let Some(info) = &item.registration_info {
        (&info.device, Call::RegistrationInfo)
    } else {
        return Vec::new();
    };
    cast.hosts(group).into_iter().map(|device| (at, device.as_str().into(), call.clone())).collect()
}

/// Gives the operator what was drawn, in the order of its times, and enters it into the roster.
pub(crate) fn enter(mut drawn: Vec<(Duration, Name, Call)>, operator: &mut OperatorPlan, roster: &mut Roster) {
    drawn.sort_by_key(|(at, ..)| *at);
    for (at, device, call) in drawn {
        let id = OperationId(roster.operations.len() as u32);
        roster.operations.push(Operation {
            name: in_words(&call).into(),
            verb: verb(&call),
            client: device.clone(),
            host: operator.host.clone(),
            service: CENTRAL.into(),
            owes: owed(&call),
        });
        operator.operations.push(PlannedOperation { id, at, device, call });
    }
}

fn verb(call: &Call) -> &'static str {
    match call {
        Call::Command { .. } => "command",
        Call::Method { .. } => "method",
        Call::Desired { .. } => "desired",
        Call::ManualFailover { .. } => "manual-failover",
        Call::ManualFailback => "manual-failback",
        Call::RegistrationInfo => "registration-info",
    }
}

fn owed(call: &Call) -> Owes {
    match call {
        Call::Command { ttl, .. } => Owes::Handling { ttl: *ttl },
        Call::Method { time_out, .. } => Owes::Answer { time_out: *time_out },
        Call::Desired { .. } => Owes::Desired,
        Call::ManualFailover { .. } | Call::ManualFailback | Call::RegistrationInfo => Owes::Nothing,
    }
}

fn in_words(call: &Call) -> String {
    match call {
        Call::Command { name, .. } => format!("command {name}"),
        Call::Method { name, .. } => format!("method {name}"),
        Call::Desired { set } => {
            let pairs: Vec<String> = set.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            format!("desired {}", pairs.join(", "))
        }
        Call::ManualFailover { ttl } => format!("manual failover for {}", written_out(*ttl)),
        Call::ManualFailback => "manual failback".into(),
        Call::RegistrationInfo => "registration info".into(),
    }
}
