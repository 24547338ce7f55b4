//! The guide for people who write scenarios and the README show nothing that does not work, and the guide leaves nothing
//! out; the table of pitfalls has every pitfall as its file is now; what pages show of a run is what that run prints.
use giant_lizard::invariant::ALL;
use giant_lizard::scenario::{Loaded, Pitfall, TurnOn, glossary, knobs, load, parse};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the guide's fragments stand in.
const FRAME: &str = "
name: frame
duration: 10m
sites: { west: {}, east: {}, field: {} }
iot:
  dps: { site: east }
  hubs: { hub-a: { site: west }, hub-b: { site: east } }
  central: { site: east }
  devices:
    xyz: { site: field, telemetry: 1s, commands: on, methods: on, desired: on }
    abc: { site: field, telemetry: 1s }
";

/// Both pages of it.
fn guide() -> String {
    let page = |path| std::fs::read_to_string(path).expect("the guide is there");
    [page("docs/writing-scenarios.md"), page("docs/streams.md")].concat()
}

#[test]
fn every_example_of_the_guide_and_of_the_readme_is_sound() {
    let pages = [guide(), std::fs::read_to_string("README.md").expect("it is there")];
    let examples: Vec<&str> = pages.iter().flat_map(|page| fenced(page)).collect();
    assert!(examples.len() >= 9);
    for example in examples {
        let fault =
            if example.starts_with("pitfall") { "timeline: [{ at: 1m, crash: { host: hub-a } }]\n" } else { "" };
        let text = if example.starts_with("name:") { example.to_owned() } else { format!("{FRAME}{fault}{example}") };
        if let Err(mistakes) = parse(Path::new("docs/writing-scenarios.md"), &text) {
            panic!("{mistakes}");
        }
    }
}

/// The YAML on a page.
fn fenced(page: &str) -> impl Iterator<Item = &str> {
    page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next())
}

#[test]
fn the_guide_has_every_fault_verb_option_knob_and_expectation() {
    let guide = guide();
    // Keys stand in examples (`moved: {`), beside one that takes the same keys, or in a table (`moved`).
    let has = |word: &str| {
        let spellings = [format!("`{word}`"), format!("{word}: "), format!(" {word}, "), format!(" {word} the same")];
        spellings.iter().any(|spelling| guide.contains(spelling))
    };
    let missing: Vec<String> =
        glossary().into_iter().filter(|m| !has(&m.word)).map(|m| format!("{} {}", m.kind, m.word)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_guide_names_every_invariant_whose_bound_may_be_set() {
    let guide = guide();
    for invariant in ALL.iter().filter(|invariant| invariant.bounded) {
        assert!(guide.contains(invariant.name), "{}", invariant.name);
    }
}

#[test]
fn what_pages_show_of_a_command_is_what_it_prints() {
    let mut seen = 0;
    for page in ["README.md", "docs/replaying.md"] {
        let text = std::fs::read_to_string(page).expect("the page is there");
        let blocks = blocks(&text);
        for pair in blocks.windows(2) {
            let [("sh", command), ("text", shown)] = pair else { continue };
            let command = command.lines().next().and_then(|line| line.split('#').next()).unwrap_or_default();
            let arguments = command.trim_start_matches("cargo run --release -- ").trim_start_matches("lizard ");
            assert_shown(page, shown, &printed(arguments));
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen}");
}

#[test]
fn what_the_page_about_reports_shows_is_what_a_report_has() {
    const PAGE: &str = "docs/reports.md";
    let text = std::fs::read_to_string(PAGE).expect("the page is there");
    let arguments =
        text.split("(`lizard ").nth(1).and_then(|rest| rest.split('`').next()).expect("it names the command");
    let folder = std::env::temp_dir().join(format!("lizard-guide-report-{}", std::process::id()));
    let place = folder.to_str().expect("a plain path");
    printed(&arguments.replace("lizard-report", place));
    let file = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it is part of a report");
    let history = file("history.jsonl");
    let of_it = history.lines().filter(|line| line.contains(r#""message":{"producer":0,"number":63}"#));
    let in_jq: String = of_it.clone().map(as_jq_prints_it).collect();
    let of_it: Vec<&str> = of_it.collect();
    let mut seen = BTreeSet::new();
    for (kind, shown) in blocks(&text) {
        let real = match kind {
            "xml" => file("junit.xml"),
            "markdown" => file("summary.md"),
            "json" => of_it.join("\n"),
            "text" if shown.starts_with(|c: char| c.is_ascii_digit()) => in_jq.clone(),
            _ => continue,
        };
        assert_shown(PAGE, shown, &real);
        seen.insert(kind);
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    std::fs::remove_dir_all(&folder).expect("it is ours");
}

/// A line of a history as the command on the page prints it.
fn as_jq_prints_it(line: &str) -> String {
    let entry: serde_json::Value = serde_json::from_str(line).expect("each line is an object");
    let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    format!("{} {} {}\n", entry["at_ns"], text("host"), text("text"))
}

/// What a command prints, whatever it answers: some show what fails.
fn printed(arguments: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lizard"));
    let output = command.args(arguments.split_whitespace()).env_remove("GITHUB_STEP_SUMMARY").output();
    let output = output.expect("the binary runs");
    assert!(!output.stdout.is_empty(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything between fences on a page, with what stands behind the first one.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find("```") {
        let fence = &rest[start..start + rest[start..].find(|c| c != '`').unwrap_or_default()];
        let Some((kind, after)) = rest[start + fence.len()..].split_once('\n') else { break };
        let Some(end) = after.find(&format!("\n{fence}\n")) else { break };
        blocks.push((kind, &after[..end]));
        rest = &after[end + fence.len() + 1..];
    }
    blocks
}

/// Whether what is shown is printed: between lines of three dots each line follows the one before it. Real time and the
/// hash of a plan, which every change to any part of a plan changes, are left out.
fn assert_shown(page: &str, shown: &str, printed: &str) {
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| timeless(line.trim())).filter(|line| !line.is_empty()).collect()
    };
    let (shown, printed) = (lines(shown), lines(printed));
    let mut from = 0;
    for piece in shown.split(|line| line == "...").filter(|piece| !piece.is_empty()) {
        let follows =
            |start: usize| printed[start..].iter().zip(piece).take_while(|(real, shown)| real == shown).count();
        let (start, length) = (from..printed.len())
            .map(|start| (start, follows(start)))
            .max_by_key(|(start, length)| (*length, std::cmp::Reverse(*start)))
            .unwrap_or_default();
        if let Some(wrong) = piece.get(length) {
            panic!("{page} shows what is not printed there: {wrong}\nprinted is: {:?}", printed.get(start + length));
        }
        from = start + length;
    }
}

fn timeless(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for index in 1..words.len() {
        let is_hash = words[index - 1] == "plan";
        let is_real_time = words[index - 1] == "in" && words.get(index + 1).is_some_and(|unit| unit.starts_with("ms"));
        if is_hash || is_real_time {
            words[index] = "*";
        }
    }
    words.join(" ")
}

#[test]
fn the_table_of_pitfalls_says_what_the_files_say() {
    const PAGE: &str = "docs/pitfalls.md";
    const HEADING: &str = "|---|---|---|---|---|\n";
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let (before, rows) = page.split_once(HEADING).expect("it has the table");
    let current: String = pitfalls().iter().map(row).collect();
    if std::env::var_os("LIZARD_WRITE").is_some() {
        std::fs::write(PAGE, [before, HEADING, &current].concat()).expect("it can be written");
    } else {
        assert!(rows == current, "{PAGE} is out of date: LIZARD_WRITE=1 cargo test --test guide");
    }
}

#[test]
fn every_knob_is_turned_on_by_a_pitfall() {
    let turned_on: BTreeSet<String> = pitfalls().iter().flat_map(|(_, pitfall)| words(&pitfall.turn_on)).collect();
    let all: BTreeSet<String> = knobs().into_iter().map(|knob| knob.word).collect();
    let left: Vec<&String> = all.difference(&turned_on).collect();
    assert!(left.is_empty(), "nothing shows that these do harm: {left:?}");
}

/// Every file of the folder, in the order of their names, with what it says of its pitfall.
fn pitfalls() -> Vec<(PathBuf, Pitfall)> {
    let folder = std::fs::read_dir("scenarios/pitfalls").expect("the folder is there");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("it can be read").path()).collect();
    files.sort();
    let pitfall = |file: PathBuf| match load(&file) {
        Ok(Loaded { file, scenario, .. }) => (file, scenario.pitfall.expect("a pitfall")),
        Err(error) => panic!("{error}"),
    };
    files.into_iter().map(pitfall).collect()
}

fn words(knobs: &TurnOn) -> impl Iterator<Item = String> {
    knobs.0.values().flat_map(|knobs| knobs.keys().cloned())
}

/// The file, the words at its head, its knobs, its invariants, its report.
fn row((file, pitfall): &(PathBuf, Pitfall)) -> String {
    let text = std::fs::read_to_string(file).expect("it was just read");
    let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
    assert!(!head.is_empty(), "{}: a comment at the head says what goes wrong", file.display());
    let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a plain name");
    let knobs = pitfall.turn_on.0.iter().flat_map(|(part, knobs)| {
        knobs.iter().map(move |(knob, value)| {
            // As files have it.
            let value = match value {
                serde_json::Value::Bool(on) => if *on { "on" } else { "off" }.to_owned(),
                other => other.as_str().map_or_else(|| other.to_string(), str::to_owned),
            };
            format!("`{knob}: {value}` at `{part}`")
        })
    });
    let knobs = knobs.collect::<Vec<_>>().join(", ");
    let quoted = |names: &[_]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let also = if pitfall.also.is_empty() { String::new() } else { format!("; also {}", quoted(&pitfall.also)) };
    let issue = &pitfall.issue;
    let [number, _, repository, owner] = issue.rsplit('/').take(4).collect::<Vec<_>>()[..] else {
        panic!("{}: `{issue}` is no report on GitHub", file.display());
    };
    format!(
        "| [{name}](../{}) | {} | {knobs} | `{}`{also} | [{owner}/{repository} {number}]({issue}) |\n",
        file.display(),
        head.join(" "),
        pitfall.violates,
    )
}

/// A page that shows commands and what they print: those that begin a `text` block with `$ `.
#[cfg(unix)]
#[test]
fn every_command_of_the_way_from_a_seed_to_its_cause_prints_what_the_page_shows() {
    const PAGE: &str = "docs/from-seed-to-cause.md";
    const BEGIN: &str = "```text\n$ ";
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let folder = std::env::temp_dir().join(format!("lizard-guide-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let scenario = fenced(&page).next().expect("its scenario");
    std::fs::write(folder.join("harbour.yaml"), scenario).expect("a file");
    let binary = Path::new(env!("CARGO_BIN_EXE_lizard")).parent().expect("a folder").display();
    let path = format!("{binary}:{}", std::env::var("PATH").unwrap_or_default());

    let mut current = String::new();
    let mut rest = page.as_str();
    let mut commands = 0;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (block, after) = after.split_once("```").expect("it ends");
        let (command, shown) = block.split_once('\n').unwrap_or((block, ""));
        let ran = Command::new("bash")
            .args(["-c", command])
            .current_dir(&folder)
            .env("PATH", &path)
            .env_remove("GITHUB_STEP_SUMMARY")
            .output()
            .expect("bash runs");
        let printed = String::from_utf8(ran.stdout).expect("it is text");
        let same = without_real_time(&printed) == without_real_time(shown);
        current += &format!("{before}{BEGIN}{command}\n{}```", if same { shown } else { &printed });
        (rest, commands) = (after, commands + 1);
    }
    current += rest;
    std::fs::remove_dir_all(&folder).expect("it is ours");
    assert!(commands >= 8, "{commands}");
    if std::env::var_os("LIZARD_WRITE").is_some() {
        std::fs::write(PAGE, current).expect("it can be written");
    } else {
        let first = page.lines().zip(current.lines()).find(|(shown, now)| shown != now);
        assert!(page == current, "{PAGE} is out of date: LIZARD_WRITE=1 cargo test --test guide\n{first:?}");
    }
}

/// What a command prints without how long it took.
#[cfg(unix)]
fn without_real_time(text: &str) -> String {
    let line = |line: &str| match line.split_once(" of virtual time in ") {
        Some((virtual_time, real)) => format!("{virtual_time}{}\n", real.split_once(',').map_or("", |(_, rest)| rest)),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}
