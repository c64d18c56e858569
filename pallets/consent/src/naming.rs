//! Which of a patient's files the chain still names here: vaults keep those, and delete the others.

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::pallet_prelude::*;
use salus_primitives::{traits::Chain, Cid, Grant, GrantIndex, Moment, PatientId, Reference};

use crate::{predicate, Config, EnvelopesIn, Grants, Letters, Pallet};

/// Grants that hand out the same envelope, by name. Do not reduce.
pub const MAX_USES: u32 = 16;

/// Which grants hand out an envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct EnvelopeUses {
    /// Each with when it ends by itself. Those that have are dropped when there is no room.
    grants: BoundedVec<(GrantIndex, Moment), ConstU32<MAX_USES>>,
    /// When the last of those ends that found no room even so. An emergency's package goes to many;
    /// nobody is refused for that, and the file is kept as if none of them were revoked.
    others_until: Option<Moment>,
}

impl EnvelopeUses {
    fn note(&mut self, grant: GrantIndex, ends_at: Moment, now: Moment) {
        if self.grants.iter().any(|(known, _)| *known == grant) {
            return;
        }
        if self.grants.is_full() {
            self.grants.retain(|(_, until)| now < *until);
        }
        if self.grants.try_push((grant, ends_at)).is_err() {
            self.others_until = self.others_until.max(Some(ends_at));
        }
    }
}

impl<T: Config> Pallet<T> {
    pub(crate) fn note_envelope(
        patient: &PatientId,
        index: GrantIndex,
        grant: &Grant,
        envelope: &Cid,
    ) {
        let now = T::Chain::now();
        EnvelopesIn::<T>::mutate(patient, envelope, |uses| {
            uses.note(index, grant.expires_at, now)
        });
    }

    /// Whether an envelope must be kept: as long as a grant that names it is not over.
    pub fn envelope_reference(patient: &PatientId, content: &Cid) -> Reference {
        let now = T::Chain::now();
        let uses = EnvelopesIn::<T>::get(patient, content);
        let lives = |(index, ends_at): &(GrantIndex, Moment)| {
            now < *ends_at
                && Grants::<T>::get(patient, index)
                    .is_some_and(|grant| !predicate::has_ended(&grant, now))
        };
        reference(
            uses.others_until.is_some_and(|until| now < until) || uses.grants.iter().any(lives),
        )
    }

    /// Whether a request of this patient names a letter.
    pub fn letter_reference(patient: &PatientId, content: &Cid) -> Reference {
        reference(Letters::<T>::contains_key(patient, content))
    }
}

#[cfg(any(feature = "try-runtime", feature = "std"))]
impl EnvelopeUses {
    /// Lists the grants that it names.
    pub(crate) fn named(&self) -> impl Iterator<Item = GrantIndex> + '_ {
        self.grants.iter().map(|(grant, _)| *grant)
    }
}

fn reference(named: bool) -> Reference {
    if named {
        Reference::Named
    } else {
        Reference::Unnamed
    }
}
