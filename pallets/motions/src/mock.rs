//! A runtime of this pallet, its collective, and a pallet whose calls the council guards.

use frame_support::{
    derive_impl, parameter_types,
    traits::{ChangeMembers, ConstU32},
    weights::Weight,
};
use salus_primitives::AccountId;
use sp_runtime::{traits::Hash, traits::IdentityLookup, BuildStorage};

use crate::{Council as Instance, EnsureMoreThanHalf, EnsureTwoThirds, Majority, MajorityFor};

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

    #[runtime::pallet_index(15)]
    pub type Council = pallet_collective<Instance1>;

    #[runtime::pallet_index(18)]
    pub type Motions = crate;

    #[runtime::pallet_index(19)]
    pub type Guarded = guarded;
}

/// What the council guards, by either majority.
#[frame_support::pallet(dev_mode)]
pub mod guarded {
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;

    #[pallet::config]
    pub trait Config: frame_system::Config {
        type Half: EnsureOrigin<Self::RuntimeOrigin>;
        type TwoThirds: EnsureOrigin<Self::RuntimeOrigin>;
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
        /// By more than half. Costs half of what it says.
        #[pallet::weight(Weight::from_parts(1_000_000_000, 0))]
        pub fn set(origin: OriginFor<T>, number: u32) -> DispatchResultWithPostInfo {
            T::Half::ensure_origin(origin)?;
            ensure!(number.is_multiple_of(2), Error::<T>::Odd);
            Number::<T>::put(number);
            Ok(Some(Weight::from_parts(500_000_000, 0)).into())
        }

        /// By two thirds.
        #[pallet::weight(Weight::from_parts(1_000_000_000, 0))]
        pub fn entrench(origin: OriginFor<T>, number: u32) -> DispatchResult {
            T::TwoThirds::ensure_origin(origin)?;
            Number::<T>::put(number);
            Ok(())
        }

        /// As heavy as one likes.
        #[pallet::weight(Weight::from_parts(*weight, 0))]
        pub fn burden(origin: OriginFor<T>, weight: u64) -> DispatchResult {
            T::Half::ensure_origin(origin)?;
            let _ = weight;
            Ok(())
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
    type Half = EnsureMoreThanHalf<Test>;
    type TwoThirds = EnsureTwoThirds<Test>;
}

pub const MS: u64 = 1_000_000_000;
pub const DURATION: u32 = 100;
/// Room for the motions of six members.
pub const MAX_MOTIONS: u32 = 12;
pub const PER_MEMBER: u32 = 2;

parameter_types! {
    pub const MaxProposalWeight: Weight = Weight::from_parts(50 * MS, u64::MAX);
    /// Seats that were vacated and still count.
    pub static Vacated: u32 = 0;
}

pub struct Electorate;

impl frame_support::traits::Get<u32> for Electorate {
    fn get() -> u32 {
        crate::Pallet::<Test>::seats() + Vacated::get()
    }
}

impl pallet_collective::Config<Instance> for Test {
    type RuntimeOrigin = RuntimeOrigin;
    type Proposal = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type MotionDuration = ConstU32<DURATION>;
    type MaxProposals = ConstU32<MAX_MOTIONS>;
    type MaxMembers = ConstU32<1_024>;
    type DefaultVote = pallet_collective::PrimeDefaultVote;
    type WeightInfo = ();
    type SetMembersOrigin = frame_system::EnsureNever<AccountId>;
    type MaxProposalWeight = MaxProposalWeight;
    type DisapproveOrigin = frame_system::EnsureRoot<AccountId>;
    type KillOrigin = frame_system::EnsureRoot<AccountId>;
    type Consideration = ();
}

pub struct Majorities;

impl MajorityFor<RuntimeCall> for Majorities {
    fn for_call(call: &RuntimeCall) -> Majority {
        match call {
            RuntimeCall::Guarded(guarded::Call::entrench { .. }) => Majority::TwoThirds,
            _ => Majority::MoreThanHalf,
        }
    }
}

impl crate::Config for Test {
    type Electorate = Electorate;
    type Majority = Majorities;
    type MaxPerMember = ConstU32<PER_MEMBER>;
    type WeightInfo = ();
}

pub fn member(number: u8) -> AccountId {
    AccountId::new([number; 32])
}

pub fn by(number: u8) -> RuntimeOrigin {
    RuntimeOrigin::signed(member(number))
}

pub fn set(number: u32) -> RuntimeCall {
    RuntimeCall::Guarded(guarded::Call::set { number })
}

pub fn entrench(number: u32) -> RuntimeCall {
    RuntimeCall::Guarded(guarded::Call::entrench { number })
}

pub fn hash(call: &RuntimeCall) -> <Test as frame_system::Config>::Hash {
    <Test as frame_system::Config>::Hashing::hash_of(call)
}

pub fn number() -> u32 {
    guarded::Number::<Test>::get()
}

pub fn set_seats(numbers: &[u8]) {
    let old = pallet_collective::Members::<Test, Instance>::get();
    let new: Vec<AccountId> = numbers.iter().copied().map(member).collect();
    <Council as ChangeMembers<AccountId>>::set_members_sorted(&new, &old);
}

/// Takes a member's seat as a suspension does: it counts on.
pub fn suspend(number: u8) {
    let left: Vec<u8> = pallet_collective::Members::<Test, Instance>::get()
        .into_iter()
        .map(|account| <AccountId as AsRef<[u8; 32]>>::as_ref(&account)[0])
        .filter(|seat| *seat != number)
        .collect();
    set_seats(&left);
    Vacated::mutate(|vacated| *vacated += 1);
}

pub fn new_test_ext() -> sp_io::TestExternalities {
    Vacated::set(0);
    let storage = RuntimeGenesisConfig::default()
        .build_storage()
        .expect("a genesis");
    let mut ext = sp_io::TestExternalities::new(storage);
    ext.execute_with(|| {
        System::set_block_number(1);
        set_seats(&[1, 2, 3, 4]);
    });
    ext
}

/// Four members, and invariants looked at in the end.
pub fn build_and_execute(test: impl FnOnce()) {
    new_test_ext().execute_with(|| {
        test();
        Motions::do_try_state().expect("invariants hold");
    });
}
