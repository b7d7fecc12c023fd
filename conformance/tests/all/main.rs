//! Everything that is tested across crates, as one program.

mod house;
mod run;
mod trace;
