//! How long blocks are, as a word.

use clap::ValueEnum;
use edgewise_spec::frame::Class;
use serde::{Deserialize, Serialize};

/// Lengths of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Blocks {
    /// The shortest, for short texts: 1 KiB.
    Small,
    /// 4 KiB.
    Medium,
    /// The longest: 16 KiB.
    Large,
}

impl From<Blocks> for Class {
    fn from(blocks: Blocks) -> Self {
        match blocks {
            Blocks::Small => Self::Small,
            Blocks::Medium => Self::Medium,
            Blocks::Large => Self::Large,
        }
    }
}

impl From<Class> for Blocks {
    fn from(class: Class) -> Self {
        match class {
            Class::Small => Self::Small,
            Class::Medium => Self::Medium,
            Class::Large => Self::Large,
        }
    }
}
