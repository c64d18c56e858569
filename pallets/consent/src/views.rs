//! What `SalusApi` asks of this pallet.

use alloc::{collections::BTreeMap, vec::Vec};
use salus_primitives::{
    api::{GrantView, MAX_PAGE},
    traits::{Chain, Control, Standing},
    AccountId, Cid, CompartmentId, Grant, GrantIndex, Grantee, Moment, PatientId, Reference,
    Request, RequestIndex, Scope,
};

use crate::{
    predicate, Config, Envelopes, Grants, GrantsTo, Handovers, NextGrant, NextRequest, Pallet,
    Requests,
};

impl<T: Config> Pallet<T> {
    pub fn grant_view(patient: &PatientId, grant: GrantIndex) -> Option<GrantView> {
        let row = Grants::<T>::get(patient, grant)?;
        Some(Self::view(patient, grant, row))
    }

    /// Grants of a patient in ascending order.
    pub fn grants(
        patient: &PatientId,
        from: GrantIndex,
        limit: u32,
    ) -> Vec<(GrantIndex, GrantView)> {
        page(from, limit, NextGrant::<T>::get(patient))
            .filter_map(|index| Some((index, Self::grant_view(patient, index)?)))
            .collect()
    }

    /// Grants to this account at its present organisation, then those to that organisation;
    /// neither revoked ones nor those already swept. In no particular order.
    pub fn grants_to(account: &AccountId, limit: u32) -> Vec<(PatientId, GrantIndex, GrantView)> {
        let Some(member) = T::Standing::member(account) else {
            return Vec::new();
        };
        let organisation = member.organisation();
        let clinician = Grantee::Clinician {
            account: account.clone(),
            organisation,
        };
        [clinician, Grantee::Organisation(organisation)]
            .into_iter()
            .flat_map(|grantee| GrantsTo::<T>::iter_key_prefix((grantee,)))
            .take(limit.min(MAX_PAGE) as usize)
            .filter_map(|(patient, index)| {
                Some((patient, index, Self::grant_view(&patient, index)?))
            })
            .collect()
    }

    pub fn request_view(patient: &PatientId, request: RequestIndex) -> Option<Request> {
        Requests::<T>::get(patient, request)
    }

    /// Requests to a patient in ascending order.
    pub fn requests(
        patient: &PatientId,
        from: RequestIndex,
        limit: u32,
    ) -> Vec<(RequestIndex, Request)> {
        page(from, limit, NextRequest::<T>::get(patient))
            .filter_map(|index| Some((index, Requests::<T>::get(patient, index)?)))
            .collect()
    }

    /// Whether `account` can use `grant` at the later of `at` and now.
    pub fn holds_grant(
        patient: &PatientId,
        grant: GrantIndex,
        account: &AccountId,
        at: Moment,
    ) -> bool {
        Self::held(patient, grant, account, at.max(T::Chain::now())).is_some()
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

    /// For each compartment, when its key last went to somebody whose grant is now over. One pass
    /// over the patient's grants, for callers that ask about many compartments.
    pub fn keys_outstanding(patient: &PatientId) -> BTreeMap<CompartmentId, Moment> {
        let now = T::Chain::now();
        let mut outstanding = BTreeMap::new();
        for (index, handover) in Handovers::<T>::iter_prefix(patient) {
            let Some(grant) = Grants::<T>::get(patient, index) else {
                continue;
            };
            if !grant.rights.read() || !predicate::has_ended(&grant, now) {
                continue;
            }
            if let Scope::Compartments(compartments) = grant.scope {
                for compartment in compartments {
                    let last_at = outstanding.entry(compartment).or_insert(handover.last_at);
                    *last_at = handover.last_at.max(*last_at);
                }
            }
        }
        outstanding
    }

    /// The `n`-th envelope of a grant.
    pub fn envelope(patient: &PatientId, grant: GrantIndex, n: u32) -> Option<Cid> {
        Envelopes::<T>::get((patient, grant, n))
    }

    /// Whether an envelope must be kept: as long as a grant that names it is not over.
    pub fn envelope_reference(patient: &PatientId, content: &Cid) -> Reference {
        let now = T::Chain::now();
        let named = Envelopes::<T>::iter_prefix((patient,)).any(|((grant, _), envelope)| {
            envelope == *content
                && Grants::<T>::get(patient, grant)
                    .is_some_and(|grant| !predicate::has_ended(&grant, now))
        });
        reference(named)
    }

    /// Whether a request of this patient names a letter.
    pub fn letter_reference(patient: &PatientId, content: &Cid) -> Reference {
        reference(Requests::<T>::iter_prefix_values(patient).any(|row| row.letter == *content))
    }

    fn view(patient: &PatientId, index: GrantIndex, grant: Grant) -> GrantView {
        let restricted = T::Control::is_restricted(patient);
        GrantView {
            active: predicate::is_active::<T::Standing>(&grant, T::Chain::now(), restricted),
            envelopes: (0..Handovers::<T>::get(patient, index).envelopes)
                .filter_map(|n| Self::envelope(patient, index, n))
                .collect(),
            grant,
        }
    }
}

fn page(from: u32, limit: u32, end: u32) -> core::ops::Range<u32> {
    from..end.min(from.saturating_add(limit.min(MAX_PAGE)))
}

fn reference(named: bool) -> Reference {
    if named {
        Reference::Named
    } else {
        Reference::Unnamed
    }
}
