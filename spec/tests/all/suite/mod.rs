//! Both backends against each other, against vectors of others, and against our own.

mod agreement;
mod backend;
mod draft;
mod vectors;
mod wycheproof;

use std::collections::BTreeSet;

use edgewise_spec::suite::{BACKEND, LABEL_LEN_MAX};

/// Guards against a feature that some dependency turned on: what is tested is what was asked for.
#[test]
fn the_selected_backend_is_the_one_that_this_build_asks_for() {
    let asked = if cfg!(feature = "aws-lc") { "aws-lc" } else { "sodium" };
    assert_eq!(BACKEND, asked);
}

/// Two uses under one label could give one output for both.
#[test]
fn labels_are_short_and_one_of_a_kind() {
    let constants = include_str!("../../../src/constants.rs");
    let (_, labels) = constants.split_once("pub mod labels {").unwrap();
    let (labels, _) = labels.split_once("\n}").unwrap();
    let texts: Vec<_> = labels.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert!(texts.len() >= 14, "{texts:?}");
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len());
    assert!(texts.iter().all(|text| text.len() <= LABEL_LEN_MAX && text.is_ascii()), "{texts:?}");
}
