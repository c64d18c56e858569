//! The next version of the runtime, to rehearse an upgrade with: the same, and one migration that
//! rewrites the row of every patient, a few in each block. `tests/rehearsal` builds it; no chain is founded with it.

use alloc::borrow::Cow;

use frame_support::{
    migrations::{SteppedMigration, SteppedMigrationError},
    pallet_prelude::ValueQuery,
    traits::Get,
    weights::WeightMeter,
};
use pallet_patients::Patients;
use salus_primitives::PatientId;
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

/// How many rows the migration rewrote, and in how many blocks: that it ran, and that it ran once.
#[frame_support::storage_alias]
pub type Rewritten = StorageValue<Rehearsal, (u32, u32), ValueQuery>;

/// Rows in one block at most. A real migration takes what the block holds; this one has few rows,
/// and must go on in the next block all the same.
const ROWS_OF_A_BLOCK: u32 = 2;

/// Writes each patient's row anew, from where the block before had stopped.
pub struct Migration;

impl SteppedMigration for Migration {
    type Cursor = PatientId;
    type Identifier = [u8; 16];

    fn id() -> Self::Identifier {
        *b"patients-anew-v2"
    }

    fn step(
        cursor: Option<PatientId>,
        meter: &mut WeightMeter,
    ) -> Result<Option<PatientId>, SteppedMigrationError> {
        let row = <Runtime as frame_system::Config>::DbWeight::get().reads_writes(2, 2);
        if meter.try_consume(row).is_err() {
            return Err(SteppedMigrationError::InsufficientWeight { required: row });
        }
        let mut rows = match &cursor {
            None => Patients::<Runtime>::iter(),
            Some(last) => Patients::<Runtime>::iter_from(Patients::<Runtime>::hashed_key_for(last)),
        };
        let (mut rewritten, mut last) = (0, cursor);
        while rewritten < ROWS_OF_A_BLOCK {
            let Some((patient, row)) = rows.next() else {
                last = None;
                break;
            };
            Patients::<Runtime>::insert(patient, row);
            rewritten += 1;
            last = Some(patient);
        }
        Rewritten::mutate(|(all, blocks)| {
            *all = all.saturating_add(rewritten);
            *blocks = blocks.saturating_add(1);
        });
        // What is left of this block is not asked for.
        meter.consume(meter.remaining());
        Ok(last)
    }
}
