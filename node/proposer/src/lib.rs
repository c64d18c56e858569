//! How this node makes a block of the transactions in its pool.
//!
//! The stock proposer calls the runtime once for each transaction, and each call makes an instance of
//! the WebAssembly runtime: as much work as a small transaction itself. [`Author`] hands the runtime
//! many at once. Which transactions are in the block, and in which order, is what calling it for each
//! of them would give: a batch ends at the first one that is refused, and the next batch goes on
//! behind it, by the stock rules about what is skipped.
//!
//! | part | does |
//! |---|---|
//! | [`Author`] | proposes a block for Aura |
//! | [`Punctual`] | leaves it less time, where sealing a block takes longer |
//! | `fill` | takes from the pool, in batches, until there is no more time, room or transaction |
//! | `step` | how many are a batch |
//! | `draft` | the block in the making, on the runtime's state |
//!
//! # The size of a batch
//!
//! An instance costs 100 to 150 µs. Over 64 transactions that is 2 µs each, and more would win
//! nothing. A batch cannot be stopped from outside, so it must not take long: it is planned for 10 ms
//! by what a transaction of the batch before took, and for no more than the time left. Because the
//! next transactions may be heavier, the runtime itself ends a batch that weighs 40 ms. After one
//! that was refused, the next batch is twice what was applied before it, so that many refused ones
//! cost no more than one by one.
//!
//! # When a batch fails
//!
//! A transaction on which the runtime panics takes its batch with it. All that the batch wrote is
//! rolled back, and the rest of the block is applied one by one, as the stock proposer does it: the
//! transaction is found and taken out of the pool. So panics cost a block one batch at most. A
//! runtime without `BatchApi`, and a block whose storage proof is recorded, are done one by one, too.

mod author;
mod draft;
mod fill;
mod pace;
mod step;
#[cfg(test)]
mod tests;

pub use author::Author;
pub use pace::Punctual;
