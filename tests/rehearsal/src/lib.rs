//! The next version of the runtime, as wasm: what `build.rs` made of `salus-runtime` with its feature
//! `rehearsal`.

#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(target_family = "wasm")]
pub use salus_runtime::*;

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
