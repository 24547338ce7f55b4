//! What came of a shrinking, in words and as a file.
use super::draft::Draft;
use super::{Need, Shrunk};
use crate::scenario::{TimelineItem, to_yaml, written_out};
use serde_json::Value;

impl Shrunk {
    /// Says what the failure needs: `fails only while both are there: the attack on west at 2m03s, the crash of hub-b at
    /// 4m`.
    pub fn sentence(&self) -> String {
        let proven = self.needed.iter().all(|needed| matches!(needed.need, Need::Passes | Need::FailsOtherwise(_)));
        let listed: Vec<String> = self.needed.iter().map(|needed| in_words(&needed.item)).collect();
        let listed = listed.join(", ");
        match (self.needed.len(), proven) {
            (0, _) => "fails with nothing going wrong at all".into(),
            (_, false) => format!("fails with these, of which not each is shown to be needed: {listed}"),
            (1, true) => format!("fails only while it is there: {listed}"),
            (2, true) => format!("fails only while both are there: {listed}"),
            (3, true) => format!("fails only while all three are there: {listed}"),
            (many, true) => format!("fails only while all {many} are there: {listed}"),
        }
    }

    /// Writes the file. Its head says where it comes from.
    pub fn file(&self) -> String {
        let mut head = vec![
            format!(
                "Shrunk by Giant Lizard {} from {}, seed {}.",
                env!("CARGO_PKG_VERSION"),
                self.file.display(),
                self.seed
            ),
            format!("It shows {}.", self.shrunk_cause),
        ];
        if let Some(stopped) = self.stopped {
            head.push(format!("{}: it may not be the smallest.", stopped.in_words()));
        }
        let head: String = head.iter().flat_map(|line| wrapped(line)).map(|line| format!("# {line}\n")).collect();
        head + &to_yaml(&self.scenario)
    }

    /// Tells of each line that is left what happens without it, one a line.
    pub fn proof(&self) -> Vec<String> {
        let without = |needed: &super::Needed| {
            let what = match &needed.need {
                Need::Passes => "everything holds".to_owned(),
                Need::FailsOtherwise(cause) => format!("it fails otherwise: {cause}"),
                Need::NotNeeded => {
                    "it fails just so: it was not taken out because the shrinking was stopped".to_owned()
                }
                Need::NoVerdict => "nobody can tell: there is no such file".to_owned(),
            };
            format!("without {}: {what}", in_words(&needed.item))
        };
        self.needed.iter().map(without).collect()
    }
}

/// Counts what a draft has: `2 lines, 3 hosts, 840 bytes`.
pub(super) fn size(draft: &Draft) -> String {
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let members = draft.parts().iter().map(|part| draft.members(part).len()).sum::<usize>();
    format!(
        "{}, {}, {}",
        count(draft.lines().len(), "line"),
        count(members, "member"),
        count(draft.text().len(), "byte")
    )
}

/// Says a line of the timeline in a few words: `the attack on west at 2m03s`.
fn in_words(item: &TimelineItem) -> String {
    let json = serde_json::to_value(item).unwrap_or_default();
    let verb = item.verb();
    let said = &json[verb.as_str()];
    let name = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
    let at_place = || if said["site"].is_string() { name("site") } else { name("host") };
    let ends = |both: &str, one_way: &str| match &said["between"] {
        Value::Array(ends) if ends.len() == 2 => {
            format!("{both} {} and {}", ends[0].as_str().unwrap_or_default(), ends[1].as_str().unwrap_or_default())
        }
        _ => format!("{one_way} {} to {}", name("from"), name("to")),
    };
    let what = match verb.as_str() {
        "attack" => format!("the attack on {}", name("site")),
        "crash" => format!("the crash of {}", name("host")),
        "power-loss" => format!("the power loss of {}", name("host")),
        "stop" => format!("the stop of {}", name("host")),
        "start" => format!("the start of {}", name("host")),
        "freeze" => format!("the freeze of {}", name("host")),
        "disk-full" => format!("the full disk of {}", name("host")),
        "disk-error" => format!("the failing disk of {}", name("host")),
        "skew-clock" => format!("the wrong clock of {}", name("host")),
        "partition" => ends("the cut between", "the one-way cut from"),
        "hold" => ends("the hold between", "the one-way hold from"),
        "slow" => format!("the slow paths of {}", at_place()),
        "lossy" => format!("the lossy paths of {}", at_place()),
        "swizzle" => format!("the swizzle of {}", name("site")),
        "throttle" => format!("the throttling of {}", name("hub")),
        "command" => format!("the command {} to {}", name("name"), name("device")),
        "method" => format!("the method {} of {}", name("name"), name("device")),
        "desired" => format!("the change of desired properties of {}", name("device")),
        "manual-failover" => format!("the manual failover of {}", name("device")),
        "manual-failback" => format!("the manual failback of {}", name("device")),
        "registration-info" => format!("the question where {} belongs", name("device")),
        other => format!("the {}", other.replace('-', " ")),
    };
    let at = item.at.map(|at| written_out(at.least())).unwrap_or_default();
    format!("{what} at {}", two_digits(&at))
}

/// `2m3s` as a clock says it: `2m03s`.
fn two_digits(time: &str) -> String {
    match time.split_once('m') {
        Some((minutes, seconds)) if seconds.as_bytes().get(1) == Some(&b's') => format!("{minutes}m0{seconds}"),
        _ => time.to_owned(),
    }
}

/// Breaks a sentence into lines.
fn wrapped(sentence: &str) -> Vec<String> {
    const WIDTH: usize = 116;
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Cause, Stopped};
    use crate::run::shrink::Needed;
    use crate::scenario::parse;
    use std::path::Path;

    const STORY: &str = "
name: many
duration: 10m
sites: { west: {}, east: {} }
iot:
  dps: { site: east }
  hubs: { hub-a: { site: west }, hub-b: { site: east } }
  central: { site: east }
  devices: { xyz: { site: west, telemetry: 1s } }
timeline:
  - { at: 2m3s, attack: { site: west, for: 5m } }
  - { at: 4m, crash: { host: hub-b, for: 10s } }
  - { at: 62s500ms, partition: { from: hub-a, to: west } }
  - { at: 5s, partition: { between: [hub-a, west] } }
";

    fn shrunk(lines: usize, need: Need) -> Shrunk {
        let scenario = parse(Path::new("x.yaml"), STORY).expect("it is sound").scenario;
        let items = scenario.timeline.iter().take(lines).cloned();
        let cause = Cause { invariant: "no-loss".into(), what: "lost".into(), after: None };
        Shrunk {
            needed: items.map(|item| Needed { item, need: need.clone() }).collect(),
            scenario,
            shrunk_cause: cause.clone(),
            cause,
            lines_before: 9,
            runs: 1,
            stopped: None,
            file: "x.yaml".into(),
            seed: 3,
        }
    }

    #[test]
    fn one_sentence_says_what_must_be_there() {
        let said = |lines| shrunk(lines, Need::Passes).sentence();
        assert_eq!(said(0), "fails with nothing going wrong at all");
        assert_eq!(said(1), "fails only while it is there: the attack on west at 2m03s");
        assert_eq!(said(2), "fails only while both are there: the attack on west at 2m03s, the crash of hub-b at 4m");
        assert!(said(3).starts_with("fails only while all three are there: "));
        assert!(said(3).ends_with("the one-way cut from hub-a to west at 1m02s500ms"));
        assert!(said(4).starts_with("fails only while all 4 are there: "));
        assert!(said(4).ends_with("the cut between hub-a and west at 5s"));
        assert!(shrunk(1, Need::NotNeeded).sentence().starts_with("fails with these, of which not each"));
    }

    #[test]
    fn the_file_says_where_it_comes_from_and_is_sound() {
        let file = Shrunk { stopped: Some(Stopped::MostRuns), ..shrunk(1, Need::Passes) }.file();
        assert!(file.starts_with("# Shrunk by Giant Lizard"), "{file}");
        assert!(
            file.contains("from x.yaml, seed 3.\n# It shows no-loss: lost, before any fault.\n# Stopped"),
            "{file}"
        );
        assert!(parse(Path::new("x.yaml"), &file).is_ok());
    }
}
