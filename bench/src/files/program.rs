//! The command line itself, as a process of its own: how long it takes, and how much memory.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{ensure, Result};
use salus_client::keys::random_16;

use crate::{population, process};

pub struct Program {
    pub add: Used,
    pub get: Used,
}

pub struct Used {
    pub took: Duration,
    pub memory: u64,
}

struct Salus<'a> {
    binary: &'a Path,
    node: &'a str,
    vault: &'a str,
    folder: &'a Path,
}

/// A new patient adds the file, and gets it back.
pub fn measure(
    binary: &Path,
    (node, vault): (&str, &str),
    clear: &Path,
    folder: &Path,
) -> Result<Program> {
    let salus = Salus {
        binary,
        node,
        vault,
        folder,
    };
    let patient = format!("//Bench//{}", hex::encode(random_16()));
    salus.run("patient", ["--insecure-dev-key", &patient, "keys", "show"])?;
    let key = population::doctor_uri(0);
    salus.run("doctor", ["--insecure-dev-key", &key, "keys", "show"])?;
    let doctor = salus.say("doctor", ["--field", "account", "keys", "show"])?;
    let consent = folder.join("consent.json");
    salus.run(
        "patient",
        [
            OsStr::new("patient"),
            "consent".as_ref(),
            "--organisation=0".as_ref(),
            "--enroller".as_ref(),
            doctor.as_ref(),
            "--out".as_ref(),
            consent.as_ref(),
        ],
    )?;
    salus.run(
        "doctor",
        [OsStr::new("patient"), "enrol".as_ref(), consent.as_ref()],
    )?;
    let add = ["record", "add", "--category", "imaging"].map(OsStr::new);
    let add = salus.run("patient", add.into_iter().chain([clear.as_ref()]))?;
    let got = folder.join("got");
    let get = ["record", "get", "0", "--out"].map(OsStr::new);
    let get = salus.run("patient", get.into_iter().chain([got.as_ref()]))?;
    std::fs::remove_file(got)?;
    Ok(Program { add, get })
}

impl Salus<'_> {
    fn command<A: AsRef<OsStr>>(
        &self,
        profile: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(self.binary);
        command
            .arg("--profile")
            .arg(self.folder.join(profile))
            .args(["--node", self.node, "--vault", self.vault])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn say<A: AsRef<OsStr>>(
        &self,
        profile: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String> {
        let output = self.command(profile, arguments).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn run<A: AsRef<OsStr>>(
        &self,
        profile: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Used> {
        let log = self.folder.join("salus.log");
        let mut command = self.command(profile, arguments);
        command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?);
        let started = Instant::now();
        let mut child = command.spawn()?;
        let mut memory = 0;
        let status = loop {
            // The kernel keeps the peak itself; it is gone with the process.
            memory = process::peak_memory(child.id()).unwrap_or(0).max(memory);
            match child.try_wait()? {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let took = started.elapsed();
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        ensure!(status.success(), "{command:?} failed: {said}");
        Ok(Used { took, memory })
    }
}
