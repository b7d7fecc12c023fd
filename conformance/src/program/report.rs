//! `report`: a report that was written before, shown again or in other formats.

use std::path::Path;

use super::{ReportOptions, Usage};
use crate::outcome::Exit;
use crate::report::{format, tree};

/// Reads, shows and writes; the exit code is that of the run.
pub(super) fn report(file: &Path, options: &ReportOptions) -> Result<Exit, Usage> {
    let report =
        format::read(file).map_err(|error| Usage(format!("{}: {error}", file.display())))?;
    anstream::print!("{}", tree::draw(&report, options.trace));
    format::write(&report, &options.report).map_err(Usage)?;
    Ok(report.verdict)
}
