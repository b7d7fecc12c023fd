//! Cases of the chapter invitation.

pub mod accepting;
pub mod address;
pub mod bundle;
pub mod inviting;

use crate::case::Case;

/// The tables, in the order of the chapter.
pub const TABLES: &[&[Case]] = &[bundle::CASES, inviting::CASES, accepting::CASES, address::CASES];
