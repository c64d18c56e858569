//! Getting back in after the last key was lost: helpers make a new account the owner, and give its
//! phone the shares of a key that opens the keyring.
//!
//! On the chain stand commitments to whom the plan names, and as many more that nobody can open. The
//! shares never do, and no vault has them: they go from hand to hand, as files that only one device
//! can open, and with each what opens its helper's commitment.

use std::path::{Path, PathBuf};

use codec::Encode;
use salus_primitives::{
    commitment, AccountId, Controller, ControllerRole, Ending, Genesis, Helpers, Moment, PatientId,
    PendingRecovery, RecoveryPlan, Subject, MAX_HELPERS,
};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use zeroize::Zeroizing;

use super::accounts;
use super::describe::moment;
use super::identity::{back_up, current_keyring, join, published, save_keyring};
use super::patient::ensure_fit;
use super::succession::{
    device_of, ensure_decides, ensure_owner, settle, signed_device, History, Keep, RequestFile,
    TakenOver,
};
use super::{clock, due, unknown_patient, Client, Receipt};
use crate::chain::{calls, Call, Submitted};
use crate::error::{Error, Result};
use crate::files::age::{seal_bytes, unseal_bytes, DecryptionKey, EncryptionKey};
use crate::files::share::{combine, short, split, Share};
use crate::keyring::{sealed_json, Holder, Keyring, Secret};
use crate::keys::{parse_account, random_16, random_32, AccountKey};
use crate::kit::{self, Kit, KIT};
use crate::profile::{
    open_with_passphrase, seal_with_passphrase, write_atomically, write_new, Helped, Profile,
    Unlocked,
};

const VERSION: u32 = 1;
/// How the keyring's holders are called that are no device.
const RECOVERY: &str = "recovery ";
const BACKUP: &str = "backup ";
/// A share in its file, sealed.
const MAX_SHARE: u64 = 8 * 1024;

/// What a future helper gives to the patient, if the helper's account has published no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferFile {
    version: u32,
    pub genesis: Genesis,
    pub account: String,
    /// The helper's device's key, signed by the account; SCALE in hexadecimal.
    device: String,
}

/// Makes the file, with an account for this patient alone: who helps with the account of their own
/// chart, or two patients with the same one, would show who knows whom. Needs no network.
pub fn offer(profile: &Profile, unlocked: &Unlocked, genesis: Genesis) -> Result<OfferFile> {
    let number = profile.update_accounts(|accounts| Ok(accounts.take_helping()))?;
    let key = unlocked.account.for_helping(number);
    Ok(OfferFile {
        version: VERSION,
        genesis,
        account: key.account().to_string(),
        device: signed_device(&key, unlocked, &genesis),
    })
}

impl OfferFile {
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|error| Error::invalid("offer", error))?;
        json.push(b'\n');
        Ok(json)
    }

    pub fn from_json(json: &[u8]) -> Result<Self> {
        crate::files::check_version("offer", json, VERSION)?;
        serde_json::from_slice(json).map_err(|error| Error::invalid("offer", error))
    }

    fn verify(&self, genesis: &Genesis) -> Result<(AccountId, EncryptionKey)> {
        if self.genesis != *genesis {
            return Err(Error::invalid("offer", "it was made for another chain"));
        }
        let account = parse_account(&self.account)?;
        let key = device_of(&account, &self.device, genesis).ok_or_else(|| {
            Error::invalid(
                "offer",
                "its key is not signed by its account: ask for a new one",
            )
        })?;
        Ok((account, key))
    }
}

/// Somebody who is asked to help, and how to encrypt to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Helping {
    /// By the key that the account has published.
    Account(AccountId),
    Offer(OfferFile),
}

/// A plan as it was set, and the files that go to the helpers.
#[derive(Clone, Debug, Serialize)]
pub struct PlanMade {
    pub patient: String,
    pub threshold: u8,
    pub delay: Moment,
    pub shares: Vec<ShareMade>,
    /// Whether the vault has the keyring as it should be.
    pub saved: bool,
    /// From when on it can be put in the place of the plan in force; none if it is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Moment>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShareMade {
    pub helper: String,
    pub file: PathBuf,
}

/// What is sealed in a helper's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredShare {
    version: u32,
    patient: String,
    /// The account that it was made for.
    helper: String,
    /// Random, 32 bytes in hexadecimal.
    nonce: Secret,
    /// [`Share::to_bytes`] in hexadecimal.
    share: Secret,
}

/// A helper's share, and what opens the commitment to them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    patient: PatientId,
    helper: AccountId,
    nonce: [u8; 32],
    share: Share,
}

impl Kept {
    fn salt(&self) -> H256 {
        self.share.salt(&self.nonce)
    }

    /// What the plan has of it.
    fn commitment(&self) -> H256 {
        let threshold = self.share.threshold();
        commitment::helper(&self.patient, &self.salt(), &self.helper, threshold)
    }

    /// Errors if no such commitment is among these.
    fn check(&self, helpers: &[H256]) -> Result<()> {
        match helpers.contains(&self.commitment()) {
            true => Ok(()),
            false => Err(Error::Share(format!(
                "share {} of set {} is none of the present plan's: it was changed, or made for an earlier plan; ask for the newest",
                self.share.number(),
                short(&self.share.set())
            ))),
        }
    }
}

fn seal_share(kept: &Kept, to: &EncryptionKey) -> Result<Vec<u8>> {
    let json = sealed_json(
        "share",
        &StoredShare {
            version: VERSION,
            patient: kept.patient.to_string(),
            helper: kept.helper.to_string(),
            nonce: Secret::new(hex::encode(kept.nonce)),
            share: Secret::new(hex::encode(&*kept.share.to_bytes())),
        },
    )?;
    seal_bytes(std::slice::from_ref(to), &json)
}

fn open_share(keys: &[DecryptionKey], sealed: &[u8]) -> Result<Kept> {
    let damaged = || Error::Share("it is no share: ask whoever gave it to you for it again".into());
    let json = unseal_bytes(keys, sealed, MAX_SHARE, "share")?;
    crate::files::check_version("share", &json, VERSION)?;
    // Not the parser's own words: they may quote the secret.
    let stored: StoredShare = serde_json::from_slice(&json).map_err(|_| damaged())?;
    let patient = stored.patient.parse().map_err(|_| damaged())?;
    let helper = parse_account(&stored.helper).map_err(|_| damaged())?;
    let mut nonce = [0; 32];
    hex::decode_to_slice(stored.nonce.expose(), &mut nonce).map_err(|_| damaged())?;
    let bytes = Zeroizing::new(hex::decode(stored.share.expose()).map_err(|_| damaged())?);
    Ok(Kept {
        patient,
        helper,
        nonce,
        share: Share::from_bytes(&bytes)?,
    })
}

/// A file of a share, and what to call it in messages.
pub struct Sealed {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Sealed {
    fn open(&self, keys: &[DecryptionKey]) -> Result<Kept> {
        open_share(keys, &self.bytes).map_err(|error| self.named(error))
    }

    fn named(&self, error: Error) -> Error {
        match error {
            Error::WrongKey(_) => Error::NotPermitted(format!(
                "{}: it is encrypted to somebody else: each helper opens their own, and the new phone those that were passed on to it",
                self.name
            )),
            Error::Share(reason) => Error::Share(format!("{}: {reason}", self.name)),
            Error::Damaged { .. } => Error::Share(format!(
                "{}: it was cut or changed: ask whoever gave it to you for it again",
                self.name
            )),
            other => other,
        }
    }
}

/// Names helpers, and writes a file for each of them into `folder`: any `threshold` of them can make
/// a new account the owner and open the keyring to its phone, if nobody who decides for the patient
/// stops them within `delay`. A plan in force ends only after its own delay, by [`complete`], so that
/// helpers who have begun are not outrun; then its files open nothing any more.
pub async fn setup(
    client: &Client,
    patient: PatientId,
    helpers: &[Helping],
    threshold: u8,
    delay: Moment,
    folder: &Path,
) -> Result<PlanMade> {
    let client = &client.in_turn().await?;
    ensure_nothing_waits(client, patient).await?;
    let people = people(client, patient, helpers).await?;
    let count = u8::try_from(people.len())
        .ok()
        .filter(|count| u32::from(*count) <= MAX_HELPERS)
        .ok_or_else(too_many)?;
    let key = DecryptionKey::generate();
    let secret = exposed(&key)?;
    let shares = split(secret.as_bytes(), threshold, count)?;
    let set = shares.first().map(Share::set).unwrap_or_default();

    std::fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
    let mut files = Vec::new();
    let mut commitments = Vec::new();
    for ((account, to), share) in people.iter().zip(shares) {
        let file = folder.join(format!("share-{}-{}.age", short(&set), share.number()));
        let kept = Kept {
            patient,
            helper: account.clone(),
            nonce: random_32(),
            share,
        };
        write_atomically(&file, &seal_share(&kept, to)?)?;
        files.push(ShareMade {
            helper: account.to_string(),
            file,
        });
        commitments.push(kept.commitment());
    }
    let helpers = filled_up(commitments)?;

    // The keyring first: a plan whose shares open nothing would be worse than none.
    let mut keyring = current_keyring(client, patient).await?;
    let name = holder_of(&helpers);
    keyring.add_holder(&name, &key.public())?;
    let named = people.iter().map(|(account, _)| account.to_string());
    keyring.note_helpers(&name, named.collect(), threshold);
    client.keep(&mut keyring)?;
    save_keyring(client, &mut keyring).await?;
    let call = calls::recovery::set_plan(patient, &helpers, delay);
    let done = client.submit(&call).await;
    let due = done.as_ref().ok().and_then(plan_ending);
    // Until it is in force the earlier plan's shares are good.
    let stands = done.as_ref().map(|_| due.is_none());
    let forgotten = forget(client, &mut keyring, |holder| {
        is_over(&stands, &name, holder)
    })
    .await;
    let submitted = done?;
    Ok(PlanMade {
        patient: patient.to_string(),
        threshold,
        delay,
        shares: files,
        saved: forgotten?,
        due,
        receipt: (&submitted).into(),
    })
}

/// These commitments among others that nobody can open, in the order that tells nothing.
fn filled_up(mut commitments: Vec<H256>) -> Result<Helpers> {
    if commitments.len() > MAX_HELPERS as usize {
        return Err(too_many());
    }
    commitments.resize_with(MAX_HELPERS as usize, || random_32().into());
    commitments.sort();
    commitments.try_into().map_err(|_| too_many())
}

fn too_many() -> Error {
    Error::Unfit(format!("at most {MAX_HELPERS} helpers can be named"))
}

/// What a plan's key is called among the keyring's holders: whoever sees the plan on the chain knows it.
fn holder_of(helpers: &Helpers) -> String {
    let digest = sp_crypto_hashing::blake2_128(&helpers.encode());
    format!("{RECOVERY}{}", short(&digest))
}

/// From when on what was announced about a plan can be completed; none if it is done.
fn plan_ending(submitted: &Submitted) -> Option<Moment> {
    due(submitted, "Recovery", "PlanEnding")
}

/// What is to become of a plan.
async fn ending(client: &Client, patient: PatientId) -> Result<Option<Ending>> {
    let pending = client.salus().await?.pending_changes(patient).await?;
    Ok(pending.recovery_plan)
}

/// Told before any key is made: another change would be refused.
async fn ensure_nothing_waits(client: &Client, patient: PatientId) -> Result<()> {
    match ending(client, patient).await? {
        None => Ok(()),
        Some(row) => Err(Error::Unfit(format!(
            "a change of the helpers was announced already: `salus recovery complete` carries it out from {} on, `salus recovery veto` calls it off",
            moment(row.due)
        ))),
    }
}

/// Whether a holder of the keyring is of no plan that may stand on the chain, after the plan of the
/// holder `name` was sent there, and stands there or waits.
fn is_over(stands: &Result<bool, &Error>, name: &str, holder: &str) -> bool {
    match stands {
        Ok(true) => holder.starts_with(RECOVERY) && holder != name,
        // Both count until one of them does not: it may be vetoed.
        Ok(false) => false,
        // It may stand there after all: both sets of shares open the keyring until it is known.
        Err(Error::Chain(error)) if error.is_transport() => false,
        Err(_) => holder == name,
    }
}

/// Takes these holders out of the keyring; whether the vault has it so.
async fn forget(
    client: &Client,
    keyring: &mut Keyring,
    is_over: impl Fn(&str) -> bool,
) -> Result<bool> {
    if !take_out(keyring, is_over)? {
        return Ok(true);
    }
    client.keep(keyring)?;
    Ok(back_up(client, keyring).await)
}

/// Takes these holders out of the keyring; whether there were any.
fn take_out(keyring: &mut Keyring, is_over: impl Fn(&str) -> bool) -> Result<bool> {
    let names: Vec<String> = keyring
        .holders()
        .iter()
        .map(|holder| holder.name.clone())
        .filter(|name| is_over(name))
        .collect();
    for name in &names {
        keyring.remove_holder(name)?;
    }
    Ok(!names.is_empty())
}

/// The helpers' accounts and keys. What the chain would refuse is named before anything is written.
async fn people(
    client: &Client,
    patient: PatientId,
    helpers: &[Helping],
) -> Result<Vec<(AccountId, EncryptionKey)>> {
    let salus = client.salus().await?;
    let genesis = client.chain.genesis();
    let mut people: Vec<(AccountId, EncryptionKey)> = Vec::new();
    for helper in helpers {
        let (account, key) = match helper {
            Helping::Account(account) => {
                let subject = Subject::Account(account.clone());
                let key = client.recipient(&salus, &subject).await?;
                (account.clone(), key)
            }
            Helping::Offer(offer) => offer.verify(&genesis)?,
        };
        // By the key, too: one who offers twice would have two shares.
        if people
            .iter()
            .any(|(known, known_key)| *known == account || *known_key == key)
        {
            return Err(Error::Unfit(format!(
                "{account} is named twice, or offers with the same device as another helper: each helper has one share"
            )));
        }
        if is_own(client, &account, &key)? {
            return Err(Error::Unfit(format!(
                "{account} is yours, and who has lost everything cannot help themselves: name somebody else as helper"
            )));
        }
        let role = salus.controller(patient, &account).await?;
        if role.is_some_and(|row| row.role != ControllerRole::Carer) {
            return Err(Error::Unfit(format!(
                "{account} decides for the patient already: name somebody else as helper"
            )));
        }
        people.push((account, key));
    }
    Ok(people)
}

/// Whether a helper is the person of this profile: one of its accounts, or one that this device opens
/// files for.
fn is_own(client: &Client, account: &AccountId, key: &EncryptionKey) -> Result<bool> {
    let helps = client.profile.helping_key(&client.own, account)?.is_some();
    Ok(helps || client.accounts()?.contains(account) || *key == client.device.public())
}

/// Who helps, and what is under way.
#[derive(Clone, Debug, Serialize)]
pub struct RecoveryView {
    pub patient: String,
    pub plan: Option<PlanView>,
    /// What was announced about the plan.
    pub ending: Option<EndingView>,
    pub recoveries: Vec<RecoveryRow>,
}

#[derive(Clone, Debug, Serialize)]
pub struct EndingView {
    pub by: String,
    /// From when on it can be completed.
    pub due: Moment,
    /// Whether others are to help instead; nobody, if not.
    pub replaced: bool,
}

impl EndingView {
    pub(super) fn of(row: &Ending) -> Self {
        Self {
            by: row.by.to_string(),
            due: row.due,
            replaced: row.replacement.is_some(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct PlanView {
    /// As this profile's keyring has noted; empty if it has not. The chain does not tell.
    pub helpers: Vec<String>,
    /// How many of them it takes, as noted.
    pub threshold: Option<u8>,
    /// As it counts now: a week at least if who set the plan is no owner for good.
    pub delay: Moment,
    pub set_at: Moment,
    pub set_by: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct RecoveryRow {
    pub owner: String,
    pub started_at: Moment,
    /// How many helpers it takes.
    pub threshold: u8,
    pub helpers: Vec<String>,
    /// From when it can be finished; none while helpers are missing.
    pub ready_at: Option<Moment>,
}

pub async fn show(client: &Client, patient: PatientId) -> Result<RecoveryView> {
    let salus = client.salus().await?;
    if salus.patient(patient).await?.is_none() {
        return Err(unknown_patient(patient));
    }
    let plan = salus.recovery_plan(patient).await?;
    let recoveries = salus.recoveries(patient).await?;
    let ending = ending(client, patient).await?;
    let keyring = client.profile.keyring(&patient, &client.device)?;
    let noted = |plan: &RecoveryPlan| -> Option<Holder> {
        let name = holder_of(&plan.helpers);
        let holders = keyring.as_ref()?.holders();
        holders.iter().find(|holder| holder.name == name).cloned()
    };
    let noted = plan.as_ref().and_then(noted);
    Ok(RecoveryView {
        patient: patient.to_string(),
        ending: ending.as_ref().map(EndingView::of),
        plan: plan.as_ref().map(|plan| PlanView {
            helpers: noted
                .as_ref()
                .map(|holder| holder.helpers.clone())
                .unwrap_or_default(),
            threshold: noted.as_ref().and_then(|holder| holder.threshold),
            delay: plan.delay,
            set_at: plan.set_at,
            set_by: plan.set_by.to_string(),
        }),
        recoveries: recovery_rows(recoveries, plan.as_ref()),
    })
}

/// Announces that there are to be no helpers any more, and when the plan's delay is over does it: what
/// they have begun ends then, if an owner for good says so, and the key that they share opens the
/// keyring no longer.
pub async fn remove(client: &Client, patient: PatientId) -> Result<Changed> {
    let call = calls::recovery::remove_plan(patient);
    change_plan(client, patient, call).await
}

/// Carries out what was announced about the plan, once it is due: others in the place of the helpers, or
/// none.
pub async fn complete(client: &Client, patient: PatientId) -> Result<Changed> {
    change_plan(client, patient, calls::recovery::complete(patient)).await
}

/// Keeps the plan whose end, or replacement, was announced.
pub async fn veto(client: &Client, patient: PatientId) -> Result<Changed> {
    change_plan(client, patient, calls::recovery::veto_ending(patient)).await
}

/// After what was done to a plan, only the key of the one in force opens the keyring.
async fn change_plan(client: &Client, patient: PatientId, call: Call) -> Result<Changed> {
    let client = &client.in_turn().await?;
    let submitted = client.submit(&call).await?;
    let due = plan_ending(&submitted);
    if due.is_none() {
        let salus = client.chain.salus_at(submitted.block.hash);
        let plan = salus.recovery_plan(patient).await?;
        let name = plan.map(|plan| holder_of(&plan.helpers));
        let mut keyring = current_keyring(client, patient).await?;
        forget(client, &mut keyring, |holder| {
            holder.starts_with(RECOVERY) && Some(holder) != name.as_deref()
        })
        .await?;
    }
    let stopped = submitted
        .events
        .iter()
        .filter(|event| event.is("Recovery", "RecoveryCancelled"))
        .filter_map(|event| event.fields["owner"].as_str().map(str::to_owned));
    Ok(Changed {
        patient: patient.to_string(),
        owners: stopped.collect(),
        due,
        receipt: (&submitted).into(),
    })
}

/// A share that is whole and of the present plan.
#[derive(Clone, Debug, Serialize)]
pub struct Tested {
    pub file: String,
    pub patient: String,
    /// Whose share the plan says it is.
    pub helper: String,
    pub number: u8,
    pub threshold: u8,
    pub count: u8,
    /// Whether its plan was announced, and is not in force yet.
    pub pending: bool,
}

/// Checks that this profile can open these files, and that each is a share of the present plan, or of
/// the one that was announced in its place.
pub async fn test(client: &Client, files: &[Sealed]) -> Result<Vec<Tested>> {
    let keys = share_keys(client).await?;
    let mut tested = Vec::new();
    for file in files {
        let kept = file.open(&keys)?;
        let patient = kept.patient;
        let plan = plan(client, patient).await?;
        let announced = ending(client, patient)
            .await?
            .and_then(|row| row.replacement);
        let pending = announced.is_some_and(|new| kept.check(&new.helpers).is_ok());
        if !pending {
            kept.check(&plan.helpers)
                .map_err(|error| file.named(error))?;
        }
        helping_key(client, &kept.helper).map_err(|error| file.named(error))?;
        note(client, &kept)?;
        tested.push(Tested {
            file: file.name.clone(),
            patient: patient.to_string(),
            helper: kept.helper.to_string(),
            number: kept.share.number(),
            threshold: kept.share.threshold(),
            count: kept.share.count(),
            pending,
        });
    }
    Ok(tested)
}

/// Remembers whom this person helps: the chain does not tell.
fn note(client: &Client, kept: &Kept) -> Result<()> {
    let helped = Helped {
        account: kept.helper.to_string(),
        commitment: kept.commitment(),
    };
    client.profile.update_helping(|helping| {
        helping.note(&kept.patient, helped);
        Ok(())
    })
}

/// The key of an account that a share was made for.
fn helping_key(client: &Client, account: &AccountId) -> Result<AccountKey> {
    client
        .profile
        .helping_key(&client.own, account)?
        .ok_or_else(|| {
            Error::NotPermitted(format!(
                "{account} is none of this profile's accounts: use the profile that has offered to help with it"
            ))
        })
}

/// The key of the account with which this person helps a patient; the profile's own, if none is noted.
fn helper_of(client: &Client, patient: PatientId) -> Result<AccountKey> {
    match client.profile.helping()?.get(&patient) {
        Some(helped) => helping_key(client, &parse_account(&helped.account)?),
        None => Ok(client.own.clone()),
    }
}

/// Somebody whom this person helps to get back in.
#[derive(Clone, Debug, Serialize)]
pub struct Duty {
    pub patient: String,
    /// The account to help with, which is used by itself.
    pub helper: String,
    /// Whether the patient's plan has this helper still; an announced one counts.
    pub named: bool,
    /// What is under way.
    pub recoveries: Vec<RecoveryRow>,
}

/// Whom this person helps, as far as their shares were tested or used here, and what is under way.
pub async fn duties(client: &Client) -> Result<Vec<Duty>> {
    let salus = client.salus().await?;
    let helping = client.profile.helping()?;
    let mut duties = Vec::new();
    for (patient, helped) in helping.iter() {
        let plan = salus.recovery_plan(patient).await?;
        let announced = ending(client, patient)
            .await?
            .and_then(|row| row.replacement);
        let has = |helpers: &Helpers| helpers.contains(&helped.commitment);
        let named = plan.as_ref().is_some_and(|plan| has(&plan.helpers))
            || announced.is_some_and(|new| has(&new.helpers));
        let recoveries = salus.recoveries(patient).await?;
        duties.push(Duty {
            patient: patient.to_string(),
            helper: helped.account.clone(),
            named,
            recoveries: recovery_rows(recoveries, plan.as_ref()),
        });
    }
    Ok(duties)
}

fn recovery_rows(
    rows: Vec<(AccountId, PendingRecovery)>,
    plan: Option<&RecoveryPlan>,
) -> Vec<RecoveryRow> {
    rows.into_iter()
        .map(|(owner, row)| RecoveryRow {
            owner: owner.to_string(),
            started_at: row.started_at,
            threshold: row.threshold,
            helpers: row.helpers.iter().map(AccountId::to_string).collect(),
            ready_at: plan.and_then(|plan| row.ready_at(plan)),
        })
        .collect()
}

/// What opens shares that were given to this person.
async fn share_keys(client: &Client) -> Result<Vec<DecryptionKey>> {
    let mut keys = vec![client.device.clone()];
    keys.extend(client.own_keys(&client.salus().await?).await?);
    Ok(keys)
}

async fn plan(client: &Client, patient: PatientId) -> Result<RecoveryPlan> {
    client
        .salus()
        .await?
        .recovery_plan(patient)
        .await?
        .ok_or_else(|| {
            Error::Unfit(format!(
                "patient {patient} has named no helpers: a plan is made with `salus recovery setup` while a key is left"
            ))
        })
}

/// Those recoveries that this account can stop. Fails if there are some, and it can stop none.
fn stoppable(
    wanted: Vec<AccountId>,
    controllers: &[(AccountId, Controller)],
    me: &AccountId,
) -> Result<Vec<AccountId>> {
    let is_other_owner = |account: &AccountId| {
        account != me
            && controllers.iter().any(|(known, row)| {
                known == account && row.role == ControllerRole::Owner && row.expires_at.is_none()
            })
    };
    let (kept, stopped): (Vec<AccountId>, Vec<AccountId>) =
        wanted.into_iter().partition(is_other_owner);
    match (kept.first(), stopped.is_empty()) {
        (Some(owner), true) => Err(Error::NotPermitted(format!(
            "{owner} is an owner for good, as you are: the helpers decide between you, and none of you stops them. Talk to the helpers"
        ))),
        _ => Ok(stopped),
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Changed {
    pub patient: String,
    /// The accounts that would become owner, of each recovery that this is about.
    pub owners: Vec<String>,
    /// From when on what was announced can be completed; none if it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Moment>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

fn changed(patient: PatientId, owner: &AccountId, submitted: &crate::chain::Submitted) -> Changed {
    Changed {
        patient: patient.to_string(),
        owners: vec![owner.to_string()],
        due: None,
        receipt: submitted.into(),
    }
}

/// What a helper does for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Start,
    Approve,
}

/// A helper's word for a request, and the helper's share, encrypted to the phone that asks.
#[derive(Clone, Debug, Serialize)]
pub struct Given {
    pub patient: String,
    pub owner: String,
    pub code: String,
    /// From when it can be finished; none while helpers are missing.
    pub ready_at: Option<Moment>,
    #[serde(skip)]
    pub share: Vec<u8>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Whoever asks must have been recognised, and the request's code compared with them: a share that
/// was given cannot be taken back.
pub async fn give(
    client: &Client,
    file: &RequestFile,
    word: Word,
    share: &Sealed,
) -> Result<Given> {
    let request = file.verify(&client.chain.genesis())?;
    let patient = request.patient;
    ensure_fit(&client.salus().await?, &request.owner, patient).await?;
    let kept = share.open(&share_keys(client).await?)?;
    if kept.patient != patient {
        return Err(Error::Share(format!(
            "{}: it is a share of patient {}, and the request is about patient {patient}: use the right one",
            share.name, kept.patient
        )));
    }
    let plan = plan(client, patient).await?;
    kept.check(&plan.helpers)
        .map_err(|error| share.named(error))?;
    let key = helping_key(client, &kept.helper).map_err(|error| share.named(error))?;
    note(client, &kept)?;
    let sealed = seal_share(&kept, &request.device)?;
    let salt = kept.salt();
    let call = match word {
        Word::Start => {
            let threshold = kept.share.threshold();
            calls::recovery::start(patient, &request.owner, &request.consent, salt, threshold)
        }
        Word::Approve => calls::recovery::approve(patient, &request.owner, salt),
    };
    let submitted = client.chain.submit(&key, &call).await?;
    let salus = client.chain.salus_at(submitted.block.hash);
    let recoveries = salus.recoveries(patient).await?;
    let ready_at = salus.recovery_plan(patient).await?.and_then(|plan| {
        let (_, row) = recoveries
            .iter()
            .find(|(owner, _)| *owner == request.owner)?;
        row.ready_at(&plan)
    });
    Ok(Given {
        patient: patient.to_string(),
        owner: request.owner.to_string(),
        code: request.code,
        ready_at,
        share: sealed,
        receipt: (&submitted).into(),
    })
}

/// A helper takes their word back.
pub async fn withdraw(client: &Client, file: &RequestFile) -> Result<Changed> {
    let request = file.verify(&client.chain.genesis())?;
    let call = calls::recovery::withdraw(request.patient, &request.owner);
    let key = helper_of(client, request.patient)?;
    let submitted = client.chain.submit(&key, &call).await?;
    Ok(changed(request.patient, &request.owner, &submitted))
}

/// Makes the account of the request the owner, once the delay is over. A helper who stands behind it
/// does it, because that account may do nothing on the chain before.
pub async fn finish(client: &Client, file: &RequestFile) -> Result<Changed> {
    let request = file.verify(&client.chain.genesis())?;
    ensure_fit(&client.salus().await?, &request.owner, request.patient).await?;
    let call = calls::recovery::finish(request.patient, &request.owner);
    let key = helper_of(client, request.patient)?;
    let submitted = client.chain.submit(&key, &call).await?;
    Ok(changed(request.patient, &request.owner, &submitted))
}

/// Who decides for the patient stops a recovery, or all that are under way. Between two owners for good
/// the helpers decide: a recovery to the other one cannot be stopped.
pub async fn cancel(
    client: &Client,
    patient: PatientId,
    owner: Option<&AccountId>,
) -> Result<Changed> {
    let salus = client.salus().await?;
    let wanted = match owner {
        Some(owner) => vec![owner.clone()],
        None => {
            let under_way = salus.recoveries(patient).await?;
            under_way.into_iter().map(|(owner, _)| owner).collect()
        }
    };
    let controllers = salus.controllers(patient).await?;
    let owners = stoppable(wanted, &controllers, &client.me())?;
    let mut last = None;
    for owner in &owners {
        let call = calls::recovery::cancel(patient, owner);
        last = Some(client.submit(&call).await?);
    }
    let submitted = last.ok_or_else(|| {
        Error::Unfit(format!(
            "no recovery of patient {patient} is under way: there is nothing to stop"
        ))
    })?;
    Ok(Changed {
        patient: patient.to_string(),
        owners: owners.iter().map(AccountId::to_string).collect(),
        due: None,
        receipt: (&submitted).into(),
    })
}

/// On the new phone, when it is the owner: opens the keyring with the helpers' shares, shuts out
/// everybody who could open it before, and makes every key anew.
pub async fn restore(
    client: &Client,
    patient: PatientId,
    files: &[Sealed],
    keep: Keep<'_>,
) -> Result<TakenOver> {
    let client = &client.in_turn().await?;
    ensure_owner(client, patient).await?;
    let keys = share_keys(client).await?;
    let history = History::of(client, patient).await;
    let plan = plan_behind(client, patient, &history).await?;
    let mut shares: Vec<Share> = Vec::new();
    for (place, file) in files.iter().enumerate() {
        let kept = file.open(&keys)?;
        if kept.patient != patient {
            return Err(Error::Share(format!(
                "{}: it is a share of patient {}, not of {patient}: leave it out",
                file.name, kept.patient
            )));
        }
        kept.check(&plan.helpers)
            .map_err(|error| file.named(error))?;
        let share = kept.share;
        if let Some(same) = shares.iter().position(|other| *other == share) {
            return Err(Error::Share(format!(
                "{} and {} are the same share: leave one out, and ask another helper for theirs",
                files[same].name, files[place].name
            )));
        }
        shares.push(share);
    }
    let secret = combine(&shares)?;
    reopen(client, patient, key_of(&secret)?, history, keep, None).await
}

/// The plan that a recovery to this account was finished with. It ended with that, so the chain is asked
/// in the state before.
async fn plan_behind(
    client: &Client,
    patient: PatientId,
    history: &History,
) -> Result<RecoveryPlan> {
    let Some(block) = history.succeeded_in else {
        return plan(client, patient).await.map_err(|_| {
            Error::Unfit(format!(
                "the trail of patient {patient} tells of no recovery to this account, so nobody can say whose shares these are: ask an archive node with --node, or use a backup or a kit"
            ))
        });
    };
    let (_, before) = client.chain.block(block).await?;
    let plan = client.chain.salus_at(before).recovery_plan(patient).await?;
    plan.ok_or_else(|| {
        Error::Unfit(format!(
            "patient {patient} was not given to this account by helpers: use a backup, a kit, or `salus patient take-over` after a hand-over"
        ))
    })
}

pub(super) fn exposed(key: &DecryptionKey) -> Result<Zeroizing<String>> {
    key.expose()
        .ok_or_else(|| Error::EncryptionKey("the key of a single file is kept by nobody".into()))
}

fn key_of(secret: &[u8]) -> Result<DecryptionKey> {
    std::str::from_utf8(secret)
        .ok()
        .and_then(|text| DecryptionKey::parse(text).ok())
        .ok_or_else(|| {
            Error::Share("what the shares give is no key: ask the helpers for them again".into())
        })
}

/// Opens the keyring of the vault with a key that is no device's; `kit` is the printed one that it
/// comes from.
async fn reopen(
    client: &Client,
    patient: PatientId,
    key: DecryptionKey,
    history: History,
    keep: Keep<'_>,
    kit: Option<&str>,
) -> Result<TakenOver> {
    let row = client.salus().await?.patient(patient).await?;
    let content = row
        .ok_or_else(|| unknown_patient(patient))?
        .keyring
        .ok_or_else(|| {
            Error::Unfit(format!(
                "no keyring of patient {patient} was ever saved in the vault: there is nothing to open"
            ))
        })?;
    // The device is a holder already if this was done before, and cut off.
    let keys = [key, client.device.clone()];
    let theirs = match published(client, patient, &content, &keys).await {
        Err(error @ Error::WrongKey(_)) => return Err(unopened(client, patient, error, kit).await),
        other => other?,
    };
    // What a first attempt, cut off, has made anew already.
    let ours = client.profile.keyring(&patient, &client.device)?;
    let keyring = join(&client.salus().await?, ours, theirs, &content).await?;
    settle(client, keyring, history, keep).await
}

/// Says which key does not open the keyring; and what to do if whoever had the account before has put
/// another one into the place of the patient's own.
async fn unopened(client: &Client, patient: PatientId, error: Error, kit: Option<&str>) -> Error {
    let kept = async { Ok::<_, Error>(client.salus().await?.former_keyrings(patient).await?) };
    let replaced = kept.await.is_ok_and(|kept| !kept.is_empty());
    let why = match kit {
        Some(kit) => format!(
            "{kit} does not open the keyring of patient {patient}: it is another patient's, or a newer kit or a restore has made it worthless; look for the newest kit, a backup or helpers"
        ),
        None if replaced => format!("the keyring of patient {patient} does not open"),
        None => return error,
    };
    Error::Keyring(if replaced {
        format!(
            "{why}. It was replaced within 72 hours; if not by the patient, `salus keyring restore --list` shows those that are kept: name the patient's last one with `salus keyring restore --content CID`, and do this again"
        )
    } else {
        why
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredBackup {
    version: u32,
    patient: String,
    /// Which of the phrase's accounts acts for the patient: `//patient//N`.
    number: Option<u32>,
    key: Secret,
}

/// A key of its own that opens the keyring, to be kept under a passphrase.
#[derive(Clone, Debug, Serialize)]
pub struct BackedUp {
    pub patient: String,
    /// What it is called among the keyring's holders.
    pub holder: String,
    pub file: PathBuf,
}

/// For who has the account's phrase, and no device any more. An earlier backup opens nothing from
/// now on.
pub async fn backup(
    client: &Client,
    patient: PatientId,
    passphrase: &str,
    work_factor: u8,
    out: &Path,
) -> Result<BackedUp> {
    let key = DecryptionKey::generate();
    let secret = exposed(&key)?;
    let json = sealed_json(
        "backup",
        &StoredBackup {
            version: VERSION,
            patient: patient.to_string(),
            number: client.profile.accounts()?.number(&patient),
            key: Secret::new(secret.to_string()),
        },
    )?;
    let sealed = seal_with_passphrase(&json, passphrase, work_factor)?;
    let client = &client.in_turn().await?;
    let keyring = current_keyring(client, patient).await?;
    // The file first: an earlier backup is good until this one is.
    write_new(out, &sealed)?;
    let holder = format!("{BACKUP}{}", short(&random_16()));
    replace(client, keyring, BACKUP, &holder, &key.public()).await?;
    Ok(BackedUp {
        patient: patient.to_string(),
        holder,
        file: out.to_path_buf(),
    })
}

/// The same on a page to print, without a passphrase. An earlier kit opens nothing from now on.
pub async fn kit(client: &Client, patient: PatientId, out: &Path) -> Result<BackedUp> {
    let kit = Kit {
        patient,
        key: DecryptionKey::generate(),
        made_at: clock(),
        number: client.profile.accounts()?.number(&patient),
    };
    let client = &client.in_turn().await?;
    let keyring = current_keyring(client, patient).await?;
    // The page first: an earlier kit is good until this one is.
    write_new(out, kit.page()?.as_bytes())?;
    let holder = kit.holder();
    replace(client, keyring, KIT, &holder, &kit.key.public()).await?;
    Ok(BackedUp {
        patient: patient.to_string(),
        holder,
        file: out.to_path_buf(),
    })
}

/// Makes this key the keyring's only holder of its kind.
async fn replace(
    client: &Client,
    mut keyring: Keyring,
    kind: &str,
    holder: &str,
    key: &EncryptionKey,
) -> Result<()> {
    keyring.add_holder(holder, key)?;
    take_out(&mut keyring, |held| {
        held.starts_with(kind) && held != holder
    })?;
    client.keep(&mut keyring)?;
    save_keyring(client, &mut keyring).await?;
    Ok(())
}

/// On a new phone that has the account's phrase: opens the keyring with the backup, and makes every
/// key anew.
pub async fn restore_backup(
    mut client: Client,
    patient: PatientId,
    file: &Path,
    passphrase: &str,
    keep: Keep<'_>,
) -> Result<TakenOver> {
    let bad = || Error::invalid("backup", "it was cut or changed: use another copy");
    let sealed = std::fs::read(file).map_err(Error::file("read", file))?;
    let json = open_with_passphrase(&sealed, passphrase, file)?;
    crate::files::check_version("backup", &json, VERSION)?;
    // Not the parser's own words: they may quote the secret.
    let stored: StoredBackup = serde_json::from_slice(&json).map_err(|_| bad())?;
    if stored.patient != patient.to_string() {
        return Err(Error::Unfit(format!(
            "this backup is of patient {}, not of {patient}",
            stored.patient
        )));
    }
    let key = DecryptionKey::parse(stored.key.expose()).map_err(|_| bad())?;
    if let Some(number) = stored.number {
        let account = client.own.for_patient(number).account();
        let salus = client.salus().await?;
        // Whoever has found the backup has another phrase.
        if salus.controller(patient, &account).await?.is_some() {
            client.profile.update_accounts(|accounts| {
                accounts.assign(&patient, number);
                Ok(())
            })?;
            client = client.acting_for(patient)?;
        }
    }
    let client = &client.in_turn().await?;
    ensure_decides(client, patient).await?;
    let history = History::of(client, patient).await;
    reopen(client, patient, key, history, keep, None).await
}

/// The same with the key of a printed kit, as [`kit::read`] gives it.
pub async fn restore_kit(
    mut client: Client,
    patient: PatientId,
    key: DecryptionKey,
    keep: Keep<'_>,
) -> Result<TakenOver> {
    let holder = kit::holder(&key.public());
    // Nobody types the account's number from paper.
    if client.profile.accounts()?.number(&patient).is_none() {
        accounts::find(&client).await?;
        client = client.acting_for(patient)?;
    }
    let client = &client.in_turn().await?;
    ensure_decides(client, patient).await?;
    let history = History::of(client, patient).await;
    reopen(client, patient, key, history, keep, Some(&holder)).await
}

#[cfg(test)]
mod tests {
    use salus_primitives::api::PendingChanges;

    use super::*;
    use crate::actions::double::World;
    use crate::chain::ChainError;
    use crate::vault::tests::Script;

    const PATIENT: PatientId = PatientId([7; 16]);

    fn sealed(name: &str, bytes: Vec<u8>) -> Sealed {
        Sealed {
            name: name.into(),
            bytes,
        }
    }

    /// Somebody's share.
    fn kept(helper: u8, share: Share) -> Kept {
        Kept {
            patient: PATIENT,
            helper: AccountId::new([helper; 32]),
            nonce: random_32(),
            share,
        }
    }

    #[test]
    fn a_share_is_of_the_plan_that_commits_to_it_its_helper_patient_and_nonce() {
        let shares = split(b"secret", 2, 3).unwrap();
        let ours = kept(1, shares[0].clone());
        let plan = filled_up(vec![
            ours.commitment(),
            kept(2, shares[1].clone()).commitment(),
        ])
        .unwrap();
        ours.check(&plan).unwrap();
        let others = [
            kept(1, shares[0].clone()),
            Kept {
                patient: PatientId([8; 16]),
                ..ours.clone()
            },
            Kept {
                helper: AccountId::new([3; 32]),
                ..ours.clone()
            },
            Kept {
                share: shares[2].clone(),
                ..ours.clone()
            },
        ];
        for (number, other) in others.into_iter().enumerate() {
            let error = other.check(&plan).unwrap_err();
            assert!(matches!(error, Error::Share(_)), "{number}");
            assert!(error.to_string().contains("earlier plan"), "{error}");
        }
    }

    #[test]
    fn as_many_commitments_whoever_helps_and_in_an_order_that_tells_nothing() {
        let shares = split(b"secret", 2, 7).unwrap();
        for count in [2, 3, 7] {
            let made: Vec<H256> = shares[..count]
                .iter()
                .map(|share| kept(1, share.clone()).commitment())
                .collect();
            let plan = filled_up(made.clone()).unwrap();
            assert!(salus_primitives::predicate::is_ascending(&plan));
            assert!(made.iter().all(|commitment| plan.contains(commitment)));
            // The same helpers again look like others.
            let again = shares[..count].iter();
            let again = again.map(|share| kept(1, share.clone()).commitment());
            let again = filled_up(again.collect()).unwrap();
            assert!(!again.iter().any(|commitment| plan.contains(commitment)));
        }
        assert!(filled_up(vec![H256::zero(); 8]).is_err());
    }

    #[test]
    fn a_share_is_opened_by_its_helper_alone_and_a_changed_one_is_named() {
        let helper = DecryptionKey::generate();
        let kept = kept(1, split(b"secret", 2, 3).unwrap().remove(0));
        let mut file = sealed("mine.age", seal_share(&kept, &helper.public()).unwrap());
        let keys = [helper];
        assert_eq!(file.open(&keys).unwrap(), kept);
        assert!(matches!(
            file.open(&[DecryptionKey::generate()]),
            Err(Error::NotPermitted(text)) if text.starts_with("mine.age")
        ));
        let last = file.bytes.len() - 1;
        file.bytes[last] ^= 1;
        assert!(matches!(
            file.open(&keys),
            Err(Error::Share(text)) if text.starts_with("mine.age")
        ));
        let other = seal_bytes(&[keys[0].public()], b"{\"version\":1}").unwrap();
        let error = sealed("other.age", other).open(&keys).unwrap_err();
        assert!(matches!(error, Error::Share(_)), "{error}");
    }

    fn somebody(uri: &str) -> (tempfile::TempDir, Profile, Unlocked) {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::create_insecure(&folder.path().join("p"), uri).unwrap();
        let unlocked = profile.unlock("").unwrap();
        (folder, profile, unlocked)
    }

    #[test]
    fn an_offer_bears_the_signature_of_its_account() {
        let genesis = Genesis::repeat_byte(3);
        let (_folder, profile, helper) = somebody("//Bob");
        let made = offer(&profile, &helper, genesis).unwrap();
        let back = OfferFile::from_json(&made.to_json().unwrap()).unwrap();
        let account = helper.account.for_helping(0).account();
        assert_eq!(
            back.verify(&genesis).unwrap(),
            (account, helper.device.public())
        );
        // The next patient's helper is another account, and neither is the profile's own.
        let next = offer(&profile, &helper, genesis).unwrap();
        assert_ne!(next.account, made.account);
        let own = helper.account.account().to_string();
        assert!(![&next.account, &made.account].contains(&&own));
        assert!(back.verify(&Genesis::zero()).is_err());
        let mut changed = back;
        changed.account = AccountKey::from_uri("//Eve").unwrap().account().to_string();
        assert!(changed.verify(&genesis).is_err());
    }

    #[test]
    fn a_recovery_to_another_owner_for_good_is_not_stopped() {
        let account = |uri| AccountKey::from_uri(uri).unwrap().account();
        let (me, twin, phone) = (account("//Alice"), account("//Bob"), account("//Eve"));
        let row = |expires_at| Controller {
            role: ControllerRole::Owner,
            expires_at,
        };
        let both = [(me.clone(), row(None)), (twin.clone(), row(None))];
        let of = |wanted: &[&AccountId], controllers: &[(AccountId, Controller)]| {
            let wanted = wanted.iter().map(|account| (*account).clone()).collect();
            stoppable(wanted, controllers, &me)
        };
        let left = of(&[&twin, &phone, &me], &both).unwrap();
        assert_eq!(left, [phone, me.clone()]);
        let refused = of(&[&twin], &both).unwrap_err();
        assert!(
            matches!(&refused, Error::NotPermitted(text) if text.contains("helpers")),
            "{refused}"
        );
        // An owner whose role ends breaks no tie.
        let ends = [(twin.clone(), row(Some(5)))];
        assert_eq!(of(&[&twin], &ends).unwrap(), [twin]);
        assert!(of(&[], &both).unwrap().is_empty());
    }

    #[tokio::test]
    async fn who_helps_is_told_by_their_own_notes_as_long_as_the_plan_has_them() {
        let world = World::at(None);
        let client = &world.client;
        let key = client.own.for_helping(0);
        let share = split(b"secret", 2, 3).unwrap().remove(0);
        let mut ours = kept(1, share);
        ours.helper = key.account();
        assert!(duties(client).await.unwrap().is_empty());
        note(client, &ours).unwrap();
        world
            .node
            .tell("pending_changes", PATIENT, PendingChanges::default());
        let none: Vec<(AccountId, PendingRecovery)> = Vec::new();
        world.node.tell("recoveries", PATIENT, none);
        for (commitment, named) in [(ours.commitment(), true), (H256::zero(), false)] {
            let plan = RecoveryPlan {
                helpers: filled_up(vec![commitment]).unwrap(),
                delay: 1,
                set_at: 1,
                set_by: client.me(),
            };
            world.node.tell("recovery_plan", PATIENT, Some(plan));
            let found = duties(client).await.unwrap();
            assert_eq!((found.len(), found[0].named), (1, named));
            assert_eq!(found[0].helper, key.account().to_string());
        }
        assert_eq!(helper_of(client, PATIENT).unwrap().account(), key.account());
        let other = helper_of(client, PatientId([8; 16])).unwrap();
        assert_eq!(other.account(), client.me());
    }

    #[tokio::test]
    async fn an_offer_of_ones_own_is_refused_and_so_are_two_of_one_device() {
        let world = World::at(None);
        let client = &world.client;
        let genesis = client.chain.genesis();
        let own = Unlocked {
            account: client.own.clone(),
            device: client.device.clone(),
        };
        // Made here, made on another device with the same phrase, and another phrase on this device.
        let (_away, away, mut elsewhere) = somebody("//Alice");
        let (_bobs, bobs, bob) = somebody("//Bob");
        let mut here = bob.clone();
        here.device = client.device.clone();
        elsewhere.account = client.own.clone();
        let mine = [
            offer(&client.profile, &own, genesis).unwrap(),
            offer(&away, &elsewhere, genesis).unwrap(),
            offer(&bobs, &here, genesis).unwrap(),
        ];
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("shares");
        let theirs = || offer(&bobs, &bob, genesis).unwrap();
        let tell = |made: &OfferFile| {
            let account = parse_account(&made.account).unwrap();
            let none: Option<Controller> = None;
            world.node.tell("controller", (PATIENT, account), none);
            Helping::Offer(made.clone())
        };
        let pending = PendingChanges::default();
        world.node.tell("pending_changes", PATIENT, pending);
        for made in &mine {
            let helpers = [tell(&theirs()), tell(made)];
            let refused = setup(client, PATIENT, &helpers, 2, 1, &folder).await;
            let told = refused.unwrap_err().to_string();
            assert!(
                told.contains(&made.account) && told.contains("somebody else"),
                "{told}"
            );
        }
        let twice = [tell(&theirs()), tell(&theirs())];
        let refused = setup(client, PATIENT, &twice, 2, 1, &folder).await;
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("one share"), "{told}");
        assert!(!folder.exists());
        let published = [Helping::Account(client.own.account())];
        let subject = Subject::Account(client.own.account());
        let signed = salus_primitives::SignedRecipient {
            signer: client.own.account(),
            recipient: client
                .own
                .sign_recipient(&subject, &bob.device.public(), 0, &genesis),
        };
        world.node.tell("recipient", subject, Some(signed));
        let refused = setup(client, PATIENT, &published, 2, 1, &folder).await;
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("is yours"), "{told}");
    }

    #[test]
    fn a_plans_key_is_named_after_what_stands_on_the_chain() {
        let plan = |byte: u8| filled_up(vec![H256::repeat_byte(byte)]).unwrap();
        let one = plan(1);
        let name = holder_of(&one);
        assert_eq!(name, holder_of(&one));
        assert!(name.starts_with(RECOVERY));
        assert_eq!(name.len(), RECOVERY.len() + 8);
        assert_ne!(name, holder_of(&plan(2)));
    }

    #[tokio::test]
    async fn nothing_is_made_while_another_change_of_the_plan_waits() {
        let world = World::at(None);
        let client = &world.client;
        let row = Ending {
            by: client.me(),
            announced_at: 1,
            due: crate::actions::double::NOW + 1,
            replacement: None,
        };
        let pending = PendingChanges {
            recovery_plan: Some(row),
            ..PendingChanges::default()
        };
        world.node.tell("pending_changes", PATIENT, pending);
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("shares");
        let refused = setup(client, PATIENT, &[], 2, 1, &folder).await;
        assert!(
            matches!(&refused, Err(Error::Unfit(text)) if text.contains("salus recovery veto")),
            "{refused:?}"
        );
        assert!(!folder.exists());
    }

    #[test]
    fn whatever_becomes_of_a_new_plan_the_shares_of_one_open() {
        let (old, new) = ("recovery old", "recovery new");
        let holders = ["phone", "backup 1", old, new];
        let over = |sent: Result<bool>| -> Vec<&str> {
            let over = holders.iter().copied();
            let stands = sent.as_ref().map(|stands| *stands);
            over.filter(|holder| is_over(&stands, new, holder))
                .collect()
        };
        let lost = |error| Err(Error::Chain(error));
        assert_eq!(over(Ok(true)), [old]);
        assert!(over(Ok(false)).is_empty(), "the new one may be vetoed");
        let reason = || String::new();
        let unknown = ChainError::OutcomeUnknown {
            call: reason(),
            reason: reason(),
        };
        assert!(
            over(lost(unknown)).is_empty(),
            "nobody knows which one it is"
        );
        let away = ChainError::NodeUnreachable {
            url: reason(),
            reason: reason(),
        };
        assert!(over(lost(away)).is_empty());
        let call = reason();
        let until = 1;
        assert_eq!(over(lost(ChainError::Expired { call, until })), [new]);
    }

    #[tokio::test]
    async fn a_plan_that_is_cut_off_when_the_node_is_lost_leaves_the_earlier_one_and_can_be_repeated(
    ) {
        let script = Script::play(Vec::new()).await;
        let world = World::at(Some(&script));
        let client = &world.client;
        let patient = crate::vault::tests::PATIENT;
        world.name_keyring(None);
        let mut keyring = Keyring::new(patient);
        keyring
            .add_holder("phone", &client.device.public())
            .unwrap();
        let earlier = DecryptionKey::generate().public();
        keyring.add_holder("recovery earlier", &earlier).unwrap();
        client.profile.save_keyring(&mut keyring).unwrap();
        let mut helpers = Vec::new();
        let mut devices = Vec::new();
        for uri in ["//Bob", "//Charlie"] {
            let (_folder, profile, helper) = somebody(uri);
            let none: Option<salus_primitives::Controller> = None;
            let made = offer(&profile, &helper, client.chain.genesis()).unwrap();
            let account = parse_account(&made.account).unwrap();
            world.node.tell("controller", (patient, account), none);
            helpers.push(Helping::Offer(made));
            devices.push(helper.device);
        }
        // Where the vault is looked for, after all that is done here.
        world.node.lose_at("organisations");
        let out = tempfile::tempdir().unwrap();
        for attempt in 1..=2 {
            let folder = out.path().join(attempt.to_string());
            let cut = setup(client, patient, &helpers, 2, 1, &folder).await;
            assert!(
                matches!(&cut, Err(Error::Chain(error)) if error.is_transport()),
                "{cut:?}"
            );
            // Nothing was sent, and the keyring opens with the shares of both plans.
            let asked = world.node.asked();
            assert!(!asked.iter().any(|method| method.starts_with("author_")));
            let kept = client.keyring(patient).unwrap();
            let holders: Vec<&str> = kept
                .holders()
                .iter()
                .map(|held| held.key.as_str())
                .collect();
            assert!(holders.contains(&earlier.to_string().as_str()));
            let files = std::fs::read_dir(&folder).unwrap();
            let shares: Vec<Share> = files
                .map(|file| {
                    let bytes = std::fs::read(file.unwrap().path()).unwrap();
                    open_share(&devices, &bytes).unwrap().share
                })
                .collect();
            let secret = combine(&shares).unwrap();
            let key = key_of(&secret).unwrap().public().to_string();
            assert!(holders.contains(&key.as_str()), "{attempt}");
            assert_eq!(holders.len(), 2 + attempt);
        }
    }

    #[test]
    fn what_wrong_shares_give_is_not_quoted() {
        let error = key_of(b"AGE-SECRET-KEY-1WRONG").unwrap_err().to_string();
        assert!(!error.contains("WRONG"), "{error}");
    }
}
