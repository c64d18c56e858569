//! A consortium of one, for tests: a real node and a real vault on free ports, and people who use
//! `salus` as they would. All of it is gone when the [`World`] is dropped.

use std::{
    ffi::OsStr,
    fs::File,
    io::Read,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// A process that ends with its owner.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub fn start(program: &str, args: &[&str], log: PathBuf) -> Self {
        let out = File::create(&log).expect("the log's folder is there");
        let child = Command::new(binary(program))
            .args(args)
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file can be shared"))
            .stderr(out)
            .spawn()
            .unwrap_or_else(|e| panic!("{program} does not start: {e}; build it first"));
        Self { child, log }
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was ours");
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of this workspace, as cargo has built it.
pub fn binary(name: &str) -> PathBuf {
    assert_cmd::cargo::cargo_bin(name)
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port is free")
        .port()
}

/// Polls until `done`, or panics with `what` after `seconds`.
pub fn wait_until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(Instant::now() < end, "{what}: not within {seconds} s");
        std::thread::sleep(Duration::from_millis(100));
    }
}

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
        let said = format!("{}{}", self.stdout, self.stderr);
        assert!(
            said.to_lowercase().contains(&words.to_lowercase()),
            "says nothing of {words:?}: {self:#?}"
        );
        self
    }
}

/// A node with the development preset: one validator, one hospital with the admin `//Alice`.
pub struct Node {
    process: Process,
    chain: &'static str,
    port: u16,
    folder: PathBuf,
}

impl Node {
    pub fn start(folder: &Path) -> Self {
        Self::start_chain(folder, "dev")
    }

    /// A node of another preset.
    pub fn start_chain(folder: &Path, chain: &'static str) -> Self {
        let port = free_port();
        let process = Self::run(folder, chain, port);
        let node = Self {
            process,
            chain,
            port,
            folder: folder.to_owned(),
        };
        node.wait();
        node
    }

    fn run(folder: &Path, chain: &str, port: u16) -> Process {
        let base = folder.join(chain);
        Process::start(
            "salus-node",
            &[
                "--chain",
                chain,
                "--alice",
                "--force-authoring",
                "--unsafe-force-node-key-generation",
                "--base-path",
                base.to_str().expect("a temporary folder has a plain name"),
                "--rpc-port",
                &port.to_string(),
                "--port",
                &free_port().to_string(),
                "--no-telemetry",
                "--no-prometheus",
                "--no-mdns",
            ],
            folder.join(format!("{chain}.log")),
        )
    }

    fn wait(&self) {
        let log = &self.process;
        wait_until("the node listens", 60, || {
            log.log().contains("Running JSON-RPC server")
        });
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// On the same port, with what it had stored.
    pub fn restart(&mut self) {
        self.process = Self::run(&self.folder, self.chain, self.port);
        self.wait();
    }
}

/// A folder for everything, and a node in it.
pub struct World {
    pub node: Node,
    folder: TempDir,
}

impl World {
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        Self {
            node: Node::start(folder.path()),
            folder,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file with this content.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the folder is ours");
        path
    }

    /// Runs `salus` as this person, whose profile folder has their name.
    pub fn salus<I, S>(&self, person: &str, args: I) -> Answer
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        salus(&self.path(person), &self.node.url(), args)
    }
}

/// Runs `salus` with a profile folder and a node.
pub fn salus<I, S>(profile: &Path, node: &str, args: I) -> Answer
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut child = Command::new(binary("salus"))
        .arg("--json")
        .arg("--profile")
        .arg(profile)
        .arg("--node")
        .arg(node)
        .args(args)
        .env_remove("SALUS_PROFILE")
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
