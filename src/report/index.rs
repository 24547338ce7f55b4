//! The page over all runs (`index.html`): a table with verdicts and links, without scripts and without a network.
use super::chapter::{Chapter, Reading};
use super::folder::FILES_OF_ALL;
use super::hunt::HuntReport;
use super::hunted;
use super::summary::Verdict;
use super::text::{counted, stopwatch};
use super::visible::visible;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::path::{Component, Path};
use std::time::Duration;

const TEMPLATE: &str = include_str!("index.html");

/// What a segment of an address may have as it is (RFC 3986, unreserved).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Serialize)]
struct Page {
    heading: String,
    version: &'static str,
    links: Vec<Link>,
    runs: Vec<Row>,
}

#[derive(Serialize)]
struct Link {
    /// Made of unreserved characters, escapes and slashes only, which the template relies on.
    href: String,
    name: String,
}

#[derive(Default, Serialize)]
struct Row {
    class: &'static str,
    verdict: String,
    title: String,
    file: String,
    seed: u64,
    why: String,
    replay: String,
    violated: String,
    held: String,
    lost: String,
    virtual_time: String,
    links: Vec<Link>,
}

/// Writes the page. `others`: further files that tell of all runs. `files` lists what lies in a run's place.
///
/// # Errors
/// None but those of a template that is wrong.
pub fn to_index(
    chapters: &[Chapter],
    hunt: Option<&HuntReport>,
    others: &[&str],
    files: impl Fn(&Path) -> Vec<String>,
) -> Result<String, minijinja::Error> {
    let failed = chapters.iter().filter(|chapter| chapter.reading() != Reading::Passed).count();
    let page = Page {
        heading: match (hunt, failed) {
            (Some(hunt), _) => hunted::heading(hunt),
            (None, 0) => format!("{} passed", runs(chapters.len())),
            (None, failed) => format!("{failed} of {} failed", runs(chapters.len())),
        },
        version: env!("CARGO_PKG_VERSION"),
        links: others.iter().chain(&FILES_OF_ALL).map(|name| link(Path::new(""), name)).collect(),
        runs: chapters.iter().map(|chapter| row(chapter, files(&chapter.place))).collect(),
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.render_str(TEMPLATE, Value::from(Serde(page)))
}

fn runs(count: usize) -> String {
    if count == 1 { "1 run".to_owned() } else { format!("{} runs", counted(count as u64)) }
}

fn row(chapter: &Chapter, files: Vec<String>) -> Row {
    let row = Row {
        class: match chapter.reading() {
            Reading::Passed => "passed",
            Reading::Failed => "failed",
            Reading::NotJudged => "odd",
        },
        verdict: chapter.reading().to_string(),
        title: visible(&chapter.title()).into_owned(),
        file: visible(&chapter.file).into_owned(),
        seed: chapter.seed,
        links: files.iter().map(|name| link(&chapter.place, name)).collect(),
        ..Row::default()
    };
    let report = match &chapter.shown {
        Ok(report) => report,
        Err(why) => return Row { why: visible(why).into_owned(), ..row },
    };
    let names = |verdict: Verdict| -> Vec<&str> {
        let these = report.invariants.iter().filter(|invariant| invariant.verdict == verdict);
        these.map(|invariant| invariant.name.as_str()).collect()
    };
    let wrong = chapter.way.as_ref().and_then(|way| way.wrong.as_deref());
    Row {
        why: visible(wrong.unwrap_or_default()).into_owned(),
        replay: visible(&report.replay).into_owned(),
        violated: names(Verdict::Violated).join(", "),
        held: names(Verdict::Held).len().to_string(),
        lost: counted(report.messages.lost),
        virtual_time: stopwatch(Duration::try_from_secs_f64(report.virtual_seconds).unwrap_or_default()),
        ..row
    }
}

/// A link to a file beside the page or below it: `./` in front, so that no name is taken for a scheme.
fn link(place: &Path, name: &str) -> Link {
    let mut href = ".".to_owned();
    let segments = place.components().filter_map(|component| match component {
        Component::Normal(segment) => Some(segment.to_string_lossy()),
        _ => None,
    });
    for segment in segments.chain([name.into()]) {
        href.push('/');
        href.extend(utf8_percent_encode(&segment, PLAIN));
    }
    Link { href, name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{chapter, failing, hostile, passing};
    use super::*;

    fn index(chapters: &[Chapter]) -> String {
        to_index(chapters, None, &[], |_| vec!["report.json".to_owned(), "trace.json".to_owned()])
            .expect("the template is sound")
    }

    #[test]
    fn each_run_has_its_verdict_and_links_to_its_files() {
        let broken = Chapter { shown: Err("hub-a panicked at 3s: no".into()), ..chapter(passing()) };
        let page = index(&[Chapter { place: "giant-lizard".into(), ..chapter(failing()) }, broken]);
        let body = page.split("<body>").nth(1).unwrap_or_default();
        insta::assert_snapshot!(body.replace(env!("CARGO_PKG_VERSION"), "0.1.0"));
    }

    #[test]
    fn hostile_names_and_places_stay_text_and_lead_nowhere_else() {
        let place = "javascript:alert(1)/a\"b<c>#d?e%f".into();
        let page = index(&[Chapter { place, ..chapter(hostile()) }]);
        assert!(!page.contains("<script") && !page.contains('\u{202e}'), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains(r#"href="./javascript%3Aalert%281%29/a%22b%3Cc%3E%23d%3Fe%25f/report.json""#), "{page}");
        let targets = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        assert!(targets.clone().all(|target| target.starts_with("./")), "{:?}", targets.collect::<Vec<_>>());
    }
}
