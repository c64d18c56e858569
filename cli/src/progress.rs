//! Bars on stderr, while it is a terminal.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use salus_client::actions::{Progress, Silent};

/// Smaller files are done before one can read about them.
const WORTH_SHOWING: u64 = 1024 * 1024;

/// A bar for people who watch, nothing for programs.
pub fn shown(machine: bool) -> Arc<dyn Progress> {
    match !machine && std::io::stderr().is_terminal() {
        true => Arc::new(Bar::default()),
        false => Arc::new(Silent),
    }
}

#[derive(Default)]
struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn replace(&self, bar: Option<ProgressBar>) {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = std::mem::replace(&mut *present, bar) {
            old.finish_and_clear();
        }
    }
}

impl Progress for Bar {
    fn start(&self, what: &str, bytes: u64) {
        if bytes < WORTH_SHOWING {
            return self.replace(None);
        }
        let style = ProgressStyle::with_template(
            "{msg:12} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(bytes)
            .with_style(style)
            .with_message(what.to_owned());
        self.replace(Some(bar));
    }

    fn add(&self, bytes: u64) {
        if let Some(bar) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.inc(bytes);
        }
    }

    fn finish(&self) {
        self.replace(None);
    }
}
