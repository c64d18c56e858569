//! The log, and what it may say.
//!
//! More people read a log than may know who is ill: it travels to other machines and is kept for
//! years. Beside the chain, even a line without names tells too much, if there is one for each
//! upload. So at INFO and above:
//!
//! - nothing that goes well leaves a line of its own: no upload, reading, copy or erasure;
//! - whatever a line says goes through [`Log`], which replaces ids, addresses, hashes and numbers.
//!   Nobody has to think of it where something is logged, nor do the libraries that log here.
//!
//! An id becomes an **alias**, such as `~1f3a9c02`: eight digits of a hash under a key that each
//! start of the vault makes anew. So two lines about the same object can be told to belong
//! together, and no alias can be turned back. Whoever looks for a fault and needs the names starts
//! the vault with `--log-names`.
//!
//! Texts of other machines are escaped and cut, whatever the settings: nobody writes lines of their
//! own into this log, or moves the cursor of whoever reads it.

use std::fmt::{Debug, Display, Write as _};
use std::io::Write as _;

use rand::RngCore;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::EnvFilter;

/// The longest text of a field.
const MAX_TEXT: usize = 512;
/// Words of so many letters and digits are ids if there is a digit among them.
const ID: usize = 16;
/// Longer words are ids whatever they are made of.
const LONG_ID: usize = 28;
/// Words that begin with so many digits may be sizes or times.
const NUMBER: usize = 4;
const MAX_PORT: usize = 5;
/// Numbers that are about the chain and its members, not about people.
const PLAIN: [&str; 5] = ["organisation", "block", "epoch", "attempt", "lag_ms"];

/// How the log looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// JSON lines.
    pub json: bool,
    /// Names, ids and numbers as they are.
    pub names: bool,
}

/// Logs to stderr, so that stdout carries the ready line only. Panics go there, too.
pub fn init(style: Style) {
    let named = std::env::var("RUST_LOG")
        .ok()
        .filter(|text| !text.is_empty());
    let filter = named.and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info"));
    subscriber(std::io::stderr, filter, style).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a defect")));
}

/// What [`init`] installs, with another writer.
pub fn subscriber<W>(writer: W, filter: EnvFilter, style: Style) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(Log::new(writer, style).with_filter(filter))
}

/// A text for a terminal: of one line, without what moves its cursor.
pub fn escaped(text: &str) -> String {
    let style = Style {
        json: false,
        names: true,
    };
    Log::new(std::io::stderr, style).clean(text)
}

/// Writes each event as a line.
pub struct Log<W> {
    writer: W,
    style: Style,
    key: [u8; 32],
}

impl<W> Log<W> {
    pub fn new(writer: W, style: Style) -> Self {
        let mut key = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut key);
        Self { writer, style, key }
    }

    /// What stands for an id in this run.
    fn alias(&self, id: &str) -> String {
        let digest = Sha256::new().chain_update(self.key).chain_update(id);
        format!("~{}", hex::encode(&digest.finalize()[..4]))
    }

    /// A text as it may be logged.
    fn clean(&self, text: &str) -> String {
        let mut clean = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if clean.len() >= MAX_TEXT {
                clean.push('…');
                break;
            }
            let length = rest
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(length.max(first.len_utf8()));
            let before = &text[..text.len() - rest.len()];
            rest = after;
            if length == 0 {
                match is_harmless(first) {
                    true => clean.push(first),
                    false => clean.extend(first.escape_unicode()),
                }
            } else if self.style.names {
                clean.extend(word.chars().take(MAX_TEXT));
            } else if is_id(word) {
                clean.push_str(&self.alias(word));
            } else if is_number(word) && !is_port(before, word) {
                clean.push('…');
            } else {
                clean.push_str(word);
            }
        }
        clean
    }
}

/// No control character, and none that hides others or changes their order.
fn is_harmless(c: char) -> bool {
    let hides = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    !c.is_control() && !hides
}

fn is_id(word: &str) -> bool {
    let digit = word.bytes().any(|byte| byte.is_ascii_digit());
    word.len() >= LONG_ID || (word.len() >= ID && digit)
}

fn is_number(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits >= NUMBER
}

/// Whether a number follows a host's name or address, as in `127.0.0.1:8040`.
fn is_port(before: &str, word: &str) -> bool {
    let host = before.strip_suffix(':');
    let ends_host = |host: &str| host.ends_with(|c: char| c.is_ascii_alphanumeric() || c == ']');
    word.len() <= MAX_PORT && host.is_some_and(ends_host)
}

/// The fields of an event, cleaned.
struct Fields<'a, W> {
    log: &'a Log<W>,
    message: String,
    others: Map<String, Value>,
    /// Where it comes from, if a library logged it in the older way.
    target: Option<String>,
}

impl<W> Fields<'_, W> {
    fn text(&mut self, field: &Field, text: &str) {
        match field.name() {
            "message" => self.message = self.log.clean(text),
            "log.target" => self.target = Some(self.log.clean(text)),
            name if name.starts_with("log.") => {}
            name => {
                let clean = self.log.clean(text);
                self.others.insert(name.into(), clean.into());
            }
        }
    }

    fn number(&mut self, field: &Field, number: impl Into<Value>) {
        let shown = match self.log.style.names || PLAIN.contains(&field.name()) {
            true => number.into(),
            false => "…".into(),
        };
        if !field.name().starts_with("log.") {
            self.others.insert(field.name().into(), shown);
        }
    }
}

impl<W> Visit for Fields<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.number(field, value.to_string());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.number(field, value.to_string());
    }
}

/// As it is read in a line: texts without quotes.
fn shown(value: &Value) -> &dyn Display {
    match value {
        Value::String(text) => text,
        other => other,
    }
}

impl<S, W> Layer<S> for Log<W>
where
    S: Subscriber,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields {
            log: self,
            message: String::new(),
            others: Map::new(),
            target: None,
        };
        event.record(&mut fields);
        let target = fields
            .target
            .unwrap_or_else(|| metadata.target().to_owned());
        let level = metadata.level();
        let mut time = String::new();
        // Without the time the line is still worth having.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let line = match self.style.json {
            true => {
                fields
                    .others
                    .insert("message".into(), fields.message.into());
                serde_json::json!({
                    "timestamp": time, "level": level.as_str(), "fields": fields.others, "target": target,
                })
                .to_string()
            }
            false => {
                let mut line = format!("{time} {level:>5} {target}: {}", fields.message);
                for (name, value) in &fields.others {
                    // Writing to a string does not fail.
                    let _ = write!(line, " {name}={}", shown(value));
                }
                line
            }
        };
        // There is nobody to tell that the log cannot be written.
        let _ = writeln!(self.writer.make_writer_for(metadata), "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: &str = "0123456789abcdef0123456789abcdef";
    const ACCOUNT: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    const CID: &str = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

    fn log(names: bool) -> Log<fn() -> std::io::Sink> {
        Log::new(std::io::sink, Style { json: false, names })
    }

    #[test]
    fn ids_become_aliases_that_hold_for_one_run() {
        let (one, other) = (log(false), log(false));
        for id in [PATIENT, ACCOUNT, CID, &format!("0x{PATIENT}{PATIENT}")] {
            let text = format!("block {id}/{id} of 'x' is gone ({id})");
            let clean = one.clean(&text);
            assert!(!clean.contains(&id[2..14]), "{clean}");
            assert_eq!(clean.matches(&one.alias(id)).count(), 3, "{clean}");
            assert_ne!(clean, other.clean(&text), "an alias holds for one run");
            assert_eq!(log(true).clean(&text), text);
        }
        assert_ne!(one.alias(PATIENT), one.alias(ACCOUNT));
    }

    #[test]
    fn sizes_and_times_are_left_out_and_what_helps_stays() {
        let log = log(false);
        for hidden in [
            "4096 bytes",
            "4096B",
            "len=104857600",
            "{\"bytes\":123456}",
            "x: 1700000000000",
        ] {
            let clean = log.clean(hidden);
            assert!(clean.contains('…'), "{clean}");
            assert!(!clean.bytes().any(|byte| byte.is_ascii_digit()), "{clean}");
        }
        for kept in [
            "No space left on device (os error 28)",
            "http://127.0.0.1:8040 answered 503 Service Unavailable",
            "wss://node.general-hospital.example:65535/x",
            "[::1]:9944: Connection refused",
            "uninterruptibly misunderstandings",
        ] {
            assert_eq!(log.clean(kept), kept);
        }
    }

    #[test]
    fn texts_of_others_make_no_lines_and_are_cut() {
        for names in [false, true] {
            let log = log(names);
            let evil = "gone\n2026-01-01 ERROR forged\r\u{1b}[2J\u{202e}txet\0\u{feff}";
            let clean = log.clean(evil);
            let hidden = |c: char| c.is_control() || c == '\u{202e}' || c == '\u{feff}';
            assert!(!clean.contains(hidden), "{clean:?}");
            assert!(clean.contains("gone\\u{a}") && clean.contains("\\u{1b}[2J"));
            for long in [
                "word ".repeat(1_000),
                "x".repeat(5_000),
                "\n".repeat(5_000),
                "é".repeat(5_000),
            ] {
                let clean = log.clean(&long);
                assert!(clean.len() < 2 * MAX_TEXT + 20, "{}", clean.len());
            }
        }
    }
}
