//! Weights of `pallet_validators`, measured: made by `scripts/weights`, not by hand.
//!
//! frame-omni-bencher, format 64.0.0; 2026-11-21; 8 steps, 5 repeats; AMD EPYC.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

pub trait WeightInfo {
    fn bar() -> Weight;
    fn readmit() -> Weight;
}

/// With the database of the runtime.
pub struct SubstrateWeight<T>(PhantomData<T>);

macro_rules! weights {
    ($db:expr) => {
        // Storage: `Validators::Barred` (r:1 w:1)
        // Proof: `Validators::Barred` (`max_values`: None, `max_size`: Some(12), added: 2487, mode: `MaxEncodedLen`)
        fn bar() -> Weight {
            Weight::from_parts(18_635_000, 3477).saturating_add($db.reads_writes(1, 1))
        }
        // Storage: `Validators::Barred` (r:1 w:1)
        // Proof: `Validators::Barred` (`max_values`: None, `max_size`: Some(12), added: 2487, mode: `MaxEncodedLen`)
        fn readmit() -> Weight {
            Weight::from_parts(17_784_000, 3477).saturating_add($db.reads_writes(1, 1))
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
