//! A disk that is soon full.

use std::{path::PathBuf, process::Command};

use tempfile::TempDir;

/// A small file system of its own, in memory. Needs root; unmounted when dropped.
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    pub fn of(mib: u64) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(folder.path())
            .output()
            .expect("mount is part of every system");
        assert!(
            output.status.success(),
            "this test fills a disk, and mounts a small one for that: run it as root, where mounting is \
             allowed ({})",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there keeps it until the end.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.folder.path())
            .status();
    }
}
