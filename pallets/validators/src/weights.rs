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
    fn revive(g: u32) -> Weight;
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
        // Reckoned, with the keys of 1,024 organisations, each of which is looked up.
        // Storage: `Session::NextKeys` (r:1025 w:0)
        // Storage: `Members::Clinicians`, `Members::Admins`, `Members::Organisations` (r:1024 w:0)
        // Storage: `Validators::Barred` (r:1024 w:128), `Validators::Reviving` (r:0 w:1)
        fn revive(g: u32) -> Weight {
            Weight::from_parts(15_000_000_000, 3477)
                .saturating_add(Weight::from_parts(20_000_000, 2487).saturating_mul(g.into()))
                .saturating_add($db.reads_writes(5_121, 1))
                .saturating_add($db.reads_writes(1, 1).saturating_mul(g.into()))
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
