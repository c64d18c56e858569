//! What ties an uploaded object to the patient and author it was made for.
//!
//! A CID is public, so without a binding anyone could name a stranger's ciphertext as their own
//! record, letter or envelope and fetch it "as the owner". Every object is a UnixFS directory that
//! holds its binding in clear; vaults compare it with the chain when storing, serving and copying.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

use crate::{AccountId, Genesis, PatientId};

const DOMAIN: &[u8; 16] = b"salus/binding/v1";

/// The kinds of object a vault keeps, each in a store of its own.
#[derive(
    Clone,
    Copy,
    Debug,
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
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "std", serde(rename_all = "lowercase"))]
pub enum ObjectKind {
    /// `binding`, `manifest.age`, `payload.age`
    #[codec(index = 0)]
    Record,
    /// `binding`, `body.age`: compartment keys for a grantee; `seal.age`: what seals persons under the grant
    #[codec(index = 1)]
    Envelope,
    /// `binding`, `body.age`: words for one reader, with a request or a correction
    #[codec(index = 2)]
    Letter,
    /// `binding`, `body.age`: a patient's own keys
    #[codec(index = 3)]
    Keyring,
}

/// The file `binding` of an object: its inputs, SCALE-encoded, followed by [`Binding::hash`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Binding {
    pub genesis: Genesis,
    pub kind: ObjectKind,
    pub patient: PatientId,
    /// The account that uploads the object and names it on the chain.
    pub author: AccountId,
    pub nonce: [u8; 16],
}

impl Binding {
    /// 32 + 1 + 16 + 32 + 16 bytes of inputs and 32 of hash.
    pub const FILE_LEN: usize = 129;

    /// blake2b-256(domain || genesis || kind || patient || author || nonce), all of fixed width.
    pub fn hash(&self) -> [u8; 32] {
        sp_io::hashing::blake2_256(&(DOMAIN, self).encode())
    }

    pub fn to_file(&self) -> alloc::vec::Vec<u8> {
        let mut file = self.encode();
        file.extend_from_slice(&self.hash());
        file
    }

    /// `None` if the bytes are not a binding, or its hash does not match its inputs.
    pub fn from_file(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::FILE_LEN {
            return None;
        }
        let (inputs, hash) = bytes.split_at(Self::FILE_LEN - 32);
        let binding = Self::decode(&mut &inputs[..]).ok()?;
        (binding.hash() == hash).then_some(binding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_round_trips_and_any_flipped_byte_is_noticed() {
        let binding = Binding {
            genesis: Genesis::repeat_byte(1),
            kind: ObjectKind::Letter,
            patient: PatientId([2; 16]),
            author: AccountId::new([3; 32]),
            nonce: [4; 16],
        };
        let file = binding.to_file();
        assert_eq!(file.len(), Binding::FILE_LEN);
        assert_eq!(Binding::from_file(&file), Some(binding));
        for i in 0..file.len() {
            let mut broken = file.clone();
            broken[i] ^= 1;
            assert_eq!(Binding::from_file(&broken), None, "byte {i}");
        }
        assert_eq!(Binding::from_file(&file[1..]), None);
    }
}
