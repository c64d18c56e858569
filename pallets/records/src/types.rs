//! What the calls take and the rows hold, beside what `salus_primitives` has.

use super::*;
use salus_primitives::signing::RecipientKey;
use sp_runtime::MultiSignature;

/// A patient's compartments, in ascending order of their ids.
pub type Chart = [(CompartmentId, Compartment); COMPARTMENTS as usize];

/// What the compartments' keys of epoch 0 are, in the order of [`Chart`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct KeySet {
    /// Whose signature it is: who consented to the enrolment.
    pub signer: AccountId,
    pub scheme: u8,
    pub first: [RecipientKey; COMPARTMENTS as usize],
    pub signature: MultiSignature,
}

/// How long the erasure of a record can be cancelled.
pub const ERASE_DELAY: Moment = UNNAMING_WAITS;

/// Former contents of a record, at most. Do not reduce.
pub const MAX_FORMER: u32 = 16;

/// Where a record's file lay lately, oldest first.
pub type FormerContents = BoundedVec<FormerContent, ConstU32<MAX_FORMER>>;

/// How a patient's records name a content: enough to say whether vaults keep its file, however many
/// records there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Naming {
    /// Records that name it.
    pub records: u32,
    /// Entries in [`Former`] that name it.
    pub former: u32,
    /// Until when the last of these entries lasts. An entry goes before its time only when its record
    /// names the content again, and later leaves an entry that lasts longer.
    pub former_until: Moment,
}

/// What [`Pallet::anchor_many`] takes.
pub type NewRecords = BoundedVec<NewItem, ConstU32<MAX_ANCHORS>>;

/// A record for a chart, and the grant that allows it.
pub type NewItem = (PatientId, Option<GrantIndex>, NewRecord);

/// Where an item goes, and by what right: all that [`Pallet::anchor_many`] asks before it writes.
type Place = (PatientId, Option<GrantIndex>, CompartmentId, u32);

fn place((patient, grant, record): &NewItem) -> Place {
    (*patient, *grant, record.compartment, record.epoch)
}

/// Runs of items that go to one place.
pub(crate) fn runs(items: &[NewItem]) -> impl Iterator<Item = &[NewItem]> {
    items.chunk_by(|one, next| place(one) == place(next))
}

/// How many items go elsewhere than the one before, and how many where it went.
pub(crate) fn places_and_others(items: &[NewItem]) -> (u32, u32) {
    let places = runs(items).count();
    (places as u32, items.len().saturating_sub(places) as u32)
}
