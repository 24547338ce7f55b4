use super::super::tests::{entry, failing, hostile_plan};
use super::*;
use crate::history::{Cause, ProducerId};
use serde_json::Value;

const XYZ: &str = "<script>alert(1)</script>";
const SECOND: u64 = 1_000_000_000;

fn message(number: u64) -> MessageId {
    MessageId { producer: ProducerId(0), number }
}

fn offered(number: u64) -> Event {
    Event::Offered { message: message(number), digest: 1 }
}

fn received(number: u64) -> Event {
    Event::Received { message: message(number), destination: DestinationId(0), digest: 1 }
}

fn fault(at: u64, until: u64, text: &str) -> PlannedFault {
    PlannedFault {
        origin: "timeline[0]".into(),
        kind: "power-loss".into(),
        at: Duration::from_secs(at),
        until: Some(Duration::from_secs(until)),
        text: text.into(),
        end_text: None,
        steps: Vec::new(),
    }
}

/// The events of a trace of these entries.
fn traced(entries: &[Entry], faults: Vec<PlannedFault>, report: Option<&Report>) -> Vec<Value> {
    let plan = Plan { faults, ..hostile_plan() };
    let mut trace = Trace::begin(Vec::new(), &plan).expect("memory takes all");
    entries.iter().for_each(|entry| trace.see(entry));
    let bytes = trace.finish(report).expect("memory takes all");
    let file: Value = serde_json::from_slice(&bytes).expect("the file is JSON");
    let events = file["traceEvents"].as_array().expect("a list of events").clone();
    sound(&events);
    events
}

/// What the format wants of every event, and Perfetto of the events of one thread.
fn sound(events: &[Value]) {
    let mut arrows: BTreeMap<u64, &Value> = BTreeMap::new();
    let mut spans: BTreeMap<(u64, &str), &Value> = BTreeMap::new();
    let mut threads: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    // As those who read it do: a slice is written when it is known how long it is, and its arrow with it.
    let mut events: Vec<&Value> = events.iter().collect();
    let ts = |event: &Value| event["ts"].as_f64().unwrap_or(f64::NAN);
    events.sort_by(|a, b| ts(a).total_cmp(&ts(b)));
    for event in events {
        assert!(event["name"].is_string() && event["ts"].as_f64().is_some_and(|ts| ts >= 0.0), "{event}");
        let (pid, tid) = (event["pid"].as_u64().expect("a process"), event["tid"].as_u64().expect("a thread"));
        assert!(pid > 0, "{event}");
        match event["ph"].as_str().expect("a phase") {
            "M" => assert!(event["args"].is_object(), "{event}"),
            "X" => {
                assert!(event["dur"].as_f64().is_some_and(|dur| dur >= 0.0), "{event}");
                threads.entry(tid).or_default().push(event);
            }
            "B" | "E" => threads.entry(tid).or_default().push(event),
            "b" => assert!(spans.insert((pid, local(event)), event).is_none(), "{event}"),
            "e" => {
                let begun = spans.remove(&(pid, local(event))).expect("it has begun");
                for same in ["pid", "tid", "name", "cat"] {
                    assert_eq!(begun[same], event[same], "{event}");
                }
            }
            "s" => assert!(arrows.insert(event["id"].as_u64().expect("an id"), event).is_none(), "{event}"),
            "f" => {
                assert_eq!(event["bp"], "e");
                let begun = arrows.remove(&event["id"].as_u64().expect("an id")).expect("it has begun");
                assert!(begun["ts"].as_f64() <= event["ts"].as_f64() && begun["name"] == event["name"], "{event}");
            }
            other => panic!("phase {other}: {event}"),
        }
    }
    assert!(spans.is_empty(), "spans without an end: {spans:?}");
    threads.values().for_each(|events| nested(events));
}

/// The number of a span within its process: with a plain `id` Perfetto shows it outside all of them.
fn local(event: &Value) -> &str {
    event["id2"]["local"].as_str().expect("a number within the process")
}

/// Slices of one thread come in order and lie within each other or side by side.
fn nested(events: &[&Value]) {
    let mut open: Vec<f64> = Vec::new();
    let mut last = 0.0;
    for event in events {
        let ts = event["ts"].as_f64().expect("a time");
        assert!(ts >= last, "out of order: {event}");
        last = ts;
        open.retain(|end| *end > ts);
        match event["ph"].as_str() {
            Some("B") => open.push(f64::INFINITY),
            Some("E") => assert_eq!(open.pop(), Some(f64::INFINITY), "{event}"),
            _ => {
                let end = ts + event["dur"].as_f64().unwrap_or_default();
                assert!(open.last().is_none_or(|around| end <= *around), "overlaps: {event}");
                open.push(end);
            }
        }
    }
    assert!(open.iter().all(|end| end.is_finite()), "a slice without an end: {events:?}");
}

fn of<'a>(events: &'a [Value], ph: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["ph"] == ph).collect()
}

fn named<'a>(events: &'a [Value], kind: &str) -> Vec<(&'a str, u64)> {
    let these = events.iter().filter(|event| event["name"] == kind);
    these.map(|event| (event["args"]["name"].as_str().unwrap_or(""), event["pid"].as_u64().unwrap_or(0))).collect()
}

#[test]
fn sites_are_processes_and_hosts_their_threads() {
    let events = traced(&[], Vec::new(), None);
    assert_eq!(named(&events, "process_name"), [("the world", 1), ("field", 2), ("west", 3)]);
    let hosts = [("the world", 1), (XYZ, 2), ("hub-a", 3), ("central", 3)];
    assert_eq!(named(&events, "thread_name"), hosts);
}

#[test]
fn a_message_is_an_arrow_from_where_it_was_offered_to_where_it_was_received() {
    let entries = [
        entry(SECOND, XYZ, offered(0)),
        entry(SECOND, XYZ, offered(1)),
        entry(SECOND + 500, XYZ, offered(2)),
        entry(2 * SECOND, "central", received(0)),
        entry(2 * SECOND, "central", received(2)),
        entry(3 * SECOND, "central", received(2)),
    ];
    let events = traced(&entries, Vec::new(), None);
    let (begin, end) = (of(&events, "s"), of(&events, "f"));
    assert_eq!(begin.len(), 3);
    let mut ids: Vec<u64> = end.iter().filter_map(|event| event["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [begin[0]["id"].as_u64(), begin[2]["id"].as_u64()].map(|id| id.unwrap_or(u64::MAX)));
    let mut slices = of(&events, "X");
    slices.sort_by(|a, b| a["ts"].as_f64().partial_cmp(&b["ts"].as_f64()).expect("numbers"));
    assert_eq!(slices.len(), 6, "the receipt that came again has a slice too, and no arrow");
    assert_eq!(slices[0]["name"], format!("offers {XYZ}/telemetry #0"));
    assert_eq!((&slices[0]["ts"], &slices[0]["dur"]), (&1e6.into(), &0.5.into()), "cut short by the next");
    assert_eq!(slices[2]["dur"], 1e3);
}

#[test]
fn a_session_ends_when_it_is_lost_when_its_machine_dies_and_when_the_run_is_over() {
    let connected =
        |service: &str, session| Event::Connected { client: "xyz".into(), service: service.into(), session };
    let lost = Event::SessionLost { client: "xyz".into(), service: "hub-a".into(), session: 1, cause: Cause::Silence };
    let entries = [
        entry(SECOND, XYZ, connected("hub-a", 1)),
        entry(5 * SECOND, XYZ, lost),
        entry(6 * SECOND, XYZ, connected("hub-b", 2)),
        entry(7 * SECOND, XYZ, Event::Power { state: Power::Crashed }),
        entry(8 * SECOND, XYZ, Event::Power { state: Power::On }),
        entry(9 * SECOND, XYZ, connected("hub-a", 3)),
        entry(9 * SECOND, XYZ, Event::Power { state: Power::Frozen }),
    ];
    let events = traced(&entries, Vec::new(), None);
    let ends: Vec<&str> = of(&events, "e").iter().filter_map(|event| event["args"]["ended"].as_str()).collect();
    assert_eq!(ends, ["silence", "crashed", "the run is over"]);
    let names: Vec<&str> = of(&events, "b").iter().filter_map(|event| event["name"].as_str()).collect();
    assert_eq!(names, ["xyz with hub-a", "xyz with hub-b", "xyz with hub-a"]);
}

#[test]
fn a_machine_without_power_is_a_slice_until_it_has_power_again() {
    let power = |at: u64, state| entry(at * SECOND, "hub-a", Event::Power { state });
    let entries = [
        power(0, Power::On),
        power(10, Power::Frozen),
        power(20, Power::Lost),
        power(30, Power::On),
        power(40, Power::Stopped),
    ];
    let events = traced(&entries, Vec::new(), None);
    let told = |ph: &str| -> Vec<(f64, String)> {
        let these = of(&events, ph);
        these.iter().map(|e| (e["ts"].as_f64().unwrap_or(0.0) / 1e6, e["name"].to_string())).collect()
    };
    let begun = [(10.0, "\"frozen\""), (20.0, "\"no power\""), (40.0, "\"stopped\"")];
    assert_eq!(told("B"), begun.map(|(at, name)| (at, name.to_owned())));
    assert_eq!(told("E").iter().map(|(at, _)| *at).collect::<Vec<_>>(), [20.0, 30.0, 40.001]);
}

#[test]
fn faults_and_violations_are_slices_of_the_world_whatever_they_are_called() {
    let report = failing();
    let faults = vec![fault(10, 30, "</script>\"\n"), fault(20, 40, "b"), fault(2000, 2001, "after the end")];
    let events = traced(&[entry(50 * SECOND, "the world", Event::Settling)], faults, Some(&report));
    let faults: Vec<&Value> =
        events.iter().filter(|event| event["cat"] == "fault" && event["args"]["kind"].is_string()).collect();
    assert_eq!(faults.iter().map(|event| &event["name"]).collect::<Vec<_>>(), ["</script>\"\n", "b"]);
    assert_ne!(faults[0]["tid"], faults[1]["tid"], "they overlap");
    let marks: Vec<&Value> = events.iter().filter(|event| event["cat"] == "violation").collect();
    let says = "no-confirmed-loss: xyz/telemetry #117 was confirmed and never received by central";
    assert_eq!((marks.len(), &marks[0]["name"], &marks[0]["ts"]), (1, &says.into(), &1.02e9.into()));
    assert_eq!(marks[0]["args"]["custody"][0], report.invariants[0].violations[0].custody[0]);
}

#[test]
fn a_batch_lies_side_by_side_on_its_host_and_where_arrows_begin_it_is_around() {
    let offers = (0..2).map(|number| entry(SECOND, XYZ, offered(number)));
    let receipts = (0..2).map(|number| entry(2 * SECOND, "central", received(number)));
    let events = traced(&offers.chain(receipts).collect::<Vec<_>>(), Vec::new(), None);
    let slices: Vec<(f64, f64)> = of(&events, "X")
        .iter()
        .filter_map(|slice| Some((slice["ts"].as_f64()? / 1e3, slice["dur"].as_f64()? / 1e3)))
        .collect();
    assert_eq!(slices, [(1000.0, 1.0), (1000.0, 1.0), (2000.0, 0.5), (2000.5, 0.5)]);
    let arrows: Vec<f64> = of(&events, "f").iter().filter_map(|end| end["ts"].as_f64()).collect();
    assert_eq!(arrows, [2_000_000.0, 2_000_500.0]);
}

#[test]
fn a_violation_lies_where_the_custody_of_its_message_ends() {
    let mut report = failing();
    let message = message(117);
    let violation = &mut report.invariants[0].violations[0];
    violation.about = Some(message);
    let power = |at, state| entry(at * SECOND, "hub-a", Event::Power { state });
    violation.entries = vec![
        entry(118 * SECOND, XYZ, offered(117)),
        entry(119 * SECOND, XYZ, Event::Confirmed { message }),
        power(120, Power::Lost),
        power(300, Power::On),
    ];
    let events = traced(&[], Vec::new(), Some(&report));
    let marks: Vec<&Value> = events.iter().filter(|event| event["cat"] == "violation").collect();
    assert_eq!((&marks[0]["ts"], &marks[0]["args"]["certain at"]), (&120e6.into(), &1020.0.into()));
}

#[test]
fn violations_of_one_moment_lie_side_by_side_with_the_moment_told() {
    let mut report = failing();
    let violation = report.invariants[0].violations[0].clone();
    report.invariants[0].violations = vec![violation; 3];
    let events = traced(&[], Vec::new(), Some(&report));
    let marks: Vec<&Value> = events.iter().filter(|event| event["cat"] == "violation").collect();
    let ts: Vec<f64> = marks.iter().filter_map(|mark| mark["ts"].as_f64()).collect();
    assert_eq!(ts, [1.02e9, 1.020001e9, 1.020002e9]);
    assert!(marks.iter().all(|mark| mark["args"]["certain at"] == 1020.0), "{marks:?}");
}
