//! A vault of one organisation.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use salus_client::keys::AccountKey;

use crate::{free_port, wait_until, Process};

/// A vault on a free port. Its service account is a development key.
pub struct Vault {
    process: Process,
    folder: PathBuf,
    name: String,
    node: String,
    organisation: u32,
    port: u16,
    data: Option<PathBuf>,
    options: Vec<String>,
}

impl Vault {
    fn key(name: &str) -> String {
        format!("//World//{name}")
    }

    /// The account that logs the deliveries of the vault with this name.
    pub fn service(name: &str) -> AccountKey {
        AccountKey::from_uri(&Self::key(name)).expect("a development key")
    }

    /// `name` is that of its files in `folder`; `data` is where it keeps objects, if the options do
    /// not say so. Does not wait: its organisation can credential its account meanwhile.
    pub fn with(
        folder: &Path,
        name: &str,
        node: &str,
        organisation: u32,
        data: Option<PathBuf>,
        options: &[&str],
    ) -> Self {
        let port = free_port();
        let options: Vec<String> = options.iter().map(|option| (*option).into()).collect();
        let process = Self::run(
            folder,
            name,
            node,
            organisation,
            port,
            data.as_deref(),
            &options,
        );
        Self {
            process,
            folder: folder.to_owned(),
            name: name.to_owned(),
            node: node.to_owned(),
            organisation,
            port,
            data,
            options,
        }
    }

    fn run(
        folder: &Path,
        name: &str,
        node: &str,
        organisation: u32,
        port: u16,
        data: Option<&Path>,
        options: &[String],
    ) -> Process {
        let ready = folder.join(format!("{name}.ready"));
        let _ = fs::remove_file(&ready);
        let listen = format!("127.0.0.1:{port}");
        let public = format!("http://{listen}");
        let organisation = organisation.to_string();
        let key = Self::key(name);
        let plain = |path: &Path| path.to_str().expect("a plain name").to_owned();
        let (data, ready) = (data.map(plain), plain(&ready));
        let mut args = vec![
            "--node",
            node,
            "--listen",
            &listen,
            "--public-url",
            &public,
            "--metrics-listen",
            "127.0.0.1:0",
            "--organisation",
            &organisation,
            "--insecure-dev-key",
            &key,
            "--ready-file",
            &ready,
        ];
        if let Some(data) = &data {
            args.extend(["--data", data]);
        }
        args.extend(options.iter().map(String::as_str));
        Process::start("salus-vault", &args, folder.join(format!("{name}.log")))
    }

    pub fn wait(&mut self) {
        let ready = self.folder.join(format!("{}.ready", self.name));
        let process = &mut self.process;
        wait_until("the vault is ready", 60, || {
            assert!(process.is_running(), "it ended: {}", process.log());
            ready.exists()
        });
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    pub fn log(&self) -> String {
        self.process.whole_log()
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// On the same port and folder.
    pub fn restart(&mut self) {
        if self.process.is_running() {
            self.process.kill();
        }
        self.process = Self::run(
            &self.folder,
            &self.name,
            &self.node,
            self.organisation,
            self.port,
            self.data.as_deref(),
            &self.options,
        );
        self.wait();
    }

    /// As [`Vault::restart`], with these options instead of the present ones.
    pub fn restart_with(&mut self, options: &[&str]) {
        self.options = options.iter().map(|option| (*option).into()).collect();
        self.restart();
    }

    /// The roots of whole objects on its disk.
    pub fn whole(&self) -> BTreeSet<String> {
        self.names("roots")
            .into_iter()
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
            .collect()
    }

    /// The roots of objects of which its disk holds blocks, and the names of uploads that it holds parts of.
    pub fn begun(&self) -> BTreeSet<String> {
        let uploads = self.list("staged").into_iter();
        let uploads = uploads.filter(|upload| !entries(&upload.path()).is_empty());
        let uploads = uploads.map(|upload| name_of(&upload));
        self.names("objects").into_iter().chain(uploads).collect()
    }

    fn names(&self, top: &str) -> Vec<String> {
        let kinds = self.list(top).into_iter();
        kinds
            .flat_map(|kind| entries(&kind.path()))
            .map(|entry| name_of(&entry))
            .collect()
    }

    fn list(&self, top: &str) -> Vec<fs::DirEntry> {
        let data = self.data.as_ref().expect("it keeps them in a folder");
        entries(&data.join(top))
    }
}

fn entries(folder: &Path) -> Vec<fs::DirEntry> {
    fs::read_dir(folder).map_or_else(|_| Vec::new(), |found| found.flatten().collect())
}

fn name_of(entry: &fs::DirEntry) -> String {
    entry.file_name().to_string_lossy().into_owned()
}
