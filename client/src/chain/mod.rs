//! The chain, as a person's software sees it: a connection to one node, typed calls and questions,
//! and events that can be read.
//!
//! ```no_run
//! # async fn example(key: &salus_client::keys::AccountKey) -> Result<(), salus_client::chain::ChainError> {
//! use salus_client::chain::{calls, Chain};
//!
//! let chain = Chain::connect("ws://127.0.0.1:9944", None).await?;
//! let sent = chain.submit(key, &calls::system::remark(b"hello")).await?;
//! println!("in block {}", sent.block.number);
//! # Ok(())
//! # }
//! ```

pub mod api;
pub mod calls;
mod code;
mod connect;
pub mod crowd;
#[cfg(test)]
pub(crate) mod double;
mod error;
pub mod events;
pub mod motions;
mod node;
mod outcome;
mod rejection;
mod state;
mod submit;

pub use api::Salus;
pub use calls::Call;
pub use code::CodeVersion;
pub(crate) use connect::decode;
pub use connect::{storage_key, storage_prefix, Block, Chain, Code, Kind, Runtime};
pub use error::{ChainError, Result};
pub use events::{BestHeads, ChainEvent, FinalizedBlocks, Phase};
pub use motions::Votes;
pub use node::SessionKeys;
pub use outcome::Submitted;
pub use rejection::Rejection;
pub use state::twox_key;
pub use submit::{Mortality, Signed};
