//! The rows that this pallet alone knows.

use codec::{Decode, Encode, MaxEncodedLen};
use salus_primitives::{Moment, PatientId};
use scale_info::TypeInfo;

/// On whose allowance an account may transact although no organisation credentialed it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Sponsor {
    /// The patient whose allowance the account spends while its role lasts.
    pub patient: PatientId,
    /// The patients that the account has a role for.
    pub patients: u32,
    /// When the last of its roles ends; none if one of them does not end. May be later than the
    /// roles that are left, never earlier.
    pub until: Option<Moment>,
}
