//! The worst case of each call: the patient has as many links as the chain keeps.

use super::*;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::traits::{BenchmarkWorld, OnSuccession};

/// Makes so many links; returns the patient and an owner of it.
fn linked<T: Config>(count: u32) -> Result<(PatientId, AccountId), BenchmarkError> {
    let (patient, owner) = T::BenchmarkWorld::patient();
    let (_, organisation) = T::BenchmarkWorld::clinician();
    let ends_at = T::Chain::now().saturating_add(LINK_LASTS);
    for _ in 0..count {
        let origin = RawOrigin::Signed(owner.clone()).into();
        Pallet::<T>::create(origin, patient, organisation, ends_at, MAX_FETCHES)?;
    }
    Ok((patient, owner))
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn create() -> Result<(), BenchmarkError> {
        let (patient, owner) = linked::<T>(MAX_LINKS - 1)?;
        let (_, organisation) = T::BenchmarkWorld::clinician();
        let ends_at = T::Chain::now().saturating_add(LINK_LASTS);

        #[extrinsic_call]
        _(
            RawOrigin::Signed(owner),
            patient,
            organisation,
            ends_at,
            MAX_FETCHES,
        );

        assert_eq!(Pallet::<T>::links(&patient).len() as u32, MAX_LINKS);
        Ok(())
    }

    #[benchmark]
    fn end() -> Result<(), BenchmarkError> {
        let (patient, owner) = linked::<T>(MAX_LINKS)?;

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, MAX_LINKS - 1);

        assert_eq!(Pallet::<T>::links(&patient).len() as u32, MAX_LINKS - 1);
        Ok(())
    }

    #[benchmark]
    fn fetched() -> Result<(), BenchmarkError> {
        let (patient, _) = linked::<T>(MAX_LINKS)?;
        let service = T::BenchmarkWorld::service();

        #[extrinsic_call]
        _(RawOrigin::Signed(service), patient, MAX_LINKS - 1);

        let links = Pallet::<T>::links(&patient);
        assert_eq!(links[MAX_LINKS as usize - 1].left, MAX_FETCHES - 1);
        Ok(())
    }

    #[benchmark]
    fn on_succession(n: Linear<1, MAX_LINKS>) -> Result<(), BenchmarkError> {
        let (patient, owner) = linked::<T>(n)?;

        #[block]
        {
            <Pallet<T> as OnSuccession<AccountId>>::on_succession(patient, &owner);
        }

        assert!(Pallet::<T>::links(&patient).is_empty());
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
