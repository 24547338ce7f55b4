use super::super::tests::{HOSTILE, entry, failing, hostile, hostile_plan};
use super::Page;
use crate::history::{self, Cause, DestinationId, Event, MessageId, Name, Power, ProducerId, Witness};
use crate::report::{Report, ViolationReport};
use crate::scenario::{Plan, PlannedFault};
use serde_json::{Value, json};
use std::time::Duration;

const XYZ: &str = "<script>alert(1)</script>";
const SECOND: u64 = 1_000_000_000;

fn message(number: u64) -> MessageId {
    MessageId { producer: ProducerId(0), number }
}
fn offered(at: u64, number: u64) -> history::Entry {
    entry(at, XYZ, Event::Offered { message: message(number), digest: 1 })
}
fn received(at: u64, number: u64) -> history::Entry {
    let destination = DestinationId(0);
    entry(at, "central", Event::Received { message: message(number), destination, digest: 1 })
}

fn page(plan: &Plan, entries: &[history::Entry], report: &Report) -> String {
    let mut page = Page::begin(plan);
    entries.iter().for_each(|entry| page.see(entry));
    page.finish(report, None).expect("the template is sound")
}

/// What the scripts of a page read.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once(r#"<script type="application/json" id="data">"#).expect("it has data");
    let (json, _) = rest.split_once("</script>").expect("it ends");
    serde_json::from_str(json).expect("it is JSON")
}

/// The page without what is always there: its style, its scripts, its data.
fn shown(page: &str) -> String {
    let (head, _) = page.split_once(r#"<script type="application/json""#).expect("it has data");
    let (_, body) = head.split_once("</style>").expect("it has a style");
    body.to_owned()
}

#[test]
fn a_message_has_its_steps_and_the_tables_say_how_it_fared() {
    let confirmed = |at, number| entry(at, XYZ, Event::Confirmed { message: message(number) });
    let entries = [
        offered(SECOND, 0),
        confirmed(SECOND + 1_000_000, 0),
        received(4 * SECOND, 0),
        offered(5 * SECOND, 1),
        confirmed(5 * SECOND, 1),
        received(5 * SECOND + 1_000_000, 1),
        received(6 * SECOND, 1),
        offered(7 * SECOND, 2),
    ];
    let page = page(&hostile_plan(), &entries, &failing());
    let data = data(&page);
    let trails = data["trails"].as_array().expect("a list");
    // Late, received twice, lost: the notes; then from when, where, and what.
    assert_eq!(trails[0], json!([0, 0, 0, 4, 0, 1_000_000, 0, 0, 1000, 0, 1, 2_999_000, 2, 2]));
    assert_eq!((&trails[1][3], &trails[2][3]), (&json!(2), &json!(1)));
    let what = |n: usize| data["phrases"][n]["what"].as_str().unwrap_or_default();
    assert_eq!([what(0), what(1), what(2)], ["offered", "confirmed", "received"]);
    assert_eq!(data["curves"]["backlog"][7], 1);
    let shown = shown(&page);
    for row in [r#"data-message="0:0:0""#, r#"data-message="0:0:1""#, r#"data-message="0:0:2""#, "<td>3.0 s</td>"] {
        assert!(shown.contains(row), "{row}: {shown}");
    }
}

#[test]
fn sessions_moves_leaderships_and_times_without_power_lie_on_lanes() {
    let connected = |service: &str, session| Event::Connected { client: XYZ.into(), service: service.into(), session };
    let settled = |at: &str| Event::Settled { client: XYZ.into(), at: at.into() };
    let power = |state| Event::Power { state };
    let active = Event::Activated { destination: DestinationId(0), client: XYZ.into(), held: 2 };
    let lost = Event::SessionLost { client: XYZ.into(), service: "hub-a".into(), session: 1, cause: Cause::Silence };
    let mut plan = hostile_plan();
    plan.roster.clients = vec![history::Client {
        name: XYZ.into(),
        host: XYZ.into(),
        keep_alive: Duration::from_secs(60),
        needs: Vec::new(),
        producers: vec![ProducerId(0)],
        placed: true,
        receives: None,
        room: None,
        rank: 0,
    }];
    let sent = Event::Sent { message: message(0), session: 1, again: false };
    let entries = [
        entry(SECOND, XYZ, connected("hub-a", 1)),
        entry(SECOND, XYZ, settled("hub-a")),
        offered(2 * SECOND, 0),
        entry(2 * SECOND, XYZ, sent),
        entry(3 * SECOND, "hub-a", power(Power::Lost)),
        entry(4 * SECOND, XYZ, lost),
        entry(5 * SECOND, XYZ, connected("central", 2)),
        entry(5 * SECOND, XYZ, settled("central")),
        entry(6 * SECOND, "hub-a", power(Power::On)),
        entry(7 * SECOND, "hub-a", active),
        entry(8 * SECOND, XYZ, power(Power::Crashed)),
    ];
    let data = data(&page(&plan, &entries, &failing()));
    let second = 1_000_000;
    let end = 721_250_000;
    assert_eq!(
        data["sessions"],
        json!([[0, 1, second, 4 * second, "silence"], [0, 2, 5 * second, 8 * second, "crashed"]])
    );
    assert_eq!(data["downs"], json!([[1, 3 * second, 6 * second, "no power"], [0, 8 * second, end, "crashed"]]));
    let marks: Vec<(&Value, &Value)> =
        data["marks"].as_array().into_iter().flatten().map(|mark| (&mark[1], &mark[2])).collect();
    let kinds = ["other", "lost", "move", "active"].map(Value::from);
    let on_xyz = json!(0);
    assert_eq!(marks, kinds.iter().map(|kind| (&on_xyz, kind)).collect::<Vec<_>>(), "whoever told it");
    let sent = data["phrases"].as_array().into_iter().flatten().find(|phrase| phrase["what"] == "sent");
    assert_eq!(sent.map(|phrase| &phrase["to"]), Some(&json!(1)), "the arrow knows where it went");
    assert_eq!((&data["curves"]["lost"][4], &data["curves"]["again"][5]), (&json!(1), &json!(1)));
}

#[test]
fn hostile_names_are_text_wherever_they_stand() {
    let mut report = hostile();
    report.story[0].what = HOSTILE.into();
    report.operations[0].answer = HOSTILE.into();
    report.clients[0].name = HOSTILE.into();
    report.clients[0].moves[0].to = HOSTILE.into();
    let fault = PlannedFault {
        origin: "timeline[0]".into(),
        kind: "power-loss".into(),
        at: Duration::from_secs(1),
        until: None,
        text: HOSTILE.into(),
        end_text: None,
        steps: Vec::new(),
    };
    let plan = Plan { faults: vec![fault], ..hostile_plan() };
    let name: Name = HOSTILE.into();
    let stray = entry(SECOND, HOSTILE, Event::Refused { client: name.clone(), service: name, why: HOSTILE.into() });
    let page = page(&plan, &[offered(SECOND, 0), stray], &report);
    let shown = shown(&page);
    assert!(!shown.contains("<script") && !shown.contains("</pre") && !shown.contains('\u{202e}'), "{shown}");
    assert_eq!(page.matches("<script").count(), 2, "the data and the scripts");
    assert_eq!(page.matches("</script").count(), 2);
    let data = data(&page);
    assert_eq!(data["hosts"][0], XYZ);
    assert_eq!(data["faults"][0]["text"], HOSTILE, "as it was: the scripts make text of it");
    assert_eq!(data["violations"][0]["lines"][0], HOSTILE);
}

#[test]
fn the_page_asks_no_network_and_runs_no_script_but_its_own() {
    let page = page(&hostile_plan(), &[], &failing());
    let (_, policy) = page.split_once(r#"http-equiv="Content-Security-Policy" content=""#).expect("it has a policy");
    let policy = policy.split('"').next().unwrap_or_default();
    assert!(policy.starts_with("default-src &#x27;none&#x27;; script-src &#x27;sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for loads in [" src=", "@import", "url(", "<link rel=\"stylesheet", "<iframe", "<img"] {
        assert!(!page.contains(loads), "{loads}");
    }
}

#[test]
fn a_violation_brings_its_custody_even_when_its_trail_was_never_seen() {
    let mut report = failing();
    report.invariants[0].violations[0] = ViolationReport {
        about: Some(message(117)),
        entries: vec![offered(SECOND, 117), entry(2 * SECOND, "the world", Event::Settling)],
        ..report.invariants[0].violations[0].clone()
    };
    let data = data(&page(&hostile_plan(), &[], &report));
    let violation = &data["violations"][0];
    assert_eq!(violation["about"], json!([0, 0, 117]));
    assert_eq!(violation["custody"], json!([1_000_000, 0, 0, 1_000_000, 3, 1]));
    assert_eq!((&data["hosts"][3], &violation["lines"]), (&json!("the world"), &json!([])));
}

#[test]
fn a_run_of_very_many_messages_is_a_page_that_says_what_it_leaves_out() {
    let mut page = Page::begin(&hostile_plan());
    let few = 200_000;
    for number in 0..few {
        let at = number * SECOND / 100;
        page.see(&offered(at, number));
        page.see(&entry(at, XYZ, Event::Confirmed { message: message(number) }));
        page.see(&received(at + 1000, number));
    }
    let page = page.finish(&failing(), None).expect("the template is sound");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    let drawn = data(&page)["trails"].as_array().map_or(0, Vec::len) as u64;
    let left_out = crate::report::text::counted(few - drawn);
    assert!(
        drawn > 10_000 && shown(&page).contains(&format!("{left_out} messages and operations are not drawn")),
        "{drawn}"
    );
}
