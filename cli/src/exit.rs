//! Exit codes, and how errors are told.

use std::process::ExitCode;

use salus_client::chain::{ChainError, Rejection};
use salus_client::trail::TrailError;
use salus_client::vault::VaultError;
use salus_client::Error;
use serde_json::json;

pub const FAILED: u8 = 1;
const REFUSED: u8 = 3;
const UNVERIFIED: u8 = 4;
const UNREACHABLE: u8 = 5;

/// Errors of the chain's calls that mean: you may not.
const NOT_ALLOWED: &[&str] = &[
    "BadOrigin",
    "NotAuthorized",
    "NotController",
    "NotAMember",
    "NotAHelper",
    "NotAClinician",
    "NotAService",
    "NotAnAdmin",
    "NotRequester",
    "NotResponder",
    "NoWriteGrant",
    "NotMember",
    "GranteeNotRequester",
    "ForeignReplacement",
    "OthersDecide",
    "BadConsent",
    "PatientIdMismatch",
    "StaffAccount",
    "ActsForPatients",
    "TooManyRefusals",
    "RoleMayNot",
    "NotReviewer",
    "Barred",
    "ReviewOverdue",
    "AlreadyOpen",
    "TooManyToday",
    "OrganisationTooManyToday",
    "TooManyRefusedToday",
    "OrganisationTooManyRefusedToday",
    "TooManyUnreviewed",
    "OrganisationReviewsOverdue",
    "NotASeat",
    "NotProposer",
    "OthersAgree",
    "ConsentNeeded",
    "RequesterApproves",
    "MoreThanAsked",
    "OutlastsOwn",
    "OutlastsOwnRole",
    "OwnerRecovers",
    "NotAgreed",
    "NotAKeeper",
    "NothingOpened",
];

pub fn report(error: &anyhow::Error, machine: bool) -> ExitCode {
    let code = code(error);
    let message = format!("{error:#}");
    if machine {
        let word = match code {
            REFUSED => "refused",
            UNVERIFIED => "verification-failed",
            UNREACHABLE => "unreachable",
            _ => "failed",
        };
        eprintln!(
            "{}",
            json!({"error": word, "message": message, "exit": code})
        );
    } else {
        eprintln!("error: {message}");
    }
    ExitCode::from(code)
}

fn code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<Error>().map_or(FAILED, of_client)
}

fn of_client(error: &Error) -> u8 {
    match error {
        Error::KeyringUnseen(error) => of_client(error),
        Error::NotPermitted(_) => REFUSED,
        Error::Chain(error) | Error::Trail(TrailError::Chain(error)) => chain(error),
        Error::Trail(_) => UNVERIFIED,
        Error::Vault(error) => vault(error),
        Error::NotAnchored(_)
        | Error::OtherTerms { .. }
        | Error::Reads { .. }
        | Error::Damaged { .. }
        | Error::Binding(_)
        | Error::Share(_)
        | Error::Block { .. }
        | Error::PinMismatch { .. } => UNVERIFIED,
        _ => FAILED,
    }
}

fn chain(error: &ChainError) -> u8 {
    match error {
        error if error.is_transport() => UNREACHABLE,
        ChainError::Rejected {
            why: Rejection::NoStanding | Rejection::NotBySignature | Rejection::NothingAuthorized,
            ..
        } => REFUSED,
        ChainError::Failed { error, .. } => {
            let name = error.rsplit('.').next().unwrap_or_default();
            match NOT_ALLOWED.contains(&name) {
                true => REFUSED,
                false => FAILED,
            }
        }
        _ => FAILED,
    }
}

fn vault(error: &VaultError) -> u8 {
    match error {
        VaultError::Unreachable { .. } => UNREACHABLE,
        // The vault noticed itself.
        VaultError::Refused { code, .. } if code == "damaged" => UNVERIFIED,
        VaultError::Refused { status, .. } => match status {
            401 | 403 | 404 => REFUSED,
            503 => UNREACHABLE,
            _ => FAILED,
        },
        VaultError::Altered { .. } | VaultError::WrongVault { .. } => UNVERIFIED,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: impl Into<Error>) -> u8 {
        code(&anyhow::Error::from(error.into()))
    }

    #[test]
    fn each_kind_of_error_has_its_code() {
        let failed = |error: &str| ChainError::Failed {
            call: String::new(),
            error: error.into(),
            explanation: String::new(),
            block: Default::default(),
        };
        assert_eq!(of(failed("Records.NoWriteGrant")), REFUSED);
        assert_eq!(of(failed("Consent.TooLong")), FAILED);
        let rejected = |why| ChainError::Rejected {
            call: String::new(),
            why,
        };
        assert_eq!(of(rejected(Rejection::NoStanding)), REFUSED);
        assert_eq!(of(rejected(Rejection::NothingAuthorized)), REFUSED);
        assert_eq!(of(rejected(Rejection::AllowanceSpent)), FAILED);
        assert_eq!(of(rejected(Rejection::TooHeavy)), FAILED);
        assert_eq!(of(TrailError::Changed { n: 1 }), UNVERIFIED);
        assert_eq!(of(Error::NotAnchored("the payload")), UNVERIFIED);
        assert_eq!(of(Error::NotPermitted(String::new())), REFUSED);
        let refused = |status| VaultError::Refused {
            url: String::new(),
            status,
            code: String::new(),
            message: String::new(),
            retry_after: None,
        };
        assert_eq!(of(refused(404)), REFUSED);
        let unseen = |status| Error::KeyringUnseen(Box::new(refused(status).into()));
        assert_eq!((of(unseen(404)), of(unseen(503))), (REFUSED, UNREACHABLE));
        assert_eq!(of(refused(503)), UNREACHABLE);
        assert_eq!(of(refused(429)), FAILED);
        assert_eq!(code(&anyhow::anyhow!("other")), FAILED);
    }
}
