//! `salus`, as people start it.

use std::{
    ffi::OsStr,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::binary;

/// What `salus` did.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub json: Value,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.code, 0, "{self:#?}");
        self.json
    }

    /// The command failed with this exit code and says these words.
    #[track_caller]
    pub fn fails(self, code: i32, words: &str) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self.says(words)
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(
            self.said().to_lowercase().contains(&words.to_lowercase()),
            "says nothing of {words:?}: {self:#?}"
        );
        self
    }

    /// Everything that it printed.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// `salus` with a profile folder and a node, ready to be given arguments.
pub fn command(profile: &Path, node: &str) -> Command {
    prepare(Command::new(binary("salus")), profile, node)
}

/// The same on a computer whose clock is off by this much, such as `+1h`.
pub fn command_at(clock: &str, profile: &Path, node: &str) -> Command {
    let mut command = Command::new("faketime");
    command.args(["-f", clock]).arg(binary("salus"));
    prepare(command, profile, node)
}

/// The same in a network namespace.
pub fn command_in(namespace: &str, profile: &Path, node: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]);
    command.arg(binary("salus"));
    prepare(command, profile, node)
}

fn prepare(mut command: Command, profile: &Path, node: &str) -> Command {
    command
        .arg("--json")
        .arg("--profile")
        .arg(profile)
        .arg("--node")
        .arg(node);
    for name in ["SALUS_PROFILE", "SALUS_NODE", "SALUS_VAULT", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// Runs `salus` with a profile folder and a node.
pub fn salus<I, S>(profile: &Path, node: &str, args: I) -> Answer
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = command(profile, node);
    command.args(args);
    run(command, |_| {})
}

/// Runs a prepared [`command`]; `during` sees its process as soon as it runs.
pub fn run(mut command: Command, during: impl FnOnce(&Child)) -> Answer {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("salus is built");
    let mut stdout = String::new();
    let mut stderr = String::new();
    let mut err = child.stderr.take().expect("piped");
    let reader = std::thread::spawn(move || {
        let _ = err.read_to_string(&mut stderr);
        stderr
    });
    during(&child);
    let _ = child
        .stdout
        .take()
        .expect("piped")
        .read_to_string(&mut stdout);
    let code = child.wait().expect("it was ours").code().unwrap_or(-1);
    let stderr = reader.join().unwrap_or_default();
    Answer {
        code,
        json: serde_json::from_str(&stdout).unwrap_or(Value::Null),
        stdout,
        stderr,
    }
}
