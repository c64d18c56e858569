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
/// Objects of one patient that can be. The others follow as these come in.
const MAX_OF_PATIENT: usize = 256;
/// An object that could not be had is asked for again after this long, then after twice as long.
const FIRST_WAIT: Moment = SECOND;
/// While a vault that may have it is away.
const LONGEST_WAIT: Moment = 5 * MINUTE;
/// Where every vault says that it has not got it: the chain may name what never was.
const NOWHERE_WAIT: Moment = 6 * 60 * MINUTE;
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
    /// The wanted that no worker has in hand, by when they are due.
    queue: Queue,
    of_patient: HashMap<PatientId, OfPatient>,
    /// Patients of whom more is missing than is listed.
    more: HashSet<PatientId>,
    /// To be deleted here, and confirmed on the chain.
    erased: BTreeSet<(PatientId, RecordIndex)>,
    confirmed: HashSet<(PatientId, RecordIndex)>,
    /// A minute since the Unix epoch, and how many objects were missing in it.
    counted: (Moment, usize),
}

type Queue = BTreeSet<(Moment, ObjectId)>;

/// What of a patient is wanted.
#[derive(Default)]
struct OfPatient {
    count: usize,
    queue: Queue,
}

/// How the fetching of an object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fetched {
    /// It is here, or nobody needs it any more.
    Done,
    /// Whoever may have it gives others of ours now.
    Busy,
    /// Somebody who may have it could not give it now.
    Later,
    /// Everybody was asked, and nobody has it.
    Nowhere,
}

impl Inner {
    fn enqueue(&mut self, patient: PatientId, due: Moment, id: ObjectId) {
        self.queue.insert((due, id));
        self.of_patient
            .entry(patient)
            .or_default()
            .queue
            .insert((due, id));
    }

    fn dequeue(&mut self, patient: PatientId, due: Moment, id: ObjectId) {
        self.queue.remove(&(due, id));
        if let Some(of) = self.of_patient.get_mut(&patient) {
            of.queue.remove(&(due, id));
        }
    }

    fn remove(&mut self, id: &ObjectId) -> Option<Want> {
        let want = self.wanted.remove(id)?;
        let patient = want.named.patient;
        self.dequeue(patient, want.due, *id);
        if let Some(of) = self.of_patient.get_mut(&patient) {
            of.count -= 1;
            if of.count == 0 {
                self.of_patient.remove(&patient);
            }
        }
        Some(want)
    }

    /// Makes room: what was asked for in vain, and waits longest, gives way. False if there is none.
    fn make_room(&mut self, last: Option<(Moment, ObjectId)>) -> bool {
        let Some((_, id)) = last else {
            return false;
        };
        let in_vain = self.wanted.get(&id).is_some_and(|want| want.tries > 0);
        in_vain && self.remove(&id).is_some()
    }

    fn has_room(&mut self, patient: &PatientId) -> bool {
        if let Some(of) = self.of_patient.get(patient) {
            let last = of.queue.last().copied();
            if of.count >= MAX_OF_PATIENT && !self.make_room(last) {
                return false;
            }
        }
        let last = self.queue.last().copied();
        self.wanted.len() < MAX_WANTED || self.make_room(last)
    }
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
        if let Some(want) = inner.wanted.get_mut(&id) {
            want.damaged |= damaged;
            return;
        }
        let patient = named.patient;
        if !inner.has_room(&patient) {
            if inner.more.len() < MAX_WANTED {
                inner.more.insert(patient);
            }
            return;
        }
        let want = Want {
            named,
            damaged,
            tries: 0,
            due: 0,
            since: now,
        };
        inner.wanted.insert(id, want);
        inner.of_patient.entry(patient).or_default().count += 1;
        inner.enqueue(patient, 0, id);
    }

    /// The next object whose time has come.
    fn take(&self, now: Moment) -> Option<Want> {
        let mut inner = self.lock();
        let (due, id) = *inner.queue.first()?;
        if due > now {
            return None;
        }
        let want = inner.wanted.get(&id).cloned()?;
        inner.dequeue(want.named.patient, due, id);
        Some(want)
    }

    /// It is here now, or nobody needs it any more. Says of whom there may be more to list.
    fn done(&self, id: &ObjectId) -> Option<PatientId> {
        let mut inner = self.lock();
        let patient = inner.remove(id)?.named.patient;
        let left = inner.of_patient.get(&patient).map_or(0, |of| of.count);
        (left < MAX_OF_PATIENT / 2 && inner.more.remove(&patient)).then_some(patient)
    }

    /// It could not be had.
    fn put_off(&self, id: &ObjectId, fetched: Fetched, now: Moment) {
        let mut inner = self.lock();
        let Some(want) = inner.wanted.get_mut(id) else {
            return;
        };
        let doubled = FIRST_WAIT << want.tries.min(16);
        let wait = match fetched {
            Fetched::Busy => FIRST_WAIT,
            Fetched::Nowhere => doubled.min(NOWHERE_WAIT),
            _ => doubled.min(LONGEST_WAIT),
        };
        // Nobody was asked in vain.
        let tries = u32::from(fetched != Fetched::Busy);
        want.tries = want.tries.saturating_add(tries);
        let before = std::mem::replace(&mut want.due, now.saturating_add(wait));
        let (patient, due) = (want.named.patient, want.due);
        inner.dequeue(patient, before, *id);
        inner.enqueue(patient, due, *id);
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

#[cfg(test)]
mod tests {
    use salus_primitives::{Cid, ObjectKind};

    use super::*;

    fn named(patient: u8, number: u32) -> Named {
        let mut digest = [patient; 32];
        digest[..4].copy_from_slice(&number.to_le_bytes());
        Named {
            patient: PatientId([patient; 16]),
            kind: ObjectKind::Record,
            content: Cid::dag_pb(digest),
            author: None,
        }
    }

    fn id(named: &Named) -> ObjectId {
        (named.kind, named.content)
    }

    /// Takes everything that is due, and finds none of it anywhere.
    fn in_vain(copies: &Copies, now: Moment) -> usize {
        let mut count = 0;
        while let Some(want) = copies.take(now) {
            copies.put_off(&id(&want.named), Fetched::Nowhere, now);
            count += 1;
        }
        count
    }

    #[test]
    fn one_patients_references_to_nothing_leave_room_for_others_and_for_their_own() {
        let copies = Copies::default();
        for number in 0..1_000 {
            copies.want(named(1, number), false, 0);
        }
        assert_eq!(copies.missing(), MAX_OF_PATIENT);
        copies.want(named(2, 0), false, 0);
        assert_eq!(copies.missing(), MAX_OF_PATIENT + 1);
        assert_eq!(in_vain(&copies, 0), MAX_OF_PATIENT + 1);
        // What was asked for in vain gives way to what is new.
        copies.want(named(1, 5_000), false, 0);
        assert_eq!(copies.missing(), MAX_OF_PATIENT + 1);
        let next = copies.take(0).unwrap();
        assert_eq!(next.named, named(1, 5_000));
    }

    #[test]
    fn what_is_nowhere_is_asked_for_ever_more_seldom() {
        let copies = Copies::default();
        let wanted = named(1, 1);
        copies.want(wanted.clone(), false, 0);
        let mut now = 0;
        let mut asked = Vec::new();
        while now < 7 * 24 * 60 * MINUTE {
            if let Some(want) = copies.take(now) {
                asked.push(now);
                copies.put_off(&id(&want.named), Fetched::Nowhere, now);
            }
            now += SECOND;
        }
        assert!(asked.len() < 50, "{} times in a week", asked.len());
        // Nobody waits so long for a vault that is away.
        copies.put_off(&id(&wanted), Fetched::Later, now);
        assert!(copies.take(now + LONGEST_WAIT).is_some());
    }

    #[test]
    fn what_found_no_room_is_looked_for_as_soon_as_there_is() {
        let copies = Copies::default();
        for number in 0..300 {
            copies.want(named(1, number), false, 0);
        }
        let mut again = None;
        let mut fetched = 0;
        while again.is_none() {
            let want = copies.take(0).unwrap();
            again = copies.done(&id(&want.named));
            fetched += 1;
        }
        assert_eq!(again, Some(PatientId([1; 16])));
        assert_eq!(fetched, MAX_OF_PATIENT / 2 + 1);
        while let Some(want) = copies.take(0) {
            assert_eq!(copies.done(&id(&want.named)), None);
        }
        assert_eq!(copies.missing(), 0);
        let inner = copies.lock();
        assert!(inner.queue.is_empty() && inner.of_patient.is_empty());
    }
}
