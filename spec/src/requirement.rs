//! One rule, one place.
//!
//! [`require!`](crate::require) names the clause that a check enforces: it is the check, the
//! citation that the trace test joins with the chapter, and, in a build with the feature
//! `mutants`, the switch that leaves this one rule out. [`mutant!`](crate::mutant) marks, in the
//! same build, a fault that is no missing check: a wrong order, a wrong byte, a kept key.
//!
//! Without the feature both compile to the plain condition. With it,
//! `MUTANT=CONNECTION-34 cargo test -p edgewise-spec --features mutants` shows which tests notice.

/// Returns `Err($error.into())` from the surrounding function unless `$condition` holds.
///
/// `$id` is the clause with an underscore for the dash: `require!(FRAME_5, …)`.
#[macro_export]
macro_rules! require {
    ($id:ident, $condition:expr, $error:expr $(,)?) => {
        if !($condition) && !$crate::mutant!($id) {
            return Err(($error).into());
        }
    };
}

/// True while the mutant of this clause (or its named variant) is the chosen one.
///
/// Always false, and compiled away, without the feature `mutants`.
#[macro_export]
macro_rules! mutant {
    ($id:ident) => {
        $crate::requirement::is_mutant(stringify!($id), "")
    };
    ($id:ident, $variant:literal) => {
        $crate::requirement::is_mutant(stringify!($id), $variant)
    };
}

#[cfg(not(feature = "mutants"))]
#[doc(hidden)]
#[must_use]
#[inline(always)]
pub const fn is_mutant(_id: &str, _variant: &str) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use chosen::{choose, is_mutant};

#[cfg(feature = "mutants")]
mod chosen {
    use std::sync::OnceLock;

    static CHOSEN: OnceLock<(String, String)> = OnceLock::new();

    /// Chooses the mutant of this process, once: `CONNECTION-7` or `CONNECTION-34/wrong-order`.
    ///
    /// Returns false if one was chosen before. A process that chooses none before it first meets
    /// a rule, as tests do, has the one that the environment variable `MUTANT` names, if any.
    pub fn choose(name: &str) -> bool {
        CHOSEN.set(parted(name)).is_ok()
    }

    fn parted(name: &str) -> (String, String) {
        let (id, variant) = name.split_once('/').unwrap_or((name, ""));
        (id.replace('-', "_"), variant.to_owned())
    }

    #[doc(hidden)]
    #[must_use]
    pub fn is_mutant(id: &str, variant: &str) -> bool {
        let chosen = CHOSEN.get_or_init(|| parted(&std::env::var("MUTANT").unwrap_or_default()));
        chosen.0 == id && chosen.1 == variant
    }
}

#[cfg(test)]
mod tests {
    use crate::error::Reject;

    fn positive(n: i32) -> Result<i32, Reject> {
        require!(CONNECTION_13, n > 0, Reject::Full);
        Ok(n)
    }

    #[test]
    fn a_rule_that_does_not_hold_is_the_error() {
        assert_eq!(positive(1), Ok(1));
        assert_eq!(positive(0), Err(Reject::Full));
    }
}
