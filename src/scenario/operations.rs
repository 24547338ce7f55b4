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
        (&failover.device, Call::ManualFailover { ttl: whole_minutes(ttl) })
    } else if let Some(failback) = &item.manual_failback {
        (&failback.device, Call::ManualFailback)
    } else if let Some(info) = &item.registration_info {
        (&info.device, Call::RegistrationInfo)
    } else {
        return Vec::new();
    };
    cast.hosts(group).into_iter().map(|device| (at, device.as_str().into(), call.clone())).collect()
}

/// Rounds up to whole minutes, as the service takes them, and never none.
pub(crate) fn whole_minutes(ttl: Duration) -> Duration {
    Duration::from_secs(ttl.as_secs().div_ceil(60).max(1) * 60)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Plan, parse};
    use serde_json::json;
    use std::path::Path;

    fn planned(timeline: &str, seed: u64) -> Plan {
        let text = format!(
            "
name: test
duration: 10m
sites: {{ west: {{}}, field: {{}} }}
iot:
  dps: {{ site: west }}
  hubs: {{ hub-a: {{ site: west }} }}
  central: {{ site: west }}
  devices:
    xyz: {{ site: field, commands: on, methods: on, desired: on }}
    meter: {{ site: field, count: 3, commands: on }}
timeline:
{timeline}
"
        );
        parse(Path::new("test.yaml"), &text).unwrap_or_else(|mistakes| panic!("{mistakes}")).plan(seed)
    }

    fn operator(plan: &Plan) -> &OperatorPlan {
        plan.systems.iot.as_ref().and_then(|iot| iot.operator.as_ref()).expect("there is an operator")
    }

    #[test]
    fn a_verb_on_a_group_asks_each_device_and_everything_is_asked_in_the_order_of_its_times() {
        let plan = planned(
            "  - { at: 2m, command: { device: meter, name: blink } }
  - { at: 1m, command: { device: meter-0002, name: beep, ttl: 5m } }",
            0,
        );
        let names: Vec<String> = (0..4).map(|id| plan.roster.operation(OperationId(id))).collect();
        let expected = ["beep for meter-0002", "blink for meter-0001", "blink for meter-0002", "blink for meter-0003"];
        assert_eq!(names, expected.map(|name| format!("command {name}")));
        assert_eq!(plan.roster.operations[0].owes, Owes::Handling { ttl: Duration::from_secs(300) });
        assert_eq!(plan.roster.operations[1].owes, Owes::Handling { ttl: Duration::from_secs(3600) });
        let ids: Vec<u32> = operator(&plan).operations.iter().map(|operation| operation.id.0).collect();
        assert_eq!(ids, [0, 1, 2, 3]);
    }

    #[test]
    fn ranges_are_drawn_anew_for_each_seed_and_time_and_failovers_count_in_minutes() {
        let timeline = "  - { every: 1m..2m, manual-failover: { device: xyz, ttl: 1m..9m } }";
        let mut drawn = std::collections::BTreeSet::new();
        for seed in 0..10 {
            for operation in &operator(&planned(timeline, seed)).operations {
                let Call::ManualFailover { ttl } = operation.call else { panic!("{operation:?}") };
                assert!((60..=540).contains(&ttl.as_secs()) && ttl.as_secs().is_multiple_of(60), "{ttl:?}");
                drawn.insert(ttl);
            }
        }
        assert!(drawn.len() > 5, "{drawn:?}");
    }

    #[test]
    fn payloads_are_the_json_that_they_look_like() {
        let payload = "{ on: on, yes: true, no: null, n: -3, f: 0.5, big: 18446744073709551615, text: \"7\", list: [1, a, 1.2.3] }";
        let plan = planned(&format!("  - {{ at: 1m, method: {{ device: xyz, name: echo, payload: {payload} }} }}"), 0);
        let Call::Method { payload, time_out, .. } = &operator(&plan).operations[0].call else { panic!("a method") };
        let expected = json!({
            "on": "on", "yes": true, "no": null, "n": -3, "f": 0.5, "big": u64::MAX, "text": "7", "list": [1, "a", "1.2.3"]
        });
        assert_eq!((payload, *time_out), (&expected, Duration::from_secs(30)));
        let plan = planned("  - { at: 1m, desired: { device: xyz, set: { fan: on, old: } } }", 0);
        let Call::Desired { set } = &operator(&plan).operations[0].call else { panic!("a change") };
        assert_eq!(serde_json::Value::Object(set.clone()), json!({ "fan": "on", "old": null }));
    }

    #[test]
    fn a_throttle_is_the_hubs_own_affair_and_is_announced_to_the_world() {
        let plan = planned("  - { at: 1m, throttle: { hub: hub-a, to: 5/s, for: 30s } }", 0);
        let hub = &plan.systems.iot.as_ref().expect("a system").hubs[0];
        let times: Vec<(u64, u64)> = hub.throttles.iter().map(|t| (t.from.as_secs(), t.until.as_secs())).collect();
        assert_eq!(times, [(60, 90)]);
        assert_eq!(plan.steps().len(), 2);
        assert!(plan.systems.iot.as_ref().is_some_and(|iot| iot.operator.is_none()), "nothing is asked of central");
    }
}
