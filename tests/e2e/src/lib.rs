//! A consortium for tests: real nodes and real vaults on free ports, and people who use `salus` as
//! they would. All of it is gone when the [`World`] is dropped.
//!
//! - [`Node`], [`Vault`]: the programs, to be killed, paused, restarted
//! - [`Founded`]: a chain that was founded, not a preset
//! - [`Hospital`]: a world in which a hospital runs a vault, and can credential and enrol people
//! - [`Consortium`]: several members, each with node and vault in a network of its own; [`Ward`]: one
//!   member's people at work
//! - [`salus()`]: the command line; [`Client`](salus_client::actions::Client): the library
//! - [`Http`]: a vault's HTTP, without the library's retries and checks
//! - [`Disk`], [`Relay`], [`Lies`]: a disk that is soon full, a line to a node that loses or changes
//!   what passes, a node that lies

mod bucket;
mod cli;
mod consortium;
mod copies;
mod disk;
mod ending;
mod founding;
mod guide;
mod hospital;
mod http;
mod lies;
mod memory;
mod node;
mod people;
mod process;
mod relay;
mod site;
mod vault;
mod ward;
mod world;

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

pub use bucket::Bucket;
pub use cli::{command, command_at, command_in, run, salus, Answer};
pub use consortium::{Consortium, Person, NODE};
pub use copies::blocks;
pub use disk::Disk;
pub use ending::Tally;
pub use founding::{Founded, Made};
pub use guide::{Guide, Machine};
pub use hospital::{new_file, run_vault, Clinic, Hospital, Patient, Shared};
pub use http::{car, Got, Http};
pub use lies::Lies;
pub use memory::Peak;
pub use node::Node;
pub use people::{credential, employ, takes_role};
pub use process::{binary, in_checkout, Process};
pub use relay::{Question, Relay};
pub use site::{wait, Site};
pub use vault::Vault;
pub use ward::{Kept, Ward, Work, CATEGORY};
pub use world::World;

/// Below the ports that the system gives to outgoing connections: one of those must not sit on the
/// port of a program that is about to be restarted.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = (std::process::id() % u32::from(PORTS.end - PORTS.start)) as u16;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7);
        let port = PORTS.start + own.wrapping_add(step) % (PORTS.end - PORTS.start);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

const POLL: Duration = Duration::from_millis(20);

/// Polls until `done`, or panics with `what` after `seconds`.
#[track_caller]
pub fn wait_until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(Instant::now() < end, "{what}: not within {seconds} s");
        std::thread::sleep(POLL);
    }
}

/// As [`wait_until`], for questions that are answered over the network.
pub async fn eventually<F>(what: &str, seconds: u64, mut done: impl FnMut() -> F)
where
    F: std::future::Future<Output = bool>,
{
    let end = Instant::now() + Duration::from_secs(seconds);
    while !done().await {
        assert!(Instant::now() < end, "{what}: not within {seconds} s");
        tokio::time::sleep(POLL).await;
    }
}

/// So many bytes that look random, the same ones for the same seed.
pub fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
