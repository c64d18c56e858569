//! Programs of this workspace, as processes that end with their owner.

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// A process that ends with its owner.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Where this run begins in the log.
    from: usize,
}

impl Process {
    /// `log` is continued, so that it tells of all runs.
    pub fn start(program: &str, args: &[&str], log: PathBuf) -> Self {
        Self::start_at(None, program, args, log)
    }

    /// On a computer whose clock is off by this much.
    pub fn start_at(clock: Option<&str>, program: &str, args: &[&str], log: PathBuf) -> Self {
        let from = fs::metadata(&log).map_or(0, |log| log.len() as usize);
        let out = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the log's folder is there");
        let child = Command::new(binary(program))
            .args(args)
            // Any will do for the S3 server of these tests, but there must be one.
            .envs([
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
            ])
            // Not by `faketime`: its process would stand between us and the program.
            .envs(clock.into_iter().flat_map(|clock| {
                [
                    ("FAKETIME", clock),
                    // Else whoever waits for a time does not wait.
                    ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
                    ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketimeMT.so.1"),
                ]
            }))
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file can be shared"))
            .stderr(out)
            .spawn()
            .unwrap_or_else(|e| panic!("{program} does not start: {e}; build it first"));
        Self { child, log, from }
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was ours");
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops every thread of it. The kernel takes them one by one, and the last may still answer
    /// what comes meanwhile: returns when all have stopped.
    pub fn pause(&self) {
        self.signal("STOP");
        let threads = format!("/proc/{}/task", self.id());
        while !fs::read_dir(&threads)
            .expect("it runs")
            .flatten()
            .filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok())
            .all(|stat| has_stopped(&stat))
        {
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill is part of every system");
        assert!(status.success(), "kill -s {name}");
    }

    /// What this run has said.
    pub fn log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(log.get(self.from..).unwrap_or_default()).into_owned()
    }

    /// What all runs have said.
    pub fn whole_log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

/// By a line of `/proc/…/stat`: the state follows the name, which is in parentheses and may hold any.
fn has_stopped(stat: &str) -> bool {
    stat.rsplit_once(") ")
        .is_some_and(|(_, fields)| fields.starts_with('T'))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What lies at this path of the checkout. Read when it runs: clones that share a target folder share
/// its programs, and the clone that built them may be gone.
pub fn in_checkout(path: &str) -> PathBuf {
    let tests = std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo");
    PathBuf::from(tests).join("../..").join(path)
}

/// A program of this workspace, as cargo has built it; any other by its path.
pub fn binary(name: &str) -> PathBuf {
    match name.contains('/') {
        true => name.into(),
        false => assert_cmd::cargo::cargo_bin(name),
    }
}
