//! Worst cases are the only cases.

use frame_benchmarking::v2::*;
use frame_support::traits::EnsureOrigin;

use super::*;

fn governance<T: Config>() -> Result<T::RuntimeOrigin, BenchmarkError> {
    T::GovernanceOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn bar() -> Result<(), BenchmarkError> {
        let origin = governance::<T>()?;

        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, 0);

        assert!(Barred::<T>::contains_key(0));
        Ok(())
    }

    #[benchmark]
    fn readmit() -> Result<(), BenchmarkError> {
        let origin = governance::<T>()?;
        Barred::<T>::insert(0, ());

        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, 0);

        assert!(!Barred::<T>::contains_key(0));
        Ok(())
    }

    /// As many as there are registered validators are gone, but one. What the others cost that have
    /// registered keys, of which a benchmark of this pallet can make none, is reckoned.
    #[benchmark]
    fn revive(g: Linear<0, 127>) -> Result<(), BenchmarkError> {
        let origin =
            T::EnactedOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
        frame_system::Pallet::<T>::set_block_number(2u32.into());
        let mut organisations: Vec<OrgId> = T::Keys::registered()
            .iter()
            .filter_map(T::Standing::administers)
            .collect();
        organisations.pop();
        organisations.truncate(g as usize);
        let gone = BoundedVec::truncate_from(organisations);
        let registered = T::Keys::registered().len();

        #[block]
        {
            // In a world without validators, this is refused when they have been looked through.
            let done = Pallet::<T>::revive(origin, gone, 1u32.into());
            assert!(done.is_ok() || registered == 0);
        }
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
