//! What can go wrong between a client and the chain. Each message says what failed, on what, and
//! what to do next.

use salus_primitives::{BlockNumber, Genesis};
use sp_core::H256;

use super::Rejection;

pub type Result<T> = std::result::Result<T, ChainError>;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error(
        "no node answers at {url}: {reason}. Check that it runs and that the address is right"
    )]
    NodeUnreachable { url: String, reason: String },

    #[error(
        "the node at {url} is on another chain: its genesis is {found:?}, expected {expected:?}. \
         Nothing was sent to it. Use a node of your chain, or the profile made for that chain"
    )]
    WrongChain {
        url: String,
        expected: Genesis,
        found: Genesis,
    },

    #[error(
        "the node at {url} runs `{found}`, which is not Salus. Use the address of a salus-node"
    )]
    NotSalus { url: String, found: String },

    #[error(
        "the chain at {url} offers SalusApi version {found}, this client needs {needed}. \
         Update the chain's runtime, or use an older client"
    )]
    ChainTooOld {
        url: String,
        found: u32,
        needed: u32,
    },

    #[error(
        "the node at {url} is not on this machine, and whose node makes session keys holds them: \
         run this beside your organisation's own node, or make keys there with \
         `salus-node session-keys` and register them with `salus validator register`"
    )]
    NotHere { url: String },

    #[error(
        "the node at {url} makes no session keys for whoever asks: start it with \
         --rpc-methods auto or unsafe, on an address that nobody else reaches; or make keys there \
         with `salus-node session-keys` and register them with `salus validator register`"
    )]
    KeysRefused { url: String },

    #[error("the node refused {method}: {reason}")]
    Refused { method: String, reason: String },

    #[error(
        "the node no longer has block {block}. Ask one that archives: \
         start it with --state-pruning archive --blocks-pruning archive"
    )]
    BlockUnknown { block: String },

    #[error("the node's answer to {what} cannot be read: {reason}. Update this client")]
    Unreadable { what: String, reason: String },

    #[error("{what} may have at most {max}, not {found}. Split it up")]
    TooMany {
        what: &'static str,
        max: u32,
        found: usize,
    },

    #[error(
        "this chain has no call {call} in the form this client knows: {reason}. Update this client"
    )]
    UnknownCall { call: String, reason: String },

    #[error("{call} was not accepted: {why}")]
    Rejected { call: String, why: Rejection },

    #[error("{call} failed: {error} ({explanation})")]
    Failed {
        call: String,
        /// `Pallet.Error`, or the name of a general error.
        error: String,
        explanation: String,
        block: H256,
    },

    #[error(
        "{call} was sent but is in no finalized block up to {until}. It can no longer take effect: \
         send it again"
    )]
    Expired { call: String, until: BlockNumber },

    #[error(
        "{call} was sent, and the connection broke before it was finalized: {reason}. \
         It may still take effect: look at the log before you send it again"
    )]
    OutcomeUnknown { call: String, reason: String },

    #[error(
        "what {account} has sent before is still under way after two minutes: wait until it is \
         finalized, and do this again"
    )]
    Unsettled { account: String },
}

impl ChainError {
    /// Whether the node could not be asked, so that asking again, or another one, may help.
    pub fn is_transport(&self) -> bool {
        matches!(
            self,
            ChainError::NodeUnreachable { .. } | ChainError::OutcomeUnknown { .. }
        )
    }

    pub(crate) fn unreadable(what: impl Into<String>, reason: impl ToString) -> Self {
        ChainError::Unreadable {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}
