//! The commands that central owes to devices: on its disk from before it accepts them until they are done.
use crate::history::Name;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The most commands that wait for one device, and for all.
const MOST_OF_ONE: usize = 1000;
const MOST: usize = 100_000;

/// A command for a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Command {
    /// Its message id at the hub: the same however often it is sent, so that hub and device know it again.
    pub(super) id: String,
    /// What the device is to do.
    pub(super) name: String,
    /// JSON, letter by letter as it came.
    pub(super) payload: String,
    /// From then on it is not sent any more. Virtual time since the world began.
    pub(super) until: Duration,
}

/// Why a command is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CommandError {
    #[error("too many commands are waiting")]
    Full,
    #[error("another command with this id is waiting")]
    Taken,
}

/// Every command that is not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Name, VecDeque<Arc<Command>>>", into = "BTreeMap<Name, VecDeque<Arc<Command>>>")]
pub(super) struct Commands {
    /// By device, in the order of their acceptance.
    open: BTreeMap<Name, VecDeque<Arc<Command>>>,
    /// When each ends, soonest first.
    ends: BTreeSet<(Duration, Name, String)>,
}

impl Commands {
    /// Says whether a command can be accepted: `false` if this very command waits already, and need not be stored again.
    ///
    /// # Errors
    /// [`CommandError`].
    pub(super) fn may_accept(&self, device: &str, command: &Command) -> Result<bool, CommandError> {
        let waiting = self.open.get(device);
        if let Some(before) = waiting.and_then(|waiting| waiting.iter().find(|before| before.id == command.id)) {
            let same = before.name == command.name && before.payload == command.payload;
            return if same { Ok(false) } else { Err(CommandError::Taken) };
        }
        let full = waiting.map_or(0, VecDeque::len) >= MOST_OF_ONE || self.ends.len() >= MOST;
        if full { Err(CommandError::Full) } else { Ok(true) }
    }

    /// Adds a command behind those that wait.
    pub(super) fn add(&mut self, device: &Name, command: Arc<Command>) {
        self.ends.insert((command.until, device.clone(), command.id.clone()));
        self.open.entry(device.clone()).or_default().push_back(command);
    }

    /// Says whether a command waits, or is at a hub and not done.
    pub(super) fn has(&self, device: &str, id: &str) -> bool {
        self.of(device).any(|command| command.id == id)
    }

    /// The commands of a device, in the order of their acceptance.
    pub(super) fn of(&self, device: &str) -> impl Iterator<Item = &Arc<Command>> {
        self.open.get(device).into_iter().flatten()
    }

    /// The devices for which there are commands.
    pub(super) fn devices(&self) -> impl Iterator<Item = &Name> {
        self.open.keys()
    }

    /// Takes a command away: it is done, or its time is over.
    pub(super) fn remove(&mut self, device: &str, id: &str) {
        let Some(waiting) = self.open.get_mut(device) else { return };
        if let Some(index) = waiting.iter().position(|command| command.id == id) {
            let command = waiting.remove(index).expect("its position was just found");
            self.ends.remove(&(command.until, device.into(), command.id.clone()));
        }
        if waiting.is_empty() {
            self.open.remove(device);
        }
    }

    /// When the next one ends.
    pub(super) fn next_end(&self) -> Option<Duration> {
        self.ends.first().map(|(until, ..)| *until)
    }

    /// Those whose time is over: device and id.
    pub(super) fn over(&self, now: Duration) -> Vec<(Name, String)> {
        let over = self.ends.iter().take_while(|(until, ..)| *until <= now);
        over.map(|(_, device, id)| (device.clone(), id.clone())).collect()
    }
}

impl From<BTreeMap<Name, VecDeque<Arc<Command>>>> for Commands {
    fn from(open: BTreeMap<Name, VecDeque<Arc<Command>>>) -> Self {
        let end = |(device, command): (&Name, &Arc<Command>)| (command.until, device.clone(), command.id.clone());
        let all = open.iter().flat_map(|(device, waiting)| waiting.iter().map(move |command| (device, command)));
        let ends = all.map(end).collect();
        Self { open, ends }
    }
}

impl From<Commands> for BTreeMap<Name, VecDeque<Arc<Command>>> {
    fn from(commands: Commands) -> Self {
        commands.open
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::iot::central) fn command(id: &str, until: u64) -> Arc<Command> {
        let (name, payload) = ("blink".into(), r#"{"n":1}"#.into());
        Arc::new(Command { id: id.into(), name, payload, until: Duration::from_secs(until) })
    }

    fn ids(commands: &Commands, device: &str) -> Vec<String> {
        commands.of(device).map(|command| command.id.clone()).collect()
    }

    #[test]
    fn commands_wait_in_order_until_each_is_done_or_over() {
        let (xyz, mut commands) = (Name::from("xyz"), Commands::default());
        for (id, until) in [("1", 60), ("2", 30), ("3", 90)] {
            commands.add(&xyz, command(id, until));
        }
        commands.remove("xyz", "1");
        commands.remove("xyz", "1");
        commands.remove("abc", "1");
        assert_eq!(ids(&commands, "xyz"), ["2", "3"]);
        assert_eq!(commands.next_end(), Some(Duration::from_secs(30)));
        assert_eq!(commands.over(Duration::from_secs(29)), []);
        assert_eq!(commands.over(Duration::from_secs(30)), [(xyz, "2".to_owned())]);
        commands.remove("xyz", "2");
        commands.remove("xyz", "3");
        assert_eq!(commands, Commands::default());
    }

    #[test]
    fn the_same_command_again_is_stored_once_and_another_under_its_id_is_refused() {
        let mut commands = Commands::default();
        assert_eq!(commands.may_accept("xyz", &command("1", 60)), Ok(true));
        commands.add(&"xyz".into(), command("1", 60));
        assert_eq!(commands.may_accept("xyz", &command("1", 61)), Ok(false));
        let other = Command { name: "beep".into(), ..Command::clone(&command("1", 60)) };
        assert_eq!(commands.may_accept("xyz", &other), Err(CommandError::Taken));
    }

    #[test]
    fn more_than_a_thousand_do_not_wait_for_one_device() {
        let mut commands = Commands::default();
        for id in 0..MOST_OF_ONE {
            commands.add(&"xyz".into(), command(&id.to_string(), 60));
        }
        assert_eq!(commands.may_accept("xyz", &command("x", 60)), Err(CommandError::Full));
        assert_eq!(commands.may_accept("abc", &command("x", 60)), Ok(true));
    }

    #[test]
    fn commands_are_read_back_as_they_were() {
        let mut commands = Commands::default();
        commands.add(&"xyz".into(), command("1", 60));
        commands.add(&"xyz".into(), command("2", 30));
        let read: Commands = serde_json::from_slice(&serde_json::to_vec(&commands).unwrap()).unwrap();
        assert_eq!(read, commands);
    }
}
