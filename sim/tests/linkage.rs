//! However a program is built and linked, a seed is the same history, or the world refuses by name.
//!
//! These build `examples/outside` several times (two minutes on two cores, seconds when nothing changed), so they only
//! run when asked to: `cargo test -p lizard-sim --test linkage -- --ignored`.

#[path = "../../examples/outside/middle/src/software.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is a library's")]
mod software;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Builds replace each other's program, so there is one at a time.
static WORKSHOP: Mutex<()> = Mutex::new(());

/// One way to build the program of `examples/outside`.
struct Build {
    command: Command,
    program: PathBuf,
    _workshop: MutexGuard<'static, ()>,
}

impl Build {
    /// `cargo build`, or `cargo rustc` with arguments for the last step alone, with the workspace's own flags.
    fn new(profile: &str, last_step: &[&str]) -> Self {
        let workshop = WORKSHOP.lock().unwrap_or_else(PoisonError::into_inner);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
        let target = root.join("target/outside");
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(root.join("examples/outside")).env("CARGO_TARGET_DIR", &target);
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        // Of the build that runs these tests, not of the one they ask for.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PROFILE_")) {
            command.env_remove(name);
        }
        command.args(["rustc", "--quiet", "--bin", "outside", "--profile", profile]);
        let folder = if profile == "dev" { "debug" } else { profile };
        let mut build = Self { command, program: target.join(folder).join("outside"), _workshop: workshop };
        if !last_step.is_empty() {
            build.command.arg("--").args(last_step);
        }
        build
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Builds the program and runs seed 7.
    ///
    /// # Errors
    ///
    /// What the compiler or linker said.
    fn run(mut self) -> Result<Output, String> {
        let built = self.command.output().expect("cargo runs");
        if !built.status.success() {
            return Err(String::from_utf8_lossy(&built.stderr).into_owned());
        }
        Ok(Command::new(&self.program).arg("7").output().expect("the program runs"))
    }

    fn history(self) -> String {
        let output = self.run().expect("it builds");
        let (told, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{told}{complained}");
        told.trim().to_owned()
    }
}

/// Seed 7's history as this very program has it, which lies in the workspace.
fn history_here() -> String {
    format!("seed 7 {}", software::fingerprint(7).expect("the world runs to its end"))
}

#[test]
#[ignore = "builds a crate several times: .ci/run runs it, and `-- --ignored` does"]
fn a_crate_outside_the_workspace_has_the_same_history() {
    assert_eq!(Build::new("dev", &[]).history(), history_here());
}

#[test]
#[ignore = "builds a crate several times: .ci/run runs it, and `-- --ignored` does"]
fn so_has_a_release_build_optimised_thin_or_fat_while_linking_and_stripped_or_not() {
    for (lto, strip) in [("thin", "symbols"), ("fat", "none")] {
        let build = Build::new("release", &[]).env("CARGO_PROFILE_RELEASE_LTO", lto);
        let build = build.env("CARGO_PROFILE_RELEASE_STRIP", strip);
        assert_eq!(build.history(), history_here(), "lto = {lto}, strip = {strip}");
    }
}

#[test]
#[ignore = "builds a crate several times: .ci/run runs it, and `-- --ignored` does"]
fn so_has_a_build_without_tokio_unstable() {
    // Set but empty, it replaces the flags of .cargo/config.toml.
    assert_eq!(Build::new("dev", &[]).env("CARGO_ENCODED_RUSTFLAGS", "").history(), history_here());
}

/// Runs cargo on this crate with the feature that requires `tokio_unstable`, and answers what it complained of.
fn requiring_tokio_unstable(command: &[&str], rustflags: Option<&str>) -> Result<(), String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.args(command).args(["--quiet", "--features", "require-tokio-unstable"]);
    // Where other builds with these flags have checked the dependencies already.
    cargo.args(["--lib", "--target-dir", if rustflags.is_some() { "../target/stable" } else { "../target" }]);
    if let Some(flags) = rustflags {
        cargo.env("RUSTFLAGS", flags);
    }
    let output = cargo.output().expect("cargo runs");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
#[ignore = "builds a crate several times: .ci/run runs it, and `-- --ignored` does"]
fn a_build_that_requires_tokio_unstable_says_what_to_paste() {
    assert_eq!(requiring_tokio_unstable(&["check"], None), Ok(()), "with .cargo/config.toml");
    assert_eq!(requiring_tokio_unstable(&["doc", "--no-deps"], Some("")), Ok(()), "rustdoc is given no flags");
    let complaint = requiring_tokio_unstable(&["check"], Some("")).expect_err("the flag is missing");
    assert!(complaint.contains(r#"rustflags = ["--cfg", "tokio_unstable"]"#), "{complaint}");
    assert!(complaint.contains("RUSTFLAGS in the environment replaces them"), "{complaint}");
}

/// On x86-64 Linux, Rust links with its own lld by default; elsewhere the system's linker is what the others test.
#[test]
#[ignore = "builds a crate several times: .ci/run runs it, and `-- --ignored` does"]
#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
fn so_has_a_program_that_the_systems_linker_linked() {
    assert_eq!(Build::new("dev", &["-Clinker-features=-lld"]).history(), history_here());
}

#[test]
#[ignore = "builds a crate several times: .ci/run runs it, and `-- --ignored` does"]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn a_statically_linked_program_refuses_by_name() {
    let mut build = Build::new("dev", &[]).env("RUSTFLAGS", "-C target-feature=+crt-static");
    // Named, the target is not that of the build scripts and macros, which cannot be static.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    build.command.args(["--target", &target]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("outside").join(target);
    build.program = folder.join("debug/outside");
    let output = match build.run() {
        Ok(output) => output,
        Err(error) if error.contains("-lc") && std::env::var_os("CI").is_none() => {
            return eprintln!("skipped for want of a static C library: {error}");
        }
        Err(error) => panic!("{error}"),
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("getentropy does not answer from the seed"), "{complaint}");
    assert!(complaint.contains("crt-static"), "{complaint}");
}
