//! The worst case of each call.

use super::*;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::traits::{BenchmarkErasures, BenchmarkWorld};

#[benchmarks]
mod benchmarks {
    use super::*;

    /// Each record of another patient.
    #[benchmark]
    fn confirm_erasures(n: Linear<1, MAX_ERASURES>) {
        let service = T::BenchmarkWorld::service();
        let erasures: Vec<_> = (0..n).map(|_| T::BenchmarkWorld::erased()).collect();
        let (patient, record) = erasures[erasures.len() - 1];
        let erasures: Erasures = erasures.try_into().expect("n is at most the bound; qed");

        #[extrinsic_call]
        _(RawOrigin::Signed(service), erasures);

        assert_eq!(Pallet::<T>::confirmations(&patient, record, 0, 1).len(), 1);
    }

    #[benchmark]
    fn set_replication() -> Result<(), BenchmarkError> {
        let origin =
            T::GovernanceOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, MAX_REPLICATION);

        assert_eq!(Replication::<T>::get(), MAX_REPLICATION);
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
