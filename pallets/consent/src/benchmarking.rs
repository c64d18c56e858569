//! Worst cases: scopes of 32 compartments, with a look at as many records, which a scope of records
//! costs instead; 15 lapsed requests to clear away, a first grant (which
//! also sets the sweep going), a sweep of grants that have all expired, each of another patient with
//! the keys of as many compartments out as there can be. Something is offered for each answer. All
//! grants let write.

use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::{
    hours::over_at,
    rows::{DAY, MAX_SCOPE},
    traits::{BenchmarkWorld, OnSuccession},
    CompartmentId, COMPARTMENTS,
};

use super::*;

type World<T> = <T as Config>::BenchmarkWorld;

fn cid() -> Cid {
    Cid::dag_pb([7; 32])
}

fn terms<T: Config>(patient: PatientId, scope: u32) -> GrantTerms {
    let (account, organisation) = World::<T>::clinician();
    let mut compartments = World::<T>::compartments(patient);
    compartments.truncate(scope as usize);
    GrantTerms {
        grantee: Grantee::Clinician {
            account,
            organisation,
        },
        scope: Scope::Compartments(compartments.try_into().expect("a scope; qed")),
        rights: Rights::ReadWrite,
        purpose: Purpose::Treat,
        starts_at: None,
        expires_at: T::Chain::now().saturating_add(DAY),
        anchored_from: Some(0),
        anchored_until: Some(Moment::MAX),
        terms: Some(cid()),
        flags: 0,
        derived_from: None,
    }
}

/// Reads as many records as a scope can name.
fn look_at_records<T: Config>(patient: &PatientId, count: u32) {
    for index in 0..count {
        T::Records::record(patient, index);
    }
}

/// As many requests as may wait; the last of them.
fn asked<T: Config>(patient: PatientId, but: u32) -> RequestIndex {
    let (requester, _) = World::<T>::clinician();
    for _ in but..T::MaxPendingPerOrganisation::get() {
        Pallet::<T>::request(
            RawOrigin::Signed(requester.clone()).into(),
            patient,
            Purpose::Treat,
            DAY,
            cid(),
            Some(1),
        )
        .expect("a request; qed");
    }
    NextRequest::<T>::get(patient).saturating_sub(1)
}

/// As many compartments as can be named whose keys are out, none of them among those that exist.
fn leave_keys<T: Config>(patient: PatientId) {
    KeysLeft::<T>::mutate(patient, |out| {
        for n in 0..COMPARTMENTS {
            let mut id = [0xee; 16];
            id[..4].copy_from_slice(&n.to_le_bytes());
            out.note(CompartmentId(id), 0);
        }
    });
}

fn granted<T: Config>(patient: PatientId, owner: &AccountId) -> GrantIndex {
    leave_keys::<T>(patient);
    let terms = terms::<T>(patient, MAX_SCOPE);
    grant_as_said::<T>(patient, owner, terms)
}

fn grant_as_said<T: Config>(
    patient: PatientId,
    owner: &AccountId,
    terms: GrantTerms,
) -> GrantIndex {
    Pallet::<T>::grant(
        RawOrigin::Signed(owner.clone()).into(),
        patient,
        terms,
        Some(cid()),
    )
    .expect("a grant; qed");
    NextGrant::<T>::get(patient).saturating_sub(1)
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn request() {
        let (patient, _) = World::<T>::patient();
        let (requester, _) = World::<T>::clinician();
        asked::<T>(patient, 1);

        #[extrinsic_call]
        _(
            RawOrigin::Signed(requester),
            patient,
            Purpose::Treat,
            DAY,
            cid(),
            Some(1),
        );

        assert_eq!(
            NextRequest::<T>::get(patient),
            T::MaxPendingPerOrganisation::get()
        );
    }

    #[benchmark]
    fn withdraw_request() {
        let (patient, _) = World::<T>::patient();
        let (requester, _) = World::<T>::clinician();
        let asked = asked::<T>(patient, 0);

        #[extrinsic_call]
        _(RawOrigin::Signed(requester), patient, asked);

        assert_eq!(
            Requests::<T>::get(patient, asked).map(|row| row.state),
            Some(RequestState::Withdrawn)
        );
    }

    #[benchmark]
    fn decline() {
        let (patient, owner) = World::<T>::patient();
        let asked = asked::<T>(patient, 0);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, asked);

        assert_eq!(
            Requests::<T>::get(patient, asked).map(|row| row.state),
            Some(RequestState::Declined)
        );
    }

    #[benchmark]
    fn approve(s: Linear<1, { MAX_SCOPE }>) -> Result<(), BenchmarkError> {
        let (patient, owner) = World::<T>::patient();
        let asked = asked::<T>(patient, 0);
        let terms = terms::<T>(patient, s);
        let origin = RawOrigin::Signed(owner).into();

        #[block]
        {
            look_at_records::<T>(&patient, s);
            Pallet::<T>::approve(origin, patient, asked, terms, Some(cid()))
                .map_err(|_| BenchmarkError::Stop("an owner approves"))?;
        }

        assert_eq!(
            Requests::<T>::get(patient, asked).map(|row| row.state),
            Some(RequestState::Approved { grant: 0 })
        );
        Ok(())
    }

    #[benchmark]
    fn grant(s: Linear<1, { MAX_SCOPE }>) -> Result<(), BenchmarkError> {
        let (patient, owner) = World::<T>::patient();
        let terms = terms::<T>(patient, s);
        let origin = RawOrigin::Signed(owner).into();

        #[block]
        {
            look_at_records::<T>(&patient, s);
            Pallet::<T>::grant(origin, patient, terms, Some(cid()))
                .map_err(|_| BenchmarkError::Stop("an owner grants"))?;
        }

        assert_eq!(NextGrant::<T>::get(patient), 1);
        Ok(())
    }

    #[benchmark]
    fn revoke() {
        let (patient, owner) = World::<T>::patient();
        let granted = granted::<T>(patient, &owner);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, granted);

        assert!(Grants::<T>::get(patient, granted).is_some_and(|row| row.revoked_at.is_some()));
    }

    #[benchmark]
    fn deliver_envelope() {
        let (patient, owner) = World::<T>::patient();
        let granted = granted::<T>(patient, &owner);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, granted, cid());

        assert_eq!(Handovers::<T>::get(patient, granted).envelopes, 2);
    }

    #[benchmark]
    fn sweep(n: Linear<0, { MAX_SWEEP }>) {
        let (patient, owner) = World::<T>::patient();
        let granted = granted::<T>(patient, &owner);
        let row = Grants::<T>::get(patient, granted).expect("granted; qed");
        let hour = over_at(T::Chain::now()).saturating_sub(1);
        let last = Handover {
            envelopes: 1,
            last_at: 1,
        };
        for index in 0..n {
            let mut id = [0xdd; 16];
            id[..4].copy_from_slice(&index.to_le_bytes());
            let other = PatientId(id);
            leave_keys::<T>(other);
            Grants::<T>::insert(other, 0, &row);
            GrantsTo::<T>::insert((&row.grantee, other, granting::place(0)), ());
            Expiries::<T>::insert((hour, other, 0), ());
            Handovers::<T>::insert(other, 0, last);
            KeyHolders::<T>::insert((other, row.expires_at.to_be_bytes(), 0), ());
        }
        SweepAt::<T>::put(hour);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), n);

        assert_eq!(GrantsTo::<T>::iter_key_prefix((&row.grantee,)).count(), 1);
        assert_eq!(KeyHolders::<T>::iter_keys().count(), 1);
    }

    #[benchmark]
    fn on_succession(n: Linear<0, { MAX_WRITERS }>) {
        let (patient, owner) = World::<T>::patient();
        leave_keys::<T>(patient);
        let terms = terms::<T>(patient, MAX_SCOPE);
        for _ in 0..n {
            grant_as_said::<T>(patient, &owner, terms.clone());
        }

        #[block]
        {
            Pallet::<T>::on_succession(patient, &owner);
        }

        assert!(Grants::<T>::iter_prefix_values(patient).all(|row| row.revoked_at.is_some()));
        assert!(!Writers::<T>::contains_key(patient));
    }

    /// An approval that only the last thing looked at speaks against: as many write as may.
    #[benchmark]
    fn refused() {
        let (patient, owner) = World::<T>::patient();
        let asked = asked::<T>(patient, 0);
        let terms = terms::<T>(patient, MAX_SCOPE);
        let full = alloc::vec![(0, Moment::MAX); MAX_WRITERS as usize];
        Writers::<T>::insert(patient, WritersOf::truncate_from(full));
        let origin = RawOrigin::Signed(owner).into();
        let failure;

        #[block]
        {
            failure = Pallet::<T>::approve(origin, patient, asked, terms, Some(cid()));
        }

        assert!(failure.is_err());
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder.build(), crate::mock::Test);
}
