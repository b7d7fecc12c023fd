//! Both backends against each other, against vectors of others, and against our own.

mod agreement;
mod backend;
mod draft;
mod vectors;
mod wycheproof;

use edgewise_spec::suite::BACKEND;

/// Guards against a feature that some dependency turned on: what is tested is what was asked for.
#[test]
fn the_selected_backend_is_the_one_that_this_build_asks_for() {
    let asked = if cfg!(feature = "aws-lc") { "aws-lc" } else { "sodium" };
    assert_eq!(BACKEND, asked);
}
