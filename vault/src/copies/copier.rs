//! Follows the chain, keeps the list of what is missing, and fetches it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use salus_primitives::{BlockNumber, OrgId, PatientId, Reference};

use super::peers::{in_order, Gave, Peers};
use super::{Fetched, Want};
use crate::dag::text;
use crate::error::ApiError;
use crate::ledger::{Change, Head, Named};
use crate::store::{ObjectId, Root};
use crate::Vault;

/// How often to look whether a block was finalized.
const LOOK: Duration = Duration::from_millis(500);
/// How long to leave it when the chain or the disk is away.
const PAUSE: Duration = Duration::from_secs(5);
/// Objects fetched at once; few of them from one vault ([`super::peers`]).
const WORKERS: usize = 8;
/// Whoever was away for more blocks than this looks at everything instead of reading them all.
const MAX_BEHIND: BlockNumber = 10_000;

/// How often, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two rounds through all patients.
    pub rounds: Duration,
    /// Between two readings of everything.
    pub scrubs: Duration,
    /// Bytes a second; 0 for as fast as it goes.
    pub scrub_rate: u64,
}

/// What a round finds in its place.
#[derive(Default)]
struct Held {
    objects: u64,
    bytes: u64,
}

/// A vault at work on its copies. Each step is a function of its own; [`Copier::run`] repeats them.
pub struct Copier {
    pub(super) vault: Arc<Vault>,
    peers: Peers,
    pub(super) pace: Pace,
}

impl Copier {
    pub fn new(vault: Arc<Vault>, peers: Peers, pace: Pace) -> Self {
        Self { vault, peers, pace }
    }

    /// Works for ever.
    pub async fn run(self: Arc<Self>) {
        let workers = join_all((0..WORKERS).map(|_| self.repeat(|| self.fetch_due())));
        let copies = &self.vault.copies;
        let follow = async {
            let mut next = None;
            loop {
                let pause = self.pause_after(self.follow(&mut next).await);
                tokio::time::sleep(pause).await;
            }
        };
        let rounds = async {
            loop {
                let done = self.round().await;
                let pause = match done.is_ok() {
                    true => self.pace.rounds,
                    false => self.pause_after(done),
                };
                let _ = tokio::time::timeout(pause, copies.moved.notified()).await;
            }
        };
        let scrubs = async {
            loop {
                tokio::time::sleep(self.pace.scrubs).await;
                self.pause_after(self.scrub().await);
            }
        };
        let confirms = self.repeat(|| async { self.confirm().await.map(|_| ()) });
        let doubts = self.repeat(|| self.look_into_doubts());
        tokio::join!(follow, rounds, scrubs, confirms, doubts, workers);
    }

    async fn repeat<F>(&self, work: impl Fn() -> F)
    where
        F: std::future::Future<Output = Result<(), ApiError>>,
    {
        loop {
            let pause = self.pause_after(work().await);
            tokio::time::sleep(pause).await;
        }
    }

    /// Says what went wrong, and how long to leave it then.
    fn pause_after<T>(&self, result: Result<T, ApiError>) -> Duration {
        match result {
            Ok(_) => LOOK,
            Err(error) => {
                tracing::warn!(%error, "work on copies was put off");
                PAUSE
            }
        }
    }

    fn own(&self) -> OrgId {
        self.vault.settings.audience.organisation
    }

    /// Reads the blocks that were finalized since the last call.
    pub async fn follow(&self, next: &mut Option<BlockNumber>) -> Result<(), ApiError> {
        let head = self.vault.rule.head().await?;
        let from = match *next {
            Some(next) if head.number.saturating_sub(next) <= MAX_BEHIND => next,
            Some(_) => {
                self.vault.copies.moved.notify_one();
                head.number
            }
            // What was before, the first round finds.
            None => head.number,
        };
        for number in from..=head.number {
            for change in self.vault.ledger.changes(number).await? {
                match change {
                    Change::Named(named) => {
                        let keepers = self.vault.ledger.keepers(head.hash, named.patient).await?;
                        self.consider(named, &keepers).await?;
                    }
                    Change::Erased(patient, record) => self.vault.copies.erase(patient, record),
                    Change::Plan(patient) => {
                        self.vault.forget_shares(Some(patient)).await?;
                    }
                    Change::Members => self.vault.copies.moved.notify_one(),
                }
            }
            *next = Some(number.saturating_add(1));
        }
        Ok(())
    }

    /// Goes through all patients, for what is missing here and for what must go.
    pub async fn round(&self) -> Result<(), ApiError> {
        let mut held = Held::default();
        let mut after: Option<PatientId> = None;
        loop {
            let head = self.vault.rule.head().await?;
            let page = self.vault.ledger.patients(head.hash, after).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = Some(*last);
            for patient in page {
                self.examine(head, patient, &mut held).await?;
            }
        }
        self.vault
            .metrics
            .rounded(held.objects, held.bytes, (self.vault.clock)());
        Ok(())
    }

    async fn examine(
        &self,
        head: Head,
        patient: PatientId,
        held: &mut Held,
    ) -> Result<(), ApiError> {
        let keepers = self.vault.ledger.keepers(head.hash, patient).await?;
        let chart = self.vault.ledger.chart(head.hash, patient).await?;
        for named in chart.named {
            if let Some(root) = self.consider(named, &keepers).await? {
                held.objects += 1;
                held.bytes += root.bytes;
            }
        }
        for record in chart.erased {
            self.vault.copies.erase(patient, record);
        }
        Ok(())
    }

    /// The object, if it must be here and is; if it is not, it is wanted from now on.
    async fn consider(&self, named: Named, keepers: &[OrgId]) -> Result<Option<Root>, ApiError> {
        if !keepers.contains(&self.own()) {
            return Ok(None);
        }
        let held = self.vault.store.root(&(named.kind, named.content)).await?;
        if held.is_none() {
            let now = (self.vault.clock)();
            self.vault.copies.want(named, false, now);
        }
        Ok(held)
    }

    /// Repairs what readers and other vaults came across.
    pub async fn look_into_doubts(&self) -> Result<(), ApiError> {
        for (id, block) in self.vault.store.take_doubts() {
            tracing::error!(object = %text(&id.1), block = %text(&block), "a block is damaged or gone");
            self.vault.metrics.blocks_damaged.inc();
            if let Some(root) = self.vault.store.root(&id).await? {
                let now = (self.vault.clock)();
                self.vault.copies.want(named(id, &root), true, now);
            }
        }
        Ok(())
    }

    /// Fetches what is missing and due, one object after the other.
    pub async fn fetch_due(&self) -> Result<(), ApiError> {
        let copies = &self.vault.copies;
        while let Some(want) = copies.take((self.vault.clock)()) {
            let id = (want.named.kind, want.named.content);
            match self.fetch(&want).await {
                Ok(Fetched::Done) => {
                    if let Some(patient) = copies.done(&id) {
                        let head = self.vault.rule.head().await?;
                        self.examine(head, patient, &mut Held::default()).await?;
                    }
                }
                Ok(fetched) => {
                    copies.put_off(&id, fetched, (self.vault.clock)());
                    if fetched == Fetched::Busy {
                        return Ok(());
                    }
                }
                Err(error) => {
                    copies.put_off(&id, Fetched::Later, (self.vault.clock)());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn fetch(&self, want: &Want) -> Result<Fetched, ApiError> {
        let vault = &self.vault;
        let named = &want.named;
        let id = (named.kind, named.content);
        let head = vault.rule.head().await?;
        let reference = vault
            .ledger
            .reference(head.hash, named.patient, named.kind, named.content);
        if reference.await? != Reference::Named {
            return Ok(Fetched::Done);
        }
        if !want.damaged && vault.store.root(&id).await?.is_some() {
            return Ok(Fetched::Done);
        }
        let keepers = vault.ledger.keepers(head.hash, named.patient).await?;
        if !keepers.contains(&self.own()) {
            return Ok(Fetched::Done);
        }
        let peers = vault.ledger.peers(head.hash).await?;
        let mut fetched = Fetched::Nowhere;
        let mut busy = false;
        for peer in in_order(&peers, &keepers, self.own()) {
            let (car, _turn) = match self.peers.car(&peer, &named.content).await {
                Gave::Car(car, turn) => (car, turn),
                Gave::Nothing => continue,
                Gave::Busy => {
                    busy = true;
                    continue;
                }
                Gave::NotNow => {
                    fetched = Fetched::Later;
                    continue;
                }
            };
            match vault.receive_copy(named.clone(), car).await {
                Ok(_) => {
                    self.peers.gave(&peer);
                    return Ok(Fetched::Done);
                }
                Err(error) => {
                    fetched = Fetched::Later;
                    if error.is_of_sender() {
                        self.peers.failed(&peer);
                    }
                    vault.metrics.copies_refused.inc();
                    tracing::warn!(
                        object = %text(&named.content), organisation = peer.organisation, %error,
                        "a member's copy was not taken"
                    );
                }
            }
        }
        Ok(match busy {
            true => Fetched::Busy,
            false => fetched,
        })
    }
}

/// An object that is here, as the chain names it.
fn named((kind, content): ObjectId, root: &Root) -> Named {
    Named {
        patient: root.patient,
        kind,
        content,
        author: Some(root.author.clone()),
    }
}
