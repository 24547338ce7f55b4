//! The names that a file declares, gathered from the document itself, so that a mistake inside a part does not make
//! every mention of that part look unknown.
use super::document::Node;
use super::name::{
    ClientName, ConsumerName, DeviceName, HostName, InvariantName, PlaceName, ServiceName, SiteName, SubscriptionName,
};
use crate::invariant;
use crate::systems::{DECLARATIONS, Role};

/// One name that a section declares.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// As the file writes it.
    pub(crate) name: String,
    /// The section's key in the file, and the part's key in it.
    pub(crate) path: [&'static str; 2],
    /// What it is, for people: `hub`.
    pub(crate) what: &'static str,
    /// The schema's format of such names.
    format: &'static str,
    role: Role,
    /// Of a group, how many it has.
    pub(crate) count: Option<u32>,
}

/// Names the hosts that `name: { count }` stands for: `meter` with 2 is meter-0001 and meter-0002; without a count itself.
pub(crate) fn members(name: &str, count: Option<u32>) -> Vec<String> {
    match count {
        None => vec![name.to_owned()],
        Some(count) => (1..=count).map(|number| format!("{name}-{number:04}")).collect(),
    }
}

/// No group has more; a larger one is reported where it stands.
const MOST_MEMBERS: u32 = 100_000;

impl Declared {
    /// Lists what the sections of a document declare, in the order of the registry.
    pub(crate) fn all(root: &Node) -> Vec<Self> {
        let mut all = Vec::new();
        for (section, declares, _) in DECLARATIONS {
            for declares in *declares {
                let part = root.entry(section).and_then(|section| section.value.entry(declares.key));
                for entry in part.map(|part| part.value.entries()).unwrap_or_default() {
                    let count = entry.value.entry("count").filter(|_| declares.role == Role::Client);
                    let count = count.and_then(|count| count.value.text()).and_then(|count| count.parse::<u32>().ok());
                    all.push(Self {
                        name: entry.key.clone(),
                        path: [section, declares.key],
                        what: declares.what,
                        format: declares.format,
                        role: declares.role,
                        count: count.map(|count| count.min(MOST_MEMBERS)),
                    });
                }
            }
        }
        all
    }

    /// The hosts that it stands for.
    pub(crate) fn hosts(&self) -> Vec<String> {
        match (self.role, self.count) {
            (Role::Thing, _) => Vec::new(),
            (Role::Service(prefix), _) => vec![format!("{prefix}{}", self.name)],
            (Role::Client, count) => members(&self.name, count),
        }
    }
}

/// Every name that other parts of the file may mention.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roll {
    sites: Vec<String>,
    /// Hosts that a system of the file has in any case.
    given: Vec<&'static str>,
    declared: Vec<Declared>,
    /// `meter-0001` and so on, of groups.
    members: Vec<String>,
}

/// A host of every system that is no target: the person who operates it.
const OPERATOR: &str = "operator";

impl Roll {
    pub(crate) fn of(root: &Node) -> Self {
        let sites = root.entry("sites").map(|sites| sites.value.entries()).unwrap_or_default();
        let declared = Declared::all(root);
        let has = |(section, ..): &&(&str, _, _)| root.entry(section).is_some();
        let given = DECLARATIONS.iter().filter(has).flat_map(|(_, _, hosts)| *hosts).copied();
        Self {
            sites: sites.iter().map(|entry| entry.key.clone()).collect(),
            given: given.filter(|host| *host != OPERATOR).collect(),
            members: declared.iter().filter(|one| one.count.is_some()).flat_map(Declared::hosts).collect(),
            declared,
        }
    }

    /// `None`: the name is declared, or the format is of no name. Else all that are.
    pub(crate) fn unless_declared(&self, format: &str, name: &str) -> Option<Vec<String>> {
        let hosts_of = |one: &Declared| if one.count.is_some() { vec![one.name.clone()] } else { one.hosts() };
        let of_role = |is_one: fn(Role) -> bool| {
            self.declared.iter().filter(move |one| is_one(one.role)).flat_map(hosts_of).collect::<Vec<_>>()
        };
        let hosts = || {
            let given = self.given.iter().map(|host| (*host).to_owned());
            given.chain(of_role(|role| role != Role::Thing)).collect::<Vec<_>>()
        };
        let of_format = self.declared.iter().filter(|one| one.format == format);
        let is_declarable = DECLARATIONS.iter().flat_map(|(_, declares, _)| *declares).any(|one| one.format == format);
        let declared: Vec<String> = match format {
            SiteName::FORMAT => self.sites.clone(),
            ClientName::FORMAT => of_role(|role| role == Role::Client),
            ServiceName::FORMAT => of_role(|role| matches!(role, Role::Service(_))),
            HostName::FORMAT => hosts(),
            PlaceName::FORMAT => self.sites.iter().cloned().chain(hosts()).collect(),
            InvariantName::FORMAT => invariant::ALL.iter().map(|one| one.name.to_owned()).collect(),
            _ if is_declarable => of_format.clone().map(|one| one.name.clone()).collect(),
            _ => return None,
        };
        let is_member_of = |one: &Declared| {
            let rest = name.strip_prefix(one.name.as_str());
            one.count.is_some() && rest.is_some_and(|_| self.members.iter().any(|member| member == name))
        };
        let may_be_a_member = match format {
            ClientName::FORMAT | HostName::FORMAT | PlaceName::FORMAT => self.declared.iter().any(is_member_of),
            _ => of_format.clone().any(is_member_of),
        };
        let found = declared.iter().any(|one| one == name) || may_be_a_member;
        // Where nothing at all is declared and something must be, that is the mistake, and it is reported where it stands.
        let may_be_none = [ClientName::FORMAT, DeviceName::FORMAT, SubscriptionName::FORMAT, ConsumerName::FORMAT];
        (!found && (!declared.is_empty() || may_be_none.contains(&format))).then_some(declared)
    }
}
