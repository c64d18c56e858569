//! What people do, one file per concern. Command line, tests, and later portal and gateway call
//! these; each returns what happened as plain data.

pub mod corrections;
pub mod identity;
pub mod opening;
pub mod organisation;
pub mod patient;
pub mod records;
pub mod sharing;
pub mod watching;

use salus_primitives::{
    AccountId, Cid, CompartmentId, Member, Moment, ObjectKind, OrgId, PatientId, SignedRecipient,
    Subject,
};

use crate::{
    chain::{Chain, Salus},
    error::{Error, Result},
    files::{
        age::{DecryptionKey, EncryptionKey},
        object::BuiltObject,
        Place,
    },
    keyring::Keyring,
    keys::AccountKey,
    profile::{Profile, Unlocked},
    vault::{streamed, Location, Object, Opened, Reach, Vault},
};

/// Somebody with an unlocked profile and a connection.
pub struct Person {
    pub profile: Profile,
    pub account: AccountKey,
    device: DecryptionKey,
    pub chain: Chain,
    reach: Reach,
    /// A vault to use instead of the one that the chain names.
    vault: Option<String>,
}

impl Person {
    /// Connects to the profile's chain. The first chain seen is remembered, others are refused.
    ///
    /// `node` and `vault` go before what the profile says.
    pub async fn connect(
        profile: Profile,
        unlocked: Unlocked,
        node: Option<String>,
        vault: Option<String>,
    ) -> Result<Self> {
        let config = profile.config()?;
        let node = node.or(config.node).ok_or(Error::NoNode)?;
        let chain = Chain::connect(&node, config.genesis).await?;
        if config.genesis.is_none() {
            let genesis = chain.genesis();
            profile.update_config(|config| {
                config.genesis = Some(genesis);
                config.node.get_or_insert(node);
                Ok(())
            })?;
        }
        let reach = match profile.is_insecure() || is_loopback(chain.url()) {
            true => Reach::Development,
            false => Reach::Public,
        };
        Ok(Self {
            profile,
            account: unlocked.account,
            device: unlocked.device,
            chain,
            reach,
            vault: vault.or(config.vault),
        })
    }

    pub fn id(&self) -> AccountId {
        self.account.account()
    }

    /// The state at the newest finalized block.
    pub async fn salus(&self) -> Result<Salus> {
        Ok(self.chain.salus().await?)
    }

    /// This account's standing as a member, or an error that says how to get one.
    pub async fn member(&self, salus: &Salus) -> Result<Member> {
        salus
            .member(&self.id())
            .await?
            .ok_or_else(|| Error::NotAMember(self.account.account_hex()))
    }

    /// The patient that is meant: the one named, else the profile's only one.
    pub fn patient_or_own(&self, named: Option<PatientId>) -> Result<PatientId> {
        if let Some(patient) = named {
            return Ok(patient);
        }
        if let Some(patient) = self.profile.config()?.patient {
            return patient
                .parse()
                .map_err(|_| Error::WhichPatient(format!("{patient} in config.json is no id")));
        }
        match self.profile.patients()?.as_slice() {
            [patient] => Ok(*patient),
            [] => Err(Error::WhichPatient("this profile has none of its own".into())),
            several => Err(Error::WhichPatient(format!(
                "this profile has {}",
                several.len()
            ))),
        }
    }

    /// The keys of a patient that this profile controls.
    pub fn keyring(&self, patient: &PatientId) -> Result<Keyring> {
        self.profile
            .keyring(patient, &self.device)?
            .ok_or_else(|| Error::NoKeyring(patient.to_string()))
    }

    /// Saves a keyring on this device. The vault's copy follows with [`Person::publish_keyring`].
    pub fn save_keyring(&self, keyring: &mut Keyring) -> Result<()> {
        self.profile.save_keyring(keyring)
    }

    pub fn place(&self, patient: PatientId) -> Place {
        Place::new(self.chain.genesis(), patient, self.id())
    }

    /// The vault that keeps a patient's objects: that of the organisation which enrolled them.
    pub async fn home_vault(&self, patient: PatientId) -> Result<Vault> {
        let salus = self.salus().await?;
        let row = salus
            .patient(patient)
            .await?
            .ok_or_else(|| Error::NotEnrolled(patient.to_string()))?;
        let url = match &self.vault {
            Some(url) => url.clone(),
            None => {
                let organisation = salus
                    .organisation(row.enrolled_by)
                    .await?
                    .ok_or(Error::NoVault(row.enrolled_by))?;
                let url = String::from_utf8_lossy(&organisation.vault_url).into_owned();
                match url.is_empty() {
                    true => return Err(Error::NoVault(row.enrolled_by)),
                    false => url,
                }
            }
        };
        Ok(Vault::new(
            &url,
            row.enrolled_by,
            self.chain.genesis(),
            self.reach,
        )?)
    }

    /// Uploads an object to the patient's vault. Anchor it soon: what the chain does not name is
    /// deleted after a while.
    pub async fn upload(
        &self,
        patient: PatientId,
        object: &BuiltObject,
        progress: Progress<'_>,
    ) -> Result<Cid> {
        let vault = self.home_vault(patient).await?;
        let session = vault.sign_in(&self.account).await?;
        progress.begin("uploading", object.car_len());
        session
            .upload(&object.cid(), || {
                streamed(tokio_util::io::StreamReader::new(Box::pin(
                    object.car_stream(),
                )))
            })
            .await?;
        progress.end();
        Ok(object.cid())
    }

    /// The body of an envelope, letter or keyring, verified but still encrypted.
    pub(crate) async fn body(
        &self,
        location: Location,
        content: &Cid,
        author: Option<&AccountId>,
        opened: Option<Opened>,
    ) -> Result<Vec<u8>> {
        let vault = self.home_vault(location.patient()).await?;
        let session = vault.sign_in(&self.account).await?;
        let object: Object = session.object(location, content, author, opened).await?;
        Ok(object.read(crate::vault::File::Body).await?)
    }

    /// The published key of a subject, checked: its owner's signature, and that the owner is whom
    /// this profile remembers.
    pub async fn recipient(&self, salus: &Salus, subject: Subject) -> Result<EncryptionKey> {
        let found = salus
            .recipient(&subject)
            .await?
            .ok_or_else(|| Error::NoRecipient(describe(&subject)))?;
        self.check_recipient(&subject, &found)?;
        EncryptionKey::from_recipient(&found.recipient)
    }

    pub(crate) fn check_recipient(&self, subject: &Subject, found: &SignedRecipient) -> Result<()> {
        if !found.is_valid(&self.chain.genesis(), subject) {
            return Err(Error::ForgedRecipient(describe(subject)));
        }
        match subject {
            Subject::Account(account) if *account != found.signer => {
                Err(Error::ForgedRecipient(describe(subject)))
            }
            Subject::Account(_) => Ok(()),
            Subject::Organisation(organisation) => self
                .profile
                .update_pins(|pins| pins.check_organisation(*organisation, &found.signer)),
            Subject::Compartment(patient, _) | Subject::Inbox(patient) => self
                .profile
                .update_pins(|pins| pins.check_patient(patient, &found.signer)),
        }
    }

    /// A compartment's present epoch and key, checked.
    pub(crate) async fn compartment_key(
        &self,
        salus: &Salus,
        patient: PatientId,
        compartment: CompartmentId,
    ) -> Result<(u32, EncryptionKey)> {
        let view = salus
            .compartment(patient, compartment)
            .await?
            .ok_or_else(|| Error::UnknownCompartment(compartment.to_string()))?;
        let subject = Subject::Compartment(patient, compartment);
        let found = view
            .recipient
            .ok_or_else(|| Error::NoRecipient(describe(&subject)))?;
        self.check_recipient(&subject, &found)?;
        if found.recipient.epoch != view.compartment.epoch {
            return Err(Error::ForgedRecipient(describe(&subject)));
        }
        Ok((
            view.compartment.epoch,
            EncryptionKey::from_recipient(&found.recipient)?,
        ))
    }

    /// Builds and uploads an envelope, letter or keyring.
    pub(crate) async fn upload_body(
        &self,
        patient: PatientId,
        kind: ObjectKind,
        to: &EncryptionKey,
        body: &[u8],
    ) -> Result<Cid> {
        let to = std::slice::from_ref(to);
        let object = crate::files::object::build_body(&self.place(patient), kind, to, body)?;
        self.upload(patient, &object, Progress::none()).await
    }
}

fn is_loopback(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    })
}

pub(crate) fn describe(subject: &Subject) -> String {
    match subject {
        Subject::Organisation(organisation) => format!("organisation {organisation}"),
        Subject::Account(account) => format!("account {account}"),
        Subject::Compartment(patient, compartment) => {
            format!("compartment {compartment} of patient {patient}")
        }
        Subject::Inbox(patient) => format!("patient {patient}"),
    }
}

/// Who wants to know how far a file is.
#[derive(Clone, Copy)]
pub struct Progress<'a>(Option<&'a dyn Watcher>);

/// Shows progress.
pub trait Watcher: Send + Sync {
    /// `what` begins, of so many bytes.
    fn begin(&self, what: &str, bytes: u64);
    fn advance(&self, bytes: u64);
    fn end(&self);
}

impl<'a> Progress<'a> {
    pub fn none() -> Self {
        Self(None)
    }

    pub fn shown_by(watcher: &'a dyn Watcher) -> Self {
        Self(Some(watcher))
    }

    fn begin(&self, what: &str, bytes: u64) {
        if let Some(watcher) = self.0 {
            watcher.begin(what, bytes);
        }
    }

    fn advance(&self, bytes: u64) {
        if let Some(watcher) = self.0 {
            watcher.advance(bytes);
        }
    }

    fn end(&self) {
        if let Some(watcher) = self.0 {
            watcher.end();
        }
    }
}

/// The computer's clock, as the chain counts.
pub fn now() -> Moment {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|since| since.as_millis() as Moment)
        .unwrap_or_default()
}

/// An organisation's number out of "3".
pub fn parse_organisation(text: &str) -> Option<OrgId> {
    text.parse().ok()
}
