//! What a sequence is made of: commands that name earlier results by small numbers.
//!
//! Every number is taken modulo what is there when its command is carried out, and a command
//! whose number names nothing becomes a request that must be refused, or nothing at all. So every
//! subsequence of a sequence is a sequence, and shrinking never has to ask.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::model::{Class, Role, State};

/// Which link: of the class that the command needs, or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Among the slots of the right class, or among all.
    pub index: u8,
    /// Whether it may be of the wrong class.
    pub stray: bool,
}

/// Which attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aim {
    /// One of the role that the command is for.
    Right(u8),
    /// Any one.
    Any(u8),
    /// A handle that no attachment has.
    Nothing,
}

/// Which of the keys of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    /// The present one.
    Present,
    /// The one before it.
    Former,
    /// One that nobody was told of.
    Foreign,
}

/// What is wrong with a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CreateFlaw {
    /// The recipient key has not signed.
    RecipientUnsigned,
    /// The claim key has not signed.
    ClaimUnsigned,
    /// A bundle too many, or one too few.
    Bundle,
    /// A sender's key too many, or one too few.
    Sender,
    /// A quota that is not listed.
    Quota,
    /// Days that are not listed.
    Days,
    /// A recipient key that ends before it begins.
    Times,
    /// A recipient key that begins in an hour.
    Early,
    /// A sender's key that begins in an hour.
    SenderEarly,
    /// The claim key of another connection.
    ClaimTaken,
}

/// What is wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimFlaw {
    /// Not signed.
    Unsigned,
    /// A sender's key of version 1.
    Version,
    /// A sender's key that begins in an hour.
    Early,
    /// A claim key that no connection has.
    Unknown,
}

/// What is wrong with an attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttachFlaw {
    /// Not signed.
    Unsigned,
    /// A handle that is in use; the next one where none is.
    HandleInUse,
    /// A handle above the next one.
    HandleAhead,
    /// The right key and another version.
    Version,
    /// A connection that never was.
    Unknown,
}

/// What is wrong with a change of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeFlaw {
    /// Not signed by both.
    Unsigned,
    /// From a key that is not the record's.
    Old,
    /// To a version that is not above the record's.
    Version,
    /// To a key that begins in an hour.
    Early,
    /// To a key that ends before it begins.
    Times,
}

/// Which submission a send begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Submission {
    /// The one expected.
    Next,
    /// One already accepted; the one expected where there is none.
    Below(u8),
    /// One too high.
    Above(u8),
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Make a new connection.
    Create {
        /// The link.
        slot: Slot,
        /// The connection's class.
        class: Class,
        /// Its state.
        state: State,
        /// Index into the closed lists.
        terms: u8,
        /// What is wrong.
        flaw: Option<CreateFlaw>,
    },
    /// Create one again that was made before, living or deleted.
    Restore {
        /// The link.
        slot: Slot,
        /// The connection.
        connection: u8,
        /// The state asked for.
        state: State,
        /// The recipient key.
        key: Which,
        /// Changes of key to carry along, at most.
        chain: u8,
    },
    /// Claim a connection.
    Claim {
        /// The link.
        slot: Slot,
        /// The connection.
        connection: u8,
        /// With the first claimer's key, or with another.
        first: bool,
        /// What is wrong.
        flaw: Option<ClaimFlaw>,
    },
    /// Attach to a connection.
    Attach {
        /// The link.
        slot: Slot,
        /// The connection.
        connection: u8,
        /// The end.
        role: Role,
        /// The key.
        key: Which,
        /// How far the lowest unanswered submission lies above the one expected.
        ahead: u8,
        /// Changes of key to make on the way.
        chain: u8,
        /// What is wrong.
        flaw: Option<AttachFlaw>,
    },
    /// Hand in parts, one after the other.
    Send {
        /// The attachment.
        aim: Aim,
        /// The first submission.
        submission: Submission,
        /// How many.
        count: u8,
        /// Whether the parts have their length.
        whole: bool,
    },
    /// Ask for parts.
    Subscribe {
        /// The attachment.
        aim: Aim,
        /// Window in parts.
        parts: u32,
        /// Window in bytes, in eighths of a part.
        eighths: u32,
    },
    /// Acknowledge what was delivered, but for the last few.
    Acknowledge {
        /// The attachment.
        aim: Aim,
        /// How many of the last delivered to leave out.
        but: u8,
        /// Whether to acknowledge far beyond instead.
        beyond: bool,
    },
    /// Suspend.
    Suspend(Aim),
    /// Resume.
    Resume(Aim),
    /// Change a key.
    Rotate {
        /// The attachment.
        aim: Aim,
        /// Of this role.
        role: Role,
        /// What is wrong.
        flaw: Option<ChangeFlaw>,
    },
    /// Rotate to the key that the record has already.
    RotateAgain(Aim),
    /// Delete.
    Delete(Aim),
    /// Give a handle back.
    Detach(Aim),
    /// End a link; the next command that needs it opens another.
    Drop(Slot),
    /// Move the clock, in units of eleven hours: a number that no sum of comes near a whole day
    /// of the closed lists, so that nothing hangs on an hour's edge.
    Advance(u8),
    /// Restart the server.
    Restart,
}

/// What the target can do beyond the profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Powers {
    /// It has a clock that can be moved.
    pub clock: bool,
    /// It can be restarted.
    pub restart: bool,
}

fn slot() -> impl Strategy<Value = Slot> {
    (0..4_u8, prop::bool::weighted(0.06)).prop_map(|(index, stray)| Slot { index, stray })
}

fn aim() -> impl Strategy<Value = Aim> {
    prop_oneof![
        30 => (0..8_u8).prop_map(Aim::Right),
        2 => (0..8_u8).prop_map(Aim::Any),
        1 => Just(Aim::Nothing),
    ]
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![5 => Just(Class::Medium), 3 => Just(Class::Small), 1 => Just(Class::Large)]
}

fn state() -> impl Strategy<Value = State> {
    // Claimed first: it is what shrinking leads to, since it needs no claim.
    prop_oneof![3 => Just(State::Claimed), 3 => Just(State::Open), 1 => Just(State::Suspended)]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Recipient), Just(Role::Sender)]
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![12 => Just(Which::Present), 1 => Just(Which::Former), 1 => Just(Which::Foreign)]
}

/// One of the flaws in `one` of `of` commands, else none.
fn flaw<T: Clone + std::fmt::Debug + 'static>(
    one: u32,
    of: u32,
    flaws: &'static [T],
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![
        of - one => Just(None),
        one => prop::sample::select(flaws).prop_map(Some),
    ]
}

fn create() -> impl Strategy<Value = Command> {
    use CreateFlaw as F;
    const FLAWS: &[CreateFlaw] = &[
        F::RecipientUnsigned,
        F::ClaimUnsigned,
        F::Bundle,
        F::Sender,
        F::Quota,
        F::Days,
        F::Times,
        F::Early,
        F::SenderEarly,
        F::ClaimTaken,
    ];
    (slot(), class(), state(), 0..8_u8, flaw(3, 10, FLAWS)).prop_map(
        |(slot, class, state, terms, flaw)| Command::Create { slot, class, state, terms, flaw },
    )
}

fn restore() -> impl Strategy<Value = Command> {
    (slot(), 0..8_u8, state(), which(), 0..3_u8).prop_map(
        |(slot, connection, state, key, chain)| Command::Restore {
            slot,
            connection,
            state,
            key,
            chain,
        },
    )
}

fn claim() -> impl Strategy<Value = Command> {
    use ClaimFlaw as F;
    const FLAWS: &[ClaimFlaw] = &[F::Unsigned, F::Version, F::Early, F::Unknown];
    (slot(), 0..8_u8, prop::bool::weighted(0.75), flaw(1, 6, FLAWS)).prop_map(
        |(slot, connection, first, flaw)| Command::Claim { slot, connection, first, flaw },
    )
}

fn attach() -> impl Strategy<Value = Command> {
    use AttachFlaw as F;
    const FLAWS: &[AttachFlaw] =
        &[F::Unsigned, F::HandleInUse, F::HandleAhead, F::Version, F::Unknown];
    let ahead = prop_oneof![8 => Just(0_u8), 1 => 1..4_u8];
    let chain = prop_oneof![12 => Just(0_u8), 1 => 1..5_u8];
    (slot(), 0..8_u8, role(), which(), ahead, chain, flaw(1, 10, FLAWS)).prop_map(
        |(slot, connection, role, key, ahead, chain, flaw)| Command::Attach {
            slot,
            connection,
            role,
            key,
            ahead,
            chain,
            flaw,
        },
    )
}

fn send() -> impl Strategy<Value = Command> {
    let submission = prop_oneof![
        12 => Just(Submission::Next),
        1 => (1..4_u8).prop_map(Submission::Below),
        1 => (1..4_u8).prop_map(Submission::Above),
    ];
    let count = prop_oneof![6 => 1..4_u8, 1 => 12..20_u8];
    (aim(), submission, count, prop::bool::weighted(0.97))
        .prop_map(|(aim, submission, count, whole)| Command::Send { aim, submission, count, whole })
}

fn subscribe() -> impl Strategy<Value = Command> {
    let parts = prop_oneof![
        12 => prop::sample::select(&[1_u32, 2, 3, 8, 64][..]),
        1 => prop::sample::select(&[0_u32, 65][..]),
    ];
    let eighths = prop_oneof![
        12 => prop::sample::select(&[1_u32, 8, 9, 20, 300][..]),
        1 => Just(0_u32),
    ];
    (aim(), parts, eighths).prop_map(|(aim, parts, eighths)| Command::Subscribe {
        aim,
        parts,
        eighths,
    })
}

fn acknowledge() -> impl Strategy<Value = Command> {
    (aim(), prop_oneof![3 => Just(0_u8), 2 => 1..4_u8], prop::bool::weighted(0.1))
        .prop_map(|(aim, but, beyond)| Command::Acknowledge { aim, but, beyond })
}

fn rotate() -> impl Strategy<Value = Command> {
    use ChangeFlaw as F;
    const FLAWS: &[ChangeFlaw] = &[F::Unsigned, F::Old, F::Version, F::Early, F::Times];
    (aim(), role(), flaw(1, 3, FLAWS)).prop_map(|(aim, role, flaw)| Command::Rotate {
        aim,
        role,
        flaw,
    })
}

/// The strategy of one command.
pub fn command(powers: Powers) -> BoxedStrategy<Command> {
    let plain = prop_oneof![
        6 => create(),
        3 => restore(),
        7 => claim(),
        20 => attach(),
        20 => send(),
        10 => subscribe(),
        10 => acknowledge(),
        4 => aim().prop_map(Command::Suspend),
        4 => aim().prop_map(Command::Resume),
        4 => rotate(),
        1 => aim().prop_map(Command::RotateAgain),
        1 => aim().prop_map(Command::Delete),
        2 => aim().prop_map(Command::Detach),
        1 => slot().prop_map(Command::Drop),
    ];
    let advance = prop::sample::select(&[1_u8, 4, 16, 66][..]).prop_map(Command::Advance);
    let (clock, restart) = (u32::from(powers.clock) * 3, u32::from(powers.restart) * 2);
    prop_oneof![97 => plain, clock => advance, restart => Just(Command::Restart)].boxed()
}
