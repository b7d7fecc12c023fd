//! The three classes: what length a link's blocks have, and all that follows from it.

use crate::constants::{
    BLOCK_LARGE, BLOCK_MEDIUM, BLOCK_SMALL, HELLO_LEN, LINK_TAG, PART_OVERHEAD, REPLY_LEN,
};

/// The length of every block of a link, for the link's whole life and both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Blocks of 1,024 bytes.
    Small = 1,
    /// Blocks of 4,096 bytes.
    Medium = 2,
    /// Blocks of 16,320 bytes.
    Large = 3,
}

/// The number is no class's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown link class")]
pub struct UnknownClass;

impl Class {
    /// Every class, ascending.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Length of a block, in bytes.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::Small => BLOCK_SMALL,
            Self::Medium => BLOCK_MEDIUM,
            Self::Large => BLOCK_LARGE,
        }
    }

    /// Length of an opened block, in bytes: the block without its tag.
    #[must_use]
    pub const fn text_len(self) -> usize {
        self.block_len() - LINK_TAG
    }

    /// Length of a part of a connection of this class, in bytes.
    #[must_use]
    pub const fn part_len(self) -> usize {
        self.block_len() - PART_OVERHEAD
    }

    /// How many blocks a hello fills.
    #[must_use]
    pub const fn hello_blocks(self) -> usize {
        HELLO_LEN.div_ceil(self.block_len())
    }

    /// How many blocks a reply fills.
    #[must_use]
    pub const fn reply_blocks(self) -> usize {
        REPLY_LEN.div_ceil(self.block_len())
    }

    /// The class whose blocks have this length.
    #[must_use]
    pub const fn from_block_len(len: usize) -> Option<Self> {
        match len {
            BLOCK_SMALL => Some(Self::Small),
            BLOCK_MEDIUM => Some(Self::Medium),
            BLOCK_LARGE => Some(Self::Large),
            _ => None,
        }
    }
}

impl TryFrom<u32> for Class {
    type Error = UnknownClass;

    fn try_from(number: u32) -> Result<Self, UnknownClass> {
        Self::ALL.into_iter().find(|class| class.number() == number).ok_or(UnknownClass)
    }
}

const _: () = {
    assert!(Class::Small.hello_blocks() == 3 && Class::Small.reply_blocks() == 2);
    assert!(Class::Medium.hello_blocks() == 1 && Class::Medium.reply_blocks() == 1);
    assert!(Class::Large.hello_blocks() == 1 && Class::Large.reply_blocks() == 1);
};
