//! `--report DIR` as a CI job meets it: which files there are, what reads them, and what happens when there can be none.
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own, which ends with the test.
struct Lair(PathBuf);

impl Lair {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("lizard-reports-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
    fn names(&self, below: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(below)).expect("it is there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("it is there").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

impl Drop for Lair {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Outside of GitHub unless a page is named.
fn lizard(arguments: &[&str], step_summary: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lizard"));
    command.env_remove("GITHUB_STEP_SUMMARY").args(arguments);
    command.envs(step_summary.map(|page| ("GITHUB_STEP_SUMMARY", page)));
    command.output().expect("the binary runs")
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const STORY: &str = "scenarios/giant-lizard.yaml";
const PITFALL: &str = "scenarios/pitfalls/hub-confirms-before-it-stores.yaml";

#[test]
fn one_run_leaves_all_its_files_in_the_folder_itself() {
    let lair = Lair::new("one");
    let report = lair.path("report");
    let output = lizard(&["run", STORY, "--seed", "7", "--format", "json", "--report", &report], None);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let files = ["history.jsonl", "index.html", "junit.xml", "report.html", "report.json", "summary.md", "trace.json"];
    assert_eq!(lair.names("report"), files);
    assert_eq!(lair.read("report/report.json"), String::from_utf8_lossy(&output.stdout), "the same object");

    // Scripts that follow a message through the history find every step of it.
    let history = lair.read("report/history.jsonl");
    let lines: Vec<Value> = history.lines().map(json).collect();
    assert_eq!((&lines[0]["schema"], &lines[0]["seed"]), (&"giant-lizard/history@1".into(), &7.into()));
    let offered = lines.iter().filter(|line| line["event"]["offered"].is_object()).count() as u64;
    let report = json(&lair.read("report/report.json"));
    assert_eq!(report["messages"]["offered"].as_u64(), Some(offered));
    let times: Vec<u64> = lines[1..].iter().map(|line| line["at_ns"].as_u64().expect("a time")).collect();
    assert!(times.is_sorted() && lines[1..].iter().all(|line| line["text"].is_string() && line["host"].is_string()));

    let trace = json(&lair.read("report/trace.json"));
    let events = trace["traceEvents"].as_array().expect("a list of events");
    for event in events {
        let sound =
            event["ph"].is_string() && event["ts"].is_number() && event["pid"].is_u64() && event["tid"].is_u64();
        assert!(sound, "{event}");
    }
    let arrows =
        |ph: &str| events.iter().filter(|event| event["ph"] == ph && event["name"] == "message").count() as u64;
    assert_eq!((arrows("s"), arrows("f")), (offered, report["messages"]["received"].as_u64().unwrap_or(0)));
    let span = |name: &str| events.iter().any(|event| event["name"] == name);
    assert!(span("xyz with hub-a") && span("xyz with hub-b") && span("no power"), "sessions and power are spans");

    let junit = lair.read("report/junit.xml");
    assert!(junit.contains(r#"failures="0" errors="0""#) && junit.contains(r#"<testcase name="no-loss""#), "{junit}");
    assert!(lair.read("report/summary.md").starts_with("## Giant Lizard: passed\n"));
    assert!(lair.read("report/index.html").contains(r#"href="./trace.json""#));
}

#[test]
fn many_runs_have_a_place_each_and_are_told_together_on_the_jobs_page_too() {
    let lair = Lair::new("many");
    let (report, page) = (lair.path("report"), lair.path("page.md"));
    fs::write(&page, "before\n").expect("a file");
    let output = lizard(&["run", "scenarios/quiet.yaml", PITFALL, "--seed", "5", "--report", &report], Some(&page));
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(
        lair.names("report"),
        ["hub-confirms-before-it-stores", "index.html", "junit.xml", "quiet", "summary.md"]
    );
    for place in ["quiet", "hub-confirms-before-it-stores/treatment", "hub-confirms-before-it-stores/control"] {
        assert_eq!(
            lair.names(&format!("report/{place}")),
            ["history.jsonl", "report.html", "report.json", "trace.json"]
        );
        assert!(lair.read("report/index.html").contains(&format!(r#"href="./{place}/history.jsonl""#)), "{place}");
    }
    let treatment = lair.read("report/hub-confirms-before-it-stores/treatment/report.html");
    for words in ["As it should be", "treatment of a pitfall: no-confirmed-loss is to be violated", "violated, as it"] {
        assert!(treatment.contains(words), "{words}");
    }
    let summary = lair.read("report/summary.md");
    assert!(summary.contains("all 4 runs passed") && summary.contains("violated, as it should be"), "{summary}");
    assert_eq!(lair.read("page.md"), format!("before\n{summary}\n"));
    let junit = lair.read("report/junit.xml");
    assert_eq!(junit.matches("<testsuite ").count(), 4, "{junit}");
    assert!(
        junit.contains(r#"failures="0" errors="0""#) && junit.contains("treatment shows what it should"),
        "{junit}"
    );
    let control = json(&lair.read("report/hub-confirms-before-it-stores/control/report.json"));
    assert!(control["replay"].as_str().is_some_and(|line| line.contains(" --way control  #")), "{control}");
}

#[test]
fn a_replay_of_what_failed_tells_its_custody_everywhere() {
    let lair = Lair::new("failed");
    let report = lair.path("report");
    let output = lizard(&["replay", PITFALL, "--seed", "5", "--report", &report], None);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let told = json(&lair.read("report/report.json"));
    let broken = told["invariants"].as_array().into_iter().flatten().find(|one| one["verdict"] == "violated");
    let violation = &broken.expect("the knob is on")["violations"][0];
    let line = violation["custody"][0].as_str().expect("its custody");
    let mut offered = line.split_whitespace();
    let words = offered.by_ref().skip_while(|word| *word != "offers").collect::<Vec<_>>().join(" ");
    for file in ["junit.xml", "summary.md"] {
        let text = lair.read(&format!("report/{file}"));
        assert!(text.contains(&words) && text.contains(&format!("lizard replay {PITFALL} --seed 5")), "{file}: {text}");
    }
    let trace = json(&lair.read("report/trace.json"));
    let marks: Vec<&Value> =
        trace["traceEvents"].as_array().into_iter().flatten().filter(|event| event["cat"] == "violation").collect();
    assert!(marks.iter().any(|mark| mark["args"]["custody"][0] == line), "{marks:?}");
}

#[test]
fn a_hunt_leaves_its_result_and_the_whole_run_of_each_causes_shortest_seed() {
    let lair = Lair::new("hunt");
    let report = lair.path("report");
    let hunt = ["hunt", PITFALL, "--turn-on", "--seeds", "4..6", "--no-save", "--report", &report];
    let output = lizard(&hunt, None);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let result = json(&lair.read("report/hunt.json"));
    let shortest = &result["scenarios"][0]["groups"][0]["shortest"];
    let place = format!("seed-{}", shortest["seed"]);
    assert_eq!(
        lair.names(&format!("report/{place}")),
        ["history.jsonl", "report.html", "report.json", "shrunk.yaml", "trace.json"]
    );
    let shrunk = &result["scenarios"][0]["groups"][0]["shrunk"];
    let small = format!("{report}/{place}/shrunk.yaml");
    assert_eq!((&shrunk["file"], &shrunk["clients"]), (&small.as_str().into(), &1.into()));
    assert_eq!(lizard(&["run", &small], None).status.code(), Some(0), "it expects its violation");
    assert!(lair.read("report/index.html").contains(&format!(r#"href="./{place}/shrunk.yaml""#)));
    let junit = lair.read("report/junit.xml");
    assert!(junit.contains(shrunk["sentence"].as_str().expect("a sentence")), "{junit}");
    let replay = shortest["replay"].as_str().expect("a line");
    assert!(junit.contains(replay) && junit.contains(" confirmed\n"), "with custody: {junit}");
    assert!(junit.contains(r#"message="violated in "#) && junit.matches("<testsuite ").count() == 1, "{junit}");
    let summary = lair.read("report/summary.md");
    assert!(summary.starts_with("## Giant Lizard: 2 of 2 seeds FAILED\n") && summary.contains(replay), "{summary}");
    assert!(lair.read("report/index.html").contains(&format!(r#"href="./{place}/trace.json""#)));

    let output = lizard(&[&hunt[..], &["--no-shrink"]].concat(), None);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert_eq!(
        lair.names(&format!("report/{place}")),
        ["history.jsonl", "report.html", "report.json", "trace.json"],
        "not of before"
    );

    let output = lizard(&["hunt", "scenarios/quiet.yaml", "--seeds", "0..2", "--no-save", "--report", &report], None);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let junit = lair.read("report/junit.xml");
    assert!(junit.contains(r#"failures="0" errors="0""#) && junit.contains(r#"<testcase name="no-loss""#), "{junit}");
    assert!(lair.read("report/summary.md").starts_with("## Giant Lizard: no failure in 2 seeds\n"));
}

#[test]
fn a_folder_that_cannot_be_written_is_named_before_anything_runs() {
    let lair = Lair::new("unwritable");
    fs::write(lair.path("file"), "not a folder").expect("a file");
    for command in ["run", "replay", "hunt"] {
        let output = lizard(&[command, STORY, "--report", &lair.path("file/report")], None);
        assert_eq!(output.status.code(), Some(3), "{command}");
        assert!(output.stdout.is_empty(), "nothing has run");
        let told = err(&output);
        assert!(told.starts_with(&format!("error: no report can be written into {}", lair.path("file"))), "{told}");
    }
    // A job's page that is not there is no reason to fail: the report is written.
    let page = lair.path("file/page.md");
    let output = lizard(&["run", "scenarios/quiet.yaml", "--report", &lair.path("report")], Some(&page));
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(err(&output).contains("GITHUB_STEP_SUMMARY"), "{}", err(&output));
}

#[test]
fn names_from_a_hostile_file_stay_text_in_every_file() {
    let lair = Lair::new("hostile");
    let text = fs::read_to_string("scenarios/quiet.yaml").expect("it is there");
    let name = text.lines().find(|line| line.starts_with("name:")).expect("it has a name");
    let hostile = r#"name: "<script>alert(1)</script>]]></failure>|[a](javascript:x)""#;
    fs::write(lair.path("it.yaml"), text.replace(name, hostile)).expect("a file");
    let output = lizard(&["run", &lair.path("it.yaml"), "--report", &lair.path("report")], None);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    for file in ["index.html", "junit.xml", "summary.md"] {
        let text = lair.read(&format!("report/{file}"));
        assert!(text.contains("&lt;script&gt;alert(1)&lt;"), "{file}: {text}");
        assert!(!text.contains("<script") && !text.contains("]]>"), "{file}: {text}");
    }
    let page = lair.read("report/report.html");
    let (above, _) = page.split_once("<script type=\"application/json\"").expect("its data is at its end");
    assert!(above.contains("&lt;script&gt;alert(1)&lt;") && !above.contains("<script"), "{above}");
    for file in ["report.json", "trace.json"] {
        json(&lair.read(&format!("report/{file}")));
    }
}

#[test]
fn the_page_about_reports_names_every_file_and_shows_commands_that_exist() {
    let page = fs::read_to_string("docs/reports.md").expect("the page is there");
    for file in [
        "report.html",
        "report.json",
        "history.jsonl",
        "trace.json",
        "junit.xml",
        "summary.md",
        "index.html",
        "hunt.json",
    ] {
        assert!(page.contains(&format!("`{file}`")), "{file}");
    }
    let scenarios = page.split_whitespace().filter(|word| word.starts_with("scenarios/") && word.ends_with(".yaml"));
    for file in scenarios {
        assert!(file.contains('*') || Path::new(file).exists(), "{file}");
    }
}
