//! What patients read of their own records: a log for each patient, and one root a day on the chain
//! over all of them.
//!
//! A log is on disk before the first byte of what is read, encrypted to the patient's inbox: what is
//! written the vault cannot read again. An owner or guardian fetches it, with a proof that it is what
//! the vault committed when the last day was over. See [`salus_primitives::reads`].

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codec::{DecodeAll, Encode};
use futures::TryStreamExt;
use rand::{Rng, RngCore};
use salus_client::files::age::EncryptionKey;
use salus_client::files::reads::{Log, Proof, Read, Told};
use salus_primitives::reads::day_of;
use salus_primitives::{
    AccountId, Controller, ControllerRole, Moment, OrgId, Part, PatientId, ReadHead, RecordIndex,
    Subject, SECOND,
};
use sp_core::H256;

use crate::error::ApiError;
use crate::ledger::{Head, Ledger};
use crate::store::Store;
use crate::tree::{Snapshot, Tree};
use crate::{Clock, Vault};

/// Between two looks at whether a day is over.
const LOOK: Duration = Duration::from_secs(60);
/// Readings that were under way at midnight are logged by then.
const SETTLED: Moment = 60 * SECOND;
/// Patients whose logs are written at the same time do not wait for each other, mostly.
const LANES: usize = 64;
/// Readings of one day that are remembered, so that each is logged once. The rest is logged again.
const MAX_SEEN: usize = 100_000;
/// Trees that are kept: that of the last day, and the one before while the chain has not taken it.
const TREES: usize = 2;

type Reading = (PatientId, AccountId, RecordIndex, Part);

pub struct OwnReads {
    organisation: OrgId,
    ledger: Arc<dyn Ledger>,
    store: Arc<Store>,
    clock: Clock,
    /// How long after midnight this vault commits: by chance, not by who has read.
    commits_after: Moment,
    lanes: Vec<tokio::sync::Mutex<()>>,
    /// What was logged on this day.
    seen: Mutex<(u32, HashSet<Reading>)>,
    /// Of the newest day that the chain has taken.
    tree: Mutex<Option<Arc<Tree>>>,
}

impl OwnReads {
    /// Commits within `delay` after midnight.
    pub fn new(
        organisation: OrgId,
        delay: Moment,
        ledger: Arc<dyn Ledger>,
        store: Arc<Store>,
        clock: Clock,
    ) -> Self {
        let commits_after = match delay {
            0 => 0,
            delay => SETTLED.saturating_add(rand::rngs::OsRng.gen_range(0..delay)),
        };
        Self {
            organisation,
            ledger,
            store,
            clock,
            commits_after,
            lanes: (0..LANES).map(|_| tokio::sync::Mutex::default()).collect(),
            seen: Mutex::default(),
            tree: Mutex::default(),
        }
    }

    fn lane(&self, patient: &PatientId) -> &tokio::sync::Mutex<()> {
        &self.lanes[usize::from(patient.0[15]) % LANES]
    }

    fn now(&self, head: &Head) -> Moment {
        head.moment.max((self.clock)())
    }

    /// Logs a reading, once a day. On disk when it returns.
    pub async fn note(
        &self,
        patient: PatientId,
        reader: &AccountId,
        record: RecordIndex,
        part: Part,
    ) -> Result<(), ApiError> {
        let _lane = self.lane(&patient).lock().await;
        // Asked for within the lane: what is logged after a day was committed is of a later day.
        let head = self.ledger.head().await?;
        let at = self.now(&head);
        let reading = (patient, reader.clone(), record, part);
        if self.is_seen(day_of(at), &reading) {
            return Ok(());
        }
        let key = self.inbox(&head, patient).await?;
        let read = Read {
            at,
            reader: reader.clone(),
            record,
            part,
        };
        let sealed = read.seal(&key).map_err(|_| ApiError::no_inbox())?;
        let mut log = self.log(patient).await?;
        log.push(day_of(at), sealed);
        self.store.put_read_log(&patient, log.encode()).await?;
        let mut seen = lock(&self.seen);
        if seen.1.len() < MAX_SEEN {
            seen.1.insert(reading);
        }
        Ok(())
    }

    /// Whether this was logged today: what follows of the same download needs no more.
    pub fn is_noted(
        &self,
        patient: PatientId,
        reader: &AccountId,
        record: RecordIndex,
        part: Part,
    ) -> bool {
        let reading = (patient, reader.clone(), record, part);
        self.is_seen(day_of((self.clock)()), &reading)
    }

    fn is_seen(&self, day: u32, reading: &Reading) -> bool {
        let mut seen = lock(&self.seen);
        if seen.0 < day {
            *seen = (day, HashSet::new());
        }
        seen.1.contains(reading)
    }

    /// The patient's key, under the signature of who published it.
    async fn inbox(&self, head: &Head, patient: PatientId) -> Result<EncryptionKey, ApiError> {
        let signed = self.ledger.inbox(head.hash, patient).await?;
        let signed = signed.ok_or_else(ApiError::no_inbox)?;
        if !signed.is_valid(&self.ledger.genesis(), &Subject::Inbox(patient)) {
            tracing::error!(%patient, "the node names a key for a patient's letters that nobody has signed");
            return Err(ApiError::chain_unavailable(
                "its node names a key for this patient's letters that nobody has signed",
            ));
        }
        EncryptionKey::from_recipient(&signed.recipient).map_err(|_| ApiError::no_inbox())
    }

    /// The patient's log; one without entries if there is none yet.
    async fn log(&self, patient: PatientId) -> Result<Log, ApiError> {
        let Some(bytes) = self.store.read_log(&patient).await? else {
            return Ok(Log::start(
                &self.ledger.genesis(),
                self.organisation,
                patient,
            ));
        };
        let log = Log::decode_all(&mut &bytes[..]).ok();
        log.filter(|log| log.patient == patient).ok_or_else(|| {
            tracing::error!(%patient, "a log of own reads is damaged: restore it from a backup");
            ApiError::damaged()
        })
    }

    /// The patient's log with its proof. Whoever asks begins one: it is committed from then on.
    pub async fn tell(&self, patient: PatientId) -> Result<Told, ApiError> {
        let _lane = self.lane(&patient).lock().await;
        let log = self.log(patient).await?;
        if log.head().count == 0 {
            self.store.put_read_log(&patient, log.encode()).await?;
        }
        let tree = lock(&self.tree).clone();
        let proof = tree.and_then(|tree| {
            let (head, salt, path) = tree.prove(&patient)?;
            Some(Proof {
                day: tree.day(),
                head,
                salt,
                path,
            })
        });
        Ok(Told { log, proof })
    }

    /// Commits to the day before, if that is due and has not been done. Returns the day that it has
    /// committed.
    pub async fn commit(&self) -> Result<Option<u32>, ApiError> {
        let head = self.ledger.head().await?;
        let Some(day) = day_of(head.moment).checked_sub(1) else {
            return Ok(None);
        };
        let roots = self.ledger.read_roots(head.hash, self.organisation).await?;
        let committed = roots.iter().find(|(found, _)| *found == day);
        if committed.is_some() || head.moment % salus_primitives::DAY < self.commits_after {
            self.load(&roots).await?;
            return Ok(None);
        }
        let snapshot = match self.snapshot(day).await? {
            Some(snapshot) => snapshot,
            None => self.take(day).await?,
        };
        let tree = self.tree_of(snapshot).await?;
        if !self.ledger.commit_reads(day, tree.root()).await? {
            tracing::warn!(
                "the chain refused the commitment to a day's reads; it is offered again"
            );
            return Ok(None);
        }
        *lock(&self.tree) = Some(tree);
        self.forget().await?;
        Ok(Some(day))
    }

    /// After a restart, or where an answer of the node was lost: the newest tree that the chain has
    /// taken.
    async fn load(&self, roots: &[(u32, H256)]) -> Result<(), ApiError> {
        let known = lock(&self.tree).as_ref().map(|tree| tree.day());
        for (day, root) in roots.iter().rev().take(TREES) {
            if known >= Some(*day) {
                return Ok(());
            }
            let Some(snapshot) = self.snapshot(*day).await? else {
                continue;
            };
            let tree = self.tree_of(snapshot).await?;
            if tree.root() == *root {
                *lock(&self.tree) = Some(tree);
                return Ok(());
            }
            tracing::error!("another service of the organisation has committed a day's reads: this vault cannot prove its logs of that day");
        }
        Ok(())
    }

    async fn snapshot(&self, day: u32) -> Result<Option<Snapshot>, ApiError> {
        let bytes = self.store.read_tree(day).await?;
        Ok(bytes.and_then(|bytes| Snapshot::decode_all(&mut &bytes[..]).ok()))
    }

    /// Notes all heads, on disk before the chain hears of them.
    async fn take(&self, day: u32) -> Result<Snapshot, ApiError> {
        let mut heads: Vec<(PatientId, ReadHead)> = Vec::new();
        let mut patients = std::pin::pin!(self.store.read_logs());
        while let Some(patient) = patients.try_next().await? {
            let _lane = self.lane(&patient).lock().await;
            // One that is damaged must not keep the others from being bound.
            match self.log(patient).await {
                Ok(log) => heads.push((patient, log.head())),
                Err(error) => {
                    tracing::error!(%error, "a log of own reads is left out of the day's commitment")
                }
            }
        }
        let mut secret = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut secret);
        let snapshot = Snapshot { day, secret, heads };
        self.store.put_read_tree(day, snapshot.encode()).await?;
        Ok(snapshot)
    }

    async fn tree_of(&self, snapshot: Snapshot) -> Result<Arc<Tree>, ApiError> {
        let (genesis, organisation) = (self.ledger.genesis(), self.organisation);
        let tree = tokio::task::spawn_blocking(move || Tree::new(genesis, organisation, snapshot));
        tree.await.map(Arc::new).map_err(|error| {
            tracing::error!(%error, "a tree could not be made");
            ApiError::storage_unavailable()
        })
    }

    async fn forget(&self) -> Result<(), ApiError> {
        let mut days = self.store.read_trees().await?;
        days.sort_unstable();
        let old = days.len().saturating_sub(TREES);
        for day in &days[..old] {
            self.store.remove_read_tree(*day).await?;
        }
        Ok(())
    }

    /// Commits each day, for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            if let Err(error) = self.commit().await {
                tracing::warn!(%error, "a day's reads could not be committed; they are offered again");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Vault {
    /// A patient's log of own reads. Errors: 403 for who does not decide for the patient.
    pub async fn tell_reads(
        &self,
        account: &AccountId,
        patient: PatientId,
    ) -> Result<Told, ApiError> {
        let head = self.rule.head().await?;
        match self.ledger.controller(head.hash, patient, account).await? {
            Some(Controller {
                role: ControllerRole::Owner | ControllerRole::Decider,
                ..
            }) => self.reads.tell(patient).await,
            _ => Err(ApiError::not_a_decider()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
