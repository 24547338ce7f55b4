//! What a disk may leave, told in the plainest way: keep every version, and ask afterwards which of them it was.
use std::collections::BTreeMap;

type Names = BTreeMap<String, usize>;

/// Every version that there ever was. `durable` is the oldest that power loss may leave.
#[derive(Debug, Default)]
pub(super) struct Reference {
    names: Vec<Names>,
    durable: usize,
    files: Vec<FileVersions>,
}

#[derive(Debug, Default)]
struct FileVersions {
    versions: Vec<Vec<u8>>,
    durable: usize,
}

/// The versions that a sync vouches for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vouched {
    file: usize,
    version: usize,
    names: usize,
}

impl Reference {
    pub(super) fn new() -> Self {
        Self { names: vec![Names::new()], durable: 0, files: Vec::new() }
    }

    /// What software sees.
    pub(super) fn seen(&self) -> BTreeMap<String, Vec<u8>> {
        self.live().iter().map(|(name, &file)| (name.clone(), self.bytes(file).to_vec())).collect()
    }

    pub(super) fn file(&self, name: &str) -> Option<usize> {
        self.live().get(name).copied()
    }

    pub(super) fn bytes(&self, file: usize) -> &[u8] {
        self.files[file].versions.last().expect("a file has a version")
    }

    pub(super) fn make(&mut self) -> usize {
        self.files.push(FileVersions { versions: vec![Vec::new()], durable: 0 });
        self.files.len() - 1
    }

    pub(super) fn link(&mut self, name: &str, file: usize) {
        self.rename_in(|names| {
            names.insert(name.to_owned(), file);
        });
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.rename_in(|names| {
            names.remove(name);
        });
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) {
        self.rename_in(|names| {
            let file = names.remove(from).expect("checked by the caller");
            names.insert(to.to_owned(), file);
        });
    }

    pub(super) fn append(&mut self, file: usize, bytes: &[u8]) {
        let next = [self.bytes(file), bytes].concat();
        self.files[file].versions.push(next);
    }

    pub(super) fn truncate(&mut self, file: usize, len: usize) {
        let mut next = self.bytes(file).to_vec();
        next.resize(len, 0);
        self.files[file].versions.push(next);
    }

    pub(super) fn begin_sync(&self, file: usize) -> Vouched {
        Vouched { file, version: self.files[file].versions.len() - 1, names: self.names.len() - 1 }
    }

    pub(super) fn end_sync(&mut self, vouched: Vouched) {
        let file = &mut self.files[vouched.file];
        file.durable = file.durable.max(vouched.version);
        self.durable = self.durable.max(vouched.names);
    }

    /// Takes what power loss left, or says what is wrong with it.
    pub(super) fn power_loss(&mut self, left: &BTreeMap<String, Vec<u8>>) -> Result<(), String> {
        let legal = self.names[self.durable..].iter().any(|names| {
            names.keys().eq(left.keys()) && names.iter().all(|(name, &file)| self.files[file].may_leave(&left[name]))
        });
        if !legal {
            return Err(format!("power loss left {left:?}, which {self:?} never was"));
        }
        *self = Self::new();
        for (name, bytes) in left {
            let file = self.make();
            self.append(file, bytes);
            self.link(name, file);
            self.end_sync(self.begin_sync(file));
        }
        Ok(())
    }

    fn live(&self) -> &Names {
        self.names.last().expect("there is a version of the names")
    }

    fn rename_in(&mut self, change: impl FnOnce(&mut Names)) {
        let mut next = self.live().clone();
        change(&mut next);
        self.names.push(next);
    }
}

impl FileVersions {
    /// A version since the last sync, the append that made it torn or not.
    fn may_leave(&self, bytes: &[u8]) -> bool {
        let since = &self.versions[self.durable..];
        let torn = |pair: &[Vec<u8>]| {
            let (before, after) = (&pair[0], &pair[1]);
            after.starts_with(before) && after.starts_with(bytes) && bytes.starts_with(before)
        };
        since.iter().any(|version| version == bytes) || since.windows(2).any(torn)
    }
}
