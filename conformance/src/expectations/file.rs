//! Reads a file of expectations, and says what is wrong with it line by line.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::{Expectation, Expectations, WILDCARD_MAX};
use crate::program::select;

/// What an entry may hold.
const SHAPE: &str = "an entry is [[expect]] with case, message and reason, perhaps with link, and \
                     with count where case has a wildcard";

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, from 1; nowhere if the file cannot be read at all.
    pub line: Option<usize>,
    /// What it is, and what to do.
    pub what: String,
}

/// All that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    expect: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    case: String,
    count: Option<usize>,
    message: String,
    reason: String,
    link: Option<String>,
}

impl Expectations {
    /// Reads a file. `known` are the cases of the suite; a file that is not there is an empty one
    /// where it is to be `begun`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &Path, known: &[&str], begun: bool) -> Result<Self, Faults> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if begun && error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                let hint = match error.kind() {
                    std::io::ErrorKind::NotFound => "; --fix begins one",
                    _ => "",
                };
                return Err(Faults(vec![Fault { line: None, what: format!("{error}{hint}") }]));
            }
        };
        Self::parse(&text, known)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, Faults> {
        let line = |place: usize| {
            let before = text.get(..place).unwrap_or(text);
            before.matches('\n').count() + 1
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let what = error.message().replace('\n', ", ");
            let line = error.span().map(|span| line(span.start));
            Faults(vec![Fault { line, what: format!("{what}; {SHAPE}") }])
        })?;
        let mut faults = Vec::new();
        let mut entries: Vec<Expectation> = Vec::new();
        for entry in file.expect {
            let line = line(entry.span().start);
            let entry = Expectation::of(entry.into_inner(), line, known);
            let mut fault = |what| faults.push(Fault { line: Some(line), what });
            entry.faults(known).into_iter().for_each(&mut fault);
            for other in &entries {
                if let Some(case) = entry.covers.iter().find(|case| other.covers.contains(case)) {
                    let there = other.line;
                    fault(format!("{case} is covered by line {there} too; leave one of them out"));
                }
            }
            entries.push(entry);
        }
        if faults.is_empty() {
            Ok(Self { entries, text: text.to_owned() })
        } else {
            Err(Faults(faults))
        }
    }
}

impl Expectation {
    fn of(entry: Entry, line: usize, known: &[&str]) -> Self {
        let Entry { case, count, message, reason, link } = entry;
        let covers = known.iter().filter(|id| select::fits(&case, id));
        let covers = covers.map(|id| (*id).to_owned()).collect();
        Self { line, case, count, message, reason, link, covers }
    }

    fn is_wildcard(&self) -> bool {
        self.case.contains(['*', '?'])
    }

    fn faults(&self, known: &[&str]) -> Vec<String> {
        let (case, there) = (&self.case, self.covers.len());
        let mut faults = Vec::new();
        let word = case.split_once('/').map_or("*", |(word, _)| word);
        if there == 0 {
            let near = select::near(case, known).join(", ");
            faults.push(format!("there is no case {case:?}; near: {near}"));
        } else if !self.is_wildcard() && self.count.is_some() {
            faults.push("count is for a wildcard; leave it out".to_owned());
        } else if self.is_wildcard() && word.contains(['*', '?']) {
            let what = "a wildcard stands behind the slash alone, as in \"frame/unknown-*\"";
            faults.push(format!("case = {case:?}: {what}"));
        } else if self.is_wildcard() && there > WILDCARD_MAX {
            faults.push(format!(
                "case = {case:?} covers {there} cases; {WILDCARD_MAX} are the most for a wildcard: \
                 use several entries"
            ));
        } else if self.is_wildcard() && self.count.is_none() {
            faults.push(format!(
                "case = {case:?} covers {there} cases now; say so with count = {there}, so that no \
                 case that comes later is covered in silence"
            ));
        }
        if self.message.is_empty() {
            faults.push("message is empty, and every failure begins so; say how it begins".into());
        }
        if self.reason.trim().is_empty() {
            faults.push("reason is empty; say why the case fails".to_owned());
        }
        if let Some(link) = &self.link
            && !["https://", "http://"].iter().any(|scheme| link.starts_with(scheme))
        {
            faults.push(format!("link = {link:?} is no URL; it begins with https:// or http://"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{KNOWN, entry, parsed};
    use super::*;

    #[test]
    fn entries_know_their_lines_and_what_they_cover() {
        let one = entry("frame/length", "a", "link = \"http://x.org\"");
        let text = format!("# about\n\n{one}\n{}", entry("link/close-?", "b", "count = 3"));
        let file = parsed(&text);
        let lines: Vec<_> = file.entries.iter().map(|entry| entry.line).collect();
        assert_eq!(lines, [3, 9], "{text}");
        assert_eq!(file.entries[0].covers, ["frame/length"]);
        assert_eq!(file.entries[1].covers, ["link/close-a", "link/close-b", "link/close-c"]);
        assert_eq!(parsed("").entries, []);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_to_do() {
        let two = entry("link/a", "a", "") + &entry("link/a", "b", "");
        let over = entry("link/close-b", "a", "") + &entry("link/close-*", "b", "count = 3");
        let with = |case, more| entry(case, "a", more);
        for (text, told) in [
            (
                with("frame/lenght", ""),
                "line 1: there is no case \"frame/lenght\"; near: frame/length",
            ),
            (with("frame/x*", "count = 1"), "line 1: there is no case \"frame/x*\""),
            (with("*", "count = 6"), "a wildcard stands behind the slash"),
            (with("fr*/length", "count = 1"), "a wildcard stands behind the slash"),
            (with("link/close-*", ""), "say so with count = 3"),
            (with("link/a", "count = 1"), "count is for a wildcard"),
            (entry("link/a", "", ""), "message is empty"),
            (with("link/a", "").replace("known", " "), "reason is empty"),
            (with("link/a", "link = \"issue 3\""), "link = \"issue 3\" is no URL"),
            (two, "line 6: link/a is covered by line 1 too"),
            (over, "line 6: link/close-b is covered by line 1 too"),
            (
                with("link/a", "").replace("reason", "# reason"),
                "line 1: missing field `reason`; an entry is",
            ),
            (with("link/a", "resaon = \"x\""), "line 5: unknown field `resaon`"),
            ("[[expect]]\ncase = \"link/a".to_owned(), "line 2: "),
            ("case = \"link/a\"".to_owned(), "line 1: unknown field `case`"),
        ] {
            let told_of = Expectations::parse(&text, &KNOWN).unwrap_err().to_string();
            assert!(told_of.contains(told), "no {told:?} in {told_of:?}\n{text}");
        }
    }

    #[test]
    fn a_wildcard_has_a_bound() {
        let known: Vec<String> = (0..=WILDCARD_MAX).map(|n| format!("link/x-{n}")).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let text = entry("link/x-*", "a", "count = 21");
        let told = Expectations::parse(&text, &known).unwrap_err().to_string();
        assert!(told.contains("covers 21 cases; 20 are the most"), "{told}");
    }

    #[test]
    fn a_file_that_is_not_there_can_be_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.toml");
        let told = Expectations::read(&path, &KNOWN, false).unwrap_err().to_string();
        assert!(told.contains("--fix begins one"), "{told}");
        assert_eq!(Expectations::read(&path, &KNOWN, true), Ok(Expectations::default()));
        assert!(Expectations::read(folder.path(), &KNOWN, true).is_err(), "a folder is no file");
    }
}
