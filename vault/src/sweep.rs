//! Bytes that the chain does not name: counted against quotas, deleted after a grace period.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::TryStreamExt;
use salus_primitives::{AccountId, PatientId, Reference};

use crate::dag::text;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::store::{ObjectId, Pending, Pool, Root, KINDS};
use crate::Vault;

/// Each object is charged at least this much, so that tiny ones cannot exhaust memory or inodes.
const MIN_CHARGE: u64 = 64 * 1024;

#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Un-anchored bytes that one account may hold, and that may be held for one patient.
    pub account: u64,
    /// Un-anchored bytes that one organisation's people may hold together; and, beside them, its patients.
    pub organisation: u64,
}

/// Whose quota an un-anchored byte counts in. It counts in several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Purse {
    Account(AccountId),
    Patient(PatientId),
    Pool(Pool),
}

impl Purse {
    /// Beside the account's: a patient's own people use none of the organisation's room.
    fn beside(pool: Pool, patient: PatientId) -> Vec<Self> {
        match pool {
            Pool::Staff(_) => vec![Self::Pool(pool)],
            Pool::Patients(_) => vec![Self::Pool(pool), Self::Patient(patient)],
        }
    }

    fn whose(&self) -> String {
        match self {
            Self::Account(_) => "this account".into(),
            Self::Patient(_) => "those who act for this patient together".into(),
            Self::Pool(Pool::Staff(organisation)) => {
                format!("the accounts of organisation {organisation} together")
            }
            Self::Pool(Pool::Patients(organisation)) => {
                format!("the patients of organisation {organisation} together")
            }
        }
    }
}

impl Quotas {
    fn of(&self, purse: &Purse) -> u64 {
        match purse {
            Purse::Account(_) | Purse::Patient(_) => self.account,
            Purse::Pool(_) => self.organisation,
        }
    }
}

/// The objects that the chain is not known to name, and what they cost whom.
pub struct Unanchored {
    quotas: Quotas,
    metrics: Arc<Metrics>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    objects: HashMap<ObjectId, Held>,
    purses: HashMap<Purse, u64>,
}

#[derive(Clone, Debug)]
struct Held {
    purses: Vec<Purse>,
    patient: PatientId,
    charge: u64,
    pending: Pending,
}

impl Inner {
    fn add(&mut self, purses: &[Purse], bytes: u64) {
        for purse in purses {
            let held = self.purses.entry(purse.clone()).or_default();
            *held = held.saturating_add(bytes);
        }
    }

    fn take(&mut self, purses: &[Purse], bytes: u64) {
        for purse in purses {
            if let Some(held) = self.purses.get_mut(purse) {
                *held = held.saturating_sub(bytes);
                if *held == 0 {
                    self.purses.remove(purse);
                }
            }
        }
    }
}

/// Room that an upload has taken. Given back when dropped, unless the upload was kept.
pub struct Reservation {
    unanchored: Arc<Unanchored>,
    purses: Vec<Purse>,
    reserved: u64,
    used: u64,
}

impl Reservation {
    /// Takes room for more bytes. Errors: a quota that is used up.
    pub fn grow(&mut self, bytes: u64) -> Result<(), ApiError> {
        self.used = self.used.saturating_add(bytes);
        let missing = self.used.saturating_sub(self.reserved);
        self.unanchored.reserve(&self.purses, missing)?;
        self.reserved = self.reserved.saturating_add(missing);
        Ok(())
    }

    /// It is known for whom this is: from here on it counts in their quotas, too.
    pub fn count_in(&mut self, pool: Pool, patient: PatientId) -> Result<(), ApiError> {
        let purses = Purse::beside(pool, patient);
        self.unanchored.reserve(&purses, self.reserved)?;
        self.purses.extend(purses);
        Ok(())
    }

    /// The upload is published: it keeps its room until the chain names it.
    pub fn keep(&mut self, id: ObjectId, patient: PatientId, pending: Pending) {
        let charge = std::mem::take(&mut self.reserved);
        let mut inner = self.unanchored.lock();
        let held = Held {
            purses: self.purses.clone(),
            patient,
            charge,
            pending,
        };
        if let Some(before) = inner.objects.insert(id, held) {
            if before.pending.counted {
                inner.take(&before.purses, before.charge);
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.reserved > 0 {
            self.unanchored.lock().take(&self.purses, self.reserved);
        }
    }
}

impl Unanchored {
    pub fn new(quotas: Quotas, metrics: Arc<Metrics>) -> Self {
        Self {
            quotas,
            metrics,
            inner: Mutex::default(),
        }
    }

    /// Takes over what was there before a restart.
    pub fn restore(&self, found: Vec<(ObjectId, Root, Pending)>) {
        for (id, root, pending) in found {
            self.hold(id, &root, pending);
        }
    }

    fn hold(&self, id: ObjectId, root: &Root, pending: Pending) {
        let charge = root.bytes.max(MIN_CHARGE);
        let mut purses = vec![Purse::Account(root.author.clone())];
        purses.extend(Purse::beside(root.pool, root.patient));
        let mut inner = self.lock();
        if pending.counted {
            inner.add(&purses, charge);
        }
        let held = Held {
            purses,
            patient: root.patient,
            charge,
            pending,
        };
        inner.objects.insert(id, held);
    }

    /// Room for one upload by this account; grows with it.
    pub fn begin(self: &Arc<Self>, account: AccountId) -> Result<Reservation, ApiError> {
        let purses = vec![Purse::Account(account)];
        self.reserve(&purses, MIN_CHARGE)?;
        Ok(Reservation {
            unanchored: self.clone(),
            purses,
            reserved: MIN_CHARGE,
            used: 0,
        })
    }

    fn reserve(&self, purses: &[Purse], bytes: u64) -> Result<(), ApiError> {
        if bytes == 0 {
            return Ok(());
        }
        let mut inner = self.lock();
        for purse in purses {
            let held = inner.purses.get(purse).copied().unwrap_or_default();
            let most = self.quotas.of(purse);
            if held.saturating_add(bytes) > most {
                return Err(ApiError::quota(format!(
                    "{} would hold more than {most} bytes that the chain does not name: anchor what was uploaded, \
                     or wait until it is deleted",
                    purse.whose()
                )));
            }
        }
        inner.add(purses, bytes);
        Ok(())
    }

    fn release(&self, id: &ObjectId) {
        let mut inner = self.lock();
        if let Some(held) = inner.objects.remove(id) {
            if held.pending.counted {
                inner.take(&held.purses, held.charge);
            }
        }
    }

    fn ids(&self) -> Vec<ObjectId> {
        let inner = self.lock();
        let bytes: u64 = inner.objects.values().map(|held| held.charge).sum();
        self.metrics.unanchored_bytes.set(bytes);
        inner.objects.keys().copied().collect()
    }

    fn held(&self, id: &ObjectId) -> Option<Held> {
        self.lock().objects.get(id).cloned()
    }

    pub fn contains(&self, id: &ObjectId) -> bool {
        self.lock().objects.contains_key(id)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault {
    /// Asks the chain about every object it is not known to name: forgets those that it names now,
    /// deletes those whose grace period is over or whose record was erased. Returns how many were deleted.
    pub async fn sweep(&self) -> Result<u64, ApiError> {
        let mut deleted = 0;
        for id in self.unanchored.ids() {
            // Someone is uploading it again: next time.
            let Some(_lock) = self.store.lock(id.1) else {
                continue;
            };
            let Some(held) = self.unanchored.held(&id) else {
                continue;
            };
            let head = self.rule.head().await?;
            let named = self
                .ledger
                .reference(head.hash, held.patient, id.0, id.1)
                .await?;
            let over = held.pending.since.saturating_add(self.settings.grace) <= (self.clock)();
            match named {
                Reference::Named => {
                    self.store.settle(&id).await?;
                    self.unanchored.release(&id);
                }
                Reference::Unnamed if !over => {}
                Reference::Unnamed | Reference::Erased => {
                    self.remove(&id, named).await?;
                    deleted += 1;
                }
            }
        }
        Ok(deleted)
    }

    /// Deletes the file of an erased record at once. False if someone has it in hand, or the chain does
    /// not say that it must go.
    pub async fn delete_erased(&self, id: ObjectId, patient: PatientId) -> Result<bool, ApiError> {
        let Some(_lock) = self.store.lock_soon(id.1).await else {
            return Ok(false);
        };
        let head = self.rule.head().await?;
        let named = self
            .ledger
            .reference(head.hash, patient, id.0, id.1)
            .await?;
        if named != Reference::Erased {
            return Ok(false);
        }
        self.remove(&id, named).await?;
        Ok(true)
    }

    /// The caller holds the object's lock, and has the chain's word.
    async fn remove(&self, id: &ObjectId, named: Reference) -> Result<(), ApiError> {
        self.store.delete(id).await?;
        self.unanchored.release(id);
        tracing::debug!(object = %text(&id.1), ?named, "deleted");
        Ok(())
    }

    /// Looks through *all* objects for those that the chain no longer names: erased records, and files
    /// and keyrings that were replaced so long ago that it cannot be undone. They get the grace period
    /// from now; [`Vault::sweep`] deletes them.
    /// Shares of emergency plans that are gone are deleted at once.
    pub async fn audit(&self) -> Result<u64, ApiError> {
        let shares = self.forget_shares(None).await?;
        self.metrics.shares_kept.set(shares);
        let mut found = 0;
        for kind in KINDS {
            let mut roots = std::pin::pin!(self.store.roots(kind));
            while let Some(id) = roots.try_next().await? {
                if self.unanchored.contains(&id) {
                    continue;
                }
                let Some(_lock) = self.store.lock(id.1) else {
                    continue;
                };
                let Some(root) = self.store.root(&id).await? else {
                    continue;
                };
                let head = self.rule.head().await?;
                let named = self
                    .ledger
                    .reference(head.hash, root.patient, id.0, id.1)
                    .await?;
                if named != Reference::Named {
                    let pending = Pending {
                        since: (self.clock)(),
                        counted: false,
                    };
                    self.store.mark(&id, pending).await?;
                    self.unanchored.hold(id, &root, pending);
                    found += 1;
                }
            }
        }
        Ok(found)
    }
}
