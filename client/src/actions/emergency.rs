//! Emergencies: what a patient lets open when nobody can ask them, and who answers for opening it.
//!
//! Everybody has a plan, and all plans look the same. A plan's compartments' keys lie in a *package*, an
//! envelope that is encrypted to a key of its own; the package of a plan that opens nothing is as large.
//! That key is split, and each share goes to the vault of another organisation, encrypted to it. The
//! vaults release their shares to a clinician who has broken the glass, once that is final: nobody
//! else has enough of them. What the package names the clinician then reveals to the chain, which makes
//! the grant.
//!
//! When a plan is dealt anew tells nothing either: that depends on what everybody sees, and not on what
//! the plan opens ([`begin`], [`look_after`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use rand::{rngs::OsRng, RngCore};
use salus_primitives::api::CompartmentView;
use salus_primitives::commitment::plan_commitment;
use salus_primitives::placement::keepers;
use salus_primitives::predicate::{glass_ends, glass_lasts};
use salus_primitives::rows::{DAY, REVIEW_WITHIN};
use salus_primitives::{
    AccountId, Cid, ClinicianRole, CompartmentId, Controller, ControllerRole, EmergencyPlan, Glass,
    GlassIndex, GrantIndex, Member, Moment, OrgId, Organisation, PatientId, ShareHolder, Subject,
};
use serde::Serialize;
use sp_core::H256;

use super::council::{self, Proposed};
use super::identity::current_keyring;
use super::recovery::exposed;
use super::sharing::{select, Reach};
use super::{caused, cid, letters, number, text, unknown_patient, Client, Receipt};
use crate::chain::{calls, Salus, Submitted};
use crate::error::{Error, Result};
use crate::files::age::{seal_bytes, unseal_bytes, DecryptionKey, EncryptionKey};
use crate::files::envelope::Envelope;
use crate::files::letter::Letter;
use crate::files::object::build_package;
use crate::files::share::{check_known, combine_known, split, Share};
use crate::keyring::{Keyring, Label};
use crate::keys::parse_account;
use crate::profile::{DealtPlan, DealtVault, KeptPlan, PlanChoice};
use crate::taxonomy::{Category, Sensitivity};
use crate::vault::{File, Location, Session, Vault, VaultError, MAX_SHARE};

/// How many shares it takes, and how many there are, if nothing else is asked for.
const THRESHOLD: u8 = 2;
const HOLDERS: usize = 3;
/// How long a client that was not told to plan waits for its turn, and for the vaults.
const PATIENCE_UNASKED: Duration = Duration::from_secs(10);

/// Every plan is dealt anew so long after those who decide came to decide,
const SOON: [Moment; 2] = [DAY, 7 * DAY];
/// and each time that so long has passed since.
const LATER: Moment = 30 * DAY;

/// A vault's node may see a glass a moment after ours does, and refuses until then.
const PATIENCE: [Duration; 6] = [
    Duration::from_millis(300),
    Duration::from_millis(700),
    Duration::from_millis(1_000),
    Duration::from_millis(2_000),
    Duration::from_millis(2_000),
    Duration::from_millis(2_000),
];

/// What a patient decides for emergencies.
#[derive(Clone, Debug, Default)]
pub struct Planning {
    /// Nothing opens, if none is named.
    pub categories: Vec<Category>,
    pub flags: Vec<Sensitivity>,
    /// As for everybody, if none is named: others stand on the chain.
    pub holders: Vec<OrgId>,
    /// Two, if none.
    pub threshold: Option<u8>,
    /// Does not wait until every plan is dealt anew: everybody sees that something was decided.
    pub at_once: bool,
}

/// An organisation whose vault can keep a share, and how to encrypt to it.
struct Holder {
    organisation: OrgId,
    name: String,
    vault: Vault,
    account: AccountId,
    key: EncryptionKey,
}

/// What was chosen, and the plan if it was set with it.
#[derive(Clone, Debug, Serialize)]
pub struct Chosen {
    pub patient: String,
    /// What opens; nothing, if there is none.
    pub labels: Vec<String>,
    /// From when on the plan is dealt anew, with this; none if it was.
    pub waits_until: Option<Moment>,
    #[serde(flatten)]
    pub planned: Option<Planned>,
}

/// A plan as it was set.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    pub threshold: u8,
    pub holders: Vec<Dealt>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Whether a holder's vault has its share.
#[derive(Clone, Debug, Serialize)]
pub struct Dealt {
    pub organisation: OrgId,
    pub name: String,
    pub kept: bool,
    /// Why not.
    pub error: Option<String>,
}

/// Returns the last moment until `now` at which every plan of those who decide since `since` was due to
/// be dealt anew.
fn last_due(since: Moment, now: Moment) -> Moment {
    let age = now.saturating_sub(since);
    let soon = SOON.into_iter().filter(|after| *after <= age).max();
    let later = age / LATER * LATER;
    since.saturating_add(later.max(soon.unwrap_or_default()))
}

/// Returns the next such moment after `now`.
fn next_due(since: Moment, now: Moment) -> Moment {
    let age = now.saturating_sub(since);
    let later = (age / LATER).saturating_add(1).saturating_mul(LATER);
    let soon = SOON.into_iter().filter(|after| *after > age).min();
    since.saturating_add(soon.map_or(later, |soon| soon.min(later)))
}

/// A patient's plan, and what this profile knows of it.
struct Held {
    patient: PatientId,
    now: Moment,
    decided_since: Moment,
    home: OrgId,
    plan: Option<EmergencyPlan>,
    kept: KeptPlan,
}

impl Held {
    async fn of(client: &Client, salus: &Salus, patient: PatientId) -> Result<Self> {
        let row = salus.patient(patient).await?;
        let row = row.ok_or_else(|| unknown_patient(patient))?;
        let plans = client.profile.kept_plans()?;
        Ok(Self {
            patient,
            now: salus.now().await?,
            decided_since: row.decided_since,
            home: row.enrolled_by,
            plan: salus.emergency_plan(patient).await?,
            kept: plans.get(&patient).cloned().unwrap_or_default(),
        })
    }

    /// What this profile's next plan opens. What was chosen before others came to decide, or they again,
    /// does not come back by itself.
    fn choice(&self) -> PlanChoice {
        match self.kept.choice.chosen_at >= self.decided_since {
            true => self.kept.choice.clone(),
            false => PlanChoice::default(),
        }
    }

    /// The plan in force, as this profile dealt it; none if somebody else did, or others decided then.
    fn own(&self) -> Option<&DealtPlan> {
        let plan = self.plan.as_ref()?;
        let dealt = self.kept.dealt.as_ref()?;
        let own = dealt.package == cid(&plan.package) && plan.set_at >= self.decided_since;
        own.then_some(dealt)
    }

    /// Whether this profile deals the next plan unasked. Who has not set the one in force gives it no new
    /// keys: whoever else set it may have chosen the vaults that open it.
    fn is_ours(&self) -> bool {
        self.plan.is_none() || self.own().is_some()
    }

    /// Whether the plan is to be dealt anew. Only what everybody sees decides, and when its client acts:
    /// an empty plan is dealt anew when a full one is.
    async fn is_due(&self, salus: &Salus) -> Result<bool> {
        let Some(plan) = &self.plan else {
            return Ok(true);
        };
        let glasses = salus.all_glasses(self.patient).await?;
        // New shares would keep out who has broken the glass and does not have enough of the old ones.
        let waits = |glass: &Glass| glass.grant.is_none() && glass_lasts(glass, self.now);
        if glasses.iter().any(|(_, glass)| waits(glass)) {
            return Ok(false);
        }
        let last = last_due(self.decided_since, self.now);
        // What a plan opens was told by a glass.
        let told = glasses
            .iter()
            .map(|(_, glass)| glass_ends(glass))
            .any(|end| plan.set_at < end && end <= self.now);
        let views = salus.compartments(self.patient).await?;
        let rotated = views
            .iter()
            .any(|(_, view)| view.compartment.rotated_at > plan.set_at);
        if plan.set_at < last || told || rotated {
            return Ok(true);
        }
        // Not again and again, where a vault does not take its share.
        Ok(self.now.saturating_sub(plan.set_at) >= DAY
            && !self.lost_holders(salus, plan).await?.is_empty())
    }
}

/// Decides what an emergency opens, if anything. It counts when every plan is dealt anew, unless it is to
/// be at once. Every plan has a new key: earlier shares and packages open nothing of what comes from now
/// on.
pub async fn plan(client: &Client, patient: PatientId, planning: &Planning) -> Result<Chosen> {
    let client = &client.in_turn().await?;
    let keyring = current_keyring(client, patient).await?;
    let nothing = planning.categories.is_empty() && planning.flags.is_empty();
    let compartments = match nothing {
        true => Vec::new(),
        false => {
            let flags = &planning.flags;
            select(&keyring, &planning.categories, flags, Reach::FlaggedToo)?
        }
    };
    let salus = client.salus().await?;
    let held = Held::of(client, &salus, patient).await?;
    let choice = PlanChoice {
        compartments: compartments.iter().map(ToString::to_string).collect(),
        holders: planning.holders.clone(),
        threshold: planning.threshold,
        chosen_at: held.now.max(1),
    };
    let mut chosen = Chosen {
        patient: patient.to_string(),
        labels: labels(&compartments, Some(&keyring)),
        waits_until: None,
        planned: None,
    };
    // Another profile's plan is taken over at once: it would be dealt anew without what was chosen here.
    if planning.at_once || !held.is_ours() || held.is_due(&salus).await? {
        let holders = holders_for(client, &salus, &held, &choice).await?;
        chosen.planned = Some(deal(client, &keyring, &choice, &holders).await?);
    } else {
        // Who cannot keep a share is told now.
        holders(client, &salus, &planning.holders).await?;
        client.profile.update_kept_plans(|plans| {
            plans.of(&patient).choice = choice;
            Ok(())
        })?;
        chosen.waits_until = Some(next_due(held.decided_since, held.now));
    }
    Ok(chosen)
}

/// Deals the emergency plans that are due, of the patients whose keys this profile holds, each by the
/// account that decides for it. Only where that account has acted: reading shows nobody anything, and
/// stays so, and plans that are dealt in one minute show that their patients are one person's. Without
/// being asked, and best effort: whoever is told nothing has lost nothing.
///
/// A plan is due where there is none; a day, a week, and then every 30 days after those who decide came
/// to; when a compartment has a new key; when a glass is over; and a day after it was set, if a holder is
/// suspended, has another key or did not take its share.
pub async fn look_after(client: &Client) {
    let patients = client.profile.patients().unwrap_or_default();
    for patient in patients {
        if let Err(error) = look_after_one(client, patient).await {
            tracing::debug!("the emergency plan of patient {patient} stays as it is: {error}");
        }
    }
}

/// Deals a patient's first plan before the account that decides does anything else: who chooses what
/// opens with the first thing they do then shows no more than who never chooses. Best effort, as
/// [`look_after`].
pub async fn begin(client: &Client, patient: PatientId) {
    if let Err(error) = begin_one(client, patient).await {
        tracing::debug!("patient {patient} has no emergency plan yet: {error}");
    }
}

async fn begin_one(client: &Client, patient: PatientId) -> Result<()> {
    if client.profile.kept_plans()?.get(&patient).is_some() {
        return Ok(());
    }
    // What was late is made up for after the next thing that is done.
    if client.chain.next_nonce(&client.me()).await? > 0 {
        return Ok(());
    }
    keep_up(client, patient, None).await
}

async fn look_after_one(client: &Client, patient: PatientId) -> Result<()> {
    let client = client.clone().acting_for(patient)?;
    match client.chain.has_acted(&client.me()) {
        true => keep_up(&client, patient, None).await,
        false => Ok(()),
    }
}

/// Deals the plan anew if it is due and this profile's to deal.
async fn keep_up(client: &Client, patient: PatientId, keyring: Option<&Keyring>) -> Result<()> {
    let salus = client.salus().await?;
    let role = salus.controller(patient, &client.me()).await?;
    if !role.is_some_and(|Controller { role, .. }| decides(role)) {
        return Ok(());
    }
    if due(client, &salus, patient).await?.is_none() {
        return Ok(());
    }
    // Another command may have dealt it while this one waited.
    let turn = tokio::time::timeout(PATIENCE_UNASKED, client.in_turn());
    let client = &turn
        .await
        .map_err(|_| Error::Unfit("another command is at work with this profile".into()))??;
    let salus = client.salus().await?;
    let Some(held) = due(client, &salus, patient).await? else {
        return Ok(());
    };
    let current;
    let keyring = match keyring {
        Some(keyring) => keyring,
        None => {
            current = current_keyring(client, patient).await?;
            &current
        }
    };
    let choice = held.choice();
    let asked = holders_for(client, &salus, &held, &choice);
    let holders = tokio::time::timeout(PATIENCE_UNASKED, asked)
        .await
        .map_err(|_| Error::Unfit("the vaults that could keep a share do not answer".into()))??;
    deal(client, keyring, &choice, &holders).await?;
    Ok(())
}

/// What is known of the plan, if it is due and this profile's to deal.
async fn due(client: &Client, salus: &Salus, patient: PatientId) -> Result<Option<Held>> {
    let held = Held::of(client, salus, patient).await?;
    let is_due = held.is_ours() && held.is_due(salus).await?;
    Ok(is_due.then_some(held))
}

fn decides(role: ControllerRole) -> bool {
    matches!(role, ControllerRole::Owner | ControllerRole::Decider)
}

/// The holders that were chosen, or those that the rule finds for everybody.
async fn holders_for(
    client: &Client,
    salus: &Salus,
    held: &Held,
    choice: &PlanChoice,
) -> Result<Vec<Holder>> {
    match choice.holders.as_slice() {
        [] => answering(client, salus, held).await,
        named => holders(client, salus, named).await,
    }
}

/// The holders that were named; the first that cannot keep a share is told.
async fn holders(client: &Client, salus: &Salus, named: &[OrgId]) -> Result<Vec<Holder>> {
    let mut holders: Vec<Holder> = Vec::new();
    for organisation in named {
        if holders
            .iter()
            .any(|known| known.organisation == *organisation)
        {
            return Err(Error::Unfit(format!(
                "organisation {organisation} is named twice: each holder has one share"
            )));
        }
        let row = salus
            .organisation(*organisation)
            .await?
            .ok_or_else(|| super::organisation::unknown(*organisation))?;
        holders.push(holder(client, salus, *organisation, &row).await?);
    }
    Ok(holders)
}

/// The first organisations that give care and whose vaults answer, in the order in which they keep the
/// patient's files: nobody's choice, and the same for whatever the plan opens.
async fn answering(client: &Client, salus: &Salus, held: &Held) -> Result<Vec<Holder>> {
    let mut rows = salus.all_organisations().await?;
    rows.retain(|(_, row)| row.suspended_at.is_none() && !row.vault_url.is_empty());
    let kinds: Vec<_> = rows
        .iter()
        .map(|(organisation, row)| (*organisation, row.kind))
        .collect();
    let rows: BTreeMap<OrgId, Organisation> = rows.into_iter().collect();
    let ranked = keepers(&held.patient, held.home, &kinds, u32::MAX);
    let mut found = Vec::new();
    let mut unfit = Vec::new();
    for next in ranked.chunks(HOLDERS) {
        let asked = next
            .iter()
            .filter_map(|organisation| Some((organisation, rows.get(organisation)?)))
            .map(|(organisation, row)| holder(client, salus, *organisation, row));
        for answer in join_all(asked).await {
            match answer {
                Ok(holder) => found.push(holder),
                Err(error) => unfit.push(error.to_string()),
            }
        }
        if found.len() >= HOLDERS {
            break;
        }
    }
    found.truncate(HOLDERS);
    if found.len() < usize::from(THRESHOLD) {
        unfit.insert(
            0,
            format!(
                "an emergency plan takes the vaults of at least {THRESHOLD} organisations, and {} can keep a share now",
                found.len()
            ),
        );
        return Err(Error::Unfit(unfit.join("; ")));
    }
    Ok(found)
}

/// Asks an organisation's vault whose key its shares are encrypted to, and believes the chain only.
async fn holder(
    client: &Client,
    salus: &Salus,
    organisation: OrgId,
    row: &Organisation,
) -> Result<Holder> {
    let name = text(&row.name);
    let unfit =
        |reason: &str| Error::Unfit(format!("{name} (organisation {organisation}) {reason}"));
    if row.suspended_at.is_some() {
        return Err(unfit("is suspended: choose another holder"));
    }
    if row.vault_url.is_empty() {
        return Err(unfit("names no vault: choose another holder"));
    }
    let reach = client.reach().await?;
    let genesis = client.chain.genesis();
    let vault = Vault::new(&text(&row.vault_url), organisation, genesis, reach)?;
    let told = vault.identity().await?;
    let account = parse_account(&told.account)?;
    if !is_service(salus, &account, organisation).await? {
        return Err(unfit(
            "has a vault whose account is no service of it in good standing: tell its admin, and choose another holder",
        ));
    }
    let subject = Subject::Account(account.clone());
    let unpublished = || unfit("has not published its vault's key yet: try again in a minute");
    if salus.recipient(&subject).await?.is_none() {
        return Err(unpublished());
    }
    let key = client.recipient(salus, &subject).await?;
    // A share for another key could not be opened by the vault, so nothing is lost by comparing.
    if told.recipient != key.to_string() {
        return Err(unpublished());
    }
    Ok(Holder {
        organisation,
        name,
        vault,
        account,
        key,
    })
}

pub(super) async fn is_service(
    salus: &Salus,
    account: &AccountId,
    organisation: OrgId,
) -> Result<bool> {
    let role = ClinicianRole::Service;
    let service = Member::Clinician { organisation, role };
    Ok(salus.member(account).await? == Some(service))
}

/// Makes a key, the package, the plan on the chain; then gives each vault its share. All of it is the
/// same for a plan that opens nothing.
async fn deal(
    client: &Client,
    keyring: &Keyring,
    choice: &PlanChoice,
    holders: &[Holder],
) -> Result<Planned> {
    let patient = keyring.patient();
    let threshold = choice.threshold.unwrap_or(THRESHOLD);
    let count = u8::try_from(holders.len())
        .map_err(|_| Error::Unfit("that many holders cannot be named".into()))?;
    let key = DecryptionKey::generate();
    let shares = split(exposed(&key)?.as_bytes(), threshold, count)?;
    let session = client.session(patient).await?;
    let compartments = opens(choice, keyring);
    let mut envelope = keyring.envelope(&compartments)?;
    let mut salt = [0u8; 32];
    OsRng.fill_bytes(&mut salt);
    envelope.salt = Some(salt);
    let place = client.place(patient);
    let object = build_package(&place, &key.public(), &envelope.to_json()?)?;
    client.upload(&session, &object).await?;
    let package = object.cid();
    let rows: Vec<ShareHolder> = holders
        .iter()
        .zip(&shares)
        .map(|(holder, share)| ShareHolder {
            organisation: holder.organisation,
            share: share.fingerprint(),
        })
        .collect();
    let commitment = plan_commitment(&patient, &salt, &compartments);
    let call = calls::emergency::set_plan(patient, commitment, &rows, threshold, package)?;
    // Before anything can break off: a share that no vault has taken is told by `show` and `watch`.
    let mut dealt = DealtPlan {
        package: cid(&package),
        choice: choice.clone(),
        vaults: holders
            .iter()
            .map(|holder| {
                let vault = DealtVault {
                    account: holder.account.to_string(),
                    recipient: holder.key.to_string(),
                    kept: false,
                };
                (holder.organisation, vault)
            })
            .collect(),
    };
    let note = |dealt: &DealtPlan| {
        client.profile.update_kept_plans(|plans| {
            *plans.of(&patient) = KeptPlan {
                choice: choice.clone(),
                dealt: Some(dealt.clone()),
            };
            Ok(())
        })
    };
    note(&dealt)?;
    let submitted = client.submit(&call).await?;
    let given = holders
        .iter()
        .zip(&shares)
        .map(|(holder, share)| give(client, patient, holder, share));
    let answers = join_all(given).await;
    for (holder, answer) in holders.iter().zip(&answers) {
        if let Some(vault) = dealt.vaults.get_mut(&holder.organisation) {
            vault.kept = answer.is_ok();
        }
    }
    note(&dealt)?;
    let holders: Vec<Dealt> = holders
        .iter()
        .zip(answers)
        .map(|(holder, answer)| Dealt {
            organisation: holder.organisation,
            name: holder.name.clone(),
            kept: answer.is_ok(),
            error: answer.err().map(|error| error.to_string()),
        })
        .collect();
    let kept = holders.iter().filter(|holder| holder.kept).count();
    if kept < usize::from(threshold) {
        let reasons = holders.iter().filter_map(|holder| {
            let error = holder.error.as_ref()?;
            Some(format!("{}: {error}", holder.name))
        });
        return Err(Error::Unfit(format!(
            "the plan stands on the chain and opens nothing yet: {kept} vaults have their share, and {threshold} are needed. Run `salus emergency plan` again, or choose other holders ({})",
            reasons.collect::<Vec<_>>().join("; ")
        )));
    }
    Ok(Planned {
        threshold,
        holders,
        receipt: (&submitted).into(),
    })
}

/// Gives a vault its share. It is asked again for a while: its node may be behind.
async fn give(client: &Client, patient: PatientId, holder: &Holder, share: &Share) -> Result<()> {
    let sealed = seal_bytes(
        std::slice::from_ref(&holder.key),
        &share.to_bytes_of(&patient),
    )?;
    let vaults = vec![holder.vault.clone()];
    let session = Session::begin(vaults, Cow::Borrowed(&client.key)).await?;
    Ok(session.deal(patient, sealed).await?)
}

fn labels(compartments: &[CompartmentId], keyring: Option<&Keyring>) -> Vec<String> {
    let label = |id: &CompartmentId| {
        keyring
            .and_then(|keyring| keyring.label(id))
            .map_or_else(|| id.to_string(), Label::to_string)
    };
    compartments.iter().map(label).collect()
}

/// The compartments of a choice, whose keys are here.
fn opens(choice: &PlanChoice, keyring: &Keyring) -> Vec<CompartmentId> {
    let known = |id: &CompartmentId| keyring.label(id).is_some();
    let chosen = choice.compartments.iter();
    chosen
        .filter_map(|id| id.parse().ok())
        .filter(known)
        .collect()
}

/// Deals the plan again after compartments got new keys, whatever it opens. Best effort: a failure
/// becomes a warning, which `show` repeats, and never fails the caller.
pub(super) async fn follow(client: &Client, keyring: &Keyring) {
    if let Err(error) = keep_up(client, keyring.patient(), Some(keyring)).await {
        tracing::warn!(
            "the emergency plan does not open what is added from now on, until it is dealt again: `salus emergency show` says whether it was ({error})"
        );
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct PlanView {
    pub patient: String,
    /// None where there is no plan yet, and nothing opens.
    pub plan: Option<PlanRow>,
    /// None if nothing else was chosen.
    pub next: Option<NextPlan>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PlanRow {
    /// Whether this profile set it. Only who did knows what it opens.
    pub own: bool,
    /// What opens; nothing, if there is none.
    pub labels: Vec<String>,
    pub threshold: u8,
    pub holders: Vec<HolderRow>,
    pub set_at: Moment,
    /// Why it should be dealt anew.
    pub stale: Vec<String>,
}

/// What was chosen, and waits until the plan is dealt anew.
#[derive(Clone, Debug, Serialize)]
pub struct NextPlan {
    pub labels: Vec<String>,
    pub from: Moment,
}

#[derive(Clone, Debug, Serialize)]
pub struct HolderRow {
    pub organisation: OrgId,
    pub name: String,
}

pub async fn show(client: &Client, patient: PatientId) -> Result<PlanView> {
    let salus = client.salus().await?;
    if salus.patient(patient).await?.is_none() {
        return Err(unknown_patient(patient));
    }
    client.ensure_controls(&salus, patient).await?;
    let keyring = client.profile.keyring(&patient, &client.device)?;
    let held = Held::of(client, &salus, patient).await?;
    let of = |choice: &PlanChoice| {
        let ids = choice.compartments.iter();
        let ids: Vec<CompartmentId> = ids.filter_map(|id| id.parse().ok()).collect();
        labels(&ids, keyring.as_ref())
    };
    let own = held.own();
    let plan = match &held.plan {
        Some(plan) => Some(PlanRow {
            own: own.is_some(),
            labels: own.map(|dealt| of(&dealt.choice)).unwrap_or_default(),
            threshold: plan.threshold,
            holders: named(&salus, plan).await?,
            set_at: plan.set_at,
            stale: held.reasons(client, &salus).await?,
        }),
        None => None,
    };
    let choice = held.choice();
    let waits = choice.chosen_at > 0 && own.is_none_or(|dealt| dealt.choice != choice);
    let next = (waits && held.is_ours()).then(|| NextPlan {
        labels: of(&choice),
        from: next_due(held.decided_since, held.now),
    });
    Ok(PlanView {
        patient: patient.to_string(),
        plan,
        next,
    })
}

async fn named(salus: &Salus, plan: &EmergencyPlan) -> Result<Vec<HolderRow>> {
    let mut rows = Vec::new();
    for holder in &plan.holders {
        let organisation = holder.organisation;
        let row = salus.organisation(organisation).await?;
        rows.push(HolderRow {
            organisation,
            name: row.map(|row| text(&row.name)).unwrap_or_default(),
        });
    }
    Ok(rows)
}

/// Why a patient's plan, if there is one, should be dealt anew. Empty if it should not.
pub async fn stale(client: &Client, salus: &Salus, patient: PatientId) -> Result<Vec<String>> {
    Held::of(client, salus, patient)
        .await?
        .reasons(client, salus)
        .await
}

impl Held {
    async fn reasons(&self, client: &Client, salus: &Salus) -> Result<Vec<String>> {
        let Some(plan) = &self.plan else {
            return Ok(Vec::new());
        };
        let views = salus.compartments(self.patient).await?;
        let views: BTreeMap<_, _> = views.into_iter().collect();
        let is_newer = |view: &CompartmentView| view.compartment.rotated_at > plan.set_at;
        let mut reasons = Vec::new();
        match self.own() {
            Some(dealt) => {
                let keyring = client.profile.keyring(&self.patient, &client.device)?;
                for id in &dealt.choice.compartments {
                    let Ok(id) = id.parse::<CompartmentId>() else {
                        continue;
                    };
                    let label = labels(&[id], keyring.as_ref()).concat();
                    match views.get(&id) {
                        Some(view) if is_newer(view) => {
                            reasons.push(format!("{label} has a new key, which the package lacks"));
                        }
                        _ => {}
                    }
                }
            }
            None if views.values().any(is_newer) => {
                reasons.push("parts of the chart have new keys, which its package lacks".into());
            }
            None => {}
        }
        reasons.extend(self.lost_holders(salus, plan).await?);
        Ok(reasons)
    }

    /// Which holders cannot open their share, or do not have it.
    async fn lost_holders(&self, salus: &Salus, plan: &EmergencyPlan) -> Result<Vec<String>> {
        let mut reasons = Vec::new();
        // Only who dealt knows what the shares were encrypted to.
        let dealt = self.own();
        for holder in &plan.holders {
            let organisation = holder.organisation;
            let row = salus.organisation(organisation).await?;
            let Some(row) = row.filter(|row| row.suspended_at.is_none()) else {
                reasons.push(format!("organisation {organisation} is no active member"));
                continue;
            };
            let Some(vault) = dealt.and_then(|dealt| dealt.vaults.get(&organisation)) else {
                continue;
            };
            if !vault.kept {
                reasons.push(format!(
                    "the vault of {} has not taken its share",
                    text(&row.name)
                ));
                continue;
            }
            let account = parse_account(&vault.account)?;
            let signed = salus.recipient(&Subject::Account(account.clone())).await?;
            let key =
                signed.and_then(|signed| EncryptionKey::from_recipient(&signed.recipient).ok());
            if key.is_none_or(|key| key.to_string() != vault.recipient)
                || !is_service(salus, &account, organisation).await?
            {
                reasons.push(format!(
                    "the vault of {} has another key than its share was encrypted to",
                    text(&row.name)
                ));
            }
        }
        Ok(reasons)
    }
}

/// The plans of these patients that should be dealt anew, each with what to tell.
pub async fn advice(
    client: &Client,
    salus: &Salus,
    patients: &BTreeSet<PatientId>,
) -> Result<BTreeMap<PatientId, String>> {
    let mut advice = BTreeMap::new();
    for (number, patient) in patients.iter().enumerate() {
        if number > 0 {
            client.pause(*patient).await;
        }
        let reasons = stale(client, salus, *patient).await?;
        if !reasons.is_empty() {
            let text = format!(
                "The emergency plan is out of date: {}. Run `salus emergency plan` again.",
                reasons.join("; ")
            );
            advice.insert(*patient, text);
        }
    }
    Ok(advice)
}

/// As [`advice`], for all patients whom this profile's accounts control.
pub async fn advice_now(client: &Client) -> Result<BTreeMap<PatientId, String>> {
    let salus = client.salus().await?;
    let patients = client.controlled(&salus).await?;
    advice(client, &salus, &patients).await
}

/// An emergency access that was taken, whose package this device can open.
#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    pub patient: String,
    pub glass: GlassIndex,
    pub grant: GrantIndex,
    pub expires_at: Moment,
    /// The organisations whose vaults gave their shares.
    pub shares: Vec<OrgId>,
    /// None if it was broken before, and only the keys were missing.
    #[serde(flatten)]
    pub receipt: Option<Receipt>,
}

/// Takes emergency access, for a reason that the patient and the organisation's admin will read, gathers
/// what opens the package, and reveals what it names. Whoever did so and got too few shares asks for
/// them again, without another glass. Errors also if nothing opens: the glass is broken all the same.
pub async fn break_glass(client: &Client, patient: PatientId, letter: &Letter) -> Result<Broken> {
    let salus = client.salus().await?;
    if let Err(error) = forget_ended(client, &salus).await {
        tracing::warn!("keys of emergencies that are over are still in this profile: {error}");
    }
    let keys = ensure_ready(client, &salus).await?;
    if let Some((index, glass)) = live(client, &salus, patient).await? {
        return rescue(client, &salus, patient, index, &glass, &keys, None).await;
    }
    let own = Subject::Account(client.me());
    let mut to = vec![client.recipient(&salus, &own).await?];
    // A key that this profile cannot confirm gets nothing; nor does it keep anybody from helping.
    match client.recipient(&salus, &Subject::Inbox(patient)).await {
        Ok(key) => to.push(key),
        Err(error) => tracing::warn!("the patient cannot read your reason: {error}"),
    }
    // Who reviews it has to know why. No trouble with that key keeps anybody from helping.
    if let Some(member) = salus.member(&client.me()).await? {
        let organisation = Subject::Organisation(member.organisation());
        match client.recipient(&salus, &organisation).await {
            Ok(key) => to.push(key),
            Err(error) => tracing::warn!("your admin cannot read your reason: {error}"),
        }
    }
    let session = client.session(patient).await?;
    let content = letters::send(client, &session, patient, &to, letter).await?;
    let call = calls::emergency::break_glass(patient, content);
    let submitted = client.submit(&call).await?;
    let index = number(caused(&submitted, "Emergency", "GlassBroken")?, "glass")?;
    let salus = client.chain.salus_at(submitted.block.hash);
    let glass = glass(&salus, patient, index).await?;
    rescue(
        client,
        &salus,
        patient,
        index,
        &glass,
        &keys,
        Some(&submitted),
    )
    .await
}

/// Gathers what opens a glass's package, reveals what it names, and keeps the key.
async fn rescue(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    index: GlassIndex,
    row: &Glass,
    keys: &[DecryptionKey],
    submitted: Option<&Submitted>,
) -> Result<Broken> {
    let (key, shares) = gather(client, salus, patient, index, row, keys).await?;
    let grant = match row.grant {
        Some(grant) => grant,
        None => reveal(client, patient, index, row, &key).await?,
    };
    let device = client.device.public();
    client.profile.save_glass(&patient, grant, &key, &device)?;
    Ok(Broken {
        patient: patient.to_string(),
        glass: index,
        grant,
        expires_at: glass_ends(row),
        shares,
        receipt: submitted.map(Receipt::from),
    })
}

/// Nothing opens, because that is what the plan says, or because there is none yet.
fn nothing_opens(patient: PatientId, index: GlassIndex) -> Error {
    Error::NotPermitted(format!(
        "the glass is broken (glass {index}), and nothing opens: patient {patient} lets an emergency open nothing. It stands in the patient's trail"
    ))
}

/// Opens the package, and reveals to the chain what it names.
async fn reveal(
    client: &Client,
    patient: PatientId,
    index: GlassIndex,
    row: &Glass,
    key: &DecryptionKey,
) -> Result<GrantIndex> {
    let plan = row.plan.as_ref();
    let plan = plan.ok_or_else(|| nothing_opens(patient, index))?;
    let session = client.session(patient).await?;
    let location = Location::Package(patient, index);
    let mut waits = PATIENCE.iter();
    let object = loop {
        match session.object(location, &plan.package, None, None).await {
            Err(error) if error.is_not_found() => match waits.next() {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Err(error.into()),
            },
            other => break other?,
        }
    };
    let sealed = object.read(File::Body).await?;
    let envelope = Envelope::open(std::slice::from_ref(key), &sealed, &patient)?;
    let named: Vec<CompartmentId> = envelope.compartments.keys().copied().collect();
    let salt = envelope
        .salt
        .filter(|salt| plan_commitment(&patient, salt, &named) == plan.commitment)
        .ok_or_else(|| {
            Error::Unfit(format!(
                "the glass is broken (glass {index}), and what it opens stays closed: its package does not say what the plan names; ask the patient"
            ))
        })?;
    if named.is_empty() {
        return Err(nothing_opens(patient, index));
    }
    let call = calls::emergency::reveal(patient, index, &named, &salt)?;
    let submitted = client.submit(&call).await?;
    number(caused(&submitted, "Emergency", "GlassRevealed")?, "grant")
}

/// What opens the shares that vaults encrypt to this account; told before anything is done, because a
/// glass cannot be broken twice.
async fn ensure_ready(client: &Client, salus: &Salus) -> Result<Vec<DecryptionKey>> {
    let own = Subject::Account(client.me());
    let published = client.recipient(salus, &own).await?;
    let keys = client.own_keys(salus).await?;
    match keys.iter().any(|key| key.public() == published) {
        true => Ok(keys),
        false => Err(Error::Unfit(
            "another device has published your key, and this one does not have it: use that one, or run `salus clinician publish` here".into(),
        )),
    }
}

/// The glass of this patient that this account has broken, while it lasts.
async fn live(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
) -> Result<Option<(GlassIndex, Glass)>> {
    let now = salus.now().await?;
    for (index, glass) in salus.all_glasses(patient).await?.into_iter().rev() {
        if glass.clinician != client.me() || !glass_lasts(&glass, now) {
            continue;
        }
        let holds = match glass.grant {
            Some(grant) => salus
                .grant(patient, grant)
                .await?
                .is_some_and(|view| view.active),
            None => true,
        };
        if holds {
            return Ok(Some((index, glass)));
        }
    }
    Ok(None)
}

async fn glass(salus: &Salus, patient: PatientId, index: GlassIndex) -> Result<Glass> {
    let rows = salus.glasses(patient, index, 1).await?;
    rows.into_iter()
        .find(|(found, _)| *found == index)
        .map(|(_, glass)| glass)
        .ok_or_else(|| {
            Error::Unfit(format!(
                "patient {patient} has no glass {index}: `salus emergency list` lists them"
            ))
        })
}

/// Gathers shares from the holders' vaults until they are enough. Returns the key that they make
/// together, and whose shares these were.
async fn gather(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    index: GlassIndex,
    row: &Glass,
    keys: &[DecryptionKey],
) -> Result<(DecryptionKey, Vec<OrgId>)> {
    let missing = |reason: String| {
        Error::Unfit(format!(
            "the glass is broken (glass {index}), and what it opens stays closed: {reason}"
        ))
    };
    let broken_under = row.plan.as_ref();
    let broken_under = broken_under.ok_or_else(|| nothing_opens(patient, index))?;
    let plan = salus
        .emergency_plan(patient)
        .await?
        .filter(|plan| plan.package == broken_under.package)
        .ok_or_else(|| missing("the patient has changed the plan meanwhile; ask them".into()))?;
    let known: Vec<H256> = plan.holders.iter().map(|holder| holder.share).collect();
    let mut asked: FuturesUnordered<_> = plan
        .holders
        .iter()
        .map(|holder| async {
            let answer = ask(client, salus, patient, index, holder, keys).await;
            (holder.organisation, answer)
        })
        .collect();
    let enough = usize::from(plan.threshold);
    let mut shares = Vec::new();
    let mut from = Vec::new();
    let mut refused = Vec::new();
    while shares.len() < enough {
        match asked.next().await {
            Some((organisation, Ok(share))) => {
                shares.push(share);
                from.push(organisation);
            }
            Some((organisation, Err(error))) => {
                refused.push(format!("organisation {organisation}: {error}"));
            }
            None => {
                return Err(missing(format!(
                    "{} of the {enough} shares that it takes came. Run the same command again: the glass stays as it is ({})",
                    shares.len(),
                    refused.join("; ")
                )))
            }
        }
    }
    let secret = combine_known(&shares, &known)?;
    let key = std::str::from_utf8(&secret)
        .ok()
        .and_then(|text| DecryptionKey::parse(text).ok())
        .ok_or_else(|| {
            missing("what the shares make together is no key; ask the patient".into())
        })?;
    Ok((key, from))
}

/// A vault's share, which is the one that the plan names.
async fn ask(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    glass: GlassIndex,
    holder: &ShareHolder,
    keys: &[DecryptionKey],
) -> Result<Share> {
    let organisation = holder.organisation;
    let row = salus
        .organisation(organisation)
        .await?
        .ok_or_else(|| super::organisation::unknown(organisation))?;
    let reach = client.reach().await?;
    let genesis = client.chain.genesis();
    let vault = Vault::new(&text(&row.vault_url), organisation, genesis, reach)?;
    let session = Session::impatient(vault, client.key.clone()).await?;
    let mut waits = PATIENCE.iter();
    let sealed = loop {
        match session.share(patient, glass).await {
            Err(error) if may_be_behind(&error) => match waits.next() {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Err(error.into()),
            },
            other => break other?,
        }
    };
    let bytes = unseal_bytes(keys, &sealed, MAX_SHARE, "share")?;
    let share = Share::from_bytes(&bytes)?;
    check_known(&share, &[holder.share])?;
    Ok(share)
}

/// Whether a vault may answer better once its node has seen the newest block.
fn may_be_behind(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::Refused {
            status: 403 | 503,
            ..
        }
    )
}

/// Deletes the keys of glasses that are over.
async fn forget_ended(client: &Client, salus: &Salus) -> Result<()> {
    for (patient, grant) in client.profile.glasses()? {
        let view = salus.grant(patient, grant).await?;
        if !view.is_some_and(|view| view.active) {
            client.profile.forget_glass(&patient, grant)?;
        }
    }
    Ok(())
}

#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    pub patient: String,
    pub glass: GlassIndex,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Who decides for the patient ends a glass before its day is over, and what came of it.
pub async fn end(client: &Client, patient: PatientId, glass: GlassIndex) -> Result<Answered> {
    let submitted = client
        .submit(&calls::emergency::end_glass(patient, glass))
        .await?;
    Ok(Answered {
        patient: patient.to_string(),
        glass,
        receipt: (&submitted).into(),
    })
}

/// The admin of the clinician's organisation says whether it was justified.
pub async fn review(
    client: &Client,
    patient: PatientId,
    glass: GlassIndex,
    justified: bool,
) -> Result<Answered> {
    let call = calls::emergency::review(patient, glass, justified);
    let submitted = client.submit(&call).await?;
    Ok(Answered {
        patient: patient.to_string(),
        glass,
        receipt: (&submitted).into(),
    })
}

/// Who decides for the patient disputes a glass, in a letter to the clinician's organisation.
pub async fn dispute(
    client: &Client,
    patient: PatientId,
    index: GlassIndex,
    letter: &Letter,
) -> Result<Answered> {
    let salus = client.salus().await?;
    let row = glass(&salus, patient, index).await?;
    let organisation = Subject::Organisation(row.organisation);
    let to = [
        client.recipient(&salus, &organisation).await?,
        client.recipient(&salus, &Subject::Inbox(patient)).await?,
    ];
    let session = client.session(patient).await?;
    let content = letters::send(client, &session, patient, &to, letter).await?;
    let call = calls::emergency::dispute(patient, index, content);
    let submitted = client.submit(&call).await?;
    Ok(Answered {
        patient: patient.to_string(),
        glass: index,
        receipt: (&submitted).into(),
    })
}

/// Proposes to the council to let a clinician break glasses again.
pub async fn readmit(client: &Client, clinician: &AccountId) -> Result<Proposed> {
    council::propose(client, &calls::emergency::readmit(clinician)).await
}

/// A letter, or why it cannot be read.
#[derive(Clone, Debug, Serialize)]
pub struct Words {
    pub text: Option<String>,
    pub unreadable: Option<String>,
}

impl From<Result<Letter>> for Words {
    fn from(letter: Result<Letter>) -> Self {
        match letter {
            Ok(letter) => Self {
                text: Some(letter.text),
                unreadable: None,
            },
            Err(error) => Self {
                text: None,
                unreadable: Some(error.to_string()),
            },
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct GlassRow {
    pub patient: String,
    pub glass: GlassIndex,
    /// None while nothing was revealed.
    pub grant: Option<GrantIndex>,
    pub clinician: String,
    pub organisation: OrgId,
    pub broken_at: Moment,
    /// When the patient ended it; none if they did not.
    pub ended_at: Option<Moment>,
    /// When the organisation's answer is due.
    pub review_by: Moment,
    pub letter: Words,
    /// What the organisation said; none before it did.
    pub justified: Option<bool>,
    pub reviewed_at: Option<Moment>,
    pub disputed_at: Option<Moment>,
    /// Only for the patient and the organisation's admin.
    pub dispute: Option<Words>,
}

/// A patient's glasses: all for who controls the patient, those of their organisation for admins, and
/// their own for clinicians.
pub async fn list(client: &Client, patient: PatientId) -> Result<Vec<GlassRow>> {
    let salus = client.salus().await?;
    let me = client.me();
    let controls = client.controls(&salus, patient).await?;
    let admin_of = match salus.member(&me).await? {
        Some(Member::Admin { organisation }) => Some(organisation),
        _ => None,
    };
    let mut rows = salus.all_glasses(patient).await?;
    rows.retain(|(_, glass)| {
        controls || glass.clinician == me || admin_of == Some(glass.organisation)
    });
    rows_of(client, &salus, patient, rows).await
}

/// What waits for this admin's review, the oldest first.
pub async fn to_review(client: &Client) -> Result<Vec<GlassRow>> {
    let salus = client.salus().await?;
    let Some(Member::Admin { organisation }) = salus.member(&client.me()).await? else {
        return Err(Error::NotPermitted(
            "only an organisation's admin reviews emergencies: name a patient with --patient to see theirs".into(),
        ));
    };
    let mut rows = Vec::new();
    let waiting = salus.all_glasses_to_review(organisation).await?;
    for (patient, index, glass) in waiting {
        rows.extend(rows_of(client, &salus, patient, vec![(index, glass)]).await?);
    }
    Ok(rows)
}

async fn rows_of(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    glasses: Vec<(GlassIndex, Glass)>,
) -> Result<Vec<GlassRow>> {
    if glasses.is_empty() {
        return Ok(Vec::new());
    }
    // Who broke it and by when to answer are told even while no vault can be reached.
    let at_hand = async {
        let keys = letters::keys(client, salus, patient).await?;
        Ok::<_, Error>((keys, client.session(patient).await?))
    };
    let at_hand = at_hand.await.map_err(|error| error.to_string());
    let read = async |place, letter: &Cid, author: &AccountId| match &at_hand {
        Ok((keys, session)) => {
            Words::from(letters::read(session, place, letter, author, keys).await)
        }
        Err(error) => Words {
            text: None,
            unreadable: Some(error.clone()),
        },
    };
    let mut rows = Vec::new();
    for (index, glass) in glasses {
        let place = Location::GlassLetter(patient, index);
        let letter = read(place, &glass.letter, &glass.clinician).await;
        let dispute = match &glass.dispute {
            // It is not for whom it is about.
            Some(dispute) if glass.clinician != client.me() => {
                let place = Location::Dispute(patient, index);
                Some(read(place, &dispute.letter, &dispute.by).await)
            }
            _ => None,
        };
        rows.push(GlassRow {
            patient: patient.to_string(),
            glass: index,
            grant: glass.grant,
            clinician: glass.clinician.to_string(),
            organisation: glass.organisation,
            broken_at: glass.broken_at,
            ended_at: glass.ended_at,
            review_by: glass.broken_at.saturating_add(REVIEW_WITHIN),
            letter,
            justified: glass.review.as_ref().map(|review| review.justified),
            reviewed_at: glass.review.map(|review| review.at),
            disputed_at: glass.dispute.map(|dispute| dispute.at),
            dispute,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use salus_primitives::SignedRecipient;

    use super::*;
    use crate::actions::double::{World, GENESIS, HOME, NOW};
    use crate::keys::AccountKey;
    use crate::vault::tests::{ok, Script, PATIENT, SESSION};

    const GLASS: GlassIndex = 0;
    const GRANT: GrantIndex = 6;
    const PACKAGE: Cid = Cid([8; 36]);

    /// Asks a vault who it is, which says this; the chain knows its service account and its key, under
    /// this signature.
    async fn asked(
        says: (OrgId, &AccountKey, &EncryptionKey),
        known: (&AccountKey, &EncryptionKey),
        signer: &AccountKey,
    ) -> Result<Holder> {
        let (organisation, account, key) = says;
        let told = serde_json::json!({
            "organisation": organisation,
            "account": account.account().to_string(),
            "recipient": key.to_string(),
        });
        let script = Script::play(vec![ok(told.to_string())]).await;
        let world = World::at(None);
        let row = world.organisation(HOME, &script);
        let (service, published) = known;
        let none: Option<Member> = None;
        world.node.tell("member", account.account(), none);
        let member = Member::Clinician {
            organisation: HOME,
            role: ClinicianRole::Service,
        };
        world.node.tell("member", service.account(), Some(member));
        for account in [account, service] {
            let subject = Subject::Account(account.account());
            let recipient = signer.sign_recipient(&subject, published, 0, &GENESIS);
            let signed = SignedRecipient {
                signer: signer.account(),
                recipient,
            };
            world.node.tell("recipient", subject, Some(signed));
        }
        let salus = world.client.salus().await.unwrap();
        holder(&world.client, &salus, HOME, &row).await
    }

    #[tokio::test]
    async fn a_vault_that_tells_another_account_or_key_gets_no_share() {
        let person = |uri| AccountKey::from_uri(uri).unwrap();
        let (service, thief) = (person("//Ward"), person("//Eve"));
        let key = DecryptionKey::generate().public();
        let own = DecryptionKey::generate().public();
        let good = asked((HOME, &service, &key), (&service, &key), &service).await;
        let good = good.map(|holder| (holder.account, holder.key));
        assert_eq!(good.unwrap(), (service.account(), key.clone()));

        // An account of the operator's own, though its key is published and signed.
        let other = asked((HOME, &thief, &own), (&service, &own), &thief).await;
        let other = other.map(|_| ()).unwrap_err();
        assert!(matches!(&other, Error::Unfit(_)), "{other}");
        assert!(other.to_string().contains("no service of it"), "{other}");
        // The right account, with a key that it has not published.
        let other = asked((HOME, &service, &own), (&service, &key), &service).await;
        let other = other.map(|_| ()).unwrap_err();
        assert!(other.to_string().contains("not published"), "{other}");
        // A key that a node makes up: another account has signed it.
        let other = asked((HOME, &service, &own), (&service, &own), &thief).await;
        let other = other.map(|_| ()).unwrap_err();
        assert!(matches!(other, Error::Binding("owner")), "{other}");
        // Another organisation's vault at this one's address.
        let other = asked((HOME + 1, &service, &key), (&service, &key), &service).await;
        let other = other.map(|_| ()).unwrap_err();
        assert!(
            matches!(other, Error::Vault(VaultError::WrongVault { .. })),
            "{other}"
        );
    }

    fn plan_of(package: Cid, set_at: Moment, holders: Vec<ShareHolder>) -> EmergencyPlan {
        EmergencyPlan {
            commitment: H256::zero(),
            holders: holders.try_into().unwrap(),
            threshold: 2,
            package,
            set_at,
        }
    }

    fn view(rotated_at: Moment) -> CompartmentView {
        CompartmentView {
            compartment: salus_primitives::Compartment {
                epoch: 0,
                rotated_at,
            },
            recipient: None,
            needs_rotation: false,
        }
    }

    fn glass_of(broken_at: Moment, grant: Option<GrantIndex>) -> Glass {
        Glass {
            clinician: AccountKey::from_uri("//Doctor").unwrap().account(),
            organisation: HOME,
            letter: PACKAGE,
            broken_at,
            plan: None,
            grant,
            ended_at: None,
            review: None,
            dispute: None,
        }
    }

    /// Lets the node know a patient of these deciders, with this plan, these compartments and glasses.
    fn tell(
        world: &World,
        decided_since: Moment,
        plan: Option<EmergencyPlan>,
        compartments: &[(CompartmentId, CompartmentView)],
        glasses: &[Glass],
    ) {
        let row = salus_primitives::Patient {
            enrolled_by: HOME,
            enrolled_at: 0,
            decided_since,
            voided_at: None,
            keyring: None,
        };
        let node = &world.node;
        node.tell("patient", PATIENT, Some(row));
        node.tell("emergency_plan", PATIENT, plan);
        node.tell("compartments", PATIENT, compartments.to_vec());
        let glasses: Vec<(GlassIndex, Glass)> = (0..).zip(glasses.iter().cloned()).collect();
        let next = glasses.len() as GlassIndex;
        node.tell("glasses", (PATIENT, 0u32, crate::actions::PAGE), glasses);
        let none: Vec<(GlassIndex, Glass)> = Vec::new();
        if next > 0 {
            node.tell("glasses", (PATIENT, next, crate::actions::PAGE), none);
        }
        let owner = Controller {
            role: ControllerRole::Owner,
            expires_at: None,
        };
        let me = world.client.me();
        node.tell("controller", (PATIENT, me), Some(owner));
    }

    /// Notes in the profile what it chose, and the package of the plan that it dealt with that.
    fn note(world: &World, choice: &PlanChoice, package: Option<&Cid>) {
        let set = |plans: &mut crate::profile::KeptPlans| {
            *plans.of(&PATIENT) = KeptPlan {
                choice: choice.clone(),
                dealt: package.map(|package| DealtPlan {
                    package: cid(package),
                    choice: choice.clone(),
                    vaults: Default::default(),
                }),
            };
            Ok(())
        };
        world.client.profile.update_kept_plans(set).unwrap();
    }

    /// Nothing, and something that was chosen at this moment.
    fn choices(chosen_at: Moment) -> [PlanChoice; 2] {
        let something = PlanChoice {
            compartments: vec![CompartmentId([1; 16]).to_string()],
            chosen_at,
            ..PlanChoice::default()
        };
        [PlanChoice::default(), something]
    }

    /// Whether a client that acts now would deal: whom the shares go to is asked for by who does.
    async fn deals(world: &World) -> bool {
        let keyring = Keyring::new(PATIENT);
        let result = keep_up(&world.client, PATIENT, Some(&keyring)).await;
        let asked = world.node.asked().contains(&"organisations".to_owned());
        // There is no vault.
        assert_eq!(result.is_err(), asked, "{result:?}");
        asked
    }

    #[tokio::test]
    async fn a_plan_gets_new_keys_only_from_who_set_it_and_still_decides() {
        let (ours, others) = (Cid::raw([8; 32]), Cid::raw([9; 32]));
        let rotated = [(CompartmentId([1; 16]), view(NOW))];
        for (set_here, decided_since, follows) in [
            (Some(ours), NOW - 1, true),
            (Some(ours), NOW, false),
            (Some(others), 0, false),
            (None, 0, false),
        ] {
            for choice in choices(1) {
                let world = World::at(None);
                let plan = plan_of(ours, NOW - 1, Vec::new());
                tell(&world, decided_since, Some(plan), &rotated, &[]);
                note(&world, &choice, set_here.as_ref());
                assert_eq!(deals(&world).await, follows, "{set_here:?} {decided_since}");
            }
        }
    }

    /// Otherwise the other profile would deal what was chosen before, and the last word would be lost.
    #[tokio::test]
    async fn who_has_not_set_the_plan_takes_it_over_at_once() {
        let (ours, others) = (Cid::raw([8; 32]), Cid::raw([9; 32]));
        for (set_here, waits) in [(ours, true), (others, false)] {
            let world = World::at(None);
            tell(&world, 0, Some(plan_of(ours, NOW, Vec::new())), &[], &[]);
            note(&world, &PlanChoice::default(), Some(&set_here));
            keep_keyring(&world);
            let chosen = plan_nothing(&world, false).await;
            // There is no vault to deal to.
            assert_eq!(chosen.is_ok(), waits, "{chosen:?}");
        }
    }

    #[tokio::test]
    async fn who_only_answers_for_a_patient_deals_nothing() {
        let world = World::at(None);
        tell(&world, 0, None, &[], &[]);
        assert!(deals(&world).await);
        let world = World::at(None);
        tell(&world, 0, None, &[], &[]);
        let carer = Controller {
            role: ControllerRole::Carer,
            expires_at: None,
        };
        world
            .node
            .tell("controller", (PATIENT, world.client.me()), Some(carer));
        assert!(!deals(&world).await);
    }

    /// Otherwise a full plan would be told by when it is dealt.
    #[tokio::test]
    async fn empty_and_full_plans_are_dealt_at_the_same_moments() {
        const NEVER: Moment = 0;
        let since = 100 * DAY;
        let at = |age: Moment| since + age;
        let package = Cid::raw([8; 32]);
        // When it was set and is looked at, since they decide; the last rotation; a glass.
        type Case = (Moment, Moment, Moment, Option<Glass>, bool);
        let cases: [Case; 14] = [
            (0, DAY - 1, NEVER, None, false),
            (0, DAY, NEVER, None, true),
            (DAY, 7 * DAY - 1, NEVER, None, false),
            (DAY, 7 * DAY, NEVER, None, true),
            (7 * DAY, 30 * DAY - 1, NEVER, None, false),
            (7 * DAY, 30 * DAY, NEVER, None, true),
            (30 * DAY, 60 * DAY - 1, NEVER, None, false),
            (30 * DAY, 60 * DAY, NEVER, None, true),
            (0, 10, at(5), None, true),
            (6, 10, at(5), None, false),
            // While somebody may lack shares it stays; when the day of a glass is over it goes.
            (0, DAY, at(5), Some(glass_of(at(DAY - 1), None)), false),
            (DAY, 2 * DAY, NEVER, Some(glass_of(at(DAY), None)), true),
            (
                2 * DAY,
                3 * DAY,
                NEVER,
                Some(glass_of(at(DAY), None)),
                false,
            ),
            (
                DAY,
                2 * DAY + 1,
                NEVER,
                Some(glass_of(at(DAY + 1), Some(0))),
                true,
            ),
        ];
        for (number, (set, now, rotated, glass, due)) in cases.into_iter().enumerate() {
            for choice in choices(at(1)) {
                let world = World::at(None);
                world.node.tell("now", (), at(now));
                let plan = plan_of(package, at(set), Vec::new());
                let parts = [(CompartmentId([7; 16]), view(rotated))];
                let glasses: Vec<Glass> = glass.clone().into_iter().collect();
                tell(&world, since, Some(plan), &parts, &glasses);
                note(&world, &choice, Some(&package));
                assert_eq!(deals(&world).await, due, "{number} {choice:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_profile_without_a_plan_deals_one_and_waits_with_what_it_chose_until_the_next() {
        let world = World::at(None);
        tell(&world, 0, None, &[], &[]);
        assert!(deals(&world).await);

        let since = 100 * DAY;
        let world = World::at(None);
        world.node.tell("now", (), since + 1);
        let package = Cid::raw([8; 32]);
        let plan = plan_of(package, since, Vec::new());
        tell(&world, since, Some(plan), &[], &[]);
        let [nothing, something] = choices(since + 1);
        note(&world, &nothing, Some(&package));
        keep_keyring(&world);
        let chosen = plan_nothing(&world, false).await.unwrap();
        assert_eq!(chosen.waits_until, Some(since + DAY));
        assert!(chosen.planned.is_none());
        // At once, it is dealt, if there were vaults.
        assert!(plan_nothing(&world, true).await.is_err());
        let choose = |plans: &mut crate::profile::KeptPlans| {
            plans.of(&PATIENT).choice = something;
            Ok(())
        };
        world.client.profile.update_kept_plans(choose).unwrap();
        let shown = show(&world.client, PATIENT).await.unwrap();
        let plan = shown.plan.unwrap();
        assert!(plan.own && plan.labels.is_empty());
        let next = shown.next.unwrap();
        assert_eq!((next.labels.len(), next.from), (1, since + DAY));
    }

    #[tokio::test]
    async fn the_first_plan_comes_before_anything_else_and_only_where_nothing_was_done() {
        for (acted, kept, begins) in [
            (false, false, true),
            (true, false, false),
            (false, true, false),
        ] {
            let world = World::at(None);
            tell(&world, 0, None, &[], &[]);
            keep_keyring(&world);
            world
                .node
                .count(&world.client.me().to_string(), u64::from(acted));
            if kept {
                note(&world, &PlanChoice::default(), None);
            }
            begin(&world.client, PATIENT).await;
            let asked = world.node.asked().contains(&"organisations".to_owned());
            assert_eq!(asked, begins, "acted {acted}, kept {kept}");
        }
    }

    /// This device has the patient's keyring.
    fn keep_keyring(world: &World) {
        let mut keyring = Keyring::new(PATIENT);
        let device = world.client.device.public();
        keyring.add_holder("device", &device).unwrap();
        world.client.profile.save_keyring(&mut keyring).unwrap();
    }

    async fn plan_nothing(world: &World, at_once: bool) -> Result<Chosen> {
        let planning = Planning {
            at_once,
            ..Planning::default()
        };
        plan(&world.client, PATIENT, &planning).await
    }

    #[tokio::test]
    async fn what_was_chosen_before_others_came_to_decide_does_not_come_back() {
        let world = World::at(None);
        let [nothing, something] = choices(5);
        for (decided_since, counts) in [(5, &something), (6, &nothing)] {
            tell(&world, decided_since, None, &[], &[]);
            note(&world, &something, None);
            let salus = world.client.salus().await.unwrap();
            let held = Held::of(&world.client, &salus, PATIENT).await.unwrap();
            assert_eq!(held.choice(), *counts);
        }
    }

    #[tokio::test]
    async fn who_did_not_set_a_plan_is_told_that_it_is_not_theirs() {
        let world = World::at(None);
        let plan = plan_of(Cid::raw([8; 32]), NOW, Vec::new());
        tell(&world, 0, Some(plan), &[], &[]);
        let shown = show(&world.client, PATIENT).await.unwrap();
        let plan = shown.plan.unwrap();
        assert!(!plan.own && plan.labels.is_empty() && shown.next.is_none());
    }

    /// All that a vault's operator sees of it.
    #[test]
    fn packages_of_empty_and_full_plans_have_one_size() {
        let mut keyring = Keyring::new(PATIENT);
        let place = crate::files::Place::new(
            GENESIS,
            PATIENT,
            AccountKey::from_uri("//Alice").unwrap().account(),
        );
        let key = DecryptionKey::generate().public();
        let ids: Vec<CompartmentId> = Category::ALL
            .iter()
            .map(|category| {
                let id = keyring.prepare(&Label::of(*category), 0).0;
                for epoch in 1..12 {
                    keyring.prepare_epoch(&id, epoch).unwrap();
                }
                id
            })
            .collect();
        let sizes: Vec<u64> = [&ids[..], &ids[..1], &[]]
            .into_iter()
            .map(|opened| {
                let mut envelope = keyring.envelope(opened).unwrap();
                envelope.salt = Some([7; 32]);
                let json = envelope.to_json().unwrap();
                build_package(&place, &key, &json).unwrap().car_len()
            })
            .collect();
        // Beside the stanza of random length that age adds to each file.
        let apart = sizes.iter().max().unwrap() - sizes.iter().min().unwrap();
        assert!(apart < 1024, "{sizes:?}");
    }

    /// Gathers from three vaults, of which each gives the share that is named here.
    async fn gathered(world: &World, plan: &[Share], given: [&Share; 3]) -> Result<Broken> {
        let client = &world.client;
        let mut scripts = Vec::new();
        let mut holders = Vec::new();
        for (number, (share, gives)) in (0..).zip(plan.iter().zip(given)) {
            let sealed = seal_bytes(&[client.device.public()], &gives.to_bytes()).unwrap();
            let script = Script::play(vec![ok(SESSION), ok(sealed)]).await;
            world.organisation(number, &script);
            scripts.push(script);
            holders.push(ShareHolder {
                organisation: number,
                share: share.fingerprint(),
            });
        }
        let plan = plan_of(PACKAGE, 0, holders);
        world
            .node
            .tell("emergency_plan", PATIENT, Some(plan.clone()));
        let glass = Glass {
            plan: Some(plan.into()),
            ..glass_of(NOW, Some(GRANT))
        };
        let salus = client.salus().await.unwrap();
        let keys = [client.device.clone()];
        rescue(client, &salus, PATIENT, GLASS, &glass, &keys, None).await
    }

    #[tokio::test]
    async fn a_forged_share_is_not_used_and_others_are_enough() {
        let key = DecryptionKey::generate();
        let plan = split(exposed(&key).unwrap().as_bytes(), 2, 3).unwrap();
        let stranger = DecryptionKey::generate();
        let forged = split(exposed(&stranger).unwrap().as_bytes(), 2, 3).unwrap();
        let world = World::at(None);
        let kept = |world: &World| {
            let client = &world.client;
            client.profile.glass(&PATIENT, GRANT, &client.device)
        };

        // Two of another key would make that one; each is right by itself.
        let result = gathered(&world, &plan, [&forged[0], &forged[1], &plan[2]]).await;
        let error = result.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("1 of the 2 shares"), "{error}");
        for organisation in ["organisation 0", "organisation 1"] {
            assert!(error.contains(organisation), "{error}");
        }
        assert!(kept(&world).unwrap().is_none(), "no key is kept");
        // A share of the plan, but another vault's: it would count twice.
        let result = gathered(&world, &plan, [&plan[2], &forged[1], &plan[2]]).await;
        assert!(result.is_err());

        let broken = gathered(&world, &plan, [&forged[0], &plan[1], &plan[2]]).await;
        let mut from = broken.unwrap().shares;
        from.sort_unstable();
        assert_eq!(from, [1, 2]);
        let found = kept(&world).unwrap().unwrap();
        assert_eq!(found.public(), key.public());
    }
}
