//! One disk: its faults, its chance, and the steps of a sync.
use super::content::{Content, Mark};
use super::directory::{Directory, File, content};
use crate::Dice;
use rand::RngExt;
use std::io;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a sync takes, in nanoseconds, unless slowed: what a data-centre SSD needs.
const SYNC_NS: RangeInclusive<u64> = 100_000..=1_000_000;

/// A host's disk. It outlives the host's boots.
#[derive(Debug)]
pub(crate) struct DiskState {
    directory: Directory,
    dice: Dice,
    /// Counts crashes and power losses: a handle from before one is dead.
    epoch: u64,
    full: bool,
    failing: bool,
    /// How much longer each sync takes.
    slow: Duration,
}

/// An open file, until the next crash or power loss.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    file: File,
    epoch: u64,
}

/// A sync under way: what it vouches for, and how long it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sync {
    pub(super) takes: Duration,
    mark: Mark,
    journal: u64,
}

impl DiskState {
    /// Makes an empty disk. All its chance (how long a sync takes, what is torn) comes from `dice`.
    pub(crate) fn new(dice: Dice) -> Self {
        Self { directory: Directory::default(), dice, epoch: 0, full: false, failing: false, slow: Duration::ZERO }
    }

    /// Forgets the page cache: what was not synced is lost or torn, open handles are dead.
    pub(crate) fn power_loss(&mut self) {
        self.epoch += 1;
        self.directory.power_loss(&mut self.dice);
    }

    /// Keeps the page cache: only the open handles are dead.
    pub(crate) fn crash(&mut self) {
        self.epoch += 1;
    }

    /// Sets whether appends, new files, renames, replacements and syncs answer `StorageFull`. Nothing that is there
    /// is lost; reading, removing and shortening go on.
    pub(crate) fn set_full(&mut self, on: bool) {
        self.full = on;
    }

    /// Sets whether every call answers an I/O error (`EIO`), a sync under way included.
    pub(crate) fn set_error(&mut self, on: bool) {
        self.failing = on;
    }

    /// Sets how much longer than usual (100 us to 1 ms, drawn) each sync takes.
    pub(crate) fn set_slow_sync(&mut self, by: Duration) {
        self.slow = by;
    }

    /// Opens a file, made if absent.
    pub(super) fn open(&mut self, path: &str) -> io::Result<OpenFile> {
        self.check_working()?;
        check_path(path)?;
        if let Some(file) = self.directory.file(path) {
            return Ok(OpenFile { file: Arc::clone(file), epoch: self.epoch });
        }
        self.check_room()?;
        let made = self.nameless(&[])?;
        self.directory.link(path, &made.file)?;
        Ok(made)
    }

    pub(super) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.check_working()?;
        check_path(path)?;
        let file = self.directory.file(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(content(file).read(0, usize::MAX))
    }

    /// Makes a file that has no name yet (Linux: `O_TMPFILE`): until it is linked, nobody else can see it, and a
    /// power loss leaves nothing of it behind.
    pub(super) fn nameless(&self, bytes: &[u8]) -> io::Result<OpenFile> {
        self.check_working()?;
        self.check_room()?;
        let mut made = Content::default();
        made.append(bytes);
        Ok(OpenFile { file: Arc::new(Mutex::new(made)), epoch: self.epoch })
    }

    /// Puts an open file at `path`, in place of the one that was there.
    pub(super) fn link(&mut self, path: &str, file: &OpenFile) -> io::Result<()> {
        self.check(file)?;
        self.check_room()?;
        check_path(path)?;
        self.directory.link(path, &file.file)
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.check_working()?;
        self.check_room()?;
        check_path(from)?;
        check_path(to)?;
        self.directory.rename(from, to)
    }

    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        self.check_working()?;
        check_path(path)?;
        self.directory.unlink(path)
    }

    pub(super) fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.check_working()?;
        if !dir.is_empty() {
            check_path(dir)?;
        }
        Ok(self.directory.list(dir))
    }

    pub(super) fn append(&self, file: &OpenFile, bytes: &[u8]) -> io::Result<()> {
        self.check(file)?;
        self.check_room()?;
        content(&file.file).append(bytes);
        Ok(())
    }

    /// Reads at most `len` bytes: fewer where the file ends.
    pub(super) fn read_at(&self, file: &OpenFile, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.check(file)?;
        // Behind the end of any file, where a program's memory ends.
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(content(&file.file).read(offset, len))
    }

    pub(super) fn len(&self, file: &OpenFile) -> io::Result<u64> {
        self.check(file)?;
        Ok(content(&file.file).len() as u64)
    }

    /// Cuts a file, or lengthens it with zeros.
    pub(super) fn truncate(&self, file: &OpenFile, len: u64) -> io::Result<()> {
        self.check(file)?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut held = content(&file.file);
        if len > held.len() {
            self.check_room()?;
        }
        held.truncate(len);
        Ok(())
    }

    /// Begins a sync: it vouches for what is written and named now.
    pub(super) fn begin_sync(&mut self, file: &OpenFile) -> io::Result<Sync> {
        self.check(file)?;
        self.check_room()?;
        let drawn = Duration::from_nanos(self.dice.random_range(SYNC_NS));
        let mark = content(&file.file).mark();
        Ok(Sync { takes: drawn.saturating_add(self.slow), mark, journal: self.directory.position() })
    }

    /// Ends a sync: what it vouches for survives power loss from now on.
    pub(super) fn end_sync(&mut self, file: &OpenFile, sync: Sync) -> io::Result<()> {
        self.check(file)?;
        content(&file.file).settle(sync.mark);
        self.directory.commit(sync.journal);
        Ok(())
    }

    fn check(&self, file: &OpenFile) -> io::Result<()> {
        if file.epoch != self.epoch {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        self.check_working()
    }

    fn check_working(&self) -> io::Result<()> {
        if self.failing { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(()) }
    }

    fn check_room(&self) -> io::Result<()> {
        if self.full { Err(io::Error::from_raw_os_error(libc::ENOSPC)) } else { Ok(()) }
    }
}

/// A path is `name` or `dir/name`.
fn check_path(path: &str) -> io::Result<()> {
    let sound = |part: &str| !matches!(part, "" | "." | "..");
    if path.split('/').count() <= 2 && path.split('/').all(sound) {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{path}` is neither a name nor dir/name")))
    }
}
