//! The formats of a report, and how they come to disk.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, fs, io};

use super::{Report, badge, html, junit, markdown};

/// What a report can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// All that is known; the source of the others.
    Json,
    /// One page that needs nothing else.
    Html,
    /// JUnit's XML, which most CI systems show.
    Junit,
    /// For the summary of a CI run.
    Markdown,
    /// The endpoint of a shields badge.
    Badge,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Json, Self::Html, Self::Junit, Self::Markdown, Self::Badge];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Badge => "badge",
        }
    }

    /// The report in this format.
    ///
    /// # Errors
    /// What cannot be written in it.
    pub fn render(self, report: &Report) -> io::Result<String> {
        match self {
            Self::Json => Ok(serde_json::to_string_pretty(report)? + "\n"),
            Self::Html => html::render(report),
            Self::Junit => junit::render(report),
            Self::Markdown => Ok(markdown::render(report)),
            Self::Badge => badge::render(report),
        }
    }
}

/// A report that is asked for: `html=report.html`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// As what.
    pub format: Format,
    /// Where to.
    pub path: PathBuf,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Format::ALL.map(Format::name).join(", ");
        let Some((name, path)) = text.split_once('=').filter(|(_, path)| !path.is_empty()) else {
            return Err(format!("{text:?} is not FORMAT=PATH; formats are {}", known()));
        };
        let format = Format::ALL.into_iter().find(|format| format.name() == name);
        let format = format.ok_or_else(|| format!("no format {name:?}; there are {}", known()))?;
        Ok(Self { format, path: PathBuf::from(path) })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.format.name(), self.path.display())
    }
}

/// Writes every report that is asked for; one that fails does not keep the others from being written.
///
/// # Errors
/// Each file that could not be written, and why.
pub fn write(report: &Report, wanted: &[Wanted]) -> Result<(), String> {
    let faults: Vec<String> = wanted
        .iter()
        .filter_map(|one| {
            let text = one.format.render(report);
            text.and_then(|text| replace(&one.path, &text)).err().map(|why| format!("{one}: {why}"))
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// A report that was written before.
///
/// # Errors
/// What is wrong with the file.
pub fn read(path: &Path) -> io::Result<Report> {
    serde_json::from_str(&fs::read_to_string(path)?).map_err(io::Error::from)
}

/// Writes a file whole or not at all: what was there before stays until all is on the disk.
/// Something that is no file, a terminal or a pipe, is written to as it is.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return fs::write(path, text);
    }
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = fs::write(&part, text).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_and_what_is_not_there_is_named() {
        let wanted: Wanted = "html=a=b.html".parse().unwrap();
        assert_eq!((wanted.format, wanted.path.as_path()), (Format::Html, Path::new("a=b.html")));
        for (text, told) in [("html", "FORMAT=PATH"), ("html=", "FORMAT=PATH"), ("pdf=x", "junit")]
        {
            let fault = text.parse::<Wanted>().unwrap_err();
            assert!(fault.contains(told), "{fault}");
        }
    }

    #[test]
    fn one_that_cannot_be_written_is_named_and_the_others_stand() {
        let folder = tempfile::tempdir().unwrap();
        let report = Report::new(Vec::new(), 3, Vec::new(), &[]);
        let wanted = |format, path: &str| Wanted { format, path: folder.path().join(path) };
        let all =
            [wanted(Format::Html, "no/such/folder.html"), wanted(Format::Json, "report.json")];
        let fault = write(&report, &all).unwrap_err();
        assert!(fault.contains("no/such/folder.html"), "{fault}");
        assert_eq!(read(&folder.path().join("report.json")).unwrap(), report);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
