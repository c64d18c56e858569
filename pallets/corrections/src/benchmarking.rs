//! The worst case of each call: the record is of an organisation, whose author answers.

use super::*;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;

type World<T> = <T as Config>::BenchmarkWorld;

fn letter(n: u8) -> Cid {
    Cid::dag_pb([n; 32])
}

/// A patient, its owner, and two records of the same author.
struct Chart {
    patient: PatientId,
    owner: AccountId,
    author: AccountId,
    wrong: RecordIndex,
    right: RecordIndex,
}

fn chart<T: Config>() -> Chart {
    let (patient, owner) = World::<T>::patient();
    let (author, organisation) = World::<T>::clinician();
    Successors::<T>::insert(organisation, organisation.wrapping_add(1));
    let compartments = World::<T>::compartments(patient);
    let records = World::<T>::records(patient, &compartments, 2);
    Chart {
        patient,
        owner,
        author,
        wrong: records[0],
        right: records[1],
    }
}

/// The same, where the owner has asked for the correction, number 0.
fn asked<T: Config>() -> Result<Chart, BenchmarkError> {
    let chart = chart::<T>();
    let owner = RawOrigin::Signed(chart.owner.clone()).into();
    Pallet::<T>::ask(owner, chart.patient, chart.wrong, letter(0))?;
    Ok(chart)
}

fn denied<T: Config>() -> Result<Chart, BenchmarkError> {
    let chart = asked::<T>()?;
    let author = RawOrigin::Signed(chart.author.clone()).into();
    Pallet::<T>::deny(author, chart.patient, 0, letter(1))?;
    Ok(chart)
}

fn state<T: Config>(patient: PatientId) -> Option<CorrectionState> {
    Corrections::<T>::get(patient, 0).map(|row| row.state)
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn ask() {
        let Chart {
            patient,
            owner,
            wrong,
            ..
        } = chart::<T>();

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, wrong, letter(0));

        assert_eq!(state::<T>(patient), Some(CorrectionState::Requested));
    }

    #[benchmark]
    fn accept() -> Result<(), BenchmarkError> {
        let Chart {
            patient,
            author,
            right,
            ..
        } = asked::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(author), patient, 0, right);

        assert_eq!(
            state::<T>(patient),
            Some(CorrectionState::Accepted { replacement: right })
        );
        Ok(())
    }

    #[benchmark]
    fn partly_accept() -> Result<(), BenchmarkError> {
        let Chart {
            patient,
            author,
            right,
            ..
        } = asked::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(author), patient, 0, right, letter(1));

        assert_eq!(
            state::<T>(patient),
            Some(CorrectionState::PartlyAccepted {
                replacement: right,
                letter: letter(1)
            })
        );
        Ok(())
    }

    #[benchmark]
    fn deny() -> Result<(), BenchmarkError> {
        let Chart {
            patient, author, ..
        } = asked::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(author), patient, 0, letter(1));

        assert_eq!(
            state::<T>(patient),
            Some(CorrectionState::Denied { letter: letter(1) })
        );
        Ok(())
    }

    #[benchmark]
    fn disagree() -> Result<(), BenchmarkError> {
        let Chart { patient, owner, .. } = denied::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(owner), patient, 0, letter(2));

        assert!(matches!(
            state::<T>(patient),
            Some(CorrectionState::Disagreed { .. })
        ));
        Ok(())
    }

    #[benchmark]
    fn rebut() -> Result<(), BenchmarkError> {
        let Chart {
            patient,
            owner,
            author,
            ..
        } = denied::<T>()?;
        Pallet::<T>::disagree(RawOrigin::Signed(owner).into(), patient, 0, letter(2))?;

        #[extrinsic_call]
        _(RawOrigin::Signed(author), patient, 0, letter(3));

        assert!(matches!(
            state::<T>(patient),
            Some(CorrectionState::Rebutted { .. })
        ));
        Ok(())
    }

    #[benchmark]
    fn extend() -> Result<(), BenchmarkError> {
        let Chart {
            patient, author, ..
        } = asked::<T>()?;

        #[extrinsic_call]
        _(RawOrigin::Signed(author), patient, 0);

        assert!(Corrections::<T>::get(patient, 0).is_some_and(|row| row.extended));
        Ok(())
    }

    #[benchmark]
    fn make() {
        let Chart {
            patient,
            author,
            wrong,
            right,
            ..
        } = chart::<T>();

        #[extrinsic_call]
        _(RawOrigin::Signed(author), patient, wrong, right);

        assert_eq!(
            T::Records::record(&patient, wrong).and_then(|record| record.corrected_by),
            Some(right)
        );
    }

    #[benchmark]
    fn name_successor() -> Result<(), BenchmarkError> {
        let governance = T::GovernanceOrigin::try_successful_origin()
            .map_err(|_| BenchmarkError::Stop("no governance origin"))?;
        let (_, active) = World::<T>::clinician();
        let dissolved = active.wrapping_add(1);

        #[extrinsic_call]
        _(governance as T::RuntimeOrigin, dissolved, active);

        assert_eq!(Successors::<T>::get(dissolved), Some(active));
        Ok(())
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
