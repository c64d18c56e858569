//! A patient is taken over by a new account: a grown-up from guardians, or an owner's new phone with
//! the helpers' word.

use codec::{Decode, Encode};
use salus_primitives::{
    signing::{succession_payload, verify},
    AccountId, ControllerRole, Genesis, Moment, PatientId, Recipient, SignedRecipient, Subject,
    SuccessionConsent,
};
use serde::{Deserialize, Serialize};
use sp_crypto_hashing::blake2_256;

use super::identity::{
    back_up, current_keyring, fetch_keyring, rotate_all, save_keyring, RotatedKeyring,
};
use super::patient::PatientChanged;
use super::{Client, Receipt};
use crate::chain::calls;
use crate::error::{Error, Result};
use crate::files::age::EncryptionKey;
use crate::keyring::Keyring;
use crate::keys::parse_account;
use crate::profile::Unlocked;

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

/// Signs that this account takes the patient over, if others make it the owner before `expires_at`.
/// Needs no network.
pub fn request(
    unlocked: &Unlocked,
    genesis: Genesis,
    patient: PatientId,
    expires_at: Moment,
) -> Result<(RequestFile, Requested)> {
    let key = &unlocked.account;
    let file = RequestFile {
        version: VERSION,
        genesis,
        patient: patient.to_string(),
        owner: key.account().to_string(),
        device: signed_device(unlocked, &genesis),
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

/// This device's key under its account's signature, for files that go by hand.
pub(super) fn signed_device(unlocked: &Unlocked, genesis: &Genesis) -> String {
    let key = &unlocked.account;
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
    /// Whether it is done; else another guardian's word is missing.
    pub done: bool,
    #[serde(flatten)]
    pub receipt: Receipt,
}

/// A guardian's word that the grown-up is to be the only one who decides; opens the keyring to their
/// device. With the last guardian's word every other role ends, the signer's own too.
pub async fn hand_over(client: &Client, file: &RequestFile) -> Result<HandedOver> {
    let request = file.verify(&client.chain.genesis())?;
    let patient = request.patient;
    // Before the role ends: afterwards nobody could give the grown-up the keys.
    let mut keyring = current_keyring(client, patient).await?;
    let name = format!("owner {}", request.owner);
    let key = request.device.to_string();
    let is_new = !keyring.holders().iter().any(|holder| holder.key == key);
    if is_new {
        keyring.add_holder(&name, &request.device)?;
    }
    client.profile.save_keyring(&mut keyring)?;
    let done = match save_keyring(client, &keyring).await {
        Ok(_) => {
            let call = calls::patients::hand_over(patient, &request.owner, &request.consent);
            client.submit(&call).await
        }
        Err(error) => Err(error),
    };
    if done.is_err() && is_new {
        keyring.remove_holder(&name)?;
        client.profile.save_keyring(&mut keyring)?;
        back_up(client, &keyring).await;
    }
    let submitted = done?;
    Ok(HandedOver {
        patient: patient.to_string(),
        owner: request.owner.to_string(),
        done: submitted.event("Patients", "HandedOver").is_some(),
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
    /// Devices and keys that open the keyring no longer.
    pub shut_out: Vec<String>,
}

/// The grown-up, once the guardian has handed over: fetches the keys, and makes all of them anew.
pub async fn take_over(client: &Client, patient: PatientId) -> Result<TakenOver> {
    ensure_owner(client, patient).await?;
    fetch_keyring(client, patient).await?;
    settle(client, client.keyring(patient)?).await
}

pub(super) async fn ensure_owner(client: &Client, patient: PatientId) -> Result<()> {
    let role = client
        .salus()
        .await?
        .controller(patient, &client.me())
        .await?;
    match role.is_some_and(|row| row.role == ControllerRole::Owner) {
        true => Ok(()),
        false => Err(Error::NotPermitted(format!(
            "this account is not the owner of patient {patient}: that comes first, by `salus recovery finish` or a guardian's `salus patient hand-over`"
        ))),
    }
}

/// Makes this device the only holder, and every key anew: what those before know opens nothing that
/// comes from now on.
pub(super) async fn settle(client: &Client, mut keyring: Keyring) -> Result<TakenOver> {
    let patient = keyring.patient();
    let device = client.device.public();
    let shut_out = keyring
        .holders()
        .iter()
        .filter(|holder| holder.key != device.to_string())
        .map(|holder| holder.name.clone())
        .collect();
    keyring.hold_alone(DEVICE, &device);
    client.profile.save_keyring(&mut keyring)?;
    client.profile.update_pins(|pins| {
        pins.confirm_patient(&patient, &client.me());
        Ok(())
    })?;
    save_keyring(client, &keyring).await?;
    let keys = rotate_all(client, patient).await?;
    let redelivered: std::collections::BTreeSet<_> = keys
        .rotated
        .iter()
        .flat_map(|rotated| rotated.redelivered.iter().copied())
        .collect();
    Ok(TakenOver {
        keys,
        redelivered: redelivered.len(),
        shut_out,
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
    use super::*;
    use crate::files::age::DecryptionKey;
    use crate::keys::AccountKey;

    const PATIENT: PatientId = PatientId([7; 16]);

    fn person(uri: &str) -> Unlocked {
        Unlocked {
            account: AccountKey::from_uri(uri).unwrap(),
            device: DecryptionKey::generate(),
        }
    }

    #[test]
    fn a_request_reads_back_and_holds_on_its_chain_only() {
        let genesis = Genesis::repeat_byte(3);
        let phone = person("//Alice");
        let (file, requested) = request(&phone, genesis, PATIENT, 77).unwrap();
        let back = RequestFile::from_json(&file.to_json().unwrap()).unwrap();
        let read = back.verify(&genesis).unwrap();
        assert_eq!(read.owner, phone.account.account());
        assert_eq!(read.device, phone.device.public());
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
        let (file, requested) = request(&person("//Alice"), genesis, PATIENT, 77).unwrap();
        let (foreign, other) = request(&person("//Bob"), genesis, PATIENT, 77).unwrap();
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
