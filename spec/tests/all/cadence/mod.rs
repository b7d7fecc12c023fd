//! Cadence: the lock-step of both roles.

mod matrix;
mod roles;
