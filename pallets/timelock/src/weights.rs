//! Weights of `pallet_timelock`, measured: made by `scripts/weights`, not by hand.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 8 steps, 5 repeats; AMD EPYC.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn announce() -> Weight;
    fn enact() -> Weight;
    fn cancel() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // Storage: `Timelock::NextDecision` (r:1 w:1)
        // Proof: `Timelock::NextDecision` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
        // Storage: `Timelock::Delay` (r:1 w:0)
        // Proof: `Timelock::Delay` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Timelock::CounterForPending` (r:1 w:1)
        // Proof: `Timelock::CounterForPending` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Timelock::Pending` (r:1 w:1)
        // Proof: `Timelock::Pending` (`max_values`: None, `max_size`: Some(4126), added: 6601, mode: `MaxEncodedLen`)
        fn announce() -> Weight {
            Weight::from_parts(28_714_000, 7591).saturating_add($db.reads_writes(5, 3))
        }
        // Storage: `Timelock::Pending` (r:1 w:1)
        // Proof: `Timelock::Pending` (`max_values`: None, `max_size`: Some(4126), added: 6601, mode: `MaxEncodedLen`)
        // Storage: `Timestamp::Now` (r:1 w:0)
        // Proof: `Timestamp::Now` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
        // Storage: `Timelock::CounterForPending` (r:1 w:1)
        // Proof: `Timelock::CounterForPending` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
        fn enact() -> Weight {
            Weight::from_parts(32_020_000, 7591).saturating_add($db.reads_writes(3, 2))
        }
        // Storage: `Timelock::Pending` (r:1 w:1)
        // Proof: `Timelock::Pending` (`max_values`: None, `max_size`: Some(4126), added: 6601, mode: `MaxEncodedLen`)
        // Storage: `Timelock::CounterForPending` (r:1 w:1)
        // Proof: `Timelock::CounterForPending` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
        fn cancel() -> Weight {
            Weight::from_parts(24_455_000, 7591).saturating_add($db.reads_writes(2, 2))
        }
    };
}

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    weights!(T::DbWeight::get());
}

/// For tests.
impl WeightInfo for () {
    weights!(RocksDbWeight::get());
}
