//! The client's role against the server's, in one thread: every clause of a client.

mod link;
mod recipient;
mod sender;
mod walk;
mod world;
