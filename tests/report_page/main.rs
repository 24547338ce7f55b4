//! `report.html` in a real browser. Skipped, with a note, where there is no Chromium or Chrome; `.ci/run` installs one.
//! Pictures are left in `target/ci/screenshots`.
mod browser;

use browser::Browser;
use giant_lizard::history::{Entry, Event, MessageId, Name, ProducerId, Witness};
use giant_lizard::report::Page;
use giant_lizard::run::{Mode, run};
use giant_lizard::scenario::parse;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A folder of its own, which ends with the test.
struct Lair(PathBuf);

impl Lair {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("lizard-page-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
    /// The page of a run.
    fn report(&self, arguments: &[&str]) -> PathBuf {
        let mut lizard = Command::new(env!("CARGO_BIN_EXE_lizard"));
        lizard.args(arguments).arg("--report").arg(&self.0);
        let output = lizard.env_remove("GITHUB_STEP_SUMMARY").output().expect("the binary runs");
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
        self.0.join("report.html")
    }
}

impl Drop for Lair {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PITFALL: &str = "scenarios/pitfalls/hub-confirms-before-it-stores.yaml";

/// How many colours a canvas shows.
fn colours(browser: &mut Browser, canvas: &str) -> u64 {
    let count = format!(
        "(() => {{ const c = document.querySelector('{canvas}'); \
         const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const s = new Set(); \
         for (let i = 0; i < d.length; i += 4) s.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return s.size; }})()"
    );
    browser.ask(&count).as_u64().expect("a count")
}

fn text_of(browser: &mut Browser, selector: &str) -> String {
    let text = browser.ask(&format!("document.querySelector('{selector}').textContent"));
    text.as_str().unwrap_or_default().to_owned()
}

/// From when until when the diagram shows, in microseconds.
fn view(browser: &mut Browser) -> (f64, f64) {
    let view = browser.ask("[stage.view.from, stage.view.until]");
    (view[0].as_f64().expect("a time"), view[1].as_f64().expect("a time"))
}

fn clean(browser: &mut Browser) {
    assert_eq!(browser.complaints(), Vec::<Value>::new());
    assert_eq!(browser.requests(), Vec::<String>::new());
}

#[test]
fn a_click_on_a_violation_goes_to_its_place_and_shows_its_custody() {
    let Some(mut browser) = Browser::start("violation") else { return };
    let lair = Lair::new("violation");
    let page = lair.report(&["replay", PITFALL, "--seed", "5"]);
    browser.looks(1300, 1000, false);
    browser.open(&page, "");
    assert!(colours(&mut browser, "#canvas") > 10, "the diagram is drawn");
    assert!(colours(&mut browser, "#overview") > 3);
    browser.picture("failing");
    let whole = view(&mut browser);
    browser.click("[data-violation='0']");
    let told = text_of(&mut browser, "#panel");
    for words in ["no-confirmed-loss", "meter-0001/telemetry #63", "offers it", "sees it confirmed", "loses its power"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let (from, until) = view(&mut browser);
    assert!(until - from < (whole.1 - whole.0) / 10.0 && from < 64e6 && until > 64e6, "{from} to {until}");
    browser.until("document.activeElement.closest('#panel') !== null");
    browser.picture("failing-violation");

    // The same in a darker room, on a phone.
    browser.looks(360, 780, true);
    browser.open(&page, "");
    browser.click("[data-violation='0']");
    assert!(text_of(&mut browser, "#panel").contains("loses its power"));
    assert_eq!(browser.ask("document.documentElement.scrollWidth"), 360, "nothing sticks out");
    browser.picture("failing-violation-phone-dark");
    clean(&mut browser);
}

#[test]
fn a_passing_run_is_searched_zoomed_and_gone_through_by_keyboard_alone() {
    let Some(mut browser) = Browser::start("keyboard") else { return };
    let lair = Lair::new("keyboard");
    let page = lair.report(&["run", "scenarios/everything.yaml", "--seed", "1"]);
    assert!(fs::metadata(&page).expect("it is there").len() < 1_000_000, "half of what twelve minutes may take");
    browser.looks(1300, 1000, false);
    browser.open(&page, "");
    browser.picture("passing");
    assert_eq!(browser.ask("document.querySelectorAll('#charts canvas').length"), 3);
    assert!(colours(&mut browser, "#charts canvas") > 3, "a chart is drawn");

    browser.press("/");
    browser.write("till/orders #40");
    assert!(text_of(&mut browser, "#found").contains("till/orders #40"));
    browser.press("Enter");
    let told = text_of(&mut browser, "#panel");
    assert!(
        told.contains("till/orders #40") && told.contains("stored it") && told.contains("has handled it"),
        "{told}"
    );
    let (from, until) = view(&mut browser);
    assert!(from > 38e6 && until < 42e6, "{from} to {until}");
    browser.picture("passing-message");

    browser.press(".");
    assert!(text_of(&mut browser, "#panel").contains("till/orders #41"));
    browser.press("-");
    let (wider_from, wider_until) = view(&mut browser);
    assert!(wider_until - wider_from > until - from);
    browser.press("ArrowRight");
    assert!(view(&mut browser).0 > wider_from);
    browser.press("Escape");
    assert_eq!(browser.ask("document.querySelector('#panel').hidden"), true);
    browser.press("0");
    let (from, until) = view(&mut browser);
    assert!(from <= 0.0 && until > 720e6, "{from} to {until}");
    browser.press("?");
    assert_eq!(browser.ask("document.querySelector('#keys').open"), true);
    browser.press("Escape");
    assert_eq!(browser.ask("document.querySelector('#keys').open"), false);

    browser.press("/");
    browser.write("hub-a");
    browser.press("Enter");
    assert!(text_of(&mut browser, "#panel").contains("no power until"), "the host's own events");
    browser.press("/");
    browser.write("command blink");
    browser.press("Enter");
    assert!(text_of(&mut browser, "#panel").contains("command blink for xyz"));
    browser.press("t");
    browser.picture("passing-dark");
    clean(&mut browser);
}

#[test]
fn an_arrow_is_hit_where_it_is_drawn_and_an_address_leads_to_a_moment() {
    let Some(mut browser) = Browser::start("arrow") else { return };
    let lair = Lair::new("arrow");
    let page = lair.report(&["run", "scenarios/quiet.yaml", "--seed", "1"]);
    browser.looks(1300, 1000, false);
    browser.open(&page, "#at=30.25");
    let (from, until) = view(&mut browser);
    assert!(from < 30.25e6 && until > 30.25e6 && until - from <= 20e6 + 1.0, "{from} to {until}");
    assert_eq!(browser.ask("stage.marker"), 30_250_000.0);
    browser.ask("void (location.hash = '#at=60')");
    browser.until("stage.marker === 60e6");

    let middle = "(() => { const t = trails.find(t => t.legs.length > 1 && t.from > 60e6); \
         look(t.from - 1e4, t.until + 1e4); const l = t.legs[0]; window.wanted = nameOf(t); \
         const b = stage.canvas.getBoundingClientRect(); \
         return [b.left + (xOf(l.from) + xOf(l.until)) / 2, b.top + (yOf(l.host) + yOf(l.to)) / 2]; })()";
    browser.settle();
    let spot = browser.ask(middle);
    browser.settle();
    browser.click_at(spot[0].as_f64().expect("a place"), spot[1].as_f64().expect("a place"));
    let wanted = browser.ask("wanted");
    assert!(text_of(&mut browser, "#panel h3") == wanted.as_str().unwrap_or_default(), "{wanted}");
    clean(&mut browser);
}

#[test]
fn two_runs_side_by_side_begin_where_they_part_and_go_to_a_time_together() {
    let Some(mut browser) = Browser::start("side-by-side") else { return };
    let lair = Lair::new("side-by-side");
    lair.report(&["diverge", PITFALL, "--seed", "5", "--turn-on"]);
    browser.looks(1500, 900, false);
    browser.open(&lair.0.join("side-by-side.html"), "");
    let both = |browser: &mut Browser, marker: &str| {
        (0..2).for_each(|frame| browser.until_in_frame(frame, &format!("Math.round(stage.marker / 1e3) === {marker}")));
    };
    both(&mut browser, "64011");
    browser.picture("side-by-side");
    browser.ask("void (document.getElementById('time').value = '1:10.5')");
    browser.click("#both button");
    both(&mut browser, "70500");
    browser.click("[data-at]");
    both(&mut browser, "64011");
    browser.ask("void (document.getElementById('time').value = 'noon')");
    browser.click("#both button");
    assert!(text_of(&mut browser, "#wrong").contains("2:06.160"));
    clean(&mut browser);
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let Some(mut browser) = Browser::start("hostile") else { return };
    let lair = Lair::new("hostile");
    let hostile = "</script><script>window.hurt=1</script><img src=x onerror=window.hurt=1>{{7*7}}\u{202e}\"'&";
    let page = lair.0.join("report.html");
    fs::write(&page, hostile_page(hostile)).expect("it can be written");
    browser.looks(1300, 1000, false);
    browser.open(&page, "");
    browser.press("/");
    browser.write("#0");
    assert!(text_of(&mut browser, "#found").contains("<img src=x onerror"), "it is shown as it is");
    browser.press("Enter");
    assert!(text_of(&mut browser, "#panel").contains("<script>window.hurt=1</script>"));
    browser.click("[data-violation='0']");
    browser.press("n");
    assert!(text_of(&mut browser, "#panel").contains("<img src=x onerror"));
    // Over every name that the diagram shows.
    for host in 0..2 {
        browser.ask(&format!("choose({{ kind: 'host', host: {host} }})"));
    }
    browser.ask("hoverAt(200, 100)");
    browser.settle();
    assert_eq!(browser.ask("window.hurt === undefined && document.images.length === 0"), true);
    assert_eq!(browser.ask("document.scripts.length"), 2, "the data and the page's own");
    clean(&mut browser);
}

/// The page of a run in which everything that can have a name has this one.
fn hostile_page(hostile: &str) -> String {
    let text = fs::read_to_string("scenarios/quiet.yaml").expect("it is there");
    let mut plan = parse(Path::new("quiet.yaml"), &text).unwrap_or_else(|mistakes| panic!("{mistakes}")).plan(1);
    let mut report = run(&plan, Mode::ToTheEnd).expect("it runs").report;
    let name: Name = hostile.into();
    plan.roster.machines[0].name = name.clone();
    plan.roster.machines[0].site = name.clone();
    plan.roster.producers[0].name = name.clone();
    plan.roster.producers[0].host = name.clone();
    plan.roster.destinations[0].name = name.clone();
    report.scenario = hostile.into();
    report.file = hostile.into();
    report.replay = hostile.into();
    report.invariants[0].waived = Some(hostile.into());
    report.story[0].what = hostile.into();
    report.clients[0].name = hostile.into();
    let violation = |custody: Vec<String>| giant_lizard::report::ViolationReport {
        message: hostile.into(),
        custody,
        ..Default::default()
    };
    report.invariants[1].violations = vec![violation(vec![hostile.into()]), violation(Vec::new())];
    let mut page = Page::begin(&plan);
    let message = MessageId { producer: ProducerId(0), number: 0 };
    let events = [
        Event::Offered { message, digest: 1 },
        Event::GivenUp { message, why: "</script><script>window.hurt=1</script>" },
        Event::Refused { client: name.clone(), service: name.clone(), why: hostile.into() },
        Event::Note { text: hostile.into() },
    ];
    for (second, event) in (1..).zip(events) {
        page.see(&Entry { at: Duration::from_secs(second), host: name.clone(), event });
    }
    page.finish(&report, None).expect("the template is sound")
}
