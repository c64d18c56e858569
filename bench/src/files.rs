//! Megabytes per second, from a file in clear to an acknowledged upload and back to a file in clear,
//! beside what `age` alone and a plain copy take for the same bytes on the same disk.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufReader, BufWriter, Seek, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};
use rand::{rngs::StdRng, RngCore, SeedableRng};
use reqwest::Body;
use salus_client::{
    chain::{calls, Chain},
    files::{
        manifest::{Description, Manifest},
        object::{build_record, open_payload, BuiltRecord},
        Place,
    },
    taxonomy::Category,
    vault::{self, Location, Reach, Session, Vault},
};
use salus_primitives::Cid;
use serde_json::{json, Value};

use crate::{figures::median, world::World};

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, default_value = "ws://127.0.0.1:9944")]
    node: String,
    /// The vault's URL, as the chain names it
    #[arg(long, default_value = "http://127.0.0.1:8040")]
    vault: String,
    /// The file's size
    #[arg(long, default_value_t = 256)]
    mib: u64,
    /// Runs, of which the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Where files are made and removed again [default: the system's folder for temporary files]
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub async fn run(args: Args) -> Result<(String, Value)> {
    ensure!(
        args.mib > 0 && args.runs > 0,
        "--mib and --runs must be at least 1"
    );
    let chain = Chain::connect(&args.node, None).await?;
    let world = World::create(&chain, 1).await?;
    let vault = Vault::new(&args.vault, 0, chain.genesis(), Reach::Development)?;
    let session = vault.sign_in(&world.owner).await?;
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let clear = folder.path().join("clear");
    write_noise(&clear, args.mib)?;

    let mut took: [Vec<Duration>; 7] = [const { Vec::new() }; 7];
    for _ in 0..args.runs {
        let run = Run {
            chain: &chain,
            world: &world,
            session: &session,
            folder: folder.path(),
            clear: &clear,
        };
        let plain = run.alone()?;
        let salus = run.salus().await?;
        for (times, time) in took.iter_mut().zip(plain.into_iter().chain(salus)) {
            times.push(time);
        }
    }
    let [copy, encrypt, decrypt, build, send, fetch, open] =
        took.map(|times| median(&times).unwrap_or_default());
    let upload = build + send;
    let download = fetch + open;
    Ok(report(
        args.mib,
        &[
            ("plain copy", copy, None),
            ("age encrypt", encrypt, None),
            ("upload, in all", upload, Some(encrypt)),
            ("  encrypt, address", build, Some(encrypt)),
            ("  send, store", send, None),
            ("age decrypt", decrypt, None),
            ("download, in all", download, Some(decrypt)),
            ("  fetch, verify", fetch, None),
            ("  decrypt, verify", open, Some(decrypt)),
        ],
    ))
}

fn report(mib: u64, rows: &[(&str, Duration, Option<Duration>)]) -> (String, Value) {
    let mb = (mib * 1024 * 1024) as f64 / 1e6;
    let mut table = format!("{:<20} {:>8} {:>8}\n", "work", "MB/s", "x age");
    let mut json = Vec::new();
    for (work, took, age) in rows {
        let speed = mb / took.as_secs_f64();
        let ratio = age.map(|age| age.as_secs_f64() / took.as_secs_f64());
        let shown = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let _ = writeln!(table, "{work:<20} {speed:>8.0} {shown:>8}");
        json.push(json!({ "work": work.trim(), "mb_per_second": speed, "of_age": ratio }));
    }
    (table, json!({ "mib": mib, "results": json }))
}

/// What all runs share.
struct Run<'a> {
    chain: &'a Chain,
    world: &'a World,
    session: &'a Session<'a>,
    folder: &'a Path,
    clear: &'a Path,
}

impl Run<'_> {
    /// What copying, and encrypting and decrypting with nothing around it, take.
    fn alone(&self) -> Result<[Duration; 3]> {
        let key = age::x25519::Identity::generate();
        let to = key.to_public();
        let copied = timed(|| {
            let mut out = self.create("copy")?;
            io::copy(&mut self.read(self.clear)?, &mut out)?;
            Ok(out.flush()?)
        })?;
        let sealed = self.folder.join("sealed");
        let encrypted = timed(|| {
            let out = self.create("sealed")?;
            let mut out =
                age::Encryptor::with_recipients([&to as &dyn age::Recipient].into_iter())?
                    .wrap_output(out)?;
            io::copy(&mut self.read(self.clear)?, &mut out)?;
            Ok(out.finish()?.flush()?)
        })?;
        let decrypted = timed(|| {
            let mut opened = age::Decryptor::new(self.read(&sealed)?)?
                .decrypt(std::iter::once(&key as &dyn age::Identity))?;
            let mut out = self.create("opened")?;
            io::copy(&mut opened, &mut out)?;
            Ok(out.flush()?)
        })?;
        Ok([copied, encrypted, decrypted])
    }

    /// The same bytes as a record: built, stored, anchored, fetched, verified and opened.
    async fn salus(&self) -> Result<[Duration; 4]> {
        let started = Instant::now();
        let built = self.build()?;
        let build = started.elapsed();

        let started = Instant::now();
        self.session
            .upload(&built.object.cid(), || {
                Body::wrap_stream(built.object.car_stream())
            })
            .await?;
        let send = started.elapsed();

        let record = self.anchor(&built).await?;
        let content = built.object.cid();
        let manifest = built.manifest.clone();
        // Its spool is not read again, and would only fill the disk's cache.
        drop(built);

        let started = Instant::now();
        let sealed = self.fetch(record, &content).await?;
        let fetch = started.elapsed();

        let open = timed(|| self.open(sealed, &manifest))?;
        Ok([build, send, fetch, open])
    }

    fn build(&self) -> Result<BuiltRecord> {
        let description = Description {
            title: "Benchmark".into(),
            category: Category::Imaging,
            code: None,
            date: "2026-01-01T00:00:00Z".into(),
            media_type: "application/octet-stream".into(),
            sensitivity: Vec::new(),
        };
        let owner = self.world.owner.account();
        let place = Place::new(self.chain.genesis(), self.world.patient, owner);
        let clear = self.read(self.clear)?;
        let length = std::fs::metadata(self.clear)?.len();
        let to = self.world.key.public();
        Ok(build_record(
            &place,
            &description,
            &to,
            clear,
            length,
            self.folder,
        )?)
    }

    async fn anchor(&self, built: &BuiltRecord) -> Result<u32> {
        let record = built.new_record(self.world.compartment, 0);
        let call = calls::records::anchor(self.world.patient, None, &record);
        let done = self.chain.submit(&self.world.owner, &call).await?;
        let event = done
            .event("Records", "RecordAnchored")
            .context("an anchored record has an event")?;
        let record = event.fields.get("record").and_then(Value::as_u64);
        Ok(u32::try_from(
            record.context("the event names the record")?,
        )?)
    }

    async fn fetch(&self, record: u32, content: &Cid) -> Result<File> {
        let location = Location::Record(self.world.patient, record);
        let object = self.session.object(location, content, None, None).await?;
        let mut sealed = tokio::fs::File::from_std(tempfile::tempfile_in(self.folder)?);
        object
            .save(vault::File::Payload, &mut sealed, |_| {})
            .await?;
        let mut sealed = sealed.into_std().await;
        sealed.rewind()?;
        Ok(sealed)
    }

    fn open(&self, sealed: File, manifest: &Manifest) -> Result<()> {
        let mut out = self.create("opened")?;
        open_payload(
            std::slice::from_ref(&self.world.key),
            sealed,
            manifest,
            &mut out,
        )?;
        Ok(out.flush()?)
    }

    fn read(&self, path: &Path) -> Result<BufReader<File>> {
        Ok(BufReader::new(File::open(path)?))
    }

    fn create(&self, name: &str) -> Result<BufWriter<File>> {
        Ok(BufWriter::new(File::create(self.folder.join(name))?))
    }
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
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
