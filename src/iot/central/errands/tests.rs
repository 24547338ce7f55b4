use super::super::commands::tests::command;
use super::*;
use proptest::prelude::*;
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

/// Central's knowledge and its errands.
#[derive(Default)]
struct Office {
    whereabouts: Whereabouts,
    commands: Commands,
    desired: Desired,
    errands: Errands,
    now: Duration,
}

impl Office {
    fn moves(&mut self, hub: &str, generation: u64) {
        self.whereabouts.learn(&"xyz".into(), stay(hub, generation), true);
        self.errands.stir(&"xyz".into());
    }
    fn leaves(&mut self, hub: &str, generation: u64) {
        self.whereabouts.learn(&"xyz".into(), stay(hub, generation), false);
        self.errands.stir(&"xyz".into());
    }
    fn command(&mut self, id: &str) {
        self.commands.add(&"xyz".into(), command(id, 600));
        self.errands.stir(&"xyz".into());
    }
    fn completed(&mut self, id: &str) {
        self.commands.remove("xyz", id);
        self.errands.stir(&"xyz".into());
    }
    fn desire(&mut self, patch: serde_json::Value) {
        let number = self.desired.number("xyz") + 1;
        self.desired.change(&"xyz".into(), number, patch.as_object().unwrap());
        self.errands.stir(&"xyz".into());
    }
    fn due(&mut self) -> Vec<Errand> {
        let owed = Owed { whereabouts: &self.whereabouts, commands: &self.commands, desired: &self.desired };
        self.errands.due(self.now, owed)
    }
    fn done(&mut self, errand: &Errand, outcome: Outcome) {
        self.errands.done(self.now, errand, outcome);
    }
    /// The one errand that is due.
    fn one(&mut self) -> Errand {
        let mut due = self.due();
        assert_eq!(due.len(), 1, "{due:?}");
        due.remove(0)
    }
    fn restart(&mut self) {
        let owed = Owed { whereabouts: &self.whereabouts, commands: &self.commands, desired: &self.desired };
        self.errands = Errands::of(owed);
    }
}

fn stay(hub: &str, generation: u64) -> Stay {
    Stay { hub: hub.into(), generation }
}

fn id(errand: &Errand) -> &str {
    match &errand.what {
        Load::Command(command) => &command.id,
        Load::Desired(..) => "desired",
    }
}

#[test]
fn commands_go_one_after_the_other_to_the_hub_that_has_the_device() {
    let mut office = Office::default();
    office.command("1");
    office.command("2");
    assert_eq!(office.due(), [], "nobody knows where it is");
    office.moves("hub-a", 1);
    let first = office.one();
    assert_eq!((id(&first), &first.stay), ("1", &stay("hub-a", 1)));
    office.errands.stir(&"xyz".into());
    assert_eq!(office.due(), [], "the second would overtake it");
    office.done(&first, Outcome::Taken);
    let second = office.one();
    assert_eq!(id(&second), "2");
    office.done(&second, Outcome::Taken);
    assert_eq!(office.due(), []);
    assert!(office.errands.is_held("xyz", "1") && office.errands.is_held("xyz", "2"));
}

#[test]
fn what_was_not_completed_is_sent_again_after_a_move_in_its_order() {
    let mut office = Office::default();
    office.moves("hub-a", 1);
    for id in ["1", "2", "3"] {
        office.command(id);
    }
    for _ in 0..3 {
        let errand = office.one();
        office.done(&errand, Outcome::Taken);
    }
    office.completed("1");
    assert_eq!(office.due(), []);
    office.leaves("hub-a", 1);
    assert_eq!(office.due(), []);
    office.moves("hub-b", 2);
    let mut again = Vec::new();
    for _ in 0..2 {
        let errand = office.one();
        again.push((id(&errand).to_owned(), errand.stay.hub.to_string()));
        office.done(&errand, Outcome::Taken);
    }
    assert_eq!(again, [("2", "hub-b"), ("3", "hub-b")].map(|(id, hub)| (id.to_owned(), hub.to_owned())));
}

#[test]
fn an_answer_of_the_hub_that_the_device_has_left_counts_for_nothing() {
    let mut office = Office::default();
    office.moves("hub-a", 1);
    office.command("1");
    let old = office.one();
    office.moves("hub-b", 2);
    assert_eq!(office.due(), [], "one at a time");
    office.done(&old, Outcome::Taken);
    assert!(!office.errands.is_held("xyz", "1"));
    let new = office.one();
    assert_eq!((id(&new), &new.stay), ("1", &stay("hub-b", 2)));
}

#[test]
fn failures_are_tried_again_ever_later_and_a_move_ends_the_wait() {
    let mut office = Office::default();
    office.moves("hub-a", 1);
    office.command("1");
    for wait in [1, 2, 4, 8, 10, 10] {
        let errand = office.one();
        office.done(&errand, Outcome::Failed);
        office.errands.stir(&"xyz".into());
        assert_eq!(office.due(), []);
        let due = office.errands.deadline().unwrap();
        assert_eq!(due, office.now + wait * SECOND);
        office.now = due;
    }
    let errand = office.one();
    office.done(&errand, Outcome::Failed);
    office.moves("hub-b", 2);
    assert_eq!(office.one().stay, stay("hub-b", 2));
}

#[test]
fn a_full_hub_gets_the_next_command_when_one_is_done() {
    let mut office = Office::default();
    office.moves("hub-a", 1);
    office.command("1");
    office.command("2");
    let first = office.one();
    office.done(&first, Outcome::Taken);
    let second = office.one();
    office.done(&second, Outcome::Full);
    assert_eq!(office.due(), []);
    office.completed("1");
    assert_eq!(id(&office.one()), "2");
}

#[test]
fn desired_properties_go_whole_and_again_after_each_move_and_do_not_wait_for_commands() {
    let mut office = Office::default();
    office.moves("hub-a", 1);
    office.command("1");
    office.desire(json!({ "fan": "on" }));
    let due = office.due();
    assert_eq!(due.iter().map(id).collect::<Vec<_>>(), ["1", "desired"]);
    office.desire(json!({ "led": 3 }));
    assert_eq!(office.due(), []);
    office.done(&due[1], Outcome::Taken);
    let newer = office.one();
    let document = json!({ "fan": "on", "led": 3, "change": 2 });
    assert_eq!(newer.what, Load::Desired(document.as_object().unwrap().clone(), 2));
    office.done(&newer, Outcome::Taken);
    assert_eq!(office.due(), []);
    office.done(&due[0], Outcome::Taken);
    office.completed("1");
    office.moves("hub-a", 3);
    assert_eq!(id(&office.one()), "desired", "it left and came back");
}

#[test]
fn after_a_restart_everything_open_is_brought_again() {
    let mut office = Office::default();
    office.moves("hub-a", 1);
    office.command("1");
    office.desire(json!({ "fan": "on" }));
    for errand in office.due() {
        office.done(&errand, Outcome::Taken);
    }
    office.restart();
    assert_eq!(office.due().iter().map(id).collect::<Vec<_>>(), ["1", "desired"]);
}

#[derive(Clone, Debug)]
enum Step {
    Command,
    Complete(usize),
    Desire,
    Move(usize),
    Leave,
    End(usize, Outcome),
    Pass(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Taken), Just(Outcome::Full), Just(Outcome::Failed)];
    prop_oneof![
        3 => Just(Step::Command),
        2 => (0usize..9).prop_map(Step::Complete),
        2 => Just(Step::Desire),
        2 => (0usize..3).prop_map(Step::Move),
        1 => Just(Step::Leave),
        6 => (0usize..3, outcome).prop_map(|(which, outcome)| Step::End(which, outcome)),
        3 => (1u64..12).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Each stay of the device sees the open commands in their order, and at last everything is where the device is.
    #[test]
    fn whatever_happens_everything_open_gets_to_the_last_hub_in_order(steps in prop::collection::vec(step(), 0..120)) {
        let (mut office, mut under_way, mut generation, mut made) = (Office::default(), Vec::new(), 0, 0);
        let mut taken: BTreeMap<Stay, Vec<u64>> = BTreeMap::new();
        let mut end = |office: &mut Office, errand: &Errand, outcome, restarted: bool| {
            if let (Load::Command(command), Outcome::Taken, false) = (&errand.what, outcome, restarted) {
                taken.entry(errand.stay.clone()).or_default().push(command.id.parse().unwrap());
            }
            office.done(errand, outcome);
        };
        let mut restarts = 0;
        for step in steps {
            match step {
                Step::Command => { office.command(&made.to_string()); made += 1; }
                Step::Complete(which) => {
                    let open: Vec<String> = office.commands.of("xyz").map(|command| command.id.clone()).collect();
                    if let Some(id) = open.get(which) { office.completed(id); }
                }
                Step::Desire => office.desire(json!({ "n": made })),
                Step::Move(hub) => { generation += 1; office.moves(["a", "b", "c"][hub], generation); }
                Step::Leave => if let Some(stay) = office.whereabouts.stay("xyz").cloned() {
                    office.leaves(&stay.hub, stay.generation);
                },
                Step::End(which, outcome) => if which < under_way.len() {
                    let errand: Errand = under_way.remove(which);
                    end(&mut office, &errand, outcome, restarts > 0);
                },
                Step::Pass(seconds) => office.now += Duration::from_secs(seconds),
                Step::Restart => { office.restart(); under_way.clear(); restarts += 1; }
            }
            under_way.extend(office.due());
            let commands = under_way.iter().filter(|errand| matches!(errand.what, Load::Command(_))).count();
            prop_assert!(commands <= 1 && under_way.len() <= 2, "{under_way:?}");
        }
        office.moves("last", generation + 1);
        for _ in 0..1000 {
            under_way.extend(office.due());
            for errand in std::mem::take(&mut under_way) {
                end(&mut office, &errand, Outcome::Taken, restarts > 0);
            }
            office.now += SECOND;
            if office.errands.stirred.is_empty() && office.errands.deadline().is_none() { break; }
        }
        prop_assert!(office.commands.of("xyz").all(|command| office.errands.is_held("xyz", &command.id)));
        let applied = office.errands.devices.get("xyz").map_or(0, |lanes| lanes.applied);
        prop_assert_eq!(applied, office.desired.number("xyz"));
        for ids in taken.values() {
            prop_assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", taken);
        }
    }
}
