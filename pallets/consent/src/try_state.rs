//! What must hold in every state. Native builds have it too, so that other pallets' tests can ask.

#![cfg(any(feature = "try-runtime", feature = "std"))]

use frame_support::ensure;
use salus_primitives::{
    hours::over_at,
    rows::HOUR,
    traits::{Chain, Control},
    Basis, Moment, Reference, RequestState, Scope,
};
use sp_runtime::TryRuntimeError;

use crate::{
    granting::place, predicate, Config, Envelopes, EnvelopesIn, Expiries, Grants, GrantsTo,
    Handovers, KeyHolders, KeysLeft, Letters, NextGrant, NextRequest, Pallet, PendingRequests,
    Requests, SweepAt, Writers, MAX_ENVELOPES,
};

impl<T: Config> Pallet<T> {
    pub fn do_try_state() -> Result<(), TryRuntimeError> {
        let now = T::Chain::now();
        Self::try_grants()?;
        Self::try_indices()?;
        Self::try_envelopes()?;
        Self::try_requests()?;
        Self::try_writers()?;
        Self::try_keys()?;
        Self::try_names()?;

        // 12. The sweep is never ahead of the clock.
        ensure!(
            SweepAt::<T>::get().is_none_or(|hour| hour <= (now / HOUR).saturating_add(1)),
            "the sweep has passed an hour that is not over"
        );
        Ok(())
    }

    fn try_grants() -> Result<(), TryRuntimeError> {
        let now = T::Chain::now();
        for (patient, index, grant) in Grants::<T>::iter() {
            // 1. Grants are numbered without gaps below the next index.
            ensure!(
                index < NextGrant::<T>::get(patient)
                    && (index == 0 || Grants::<T>::contains_key(patient, index - 1)),
                "a grant out of number"
            );
            // 2. A grant has the scope that its rights need, and a period, and was not given after it began.
            ensure!(
                predicate::fits_rights(&grant.scope, grant.rights)
                    && grant.starts_at < grant.expires_at
                    && grant.granted_at <= grant.starts_at,
                "a grant without scope or period"
            );
            // 3. A grant is not revoked before it was given.
            ensure!(
                grant.revoked_at.is_none_or(|at| grant.granted_at <= at),
                "a grant revoked before it was given"
            );
            // 4. A grant that answers a request is named by it.
            if let Basis::Request(request) = grant.basis {
                ensure!(
                    Requests::<T>::get(patient, request)
                        .is_some_and(|row| row.state == RequestState::Approved { grant: index }),
                    "a grant on a request that does not name it"
                );
            }
            // 5. A grant that is not over is in both indices, so that nobody misses it; one that is
            //    over stays there until the sweep comes by.
            let hour = over_at(grant.expires_at);
            let unswept = SweepAt::<T>::get().is_none_or(|at| at < hour);
            if !predicate::has_ended(&grant, now) || (grant.revoked_at.is_none() && unswept) {
                ensure!(
                    Expiries::<T>::contains_key((hour, patient, index)),
                    "a grant without its expiry"
                );
            }
        }
        Ok(())
    }

    fn try_indices() -> Result<(), TryRuntimeError> {
        // 6. Each expiry belongs to an unrevoked grant, is at its hour, and not behind the sweep.
        for (hour, patient, index) in Expiries::<T>::iter_keys() {
            let grant = Grants::<T>::get(patient, index).ok_or("an expiry without its grant")?;
            ensure!(
                grant.revoked_at.is_none() && hour == over_at(grant.expires_at),
                "an expiry of a revoked grant, or at the wrong hour"
            );
            ensure!(
                SweepAt::<T>::get().is_some_and(|at| at <= hour),
                "an expiry behind the sweep"
            );
            ensure!(
                GrantsTo::<T>::contains_key((grant.grantee, patient, place(index))),
                "a grant that its grantee cannot find"
            );
        }
        // 7. Both indices hold the same grants.
        ensure!(
            Expiries::<T>::iter_keys().count() == GrantsTo::<T>::iter_keys().count(),
            "a grantee's index row without its expiry"
        );
        Ok(())
    }

    fn try_envelopes() -> Result<(), TryRuntimeError> {
        let mut counted = 0u32;
        for (patient, index, handover) in Handovers::<T>::iter() {
            let grant = Grants::<T>::get(patient, index).ok_or("a hand-over without its grant")?;
            // 8. Keys were handed over at least once, not too often, and not after the end.
            ensure!(
                (1..=MAX_ENVELOPES).contains(&handover.envelopes)
                    && handover.last_at < grant.expires_at
                    && grant.revoked_at.is_none_or(|at| handover.last_at <= at),
                "keys handed over too often or too late"
            );
            // 9. Envelopes are numbered without gaps, and none is without its count.
            for n in 0..handover.envelopes {
                ensure!(
                    Envelopes::<T>::contains_key((patient, index, n)),
                    "an envelope is missing"
                );
            }
            counted = counted.saturating_add(handover.envelopes);
        }
        ensure!(
            counted as usize == Envelopes::<T>::iter_keys().count(),
            "an envelope that was not counted"
        );
        Ok(())
    }

    fn try_requests() -> Result<(), TryRuntimeError> {
        let now = T::Chain::now();
        for (patient, index, row) in Requests::<T>::iter() {
            // 10. Requests are numbered below the next index; one that waits for those who decide now
            //     counts as pending.
            ensure!(
                index < NextRequest::<T>::get(patient),
                "a request out of number"
            );
            let waits = row.state == RequestState::Pending
                && now < row.expires_at
                && T::Control::decided_since(&patient) <= row.asked_at;
            if waits {
                ensure!(
                    PendingRequests::<T>::get(patient, row.organisation)
                        .iter()
                        .any(|asked| asked.request == index),
                    "a waiting request that does not count"
                );
            }
        }
        // 11. What counts as pending was asked by that organisation and is unanswered.
        for (patient, organisation, pending) in PendingRequests::<T>::iter() {
            ensure!(!pending.is_empty(), "an empty row of pending requests");
            for (i, asked) in pending.iter().enumerate() {
                let row =
                    Requests::<T>::get(patient, asked.request).ok_or("pending without request")?;
                ensure!(
                    row.organisation == organisation
                        && (row.asked_at, row.expires_at) == (asked.at, asked.until)
                        && row.state == RequestState::Pending
                        && !pending[..i].contains(asked),
                    "a pending request of another state or organisation, or twice"
                );
            }
        }
        Ok(())
    }

    fn try_writers() -> Result<(), TryRuntimeError> {
        let now = T::Chain::now();
        // 13. Each writer is an unrevoked grant of this patient that lets write, once.
        for (patient, writers) in Writers::<T>::iter() {
            ensure!(!writers.is_empty(), "an empty row of writers");
            for (i, (index, until)) in writers.iter().enumerate() {
                let grant = Grants::<T>::get(patient, index).ok_or("a writer without its grant")?;
                ensure!(
                    grant.rights.write()
                        && grant.revoked_at.is_none()
                        && grant.expires_at == *until
                        && !writers[..i].contains(&(*index, *until)),
                    "a writer that may not write, or twice"
                );
            }
        }
        // 14. Whoever may write ends with those who decide.
        for (patient, index, grant) in Grants::<T>::iter() {
            if grant.rights.write() && !predicate::has_ended(&grant, now) {
                ensure!(
                    Writers::<T>::get(patient).contains(&(index, grant.expires_at)),
                    "a writer that a succession would miss"
                );
            }
        }
        Ok(())
    }

    fn try_keys() -> Result<(), TryRuntimeError> {
        // 15. Whoever holds keys is in the index of those that nobody has cleared away.
        for (patient, until, index) in KeyHolders::<T>::iter_keys() {
            let until = Moment::from_be_bytes(until);
            let grant = Grants::<T>::get(patient, index).ok_or("a holder without its grant")?;
            ensure!(
                grant.expires_at == until
                    && predicate::carries_keys(&grant.scope, grant.rights)
                    && Handovers::<T>::contains_key(patient, index)
                    && Expiries::<T>::contains_key((over_at(until), patient, index)),
                "a holder of no keys, or one that was cleared away"
            );
        }
        // 16. Keys that were handed over are remembered, whatever became of the grant.
        for (patient, index, handover) in Handovers::<T>::iter() {
            let grant = Grants::<T>::get(patient, index).ok_or("a hand-over without its grant")?;
            if !predicate::carries_keys(&grant.scope, grant.rights)
                || KeyHolders::<T>::contains_key((patient, grant.expires_at.to_be_bytes(), index))
            {
                continue;
            }
            let out = KeysLeft::<T>::get(patient);
            if let Scope::Compartments(compartments) = grant.scope {
                ensure!(
                    compartments
                        .iter()
                        .all(|id| out.get(id).is_some_and(|at| *at >= handover.last_at)),
                    "keys that are out and forgotten"
                );
            }
        }
        Ok(())
    }

    fn try_names() -> Result<(), TryRuntimeError> {
        let now = T::Chain::now();
        // 17. What a grant that is not over hands out is named; so is each letter.
        for ((patient, index, _), envelope) in Envelopes::<T>::iter() {
            let live = Grants::<T>::get(patient, index)
                .is_some_and(|grant| !predicate::has_ended(&grant, now));
            ensure!(
                !live || Self::envelope_reference(&patient, &envelope) == Reference::Named,
                "an envelope that vaults would delete"
            );
        }
        for (patient, _, row) in Requests::<T>::iter() {
            ensure!(
                Letters::<T>::contains_key(patient, row.letter),
                "a letter that vaults would delete"
            );
        }
        // 18. Nothing is named by a grant of somebody else, or by no request.
        for (patient, _, uses) in EnvelopesIn::<T>::iter() {
            ensure!(
                uses.named()
                    .all(|index| Handovers::<T>::contains_key(patient, index)),
                "an envelope in a grant without any"
            );
        }
        ensure!(
            Letters::<T>::iter_keys().count() <= Requests::<T>::iter_keys().count(),
            "a letter of no request"
        );
        Ok(())
    }
}
