//! A place moves to another connection.

mod end;
mod matrix;
pub mod vectors;
mod walk;
mod wire;
mod world;
