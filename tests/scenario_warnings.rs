//! A scenario that asks for more than the systems promise is told so: what happens, and which invariants it voids. The
//! goldens are what an author sees.
use giant_lizard::report::{Report, Verdict};
use giant_lizard::run::{Mode, run};
use giant_lizard::scenario::{Loaded, load, parse};
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

fn sound(file: &Path) -> Loaded {
    load(file).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_leaves_the_envelope_is_warned_of_as_its_golden_says() {
    let files = files("tests/warned_scenarios");
    assert!(files.len() >= 5);
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        insta::assert_snapshot!(name, sound(&file).warnings.to_string());
    }
}

/// A device stays at a hub that the provisioning service finds in order: no limit runs while it must.
#[test]
fn a_hub_that_serves_nobody_for_long_is_neither_warned_of_nor_blamed_on_a_client() {
    let loaded = sound(Path::new("tests/hub_that_serves_nobody.yaml"));
    assert_eq!(loaded.warnings.to_string(), "");
    for seed in 0..4 {
        let report = run(&loaded.plan(seed), Mode::ToTheEnd).expect("it runs").report;
        assert_eq!(violated_of(&report), [""; 0], "seed {seed}");
    }
}

#[test]
fn no_scenario_of_ours_leaves_the_envelope() {
    for file in files("scenarios").into_iter().chain(files("scenarios/pitfalls")) {
        assert_eq!(sound(&file).warnings.to_string(), "");
    }
}

fn violated_of(report: &Report) -> Vec<String> {
    report.invariants.iter().filter(|one| one.verdict == Verdict::Violated).map(|one| one.name.clone()).collect()
}

/// What one run violates in which such things happen, and what is warned of.
fn violated(fault: &str, rest: &str) -> (Vec<String>, String) {
    let text = format!(
        "
name: one fault
duration: 12m
settle: 5m
sites: {{ west: {{}}, east: {{}}, field: {{ latency: 30ms..80ms }} }}
iot:
  dps: {{ site: east }}
  hubs: {{ hub-a: {{ site: west }}, hub-b: {{ site: east }} }}
  central: {{ site: east }}
  devices: {{ xyz: {{ site: field, telemetry: 1s }} }}
timeline: [{fault}]
{rest}"
    );
    let loaded = parse(Path::new("test.yaml"), &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let report = run(&loaded.plan(0), Mode::ToTheEnd).expect("it runs").report;
    (violated_of(&report), loaded.warnings.to_string())
}

#[test]
fn what_is_warned_of_happens_and_just_inside_it_does_not() {
    let waived = "invariants: { order: { waived: two hubs } }";
    for (fault, rest, violates) in [
        ("{ at: 2m, disk-full: { host: hub-a, for: 4m } }", waived, &[][..]),
        ("{ at: 2m, disk-full: { host: hub-a, for: 2m30s } }", waived, &[]),
        ("{ at: 2m, skew-clock: { host: hub-a, by: 1h, for: 4m } }", waived, &[]),
        ("{ at: 2m, skew-clock: { host: hub-a, by: 59m, for: 4m } }", waived, &[]),
        ("{ at: 2m, partition: { between: [field, west], for: 5m } }", waived, &[]),
        ("{ at: 2m, partition: { between: [field, east], for: 5m } }", waived, &[]),
        ("{ at: 2m, crash: { host: central, for-good: yes } }", waived, &["no-confirmed-loss", "no-loss"]),
        (
            "{ at: 2m, partition: { between: [central, hub-a], for: 4m } }, { at: 3m, manual-failover: { device: xyz } }",
            "",
            &["order"],
        ),
        (
            "{ at: 2m, partition: { between: [field, west], for: 90s } }, { at: 150s, stop: { host: xyz, for: 1m } }",
            waived,
            &["no-loss"],
        ),
    ] {
        let (found, warnings) = violated(fault, rest);
        assert_eq!(found, violates, "{fault}");
        for name in violates {
            assert!(warnings.contains(&format!("`{name}`")), "{fault}: {warnings}");
        }
        assert_eq!(warnings.is_empty(), violates.is_empty(), "{fault}: {warnings}");
    }
}
