//! Worst cases: plans of 32 compartments and seven holders, a clinician with as many glasses that
//! wait for review as there can be, and the review that bars.

use super::*;
use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::traits::{BenchmarkAdmin, BenchmarkEmergencies, BenchmarkWorld};
use sp_runtime::traits::{BlakeTwo256, Hash};

type World<T> = <T as Config>::BenchmarkWorld;

fn cid(n: u8) -> Cid {
    Cid::dag_pb([n; 32])
}

fn compartments<T: Config>(patient: PatientId, count: u32) -> Compartments {
    let mut opened = World::<T>::compartments(patient);
    opened.truncate(count as usize);
    opened.try_into().expect("within the bound; qed")
}

fn holders<T: Config>() -> Holders {
    let holders: Vec<_> = World::<T>::organisations(MAX_HOLDERS)
        .into_iter()
        .map(|organisation| ShareHolder {
            organisation,
            share: BlakeTwo256::hash_of(&organisation),
        })
        .collect();
    holders.try_into().expect("as many as the bound; qed")
}

/// A patient with a plan, and an owner of it.
fn planned<T: Config>() -> Result<(PatientId, AccountId), BenchmarkError> {
    let (patient, owner) = World::<T>::patient();
    Pallet::<T>::set_plan(
        RawOrigin::Signed(owner.clone()).into(),
        patient,
        compartments::<T>(patient, MAX_SCOPE),
        holders::<T>(),
        2,
        cid(1),
    )
    .map_err(|failure| failure.error)?;
    Ok((patient, owner))
}

/// So many glasses of somebody else's patient wait for review.
fn wait<T: Config>(count: u32, due_at: Moment) {
    let (clinician, organisation) = World::<T>::clinician();
    let patient = PatientId([0xee; 16]);
    let entries: Vec<_> = (0..count)
        .map(|glass| Unreviewed {
            patient,
            glass,
            organisation,
            due_at,
        })
        .collect();
    for glass in 0..count {
        ToReview::<T>::insert(organisation, place(due_at, patient, glass), ());
    }
    let entries: Waiting = entries.try_into().expect("within the bound; qed");
    UnreviewedOf::<T>::insert(clinician, entries);
}

/// As many as may beside another, and none of them overdue.
fn wait_for_another<T: Config>() {
    let due_at = T::Chain::now().saturating_add(REVIEW_WITHIN);
    wait::<T>(MAX_UNREVIEWED - 1, due_at);
}

/// The clinician breaks the glass, number 0, beside as many others as may wait.
fn broken<T: Config>() -> Result<(PatientId, AccountId), BenchmarkError> {
    let (patient, owner) = planned::<T>()?;
    let (clinician, _) = World::<T>::clinician();
    wait_for_another::<T>();
    Pallet::<T>::break_glass(RawOrigin::Signed(clinician).into(), patient, cid(2))
        .map_err(|failure| failure.error)?;
    Ok((patient, owner))
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn set_plan(c: Linear<1, { MAX_SCOPE }>) {
        let (patient, owner) = World::<T>::patient();
        let compartments = compartments::<T>(patient, c);
        let holders = holders::<T>();

        #[extrinsic_call]
        _(
            RawOrigin::Signed(owner),
            patient,
            compartments,
            holders,
            MAX_HOLDERS as u8,
            cid(1),
        );

        assert!(Plans::<T>::contains_key(patient));
    }

    #[benchmark]
    fn remove_plan() -> Result<(), BenchmarkError> {
        let (patient, owner) = planned::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient);

        assert!(!Plans::<T>::contains_key(patient));
        Ok(())
    }

    #[benchmark]
    fn break_glass() -> Result<(), BenchmarkError> {
        let (patient, _) = planned::<T>()?;
        let (clinician, _) = World::<T>::clinician();
        wait_for_another::<T>();

        #[extrinsic_call]
        _(RawOrigin::Signed(clinician), patient, cid(2));

        assert!(Glasses::<T>::contains_key(patient, 0));
        Ok(())
    }

    /// By a clinician with as much unreviewed as there can be, of an organisation whose queue is
    /// long: all is looked at before it is seen that nothing opens, because each compartment of the
    /// plan was closed; without any, because there is no plan.
    #[benchmark]
    fn break_glass_refused(c: Linear<0, { MAX_SCOPE }>) {
        let (patient, _) = World::<T>::patient();
        let (clinician, organisation) = World::<T>::clinician();
        wait_for_another::<T>();
        if c > 0 {
            let closed: Vec<_> = (0..c)
                .map(|n| CompartmentId([0xc0 | n as u8; 16]))
                .collect();
            Plans::<T>::insert(
                patient,
                EmergencyPlan {
                    compartments: closed.try_into().expect("within the bound; qed"),
                    holders: holders::<T>(),
                    threshold: 2,
                    package: cid(1),
                    set_at: 0,
                },
            );
        }

        #[extrinsic_call]
        break_glass(RawOrigin::Signed(clinician), patient, cid(2));

        assert_eq!(DailyIn::<T>::get(organisation).refused, 1);
        assert!(!Glasses::<T>::contains_key(patient, 0));
    }

    #[benchmark]
    fn review() -> Result<(), BenchmarkError> {
        let (patient, _) = broken::<T>()?;
        let (clinician, _) = World::<T>::clinician();
        let moments = [T::Chain::now(); UNJUSTIFIED_MOST as usize - 1];
        Unjustified::<T>::insert(&clinician, Strikes::truncate_from(moments.to_vec()));

        #[extrinsic_call]
        _(RawOrigin::Signed(World::<T>::admin()), patient, 0, false);

        assert!(Barred::<T>::contains_key(clinician));
        Ok(())
    }

    #[benchmark]
    fn dispute() -> Result<(), BenchmarkError> {
        let (patient, owner) = broken::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, 0, cid(3));

        assert!(Glasses::<T>::get(patient, 0).is_some_and(|glass| glass.dispute.is_some()));
        Ok(())
    }

    #[benchmark]
    fn readmit(g: Linear<0, { MAX_UNREVIEWED }>) -> Result<(), BenchmarkError> {
        let governance = T::GovernanceOrigin::try_successful_origin()
            .map_err(|_| BenchmarkError::Stop("no governance origin"))?;
        let (clinician, organisation) = World::<T>::clinician();
        Barred::<T>::insert(&clinician, 0);
        wait::<T>(g, 0);

        #[extrinsic_call]
        _(governance as T::RuntimeOrigin, clinician.clone());

        assert!(!Barred::<T>::contains_key(&clinician));
        assert!(!UnreviewedOf::<T>::contains_key(&clinician));
        for glass in 0..g {
            let last = place(PASSED_OVER, PatientId([0xee; 16]), glass);
            assert!(ToReview::<T>::contains_key(organisation, last));
        }
        Ok(())
    }

    #[benchmark]
    fn on_succession() -> Result<(), BenchmarkError> {
        let (patient, owner) = planned::<T>()?;

        #[block]
        {
            <Pallet<T> as OnSuccession<AccountId>>::on_succession(patient, &owner);
        }

        assert!(!Plans::<T>::contains_key(patient));
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder.build(), crate::mock::Test);
}
