//! Who may ask, and who may answer.

use frame_support::{
    dispatch::{DispatchErrorWithPostInfo, WithPostDispatchInfo},
    pallet_prelude::*,
};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use salus_primitives::{
    traits::{Chain, Control, Offers, PatientOrigin, Standing, TrailAllowance},
    AccountId, Cid, ControllerRole, GrantTerms, Member, Moment, OrgId, PatientId, Request,
    RequestIndex, RequestState,
};

use crate::{
    predicate, Asked, Config, Error, Event, NextRequest, Pallet, PendingRequests, Requests,
    WeightInfo, REQUEST_ENTRIES,
};

/// An organisation's requests that wait for one patient's answer.
type Pending<T> = BoundedVec<Asked, <T as Config>::MaxPendingPerOrganisation>;

impl<T: Config> Pallet<T> {
    pub(crate) fn deposit(event: Event<T>, patient: &PatientId) {
        use salus_primitives::traits::Trail;
        T::Trail::deposit(patient, event.into());
    }

    /// Returns the weight of a call that was refused before it looked at its scope.
    pub(crate) fn refused(error: DispatchError) -> DispatchErrorWithPostInfo {
        error.with_weight(T::WeightInfo::refused())
    }

    /// Checks that the signer may ask. Returns who asks, for which organisation, under which index, and
    /// what waits then. Takes the request out of the organisation's allowance, last of all.
    pub(crate) fn ensure_asks(
        origin: OriginFor<T>,
        patient: PatientId,
        duration: Moment,
        letter: &Cid,
    ) -> Result<(AccountId, OrgId, RequestIndex, Pending<T>), DispatchError> {
        let actor = ensure_signed(origin)?;
        let organisation = match T::Standing::member(&actor) {
            Some(Member::Clinician { organisation, .. }) => organisation,
            _ => return Err(Error::<T>::NotAClinician.into()),
        };
        ensure!(
            T::Control::is_enrolled(&patient),
            Error::<T>::PatientNotFound
        );
        ensure!(
            duration > 0 && duration <= T::MaxGrantDuration::get(),
            Error::<T>::InvalidDuration
        );
        ensure!(letter.is_well_formed(), Error::<T>::MalformedCid);
        let request = NextRequest::<T>::get(patient);
        ensure!(request < RequestIndex::MAX, Error::<T>::IndexExhausted);
        let now = T::Chain::now();
        let mut pending = PendingRequests::<T>::get(patient, organisation);
        let decided_since = T::Control::decided_since(&patient);
        pending.retain(|asked| now < asked.until && decided_since <= asked.at);
        let asked = Asked {
            request,
            at: now,
            until: now.saturating_add(T::RequestLifetime::get()),
        };
        pending
            .try_push(asked)
            .map_err(|_| Error::<T>::TooManyPending)?;
        T::Allowance::spend(&patient, organisation, REQUEST_ENTRIES)?;
        Ok((actor, organisation, request, pending))
    }

    /// Returns a request that is neither answered nor past its time.
    pub(crate) fn waiting(patient: &PatientId, request: RequestIndex) -> Result<Request, Error<T>> {
        let row = Requests::<T>::get(patient, request).ok_or(Error::<T>::RequestNotFound)?;
        ensure!(
            row.state == RequestState::Pending,
            Error::<T>::AlreadyAnswered
        );
        ensure!(T::Chain::now() < row.expires_at, Error::<T>::RequestLapsed);
        Ok(row)
    }

    /// Returns a request that waits, and that asked those who decide now. Only they approve it, after a
    /// succession nobody; to decline one that asked others gives nothing away.
    pub(crate) fn approvable(
        patient: &PatientId,
        request: RequestIndex,
    ) -> Result<Request, Error<T>> {
        let row = Self::waiting(patient, request)?;
        ensure!(
            row.asked_at >= T::Control::decided_since(patient),
            Error::<T>::RequestLapsed
        );
        Ok(row)
    }

    /// Checks everything about an approval but its scope. Returns who approves, and what was asked.
    pub(crate) fn ensure_approves(
        origin: OriginFor<T>,
        patient: PatientId,
        request: RequestIndex,
        terms: &GrantTerms,
        envelope: &Option<Cid>,
    ) -> Result<(PatientOrigin<AccountId>, Request), DispatchError> {
        let by = T::Control::ensure_answers(patient, ensure_signed(origin)?)?;
        let row = Self::approvable(&by.patient, request)?;
        ensure!(by.actor != row.requester, Error::<T>::RequesterApproves);
        ensure!(
            predicate::is_given_to(&terms.grantee, &row.requester, row.organisation),
            Error::<T>::GranteeNotRequester
        );
        ensure!(terms.purpose == row.purpose, Error::<T>::PurposeDiffers);
        if by.role == ControllerRole::Carer {
            Self::ensure_carer_approves(&by, request, &row, terms)?;
        }
        Self::ensure_within_role(&by, terms)?;
        Self::ensure_terms(&by.patient, terms, envelope)?;
        Ok((by, row))
    }

    /// Checks what a carer may say yes to: what others asked, no more than that, and unpaid.
    fn ensure_carer_approves(
        by: &PatientOrigin<AccountId>,
        request: RequestIndex,
        row: &Request,
        terms: &GrantTerms,
    ) -> DispatchResult {
        // To sell what is a patient's is to decide for them.
        ensure!(
            !T::Offers::is_offered(&by.patient, request),
            Error::<T>::OfferNotYours
        );
        ensure!(
            T::Standing::member(&by.actor)
                .is_none_or(|member| member.organisation() != row.organisation),
            Error::<T>::RequesterApproves
        );
        let starts_at = terms.starts_at.unwrap_or_else(T::Chain::now);
        ensure!(
            !terms.rights.write() && terms.expires_at.saturating_sub(starts_at) <= row.duration,
            Error::<T>::MoreThanAsked
        );
        Ok(())
    }

    /// Checks everything about a grant but its scope. Returns who grants.
    pub(crate) fn ensure_grants(
        origin: OriginFor<T>,
        patient: PatientId,
        terms: &GrantTerms,
        envelope: &Option<Cid>,
    ) -> Result<PatientOrigin<AccountId>, DispatchError> {
        let by = T::Control::ensure_decides(patient, ensure_signed(origin)?)?;
        Self::ensure_within_role(&by, terms)?;
        Self::ensure_terms(&by.patient, terms, envelope)?;
        Ok(by)
    }

    /// Checks that a grant ends no later than the role it is given by.
    fn ensure_within_role(by: &PatientOrigin<AccountId>, terms: &GrantTerms) -> DispatchResult {
        ensure!(
            by.until.is_none_or(|until| terms.expires_at <= until),
            Error::<T>::OutlastsOwnRole
        );
        Ok(())
    }

    pub(crate) fn close(
        patient: &PatientId,
        request: RequestIndex,
        row: Request,
        state: RequestState,
    ) {
        let now = T::Chain::now();
        PendingRequests::<T>::mutate_exists(patient, row.organisation, |pending| {
            let mut left = pending.take().unwrap_or_default();
            left.retain(|asked| asked.request != request && now < asked.until);
            *pending = (!left.is_empty()).then_some(left);
        });
        Requests::<T>::insert(patient, request, Request { state, ..row });
    }
}
