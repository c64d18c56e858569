//! The formats that other implementations must agree on.

mod age_interop;
mod sizes;
mod vectors;
