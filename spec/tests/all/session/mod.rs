//! Two ends of a session, the network and the attacker between them, in one thread from one seed.

mod attacker;
mod bounds;
mod conversation;
mod ends;
mod known;
mod matrix;
mod state;
mod vectors;
mod walk;
