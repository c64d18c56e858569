//! Nobody is credentialed who has not agreed.

use frame_support::{assert_noop, assert_ok};
use salus_primitives::{
    rows::{DAY, HOUR, SECOND},
    signing::CONSENT_LASTS,
    AccountId, ClinicianRole, CredentialConsent, OrgId,
};
use sp_runtime::DispatchResult;

use super::{admit, physician, standing, LATER};
use crate::{mock::*, Clinicians, Error, Released, CLOCK_SKEW};

const ROLE: ClinicianRole = ClinicianRole::Physician;

fn by(admin: AccountId, seed: &str, consent: Option<CredentialConsent>) -> DispatchResult {
    Members::credential(signed(admin), account(seed), ROLE, LATER, consent)
}

fn signed_for(seed: &str, organisation: OrgId) -> Option<CredentialConsent> {
    Some(consent(seed, organisation, ROLE))
}

#[test]
fn an_account_that_did_not_agree_is_not_credentialed_and_stays_free() {
    ExtBuilder.build_and_execute(|| {
        assert_noop!(
            by(insurer_admin(), "Stranger", None),
            Error::<Test>::ConsentNeeded
        );
        assert_eq!(standing(&stranger()), None);
        assert_ok!(by(
            hospital_admin(),
            "Stranger",
            signed_for("Stranger", HOSPITAL)
        ));
        assert_eq!(standing(&stranger()), physician(HOSPITAL));
    });
}

#[test]
fn a_future_admin_cannot_be_squatted() {
    ExtBuilder.build_and_execute(|| {
        assert_noop!(
            by(insurer_admin(), "Stranger", None),
            Error::<Test>::ConsentNeeded
        );
        assert_ok!(admit(stranger()));
    });
}

#[test]
fn consent_is_for_one_organisation_one_role_and_one_account() {
    ExtBuilder.build_and_execute(|| {
        for wrong in [
            signed_for("Stranger", INSURER),
            Some(consent("Stranger", HOSPITAL, ClinicianRole::Service)),
            signed_for("Doctor", HOSPITAL),
            Some(CredentialConsent {
                // What is signed is what counts.
                expires_at: START + 2 * DAY,
                ..consent("Stranger", HOSPITAL, ROLE)
            }),
        ] {
            assert_noop!(
                by(hospital_admin(), "Stranger", wrong),
                Error::<Test>::BadConsent
            );
        }
    });
}

#[test]
fn consent_counts_for_30_days_at_most_and_until_it_expires() {
    ExtBuilder.build_and_execute(|| {
        let from_to = |from, to| {
            let consent = consent_between("Stranger", HOSPITAL, ROLE, from, to);
            by(hospital_admin(), "Stranger", Some(consent))
        };
        assert_noop!(
            from_to(START, START + CONSENT_LASTS + 1),
            Error::<Test>::BadConsent
        );
        assert_noop!(from_to(0, u64::MAX), Error::<Test>::BadConsent);
        assert_noop!(from_to(START - DAY, START), Error::<Test>::ConsentExpired);
        // A clock may be ahead, but not by much.
        let ahead = START + CLOCK_SKEW;
        assert_noop!(from_to(ahead + 1, ahead + DAY), Error::<Test>::BadConsent);
        assert_ok!(from_to(ahead, ahead + CONSENT_LASTS));
    });
}

#[test]
fn a_consent_from_before_the_account_last_left_an_organisation_is_spent() {
    ExtBuilder.build_and_execute(|| {
        let old = signed_for("Doctor", HOSPITAL);
        set_now(START + HOUR);
        assert_ok!(Members::end_credential(signed(doctor()), doctor()));
        assert_eq!(Released::<Test>::get(doctor()), Some(START + HOUR));
        // Neither the old one nor one of the same moment.
        for consent in [old, signed_for("Doctor", HOSPITAL)] {
            assert_noop!(
                by(hospital_admin(), "Doctor", consent),
                Error::<Test>::ConsentExpired
            );
        }
        set_now(START + HOUR + SECOND);
        assert_ok!(by(
            hospital_admin(),
            "Doctor",
            signed_for("Doctor", HOSPITAL)
        ));
    });
}

#[test]
fn a_new_employer_or_a_seat_in_the_council_spends_older_consents() {
    ExtBuilder.build_and_execute(|| {
        let old = consent_between("Doctor", HOSPITAL, ROLE, START, START + CONSENT_LASTS);
        let later = START + DAY;
        assert_ok!(credential(hospital_admin(), "Stranger", START + HOUR));
        assert_ok!(Members::suspend(RuntimeOrigin::root(), HOSPITAL));
        set_now(later);
        assert_ok!(by(insurer_admin(), "Doctor", signed_for("Doctor", INSURER)));
        assert_eq!(Released::<Test>::get(doctor()), Some(later));
        assert_ok!(admit(stranger()));
        assert_eq!(Released::<Test>::get(stranger()), Some(later));

        set_now(later + HOUR);
        assert_ok!(Members::reinstate(RuntimeOrigin::root(), HOSPITAL));
        assert_ok!(Members::end_credential(signed(doctor()), doctor()));
        assert_noop!(
            by(hospital_admin(), "Doctor", Some(old)),
            Error::<Test>::ConsentExpired
        );
    });
}

#[test]
fn renewing_in_the_same_role_needs_no_consent() {
    ExtBuilder.build_and_execute(|| {
        assert_ok!(by(hospital_admin(), "Doctor", None));
        assert_eq!(
            Clinicians::<Test>::get(doctor()).map(|row| row.valid_until),
            Some(LATER)
        );
        // One that is sent along is not looked at.
        assert_ok!(by(
            hospital_admin(),
            "Doctor",
            signed_for("Doctor", INSURER)
        ));
    });
}

#[test]
fn another_role_needs_consent() {
    ExtBuilder.build_and_execute(|| {
        let become_service = |consent| {
            Members::credential(
                signed(hospital_admin()),
                doctor(),
                ClinicianRole::Service,
                LATER,
                consent,
            )
        };
        assert_noop!(become_service(None), Error::<Test>::ConsentNeeded);
        assert_noop!(
            become_service(signed_for("Doctor", HOSPITAL)),
            Error::<Test>::BadConsent
        );
        assert_ok!(become_service(Some(consent(
            "Doctor",
            HOSPITAL,
            ClinicianRole::Service
        ))));
    });
}

#[test]
fn a_lapsed_credential_is_not_renewed_without_consent() {
    // Or a former employer could take an account that is free, and suspend it.
    ExtBuilder.build_and_execute(|| {
        assert_ok!(credential(hospital_admin(), "Stranger", START + HOUR));
        set_now(START + HOUR);
        assert_noop!(
            by(hospital_admin(), "Stranger", None),
            Error::<Test>::ConsentNeeded
        );
        assert_ok!(by(
            hospital_admin(),
            "Stranger",
            signed_for("Stranger", HOSPITAL)
        ));
    });
}
