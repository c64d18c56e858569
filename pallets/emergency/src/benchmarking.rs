//! Worst cases: plans that open 32 compartments and have seven holders, a clinician with as many glasses that
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

const SALT: [u8; 32] = [7; 32];

/// A patient with a plan, and an owner of it.
fn planned<T: Config>() -> Result<(PatientId, AccountId), BenchmarkError> {
    planned_for::<T>(|_| Default::default()).map(|(patient, owner, _)| (patient, owner))
}

/// A patient with a plan that opens these compartments, and an owner of it.
fn planned_for<T: Config>(
    opens: impl Fn(PatientId) -> Compartments,
) -> Result<(PatientId, AccountId, Compartments), BenchmarkError> {
    let (patient, owner) = World::<T>::patient();
    let opens = opens(patient);
    Pallet::<T>::set_plan(
        RawOrigin::Signed(owner.clone()).into(),
        patient,
        plan_commitment(&patient, &SALT, &opens),
        holders::<T>(),
        2,
        cid(1),
    )?;
    Ok((patient, owner, opens))
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
    wait_for_another::<T>();
    break_first::<T>(patient)?;
    Ok((patient, owner))
}

fn break_first<T: Config>(patient: PatientId) -> Result<AccountId, BenchmarkError> {
    let (clinician, _) = World::<T>::clinician();
    Pallet::<T>::break_glass(RawOrigin::Signed(clinician.clone()).into(), patient, cid(2))
        .map_err(|failure| failure.error)?;
    Ok(clinician)
}

/// The clinician reveals what the glass, number 0, opens.
fn revealed<T: Config>() -> Result<(PatientId, AccountId), BenchmarkError> {
    let (patient, owner, opens) =
        planned_for::<T>(|patient| compartments::<T>(patient, MAX_SCOPE))?;
    let clinician = RawOrigin::Signed(break_first::<T>(patient)?);
    Pallet::<T>::reveal(clinician.into(), patient, 0, opens, SALT)
        .map_err(|failure| failure.error)?;
    Ok((patient, owner))
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn set_plan() {
        let (patient, owner) = World::<T>::patient();
        let holders = holders::<T>();

        #[extrinsic_call]
        _(
            RawOrigin::Signed(owner),
            patient,
            H256([7; 32]),
            holders,
            MAX_HOLDERS as u8,
            cid(1),
        );

        assert!(Plans::<T>::contains_key(patient));
    }

    /// With a grant of as many compartments as there can be, which ends too.
    #[benchmark]
    fn end_glass() -> Result<(), BenchmarkError> {
        let (patient, owner) = revealed::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, 0);

        assert!(Glasses::<T>::get(patient, 0).is_some_and(|glass| glass.ended_at.is_some()));
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

    /// By a clinician with as much unreviewed as there can be, of an organisation whose queue is long:
    /// all is looked at before it is seen that its day is used up.
    #[benchmark]
    fn break_glass_refused() -> Result<(), BenchmarkError> {
        let (patient, _) = planned::<T>()?;
        let (clinician, organisation) = World::<T>::clinician();
        wait_for_another::<T>();
        let used_up = Daily {
            day: T::Chain::now() / DAY,
            broken: PER_ORGANISATION,
        };
        DailyIn::<T>::insert(organisation, used_up);
        let clinician: T::RuntimeOrigin = RawOrigin::Signed(clinician).into();
        let result;

        #[block]
        {
            result = Pallet::<T>::break_glass(clinician, patient, cid(2));
        }

        assert!(result.is_err());
        assert!(!Glasses::<T>::contains_key(patient, 0));
        Ok(())
    }

    #[benchmark]
    fn reveal(c: Linear<1, { MAX_SCOPE }>) -> Result<(), BenchmarkError> {
        let (patient, _, opens) = planned_for::<T>(|patient| compartments::<T>(patient, c))?;
        let clinician = break_first::<T>(patient)?;

        #[extrinsic_call]
        _(RawOrigin::Signed(clinician), patient, 0, opens, SALT);

        assert!(Glasses::<T>::get(patient, 0).is_some_and(|glass| glass.grant.is_some()));
        Ok(())
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
