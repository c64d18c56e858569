//! What waits to be sent together.
//!
//! An enrolment or a record that enters the chain in the minute of a visit tells an acquaintance who
//! saw the visit whose id that is. So what an organisation's software sends, and nobody waits for,
//! goes out after the next full hour, by a random part of it later, with everything else of that
//! hour, in random order, and records in batches.
//!
//! Nothing is lost: an item lies in the profile's folder, sealed to the device, before the person
//! hears that it waits, and goes once the chain has it. A crash in between sends nothing twice: the
//! chain is asked first.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand::Rng;
use salus_primitives::{
    AccountId, GrantIndex, Member, Moment, NewRecord, ObjectKind, PatientId, Reference, HOUR,
    MAX_ANCHORS,
};
use serde::{Deserialize, Serialize};

use super::patient::{self, ConsentFile};
use super::{clock, Client};
use crate::chain::{calls, Call, ChainError};
use crate::error::{Error, Result};
use crate::profile::Profile;

/// Items that may wait in one profile.
pub const MOST: usize = 4_096;
/// Longest random part after the full hour.
const SPREAD: Moment = HOUR / 2;
/// A vault deletes what the chain does not name after a day: what has waited for so long is not sent.
pub const TOO_LONG: Moment = 20 * HOUR;

/// When something is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// A service's work waits for the hour; what a person does goes at once.
    #[default]
    Usual,
    AtOnce,
    Later,
}

impl When {
    /// Whether this account's work waits. Errors for who acts for the patient: what they do goes at
    /// once.
    pub(super) async fn waits(self, client: &Client, patient: Option<PatientId>) -> Result<bool> {
        if self == When::AtOnce {
            return Ok(false);
        }
        let salus = client.salus().await?;
        if self == When::Usual {
            let member = client.standing(&salus).await?;
            return Ok(member.as_ref().is_some_and(Member::is_service));
        }
        match patient {
            Some(patient) if client.controls(&salus, patient).await? => Err(Error::Unfit(
                "what you add for a patient for whom you act goes out at once: leave --later out"
                    .into(),
            )),
            _ => Ok(true),
        }
    }
}

/// Something that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub queued_at: Moment,
    pub due: Moment,
    /// For people: whose, and what.
    pub patient: String,
    pub what: String,
    /// Why it was not taken; it is not sent again by itself.
    pub failed: Option<String>,
    work: Work,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Work {
    Anchor {
        grant: Option<GrantIndex>,
        /// SCALE of the `NewRecord`, in hexadecimal.
        record: String,
    },
    Enrol(Box<ConsentFile>),
}

impl Work {
    fn anchor(&self, patient: &str) -> Result<Option<(PatientId, Option<GrantIndex>, NewRecord)>> {
        use codec::DecodeAll;
        let Work::Anchor { grant, record } = self else {
            return Ok(None);
        };
        let bad = || Error::damaged("queue", "an item of it cannot be read");
        let record = hex::decode(record).map_err(|_| bad())?;
        let record = NewRecord::decode_all(&mut &record[..]).map_err(|_| bad())?;
        Ok(Some((patient.parse().map_err(|_| bad())?, *grant, record)))
    }
}

/// What was put into the queue.
#[derive(Clone, Debug, Serialize)]
pub struct Queued {
    pub patient: String,
    pub queued: usize,
    /// When it goes out.
    pub due: Moment,
}

/// An item as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    pub name: String,
    #[serde(flatten)]
    pub item: Item,
}

/// Why one of two enrolments is not sent.
const SHARED: &str = "another enrolment that waits is for the same account, and the chain would show that both patients are one person's: ask for a consent made anew";

/// What became of the queue.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    pub sent: usize,
    /// What the chain did not take, and why; it stays in the queue.
    pub failed: Vec<Waiting>,
    /// What is not due yet, or could not be sent now.
    pub waiting: usize,
}

/// When what is queued at `now` goes out: with what waits already, or after the next full hour.
fn due(now: Moment, waiting: impl Iterator<Item = Moment>, random: Moment) -> Moment {
    let next = (now / HOUR).saturating_add(1).saturating_mul(HOUR);
    // Another one may be due at once: what is queued now would name its own moment.
    let together = waiting
        .filter(|due| *due >= next && *due < next.saturating_add(HOUR))
        .min();
    together.unwrap_or_else(|| next.saturating_add(random))
}

pub(super) fn put(
    client: &Client,
    patient: PatientId,
    what: &str,
    work: Vec<NewWork>,
) -> Result<Queued> {
    let profile = &client.profile;
    profile.with_queue(|| {
        let waiting = list(profile, &client.device)?;
        if waiting.len().saturating_add(work.len()) > MOST {
            return Err(Error::Unfit(format!(
                "{} items wait in this profile, and no more fit: send them with `salus queue send`, or this one with --at-once",
                waiting.len()
            )));
        }
        let now = clock();
        let random = rand::thread_rng().gen_range(0..SPREAD);
        let pending = waiting.iter().filter(|row| row.item.failed.is_none());
        let due = due(now, pending.map(|row| row.item.due), random);
        let queued = work.len();
        for work in work {
            let item = Item {
                queued_at: now,
                due,
                patient: patient.to_string(),
                what: what.to_owned(),
                failed: None,
                work: work.0,
            };
            profile.put_queued(None, &json(&item)?, &client.device.public())?;
        }
        Ok(Queued {
            patient: patient.to_string(),
            queued,
            due,
        })
    })
}

/// Work for the queue.
pub(super) struct NewWork(Work);

impl NewWork {
    pub(super) fn anchor(grant: Option<GrantIndex>, record: &NewRecord) -> Self {
        use codec::Encode;
        Self(Work::Anchor {
            grant,
            record: hex::encode(record.encode()),
        })
    }

    pub(super) fn enrol(consent: &ConsentFile) -> Self {
        Self(Work::Enrol(Box::new(consent.clone())))
    }
}

fn json(item: &Item) -> Result<Vec<u8>> {
    serde_json::to_vec(item).map_err(|error| Error::invalid("queue", error))
}

/// Everything that waits, what is due first first.
pub fn list(profile: &Profile, device: &crate::files::age::DecryptionKey) -> Result<Vec<Waiting>> {
    let mut rows = Vec::new();
    for (name, bytes) in profile.queued(device)? {
        let item = serde_json::from_slice(&bytes)
            .map_err(|_| Error::damaged("queue", format!("its item {name} cannot be read")))?;
        rows.push(Waiting { name, item });
    }
    rows.sort_by_key(|row: &Waiting| row.item.due);
    Ok(rows)
}

/// Takes an item out of the queue, unsent.
pub fn remove(profile: &Profile, name: &str) -> Result<()> {
    profile.with_queue(|| profile.remove_queued(name))
}

/// Whether something waits that should be out by now.
pub fn is_due(profile: &Profile, device: &crate::files::age::DecryptionKey) -> Result<bool> {
    let now = clock();
    let waiting = list(profile, device)?;
    Ok(waiting
        .iter()
        .any(|row| row.item.failed.is_none() && row.item.due <= now))
}

/// Sends what is due, or everything, and removes what the chain has taken. Nothing is lost if this is
/// interrupted, and nothing sent twice.
pub async fn send(client: &Client, all: bool) -> Result<Outcome> {
    let profile = &client.profile;
    let _turn = profile.queue_turn()?;
    let now = clock();
    let mut outcome = Outcome::default();
    let (mut due, rest): (Vec<Waiting>, Vec<Waiting>) = list(profile, &client.device)?
        .into_iter()
        .partition(|row| all || (row.item.failed.is_none() && row.item.due <= now));
    outcome.waiting = rest.len();
    due.shuffle(&mut rand::thread_rng());
    let mut anchors = Vec::new();
    let mut enrolments = Vec::new();
    // What would be sent twice, and whose account would act for two.
    let (mut contents, mut controllers) = (BTreeSet::new(), BTreeSet::new());
    for row in due {
        match fit(client, &row, now).await? {
            Fit::Done => {
                profile.remove_queued(&row.name)?;
                outcome.sent += 1;
            }
            Fit::Never(reason) => fail(client, &mut outcome, row, reason)?,
            Fit::Anchor(item) => match contents.insert((item.0, item.2.content)) {
                true => anchors.push((row, item)),
                false => profile.remove_queued(&row.name)?,
            },
            Fit::Enrol(controller, call) => match controllers.insert(controller) {
                true => enrolments.push((row, call)),
                false => fail(client, &mut outcome, row, SHARED.into())?,
            },
        }
    }
    let size = usize::try_from(MAX_ANCHORS).unwrap_or(usize::MAX);
    for batch in anchors.chunks(size) {
        let items: Vec<_> = batch.iter().map(|(_, item)| item.clone()).collect();
        let sent = client.submit(&calls::records::anchor_many(&items)?).await;
        match sent {
            Ok(_) => {
                for (row, _) in batch {
                    profile.remove_queued(&row.name)?;
                }
                outcome.sent += batch.len();
            }
            // All or nothing: each by itself finds the culprit.
            Err(Error::Chain(ChainError::Failed { .. })) => {
                let calls = batch
                    .iter()
                    .map(|(row, (patient, grant, new))| {
                        let call = calls::records::anchor(*patient, *grant, new);
                        (row.clone(), call)
                    })
                    .collect();
                one_by_one(client, calls, &mut outcome).await?;
            }
            Err(error) => return Err(error),
        }
    }
    one_by_one(client, enrolments, &mut outcome).await?;
    Ok(outcome)
}

async fn one_by_one(
    client: &Client,
    work: Vec<(Waiting, Call)>,
    outcome: &mut Outcome,
) -> Result<()> {
    let (rows, calls): (Vec<Waiting>, Vec<Call>) = work.into_iter().unzip();
    let results = client.chain.submit_many(&client.key, &calls).await;
    for (row, result) in rows.into_iter().zip(results) {
        match result {
            Ok(_) => {
                if let Work::Enrol(file) = &row.item.work {
                    patient::enrolled(client, file)?;
                }
                client.profile.remove_queued(&row.name)?;
                outcome.sent += 1;
            }
            Err(error @ ChainError::Failed { .. }) => {
                fail(client, outcome, row, error.to_string())?;
            }
            // The node is away, or its pool is full: the next time.
            Err(error) => {
                tracing::warn!(%error, "an item stays in the queue");
                outcome.waiting += 1;
            }
        }
    }
    Ok(())
}

enum Fit {
    Anchor((PatientId, Option<GrantIndex>, NewRecord)),
    /// With the account that is to act for the patient.
    Enrol(AccountId, Call),
    /// The chain has it: the last run was interrupted.
    Done,
    Never(String),
}

async fn fit(client: &Client, row: &Waiting, now: Moment) -> Result<Fit> {
    let salus = client.salus().await?;
    if let Some(item) = row.item.work.anchor(&row.item.patient)? {
        let (patient, _, record) = &item;
        let known = salus
            .reference(*patient, ObjectKind::Record, record.content)
            .await?;
        let waited = now.saturating_sub(row.item.queued_at);
        return Ok(match known {
            Reference::Named => Fit::Done,
            _ if waited > TOO_LONG => Fit::Never(
                "it has waited so long that the vault may have deleted its file: add the file anew"
                    .into(),
            ),
            _ => Fit::Anchor(item),
        });
    }
    let Work::Enrol(file) = &row.item.work else {
        return Ok(Fit::Never(
            "nobody knows how to send it: update this program".into(),
        ));
    };
    let consent = match file.verify(&client.chain.genesis()) {
        Ok(consent) => consent,
        Err(error) => return Ok(Fit::Never(error.to_string())),
    };
    // By this very consent: its id is made from the key that signed it.
    if salus.patient(consent.patient).await?.is_some() {
        patient::enrolled(client, file)?;
        return Ok(Fit::Done);
    }
    // It may have come to act for somebody while this waited.
    let fit = patient::ensure_fit(&salus, &consent.controller, consent.patient).await;
    Ok(match fit {
        Ok(()) => Fit::Enrol(consent.controller.clone(), patient::enrolment(&consent)),
        Err(Error::NotPermitted(reason)) => Fit::Never(reason),
        Err(error) => return Err(error),
    })
}

fn fail(client: &Client, outcome: &mut Outcome, mut row: Waiting, reason: String) -> Result<()> {
    row.item.failed = Some(reason);
    let bytes = json(&row.item)?;
    let device = client.device.public();
    client
        .profile
        .put_queued(Some(&row.name), &bytes, &device)?;
    outcome.failed.push(row);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::double::World;

    #[test]
    fn what_is_queued_goes_out_after_the_next_full_hour_with_the_rest_of_it() {
        let now = 100 * HOUR + HOUR / 3;
        let next = 101 * HOUR;
        assert_eq!(due(now, [].into_iter(), 7), next + 7);
        assert_eq!(due(100 * HOUR, [].into_iter(), 0), next, "not at once");
        // Together with what waits for the same hour.
        assert_eq!(due(now, [next + 3].into_iter(), 7), next + 3);
        // Not with what is late: that goes out any moment.
        assert_eq!(due(now, [now - 1, now + 1].into_iter(), 7), next + 7);
        assert_eq!(due(now, [next + 2 * HOUR].into_iter(), 7), next + 7);
    }

    fn record(seed: u8) -> NewRecord {
        NewRecord {
            compartment: salus_primitives::CompartmentId([1; 16]),
            epoch: 0,
            content: salus_primitives::Cid::dag_pb([seed; 32]),
            commitment: sp_core::H256::repeat_byte(seed),
            person: None,
        }
    }

    const PATIENT: PatientId = PatientId([7; 16]);

    fn queue(client: &Client, seeds: &[u8]) -> Queued {
        let work = seeds
            .iter()
            .map(|seed| NewWork::anchor(Some(3), &record(*seed)))
            .collect();
        put(client, PATIENT, "a record", work).unwrap()
    }

    #[test]
    fn an_item_that_cannot_be_read_keeps_no_other_from_being_sent() {
        let world = World::at(None);
        let client = &world.client;
        queue(client, &[1]);
        let folder = client.profile.folder().join("queue");
        std::fs::write(folder.join(format!("{}.age", "0".repeat(32))), b"rot").unwrap();
        assert_eq!(list(&client.profile, &client.device).unwrap().len(), 1);
    }

    #[test]
    fn what_waits_lies_sealed_in_the_folder_and_survives_a_restart() {
        let world = World::at(None);
        let client = &world.client;
        let first = queue(client, &[1, 2]);
        let second = queue(client, &[3]);
        assert_eq!((first.queued, second.queued), (2, 1));
        assert_eq!(first.due, second.due, "they go together");
        let profile = Profile::open(client.profile.folder()).unwrap();
        let rows = list(&profile, &client.device).unwrap();
        let mut found: Vec<_> = rows
            .iter()
            .map(|row| row.item.work.anchor(&row.item.patient).unwrap().unwrap())
            .collect();
        found.sort_by_key(|(_, _, new)| new.commitment);
        let expected = [1, 2, 3].map(|seed| (PATIENT, Some(3), record(seed)));
        assert_eq!(found, expected);
        // Nothing of it can be read without the device.
        let folder = client.profile.folder().join("queue");
        for file in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let id = PATIENT.to_string();
            assert!(!bytes.windows(32).any(|window| window == id.as_bytes()));
        }
        let other = crate::files::age::DecryptionKey::generate();
        assert!(list(&profile, &other).is_err());
        remove(&profile, &rows[0].name).unwrap();
        assert_eq!(list(&profile, &client.device).unwrap().len(), 2);
        assert!(remove(&profile, "../key").is_err(), "no other file");
    }

    #[tokio::test]
    async fn what_the_chain_has_already_is_not_sent_again() {
        let world = World::at(None);
        let client = &world.client;
        queue(client, &[1]);
        let content = record(1).content;
        let question = (PATIENT, ObjectKind::Record, content);
        world.node.tell("reference", question, Reference::Named);
        // Not due yet.
        let outcome = send(client, false).await.unwrap();
        assert_eq!((outcome.sent, outcome.waiting), (0, 1));
        let outcome = send(client, true).await.unwrap();
        assert_eq!((outcome.sent, outcome.waiting), (1, 0));
        assert!(list(&client.profile, &client.device).unwrap().is_empty());
        let sent = |asked: &String| asked.starts_with("author_submit");
        assert!(!world.node.asked().iter().any(sent));
    }

    #[tokio::test]
    async fn nothing_is_lost_when_the_node_goes_away() {
        let world = World::at(None);
        let client = &world.client;
        queue(client, &[1, 2]);
        for seed in [1, 2] {
            let question = (PATIENT, ObjectKind::Record, record(seed).content);
            world.node.tell("reference", question, Reference::Unnamed);
        }
        // The double takes no transaction.
        assert!(send(client, true).await.is_err());
        assert_eq!(list(&client.profile, &client.device).unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_a_person_does_goes_at_once_and_what_a_service_does_waits() {
        use salus_primitives::{ClinicianRole, Controller, ControllerRole};
        let world = World::at(None);
        let me = world.client.me();
        let clinician = |role| {
            Some(Member::Clinician {
                organisation: 4,
                role,
            })
        };
        let client = &world.client;
        for (member, waits) in [
            (None, false),
            (clinician(ClinicianRole::Physician), false),
            (clinician(ClinicianRole::Service), true),
        ] {
            world.node.tell("member", &me, member);
            assert_eq!(
                When::Usual.waits(client, Some(PATIENT)).await.unwrap(),
                waits
            );
            assert!(!When::AtOnce.waits(client, Some(PATIENT)).await.unwrap());
            let none: Option<Controller> = None;
            world.node.tell("controller", (PATIENT, &me), none);
            assert!(When::Later.waits(client, Some(PATIENT)).await.unwrap());
        }
        let owner = Controller {
            role: ControllerRole::Owner,
            expires_at: None,
        };
        world.node.tell("controller", (PATIENT, &me), Some(owner));
        assert!(When::Later.waits(client, Some(PATIENT)).await.is_err());
    }

    /// A consent by the first account of this person, in a profile made anew.
    fn consent(client: &Client, uri: &str) -> ConsentFile {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::create_insecure(&folder.path().join("p"), uri).unwrap();
        let unlocked = profile.unlock("").unwrap();
        let ends = clock() + HOUR;
        let genesis = client.chain.genesis();
        let signed = patient::consent(&profile, &unlocked, genesis, 4, &client.me(), ends);
        signed.unwrap().0
    }

    /// Alice, who enrols with these consents at a node that knows none of the ids.
    fn enrolling(consents: &[&ConsentFile]) -> World {
        let world = World::at(None);
        let client = &world.client;
        for file in consents {
            let patient: PatientId = file.patient.parse().unwrap();
            let account = crate::keys::parse_account(&file.controller).unwrap();
            let node = &world.node;
            node.tell("patient", patient, None::<salus_primitives::Patient>);
            node.tell("member", &account, None::<Member>);
            let none: Option<salus_primitives::Clinician> = None;
            node.tell("clinician", &account, none);
            let page = (&account, None::<PatientId>, 2u32);
            node.tell("controlled_by", page, Vec::<PatientId>::new());
            let work = vec![NewWork::enrol(file)];
            put(client, patient, "an enrolment", work).unwrap();
        }
        world
            .node
            .take(|_, _| crate::chain::double::Taken::In(Vec::new()));
        world
    }

    #[tokio::test]
    async fn two_enrolments_that_share_an_account_are_not_both_sent() {
        let plain = World::at(None);
        let consents = ["//Bob", "//Bob", "//Charlie"].map(|uri| consent(&plain.client, uri));
        assert_eq!(consents[0].controller, consents[1].controller);
        assert_ne!(consents[0].patient, consents[1].patient);
        let world = enrolling(&consents.each_ref());
        let outcome = send(&world.client, true).await.unwrap();
        assert_eq!((outcome.sent, outcome.failed.len()), (2, 1));
        assert_eq!(outcome.failed[0].item.failed.as_deref(), Some(SHARED));
        let left = list(&world.client.profile, &world.client.device).unwrap();
        assert_eq!(left.len(), 1, "it is told, and not sent by itself");
        assert!(!is_due(&world.client.profile, &world.client.device).unwrap());
    }

    #[tokio::test]
    async fn an_account_that_came_to_act_for_another_patient_while_it_waited_is_not_enrolled() {
        let plain = World::at(None);
        let file = consent(&plain.client, "//Bob");
        let world = enrolling(&[&file]);
        let account = crate::keys::parse_account(&file.controller).unwrap();
        let page = (&account, None::<PatientId>, 2u32);
        world.node.tell("controlled_by", page, vec![PATIENT]);
        let outcome = send(&world.client, true).await.unwrap();
        assert_eq!((outcome.sent, outcome.failed.len()), (0, 1));
        let why = outcome.failed[0].item.failed.as_deref().unwrap();
        assert!(why.contains("acts for another patient"), "{why}");
    }
}
