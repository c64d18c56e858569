//! From a reader's click to plaintext on disk: `salus open`, started anew each time, on a consortium
//! of `./scripts/network`.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{ensure, Context, Result};
use rand::Rng;
use salus_client::{
    actions::{
        consents, identity, organisation, patient,
        records::{self, NewFile},
        sharing::{self, Sharing, What, Who},
        Client,
    },
    keys::random_16,
    profile::Profile,
    taxonomy::Category,
};
use salus_primitives::{
    rows::{DAY, HOUR},
    AccountId, ClinicianRole, PatientId, Purpose, RecordIndex, Rights,
};
use serde_json::{json, Value};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::{
    figures::{percentile, Latency},
    process,
};

/// Clicks fall anywhere in a slot, so that no wait for one is hidden.
const SLOT: Duration = Duration::from_secs(1);
const CATEGORY: Category = Category::Imaging;

/// What `salus` says of itself, in order, and what it has done by then.
const STAGES: [(&str, &str); 8] = [
    ("connected", "start and connect"),
    ("chosen", "find record and grant"),
    ("sent", "sign and send"),
    ("in a block", "wait for a block"),
    ("finalized", "wait for finality"),
    ("signed in", "entry, and vault session"),
    ("keys", "fetch and open the keys"),
    ("read", "fetch, verify, decrypt, write"),
];

#[derive(clap::Args)]
pub struct Args {
    #[arg(long, env = "SALUS_NODE", default_value = "ws://127.0.0.1:9944")]
    node: String,
    /// Clicks
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// The member whose clinician reads
    #[arg(long, default_value_t = 2)]
    reader: u32,
    /// Another member, whose patient is read every second time
    #[arg(long, default_value_t = 1)]
    other: u32,
    /// Let the member's software open, for a clinician whom it seals
    #[arg(long)]
    software: bool,
    /// Bytes of each record
    #[arg(long, default_value_t = 4_096)]
    size: usize,
    /// The program [default: the one beside this]
    #[arg(long)]
    salus: Option<PathBuf>,
}

/// One patient's record, to be opened.
struct Chart {
    whose: &'static str,
    patient: PatientId,
    record: RecordIndex,
    content: Vec<u8>,
}

/// One opening: all of it, and each stage.
struct Click {
    took: Duration,
    stages: Vec<Duration>,
}

struct Place<'a> {
    args: &'a Args,
    /// For whom software opens.
    person: Option<AccountId>,
    folder: TempDir,
    run: String,
}

pub async fn run(args: Args) -> Result<(String, Value)> {
    ensure!(args.count > 0, "--count must be at least 1");
    ensure!(
        args.reader != args.other,
        "--reader and --other must be two members"
    );
    let salus = process::salus(args.salus.as_deref())?;
    let mut place = Place {
        person: None,
        folder: tempfile::tempdir()?,
        run: hex::encode(random_16()),
        args: &args,
    };
    let physician = ClinicianRole::Physician;
    let reader = match args.software {
        false => {
            let reader = place.clinician(args.reader, "reader", physician).await?;
            identity::publish(&reader).await?;
            reader
        }
        true => {
            let person = place.clinician(args.reader, "person", physician).await?;
            place.person = Some(person.me());
            place.software(args.reader).await?
        }
    };
    let elsewhere = place.clinician(args.other, "elsewhere", physician).await?;
    let enroller = match args.software {
        true => &place.clinician(args.reader, "enroller", physician).await?,
        false => &reader,
    };
    let charts = [
        place.chart("own", enroller, &reader).await?,
        place.chart("another's", &elsewhere, &reader).await?,
    ];

    let mut clicks = [Vec::new(), Vec::new()];
    for number in 0..args.count {
        let pause = rand::thread_rng().gen_range(Duration::ZERO..SLOT);
        tokio::time::sleep(pause).await;
        let (chart, clicks) = (&charts[number % 2], &mut clicks[number % 2]);
        clicks.push(place.click(&salus, chart).await?);
    }
    report(&charts, &clicks)
}

fn report(charts: &[Chart; 2], clicks: &[Vec<Click>; 2]) -> Result<(String, Value)> {
    let of = |clicks: &[&Click]| clicks.iter().map(|click| click.took).collect::<Vec<_>>();
    let all: Vec<&Click> = clicks.iter().flatten().collect();
    let rows = [
        ("all", of(&all)),
        (charts[0].whose, of(&clicks[0].iter().collect::<Vec<_>>())),
        (charts[1].whose, of(&clicks[1].iter().collect::<Vec<_>>())),
    ];
    let mut table = format!(
        "{:<32} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8}\n",
        "patient of, ms", "clicks", "min", "p50", "p95", "p99", "max"
    );
    let mut totals = serde_json::Map::new();
    for (name, times) in &rows {
        if times.is_empty() {
            continue;
        }
        let ms = |percent| percentile(times, percent).unwrap_or_default().as_secs_f64() * 1e3;
        let (latency, min, max) = (Latency::of(times), ms(0), ms(100));
        writeln!(
            table,
            "{name:<32} {:>6} {min:>8.0} {:>8.0} {:>8.0} {:>8.0} {max:>8.0}",
            times.len(),
            latency.p50_ms,
            latency.p95_ms,
            latency.p99_ms,
        )?;
        let figures =
            json!({"clicks": times.len(), "min_ms": min, "latency": latency, "max_ms": max});
        totals.insert((*name).into(), figures);
    }
    writeln!(
        table,
        "\n{:<48} {:>8} {:>8} {:>8}",
        "stage, ms", "p50", "p95", "p99"
    )?;
    let mut stages = Vec::new();
    for (place, (_, name)) in STAGES.iter().enumerate() {
        let times: Vec<_> = all.iter().map(|click| click.stages[place]).collect();
        let latency = Latency::of(&times);
        writeln!(
            table,
            "{name:<48} {:>8.0} {:>8.0} {:>8.0}",
            latency.p50_ms, latency.p95_ms, latency.p99_ms
        )?;
        stages.push(json!({"stage": name, "latency": latency}));
    }
    Ok((table, json!({"clicks": totals, "stages": stages})))
}

impl Place<'_> {
    async fn person(&self, uri: &str) -> Result<Client> {
        let folder = self.profile(uri);
        let profile = match Profile::open(&folder) {
            Ok(profile) => profile,
            Err(_) => Profile::create_insecure(&folder, uri)?,
        };
        let unlocked = profile.unlock("")?;
        Ok(Client::connect(profile, unlocked, Some(&self.args.node), None).await?)
    }

    fn profile(&self, uri: &str) -> PathBuf {
        self.folder.path().join(uri.replace('/', "-"))
    }

    fn uri(&self, name: &str) -> String {
        format!("//Bench//{}//{name}", self.run)
    }

    /// Software of this member, with the keys of its organisation.
    async fn software(&self, member: u32) -> Result<Client> {
        let admin = self.person(&format!("//Member//{member}")).await?;
        organisation::publish(&admin).await?;
        let software = self.clinician(member, "reader", ClinicianRole::Service);
        let software = software.await?;
        identity::publish(&software).await?;
        let (_, key) = organisation::give_key(&admin, &software.me()).await?;
        organisation::take_key(&software, &key).await?;
        Ok(software)
    }

    /// Somebody of this member, new to it.
    async fn clinician(&self, member: u32, name: &str, role: ClinicianRole) -> Result<Client> {
        let admin = self.person(&format!("//Member//{member}")).await?;
        let clinician = self.person(&self.uri(name)).await?;
        let (genesis, now) = (admin.chain.genesis(), admin.clock().await?);
        // Members count from 1, their organisations from 0.
        let consent = consents::credential(
            &clinician.key,
            genesis,
            member.saturating_sub(1),
            role,
            now,
            HOUR,
        )?;
        organisation::credential(&admin, &clinician.me(), role, 365 * DAY, Some(&consent))
            .await
            .context("cannot credential; is this a chain of ./scripts/network?")?;
        Ok(clinician)
    }

    /// A patient whom the doctor's organisation enrols, with one record shared with the reader.
    async fn chart(&self, whose: &'static str, doctor: &Client, reader: &Client) -> Result<Chart> {
        let owner = self.person(&self.uri(whose)).await?;
        let unlocked = owner.profile.unlock("")?;
        let salus = doctor.salus().await?;
        let member = salus.member(&doctor.me()).await?;
        let home = member
            .context("the doctor has no credential")?
            .organisation();
        let until = doctor.clock().await? + HOUR;
        let genesis = doctor.chain.genesis();
        let by = doctor.me();
        let (consent, _) = patient::consent(&owner.profile, &unlocked, genesis, home, &by, until)?;
        let patient: PatientId = patient::enrol(doctor, &consent).await?.patient.parse()?;
        let owner = owner.acting_for(patient)?;

        let mut content = vec![0; self.args.size];
        rand::thread_rng().fill(&mut content[..]);
        let path = self.folder.path().join("record");
        fs::write(&path, &content)?;
        let file = NewFile {
            path,
            title: None,
            category: CATEGORY,
            sensitivity: Vec::new(),
            date: None,
            media_type: None,
            code: None,
        };
        let record = records::add(&owner, patient, &[file]).await?.record;
        let sharing = Sharing {
            with: Who::Account(self.person.clone().unwrap_or_else(|| reader.me())),
            what: What::Categories(vec![CATEGORY], Vec::new()),
            rights: Rights::Read,
            purpose: Purpose::Treat,
            duration: DAY,
            starts_at: None,
            anchored_from: None,
            anchored_until: None,
            in_own_name: false,
        };
        sharing::share(&owner, patient, &sharing).await?;
        Ok(Chart {
            whose,
            patient,
            record,
            content,
        })
    }

    /// Starts the program and waits for its end; then its file must hold the record.
    async fn click(&self, salus: &Path, chart: &Chart) -> Result<Click> {
        let out = self.folder.path().join("out");
        let mut command = Command::new(salus);
        command
            .arg("--profile")
            .arg(self.profile(&self.uri("reader")))
            .args(["--json", "--node", &self.args.node, "open"])
            .args([&chart.patient.to_string(), &chart.record.to_string()])
            .arg("--out")
            .arg(&out)
            .args(
                self.person
                    .iter()
                    .flat_map(|person| ["--person".to_owned(), person.to_string()]),
            )
            .env("RUST_LOG", "salus_client=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", salus.display()))?;
        let said = child.stderr.take().context("no standard error")?;
        let mut said = BufReader::new(said).lines();
        let mut heard = Vec::new();
        while let Some(line) = said.next_line().await? {
            heard.push((started.elapsed(), line));
        }
        let status = child.wait().await?;
        let took = started.elapsed();
        ensure!(
            status.success(),
            "salus open failed: {}",
            heard.last().map_or("", |(_, line)| line.as_str())
        );
        let file = fs::read_dir(&out)?
            .next()
            .context("no file was written")??;
        ensure!(
            fs::read(file.path())? == chart.content,
            "the record that was opened is not the one that was added"
        );
        fs::remove_dir_all(&out)?;
        Ok(Click {
            took,
            stages: stages(&heard),
        })
    }
}

/// How long each stage took. One that was over before the stage before it took no time of its own.
fn stages(heard: &[(Duration, String)]) -> Vec<Duration> {
    let mut until = Duration::ZERO;
    STAGES
        .iter()
        .map(|(said, _)| {
            let marks = |line: &str| {
                serde_json::from_str::<Value>(line)
                    .is_ok_and(|line| line["fields"]["message"] == *said)
            };
            let end = heard
                .iter()
                .rev()
                .find(|(_, line)| marks(line))
                .map_or(until, |(at, _)| (*at).max(until));
            std::mem::replace(&mut until, end).abs_diff(end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_lasts_from_the_end_of_the_one_before() {
        let heard: Vec<_> = [
            (5, "connected"),
            (7, "chosen"),
            (6, "signed in"),
            (9, "read"),
        ]
        .map(|(ms, said)| {
            let line = json!({"fields": {"message": said}}).to_string();
            (Duration::from_millis(ms), line)
        })
        .into();
        let found: Vec<_> = stages(&heard).iter().map(Duration::as_millis).collect();
        assert_eq!(found, [5, 2, 0, 0, 0, 0, 0, 2]);
    }
}
