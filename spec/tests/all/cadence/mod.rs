//! Cadence: the lock-step of both roles.

mod describe;
mod matrix;
mod roles;
