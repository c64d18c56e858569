//! Identifiers. None of them carries a meaning that could be read off the chain.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;

use crate::AccountId;

/// Milliseconds since the Unix epoch, as `pallet-timestamp` keeps them.
pub type Moment = u64;
pub type BlockNumber = u32;

/// A member of the consortium.
pub type OrgId = u32;
pub type RecordIndex = u32;
pub type GrantIndex = u32;
pub type RequestIndex = u32;
pub type CorrectionIndex = u32;
pub type GlassIndex = u32;
pub type StudyIndex = u32;
pub type LinkIndex = u32;

/// Credits, which only governance mints and burns.
pub type Balance = u128;

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode,
            DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
        )]
        pub struct $name(pub [u8; 16]);

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl core::str::FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let text = text.strip_prefix("0x").unwrap_or(text);
                if text.len() != 32 || !text.is_ascii() {
                    return Err(MalformedId);
                }
                let mut id = [0u8; 16];
                for (i, byte) in id.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16)
                        .map_err(|_| MalformedId)?;
                }
                Ok(Self(id))
            }
        }
    };
}

/// An id is 32 hexadecimal digits, with or without `0x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedId;

impl core::fmt::Display for MalformedId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an id is 32 hexadecimal digits")
    }
}

impl core::error::Error for MalformedId {}

opaque_id! {
    /// A patient: 16 bytes without a meaning, bound to the account that consents to the enrolment:
    /// [`PatientId::derive`]. Not an account; accounts *control* patients.
    PatientId
}

impl PatientId {
    /// Returns the one id under which this account can have a patient enrolled with this salt: the
    /// first 16 bytes of blake2b-256(SCALE("salus/patient/v1", genesis, controller, salt)).
    ///
    /// An id is seen in the pool before it is in a block. Bound to its controller, it is worth
    /// nothing to anybody else. The salt is random, so that an id does not tell the account, and an
    /// account has room for any number of patients.
    pub fn derive(genesis: &Genesis, controller: &AccountId, salt: &[u8; 16]) -> Self {
        let input = (b"salus/patient/v1", genesis, controller, salt).encode();
        let hash = sp_io::hashing::blake2_256(&input);
        let mut id = [0u8; 16];
        id.copy_from_slice(&hash[..16]);
        Self(id)
    }
}

opaque_id! {
    /// A set of a patient's records under one encryption key. Only the patient's app knows its name.
    CompartmentId
}

/// A CIDv1 of the one profile that Salus uses: `dag-pb` or `raw`, sha2-256, 36 bytes.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub struct Cid(pub [u8; 36]);

impl Cid {
    const DAG_PB: u8 = 0x70;
    const RAW: u8 = 0x55;

    /// The CID of a UnixFS directory or of a file of more than one chunk.
    pub fn dag_pb(sha2_256: [u8; 32]) -> Self {
        Self::new(Self::DAG_PB, sha2_256)
    }

    /// The CID of a single raw leaf.
    pub fn raw(sha2_256: [u8; 32]) -> Self {
        Self::new(Self::RAW, sha2_256)
    }

    fn new(codec: u8, sha2_256: [u8; 32]) -> Self {
        let mut bytes = [0u8; 36];
        bytes[..4].copy_from_slice(&[1, codec, 0x12, 0x20]);
        bytes[4..].copy_from_slice(&sha2_256);
        Self(bytes)
    }

    /// Whether these bytes are a CID of the profile at all.
    pub fn is_well_formed(&self) -> bool {
        self.0[0] == 1
            && (self.0[1] == Self::DAG_PB || self.0[1] == Self::RAW)
            && self.0[2..4] == [0x12, 0x20]
    }
}

impl core::fmt::Debug for Cid {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Identifies the chain in every signed payload: the hash of its genesis block.
pub type Genesis = H256;

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with @polkadot/util-crypto; `testdata/vectors/patient.json` has it too.
    #[test]
    fn a_patients_id_is_bound_to_chain_controller_and_salt() {
        let id = |genesis, controller, salt| {
            let controller = AccountId::new([controller; 32]);
            PatientId::derive(&Genesis::repeat_byte(genesis), &controller, &[salt; 16]).to_string()
        };
        assert_eq!(id(0x11, 0x34, 0x44), "d373f1314164ff86daa6ca9f90ebf847");
        assert_eq!(id(0x11, 0x34, 0x45), "c2fb5760d5659a538ac7caf102944d4f");
        assert_eq!(id(0x11, 0x35, 0x44), "99492a3ad4cfa502b6bd758f21ec2ad6");
        assert_eq!(id(0x12, 0x34, 0x44), "05a30aa3f1dac2b93a870fb0d4e52177");
    }
}
