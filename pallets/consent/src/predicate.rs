//! The one predicate: whether a grant holds, for whom, and what it reaches.
//!
//! Dispatch, `SalusApi` and through it vaults, gateways and command lines all end here. Nothing
//! else in Salus compares a grant with a clock.

use salus_primitives::{
    traits::Standing, AccountId, CompartmentId, Grant, Grantee, Moment, OrgId, Record, RecordIndex,
    Scope,
};

/// The rules below, as grants name them.
pub const RULE_VERSION: u8 = 1;

/// Whether a grant is in force: begun, not ended, its patient not restricted, its grantee in good
/// standing. In force from `starts_at` on, and no longer at `expires_at`, to the millisecond.
pub fn is_active<S: Standing<AccountId>>(grant: &Grant, now: Moment, restricted: bool) -> bool {
    grant.starts_at <= now
        && !has_ended(grant, now)
        && !restricted
        && S::grantee_is_active(&grant.grantee)
}

/// Whether a grant is over for good, whatever its grantee's standing.
pub fn has_ended(grant: &Grant, now: Moment) -> bool {
    grant.revoked_at.is_some() || now >= grant.expires_at
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
/// Intake is like any other compartment here: reached only if the scope names it.
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

/// Whether a grant reaches a compartment to write into. Intake is open to every writer: a result
/// that belongs nowhere must still reach the patient.
pub fn covers_writing(
    grant: &Grant,
    compartment: &CompartmentId,
    intake: Option<CompartmentId>,
) -> bool {
    grant.rights.write()
        && (intake.as_ref() == Some(compartment)
            || matches!(&grant.scope, Scope::Compartments(named) if named.contains(compartment)))
}
