//! How much memory a process has needed.

use std::{
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        Arc,
    },
    thread::JoinHandle,
    time::Duration,
};

/// Watches a process and remembers its peak.
pub struct Peak {
    kib: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl Peak {
    pub fn of(process: u32) -> Self {
        let (kib, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (seen, end) = (kib.clone(), over.clone());
        let watcher = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                // The kernel keeps the peak itself; it is gone with the process.
                let Some(now) = high_water(process) else {
                    break;
                };
                seen.fetch_max(now, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Self {
            kib,
            over,
            watcher: Some(watcher),
        }
    }

    pub fn mib(mut self) -> u64 {
        self.end();
        self.kib.load(Ordering::Relaxed) / 1024
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        self.end();
    }
}

/// `VmHWM`, in KiB; none of a process that has ended.
fn high_water(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
