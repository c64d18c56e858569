//! The account key: it signs, and decrypts nothing.

use std::fmt;
use std::str::FromStr;

use codec::Decode;
use rand::{rngs::OsRng, RngCore};
use salus_primitives::{
    signing::{
        compartments_payload, credential_payload, enrolment_payload, recipient_payload,
        role_payload, succession_payload, CredentialConsent, RoleConsent, SCHEME_X25519,
    },
    AccountId, ClinicianRole, CompartmentId, CompartmentSet, ControllerRole, EnrolmentConsent,
    Genesis, Moment, OrgId, PatientId, Recipient, Subject, SuccessionConsent,
};
use sp_core::sr25519;
use sp_runtime::MultiSignature;
use subxt_signer::{
    bip39::{Language, Mnemonic},
    sr25519::Keypair,
    DeriveJunction, SecretUri,
};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{Error, Result};
use crate::files::age::EncryptionKey;

/// Whoever looks for the accounts of a phrase looks so far beyond the last one that was used.
pub const GAP: u32 = 20;

/// Words of a new phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    Twelve,
    TwentyFour,
}

/// An sr25519 key pair, derived from a BIP-39 phrase as polkadot.js does.
///
/// ```
/// let alice = salus_client::keys::AccountKey::from_uri("//Alice").unwrap();
/// assert!(alice.account_hex().starts_with("0xd43593c715fdd31c61141abd04a99fd6"));
/// ```
#[derive(Clone)]
pub struct AccountKey(Keypair);

impl AccountKey {
    /// A new key and the phrase that brings it back: show the phrase once, and store it sealed.
    pub fn generate(words: Words) -> Result<(Zeroizing<String>, Self)> {
        let mut entropy = Zeroizing::new([0u8; 32]);
        OsRng.fill_bytes(entropy.as_mut());
        let entropy = match words {
            Words::Twelve => &entropy[..16],
            Words::TwentyFour => &entropy[..],
        };
        let mnemonic = Mnemonic::from_entropy_in(Language::English, entropy)
            .map_err(|error| Error::Phrase(error.to_string()))?;
        let phrase = Zeroizing::new(mnemonic.to_string());
        let key = Self::from_phrase(&phrase)?;
        Ok((phrase, key))
    }

    /// Upper case and extra spaces do not matter; the checksum does.
    pub fn from_phrase(phrase: &str) -> Result<Self> {
        let phrase = normalized(phrase);
        let count = phrase.split(' ').count();
        if count != 12 && count != 24 {
            return Err(Error::Phrase(format!("it has {count}")));
        }
        // The library's message can quote a word; that word may be part of a secret.
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &phrase)
            .map_err(|_| Error::Phrase("a word is unknown, or the last one does not fit".into()))?;
        Keypair::from_phrase(&mnemonic, None)
            .map(Self)
            .map_err(|_| Error::Phrase("it makes no key".into()))
    }

    /// A phrase with derivation, or a development key such as `//Alice`.
    pub fn from_uri(uri: &str) -> Result<Self> {
        let malformed = || Error::KeyUri("expected //Name, or a phrase with //path".into());
        let uri = SecretUri::from_str(uri).map_err(|_| malformed())?;
        Keypair::from_uri(&uri).map(Self).map_err(|_| malformed())
    }

    /// Derives the account that acts for one patient: `//patient//N`. Nothing on the chain joins it to
    /// any other account of the phrase.
    ///
    /// ```
    /// use salus_client::keys::AccountKey;
    ///
    /// let derived = AccountKey::from_uri("//Alice").unwrap().for_patient(3);
    /// let written = AccountKey::from_uri("//Alice//patient//3").unwrap();
    /// assert_eq!(derived.account(), written.account());
    /// ```
    pub fn for_patient(&self, number: u32) -> Self {
        self.derive("patient", number)
    }

    /// Derives an account that helps one patient to get back in: `//helper//N`.
    pub fn for_helping(&self, number: u32) -> Self {
        self.derive("helper", number)
    }

    fn derive(&self, kind: &str, number: u32) -> Self {
        // As a path is read: what consists of digits is a number of 64 bits.
        let path = [
            DeriveJunction::hard(kind),
            DeriveJunction::hard(u64::from(number)),
        ];
        Self(self.0.derive(path))
    }

    pub fn account(&self) -> AccountId {
        AccountId::new(self.0.public_key().0)
    }

    /// 32 bytes in hexadecimal, with `0x`.
    pub fn account_hex(&self) -> String {
        format!("0x{}", hex::encode(self.0.public_key().0))
    }

    /// sr25519 over the bytes as they are, in the context `substrate`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).0
    }

    pub fn multi_sign(&self, message: &[u8]) -> MultiSignature {
        MultiSignature::Sr25519(sr25519::Signature::from_raw(self.sign(message)))
    }

    /// What subxt signs transactions with.
    pub fn signer(&self) -> &Keypair {
        &self.0
    }

    /// Publishes `key` as the key of `subject`, under this account's signature.
    pub fn sign_recipient(
        &self,
        subject: &Subject,
        key: &EncryptionKey,
        epoch: u32,
        genesis: &Genesis,
    ) -> Recipient {
        let raw = key.raw();
        let payload = recipient_payload(genesis, subject, key.scheme(), raw, epoch);
        Recipient {
            scheme: key.scheme(),
            key: *raw,
            epoch,
            signature: self.multi_sign(&payload),
        }
    }

    /// Publishes the first keys of a patient's compartments, in ascending order of the ids, under one
    /// signature.
    pub fn sign_compartments(
        &self,
        patient: &PatientId,
        keys: &[(CompartmentId, EncryptionKey)],
        genesis: &Genesis,
    ) -> Result<CompartmentSet> {
        let compartments: Vec<_> = keys.iter().map(|(id, key)| (*id, *key.raw())).collect();
        let compartments = compartments.try_into().map_err(|_| {
            Error::Keyring("it does not hold the compartments that every patient has".into())
        })?;
        let payload = compartments_payload(genesis, patient, SCHEME_X25519, &compartments);
        Ok(CompartmentSet {
            scheme: SCHEME_X25519,
            compartments,
            signature: self.multi_sign(&payload),
        })
    }

    /// Signs that `organisation` may enrol this account's patient of this salt: [`PatientId::derive`].
    pub fn sign_enrolment(
        &self,
        organisation: OrgId,
        enroller: &AccountId,
        salt: [u8; 16],
        expires_at: Moment,
        genesis: &Genesis,
    ) -> EnrolmentConsent {
        let controller = self.account();
        let payload = enrolment_payload(
            genesis,
            organisation,
            enroller,
            &PatientId::derive(genesis, &controller, &salt),
            &controller,
            &salt,
            expires_at,
        );
        EnrolmentConsent {
            salt,
            expires_at,
            signature: self.multi_sign(&payload),
        }
    }

    /// This account's word that it takes `patient` over.
    pub fn sign_succession(
        &self,
        patient: &PatientId,
        expires_at: Moment,
        genesis: &Genesis,
    ) -> SuccessionConsent {
        let payload = succession_payload(genesis, patient, &self.account(), expires_at);
        SuccessionConsent {
            expires_at,
            signature: self.multi_sign(&payload),
        }
    }

    /// This account's word that `organisation` may credential it in this role.
    pub fn sign_credential(
        &self,
        organisation: OrgId,
        role: ClinicianRole,
        signed_at: Moment,
        expires_at: Moment,
        genesis: &Genesis,
    ) -> CredentialConsent {
        let account = self.account();
        let payload =
            credential_payload(genesis, organisation, &account, role, signed_at, expires_at);
        CredentialConsent {
            signed_at,
            expires_at,
            signature: self.multi_sign(&payload),
        }
    }

    /// This account's word that it takes this role for `patient`.
    pub fn sign_role(
        &self,
        patient: &PatientId,
        role: ControllerRole,
        signed_at: Moment,
        expires_at: Moment,
        genesis: &Genesis,
    ) -> RoleConsent {
        let account = self.account();
        let payload = role_payload(genesis, patient, &account, role, signed_at, expires_at);
        RoleConsent {
            signed_at,
            expires_at,
            signature: self.multi_sign(&payload),
        }
    }

    /// The signature that a vault exchanges for a token.
    pub fn sign_challenge(&self, challenge: &SessionChallenge) -> [u8; 64] {
        self.sign(challenge.text().as_bytes())
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({})", self.account_hex())
    }
}

/// Lower case, single spaces.
fn normalized(phrase: &str) -> Zeroizing<String> {
    let mut lower = phrase.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let joined = Zeroizing::new(words.join(" "));
    lower.zeroize();
    joined
}

/// What a client composes and signs to log in to a vault. It names the vault, so that no vault can
/// relay it to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionChallenge {
    pub genesis: Genesis,
    /// The organisation that runs the vault.
    pub audience: OrgId,
    /// The vault's base URL.
    pub origin: String,
    pub account: AccountId,
    pub nonce: [u8; 16],
    /// At most five minutes ahead.
    pub expires: Moment,
}

impl SessionChallenge {
    pub fn text(&self) -> String {
        format!(
            "salus-session/v1\ngenesis: 0x{}\naudience: {}\norigin: {}\naccount: 0x{}\nnonce: {}\nexpires: {}",
            hex::encode(self.genesis),
            self.audience,
            self.origin,
            hex::encode(AsRef::<[u8; 32]>::as_ref(&self.account)),
            hex::encode(self.nonce),
            self.expires,
        )
    }
}

/// Returns 16 random bytes, as nonces and the salts of ids are.
pub fn random_16() -> [u8; 16] {
    let mut bytes = [0u8; 16];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// Returns 32 random bytes.
pub fn random_32() -> [u8; 32] {
    let mut bytes = [0u8; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// Reads an account as 32 bytes in hexadecimal or as an SS58 address.
pub fn parse_account(text: &str) -> Result<AccountId> {
    let malformed = || {
        Error::invalid(
            "account",
            "expected 0x and 64 hexadecimal digits, or an SS58 address",
        )
    };
    match text.strip_prefix("0x") {
        Some(digits) => {
            let bytes = hex::decode(digits).map_err(|_| malformed())?;
            match bytes.len() {
                32 => AccountId::decode(&mut &bytes[..]).map_err(|_| malformed()),
                _ => Err(malformed()),
            }
        }
        None => subxt::utils::AccountId32::from_str(text)
            .map(|account| AccountId::new(account.0))
            .map_err(|_| malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::age::DecryptionKey;
    use salus_primitives::{signing, SignedRecipient};

    // From polkadot.js: `new Keyring({type: 'sr25519'}).addFromUri(PHRASE)`; the phrase is Substrate's public development phrase.
    const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
    const ACCOUNT: &str = "0x46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a";

    #[test]
    fn phrases_and_paths_give_the_accounts_of_polkadot_js() {
        assert_eq!(
            AccountKey::from_phrase(PHRASE).unwrap().account_hex(),
            ACCOUNT
        );
        assert_eq!(
            AccountKey::from_uri("//Alice").unwrap().account_hex(),
            "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
        );
        let spaced = PHRASE.to_uppercase().replace(' ', "  ");
        assert_eq!(
            AccountKey::from_phrase(&spaced).unwrap().account_hex(),
            ACCOUNT
        );
    }

    #[test]
    fn accounts_of_patients_and_for_helping_are_those_of_their_paths() {
        use sp_core::Pair;
        let root = AccountKey::from_phrase(PHRASE).unwrap();
        let mut seen = std::collections::BTreeSet::from([root.account()]);
        for number in [0, 1, 2, 20, u32::MAX] {
            let paths = [
                (root.for_patient(number), format!("//patient//{number}")),
                (root.for_helping(number), format!("//helper//{number}")),
            ];
            for (key, path) in paths {
                let uri = format!("{PHRASE}{path}");
                let pair = sr25519::Pair::from_string(&uri, None).unwrap();
                assert_eq!(key.account(), AccountId::from(pair.public()), "{path}");
                assert_eq!(
                    key.account(),
                    AccountKey::from_uri(&uri).unwrap().account(),
                    "{path}"
                );
                assert!(seen.insert(key.account()), "{path} is another one's");
            }
        }
    }

    #[test]
    fn a_generated_phrase_brings_its_key_back() {
        for (words, count) in [(Words::Twelve, 12), (Words::TwentyFour, 24)] {
            let (phrase, key) = AccountKey::generate(words).unwrap();
            assert_eq!(phrase.split(' ').count(), count);
            assert_eq!(
                AccountKey::from_phrase(&phrase).unwrap().account(),
                key.account()
            );
        }
    }

    #[test]
    fn bad_phrases_are_refused_without_quoting_them() {
        let swapped = PHRASE.replace("bottom drive", "drive bottom");
        let misspelt = PHRASE.replace("walk", "walkk");
        for phrase in ["", "bottom", &swapped, &misspelt] {
            let error = AccountKey::from_phrase(phrase).unwrap_err().to_string();
            assert!(error.contains("BIP-39"), "{error}");
            assert!(
                !error.contains("walk") && !error.contains("bottom"),
                "{error}"
            );
        }
        assert!(AccountKey::from_uri("bottom drive//Alice").is_err());
    }

    #[test]
    fn debug_shows_the_account_and_nothing_else() {
        let key = AccountKey::from_uri("//Alice").unwrap();
        assert_eq!(
            format!("{key:?}"),
            format!("AccountKey({})", key.account_hex())
        );
    }

    #[test]
    fn signed_recipients_hold_for_their_subject_chain_and_epoch_only() {
        let alice = AccountKey::from_uri("//Alice").unwrap();
        let genesis = Genesis::repeat_byte(1);
        let subject = Subject::Account(alice.account());
        let key = DecryptionKey::generate().public();
        let recipient = alice.sign_recipient(&subject, &key, 3, &genesis);
        let signed = |recipient: &Recipient| SignedRecipient {
            signer: alice.account(),
            recipient: recipient.clone(),
        };
        assert!(signed(&recipient).is_valid(&genesis, &subject));
        assert!(!signed(&recipient).is_valid(&Genesis::repeat_byte(2), &subject));
        assert!(!signed(&recipient).is_valid(&genesis, &Subject::Organisation(0)));
        let mut other_epoch = recipient.clone();
        other_epoch.epoch = 4;
        assert!(!signed(&other_epoch).is_valid(&genesis, &subject));
        let mut other_key = recipient;
        other_key.key = DecryptionKey::generate()
            .public()
            .raw()
            .to_vec()
            .try_into()
            .unwrap();
        assert!(!signed(&other_key).is_valid(&genesis, &subject));
    }

    #[test]
    fn enrolment_consent_verifies_as_the_chain_does() {
        let owner = AccountKey::from_uri("//Alice").unwrap();
        let clerk = AccountKey::from_uri("//Bob").unwrap().account();
        let genesis = Genesis::repeat_byte(1);
        let patient = PatientId::derive(&genesis, &owner.account(), &[9; 16]);
        let consent = owner.sign_enrolment(2, &clerk, [9; 16], 77, &genesis);
        let payload = |organisation| {
            enrolment_payload(
                &genesis,
                organisation,
                &clerk,
                &patient,
                &owner.account(),
                &[9; 16],
                77,
            )
        };
        assert!(signing::verify(
            &consent.signature,
            &payload(2),
            &owner.account()
        ));
        assert!(!signing::verify(
            &consent.signature,
            &payload(3),
            &owner.account()
        ));
    }

    #[test]
    fn accounts_are_read_from_hexadecimal_and_ss58() {
        let alice = AccountKey::from_uri("//Alice").unwrap();
        assert_eq!(
            parse_account(&alice.account_hex()).unwrap(),
            alice.account()
        );
        assert_eq!(
            parse_account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY").unwrap(),
            alice.account()
        );
        for text in ["", "0x00", "5Grwva", "Alice"] {
            assert!(parse_account(text).is_err(), "{text}");
        }
    }
}
