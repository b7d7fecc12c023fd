//! The three sizes of a link, as the suite judges them.

use edgewise_spec::constants::{
    BLOCK_LARGE, BLOCK_MEDIUM, BLOCK_SMALL, HELLO_LEN, LINK_TAG, PART_OVERHEAD, REPLY_LEN,
};

/// A link's class, for life and in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// 1,024 bytes a block.
    Small,
    /// 4,096 bytes a block.
    Medium,
    /// 16,320 bytes a block.
    Large,
}

impl Class {
    /// All of them, smallest first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// The class as specification code has it.
    #[must_use]
    pub const fn of(class: edgewise_spec::frame::Class) -> Self {
        match class {
            edgewise_spec::frame::Class::Small => Self::Small,
            edgewise_spec::frame::Class::Medium => Self::Medium,
            edgewise_spec::frame::Class::Large => Self::Large,
        }
    }

    /// The number that goes on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Small => 1,
            Self::Medium => 2,
            Self::Large => 3,
        }
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn block(self) -> usize {
        match self {
            Self::Small => BLOCK_SMALL,
            Self::Medium => BLOCK_MEDIUM,
            Self::Large => BLOCK_LARGE,
        }
    }

    /// Bytes of an opened block.
    #[must_use]
    pub const fn text(self) -> usize {
        self.block() - LINK_TAG
    }

    /// Bytes of a part.
    #[must_use]
    pub const fn part(self) -> usize {
        self.block() - PART_OVERHEAD
    }

    /// Blocks of a hello.
    #[must_use]
    pub const fn hello_blocks(self) -> usize {
        HELLO_LEN.div_ceil(self.block())
    }

    /// Blocks of a reply.
    #[must_use]
    pub const fn reply_blocks(self) -> usize {
        REPLY_LEN.div_ceil(self.block())
    }
}
