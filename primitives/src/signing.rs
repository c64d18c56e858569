//! What people sign outside of transactions: keys and enrolments.
//!
//! Every payload names its domain and the genesis hash, so that it means nothing anywhere else.
//! Wallets that wrap what they sign in `<Bytes>…</Bytes>` are accepted.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_runtime::{traits::Verify, MultiSignature};

use crate::{
    AccountId, ClinicianRole, CompartmentId, ControllerRole, Genesis, Moment, OrgId, PatientId,
    COMPARTMENTS, DAY, SECOND,
};

/// What the chain keeps of a public key: the key itself, if it has 32 bytes.
///
/// Scheme 1 is reserved for X-Wing, whose keys have 1,216 bytes: the chain will keep the
/// blake2b-256 of the key, and the key lies in a file, so that no row grows with the scheme.
pub type RecipientKey = [u8; 32];

/// `scheme` of an age X25519 recipient: 32 raw bytes.
pub const SCHEME_X25519: u8 = 0;

/// Whom a recipient key belongs to.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub enum Subject {
    #[codec(index = 0)]
    Organisation(OrgId),
    #[codec(index = 1)]
    Account(AccountId),
    #[codec(index = 2)]
    Compartment(PatientId, CompartmentId),
    /// Where letters to a patient go.
    #[codec(index = 3)]
    Inbox(PatientId),
}

/// A public encryption key, signed by its owner over (domain, genesis, subject, scheme, key, epoch),
/// so that neither a node that lies nor a later runtime can slip in another one.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Recipient {
    pub scheme: u8,
    pub key: RecipientKey,
    /// Counts this subject's keys from 0.
    pub epoch: u32,
    pub signature: MultiSignature,
}

impl Recipient {
    /// Returns whether anybody can encrypt to a key of this scheme.
    pub fn is_well_formed(&self) -> bool {
        self.scheme == SCHEME_X25519
    }

    pub fn is_signed_by(&self, signer: &AccountId, genesis: &Genesis, subject: &Subject) -> bool {
        let payload = recipient_payload(genesis, subject, self.scheme, &self.key, self.epoch);
        verify(&self.signature, &payload, signer)
    }
}

/// A recipient as the chain keeps it: with the account whose signature it bears.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct SignedRecipient {
    pub signer: AccountId,
    pub recipient: Recipient,
}

impl SignedRecipient {
    pub fn is_valid(&self, genesis: &Genesis, subject: &Subject) -> bool {
        self.recipient.is_well_formed()
            && self.recipient.is_signed_by(&self.signer, genesis, subject)
    }
}

/// What an owner signs to publish a recipient.
pub fn recipient_payload(
    genesis: &Genesis,
    subject: &Subject,
    scheme: u8,
    key: &[u8],
    epoch: u32,
) -> [u8; 32] {
    sp_io::hashing::blake2_256(
        &(b"salus/recipient/v1", genesis, subject, scheme, key, epoch).encode(),
    )
}

/// The compartments that a patient gets with the enrolment, and their first keys.
///
/// Everybody gets as many, so that their number tells nothing; and one signature stands for all keys,
/// so that a patient takes two rows and not sixty-four.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct CompartmentSet {
    /// Of all keys.
    pub scheme: u8,
    /// In ascending order of the ids, which are pseudo-random: the order tells nothing.
    pub compartments: [(CompartmentId, RecipientKey); COMPARTMENTS as usize],
    pub signature: MultiSignature,
}

impl CompartmentSet {
    pub fn is_well_formed(&self) -> bool {
        self.scheme == SCHEME_X25519
    }

    pub fn is_ascending(&self) -> bool {
        self.compartments
            .is_sorted_by(|(one, _), (next, _)| one < next)
    }

    pub fn is_signed_by(&self, signer: &AccountId, genesis: &Genesis, patient: &PatientId) -> bool {
        let payload = compartments_payload(genesis, patient, self.scheme, &self.compartments);
        verify(&self.signature, &payload, signer)
    }

    /// Returns the first key of a compartment; none if it is not the patient's.
    pub fn key(&self, compartment: &CompartmentId) -> Option<&RecipientKey> {
        let place = self
            .compartments
            .binary_search_by_key(compartment, |(id, _)| *id);
        self.compartments.get(place.ok()?).map(|(_, key)| key)
    }
}

/// What a future controller signs to give a patient's compartments their first keys.
pub fn compartments_payload(
    genesis: &Genesis,
    patient: &PatientId,
    scheme: u8,
    compartments: &[(CompartmentId, RecipientKey); COMPARTMENTS as usize],
) -> [u8; 32] {
    sp_io::hashing::blake2_256(
        &(
            b"salus/compartments/v1",
            genesis,
            patient,
            scheme,
            compartments,
        )
            .encode(),
    )
}

/// A patient's compartments with their first keys, and the account whose signature these bear.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct SignedCompartments {
    pub signer: AccountId,
    pub signed: CompartmentSet,
}

impl SignedCompartments {
    pub fn is_valid(&self, genesis: &Genesis, patient: &PatientId) -> bool {
        self.signed.is_well_formed()
            && self.signed.is_ascending()
            && self.signed.is_signed_by(&self.signer, genesis, patient)
    }
}

/// The future controller's word that this organisation may enrol this patient.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct EnrolmentConsent {
    /// The patient's id is made of it and of who consents: [`PatientId::derive`].
    pub salt: [u8; 16],
    pub expires_at: Moment,
    pub signature: MultiSignature,
}

/// What a future controller signs to be enrolled.
pub fn enrolment_payload(
    genesis: &Genesis,
    organisation: OrgId,
    enroller: &AccountId,
    patient: &PatientId,
    controller: &AccountId,
    salt: &[u8; 16],
    expires_at: Moment,
) -> [u8; 32] {
    sp_io::hashing::blake2_256(
        &(
            b"salus/enrol/v1",
            genesis,
            organisation,
            enroller,
            patient,
            controller,
            salt,
            expires_at,
        )
            .encode(),
    )
}

/// A new owner's word that it takes a patient over: from guardians at majority, or from helpers.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct SuccessionConsent {
    pub expires_at: Moment,
    pub signature: MultiSignature,
}

impl SuccessionConsent {
    pub fn is_signed_by(&self, owner: &AccountId, genesis: &Genesis, patient: &PatientId) -> bool {
        let payload = succession_payload(genesis, patient, owner, self.expires_at);
        verify(&self.signature, &payload, owner)
    }
}

/// What a new owner signs to take a patient over.
pub fn succession_payload(
    genesis: &Genesis,
    patient: &PatientId,
    owner: &AccountId,
    expires_at: Moment,
) -> [u8; 32] {
    sp_io::hashing::blake2_256(&(b"salus/succeed/v1", genesis, patient, owner, expires_at).encode())
}

/// How far the clock of whoever signs may be ahead of the chain's.
pub const CLOCK_SKEW: Moment = 10 * 60 * SECOND;

/// The longest that a word given beforehand counts: one that is found later must be worth nothing.
pub const CONSENT_LASTS: Moment = 30 * DAY;

/// Someone's word that an organisation may credential their account.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct CredentialConsent {
    /// By the signer's clock. A word from before the account last left an organisation is spent.
    pub signed_at: Moment,
    /// At most [`CONSENT_LASTS`] after `signed_at`.
    pub expires_at: Moment,
    pub signature: MultiSignature,
}

impl CredentialConsent {
    pub fn is_signed_by(
        &self,
        account: &AccountId,
        genesis: &Genesis,
        organisation: OrgId,
        role: ClinicianRole,
    ) -> bool {
        let payload = credential_payload(
            genesis,
            organisation,
            account,
            role,
            self.signed_at,
            self.expires_at,
        );
        verify(&self.signature, &payload, account)
    }
}

/// What an account signs to be credentialed.
pub fn credential_payload(
    genesis: &Genesis,
    organisation: OrgId,
    account: &AccountId,
    role: ClinicianRole,
    signed_at: Moment,
    expires_at: Moment,
) -> [u8; 32] {
    sp_io::hashing::blake2_256(
        &(
            b"salus/credential/v1",
            genesis,
            organisation,
            account,
            role,
            signed_at,
            expires_at,
        )
            .encode(),
    )
}

/// Someone's word that they take a role for a patient.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct RoleConsent {
    /// By the signer's clock. A word from before the account last lost a role is spent.
    pub signed_at: Moment,
    /// At most [`CONSENT_LASTS`] after `signed_at`.
    pub expires_at: Moment,
    pub signature: MultiSignature,
}

impl RoleConsent {
    pub fn is_signed_by(
        &self,
        account: &AccountId,
        genesis: &Genesis,
        patient: &PatientId,
        role: ControllerRole,
    ) -> bool {
        let payload = role_payload(
            genesis,
            patient,
            account,
            role,
            self.signed_at,
            self.expires_at,
        );
        verify(&self.signature, &payload, account)
    }
}

/// What an account signs to take a role for a patient.
pub fn role_payload(
    genesis: &Genesis,
    patient: &PatientId,
    account: &AccountId,
    role: ControllerRole,
    signed_at: Moment,
    expires_at: Moment,
) -> [u8; 32] {
    sp_io::hashing::blake2_256(
        &(
            b"salus/role/v1",
            genesis,
            patient,
            account,
            role,
            signed_at,
            expires_at,
        )
            .encode(),
    )
}

/// Verifies a signature over `payload`, or over `payload` as browser wallets wrap it.
pub fn verify(signature: &MultiSignature, payload: &[u8], signer: &AccountId) -> bool {
    if signature.verify(payload, signer) {
        return true;
    }
    let mut wrapped = Vec::with_capacity(payload.len() + 15);
    wrapped.extend_from_slice(b"<Bytes>");
    wrapped.extend_from_slice(payload);
    wrapped.extend_from_slice(b"</Bytes>");
    signature.verify(wrapped.as_slice(), signer)
}
