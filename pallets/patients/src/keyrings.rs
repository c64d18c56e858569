//! The keyring, and those it replaced: kept for a while, so that whoever changed it for the worse
//! has destroyed nothing.

use alloc::vec::Vec;
use frame_support::ensure;
use salus_primitives::{
    rows::UNNAMING_WAITS,
    traits::{Chain, RecoveryPlans},
    AccountId, Cid, FormerKeyring, Moment, PatientId,
};
use sp_runtime::DispatchError;

use crate::{
    Config, Error, Event, FormerKeyringCount, FormerKeyrings, Pallet, Patients, KEYRINGS_PRUNED,
    KEYRINGS_RESERVED, MAX_FORMER_KEYRINGS,
};

impl<T: Config> Pallet<T> {
    /// Names another keyring. Returns how many former ones it had to look at.
    pub(crate) fn change_keyring(
        who: AccountId,
        patient: PatientId,
        keyring: Cid,
    ) -> Result<u32, DispatchError> {
        let (actor, row) = Self::ensure_decides_for(who, patient)?;
        ensure!(keyring.is_well_formed(), Error::<T>::InvalidCid);
        let grows = row.keyring.is_some_and(|present| present != keyring)
            && !FormerKeyrings::<T>::contains_key(patient, keyring);
        let walked = if grows {
            Self::make_room(patient, row.enrolled_at, row.decided_since)?
        } else {
            0
        };

        Self::name(patient, &actor, keyring);
        Self::deposit(
            patient,
            Event::KeyringChanged {
                patient,
                actor,
                keyring,
            },
        );
        Ok(walked)
    }

    /// Names a former keyring again, in exchange for the present one: as many are left as before.
    pub(crate) fn bring_keyring_back(
        who: AccountId,
        patient: PatientId,
        keyring: Cid,
    ) -> Result<(), DispatchError> {
        let (actor, _) = Self::ensure_decides_for(who, patient)?;
        ensure!(
            FormerKeyrings::<T>::get(patient, keyring)
                .is_some_and(|former| Self::is_kept(&patient, former.until)),
            Error::<T>::NotKept
        );

        Self::name(patient, &actor, keyring);
        Self::deposit(
            patient,
            Event::KeyringRestored {
                patient,
                actor,
                keyring,
            },
        );
        Ok(())
    }

    /// Whether vaults still keep a file that was unnamed, and would be deleted at `until`.
    pub(crate) fn is_kept(patient: &PatientId, until: Moment) -> bool {
        T::Chain::now() < T::RecoveryPlans::not_before(patient, until)
    }

    /// Makes `keyring` the present one, and what was present a former one.
    fn name(patient: PatientId, actor: &AccountId, keyring: Cid) {
        let mut count = FormerKeyringCount::<T>::get(patient);
        let former = Patients::<T>::mutate(patient, |row| {
            row.as_mut().and_then(|row| row.keyring.replace(keyring))
        });
        if FormerKeyrings::<T>::take(patient, keyring).is_some() {
            count = count.saturating_sub(1);
        }
        if let Some(former) = former.filter(|former| *former != keyring) {
            let row = FormerKeyring {
                until: T::Chain::now().saturating_add(UNNAMING_WAITS),
                replaced_by: actor.clone(),
            };
            FormerKeyrings::<T>::insert(patient, former, row);
            count = count.saturating_add(1);
        }
        FormerKeyringCount::<T>::insert(patient, count);
    }

    /// Sees to it that one more former keyring can be kept: at the limit, the oldest go that are
    /// kept no more. Returns how many it looked at.
    fn make_room(
        patient: PatientId,
        enrolled_at: Moment,
        decided_since: Moment,
    ) -> Result<u32, DispatchError> {
        let now = T::Chain::now();
        // Who took the patient over finds room, even if whoever decided before has left none.
        let took_over = decided_since > enrolled_at
            && now < decided_since.saturating_add(UNNAMING_WAITS.saturating_mul(2));
        let reserved = if took_over { KEYRINGS_RESERVED } else { 0 };
        let limit = MAX_FORMER_KEYRINGS.saturating_add(reserved);
        let count = FormerKeyringCount::<T>::get(patient);
        if count < limit {
            return Ok(0);
        }

        let mut over: Vec<(Moment, Cid)> = FormerKeyrings::<T>::iter_prefix(patient)
            .map(|(keyring, former)| (former.until, keyring))
            .filter(|(until, _)| *until <= now)
            .collect();
        over.sort_by_key(|(until, _)| *until);
        over.truncate(KEYRINGS_PRUNED as usize);
        // What falls due later is never put off for less long.
        let gone = over.partition_point(|(until, _)| !Self::is_kept(&patient, *until));
        let left = count.saturating_sub(gone as u32);
        ensure!(left < limit, Error::<T>::TooManyKeyrings);
        for (_, keyring) in over.into_iter().take(gone) {
            FormerKeyrings::<T>::remove(patient, keyring);
        }
        FormerKeyringCount::<T>::insert(patient, left);
        Ok(count)
    }
}
