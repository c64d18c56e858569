//! Promises of the runtime as a whole.

mod configuration;
mod consortium;
mod metadata;
mod origins;
mod recovery;
mod world;
