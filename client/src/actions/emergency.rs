//! Emergencies: what a patient lets open when nobody can ask them, and who answers for opening it.
//!
//! A plan's compartments' keys lie in a *package*, an envelope that is encrypted to a key of its own.
//! That key is split, and each share goes to the vault of another organisation, encrypted to it. The
//! vaults release their shares to a clinician who has broken the glass, once that is final: nobody
//! else has enough of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use salus_primitives::rows::{GLASS_LASTS, REVIEW_WITHIN};
use salus_primitives::{
    AccountId, Cid, ClinicianRole, CompartmentId, EmergencyPlan, Glass, GlassIndex, GrantIndex,
    Member, Moment, OrgId, Organisation, PatientId, ShareHolder, Subject,
};
use serde::Serialize;
use sp_core::H256;

use super::council::{self, Proposed};
use super::identity::current_keyring;
use super::recovery::exposed;
use super::sharing::{select, send_envelope, Reach};
use super::{cid, letters, number, text, unknown_patient, Client, Receipt};
use crate::chain::{calls, Salus, Submitted};
use crate::error::{Error, Result};
use crate::files::age::{seal_bytes, unseal_bytes, DecryptionKey, EncryptionKey};
use crate::files::letter::Letter;
use crate::files::share::{check_known, combine_known, split, Share};
use crate::keyring::{Keyring, Label};
use crate::keys::parse_account;
use crate::profile::{DealtPlan, DealtVault};
use crate::taxonomy::{Category, Sensitivity};
use crate::vault::{Location, Session, Vault, VaultError, MAX_SHARE};

/// How many shares it takes, and how many there are, if nothing else is asked for.
const THRESHOLD: u8 = 2;
const HOLDERS: usize = 3;
/// Vaults that are asked at once.
const AT_ONCE: usize = 8;

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
    pub categories: Vec<Category>,
    pub flags: Vec<Sensitivity>,
    /// The first three whose vaults answer, if none is named.
    pub holders: Vec<OrgId>,
    /// Two, if none.
    pub threshold: Option<u8>,
}

/// An organisation whose vault can keep a share, and how to encrypt to it.
struct Holder {
    organisation: OrgId,
    name: String,
    vault: Vault,
    account: AccountId,
    key: EncryptionKey,
}

/// A plan as it was set.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    pub patient: String,
    pub labels: Vec<String>,
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

/// Decides what an emergency opens. Every plan has a new key: earlier shares and packages open nothing
/// of what comes from now on.
pub async fn plan(client: &Client, patient: PatientId, planning: &Planning) -> Result<Planned> {
    let keyring = current_keyring(client, patient).await?;
    let compartments = select(
        &keyring,
        &planning.categories,
        &planning.flags,
        Reach::FlaggedToo,
    )?;
    let salus = client.salus().await?;
    let holders = match planning.holders.as_slice() {
        [] => answering(client, &salus, patient).await?,
        named => holders(client, &salus, named).await?,
    };
    let threshold = planning.threshold.unwrap_or(THRESHOLD);
    deal(client, &keyring, &compartments, &holders, threshold).await
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

/// The first organisations whose vaults answer, that of the patient's own before all others.
async fn answering(client: &Client, salus: &Salus, patient: PatientId) -> Result<Vec<Holder>> {
    let home = salus
        .patient(patient)
        .await?
        .ok_or_else(|| unknown_patient(patient))?
        .enrolled_by;
    let mut rows = salus.all_organisations().await?;
    rows.retain(|(_, row)| row.suspended_at.is_none() && !row.vault_url.is_empty());
    rows.sort_by_key(|(organisation, _)| (*organisation != home, *organisation));
    let mut found = Vec::new();
    let mut unfit = Vec::new();
    for rows in rows.chunks(AT_ONCE) {
        let asked = rows
            .iter()
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

async fn is_service(salus: &Salus, account: &AccountId, organisation: OrgId) -> Result<bool> {
    let role = ClinicianRole::Service;
    let service = Member::Clinician { organisation, role };
    Ok(salus.member(account).await? == Some(service))
}

/// Makes a key, the package, the plan on the chain; then gives each vault its share.
async fn deal(
    client: &Client,
    keyring: &Keyring,
    compartments: &[CompartmentId],
    holders: &[Holder],
    threshold: u8,
) -> Result<Planned> {
    let patient = keyring.patient();
    let count = u8::try_from(holders.len())
        .map_err(|_| Error::Unfit("that many holders cannot be named".into()))?;
    let key = DecryptionKey::generate();
    let shares = split(exposed(&key)?.as_bytes(), threshold, count)?;
    let session = client.session(patient).await?;
    let envelope = keyring.envelope(compartments)?;
    let package = send_envelope(client, &session, &envelope, &key.public()).await?;
    let rows: Vec<ShareHolder> = holders
        .iter()
        .zip(&shares)
        .map(|(holder, share)| ShareHolder {
            organisation: holder.organisation,
            share: share.fingerprint(),
        })
        .collect();
    let call = calls::emergency::set_plan(patient, compartments, &rows, threshold, package)?;
    // Before anything can break off: a share that no vault has taken is told by `show` and `watch`.
    let mut dealt = DealtPlan {
        package: cid(&package),
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
        client.profile.update_dealt_plans(|plans| {
            plans.set(&patient, Some(dealt.clone()));
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
        patient: patient.to_string(),
        labels: labels(compartments, Some(keyring)),
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

#[derive(Clone, Debug, Serialize)]
pub struct PlanChanged {
    pub patient: String,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Nothing opens in an emergency. It leaves what setting a plan leaves, also where there was none.
pub async fn remove(client: &Client, patient: PatientId) -> Result<PlanChanged> {
    let call = calls::emergency::remove_plan(patient);
    let submitted = client.submit(&call).await?;
    client.profile.update_dealt_plans(|plans| {
        plans.set(&patient, None);
        Ok(())
    })?;
    Ok(PlanChanged {
        patient: patient.to_string(),
        receipt: (&submitted).into(),
    })
}

/// Deals the plan again if it opens one of these compartments, which have new keys. Best effort: a
/// failure becomes a warning, which `show` repeats, and never fails the caller.
pub(super) async fn follow(client: &Client, keyring: &Keyring, rotated: &[CompartmentId]) {
    if let Err(error) = deal_anew(client, keyring, rotated).await {
        tracing::warn!(
            "the emergency plan may open nothing, or not what is added from now on: run `salus emergency plan` again ({error})"
        );
    }
}

async fn deal_anew(client: &Client, keyring: &Keyring, rotated: &[CompartmentId]) -> Result<()> {
    let patient = keyring.patient();
    let salus = client.salus().await?;
    let Some(plan) = salus.emergency_plan(patient).await? else {
        return Ok(());
    };
    if !plan.compartments.iter().any(|id| rotated.contains(id)) {
        return Ok(());
    }
    let row = salus.patient(patient).await?;
    let decided_since = row.ok_or_else(|| unknown_patient(patient))?.decided_since;
    let plans = client.profile.dealt_plans()?;
    ensure_own(plans.get(&patient), &plan, decided_since)?;
    let named: Vec<OrgId> = plan
        .holders
        .iter()
        .map(|holder| holder.organisation)
        .collect();
    let holders = holders(client, &salus, &named).await?;
    let planned = deal(
        client,
        keyring,
        &plan.compartments,
        &holders,
        plan.threshold,
    )
    .await?;
    for holder in planned.holders.iter().filter(|holder| !holder.kept) {
        tracing::warn!(
            "the vault of {} did not take its share of the emergency plan: {}",
            holder.name,
            holder.error.as_deref().unwrap_or_default()
        );
    }
    Ok(())
}

/// New keys go into a plan only that this profile has set, and since its account decides: whoever else
/// set one may have chosen the vaults that open it.
fn ensure_own(
    dealt: Option<&DealtPlan>,
    plan: &EmergencyPlan,
    decided_since: Moment,
) -> Result<()> {
    let own = dealt.is_some_and(|dealt| dealt.package == cid(&plan.package));
    match own && plan.set_at >= decided_since {
        true => Ok(()),
        false => Err(Error::NotPermitted(
            "this profile has not set the plan that is in force, so it gives it no new keys: look at `salus emergency show`".into(),
        )),
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct PlanView {
    pub patient: String,
    /// None where nothing opens.
    pub plan: Option<PlanRow>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PlanRow {
    pub labels: Vec<String>,
    pub threshold: u8,
    pub holders: Vec<HolderRow>,
    pub set_at: Moment,
    /// Why it should be dealt anew.
    pub stale: Vec<String>,
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
    let plan = match salus.emergency_plan(patient).await? {
        Some(plan) => Some(PlanRow {
            labels: labels(&plan.compartments, keyring.as_ref()),
            threshold: plan.threshold,
            holders: named(&salus, &plan).await?,
            set_at: plan.set_at,
            stale: reasons(client, &salus, patient, &plan).await?,
        }),
        None => None,
    };
    Ok(PlanView {
        patient: patient.to_string(),
        plan,
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
    match salus.emergency_plan(patient).await? {
        Some(plan) => reasons(client, salus, patient, &plan).await,
        None => Ok(Vec::new()),
    }
}

async fn reasons(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    plan: &EmergencyPlan,
) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    let keyring = client.profile.keyring(&patient, &client.device)?;
    for id in &plan.compartments {
        let label = || labels(&[*id], keyring.as_ref()).concat();
        match salus.compartment(patient, *id).await? {
            Some(view) if view.compartment.rotated_at > plan.set_at => reasons.push(format!(
                "{} has a new key, which the package lacks",
                label()
            )),
            _ => {}
        }
    }
    let plans = client.profile.dealt_plans()?;
    // Only who dealt knows what the shares were encrypted to.
    let dealt = plans
        .get(&patient)
        .filter(|dealt| dealt.package == cid(&plan.package));
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
        let key = signed.and_then(|signed| EncryptionKey::from_recipient(&signed.recipient).ok());
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
    let mut patients = BTreeSet::new();
    for account in client.accounts()? {
        patients.extend(salus.all_controlled_by(&account).await?);
    }
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

/// Takes emergency access, for a reason that the patient and the organisation's admin will read, and
/// gathers what opens the package. Whoever did so and got too few shares asks for them again, without
/// another glass.
pub async fn break_glass(client: &Client, patient: PatientId, letter: &Letter) -> Result<Broken> {
    let salus = client.salus().await?;
    if let Err(error) = forget_ended(client, &salus).await {
        tracing::warn!("keys of emergencies that are over are still in this profile: {error}");
    }
    let keys = ensure_ready(client, &salus).await?;
    if let Some((index, glass)) = live(client, &salus, patient).await? {
        return gather(client, &salus, patient, index, &glass, &keys, None).await;
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
    let Some(broken) = submitted.event("Emergency", "GlassBroken") else {
        return Err(Error::NotPermitted(format!(
            "refused: patient {patient} opens nothing for {} now, also in an emergency. The attempt stands in the patient's trail",
            client.me()
        )));
    };
    let index = number(broken, "glass")?;
    let salus = client.chain.salus_at(submitted.block.hash);
    let glass = glass(&salus, patient, index).await?;
    gather(
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
    for (index, glass) in salus.all_glasses(patient).await?.into_iter().rev() {
        if glass.clinician == client.me() {
            let view = salus.grant(patient, glass.grant).await?;
            if view.is_some_and(|view| view.active) {
                return Ok(Some((index, glass)));
            }
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

/// Gathers shares from the holders' vaults until they are enough, and keeps what they make together.
async fn gather(
    client: &Client,
    salus: &Salus,
    patient: PatientId,
    index: GlassIndex,
    row: &Glass,
    keys: &[DecryptionKey],
    submitted: Option<&Submitted>,
) -> Result<Broken> {
    let grant = row.grant;
    let missing = |reason: String| {
        Error::Unfit(format!(
            "the glass is broken (glass {index}, grant {grant}), and what it opens stays closed: {reason}"
        ))
    };
    let view = salus.grant(patient, grant).await?;
    let plan = salus
        .emergency_plan(patient)
        .await?
        .filter(|plan| view.is_some_and(|view| view.envelopes.contains(&plan.package)))
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
    let device = client.device.public();
    client.profile.save_glass(&patient, grant, &key, &device)?;
    Ok(Broken {
        patient: patient.to_string(),
        glass: index,
        grant,
        expires_at: row.broken_at.saturating_add(GLASS_LASTS),
        shares: from,
        receipt: submitted.map(Receipt::from),
    })
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
    pub grant: GrantIndex,
    pub clinician: String,
    pub organisation: OrgId,
    pub broken_at: Moment,
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
    use salus_primitives::api::GrantView;
    use salus_primitives::{Basis, Grant, Grantee, Purpose, Rights, Scope, SignedRecipient};

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

    #[tokio::test]
    async fn a_plan_gets_new_keys_only_from_who_set_it_and_still_decides() {
        let rotated = CompartmentId([1; 16]);
        let (ours, others) = (Cid::raw([8; 32]), Cid::raw([9; 32]));
        let plan = EmergencyPlan {
            compartments: vec![rotated].try_into().unwrap(),
            holders: vec![ShareHolder {
                organisation: HOME,
                share: H256::zero(),
            }]
            .try_into()
            .unwrap(),
            threshold: 1,
            package: ours,
            set_at: NOW,
        };
        let dealt = |package: &Cid| DealtPlan {
            package: cid(package),
            vaults: Default::default(),
        };
        for (set_here, decided_since, follows) in [
            (Some(ours), NOW, true),
            (Some(ours), NOW + 1, false),
            (Some(others), 0, false),
            (None, 0, false),
        ] {
            let world = World::at(None);
            let client = &world.client;
            let row = salus_primitives::Patient {
                enrolled_by: HOME,
                enrolled_at: 0,
                decided_since,
                voided_at: None,
                keyring: None,
            };
            world.node.tell("patient", PATIENT, Some(row));
            world
                .node
                .tell("emergency_plan", PATIENT, Some(plan.clone()));
            // Whom the shares would go to is asked for only by who deals.
            let none: Option<Organisation> = None;
            world.node.tell("organisation", HOME, none);
            let set = |plans: &mut crate::profile::DealtPlans| {
                plans.set(&PATIENT, set_here.as_ref().map(dealt));
                Ok(())
            };
            client.profile.update_dealt_plans(set).unwrap();
            let keyring = Keyring::new(PATIENT);
            let result = deal_anew(client, &keyring, &[rotated]).await;
            let asked = world.node.asked().contains(&"organisation".to_owned());
            assert_eq!(asked, follows, "{result:?}");
            let refused = matches!(&result, Err(Error::NotPermitted(text)) if text.contains("salus emergency show"));
            assert_eq!(refused, !follows, "{result:?}");
        }
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
        let plan = EmergencyPlan {
            compartments: Default::default(),
            holders: holders.try_into().unwrap(),
            threshold: 2,
            package: PACKAGE,
            set_at: 0,
        };
        world.node.tell("emergency_plan", PATIENT, Some(plan));
        let glass = Glass {
            clinician: client.me(),
            organisation: HOME,
            letter: PACKAGE,
            broken_at: NOW,
            grant: GRANT,
            review: None,
            dispute: None,
        };
        let grant = Grant {
            grantee: Grantee::Clinician {
                account: client.me(),
                organisation: HOME,
            },
            scope: Scope::Compartments(Default::default()),
            rights: Rights::Read,
            purpose: Purpose::Btg,
            starts_at: NOW,
            expires_at: NOW + GLASS_LASTS,
            anchored_from: None,
            anchored_until: None,
            granted_by: client.me(),
            granted_at: NOW,
            revoked_at: None,
            terms: None,
            flags: 0,
            derived_from: None,
            basis: Basis::Emergency(GLASS),
            rule_version: 0,
        };
        let view = GrantView {
            grant,
            active: true,
            envelopes: vec![PACKAGE],
        };
        world.node.tell("grant", (PATIENT, GRANT), Some(view));
        let salus = client.salus().await.unwrap();
        let keys = [client.device.clone()];
        gather(client, &salus, PATIENT, GLASS, &glass, &keys, None).await
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
