//! What `pallet-session` and `pallet-offences` ask.

use alloc::vec::Vec;
use core::marker::PhantomData;
use frame_support::{
    traits::{EstimateNextSessionRotation, Get},
    weights::Weight,
};
use frame_system::pallet_prelude::BlockNumberFor;
use pallet_session::{historical, ShouldEndSession};
use salus_primitives::{traits::Standing, AccountId, OrgId};
use sp_runtime::{
    traits::{Convert, Zero},
    Perbill, Permill,
};
use sp_staking::{
    offence::{OffenceDetails, OnOffenceHandler},
    SessionIndex,
};

use crate::{Config, Pallet};

impl<T: Config> pallet_session::SessionManager<AccountId> for Pallet<T> {
    fn new_session(_: SessionIndex) -> Option<Vec<AccountId>> {
        let next = Self::next_validators()?;
        Some(next.into_iter().map(|(account, _)| account).collect())
    }

    fn start_session(_: SessionIndex) {}

    fn end_session(_: SessionIndex) {
        Self::restart_finality();
    }
}

impl<T: Config> historical::SessionManager<AccountId, OrgId> for Pallet<T> {
    fn new_session(_: SessionIndex) -> Option<Vec<(AccountId, OrgId)>> {
        Self::next_validators()
    }

    fn start_session(_: SessionIndex) {}

    fn end_session(_: SessionIndex) {
        Self::restart_finality();
    }
}

/// The organisation that answers for a validator, whether it is in good standing or not: what its
/// validator does until the session ends is reported all the same.
pub struct OrganisationOf<T>(PhantomData<T>);

impl<T: Config> Convert<AccountId, Option<OrgId>> for OrganisationOf<T> {
    fn convert(account: AccountId) -> Option<OrgId> {
        T::Standing::administers(&account)
    }
}

impl<T: Config> ShouldEndSession<BlockNumberFor<T>> for Pallet<T> {
    fn should_end_session(now: BlockNumberFor<T>) -> bool {
        (now % Self::session_length()).is_zero()
    }
}

impl<T: Config> EstimateNextSessionRotation<BlockNumberFor<T>> for Pallet<T> {
    fn average_session_length() -> BlockNumberFor<T> {
        Self::session_length()
    }

    fn estimate_current_session_progress(now: BlockNumberFor<T>) -> (Option<Permill>, Weight) {
        let length = Self::session_length();
        let progress = Permill::from_rational(now % length, length);
        (Some(progress), T::DbWeight::get().reads(1))
    }

    fn estimate_next_session_rotation(
        now: BlockNumberFor<T>,
    ) -> (Option<BlockNumberFor<T>>, Weight) {
        let length = Self::session_length();
        let next = now - now % length + length;
        (Some(next), T::DbWeight::get().reads(1))
    }
}

impl<T: Config> OnOffenceHandler<AccountId, (AccountId, OrgId), Weight> for Pallet<T> {
    fn on_offence(
        offenders: &[OffenceDetails<AccountId, (AccountId, OrgId)>],
        _: &[Perbill],
        _: SessionIndex,
    ) -> Weight {
        for offence in offenders {
            let (_, organisation) = offence.offender;
            Self::do_bar(organisation);
        }
        T::DbWeight::get().reads_writes(offenders.len() as u64, offenders.len() as u64)
    }
}
