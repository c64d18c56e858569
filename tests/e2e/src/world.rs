//! A node, and a folder for everything.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use salus_client::{
    actions::Client,
    profile::{Profile, Unlocked},
};
use tempfile::TempDir;

use crate::{salus, Answer, Node};

/// A folder for everything, and a node in it.
pub struct World {
    pub node: Node,
    folder: TempDir,
}

impl World {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With these options of the node.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        Self {
            node: Node::start_with(folder.path(), "dev", options),
            folder,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
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

    /// A file with words that are not for the command line; its name.
    pub fn words(&self, words: &str) -> String {
        let name = hex::encode(sp_crypto_hashing::blake2_128(words.as_bytes()));
        let path = self.file(&format!("words-{name}"), words);
        path.to_str().expect("a plain name").to_owned()
    }

    /// Runs `salus` as this person, whose profile folder has their name.
    pub fn salus<I, S>(&self, person: &str, args: I) -> Answer
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        salus(&self.path(person), &self.node.url(), args)
    }

    /// The profile of this person; made, with the development key `//World//name`, if it is not there.
    pub fn profile(&self, name: &str) -> (Profile, Unlocked) {
        let key = match name {
            "hospital" => "//Alice".to_owned(),
            name => format!("//World//{name}"),
        };
        let folder = self.path(name);
        let profile = Profile::open(&folder)
            .or_else(|_| Profile::create_insecure(&folder, &key))
            .expect("the folder is ours");
        let unlocked = profile.unlock("").expect("it is not protected");
        (profile, unlocked)
    }

    /// This person at the node, through the library; for the only patient whose keys they have.
    pub async fn person(&self, name: &str) -> Client {
        self.person_at(name, &self.node.url()).await
    }

    /// The same at another node, or at what claims to be one.
    pub async fn person_at(&self, name: &str, node: &str) -> Client {
        let (profile, unlocked) = self.profile(name);
        let client = Client::connect(profile, unlocked, Some(node), None)
            .await
            .expect("the node listens");
        acting(client)
    }
}

/// Whoever has the keys of one patient acts for that patient.
pub(crate) fn acting(client: Client) -> Client {
    match client.patient(None) {
        Ok(patient) => client.acting_for(patient).expect("the folder is ours"),
        Err(_) => client,
    }
}
