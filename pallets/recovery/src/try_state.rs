use super::*;

impl<T: Config> Pallet<T> {
    /// Invariants:
    ///
    /// 1. A plan is of an enrolled patient, its commitments are in ascending order, and its delay is
    ///    within bounds.
    /// 2. A recovery is of a patient with a plan, somebody stands behind it, and it takes a number of
    ///    helpers that there can be.
    /// 3. Each helper stands behind one recovery of a patient, once.
    /// 4. A recovery's delay has begun if and only if enough helpers stand behind it.
    /// 5. What is to become of a plan is announced before it is due; without a plan, only that there is
    ///    to be one.
    /// 6. The last recovery of a patient began before it succeeded.
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        for (patient, plan) in Plans::<T>::iter() {
            ensure!(
                T::Control::is_enrolled(&patient)
                    && is_ascending(&plan.helpers)
                    && (MIN_DELAY..=MAX_DELAY).contains(&plan.delay),
                "1: not a plan"
            );
            let mut standing = Vec::new();
            for recovery in Recoveries::<T>::iter_prefix_values(patient) {
                for account in &recovery.helpers {
                    ensure!(!standing.contains(account), "3: stands behind two");
                    standing.push(account.clone());
                }
                ensure!(
                    recovery.enough_since.is_some() == is_enough(&recovery),
                    "4: a delay too early or not at all"
                );
            }
            ensure!(standing.len() <= plan.helpers.len(), "3: too many");
        }
        for (patient, _, recovery) in Recoveries::<T>::iter() {
            ensure!(Plans::<T>::contains_key(patient), "2: without a plan");
            ensure!(
                !recovery.helpers.is_empty() && is_threshold(recovery.threshold),
                "2: nobody stands behind it"
            );
        }
        for (patient, ending) in Endings::<T>::iter() {
            ensure!(
                ending.announced_at < ending.due
                    && match &ending.replacement {
                        Some(new) => is_ascending(&new.helpers),
                        None => Plans::<T>::contains_key(patient),
                    },
                "5: an end of nothing"
            );
        }
        for last in LastRecoveries::<T>::iter_values() {
            ensure!(last.started_at <= last.finished_at, "6: not a recovery");
        }
        Ok(())
    }
}
