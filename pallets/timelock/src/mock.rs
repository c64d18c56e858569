//! A runtime of this pallet, and of one whose only call asks for an enacted decision.

use frame_support::{derive_impl, parameter_types, traits::Contains, weights::Weight};
use salus_primitives::{traits::Chain, AccountId, Genesis, Moment};
use sp_runtime::{traits::IdentityLookup, BuildStorage};

#[frame_support::runtime]
mod runtime {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Test;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;

    #[runtime::pallet_index(17)]
    pub type Timelock = crate;

    #[runtime::pallet_index(18)]
    pub type Guarded = guarded;
}

/// What can be done only by way of an announcement.
#[frame_support::pallet(dev_mode)]
pub mod guarded {
    use frame_support::{dispatch::WithPostDispatchInfo, pallet_prelude::*};
    use frame_system::pallet_prelude::*;

    #[pallet::config]
    pub trait Config: frame_system::Config {
        type Guard: EnsureOrigin<Self::RuntimeOrigin>;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::storage]
    pub type Number<T: Config> = StorageValue<_, u32, ValueQuery>;

    #[pallet::error]
    pub enum Error<T> {
        Odd,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Costs a tenth of what it says.
        #[pallet::weight(Weight::from_parts(super::Heaviness::get(), 0))]
        pub fn set(origin: OriginFor<T>, number: u32) -> DispatchResultWithPostInfo {
            T::Guard::ensure_origin(origin)?;
            let spent = Weight::from_parts(super::Heaviness::get() / 10, 0);
            let odd = Error::<T>::Odd.with_weight(spent);
            ensure!(number.is_multiple_of(2) || super::OddIsFine::get(), odd);
            Number::<T>::put(number);
            Ok(Some(spent).into())
        }
    }
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type AccountId = AccountId;
    type Lookup = IdentityLookup<AccountId>;
    type Block = frame_system::mocking::MockBlockU32<Test>;
}

impl guarded::Config for Test {
    type Guard = crate::EnsureEnacted;
}

parameter_types! {
    pub const MaxPending: u32 = 3;
    pub const MaxWeight: Weight = Weight::from_parts(1_000_000_000, u64::MAX);
    pub static Now: Moment = 0;
    /// What the guarded call declares.
    pub static Heaviness: u64 = 500_000_000;
    /// Whether the guarded call takes odd numbers, too.
    pub static OddIsFine: bool = false;
}

impl crate::Config for Test {
    type Chain = Clock;
    type AnnounceOrigin = frame_system::EnsureRoot<AccountId>;
    type CancelOrigin = frame_system::EnsureRoot<AccountId>;
    type Lockable = OnlyGuarded;
    type MaxWeight = MaxWeight;
    type MaxPending = MaxPending;
    type WeightInfo = ();
    #[cfg(feature = "runtime-benchmarks")]
    type BenchmarkCall = BenchmarkCall;
}

#[cfg(feature = "runtime-benchmarks")]
parameter_types! {
    pub BenchmarkCall: RuntimeCall = RuntimeCall::Guarded(guarded::Call::set { number: 2 });
}

pub struct Clock;

impl Chain for Clock {
    fn now() -> Moment {
        Now::get()
    }
    fn genesis() -> Genesis {
        Genesis::zero()
    }
}

pub struct OnlyGuarded;

impl Contains<RuntimeCall> for OnlyGuarded {
    fn contains(call: &RuntimeCall) -> bool {
        matches!(call, RuntimeCall::Guarded(_))
    }
}

pub const START: Moment = 1_700_000_000_000;
pub const DELAY: Moment = 3 * 86_400_000;

pub fn new_test_ext(delay: Moment) -> sp_io::TestExternalities {
    Now::set(START);
    Heaviness::set(500_000_000);
    OddIsFine::set(false);
    let storage = RuntimeGenesisConfig {
        timelock: crate::GenesisConfig {
            delay,
            ..Default::default()
        },
        ..Default::default()
    }
    .build_storage()
    .expect("a genesis");
    let mut ext = sp_io::TestExternalities::new(storage);
    ext.execute_with(|| System::set_block_number(1));
    ext
}

/// With the delay, and with invariants looked at in the end.
pub fn with_delay(test: impl FnOnce()) {
    new_test_ext(DELAY).execute_with(|| {
        test();
        Timelock::do_try_state().expect("invariants hold");
    });
}
