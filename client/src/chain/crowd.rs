//! What a node learns of who asks: which ids, and over which connection.
//!
//! A node sees an address, and what comes from there. So whoever asks about a patient of their own asks
//! about seven others as well, in the same way and over a connection on which no other id of theirs
//! ever appears. The seven are the same for years: sets that change would leave the one id that is in
//! all of them. Which ones, a hash says under a key of the profile's; they are taken from those that
//! lie beside the patient in the node's own order, so that fetching the list tells no more than that.
//!
//! What is sent to the chain bears an account, and that names the id: no crowd hides it from the node
//! that takes it. Nor does this help against a node that lies about which ids there are.

use std::future::Future;
use std::sync::Arc;

use futures::future::join_all;
use salus_primitives::{AccountId, PatientId};
use sp_crypto_hashing::{blake2_128, blake2_256};

use super::{connect::storage_prefix, Call, Chain, Result};

/// Ids that are asked for together, the one that is meant among them.
pub const SIZE: usize = 8;
/// Ids from which the others are taken: no more than one page of keys.
const WINDOW: u32 = 1_000;
const HASH: usize = 16;

/// What a profile knows of its own ids.
pub trait Own: Send + Sync {
    /// The patients for whom it acts.
    fn patients(&self) -> Vec<PatientId>;
    /// Whether this account is the profile's.
    fn is_account(&self, account: &AccountId) -> bool;
    /// What chooses the others, the same for good.
    fn key(&self) -> [u8; 32];
    /// With whom this patient is asked for, if that was chosen before.
    fn kept(&self, patient: &PatientId) -> Option<Vec<PatientId>>;
    fn keep(&self, patient: &PatientId, crowd: &[PatientId]);
}

/// A connection of its own.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Patient(PatientId),
    /// For what is sent about a patient: it names the account, too.
    Sent(PatientId),
    Account(AccountId),
}

impl Chain {
    /// From now on asks about these ids in a crowd, and about each over a connection of its own.
    pub fn hide(&self, own: Arc<dyn Own>) {
        // Only the first one counts: connections that were made for it are not used for others.
        let _ = self.inner.own.set(own);
    }

    fn own(&self, patient: &PatientId) -> Option<&Arc<dyn Own>> {
        let own = self.inner.own.get()?;
        own.patients().contains(patient).then_some(own)
    }

    /// Whether this patient is asked for in a crowd.
    pub(crate) fn is_hidden(&self, patient: &PatientId) -> bool {
        self.own(patient).is_some()
    }

    /// Asks about a patient. Of one's own: about each of its crowd, to the end of all answers, and
    /// returns the patient's. Every question that names a patient goes through here.
    pub(crate) async fn among<T, F>(
        &self,
        patient: PatientId,
        ask: impl Fn(Chain, PatientId) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let Some(own) = self.own(&patient) else {
            return ask(self.clone(), patient).await;
        };
        let lane = self.lane(Lane::Patient(patient)).await?;
        let crowd = lane.crowd(own.as_ref(), patient).await?;
        let asked: Vec<F> = crowd.iter().map(|id| ask(lane.clone(), *id)).collect();
        // All of them, whatever one answers: what follows must not tell which one was meant.
        let answers = join_all(asked).await;
        let mut found = crowd.iter().zip(answers);
        match found.find(|(id, _)| **id == patient) {
            Some((_, answer)) => answer,
            None => ask(lane, patient).await,
        }
    }

    /// The connection for what names this account.
    pub(crate) async fn of_account(&self, account: &AccountId) -> Result<Chain> {
        match self.inner.own.get() {
            Some(own) if own.is_account(account) => self.lane(Lane::Account(account.clone())).await,
            _ => Ok(self.clone()),
        }
    }

    /// The connection over which an account sends a call.
    pub(super) async fn for_call(&self, account: &AccountId, call: &Call) -> Result<Chain> {
        let Some(own) = self.inner.own.get().filter(|own| own.is_account(account)) else {
            return Ok(self.clone());
        };
        let names = |patient: &PatientId| call.args.windows(16).any(|bytes| bytes == patient.0);
        let about = own.patients().into_iter().find(names);
        let lane = about.map_or_else(|| Lane::Account(account.clone()), Lane::Sent);
        self.lane(lane).await
    }

    async fn lane(&self, lane: Lane) -> Result<Chain> {
        let mut lanes = self.inner.lanes.lock().await;
        if let Some(chain) = lanes.get(&lane) {
            return Ok(chain.clone());
        }
        let chain = self.beside().await?;
        lanes.insert(lane, chain.clone());
        Ok(chain)
    }

    /// The ids that are asked for with a patient, in ascending order.
    async fn crowd(&self, own: &dyn Own, patient: PatientId) -> Result<Vec<PatientId>> {
        if let Some(kept) = own.kept(&patient).filter(|kept| kept.contains(&patient)) {
            return Ok(kept);
        }
        let (key, mine) = (own.key(), own.patients());
        let mut others = self.neighbours(patient).await?;
        others.retain(|other| *other != patient && !mine.contains(other));
        others.sort_by_key(|other| blake2_256(&[&key[..], &patient.0, &other.0].concat()));
        others.truncate(SIZE - 1);
        let whole = others.len() == SIZE - 1;
        others.push(patient);
        others.sort();
        // On a chain of few ids there may be more the next time.
        if whole {
            own.keep(&patient, &others);
        }
        Ok(others)
    }

    /// Enrolled ids around a patient, in the order of storage: those whose keys begin with the same
    /// bits, as many bits as make them one page.
    async fn neighbours(&self, patient: PatientId) -> Result<Vec<PatientId>> {
        let prefix = storage_prefix("Patients", "Patients");
        let at = self.finalized().await?.hash;
        let place = u128::from_be_bytes(blake2_128(&patient.0));
        let mut bits = 0;
        loop {
            let mask = match bits {
                0 => 0,
                bits => u128::MAX << (128 - bits),
            };
            let start = place & mask;
            let after = [&prefix[..], &start.to_be_bytes()].concat();
            let keys = self.storage_keys(&prefix, Some(&after), WINDOW, at).await?;
            let entries: Vec<&[u8]> = keys
                .iter()
                .filter_map(|key| key.get(prefix.len()..))
                .collect();
            let found: Vec<PatientId> = entries
                .iter()
                .filter(|entry| entry.len() == 2 * HASH)
                .filter_map(|entry| Some((entry.first_chunk::<16>()?, entry.last_chunk::<16>()?)))
                .filter(|(hash, _)| u128::from_be_bytes(**hash) & mask == start)
                .map(|(_, id)| PatientId(*id))
                .collect();
            // A page that is full of them may not be all.
            if found.len() < WINDOW as usize || bits >= 64 {
                return Ok(found);
            }
            bits += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Mutex;

    use codec::Encode;
    use salus_primitives::{Controller, ControllerRole, Genesis, Record};

    use super::*;
    use crate::chain::{calls, double::Double};
    use crate::keys::AccountKey;

    const GENESIS: Genesis = Genesis::repeat_byte(1);

    struct Profile {
        patients: Vec<PatientId>,
        account: AccountId,
        key: [u8; 32],
        kept: Mutex<BTreeMap<PatientId, Vec<PatientId>>>,
    }

    impl Own for Profile {
        fn patients(&self) -> Vec<PatientId> {
            self.patients.clone()
        }
        fn is_account(&self, account: &AccountId) -> bool {
            *account == self.account
        }
        fn key(&self) -> [u8; 32] {
            self.key
        }
        fn kept(&self, patient: &PatientId) -> Option<Vec<PatientId>> {
            self.kept.lock().unwrap().get(patient).cloned()
        }
        fn keep(&self, patient: &PatientId, crowd: &[PatientId]) {
            self.kept.lock().unwrap().insert(*patient, crowd.to_vec());
        }
    }

    fn id(n: u32) -> PatientId {
        PatientId(blake2_128(&n.to_le_bytes()))
    }

    fn alice() -> AccountKey {
        AccountKey::from_uri("//Alice").unwrap()
    }

    /// A profile that acts for ids 0 and 1, at a node that knows so many.
    fn world(ids: u32, key: u8) -> (Arc<Double>, Chain, Arc<Profile>) {
        let node = Arc::new(Double::default());
        node.enrol((0..ids).map(id));
        for n in 0..ids {
            let none: Vec<(u32, Record)> = Vec::new();
            node.tell(
                "records",
                (id(n), 0u32, salus_primitives::api::MAX_PAGE),
                none,
            );
            let owner = Controller {
                role: ControllerRole::Owner,
                expires_at: None,
            };
            let account = if n < 2 {
                alice().account()
            } else {
                AccountId::new([n as u8; 32])
            };
            node.tell("controllers", id(n), vec![(account, owner)]);
        }
        node.tell("now", (), 7u64);
        node.tell(
            "member",
            alice().account(),
            None::<salus_primitives::Member>,
        );
        let chain = node.chain(GENESIS);
        let own = Arc::new(Profile {
            patients: vec![id(0), id(1)],
            account: alice().account(),
            key: [key; 32],
            kept: Mutex::default(),
        });
        chain.hide(own.clone());
        (node, chain, own)
    }

    async fn look(chain: &Chain, patient: PatientId) {
        let salus = chain.salus().await.unwrap();
        assert!(salus.all_records(patient).await.unwrap().is_empty());
        let role = salus.controller(patient, &alice().account()).await.unwrap();
        assert!(role.is_some());
    }

    /// The ids that each connection named, and how often.
    fn seen(node: &Double, ids: u32) -> BTreeMap<usize, BTreeMap<PatientId, usize>> {
        let mut seen: BTreeMap<usize, BTreeMap<PatientId, usize>> = BTreeMap::new();
        for (connection, question) in node.seen() {
            // The page of keys that the others are taken from is asked for by a place, not by an id.
            for id in (0..ids).map(id) {
                if question.contains(&hex::encode(id.0)) {
                    *seen.entry(connection).or_default().entry(id).or_default() += 1;
                }
            }
        }
        seen
    }

    #[tokio::test]
    async fn no_connection_ever_names_two_ids_of_a_profile() {
        let (node, chain, _) = world(200, 5);
        for _ in 0..3 {
            look(&chain, id(0)).await;
            look(&chain, id(1)).await;
        }
        let salus = chain.salus().await.unwrap();
        salus.member(&alice().account()).await.unwrap();
        // The double takes no transaction; what it saw counts.
        let _ = chain
            .submit(&alice(), &calls::consent::revoke(id(0), 0))
            .await;

        let seen = seen(&node, 200);
        let mine = |ids: &BTreeMap<PatientId, usize>| {
            [id(0), id(1)]
                .iter()
                .filter(|id| ids.contains_key(id))
                .count()
        };
        assert_eq!(seen.len(), 2, "one connection for each id");
        assert!(seen.values().all(|ids| mine(ids) == 1));
        // Nor does a connection that asks about a patient name the account.
        let account = hex::encode(alice().account().encode());
        let address = alice().account().to_string();
        for (connection, question) in node.seen() {
            if seen.contains_key(&connection) {
                assert!(!question.contains(&account) && !question.contains(&address));
            }
        }
        let naming: BTreeSet<usize> = node
            .seen()
            .into_iter()
            .filter(|(_, question)| question.contains(&account) || question.contains(&address))
            .map(|(connection, _)| connection)
            .collect();
        assert_eq!(naming.len(), 2, "one for the account, one for what is sent");
    }

    #[tokio::test]
    async fn an_id_is_asked_for_among_seven_others_and_nothing_tells_which() {
        let (node, chain, _) = world(200, 5);
        for _ in 0..4 {
            look(&chain, id(0)).await;
        }
        let seen = seen(&node, 200);
        let ids = seen.values().next().unwrap();
        assert_eq!((seen.len(), ids.len()), (1, SIZE));
        let counts: BTreeSet<usize> = ids.values().copied().collect();
        assert_eq!(counts.len(), 1, "each as often as the others: {ids:?}");
        // What is asked about one is asked about all, word for word.
        let about = |id: &PatientId| -> Vec<String> {
            let id = hex::encode(id.0);
            node.seen()
                .into_iter()
                .filter(|(_, question)| question.contains(&id))
                .map(|(_, question)| question.replace(&id, "ID"))
                .collect()
        };
        let mine = about(&id(0));
        assert!(ids.keys().all(|id| about(id) == mine));
    }

    #[tokio::test]
    async fn the_others_stay_the_same_for_years_and_on_every_device() {
        let crowd = |node: &Double| -> BTreeSet<PatientId> {
            seen(node, 400)
                .values()
                .flat_map(|ids| ids.keys().copied())
                .collect()
        };
        let (node, chain, own) = world(200, 5);
        look(&chain, id(0)).await;
        let first = crowd(&node);
        // The same key, another device.
        let (node, chain, _) = world(200, 5);
        look(&chain, id(0)).await;
        assert_eq!(crowd(&node), first);
        // The chain has grown, and the program was started again.
        let (node, chain, later) = world(400, 5);
        later.keep(&id(0), &own.kept(&id(0)).unwrap());
        look(&chain, id(0)).await;
        assert_eq!(crowd(&node), first);
        // Another profile has others.
        let (node, chain, _) = world(200, 6);
        look(&chain, id(0)).await;
        assert_ne!(crowd(&node), first);
    }

    #[tokio::test]
    async fn the_others_are_asked_for_to_the_end_of_their_own_lists() {
        let (node, chain, _) = world(8, 5);
        let page = salus_primitives::api::MAX_PAGE;
        let record = |n: u32| (n, crate::chain::api::tests::record(n as u8));
        // Everybody has another number of records.
        for n in 0..8u32 {
            let rows: Vec<(u32, Record)> = (0..n).map(record).collect();
            node.tell("records", (id(n), 0u32, page), rows);
            let none: Vec<(u32, Record)> = Vec::new();
            node.tell("records", (id(n), n, page), none);
        }
        let salus = chain.salus().await.unwrap();
        assert_eq!(salus.all_records(id(1)).await.unwrap().len(), 1);
        // One record by its number is no other question.
        let before = node.seen().len();
        assert!(salus.record(id(1), 0).await.unwrap().is_some());
        let asked = node.seen().len() - before;
        assert!(asked >= 7, "{asked}");
        assert!(!node.asked().contains(&"record".to_owned()));
    }

    #[tokio::test]
    async fn foreign_ids_are_asked_for_as_they_are() {
        let (node, chain, _) = world(50, 5);
        let salus = chain.salus().await.unwrap();
        salus.all_records(id(30)).await.unwrap();
        let seen = seen(&node, 50);
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[&0].keys().collect::<Vec<_>>(), [&id(30)]);
    }
}
