//! The conformance suite: cases that judge a server over its wire, and the program that runs them.
//!
//! A case is one function and one line in a table of [`cases`]; it works on a
//! [`Trial`](trial::Trial), which hands it links of the raw [`peer`].

pub mod book;
pub mod case;
pub mod cases;
pub mod clauses;
pub mod driver;
pub mod expectations;
pub mod host;
pub mod model;
pub mod mutants;
pub mod outcome;
pub mod peer;
pub mod preflight;
pub mod profiles;
pub mod program;
pub mod property;
pub mod report;
pub mod repro;
pub mod runner;
pub mod scene;
pub mod target;
pub mod trace;
pub mod trial;
pub mod vectors;
pub mod verdict;
