//! Becoming a patient, who acts for one, and stopping everything.

use codec::{Decode, Encode};
use salus_primitives::{
    AccountId, CompartmentId, ControllerRole, EnrolmentConsent, Moment, OrgId, PatientId,
    Recipient, Subject,
};
use serde::{Deserialize, Serialize};

use super::Person;
use crate::{
    chain::calls,
    error::{Error, Result},
    keyring::{Keyring, Label},
    keys::random_16,
};

/// A signed consent may be used for so long.
const CONSENT_LIFETIME: Moment = 24 * 60 * 60 * 1000;

/// What the future controller hands to the organisation, on a stick or as a QR code. No secrets.
#[derive(Clone, Debug, Encode, Decode)]
pub struct EnrolmentForm {
    pub genesis: [u8; 32],
    pub organisation: OrgId,
    pub enroller: AccountId,
    pub patient: PatientId,
    pub controller: AccountId,
    pub role: ControllerRole,
    pub intake: CompartmentId,
    pub intake_recipient: Recipient,
    pub inbox: Recipient,
    pub consent: EnrolmentConsent,
}

#[derive(Serialize, Deserialize)]
struct FormFile {
    salus: String,
    patient: String,
    organisation: OrgId,
    enroller: String,
    form: String,
}

impl EnrolmentForm {
    /// JSON for a file: what it is in clear, and the signed form in hexadecimal.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "salus": "enrolment/v1",
            "patient": self.patient.to_string(),
            "organisation": self.organisation,
            "enroller": self.enroller.to_string(),
            "form": hex::encode(self.encode()),
        })
        .to_string()
    }

    pub fn from_json(text: &str) -> Result<Self> {
        let bad = |reason: &str| Error::Invalid {
            what: "enrolment form",
            reason: format!("{reason}: ask the patient for a new one"),
        };
        let file: FormFile = serde_json::from_str(text).map_err(|e| bad(&e.to_string()))?;
        if file.salus != "enrolment/v1" {
            return Err(bad("it is of another kind or version"));
        }
        let bytes = hex::decode(&file.form).map_err(|_| bad("it is not hexadecimal"))?;
        Self::decode(&mut &bytes[..]).map_err(|_| bad("it is damaged"))
    }
}

#[derive(Debug, Serialize)]
pub struct ControllerRow {
    pub account: String,
    pub role: ControllerRole,
    pub expires_at: Option<Moment>,
}

#[derive(Debug, Serialize)]
pub struct CompartmentRow {
    pub compartment: String,
    pub label: Option<String>,
    pub epoch: u32,
    pub intake: bool,
    pub needs_rotation: bool,
}

impl Person {
    /// Makes a new patient id with a keyring of its own, and the signed form that lets this
    /// clinician enrol it. Nothing is on the chain yet.
    pub fn prepare_enrolment(
        &self,
        organisation: OrgId,
        enroller: &AccountId,
        role: ControllerRole,
    ) -> Result<EnrolmentForm> {
        let patient = PatientId(random_16());
        let genesis = self.chain.genesis();
        let mut keyring = Keyring::new(patient);
        keyring.add_holder("this device", &self.device_key())?;
        let (intake, key) = keyring.prepare(&Label::Intake, 0);
        let inbox = keyring.prepare_inbox(0);
        self.save_keyring(&mut keyring)?;
        let sign = |subject, key| self.account.sign_recipient(&subject, key, 0, &genesis);
        Ok(EnrolmentForm {
            genesis: genesis.0,
            organisation,
            enroller: enroller.clone(),
            patient,
            controller: self.id(),
            role,
            intake,
            intake_recipient: sign(Subject::Compartment(patient, intake), &key),
            inbox: sign(Subject::Inbox(patient), &inbox),
            consent: self.account.sign_enrolment(
                organisation,
                enroller,
                &patient,
                role,
                random_16(),
                super::now() + CONSENT_LIFETIME,
                &genesis,
            ),
        })
    }

    /// Enrols a patient with the form they signed, and remembers whose signature counts for them.
    pub async fn enrol(&self, form: &EnrolmentForm) -> Result<PatientId> {
        if form.genesis != self.chain.genesis().0 {
            return Err(Error::Invalid {
                what: "enrolment form",
                reason: "it was signed for another chain: ask the patient for a new one".into(),
            });
        }
        if form.enroller != self.id() {
            return Err(Error::Invalid {
                what: "enrolment form",
                reason: format!(
                    "it lets {} enrol, not this account: ask the patient for a new one",
                    form.enroller
                ),
            });
        }
        let call = calls::patients::enrol(
            form.patient,
            &form.controller,
            form.role,
            form.intake,
            &form.intake_recipient,
            &form.inbox,
            &form.consent,
        );
        self.chain.submit(&self.account, &call).await?;
        self.profile.update_pins(|pins| {
            pins.confirm_patient(&form.patient, &form.controller);
            Ok(())
        })?;
        Ok(form.patient)
    }

    pub async fn controllers(&self, patient: PatientId) -> Result<Vec<ControllerRow>> {
        let rows = self.salus().await?.controllers(patient).await?;
        Ok(rows
            .into_iter()
            .map(|(account, row)| ControllerRow {
                account: account.to_string(),
                role: row.role,
                expires_at: row.expires_at,
            })
            .collect())
    }

    pub async fn add_controller(
        &self,
        patient: PatientId,
        account: &AccountId,
        role: ControllerRole,
        expires_at: Option<Moment>,
    ) -> Result<()> {
        let call = calls::patients::add_controller(patient, account, role, expires_at);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    pub async fn remove_controller(&self, patient: PatientId, account: &AccountId) -> Result<()> {
        let call = calls::patients::remove_controller(patient, account);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }

    /// Nobody reads or writes under any grant, until lifted.
    pub async fn restrict(&self, patient: PatientId) -> Result<()> {
        self.chain
            .submit(&self.account, &calls::patients::restrict(patient))
            .await?;
        Ok(())
    }

    pub async fn lift(&self, patient: PatientId) -> Result<()> {
        self.chain
            .submit(&self.account, &calls::patients::lift(patient))
            .await?;
        Ok(())
    }

    /// Opens a compartment; one that is open already is returned as it is.
    pub async fn open_compartment(
        &self,
        patient: PatientId,
        label: &Label,
    ) -> Result<CompartmentId> {
        let salus = self.salus().await?;
        let mut keyring = self.keyring(&patient)?;
        let (compartment, key) = keyring.prepare(label, 0);
        if salus.compartment(patient, compartment).await?.is_some() {
            return Ok(compartment);
        }
        self.save_keyring(&mut keyring)?;
        let subject = Subject::Compartment(patient, compartment);
        let genesis = self.chain.genesis();
        let recipient = self.account.sign_recipient(&subject, &key, 0, &genesis);
        let call = calls::records::open_compartment(patient, compartment, &recipient);
        self.chain.submit(&self.account, &call).await?;
        self.publish_keyring(&mut keyring).await?;
        Ok(compartment)
    }

    pub async fn compartments(&self, patient: PatientId) -> Result<Vec<CompartmentRow>> {
        let keyring = self.keyring(&patient).ok();
        let rows = self.salus().await?.compartments(patient).await?;
        Ok(rows
            .into_iter()
            .map(|(id, view)| CompartmentRow {
                compartment: id.to_string(),
                label: keyring
                    .as_ref()
                    .and_then(|keyring| keyring.label(&id))
                    .map(ToString::to_string),
                epoch: view.compartment.epoch,
                intake: view.is_intake,
                needs_rotation: view.needs_rotation,
            })
            .collect())
    }
}
