//! What `SalusApi` asks of this pallet.

use alloc::vec::Vec;
use salus_primitives::{
    api::{GrantView, MAX_PAGE},
    traits::{Chain, Control, Standing},
    AccountId, Cid, Grant, GrantIndex, Grantee, Moment, PatientId, Request, RequestIndex,
};

use crate::{
    granting::place, predicate, Config, Envelopes, Grants, GrantsTo, Handovers, NextGrant,
    NextRequest, Pallet, Requests,
};

/// A page of grants ends once it has so many envelopes: each grant may have 256 of them.
pub const MAX_LISTED: u32 = 1_024;

impl<T: Config> Pallet<T> {
    pub fn grant_view(patient: &PatientId, grant: GrantIndex) -> Option<GrantView> {
        let row = Grants::<T>::get(patient, grant)?;
        Some(Self::view(patient, grant, row))
    }

    /// Grants of a patient in ascending order; fewer than `limit` if they have [`MAX_LISTED`] envelopes.
    pub fn grants(
        patient: &PatientId,
        from: GrantIndex,
        limit: u32,
    ) -> Vec<(GrantIndex, GrantView)> {
        let rows = page(from, limit, NextGrant::<T>::get(patient))
            .filter_map(|index| Some((index, Self::grant_view(patient, index)?)));
        listed(rows, |(_, view)| view)
    }

    /// Grants of a patient to this account at its present organisation, and to that organisation;
    /// neither revoked ones nor those already swept. In ascending order. Looks at no more rows than
    /// twice what it returns, whatever others have granted; ends early as [`Self::grants`] does.
    pub fn grants_between(
        patient: &PatientId,
        account: &AccountId,
        from: GrantIndex,
        limit: u32,
    ) -> Vec<(GrantIndex, GrantView)> {
        let limit = limit.min(MAX_PAGE) as usize;
        let mut found: Vec<GrantIndex> = Self::grantees(account)
            .into_iter()
            .flatten()
            .flat_map(|grantee| {
                let rows = match from.checked_sub(1) {
                    None => GrantsTo::<T>::iter_key_prefix((&grantee, patient)),
                    Some(before) => GrantsTo::<T>::iter_key_prefix_from(
                        (&grantee, patient),
                        GrantsTo::<T>::hashed_key_for((&grantee, patient, place(before))),
                    ),
                };
                rows.take(limit).map(GrantIndex::from_be_bytes)
            })
            .collect();
        found.sort_unstable();
        found.truncate(limit);
        let rows = found
            .into_iter()
            .filter_map(|index| Some((index, Self::grant_view(patient, index)?)));
        listed(rows, |(_, view)| view)
    }

    /// Grants to this account at its present organisation, then those to that organisation;
    /// neither revoked ones nor those already swept. In the order of storage, which is none, after a
    /// row that was returned before; whether that is still there does not matter. A row of a grantee
    /// that the account has left stands before all others: none of them was returned with it. Ends early
    /// as [`Self::grants`] does.
    pub fn grants_to(
        account: &AccountId,
        after: Option<(Grantee, PatientId, GrantIndex)>,
        limit: u32,
    ) -> Vec<(PatientId, GrantIndex, GrantView)> {
        let Some(grantees) = Self::grantees(account) else {
            return Vec::new();
        };
        let begin = after
            .as_ref()
            .and_then(|(last, ..)| grantees.iter().position(|grantee| grantee == last));
        let rows = grantees
            .into_iter()
            .enumerate()
            .skip(begin.unwrap_or_default())
            .flat_map(|(n, grantee)| match &after {
                Some((_, patient, index)) if begin == Some(n) => {
                    let last = GrantsTo::<T>::hashed_key_for((&grantee, patient, place(*index)));
                    GrantsTo::<T>::iter_key_prefix_from((grantee,), last)
                }
                _ => GrantsTo::<T>::iter_key_prefix((grantee,)),
            })
            .take(limit.min(MAX_PAGE) as usize)
            .filter_map(|(patient, index)| {
                let index = GrantIndex::from_be_bytes(index);
                Some((patient, index, Self::grant_view(&patient, index)?))
            });
        listed(rows, |(_, _, view)| view)
    }

    /// Returns what the account can be as a grantee: itself at its organisation, and that organisation.
    fn grantees(account: &AccountId) -> Option<[Grantee; 2]> {
        let organisation = T::Standing::member(account)?.organisation();
        let clinician = Grantee::Clinician {
            account: account.clone(),
            organisation,
        };
        Some([clinician, Grantee::Organisation(organisation)])
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

    /// The `n`-th envelope of a grant.
    pub fn envelope(patient: &PatientId, grant: GrantIndex, n: u32) -> Option<Cid> {
        Envelopes::<T>::get((patient, grant, n))
    }

    fn view(patient: &PatientId, index: GrantIndex, grant: Grant) -> GrantView {
        let void = T::Control::voided_by(patient).is_some();
        GrantView {
            active: predicate::is_active(
                &grant,
                T::Chain::now(),
                void,
                T::Standing::grantee_is_active,
            ),
            envelopes: (0..Handovers::<T>::get(patient, index).envelopes)
                .filter_map(|n| Self::envelope(patient, index, n))
                .collect(),
            grant,
        }
    }
}

/// The rows up to the one with which they have [`MAX_LISTED`] envelopes.
fn listed<Row>(rows: impl Iterator<Item = Row>, view: impl Fn(&Row) -> &GrantView) -> Vec<Row> {
    let mut page = Vec::new();
    let mut envelopes: usize = 0;
    for row in rows {
        envelopes = envelopes.saturating_add(view(&row).envelopes.len());
        page.push(row);
        if envelopes >= MAX_LISTED as usize {
            break;
        }
    }
    page
}

fn page(from: u32, limit: u32, end: u32) -> core::ops::Range<u32> {
    from..end.min(from.saturating_add(limit.min(MAX_PAGE)))
}
