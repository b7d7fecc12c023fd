//! Everything that tests the specification crate from outside, in one program.

mod parameters;
