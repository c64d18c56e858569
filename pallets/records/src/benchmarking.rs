//! The worst case of each call: grants have the widest scope, and signatures are wrapped in
//! `<Bytes>`, so that they are verified twice.

use super::*;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::signing::{recipient_payload, SCHEME_X25519};

type World<T> = <T as Config>::BenchmarkWorld;

fn content(n: u32) -> Cid {
    let mut digest = [0xDD; 32];
    digest[..4].copy_from_slice(&n.to_le_bytes());
    Cid::dag_pb(digest)
}

fn new_record(compartment: CompartmentId, n: u32) -> NewRecord {
    NewRecord {
        compartment,
        epoch: 0,
        content: content(n),
        commitment: H256::repeat_byte(1),
        person: None,
    }
}

fn recipient<T: Config>(
    owner: &AccountId,
    patient: PatientId,
    compartment: CompartmentId,
    epoch: u32,
) -> Recipient {
    let public = [9; 32];
    let subject = Subject::Compartment(patient, compartment);
    let payload = recipient_payload(
        &T::Chain::genesis(),
        &subject,
        SCHEME_X25519,
        &public,
        epoch,
    );
    let wrapped = [b"<Bytes>".as_slice(), &payload, b"</Bytes>"].concat();
    Recipient {
        scheme: SCHEME_X25519,
        key: public,
        epoch,
        signature: World::<T>::sign(owner, &wrapped),
    }
}

/// A patient, its owner, two compartments, and a record in the first of them.
fn patient_with_record<T: Config>() -> (PatientId, AccountId, [CompartmentId; 2], RecordIndex) {
    let (patient, owner) = World::<T>::patient();
    let open = World::<T>::compartments(patient);
    let records = World::<T>::records(patient, &open[..1], 1);
    (patient, owner, [open[0], open[31]], records[0])
}

/// Gives a record former contents in this compartment, as many as it can have together with `spare`:
/// the time of `over` of them has come. All of them go with its erasure, if one is pending. Returns
/// the newest one.
fn fill_former<T: Config>(
    patient: PatientId,
    record: RecordIndex,
    compartment: CompartmentId,
    over: u32,
    spare: u32,
) -> Cid {
    let kept = MAX_FORMER.saturating_sub(over.max(spare));
    let later = T::Chain::now().saturating_add(UNNAMING_WAITS);
    let former: Vec<_> = (0..over.saturating_add(kept))
        .map(|n| FormerContent {
            content: content(n.saturating_add(1_000)),
            compartment,
            epoch: 0,
            placed_by: AccountId::new([0xAA; 32]),
            until: if n < over { 0 } else { later },
        })
        .collect();
    let erased_at = match state::<T>(patient, record) {
        Some(RecordState::ErasePending { until }) => Some(until),
        _ => None,
    };
    for former in &former {
        Pallet::<T>::change_naming(&patient, &former.content, |naming| {
            naming.former = 1;
            naming.former_until = former.until;
        });
        if let Some(until) = erased_at {
            Pallet::<T>::note_erasure(&patient, &former.content, until, record);
        }
    }
    let newest = former.last().map_or(content(0), |former| former.content);
    Former::<T>::insert(patient, record, FormerContents::truncate_from(former));
    newest
}

fn ask_to_erase<T: Config>(owner: &AccountId, patient: PatientId, record: RecordIndex) {
    Pallet::<T>::erase(RawOrigin::Signed(owner.clone()).into(), patient, record)
        .map_err(|error| error.error)
        .expect("an owner decides; qed");
}

fn state<T: Config>(patient: PatientId, record: RecordIndex) -> Option<RecordState> {
    Records::<T>::get(patient, record).map(|row| row.state)
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn rotate() {
        let (patient, owner) = World::<T>::patient();
        let compartment = World::<T>::compartments(patient)[31];
        let recipient = recipient::<T>(&owner, patient, compartment, 1);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, compartment, recipient);

        assert_eq!(
            Pallet::<T>::compartment(&patient, &compartment).map(|row| row.epoch),
            Some(1)
        );
    }

    /// By a clinician.
    #[benchmark]
    fn anchor() {
        let (clinician, _) = World::<T>::clinician();
        let (patient, _) = World::<T>::patient();
        let open = World::<T>::compartments(patient);
        let grant = World::<T>::grant(patient, &open);
        let record = new_record(open[open.len() - 1], 0);

        #[extrinsic_call]
        _(RawOrigin::Signed(clinician), patient, Some(grant), record);

        assert_eq!(NextRecord::<T>::get(patient), 1);
    }

    /// By a clinician: `p` records for a patient each, and `n` more for the last of them.
    #[benchmark]
    fn anchor_many(p: Linear<1, { MAX_ANCHORS / 2 }>, n: Linear<0, { MAX_ANCHORS / 2 }>) {
        let (clinician, _) = World::<T>::clinician();
        let mut items: Vec<_> = (0..p)
            .map(|i| {
                let (patient, _) = World::<T>::patient();
                let open = World::<T>::compartments(patient);
                let grant = World::<T>::grant(patient, &open);
                (patient, Some(grant), new_record(open[open.len() - 1], i))
            })
            .collect();
        let (last, grant, record) = items[items.len() - 1].clone();
        items.extend((p..p + n).map(|i| (last, grant, new_record(record.compartment, i))));
        let items: NewRecords = items.try_into().expect("two halves of the bound; qed");

        #[extrinsic_call]
        _(RawOrigin::Signed(clinician), items);

        assert_eq!(NextRecord::<T>::get(last), n + 1);
    }

    /// The time of `f` former contents has come; all others can be restored. An erasure is pending.
    #[benchmark]
    fn reclassify(f: Linear<0, MAX_FORMER>) {
        let (patient, owner, [open, other], record) = patient_with_record::<T>();
        ask_to_erase::<T>(&owner, patient, record);
        fill_former::<T>(patient, record, open, f, 1);

        #[extrinsic_call]
        _(
            RawOrigin::Signed(owner),
            patient,
            record,
            other,
            0,
            content(u32::MAX),
        );

        assert_eq!(
            Records::<T>::get(patient, record).map(|row| row.compartment),
            Some(other)
        );
    }

    /// As with `reclassify`.
    #[benchmark]
    fn relocate(f: Linear<0, MAX_FORMER>) {
        let (patient, owner, [open, _], record) = patient_with_record::<T>();
        ask_to_erase::<T>(&owner, patient, record);
        fill_former::<T>(patient, record, open, f, 1);

        #[extrinsic_call]
        _(
            RawOrigin::Signed(owner),
            patient,
            record,
            0,
            content(u32::MAX),
        );

        assert_eq!(
            Records::<T>::get(patient, record).map(|row| row.content),
            Some(content(u32::MAX))
        );
    }

    /// The time of all `f` former contents has come: others would only be noted. By somebody who is
    /// looked up as a member too, as an admin would be.
    #[benchmark]
    fn erase(f: Linear<0, MAX_FORMER>) -> Result<(), BenchmarkError> {
        let (patient, owner, [open, _], record) = patient_with_record::<T>();
        fill_former::<T>(patient, record, open, f, MAX_FORMER);

        #[block]
        {
            T::Standing::member(&owner);
            Pallet::<T>::erase(RawOrigin::Signed(owner).into(), patient, record)
                .map_err(|_| BenchmarkError::Stop("an owner decides"))?;
        }

        assert_ne!(state::<T>(patient, record), Some(RecordState::Current));
        Ok(())
    }

    /// Of a record with `f` former contents. By somebody who is looked up as a member too, as an admin
    /// would be.
    #[benchmark]
    fn cancel_erase(f: Linear<0, MAX_FORMER>) -> Result<(), BenchmarkError> {
        let (patient, owner, [open, _], record) = patient_with_record::<T>();
        ask_to_erase::<T>(&owner, patient, record);
        fill_former::<T>(patient, record, open, 0, MAX_FORMER.saturating_sub(f));

        #[block]
        {
            T::Standing::member(&owner);
            Pallet::<T>::cancel_erase(RawOrigin::Signed(owner).into(), patient, record)
                .map_err(|_| BenchmarkError::Stop("an owner decides"))?;
        }

        assert_eq!(state::<T>(patient, record), Some(RecordState::Current));
        Ok(())
    }

    /// By a clinician, who is looked up as a controller in vain first.
    #[benchmark]
    fn finish_erase() {
        let (clinician, _) = World::<T>::clinician();
        let (patient, _, _, record) = patient_with_record::<T>();
        // The clock cannot be moved from here; a time that has come is the same work.
        Records::<T>::mutate(patient, record, |row| {
            if let Some(row) = row {
                row.state = RecordState::ErasePending {
                    until: T::Chain::now(),
                };
            }
        });

        #[extrinsic_call]
        _(RawOrigin::Signed(clinician), patient, record);

        assert_eq!(state::<T>(patient, record), Some(RecordState::Erased));
    }

    /// From another compartment; the time of `f` other former contents has come, and an erasure is
    /// pending.
    #[benchmark]
    fn restore(f: Linear<0, { MAX_FORMER - 1 }>) {
        let (patient, owner, [_, other], record) = patient_with_record::<T>();
        ask_to_erase::<T>(&owner, patient, record);
        let newest = fill_former::<T>(patient, record, other, f, 0);

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, record, newest);

        let row = Records::<T>::get(patient, record);
        assert_eq!(
            row.map(|row| (row.compartment, row.content)),
            Some((other, newest))
        );
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
