//! The decision is the smallest that can be announced: what it costs itself is added.

use frame_benchmarking::v2::*;
use frame_support::traits::EnsureOrigin;
use frame_system::RawOrigin;

use super::*;

fn origin<T: Config>(
    origin: Result<T::RuntimeOrigin, ()>,
) -> Result<T::RuntimeOrigin, BenchmarkError> {
    origin.map_err(|()| BenchmarkError::Weightless)
}

/// A decision that waits, as long as one may be.
fn waiting<T: Config>() -> DecisionIndex {
    Pending::<T>::insert(
        0,
        Decision {
            call: BoundedVec::truncate_from(alloc::vec![0xff; MAX_LENGTH as usize]),
            announced_at: 0,
            due: 0,
        },
    );
    NextDecision::<T>::put(1);
    0
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn announce() -> Result<(), BenchmarkError> {
        let governance = origin::<T>(T::AnnounceOrigin::try_successful_origin())?;
        Delay::<T>::put(1);
        let call = T::BenchmarkCall::get();

        #[extrinsic_call]
        _(governance as T::RuntimeOrigin, Box::new(call));

        assert_eq!(Pending::<T>::count(), 1);
        Ok(())
    }

    #[benchmark]
    fn enact() {
        let decision = waiting::<T>();

        #[extrinsic_call]
        _(RawOrigin::Signed(AccountId::new([1; 32])), decision);

        assert_eq!(Pending::<T>::count(), 0);
    }

    #[benchmark]
    fn cancel() -> Result<(), BenchmarkError> {
        let governance = origin::<T>(T::CancelOrigin::try_successful_origin())?;
        let decision = waiting::<T>();

        #[extrinsic_call]
        _(governance as T::RuntimeOrigin, decision);

        assert_eq!(Pending::<T>::count(), 0);
        Ok(())
    }
}
