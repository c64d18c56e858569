//! The one predicate: whether a grant holds, for whom, and what it reaches.
//!
//! Dispatch, `SalusApi` and through it vaults, gateways and command lines all end here, and so do
//! clients that have the rows already. Nothing else in Salus compares a grant with a clock. What is
//! not in the rows the caller says: the time, and who is in good standing.

use crate::{
    AccountId, Glass, Grant, Grantee, Moment, OrgId, Record, RecordIndex, Rights, Scope,
    GLASS_LASTS,
};

/// The rules below, as grants name them.
pub const RULE_VERSION: u8 = 1;

/// Whether a grant is in force: begun, not ended, its patient's enrolment not void, its grantee in good
/// standing. In force from `starts_at` on, and no longer at `expires_at`, to the millisecond.
/// `in_good_standing` is asked last, and only if everything else holds.
pub fn is_active(
    grant: &Grant,
    now: Moment,
    void: bool,
    in_good_standing: impl FnOnce(&Grantee) -> bool,
) -> bool {
    grant.starts_at <= now && !has_ended(grant, now) && !void && in_good_standing(&grant.grantee)
}

/// Whether a grant is over for good, whatever its grantee's standing.
pub fn has_ended(grant: &Grant, now: Moment) -> bool {
    grant.revoked_at.is_some() || now >= grant.expires_at
}

/// Whether a grant held at some moment between `since` and `now`. A moment is a whole block: what
/// was revoked in the block of `since` counts, because it may have been used in that block before.
pub fn held_since(grant: &Grant, since: Moment, now: Moment) -> bool {
    let end = grant
        .revoked_at
        .map_or(grant.expires_at, |at| at.min(grant.expires_at));
    grant.starts_at <= now && grant.starts_at <= end && since <= end
}

/// Whether an account that belongs to `organisation` *now* is whom the grant was given to.
pub fn is_given_to(grantee: &Grantee, who: &AccountId, organisation: OrgId) -> bool {
    match grantee {
        Grantee::Clinician {
            account,
            organisation: employer,
        } => account == who && *employer == organisation,
        Grantee::Organisation(grantee) => *grantee == organisation,
    }
}

/// Whether a grant reaches a record: in scope, anchored within the grant's window, not erased.
pub fn covers(grant: &Grant, index: RecordIndex, record: &Record, now: Moment) -> bool {
    let in_scope = match &grant.scope {
        Scope::Compartments(compartments) => compartments.contains(&record.compartment),
        Scope::Records(records) => records.contains(&index),
    };
    in_scope
        && grant
            .anchored_from
            .is_none_or(|from| from <= record.anchored_at)
        && grant
            .anchored_until
            .is_none_or(|until| record.anchored_at < until)
        && !record.is_erased(now)
}

/// Whether such a grant needs this scope, or has to do without: writing reaches every compartment, and a
/// scope that said more would tell where something is to be filed.
pub fn fits_rights(scope: &Scope, rights: Rights) -> bool {
    match scope {
        Scope::Compartments(compartments) => compartments.is_empty() != rights.read(),
        Scope::Records(records) => !records.is_empty() && rights == Rights::Read,
    }
}

/// Whether the envelopes of such a grant hold keys of compartments, which outlast the grant.
pub fn carries_keys(scope: &Scope, rights: Rights) -> bool {
    rights.read() && matches!(scope, Scope::Compartments(_))
}

/// When a glass is over, if nobody ends it before.
pub fn glass_ends(glass: &Glass) -> Moment {
    glass.broken_at.saturating_add(GLASS_LASTS)
}

/// Whether a glass lasts: its day is not over, and the patient has not ended it.
pub fn glass_lasts(glass: &Glass, now: Moment) -> bool {
    glass.ended_at.is_none() && now < glass_ends(glass)
}

/// Whether each item comes after the one before it, so that none stands there twice. What the chain
/// lists for a patient is in this order, because any other one would tell what the items are.
pub fn is_ascending<Item: Ord>(items: &[Item]) -> bool {
    items.is_sorted_by(|before, after| before < after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Basis, Cid, CompartmentId, Purpose, RecordState};
    use sp_core::H256;

    const READER: AccountId = AccountId::new([1; 32]);
    const EMPLOYER: OrgId = 4;
    const LABORATORY: CompartmentId = CompartmentId([1; 16]);
    const INTAKE: CompartmentId = CompartmentId([2; 16]);

    /// From 10 to 20, to read and write what was anchored from 3 on and before 7.
    fn grant() -> Grant {
        Grant {
            grantee: Grantee::Clinician {
                account: READER,
                organisation: EMPLOYER,
            },
            scope: Scope::Compartments(vec![LABORATORY].try_into().expect("one")),
            rights: Rights::ReadWrite,
            purpose: Purpose::Treat,
            starts_at: 10,
            expires_at: 20,
            anchored_from: Some(3),
            anchored_until: Some(7),
            granted_by: AccountId::new([2; 32]),
            granted_at: 8,
            revoked_at: None,
            terms: None,
            flags: 0,
            derived_from: None,
            basis: Basis::Direct,
            rule_version: RULE_VERSION,
        }
    }

    fn revoked(at: Moment) -> Grant {
        Grant {
            revoked_at: Some(at),
            ..grant()
        }
    }

    fn record(compartment: CompartmentId, anchored_at: Moment) -> Record {
        Record {
            compartment,
            epoch: 0,
            author: READER,
            person: None,
            organisation: None,
            placed_by: READER,
            content: Cid::raw([0; 32]),
            commitment: H256::zero(),
            anchored_at,
            corrects: None,
            corrected_by: None,
            state: RecordState::Current,
        }
    }

    #[test]
    fn a_grant_is_active_from_its_first_to_before_its_last_moment() {
        let at = |now| is_active(&grant(), now, false, |_| true);
        assert_eq!(
            [9, 10, 19, 20].map(at),
            [false, true, true, false],
            "at 9, 10, 19, 20"
        );
        assert!(!is_active(&grant(), 15, true, |_| true), "void");
        assert!(!is_active(&grant(), 15, false, |_| false), "suspended");
        assert!(!is_active(&revoked(12), 11, false, |_| true));
    }

    #[test]
    fn standing_is_not_asked_where_a_grant_has_ended() {
        let asked = |_: &Grantee| panic!("asked in vain");
        assert!(!is_active(&grant(), 20, false, asked));
        assert!(!is_active(&grant(), 15, true, asked));
    }

    #[test]
    fn a_grant_held_since_a_moment_that_is_not_after_its_end() {
        for (since, now, held) in [
            (0, 9, false),
            (0, 10, true),
            (20, 30, true),
            (21, 30, false),
        ] {
            assert_eq!(held_since(&grant(), since, now), held, "{since} to {now}");
        }
        assert!(held_since(&revoked(12), 12, 30));
        assert!(!held_since(&revoked(12), 13, 30));
        assert!(!held_since(&revoked(9), 0, 30), "it never began");
        assert!(!held_since(&revoked(25), 21, 30), "it had expired before");
    }

    #[test]
    fn a_grant_is_for_its_grantee_at_its_organisation() {
        let grantee = grant().grantee;
        assert!(is_given_to(&grantee, &READER, EMPLOYER));
        assert!(!is_given_to(&grantee, &READER, 5));
        assert!(!is_given_to(&grantee, &AccountId::new([3; 32]), EMPLOYER));
        let everybody = Grantee::Organisation(EMPLOYER);
        assert!(is_given_to(&everybody, &AccountId::new([3; 32]), EMPLOYER));
        assert!(!is_given_to(&everybody, &READER, 5));
    }

    #[test]
    fn a_grant_covers_what_is_in_scope_and_window_and_not_erased() {
        let at = |moment| covers(&grant(), 0, &record(LABORATORY, moment), 15);
        assert_eq!([2, 3, 6, 7].map(at), [false, true, true, false]);
        assert!(!covers(&grant(), 0, &record(INTAKE, 5), 15));
        let going = Record {
            state: RecordState::ErasePending { until: 15 },
            ..record(LABORATORY, 5)
        };
        assert!(covers(&grant(), 0, &going, 14));
        assert!(!covers(&grant(), 0, &going, 15));
    }

    #[test]
    fn what_is_read_is_named_and_what_is_written_is_not() {
        let some = grant().scope;
        let none = Scope::Compartments(Default::default());
        let records = Scope::Records(vec![1].try_into().expect("one"));
        let no_records = Scope::Records(Default::default());
        for rights in [Rights::Read, Rights::ReadWrite] {
            assert!(fits_rights(&some, rights));
            assert!(!fits_rights(&none, rights));
        }
        assert!(fits_rights(&none, Rights::Write));
        assert!(!fits_rights(&some, Rights::Write));
        assert!(fits_rights(&records, Rights::Read));
        for rights in [Rights::Write, Rights::ReadWrite] {
            assert!(!fits_rights(&records, rights));
            assert!(!fits_rights(&no_records, rights));
        }
        assert!(!fits_rights(&no_records, Rights::Read));
    }

    #[test]
    fn a_glass_lasts_a_day_unless_it_is_ended() {
        let glass = |ended_at| Glass {
            clinician: READER,
            organisation: EMPLOYER,
            letter: Cid::raw([0; 32]),
            broken_at: 10,
            plan: None,
            grant: None,
            ended_at,
            review: None,
            dispute: None,
        };
        assert!(glass_lasts(&glass(None), 10 + GLASS_LASTS - 1));
        assert!(!glass_lasts(&glass(None), 10 + GLASS_LASTS));
        assert!(!glass_lasts(&glass(Some(11)), 12));
    }

    #[test]
    fn only_those_who_read_compartments_hold_keys() {
        let compartments = grant().scope;
        let records = Scope::Records(vec![1].try_into().expect("one"));
        assert!(carries_keys(&compartments, Rights::Read));
        assert!(carries_keys(&compartments, Rights::ReadWrite));
        assert!(!carries_keys(&compartments, Rights::Write));
        assert!(!carries_keys(&records, Rights::Read));
    }
}
