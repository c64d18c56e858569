//! The rows that this pallet alone knows.

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use salus_primitives::{rows::ENDING_COUNTS, AccountId, ControllerRole, Moment, PatientId};
use scale_info::TypeInfo;

use crate::MAX_CONTROLLERS;

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

/// A patient that is to be handed over, while words are missing or the notice is not over.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct HandOver {
    pub owner: AccountId,
    /// Who has said so.
    pub agreed: BoundedVec<AccountId, ConstU32<MAX_CONTROLLERS>>,
    /// From when it can be completed; none while words are missing.
    pub due: Option<Moment>,
}

/// An owner's role that another owner wants to end.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Removal {
    /// Who announced it.
    pub by: AccountId,
    pub due: Moment,
}

/// A guardian's word for another guardian.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Addition {
    pub account: AccountId,
    pub role: ControllerRole,
    pub expires_at: Option<Moment>,
    /// As long as the consent that the guardian presented.
    pub counts_until: Moment,
}

/// What was announced and never carried out counts for nothing after a while.
fn counts(due: Moment, now: Moment) -> bool {
    now < due.saturating_add(ENDING_COUNTS)
}

impl HandOver {
    pub fn counts(&self, now: Moment) -> bool {
        self.due.is_none_or(|due| counts(due, now))
    }
}

impl Removal {
    pub fn counts(&self, now: Moment) -> bool {
        counts(self.due, now)
    }
}

impl Addition {
    /// Whether it is a word for the same, and still counts.
    pub fn is_for(
        &self,
        account: &AccountId,
        role: ControllerRole,
        expires_at: Option<Moment>,
        now: Moment,
    ) -> bool {
        self.account == *account
            && self.role == role
            && self.expires_at == expires_at
            && now < self.counts_until
    }
}
