//! Why the chain's door lets a transaction not even into the pool.
//!
//! A node reports it as `Custom error: N`, with the [`Rejection::code`] for `N`.

use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

/// What `CheckMember` has against a transaction. The codes are part of the format: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rejection {
    /// The account is neither a member in good standing nor the controller of a patient.
    NoStanding = 1,
    /// The account, its patient or its organisation has spent what it may for now.
    BucketEmpty = 2,
    /// The nonce is further ahead of the account than it may be.
    NonceTooFar = 3,
    /// The call costs more than what the account may spend at once.
    TooHeavy = 4,
    /// Only a decision of the council dispatches this call, or the time of one.
    NotBySignature = 5,
    /// The council has not authorized this runtime.
    NothingAuthorized = 6,
}

impl Rejection {
    pub const ALL: [Self; 6] = [
        Self::NoStanding,
        Self::BucketEmpty,
        Self::NonceTooFar,
        Self::TooHeavy,
        Self::NotBySignature,
        Self::NothingAuthorized,
    ];

    /// Returns the number in `InvalidTransaction::Custom`.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Returns the reason for a number, if there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Says in plain words what is wrong, and what to do.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NoStanding => {
                "The account is neither an active member nor the controller of a patient. \
                 Ask your organisation's admin for a credential, or have it renewed or reinstated."
            }
            Self::BucketEmpty => {
                "The account, its patient or its organisation has used up what it may do for now. \
                 Wait a minute: the allowance refills with each block."
            }
            Self::NonceTooFar => {
                "Too many transactions of this account are waiting. \
                 Wait until some of them are in a block."
            }
            Self::TooHeavy => {
                "The call costs more than the account may spend at once, however long it waits. \
                 Split it into smaller ones."
            }
            Self::NotBySignature => {
                "No account can make this call itself. If it is the council's: propose it, with \
                 `motions.propose`, and vote on it with `motions.vote`."
            }
            Self::NothingAuthorized => {
                "The council has not authorized this runtime. \
                 Compare its hash with the one that the council announced."
            }
        }
    }
}

impl core::fmt::Display for Rejection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.advice())
    }
}

impl From<Rejection> for TransactionValidityError {
    fn from(reason: Rejection) -> Self {
        InvalidTransaction::Custom(reason.code()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_from_one_and_lead_back() {
        for (number, reason) in (1..).zip(Rejection::ALL) {
            assert_eq!(reason.code(), number);
            assert_eq!(Rejection::from_code(number), Some(reason));
        }
        assert_eq!(Rejection::from_code(0), None);
        assert_eq!(Rejection::from_code(Rejection::ALL.len() as u8 + 1), None);
    }

    #[test]
    fn each_says_what_is_wrong_and_what_to_do() {
        for reason in Rejection::ALL {
            let sentences = reason.to_string().matches(". ").count() + 1;
            assert!(
                sentences >= 2 && reason.to_string().ends_with('.'),
                "{reason}"
            );
        }
    }
}
