//! The page of two reports side by side (`side-by-side.html`): two frames that go to a time together.
use super::diverge::{DivergeReport, Likeness, RunSide};
use super::summary::Judgement;
use super::text::stopwatch;
use super::visible::visible;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value};
use serde::Serialize;
use std::time::Duration;

const TEMPLATE: &str = include_str!("side_by_side.html");

/// What a run's own page is called, which a frame shows.
const PAGE: &str = "report.html";

#[derive(Serialize)]
struct Page {
    title: String,
    version: &'static str,
    same: bool,
    /// Where both begin, in seconds.
    at: String,
    jumps: Vec<Jump>,
    sides: [Side; 2],
}

/// A time worth going to.
#[derive(Serialize)]
struct Jump {
    label: &'static str,
    seconds: String,
    at: String,
}

#[derive(Serialize)]
struct Side {
    /// The folder of its files: `a` or `b`.
    place: &'static str,
    name: String,
    class: &'static str,
    verdict: &'static str,
    replay: String,
    /// There is a page to show.
    page: bool,
    /// What lies in its folder.
    files: Vec<String>,
}

/// Writes the page. `files` lists what lies in the folder of a side.
///
/// # Errors
/// None but those of a template that is wrong.
pub(super) fn to_side_by_side(
    report: &DivergeReport,
    files: impl Fn(&str) -> Vec<String>,
) -> Result<String, minijinja::Error> {
    let jump = |label, at: Duration| Jump { label, seconds: format!("{:.6}", at.as_secs_f64()), at: stopwatch(at) };
    let deed = report.deed.as_ref().map(|deed| jump("what happens differs", deed.at));
    let first = report.first.as_ref().map(|first| jump("the first difference in anything", first.at));
    let jumps: Vec<Jump> = deed.into_iter().chain(first).collect();
    let page = Page {
        title: visible(&report.a.scenario).into_owned(),
        version: report.version,
        same: report.verdict == Likeness::Same,
        at: jumps.first().map_or_else(|| "0".to_owned(), |jump| jump.seconds.clone()),
        jumps,
        sides: [("a", &report.a), ("b", &report.b)].map(|(place, run)| side(place, run, files(place))),
    };
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.add_template("side-by-side", TEMPLATE)?;
    templates.get_template("side-by-side")?.render(Value::from(Serde(page)))
}

fn side(place: &'static str, run: &RunSide, files: Vec<String>) -> Side {
    let (class, verdict) = match run.verdict {
        Judgement::Passed => ("passed", "passed"),
        Judgement::Failed => ("failed", "FAILED"),
    };
    let page = files.iter().any(|name| name == PAGE);
    let (name, replay) = (visible(&run.name).into_owned(), visible(&run.replay).into_owned());
    Side { place, name, class, verdict, replay, page, files }
}

#[cfg(test)]
mod tests {
    use super::super::diverge_text::tests::knob;
    use super::*;

    fn page(report: &DivergeReport, files: &[&str]) -> String {
        to_side_by_side(report, |_| files.iter().map(|name| (*name).to_owned()).collect())
            .expect("the template is sound")
    }

    #[test]
    fn both_pages_begin_where_what_happens_differs() {
        let page = page(&knob(), &["report.html", "report.json"]);
        for place in ["a", "b"] {
            assert!(page.contains(&format!(r#"src="./{place}/report.html#at=64.011000""#)), "{page}");
            assert!(page.contains(&format!(r#"href="./{place}/report.json""#)), "{page}");
        }
        assert!(page.contains("what happens differs: 1:04.011") && page.contains(r#"data-at="2.168000""#), "{page}");
    }

    #[test]
    fn without_pages_it_leads_to_the_folders() {
        let page = page(&knob(), &["trace.json"]);
        assert!(!page.contains("<iframe") && page.contains(r#"href="./b/""#), "{page}");
    }

    #[test]
    fn hostile_names_stay_text() {
        let mut report = knob();
        report.a.name = "</h2><script>alert(1)</script>\u{202e}".into();
        report.a.scenario = "<img src=x onerror=alert(1)>".into();
        let page = page(&report, &["report.html"]);
        assert_eq!(page.matches("<script>").count(), 1, "{page}");
        assert!(!page.contains("<img") && !page.contains('\u{202e}'), "{page}");
    }
}
