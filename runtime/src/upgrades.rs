//! How the council changes the rules: it names the hash of a new runtime.
//!
//! The council has no root, so that no motion can reach into storage. Naming a hash is all it
//! needs: anyone may then submit the code itself with `system.apply_authorized_upgrade`, and
//! everyone has had the time between the two to rebuild it and compare.

pub use pallet::*;

#[frame_support::pallet]
pub mod pallet {
    use frame_support::pallet_prelude::*;
    use frame_system::{pallet_prelude::*, WeightInfo};

    #[pallet::config]
    pub trait Config: frame_system::Config {
        type GovernanceOrigin: EnsureOrigin<Self::RuntimeOrigin>;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Allow the runtime with this hash to replace the present one.
        ///
        /// Only governance. The new runtime must have the same name and a higher version, which
        /// is checked when its code is submitted. Replaces an authorization that was not used.
        ///
        /// Events: `system.UpgradeAuthorized`.
        #[pallet::call_index(0)]
        #[pallet::weight((T::SystemWeightInfo::authorize_upgrade(), DispatchClass::Operational))]
        pub fn authorize(origin: OriginFor<T>, code_hash: T::Hash) -> DispatchResult {
            T::GovernanceOrigin::ensure_origin(origin)?;
            frame_system::Pallet::<T>::do_authorize_upgrade(code_hash, true);
            Ok(())
        }
    }
}
