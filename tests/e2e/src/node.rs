//! A node: of a consortium of one, or a member's.

use std::path::{Path, PathBuf};

use salus_client::chain::{Block, Chain};
use serde_json::{json, Value};

use crate::{eventually, free_port, http::install_tls, wait_until, Process};

/// A node that makes blocks.
pub struct Node {
    process: Process,
    /// What its folder and its log are called.
    name: String,
    /// The chain.
    chain: Vec<String>,
    /// What makes it a validator.
    validates: Vec<String>,
    port: u16,
    p2p: u16,
    folder: PathBuf,
}

fn texts(options: &[&str]) -> Vec<String> {
    options.iter().map(|option| (*option).to_owned()).collect()
}

/// The chain, and who else has it on this machine.
fn among(chain: &str, peers: &[String]) -> Vec<String> {
    let mut options = texts(&["--chain", chain, "--allow-private-ip"]);
    if !peers.is_empty() {
        options.push("--reserved-nodes".into());
        options.extend_from_slice(peers);
    }
    options
}

impl Node {
    /// The development preset: one validator, one hospital with the admin `//Alice`.
    pub fn start(folder: &Path) -> Self {
        Self::start_chain(folder, "dev")
    }

    /// A node of another preset.
    pub fn start_chain(folder: &Path, chain: &str) -> Self {
        Self::start_with(folder, chain, &[])
    }

    /// A node of a preset, with these options besides.
    pub fn start_with(folder: &Path, chain: &str, options: &[&str]) -> Self {
        let validates = texts(&["--alice", "--force-authoring"]);
        let chain_options = texts(&[&["--chain", chain], options].concat());
        Self::new(folder, chain, chain_options, validates)
    }

    /// One more validator of the preset of four, such as `bob`, beside these peers.
    pub fn start_local(folder: &Path, who: &str, peers: &[String]) -> Self {
        let chain = among("local", peers);
        let validates = vec![format!("--{who}"), "--force-authoring".into()];
        Self::new(folder, who, chain, validates)
    }

    /// Three of the four validators of a preset: enough to finalize, and none too many.
    pub async fn three_of_four(folder: &Path) -> [Self; 3] {
        let alice = Self::start_local(folder, "alice", &[]);
        let peers = [alice.address().await];
        let bob = Self::start_local(folder, "bob", &peers);
        let charlie = Self::start_local(folder, "charlie", &peers);
        eventually("blocks are final", 60, || async {
            alice.finalized().await > 1
        })
        .await;
        [alice, bob, charlie]
    }

    /// A node of a member, whose session keys lie in `folder/name`, and who knows these peers.
    pub fn start_member(folder: &Path, name: &str, specification: &Path, peers: &[String]) -> Self {
        let specification = specification
            .to_str()
            .expect("a temporary folder has a plain name");
        let chain = among(specification, peers);
        let validates = texts(&["--validator", "--force-authoring"]);
        Self::new(folder, name, chain, validates)
    }

    fn new(folder: &Path, name: &str, chain: Vec<String>, validates: Vec<String>) -> Self {
        let (port, p2p) = (free_port(), free_port());
        let options = [chain.as_slice(), &validates].concat();
        let node = Self {
            process: run(folder, name, (port, p2p), &options, None),
            name: name.to_owned(),
            chain,
            validates,
            port,
            p2p,
            folder: folder.to_owned(),
        };
        node.wait();
        node
    }

    fn run(&self, options: &[String]) -> Process {
        let ports = (self.port, self.p2p);
        run(&self.folder, &self.name, ports, options, None)
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

    /// What it answers, asked without any library of ours.
    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        install_tls();
        let question = json!({"id": 1, "jsonrpc": "2.0", "method": method, "params": params});
        let answer = reqwest::Client::new()
            .post(format!("http://127.0.0.1:{}", self.port))
            .json(&question)
            .send()
            .await
            .expect("the node answers");
        let answer: Value = answer.json().await.expect("JSON");
        answer["result"].clone()
    }

    /// The library's connection to it, and its finalized blocks from the first one on.
    pub async fn blocks(&self) -> (Chain, Vec<Block>) {
        let chain = Chain::connect(&self.url(), None).await;
        let chain = chain.expect("the node listens");
        let last = chain.finalized().await.expect("it answers").number;
        let mut blocks = Vec::new();
        for number in 1..=last {
            blocks.push(chain.block_at(number).await.expect("it is final"));
        }
        (chain, blocks)
    }

    /// The number of the newest block that it has seen finalized.
    pub async fn finalized(&self) -> u64 {
        let hash = self.rpc("chain_getFinalizedHead", json!([])).await;
        let header = self.rpc("chain_getHeader", json!([hash])).await;
        let number = header["number"]
            .as_str()
            .and_then(|number| number.strip_prefix("0x"));
        number
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .unwrap_or_default()
    }

    /// Where other nodes reach it.
    pub async fn address(&self) -> String {
        let id = self.rpc("system_localPeerId", json!([])).await;
        let id = id.as_str().expect("a name");
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{id}", self.p2p)
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// On the same port, with what it had stored.
    pub fn restart(&mut self) {
        self.process = self.run(&[self.chain.as_slice(), &self.validates].concat());
        self.wait();
    }

    /// As [`Node::restart`], on a computer whose clock is off by this much, such as `+25h`.
    pub fn restart_at(&mut self, clock: &str) {
        self.kill();
        let options = [self.chain.as_slice(), &self.validates].concat();
        let (ports, name) = ((self.port, self.p2p), &self.name);
        self.process = run(&self.folder, name, ports, &options, Some(clock));
        self.wait();
    }

    /// As [`Node::restart`], but it makes no blocks, and nobody sends it any: it answers by a head
    /// that gets older.
    pub fn restart_cut_off(&mut self) {
        self.process = self.run(&self.chain);
        self.wait();
    }

    /// It holds its connections and answers nobody.
    pub fn pause(&self) {
        self.process.pause();
    }

    pub fn go_on(&self) {
        self.process.go_on();
    }
}

fn run(
    folder: &Path,
    name: &str,
    (port, p2p): (u16, u16),
    options: &[String],
    clock: Option<&str>,
) -> Process {
    let base = folder.join(name);
    let (port, p2p) = (port.to_string(), p2p.to_string());
    let mut args = vec![
        "--unsafe-force-node-key-generation",
        "--base-path",
        base.to_str().expect("a temporary folder has a plain name"),
        "--rpc-port",
        &port,
        "--port",
        &p2p,
        "--no-telemetry",
        "--no-prometheus",
        "--no-mdns",
    ];
    args.extend(options.iter().map(String::as_str));
    Process::start_at(
        clock,
        "salus-node",
        &args,
        folder.join(format!("{name}.log")),
    )
}
