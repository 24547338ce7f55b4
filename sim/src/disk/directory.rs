//! Names, and the journal that makes their changes durable in order.
use super::content::{Content, survivors};
use crate::Dice;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file, whatever its name. Shared by names and open handles, so that a removed file lives as long as a handle to
/// it and no longer. (A mutex because handles must be `Send`; a world has one thread, so it is never contended.)
pub(super) type File = Arc<Mutex<Content>>;

/// Reaches into a file. A panic of software cannot have left it half changed: no software runs inside.
pub(super) fn content(file: &File) -> MutexGuard<'_, Content> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A change of names.
#[derive(Clone, Debug)]
enum Change {
    /// `name` is this file from now on, whatever it was before.
    Link {
        name: String,
        file: File,
    },
    Unlink {
        name: String,
    },
    /// In one change, so that no power loss can leave both names or none.
    Rename {
        from: String,
        to: String,
    },
}

/// Two views of the names: the one that software sees, and the one that power loss would leave.
#[derive(Debug, Default)]
pub(super) struct Directory {
    names: BTreeMap<String, File>,
    durable: BTreeMap<String, File>,
    /// What `names` has and `durable` has not, oldest first.
    journal: VecDeque<Change>,
    /// How many changes have left the journal: a position in it is a number that never moves.
    committed: u64,
}

impl Directory {
    pub(super) fn file(&self, name: &str) -> Option<&File> {
        self.names.get(name)
    }

    /// Gives a name to a file, in place of the one that had it.
    ///
    /// # Errors
    /// `NotADirectory` or `IsADirectory` where a file would have to be both.
    pub(super) fn link(&mut self, name: &str, file: &File) -> io::Result<()> {
        self.check_kind(name)?;
        self.change(Change::Link { name: name.to_owned(), file: Arc::clone(file) });
        Ok(())
    }

    pub(super) fn unlink(&mut self, name: &str) -> io::Result<()> {
        self.check_present(name)?;
        self.change(Change::Unlink { name: name.to_owned() });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.check_present(from)?;
        self.check_kind(to)?;
        if from != to {
            self.change(Change::Rename { from: from.to_owned(), to: to.to_owned() });
        }
        Ok(())
    }

    /// The paths of the files directly in `dir` (`""`: the top), sorted.
    pub(super) fn list(&self, dir: &str) -> Vec<String> {
        let inside = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let from_here_on = self.names.range(inside.clone()..).map(|(name, _)| name);
        let below = from_here_on.take_while(|name| name.starts_with(&inside));
        below.filter(|name| !name[inside.len()..].contains('/')).cloned().collect()
    }

    /// Where the journal ends now.
    pub(super) fn position(&self) -> u64 {
        self.committed + self.journal.len() as u64
    }

    /// Makes the changes before `position` durable.
    pub(super) fn commit(&mut self, position: u64) {
        while self.committed < position
            && let Some(change) = self.journal.pop_front()
        {
            apply(&mut self.durable, change);
            self.committed += 1;
        }
    }

    /// Keeps what is durable and, by chance, the first of the changes that are not; then the files lose what of
    /// their bytes had not been synced.
    pub(super) fn power_loss(&mut self, dice: &mut Dice) {
        let kept = survivors(self.journal.len(), dice);
        self.commit(self.committed + kept as u64);
        self.journal.clear();
        self.names = self.durable.clone();
        for file in self.names.values() {
            content(file).power_loss(dice);
        }
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.names, change.clone());
        self.journal.push_back(change);
    }

    fn check_present(&self, name: &str) -> io::Result<()> {
        if self.names.contains_key(name) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn check_kind(&self, name: &str) -> io::Result<()> {
        if let Some((dir, _)) = name.split_once('/')
            && self.names.contains_key(dir)
        {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        if !self.list(name).is_empty() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(())
    }
}

fn apply(names: &mut BTreeMap<String, File>, change: Change) {
    match change {
        Change::Link { name, file } => {
            names.insert(name, file);
        }
        Change::Unlink { name } => {
            names.remove(&name);
        }
        Change::Rename { from, to } => {
            if let Some(file) = names.remove(&from) {
                names.insert(to, file);
            }
        }
    }
}
