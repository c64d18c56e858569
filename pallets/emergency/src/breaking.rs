//! Who may break a glass, what it opens, and what comes of its review.

use super::*;
use salus_primitives::PlanSeal;

/// Somebody may break a glass: for whom, what waits for their answer already, and what they have had
/// of the day's caps.
pub(crate) struct Attempt {
    organisation: OrgId,
    glass: GlassIndex,
    unreviewed: Waiting,
    of_clinician: Daily,
    of_organisation: Daily,
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

    /// Whether somebody may break a glass now. Asks only what the clinician or their organisation owes
    /// or has had: what the patient's side did keeps nobody from trying.
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
        let of_clinician = DailyOf::<T>::get(actor).at(now);
        ensure!(
            of_clinician.broken < PER_CLINICIAN,
            Error::<T>::TooManyToday
        );
        ensure!(!unreviewed.is_full(), Error::<T>::TooManyUnreviewed);
        let of_organisation = DailyIn::<T>::get(organisation).at(now);
        let most = if of_clinician.broken == 0 {
            PER_ORGANISATION
        } else {
            PER_ORGANISATION - FOR_FIRST
        };
        ensure!(
            of_organisation.broken < most,
            Error::<T>::OrganisationTooManyToday
        );
        let glass = NextGlass::<T>::get(patient);
        ensure!(glass < GlassIndex::MAX, Error::<T>::IndexExhausted);
        Ok(Attempt {
            organisation,
            glass,
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

    pub(crate) fn do_break(
        patient: PatientId,
        actor: AccountId,
        letter: Cid,
        attempt: Attempt,
        now: Moment,
    ) {
        let Attempt {
            organisation,
            glass,
            mut unreviewed,
            of_clinician,
            of_organisation,
        } = attempt;
        let due_at = now.saturating_add(REVIEW_WITHIN);
        let row = Glass {
            clinician: actor.clone(),
            organisation,
            letter,
            broken_at: now,
            plan: Plans::<T>::get(patient).map(PlanSeal::from),
            grant: None,
            ended_at: None,
            review: None,
            dispute: None,
        };
        let waits = unreviewed.try_push(Unreviewed {
            patient,
            glass,
            organisation,
            due_at,
        });
        frame_support::defensive_assert!(waits.is_ok(), "whose list is full breaks no glass");
        DailyOf::<T>::insert(&actor, of_clinician.with_another());
        DailyIn::<T>::insert(organisation, of_organisation.with_another());
        NextGlass::<T>::insert(patient, glass.saturating_add(1));
        UnreviewedOf::<T>::insert(&actor, unreviewed);
        ToReview::<T>::insert(organisation, place(due_at, patient, glass), ());
        OpenUntil::<T>::insert(patient, &actor, glass_ends(&row));
        Letters::<T>::insert(patient, letter, ());
        Glasses::<T>::insert(patient, glass, row);
        let event = Event::GlassBroken {
            patient,
            actor,
            organisation,
            glass,
            letter,
        };
        Self::deposit(&patient, event);
    }

    /// Whether what a glass was broken for can be had now, by whoever broke it: it lasts, nobody else
    /// has come to decide since, and the enrolment is not void.
    pub(crate) fn is_live(patient: &PatientId, row: &Glass, now: Moment) -> bool {
        glass_lasts(row, now)
            && T::Control::decided_since(patient) <= row.broken_at
            && T::Control::voided_by(patient).is_none()
    }

    /// The glass, and the plan it was broken under, if this account may reveal that it opens these
    /// compartments.
    pub(crate) fn ensure_reveals(
        actor: &AccountId,
        patient: &PatientId,
        glass: GlassIndex,
        compartments: &[CompartmentId],
        salt: &[u8; 32],
    ) -> Result<(Glass, PlanSeal), Error<T>> {
        ensure!(
            is_ascending(compartments),
            Error::<T>::CompartmentsNotAscending
        );
        let row = Glasses::<T>::get(patient, glass).ok_or(Error::<T>::GlassNotFound)?;
        ensure!(row.clinician == *actor, Error::<T>::NotTheClinician);
        ensure!(row.grant.is_none(), Error::<T>::AlreadyRevealed);
        ensure!(
            Self::is_live(patient, &row, T::Chain::now()),
            Error::<T>::GlassOver
        );
        ensure!(
            Self::ensure_role(actor)? == row.organisation,
            Error::<T>::NotTheClinician
        );
        let plan = row.plan.clone().ok_or(Error::<T>::NotThePlan)?;
        ensure!(
            plan_commitment(patient, salt, compartments) == plan.commitment,
            Error::<T>::NotThePlan
        );
        Ok((row, plan))
    }

    pub(crate) fn do_reveal(
        patient: PatientId,
        actor: AccountId,
        glass: GlassIndex,
        mut row: Glass,
        plan: PlanSeal,
        opened: Compartments,
    ) -> DispatchResult {
        let terms = GrantTerms {
            grantee: Grantee::Clinician {
                account: actor.clone(),
                organisation: row.organisation,
            },
            scope: Scope::Compartments(opened),
            rights: Rights::Read,
            purpose: Purpose::Btg,
            starts_at: None,
            expires_at: glass_ends(&row),
            anchored_from: None,
            anchored_until: None,
            terms: None,
            flags: 0,
            derived_from: None,
        };
        let basis = Basis::Emergency(glass);
        let package = Some(plan.package);
        let grant = T::Granting::grant(patient, actor.clone(), terms, package, basis)?;

        row.grant = Some(grant);
        Glasses::<T>::insert(patient, glass, row);
        let event = Event::GlassRevealed {
            patient,
            actor,
            glass,
            grant,
        };
        Self::deposit(&patient, event);
        Ok(())
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
