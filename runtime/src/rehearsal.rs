//! The next version of the runtime, to rehearse an upgrade with: the same, and one migration that
//! rewrites the row of every patient. `tests/rehearsal` builds it; no chain is founded with it.

use alloc::borrow::Cow;

use frame_support::{
    traits::{Get, OnRuntimeUpgrade},
    weights::Weight,
};
use salus_primitives::Patient;
use sp_version::RuntimeVersion;

use crate::{apis, Runtime};

#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
    spec_name: Cow::Borrowed("salus"),
    impl_name: Cow::Borrowed("salus"),
    authoring_version: 1,
    spec_version: 2,
    impl_version: 1,
    apis: apis::RUNTIME_API_VERSIONS,
    transaction_version: 1,
    system_version: 1,
};

/// How many rows the migration rewrote: that it ran, and that it ran once.
#[frame_support::storage_alias]
pub type Rewritten = StorageValue<Rehearsal, u32, frame_support::pallet_prelude::ValueQuery>;

pub struct Migration;

impl OnRuntimeUpgrade for Migration {
    fn on_runtime_upgrade() -> Weight {
        let mut rows = 0u32;
        pallet_patients::Patients::<Runtime>::translate_values(|row: Patient| {
            rows = rows.saturating_add(1);
            Some(row)
        });
        Rewritten::mutate(|total| *total = total.saturating_add(rows));
        let rows = u64::from(rows).saturating_add(1);
        <Runtime as frame_system::Config>::DbWeight::get().reads_writes(rows, rows)
    }
}
