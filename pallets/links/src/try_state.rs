use frame_support::ensure;
use salus_primitives::traits::Control;

use crate::{Config, LinksOf, Pallet, MAX_FETCHES};

impl<T: Config> Pallet<T> {
    /// Invariants:
    ///
    /// 1. Links are of enrolled patients.
    /// 2. Their indices ascend, and the next one is beyond them.
    /// 3. Each can be fetched once more at least, and no more often than any.
    pub fn do_try_state() -> Result<(), sp_runtime::TryRuntimeError> {
        for (patient, links) in LinksOf::<T>::iter() {
            ensure!(T::Control::is_enrolled(&patient), "1: no such patient");
            let mut next = 0;
            for link in links.live {
                ensure!(link.index >= next, "2: not ascending");
                next = link.index.saturating_add(1);
                ensure!((1..=MAX_FETCHES).contains(&link.left), "3: impossible");
            }
            ensure!(links.next >= next, "2: used before");
        }
        Ok(())
    }
}
