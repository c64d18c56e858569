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

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
