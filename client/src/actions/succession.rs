//! A patient is taken over by a new account: a grown-up from guardians, or an owner's new phone with
//! the helpers' word.

use std::collections::BTreeSet;

use codec::{Decode, Encode};
use salus_primitives::{
    api::GrantView,
    signing::{succession_payload, verify},
    AccountId, BlockNumber, ControllerRole, Genesis, GrantIndex, Moment, PatientId, Recipient,
    Scope, SignedRecipient, StudyIndex, Subject, SuccessionConsent,
};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use sp_crypto_hashing::blake2_256;

use super::identity::{
    back_up, current_keyring, fetch_keyring, rotate_all, save_keyring, RotatedKeyring,
};
use super::patient::{ensure_fit, PatientChanged};
use super::sharing::{grant_row, GrantRow};
use super::{caused, due, watching, Client, Receipt};
use crate::chain::calls;
use crate::error::{Error, Result};
use crate::files::age::EncryptionKey;
use crate::keyring::Keyring;
use crate::keys::{parse_account, AccountKey};
use crate::profile::{Profile, Unlocked};
use crate::trail::TrailEntry;

const VERSION: u32 = 1;
/// What the device that takes a patient over is called in the keyring.
const DEVICE: &str = "this device";

/// What a new account signs and gives to those who are to make it the owner. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFile {
    version: u32,
    pub genesis: Genesis,
    pub patient: String,
    pub owner: String,
    /// The new device's key, signed by the account; SCALE in hexadecimal, as is the next.
    device: String,
    consent: String,
}

/// A request file, read and verified.
#[derive(Clone, Debug)]
pub struct Request {
    pub patient: PatientId,
    pub owner: AccountId,
    /// What the new device opens.
    pub device: EncryptionKey,
    pub consent: SuccessionConsent,
    /// To be compared with whoever asks, by telephone or in person.
    pub code: String,
}

/// What was signed, in short.
#[derive(Clone, Debug, Serialize)]
pub struct Requested {
    pub patient: String,
    pub owner: String,
    pub code: String,
    pub expires_at: Moment,
}

/// Signs that this profile's account for the patient takes it over, if others make it the owner before
/// `expires_at`. Needs no network. Let [`ensure_private`](super::patient::ensure_private) come before.
pub fn request(
    profile: &Profile,
    unlocked: &Unlocked,
    genesis: Genesis,
    patient: PatientId,
    expires_at: Moment,
) -> Result<(RequestFile, Requested)> {
    let key = profile.key_for(&unlocked.account, &patient)?;
    let file = RequestFile {
        version: VERSION,
        genesis,
        patient: patient.to_string(),
        owner: key.account().to_string(),
        device: signed_device(&key, unlocked, &genesis),
        consent: hex::encode(key.sign_succession(&patient, expires_at, &genesis).encode()),
    };
    let code = file.verify(&genesis)?.code;
    let requested = Requested {
        patient: file.patient.clone(),
        owner: file.owner.clone(),
        code,
        expires_at,
    };
    Ok((file, requested))
}

impl RequestFile {
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|error| Error::invalid("request", error))?;
        json.push(b'\n');
        Ok(json)
    }

    pub fn from_json(json: &[u8]) -> Result<Self> {
        crate::files::check_version("request", json, VERSION)?;
        serde_json::from_slice(json).map_err(|error| Error::invalid("request", error))
    }

    /// Decodes it and checks both signatures.
    pub fn verify(&self, genesis: &Genesis) -> Result<Request> {
        let bad = |reason: &str| Error::invalid("request", reason);
        if self.genesis != *genesis {
            return Err(bad("it was made for another chain"));
        }
        let patient: PatientId = self
            .patient
            .parse()
            .map_err(|_| bad("its patient is no id"))?;
        let owner = parse_account(&self.owner)?;
        let device = device_of(&owner, &self.device, genesis)
            .ok_or_else(|| bad("the device's key is not signed: ask for a new one"))?;
        let consent: SuccessionConsent = hex::decode(&self.consent)
            .ok()
            .and_then(|bytes| SuccessionConsent::decode(&mut &bytes[..]).ok())
            .ok_or_else(|| bad("it was cut or changed"))?;
        let payload = succession_payload(genesis, &patient, &owner, consent.expires_at);
        if !verify(&consent.signature, &payload, &owner) {
            return Err(bad("a signature does not match: ask for a new one"));
        }
        let code = code(&(genesis, patient, &owner, device.raw()).encode());
        Ok(Request {
            patient,
            owner,
            device,
            consent,
            code,
        })
    }
}

/// `1a2b-3c4d-5e6f-7a8b`: 64 bits, so that nobody finds another request with the same one.
fn code(bytes: &[u8]) -> String {
    let groups: Vec<String> = blake2_256(bytes)[..8].chunks(2).map(hex::encode).collect();
    groups.join("-")
}

/// This device's key under an account's signature, for files that go by hand.
pub(super) fn signed_device(key: &AccountKey, unlocked: &Unlocked, genesis: &Genesis) -> String {
    let subject = Subject::Account(key.account());
    hex::encode(
        key.sign_recipient(&subject, &unlocked.device.public(), 0, genesis)
            .encode(),
    )
}

/// The key in such a file; none if the account has not signed it.
pub(super) fn device_of(
    account: &AccountId,
    signed: &str,
    genesis: &Genesis,
) -> Option<EncryptionKey> {
    let bytes = hex::decode(signed).ok()?;
    let recipient = Recipient::decode(&mut &bytes[..]).ok()?;
    let signed = SignedRecipient {
        signer: account.clone(),
        recipient,
    };
    match signed.is_valid(genesis, &Subject::Account(account.clone())) {
        true => EncryptionKey::from_recipient(&signed.recipient).ok(),
        false => None,
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct HandedOver {
    pub patient: String,
    pub owner: String,
    /// Whether it is done; else another guardian's or owner's word is missing, or it waits until `due`.
    pub done: bool,
    /// From when on it can be completed, where a recovery plan makes it wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Moment>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// The word of a guardian, or of an owner, that a new owner is to be the only one who decides; opens the
/// keyring to their device. With the last word that it takes every other role ends, the signer's own
/// too: at once, or when a recovery plan's delay is over and somebody completes it.
pub async fn hand_over(client: &Client, file: &RequestFile) -> Result<HandedOver> {
    let client = &client.in_turn().await?;
    let request = file.verify(&client.chain.genesis())?;
    let patient = request.patient;
    ensure_fit(&client.salus().await?, &request.owner, patient).await?;
    // Before the role ends: afterwards nobody could give the grown-up the keys.
    let mut keyring = current_keyring(client, patient).await?;
    let name = format!("owner {}", request.owner);
    let key = request.device.to_string();
    let is_new = !keyring.holders().iter().any(|holder| holder.key == key);
    if is_new {
        keyring.add_holder(&name, &request.device)?;
    }
    client.keep(&mut keyring)?;
    let done = match save_keyring(client, &mut keyring).await {
        Ok(_) => {
            let call = calls::patients::hand_over(patient, &request.owner, &request.consent);
            client.submit(&call).await
        }
        Err(error) => Err(error),
    };
    if done.is_err() && is_new {
        keyring.remove_holder(&name)?;
        client.keep(&mut keyring)?;
        back_up(client, &mut keyring).await;
    }
    let submitted = done?;
    Ok(HandedOver {
        patient: patient.to_string(),
        owner: request.owner.to_string(),
        done: submitted.event("Patients", "HandedOver").is_some(),
        due: due(&submitted, "Patients", "HandOverAgreed"),
        receipt: (&submitted).into(),
    })
}

/// Completes a hand-over whose time has come. Any of those who decide may.
pub async fn complete_hand_over(client: &Client, patient: PatientId) -> Result<HandedOver> {
    let call = calls::patients::complete_hand_over(patient);
    let submitted = client.submit(&call).await?;
    let event = caused(&submitted, "Patients", "HandedOver")?;
    Ok(HandedOver {
        patient: patient.to_string(),
        owner: event.fields["owner"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        done: true,
        due: None,
        receipt: (&submitted).into(),
    })
}

/// Stops a hand-over that waits; by who decides for the patient.
pub async fn veto_hand_over(client: &Client, patient: PatientId) -> Result<PatientChanged> {
    let call = calls::patients::veto_hand_over(patient);
    let submitted = client.submit(&call).await?;
    Ok(PatientChanged {
        patient: patient.to_string(),
        receipt: (&submitted).into(),
    })
}

/// After a patient was taken over: who opens the keyring, and what is new.
#[derive(Clone, Debug, Serialize)]
pub struct TakenOver {
    #[serde(flatten)]
    pub keys: RotatedKeyring,
    /// Grants that go on with new keys.
    pub redelivered: usize,
    /// All grants that live, and what became of them.
    pub grants: Vec<LiveGrant>,
    /// Since when grants were asked about; none if it could not be found, and all were.
    pub asked_since: Option<Moment>,
    /// Devices and keys that open the keyring no longer.
    pub shut_out: Vec<String>,
    /// What ended with the former deciders; none if there were none, or the trail could not be read.
    pub ended: Option<Ended>,
}

/// What former deciders had laid down, and what ended with them. The new owner lays it down anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// What an emergency opened.
    pub emergency_plan: bool,
    /// Who could help to get back in.
    pub recovery_plan: bool,
    /// Grants that let write, and those of studies.
    pub grants: Vec<GrantIndex>,
    pub studies: Vec<StudyIndex>,
}

/// What the verified trail tells of the change that made this account the owner.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// When the recovery began; none if it is not told.
    pub began: Option<Moment>,
    /// The block with which this account became the owner.
    pub succeeded_in: Option<H256>,
    pub ended: Option<Ended>,
}

impl History {
    /// Best effort: where the trail cannot be read, that becomes a warning.
    pub(super) async fn of(client: &Client, patient: PatientId) -> Self {
        let read = async {
            let trail = watching::read(client, patient).await?;
            watching::verify(client, &trail).await?;
            Ok::<_, Error>(trail)
        };
        match read.await {
            Ok(trail) => Self::in_trail(&trail.entries, &client.me()),
            Err(error) => {
                tracing::warn!(
                    "the trail does not tell how this account became the owner: {error}"
                );
                Self::default()
            }
        }
    }

    fn in_trail(entries: &[TrailEntry], owner: &AccountId) -> Self {
        let name = owner.to_string();
        let succession = entries.iter().rev().find(|entry| {
            [("Recovery", "RecoveryFinished"), ("Patients", "HandedOver")]
                .contains(&(entry.pallet.as_str(), entry.variant.as_str()))
                && entry.fields["owner"].as_str() == Some(name.as_str())
        });
        Self {
            began: first_start(entries, owner),
            succeeded_in: succession.map(|entry| entry.block_hash),
            ended: succession.map(|entry| Ended::in_block(entries, entry.block)),
        }
    }
}

impl Ended {
    /// All of it ends in the block in which the deciders change.
    fn in_block(entries: &[TrailEntry], block: BlockNumber) -> Self {
        let mut ended = Self::default();
        for entry in entries.iter().filter(|entry| entry.block == block) {
            let number = |field: &str| {
                let number = entry.fields[field].as_u64();
                number.and_then(|number| u32::try_from(number).ok())
            };
            match (entry.pallet.as_str(), entry.variant.as_str()) {
                ("Emergency", "PlanChanged") => ended.emergency_plan = true,
                ("Recovery", "PlanRemoved") => ended.recovery_plan = true,
                ("Consent", "Revoked") => ended.grants.extend(number("grant")),
                ("Research", "Withdrawn") => ended.studies.extend(number("study")),
                _ => {}
            }
        }
        ended
    }
}

/// A grant that goes on after the patient was taken over.
#[derive(Clone, Debug, Serialize)]
pub struct LiveGrant {
    #[serde(flatten)]
    pub row: GrantRow,
    pub granted_at: Moment,
    /// Whether it may be by whoever had the old key.
    pub doubtful: bool,
    pub keys: NewKeys,
}

/// What a grant has of the new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewKeys {
    Given,
    /// It is doubtful, and nobody has confirmed it.
    LeftOut,
    /// A warning says why not.
    Failed,
    /// Of single records, or to write: it goes on without.
    NotNeeded,
}

/// Says whether a doubtful grant is to get the new keys.
pub type Keep<'a> = &'a (dyn Fn(&LiveGrant) -> bool + Sync);

/// The grown-up, once the guardian has handed over: fetches the keys, and makes all of them anew.
pub async fn take_over(client: &Client, patient: PatientId) -> Result<TakenOver> {
    let client = &client.in_turn().await?;
    ensure_owner(client, patient).await?;
    fetch_keyring(client, patient).await?;
    let keyring = client.keyring(patient)?;
    let history = History {
        // Guardians have given with the patient's right; the list shows what.
        began: Some(Moment::MAX),
        ..History::of(client, patient).await
    };
    settle(client, keyring, history, &|_| false).await
}

/// That the patient was handed over to this account, or recovered to it.
pub(super) async fn ensure_owner(client: &Client, patient: PatientId) -> Result<()> {
    ensure_role(client, patient, |role| role == ControllerRole::Owner).await
}

/// That this account decides, whether or not it has said that the patient is who does.
pub(super) async fn ensure_decides(client: &Client, patient: PatientId) -> Result<()> {
    ensure_role(client, patient, |role| role != ControllerRole::Carer).await
}

async fn ensure_role(
    client: &Client,
    patient: PatientId,
    suffices: impl Fn(ControllerRole) -> bool,
) -> Result<()> {
    let salus = client.salus().await?;
    let own = salus.controller(patient, &client.me()).await?;
    match own.is_some_and(|row| suffices(row.role)) {
        true => Ok(()),
        false => Err(Error::NotPermitted(format!(
            "this account is not the owner of patient {patient}: that comes first, by `salus recovery finish` or a guardian's `salus patient hand-over`"
        ))),
    }
}

/// The first start for this account: whoever stopped it may have given since, too.
fn first_start(entries: &[TrailEntry], owner: &AccountId) -> Option<Moment> {
    let owner = owner.to_string();
    let starts = entries.iter().filter(|entry| {
        (entry.pallet.as_str(), entry.variant.as_str()) == ("Recovery", "RecoveryStarted")
            && entry.fields["owner"].as_str() == Some(owner.as_str())
    });
    starts.map(|entry| entry.moment).min()
}

/// The grants that live, of which those given since `began` get no new keys unless `keep` says so.
/// Where it is not known when that was, any may be by whoever had the old key.
fn look_through(
    grants: &[(GrantIndex, GrantView)],
    keyring: &Keyring,
    now: Moment,
    began: Option<Moment>,
    keep: Keep<'_>,
) -> Vec<LiveGrant> {
    let live = grants
        .iter()
        .filter(|(_, view)| view.grant.revoked_at.is_none() && now < view.grant.expires_at);
    live.map(|(index, view)| {
        let grant = &view.grant;
        let mut found = LiveGrant {
            row: grant_row(keyring.patient(), *index, view, Some(keyring)),
            granted_at: grant.granted_at,
            doubtful: grant.granted_at >= began.unwrap_or_default(),
            keys: match &grant.scope {
                Scope::Compartments(_) if grant.rights.read() => NewKeys::LeftOut,
                _ => NewKeys::NotNeeded,
            },
        };
        if found.keys == NewKeys::LeftOut && (!found.doubtful || keep(&found)) {
            found.keys = NewKeys::Given;
        }
        found
    })
    .collect()
}

/// Whether a grant got the keys of all its compartments that have new ones.
fn is_given(grant: &GrantView, index: GrantIndex, keys: &RotatedKeyring) -> bool {
    let Scope::Compartments(ids) = &grant.grant.scope else {
        return false;
    };
    ids.iter().all(|id| {
        let id = id.to_string();
        keys.rotated
            .iter()
            .any(|rotated| rotated.compartment == id && rotated.redelivered.contains(&index))
    })
}

/// Makes this device the only holder, and every key anew: what those before know opens nothing that
/// comes from now on. Grants given since the recovery began are asked about before anything is changed.
/// What ended with the former deciders is told and not laid down again: it was not this owner's will.
pub(super) async fn settle(
    client: &Client,
    mut keyring: Keyring,
    history: History,
    keep: Keep<'_>,
) -> Result<TakenOver> {
    let History { began, ended, .. } = history;
    let patient = keyring.patient();
    let salus = client.salus().await?;
    let all = salus.all_grants(patient).await?;
    let mut grants = look_through(&all, &keyring, salus.now().await?, began, keep);
    let left_out = grants.iter().filter(|grant| grant.keys == NewKeys::LeftOut);
    let left_out: BTreeSet<GrantIndex> = left_out.map(|grant| grant.row.grant).collect();
    keyring.leave_out(left_out);
    let device = client.device.public();
    let shut_out = keyring
        .holders()
        .iter()
        .filter(|holder| holder.key != device.to_string())
        .map(|holder| holder.name.clone())
        .collect();
    keyring.hold_alone(DEVICE, &device);
    // What former deciders restricted is not this owner's to lift.
    keyring.lift();
    // Keys that were new before all this are no longer new enough.
    keyring.end_handing();
    client.keep(&mut keyring)?;
    client.profile.update_pins(|pins| {
        pins.confirm_patient(&patient, &client.me());
        Ok(())
    })?;
    save_keyring(client, &mut keyring).await?;
    let keys = rotate_all(client, patient).await?;
    for grant in grants
        .iter_mut()
        .filter(|grant| grant.keys == NewKeys::Given)
    {
        let view = all.iter().find(|(index, _)| *index == grant.row.grant);
        if !view.is_some_and(|(index, view)| is_given(view, *index, &keys)) {
            grant.keys = NewKeys::Failed;
        }
    }
    let given = grants.iter().filter(|grant| grant.keys == NewKeys::Given);
    Ok(TakenOver {
        redelivered: given.count(),
        keys,
        grants,
        asked_since: began.filter(|began| *began < Moment::MAX),
        shut_out,
        ended,
    })
}

/// The admin of the organisation that enrolled takes the enrolment of a wrong person back.
pub async fn void(client: &Client, patient: PatientId) -> Result<PatientChanged> {
    let submitted = client
        .submit(&calls::patients::void_enrolment(patient))
        .await?;
    Ok(PatientChanged {
        patient: patient.to_string(),
        receipt: (&submitted).into(),
    })
}

#[cfg(test)]
mod tests {
    use salus_primitives::{Basis, CompartmentId, Grant, Grantee, Purpose, Rights};

    use super::*;
    use crate::actions::sharing::Rotated;

    const PATIENT: PatientId = PatientId([7; 16]);
    const NOW: Moment = 1_000;

    /// A live grant to read or write, given at a moment.
    fn given(at: Moment, rights: Rights, scope: Scope) -> GrantView {
        let account = AccountKey::from_uri("//Bob").unwrap().account();
        GrantView {
            grant: Grant {
                grantee: Grantee::Organisation(3),
                scope,
                rights,
                purpose: Purpose::Treat,
                starts_at: at,
                expires_at: NOW + 1,
                anchored_from: None,
                anchored_until: None,
                granted_by: account,
                granted_at: at,
                revoked_at: None,
                terms: None,
                flags: 0,
                derived_from: None,
                basis: Basis::Direct,
                rule_version: 0,
            },
            active: true,
            envelopes: Vec::new(),
        }
    }

    fn compartments(ids: &[CompartmentId]) -> Scope {
        Scope::Compartments(ids.to_vec().try_into().unwrap())
    }

    fn keys(grants: &[LiveGrant]) -> Vec<NewKeys> {
        grants.iter().map(|grant| grant.keys).collect()
    }

    #[test]
    fn grants_given_since_the_recovery_began_get_no_keys_unless_they_are_confirmed() {
        let keyring = Keyring::new(PATIENT);
        let of = || compartments(&[CompartmentId([1; 16])]);
        let over = |mut view: GrantView| {
            view.grant.revoked_at = Some(1);
            view
        };
        let mut late = given(1, Rights::Read, of());
        late.grant.expires_at = NOW;
        let records = Scope::Records(vec![0].try_into().unwrap());
        let rows: Vec<(GrantIndex, GrantView)> = (0..)
            .zip([
                given(499, Rights::Read, of()),
                given(500, Rights::Read, of()),
                given(501, Rights::ReadWrite, of()),
                given(501, Rights::Write, of()),
                given(501, Rights::Read, records),
                over(given(1, Rights::Read, of())),
                late,
            ])
            .collect();
        let found = look_through(&rows, &keyring, NOW, Some(500), &|_| false);
        use NewKeys::{Given, LeftOut, NotNeeded};
        assert_eq!(
            keys(&found),
            [Given, LeftOut, LeftOut, NotNeeded, NotNeeded]
        );
        let doubtful: Vec<bool> = found.iter().map(|grant| grant.doubtful).collect();
        assert_eq!(doubtful, [false, true, true, true, true]);
        // One is confirmed, and only what needs it is asked about.
        let asked = std::sync::Mutex::new(Vec::new());
        let keep = |grant: &LiveGrant| {
            asked.lock().unwrap().push(grant.row.grant);
            grant.row.grant == 2
        };
        let found = look_through(&rows, &keyring, NOW, Some(500), &keep);
        assert_eq!(keys(&found)[..3], [Given, LeftOut, Given]);
        assert_eq!(*asked.lock().unwrap(), [1, 2]);
        // Where nobody knows when it began, each is asked about; where nobody is in doubt, none.
        let found = look_through(&rows, &keyring, NOW, None, &|_| false);
        assert_eq!(keys(&found)[..3], [LeftOut; 3]);
        let found = look_through(&rows, &keyring, NOW, Some(Moment::MAX), &|_| false);
        assert_eq!(keys(&found)[..3], [Given; 3]);
    }

    #[test]
    fn the_recovery_began_with_the_first_start_for_this_account() {
        let me = AccountKey::from_uri("//Alice").unwrap().account();
        let other = AccountKey::from_uri("//Bob").unwrap().account();
        let entry = |moment, variant: &str, owner: &AccountId| TrailEntry {
            n: moment,
            block: 1,
            block_hash: Genesis::zero(),
            event_index: 0,
            moment,
            pallet: "Recovery".into(),
            variant: variant.into(),
            fields: serde_json::json!({"owner": owner.to_string()}),
            event: Vec::new(),
            digest: Genesis::zero(),
        };
        let entries = [
            entry(1, "RecoveryStarted", &other),
            entry(2, "RecoveryApproved", &me),
            entry(3, "RecoveryStarted", &me),
            entry(4, "RecoveryCancelled", &me),
            entry(5, "RecoveryStarted", &me),
            entry(6, "RecoveryFinished", &me),
        ];
        assert_eq!(first_start(&entries, &me), Some(3));
        assert_eq!(first_start(&entries[..2], &me), None);
    }

    #[test]
    fn what_ended_with_the_former_deciders_is_told_and_nothing_else() {
        let me = AccountKey::from_uri("//Alice").unwrap().account();
        let other = AccountKey::from_uri("//Bob").unwrap().account();
        let entry = |block, pallet: &str, variant: &str, fields: serde_json::Value| TrailEntry {
            n: 1,
            block,
            block_hash: H256::repeat_byte(block as u8),
            event_index: 0,
            moment: 1,
            pallet: pallet.into(),
            variant: variant.into(),
            fields,
            event: Vec::new(),
            digest: Genesis::zero(),
        };
        let done = |owner: &AccountId| serde_json::json!({"owner": owner.to_string()});
        let grant = |grant: u32| serde_json::json!({"grant": grant});
        let entries = [
            entry(1, "Consent", "Revoked", grant(1)),
            entry(2, "Patients", "HandedOver", done(&other)),
            entry(2, "Consent", "Revoked", grant(2)),
            entry(3, "Emergency", "PlanChanged", grant(0)),
            entry(3, "Recovery", "PlanRemoved", grant(0)),
            entry(3, "Consent", "Revoked", grant(3)),
            entry(3, "Consent", "Revoked", grant(4)),
            entry(3, "Research", "Withdrawn", serde_json::json!({"study": 5})),
            entry(3, "Recovery", "RecoveryFinished", done(&me)),
            entry(4, "Consent", "Revoked", grant(6)),
        ];
        let history = History::in_trail(&entries, &me);
        assert_eq!(history.succeeded_in, Some(H256::repeat_byte(3)));
        let ended = history.ended.unwrap();
        let told = Ended {
            emergency_plan: true,
            recovery_plan: true,
            grants: vec![3, 4],
            studies: vec![5],
        };
        assert_eq!(ended, told);
        let earlier = History::in_trail(&entries, &other).ended.unwrap();
        let told = Ended {
            grants: vec![2],
            ..Ended::default()
        };
        assert_eq!(earlier, told);
        // Who became the owner in no such way, as by enrolment, is told of nothing.
        let nobody = AccountKey::from_uri("//Eve").unwrap().account();
        assert_eq!(History::in_trail(&entries, &nobody).ended, None);
    }

    #[test]
    fn a_grant_has_the_new_keys_when_it_got_them_for_each_of_its_compartments() {
        let ids = [CompartmentId([1; 16]), CompartmentId([2; 16])];
        let rotated = |id: &CompartmentId, redelivered: &[GrantIndex]| Rotated {
            compartment: id.to_string(),
            label: None,
            epoch: 1,
            redelivered: redelivered.to_vec(),
        };
        let made = |second: &[GrantIndex]| RotatedKeyring {
            patient: PATIENT.to_string(),
            rotated: vec![rotated(&ids[0], &[0]), rotated(&ids[1], second)],
            missing: Vec::new(),
            inbox_epoch: 1,
            resumed: false,
            saved: true,
        };
        let both = given(1, Rights::Read, compartments(&ids));
        assert!(is_given(&both, 0, &made(&[0])));
        assert!(!is_given(&both, 0, &made(&[])));
        let foreign = given(1, Rights::Read, compartments(&[CompartmentId([3; 16])]));
        assert!(!is_given(&foreign, 0, &made(&[0])));
    }

    struct Person {
        _folder: tempfile::TempDir,
        profile: Profile,
        unlocked: Unlocked,
    }

    fn person(uri: &str) -> Person {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::create_insecure(&folder.path().join("p"), uri).unwrap();
        let unlocked = profile.unlock("").unwrap();
        Person {
            _folder: folder,
            profile,
            unlocked,
        }
    }

    fn asks(person: &Person, genesis: Genesis) -> (RequestFile, Requested) {
        request(&person.profile, &person.unlocked, genesis, PATIENT, 77).unwrap()
    }

    #[test]
    fn a_request_reads_back_and_holds_on_its_chain_only() {
        let genesis = Genesis::repeat_byte(3);
        let phone = person("//Alice");
        let (file, requested) = asks(&phone, genesis);
        let back = RequestFile::from_json(&file.to_json().unwrap()).unwrap();
        let read = back.verify(&genesis).unwrap();
        let own = &phone.unlocked.account;
        assert_eq!(read.owner, own.for_patient(0).account());
        assert_eq!(asks(&phone, genesis).0.owner, file.owner, "the same again");
        assert_eq!(read.device, phone.unlocked.device.public());
        assert_eq!(read.code, requested.code);
        assert_eq!(read.code.len(), 19);
        assert!(back.verify(&Genesis::zero()).is_err());
        assert!(!String::from_utf8(file.to_json().unwrap())
            .unwrap()
            .contains("SECRET"));
    }

    #[test]
    fn a_request_with_another_patient_owner_or_device_is_refused() {
        let genesis = Genesis::repeat_byte(3);
        let (file, requested) = asks(&person("//Alice"), genesis);
        let (foreign, other) = asks(&person("//Bob"), genesis);
        assert_ne!(requested.code, other.code);
        let changes: [fn(&mut RequestFile, RequestFile); 4] = [
            |file, _| file.patient = "00".repeat(16),
            |file, foreign| file.owner = foreign.owner,
            |file, foreign| file.device = foreign.device,
            |file, foreign| file.consent = foreign.consent,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = file.clone();
            change(&mut changed, foreign.clone());
            assert!(changed.verify(&genesis).is_err(), "{number}");
        }
    }
}
