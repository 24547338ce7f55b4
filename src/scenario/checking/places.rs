//! Sites, links, and names: one name, one meaning.
use super::super::document::Node;
use super::super::roll::Declared;
use super::Checker;
use crate::systems::DECLARATIONS;
use std::collections::{BTreeMap, BTreeSet};

impl Checker<'_> {
    pub(super) fn sites(&mut self) {
        let sections: Vec<&Node> =
            DECLARATIONS.iter().filter_map(|(key, ..)| Some(&self.root.entry(key)?.value)).collect();
        if sections.is_empty() {
            let keys: Vec<String> = DECLARATIONS.iter().map(|(key, ..)| format!("`{key}:`")).collect();
            let expected = format!("a section of one: {}", keys.join(" or "));
            self.say(self.sound.place, "there is no system to run", expected);
            return;
        }
        let mut inhabited = BTreeSet::new();
        sections.into_iter().for_each(|section| gather_sites(section, &mut inhabited));
        for site in self.scenario.sites.keys() {
            if !inhabited.contains(site.as_str()) {
                self.say(
                    self.key(&["sites", site]),
                    format!("no host is at site `{site}`"),
                    "a host with this `site:`, or no such site",
                );
            }
        }
    }

    /// Hosts and sites share one space of names: faults mention either.
    pub(super) fn names(&mut self) {
        let given = DECLARATIONS.iter().flat_map(|(_, _, hosts)| *hosts);
        let mut taken: BTreeMap<String, String> =
            given.map(|name| ((*name).to_owned(), "a built-in host".to_owned())).collect();
        for site in self.scenario.sites.keys() {
            self.take(&mut taken, site, "site", &["sites", site]);
        }
        for declared in Declared::all(self.sound) {
            let path = [declared.path[0], declared.path[1], declared.name.as_str()];
            if declared.count.is_some() {
                self.take(&mut taken, &declared.name, &format!("group of {}s", declared.what), &path);
            }
            for host in declared.hosts() {
                if !self.take(&mut taken, &host, declared.what, &path) {
                    break;
                }
            }
        }
    }

    fn take(&mut self, taken: &mut BTreeMap<String, String>, name: &str, what: &str, path: &[&str]) -> bool {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 128 || !name.bytes().all(sound) {
            self.say(self.key(path), format!("`{name}` cannot be a name"), "letters, digits, `-` and `_`, at most 128");
            return false;
        }
        if let Some(holder) = taken.get(name) {
            self.say(
                self.key(path),
                format!("the name `{name}` is taken by {holder}"),
                "another name: hosts, groups and sites share one space",
            );
            return false;
        }
        taken.insert(name.to_owned(), format!("a {what}"));
        true
    }

    pub(super) fn links(&mut self) {
        let mut seen = BTreeSet::new();
        for (index, link) in self.scenario.links.iter().enumerate() {
            let place = self.at(&["links", &index.to_string(), "between"]);
            let [a, b] = &link.between;
            if a == b {
                self.say(
                    place,
                    "a link from a site to itself",
                    "two sites; a site's own `latency` is for its own paths",
                );
            } else if !seen.insert((a.min(b), a.max(b))) {
                self.say(place, format!("a second link between `{a}` and `{b}`"), "one link for each pair of sites");
            }
        }
    }
}

/// Every text under a key `site`, however deep.
fn gather_sites<'a>(node: &'a Node, sites: &mut BTreeSet<&'a str>) {
    for entry in node.entries() {
        if entry.key == "site" {
            sites.extend(entry.value.text());
        }
        gather_sites(&entry.value, sites);
    }
}
