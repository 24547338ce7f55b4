//! `lizard run`: one seed of each file, judged to the end.
use super::output::{Exit, Failure, palette, print, refuse};
use super::reporting::{Playing, Reporting, places};
use crate::report::{Report, render, to_json};
use crate::run::pitfall::{Finding, Way, three_ways, told};
use crate::scenario::{Loaded, Pitfall, load};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Run one seed of each scenario, judged to the end
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Scenario files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The seed: the same seed is the same run [default: the file's own, else 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The world to run in
    #[arg(long, value_enum, default_value = "sim")]
    world: World,
    /// How to report: a story for people, or one JSON object a line
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Also write into this folder: report.html, the same as JSON, history, trace, junit.xml, a summary, an index
    /// (docs/reports.md)
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum World {
    /// Virtual time, virtual network
    Sim,
    /// The same hosts as turmoil hosts
    Turmoil,
    /// Real time on loopback
    Live,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

impl Run {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        if self.world != World::Sim {
            let name = self.world.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
            super::output::complain(&format!("the world `{name}` is not built yet; this version has `sim`"));
            return Ok(Exit::Mistaken);
        }
        // Every file is checked before the first is run.
        let loaded: Vec<_> = self.files.iter().map(|file| load(file)).collect();
        let mistaken: Vec<_> = loaded.iter().filter_map(|loaded| loaded.as_ref().err()).collect();
        if !mistaken.is_empty() {
            mistaken.into_iter().for_each(refuse);
            return Ok(Exit::Mistaken);
        }
        let loaded: Vec<Loaded> = loaded.into_iter().flatten().collect();
        let mut reporting = Reporting::prepare(self.report.as_deref(), &self.places(&loaded))?;
        let exit = self.all(&loaded, &mut reporting);
        // What was shown until an error is told too, and the error that came first.
        let closed = reporting.close();
        let exit = exit?;
        closed.map(|()| exit)
    }

    /// Where every run's files belong.
    fn places(&self, loaded: &[Loaded]) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for (loaded, place) in loaded.iter().zip(places(&self.files)) {
            match &loaded.scenario.pitfall {
                Some(pitfall) => all.extend(Way::of(pitfall).iter().map(|way| place.join(way.to_string()))),
                None => all.push(place),
            }
        }
        all
    }

    fn all(&self, loaded: &[Loaded], reporting: &mut Reporting) -> Result<Exit, Failure> {
        let mut exit = Exit::AllHeld;
        for (loaded, place) in loaded.iter().zip(places(&self.files)) {
            let seed = self.seed.or(loaded.scenario.seed).unwrap_or(0);
            let shown = match &loaded.scenario.pitfall {
                None => self.plain(loaded, seed, &place, reporting),
                Some(pitfall) => self.pitfall(pitfall, loaded, seed, &place, reporting),
            };
            if let Err(why) = &shown {
                reporting.tell(loaded, seed, place, None, Err(why));
            }
            exit = exit.max(shown?);
        }
        Ok(exit)
    }

    fn plain(&self, loaded: &Loaded, seed: u64, place: &Path, reporting: &mut Reporting) -> Result<Exit, Failure> {
        let report = reporting.play(&loaded.plan(seed), Playing { place: place.to_owned(), ..Playing::default() })?;
        reporting.tell(loaded, seed, place.to_owned(), None, Ok(&report));
        self.show(&report, None)?;
        Ok(if report.passed() { Exit::AllHeld } else { Exit::Failed })
    }

    fn pitfall(
        &self,
        pitfall: &Pitfall,
        loaded: &Loaded,
        seed: u64,
        place: &Path,
        reporting: &mut Reporting,
    ) -> Result<Exit, Failure> {
        let place = |way: Way| place.join(way.to_string());
        let shown = three_ways(pitfall, |way| {
            let again = format!("--way {way}");
            let again = (way != Way::Treatment).then_some(&*again);
            let playing = Playing { place: place(way), again, pitfall: Some((pitfall, way)), ..Playing::default() };
            reporting.play(&way.plan(loaded, seed)?, playing)
        })?;
        for (way, report, finding) in &shown.ways {
            reporting.tell(loaded, seed, place(*way), Some(told(pitfall, *way, finding)), Ok(report));
            self.show(report, Some((*way, finding)))?;
        }
        Ok(if shown.as_they_should() { Exit::AllHeld } else { Exit::Failed })
    }

    fn show(&self, report: &Report, way: Option<(Way, &Finding)>) -> Result<(), Failure> {
        if self.format == Format::Json {
            return print(&format!("{}\n", to_json(report)));
        }
        let palette = palette();
        let heading = way.map(|(way, finding)| {
            let words = match finding {
                Finding::AsItShould => "as it should be".to_owned(),
                Finding::Escaped => palette.bad("the flaw escaped: it did its harm unseen"),
                Finding::Wrong(why) => palette.bad(why),
            };
            format!("{way}: {words}\n")
        });
        print(&format!("{}{}\n", heading.unwrap_or_default(), render(report, palette)))
    }
}
