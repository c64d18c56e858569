//! Who may see what: asking, granting, revoking.

use std::collections::{BTreeMap, BTreeSet};

use salus_primitives::{
    api::{CompartmentView, GrantView},
    AccountId, Balance, Basis, Cid, CompartmentId, Controller, ControllerRole, Grant, GrantIndex,
    GrantTerms, Grantee, Member, Moment, OrgId, PatientId, Purpose, Recipient, RecordIndex,
    Request, RequestIndex, RequestState, Rights, Scope, Subject, HOUR,
};
use serde::Serialize;

use super::describe::{moment, span};
use super::identity::{back_up, current_keyring};
use super::records::{fetch, no_record, own_record_keys};
use super::{
    acting, caused, cid, credits, emergency, grantee_text, letters, no_grant, number, opening,
    purpose_code, rights_word, Client, Receipt,
};
use crate::chain::{calls, Salus, Submitted};
use crate::error::{Error, Result};
use crate::files::age::{file_key, EncryptionKey};
use crate::files::envelope::{Envelope, SharedRecord};
use crate::files::letter::Letter;
use crate::files::object::build_envelope;
use crate::files::seal::SealKey;
use crate::keyring::{Keyring, Label};
use crate::taxonomy::{Category, Sensitivity};
use crate::vault::{File, Location, Session};

/// With whom something is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Account(AccountId),
    Organisation(OrgId),
}

/// What is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The unflagged compartments of these categories; or, where flags are named, only those whose
    /// flags are all among them, of whatever category.
    Categories(Vec<Category>, Vec<Sensitivity>),
    /// Single records, without the keys of their compartments.
    Records(Vec<RecordIndex>),
}

/// What a patient decides when sharing.
#[derive(Clone, Debug)]
pub struct Sharing {
    pub with: Who,
    pub what: What,
    pub rights: Rights,
    pub purpose: Purpose,
    pub duration: Moment,
    /// Now, if none.
    pub starts_at: Option<Moment>,
    /// Only records anchored in this time.
    pub anchored_from: Option<Moment>,
    pub anchored_until: Option<Moment>,
    /// Whether the chain names the person, who then signs in clear. Else it names the person's
    /// organisation, whose software signs for them.
    pub in_own_name: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Shared {
    pub grant: GrantIndex,
    pub patient: String,
    pub grantee: String,
    /// For whom of the organisation it is meant, of which the chain says nothing.
    pub person: Option<String>,
    /// Whether the chain names the person.
    pub in_own_name: bool,
    pub rights: &'static str,
    pub purpose: &'static str,
    pub labels: Vec<String>,
    pub records: Vec<RecordIndex>,
    /// Whether flags were named, so that nothing unflagged of these categories is shared.
    pub flagged_only: bool,
    pub starts_at: Moment,
    pub expires_at: Moment,
    pub envelope: String,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Gives someone time-limited access. Compartments whose keys have leaked to a grant that is over
/// get new ones first.
pub async fn share(client: &Client, patient: PatientId, sharing: &Sharing) -> Result<Shared> {
    grant(client, patient, sharing, None).await
}

async fn grant(
    client: &Client,
    patient: PatientId,
    sharing: &Sharing,
    request: Option<RequestIndex>,
) -> Result<Shared> {
    // To its end: nothing is shared while somebody restricts.
    let client = &client.in_turn().await?;
    let mut keyring = current_keyring(client, patient).await?;
    ensure_unrestricted(&keyring)?;
    let salus = client.salus().await?;
    let now = client.clock().await?;
    let starts_at = sharing.starts_at.unwrap_or(now);
    let expires_at = starts_at.saturating_add(sharing.duration);
    let role = salus.controller(patient, &client.me()).await?;
    ensure_within_role(role.as_ref(), expires_at)?;
    let (grantee, person) = grantee(&salus, &sharing.with, sharing.in_own_name).await?;
    let readers = readers(client, &salus, &grantee, person.as_ref()).await?;
    let scope = scope(&mut keyring, client, &sharing.what, sharing.rights).await?;
    let terms = GrantTerms {
        grantee,
        scope,
        rights: sharing.rights,
        purpose: sharing.purpose,
        starts_at: sharing.starts_at,
        expires_at,
        anchored_from: sharing.anchored_from,
        anchored_until: sharing.anchored_until,
        terms: None,
        flags: 0,
        derived_from: None,
    };
    let ready = ready(client, &keyring, &terms, person.as_ref(), &readers).await?;
    let given = give(client, ready, request).await?;
    let event = caused(&given.submitted, "Consent", "Granted")?;
    let (labels, records) = scope_texts(&terms.scope, Some(&keyring));
    Ok(Shared {
        grant: given.grant,
        patient: patient.to_string(),
        grantee: grantee_text(&terms.grantee),
        person: person.as_ref().map(AccountId::to_string),
        in_own_name: matches!(terms.grantee, Grantee::Clinician { .. }),
        rights: rights_word(sharing.rights),
        purpose: purpose_code(sharing.purpose),
        labels,
        records,
        flagged_only: matches!(&sharing.what, What::Categories(_, flags) if !flags.is_empty()),
        starts_at: event
            .fields
            .get("starts_at")
            .and_then(|moment| moment.as_u64())
            .unwrap_or(starts_at),
        expires_at: terms.expires_at,
        envelope: cid(&given.envelope),
        receipt: (&given.submitted).into(),
    })
}

/// Whoever restricts shares nothing: what would be given now would be forgotten when it is lifted.
pub(super) fn ensure_unrestricted(keyring: &Keyring) -> Result<()> {
    match keyring.restricted() {
        None => Ok(()),
        Some(_) => Err(Error::Unfit(format!(
            "you restrict all access to patient {}: `salus patient lift` first",
            keyring.patient()
        ))),
    }
}

/// A grant that can be given: its envelope is in the vault.
pub(super) struct Ready {
    patient: PatientId,
    terms: GrantTerms,
    pub envelope: Cid,
    seal: SealKey,
}

/// A grant as the chain took it.
pub(super) struct Given {
    pub grant: GrantIndex,
    pub envelope: Cid,
    pub submitted: Submitted,
}

/// Makes ready to grant these terms, with an envelope of what they reach for the readers, and with what
/// seals persons under it. `person` is for whom of the organisation it is meant.
pub(super) async fn ready(
    client: &Client,
    keyring: &Keyring,
    terms: &GrantTerms,
    person: Option<&AccountId>,
    readers: &[EncryptionKey],
) -> Result<Ready> {
    let patient = keyring.patient();
    let terms = apart(client, patient, terms).await?;
    let session = client.session(patient).await?;
    let envelope = make_envelope(client, &session, keyring, &terms.scope, terms.rights).await?;
    let seal = seal_key(
        keyring,
        &terms.grantee,
        &terms.scope,
        terms.expires_at,
        person.cloned(),
    );
    let envelope = send_to(client, &session, keyring, &envelope, &seal, readers).await?;
    Ok(Ready {
        patient,
        terms,
        envelope,
        seal,
    })
}

/// Gives a grant that is ready, to answer a request if there is one.
pub(super) async fn give(
    client: &Client,
    ready: Ready,
    request: Option<RequestIndex>,
) -> Result<Given> {
    let Ready {
        patient,
        terms,
        envelope,
        seal,
    } = ready;
    let call = match request {
        Some(request) => calls::consent::approve(patient, request, &terms, Some(envelope)),
        None => calls::consent::grant(patient, &terms, Some(envelope)),
    };
    let submitted = client.submit(&call).await?;
    let grant = number(caused(&submitted, "Consent", "Granted")?, "grant")?;
    // So that this profile can say for whom it is without asking the vault.
    let device = client.device.public();
    if let Err(error) = client.profile.save_seal_key(grant, &seal, &device) {
        tracing::warn!("for whom grant {grant} is was not kept here: {error}");
    }
    Ok(Given {
        grant,
        envelope,
        submitted,
    })
}

/// The terms with an end of their own, at most some milliseconds sooner. What seals persons is made of
/// grantee, scope and end: two grants that agree in these would open each other's persons.
async fn apart(client: &Client, patient: PatientId, terms: &GrantTerms) -> Result<GrantTerms> {
    let given = client.salus().await?.all_grants(patient).await?;
    let alike = given
        .into_iter()
        .map(|(_, view)| view.grant)
        .filter(|grant| grant.grantee == terms.grantee && grant.scope == terms.scope);
    let ends = alike.map(|grant| grant.expires_at).collect();
    Ok(GrantTerms {
        expires_at: free_end(terms.expires_at, &ends),
        ..terms.clone()
    })
}

/// The last moment until `end` that is none of these.
fn free_end(mut end: Moment, taken: &BTreeSet<Moment>) -> Moment {
    while taken.contains(&end) {
        end = end.saturating_sub(1);
    }
    end
}

/// To whom the chain says that a grant is given, and for whom there it is meant.
async fn grantee(
    salus: &Salus,
    who: &Who,
    in_own_name: bool,
) -> Result<(Grantee, Option<AccountId>)> {
    match who {
        Who::Organisation(organisation) => match salus.organisation(*organisation).await? {
            Some(_) => Ok((Grantee::Organisation(*organisation), None)),
            None => Err(super::organisation::unknown(*organisation)),
        },
        Who::Account(account) => {
            let member = salus.member(account).await?.ok_or_else(|| {
                Error::Unfit(format!(
                    "{account} is no clinician in good standing: compare the address, or ask that person's organisation"
                ))
            })?;
            Ok(meant_for(account, &member, in_own_name))
        }
    }
}

fn meant_for(
    account: &AccountId,
    member: &Member,
    in_own_name: bool,
) -> (Grantee, Option<AccountId>) {
    let organisation = member.organisation();
    match in_own_name {
        true => {
            let account = account.clone();
            let grantee = Grantee::Clinician {
                account,
                organisation,
            };
            (grantee, None)
        }
        // Software acts for everybody there.
        false if member.is_service() => (Grantee::Organisation(organisation), None),
        false => (Grantee::Organisation(organisation), Some(account.clone())),
    }
}

/// The keys that open a grant's envelope: of the person in whose name it is, or of the organisation's
/// software and, if one is meant, of the person there.
pub(super) async fn readers(
    client: &Client,
    salus: &Salus,
    grantee: &Grantee,
    person: Option<&AccountId>,
) -> Result<Vec<EncryptionKey>> {
    let organisation = match grantee {
        Grantee::Clinician { account, .. } => {
            let subject = Subject::Account(account.clone());
            return Ok(vec![client.recipient(salus, &subject).await?]);
        }
        Grantee::Organisation(organisation) => *organisation,
    };
    let Some(person) = person else {
        let subject = Subject::Organisation(organisation);
        return Ok(vec![client.recipient(salus, &subject).await?]);
    };
    letters::responders(client, salus, person, organisation).await
}

/// What seals persons under a grant with these terms. Where a person signs, nobody is sealed.
fn seal_key(
    keyring: &Keyring,
    grantee: &Grantee,
    scope: &Scope,
    expires_at: Moment,
    person: Option<AccountId>,
) -> SealKey {
    let patient = keyring.patient();
    match grantee {
        Grantee::Organisation(organisation) => {
            let secret = keyring.seal_secret(*organisation, scope, expires_at);
            SealKey::new(patient, secret, person)
        }
        Grantee::Clinician { .. } => SealKey::unused(patient),
    }
}

/// What flags that are named stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Only what is flagged so: whoever may see the therapy notes need not see all notes.
    FlaggedOnly,
    /// What is unflagged, and what is flagged so: a patient has one plan for emergencies.
    FlaggedToo,
}

/// The compartments that categories and flags stand for, in ascending order: whatever is done with them
/// in turn, in the order of categories it would tell which is which.
pub(super) fn select(
    keyring: &Keyring,
    categories: &[Category],
    flags: &[Sensitivity],
    reach: Reach,
) -> Result<Vec<CompartmentId>> {
    let unflagged: &[Category] = match reach {
        Reach::FlaggedOnly if !flags.is_empty() => &[],
        Reach::FlaggedOnly | Reach::FlaggedToo => categories,
    };
    let chosen: Vec<CompartmentId> = keyring
        .compartments()
        .filter(|(_, compartment)| compartment.label.is_within(unflagged, flags))
        .map(|(id, _)| *id)
        .collect();
    match chosen.is_empty() {
        false => Ok(chosen),
        true => Err(Error::Unfit(
            "name a category or a flag: `salus compartments list` shows what there is".into(),
        )),
    }
}

async fn scope(
    keyring: &mut Keyring,
    client: &Client,
    what: &What,
    rights: Rights,
) -> Result<Scope> {
    let too_many = || {
        Error::Unfit(format!(
            "a grant reaches at most {} compartments or records: share twice",
            salus_primitives::MAX_SCOPE
        ))
    };
    match what {
        // Who may write may write into every compartment.
        _ if !rights.read() => Ok(Scope::Compartments(Default::default())),
        What::Categories(categories, flags) => {
            let ids = select(keyring, categories, flags, Reach::FlaggedOnly)?;
            rotate_if_needed(client, keyring, &ids).await?;
            Ok(Scope::Compartments(ids.try_into().map_err(|_| too_many())?))
        }
        What::Records(records) => {
            let mut records = records.clone();
            records.sort_unstable();
            records.dedup();
            Ok(Scope::Records(records.try_into().map_err(|_| too_many())?))
        }
    }
}

async fn make_envelope(
    client: &Client,
    session: &Session<'_>,
    keyring: &Keyring,
    scope: &Scope,
    rights: Rights,
) -> Result<Envelope> {
    match scope {
        Scope::Compartments(_) if !rights.read() => Ok(keyring.names()),
        Scope::Compartments(ids) => keyring.envelope(ids),
        Scope::Records(records) => {
            let patient = keyring.patient();
            let salus = client.salus().await?;
            let mut envelope = Envelope::new(patient);
            for index in records {
                let record = salus
                    .record(patient, *index)
                    .await?
                    .ok_or_else(|| no_record(patient, *index))?;
                let keys = own_record_keys(keyring, &record)?;
                let fetched = fetch(client, session, patient, *index, &record, &keys, None).await?;
                let manifest = fetched.object.read(File::Manifest).await?;
                // All of it: only its CID proves that the key is this record's, and not that of
                // another one in the same compartment.
                let payload = fetched.sealed_payload(client).await?;
                envelope.records.push(SharedRecord {
                    record: *index,
                    content: record.content,
                    manifest: file_key(&manifest[..], &keys.manifest, "manifest")?,
                    payload: file_key(payload, &keys.payload, "payload")?,
                });
            }
            Ok(envelope)
        }
    }
}

/// Puts the keys of a compartment into the vault, for an organisation's members to read until then.
pub(super) async fn hand_over(
    client: &Client,
    keyring: &Keyring,
    compartment: CompartmentId,
    to: OrgId,
    until: Moment,
) -> Result<Cid> {
    let salus = client.salus().await?;
    let grantee = Grantee::Organisation(to);
    let readers = readers(client, &salus, &grantee, None).await?;
    let session = client.session(keyring.patient()).await?;
    let envelope = keyring.envelope(&[compartment])?;
    let only = vec![compartment].try_into();
    let scope =
        Scope::Compartments(only.map_err(|_| Error::UnknownCompartment(compartment.to_string()))?);
    let seal = seal_key(keyring, &grantee, &scope, until, None);
    send_to(client, &session, keyring, &envelope, &seal, &readers).await
}

/// Puts an envelope into the vault: its keys for the readers, and what seals persons for them and for
/// the patient, whose programs say by it for whom a grant is.
async fn send_to(
    client: &Client,
    session: &Session<'_>,
    keyring: &Keyring,
    envelope: &Envelope,
    seal: &SealKey,
    readers: &[EncryptionKey],
) -> Result<Cid> {
    let own = keyring.inbox().newest().map(|(_, key)| key.public());
    let seal_to: Vec<EncryptionKey> = readers.iter().cloned().chain(own).collect();
    let object = build_envelope(
        &client.place(envelope.patient),
        (readers, &envelope.to_json()?),
        (&seal_to, &seal.to_json()?),
    )?;
    client.upload(session, &object).await?;
    Ok(object.cid())
}

/// A compartment with a new key.
#[derive(Clone, Debug, Serialize)]
pub struct Rotated {
    pub compartment: String,
    pub label: Option<String>,
    pub epoch: u32,
    /// The grants that got the new key.
    pub redelivered: Vec<GrantIndex>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Rotation {
    pub patient: String,
    pub rotated: Vec<Rotated>,
    /// Whether this has finished what broke off within the hour, and made no other keys than that.
    pub resumed: bool,
    pub saved: bool,
}

/// How long after it began the same rotation is finished if it is asked for again. Whoever asks later
/// means another one: a device may have been lost since.
const RESUMED_WITHIN: Moment = HOUR;

/// Gives compartments new keys, and hands those to the grants that live. Called again after it broke off,
/// it goes on where it was.
pub async fn rotate(
    client: &Client,
    patient: PatientId,
    categories: &[Category],
    flags: &[Sensitivity],
) -> Result<Rotation> {
    let client = &client.in_turn().await?;
    let mut keyring = current_keyring(client, patient).await?;
    let ids = select(&keyring, categories, flags, Reach::FlaggedOnly)?;
    let renewed = rotate_compartments(client, &mut keyring, &ids).await?;
    let saved = close_rotation(client, &mut keyring).await?;
    Ok(Rotation {
        patient: patient.to_string(),
        rotated: renewed.rotated,
        resumed: renewed.resumed,
        saved,
    })
}

/// Rotates those compartments whose present key is known to a grant that is over, and finishes what of
/// other rotations broke off. If there was anything, whether the keyring's copy in the vault has the new
/// keys.
pub(super) async fn rotate_if_needed(
    client: &Client,
    keyring: &mut Keyring,
    ids: &[CompartmentId],
) -> Result<Option<bool>> {
    let broke_off = keyring.handing().is_some();
    if broke_off {
        finish_rotation(client, keyring).await?;
    }
    let views = client
        .salus()
        .await?
        .compartments(keyring.patient())
        .await?;
    let stale = views
        .into_iter()
        .filter(|(id, view)| ids.contains(id) && view.needs_rotation);
    let rotated: Vec<CompartmentId> = stale.map(|(id, _)| id).collect();
    if rotated.is_empty() && !broke_off {
        return Ok(None);
    }
    if !rotated.is_empty() {
        rotate_compartments(client, keyring, &rotated).await?;
    }
    close_rotation(client, keyring).await.map(Some)
}

/// Saves the new keys in the vault and forgets that anything is left to be done; whether the vault has
/// them. A vault that is away leaves it noted, so that the same again saves them.
pub(super) async fn close_rotation(client: &Client, keyring: &mut Keyring) -> Result<bool> {
    let saved = back_up(client, keyring).await;
    if saved {
        keyring.end_handing();
        client.keep(keyring)?;
    }
    emergency::follow(client, keyring).await;
    Ok(saved)
}

/// Hands out the keys of a rotation that broke off, those that the chain has taken.
async fn finish_rotation(client: &Client, keyring: &mut Keyring) -> Result<()> {
    let Some(handing) = keyring.handing() else {
        return Ok(());
    };
    client.chain.settled(&client.me()).await?;
    let salus = client.salus().await?;
    let views = salus.compartments(keyring.patient()).await?;
    let standing = handing.epochs().filter(|(id, epoch)| {
        let view = views.iter().find(|(known, _)| known == id);
        view.is_some_and(|(_, view)| stands(keyring, *id, *epoch, view))
    });
    let standing: Vec<CompartmentId> = standing.map(|(id, _)| id).collect();
    if !standing.is_empty() {
        redeliver(client, keyring, &standing).await?;
    }
    Ok(())
}

/// Whether the chain has this epoch of a compartment, with the key that the keyring has for it, and no
/// grant that is over knows it.
fn stands(keyring: &Keyring, id: CompartmentId, epoch: u32, view: &CompartmentView) -> bool {
    let published = view.recipient.as_ref().map(|signed| &signed.recipient);
    let is_fit = |published: &&Recipient| published.epoch == epoch && !view.needs_rotation;
    let Some(published) = published.filter(is_fit) else {
        return false;
    };
    let ours = keyring.key(&id, epoch).map(|key| key.public());
    matches!(
        (ours, EncryptionKey::from_recipient(published)),
        (Ok(ours), Ok(theirs)) if ours == theirs
    )
}

/// What a rotation has made.
pub(super) struct Renewed {
    pub rotated: Vec<Rotated>,
    /// As [`Rotation::resumed`].
    pub resumed: bool,
}

/// Gives these compartments new keys, all at once, and hands those to the grants that live. The caller
/// closes it, or the next one finishes it.
pub(super) async fn rotate_compartments(
    client: &Client,
    keyring: &mut Keyring,
    ids: &[CompartmentId],
) -> Result<Renewed> {
    let patient = keyring.patient();
    let mut resumed = false;
    if let Some(handing) = keyring.handing() {
        let now = client.salus().await?.now().await?;
        resumed = handing.is_of(ids) && now.saturating_sub(handing.since) < RESUMED_WITHIN;
        match resumed {
            true => client.chain.settled(&client.me()).await?,
            false => finish_rotation(client, keyring).await?,
        }
    }
    let salus = client.salus().await?;
    let views = salus.compartments(patient).await?;
    let noted: BTreeMap<CompartmentId, u32> = match keyring.handing().filter(|_| resumed) {
        Some(handing) => handing.epochs().collect(),
        None => BTreeMap::new(),
    };
    let mut next = Vec::new();
    let mut done = Vec::new();
    for id in ids {
        let (_, view) = views
            .iter()
            .find(|(known, _)| known == id)
            .ok_or_else(|| Error::UnknownCompartment(id.to_string()))?;
        match noted.get(id) {
            Some(epoch) if stands(keyring, *id, *epoch, view) => done.push((*id, *epoch)),
            _ => {
                let epoch = view.compartment.epoch.saturating_add(1);
                next.push((*id, epoch, keyring.prepare_epoch(id, epoch)?));
            }
        }
    }
    let all = next.iter().map(|(id, epoch, _)| (*id, *epoch));
    let all: Vec<(CompartmentId, u32)> = all.chain(done.iter().copied()).collect();
    // Envelopes that were made for it before have these keys and no others.
    if !all.iter().all(|(id, epoch)| noted.get(id) == Some(epoch)) {
        keyring.begin_handing(salus.now().await?, &all);
    }
    client.keep(keyring)?;
    let genesis = client.chain.genesis();
    let calls: Vec<_> = next
        .iter()
        .map(|(id, epoch, key)| {
            let subject = Subject::Compartment(patient, *id);
            let recipient = client.key.sign_recipient(&subject, key, *epoch, &genesis);
            calls::records::rotate(patient, *id, &recipient)
        })
        .collect();
    let results = client.chain.submit_many(&client.key, &calls).await;
    let mut failed = None;
    let mut renewed: Vec<CompartmentId> = done.iter().map(|(id, _)| *id).collect();
    for ((id, ..), result) in next.iter().zip(results) {
        match result {
            Ok(_) => renewed.push(*id),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    // Readers need those that are new already, whatever became of the others.
    let delivered = redeliver(client, keyring, &renewed).await?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let rotated = |(id, epoch): &(CompartmentId, u32)| Rotated {
        compartment: id.to_string(),
        label: keyring.label(id).map(Label::to_string),
        epoch: *epoch,
        redelivered: delivered
            .iter()
            .filter(|(_, scope)| scope.contains(id))
            .map(|(index, _)| *index)
            .collect(),
    };
    // In the order in which they were named.
    let epoch_of = |id: &CompartmentId| all.iter().find(|(known, _)| known == id);
    Ok(Renewed {
        rotated: ids.iter().filter_map(epoch_of).map(rotated).collect(),
        resumed,
    })
}

/// Hands all keys of their compartments, the new ones too, to the grants that live and read one of these
/// compartments, unless an earlier attempt has; those that have them, with what they reach. A grantee
/// whose key cannot be trusted is left out, with a warning.
async fn redeliver(
    client: &Client,
    keyring: &mut Keyring,
    ids: &[CompartmentId],
) -> Result<Vec<(GrantIndex, Vec<CompartmentId>)>> {
    let patient = keyring.patient();
    let salus = client.salus().await?;
    let now = salus.now().await?;
    let read_by = |grant: &Grant| match &grant.scope {
        Scope::Compartments(scope) if scope.iter().any(|id| ids.contains(id)) => {
            let reads = grant.rights.read() && grant.revoked_at.is_none() && now < grant.expires_at;
            reads.then(|| scope.to_vec())
        }
        Scope::Compartments(_) | Scope::Records(_) => None,
    };
    let mut session = None;
    let mut had = Vec::new();
    let mut delivered = Vec::new();
    let mut deliveries = Vec::new();
    for (index, view) in salus.all_grants(patient).await? {
        let Some(scope) = read_by(&view.grant) else {
            continue;
        };
        if keyring.left_out().contains(&index) {
            tracing::warn!(
                "grant {index} gets no new keys, because you did not confirm it when you came back: end it with `salus revoke {index}`; `salus share` makes a new one"
            );
            continue;
        }
        let handing = keyring.handing();
        if handing.is_some_and(|handing| handing.is_among(index, &view.envelopes)) {
            had.push((index, scope));
            continue;
        }
        let found = async {
            let grantee = &view.grant.grantee;
            let person = meant(client, &mut session, keyring, index, &view).await?;
            let readers = readers(client, &salus, grantee, person.as_ref()).await?;
            Ok::<_, Error>((person, readers))
        };
        let (person, readers) = match found.await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!("grant {index} did not get the new key: {error}");
                continue;
            }
        };
        let session = match &session {
            Some(session) => session,
            None => session.insert(client.session(patient).await?),
        };
        let envelope = match keyring.envelope(&scope) {
            // Of another compartment of its scope, which the keyring lacks.
            Err(error @ Error::UnknownCompartment(_)) => {
                tracing::warn!("grant {index} did not get the new key: {error}");
                continue;
            }
            other => other?,
        };
        let terms = &view.grant;
        let (grantee, ends) = (&terms.grantee, terms.expires_at);
        let seal = seal_key(keyring, grantee, &terms.scope, ends, person);
        let content = send_to(client, session, keyring, &envelope, &seal, &readers).await?;
        keyring.note_envelope(index, &content);
        deliveries.push(calls::consent::deliver_envelope(patient, index, content));
        delivered.push((index, scope));
    }
    if deliveries.is_empty() {
        return Ok(had);
    }
    // Before the chain hears of them, so that none is handed out twice.
    client.keep(keyring)?;
    let results = client.chain.submit_many(&client.key, &deliveries).await;
    let mut lost = None;
    for ((index, scope), result) in delivered.into_iter().zip(results) {
        match result {
            Ok(_) => had.push((index, scope)),
            Err(error) if error.is_transport() => lost = Some(error),
            Err(error) => tracing::warn!("grant {index} did not get the new key: {error}"),
        }
    }
    match lost {
        // It stays noted, and the same command finishes it.
        Some(error) => Err(error.into()),
        None => Ok(had),
    }
}

/// For whom of an organisation a grant is meant, as its envelope says; nobody in particular, if none.
pub(super) async fn meant<'a>(
    client: &'a Client,
    session: &mut Option<Session<'a>>,
    keyring: &Keyring,
    index: GrantIndex,
    view: &GrantView,
) -> Result<Option<AccountId>> {
    if matches!(view.grant.grantee, Grantee::Clinician { .. }) {
        return Ok(None);
    }
    let patient = keyring.patient();
    if let Some(kept) = client.profile.seal_key(&patient, index, &client.device)? {
        return Ok(kept.person);
    }
    let keys = keyring.inbox_keys();
    let session = match session {
        Some(session) => &*session,
        None => session.insert(client.session(patient).await?),
    };
    let seal = opening::seal_key(session, patient, index, &view.envelopes, &keys).await?;
    let device = client.device.public();
    client.profile.save_seal_key(index, &seal, &device)?;
    Ok(seal.person)
}

#[derive(Clone, Debug, Serialize)]
pub struct GrantRow {
    pub patient: String,
    pub grant: GrantIndex,
    pub grantee: String,
    /// For whom of the organisation it is meant, where this profile can say so: the chain does not.
    pub person: Option<String>,
    pub organisation: OrgId,
    pub rights: &'static str,
    pub purpose: &'static str,
    /// The compartments' names, where this profile knows them; else their ids.
    pub labels: Vec<String>,
    pub records: Vec<RecordIndex>,
    pub starts_at: Moment,
    pub expires_at: Moment,
    pub revoked_at: Option<Moment>,
    pub active: bool,
    pub basis: String,
}

fn scope_texts(scope: &Scope, keyring: Option<&Keyring>) -> (Vec<String>, Vec<RecordIndex>) {
    match scope {
        Scope::Compartments(ids) => {
            let label = |id: &CompartmentId| {
                keyring
                    .and_then(|keyring| keyring.label(id))
                    .map_or_else(|| id.to_string(), Label::to_string)
            };
            (ids.iter().map(label).collect(), Vec::new())
        }
        Scope::Records(records) => (Vec::new(), records.to_vec()),
    }
}

pub(super) fn grant_row(
    patient: PatientId,
    index: GrantIndex,
    view: &GrantView,
    keyring: Option<&Keyring>,
) -> GrantRow {
    let grant = &view.grant;
    let (labels, records) = scope_texts(&grant.scope, keyring);
    GrantRow {
        patient: patient.to_string(),
        grant: index,
        grantee: grantee_text(&grant.grantee),
        person: None,
        organisation: grant.grantee.organisation(),
        rights: rights_word(grant.rights),
        purpose: purpose_code(grant.purpose),
        labels,
        records,
        starts_at: grant.starts_at,
        expires_at: grant.expires_at,
        revoked_at: grant.revoked_at,
        active: view.active,
        basis: match &grant.basis {
            Basis::Direct => "direct".into(),
            Basis::Request(request) => format!("request {request}"),
            Basis::Emergency(number) => format!("emergency {number}"),
            Basis::Study(number) => format!("study {number}"),
        },
    }
}

/// Whom a patient shares with, and shared with; for others than its controllers, what is shared with
/// them.
pub async fn given(client: &Client, patient: PatientId) -> Result<Vec<GrantRow>> {
    let keyring = client.profile.keyring(&patient, &client.device)?;
    let salus = client.salus().await?;
    let controls = client.controls(&salus, patient).await?;
    let rows = match controls {
        true => salus.all_grants(patient).await?,
        false => salus.all_grants_between(patient, &client.me()).await?,
    };
    let mut views = Vec::with_capacity(rows.len());
    let mut session = None;
    let mut is_away = false;
    for (index, view) in &rows {
        let mut row = grant_row(patient, *index, view, keyring.as_ref());
        let asks = controls && view.active && !is_away;
        if let Some(keyring) = keyring.as_ref().filter(|_| asks) {
            match meant(client, &mut session, keyring, *index, view).await {
                Ok(person) => row.person = person.map(|person| person.to_string()),
                // The list is what was asked for; a vault that is away is asked once.
                Err(_) => is_away = session.is_none(),
            }
        }
        views.push(row);
    }
    Ok(views)
}

/// Who shares with this account or its organisation.
pub async fn received(client: &Client) -> Result<Vec<GrantRow>> {
    let rows = client.salus().await?.all_grants_to(&client.me()).await?;
    Ok(rows
        .iter()
        .map(|(patient, index, view)| grant_row(*patient, *index, view, None))
        .collect())
}

#[derive(Clone, Debug, Serialize)]
pub struct Revoked {
    pub patient: String,
    pub grant: GrantIndex,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Ends a grant, from this moment on. What was read cannot be taken back.
pub async fn revoke(client: &Client, patient: PatientId, grant: GrantIndex) -> Result<Revoked> {
    if client.salus().await?.grant(patient, grant).await?.is_none() {
        return Err(no_grant(patient, grant));
    }
    forget_ended(client, patient, grant).await?;
    let submitted = client
        .submit(&calls::consent::revoke(patient, grant))
        .await?;
    Ok(Revoked {
        patient: patient.to_string(),
        grant,
        receipt: (&submitted).into(),
    })
}

/// A grant that restricting has ended is not given anew, where its patient ends it for good.
async fn forget_ended(client: &Client, patient: PatientId, grant: GrantIndex) -> Result<()> {
    let client = &client.in_turn().await?;
    let Some(mut keyring) = client.profile.keyring(&patient, &client.device)? else {
        return Ok(());
    };
    if !keyring
        .restricted()
        .is_some_and(|ended| ended.contains(&grant))
    {
        return Ok(());
    }
    keyring.forget_ended(grant);
    client.keep(&mut keyring)?;
    back_up(client, &mut keyring).await;
    Err(Error::Unfit(format!(
        "grant {grant} has ended already, when you restricted: `salus patient lift` does not give it anew now"
    )))
}

/// What a clinician asks for.
#[derive(Clone, Debug)]
pub struct Asking {
    pub categories: Vec<Category>,
    pub flags: Vec<Sensitivity>,
    pub purpose: Purpose,
    pub duration: Moment,
    pub subject: String,
    pub text: String,
    /// Credits for a yes.
    pub offer: Option<Balance>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    pub request: RequestIndex,
    pub patient: String,
    pub letter: String,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Asks a patient for access, with a letter that only the patient can read.
pub async fn request(client: &Client, patient: PatientId, asking: &Asking) -> Result<Asked> {
    let salus = client.salus().await?;
    let inbox = client.recipient(&salus, &Subject::Inbox(patient)).await?;
    let mut letter = Letter::new(asking.subject.as_str(), asking.text.as_str());
    letter.categories = asking.categories.clone();
    letter.sensitivity = asking.flags.clone();
    letter.duration = Some(asking.duration);
    let person = acting::person(client, &salus).await?;
    letter.person = person.as_ref().map(AccountId::to_string);
    let mut to = vec![inbox];
    // So that the requester can read it again.
    let own = Subject::Account(client.me());
    if salus.recipient(&own).await?.is_some() {
        to.push(client.recipient(&salus, &own).await?);
    }
    let session = client.session(patient).await?;
    let content = letters::send(client, &session, patient, &to, &letter).await?;
    let call = calls::consent::request(
        patient,
        asking.purpose,
        asking.duration,
        content,
        asking.offer,
    );
    let submitted = client.submit(&call).await?;
    Ok(Asked {
        request: number(caused(&submitted, "Consent", "AccessRequested")?, "request")?,
        patient: patient.to_string(),
        letter: cid(&content),
        receipt: (&submitted).into(),
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct RequestRow {
    pub patient: String,
    pub request: RequestIndex,
    pub requester: String,
    /// The person for whom software asked, as the letter says.
    pub person: Option<String>,
    pub organisation: OrgId,
    pub purpose: &'static str,
    pub duration: Moment,
    pub state: &'static str,
    pub grant: Option<GrantIndex>,
    pub asked_at: Moment,
    pub expires_at: Moment,
    pub subject: Option<String>,
    pub text: Option<String>,
    pub categories: Vec<String>,
    pub sensitivity: Vec<String>,
    /// Credits that are set aside for a yes by who decides.
    #[serde(serialize_with = "credits::some_amount")]
    pub offer: Option<Balance>,
    /// Why the letter cannot be read.
    pub unreadable: Option<String>,
}

/// The requests to a patient; for others than its controllers, their own ones.
pub async fn requests(client: &Client, patient: PatientId) -> Result<Vec<RequestRow>> {
    let salus = client.salus().await?;
    let now = salus.now().await?;
    let controls = client.controls(&salus, patient).await?;
    let keys = letters::keys(client, &salus, patient).await?;
    let mut session = None;
    let mut rows = Vec::new();
    for (index, request) in salus.all_requests(patient).await? {
        if !controls && request.requester != client.me() {
            continue;
        }
        let session = match &session {
            Some(session) => session,
            None => session.insert(client.session(patient).await?),
        };
        let letter = letters::read(
            session,
            Location::RequestLetter(patient, index),
            &request.letter,
            &request.requester,
            &keys,
        )
        .await;
        let (state, grant) = match request.state {
            RequestState::Pending if now >= request.expires_at => ("lapsed", None),
            RequestState::Pending => ("pending", None),
            RequestState::Approved { grant } => ("approved", Some(grant)),
            RequestState::Declined => ("declined", None),
            RequestState::Withdrawn => ("withdrawn", None),
        };
        let mut row = RequestRow {
            patient: patient.to_string(),
            request: index,
            requester: request.requester.to_string(),
            person: None,
            organisation: request.organisation,
            purpose: purpose_code(request.purpose),
            duration: request.duration,
            state,
            grant,
            asked_at: request.asked_at,
            expires_at: request.expires_at,
            subject: None,
            text: None,
            categories: Vec::new(),
            sensitivity: Vec::new(),
            offer: salus.offer(patient, index).await?,
            unreadable: None,
        };
        match letter {
            Ok(letter) => {
                row.categories = letter.categories.iter().map(Category::to_string).collect();
                row.sensitivity = letter
                    .sensitivity
                    .iter()
                    .map(Sensitivity::to_string)
                    .collect();
                row.person = letter.person;
                row.subject = Some(letter.subject);
                row.text = Some(letter.text);
            }
            Err(error) => row.unreadable = Some(error.to_string()),
        }
        rows.push(row);
    }
    Ok(rows)
}

/// A change to what was asked for; what is left out stays as asked.
#[derive(Clone, Debug, Default)]
pub struct Approval {
    pub categories: Option<Vec<Category>>,
    pub flags: Option<Vec<Sensitivity>>,
    pub duration: Option<Moment>,
    /// As [`Sharing::in_own_name`].
    pub in_own_name: bool,
}

/// What a carer's or a colleague's yes would be refused for, told before any key is handed out. Nothing
/// is cut down unsaid: whoever answers decides what to answer instead.
fn ensure_may_answer(
    me: &AccountId,
    organisation: Option<OrgId>,
    role: Option<&Controller>,
    request: &Request,
    duration: Moment,
    decided_since: Moment,
) -> Result<()> {
    let no = |why: String| Err(Error::NotPermitted(why));
    if request.requester == *me {
        return no(
            "nobody answers their own request: another one who acts for the patient does".into(),
        );
    }
    if request.asked_at < decided_since {
        return no("this was asked before those decided who do now: whoever asked has to ask again, and `salus decline` ends it".into());
    }
    if role.is_none_or(|row| row.role != ControllerRole::Carer) {
        return Ok(());
    }
    if organisation == Some(request.organisation) {
        return no(format!(
            "you belong to organisation {}, which asks: who decides, or another carer answers",
            request.organisation
        ));
    }
    if duration > request.duration {
        return no(format!(
            "a carer gives no more than was asked for, which is {}: leave --for out, or give a shorter time",
            span(request.duration)
        ));
    }
    Ok(())
}

/// Whose role ends gives nothing that lasts longer.
pub(super) fn ensure_within_role(role: Option<&Controller>, expires_at: Moment) -> Result<()> {
    match role.and_then(|row| row.expires_at) {
        Some(end) if expires_at > end => Err(Error::NotPermitted(format!(
            "your role for the patient ends on {}, and what you give cannot last longer: give a shorter time with --for, or let somebody do it whose role lasts",
            moment(end)
        ))),
        _ => Ok(()),
    }
}

/// So that no keys are handed out for a yes that the chain does not take.
fn ensure_may_be_paid(role: Option<Controller>, offer: Option<Balance>) -> Result<()> {
    match (role, offer) {
        (Some(row), Some(offer)) if row.role == ControllerRole::Carer => {
            Err(Error::NotPermitted(format!(
                "{offer} credits are offered for a yes, which a carer does not take: `salus decline`, or let who decides approve"
            )))
        }
        _ => Ok(()),
    }
}

/// Answers a request with a grant to read, of all that was asked for or of less.
pub async fn approve(
    client: &Client,
    patient: PatientId,
    index: RequestIndex,
    approval: &Approval,
) -> Result<Shared> {
    let salus = client.salus().await?;
    let request = salus
        .request(patient, index)
        .await?
        .ok_or_else(|| no_request(patient, index))?;
    let role = salus.controller(patient, &client.me()).await?;
    let row = salus
        .patient(patient)
        .await?
        .ok_or_else(|| super::unknown_patient(patient))?;
    let member = client.standing(&salus).await?;
    let duration = approval.duration.unwrap_or(request.duration);
    ensure_may_answer(
        &client.me(),
        member.map(|member| member.organisation()),
        role.as_ref(),
        &request,
        duration,
        row.decided_since,
    )?;
    ensure_may_be_paid(role, salus.offer(patient, index).await?)?;
    let asker = salus.member(&request.requester).await?;
    let by_software = asker.as_ref().is_some_and(Member::is_service);
    let letter = match approval.categories.is_none() || by_software {
        false => None,
        true => {
            let keys = letters::keys(client, &salus, patient).await?;
            let session = client.session(patient).await?;
            let letter = letters::read(
                &session,
                Location::RequestLetter(patient, index),
                &request.letter,
                &request.requester,
                &keys,
            )
            .await?;
            Some(letter)
        }
    };
    let with = match letter.as_ref().and_then(|letter| letter.person.as_ref()) {
        Some(person) if by_software => {
            asked_for(&salus, person, request.organisation, approval.in_own_name).await?
        }
        _ => request.requester.clone(),
    };
    let (categories, flags) = match (&approval.categories, letter) {
        (Some(categories), _) => (
            categories.clone(),
            approval.flags.clone().unwrap_or_default(),
        ),
        (None, Some(letter)) => {
            let flags = approval.flags.clone().unwrap_or(letter.sensitivity);
            (letter.categories, flags)
        }
        (None, None) => (Vec::new(), Vec::new()),
    };
    if categories.is_empty() && flags.is_empty() {
        return Err(Error::Unfit(
            "the letter names no category: say what to share with --category or --sensitivity"
                .into(),
        ));
    }
    let sharing = Sharing {
        with: Who::Account(with),
        what: What::Categories(categories, flags),
        rights: Rights::Read,
        purpose: request.purpose,
        duration,
        starts_at: None,
        anchored_from: None,
        anchored_until: None,
        in_own_name: approval.in_own_name,
    };
    grant(client, patient, &sharing, Some(index)).await
}

/// The person for whom an organisation's software asked, if that person is one of the organisation's.
async fn asked_for(
    salus: &Salus,
    person: &str,
    organisation: OrgId,
    in_own_name: bool,
) -> Result<AccountId> {
    if in_own_name {
        return Err(Error::Unfit(
            "an organisation's software asked, and only the organisation can be answered: leave --in-own-name out, or share with that person".into(),
        ));
    }
    let account: AccountId = person
        .parse()
        .map_err(|_| Error::Unfit(format!("the letter names {person}, which is no account")))?;
    let member = salus.member(&account).await?;
    match member.is_some_and(|member| member.organisation() == organisation) {
        true => Ok(account),
        false => Err(Error::Unfit(format!(
            "the letter names {account}, who is no clinician of organisation {organisation} in good standing: `salus decline`, or ask that organisation"
        ))),
    }
}

fn no_request(patient: PatientId, request: RequestIndex) -> Error {
    Error::Unfit(format!(
        "patient {patient} has no request {request}: `salus requests` lists them"
    ))
}

#[derive(Clone, Debug, Serialize)]
pub struct RequestEnded {
    pub patient: String,
    pub request: RequestIndex,
    #[serde(flatten)]
    pub receipt: Receipt,
}

pub async fn decline(
    client: &Client,
    patient: PatientId,
    request: RequestIndex,
) -> Result<RequestEnded> {
    end_request(
        client,
        patient,
        request,
        calls::consent::decline(patient, request),
    )
    .await
}

/// The requester, or the admin of the organisation that asked, takes a request back.
pub async fn withdraw(
    client: &Client,
    patient: PatientId,
    request: RequestIndex,
) -> Result<RequestEnded> {
    let call = calls::consent::withdraw_request(patient, request);
    end_request(client, patient, request, call).await
}

async fn end_request(
    client: &Client,
    patient: PatientId,
    request: RequestIndex,
    call: crate::chain::Call,
) -> Result<RequestEnded> {
    let submitted = client.submit(&call).await?;
    Ok(RequestEnded {
        patient: patient.to_string(),
        request,
        receipt: (&submitted).into(),
    })
}

#[cfg(test)]
mod tests {
    use salus_primitives::{ClinicianRole, SignedRecipient};

    use super::*;
    use crate::actions::double::{Chart, World};
    use crate::actions::identity;
    use crate::vault::tests::PATIENT;

    fn keyring() -> Keyring {
        let mut keyring = Keyring::new(PatientId([1; 16]));
        let pair = [Sensitivity::Hiv, Sensitivity::Genetic].into();
        keyring.place(Category::LabResult, &pair).unwrap();
        keyring
    }

    fn chosen(categories: &[Category], flags: &[Sensitivity]) -> Result<Vec<String>> {
        chosen_for(Reach::FlaggedOnly, categories, flags)
    }

    fn chosen_for(
        reach: Reach,
        categories: &[Category],
        flags: &[Sensitivity],
    ) -> Result<Vec<String>> {
        let keyring = keyring();
        let ids = select(&keyring, categories, flags, reach)?;
        assert!(ids.is_sorted());
        let mut labels: Vec<_> = ids
            .iter()
            .map(|id| keyring.label(id).unwrap().to_string())
            .collect();
        labels.sort();
        Ok(labels)
    }

    #[test]
    fn an_end_that_another_grant_has_is_moved_to_a_free_one() {
        let taken = [100, 99, 97].into();
        assert_eq!(free_end(101, &taken), 101);
        assert_eq!(free_end(100, &taken), 98);
        assert_eq!(free_end(97, &taken), 96);
    }

    #[tokio::test]
    async fn a_grant_that_was_left_out_gets_no_keys_of_a_later_rotation() {
        let world = World::at(None);
        let mut keyring = Keyring::new(PATIENT);
        let id = keyring.find(&Label::of(Category::LabResult)).unwrap();
        let grant = Grant {
            grantee: Grantee::Organisation(3),
            scope: Scope::Compartments(vec![id].try_into().unwrap()),
            rights: Rights::Read,
            purpose: Purpose::Treat,
            starts_at: 0,
            expires_at: Moment::MAX,
            anchored_from: None,
            anchored_until: None,
            granted_by: world.client.me(),
            granted_at: 0,
            revoked_at: None,
            terms: None,
            flags: 0,
            derived_from: None,
            basis: Basis::Direct,
            rule_version: 0,
        };
        let view = GrantView {
            grant,
            active: true,
            envelopes: Vec::new(),
        };
        let page = super::super::PAGE;
        world
            .node
            .tell("grants", (PATIENT, 0u32, page), vec![(7u32, view)]);
        let none: Vec<(GrantIndex, GrantView)> = Vec::new();
        world.node.tell("grants", (PATIENT, 8u32, page), none);
        let key: Option<SignedRecipient> = None;
        world.node.tell("recipient", Subject::Organisation(3), key);
        let tried = |world: &World| world.node.asked().contains(&"recipient".to_owned());

        keyring.leave_out([7].into());
        let client = world.client.in_turn().await.unwrap();
        let delivered = redeliver(&client, &mut keyring, &[id]).await.unwrap();
        assert!(delivered.is_empty());
        assert!(!tried(&world));
        keyring.leave_out([8].into());
        let seal = SealKey::unused(PATIENT);
        let device = world.client.device.public();
        world
            .client
            .profile
            .save_seal_key(7, &seal, &device)
            .unwrap();
        redeliver(&client, &mut keyring, &[id]).await.unwrap();
        assert!(tried(&world), "else nothing was left out");
    }

    #[test]
    fn by_default_the_chain_hears_of_the_organisation_and_the_envelope_of_the_person() {
        let account = AccountId::new([1; 32]);
        let member = |role| Member::Clinician {
            organisation: 3,
            role,
        };
        let physician = member(ClinicianRole::Physician);
        let organisation = Grantee::Organisation(3);
        assert_eq!(
            meant_for(&account, &physician, false),
            (organisation.clone(), Some(account.clone()))
        );
        let named = Grantee::Clinician {
            account: account.clone(),
            organisation: 3,
        };
        assert_eq!(meant_for(&account, &physician, true), (named, None));
        let service = member(ClinicianRole::Service);
        assert_eq!(meant_for(&account, &service, false), (organisation, None));
    }

    #[test]
    fn sharing_a_category_never_shares_what_is_flagged() {
        assert_eq!(chosen(&[Category::LabResult], &[]).unwrap(), ["lab"]);
        let all = chosen(Category::ALL, &[]).unwrap();
        assert_eq!(all.len(), Category::ALL.len());
        let told = chosen(&[], &[]).unwrap_err().to_string();
        assert!(told.contains("category") && told.contains("flag"), "{told}");
    }

    #[test]
    fn what_has_several_flags_is_shared_only_if_each_of_them_is_named() {
        use Sensitivity::{Genetic, Hiv, MentalHealth};
        assert_eq!(chosen(&[], &[Hiv]).unwrap(), ["hiv"]);
        assert_eq!(
            chosen(&[], &[Hiv, Genetic]).unwrap(),
            ["genetic", "hiv", "hiv + genetic"]
        );
        assert_eq!(chosen(&[], &[MentalHealth]).unwrap(), ["mental-health"]);
        let all_but_one = &Sensitivity::ALL[1..];
        let last = "several flags".to_owned();
        assert!(!chosen(&[], all_but_one).unwrap().contains(&last));
        assert!(chosen(&[], Sensitivity::ALL).unwrap().contains(&last));
    }

    #[test]
    fn a_share_that_names_flags_leaves_ordinary_records_out() {
        use Sensitivity::{Hiv, MentalHealth};
        let both = [Category::LabResult, Category::ClinicalNote];
        assert_eq!(
            chosen(&both, &[Hiv, MentalHealth]).unwrap(),
            ["hiv", "mental-health"]
        );
    }

    #[test]
    fn a_plan_for_emergencies_takes_flagged_parts_beside_the_ordinary_ones() {
        let found = chosen_for(
            Reach::FlaggedToo,
            &[Category::LabResult],
            &[Sensitivity::Hiv],
        );
        assert_eq!(found.unwrap(), ["hiv", "lab"]);
    }

    #[test]
    fn intake_and_empty_spares_are_never_shared_by_category_or_flag() {
        let all = chosen_for(Reach::FlaggedToo, Category::ALL, Sensitivity::ALL).unwrap();
        for label in ["intake", "spare 3"] {
            assert!(!all.contains(&label.to_owned()), "{all:?}");
        }
    }

    #[test]
    fn a_carer_gives_what_was_asked_for_at_most_and_is_told_why() {
        let (me, doctor) = (AccountId::new([1; 32]), AccountId::new([2; 32]));
        let request = Request {
            requester: doctor.clone(),
            organisation: 3,
            purpose: Purpose::Treat,
            letter: Cid::raw([1; 32]),
            duration: 100,
            asked_at: 50,
            expires_at: 1_000,
            state: RequestState::Pending,
        };
        let row = |role, expires_at| Controller { role, expires_at };
        let carer = row(ControllerRole::Carer, Some(300));
        let answered = |me: &AccountId, organisation, row: &Controller, duration, since| {
            ensure_may_answer(me, organisation, Some(row), &request, duration, since)
        };
        assert!(answered(&me, None, &carer, 100, 50).is_ok());
        assert!(answered(&me, Some(4), &carer, 100, 50).is_ok());
        for (result, why) in [
            (
                answered(&doctor, Some(4), &carer, 1, 0),
                "their own request",
            ),
            (answered(&me, None, &carer, 100, 51), "ask again"),
            (answered(&me, Some(3), &carer, 1, 0), "organisation 3"),
            (answered(&me, None, &carer, 101, 0), "asked for"),
        ] {
            let told = result.unwrap_err();
            assert!(
                matches!(&told, Error::NotPermitted(text) if text.contains(why)),
                "{told}"
            );
        }
        // An owner decides what to give, and for how long.
        let owner = row(ControllerRole::Owner, None);
        assert!(answered(&me, Some(3), &owner, 1_000, 0).is_ok());
        assert!(answered(&doctor, None, &owner, 1, 0).is_err());
    }

    #[test]
    fn nobody_gives_what_outlasts_their_role() {
        let row = |expires_at| Controller {
            role: ControllerRole::Owner,
            expires_at,
        };
        assert!(ensure_within_role(Some(&row(None)), Moment::MAX).is_ok());
        assert!(ensure_within_role(Some(&row(Some(300))), 300).is_ok());
        let told = ensure_within_role(Some(&row(Some(300))), 301).unwrap_err();
        assert!(told.to_string().contains("--for"), "{told}");
        // Who has no role is refused by the chain, which says so.
        assert!(ensure_within_role(None, 1).is_ok());
    }

    #[test]
    fn a_carer_takes_no_offer() {
        let is_allowed = |role, offer| {
            let row = Controller {
                role,
                expires_at: None,
            };
            ensure_may_be_paid(Some(row), offer).is_ok()
        };
        assert!(!is_allowed(ControllerRole::Carer, Some(1)));
        assert!(is_allowed(ControllerRole::Carer, None));
        assert!(is_allowed(ControllerRole::Decider, Some(1)));
        assert!(is_allowed(ControllerRole::Owner, Some(1)));
    }

    /// Two grants, of which the second reaches more.
    async fn shared() -> (Chart, CompartmentId, CompartmentId) {
        let mut keyring = Keyring::new(PATIENT);
        let find = |category| keyring.find(&Label::of(category)).unwrap();
        let (laboratory, imaging) = (find(Category::LabResult), find(Category::Imaging));
        let mut both = [laboratory, imaging];
        both.sort();
        let grants = [
            (&[laboratory][..], Basis::Direct),
            (&both[..], Basis::Direct),
        ];
        let chart = Chart::with(&grants, &mut keyring).await;
        (chart, laboratory, imaging)
    }

    async fn rotate_laboratory(chart: &Chart) -> Result<Rotation> {
        rotate(&chart.world.client, PATIENT, &[Category::LabResult], &[]).await
    }

    /// Whether each grant has got one envelope.
    fn each_has_one(chart: &Chart) -> bool {
        let grants = chart.grants();
        grants.iter().all(|view| view.envelopes.len() == 1)
    }

    /// Between the new key and its delivery.
    const UNDELIVERED: (&str, usize, bool) = ("Consent.deliver_envelope", 0, false);
    const BREAKS: [(&str, usize, bool); 6] = [
        ("Records.rotate", 0, true),
        ("Records.rotate", 0, false),
        ("Consent.deliver_envelope", 0, true),
        UNDELIVERED,
        ("Consent.deliver_envelope", 1, false),
        ("Patients.set_keyring", 0, false),
    ];

    #[tokio::test]
    async fn a_rotation_that_breaks_off_goes_on_and_doubles_nothing() {
        for at in BREAKS {
            let case = format!("{at:?}");
            let (chart, laboratory, _) = shared().await;
            chart.cut_off(at, rotate_laboratory(&chart)).await;
            let done = rotate_laboratory(&chart).await.unwrap();
            assert!(done.resumed && done.saved, "{case}");
            assert_eq!(done.rotated[0].redelivered, [0, 1], "{case}");
            assert!(each_has_one(&chart), "{case}");
            assert_eq!(chart.compartment(&laboratory).compartment.epoch, 1);
            assert_eq!(chart.kept().handing(), None, "{case}");
            // The next one is another one.
            let next = rotate_laboratory(&chart).await.unwrap();
            assert!(!next.resumed, "{case}");
            assert_eq!(chart.compartment(&laboratory).compartment.epoch, 2);
        }
    }

    #[tokio::test]
    async fn a_rotation_of_every_key_that_breaks_off_goes_on_too() {
        for call in ["Records.rotate", "Patients.set_inbox"] {
            let (chart, laboratory, imaging) = shared().await;
            let client = &chart.world.client;
            let rotating = identity::rotate_all(client, PATIENT);
            chart.cut_off((call, 0, true), rotating).await;
            let done = identity::rotate_all(client, PATIENT).await.unwrap();
            assert!(done.resumed && done.saved, "{call}");
            for id in [laboratory, imaging] {
                assert_eq!(chart.compartment(&id).compartment.epoch, 1, "{call}");
            }
            assert_eq!(chart.taken("Patients.set_inbox"), 1, "{call}");
            assert!(each_has_one(&chart), "{call}");
        }
    }

    #[tokio::test]
    async fn whoever_asks_later_or_shut_a_device_out_gets_other_keys() {
        for later in [true, false] {
            let (chart, laboratory, _) = shared().await;
            chart.cut_off(UNDELIVERED, rotate_laboratory(&chart)).await;
            if later {
                let then = crate::actions::double::NOW + RESUMED_WITHIN;
                chart.world.node.tell("now", (), then);
            } else {
                let mut keyring = chart.kept();
                let phone = crate::files::age::DecryptionKey::generate().public();
                keyring.add_holder("phone", &phone).unwrap();
                keyring.remove_holder("phone").unwrap();
                chart.world.node.tell("now", (), RESUMED_WITHIN);
                chart
                    .world
                    .client
                    .profile
                    .save_keyring(&mut keyring)
                    .unwrap();
            }
            let done = rotate_laboratory(&chart).await.unwrap();
            assert!(!done.resumed);
            assert_eq!(chart.compartment(&laboratory).compartment.epoch, 2);
        }
    }

    #[tokio::test]
    async fn what_a_rotation_left_undone_is_done_by_the_next_share() {
        let (chart, laboratory, _) = shared().await;
        chart.cut_off(UNDELIVERED, rotate_laboratory(&chart)).await;
        let sharing = Sharing {
            with: Who::Organisation(crate::actions::double::READER),
            what: What::Categories(vec![Category::Imaging], vec![]),
            rights: Rights::Read,
            purpose: Purpose::Treat,
            duration: 1,
            starts_at: None,
            anchored_from: None,
            anchored_until: None,
            in_own_name: false,
        };
        share(&chart.world.client, PATIENT, &sharing).await.unwrap();
        assert!(each_has_one(&chart));
        assert_eq!(chart.compartment(&laboratory).compartment.epoch, 1);
        assert_eq!(chart.kept().handing(), None);
    }

    #[tokio::test]
    async fn two_rotations_at_once_lose_no_key() {
        let (chart, laboratory, imaging) = shared().await;
        // As two processes with one profile.
        let (one, other) = (chart.world.client.clone(), chart.world.client.clone());
        for round in 1..=20 {
            let (first, second) = tokio::join!(
                rotate(&one, PATIENT, &[Category::LabResult], &[]),
                rotate(&other, PATIENT, &[Category::Imaging], &[]),
            );
            assert!(first.unwrap().saved && second.unwrap().saved);
            let kept = chart.kept();
            for id in [laboratory, imaging] {
                let view = chart.compartment(&id);
                assert_eq!(view.compartment.epoch, round);
                assert!(stands(&kept, id, round, &view), "round {round}");
            }
        }
        let envelopes = chart
            .grants()
            .iter()
            .map(|view| view.envelopes.len())
            .sum::<usize>();
        assert_eq!(envelopes, 20 + 40);
    }
}
