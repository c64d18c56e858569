//! How a grant comes to be, its keys to the grantee, and how it is ended.

use frame_support::pallet_prelude::*;
use salus_primitives::{
    hours::over_at,
    predicate::is_ascending,
    traits::{Chain, Granting, Records, Standing},
    AccountId, Basis, Cid, Grant, GrantIndex, GrantTerms, Moment, PatientId, Rights, Scope,
};

use crate::{
    predicate, Config, Envelopes, Error, Event, Expiries, Grants, GrantsTo, Handover, Handovers,
    KeyHolders, NextGrant, Pallet, SweepAt, MAX_ENVELOPES, MAX_WRITERS,
};

/// Encodes a grant's index as `GrantsTo` has it: in order.
pub(crate) fn place(grant: GrantIndex) -> [u8; 4] {
    grant.to_be_bytes()
}

impl<T: Config> Pallet<T> {
    /// Checks the terms of a grant but its scope, which costs a read for each thing it names.
    pub(crate) fn ensure_terms(
        patient: &PatientId,
        terms: &GrantTerms,
        envelope: &Option<Cid>,
    ) -> DispatchResult {
        let now = T::Chain::now();
        let starts_at = terms.starts_at.unwrap_or(now);
        ensure!(
            T::Standing::grantee_is_active(&terms.grantee),
            Error::<T>::GranteeNotInGoodStanding
        );
        ensure!(starts_at >= now, Error::<T>::StartsInPast);
        ensure!(starts_at < terms.expires_at, Error::<T>::EmptyPeriod);
        ensure!(
            terms.expires_at <= now.saturating_add(T::MaxGrantDuration::get()),
            Error::<T>::TooLong
        );
        if let (Some(from), Some(until)) = (terms.anchored_from, terms.anchored_until) {
            ensure!(from < until, Error::<T>::EmptyWindow);
        }
        ensure!(
            terms.terms.iter().chain(envelope).all(Cid::is_well_formed),
            Error::<T>::MalformedCid
        );
        ensure!(
            terms
                .derived_from
                .is_none_or(|from| Grants::<T>::contains_key(patient, from)),
            Error::<T>::GrantNotFound
        );
        ensure!(
            NextGrant::<T>::get(patient) < GrantIndex::MAX,
            Error::<T>::IndexExhausted
        );
        ensure!(
            !terms.rights.write() || Self::live_writers(patient).len() < MAX_WRITERS as usize,
            Error::<T>::TooManyWriters
        );
        Ok(())
    }

    /// Grants what [`Self::ensure_terms`] does not refuse.
    pub(crate) fn put_grant(
        patient: PatientId,
        actor: &AccountId,
        terms: GrantTerms,
        envelope: Option<Cid>,
        basis: Basis,
    ) -> Result<GrantIndex, DispatchError> {
        let now = T::Chain::now();
        let starts_at = terms.starts_at.unwrap_or(now);
        Self::ensure_scope(&patient, &terms.scope, terms.rights, now)?;
        let grant = NextGrant::<T>::get(patient);
        let next = grant.checked_add(1).ok_or(Error::<T>::IndexExhausted)?;
        if terms.rights.write() {
            Self::note_writer(&patient, grant, terms.expires_at)?;
        }

        let row = Grant {
            grantee: terms.grantee,
            scope: terms.scope,
            rights: terms.rights,
            purpose: terms.purpose,
            starts_at,
            expires_at: terms.expires_at,
            anchored_from: terms.anchored_from,
            anchored_until: terms.anchored_until,
            granted_by: actor.clone(),
            granted_at: now,
            revoked_at: None,
            terms: terms.terms,
            flags: terms.flags,
            derived_from: terms.derived_from,
            basis: basis.clone(),
            rule_version: predicate::RULE_VERSION,
        };
        NextGrant::<T>::insert(patient, next);
        Grants::<T>::insert(patient, grant, &row);
        GrantsTo::<T>::insert((&row.grantee, patient, place(grant)), ());
        Expiries::<T>::insert((over_at(row.expires_at), patient, grant), ());
        if !SweepAt::<T>::exists() {
            SweepAt::<T>::put(over_at(now));
        }
        let event = Event::Granted {
            patient,
            actor: actor.clone(),
            grant,
            grantee: row.grantee.clone(),
            scope: row.scope.clone(),
            rights: row.rights,
            purpose: row.purpose,
            starts_at,
            expires_at: row.expires_at,
            basis,
        };
        Self::deposit(event, &patient);
        if let Some(envelope) = envelope {
            Self::hand_over(patient, actor, grant, &row, envelope)?;
        }
        Ok(grant)
    }

    fn ensure_scope(
        patient: &PatientId,
        scope: &Scope,
        rights: Rights,
        now: Moment,
    ) -> DispatchResult {
        if !predicate::fits_rights(scope, rights) {
            let error = match scope {
                Scope::Compartments(_) if !rights.read() => Error::<T>::WriteNeedsNoScope,
                Scope::Records(records) if rights.write() && !records.is_empty() => {
                    Error::<T>::RecordsNotWritable
                }
                Scope::Compartments(_) | Scope::Records(_) => Error::<T>::EmptyScope,
            };
            return Err(error.into());
        }
        match scope {
            Scope::Compartments(compartments) => {
                ensure!(is_ascending(compartments), Error::<T>::ScopeNotAscending);
                ensure!(
                    compartments.is_empty()
                        || T::Records::compartments_exist(patient, compartments),
                    Error::<T>::CompartmentNotFound
                );
            }
            Scope::Records(records) => {
                ensure!(is_ascending(records), Error::<T>::ScopeNotAscending);
                ensure!(
                    records.iter().all(|index| {
                        T::Records::record(patient, *index)
                            .is_some_and(|record| !record.is_erased(now))
                    }),
                    Error::<T>::RecordNotFound
                );
            }
        }
        Ok(())
    }

    pub(crate) fn hand_over(
        patient: PatientId,
        actor: &AccountId,
        grant: GrantIndex,
        row: &Grant,
        envelope: Cid,
    ) -> DispatchResult {
        let n = Handovers::<T>::get(patient, grant).envelopes;
        ensure!(n < MAX_ENVELOPES, Error::<T>::TooManyEnvelopes);

        Envelopes::<T>::insert((patient, grant, n), envelope);
        Handovers::<T>::insert(
            patient,
            grant,
            Handover {
                envelopes: n.saturating_add(1),
                last_at: T::Chain::now(),
            },
        );
        Self::note_envelope(&patient, grant, row, &envelope);
        if predicate::carries_keys(&row.scope, row.rights) {
            KeyHolders::<T>::insert((patient, row.expires_at.to_be_bytes(), grant), ());
        }
        let event = Event::EnvelopeDelivered {
            patient,
            actor: actor.clone(),
            grant,
            envelope,
        };
        Self::deposit(event, &patient);
        Ok(())
    }

    /// Ends a grant that was not revoked before.
    pub(crate) fn do_revoke(patient: PatientId, actor: AccountId, grant: GrantIndex, row: Grant) {
        if row.rights.write() {
            Self::forget_writer(&patient, grant);
        }
        Self::end_now(patient, actor, grant, row);
    }

    /// Ends a grant that was not revoked before, and that `Writers` does not have any more.
    pub(crate) fn end_now(patient: PatientId, actor: AccountId, grant: GrantIndex, mut row: Grant) {
        row.revoked_at = Some(T::Chain::now());
        GrantsTo::<T>::remove((&row.grantee, patient, place(grant)));
        Expiries::<T>::remove((over_at(row.expires_at), patient, grant));
        Self::settle_keys(patient, grant, &row);
        Grants::<T>::insert(patient, grant, row);
        let event = Event::Revoked {
            patient,
            actor,
            grant,
        };
        Self::deposit(event, &patient);
    }
}

impl<T: Config> Granting<AccountId> for Pallet<T> {
    fn grant(
        patient: PatientId,
        actor: AccountId,
        terms: GrantTerms,
        envelope: Option<Cid>,
        basis: Basis,
    ) -> Result<GrantIndex, DispatchError> {
        Self::ensure_terms(&patient, &terms, &envelope)?;
        Self::put_grant(patient, &actor, terms, envelope, basis)
    }

    fn end(patient: PatientId, actor: AccountId, grant: GrantIndex) -> DispatchResult {
        let row = Grants::<T>::get(patient, grant).ok_or(Error::<T>::GrantNotFound)?;
        if !predicate::has_ended(&row, T::Chain::now()) {
            Self::do_revoke(patient, actor, grant, row);
        }
        Ok(())
    }
}
