#![doc = include_str!("../../message.md")]

mod body;
mod chain;
mod compose;
mod content;
mod field;
mod inbox;
mod pieces;
mod proof;
mod statement;

pub use body::{BodyRefused, Header, Layout, Piece};
pub use chain::{Chain, Link, StateRefused};
pub use compose::{ComposeRefused, Composed, Composer};
pub use content::{
    Broadcast, Content, ContentRefused, Hello, Profile, Receipt, Reference, Seen, Whose, kind,
};
pub use inbox::{Event, Inbox, Message, MessageRefused};
pub use pieces::{Accepted, PieceRefused, Pieces, Whole};
pub use proof::{Proof, ProofRefused, ProvenMessage, Receipted};
pub use statement::{Direction, MessageId, Statement, UpTo, content_hash};
