//! `lizard hunt`: many seeds of each file on every core, each to its first violation.
use super::output::{Exit, Failure, complain, palette, print, refuse, remark};
use super::progress::ProgressLine;
use super::reporting::{Playing, Reporting, places};
use super::run::Format;
use super::seeds;
use super::shrinking::Shrinking;
use super::shrunk;
use super::stop::Stop;
use crate::report::{HuntReport, HuntedScenario, Report, SeedRange, ShardOf, render_hunt, seconds, to_json};
use crate::run::hunt::{self, Hunted, Prey, SeedBook, Trial, parse_shard, shard_of_array_job};
use crate::scenario::{Loaded, load};
use clap::Args;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many seeds are tried when nobody says.
const SEEDS: u64 = 1000;

/// Causes of each file whose shortest seed is reported in full.
const REPORTED: usize = 20;

/// Try many seeds of each scenario, on every core
#[derive(Debug, Args)]
pub(super) struct Hunt {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The seeds from A to before B; `A..` goes on until --for is over [default: 0..1000, with --for 0..]
    #[arg(long, value_name = "A..B", value_parser = seed_range)]
    seeds: Option<(u64, Option<u64>)>,
    /// Begin no further seed after this time, such as 10m; several files share it
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    lasting: Option<Duration>,
    /// How many worlds run at one time [default: one for each core]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Try only part I (from 0) of N [default: as the array job says (Slurm, Kubernetes, AWS Batch), else all]
    #[arg(long, value_name = "I/N", value_parser = parse_shard)]
    shard: Option<ShardOf>,
    /// How many machines share the hunt, where the array job tells only which one this is
    #[arg(long, value_name = "N", conflicts_with = "shard")]
    shard_count: Option<u32>,
    /// Turn the knobs of pitfall files on, which are off otherwise
    #[arg(long)]
    turn_on: bool,
    /// Leave NAME.seeds beside the scenario as it is
    #[arg(long)]
    no_save: bool,
    /// Also write into this folder: the result, and a report.html of each cause's shortest seed (docs/reports.md)
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// How to report: a summary for people, or one JSON object a run and one for the hunt at the end
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    shrinking: Shrinking,
}

/// A file that is ready to be hunted.
struct Quarry {
    prey: Prey,
    book: SeedBook,
}

impl Hunt {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        let asked = match self.asked() {
            Ok(asked) => asked,
            Err(why) => return mistaken(&why),
        };
        let shard = match self.this_shard() {
            Ok(shard) => shard,
            Err(why) => return mistaken(&why.to_string()),
        };
        // Every file is checked before the first is hunted.
        let Some(quarries) = self.quarries()? else { return Ok(Exit::Mistaken) };
        let reporting = Reporting::prepare(self.report.as_deref(), &[])?;
        let stop = Stop::on_signal();
        #[expect(clippy::disallowed_methods, reason = "the command line lives in real time")]
        let began = Instant::now();
        let mut scenarios = Vec::new();
        let mut exhausted = true;
        for (index, quarry) in quarries.iter().enumerate() {
            let files_left = (quarries.len() - index) as u32;
            let limit = self.lasting.map(|lasting| lasting.saturating_sub(began.elapsed()) / files_left);
            let hunted = self.hunt(quarry, asked, shard, limit, &stop)?;
            exhausted &= hunted.exhausted;
            scenarios.push(hunted.scenario);
        }
        let complete = !stop.is_asked() && (exhausted || self.lasting.is_some());
        let mut report = hunt::report(asked, shard, complete, scenarios, seconds(began.elapsed()));
        self.shrink(&quarries, &mut report, &reporting, &stop)?;
        show(&report, self.format)?;
        self.save(&quarries, &report)?;
        self.tell(&quarries, &report, reporting)?;
        Ok(exit_of(&report))
    }

    fn asked(&self) -> Result<SeedRange, String> {
        let (from, to) = self.seeds.unwrap_or((0, self.lasting.is_none().then_some(SEEDS)));
        if to.is_none() && self.lasting.is_none() {
            return Err(format!("`--seeds {from}..` has no end: name one, or a time with --for"));
        }
        Ok(SeedRange { from, to, for_seconds: self.lasting.map(seconds) })
    }

    fn this_shard(&self) -> Result<Option<ShardOf>, hunt::ShardError> {
        if self.shard.is_some() {
            return Ok(self.shard);
        }
        let found = shard_of_array_job(|name| std::env::var(name).ok(), self.shard_count)?;
        Ok(found.map(|(shard, variable)| {
            remark(&format!("shard {shard}, as {variable} says"));
            shard
        }))
    }

    /// Loads every file and its kept seeds; `None`: something is wrong, and has been said.
    fn quarries(&self) -> Result<Option<Vec<Quarry>>, Failure> {
        let mut quarries = Vec::new();
        let mut sound = true;
        for file in &self.files {
            match load(file) {
                Ok(loaded) => match self.quarry(loaded)? {
                    Ok(quarry) => quarries.push(quarry),
                    Err(why) => {
                        complain(&why);
                        sound = false;
                    }
                },
                Err(error) => {
                    refuse(&error);
                    sound = false;
                }
            }
        }
        Ok(sound.then_some(quarries))
    }

    fn quarry(&self, loaded: Loaded) -> Result<Result<Quarry, String>, Failure> {
        let file = loaded.file.clone();
        let prey = if self.turn_on { Prey::new(loaded).turned_on()? } else { Some(Prey::new(loaded)) };
        let Some(prey) = prey else {
            let why = format!("{}: there is no `pitfall:` section, and so no knob to turn on", file.display());
            return Ok(Err(why));
        };
        Ok(seeds::read(&file).map(|book| Quarry { prey, book }).map_err(|error| error.to_string()))
    }

    fn hunt(
        &self,
        Quarry { prey, book }: &Quarry,
        asked: SeedRange,
        shard: Option<ShardOf>,
        limit: Option<Duration>,
        stop: &Stop,
    ) -> Result<Hunted, Failure> {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let (jobs, json) = (self.jobs.unwrap_or(cores), self.format == Format::Json);
        let hunt = hunt::Hunt { prey, asked, shard, book, jobs, fingerprints: json };
        let mut progress = ProgressLine::new(hunt.total(), limit);
        progress.say(&format!("hunting {}", prey.loaded().file.display()));
        for line in book.of(prey.is_turned_on()).filter(|line| line.is_stale(prey)) {
            let from = format!("giant-lizard {}, plan {}", line.version, line.plan_hash);
            progress.say(&format!("stale: seed {} was kept from {from}: it is another run now", line.seed));
        }
        #[expect(clippy::disallowed_methods, reason = "the command line lives in real time")]
        let began = Instant::now();
        let is_over = || stop.is_asked() || limit.is_some_and(|limit| began.elapsed() >= limit);
        let begin = || {
            #[expect(clippy::disallowed_methods, reason = "the command line lives in real time")]
            let began = Instant::now();
            move |report: &mut Report| {
                report.wall_seconds = seconds(began.elapsed());
                json.then(|| to_json(report) + "\n")
            }
        };
        let mut written = Ok(());
        let mut causes = BTreeSet::new();
        let hunted = hunt.run(is_over, begin, |trial, line, so_far| {
            if let (Some(line), true) = (line.flatten(), written.is_ok()) {
                written = progress.aside(|| print(&line));
                if written.is_err() {
                    stop.now();
                }
            }
            if let Some(news) = news(trial, &mut causes) {
                progress.say(&news);
            }
            progress.tell(so_far);
        });
        progress.end();
        written.map(|()| hunted)
    }

    /// Shrinks the shortest seeds. A shard does not: what is the shortest of all is known only when all are merged.
    fn shrink(
        &self,
        quarries: &[Quarry],
        report: &mut HuntReport,
        reporting: &Reporting,
        stop: &Stop,
    ) -> Result<(), Failure> {
        if report.shard.is_some() {
            return Ok(());
        }
        for ((Quarry { prey, .. }, hunted), place) in
            quarries.iter().zip(&mut report.scenarios).zip(places(&self.files))
        {
            self.shrinking.shrink(prey, hunted, self.jobs, stop, &mut |seed, text| match reporting
                .shrunk(&seed_place(&place, seed), Some(text))?
            {
                None if !self.no_save => keep_shrunk(prey, seed, text).map(Some),
                file => Ok(file),
            })?;
        }
        Ok(())
    }

    /// Plays the shortest seed of each cause to its end, and leaves its report behind with the hunt's.
    fn tell(&self, quarries: &[Quarry], report: &HuntReport, mut reporting: Reporting) -> Result<(), Failure> {
        if !reporting.is_wanted() {
            return Ok(());
        }
        reporting.hunted(report);
        for ((quarry, hunted), place) in quarries.iter().zip(&report.scenarios).zip(places(&self.files)) {
            let prey = &quarry.prey;
            let control = prey.loaded().scenario.pitfall.is_some() && !prey.is_turned_on();
            let again = control.then_some("--way control");
            // What an earlier hunt has shrunk belongs to another result.
            for group in hunted.groups.iter().take(REPORTED).filter(|group| group.shrunk.is_none()) {
                reporting.shrunk(&seed_place(&place, group.shortest.seed), None)?;
            }
            // Two causes may have one shortest seed.
            let seeds: Vec<u64> = hunted.groups.iter().take(REPORTED).map(|group| group.shortest.seed).collect();
            for seed in seeds.into_iter().collect::<BTreeSet<u64>>() {
                let place = seed_place(&place, seed);
                let playing = Playing { place: place.clone(), again, ..Playing::default() };
                let shown = reporting.play(&prey.plan(seed), playing);
                reporting.tell(prey.loaded(), seed, place, None, shown.as_ref());
            }
        }
        reporting.close()
    }

    fn save(&self, quarries: &[Quarry], report: &HuntReport) -> Result<(), Failure> {
        if self.no_save {
            return Ok(());
        }
        if report.shard.is_some() {
            if report.failed > 0 {
                remark("a shard shrinks and keeps no seeds: `lizard merge --save` does, those of all shards");
            }
            return Ok(());
        }
        for (quarry, hunted) in quarries.iter().zip(&report.scenarios) {
            save(&quarry.prey.loaded().file, quarry.book.clone(), hunted)?;
        }
        Ok(())
    }
}

/// Where the files of a seed belong, below the place of its scenario.
fn seed_place(scenario: &Path, seed: u64) -> PathBuf {
    scenario.join(format!("seed-{seed}"))
}

/// Keeps what a seed was shrunk to beside its scenario.
pub(super) fn keep_shrunk(prey: &Prey, seed: u64, text: &str) -> Result<PathBuf, Failure> {
    let scenario = &prey.loaded().file;
    shrunk::keep(scenario, seed, prey.is_turned_on(), text)
        .map_err(|why| Failure::Write { what: format!("a shrunk file beside {}", scenario.display()), why })
}

/// Keeps the shortest seeds beside a scenario.
pub(super) fn save(scenario: &Path, book: SeedBook, hunted: &HuntedScenario) -> Result<(), Failure> {
    let kept = seeds::keep(scenario, book, hunted);
    let kept = kept.map_err(|why| Failure::Write { what: SeedBook::beside(scenario).display().to_string(), why })?;
    if let Some(file) = kept {
        remark(&format!("the shortest seed of each cause is kept in {}", file.display()));
    }
    Ok(())
}

/// Prints a hunt's result.
pub(super) fn show(report: &HuntReport, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => {
            let line = serde_json::to_string(report).expect("a hunt has string keys and finite numbers only");
            print(&(line + "\n"))
        }
        Format::Text => print(&render_hunt(report, palette())),
    }
}

/// What the process answers to a hunt's result.
pub(super) fn exit_of(report: &HuntReport) -> Exit {
    if report.scenarios.iter().any(|scenario| scenario.errors.count > 0) {
        Exit::OurFailure
    } else if report.failed > 0 {
        Exit::Failed
    } else {
        Exit::AllHeld
    }
}

/// What is worth saying at once: the first seed of each cause, and every error.
fn news(trial: &Trial, causes: &mut BTreeSet<String>) -> Option<String> {
    let seed = trial.turn.seed;
    match &trial.showing {
        Err(error) => Some(format!("seed {seed} could not be judged: {error}")),
        Ok(showing) => {
            let cause = showing.failure.as_ref()?.cause.to_string();
            causes.insert(cause.clone()).then(|| format!("seed {seed} failed: {cause}"))
        }
    }
}

fn mistaken(why: &str) -> Result<Exit, Failure> {
    complain(why);
    Ok(Exit::Mistaken)
}

/// Reads `A..B`, `A..`, or one number for that seed alone.
fn seed_range(text: &str) -> Result<(u64, Option<u64>), String> {
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| "expected a range such as 0..1000".to_owned());
    let (from, to) = match text.split_once("..") {
        Some((from, "")) => (number(from)?, None),
        Some((from, to)) => (number(from)?, Some(number(to)?)),
        None => (number(text)?, Some(number(text)?.saturating_add(1))),
    };
    match to {
        Some(to) if to <= from => Err("there is no seed in it".to_owned()),
        _ => Ok((from, to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeds_is_two_numbers_or_one_or_has_no_end() {
        assert_eq!(seed_range("0..20"), Ok((0, Some(20))));
        assert_eq!(seed_range("7"), Ok((7, Some(8))));
        assert_eq!(seed_range("5.."), Ok((5, None)));
        for wrong in ["", "..", "..5", "5..5", "9..3", "a..b", "-1..3", "1...3"] {
            assert!(seed_range(wrong).is_err(), "{wrong}");
        }
    }
}
