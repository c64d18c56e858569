//! A node that lies.

use std::sync::{
    atomic::{AtomicUsize, Ordering},
    Arc,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{free_port, Node};

/// Stands between a client and an honest node, and replaces what the node says. Answers are hex in
/// text frames that are neither masked nor compressed, so that the bytes of the connection can be
/// changed as they pass, as long as no length changes.
pub struct Lies {
    port: u16,
    told: Arc<AtomicUsize>,
}

impl Lies {
    /// Each pair is what the node says, and what is told instead.
    pub async fn about(node: &Node, lies: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let lies: Arc<Vec<(Vec<u8>, Vec<u8>)>> = Arc::new(
            lies.iter()
                .map(|(truth, lie)| {
                    assert_eq!(truth.len(), lie.len(), "a frame's length must not change");
                    (hex::encode(truth).into(), hex::encode(lie).into())
                })
                .collect(),
        );
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("the port is free");
        let (told, node) = (Arc::new(AtomicUsize::new(0)), node.port());
        let counter = told.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, port, node, lies.clone(), counter.clone()));
            }
        });
        Self { port, told }
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// How often something was replaced.
    pub fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }
}

async fn relay(
    client: TcpStream,
    own: u16,
    node: u16,
    lies: Arc<Vec<(Vec<u8>, Vec<u8>)>>,
    told: Arc<AtomicUsize>,
) {
    let Ok(to) = TcpStream::connect(("127.0.0.1", node)).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_node, mut to_node) = to.into_split();
    let asking = tokio::spawn(async move {
        // Nodes accept no other address than their own as `Host`; ports here have five digits.
        let mut hello = vec![0; 16 * 1024];
        let count = from_client.read(&mut hello).await.unwrap_or(0);
        replace(
            &mut hello[..count],
            format!("127.0.0.1:{own}").as_bytes(),
            format!("127.0.0.1:{node}").as_bytes(),
        );
        if to_node.write_all(&hello[..count]).await.is_ok() {
            let _ = tokio::io::copy(&mut from_client, &mut to_node).await;
        }
    });
    let mut held = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    while let Ok(count) = from_node.read(&mut piece).await {
        if count == 0 {
            break;
        }
        held.extend_from_slice(&piece[..count]);
        for (truth, lie) in lies.iter() {
            told.fetch_add(replace(&mut held, truth, lie), Ordering::Relaxed);
        }
        // What may go on in the next piece waits for it.
        let keep = lies
            .iter()
            .map(|(truth, _)| overlap(&held, truth))
            .max()
            .unwrap_or(0);
        let now: Vec<u8> = held.drain(..held.len() - keep).collect();
        if to_client.write_all(&now).await.is_err() {
            break;
        }
    }
    asking.abort();
}

fn replace(bytes: &mut [u8], truth: &[u8], lie: &[u8]) -> usize {
    let (mut at, mut found) = (0, 0);
    while let Some(next) = bytes[at..]
        .windows(truth.len())
        .position(|window| window == truth)
    {
        at += next;
        bytes[at..at + truth.len()].copy_from_slice(lie);
        at += truth.len();
        found += 1;
    }
    found
}

/// How many of the last bytes are the beginning of `truth`.
fn overlap(bytes: &[u8], truth: &[u8]) -> usize {
    (1..truth.len().min(bytes.len() + 1))
        .rev()
        .find(|count| bytes.ends_with(&truth[..*count]))
        .unwrap_or(0)
}
