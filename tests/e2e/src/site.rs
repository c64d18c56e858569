//! Where a member is in the network.

use std::{fs::File, future::Future, thread, time::Duration};

use futures::executor::block_on;
use nix::sched::{setns, CloneFlags};
use serde_json::{json, Value};
use tokio::{runtime, task::JoinHandle};

use crate::http;

/// Whatever runs here uses the network as this member sees it. Connections must be made and used
/// here, because they are made anew by whoever uses them.
pub struct Site {
    // Always there, until the end.
    runtime: Option<runtime::Runtime>,
}

impl Site {
    /// In this network namespace. Needs root.
    pub fn within(namespace: &str) -> Self {
        let path = format!("/var/run/netns/{namespace}");
        let enter = move || {
            let space = File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
            setns(space, CloneFlags::CLONE_NEWNET).expect("this is root");
            // Threads are where the thread is that makes them.
            runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("threads are to be had")
        };
        let runtime = thread::spawn(enter).join().expect("it was entered");
        Self {
            runtime: Some(runtime),
        }
    }

    /// Does this here, meanwhile.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.as_ref().expect("it is there").spawn(work)
    }

    /// Does this here, and waits for it. Not for asynchronous callers.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        wait(self.spawn(work))
    }

    /// What the node that is here answers; none if it does not.
    pub fn ask(&self, method: &str, params: Value) -> Option<Value> {
        let body = json!({"id": 1, "jsonrpc": "2.0", "method": method, "params": params});
        let answer: Value = self.run(async move {
            let request = http::client()
                .post("http://127.0.0.1:9944")
                .timeout(Duration::from_secs(10))
                .json(&body);
            request.send().await.ok()?.json().await.ok()
        })?;
        answer.get("result").cloned()
    }

    /// What is at this address; none if nobody answers.
    pub fn get(&self, url: &str) -> Option<(u16, String)> {
        let request = http::client().get(url).timeout(Duration::from_secs(10));
        self.run(async move {
            let answer = request.send().await.ok()?;
            Some((answer.status().as_u16(), answer.text().await.ok()?))
        })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The result of work that goes on elsewhere.
#[track_caller]
pub fn wait<T>(work: JoinHandle<T>) -> T {
    block_on(work).unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}
