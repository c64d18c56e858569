//! Sharing, asking, answering, and taking back.

use salus_primitives::{
    AccountId, Basis, Cid, CompartmentId, GrantIndex, GrantTerms, Grantee, Moment, ObjectKind,
    PatientId, Purpose, RecordIndex, RequestIndex, RequestState, Rights, Scope, Subject,
};
use serde::Serialize;

use super::{records::existing, Person, Progress};
use crate::{
    chain::{calls, Salus},
    error::{Error, Result},
    files::{
        age::file_key,
        envelope::{Envelope, SharedRecord},
        letter::Letter,
    },
    keyring::Label,
    taxonomy::{Category, Sensitivity},
    vault::{File, Location},
};

/// What a person decides when sharing.
#[derive(Clone, Debug)]
pub struct Share {
    pub with: Grantee,
    /// Whole compartments; or single records, if this is empty.
    pub labels: Vec<Label>,
    pub records: Vec<RecordIndex>,
    pub rights: Rights,
    pub purpose: Purpose,
    pub starts_at: Option<Moment>,
    /// Milliseconds from now.
    pub duration: Moment,
}

#[derive(Debug, Serialize)]
pub struct Shared {
    pub grant: GrantIndex,
    pub expires_at: Moment,
}

#[derive(Debug, Serialize)]
pub struct GrantRow {
    pub patient: String,
    pub grant: GrantIndex,
    pub with: String,
    /// Names where this person knows them, ids else.
    pub scope: Vec<String>,
    pub rights: Rights,
    pub purpose: Purpose,
    pub starts_at: Moment,
    pub expires_at: Moment,
    pub revoked_at: Option<Moment>,
    pub active: bool,
    pub basis: String,
}

#[derive(Debug, Serialize)]
pub struct RequestRow {
    pub request: RequestIndex,
    pub requester: String,
    pub organisation: String,
    pub purpose: Purpose,
    pub duration: Moment,
    pub expires_at: Moment,
    pub state: String,
    /// None if it could not be fetched or opened.
    pub letter: Option<LetterView>,
}

#[derive(Debug, Serialize)]
pub struct LetterView {
    pub text: String,
    pub categories: Vec<String>,
    pub sensitivity: Vec<String>,
}

/// What a clinician asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    pub categories: Vec<Category>,
    pub sensitivity: Vec<Sensitivity>,
    pub purpose: Purpose,
    pub duration: Moment,
    pub text: String,
}

impl Person {
    /// The grantee that an account is: the account at its present organisation.
    pub async fn grantee(&self, account: &AccountId) -> Result<Grantee> {
        let member = self
            .salus()
            .await?
            .member(account)
            .await?
            .ok_or_else(|| Error::NotAMember(account.to_string()))?;
        Ok(Grantee::Clinician {
            account: account.clone(),
            organisation: member.organisation(),
        })
    }

    pub async fn share(&self, patient: PatientId, share: &Share) -> Result<Shared> {
        self.rotate_due(patient).await?;
        let (terms, envelope) = self.prepare_grant(patient, share).await?;
        let call = calls::consent::grant(patient, &terms, envelope);
        let done = self.chain.submit(&self.account, &call).await?;
        Ok(Shared {
            grant: done.number("Consent", "Granted", "grant")?,
            expires_at: terms.expires_at,
        })
    }

    async fn prepare_grant(
        &self,
        patient: PatientId,
        share: &Share,
    ) -> Result<(GrantTerms, Option<Cid>)> {
        let salus = self.salus().await?;
        let keyring = self.keyring(&patient)?;
        let too_many = |_| Error::Invalid {
            what: "grant",
            reason: "it names more than 32 parts: share them in two grants".into(),
        };
        let (scope, envelope) = match share.labels.is_empty() {
            false => {
                let ids: Vec<CompartmentId> = share
                    .labels
                    .iter()
                    .map(|label| keyring.require(label))
                    .collect::<Result<_>>()?;
                let envelope = keyring.envelope(&ids, share.rights.read())?;
                (
                    Scope::Compartments(ids.try_into().map_err(too_many)?),
                    envelope,
                )
            }
            true if share.records.is_empty() => {
                return Err(Error::Invalid {
                    what: "grant",
                    reason: "it shares nothing: name a category or a record".into(),
                })
            }
            true => {
                let mut envelope = Envelope::new(patient);
                for record in &share.records {
                    let shared = self.single_record(&salus, patient, *record).await?;
                    envelope.records.push(shared);
                }
                let too_many = |_| Error::Invalid {
                    what: "grant",
                    reason: "it names more than 32 records: share them in two grants".into(),
                };
                let records = share.records.clone();
                (
                    Scope::Records(records.try_into().map_err(too_many)?),
                    envelope,
                )
            }
        };
        let content = self
            .deliver(&salus, patient, &share.with, &envelope)
            .await?;
        let now = salus.now().await?.max(super::now());
        let starts_at = share.starts_at;
        let terms = GrantTerms {
            grantee: share.with.clone(),
            scope,
            rights: share.rights,
            purpose: share.purpose,
            starts_at,
            expires_at: starts_at.unwrap_or(now).saturating_add(share.duration),
            anchored_from: None,
            anchored_until: None,
            terms: None,
            flags: 0,
            derived_from: None,
        };
        Ok((terms, Some(content)))
    }

    /// Encrypts an envelope to its grantee and uploads it.
    async fn deliver(
        &self,
        salus: &Salus,
        patient: PatientId,
        grantee: &Grantee,
        envelope: &Envelope,
    ) -> Result<Cid> {
        let subject = match grantee {
            Grantee::Clinician { account, .. } => Subject::Account(account.clone()),
            Grantee::Organisation(organisation) => Subject::Organisation(*organisation),
        };
        let key = self.recipient(salus, subject).await?;
        self.upload_body(patient, ObjectKind::Envelope, &key, &envelope.to_json()?)
            .await
    }

    /// The keys of one record's two files, and of nothing else.
    async fn single_record(
        &self,
        salus: &Salus,
        patient: PatientId,
        index: RecordIndex,
    ) -> Result<SharedRecord> {
        let record = existing(salus, patient, index).await?;
        let keys = [self.keyring(&patient)?.key(&record.compartment, record.epoch)?];
        let vault = self.home_vault(patient).await?;
        let session = vault.sign_in(&self.account).await?;
        let location = Location::Record(patient, index);
        let object = session
            .object(location, &record.content, Some(&record.placed_by), None)
            .await?;
        let manifest = object.read(File::Manifest).await?;
        let spool = self
            .download(&object, &std::env::temp_dir(), Progress::none())
            .await?;
        Ok(SharedRecord {
            record: index,
            content: record.content,
            manifest: file_key(&manifest[..], &keys, "manifest")?,
            payload: file_key(std::io::BufReader::new(spool), &keys, "payload")?,
        })
    }

    pub async fn revoke(&self, patient: PatientId, grant: GrantIndex) -> Result<()> {
        self.chain
            .submit(&self.account, &calls::consent::revoke(patient, grant))
            .await?;
        Ok(())
    }

    /// Gives a compartment a new key, and the grants that live the new key too.
    pub async fn rotate(&self, patient: PatientId, compartment: CompartmentId) -> Result<u32> {
        let salus = self.salus().await?;
        let view = salus
            .compartment(patient, compartment)
            .await?
            .ok_or_else(|| Error::UnknownCompartment(compartment.to_string()))?;
        let epoch = view.compartment.epoch + 1;
        let mut keyring = self.keyring(&patient)?;
        let key = keyring.prepare_epoch(&compartment, epoch)?;
        self.save_keyring(&mut keyring)?;
        let subject = Subject::Compartment(patient, compartment);
        let genesis = self.chain.genesis();
        let recipient = self
            .account
            .sign_recipient(&subject, &key, epoch, &genesis);
        let call = calls::records::rotate(patient, compartment, &recipient);
        self.chain.submit(&self.account, &call).await?;
        self.publish_keyring(&mut keyring).await?;

        let salus = self.salus().await?;
        for (index, row) in salus.all_grants(patient).await? {
            let Scope::Compartments(ids) = &row.grant.scope else {
                continue;
            };
            if !row.active || !row.grant.rights.read() || !ids.contains(&compartment) {
                continue;
            }
            let envelope = keyring.envelope(ids, true)?;
            let content = self
                .deliver(&salus, patient, &row.grant.grantee, &envelope)
                .await?;
            let call = calls::consent::deliver_envelope(patient, index, content);
            self.chain.submit(&self.account, &call).await?;
        }
        Ok(epoch)
    }

    /// Rotates what somebody has a key of who may not read any more.
    pub async fn rotate_due(&self, patient: PatientId) -> Result<u32> {
        let mut rotated = 0;
        for (compartment, view) in self.salus().await?.compartments(patient).await? {
            if view.needs_rotation {
                self.rotate(patient, compartment).await?;
                rotated += 1;
            }
        }
        Ok(rotated)
    }

    /// What a patient's controller has granted.
    pub async fn grants(&self, patient: PatientId) -> Result<Vec<GrantRow>> {
        let keyring = self.keyring(&patient).ok();
        let name = |id: &CompartmentId| {
            let label = keyring.as_ref().and_then(|keyring| keyring.label(id));
            label.map_or_else(|| id.to_string(), ToString::to_string)
        };
        let rows = self.salus().await?.all_grants(patient).await?;
        Ok(rows
            .into_iter()
            .map(|(index, view)| row(patient, index, &view.grant, view.active, &name))
            .collect())
    }

    /// What was granted to this account or its organisation.
    pub async fn received(&self) -> Result<Vec<GrantRow>> {
        let salus = self.salus().await?;
        let rows = salus
            .grants_to(&self.id(), salus_primitives::api::MAX_PAGE)
            .await?;
        let name = |id: &CompartmentId| id.to_string();
        Ok(rows
            .into_iter()
            .map(|(patient, index, view)| row(patient, index, &view.grant, view.active, &name))
            .collect())
    }

    /// Asks a patient for access. The patient alone reads what for.
    pub async fn request(&self, patient: PatientId, ask: &Ask) -> Result<RequestIndex> {
        let salus = self.salus().await?;
        self.member(&salus).await?;
        let key = self.recipient(&salus, Subject::Inbox(patient)).await?;
        let mut letter = Letter::new("Request for access", &ask.text);
        letter.categories = ask.categories.clone();
        letter.sensitivity = ask.sensitivity.clone();
        letter.duration = Some(ask.duration);
        let content = self
            .upload_body(patient, ObjectKind::Letter, &key, &letter.to_json()?)
            .await?;
        let call = calls::consent::request(patient, ask.purpose, ask.duration, content);
        let done = self.chain.submit(&self.account, &call).await?;
        done.number("Consent", "AccessRequested", "request")
    }

    pub async fn requests(&self, patient: PatientId) -> Result<Vec<RequestRow>> {
        let salus = self.salus().await?;
        let now = salus.now().await?;
        let mut rows = Vec::new();
        for (index, request) in salus.all_requests(patient).await? {
            let letter = self.request_letter(patient, index, &request).await.ok();
            rows.push(RequestRow {
                request: index,
                requester: request.requester.to_string(),
                organisation: self.organisation_name(&salus, request.organisation).await?,
                purpose: request.purpose,
                duration: request.duration,
                expires_at: request.expires_at,
                state: match request.state {
                    RequestState::Pending if now >= request.expires_at => "lapsed".into(),
                    RequestState::Pending => "waiting".into(),
                    RequestState::Approved { grant } => format!("approved: grant {grant}"),
                    RequestState::Declined => "declined".into(),
                    RequestState::Withdrawn => "withdrawn".into(),
                },
                letter: letter.map(|letter| LetterView {
                    text: letter.text,
                    categories: letter.categories.iter().map(ToString::to_string).collect(),
                    sensitivity: letter.sensitivity.iter().map(ToString::to_string).collect(),
                }),
            });
        }
        Ok(rows)
    }

    pub(crate) async fn organisation_name(&self, salus: &Salus, number: u32) -> Result<String> {
        Ok(match salus.organisation(number).await? {
            Some(row) => String::from_utf8_lossy(&row.name).into_owned(),
            None => format!("organisation {number}"),
        })
    }

    async fn request_letter(
        &self,
        patient: PatientId,
        index: RequestIndex,
        request: &salus_primitives::Request,
    ) -> Result<Letter> {
        let location = Location::RequestLetter(patient, index);
        let sealed = self
            .body(location, &request.letter, Some(&request.requester), None)
            .await?;
        Letter::open(&self.keyring(&patient)?.inbox_keys(), &sealed)
    }

    /// Approves a request: what it asks for, or less. Sensitive compartments only if named.
    pub async fn approve(
        &self,
        patient: PatientId,
        index: RequestIndex,
        labels: &[Label],
        duration: Option<Moment>,
    ) -> Result<Shared> {
        let request = self
            .salus()
            .await?
            .request(patient, index)
            .await?
            .ok_or(Error::NoRequest(index))?;
        let labels = match labels.is_empty() {
            false => labels.to_vec(),
            true => {
                let letter = self.request_letter(patient, index, &request).await?;
                letter.categories.iter().map(|c| Label::of(*c)).collect()
            }
        };
        self.rotate_due(patient).await?;
        let share = Share {
            with: Grantee::Clinician {
                account: request.requester.clone(),
                organisation: request.organisation,
            },
            labels,
            records: Vec::new(),
            rights: Rights::Read,
            purpose: request.purpose,
            starts_at: None,
            duration: duration.unwrap_or(request.duration),
        };
        let (terms, envelope) = self.prepare_grant(patient, &share).await?;
        let call = calls::consent::approve(patient, index, &terms, envelope);
        let done = self.chain.submit(&self.account, &call).await?;
        Ok(Shared {
            grant: done.number("Consent", "Granted", "grant")?,
            expires_at: terms.expires_at,
        })
    }

    pub async fn decline(&self, patient: PatientId, request: RequestIndex) -> Result<()> {
        self.chain
            .submit(&self.account, &calls::consent::decline(patient, request))
            .await?;
        Ok(())
    }

    pub async fn withdraw(&self, patient: PatientId, request: RequestIndex) -> Result<()> {
        let call = calls::consent::withdraw_request(patient, request);
        self.chain.submit(&self.account, &call).await?;
        Ok(())
    }
}

fn row(
    patient: PatientId,
    grant: GrantIndex,
    row: &salus_primitives::Grant,
    active: bool,
    name: &impl Fn(&CompartmentId) -> String,
) -> GrantRow {
    GrantRow {
        patient: patient.to_string(),
        grant,
        with: match &row.grantee {
            Grantee::Clinician {
                account,
                organisation,
            } => format!("{account} at organisation {organisation}"),
            Grantee::Organisation(organisation) => format!("organisation {organisation}"),
        },
        scope: match &row.scope {
            Scope::Compartments(ids) => ids.iter().map(name).collect(),
            Scope::Records(records) => records.iter().map(|r| format!("record {r}")).collect(),
        },
        rights: row.rights,
        purpose: row.purpose,
        starts_at: row.starts_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        active,
        basis: match &row.basis {
            Basis::Direct => "direct".into(),
            Basis::Request(request) => format!("request {request}"),
            Basis::Emergency(number) => format!("emergency {number}"),
        },
    }
}
