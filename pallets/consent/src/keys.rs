//! Which keys of compartments are in the hands of those whose grants are over.
//!
//! A grant ends, and its grantee keeps the keys. So the compartments that it named get new ones at
//! their next use. To say which, nobody goes through all grants ever given: what is over is added up
//! when it is cleared away, and only what is over and not cleared away yet is looked at one by one, as
//! far as that is little: beyond it, all keys count as out until the sweep has caught up.

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::pallet_prelude::*;
use salus_primitives::{
    traits::Chain, CompartmentId, Grant, GrantIndex, Moment, PatientId, Scope, COMPARTMENTS,
};

use crate::{Config, Grants, Handovers, KeyHolders, KeysLeft, Pallet};

/// Grants that are over and not cleared away, of which one answer looks at no more. Without a bound,
/// whoever lets many grants end at once would make each answer cost as much.
pub const MAX_HOLDERS_READ: u32 = 64;

/// For each compartment, when its key last went to somebody whose grant is now over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct KeysOut {
    /// Of compartments that grants have named, and those exist: there is room for all.
    named: BoundedVec<(CompartmentId, Moment), ConstU32<COMPARTMENTS>>,
    /// When all of them counted as handed out.
    all: Option<Moment>,
}

impl KeysOut {
    /// Returns when the compartment's key last went out, or a later moment: keys may be renewed too
    /// often, never too seldom.
    pub fn get(&self, compartment: &CompartmentId) -> Option<&Moment> {
        let named = self.named.iter().find(|(known, _)| known == compartment);
        named.map(|(_, at)| at).max(self.all.as_ref())
    }

    pub(crate) fn note(&mut self, compartment: CompartmentId, at: Moment) {
        let known = self
            .named
            .iter_mut()
            .find(|(known, _)| *known == compartment);
        match known {
            Some((_, last)) => *last = at.max(*last),
            None => {
                if self.named.try_push((compartment, at)).is_err() {
                    self.note_everything(at);
                }
            }
        }
    }

    /// Says of all keys that they went out at this moment.
    fn note_everything(&mut self, at: Moment) {
        self.all = self.all.max(Some(at));
    }

    fn note_all(&mut self, scope: &Scope, at: Moment) {
        if let Scope::Compartments(compartments) = scope {
            for compartment in compartments {
                self.note(*compartment, at);
            }
        }
    }
}

impl<T: Config> Pallet<T> {
    /// Adds up what a grantee holds on to whose grant is cleared away.
    pub(crate) fn settle_keys(patient: PatientId, index: GrantIndex, grant: &Grant) {
        let key = (patient, grant.expires_at.to_be_bytes(), index);
        if KeyHolders::<T>::take(key).is_some() {
            let last_at = Handovers::<T>::get(patient, index).last_at;
            KeysLeft::<T>::mutate(patient, |out| out.note_all(&grant.scope, last_at));
        }
    }

    /// Returns for each compartment when its key last went to somebody whose grant is now over. Looks
    /// at the grants that are over and not swept, [`MAX_HOLDERS_READ`] at most; if there are more, all
    /// keys count as handed out now. Ask once for many compartments.
    pub fn keys_outstanding(patient: &PatientId) -> KeysOut {
        let now = T::Chain::now();
        let mut out = KeysLeft::<T>::get(patient);
        let mut over = KeyHolders::<T>::iter_key_prefix((patient,))
            .take_while(|(ends_at, _)| Moment::from_be_bytes(*ends_at) <= now)
            .map(|(_, index)| index);
        for index in over.by_ref().take(MAX_HOLDERS_READ as usize) {
            if let Some(grant) = Grants::<T>::get(patient, index) {
                out.note_all(&grant.scope, Handovers::<T>::get(patient, index).last_at);
            }
        }
        if over.next().is_some() {
            out.note_everything(now);
        }
        out
    }

    /// Whether somebody whose grant is over holds the present key of a compartment, which is in
    /// use since `rotated_at`. Each hand-over counts, not only the first: after a rotation the
    /// grants that live are handed the new key.
    pub fn needs_rotation(
        patient: &PatientId,
        compartment: &CompartmentId,
        rotated_at: Moment,
    ) -> bool {
        Self::keys_outstanding(patient)
            .get(compartment)
            .is_some_and(|last_at| rotated_at <= *last_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compartment(n: u16) -> CompartmentId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&n.to_le_bytes());
        CompartmentId(id)
    }

    #[test]
    fn the_last_time_counts_and_what_is_unknown_is_not_out() {
        let mut out = KeysOut::default();
        for at in [5, 9, 7] {
            out.note(compartment(1), at);
        }
        assert_eq!(out.get(&compartment(1)), Some(&9));
        assert_eq!(out.get(&compartment(2)), None);
    }

    #[test]
    fn everything_is_out_once_that_was_said() {
        let mut out = KeysOut::default();
        out.note(compartment(1), 5);
        out.note_everything(7);
        out.note(compartment(2), 6);
        for n in 0..3 {
            assert_eq!(out.get(&compartment(n)), Some(&7));
        }
    }

    #[test]
    fn what_finds_no_room_is_never_forgotten() {
        let mut out = KeysOut::default();
        let all = COMPARTMENTS as u16 + 20;
        let at = |n: u16| Moment::from(n) * 7 % 1000;
        for n in 0..all {
            out.note(compartment(n), at(n));
        }
        assert_eq!(out.named.len(), COMPARTMENTS as usize);
        for n in 0..all {
            assert!(out.get(&compartment(n)).is_some_and(|last| *last >= at(n)));
        }
    }
}
