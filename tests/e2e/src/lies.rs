//! A node that lies.

use std::sync::{
    atomic::{AtomicUsize, Ordering},
    Arc,
};

use crate::{relay::Question, Node, Relay};

/// Stands between a client and an honest node, and replaces what the node says.
pub struct Lies {
    relay: Relay,
    told: Arc<AtomicUsize>,
}

impl Lies {
    /// Each pair is what the node says, and what is told instead.
    pub async fn about(node: &Node, lies: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let as_told = |(truth, lie): &(Vec<u8>, Vec<u8>)| (hex::encode(truth), hex::encode(lie));
        let lies: Vec<_> = lies.iter().map(as_told).collect();
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        let tell = move |said: String| {
            lies.iter().fold(said, |said, (truth, lie)| {
                count.fetch_add(said.matches(truth).count(), Ordering::Relaxed);
                said.replace(truth, lie)
            })
        };
        let relay = Relay::before(node, |_| Question::Asked, tell).await;
        Self { relay, told }
    }

    pub fn url(&self) -> String {
        self.relay.url()
    }

    /// How often something was replaced.
    pub fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }
}
