//! Worst cases: all organisations but one exist and have vaults, accounts whose lapsed credential
//! must be cleared away, signatures wrapped as browser wallets do (both ways are tried).

use alloc::{vec, vec::Vec};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::dispatch::{DispatchInfo, PostDispatchInfo};
use frame_system::{CheckNonce, RawOrigin};
use salus_primitives::{
    rows::DAY,
    signing::{credential_payload, recipient_payload},
};
use sp_core::{crypto::KeyTypeId, sr25519};
use sp_runtime::{
    traits::{AsSystemOriginSigner, DispatchTransaction, Dispatchable},
    MultiSignature, SaturatedConversion,
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
    let key = [7; 32];
    let payload = recipient_payload(&T::Chain::genesis(), subject, 0, &key, 0);
    let signature = sp_io::crypto::sr25519_sign(KEY_TYPE, public, &wrapped(&payload))
        .expect("a key just made; qed");
    Recipient {
        scheme: 0,
        key,
        epoch: 0,
        signature: MultiSignature::Sr25519(signature),
    }
}

/// What the owner of the key signs to be credentialed.
fn consent<T: Config>(
    public: &sr25519::Public,
    organisation: OrgId,
    role: ClinicianRole,
) -> CredentialConsent {
    let signed_at = T::Chain::now().saturating_add(1);
    let expires_at = signed_at.saturating_add(DAY);
    let payload = credential_payload(
        &T::Chain::genesis(),
        organisation,
        &AccountId::new(public.0),
        role,
        signed_at,
        expires_at,
    );
    let signature = sp_io::crypto::sr25519_sign(KEY_TYPE, public, &wrapped(&payload))
        .expect("a key just made; qed");
    CredentialConsent {
        signed_at,
        expires_at,
        signature: MultiSignature::Sr25519(signature),
    }
}

fn organisation<T: Config>(admin: AccountId) -> OrgId {
    organisation_at::<T>(admin, text(MAX_URL))
}

fn organisation_at<T: Config>(admin: AccountId, vault_url: Url) -> OrgId {
    Pallet::<T>::do_admit(OrganisationKind::Hospital, text(MAX_NAME), admin, vault_url)
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

/// Makes the account's credential one that has lapsed, so that taking it over clears that away.
fn lapsed<T: Config>(organisation: OrgId, name: AccountId) -> AccountId {
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

fn admission<T: Config>() -> Result<T::RuntimeOrigin, BenchmarkError> {
    T::AdmissionOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)
}

/// A row whose urgent bucket is spent.
fn urgent_spent<T: Config>() -> Spent {
    Spent {
        urgent: Bucket {
            spent: u64::MAX,
            at: frame_system::Pallet::<T>::block_number().saturated_into(),
        },
        ..Spent::default()
    }
}

/// Passes the door with an urgent call that in the end does nothing.
fn pass<T: Config + Send + Sync>(who: AccountId) -> impl FnOnce()
where
    T::RuntimeCall: Dispatchable<Info = DispatchInfo, PostInfo = PostDispatchInfo> + From<Call<T>>,
    T::RuntimeOrigin: AsSystemOriginSigner<AccountId> + Clone,
{
    let call: T::RuntimeCall = Call::<T>::end_credential {
        account: who.clone(),
    }
    .into();
    assert!(T::Urgent::contains(&call));
    let extension = (CheckMember::<T>::new(), CheckNonce::<T>::from(0u32.into()));
    let info = DispatchInfo {
        call_weight: Weight::from_parts(1_000_000, 0),
        ..Default::default()
    };
    let refunding = PostDispatchInfo {
        actual_weight: Some(Weight::zero()),
        ..Default::default()
    };
    let length = call.encoded_size();
    move || {
        let origin = RawOrigin::Signed(who).into();
        extension
            .test_run(origin, &call, &info, length, 0, |_| Ok(refunding))
            .expect("a member or controller; qed")
            .expect("the call does nothing; qed");
    }
}

#[benchmarks(
    where
        T: Config + Send + Sync,
        T::RuntimeCall: Dispatchable<Info = DispatchInfo, PostInfo = PostDispatchInfo>
            + From<Call<T>>,
        T::RuntimeOrigin: AsSystemOriginSigner<AccountId> + Clone,
)]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn admit() -> Result<(), BenchmarkError> {
        organisations::<T>(T::MaxOrganisations::get() - 1);
        let admin = lapsed::<T>(0, account("lapsed", 0, 0));
        let next = NextOrganisation::<T>::get();
        let origin = admission::<T>()?;
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
    fn suspend() -> Result<(), BenchmarkError> {
        let count = T::MaxOrganisations::get();
        organisations::<T>(count);
        // Half of them are suspended, so that both lists are long.
        for organisation in 0..count / 2 {
            Pallet::<T>::do_suspend(organisation)?;
        }
        let origin = governance::<T>()?;
        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, count / 2);
        assert!(!Pallet::<T>::organisation_is_active(count / 2));
        Ok(())
    }

    #[benchmark]
    fn reinstate() -> Result<(), BenchmarkError> {
        let count = T::MaxOrganisations::get();
        organisations::<T>(count);
        for organisation in 0..count / 2 {
            Pallet::<T>::do_suspend(organisation)?;
        }
        let origin = governance::<T>()?;
        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, 0);
        assert!(Pallet::<T>::organisation_is_active(0));
        Ok(())
    }

    #[benchmark]
    fn set_admin() -> Result<(), BenchmarkError> {
        let count = T::MaxOrganisations::get();
        organisations::<T>(count);
        let admin = lapsed::<T>(0, account("lapsed", 0, 0));
        let origin = admission::<T>()?;
        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, count - 1, admin.clone());
        assert_eq!(Admins::<T>::get(admin), Some(count - 1));
        Ok(())
    }

    #[benchmark]
    fn set_profile() {
        let admin: AccountId = account("benchmark", 0, 0);
        // The vault is put at the front of a long list.
        let own = organisation_at::<T>(admin.clone(), text(0));
        organisations::<T>(T::MaxOrganisations::get());
        #[extrinsic_call]
        _(RawOrigin::Signed(admin), text(1), text(MAX_URL));
        assert_eq!(
            Pallet::<T>::vaults().first().map(|vault| vault.0),
            Some(own)
        );
    }

    #[benchmark]
    fn set_directory() {
        let admin: AccountId = account("benchmark", 0, 0);
        let own = organisation_at::<T>(admin.clone(), text(MAX_URL));
        let directory = Some(Cid::dag_pb([1; 32]));
        #[extrinsic_call]
        _(RawOrigin::Signed(admin), directory);
        let row = Organisations::<T>::get(own);
        assert_eq!(row.and_then(|row| row.directory), directory);
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
        let (public, name) = signer();
        lapsed::<T>(other, name.clone());
        Released::<T>::insert(&name, 0);
        let role = ClinicianRole::Nurse;
        let consent = consent::<T>(&public, own, role);
        let until = T::Chain::now().saturating_add(DAY);
        #[extrinsic_call]
        _(
            RawOrigin::Signed(admin),
            name.clone(),
            role,
            until,
            Some(consent),
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
        let allowance = Allowance {
            nonces: 99,
            ..Allowance::URGENT_TOGETHER
        };
        let spender = Spender::UrgentTogether;
        let origin = governance::<T>()?;
        #[extrinsic_call]
        _(origin as T::RuntimeOrigin, spender, allowance);
        assert_eq!(Allowances::<T>::get().urgent_together, allowance);
        Ok(())
    }

    // An urgent call looks into all buckets when those of its lane are spent; and what it does not use
    // is given back. A clinician is found out after an admin.
    #[benchmark]
    fn check_member() {
        let hospital = organisation::<T>(account("admin", 0, 0));
        let who: AccountId = account("clinician", 0, 0);
        clinician::<T>(hospital, who.clone(), Moment::MAX);
        frame_system::Pallet::<T>::inc_providers(&who);
        Buckets::<T>::insert(&who, urgent_spent::<T>());
        OrganisationBuckets::<T>::insert(hospital, urgent_spent::<T>());
        let pass = pass::<T>(who);
        #[block]
        {
            pass();
        }
        assert!(OrganisationBuckets::<T>::get(hospital).ordinary.spent > 0);
    }

    // Who pays is found out last for a controller who is no member, and there are six buckets.
    #[benchmark]
    fn check_controller() {
        let who = T::BenchmarkController::get();
        let (patient, sponsor) = T::Sponsorship::sponsor(&who).expect("a controller; qed");
        Buckets::<T>::insert(&who, urgent_spent::<T>());
        PatientBuckets::<T>::insert(patient, urgent_spent::<T>());
        SponsorBuckets::<T>::insert(sponsor, urgent_spent::<T>());
        let pass = pass::<T>(who);
        #[block]
        {
            pass();
        }
        assert!(PatientBuckets::<T>::get(patient).ordinary.spent > 0);
        assert!(SponsorBuckets::<T>::get(sponsor).ordinary.spent > 0);
    }

    // Those that sign need a keystore, which only the benchmarks of the runtime have.
    #[cfg(test)]
    mod tests {
        use crate::mock::{ExtBuilder, Members};
        use frame_support::assert_ok;

        #[test]
        fn benchmarks_without_signatures_run() {
            for name in [
                "admit",
                "suspend",
                "reinstate",
                "set_admin",
                "set_profile",
                "set_directory",
                "suspend_clinician",
                "reinstate_clinician",
                "end_credential",
                "set_allowance",
                "check_member",
                "check_controller",
            ] {
                ExtBuilder.build_and_execute(|| {
                    assert_ok!(Members::test_bench_by_name(name.as_bytes()));
                });
            }
        }
    }
}
