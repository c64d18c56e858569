//! A consortium of several members, each with a node and a vault in a network of its own.

use std::{fs, future::Future, path::PathBuf, process::Command, sync::Arc};

use salus_client::{
    actions::{council, organisation, Client},
    chain::{calls, storage_prefix, Block, Call, Chain, Salus},
    profile::Profile,
};
use salus_primitives::{AccountId, ClinicianRole, Genesis};
use serde_json::{json, Value};
use sp_core::H256;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::{
    binary, command_in, credential, in_checkout, run, site::wait, wait_until, world::acting,
    Answer, Site,
};

/// Where each member's node answers those at the same place.
pub const NODE: &str = "ws://127.0.0.1:9944";
/// Several sessions of many blocks of a busy machine.
const PATIENCE: u64 = 300;

/// The network of `./scripts/network`. Members count from 1, their organisations from 0.
pub struct Consortium {
    sites: Vec<Arc<Site>>,
    folder: TempDir,
    genesis: Genesis,
    settings: Vec<(String, String)>,
}

/// Somebody with a profile, at a member's place.
#[derive(Clone)]
pub struct Person {
    site: Arc<Site>,
    pub client: Arc<Client>,
}

impl Person {
    /// What this person does, until it is done.
    pub fn act<F>(&self, work: impl FnOnce(Arc<Client>) -> F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        wait(self.begin(work))
    }

    /// What this person does meanwhile.
    pub fn begin<F>(&self, work: impl FnOnce(Arc<Client>) -> F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.site.spawn(work(self.client.clone()))
    }

    /// Vaults and nodes, as this person reaches them.
    pub fn site(&self) -> &Site {
        &self.site
    }
}

impl Consortium {
    pub fn up(members: usize) -> Self {
        Self::up_with(members, &[])
    }

    /// With these settings of all nodes and vaults, as environment variables.
    pub fn up_with(members: usize, settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let mut consortium = Self {
            sites: Vec::new(),
            folder,
            genesis: Genesis::zero(),
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        };
        consortium.network(&format!("up {members}"));
        for member in 1..=members {
            consortium.enter(member);
        }
        let genesis = consortium.block_hash(1, 0).expect("it has one");
        consortium.genesis = genesis;
        consortium
    }

    /// What `./scripts/network` calls this member's place.
    fn namespace(member: usize) -> String {
        format!("salus-{member}")
    }

    fn enter(&mut self, member: usize) {
        assert_eq!(member, self.sites.len() + 1, "members come one by one");
        let site = Site::within(&Self::namespace(member));
        self.sites.push(Arc::new(site));
    }

    /// One more member's node and vault are there, and follow the chain; the council knows nothing
    /// of them yet. Its number.
    pub fn join(&mut self) -> usize {
        self.network("join");
        let member = self.sites.len() + 1;
        self.enter(member);
        member
    }

    /// What an admitted member does so that it validates and its vault works.
    pub fn introduce(&self, member: usize) {
        let keys = fs::read(self.home(member).join("keys.json")).expect("they were made");
        let keys: Value = serde_json::from_slice(&keys).expect("JSON");
        let bytes = |name: &str| {
            let text = keys[name].as_str().expect("text");
            hex::decode(text.trim_start_matches("0x")).expect("hexadecimal")
        };
        let register = calls::session::set_keys(&bytes("keys"), &bytes("proof"));
        let service = self.person(member, &format!("//Vault//{member}")).client;
        let (url, organisation) = (Self::vault_url(member), Self::organisation(member));
        self.admin(member)
            .act(move |admin| async move {
                admin.submit(&register).await?;
                let role = ClinicianRole::Service;
                credential(&admin, organisation, &service.key, role).await?;
                organisation::set_profile(&admin, None, Some(&url)).await?;
                organisation::publish(&admin).await
            })
            .expect("an admin may");
        self.network(&format!("start {member}"));
        self.healthy(&[member]);
    }

    /// `./scripts/network` with these words.
    #[track_caller]
    pub fn network(&self, words: &str) {
        if let Err(said) = self.try_network(words) {
            panic!("./scripts/network {words}: {said}");
        }
    }

    pub fn try_network(&self, words: &str) -> Result<String, String> {
        let script = in_checkout("scripts/network");
        let release = binary("salus-node");
        let target = release.ancestors().nth(2).expect("cargo's folder");
        let output = Command::new(script)
            .args(words.split_whitespace())
            .envs(self.settings.iter().cloned())
            .env("SALUS_NETWORK", self.path("network"))
            .env("CARGO_TARGET_DIR", target)
            .output()
            .expect("the script is there");
        let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(said(&output.stdout)),
            false => Err(said(&output.stderr)),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A member's folder: `node`, `blobs`, logs.
    pub fn home(&self, member: usize) -> PathBuf {
        self.path("network").join(member.to_string())
    }

    pub fn log(&self, member: usize, program: &str) -> String {
        let log = fs::read(self.home(member).join(format!("{program}.log")));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    pub fn members(&self) -> std::ops::RangeInclusive<usize> {
        1..=self.sites.len()
    }

    pub fn site(&self, member: usize) -> &Arc<Site> {
        &self.sites[member - 1]
    }

    pub fn genesis(&self) -> Genesis {
        self.genesis
    }

    pub fn vault_url(member: usize) -> String {
        format!("http://10.87.0.{member}:8040")
    }

    pub fn organisation(member: usize) -> u32 {
        member as u32 - 1
    }

    fn profile(&self, member: usize, key: &str) -> PathBuf {
        self.path(&format!("people/{member}{}", key.replace('/', "-")))
    }

    /// What `salus` answers the person with this development key, at a member's place.
    pub fn command(&self, member: usize, key: &str, words: &str) -> Answer {
        let profile = self.profile(member, key);
        let mut command = command_in(&Self::namespace(member), &profile, NODE);
        command.args(words.split_whitespace());
        run(command, |_| {})
    }

    /// The person with this development key, at a member's place; for the only patient whose keys they
    /// have.
    pub fn person(&self, member: usize, key: &str) -> Person {
        let folder = self.profile(member, key);
        fs::create_dir_all(folder.parent().expect("it has one")).expect("the folder is ours");
        let profile = Profile::open(&folder)
            .or_else(|_| Profile::create_insecure(&folder, key))
            .expect("the folder is ours");
        let unlocked = profile.unlock("").expect("it is not protected");
        let site = self.site(member).clone();
        let client = site
            .run(async move { Client::connect(profile, unlocked, Some(NODE), None).await })
            .expect("the node listens");
        Person {
            site,
            client: Arc::new(acting(client)),
        }
    }

    pub fn admin(&self, member: usize) -> Person {
        self.person(member, &format!("//Member//{member}"))
    }

    /// The chain, as a member's node tells it.
    pub fn chain(&self, member: usize) -> Chain {
        self.site(member)
            .run(async { Chain::connect(NODE, None).await })
            .expect("the node listens")
    }

    /// What the chain answers at its newest finalized block, at the first member's node.
    pub fn salus<T, F>(&self, question: impl FnOnce(Salus) -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = salus_client::chain::Result<T>> + Send + 'static,
    {
        let answer = self.site(1).run(async move {
            let chain = Chain::connect(NODE, None).await?;
            question(chain.salus().await?).await
        });
        answer.expect("the node answers")
    }

    pub fn ask(&self, member: usize, method: &str, params: Value) -> Option<Value> {
        self.site(member).ask(method, params)
    }

    /// The hash of a member's canonical block of this number.
    pub fn block_hash(&self, member: usize, number: u32) -> Option<H256> {
        let hash = self.ask(member, "chain_getBlockHash", json!([number]))?;
        serde_json::from_value(hash).ok()
    }

    fn head(&self, member: usize, params: Value) -> Option<u32> {
        let header = self.ask(member, "chain_getHeader", params)?;
        let digits = header["number"].as_str()?.trim_start_matches("0x");
        u32::from_str_radix(digits, 16).ok()
    }

    pub fn best(&self, member: usize) -> Option<u32> {
        self.head(member, json!([]))
    }

    /// The newest block that a member's node holds to be final; none if it does not answer.
    pub fn finalized(&self, member: usize) -> Option<Block> {
        let hash = self.ask(member, "chain_getFinalizedHead", json!([]))?;
        let number = self.head(member, json!([hash]))?;
        let hash = serde_json::from_value(hash).ok()?;
        Some(Block { number, hash })
    }

    pub fn height(&self, member: usize) -> u32 {
        self.finalized(member).map_or(0, |block| block.number)
    }

    /// The admins whose nodes make and finalize blocks now.
    pub fn validators(&self, member: usize) -> Vec<AccountId> {
        let chain = self.chain(member);
        let key = storage_prefix("Session", "Validators");
        self.site(member)
            .run(async move { chain.storage(&key, chain.finalized().await?.hash).await })
            .expect("the node answers")
            .unwrap_or_default()
    }

    /// Waits until this member's node has finalized so many blocks more.
    #[track_caller]
    pub fn goes_on(&self, member: usize, blocks: u32) {
        let mut from = None;
        wait_until(&format!("node {member} finalizes"), PATIENCE, || {
            let Some(now) = self.finalized(member) else {
                return false;
            };
            now.number >= *from.get_or_insert(now.number) + blocks
        });
    }

    /// Waits until the others have caught up with this height.
    #[track_caller]
    pub fn reach(&self, members: &[usize], height: u32) {
        for member in members {
            wait_until(
                &format!("node {member} finalizes {height}"),
                PATIENCE,
                || self.height(*member) >= height,
            );
        }
    }

    /// What a vault says of itself; none if it does not answer.
    pub fn health(&self, member: usize) -> Option<u16> {
        let url = format!("{}/health", Self::vault_url(member));
        Some(self.site(member).get(&url)?.0)
    }

    #[track_caller]
    pub fn healthy(&self, members: &[usize]) {
        for member in members {
            wait_until(&format!("vault {member} is healthy"), PATIENCE, || {
                self.health(*member) == Some(200)
            });
        }
    }

    /// The council decides: the first of these members' admins proposes, which is a vote for it, and the
    /// others vote until it is carried. Where it has to be announced, it is carried out, too.
    pub fn decide(&self, members: &[usize], call: Call, announced: bool) -> council::Outcome {
        let (first, others) = members.split_first().expect("somebody proposes");
        let proposed = self.admin(*first).act(move |client| async move {
            match announced {
                true => council::announce(&client, &call).await,
                false => council::propose(&client, &call).await,
            }
        });
        let proposed = proposed.expect("an admin may propose");
        let mut outcome = proposed.outcome;
        for other in others {
            let Some(proposal) = proposed.proposal.filter(|_| !outcome.executed) else {
                break;
            };
            let vote = move |client: Arc<Client>| async move {
                council::vote(&client, proposal, true).await
            };
            outcome = self
                .admin(*other)
                .act(vote)
                .expect("an admin may vote")
                .outcome;
        }
        assert!(outcome.executed, "too few have voted");
        let Some(decision) = outcome.decision else {
            return outcome;
        };
        let enact =
            move |client: Arc<Client>| async move { council::enact(&client, decision).await };
        self.admin(*first).act(enact).expect("its time has come")
    }
}

impl Drop for Consortium {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kept = self.path("network");
            let target = binary("salus-node").with_file_name("network-logs");
            let _ = fs::remove_dir_all(&target);
            for member in self.members() {
                let (from, to) = (
                    kept.join(member.to_string()),
                    target.join(member.to_string()),
                );
                let _ = fs::create_dir_all(&to);
                for log in ["node.log", "vault.log", "setup.log"] {
                    let _ = fs::copy(from.join(log), to.join(log));
                }
            }
            eprintln!("the members' logs are in {}", target.display());
        }
        if let Err(said) = self.try_network("down") {
            eprintln!("./scripts/network down: {said}");
        }
    }
}
