//! Who may break a glass, what comes of it, and of its review.

use super::*;
use frame_support::storage::with_storage_layer;

/// Somebody may break a glass: for whom, what waits for their answer already, and what they have had
/// of the day's caps.
pub(crate) struct Attempt {
    pub organisation: OrgId,
    pub unreviewed: Waiting,
    pub of_clinician: Daily,
    pub of_organisation: Daily,
}

impl Attempt {
    /// Whether the organisation may break one more, by this clinician.
    fn finds_room(&self) -> bool {
        let most = if self.of_clinician.granted == 0 {
            PER_ORGANISATION
        } else {
            PER_ORGANISATION - FOR_FIRST
        };
        self.of_organisation.granted < most
    }
}

/// What a glass opens.
pub(crate) struct Opened {
    compartments: Compartments,
    package: Cid,
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

    /// Breaks the glass, or notes that nothing opens. Fails only for what the clinician or their
    /// organisation owes or has had: what the patient's side did leads to one or the other.
    pub(crate) fn try_to_break(
        patient: PatientId,
        actor: AccountId,
        letter: Cid,
    ) -> DispatchResultWithPostInfo {
        let now = T::Chain::now();
        let cost = |looked_at| T::WeightInfo::break_glass_refused(looked_at);
        let attempt = Self::ensure_may_break(&patient, &actor, &letter, now)
            .map_err(|error| error.with_weight(cost(0)))?;
        let (opened, looked_at) = Self::what_opens(&patient);
        let Some(opened) = opened else {
            let cost = cost(looked_at);
            Self::do_refuse(patient, actor, letter, attempt)
                .map_err(|error| error.with_weight(cost))?;
            return Ok(Some(cost).into());
        };
        ensure!(
            attempt.finds_room(),
            Error::<T>::OrganisationTooManyToday.with_weight(cost(looked_at))
        );
        // A grant that fails leaves nothing but the refusal: somebody tried, whatever it failed for.
        let broken =
            with_storage_layer(|| Self::do_break(patient, &actor, letter, opened, &attempt, now));
        if broken.is_err() {
            Self::do_refuse(patient, actor, letter, attempt)?;
        }
        Ok(().into())
    }

    /// What of a patient's plan opens now, if anything, and how many compartments were looked at.
    fn what_opens(patient: &PatientId) -> (Option<Opened>, u32) {
        let Some(plan) = Plans::<T>::get(patient) else {
            return (None, 0);
        };
        let EmergencyPlan {
            mut compartments,
            package,
            ..
        } = plan;
        let looked_at = compartments.len() as u32;
        compartments.retain(|compartment| T::Records::compartments_exist(patient, &[*compartment]));
        let opened = Opened {
            compartments,
            package,
        };
        let opened = (!opened.compartments.is_empty()).then_some(opened);
        (opened, looked_at)
    }

    /// Notes that somebody tried, if that is not too often already.
    fn do_refuse(
        patient: PatientId,
        actor: AccountId,
        letter: Cid,
        attempt: Attempt,
    ) -> Result<(), Error<T>> {
        let Attempt {
            organisation,
            of_clinician,
            of_organisation,
            ..
        } = attempt;
        ensure!(
            of_clinician.refused < REFUSED_PER_CLINICIAN,
            Error::<T>::TooManyRefusedToday
        );
        ensure!(
            of_organisation.refused < REFUSED_PER_ORGANISATION,
            Error::<T>::OrganisationTooManyRefusedToday
        );
        DailyOf::<T>::insert(&actor, of_clinician.with_refused());
        DailyIn::<T>::insert(organisation, of_organisation.with_refused());
        let event = Event::GlassRefused {
            patient,
            actor,
            organisation,
            letter,
        };
        Self::deposit(&patient, event);
        Ok(())
    }

    /// Whether somebody may try to break a glass now. What an organisation has had of the day is for
    /// the outcome to say.
    fn ensure_may_break(
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
        let of_clinician = DailyOf::<T>::get(actor).at(now);
        ensure!(
            of_clinician.attempts() < PER_CLINICIAN,
            Error::<T>::TooManyToday
        );
        ensure!(!unreviewed.is_full(), Error::<T>::TooManyUnreviewed);
        Ok(Attempt {
            organisation,
            unreviewed,
            of_clinician,
            of_organisation: DailyIn::<T>::get(organisation).at(now),
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

    fn do_break(
        patient: PatientId,
        actor: &AccountId,
        letter: Cid,
        opened: Opened,
        attempt: &Attempt,
        now: Moment,
    ) -> DispatchResult {
        let organisation = attempt.organisation;
        let mut unreviewed = attempt.unreviewed.clone();
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
            scope: Scope::Compartments(opened.compartments),
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
        let package = Some(opened.package);
        let grant = T::Granting::grant(patient, actor.clone(), terms, package, basis)?;

        DailyOf::<T>::insert(actor, attempt.of_clinician.with_granted());
        DailyIn::<T>::insert(organisation, attempt.of_organisation.with_granted());
        NextGlass::<T>::insert(patient, next);
        UnreviewedOf::<T>::insert(actor, unreviewed);
        ToReview::<T>::insert(organisation, place(due_at, patient, glass), ());
        OpenUntil::<T>::insert(patient, actor, until);
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
            actor: actor.clone(),
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
