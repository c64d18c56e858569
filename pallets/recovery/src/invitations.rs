//! Whom the door lets pass although the chain does not know them.

use salus_primitives::{AccountId, PatientId};

use crate::{is_named, is_threshold, Call, Config, Pallet, Plans, Recoveries};

impl<T: Config> Pallet<T> {
    /// Returns the patient who has named this account as a helper, if the call shows it: it opens a
    /// commitment of the plan, or is about a recovery that the account stands behind.
    pub fn invites(account: &AccountId, call: &Call<T>) -> Option<PatientId> {
        let named = |patient: &PatientId, salt, threshold| {
            is_threshold(threshold)
                && Plans::<T>::get(patient)
                    .is_some_and(|plan| is_named(&plan.helpers, patient, salt, account, threshold))
        };
        match call {
            Call::start {
                patient,
                salt,
                threshold,
                ..
            } => named(patient, salt, *threshold).then_some(*patient),
            Call::approve {
                patient,
                owner,
                salt,
            } => {
                let recovery = Recoveries::<T>::get(patient, owner)?;
                named(patient, salt, recovery.threshold).then_some(*patient)
            }
            Call::withdraw { patient, owner } | Call::finish { patient, owner } => {
                let recovery = Recoveries::<T>::get(patient, owner)?;
                recovery.helpers.contains(account).then_some(*patient)
            }
            _ => None,
        }
    }

    /// Whether a helper may make this call without being known to the chain.
    pub fn may_invite(call: &Call<T>) -> bool {
        matches!(
            call,
            Call::start { .. } | Call::approve { .. } | Call::withdraw { .. } | Call::finish { .. }
        )
    }
}
