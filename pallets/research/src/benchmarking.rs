//! The worst case of each call.

use super::*;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::{
    rows::DAY,
    traits::{BenchmarkAdmin, BenchmarkWorld, OnSuccession},
};

type World<T> = <T as Config>::BenchmarkWorld;

fn cid() -> Cid {
    Cid::dag_pb([7; 32])
}

/// A study of the benchmark's organisation that takes two, and its index.
fn announced<T: Config>() -> StudyIndex {
    let study = NextStudy::<T>::get();
    let origin = RawOrigin::Signed(World::<T>::admin()).into();
    let ends_at = T::Chain::now().saturating_add(DAY);
    Pallet::<T>::announce(origin, cid(), 1, 2, ends_at).expect("the admin can; qed");
    study
}

/// A compartment of the patient, and a record in it.
fn filled<T: Config>(patient: PatientId) -> (CompartmentId, RecordIndex) {
    let compartments = World::<T>::compartments(patient);
    let records = World::<T>::records(patient, &compartments[..1], 1);
    (compartments[0], records[0])
}

/// A patient who takes part, and its owner.
fn joined<T: Config>(study: StudyIndex) -> (PatientId, AccountId) {
    let (patient, owner) = World::<T>::patient();
    let (compartment, record) = filled::<T>(patient);
    let origin = RawOrigin::Signed(owner.clone()).into();
    assert!(
        Pallet::<T>::opt_in(origin, study, patient, compartment, record, cid()).is_ok(),
        "the owner can"
    );
    (patient, owner)
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn announce() {
        let admin = World::<T>::admin();
        let ends_at = T::Chain::now().saturating_add(DAY);

        #[extrinsic_call]
        _(RawOrigin::Signed(admin), cid(), 1, 2, ends_at);

        assert_eq!(NextStudy::<T>::get(), 1);
    }

    #[benchmark]
    fn opt_in() {
        let study = announced::<T>();
        let (patient, owner) = World::<T>::patient();
        let (compartment, record) = filled::<T>(patient);

        #[extrinsic_call]
        _(
            RawOrigin::Signed(owner),
            study,
            patient,
            compartment,
            record,
            cid(),
        );

        assert!(Participations::<T>::contains_key(patient));
    }

    #[benchmark]
    fn withdraw() {
        let study = announced::<T>();
        let (patient, owner) = joined::<T>(study);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient);

        let row = Participations::<T>::get(patient).expect("joined; qed");
        assert!(row.withdrawn_at.is_some());
    }

    #[benchmark]
    fn end() {
        let study = announced::<T>();
        joined::<T>(study);

        #[extrinsic_call]
        _(RawOrigin::Signed(World::<T>::admin()), study);

        assert!(Studies::<T>::get(study).is_some_and(|row| row.ended_at.is_some()));
    }

    #[benchmark]
    fn on_succession() {
        let study = announced::<T>();
        let (patient, owner) = joined::<T>(study);

        #[block]
        {
            Pallet::<T>::on_succession(patient, &owner);
        }

        let row = Participations::<T>::get(patient).expect("joined; qed");
        assert!(row.withdrawn_at.is_some());
    }

    /// Everything but the last thing looked at speaks for it: there is no such record.
    #[benchmark]
    fn refused() {
        let study = announced::<T>();
        let (patient, owner) = World::<T>::patient();
        let compartment = World::<T>::compartments(patient)[0];
        let origin = RawOrigin::Signed(owner).into();
        let failure;

        #[block]
        {
            failure =
                Pallet::<T>::opt_in(origin, study, patient, compartment, RecordIndex::MAX, cid());
        }

        assert!(failure.is_err());
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder.build(), crate::mock::Test);
}
