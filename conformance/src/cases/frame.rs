//! Cases of the chapter frame.

use crate::case::Case;

/// All of them.
pub const CASES: &[Case] = &[];
