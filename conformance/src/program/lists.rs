//! `lists`: what each profile scores, written anew or frozen.

use std::path::Path;

use super::Usage;
use crate::outcome::Exit;
use crate::profiles;

/// Writes the lists, and says what stands in them.
pub(super) fn lists(folder: &Path, freeze: bool) -> Result<Exit, Usage> {
    for line in profiles::write(folder, freeze).map_err(Usage)? {
        anstream::println!("{line}");
    }
    Ok(Exit::Conformant)
}
