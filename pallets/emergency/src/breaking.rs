//! Who may break a glass, what comes of it, and of its review.

use super::*;

/// Somebody may break a glass: for whom, what waits for their answer already, and what they will have
/// had of the day's caps.
pub(crate) struct Attempt {
    pub organisation: OrgId,
    pub unreviewed: Waiting,
    pub of_clinician: Daily,
    pub of_organisation: Daily,
}

impl<T: Config> Pallet<T> {
    /// The organisation of a clinician whose role may break a glass.
    fn ensure_role(who: &AccountId) -> Result<OrgId, Error<T>> {
        use ClinicianRole::{Nurse, Pharmacist, Physician};
        match T::Standing::member(who) {
            Some(Member::Clinician {
                organisation,
                role: Physician | Nurse | Pharmacist,
            }) => Ok(organisation),
            Some(Member::Clinician { .. }) => Err(Error::<T>::RoleMayNot),
            _ => Err(Error::<T>::NotAClinician),
        }
    }

    /// Whether somebody may break a glass now, and what the attempt takes of the caps.
    pub(crate) fn ensure_may_break(
        patient: &PatientId,
        actor: &AccountId,
        letter: &Cid,
        now: Moment,
    ) -> Result<Attempt, Error<T>> {
        ensure!(letter.is_well_formed(), Error::<T>::MalformedCid);
        let organisation = Self::ensure_role(actor)?;
        ensure!(
            T::Control::is_enrolled(patient),
            Error::<T>::PatientNotFound
        );
        let unreviewed = Self::ensure_answered_for(patient, actor, organisation, now)?;
        let of_clinician = DailyOf::<T>::get(actor).after(now);
        ensure!(
            of_clinician.count <= PER_CLINICIAN,
            Error::<T>::TooManyToday
        );
        let of_organisation = DailyIn::<T>::get(organisation).after(now);
        ensure!(
            of_organisation.count <= PER_ORGANISATION,
            Error::<T>::OrganisationTooManyToday
        );
        Ok(Attempt {
            organisation,
            unreviewed,
            of_clinician,
            of_organisation,
        })
    }

    /// What of this clinician waits for review, if neither that nor what the organisation owes forbids
    /// another glass.
    fn ensure_answered_for(
        patient: &PatientId,
        clinician: &AccountId,
        organisation: OrgId,
        now: Moment,
    ) -> Result<Waiting, Error<T>> {
        ensure!(!Barred::<T>::contains_key(clinician), Error::<T>::Barred);
        let unreviewed = UnreviewedOf::<T>::get(clinician);
        ensure!(
            unreviewed.iter().all(|entry| now < entry.due_at),
            Error::<T>::ReviewOverdue
        );
        ensure!(
            !Self::is_in_arrears(organisation, now),
            Error::<T>::OrganisationReviewsOverdue
        );
        ensure!(
            OpenUntil::<T>::get(patient, clinician).is_none_or(|until| now >= until),
            Error::<T>::AlreadyOpen
        );
        Ok(unreviewed)
    }

    /// The glass, if this account is to review it.
    pub(crate) fn ensure_reviews(
        actor: &AccountId,
        patient: &PatientId,
        glass: GlassIndex,
    ) -> Result<Glass, Error<T>> {
        let row = Glasses::<T>::get(patient, glass).ok_or(Error::<T>::GlassNotFound)?;
        let organisation = row.organisation;
        ensure!(
            T::Standing::member(actor) == Some(Member::Admin { organisation }),
            Error::<T>::NotReviewer
        );
        ensure!(row.review.is_none(), Error::<T>::AlreadyReviewed);
        Ok(row)
    }

    /// Where a glass stands in its organisation's queue, or stood before its review.
    pub(crate) fn place_of(patient: PatientId, glass: GlassIndex, row: &Glass) -> Place {
        let at = if PassedOver::<T>::contains_key(patient, glass) {
            PASSED_OVER
        } else {
            row.broken_at.saturating_add(REVIEW_WITHIN)
        };
        place(at, patient, glass)
    }

    /// Whether more of the organisation's reviews are overdue than may be.
    fn is_in_arrears(organisation: OrgId, now: Moment) -> bool {
        ToReview::<T>::iter_key_prefix(organisation)
            .nth(MAX_OVERDUE as usize)
            .is_some_and(|(due_at, ..)| now >= Moment::from_be_bytes(due_at))
    }

    pub(crate) fn do_break(
        patient: PatientId,
        actor: AccountId,
        letter: Cid,
        plan: EmergencyPlan,
        attempt: Attempt,
        now: Moment,
    ) -> DispatchResult {
        let Attempt {
            organisation,
            mut unreviewed,
            ..
        } = attempt;
        let until = now.saturating_add(GLASS_LASTS);
        let due_at = now.saturating_add(REVIEW_WITHIN);
        let glass = NextGlass::<T>::get(patient);
        let next = glass.checked_add(1).ok_or(Error::<T>::IndexExhausted)?;
        unreviewed
            .try_push(Unreviewed {
                patient,
                glass,
                organisation,
                due_at,
            })
            .map_err(|_| Error::<T>::TooManyUnreviewed)?;
        let terms = GrantTerms {
            grantee: Grantee::Clinician {
                account: actor.clone(),
                organisation,
            },
            scope: Scope::Compartments(plan.compartments),
            rights: Rights::Read,
            purpose: Purpose::Btg,
            starts_at: None,
            expires_at: until,
            anchored_from: None,
            anchored_until: None,
            terms: None,
            flags: 0,
            derived_from: None,
        };
        let basis = Basis::Emergency(glass);
        let grant = T::Granting::grant(patient, actor.clone(), terms, Some(plan.package), basis)?;

        NextGlass::<T>::insert(patient, next);
        UnreviewedOf::<T>::insert(&actor, unreviewed);
        ToReview::<T>::insert(organisation, place(due_at, patient, glass), ());
        OpenUntil::<T>::insert(patient, &actor, until);
        Letters::<T>::insert(patient, letter, ());
        Glasses::<T>::insert(
            patient,
            glass,
            Glass {
                clinician: actor.clone(),
                organisation,
                letter,
                broken_at: now,
                grant,
                review: None,
                dispute: None,
            },
        );
        let event = Event::GlassBroken {
            patient,
            actor,
            organisation,
            glass,
            grant,
            letter,
        };
        Self::deposit(&patient, event);
        Ok(())
    }

    /// Puts what is overdue behind all that is due.
    pub(crate) fn pass_over(entry: &Unreviewed) {
        let at = |moment| place(moment, entry.patient, entry.glass);
        ToReview::<T>::remove(entry.organisation, at(entry.due_at));
        ToReview::<T>::insert(entry.organisation, at(PASSED_OVER), ());
        PassedOver::<T>::insert(entry.patient, entry.glass, ());
    }

    pub(crate) fn keep_unreviewed(clinician: &AccountId, keep: impl Fn(&Unreviewed) -> bool) {
        UnreviewedOf::<T>::mutate_exists(clinician, |entries| {
            let mut left = entries.take().unwrap_or_default();
            left.retain(keep);
            *entries = (!left.is_empty()).then_some(left);
        });
    }

    /// Counts for a bar what was not justified, unless the clinician is barred.
    pub(crate) fn note_unjustified(clinician: AccountId, organisation: OrgId, now: Moment) {
        if Barred::<T>::contains_key(&clinician) {
            return;
        }
        let mut moments = Unjustified::<T>::get(&clinician);
        moments.retain(|at| now.saturating_sub(*at) < UNJUSTIFIED_WITHIN);
        if moments.try_push(now).is_ok() {
            Unjustified::<T>::insert(&clinician, moments);
            return;
        }
        Unjustified::<T>::remove(&clinician);
        Barred::<T>::insert(&clinician, now);
        Self::deposit_event(Event::ClinicianBarred {
            clinician,
            organisation,
        });
    }
}
