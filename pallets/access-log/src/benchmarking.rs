//! Worst cases: 64 records, all but the last in the last of the 31 compartments that the grant
//! names, so that all are looked up before the attempt is refused and counted; a batch of
//! deliveries about a different patient each, under a grant of 32 compartments. (What a grant to one
//! clinician of the service's own organisation cannot show is added where the weight is declared:
//! the visits of the reader's organisation.)

use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use salus_primitives::{
    rows::DAY,
    traits::{BenchmarkDays, BenchmarkWorld},
};

use super::*;

type World<T> = <T as Config>::BenchmarkWorld;

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn open(r: Linear<1, { MAX_OPEN }>) {
        let (patient, _) = World::<T>::patient();
        let (actor, organisation) = World::<T>::clinician();
        let compartments = World::<T>::compartments(patient);
        let (named, outside) = compartments.split_at(31);
        let grant = World::<T>::grant(patient, named);
        let mut records = World::<T>::records(patient, &named[30..], r.saturating_sub(1));
        records.extend(World::<T>::records(patient, outside, 1));
        let records: RecordList = records.try_into().expect("at most 64; qed");
        let before = Pallet::<T>::trail_head(&patient).count;

        #[extrinsic_call]
        _(
            RawOrigin::Signed(actor.clone()),
            patient,
            records,
            Part::Full,
            grant,
            None,
        );

        assert_eq!(Pallet::<T>::trail_head(&patient).count, before + 1);
        assert!(Visits::<T>::get(patient, organisation).written > 0);
        assert_eq!(Refusals::<T>::get(&actor).count, 1);
    }

    #[benchmark]
    fn delivered(d: Linear<1, { MAX_DELIVERIES }>) {
        let service = World::<T>::service();
        let (reader, organisation) = World::<T>::clinician();
        let opened_at = Some(T::Chain::now());
        let batch: alloc::vec::Vec<Delivery> = (0..d)
            .map(|_| {
                let (patient, _) = World::<T>::patient();
                let compartments = World::<T>::compartments(patient);
                let grant = World::<T>::grant(patient, &compartments);
                let records = World::<T>::records(patient, &compartments[31..], 1);
                // In an hour that is over.
                let visit = Visit {
                    hour: 0,
                    written: 1,
                    opened_at,
                };
                Visits::<T>::insert(patient, organisation, visit);
                Delivery {
                    patient,
                    reader: reader.clone(),
                    grant,
                    record: records[0],
                    part: Part::Full,
                }
            })
            .collect();
        let last = batch[batch.len() - 1].patient;
        let before = Pallet::<T>::trail_head(&last).count;

        #[extrinsic_call]
        _(
            RawOrigin::Signed(service),
            batch.try_into().expect("at most 64; qed"),
        );

        assert!(Pallet::<T>::trail_head(&last).count > before);
    }

    #[benchmark]
    fn commit_reads() {
        let service = World::<T>::service();
        let organisation = T::Standing::member(&service)
            .expect("it is a member; qed")
            .organisation();
        World::<T>::pass(Moment::from(ROOTS_KEPT + 1) * DAY);
        let day = Pallet::<T>::day_before(T::Chain::now()).expect("days have passed; qed");
        // Overwrites the root of a month ago.
        let before = day.saturating_sub(ROOTS_KEPT);
        let kept = ReadRoot {
            day: before,
            root: sp_core::H256::repeat_byte(1),
        };
        ReadRoots::<T>::insert(organisation, day % ROOTS_KEPT, kept);
        let root = sp_core::H256::repeat_byte(2);

        #[extrinsic_call]
        _(RawOrigin::Signed(service), day, root);

        assert_eq!(Pallet::<T>::read_root(organisation, day), Some(root));
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::ExtBuilder.build(), crate::mock::Test);
}
