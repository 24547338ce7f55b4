//! `lizard prove`: pitfalls three ways on many seeds, and the matrix of what caught them.
use super::output::{Exit, Failure, complain, print, refuse};
use super::progress::ProgressLine;
use super::stop::Stop;
use crate::run::pitfall::{Claim, Finding, Proof, may_escape, prove};
use crate::scenario::load;
use clap::Args;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;

/// Show that pitfalls are caught: each three ways on many seeds
#[derive(Debug, Args)]
pub(super) struct Prove {
    /// Scenario files with a `pitfall:` section
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The seeds from A to before B
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = range)]
    seeds: Range<u64>,
    /// How many worlds run at one time [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl Prove {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let Some(claims) = self.claims() else { return Ok(Exit::Mistaken) };
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let stop = Stop::on_signal();
        let mut progress = ProgressLine::new(None, None);
        let proof = prove(
            &claims,
            self.seeds.clone(),
            self.jobs.unwrap_or(cores),
            || !stop.is_asked(),
            |proof| {
                progress
                    .show(proof.runs, || format!("{} runs, {} not as they should be", proof.runs, proof.doubts.len()));
            },
        );
        progress.end();
        let proof = proof?;
        if stop.is_asked() {
            complain("stopped before every seed was run: nothing is proven");
            return Ok(Exit::OurFailure);
        }
        print(&self.told(&proof))?;
        Ok(if proof.holds() { Exit::AllHeld } else { Exit::Failed })
    }

    /// Loads every file; `None`: something is wrong, and has been said.
    fn claims(&self) -> Option<Vec<Claim>> {
        let mut claims = Vec::new();
        for file in &self.files {
            match load(file) {
                Ok(loaded) if loaded.scenario.pitfall.is_some() => {
                    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                    claims.push(Claim { name, loaded });
                }
                Ok(_) => {
                    complain(&format!("{}: there is no `pitfall:` section, and so nothing to prove", file.display()))
                }
                Err(error) => refuse(&error),
            }
        }
        (claims.len() == self.files.len()).then_some(claims)
    }

    fn told(&self, proof: &Proof) -> String {
        let mut told = proof.matrix.to_string();
        for shown in &proof.doubts {
            let why = match &shown.finding {
                Finding::AsItShould => continue,
                Finding::Escaped => "the flaw escaped",
                Finding::Wrong(why) => why,
            };
            told.push_str(&format!("{} seed {}, {}: {why}\n", shown.pitfall, shown.seed, shown.way));
        }
        let seeds = self.seeds.end - self.seeds.start;
        for (name, escaped) in &proof.leaky {
            told.push_str(&format!("{name}: {escaped} of {seeds} seeds escaped, {} may\n", may_escape(seeds)));
        }
        let verdict = if proof.holds() { "every pitfall is caught" } else { "FAILED" };
        let many = |count: u64, what| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
        let (pitfalls, runs) = (many(self.files.len() as u64, "pitfall"), many(proof.runs, "run"));
        told.push_str(&format!("{verdict}: {pitfalls}, {}, {runs}\n", many(seeds, "seed")));
        told
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || "expected a range such as 0..100".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let (from, to) = (from.parse().map_err(|_| wrong())?, to.parse().map_err(|_| wrong())?);
    if from < to { Ok(from..to) } else { Err("there is no seed in it".to_owned()) }
}
