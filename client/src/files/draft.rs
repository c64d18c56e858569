//! Files in clear that nobody may see before they are whole and verified.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{linkat, open, AtFlags, Mode, OFlags, CWD};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// A file without a name until it is [published](Draft::publish): however the program ends before,
/// nothing of it is left. Where the file system cannot do that, it has a temporary name.
pub struct Draft {
    file: Open,
    folder: PathBuf,
}

enum Open {
    Nameless(File),
    Named(NamedTempFile),
}

impl Draft {
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let mode = Mode::RUSR | Mode::WUSR;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = match open(folder, flags, mode) {
            Ok(file) => Open::Nameless(file.into()),
            Err(_) => Open::Named(
                NamedTempFile::new_in(folder)
                    .map_err(Error::file("make a temporary file in", folder))?,
            ),
        };
        Ok(Self {
            file,
            folder: folder.to_owned(),
        })
    }

    /// Gives the file its name, in place of another that had it.
    pub fn publish(self, path: &Path) -> Result<()> {
        let named = match self.file {
            Open::Named(named) => named,
            Open::Nameless(file) => {
                let own = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
                // A link cannot take another's place: that is what renaming is for.
                tempfile::Builder::new()
                    .make_in(&self.folder, |name| {
                        linkat(CWD, own.as_str(), CWD, name, AtFlags::SYMLINK_FOLLOW)?;
                        file.try_clone()
                    })
                    .map_err(Error::file("write", path))?
            }
        };
        named
            .persist(path)
            .map_err(|error| Error::file("write", path)(error.error))?;
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Open::Nameless(file) => file.write(bytes),
            Open::Named(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_draft_is_not_to_be_seen_before_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        let mut draft = Draft::in_folder(folder.path()).unwrap();
        draft.write_all(b"half").unwrap();
        assert_eq!(names(folder.path()), [""; 0]);
        drop(draft);
        assert_eq!(names(folder.path()), [""; 0]);
        for content in ["whole", "another"] {
            let mut draft = Draft::in_folder(folder.path()).unwrap();
            draft.write_all(content.as_bytes()).unwrap();
            draft.publish(&path).unwrap();
            assert_eq!(names(folder.path()), ["result"]);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert!(Draft::in_folder(&folder.path().join("none")).is_err());
    }
}
