//! Each ban in `clippy.toml` bites: `tests/lints` breaks every one of them, and clippy must report every one.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The bans of `clippy.toml`.
fn bans(root: &Path) -> BTreeSet<String> {
    let file = std::fs::read_to_string(root.join("clippy.toml")).expect("clippy.toml is at the root");
    let paths = file.lines().filter_map(|line| line.trim().strip_prefix("{ path = \"")?.split('"').next());
    paths.map(str::to_owned).collect()
}

/// Which ban each line of the fixture breaks: from its `// bans:` comment to the next.
fn broken(root: &Path) -> BTreeMap<usize, String> {
    let file = std::fs::read_to_string(root.join("tests/lints/src/lib.rs")).expect("the fixture is there");
    let marked = file.lines().enumerate().filter_map(|(at, line)| Some((at + 1, line.strip_prefix("// bans: ")?)));
    marked.map(|(line, ban)| (line, ban.to_owned())).collect()
}

/// Every ban that clippy reports in the fixture, with the ban that the reported line was written to break.
fn reported(root: &Path, broken: &BTreeMap<usize, String>) -> BTreeSet<(String, String)> {
    let clippy = Command::new(env!("CARGO"))
        .args(["clippy", "--quiet", "--message-format=json"])
        .current_dir(root.join("tests/lints"))
        .env("CARGO_TARGET_DIR", root.join("target/lints"))
        .output()
        .expect("cargo runs");
    assert!(clippy.status.success(), "clippy could not lint: {}", String::from_utf8_lossy(&clippy.stderr));
    let mut reported = BTreeSet::new();
    for line in String::from_utf8_lossy(&clippy.stdout).lines() {
        let message: serde_json::Value = serde_json::from_str(line).expect("cargo prints one JSON object a line");
        let diagnostic = &message["message"];
        let is_ban = diagnostic["code"]["code"].as_str().is_some_and(|code| code.starts_with("clippy::disallowed_"));
        let named = diagnostic["message"].as_str().and_then(|text| text.split('`').nth(1));
        // A macro that calls itself is reported inside tokio's own file too.
        let span = &diagnostic["spans"][0];
        let at = span["line_start"].as_u64().filter(|_| span["file_name"] == "src/lib.rs");
        let (true, Some(named), Some(at)) = (is_ban, named, at) else {
            continue;
        };
        let meant = broken.range(..at as usize).next_back().map_or("nothing", |(_, ban)| ban);
        reported.insert((meant.to_owned(), named.to_owned()));
    }
    reported
}

#[test]
fn every_ban_bites_where_it_is_broken_and_nowhere_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = Command::new(env!("CARGO")).args(["clippy", "--version"]).output();
    if !installed.is_ok_and(|version| version.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "clippy is not installed");
        eprintln!("skipped: clippy is not installed (rustup component add clippy)");
        return;
    }
    let bans = bans(root);
    let broken = broken(root);
    assert!(bans.contains("std::collections::HashMap"), "clippy.toml was not read: {bans:?}");
    assert_eq!(broken.values().cloned().collect::<BTreeSet<_>>(), bans, "the fixture breaks each ban once");

    let wanted = bans.iter().map(|ban| (ban.clone(), ban.clone())).collect::<BTreeSet<_>>();
    assert_eq!(reported(root, &broken), wanted, "(what a function was written to break, what clippy reported there)");
}
