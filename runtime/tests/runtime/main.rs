//! Promises of the runtime as a whole.

#[cfg(feature = "try-runtime")]
mod arbitrary;
mod configuration;
mod consortium;
mod metadata;
mod origins;
#[cfg(feature = "try-runtime")]
mod property;
mod recovery;
mod staff;
mod world;
