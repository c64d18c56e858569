//! A node of a consortium of one.

use std::path::{Path, PathBuf};

use crate::{free_port, wait_until, Process};

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
        let process = Self::run(folder, chain, port, true);
        let node = Self {
            process,
            chain,
            port,
            folder: folder.to_owned(),
        };
        node.wait();
        node
    }

    fn run(folder: &Path, chain: &str, port: u16, validates: bool) -> Process {
        let base = folder.join(chain);
        let rpc = port.to_string();
        let p2p = free_port().to_string();
        let mut args = vec![
            "--chain",
            chain,
            "--unsafe-force-node-key-generation",
            "--base-path",
            base.to_str().expect("a temporary folder has a plain name"),
            "--rpc-port",
            &rpc,
            "--port",
            &p2p,
            "--no-telemetry",
            "--no-prometheus",
            "--no-mdns",
        ];
        if validates {
            args.extend(["--alice", "--force-authoring"]);
        }
        Process::start("salus-node", &args, folder.join(format!("{chain}.log")))
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

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// On the same port, with what it had stored.
    pub fn restart(&mut self) {
        self.process = Self::run(&self.folder, self.chain, self.port, true);
        self.wait();
    }

    /// As [`Node::restart`], but it makes no blocks, and nobody sends it any: it answers by a head
    /// that gets older.
    pub fn restart_cut_off(&mut self) {
        self.process = Self::run(&self.folder, self.chain, self.port, false);
        self.wait();
    }

    /// It holds its connections and answers nobody.
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    pub fn go_on(&self) {
        self.process.signal("CONT");
    }
}
