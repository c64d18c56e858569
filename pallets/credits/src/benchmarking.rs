//! The worst case of each call.

use super::*;
use frame_benchmarking::v2::*;
use frame_support::traits::fungible::Mutate;
use frame_system::RawOrigin;
use salus_primitives::traits::BenchmarkWorld;

/// An account that can offer something, and has another credit to live on.
fn payer<T: Config>(number: u32) -> AccountId {
    let payer = account("payer", number, 0);
    T::Currency::mint_into(&payer, 2).expect("issuance is far from its end; qed");
    payer
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn mint() -> Result<(), BenchmarkError> {
        let origin =
            T::GovernanceOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
        let receiver: AccountId = account("receiver", 0, 0);
        Owed::<T>::insert(&receiver, 3);

        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, receiver.clone(), 5);

        assert_eq!(Pallet::<T>::credits(&receiver).free, 2);
        Ok(())
    }

    #[benchmark]
    fn burn() -> Result<(), BenchmarkError> {
        let origin =
            T::GovernanceOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
        let (patient, _) = T::BenchmarkWorld::patient();
        let payer = payer::<T>(0);
        T::Currency::mint_into(&payer, 2).expect("issuance is far from its end; qed");
        Pallet::<T>::offer(patient, 0, &payer, 2, T::Chain::now()).expect("it can; qed");

        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, payer.clone(), 3);

        assert!(Owed::<T>::contains_key(&payer));
        Ok(())
    }

    #[benchmark]
    fn reclaim() {
        let (patient, _) = T::BenchmarkWorld::patient();
        let payer = payer::<T>(0);
        Pallet::<T>::offer(patient, 0, &payer, 1, T::Chain::now()).expect("it can; qed");
        Owed::<T>::insert(&payer, 1);

        #[extrinsic_call]
        _(RawOrigin::Signed(payer.clone()), patient, 0);

        assert_eq!(Pallet::<T>::credits(&payer).free, 1);
    }

    /// Each offer of another account, which owes as much.
    #[benchmark]
    fn sweep(n: Linear<0, { MAX_SWEEP }>) {
        let (patient, _) = T::BenchmarkWorld::patient();
        for request in 0..n {
            let payer = payer::<T>(request);
            Pallet::<T>::offer(patient, request, &payer, 1, 0).expect("it can; qed");
            Owed::<T>::insert(&payer, 1);
        }
        SweepAt::<T>::put(0);

        #[block]
        {
            Pallet::<T>::do_sweep(n);
        }

        assert_eq!(Offered::<T>::iter().count(), 0);
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder.build(), crate::mock::Test);
}
