//! Copies: what this vault must have, how it gets it, and what it must not have any more.
//!
//! The chain names objects, and says whose vaults keep each patient's. A vault reads every finalized
//! block for what is new, and goes through all patients now and then for what it missed: because it
//! was away, lost its disk, or a member came or went. It fetches from whoever has a copy and believes
//! nobody: every block and the binding are verified as in an upload.
//!
//! - [`copier`]: follows the chain, keeps the list of what is missing, fetches it
//! - [`erasure`]: deletes what was erased, and says so on the chain
//! - [`scrub`]: reads everything, slowly, so that a rotten block is found before it is needed
//! - [`peers`]: how other vaults are spoken to

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use salus_primitives::{Moment, PatientId, RecordIndex, SECOND};
use tokio::sync::Notify;

use crate::ledger::Named;
use crate::metrics::QUARTER;
use crate::store::ObjectId;

pub mod copier;
mod erasure;
pub mod peers;
mod scrub;

/// Objects that can be remembered as missing. The next round finds the others again.
const MAX_WANTED: usize = 100_000;
/// Erasures that can wait to be confirmed. The next round finds the others again.
const MAX_ERASED: usize = 100_000;
/// Confirmations that are remembered, so that the chain need not be asked again.
const MAX_CONFIRMED: usize = 100_000;
/// An object that nobody had is asked for again after this long, then after twice as long.
const FIRST_WAIT: Moment = SECOND;
const LONGEST_WAIT: Moment = 5 * MINUTE;
const MINUTE: Moment = 60 * SECOND;

/// What is missing here, and what others wait to hear.
#[derive(Default)]
pub struct Copies {
    inner: Mutex<Inner>,
    /// Members came or went: look at everything again.
    moved: Notify,
}

#[derive(Default)]
struct Inner {
    wanted: HashMap<ObjectId, Want>,
    /// To be deleted here, and confirmed on the chain.
    erased: BTreeSet<(PatientId, RecordIndex)>,
    confirmed: HashSet<(PatientId, RecordIndex)>,
    /// A minute since the Unix epoch, and how many objects were missing in it.
    counted: (Moment, usize),
}

#[derive(Clone, Debug)]
struct Want {
    named: Named,
    /// The object is here, but not whole.
    damaged: bool,
    tries: u32,
    due: Moment,
    /// Since when it is known to be missing.
    since: Moment,
    /// A worker has it in hand.
    taken: bool,
}

impl Copies {
    /// How many objects are known to be missing or damaged here.
    pub fn missing(&self) -> usize {
        self.lock().wanted.len()
    }

    /// How many there were, as counted once a minute: whoever asks at each moment must not see how
    /// long an object takes to arrive.
    pub fn missing_lately(&self, now: Moment) -> usize {
        let mut inner = self.lock();
        let minute = now / MINUTE;
        if inner.counted.0 != minute {
            inner.counted = (minute, inner.wanted.len());
        }
        inner.counted.1
    }

    /// How many have been missing for a quarter of an hour.
    pub fn long_missing(&self, now: Moment) -> usize {
        let inner = self.lock();
        let long = |want: &&Want| now.saturating_sub(want.since) >= QUARTER;
        inner.wanted.values().filter(long).count()
    }

    fn want(&self, named: Named, damaged: bool, now: Moment) {
        let mut inner = self.lock();
        let id = (named.kind, named.content);
        if inner.wanted.len() < MAX_WANTED || inner.wanted.contains_key(&id) {
            let want = inner.wanted.entry(id).or_insert(Want {
                named,
                damaged,
                tries: 0,
                due: 0,
                since: now,
                taken: false,
            });
            want.damaged |= damaged;
        }
    }

    /// The next object whose time has come.
    fn take(&self, now: Moment) -> Option<Want> {
        let mut inner = self.lock();
        let want = inner
            .wanted
            .values_mut()
            .filter(|want| !want.taken && want.due <= now)
            .min_by_key(|want| want.due)?;
        want.taken = true;
        Some(want.clone())
    }

    /// It is here now, or nobody needs it any more.
    fn done(&self, id: &ObjectId) {
        self.lock().wanted.remove(id);
    }

    /// It could not be had.
    fn put_off(&self, id: &ObjectId, now: Moment) {
        if let Some(want) = self.lock().wanted.get_mut(id) {
            let wait = FIRST_WAIT << want.tries.min(16);
            want.tries = want.tries.saturating_add(1);
            want.due = now.saturating_add(wait.min(LONGEST_WAIT));
            want.taken = false;
        }
    }

    fn erase(&self, patient: PatientId, record: RecordIndex) {
        let mut inner = self.lock();
        if inner.erased.len() < MAX_ERASED && !inner.confirmed.contains(&(patient, record)) {
            inner.erased.insert((patient, record));
        }
    }

    fn erasures(&self, limit: usize) -> Vec<(PatientId, RecordIndex)> {
        self.lock().erased.iter().take(limit).copied().collect()
    }

    /// It cannot be confirmed now; the next round comes back to it.
    fn leave(&self, erasure: (PatientId, RecordIndex)) {
        self.lock().erased.remove(&erasure);
    }

    fn confirmed(&self, erasure: (PatientId, RecordIndex)) {
        let mut inner = self.lock();
        inner.erased.remove(&erasure);
        if inner.confirmed.len() >= MAX_CONFIRMED {
            inner.confirmed.clear();
        }
        inner.confirmed.insert(erasure);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
