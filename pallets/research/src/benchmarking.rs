//! The worst case of each call: a patient that takes part in as many studies as it can.

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

/// A patient that takes part in so many studies, and its owner.
fn joined_all<T: Config>(count: u32) -> (PatientId, AccountId) {
    let (patient, owner) = World::<T>::patient();
    let (compartment, record) = filled::<T>(patient);
    for _ in 0..count {
        let study = announced::<T>();
        let origin = RawOrigin::Signed(owner.clone()).into();
        assert!(
            Pallet::<T>::opt_in(origin, study, patient, compartment, record, cid()).is_ok(),
            "the owner can"
        );
    }
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
        let (patient, owner) = joined_all::<T>(MAX_STUDIES.saturating_sub(1));
        let study = announced::<T>();
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

        assert!(Participations::<T>::contains_key(study, patient));
    }

    #[benchmark]
    fn withdraw() {
        let (patient, owner) = joined_all::<T>(MAX_STUDIES);
        let study = NextStudy::<T>::get().saturating_sub(1);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), study, patient);

        let row = Participations::<T>::get(study, patient).expect("joined; qed");
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
    fn on_succession(n: Linear<0, { MAX_STUDIES }>) {
        let (patient, owner) = joined_all::<T>(n);

        #[block]
        {
            Pallet::<T>::on_succession(patient, &owner);
        }

        assert!(Participations::<T>::iter_values().all(|row| row.withdrawn_at.is_some()));
        assert!(!Participating::<T>::contains_key(patient));
    }

    /// Everything but the last thing looked at speaks for it: there is no such record.
    #[benchmark]
    fn refused() {
        let (patient, owner) = joined_all::<T>(MAX_STUDIES.saturating_sub(1));
        let study = announced::<T>();
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
