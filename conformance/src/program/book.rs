//! `book`: the specification as the source of an mdBook.

use std::path::Path;

use super::Usage;
use crate::book;
use crate::outcome::Exit;

/// Writes it, and says what was written.
pub(super) fn book(root: &Path, out: &Path, mermaid: &Path) -> Result<Exit, Usage> {
    let written = book::write(root, out, mermaid).map_err(|fault| Usage(fault.to_string()))?;
    let book::Written { pages, clauses, files } = written;
    anstream::println!(
        "{pages} pages, {clauses} clauses, {files} files of code: {}",
        out.display()
    );
    Ok(Exit::Conformant)
}
