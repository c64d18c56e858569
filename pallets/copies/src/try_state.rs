use super::*;

impl<T: Config> Pallet<T> {
    /// Invariants:
    ///
    /// 1. There is at least one copy, and at most as many as the runtime allows.
    /// 2. Every confirmation is about a record that is erased.
    /// 3. No confirmation is from the future.
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        ensure!(
            (1..=MAX_REPLICATION).contains(&Replication::<T>::get()),
            "1: impossible number of copies"
        );
        let now = T::Chain::now();
        for ((patient, record, _), at) in Confirmations::<T>::iter() {
            let row = T::Records::record(&patient, record).ok_or("2: no such record")?;
            ensure!(row.is_erased(now), "2: record not erased");
            ensure!(at <= now, "3: confirmed in the future");
        }
        Ok(())
    }
}
