//! What a talk is made of. As in [`command`](crate::property::command), every number is taken modulo
//! what is there when its command is carried out.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Who made the invitation.
    Inviter,
    /// Who accepted it.
    Claimer,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Inviter, Self::Claimer];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Inviter => Self::Claimer,
            Self::Claimer => Self::Inviter,
        }
    }

    /// What reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inviter => "inviter",
            Self::Claimer => "claimer",
        }
    }
}

/// At which of a client's operations a server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Of {
    /// A part is handed in.
    Send,
    /// Parts are acknowledged.
    Acknowledge,
}

/// How a server that keeps its word fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Failure {
    /// The link ends, and the operation is not carried out.
    Before,
    /// The operation is carried out, and the link ends without an answer.
    After,
    /// It restarts, and its memory is gone.
    Forgets,
}

/// How a server lies. Only the second of two does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lie {
    /// A part is taken and thrown away.
    Drops,
    /// Of the next parts, one comes in the place of the one behind it, again.
    Repeats,
    /// The next two parts that wait together come the wrong way round.
    Swaps,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Say texts.
    Say {
        /// Who.
        who: Side,
        /// How many.
        count: u8,
        /// Whether each needs several pieces.
        long: bool,
    },
    /// Answer a message that is shown.
    Reply {
        /// Who.
        who: Side,
        /// Which.
        to: u8,
    },
    /// Put another text in place of an own one.
    Edit {
        /// Who.
        who: Side,
        /// Which.
        of: u8,
    },
    /// Withdraw an own message.
    Delete {
        /// Who.
        who: Side,
        /// Which.
        of: u8,
    },
    /// React to a message that is shown, or take that back.
    React {
        /// Who.
        who: Side,
        /// Which.
        to: u8,
        /// One of two words.
        with: bool,
        /// Given, or taken back.
        given: bool,
    },
    /// Choose which receipts are sent.
    Receipts {
        /// Who.
        who: Side,
        /// Of delivery.
        delivered: bool,
        /// Of reading.
        read: bool,
    },
    /// Read everything that is shown.
    Read(Side),
    /// Let one work by itself for so many turns.
    Listen {
        /// Who.
        who: Side,
        /// How many.
        turns: u8,
    },
    /// Repair everything, and wait until both show the same.
    Settle,
    /// Kill one and start it again.
    Restart(Side),
    /// Kill one, which comes back when it is next to do something.
    Leave(Side),
    /// Change the keys of every connection.
    Rotate(Side),
    /// Move one of the connections to this side to another server.
    Move {
        /// Who.
        who: Side,
        /// Which.
        place: u8,
    },
    /// So many times eleven hours go by.
    Advance(u8),
    /// End every link of a server.
    Cut(u8),
    /// From now on a server cannot be reached, or can again.
    Shut {
        /// Which.
        host: u8,
        /// Whether it cannot.
        shut: bool,
    },
    /// A server fails at an operation to come.
    Fail {
        /// Which.
        host: u8,
        /// At which kind.
        of: Of,
        /// How many of the kind go well before.
        after: u8,
        /// How.
        how: Failure,
    },
    /// A server restarts now, and its memory is gone.
    Forget(u8),
    /// The second server lies once.
    Lie(Lie),
}

/// What a talk may hold beside words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Powers {
    /// Receipts can be chosen.
    pub receipts: bool,
    /// Keys change, and connections move.
    pub moves: bool,
    /// Clients are killed and start again.
    pub restarts: bool,
    /// Time goes by.
    pub clock: bool,
    /// Links of servers are cut.
    pub cuts: bool,
    /// Servers lose their memory, and are away for a while.
    pub loss: bool,
    /// There is a second server, and it lies.
    pub lies: bool,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Inviter), Just(Side::Claimer)]
}

fn say() -> impl Strategy<Value = Command> {
    (side(), 1..=4_u8, prop::bool::weighted(0.1)).prop_map(|(who, count, long)| Command::Say {
        who,
        count,
        long,
    })
}

fn words() -> Vec<(u32, BoxedStrategy<Command>)> {
    let which = any::<u8>;
    vec![
        (30, say().boxed()),
        (8, (side(), which()).prop_map(|(who, to)| Command::Reply { who, to }).boxed()),
        (12, (side(), which()).prop_map(|(who, of)| Command::Edit { who, of }).boxed()),
        (6, (side(), which()).prop_map(|(who, of)| Command::Delete { who, of }).boxed()),
        (
            10,
            (side(), which(), any::<bool>(), prop::bool::weighted(0.7))
                .prop_map(|(who, to, with, given)| Command::React { who, to, with, given })
                .boxed(),
        ),
        (14, (side(), 1..=4_u8).prop_map(|(who, turns)| Command::Listen { who, turns }).boxed()),
        (4, Just(Command::Settle).boxed()),
    ]
}

fn failures(powers: Powers) -> Vec<(u32, BoxedStrategy<Command>)> {
    let host = any::<u8>;
    let of = || prop_oneof![Just(Of::Send), Just(Of::Acknowledge)];
    let mut some = Vec::new();
    if powers.cuts {
        let how = if powers.loss {
            prop_oneof![Just(Failure::Before), Just(Failure::After), Just(Failure::Forgets)].boxed()
        } else {
            prop_oneof![Just(Failure::Before), Just(Failure::After)].boxed()
        };
        let fail = (host(), of(), 0..4_u8, how).prop_map(|(host, of, after, how)| Command::Fail {
            host,
            of,
            after,
            how,
        });
        some.push((12, fail.boxed()));
        some.push((5, host().prop_map(Command::Cut).boxed()));
    }
    if powers.loss {
        some.push((6, host().prop_map(Command::Forget).boxed()));
        let shut = (host(), any::<bool>()).prop_map(|(host, shut)| Command::Shut { host, shut });
        some.push((8, shut.boxed()));
    }
    if powers.lies {
        let lie = prop_oneof![Just(Lie::Drops), Just(Lie::Repeats), Just(Lie::Swaps)];
        some.push((20, lie.prop_map(Command::Lie).boxed()));
    }
    some
}

/// One command of those that are possible.
pub fn command(powers: Powers) -> BoxedStrategy<Command> {
    let mut all = words();
    all.extend(failures(powers));
    if powers.receipts {
        let receipts = (side(), any::<bool>(), any::<bool>());
        let choose =
            receipts.prop_map(|(who, delivered, read)| Command::Receipts { who, delivered, read });
        all.push((4, choose.boxed()));
        all.push((6, side().prop_map(Command::Read).boxed()));
    }
    if powers.restarts {
        all.push((10, side().prop_map(Command::Restart).boxed()));
        all.push((6, side().prop_map(Command::Leave).boxed()));
    }
    if powers.moves {
        all.push((4, side().prop_map(Command::Rotate).boxed()));
        let place = (side(), any::<u8>()).prop_map(|(who, place)| Command::Move { who, place });
        all.push((5, place.boxed()));
    }
    if powers.clock {
        all.push((10, (1..=4_u8).prop_map(Command::Advance).boxed()));
    }
    proptest::strategy::Union::new_weighted(all).boxed()
}
