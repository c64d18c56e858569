//! Promises of the runtime as a whole.

mod configuration;
mod metadata;
mod origins;
mod world;
