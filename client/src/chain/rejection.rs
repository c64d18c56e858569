//! Why a node's pool takes no transaction, and what to do then.
//!
//! What the chain itself has against one, and in which words, is [`Door`]'s to say.

use salus_primitives::Rejection as Door;

/// What a pool has against a transaction, or had when it let go of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("{}", said(Door::NoStanding))]
    NoStanding,

    #[error("{}", said(Door::BucketEmpty))]
    AllowanceSpent,

    #[error("{}", said(Door::NonceTooFar))]
    TooManyWaiting,

    #[error("{}", said(Door::TooHeavy))]
    TooHeavy,

    #[error("{}", said(Door::NotBySignature))]
    NotBySignature,

    #[error("{}", said(Door::NothingAuthorized))]
    NothingAuthorized,

    #[error("the chain refuses it for a reason that this program does not know ({0}). Update it")]
    Unknown(u8),

    #[error(
        "a transaction of this account with its nonce is in a block already. \
         Two programs use this key at once: try again"
    )]
    Outdated,

    #[error(
        "another transaction of this account is waiting in its place. Wait for it, then try again"
    )]
    PlaceTaken,

    #[error(
        "another transaction of this account took its place. \
         Two programs use this key at once: try again"
    )]
    Usurped,

    #[error(
        "it is already waiting in the pool. There is nothing to do: it takes effect by itself"
    )]
    AlreadyWaiting,

    #[error("the node's pool is full. Try again in a minute")]
    PoolFull,

    #[error(
        "the node has put it off, because it was invalid or in a block a moment ago. \
         Try again in some seconds, or change the transaction"
    )]
    PutOff,

    #[error(
        "the node could not ask its chain: {0}. \
         Try again: the block that it looked at has just been given up for another"
    )]
    ForkGivenUp(String),

    #[error(
        "it became invalid before it was included. \
         Check that the account is still in good standing, then try again"
    )]
    BecameInvalid,

    #[error("{0}. Check that the node is in step with its chain, then try again")]
    Other(String),
}

impl Rejection {
    /// Of a node's answer to `author_submitExtrinsic`.
    pub(super) fn of(code: i32, message: &str, detail: &str) -> Self {
        let custom = detail.strip_prefix("Custom error: ");
        if let Some(code) = custom.and_then(|code| code.trim().parse().ok()) {
            return Self::at_the_door(code);
        }
        match (code, detail) {
            (_, "Transaction is outdated") => Self::Outdated,
            (1002, _) => Self::ForkGivenUp(detail.into()),
            (1012, _) => Self::PutOff,
            (1013, _) => Self::AlreadyWaiting,
            (1014, _) => Self::PlaceTaken,
            (1016, _) => Self::PoolFull,
            _ => {
                let said = [message, detail]
                    .into_iter()
                    .filter(|part| !part.is_empty());
                Self::Other(said.collect::<Vec<_>>().join(": "))
            }
        }
    }

    /// Of the runtime's `CheckMember`.
    fn at_the_door(code: u8) -> Self {
        match Door::from_code(code) {
            Some(Door::NoStanding) => Self::NoStanding,
            Some(Door::BucketEmpty) => Self::AllowanceSpent,
            Some(Door::NonceTooFar) => Self::TooManyWaiting,
            Some(Door::TooHeavy) => Self::TooHeavy,
            Some(Door::NotBySignature) => Self::NotBySignature,
            Some(Door::NothingAuthorized) => Self::NothingAuthorized,
            None => Self::Unknown(code),
        }
    }

    /// Whether it can be signed and sent again at once: lost races, for a nonce or between forks.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Outdated | Self::PlaceTaken | Self::ForkGivenUp(_)
        )
    }
}

/// The chain's words, as they stand within a sentence of ours.
fn said(reason: Door) -> String {
    let words = reason.advice().trim_end_matches('.');
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rejection_of_the_chain_is_told_in_the_chains_own_words() {
        for reason in Door::ALL {
            let detail = format!("Custom error: {}", reason.code());
            let told = Rejection::of(1010, "Invalid Transaction", &detail);
            assert!(!matches!(told, Rejection::Unknown(_)), "{told:?}");
            let told = told.to_string();
            assert!(!told.contains("Custom error"), "{told}");
            assert_eq!(told[1..], reason.advice().trim_end_matches('.')[1..]);
        }
    }

    #[test]
    fn the_document_lists_each_rejection_with_its_number_and_words() {
        let text = include_str!("../../../docs/041-rejections.md");
        for reason in Door::ALL {
            let row = format!("| {} | `{reason:?}` | {} |", reason.code(), reason.advice());
            assert!(text.contains(&row), "{row}");
        }
        let custom = format!("| {} | `", Door::ALL.len() + 1);
        assert!(!text.contains(&custom), "a number that no rejection has");
    }

    #[test]
    fn each_answer_of_a_node_tells_what_to_do() {
        for (code, message, detail, advice) in [
            (
                1010,
                "Invalid Transaction",
                "Custom error: 1",
                "neither an active member",
            ),
            (1010, "Invalid Transaction", "Custom error: 1", "admin"),
            (
                1010,
                "Invalid Transaction",
                "Custom error: 2",
                "Wait a minute",
            ),
            (
                1010,
                "Invalid Transaction",
                "Custom error: 3",
                "too many transactions",
            ),
            (1010, "Invalid Transaction", "Custom error: 3", "in a block"),
            (1010, "Invalid Transaction", "Custom error: 99", "Update it"),
            (
                1012,
                "Transaction is temporarily banned",
                "",
                "in some seconds",
            ),
            (1013, "Transaction is already imported", "", "nothing to do"),
            (
                1016,
                "Immediately dropped",
                "The pool is full",
                "in a minute",
            ),
        ] {
            let said = Rejection::of(code, message, detail).to_string();
            assert!(said.contains(advice), "{code} {detail}: {said}");
        }
    }

    #[test]
    fn only_a_lost_race_for_the_nonce_or_between_forks_is_tried_again() {
        let passes = |code, message, detail| Rejection::of(code, message, detail).is_passing();
        assert!(passes(
            1002,
            "Verification Error: Runtime error: Api called for an unknown Block",
            "State already discarded for 0x37"
        ));
        assert!(passes(
            1010,
            "Invalid Transaction",
            "Transaction is outdated"
        ));
        assert!(passes(1014, "Priority is too low: (1 vs 1)", ""));
        assert!(!passes(1010, "Invalid Transaction", "Custom error: 1"));
        assert!(!passes(
            1010,
            "Invalid Transaction",
            "Transaction has a bad signature"
        ));
        assert!(!passes(1012, "Transaction is temporarily banned", ""));
    }
}
