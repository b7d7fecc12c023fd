//! The client's role: its end of a link, and the two ends of a connection.
//!
//! [`ClientLink`] turns requests into sealed blocks and blocks into events. [`SenderEnd`] and
//! [`RecipientEnd`] follow the client clauses of `spec/connection.md` and `spec/rotation.md` on top
//! of it: what to submit, what to do with each answer, what has to be stored first. None of them
//! has a clock or a socket: whoever drives them says what time it is and carries the blocks.
//!
//! ```text
//! SenderEnd ──┐ submit            handle_block ┌── block
//!             ├──────► ClientLink ◄────────────┤ carrier
//! RecipientEnd┘ ◄───── events      poll_block └─► block
//! ```

mod event;
mod flight;
mod handles;
mod keys;
mod link;
mod recipient;
mod requests;
mod retry;
mod sender;
mod signed;

pub use event::{Answer, Event, Filled};
pub use flight::Token;
pub use keys::{Key, KeyRing, Lifetime};
pub use link::ClientLink;
pub use recipient::{RecipientEnd, RecipientEvent, RecipientState};
pub use requests::Request;
pub use sender::{Kept, Outbox, SenderEnd, SenderEvent, SenderState, Stopped};
pub use signed::{CreateAs, Terms, attach, change, claim, create, deposit};
