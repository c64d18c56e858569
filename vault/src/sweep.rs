//! Bytes that the chain does not name: counted against quotas, deleted after a grace period.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::TryStreamExt;
use salus_primitives::{AccountId, OrgId, PatientId, Reference};

use crate::dag::text;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::store::{ObjectId, Pending, Root, KINDS};
use crate::Vault;

/// Each object is charged at least this much, so that tiny ones cannot exhaust memory or inodes.
const MIN_CHARGE: u64 = 64 * 1024;

#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Un-anchored bytes that one account may hold.
    pub account: u64,
    /// Un-anchored bytes that one organisation's members and patients may hold together.
    pub organisation: u64,
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
    accounts: HashMap<AccountId, u64>,
    organisations: HashMap<OrgId, u64>,
}

#[derive(Clone, Debug)]
struct Held {
    account: AccountId,
    organisation: OrgId,
    patient: PatientId,
    charge: u64,
    pending: Pending,
}

impl Inner {
    fn add(&mut self, account: &AccountId, organisation: OrgId, bytes: u64) {
        let held = self.accounts.entry(account.clone()).or_default();
        *held = held.saturating_add(bytes);
        let held = self.organisations.entry(organisation).or_default();
        *held = held.saturating_add(bytes);
    }

    fn take(&mut self, account: &AccountId, organisation: OrgId, bytes: u64) {
        if let Some(held) = self.accounts.get_mut(account) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                self.accounts.remove(account);
            }
        }
        if let Some(held) = self.organisations.get_mut(&organisation) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                self.organisations.remove(&organisation);
            }
        }
    }
}

/// Room that an upload has taken. Given back when dropped, unless the upload was kept.
pub struct Reservation {
    unanchored: Arc<Unanchored>,
    account: AccountId,
    organisation: OrgId,
    reserved: u64,
    used: u64,
}

impl Reservation {
    /// Takes room for more bytes. Errors: the account's or the organisation's quota.
    pub fn grow(&mut self, bytes: u64) -> Result<(), ApiError> {
        self.used = self.used.saturating_add(bytes);
        let missing = self.used.saturating_sub(self.reserved);
        self.unanchored
            .reserve(&self.account, self.organisation, missing)?;
        self.reserved = self.reserved.saturating_add(missing);
        Ok(())
    }

    /// The upload is published: it keeps its room until the chain names it.
    pub fn keep(mut self, id: ObjectId, patient: PatientId, pending: Pending) {
        let charge = std::mem::take(&mut self.reserved);
        let mut inner = self.unanchored.lock();
        let held = Held {
            account: self.account.clone(),
            organisation: self.organisation,
            patient,
            charge,
            pending,
        };
        if let Some(before) = inner.objects.insert(id, held) {
            if before.pending.counted {
                inner.take(&before.account, before.organisation, before.charge);
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.reserved > 0 {
            let mut inner = self.unanchored.lock();
            inner.take(&self.account, self.organisation, self.reserved);
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
        let mut inner = self.lock();
        if pending.counted {
            inner.add(&root.author, root.organisation, charge);
        }
        inner.objects.insert(
            id,
            Held {
                account: root.author.clone(),
                organisation: root.organisation,
                patient: root.patient,
                charge,
                pending,
            },
        );
    }

    /// Room for one upload; grows with it.
    pub fn begin(
        self: &Arc<Self>,
        account: AccountId,
        organisation: OrgId,
    ) -> Result<Reservation, ApiError> {
        self.reserve(&account, organisation, MIN_CHARGE)?;
        Ok(Reservation {
            unanchored: self.clone(),
            account,
            organisation,
            reserved: MIN_CHARGE,
            used: 0,
        })
    }

    fn reserve(
        &self,
        account: &AccountId,
        organisation: OrgId,
        bytes: u64,
    ) -> Result<(), ApiError> {
        if bytes == 0 {
            return Ok(());
        }
        let mut inner = self.lock();
        let of_account = inner.accounts.get(account).copied().unwrap_or_default();
        let of_organisation = inner
            .organisations
            .get(&organisation)
            .copied()
            .unwrap_or_default();
        if of_account.saturating_add(bytes) > self.quotas.account {
            return Err(ApiError::quota(format!(
                "this account holds {of_account} of {} bytes that the chain does not name yet: anchor what was \
                 uploaded, or wait until the vault has deleted it",
                self.quotas.account
            )));
        }
        if of_organisation.saturating_add(bytes) > self.quotas.organisation {
            return Err(ApiError::quota(format!(
                "this organisation's accounts hold all of the {} bytes that they may while the chain does not name them: \
                 anchor what was uploaded, or wait until the vault has deleted it",
                self.quotas.organisation
            )));
        }
        inner.add(account, organisation, bytes);
        Ok(())
    }

    fn release(&self, id: &ObjectId) {
        let mut inner = self.lock();
        if let Some(held) = inner.objects.remove(id) {
            if held.pending.counted {
                inner.take(&held.account, held.organisation, held.charge);
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
        let Some(_lock) = self.store.lock(id.1) else {
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
