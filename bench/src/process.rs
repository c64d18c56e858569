//! What processes of this machine used: CPU time and memory, from `/proc`, and bytes on disk.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{ensure, Context, Result};

/// Ticks a second in `/proc/PID/stat`: the same on every Linux that Salus runs on.
const TICKS: u64 = 100;

/// The CPU time that a process and its threads have used.
pub fn cpu(pid: u32) -> Result<Duration> {
    let stat = read(pid, "stat")?;
    // The second field is a name in brackets, which may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("a stat without a name")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || -> Result<u64> { Ok(fields.next().context("a short stat")?.parse()?) };
    let ticks = next()? + next()?;
    Ok(Duration::from_millis(ticks * 1_000 / TICKS))
}

/// The most memory that a process has had so far, in bytes.
pub fn peak_memory(pid: u32) -> Result<u64> {
    let status = read(pid, "status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("a status without VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

fn read(pid: u32, what: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{what}"))
        .with_context(|| format!("process {pid} does not run, or belongs to somebody else"))
}

/// The command line: the one that is named, or the one that was built together with this program.
pub fn salus(named: Option<&Path>) -> Result<PathBuf> {
    let found = match named {
        Some(named) => named.to_owned(),
        None => std::env::current_exe()?.with_file_name("salus"),
    };
    ensure!(
        found.is_file(),
        "there is no {}: build it, or name it with --salus",
        found.display()
    );
    Ok(found)
}

/// The processor's name, and how many of it.
pub fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|name| name.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} x {}", name.unwrap_or("unknown"))
}

/// What a folder and all in it take up on disk, in bytes.
pub fn on_disk(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = match entry.metadata() {
            Ok(found) => found,
            // A database removes files while we look.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        bytes += match found.is_dir() {
            true => on_disk(&entry.path())?,
            false => found.blocks() * 512,
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let pid = std::process::id();
        let before = cpu(pid).unwrap();
        let mut x = 1u64;
        while cpu(pid).unwrap() < before + Duration::from_millis(50) {
            for i in 0..10_000 {
                x = std::hint::black_box(x.wrapping_mul(3).wrapping_add(i));
            }
        }
        assert!(peak_memory(pid).unwrap() > 1 << 20);
        assert!(cpu(u32::MAX - 1).is_err());
    }

    #[test]
    fn folders_are_counted_with_all_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let empty = on_disk(folder.path()).unwrap();
        fs::write(inner.join("file"), vec![7; 1 << 20]).unwrap();
        let file = fs::File::open(inner.join("file")).unwrap();
        file.sync_all().unwrap();
        assert!(on_disk(folder.path()).unwrap() >= empty + (1 << 20));
    }
}
