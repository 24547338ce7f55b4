//! A file that is there only once it is whole.
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes beside the file's place, and moves into it when all is written. Dropped before that, it leaves nothing.
#[derive(Debug)]
pub(super) struct Draft {
    out: BufWriter<File>,
    partial: Partial,
    place: PathBuf,
}

/// The file that is not whole yet, taken away unless it was moved.
#[derive(Debug)]
struct Partial {
    path: PathBuf,
    moved: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.moved {
            // What cannot be removed is only left lying about, under a name that says so.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Draft {
    /// Begins the file `name` in a folder. The process is part of the draft's name, so that two that write into one
    /// folder do not mix.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn begin(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(format!(".{name}.{}.partial", std::process::id()));
        let out = BufWriter::new(File::create(&path)?);
        Ok(Self { out, partial: Partial { path, moved: false }, place: folder.join(name) })
    }

    /// Puts what was written in its place, over what was there.
    ///
    /// # Errors
    /// When something could not be written, such as on a full disk.
    pub(super) fn keep(mut self) -> io::Result<()> {
        self.out.flush()?;
        fs::rename(&self.partial.path, &self.place)?;
        self.partial.moved = true;
        Ok(())
    }

    /// Writes a whole file at once.
    ///
    /// # Errors
    /// As the parts.
    pub(super) fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
        let mut draft = Self::begin(folder, name)?;
        draft.write_all(text.as_bytes())?;
        draft.keep()
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("it is there");
        entries.map(|entry| entry.expect("it is there").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_file_of_before_stays_until_the_new_one_is_whole_and_nothing_else_is_left() {
        let folder = std::env::temp_dir().join(format!("lizard-draft-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Draft::write(&folder, "a.txt", "before").expect("it is ours");
        let mut draft = Draft::begin(&folder, "a.txt").expect("it is ours");
        draft.write_all(b"half").expect("it is ours");
        draft.flush().expect("it is ours");
        assert_eq!(fs::read_to_string(folder.join("a.txt")).expect("it is there"), "before");
        drop(draft);
        assert_eq!(names(&folder), ["a.txt"]);
        Draft::write(&folder, "a.txt", "after").expect("it is ours");
        assert_eq!(fs::read_to_string(folder.join("a.txt")).expect("it is there"), "after");
        fs::remove_dir_all(&folder).expect("it is ours");
    }
}
