//! Faults side by side: as few lanes as have room for them without an overlap.
use crate::scenario::PlannedFault;
use std::time::Duration;

/// Lays out the faults that began before the end, each with when it was over, in lanes. What never ends lasts until then;
/// a `start` is done at once.
pub(super) fn of(faults: &[PlannedFault], end: Duration) -> Vec<Vec<(&PlannedFault, Duration)>> {
    let mut happened: Vec<&PlannedFault> = faults.iter().filter(|fault| fault.at <= end).collect();
    happened.sort_by_key(|fault| fault.at);
    let mut lanes: Vec<Vec<(&PlannedFault, Duration)>> = Vec::new();
    for fault in happened {
        let lasting = if fault.kind == "start" { fault.at } else { end };
        let until = fault.until.unwrap_or(lasting).clamp(fault.at, end);
        let free = |lane: &&mut Vec<(&PlannedFault, Duration)>| lane.last().is_none_or(|(_, over)| *over <= fault.at);
        match lanes.iter_mut().find(free) {
            Some(lane) => lane.push((fault, until)),
            None => lanes.push(vec![(fault, until)]),
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: &str, at: u64, until: Option<u64>) -> PlannedFault {
        PlannedFault {
            origin: "timeline[0]".into(),
            kind: kind.into(),
            at: Duration::from_secs(at),
            until: until.map(Duration::from_secs),
            text: format!("{kind} at {at}"),
            end_text: None,
            steps: Vec::new(),
        }
    }

    #[test]
    fn faults_that_overlap_lie_in_lanes_of_their_own_and_others_share_one() {
        let faults = [
            fault("attack", 10, Some(20)),
            fault("crash", 15, Some(40)),
            fault("freeze", 20, None),
            fault("start", 41, None),
            fault("crash", 41, Some(90)),
            fault("crash", 60, Some(70)),
        ];
        let lanes = of(&faults, Duration::from_secs(50));
        let told: Vec<Vec<String>> = lanes
            .iter()
            .map(|lane| lane.iter().map(|(fault, until)| format!("{} to {}", fault.text, until.as_secs())).collect())
            .collect();
        assert_eq!(
            told,
            [
                vec!["attack at 10 to 20", "freeze at 20 to 50"],
                vec!["crash at 15 to 40", "start at 41 to 41", "crash at 41 to 50"],
            ],
            "the last would begin after the end"
        );
    }
}
