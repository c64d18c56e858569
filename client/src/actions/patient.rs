//! Who a patient is, and who decides for them.

use codec::{Decode, Encode};
use salus_primitives::{
    api::PendingChanges,
    signing::{enrolment_payload, verify},
    AccountId, CompartmentSet, ControllerRole, EnrolmentConsent, Genesis, Moment, OrgId, PatientId,
    Recipient, SignedCompartments, SignedRecipient, Subject,
};
use serde::{Deserialize, Serialize};

use super::consents::RoleFile;
use super::queue::{self, NewWork, Queued, When};
use super::recovery::EndingView;
use super::{cid, clock, due, unknown_patient, Client, Receipt};
use crate::chain::{calls, Call, Salus};
use crate::error::{Error, Result};
use crate::files::manifest::rfc3339;
use crate::keyring::{Keyring, Label};
use crate::keys::{parse_account, random_16, AccountKey};
use crate::profile::{Profile, Unlocked};

const CONSENT_VERSION: u32 = 1;

fn staff_account(account: &str) -> Error {
    Error::NotPermitted(format!(
        "{account} is an account of an organisation's staff, and the chain shows whose: for your own health, or that of somebody you act for, use an account of your own, made by `salus keys new` in another profile (`--profile FOLDER`)"
    ))
}

/// Refuses to let an account of somebody's work act for a patient: the chain would show that the patient
/// is that person, or somebody close to them.
pub(super) async fn ensure_no_staff(salus: &Salus, account: &AccountId) -> Result<()> {
    // One whose credential has ended is known all the same.
    let works = salus.member(account).await?.is_some() || salus.clinician(account).await?.is_some();
    match works {
        true => Err(staff_account(&account.to_string())),
        false => Ok(()),
    }
}

/// Refuses to let an account act for a patient that is one of somebody's work, or that acts for another
/// patient: the chain would show that both are one person's.
pub(super) async fn ensure_fit(
    salus: &Salus,
    account: &AccountId,
    patient: PatientId,
) -> Result<()> {
    ensure_no_staff(salus, account).await?;
    let patients = salus.controlled_by(account, None, 2).await?;
    match patients.iter().all(|other| *other == patient) {
        true => Ok(()),
        false => Err(Error::NotPermitted(format!(
            "{account} acts for another patient, and the chain would show that both are of one person, or close to one: ask for a file made anew, which takes an account of its own for each patient"
        ))),
    }
}

/// Refuses to make staff of an account that acts for a patient, for the same reason.
pub(super) async fn ensure_no_patients(salus: &Salus, account: &AccountId) -> Result<()> {
    match salus.controlled_by(account, None, 1).await?.is_empty() {
        true => Ok(()),
        false => Err(Error::NotPermitted(format!(
            "{account} is not for work alone: ask for the consent of an account that is, made by `salus keys new` in another profile (`--profile FOLDER`)"
        ))),
    }
}

/// As the chain would refuse it, without asking: this profile has consented to be credentialed.
pub fn ensure_private(profile: &Profile) -> Result<()> {
    match profile.config()?.works_for {
        Some(_) => Err(staff_account("this profile's account")),
        None => Ok(()),
    }
}

/// Notes that this profile's account is one of an organisation's staff. Refused where it acts, or has
/// acted, for a patient.
pub fn work_for(profile: &Profile, organisation: OrgId) -> Result<()> {
    if !profile.patients()?.is_empty() {
        return Err(Error::NotPermitted(
            "this profile has a patient's keys, and the chain shows who works where: for your work, use an account of its own, made by `salus keys new` in another profile (`--profile FOLDER`)".into(),
        ));
    }
    profile.update_config(|config| {
        config.works_for = Some(organisation);
        Ok(())
    })
}

/// What a future controller signs and hands to whoever enrols the patient. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentFile {
    version: u32,
    pub genesis: Genesis,
    pub patient: String,
    pub controller: String,
    pub organisation: OrgId,
    pub enroller: String,
    /// All compartments and their first keys. SCALE, in hexadecimal, as are the next two.
    compartments: String,
    inbox: String,
    consent: String,
}

/// A consent file, read and verified.
#[derive(Debug)]
pub(super) struct Consent {
    pub(super) patient: PatientId,
    pub(super) controller: AccountId,
    enroller: AccountId,
    compartments: CompartmentSet,
    inbox: Recipient,
    consent: EnrolmentConsent,
}

/// What was signed, in short.
#[derive(Clone, Debug, Serialize)]
pub struct Consented {
    pub patient: String,
    pub controller: String,
    pub organisation: OrgId,
    pub enroller: String,
    pub expires_at: Moment,
}

/// Makes a patient's id and first keys, and signs that `enroller` of `organisation` may enrol it
/// under the control of the profile's next account until `expires_at`. Needs no network.
pub fn consent(
    profile: &Profile,
    unlocked: &Unlocked,
    genesis: Genesis,
    organisation: OrgId,
    enroller: &AccountId,
    expires_at: Moment,
) -> Result<(ConsentFile, Consented)> {
    let id = new_id(profile, unlocked, genesis)?;
    sign(
        profile,
        unlocked,
        genesis,
        id,
        (organisation, enroller),
        expires_at,
    )
}

/// An id that nobody knows yet, and the account that acts for it.
pub(super) struct NewId {
    pub(super) patient: PatientId,
    key: AccountKey,
    salt: [u8; 16],
}

/// Makes an id of the profile's next account.
pub(super) fn new_id(profile: &Profile, unlocked: &Unlocked, genesis: Genesis) -> Result<NewId> {
    ensure_private(profile)?;
    let salt = random_16();
    let number = profile.update_accounts(|accounts| accounts.take())?;
    let key = unlocked.account.for_patient(number);
    let patient = PatientId::derive(&genesis, &key.account(), &salt);
    profile.update_accounts(|accounts| {
        accounts.assign(&patient, number);
        Ok(())
    })?;
    Ok(NewId { patient, key, salt })
}

/// Makes the first keys of such an id, and signs what enrols it.
pub(super) fn sign(
    profile: &Profile,
    unlocked: &Unlocked,
    genesis: Genesis,
    id: NewId,
    (organisation, enroller): (OrgId, &AccountId),
    expires_at: Moment,
) -> Result<(ConsentFile, Consented)> {
    let NewId { patient, key, salt } = id;
    let mut keyring = Keyring::new(patient);
    keyring.add_holder("this device", &unlocked.device.public())?;
    let inbox_key = keyring.prepare_inbox(0);
    profile.save_keyring(&mut keyring)?;

    let compartments = key.sign_compartments(&patient, &keyring.first_keys()?, &genesis)?;
    let inbox = key.sign_recipient(&Subject::Inbox(patient), &inbox_key, 0, &genesis);
    let consent = key.sign_enrolment(organisation, enroller, salt, expires_at, &genesis);
    let file = ConsentFile {
        version: CONSENT_VERSION,
        genesis,
        patient: patient.to_string(),
        controller: key.account().to_string(),
        organisation,
        enroller: enroller.to_string(),
        compartments: hex::encode(compartments.encode()),
        inbox: hex::encode(inbox.encode()),
        consent: hex::encode(consent.encode()),
    };
    let consented = Consented {
        patient: file.patient.clone(),
        controller: file.controller.clone(),
        organisation,
        enroller: file.enroller.clone(),
        expires_at,
    };
    Ok((file, consented))
}

impl ConsentFile {
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|error| Error::invalid("consent", error))?;
        json.push(b'\n');
        Ok(json)
    }

    pub fn from_json(json: &[u8]) -> Result<Self> {
        let file: Self =
            serde_json::from_slice(json).map_err(|error| Error::invalid("consent", error))?;
        match file.version {
            CONSENT_VERSION => Ok(file),
            version => Err(Error::Version {
                what: "consent",
                version,
            }),
        }
    }

    /// Decodes it, and checks the id and all three signatures.
    pub(super) fn verify(&self, genesis: &Genesis) -> Result<Consent> {
        let bad = |reason: &str| Error::invalid("consent", reason);
        if self.genesis != *genesis {
            return Err(bad("it was made for another chain"));
        }
        let patient = self
            .patient
            .parse()
            .map_err(|_| bad("its patient is no id"))?;
        let consent = Consent {
            patient,
            controller: parse_account(&self.controller)?,
            enroller: parse_account(&self.enroller)?,
            compartments: decode(&self.compartments)?,
            inbox: decode(&self.inbox)?,
            consent: decode(&self.consent)?,
        };
        let salt = &consent.consent.salt;
        if patient != PatientId::derive(genesis, &consent.controller, salt) {
            return Err(bad(
                "its id is not the one of who signed: ask for a new one",
            ));
        }
        let payload = enrolment_payload(
            genesis,
            self.organisation,
            &consent.enroller,
            &patient,
            &consent.controller,
            salt,
            consent.consent.expires_at,
        );
        let inbox = SignedRecipient {
            signer: consent.controller.clone(),
            recipient: consent.inbox.clone(),
        };
        let compartments = SignedCompartments {
            signer: consent.controller.clone(),
            signed: consent.compartments.clone(),
        };
        let holds = verify(&consent.consent.signature, &payload, &consent.controller)
            && compartments.is_valid(genesis, &patient)
            && inbox.is_valid(genesis, &Subject::Inbox(patient));
        match holds {
            true => Ok(consent),
            false => Err(bad("a signature does not match: ask for a new one")),
        }
    }
}

fn decode<T: Decode>(text: &str) -> Result<T> {
    hex::decode(text)
        .ok()
        .and_then(|bytes| T::decode(&mut &bytes[..]).ok())
        .ok_or_else(|| Error::invalid("consent", "it was cut or changed"))
}

#[derive(Clone, Debug, Serialize)]
pub struct Enrolled {
    pub patient: String,
    pub controller: String,
    pub organisation: OrgId,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// A consent that ends sooner may end while it waits.
const ENDS_SOON: Moment = 2 * salus_primitives::HOUR;

/// What became of an enrolment.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Enrolment {
    Done(Enrolled),
    Waits(Queued),
}

/// As [`enrol`], or later, with others.
pub async fn enrol_when(client: &Client, file: &ConsentFile, when: When) -> Result<Enrolment> {
    if !when.waits(client, None).await? {
        return Ok(Enrolment::Done(enrol(client, file).await?));
    }
    let consent = checked(client, file).await?;
    let ends = consent.consent.expires_at;
    if ends < clock().saturating_add(ENDS_SOON) {
        return Err(Error::Unfit(format!(
            "this consent ends on {}, before it would surely be sent: enrol with --at-once, or ask for another consent",
            rfc3339(ends)
        )));
    }
    let work = vec![NewWork::enrol(file)];
    let queued = queue::put(client, consent.patient, "an enrolment", work)?;
    Ok(Enrolment::Waits(queued))
}

/// Enrols a patient with the future controller's consent.
pub async fn enrol(client: &Client, file: &ConsentFile) -> Result<Enrolled> {
    let consent = checked(client, file).await?;
    let submitted = client.submit(&enrolment(&consent)).await?;
    enrolled(client, file)?;
    Ok(Enrolled {
        patient: consent.patient.to_string(),
        controller: consent.controller.to_string(),
        organisation: file.organisation,
        receipt: (&submitted).into(),
    })
}

pub(super) fn enrolment(consent: &Consent) -> Call {
    calls::patients::enrol(
        consent.patient,
        &consent.controller,
        &consent.compartments,
        &consent.inbox,
        &consent.consent,
    )
}

/// The person stood before the enroller: nobody knows the right account better.
pub(super) fn enrolled(client: &Client, file: &ConsentFile) -> Result<()> {
    let consent = file.verify(&client.chain.genesis())?;
    client.profile.update_pins(|pins| {
        pins.confirm_patient(&consent.patient, &consent.controller);
        Ok(())
    })
}

/// A consent that this account can use.
async fn checked(client: &Client, file: &ConsentFile) -> Result<Consent> {
    let consent = file.verify(&client.chain.genesis())?;
    if consent.enroller != client.me() {
        return Err(Error::NotPermitted(format!(
            "this consent lets {} enrol the patient, not {}: use that profile, or ask for another consent",
            consent.enroller,
            client.me()
        )));
    }
    ensure_fit(&client.salus().await?, &consent.controller, consent.patient).await?;
    Ok(consent)
}

#[derive(Clone, Debug, Serialize)]
pub struct PatientView {
    pub patient: String,
    pub enrolled_by: OrgId,
    pub enrolled_at: Moment,
    /// This and what follows: only for who acts for the patient.
    /// Whether this profile's keyring says that nothing is shared for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restricted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyring: Option<String>,
    /// How many entries the trail has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// What was announced, and can be vetoed until it is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
}

pub async fn show(client: &Client, patient: PatientId) -> Result<PatientView> {
    let salus = client.salus().await?;
    let row = salus
        .patient(patient)
        .await?
        .ok_or_else(|| unknown_patient(patient))?;
    let mut view = PatientView {
        patient: patient.to_string(),
        enrolled_by: row.enrolled_by,
        enrolled_at: row.enrolled_at,
        restricted: None,
        keyring: None,
        entries: None,
        pending: Vec::new(),
    };
    if client.controls(&salus, patient).await? {
        let keyring = client.profile.keyring(&patient, &client.device)?;
        view.restricted = keyring.map(|keyring| keyring.restricted().is_some());
        view.keyring = row.keyring.as_ref().map(cid);
        view.entries = Some(salus.trail_head(patient).await?.count);
        view.pending = pending(salus.pending_changes(patient).await?);
    }
    Ok(view)
}

/// A change that waits for its time, or for another's word.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Pending {
    /// All roles end, and `owner` is the only controller.
    HandOver {
        owner: String,
        agreed: Vec<String>,
        /// From when it can be completed; none while words are missing.
        due: Option<Moment>,
    },
    /// The role of `account` ends.
    Removal {
        account: String,
        by: String,
        due: Moment,
    },
    /// `account` becomes a decider, if the other deciders agree too.
    Addition { account: String, agreed: String },
    /// Others can let the patient's owner in again, or nobody.
    RecoveryPlan(EndingView),
}

fn pending(rows: PendingChanges) -> Vec<Pending> {
    let hand_over = rows.hand_over.map(|row| Pending::HandOver {
        owner: row.owner.to_string(),
        agreed: row.agreed.iter().map(AccountId::to_string).collect(),
        due: row.due,
    });
    let removals = rows
        .removals
        .into_iter()
        .map(|(account, row)| Pending::Removal {
            account: account.to_string(),
            by: row.by.to_string(),
            due: row.due,
        });
    let additions = rows
        .additions
        .into_iter()
        .map(|(decider, row)| Pending::Addition {
            account: row.account.to_string(),
            agreed: decider.to_string(),
        });
    let plan = rows.recovery_plan.as_ref().map(EndingView::of);
    hand_over
        .into_iter()
        .chain(removals)
        .chain(additions)
        .chain(plan.map(Pending::RecoveryPlan))
        .collect()
}

#[derive(Clone, Debug, Serialize)]
pub struct ControllerView {
    pub account: String,
    pub role: ControllerRole,
    pub expires_at: Option<Moment>,
}

pub async fn controllers(client: &Client, patient: PatientId) -> Result<Vec<ControllerView>> {
    let rows = client.salus().await?.controllers(patient).await?;
    Ok(rows
        .into_iter()
        .map(|(account, row)| ControllerView {
            account: account.to_string(),
            role: row.role,
            expires_at: row.expires_at,
        })
        .collect())
}

#[derive(Clone, Debug, Serialize)]
pub struct ControllerChanged {
    pub patient: String,
    pub account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<ControllerRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
    /// Whether it is done; else it waits, for a time or for another decider.
    pub done: bool,
    /// From when on it is done by the same call again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Moment>,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// Gives an account a role for the patient, for good or for `duration`, with that account's consent. A
/// decider adds another one when all deciders have called so.
pub async fn add_controller(
    client: &Client,
    patient: PatientId,
    account: &AccountId,
    role: ControllerRole,
    duration: Option<Moment>,
    consent: &RoleFile,
) -> Result<ControllerChanged> {
    let now = client.clock().await?;
    let expires_at = duration.map(|duration| now.saturating_add(duration));
    let consent = consent.verify(&client.chain.genesis(), &patient, account, role, now)?;
    let salus = client.salus().await?;
    ensure_fit(&salus, account, patient).await?;
    if role == ControllerRole::Owner {
        ensure_owns(&salus, client, patient, "names owners").await?;
    }
    let call = calls::patients::add_controller(patient, account, role, expires_at, &consent);
    let submitted = client.submit(&call).await?;
    // Whoever adds a controller knows them.
    client.profile.update_pins(|pins| {
        pins.confirm_patient(&patient, &client.me());
        pins.confirm_patient(&patient, account);
        Ok(())
    })?;
    Ok(ControllerChanged {
        patient: patient.to_string(),
        account: account.to_string(),
        role: Some(role),
        expires_at,
        done: submitted.event("Patients", "ControllerAdded").is_some(),
        due: None,
        receipt: (&submitted).into(),
    })
}

/// Deciders are told how to become what this needs.
async fn ensure_owns(salus: &Salus, client: &Client, patient: PatientId, does: &str) -> Result<()> {
    let own = salus.controller(patient, &client.me()).await?;
    match own.map(|row| row.role) {
        Some(ControllerRole::Decider) => Err(Error::NotPermitted(format!(
            "only an owner {does}: if you are the patient, say so with `salus patient declare-owner`, which shows that nobody's guardian decides here"
        ))),
        _ => Ok(()),
    }
}

/// Ends an account's role. That of another owner for good is announced, and ends when this is done again
/// after 72 hours; until then each of those who decide can veto it.
pub async fn remove_controller(
    client: &Client,
    patient: PatientId,
    account: &AccountId,
) -> Result<ControllerChanged> {
    let salus = client.salus().await?;
    let other = salus.controller(patient, account).await?;
    if *account != client.me() && other.is_some_and(|row| row.role != ControllerRole::Carer) {
        ensure_owns(
            &salus,
            client,
            patient,
            "ends the role of another who decides",
        )
        .await?;
    }
    let call = calls::patients::remove_controller(patient, account);
    let submitted = client.submit(&call).await?;
    Ok(ControllerChanged {
        patient: patient.to_string(),
        account: account.to_string(),
        role: None,
        expires_at: None,
        done: submitted.event("Patients", "ControllerRemoved").is_some(),
        due: due(&submitted, "Patients", "RemovalAnnounced"),
        receipt: (&submitted).into(),
    })
}

/// Says that the patient is who alone decides for it: an owner from now on.
pub async fn declare_owner(client: &Client, patient: PatientId) -> Result<PatientChanged> {
    change(client, patient, calls::patients::declare_owner(patient)).await
}

/// Keeps an account whose removal was announced, or the one that somebody announced of this account.
pub async fn veto_removal(
    client: &Client,
    patient: PatientId,
    account: &AccountId,
) -> Result<PatientChanged> {
    let call = calls::patients::veto_removal(patient, account);
    change(client, patient, call).await
}

#[derive(Clone, Debug, Serialize)]
pub struct PatientChanged {
    pub patient: String,
    #[serde(flatten)]
    pub receipt: Receipt,
}

async fn change(
    client: &Client,
    patient: PatientId,
    call: crate::chain::Call,
) -> Result<PatientChanged> {
    let submitted = client.submit(&call).await?;
    Ok(PatientChanged {
        patient: patient.to_string(),
        receipt: (&submitted).into(),
    })
}

/// A person has confirmed, on another channel, that this account too controls the patient.
pub fn trust(profile: &Profile, patient: PatientId, account: &AccountId) -> Result<()> {
    profile.update_pins(|pins| {
        pins.confirm_patient(&patient, account);
        Ok(())
    })
}

#[derive(Clone, Debug, Serialize)]
pub struct CompartmentRow {
    pub id: String,
    /// None where this profile has no keys.
    pub label: Option<String>,
    pub epoch: u32,
    /// When this epoch's key came into use.
    pub rotated_at: Moment,
    pub needs_rotation: bool,
}

pub async fn compartments(client: &Client, patient: PatientId) -> Result<Vec<CompartmentRow>> {
    let salus = client.salus().await?;
    client.ensure_controls(&salus, patient).await?;
    let keyring = client.profile.keyring(&patient, &client.device)?;
    let rows = salus.compartments(patient).await?;
    Ok(rows
        .into_iter()
        .map(|(id, view)| CompartmentRow {
            label: keyring
                .as_ref()
                .and_then(|keyring| keyring.label(&id))
                .map(Label::to_string),
            id: id.to_string(),
            epoch: view.compartment.epoch,
            rotated_at: view.compartment.rotated_at,
            needs_rotation: view.needs_rotation,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use salus_primitives::{Clinician, ClinicianRole, Controller, Member};

    use super::*;
    use crate::actions::double::{World, GENESIS, HOME, NOW};
    use crate::actions::recovery::{self, Sealed, Word};
    use crate::actions::{
        consents, corrections, emergency, records, sharing, succession, watching,
    };
    use crate::vault::tests::PATIENT;

    /// Bob's profile.
    fn bob() -> (tempfile::TempDir, Profile, Unlocked) {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::create_insecure(&folder.path().join("p"), "//Bob").unwrap();
        let unlocked = profile.unlock("").unwrap();
        (folder, profile, unlocked)
    }

    fn works(world: &World, account: &AccountId, now: bool, before: bool) {
        let role = ClinicianRole::Nurse;
        let member = Member::Clinician {
            organisation: HOME,
            role,
        };
        let clinician = Clinician {
            organisation: HOME,
            role,
            credentialed_at: 0,
            valid_until: 1,
            suspended_at: None,
        };
        world.node.tell("member", account, now.then_some(member));
        let clinician = before.then_some(clinician);
        world.node.tell("clinician", account, clinician);
    }

    #[track_caller]
    fn assert_names_the_way_out<T: std::fmt::Debug>(result: Result<T>) {
        let told = result.unwrap_err();
        assert!(matches!(&told, Error::NotPermitted(_)), "{told:?}");
        assert!(told.to_string().contains("`salus keys new`"), "{told}");
    }

    #[tokio::test]
    async fn a_staff_account_acts_for_no_patient_by_whatever_way() {
        let world = World::at(None);
        let client = &world.client;
        let (_folder, profile, unlocked) = bob();
        let until = NOW + 1_000;
        let me = client.me();
        let (enrolment, _) = consent(&profile, &unlocked, GENESIS, HOME, &me, until).unwrap();
        let carer = ControllerRole::Carer;
        let key = profile.key_for(&unlocked.account, &PATIENT).unwrap();
        let account = key.account();
        let word = consents::role(&key, GENESIS, PATIENT, carer, NOW, 1_000).unwrap();
        let (request, _) =
            succession::request(&profile, &unlocked, GENESIS, PATIENT, until).unwrap();
        let enrolled = parse_account(&enrolment.controller).unwrap();
        let share = Sealed {
            name: "share".into(),
            bytes: Vec::new(),
        };
        // One that has worked, too: the chain remembers.
        for (now, before) in [(true, true), (true, false), (false, true)] {
            works(&world, &account, now, before);
            works(&world, &enrolled, now, before);
            assert_names_the_way_out(enrol(client, &enrolment).await);
            assert_names_the_way_out(
                add_controller(client, PATIENT, &account, carer, None, &word).await,
            );
            assert_names_the_way_out(succession::hand_over(client, &request).await);
            assert_names_the_way_out(recovery::give(client, &request, Word::Start, &share).await);
            assert_names_the_way_out(recovery::finish(client, &request).await);
        }
        works(&world, &account, false, false);
        let salus = client.salus().await.unwrap();
        assert!(ensure_no_staff(&salus, &account).await.is_ok());
        let page = (&account, None::<PatientId>, 1u32);
        world.node.tell("controlled_by", page, vec![PATIENT]);
        assert_names_the_way_out(ensure_no_patients(&salus, &account).await);
        world
            .node
            .tell("controlled_by", page, Vec::<PatientId>::new());
        assert!(ensure_no_patients(&salus, &account).await.is_ok());
    }

    #[tokio::test]
    async fn an_account_acts_for_one_patient_by_whatever_way() {
        let world = World::at(None);
        let client = &world.client;
        let (_folder, profile, unlocked) = bob();
        let carer = ControllerRole::Carer;
        let (me, until) = (client.me(), NOW + 1_000);
        let (enrolment, _) = consent(&profile, &unlocked, GENESIS, HOME, &me, until).unwrap();
        let key = profile.key_for(&unlocked.account, &PATIENT).unwrap();
        let word = consents::role(&key, GENESIS, PATIENT, carer, NOW, 1_000).unwrap();
        let (request, _) =
            succession::request(&profile, &unlocked, GENESIS, PATIENT, until).unwrap();
        let share = Sealed {
            name: "share".into(),
            bytes: Vec::new(),
        };
        let other = PatientId([8; 16]);
        let account = key.account();
        for account in [&account, &parse_account(&enrolment.controller).unwrap()] {
            works(&world, account, false, false);
            let page = (account, None::<PatientId>, 2u32);
            world.node.tell("controlled_by", page, vec![other]);
        }
        let refused = [
            enrol(client, &enrolment).await.map(|_| ()),
            add_controller(client, PATIENT, &account, carer, None, &word)
                .await
                .map(|_| ()),
            succession::hand_over(client, &request).await.map(|_| ()),
            recovery::give(client, &request, Word::Start, &share)
                .await
                .map(|_| ()),
            recovery::finish(client, &request).await.map(|_| ()),
        ];
        for (number, refused) in refused.into_iter().enumerate() {
            let told = refused.unwrap_err();
            assert!(
                matches!(&told, Error::NotPermitted(_)),
                "{number}: {told:?}"
            );
            assert!(told.to_string().contains("another patient"), "{told}");
        }
        // For the same patient it may take another role.
        let salus = client.salus().await.unwrap();
        let page = (&account, None::<PatientId>, 2u32);
        world.node.tell("controlled_by", page, vec![PATIENT]);
        assert!(ensure_fit(&salus, &account, PATIENT).await.is_ok());
    }

    #[test]
    fn each_consent_to_be_enrolled_is_of_another_account() {
        let (_folder, profile, unlocked) = bob();
        let enroller = AccountKey::from_uri("//Charlie").unwrap().account();
        let mut seen = std::collections::BTreeSet::from([unlocked.account.account().to_string()]);
        for number in 0..3 {
            let (file, signed) =
                consent(&profile, &unlocked, GENESIS, HOME, &enroller, 77).unwrap();
            file.verify(&GENESIS).unwrap();
            assert!(seen.insert(file.controller.clone()), "{number}");
            let patient = signed.patient.parse().unwrap();
            let kept = profile.accounts().unwrap().number(&patient);
            assert_eq!(kept, Some(number));
        }
    }

    #[test]
    fn a_profile_is_for_work_or_for_a_patient() {
        let signs = |profile: &Profile, unlocked: &Unlocked| {
            let enroller = AccountKey::from_uri("//Charlie").unwrap().account();
            consent(profile, unlocked, GENESIS, HOME, &enroller, 77)
        };
        let (_folder, profile, unlocked) = bob();
        work_for(&profile, HOME).unwrap();
        assert_names_the_way_out(ensure_private(&profile));
        assert_names_the_way_out(signs(&profile, &unlocked));
        assert!(profile.patients().unwrap().is_empty(), "no keys were made");

        let (_folder, profile, unlocked) = bob();
        assert!(ensure_private(&profile).is_ok());
        signs(&profile, &unlocked).unwrap();
        assert_names_the_way_out(work_for(&profile, HOME));
        assert!(ensure_private(&profile).is_ok());
    }

    /// A client that neither acts for the patient nor has a grant.
    fn as_a_stranger() -> World {
        let world = World::at(None);
        let me = world.client.me();
        let role: Option<Controller> = None;
        world.node.tell("controller", (PATIENT, &me), role);
        let none: Vec<(u32, salus_primitives::api::GrantView)> = Vec::new();
        let args = (PATIENT, me, 0u32, crate::actions::PAGE);
        world.node.tell("grants_between", args, none);
        world
    }

    #[tokio::test]
    async fn who_does_not_act_for_a_patient_is_shown_no_counts_and_no_rows_of_others() {
        let world = as_a_stranger();
        let (client, node) = (&world.client, &world.node);
        world.name_keyring(Some(salus_primitives::Cid::raw([1; 32])));
        let view = show(client, PATIENT).await.unwrap();
        assert_eq!((view.keyring, view.entries), (None, None));
        assert!(sharing::given(client, PATIENT).await.unwrap().is_empty());
        let refused = [
            records::list(client, PATIENT, true).await.map(|_| ()),
            records::erasure(client, PATIENT, 0).await.map(|_| ()),
            compartments(client, PATIENT).await.map(|_| ()),
            emergency::show(client, PATIENT).await.map(|_| ()),
            watching::read_own(client, PATIENT).await.map(|_| ()),
        ];
        for (number, result) in refused.into_iter().enumerate() {
            assert!(matches!(result, Err(Error::NotPermitted(_))), "{number}");
        }
        for question in [
            "records",
            "compartments",
            "grants",
            "trail_head",
            "emergency_plan",
        ] {
            assert!(!node.asked().contains(&question.to_owned()), "{question}");
        }
    }

    #[tokio::test]
    async fn a_correction_beyond_the_grant_is_told_without_its_number() {
        let world = as_a_stranger();
        let (client, node) = (&world.client, &world.node);
        let row = |corrected_by| salus_primitives::Record {
            compartment: salus_primitives::CompartmentId([1; 16]),
            epoch: 0,
            author: client.me(),
            person: None,
            organisation: None,
            placed_by: client.me(),
            content: salus_primitives::Cid::dag_pb([1; 32]),
            commitment: sp_core::H256::zero(),
            anchored_at: 0,
            corrects: None,
            corrected_by,
            state: salus_primitives::RecordState::Current,
        };
        node.tell("record", (PATIENT, 2u32), Some(row(Some(29))));
        node.tell("record", (PATIENT, 29u32), Some(row(None)));
        let read = crate::profile::ReadRecord {
            patient: PATIENT.to_string(),
            record: 2,
            grant: None,
            opened_at: 0,
        };
        client
            .profile
            .update_read_records(|records| {
                records.add(read);
                Ok(())
            })
            .unwrap();
        let told = corrections::of_what_i_read(client).await.unwrap();
        assert_eq!(told[0].replacement, None);
        let text = told[0].to_string();
        assert!(text.contains("was wrong") && !text.contains("29"), "{text}");
    }

    fn signed() -> (tempfile::TempDir, ConsentFile, Genesis) {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::create_insecure(&folder.path().join("p"), "//Alice").unwrap();
        let unlocked = profile.unlock("").unwrap();
        let genesis = Genesis::repeat_byte(3);
        let enroller = AccountKey::from_uri("//Bob").unwrap().account();
        let (file, consented) = consent(&profile, &unlocked, genesis, 2, &enroller, 77).unwrap();
        let patient = consented.patient.parse().unwrap();
        let kept = profile
            .keyring(&patient, &unlocked.device)
            .unwrap()
            .unwrap();
        let signed: CompartmentSet = decode(&file.compartments).unwrap();
        for (id, key) in signed.compartments {
            let ours = kept.key(&id, 0).unwrap().public();
            assert_eq!(*ours.raw(), key, "keys are saved before anything is signed");
        }
        (folder, file, genesis)
    }

    #[test]
    fn a_consent_reads_back_and_holds_on_its_chain_only() {
        let (_folder, file, genesis) = signed();
        let back = ConsentFile::from_json(&file.to_json().unwrap()).unwrap();
        assert_eq!(back, file);
        assert_eq!(back.verify(&genesis).unwrap().consent.expires_at, 77);
        assert!(back.verify(&Genesis::zero()).is_err());
        assert!(!String::from_utf8(file.to_json().unwrap())
            .unwrap()
            .contains("SECRET"));
    }

    #[test]
    fn a_changed_consent_is_refused() {
        let (_folder, file, genesis) = signed();
        let other = AccountKey::from_uri("//Charlie")
            .unwrap()
            .account()
            .to_string();
        let changes: [fn(&mut ConsentFile, String); 4] = [
            |file, _| file.organisation = 3,
            |file, other| file.enroller = other,
            |file, other| file.controller = other,
            |file, _| file.patient = "00".repeat(16),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = file.clone();
            change(&mut changed, other.clone());
            assert!(changed.verify(&genesis).is_err(), "{number}");
        }
        let (_folder, foreign, _) = signed();
        let mut changed = file.clone();
        changed.inbox = foreign.inbox;
        assert!(changed.verify(&genesis).is_err(), "a foreign inbox");
        let mut changed = file.clone();
        changed.compartments = foreign.compartments;
        assert!(changed.verify(&genesis).is_err(), "foreign compartments");
        let mut set: CompartmentSet = decode(&file.compartments).unwrap();
        set.compartments[9].1[0] ^= 1;
        let mut changed = file.clone();
        changed.compartments = hex::encode(set.encode());
        assert!(
            changed.verify(&genesis).is_err(),
            "a key that was slipped in"
        );
        let mut cut = file;
        cut.consent.truncate(10);
        assert!(cut.verify(&genesis).is_err());
    }

    /// The file under another id, with every signature made for it.
    fn signed_for(file: &ConsentFile, genesis: &Genesis, patient: PatientId) -> ConsentFile {
        let key = AccountKey::from_uri("//Alice").unwrap().for_patient(0);
        let true_one = file.verify(genesis).unwrap();
        let (set, mut consent) = (true_one.compartments, true_one.consent);
        let payload = enrolment_payload(
            genesis,
            file.organisation,
            &true_one.enroller,
            &patient,
            &key.account(),
            &consent.salt,
            consent.expires_at,
        );
        consent.signature = key.multi_sign(&payload);
        let public = crate::files::age::DecryptionKey::generate().public();
        let recipient =
            |subject| hex::encode(key.sign_recipient(&subject, &public, 0, genesis).encode());
        let keys = set.compartments.map(|(id, key)| {
            let key = crate::files::age::EncryptionKey::from_raw(set.scheme, &key).unwrap();
            (id, key)
        });
        let resigned = key.sign_compartments(&patient, &keys, genesis).unwrap();
        ConsentFile {
            patient: patient.to_string(),
            compartments: hex::encode(resigned.encode()),
            inbox: recipient(Subject::Inbox(patient)),
            consent: hex::encode(consent.encode()),
            ..file.clone()
        }
    }

    #[test]
    fn a_consent_for_an_id_that_is_not_its_controllers_is_refused() {
        let (_folder, file, genesis) = signed();
        let true_one: PatientId = file.patient.parse().unwrap();
        let salt = file.verify(&genesis).unwrap().consent.salt;
        let bob = AccountKey::from_uri("//Bob").unwrap().account();
        let alice = AccountKey::from_uri("//Alice").unwrap();
        let alice = alice.for_patient(0).account();
        assert_eq!(PatientId::derive(&genesis, &alice, &salt), true_one);
        assert!(signed_for(&file, &genesis, true_one)
            .verify(&genesis)
            .is_ok());
        for wrong in [
            PatientId([0; 16]),
            PatientId::derive(&genesis, &bob, &salt),
            PatientId::derive(&Genesis::zero(), &alice, &salt),
            PatientId::derive(&genesis, &alice, &[0; 16]),
        ] {
            let refused = signed_for(&file, &genesis, wrong).verify(&genesis);
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("not the one of who signed"), "{refused}");
        }
    }
}
