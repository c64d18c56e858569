//! What an outsider learns of patients, as figures beside their chance.
//!
//! - [`population`]: synthetic patients of several houses, made by the ordinary client on a real chain
//!   and real vaults, and the [`Truth`] about them
//! - [`outside`]: what everybody has who reads all blocks, and what the operator of a vault or a node
//!   has besides; never the truth
//! - [`analysts`]: one for each thing that may tell something; they guess
//! - [`score`]: compares guesses with the truth, and with guesses about shuffled patients
//! - [`table`]: the figures as Markdown
//!
//! `tests/privacy.rs` runs all of it, and fails when something that was closed tells more than chance.

pub mod analysts;
pub mod outside;
pub mod population;
pub mod score;
pub mod table;
pub mod truth;

pub use outside::Outside;
pub use truth::Truth;
