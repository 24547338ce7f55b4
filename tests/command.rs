//! The `lizard` command as a person or a CI job meets it: what it prints where, and what it answers.
use std::process::{Command, Output};

/// Commands that look at one run, and at two.
#[path = "command/looking.rs"]
mod looking;

fn lizard(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lizard")).args(arguments).output().expect("the binary runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn check_shows_three_mistakes_with_place_and_suggestion_and_answers_two() {
    let output = lizard(&["check", "tests/bad_scenarios/three_mistakes.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = out(&output);
    for place in ["three_mistakes.yaml:3:39: ", "three_mistakes.yaml:6:26: ", "three_mistakes.yaml:10:11: "] {
        assert!(shown.contains(place), "{shown}");
    }
    assert!(shown.contains("did you mean `latency`?") && shown.contains("did you mean `west`?"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "colours in a pipe");
}

#[test]
fn check_of_a_folder_says_that_its_files_are_sound() {
    let output = lizard(&["check", "scenarios"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    assert!(out(&output).contains("scenarios/giant-lizard.yaml: sound"));
    assert_eq!(err(&output), "");
}

#[test]
fn check_warns_on_stderr_of_what_leaves_the_envelope_and_answers_zero() {
    let output = lizard(&["check", "tests/warned_scenarios/a_device_stops.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output), "tests/warned_scenarios/a_device_stops.yaml: sound: 6 hosts, 2 faults, 0 expectations\n");
    let warning = err(&output);
    assert!(warning.starts_with("warning: tests/warned_scenarios/a_device_stops.yaml:11:15: `meter` "), "{warning}");
    assert!(warning.contains("`no-loss` may be violated without any fault of a client\n"), "{warning}");
}

#[test]
fn prove_runs_a_pitfall_three_ways_on_every_seed_and_shows_what_caught_it() {
    let output = lizard(&["prove", "scenarios/pitfalls/hub-confirms-before-it-stores.yaml", "--seeds", "0..2"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    let shown = out(&output);
    let row = shown.lines().find(|line| line.starts_with("no-confirmed-loss")).unwrap_or_default();
    assert_eq!(row.split_whitespace().nth(1), Some("*2"), "{shown}");
    assert!(shown.ends_with("every pitfall is caught: 1 pitfall, 2 seeds, 6 runs\n"), "{shown}");
}

#[test]
fn prove_refuses_a_file_without_a_pitfall_before_anything_runs() {
    let output = lizard(&["prove", "scenarios/quiet.yaml"]);
    assert_eq!((output.status.code(), out(&output)), (Some(2), String::new()));
    assert!(err(&output).contains("scenarios/quiet.yaml: there is no `pitfall:` section"), "{}", err(&output));
}

#[test]
fn run_refuses_a_bad_file_before_anything_runs_and_keeps_stdout_clean() {
    let output = lizard(&["run", "scenarios/giant-lizard.yaml", "tests/bad_scenarios/three_mistakes.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(out(&output), "");
    assert!(err(&output).contains("3 mistakes, nothing was run"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = lizard(&["replay", "scenarios/no-such.yaml", "--seed", "3"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("scenarios/no-such.yaml: "), "{}", err(&output));
}

#[test]
fn a_world_that_is_not_built_is_refused_by_name() {
    let output = lizard(&["run", "scenarios/giant-lizard.yaml", "--world", "turmoil"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("`turmoil`"));
}

#[test]
fn a_misspelt_command_or_option_is_suggested_and_answers_two() {
    for (arguments, meant) in [(&["repaly", "x.yaml"][..], "replay"), (&["run", "x.yaml", "--sead", "3"], "--seed")] {
        let output = lizard(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(meant), "{}", err(&output));
    }
}

#[test]
fn list_tells_name_story_length_and_what_is_expected() {
    let output = lizard(&["list"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = out(&output);
    for words in [
        "The giant lizard attacks west",
        "lasts 12m",
        "expects: xyz moved from hub-a to hub-b",
        "pitfall: violates recovers",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn explain_knows_every_invariant_fault_verb_and_knob_and_suggests_for_others() {
    let output = lizard(&["explain"]);
    assert_eq!(output.status.code(), Some(0));
    let overview = out(&output);
    let words = giant_lizard::scenario::glossary().into_iter().map(|meaning| meaning.word);
    let words: Vec<String> =
        giant_lizard::invariant::ALL.iter().map(|invariant| invariant.name.to_owned()).chain(words).collect();
    assert!(words.len() > 80, "{words:?}");
    for word in &words {
        assert!(overview.contains(&format!("  {word} ")), "{word}: {overview}");
    }
    for (word, says) in [
        ("no-loss", "an invariant"),
        ("command-arrives", "`within`"),
        ("attack", "giant lizard"),
        ("command", "a verb (timeline)"),
        ("on-session-loss", "https://github.com/"),
        ("keep-alive", "an option (iot.devices.*)"),
        ("answered", "message-has"),
    ] {
        let output = lizard(&["explain", word]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains(says), "{}", out(&output));
    }
    let output = lizard(&["explain", "atack"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("did you mean `attack`?"));
}

#[test]
fn new_writes_a_scenario_that_passes_at_once_and_never_over_another_file() {
    let folder = std::env::temp_dir().join(format!("lizard-new-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("my-scenario.yaml");
    let path = file.to_str().expect("a plain path");
    assert_eq!(lizard(&["new", path]).status.code(), Some(0));
    let run = lizard(&["run", path]);
    assert_eq!(run.status.code(), Some(0), "{}", out(&run));
    std::fs::write(&file, "mine").expect("it is there");
    let again = lizard(&["new", path]);
    assert_eq!(again.status.code(), Some(2));
    assert!(err(&again).contains("is left alone"), "{}", err(&again));
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
    std::fs::remove_dir_all(&folder).expect("it is ours");
}

#[test]
fn schema_prints_what_lies_beside_the_scenarios() {
    let output = lizard(&["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let kept = std::fs::read_to_string("scenarios/schema.json").unwrap_or_default();
    assert!(out(&output) == kept, "scenarios/schema.json is out of date: lizard schema > scenarios/schema.json");
}

#[test]
fn run_takes_the_seed_of_the_file_unless_another_is_named() {
    let text = std::fs::read_to_string("scenarios/giant-lizard.yaml").expect("the scenario is there");
    let file = std::env::temp_dir().join(format!("lizard-seed-{}.yaml", std::process::id()));
    std::fs::write(&file, format!("{text}\nseed: 5\n")).expect("a file");
    let path = file.to_str().expect("a plain path");
    let seed = |arguments: &[&str]| {
        let output = lizard(arguments);
        let report: serde_json::Value = serde_json::from_str(&out(&output)).expect("one object");
        report["seed"].as_u64()
    };
    assert_eq!(seed(&["run", "--format", "json", path]), Some(5));
    assert_eq!(seed(&["run", "--format", "json", "--seed", "2", path]), Some(2));
    std::fs::remove_file(&file).expect("it is ours");
}

/// A folder of its own with one scenario in it, which ends with the test.
struct Lair(std::path::PathBuf);

impl Lair {
    fn with(name: &str, scenario: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("lizard-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::copy(scenario, folder.join("it.yaml")).expect("the scenario is there");
        Self(folder)
    }
    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
    fn hunt(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lizard"));
        for unset in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX"] {
            command.env_remove(unset);
        }
        command.args(["hunt", &self.path("it.yaml")]).args(arguments).envs(variables.iter().copied());
        command.output().expect("the binary runs")
    }
}

impl Drop for Lair {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const PITFALL: &str = "scenarios/pitfalls/hub-confirms-before-it-stores.yaml";

/// The last object that a hunt prints, without its times.
fn summary(output: &Output) -> serde_json::Value {
    let text = out(output);
    let mut summary: serde_json::Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).expect("the last line is an object");
    assert_eq!(summary["schema"], "giant-lizard/hunt@1");
    for time in ["wall_seconds", "seeds_per_second"] {
        assert!(summary[time].is_number(), "{time}: {summary}");
        summary[time] = 0.into();
    }
    summary
}

#[test]
fn a_hunt_finds_what_the_knobs_of_a_pitfall_break_keeps_its_seed_and_tries_it_first() {
    let lair = Lair::with("hunt", PITFALL);
    let as_filed = lair.hunt(&["--seeds", "0..3"], &[]);
    assert_eq!(as_filed.status.code(), Some(0), "{}", out(&as_filed));
    assert!(out(&as_filed).contains("no failure in 3 seeds: under 63 % at 95 %"), "{}", out(&as_filed));
    assert!(!std::path::Path::new(&lair.path("it.seeds")).exists(), "nothing failed");

    let found = lair.hunt(&["--turn-on", "--seeds", "4..7"], &[]);
    assert_eq!(found.status.code(), Some(1), "{}", out(&found));
    let shown = out(&found);
    assert!(shown.contains("no-confirmed-loss: <producer> #N was confirmed"), "{shown}");
    assert!(shown.contains("lizard replay ") && shown.contains(", after attack"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !err(&found).contains('\u{1b}'), "plain when not a terminal");
    let kept = std::fs::read_to_string(lair.path("it.seeds")).expect("the seed is kept");
    let line = kept.lines().find(|line| !line.starts_with('#')).expect("one line").to_owned();
    assert!(line.contains("  no-confirmed-loss  ") && line.contains("  turned-on  # "), "{line}");
    let seed = line.split(' ').next().expect("a seed");
    let small = lair.path(&format!("it.shrunk/seed-{seed}-turned-on.yaml"));
    assert!(shown.contains("shrunk: fails only while it is there: the attack on west at "), "{shown}");
    assert!(shown.contains(&format!("    1 fault, 1 client: {small}\n")), "{shown}");
    assert_eq!(lizard(&["run", &small]).status.code(), Some(0), "it expects its violation");
    assert!(!out(&lizard(&["check", &lair.path("")])).contains("seed-"), "it is no scenario of its own");

    let again = lair.hunt(&["--turn-on", "--seeds", "0..1", "--no-save", "--no-shrink", "--format", "json"], &[]);
    let first: serde_json::Value = serde_json::from_str(out(&again).lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["schema"], "giant-lizard/report@1");
    assert_eq!(Some(first["seed"].to_string().as_str()), line.split(' ').next(), "the kept seed comes first");
    assert_eq!(summary(&again)["scenarios"][0]["kept"]["tried"], 1);

    // Another scenario in the same place makes another plan of the same seed.
    let text = std::fs::read_to_string(lair.path("it.yaml")).expect("it is there");
    std::fs::write(lair.path("it.yaml"), text.replace("telemetry: 1s", "telemetry: 2s")).expect("it is ours");
    let stale = lair.hunt(&["--turn-on", "--seeds", "0..1", "--no-save", "--no-shrink"], &[]);
    assert!(err(&stale).contains("stale: seed") && out(&stale).contains("  stale: "), "{}", err(&stale));
    assert_eq!(std::fs::read_to_string(lair.path("it.seeds")).expect("it is kept"), kept, "--no-save");
}

#[test]
fn shards_of_every_kind_of_array_job_merge_into_what_one_machine_finds() {
    let lair = Lair::with("shards", PITFALL);
    let asked = ["--turn-on", "--seeds", "0..5", "--no-save", "--format", "json"];
    let whole = lair.hunt(&[&asked[..], &["--jobs", "1"]].concat(), &[]);
    let unshrunk = lair.hunt(&[&asked[..], &["--no-shrink"]].concat(), &[]);
    let jobs: [&[(&str, &str)]; 4] = [
        &[],
        &[
            ("SLURM_ARRAY_TASK_COUNT", "2"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_MAX", "2"),
            ("SLURM_ARRAY_TASK_STEP", "1"),
        ],
        &[("JOB_COMPLETIONS", "2")],
        &[("AWS_BATCH_JOB_ARRAY_SIZE", "2")],
    ];
    for (kind, variables) in jobs.into_iter().enumerate() {
        let results = lair.0.join(format!("results-{kind}"));
        std::fs::create_dir_all(&results).expect("a folder");
        for index in 0..2 {
            let (number, one_more) = (index.to_string(), (index + 1).to_string());
            let shard = format!("{index}/2");
            let told: &[&str] = if kind == 0 { &["--shard", &shard] } else { &[] };
            let mine = match kind {
                0 => None,
                1 => Some(("SLURM_ARRAY_TASK_ID", one_more.as_str())),
                2 => Some(("JOB_COMPLETION_INDEX", number.as_str())),
                _ => Some(("AWS_BATCH_JOB_ARRAY_INDEX", number.as_str())),
            };
            let variables: Vec<(&str, &str)> = variables.iter().copied().chain(mine).collect();
            let part = lair.hunt(&[&asked[..], told].concat(), &variables);
            assert_eq!(summary(&part)["shard"], serde_json::json!({ "index": index, "of": 2 }), "{}", err(&part));
            std::fs::write(results.join(format!("{index}.jsonl")), &part.stdout).expect("a file");
        }
        let folder = results.to_str().expect("a plain path");
        // One machine shrinks the seeds of all, as it does its own.
        let (also, whole) = if kind == 0 { (&[][..], &whole) } else { (&["--no-shrink"][..], &unshrunk) };
        let merged = lizard(&[&["merge", folder, "--format", "json"], also].concat());
        assert_eq!(merged.status.code(), whole.status.code(), "{}", err(&merged));
        assert_eq!(summary(&merged).to_string(), summary(whole).to_string(), "byte for byte but for the times");
        let shrunk = &summary(&merged)["scenarios"][0]["groups"][0]["shrunk"];
        assert_eq!((shrunk["faults"].as_u64(), kind == 0), ((kind == 0).then_some(1), shrunk.is_object()), "{shrunk}");
    }
    let one = lair.path("results-0/1.jsonl");
    let alone = lizard(&["merge", &one, "--format", "json"]);
    assert!(err(&alone).contains("missing: shard 0/2"), "{}", err(&alone));
    assert_eq!(summary(&alone)["complete"], false);
    let twice = lizard(&["merge", &one, &one]);
    assert_eq!(twice.status.code(), Some(2));
    assert!(err(&twice).contains("are the same shard, 1/2"), "{}", err(&twice));
    let saved = lizard(&["merge", &lair.path("results-0"), "--save", "--most-runs", "5"]);
    assert_eq!(saved.status.code(), Some(1), "{}", err(&saved));
    assert!(std::path::Path::new(&lair.path("it.seeds")).exists(), "{}", err(&saved));
    let kept = std::fs::read_dir(lair.path("it.shrunk")).expect("the folder is there").count();
    assert_eq!(kept, 1, "{}", out(&saved));
    assert!(out(&saved).contains("Stopped when all runs were used up: it may not be the smallest"), "{}", out(&saved));

    // Where the scenario is another one now, or gone, its seeds are told as they are.
    std::fs::write(lair.path("it.yaml"), "name: x").expect("it is ours");
    let elsewhere = lizard(&["merge", &lair.path("results-0")]);
    assert!(err(&elsewhere).contains("it has mistakes now, so its seeds are not shrunk"), "{}", err(&elsewhere));
    std::fs::copy("scenarios/pitfalls/send-buffer-reused.yaml", lair.path("it.yaml")).expect("it is ours");
    let elsewhere = lizard(&["merge", &lair.path("results-0")]);
    assert!(err(&elsewhere).contains("another scenario now, so its seeds are not shrunk"), "{}", err(&elsewhere));
}

#[test]
fn a_hunt_that_cannot_be_is_refused_before_anything_runs() {
    let lair = Lair::with("refused", "scenarios/quiet.yaml");
    let refused = |arguments: &[&str], variables: &[(&str, &str)], why: &str| {
        let output = lair.hunt(arguments, variables);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err(&output).contains(why), "{why}: {}", err(&output));
        assert_eq!(out(&output), "");
    };
    refused(&["--seeds", "5.."], &[], "has no end");
    refused(&["--seeds", "5..5"], &[], "there is no seed in it");
    refused(&["--shard", "2/2"], &[], "is not a shard");
    refused(&["--turn-on"], &[], "no `pitfall:` section");
    refused(&[], &[("JOB_COMPLETION_INDEX", "1")], "--shard-count");
    std::fs::write(lair.path("it.seeds"), "<<<<<<< HEAD\n").expect("a file");
    refused(&[], &[], "it.seeds: line 1: `<<<<<<< HEAD` is not a kept seed");
    std::fs::write(lair.path("it.seeds"), "1 no-loss 0.1.0 9f3c\n".repeat(10_001)).expect("a file");
    refused(&[], &[], "it.seeds: 10001 lines are too many to try first: at most 10000");
    let nothing = lizard(&["merge", &lair.path("it.yaml")]);
    assert_eq!(nothing.status.code(), Some(2));
    let empty = Lair::with("empty", "scenarios/quiet.yaml");
    let nothing = lizard(&["merge", empty.0.to_str().expect("a plain path")]);
    assert!(err(&nothing).contains("no result of a hunt"), "{}", err(&nothing));
}

/// Nothing can be written to a full device, whoever asks.
#[cfg(target_os = "linux")]
#[test]
fn a_hunt_whose_results_cannot_be_written_answers_three() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let output = Command::new(env!("CARGO_BIN_EXE_lizard"))
        .args(["hunt", "scenarios/quiet.yaml", "--seeds", "0..1", "--no-save"])
        .stdout(full)
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains("stdout: "), "{}", err(&output));
}

#[test]
fn a_hunt_ends_when_its_time_is_over() {
    let lair = Lair::with("time", "scenarios/giant-lizard.yaml");
    let output = lair.hunt(&["--for", "1s", "--format", "json"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let summary = summary(&output);
    assert_eq!((&summary["asked"]["for_seconds"], &summary["complete"]), (&1.0.into(), &true.into()));
    assert!(summary["tried"].as_u64() > Some(0), "{summary}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_hunt_with_the_results_so_far() {
    let lair = Lair::with("ctrl-c", "scenarios/giant-lizard.yaml");
    let mut hunt = Command::new(env!("CARGO_BIN_EXE_lizard"))
        .args(["hunt", &lair.path("it.yaml"), "--for", "10m", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut first = String::new();
    let mut stdout = std::io::BufReader::new(hunt.stdout.take().expect("it is piped"));
    std::io::BufRead::read_line(&mut stdout, &mut first).expect("a first seed is tried");
    let sent = Command::new("kill").args(["-INT", &hunt.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut stdout, &mut rest).expect("it is text");
    assert_eq!(hunt.wait().expect("it ends").code(), Some(0));
    let summary: serde_json::Value =
        serde_json::from_str(rest.lines().last().expect("a result")).expect("it is an object");
    assert_eq!((&summary["schema"], &summary["complete"]), (&"giant-lizard/hunt@1".into(), &false.into()));
    assert_eq!(summary["tried"].as_u64(), Some(rest.lines().count() as u64), "each run but the first, and the result");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_shrinking_with_the_smallest_file_so_far() {
    let lair = Lair::with("ctrl-c-shrinking", PITFALL);
    let mut hunt = Command::new(env!("CARGO_BIN_EXE_lizard"))
        .args(["hunt", &lair.path("it.yaml"), "--turn-on", "--seeds", "4", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let told = std::io::BufReader::new(hunt.stderr.take().expect("it is piped"));
    let mut told = std::io::BufRead::lines(told).map(|line| line.expect("it is text"));
    assert!(told.by_ref().any(|line| line.starts_with("shrinking 1 seed of ")), "it comes to that");
    let sent = Command::new("kill").args(["-INT", &hunt.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let rest: Vec<String> = told.collect();
    let output = hunt.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{rest:?}");
    let summary = summary(&output);
    assert_eq!(summary["complete"], true, "every seed was tried: {summary}");
    let shrunk = &summary["scenarios"][0]["groups"][0]["shrunk"];
    assert_eq!(shrunk["stopped"], "out-of-time", "{shrunk}");
    let file = shrunk["file"].as_str().expect("it was written");
    assert!(std::path::Path::new(file).exists() && rest.iter().any(|line| line.contains("is kept in")), "{rest:?}");
}

/// The script of `docs/scaling.md`, as a task of an array of two runs it: `srun` and `lizard` are what a node has.
#[cfg(unix)]
#[test]
fn the_slurm_script_of_the_docs_writes_results_that_merge() {
    let docs = std::fs::read_to_string("docs/scaling.md").expect("the page is there");
    let script = docs.split("```sh\n#!/bin/bash\n").nth(1).and_then(|rest| rest.split("```").next());
    let script = script.expect("the script is there");
    let lair = Lair::with("slurm", "scenarios/quiet.yaml");
    std::fs::write(lair.0.join("srun"), "#!/bin/sh\nshift\nexec \"$@\"\n").expect("a file");
    assert!(Command::new("chmod").args(["+x", &lair.path("srun")]).status().expect("chmod runs").success());
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_lizard")).parent().expect("a folder").display();
    let path = format!("{}:{binary}:{}", lair.0.display(), std::env::var("PATH").unwrap_or_default());
    for task in ["0", "1"] {
        let output = Command::new("bash")
            .args(["-euc", script, "hunt.sh", "it.yaml", "--seeds", "0..4"])
            .current_dir(&lair.0)
            .envs([("PATH", path.as_str()), ("SLURM_ARRAY_TASK_ID", task), ("SLURM_ARRAY_TASK_COUNT", "2")])
            .envs([("SLURM_ARRAY_TASK_MIN", "0"), ("SLURM_ARRAY_TASK_MAX", "1"), ("SLURM_ARRAY_TASK_STEP", "1")])
            .env("SLURM_CPUS_PER_TASK", "1")
            .output()
            .expect("bash runs");
        assert!(output.status.success(), "{}", err(&output));
    }
    let merged = lizard(&["merge", &lair.path("results"), "--format", "json"]);
    let summary = summary(&merged);
    assert_eq!((&summary["complete"], &summary["tried"]), (&true.into(), &4.into()), "{}", err(&merged));
}

#[test]
fn a_seed_that_fails_is_shrunk_to_a_file_that_runs_and_one_that_passes_is_refused() {
    let small = format!("{}/shrunk.yaml", env!("CARGO_TARGET_TMPDIR"));
    let file = "scenarios/pitfalls/send-buffer-reused.yaml";
    let output = lizard(&["shrink", file, "--seed", "1", "--out", &small]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).starts_with("fails ") && out(&output).lines().count() == 1, "{}", out(&output));
    assert!(err(&output).contains("written out: ") && err(&output).contains("after "), "{}", err(&output));
    assert_eq!(lizard(&["run", &small]).status.code(), Some(0), "it expects its violation");

    let output = lizard(&["shrink", file, "--seed", "1", "--way", "control"]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(2), ""));
    assert!(err(&output).contains("seed 1 passes: there is nothing to shrink"), "{}", err(&output));
}
