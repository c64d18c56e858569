//! A chain that a hospital founded, and that others join, each with a node.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use salus_client::keys::AccountKey;
use serde_json::Value;
use tempfile::TempDir;

use crate::{binary, eventually, salus, Answer, Node};

const ID: &str = "e2e";

/// Members are numbered from 1; the admin of member 2 is `//Member//2`. Member 1 has founded it.
pub struct Founded {
    pub nodes: Vec<Node>,
    specification: PathBuf,
    folder: TempDir,
}

/// What `salus-node session-keys` printed.
#[derive(Clone, Debug)]
pub struct Made {
    pub keys: String,
    pub proof: String,
}

impl Founded {
    /// `terms` are lines of the list of members, such as `delay_days = 1`.
    pub fn with(terms: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let made = make_keys(folder.path(), 1);
        let members = folder.path().join("members.toml");
        let admin = admin(1);
        let list = format!(
            "name = \"E2E\"\nid = \"{ID}\"\n{terms}\n[[member]]\nname = \"General Hospital\"\nkind = \"hospital\"\nadmin = \"{admin}\"\nkeys = \"{}\"\nproof = \"{}\"\n",
            made.keys, made.proof
        );
        fs::write(&members, list).expect("the folder is ours");
        let specification = folder.path().join("chain.json");
        let made = Command::new(binary("salus-node"))
            .arg("consortium")
            .arg(&members)
            .output()
            .expect("the node is built");
        assert!(made.status.success(), "{made:?}");
        fs::write(&specification, made.stdout).expect("the folder is ours");
        let first = Node::start_member(folder.path(), &name(1), &specification, &[]);
        Self {
            nodes: vec![first],
            specification,
            folder,
        }
    }

    /// The next member's node, in step with the first; whether it validates is the chain's affair.
    pub async fn start_next(&mut self) {
        let member = self.nodes.len() + 1;
        let first = &self.nodes[0];
        let peers = [first.address().await];
        let node = Node::start_member(
            self.folder.path(),
            &name(member),
            &self.specification,
            &peers,
        );
        let there = first.finalized().await;
        eventually("the nodes are in step", 60, || async {
            node.finalized().await >= there
        })
        .await;
        self.nodes.push(node);
    }

    /// Session keys of this member, in the keystore of its node.
    pub fn make_keys(&self, member: usize) -> Made {
        make_keys(self.folder.path(), member)
    }

    /// Runs `salus` as this member's admin at its own node, or at the first one.
    pub fn salus(&self, member: usize, line: &str) -> Answer {
        let node = self.nodes.get(member - 1).unwrap_or(&self.nodes[0]);
        self.salus_at(&node.url(), member, line)
    }

    pub fn salus_at(&self, node: &str, member: usize, line: &str) -> Answer {
        let key = format!("//Member//{member}");
        let options = ["--insecure-dev-key", &key];
        let args = options.into_iter().chain(line.split_whitespace());
        salus(&self.profile(member), node, args)
    }

    fn profile(&self, member: usize) -> PathBuf {
        self.folder.path().join(format!("admin-{member}"))
    }
}

fn name(member: usize) -> String {
    format!("node-{member}")
}

/// The address of this member's admin.
fn admin(member: usize) -> String {
    let key = AccountKey::from_uri(&format!("//Member//{member}")).expect("a development key");
    key.account().to_string()
}

fn make_keys(folder: &Path, member: usize) -> Made {
    let keystore = folder
        .join(name(member))
        .join("chains")
        .join(ID)
        .join("keystore");
    let output = Command::new(binary("salus-node"))
        .args(["session-keys", "--owner", &admin(member)])
        .arg("--keystore-path")
        .arg(keystore)
        .output()
        .expect("the node is built");
    assert!(output.status.success(), "{output:?}");
    let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |field: &str| made[field].as_str().expect("a text").to_owned();
    Made {
        keys: text("keys"),
        proof: text("proof"),
    }
}
