//! Worst cases: 7 helpers, as many controllers as a patient can have, and as many recoveries at once
//! as there can be. Signatures are wrapped as browser wallets do: both ways are tried.

use super::*;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::{
    signing::succession_payload,
    traits::{BenchmarkCrowd, BenchmarkKeys, BenchmarkWorld, OnSuccession},
};
use sp_core::H256;

type World<T> = <T as Config>::BenchmarkWorld;

fn helper(number: u32) -> AccountId {
    account("helper", number, 0)
}

fn salt(number: u32) -> H256 {
    H256::repeat_byte(number as u8)
}

/// Each of them can be opened.
fn helpers(patient: PatientId) -> Helpers {
    let mut helpers: Helpers = core::array::from_fn(|number| {
        let number = number as u32;
        commitment::helper(&patient, &salt(number), &helper(number), MIN_THRESHOLD)
    });
    helpers.sort();
    helpers
}

/// A patient with all controllers and a plan, and the account that takes it over.
struct Planned {
    patient: PatientId,
    by: AccountId,
    owner: AccountId,
    consent: SuccessionConsent,
}

fn planned<T: Config>() -> Result<Planned, BenchmarkError> {
    let (patient, by) = World::<T>::patient();
    World::<T>::crowd(patient);
    let (_, owner) = World::<T>::patient();
    let origin = RawOrigin::Signed(by.clone()).into();
    Pallet::<T>::set_plan(origin, patient, helpers(patient), MIN_DELAY)?;
    let expires_at = T::Chain::now().saturating_add(DAY);
    let payload = succession_payload(&T::Chain::genesis(), &patient, &owner, expires_at);
    let wrapped = [b"<Bytes>".as_slice(), &payload, b"</Bytes>"].concat();
    let consent = SuccessionConsent {
        expires_at,
        signature: World::<T>::sign(&owner, &wrapped),
    };
    Ok(Planned {
        patient,
        by,
        owner,
        consent,
    })
}

/// Recoveries to other accounts, a helper behind each, from this one on.
fn others<T: Config>(patient: PatientId, from: u32) {
    for number in from..MAX_HELPERS {
        let recovery = PendingRecovery {
            started_at: T::Chain::now(),
            threshold: MIN_THRESHOLD,
            helpers: BoundedVec::truncate_from(alloc::vec![helper(number)]),
            enough_since: None,
        };
        Recoveries::<T>::insert(patient, account::<AccountId>("other", number, 0), recovery);
    }
}

/// What was announced about the plan a while ago can be carried out.
fn due<T: Config>(patient: PatientId, by: &AccountId, replacement: Option<NewPlan>) {
    let now = T::Chain::now();
    let ending = Ending {
        by: by.clone(),
        announced_at: now.saturating_sub(MIN_DELAY),
        due: now,
        replacement,
    };
    Endings::<T>::insert(patient, ending);
}

/// Helper 0 has started it.
fn started<T: Config>() -> Result<Planned, BenchmarkError> {
    let planned = planned::<T>()?;
    let origin = RawOrigin::Signed(helper(0)).into();
    let (owner, consent) = (planned.owner.clone(), planned.consent.clone());
    Pallet::<T>::start(
        origin,
        planned.patient,
        owner,
        consent,
        salt(0),
        MIN_THRESHOLD,
    )?;
    Ok(planned)
}

#[benchmarks]
mod benchmarks {
    use super::*;

    /// Another plan, announced and due.
    #[benchmark]
    fn set_plan() -> Result<(), BenchmarkError> {
        let Planned { patient, by, .. } = planned::<T>()?;
        let helpers = helpers(patient);
        let new = NewPlan {
            helpers,
            delay: MAX_DELAY,
        };
        due::<T>(patient, &by, Some(new));

        #[extrinsic_call]
        _(RawOrigin::Signed(by), patient, helpers, MAX_DELAY);

        assert_eq!(
            Plans::<T>::get(patient).map(|plan| plan.delay),
            Some(MAX_DELAY)
        );
        Ok(())
    }

    #[benchmark]
    fn remove_plan() -> Result<(), BenchmarkError> {
        let Planned { patient, by, .. } = planned::<T>()?;
        others::<T>(patient, 0);
        due::<T>(patient, &by, None);

        #[extrinsic_call]
        _(RawOrigin::Signed(by), patient);

        assert!(!Plans::<T>::contains_key(patient));
        assert!(Recoveries::<T>::iter_key_prefix(patient).next().is_none());
        Ok(())
    }

    #[benchmark]
    fn complete() -> Result<(), BenchmarkError> {
        let Planned { patient, by, .. } = planned::<T>()?;
        others::<T>(patient, 0);
        due::<T>(patient, &by, None);

        #[extrinsic_call]
        _(RawOrigin::Signed(by), patient);

        assert!(!Plans::<T>::contains_key(patient));
        Ok(())
    }

    #[benchmark]
    fn veto_ending() -> Result<(), BenchmarkError> {
        let Planned { patient, by, .. } = planned::<T>()?;
        due::<T>(patient, &by, None);

        #[extrinsic_call]
        _(RawOrigin::Signed(by), patient);

        assert!(!Endings::<T>::contains_key(patient));
        Ok(())
    }

    #[benchmark]
    fn on_succession() -> Result<(), BenchmarkError> {
        let Planned { patient, by, .. } = planned::<T>()?;
        others::<T>(patient, 0);
        due::<T>(patient, &by, None);

        #[block]
        {
            <Pallet<T> as OnSuccession<AccountId>>::on_succession(patient, &by);
        }

        assert!(!Plans::<T>::contains_key(patient));
        assert!(Recoveries::<T>::iter_key_prefix(patient).next().is_none());
        Ok(())
    }

    #[benchmark]
    fn start() -> Result<(), BenchmarkError> {
        let Planned {
            patient,
            owner,
            consent,
            ..
        } = planned::<T>()?;
        others::<T>(patient, 1);

        #[extrinsic_call]
        _(
            RawOrigin::Signed(helper(0)),
            patient,
            owner.clone(),
            consent,
            salt(0),
            MIN_THRESHOLD,
        );

        assert!(Recoveries::<T>::contains_key(patient, owner));
        Ok(())
    }

    #[benchmark]
    fn approve() -> Result<(), BenchmarkError> {
        let Planned { patient, owner, .. } = started::<T>()?;
        others::<T>(patient, 2);

        #[extrinsic_call]
        _(
            RawOrigin::Signed(helper(1)),
            patient,
            owner.clone(),
            salt(1),
        );

        assert!(Recoveries::<T>::get(patient, owner).is_some_and(|row| row.enough_since.is_some()));
        Ok(())
    }

    /// A helper's second word: the recovery and the plan are read.
    #[benchmark]
    fn invites() -> Result<(), BenchmarkError> {
        let Planned { patient, owner, .. } = started::<T>()?;
        let call = Call::<T>::approve {
            patient,
            owner,
            salt: salt(1),
        };
        let invited;

        #[block]
        {
            invited = Pallet::<T>::invites(&helper(1), &call);
        }

        assert_eq!(invited, Some(patient));
        Ok(())
    }

    #[benchmark]
    fn withdraw() -> Result<(), BenchmarkError> {
        let Planned { patient, owner, .. } = started::<T>()?;
        others::<T>(patient, 1);

        #[extrinsic_call]
        _(RawOrigin::Signed(helper(0)), patient, owner.clone());

        assert!(!Recoveries::<T>::contains_key(patient, owner));
        Ok(())
    }

    #[benchmark]
    fn cancel() -> Result<(), BenchmarkError> {
        let Planned {
            patient, by, owner, ..
        } = started::<T>()?;
        others::<T>(patient, 1);

        #[extrinsic_call]
        _(RawOrigin::Signed(by), patient, owner.clone());

        assert!(!Recoveries::<T>::contains_key(patient, owner));
        Ok(())
    }

    #[benchmark]
    fn finish() -> Result<(), BenchmarkError> {
        let Planned { patient, owner, .. } = started::<T>()?;
        let origin = RawOrigin::Signed(helper(1)).into();
        Pallet::<T>::approve(origin, patient, owner.clone(), salt(1))?;
        Plans::<T>::mutate(patient, |plan| {
            if let Some(plan) = plan {
                plan.delay = 0;
            }
        });
        others::<T>(patient, 2);

        #[extrinsic_call]
        _(RawOrigin::Signed(helper(1)), patient, owner.clone());

        assert!(T::Succession::owns_for_good(&patient, &owner));
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
