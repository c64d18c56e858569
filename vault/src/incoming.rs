//! Uploads under way, so that an erasure waits for none of them: it ends them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use salus_primitives::{AccountId, Cid, ObjectKind, PatientId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// An upload that was ended has cleared up after itself by then.
const CLEARED: Duration = Duration::from_secs(10);

/// What is known of an upload once its binding has come.
#[derive(Clone, Debug)]
pub struct Claim {
    pub kind: ObjectKind,
    pub patient: PatientId,
    pub author: AccountId,
    /// None where the directory comes last.
    pub root: Option<Cid>,
}

impl Claim {
    /// Whether this may be the file of a record with this author and content.
    fn may_be(&self, record: &Claim) -> bool {
        match self.root.is_some() {
            true => self.root == record.root,
            false => {
                (self.kind, &self.patient, &self.author)
                    == (record.kind, &record.patient, &record.author)
            }
        }
    }
}

#[derive(Default)]
pub struct Incoming {
    inner: Mutex<Inner>,
    left: Notify,
}

#[derive(Default)]
struct Inner {
    next: u64,
    uploads: HashMap<u64, (Claim, CancellationToken)>,
}

/// One upload's place in the list, until it has cleared up.
pub struct Place {
    incoming: Arc<Incoming>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.incoming.lock().uploads.remove(&self.number);
        self.incoming.left.notify_waiters();
    }
}

impl Incoming {
    /// Lists an upload. It ends when the token is cancelled.
    pub fn enter(self: &Arc<Self>, claim: Claim, stop: CancellationToken) -> Place {
        let mut inner = self.lock();
        let number = inner.next;
        inner.next = inner.next.wrapping_add(1);
        inner.uploads.insert(number, (claim, stop));
        Place {
            incoming: self.clone(),
            number,
        }
    }

    /// Ends whatever may become the file of this record. False if something of it is still here.
    pub async fn end(&self, record: &Claim) -> bool {
        let ended = async {
            loop {
                let mut left = std::pin::pin!(self.left.notified());
                left.as_mut().enable();
                let mut any = false;
                for (claim, stop) in self.lock().uploads.values() {
                    if claim.may_be(record) {
                        stop.cancel();
                        any = true;
                    }
                }
                if !any {
                    return;
                }
                left.await;
            }
        };
        tokio::time::timeout(CLEARED, ended).await.is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
