//! The figures as a table for people, and as JSON.

use std::{fmt::Write, time::Duration};

use serde_json::{json, Value};

use super::{Figures, Spent};
use crate::figures::{median, Latency};

pub(super) fn report(figures: &Figures) -> (String, Value) {
    let mb = figures.bytes as f64 / 1e6;
    // The clients share the file's size between them, in whole MiB.
    let shared = (figures.mib / figures.clients * figures.clients * 1024 * 1024) as f64 / 1e6;
    let alone = |take: fn(&super::Alone) -> Duration| middle(&figures.alone, take);
    let (encrypt, decrypt) = (alone(|a| a.encrypt), alone(|a| a.decrypt));
    let part = |take: fn(&super::Parts) -> Duration| middle(&figures.parts, take);

    let mut rows = Rows::default();
    rows.add("plain copy", mb, alone(|a| a.copy), None);
    rows.add("age encrypt", mb, encrypt, None);
    rows.add("age encrypt, fsync", mb, alone(|a| a.encrypt_sync), encrypt);
    let one = |take: fn(&super::Both) -> &Spent| spent(&figures.one, take);
    let (up, client, vault) = one(|both| &both.upload);
    rows.add("upload", mb, up, encrypt);
    rows.cpu(mb, client, vault);
    rows.add("  make alone", mb, part(|p| p.make), encrypt);
    rows.add("  send, store alone", mb, part(|p| p.send), encrypt);
    rows.add("age decrypt", mb, decrypt, None);
    let (down, client, vault) = one(|both| &both.download);
    rows.add("download", mb, down, decrypt);
    rows.cpu(mb, client, vault);
    rows.add("  fetch, verify alone", mb, part(|p| p.fetch), decrypt);
    rows.add("  open alone", mb, part(|p| p.open), decrypt);
    let many = |take: fn(&super::Both) -> &Spent| spent(&figures.many, take).0;
    let scaled = |time: Option<Duration>| time.map(|time| time.mul_f64(shared / mb));
    let clients = figures.clients;
    rows.add(
        &format!("upload, {clients} clients"),
        shared,
        many(|both| &both.upload),
        scaled(encrypt),
    );
    rows.add(
        &format!("download, {clients} clients"),
        shared,
        many(|both| &both.download),
        scaled(decrypt),
    );
    if let Some(program) = &figures.program {
        rows.add("salus record add", mb, Some(program.add.took), encrypt);
        rows.add("salus record get", mb, Some(program.get.took), decrypt);
    }

    let mut table = format!(
        "{} MiB, {} runs\n{:<24} {:>8} {:>8} {:>18} {:>17}\n",
        figures.mib,
        figures.one.len(),
        "work",
        "MB/s",
        "x age",
        "client CPU s/GB",
        "vault CPU s/GB"
    );
    table.push_str(&rows.table);
    let mut result = json!({ "mib": figures.mib, "clients": clients, "results": rows.json });
    if let Some(ranges) = &figures.ranges {
        table.push_str(&format!(
            "{:<24} {:>8} {:>8} {:>8}\n",
            "latency, ms", "p50", "p95", "MB/s"
        ));
        latency(&mut table, "first byte", &ranges.first_byte, None);
        for range in &ranges.ranges {
            let name = format!("range of {} KiB", range.kib);
            latency(&mut table, &name, &range.whole, Some(range.mb_per_second));
        }
        result["first_byte"] = json!(ranges.first_byte);
        result["ranges"] = ranges
            .ranges
            .iter()
            .map(|range| {
                json!({ "kib": range.kib, "whole": range.whole, "mb_per_second": range.mb_per_second })
            })
            .collect();
    }
    let mut memory = json!({});
    let mut peak = |name: &str, bytes: u64| {
        let mib = bytes as f64 / 1024.0 / 1024.0;
        let _ = writeln!(table, "{:<24} {mib:>8.0} MiB", format!("memory, {name}"));
        memory[name] = json!(bytes);
    };
    if let Some(program) = &figures.program {
        peak("salus record add", program.add.memory);
        peak("salus record get", program.get.memory);
    }
    if let Some(vault) = figures.vault_memory {
        peak("vault", vault);
    }
    result["peak_memory"] = memory;
    (table, result)
}

#[derive(Default)]
struct Rows {
    table: String,
    json: Vec<Value>,
}

impl Rows {
    /// What was not measured is left out.
    fn add(&mut self, work: &str, mb: f64, took: Option<Duration>, age: Option<Duration>) {
        let Some(took) = took else {
            return;
        };
        let speed = mb / took.as_secs_f64();
        let ratio = age.map(|age| age.as_secs_f64() / took.as_secs_f64());
        let shown = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let _ = writeln!(self.table, "{work:<24} {speed:>8.0} {shown:>8}");
        self.json.push(
            json!({ "work": work.trim(), "mb_per_second": speed, "of_age": ratio, "seconds": took.as_secs_f64() }),
        );
    }

    /// Beside the last row.
    fn cpu(&mut self, mb: f64, client: Option<Duration>, vault: Option<Duration>) {
        let per_gb = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3 / mb);
        let (client, vault) = (per_gb(client), per_gb(vault));
        let shown = |figure: Option<f64>| figure.map(|f| format!("{f:.2}")).unwrap_or_default();
        self.table.pop();
        let _ = writeln!(self.table, " {:>18} {:>17}", shown(client), shown(vault));
        if let Some(row) = self.json.last_mut() {
            row["client_cpu_seconds_per_gb"] = json!(client);
            row["vault_cpu_seconds_per_gb"] = json!(vault);
        }
    }
}

fn middle<T>(runs: &[T], take: impl Fn(&T) -> Duration) -> Option<Duration> {
    median(&runs.iter().map(take).collect::<Vec<_>>())
}

type Medians = (Option<Duration>, Option<Duration>, Option<Duration>);

fn spent<T>(runs: &[T], take: impl Fn(&T) -> &Spent) -> Medians {
    let vault: Vec<Duration> = runs.iter().filter_map(|run| take(run).vault).collect();
    (
        middle(runs, |run| take(run).took),
        middle(runs, |run| take(run).client),
        median(&vault),
    )
}

fn latency(table: &mut String, name: &str, found: &Latency, speed: Option<f64>) {
    let speed = speed.map(|speed| format!("{speed:.0}")).unwrap_or_default();
    let _ = writeln!(
        table,
        "{name:<24} {:>8.1} {:>8.1} {speed:>8}",
        found.p50_ms, found.p95_ms
    );
}
