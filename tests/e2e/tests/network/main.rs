//! A consortium of four in which nodes, vaults and lines break: nothing that was acknowledged is
//! lost, nothing that is not final is served, there is one chain, and all of it goes on by itself.
//!
//! As root, one at a time: `./scripts/test --network`. Those that begin with `quick` are part of
//! `./scripts/test`.

mod clocks;
mod copies;
mod finality;
mod help;
mod kills;
mod members;
mod partitions;
mod upgrade;
mod wrong;

use help::ALL;
use salus_e2e::{Consortium, Ward};

#[test]
#[ignore = "needs root and minutes"]
fn quick_one_or_two_of_four_are_killed_and_one_is_cut_off() {
    let consortium = Consortium::up(4);
    let wards = Ward::open_all(&consortium, ALL);
    kills::one_of_four_is_killed(&consortium, &wards);
    kills::two_of_four_are_killed(&consortium, &wards);
    partitions::one_of_four_is_cut_off(&consortium, &wards);
}
