use super::*;
use crate::history::{Event, Witness};
use crate::report::{Recorder, Whose};
use crate::run::pitfall::Way;
use crate::run::{Mode, Watch, run_watched};
use crate::scenario::{Loaded, parse};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const QUIET: &str = "
name: quiet
duration: 1m
sites: { west: {}, field: { latency: 10ms..20ms } }
iot:
  dps: { site: west }
  hubs: { hub-a: { site: west } }
  central: { site: west }
  devices: { xyz: { site: field, telemetry: 1s } }
";

fn loaded(text: &str) -> Loaded {
    parse(Path::new("test.yaml"), text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn played(plan: &Plan) -> (Vec<Entry>, Report) {
    let recorder = Arc::new(Mutex::new(Recorder::default()));
    let witness: Arc<Mutex<dyn Witness>> = recorder.clone();
    let watch = Watch { witness: Some(witness), ..Watch::default() };
    let report = run_watched(plan, Mode::ToTheEnd, watch).expect("it runs").report;
    let entries = std::mem::take(&mut recorder.lock().unwrap_or_else(PoisonError::into_inner).entries);
    (entries, report)
}

fn compared(a: &Plan, b: &Plan) -> DivergeReport {
    let ((one, a_report), (another, b_report)) = (played(a), played(b));
    compare(
        &Played { name: "a".into(), plan: a, entries: &one, report: &a_report },
        &Played { name: "b".into(), plan: b, entries: &another, report: &b_report },
    )
}

fn marked(difference: &Difference) -> Vec<(Whose, &str, &str)> {
    let rows = difference.rows.iter();
    rows.filter_map(|row| Some((row.differs?, row.host.as_str(), row.text.as_str()))).collect()
}

#[test]
fn a_seed_against_itself_is_the_same_run() {
    let plan = loaded(QUIET).plan(7);
    let report = compared(&plan, &plan);
    assert_eq!(report.verdict, Likeness::Same);
    assert_eq!(report.alike, report.a.entries);
    assert!(report.first.is_none() && report.deed.is_none() && report.ended.is_empty());
    assert!(report.plan.differences.is_empty(), "{:?}", report.plan);
}

#[test]
fn two_seeds_of_a_quiet_world_differ_in_times_and_in_nothing_that_happens() {
    let loaded = loaded(QUIET);
    let report = compared(&loaded.plan(1), &loaded.plan(2));
    assert_eq!(report.verdict, Likeness::Different);
    assert!(report.first.is_some());
    assert_eq!(report.deed, None);
}

#[test]
fn a_crash_that_only_one_file_has_is_a_line_of_its_plan_and_the_first_that_happens_otherwise() {
    // Between two of its messages.
    let crash = format!("{QUIET}timeline: [{{ at: 30500ms, crash: {{ host: xyz, for: 5s }} }}]\n");
    let report = compared(&loaded(QUIET).plan(1), &loaded(&crash).plan(1));
    let line = &report.plan.differences[0];
    assert_eq!((line.what.as_str(), line.a.as_deref()), ("timeline[0]", None));
    assert!(line.b.as_ref().is_some_and(|text| text.starts_with("30s500ms xyz crashes, until 35s500ms")), "{line:?}");
    let deed = report.deed.expect("it crashes once");
    let crashes = Duration::from_millis(30_500);
    assert_eq!((deed.kind, deed.at, deed.host.as_str()), (DifferenceKind::OnlyB, crashes, "xyz"));
    assert!(deed.rows.iter().any(|row| row.text == "crashes" && row.a.is_none() && row.b.is_some()), "{deed:?}");
    assert!(
        deed.rows.iter().any(|row| row.a.is_some() && row.a == row.b),
        "what was the same before is told: {deed:?}"
    );
    assert!(report.ended.iter().any(|pair| pair.what == "messages offered"), "{:?}", report.ended);
}

#[test]
fn what_two_files_call_alike_is_the_same_however_their_rosters_number_it() {
    // A device before the other one moves the numbers of all producers behind it.
    let more = QUIET.replace("devices: {", "devices: { abc: { site: field, starts: 50s, telemetry: 1s },");
    let report = compared(&loaded(QUIET).plan(1), &loaded(&more).plan(1));
    let deed = report.deed.expect("there is one device more");
    assert_eq!(marked(&deed), [(Whose::B, "abc", "is powered on")]);
    assert!(report.plan.differences.iter().any(|pair| pair.what == "iot.devices[abc]"), "{:?}", report.plan);
    assert!(report.plan.differences.iter().all(|pair| !pair.what.contains("[xyz]")), "{:?}", report.plan);
}

#[test]
fn a_knob_is_told_as_the_line_of_the_plan_and_by_what_it_does_first() {
    let text = include_str!("../../../scenarios/pitfalls/re-sends-newest-first.yaml");
    let loaded = loaded(text);
    let plan = |way: Way| way.plan(&loaded, 5).expect("the knob fits");
    let report = compared(&plan(Way::Control), &plan(Way::Treatment));
    let lines: Vec<&str> = report.plan.differences.iter().map(|pair| pair.what.as_str()).collect();
    assert_eq!(lines, ["iot.devices[xyz].knobs.resends"]);
    let deed = report.deed.expect("it sends in another order");
    assert_eq!(deed.kind, DifferenceKind::Order);
    let marked = marked(&deed);
    assert!(matches!(marked[..], [(Whose::A, "xyz", _), (Whose::B, "xyz", _)]), "{marked:?}");
    assert!(marked.iter().all(|(.., text)| text.contains(" again in session ")), "{marked:?}");
    assert!(report.ended.iter().any(|pair| pair.what == "order"), "{:?}", report.ended);
}

#[test]
fn a_fault_that_two_files_have_in_other_places_is_no_difference() {
    let lines = ["{ at: 20s, freeze: { host: xyz, for: 2s } }", "{ at: 40s, freeze: { host: hub-a, for: 2s } }"];
    let file = |first: &str, second: &str| loaded(&format!("{QUIET}timeline: [{first}, {second}]\n")).plan(1);
    let report = compared(&file(lines[0], lines[1]), &file(lines[1], lines[0]));
    assert!(report.first.is_none() && report.deed.is_none(), "{report:?}");
}

/// A history of one host that offers these numbers, a second apart.
fn offers(numbers: &[u64]) -> Vec<Entry> {
    let offer = |(index, number): (usize, &u64)| {
        let message = crate::history::MessageId { producer: crate::history::ProducerId(0), number: *number };
        let event = Event::Offered { message, digest: *number };
        Entry { at: Duration::from_secs(index as u64), host: "xyz".into(), event }
    };
    numbers.iter().enumerate().map(offer).collect()
}

#[test]
fn what_happens_twice_on_one_side_is_what_only_that_side_has() {
    let roster = crate::history::Roster::default();
    let (once, twice) = (offers(&[1, 2, 3]), offers(&[1, 2, 2, 3]));
    let (a, b) = (Tape::new(&roster, &once), Tape::new(&roster, &twice));
    let deed = deed(&a, &b).expect("one comes twice");
    assert_eq!((deed.kind, deed.at), (DifferenceKind::OnlyB, Duration::from_secs(2)));
}

#[test]
fn other_bytes_are_a_difference_that_no_word_tells() {
    let roster = crate::history::Roster::default();
    let (one, mut other) = (offers(&[1, 2]), offers(&[1, 2]));
    let Event::Offered { digest, .. } = &mut other[1].event else { panic!("it is an offer") };
    *digest = 99;
    let (a, b) = (Tape::new(&roster, &one), Tape::new(&roster, &other));
    assert!(a.is_same(0, &b, 0) && !a.is_same(1, &b, 1));
    assert!(deed(&a, &b).is_none());
}
