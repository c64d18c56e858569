//! Megabytes per second, from a file in clear to an acknowledged upload and back to a file in clear,
//! beside what `age` alone and a plain copy take for the same bytes on the same disk.

mod alone;
mod program;
mod ranges;
mod report;
mod transfer;

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};
use futures::future::try_join_all;
use rand::{rngs::StdRng, RngCore, SeedableRng};
use salus_client::{
    keys::AccountKey,
    vault::{Reach, Session, Vault},
};
use salus_primitives::ClinicianRole;
use serde_json::Value;

use self::{alone::Alone, program::Program, ranges::Ranges, transfer::Parts, transfer::Transfer};
use crate::{
    population::{self, Population},
    process::{self, cpu, peak_memory},
    world::World,
};

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value = "ws://127.0.0.1:9944")]
    node: String,
    /// The vault's URL, as the chain names it
    #[arg(long, default_value = "http://127.0.0.1:8040")]
    vault: String,
    /// The key that the vault was started with: a vault that cannot report hands nothing out
    #[arg(long, default_value = "//Vault")]
    vault_key: String,
    /// The vault's process, for its CPU time and memory
    #[arg(long)]
    vault_pid: Option<u32>,
    /// The file's size
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    mib: u64,
    /// Runs, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
    /// Clients that send and fetch a file each at the same time; they share --mib between them
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=128))]
    clients: u64,
    /// Leave out what each part of a transfer takes on its own
    #[arg(long)]
    no_parts: bool,
    /// The command line to measure [default: the one beside this program]
    #[arg(long)]
    salus: Option<PathBuf>,
    /// Where files are made and removed again [default: the system's folder for temporary files]
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub async fn run(args: Args) -> Result<(String, Value)> {
    ensure!(
        args.clients <= args.mib,
        "--clients {} cannot share {} MiB: each needs one at least",
        args.clients,
        args.mib
    );
    let salus = process::salus(args.salus.as_deref())?;
    if let Some(pid) = args.vault_pid {
        peak_memory(pid).context("--vault-pid")?;
    }
    let chain = population::connect(&args.node).await?;
    let vault_key = AccountKey::from_uri(&args.vault_key).context("--vault-key")?;
    let population = Population::prepare(&chain, 0, 0, 1).await?;
    let hospital = population.hospitals.first().context("no hospital")?;
    hospital.name_vault(&chain, &args.vault).await?;
    hospital
        .credential(&chain, [(&vault_key, ClinicianRole::Service)])
        .await?;
    let world = World::create(&chain).await?;
    let vault = Vault::new(&args.vault, 0, chain.genesis(), Reach::Development)?;
    let session = vault.sign_in(&world.owner).await?;
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder)
            .with_context(|| format!("cannot make a folder in {}", folder.display()))?,
        None => tempfile::tempdir()?,
    };
    let clear = folder.path().join("clear");
    write_noise(&clear, args.mib)?;
    let transfer = Transfer {
        chain: &chain,
        world: &world,
        session: &session,
        folder: folder.path(),
    };

    let mut figures = Figures::new(args.mib, args.clients, fs::metadata(&clear)?.len());
    let mut record = 0;
    for _ in 0..args.runs {
        figures.alone.push(alone::measure(&clear, folder.path())?);
        if !args.no_parts {
            figures.parts.push(transfer.parts(&clear).await?);
        }
        let (run, anchored) = one(&transfer, &clear, args.vault_pid).await?;
        figures.one.push(run);
        record = anchored;
        let clients = usize::try_from(args.clients)?;
        figures
            .many
            .push(many(&transfer, &vault, args.mib, clients).await?);
    }
    figures.ranges = Some(ranges::measure(&chain, &world, &args.vault, record).await?);
    let network = (args.node.as_str(), args.vault.as_str());
    figures.program = Some(program::measure(&salus, network, &clear, folder.path())?);
    figures.vault_memory = args.vault_pid.map(peak_memory).transpose()?;
    Ok(report::report(&figures))
}

/// What was measured. Of what has several runs, the median is shown.
struct Figures {
    mib: u64,
    clients: u64,
    bytes: u64,
    alone: Vec<Alone>,
    parts: Vec<Parts>,
    one: Vec<Both>,
    many: Vec<Both>,
    ranges: Option<Ranges>,
    program: Option<Program>,
    vault_memory: Option<u64>,
}

impl Figures {
    fn new(mib: u64, clients: u64, bytes: u64) -> Self {
        Self {
            mib,
            clients,
            bytes,
            alone: Vec::new(),
            parts: Vec::new(),
            one: Vec::new(),
            many: Vec::new(),
            ranges: None,
            program: None,
            vault_memory: None,
        }
    }
}

/// An upload and a download of the same bytes.
struct Both {
    upload: Spent,
    download: Spent,
}

/// Time on the clock; CPU time of this program, and of the vault.
struct Spent {
    took: Duration,
    client: Duration,
    vault: Option<Duration>,
}

/// What is spent from here on.
struct Meter {
    vault: Option<u32>,
    started: Instant,
    before: (Duration, Option<Duration>),
}

impl Meter {
    fn start(vault: Option<u32>) -> Result<Self> {
        Ok(Self {
            vault,
            before: (cpu(std::process::id())?, vault.map(cpu).transpose()?),
            started: Instant::now(),
        })
    }

    fn spent(&self) -> Result<Spent> {
        let took = self.started.elapsed();
        let vault = self.vault.map(cpu).transpose()?;
        Ok(Spent {
            took,
            client: cpu(std::process::id())?.saturating_sub(self.before.0),
            vault: vault
                .zip(self.before.1)
                .map(|(after, before)| after.saturating_sub(before)),
        })
    }
}

async fn one(transfer: &Transfer<'_>, clear: &Path, vault: Option<u32>) -> Result<(Both, u32)> {
    let meter = Meter::start(vault)?;
    let sent = transfer.upload(clear).await?;
    let upload = meter.spent()?;
    let record = transfer.anchor(std::slice::from_ref(&sent)).await?;
    let record = *record.first().context("an anchored record has an event")?;
    let opened = transfer.folder.join("opened");
    let meter = Meter::start(vault)?;
    transfer.download(record, &sent, opened.clone()).await?;
    let download = meter.spent()?;
    ensure!(
        fs::metadata(&opened)?.len() == fs::metadata(clear)?.len(),
        "what came back has another length"
    );
    fs::remove_file(opened)?;
    Ok((Both { upload, download }, record))
}

/// As many clients at once, each with a session and a file of its own.
async fn many(transfer: &Transfer<'_>, vault: &Vault, mib: u64, clients: usize) -> Result<Both> {
    let sign_in = || vault.sign_in(&transfer.world.owner);
    let sessions: Vec<Session> = try_join_all((0..clients).map(|_| sign_in())).await?;
    let transfers: Vec<Transfer> = sessions
        .iter()
        .map(|session| Transfer {
            session,
            ..*transfer
        })
        .collect();
    let file = |client| transfer.folder.join(format!("client-{client}"));
    for client in 0..clients {
        write_noise(&file(client), mib / clients as u64)?;
    }
    let meter = Meter::start(None)?;
    let uploads = transfers.iter().enumerate();
    let uploads = uploads.map(|(client, transfer)| async move {
        let clear = transfer.folder.join(format!("client-{client}"));
        transfer.upload(&clear).await
    });
    let sent = try_join_all(uploads).await?;
    let upload = meter.spent()?;
    let records = transfer.anchor(&sent).await?;
    ensure!(records.len() == clients, "not all records were anchored");
    let meter = Meter::start(None)?;
    let downloads = transfers.iter().zip(&records).zip(&sent).enumerate();
    let downloads = downloads.map(|(client, ((transfer, record), sent))| {
        let to = transfer.folder.join(format!("client-{client}"));
        transfer.download(*record, sent, to)
    });
    try_join_all(downloads).await?;
    let download = meter.spent()?;
    for client in 0..clients {
        fs::remove_file(file(client))?;
    }
    Ok(Both { upload, download })
}

/// Bytes that no disk or filesystem can compress.
fn write_noise(path: &Path, mib: u64) -> Result<()> {
    let mut noise = StdRng::from_entropy();
    let mut piece = vec![0; 1024 * 1024];
    let mut out = File::create(path)?;
    for _ in 0..mib {
        noise.fill_bytes(&mut piece);
        out.write_all(&piece)?;
    }
    Ok(out.sync_all()?)
}
