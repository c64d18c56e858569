//! What people do: each function here is one thing that a person does with Salus, from the question
//! to the finalized answer. Command line, tests and portals only ask and show.
//!
//! ```no_run
//! use salus_client::actions::{sharing, Client};
//! use salus_client::profile::Profile;
//!
//! # async fn example() -> salus_client::Result<()> {
//! let profile = Profile::open(std::path::Path::new("/home/me/salus"))?;
//! let unlocked = profile.unlock("a passphrase")?;
//! let client = Client::connect(profile, unlocked, None, None).await?;
//! for grant in sharing::received(&client).await? {
//!     println!("grant {} of patient {}", grant.grant, grant.patient);
//! }
//! # Ok(())
//! # }
//! ```

pub mod accounts;
pub mod acting;
pub mod consents;
pub mod corrections;
pub mod council;
pub mod credits;
pub mod describe;
#[cfg(test)]
mod double;
pub mod emergency;
mod hiding;
pub mod identity;
pub mod joining;
pub mod letters;
pub mod opening;
pub mod organisation;
pub mod patient;
pub mod queue;
pub mod reads;
pub mod records;
pub mod recovery;
pub mod research;
pub mod restricting;
pub mod rights;
pub mod sharing;
pub mod succession;
pub mod validators;
pub mod vaults;
pub mod watching;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::{future::try_join_all, TryStreamExt};
use rand::Rng;
use reqwest::Body;
use salus_primitives::{
    api::CompartmentView, AccountId, Cid, CompartmentId, GrantIndex, Grantee, Moment, ObjectKind,
    OrgId, PatientId, Purpose, Rights, SignedCompartments, SignedRecipient, Subject,
    UNNAMING_WAITS,
};
use serde::Serialize;
use sp_core::H256;

use crate::chain::{events::cid_text, Call, Chain, ChainEvent, Salus, Submitted};
use crate::error::{Error, Result};
use crate::files::age::{DecryptionKey, EncryptionKey};
use crate::files::object::BuiltObject;
use crate::files::Place;
use crate::keyring::{Keyring, Own};
use crate::keys::AccountKey;
use crate::profile::{Profile, RuntimeChanged, Turn, Unlocked};
use crate::vault::{Reach, Session, Vault};
use hiding::OwnIds;

pub const DEFAULT_NODE: &str = "ws://127.0.0.1:9944";

/// Lists that the chain answers at once.
#[cfg(test)]
const PAGE: u32 = salus_primitives::api::MAX_PAGE;

/// Hears how far a transfer is.
pub trait Progress: Send + Sync {
    /// A transfer of so many bytes begins, or begins anew.
    fn start(&self, what: &str, bytes: u64);
    fn add(&self, bytes: u64);
    fn finish(&self);
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _: &str, _: u64) {}
    fn add(&self, _: u64) {}
    fn finish(&self) {}
}

/// One person at one node, with their keys: as themselves, or for one patient. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub chain: Chain,
    pub profile: Profile,
    /// Of the account that acts.
    pub key: AccountKey,
    /// Of the profile's own account, which the others derive from.
    own: AccountKey,
    /// Opens keyrings and identities on this device.
    pub device: DecryptionKey,
    pub progress: Arc<dyn Progress>,
    /// The person of its organisation for whom this client acts, if it is software: see [`acting`].
    pub person: Option<AccountId>,
    vault: Option<String>,
    /// Held while this client changes what its profile keeps of patients.
    turn: Option<Arc<Turn>>,
}

/// Where and when the chain took something in.
#[derive(Clone, Debug, Serialize)]
pub struct Receipt {
    pub block: u32,
    pub block_hash: H256,
    pub moment: Moment,
}

impl From<&Submitted> for Receipt {
    fn from(submitted: &Submitted) -> Self {
        Self {
            block: submitted.block.number,
            block_hash: submitted.block.hash,
            moment: submitted.moment,
        }
    }
}

impl Client {
    /// Connects as the profile's account. The first chain it meets is remembered, with its runtime;
    /// other chains are refused from then on.
    ///
    /// `node` and `vault` override what the profile and the chain say.
    pub async fn connect(
        profile: Profile,
        unlocked: Unlocked,
        node: Option<&str>,
        vault: Option<String>,
    ) -> Result<Self> {
        let config = profile.config()?;
        let url = node.or(config.node.as_deref()).unwrap_or(DEFAULT_NODE);
        let chain = Chain::connect(url, config.genesis).await?;
        tracing::debug!("connected");
        if config.genesis.is_none() || config.runtime.is_none() {
            let (genesis, url) = (chain.genesis(), url.to_owned());
            profile.update_config(|config| {
                if config.genesis.replace(genesis).is_none() {
                    config.node.get_or_insert(url);
                }
                config.runtime.get_or_insert(chain.code());
                Ok(())
            })?;
        }
        if !config.own_node {
            let own = OwnIds::of(&profile, &unlocked.account, &unlocked.device);
            chain.hide(Arc::new(own));
        }
        Ok(Self {
            chain,
            profile,
            key: unlocked.account.clone(),
            own: unlocked.account,
            device: unlocked.device,
            progress: Arc::new(Silent),
            person: None,
            vault: vault.or(config.vault),
            turn: None,
        })
    }

    /// This client, for a change of what its profile keeps of patients: no other command changes anything
    /// until it is dropped. Read what is to be changed with it, not before.
    pub(crate) async fn in_turn(&self) -> Result<Self> {
        let turn = match &self.turn {
            // Part of a greater change.
            Some(turn) => turn.clone(),
            None => Arc::new(self.profile.turn().await?),
        };
        Ok(Self {
            turn: Some(turn),
            ..self.clone()
        })
    }

    /// Saves a keyring that was read in this turn. Do this before the chain hears of a new key.
    ///
    /// Errors outside of a turn, where it could undo what another command has saved meanwhile.
    pub(crate) fn keep(&self, keyring: &mut Keyring) -> Result<()> {
        match &self.turn {
            Some(_) => self.profile.save_keyring(keyring),
            None => Err(Error::Keyring(
                "the keyring was to be changed out of turn, and nothing was saved: please report this"
                    .into(),
            )),
        }
    }

    /// Acts for a patient from now on, with the account that this profile has for it; where it has
    /// none, as itself.
    pub fn acting_for(mut self, patient: PatientId) -> Result<Self> {
        let key = self.profile.key_of(&self.own, &patient)?;
        self.key = key.unwrap_or_else(|| self.own.clone());
        Ok(self)
    }

    /// The account that acts.
    pub fn me(&self) -> AccountId {
        self.key.account()
    }

    /// All accounts of this profile: its own, and those that act for patients.
    pub(crate) fn accounts(&self) -> Result<Vec<AccountId>> {
        let mut numbers: Vec<u32> = self.profile.accounts()?.iter().map(|row| row.1).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let derived = numbers
            .into_iter()
            .map(|number| self.own.for_patient(number).account());
        Ok(std::iter::once(self.own.account()).chain(derived).collect())
    }

    /// The patients for whom this profile's accounts act. Asked of each patient, in its crowd: which
    /// patients an account has names the account.
    pub(crate) async fn controlled(&self, salus: &Salus) -> Result<BTreeSet<PatientId>> {
        let mut controlled = BTreeSet::new();
        for (patient, number) in self.profile.accounts()?.iter() {
            self.pause(patient).await;
            let account = self.own.for_patient(number).account();
            if salus.controller(patient, &account).await?.is_some() {
                controlled.insert(patient);
            }
        }
        Ok(controlled)
    }

    pub async fn submit(&self, call: &Call) -> Result<Submitted> {
        Ok(self.chain.submit(&self.key, call).await?)
    }

    /// What the profile's owner should hear of the chain's runtime. Whoever asks tells it: it is
    /// not said again.
    pub fn runtime_changed(&self) -> Result<Option<RuntimeChanged>> {
        let found = self.chain.code();
        let known = self.profile.config()?;
        let mut config = known.clone();
        config.meet_runtime(found);
        match config == known {
            true => Ok(None),
            false => self
                .profile
                .update_config(|config| Ok(config.meet_runtime(found))),
        }
    }

    /// The chain's state at the newest finalized block.
    pub async fn salus(&self) -> Result<Salus> {
        Ok(self.chain.salus().await?)
    }

    /// The chain's clock, from which people's durations are counted. Before the first block it
    /// stands still, and this computer's has to do.
    pub async fn clock(&self) -> Result<Moment> {
        match self.salus().await?.now().await? {
            0 => Ok(clock()),
            now => Ok(now),
        }
    }

    /// Whether this account acts for the patient now, as owner, decider or carer.
    pub(crate) async fn controls(&self, salus: &Salus, patient: PatientId) -> Result<bool> {
        Ok(salus.controller(patient, &self.me()).await?.is_some())
    }

    /// Refuses to show more than what is shared: how much there is else is nobody's business.
    pub(crate) async fn ensure_controls(&self, salus: &Salus, patient: PatientId) -> Result<()> {
        match self.controls(salus, patient).await? {
            true => Ok(()),
            false => Err(Error::NotPermitted(format!(
                "only who acts for patient {patient} sees this: `salus open {patient} --list` shows what is shared with you"
            ))),
        }
    }

    /// The patient that is meant: the one named, or the profile's. An id for a study is never meant
    /// unless it is named.
    pub fn patient(&self, named: Option<PatientId>) -> Result<PatientId> {
        Self::which(&self.profile, named)
    }

    /// As [`Client::patient`], without a connection.
    pub fn which(profile: &Profile, named: Option<PatientId>) -> Result<PatientId> {
        if let Some(patient) = named {
            return Ok(patient);
        }
        if let Some(patient) = profile.config()?.patient {
            return patient.parse().map_err(|_| {
                Error::Unfit(format!(
                    "the profile's patient {patient} is no id: correct it with `salus patient use`"
                ))
            });
        }
        match profile.care_ids()?.as_slice() {
            [only] => Ok(*only),
            [] => Err(Error::Unfit(
                "this profile holds no patient's keyring: name the patient with --patient".into(),
            )),
            several => Err(Error::Unfit(format!(
                "this profile holds the keyrings of {} patients: name one with --patient, or choose with `salus patient use`",
                several.len()
            ))),
        }
    }

    /// Makes this the patient that is meant if none is named.
    ///
    /// Errors if nobody has this id.
    pub async fn choose(&self, patient: PatientId) -> Result<()> {
        let salus = self.salus().await?;
        match salus.patient(patient).await? {
            Some(_) => Self::note_choice(&self.profile, patient),
            None => Err(unknown_patient(patient)),
        }
    }

    /// As [`Client::choose`], without a connection: only if the patient's keyring lies in this profile.
    /// Returns whether it does.
    pub fn choose_known(profile: &Profile, patient: PatientId) -> Result<bool> {
        let known = profile.patients()?.contains(&patient);
        if known {
            Self::note_choice(profile, patient)?;
        }
        Ok(known)
    }

    fn note_choice(profile: &Profile, patient: PatientId) -> Result<()> {
        profile.update_config(|config| {
            config.patient = Some(patient.to_string());
            Ok(())
        })
    }

    /// The patient's keyring in this profile.
    pub fn keyring(&self, patient: PatientId) -> Result<Keyring> {
        Self::kept(&self.profile, &self.device, patient)
    }

    /// As [`Client::keyring`], without a connection.
    pub fn kept(profile: &Profile, device: &DecryptionKey, patient: PatientId) -> Result<Keyring> {
        profile.keyring(&patient, device)?.ok_or_else(|| {
            Error::NotPermitted(format!(
                "this profile has no keys of patient {patient}: use the patient's own profile, or fetch the keyring with `salus keyring fetch`"
            ))
        })
    }

    /// Where an object of this patient by this account belongs.
    pub(crate) fn place(&self, patient: PatientId) -> Place {
        Place::new(self.chain.genesis(), patient, self.me())
    }

    /// Signs in to a vault that keeps this patient's files: that of the organisation which enrolled
    /// the patient, or another one while that is away; or to the one that was named.
    pub async fn session(&self, patient: PatientId) -> Result<Session<'_>> {
        let salus = self.salus().await?;
        let row = salus
            .patient(patient)
            .await?
            .ok_or_else(|| unknown_patient(patient))?;
        let home = row.enrolled_by;
        let genesis = self.chain.genesis();
        if let Some(url) = &self.vault {
            let organisation = self.owner_of(&salus, url, home).await?;
            // Whoever names an address by hand means it, this machine included.
            let vault = Vault::new(url, organisation, genesis, Reach::Development)?;
            return Ok(vault.sign_in(&self.key).await?);
        }
        let reach = self.reach().await?;
        let mut vaults = Vec::new();
        let mut unfit = None;
        let keepers = salus.keepers(patient).await?;
        let rows = keepers.iter().map(|keeper| salus.organisation(*keeper));
        let rows = try_join_all(rows).await?;
        for (organisation, row) in keepers.iter().copied().zip(rows) {
            let Some(row) = row else {
                continue;
            };
            match Vault::new(&text(&row.vault_url), organisation, genesis, reach) {
                Ok(vault) => vaults.push(vault),
                Err(error) => {
                    tracing::warn!("organisation {organisation}: {error}");
                    unfit.get_or_insert(error);
                }
            }
        }
        if vaults.is_empty() {
            return Err(match unfit {
                Some(error) => error.into(),
                None => Error::Unfit(
                    "no hospital, clinic, laboratory or pharmacy in good standing names a vault: an admin sets one with `salus org profile --vault-url URL`; or name one with --vault".into(),
                ),
            });
        }
        Ok(Session::begin(vaults, Cow::Borrowed(&self.key)).await?)
    }

    /// Where vaults may be that the chain names.
    pub(crate) async fn reach(&self) -> Result<Reach> {
        Ok(
            match self.profile.is_insecure() || self.chain.is_development().await? {
                true => Reach::Development,
                false => Reach::Public,
            },
        )
    }

    /// The organisation that names this vault; the patient's own if none does.
    async fn owner_of(&self, salus: &Salus, url: &str, home: OrgId) -> Result<OrgId> {
        let wanted = url.trim_end_matches('/');
        let all = salus.all_organisations().await?;
        let found = all
            .iter()
            .find(|(_, row)| text(&row.vault_url).trim_end_matches('/') == wanted);
        Ok(found.map_or(home, |(organisation, _)| *organisation))
    }

    /// Uploads an object; returns when the vault has all of it on its disk.
    pub(crate) async fn upload(&self, session: &Session<'_>, object: &BuiltObject) -> Result<()> {
        let shown = object.kind() == ObjectKind::Record;
        session
            .upload(&object.cid(), || {
                let progress: Arc<dyn Progress> = match shown {
                    true => self.progress.clone(),
                    false => Arc::new(Silent),
                };
                progress.start("uploading", object.car_len());
                Body::wrap_stream(
                    object
                        .car_stream()
                        .inspect_ok(move |piece| progress.add(piece.len() as u64)),
                )
            })
            .await?;
        if shown {
            self.progress.finish();
        }
        Ok(())
    }

    /// The key that the chain names for this subject, after its owner's signature was verified and
    /// compared with what this profile has seen before.
    pub(crate) async fn recipient(
        &self,
        salus: &Salus,
        subject: &Subject,
    ) -> Result<EncryptionKey> {
        let Some(signed) = salus.recipient(subject).await? else {
            return Err(Error::Unfit(match subject {
                Subject::Account(account) => format!(
                    "{account} has published no encryption key: ask that person to run `salus clinician publish`"
                ),
                Subject::Organisation(organisation) => format!(
                    "organisation {organisation} has published no encryption key: its admin runs `salus org publish`"
                ),
                Subject::Inbox(patient) => unknown_patient(*patient).to_string(),
                Subject::Compartment(patient, id) => {
                    format!("patient {patient} has no compartment {id}")
                }
            }));
        };
        self.trusted(salus, subject, &signed).await
    }

    pub(crate) async fn trusted(
        &self,
        salus: &Salus,
        subject: &Subject,
        signed: &SignedRecipient,
    ) -> Result<EncryptionKey> {
        if !signed.is_valid(&self.chain.genesis(), subject) {
            return Err(Error::Binding("owner"));
        }
        match subject {
            Subject::Account(account) if *account != signed.signer => {
                return Err(Error::Binding("owner"))
            }
            Subject::Account(_) => {}
            Subject::Organisation(organisation) => {
                let row = salus.organisation(*organisation).await?;
                if row.is_none_or(|row| row.admin != signed.signer) {
                    return Err(Error::Unfit(format!(
                        "the key of organisation {organisation} bears another signature than its admin's: its admin runs `salus org publish` again"
                    )));
                }
                self.profile
                    .update_pins(|pins| pins.check_organisation(*organisation, &signed.signer))?;
            }
            Subject::Compartment(patient, _) | Subject::Inbox(patient) => {
                self.profile
                    .update_pins(|pins| pins.check_patient(patient, &signed.signer))?;
            }
        }
        EncryptionKey::from_recipient(&signed.recipient)
    }

    /// The present key of a patient's compartment, as [`Client::recipient`]. `first` has those of the
    /// enrolment.
    pub(crate) async fn compartment_key(
        &self,
        salus: &Salus,
        patient: PatientId,
        (id, view): (&CompartmentId, &CompartmentView),
        first: &SignedCompartments,
    ) -> Result<EncryptionKey> {
        match &view.recipient {
            Some(signed) if signed.recipient.epoch == view.compartment.epoch => {
                let subject = Subject::Compartment(patient, *id);
                self.trusted(salus, &subject, signed).await
            }
            None if view.compartment.epoch == 0 => {
                if !first.is_valid(&self.chain.genesis(), &patient) {
                    return Err(Error::Binding("owner"));
                }
                self.profile
                    .update_pins(|pins| pins.check_patient(&patient, &first.signer))?;
                let key = first.signed.key(id);
                let key = key.ok_or_else(|| Error::UnknownCompartment(id.to_string()))?;
                EncryptionKey::from_raw(first.signed.scheme, key)
            }
            _ => Err(Error::Binding("epoch")),
        }
    }

    /// What this account is in the consortium. Not asked of one that acts for a patient: the chain lets
    /// it be nothing, and the question names it.
    pub(crate) async fn standing(&self, salus: &Salus) -> Result<Option<salus_primitives::Member>> {
        match self.me() == self.own.account() {
            true => Ok(salus.member(&self.me()).await?),
            false => Ok(None),
        }
    }

    /// What opens envelopes and letters to this account and to the organisation it speaks for.
    pub(crate) async fn own_keys(&self, salus: &Salus) -> Result<Vec<DecryptionKey>> {
        let identities = self.profile.identities(&self.device)?;
        let mut keys = identities.keys(Own::Account);
        if let Some(member) = self.standing(salus).await? {
            keys.extend(identities.keys(Own::Organisation(member.organisation())));
        }
        Ok(keys)
    }
}

/// Longest pause between two patients whom nobody has asked about just now.
const PAUSE: Duration = Duration::from_secs(3);

impl Client {
    /// Waits for a random while, so that questions about two patients do not stand side by side. For
    /// what is done unasked.
    pub(crate) async fn pause(&self, patient: PatientId) {
        if self.chain.is_hidden(&patient) {
            let pause = rand::thread_rng().gen_range(Duration::ZERO..PAUSE);
            tokio::time::sleep(pause).await;
        }
    }
}

/// This computer's clock.
pub fn clock() -> Moment {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|since| Moment::try_from(since.as_millis()).unwrap_or(Moment::MAX))
        .unwrap_or_default()
}

pub(crate) fn unknown_patient(patient: PatientId) -> Error {
    Error::Unfit(format!(
        "no patient {patient} is enrolled here: check the id"
    ))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn cid(cid: &Cid) -> String {
    cid_text(cid).unwrap_or_default()
}

/// A number in an event's fields.
pub(crate) fn number(event: &ChainEvent, field: &str) -> Result<u32> {
    event
        .fields
        .get(field)
        .and_then(|value| value.as_u64())
        .and_then(|value| u32::try_from(value).ok())
        .ok_or_else(|| {
            Error::invalid(
                "event",
                format!("{}.{} has no {field}", event.pallet, event.variant),
            )
        })
}

/// The event that a call must have caused.
pub(crate) fn caused<'a>(
    submitted: &'a Submitted,
    pallet: &str,
    variant: &str,
) -> Result<&'a ChainEvent> {
    submitted.event(pallet, variant).ok_or_else(|| {
        Error::invalid(
            "block",
            format!("the call caused no {pallet}.{variant}: update this program"),
        )
    })
}

/// When something was replaced that is kept until `until`, and until when that is; none while a recovery
/// under way puts it off.
pub(crate) fn kept(until: Moment, now: Moment) -> (Option<Moment>, Option<Moment>) {
    match until.checked_sub(UNNAMING_WAITS).filter(|at| *at <= now) {
        Some(replaced_at) => (Some(replaced_at), Some(until)),
        None => (None, Some(until).filter(|until| *until < Moment::MAX)),
    }
}

/// When what a call has announced may be done; none if it announced nothing.
pub(crate) fn due(submitted: &Submitted, pallet: &str, variant: &str) -> Option<Moment> {
    let event = submitted.event(pallet, variant)?;
    event.fields.get("due").and_then(|due| due.as_u64())
}

/// HL7's word for a purpose.
pub fn purpose_code(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Treat => "TREAT",
        Purpose::ETreat => "ETREAT",
        Purpose::Btg => "BTG",
        Purpose::CareMgt => "CAREMGT",
        Purpose::HPaymt => "HPAYMT",
        Purpose::HOperat => "HOPERAT",
        Purpose::HResch => "HRESCH",
        Purpose::PubHlth => "PUBHLTH",
        Purpose::PatRqt => "PATRQT",
        Purpose::FamRqt => "FAMRQT",
        Purpose::HLegal => "HLEGAL",
    }
}

pub const PURPOSES: [Purpose; 11] = [
    Purpose::Treat,
    Purpose::ETreat,
    Purpose::Btg,
    Purpose::CareMgt,
    Purpose::HPaymt,
    Purpose::HOperat,
    Purpose::HResch,
    Purpose::PubHlth,
    Purpose::PatRqt,
    Purpose::FamRqt,
    Purpose::HLegal,
];

pub(crate) fn rights_word(rights: Rights) -> &'static str {
    match rights {
        Rights::Read => "read",
        Rights::Write => "write",
        Rights::ReadWrite => "read and write",
    }
}

/// `org:N`, or the account.
pub(crate) fn grantee_text(grantee: &Grantee) -> String {
    match grantee {
        Grantee::Clinician { account, .. } => account.to_string(),
        Grantee::Organisation(organisation) => format!("org:{organisation}"),
    }
}

pub(crate) fn no_grant(patient: PatientId, grant: GrantIndex) -> Error {
    Error::Unfit(format!(
        "patient {patient} has no grant {grant}: `salus grants` lists them"
    ))
}

#[cfg(test)]
mod tests {
    use super::double::World;
    use super::*;

    #[tokio::test]
    async fn a_patient_that_nobody_is_cannot_be_chosen() {
        let world = World::at(None);
        let client = &world.client;
        let (typo, other) = (PatientId([8; 16]), PatientId([9; 16]));
        world
            .node
            .tell("patient", typo, None::<salus_primitives::Patient>);
        assert!(!Client::choose_known(&client.profile, typo).unwrap());
        let refused = client.choose(typo).await.unwrap_err().to_string();
        assert!(refused.contains("check the id"), "{refused}");
        assert_eq!(client.profile.config().unwrap().patient, None);
        world.name_keyring(None);
        client.choose(crate::vault::tests::PATIENT).await.unwrap();
        // One's own needs no network: it may not be enrolled yet.
        let mut keyring = Keyring::new(other);
        keyring.add_holder("here", &client.device.public()).unwrap();
        client.profile.save_keyring(&mut keyring).unwrap();
        assert!(Client::choose_known(&client.profile, other).unwrap());
        assert_eq!(client.patient(None).unwrap(), other);
    }

    #[test]
    fn what_a_recovery_puts_off_has_no_end_that_could_be_told() {
        let now = 10 * UNNAMING_WAITS;
        let until = now + 1;
        assert_eq!(
            kept(until, now),
            (Some(until - UNNAMING_WAITS), Some(until))
        );
        assert_eq!(kept(Moment::MAX, now), (None, None));
        let later = now + 2 * UNNAMING_WAITS;
        assert_eq!(kept(later, now), (None, Some(later)));
    }
}
