//! Worst cases: all organisations but one exist, accounts whose lapsed credential must be cleared
//! away, signatures wrapped as browser wallets do (both ways are tried).

use alloc::{vec, vec::Vec};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::dispatch::{DispatchInfo, PostDispatchInfo};
use frame_system::{CheckNonce, RawOrigin};
use salus_primitives::{rows::DAY, signing::recipient_payload};
use sp_core::{crypto::KeyTypeId, sr25519};
use sp_runtime::{
    traits::{AsSystemOriginSigner, DispatchTransaction, Dispatchable},
    MultiSignature,
};

use super::*;

const KEY_TYPE: KeyTypeId = KeyTypeId(*b"salu");

fn text<B: TryFrom<Vec<u8>>>(length: u32) -> B {
    let text = vec![b'x'; length as usize];
    text.try_into().ok().expect("a text within its bound; qed")
}

fn signer() -> (sr25519::Public, AccountId) {
    let public = sp_io::crypto::sr25519_generate(KEY_TYPE, None);
    (public, AccountId::new(public.0))
}

fn wrapped(payload: &[u8]) -> Vec<u8> {
    [b"<Bytes>", payload, b"</Bytes>"].concat()
}

fn recipient<T: Config>(public: &sr25519::Public, subject: &Subject) -> Recipient {
    let key = vec![7; 32];
    let payload = recipient_payload(&T::Chain::genesis(), subject, 0, &key, 0);
    let signature = sp_io::crypto::sr25519_sign(KEY_TYPE, public, &wrapped(&payload))
        .expect("a key just made; qed");
    Recipient {
        scheme: 0,
        key: key.try_into().expect("32 bytes; qed"),
        epoch: 0,
        signature: MultiSignature::Sr25519(signature),
    }
}

fn organisation<T: Config>(admin: AccountId) -> OrgId {
    Pallet::<T>::do_admit(
        OrganisationKind::Hospital,
        text(MAX_NAME),
        admin,
        text(MAX_URL),
    )
    .expect("an organisation; qed")
}

/// So many organisations, each with an admin of its own.
fn organisations<T: Config>(count: u32) {
    for seed in NextOrganisation::<T>::get()..count {
        organisation::<T>(account("admin", seed, 0));
    }
}

fn clinician<T: Config>(organisation: OrgId, name: AccountId, valid_until: Moment) {
    Pallet::<T>::do_credential(
        None,
        organisation,
        name,
        ClinicianRole::Physician,
        valid_until,
    )
    .expect("a credential; qed");
}

/// An account whose credential has lapsed, so that taking it over clears that away.
fn lapsed<T: Config>(organisation: OrgId) -> AccountId {
    let name: AccountId = account("lapsed", 0, 0);
    clinician::<T>(organisation, name.clone(), Moment::MAX);
    Clinicians::<T>::mutate(&name, |row| {
        if let Some(row) = row {
            row.valid_until = 0;
        }
    });
    name
}

fn governance<T: Config>() -> Result<T::RuntimeOrigin, BenchmarkError> {
    T::GovernanceOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)
}

#[benchmarks(
    where
        T: Config + Send + Sync,
        T::RuntimeCall: Dispatchable<Info = DispatchInfo, PostInfo = PostDispatchInfo>
            + From<frame_system::Call<T>>,
        T::RuntimeOrigin: AsSystemOriginSigner<AccountId> + Clone,
)]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn admit(o: Linear<2, { T::MaxOrganisations::get() }>) -> Result<(), BenchmarkError> {
        organisations::<T>(o - 1);
        let admin = lapsed::<T>(0);
        let next = NextOrganisation::<T>::get();
        let origin =
            T::AdmissionOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
        #[extrinsic_call]
        _(
            origin as T::RuntimeOrigin,
            admin.clone(),
            OrganisationKind::Hospital,
            text(MAX_NAME),
            text(MAX_URL),
        );
        assert_eq!(Admins::<T>::get(admin), Some(next));
        Ok(())
    }

    #[benchmark]
    fn suspend(o: Linear<2, { T::MaxOrganisations::get() }>) -> Result<(), BenchmarkError> {
        organisations::<T>(o);
        // The one that is left in good standing is the last that is looked at.
        let origin = governance::<T>()?;
        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, o - 1);
        assert!(!Pallet::<T>::organisation_is_active(o - 1));
        Ok(())
    }

    #[benchmark]
    fn reinstate(o: Linear<2, { T::MaxOrganisations::get() }>) -> Result<(), BenchmarkError> {
        organisations::<T>(o);
        Pallet::<T>::suspend(governance::<T>()?, o - 1).map_err(|error| error.error)?;
        let origin = governance::<T>()?;
        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, o - 1);
        assert!(Pallet::<T>::organisation_is_active(o - 1));
        Ok(())
    }

    #[benchmark]
    fn set_admin(o: Linear<2, { T::MaxOrganisations::get() }>) -> Result<(), BenchmarkError> {
        organisations::<T>(o);
        let admin = lapsed::<T>(0);
        let origin = governance::<T>()?;
        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, o - 1, admin.clone());
        assert_eq!(Admins::<T>::get(admin), Some(o - 1));
        Ok(())
    }

    #[benchmark]
    fn set_profile() {
        let admin: AccountId = account("benchmark", 0, 0);
        let own = organisation::<T>(admin.clone());
        #[extrinsic_call]
        _(RawOrigin::Signed(admin), text(1), text(MAX_URL));
        assert_eq!(
            Organisations::<T>::get(own).map(|row| row.name.len()),
            Some(1)
        );
    }

    #[benchmark]
    fn publish_recipient() {
        let (public, who) = signer();
        let own = organisation::<T>(account("benchmark", 0, 0));
        clinician::<T>(own, who.clone(), Moment::MAX);
        let subject = Subject::Account(who.clone());
        let recipient = recipient::<T>(&public, &subject);
        #[extrinsic_call]
        _(RawOrigin::Signed(who), recipient);
        assert!(Recipients::<T>::contains_key(subject));
    }

    #[benchmark]
    fn publish_organisation_recipient() {
        let (public, admin) = signer();
        let subject = Subject::Organisation(organisation::<T>(admin.clone()));
        let recipient = recipient::<T>(&public, &subject);
        #[extrinsic_call]
        _(RawOrigin::Signed(admin), recipient);
        assert!(Recipients::<T>::contains_key(subject));
    }

    #[benchmark]
    fn credential() {
        let admin: AccountId = account("benchmark", 0, 0);
        let own = organisation::<T>(admin.clone());
        let other = organisation::<T>(account("benchmark", 1, 0));
        let name = lapsed::<T>(other);
        let until = T::Chain::now().saturating_add(DAY);
        #[extrinsic_call]
        _(
            RawOrigin::Signed(admin),
            name.clone(),
            ClinicianRole::Nurse,
            until,
        );
        assert_eq!(
            Clinicians::<T>::get(name).map(|row| row.organisation),
            Some(own)
        );
    }

    #[benchmark]
    fn suspend_clinician() {
        let admin: AccountId = account("benchmark", 0, 0);
        let name: AccountId = account("clinician", 0, 0);
        clinician::<T>(organisation::<T>(admin.clone()), name.clone(), Moment::MAX);
        #[extrinsic_call]
        _(RawOrigin::Signed(admin), name.clone());
        assert_eq!(Pallet::<T>::member(name), None);
    }

    #[benchmark]
    fn reinstate_clinician() {
        let admin: AccountId = account("benchmark", 0, 0);
        let name: AccountId = account("clinician", 0, 0);
        clinician::<T>(organisation::<T>(admin.clone()), name.clone(), Moment::MAX);
        Pallet::<T>::suspend_clinician(RawOrigin::Signed(admin.clone()).into(), name.clone())
            .expect("a clinician; qed");
        #[extrinsic_call]
        _(RawOrigin::Signed(admin), name.clone());
        assert!(Pallet::<T>::member(name).is_some());
    }

    #[benchmark]
    fn end_credential() {
        let name: AccountId = account("clinician", 0, 0);
        clinician::<T>(
            organisation::<T>(account("benchmark", 0, 0)),
            name.clone(),
            Moment::MAX,
        );
        #[extrinsic_call]
        _(RawOrigin::Signed(name.clone()), name.clone());
        assert!(!Clinicians::<T>::contains_key(name));
    }

    #[benchmark]
    fn set_allowance() -> Result<(), BenchmarkError> {
        let governance =
            T::GovernanceOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
        let allowance = Allowance {
            nonces: 99,
            ..Allowance::PERSON
        };
        #[extrinsic_call]
        _(governance as T::RuntimeOrigin, Spender::Person, allowance);
        assert_eq!(Allowances::<T>::get().person, allowance);
        Ok(())
    }

    #[benchmark]
    fn check_member() {
        let name: AccountId = account("clinician", 0, 0);
        clinician::<T>(
            organisation::<T>(account("benchmark", 0, 0)),
            name.clone(),
            Moment::MAX,
        );
        let extension = (CheckMember::<T>::new(), CheckNonce::<T>::from(0u32.into()));
        let call: T::RuntimeCall = frame_system::Call::remark { remark: vec![] }.into();
        let info = DispatchInfo {
            call_weight: Weight::from_parts(1_000_000, 0),
            ..Default::default()
        };
        let refunding = PostDispatchInfo {
            actual_weight: Some(Weight::zero()),
            ..Default::default()
        };
        let length = call.encoded_size();
        #[block]
        {
            extension
                .test_run(
                    RawOrigin::Signed(name.clone()).into(),
                    &call,
                    &info,
                    length,
                    0,
                    |_| Ok(refunding),
                )
                .expect("a member; qed")
                .expect("the call does nothing; qed");
        }
        assert!(Buckets::<T>::contains_key(name));
    }
}
