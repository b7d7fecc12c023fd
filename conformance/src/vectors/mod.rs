//! The vectors of the chapters: put to any program, a line a vector, and judged by what it answers.
//!
//! A program is asked with [`protocol`]; [`run`] starts it, keeps what was finished and
//! compares, [`answer`] is the reference's own program; [`export`] hands them to strangers.

pub mod answer;
pub mod export;
mod judge;
pub mod protocol;
pub mod run;

use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Word, vectors and schema of a file that is checked in.
macro_rules! file {
    ($word:literal) => {
        (
            $word,
            include_str!(concat!("../../vectors/", $word, ".json")),
            include_str!(concat!("../../vectors/", $word, ".schema.json")),
        )
    };
}

/// The files, in the order of the chapters.
const FILES: [(&str, &str, &str); 9] = [
    file!("suite"),
    file!("frame"),
    file!("link"),
    file!("connection"),
    file!("rotation"),
    file!("invitation"),
    file!("session"),
    file!("message"),
    file!("scatter"),
];

/// One vector, with the file and the operation that it is of.
#[derive(Clone, Debug)]
pub struct Vector {
    /// The chapter: `suite`.
    pub word: String,
    /// What is computed: the name of the group in the file, `verifying_key`.
    pub operation: String,
    /// Permanent name over all files: `suite/verifying-key/usual`.
    pub name: String,
    /// What this one is about.
    pub comment: String,
    /// Clauses that it checks.
    pub requirements: Vec<String>,
    /// Kinds of edge that it stands on, each with what that means.
    pub flags: Vec<(String, String)>,
    /// What goes in.
    pub input: Value,
    /// What must come of it.
    pub expected: Expected,
}

/// What must become of an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// It is accepted, with this output.
    Output(Value),
    /// This layer refuses it.
    Refused(String),
}

/// A file, as its schema says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "$schema")]
    _schema: String,
    word: String,
    #[serde(rename = "spec_revision")]
    _spec_revision: u32,
    flags: BTreeMap<String, String>,
    groups: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    comment: String,
    requirements: Vec<String>,
    flags: Vec<String>,
    input: Value,
    result: Verdict,
    expect_layer: Option<String>,
    output: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Accept,
    Refuse,
}

/// Every vector, in the order of the chapters and of their operations' names.
///
/// # Errors
/// What is wrong with a file.
pub fn all() -> io::Result<Vec<Vector>> {
    let mut all = Vec::new();
    for (_, text, _) in FILES {
        let file: File = serde_json::from_str(text)?;
        for (operation, entries) in file.groups {
            for entry in serde_json::from_value::<Vec<Entry>>(entries)? {
                all.push(entry.vector(&file.word, &operation, &file.flags)?);
            }
        }
    }
    Ok(all)
}

impl Entry {
    fn vector(
        self,
        word: &str,
        operation: &str,
        meanings: &BTreeMap<String, String>,
    ) -> io::Result<Vector> {
        let expected = match (self.result, self.output, self.expect_layer) {
            (Verdict::Accept, Some(output), None) => Expected::Output(output),
            (Verdict::Refuse, None, Some(layer)) => Expected::Refused(layer),
            _ => return Err(io::Error::other(format!("{word}/{}: no one result", self.id))),
        };
        let meaning = |flag: String| {
            let meaning = meanings.get(&flag).cloned().unwrap_or_default();
            (flag, meaning)
        };
        Ok(Vector {
            word: word.to_owned(),
            operation: operation.to_owned(),
            name: format!("{word}/{}", self.id),
            comment: self.comment,
            requirements: self.requirements,
            flags: self.flags.into_iter().map(meaning).collect(),
            input: self.input,
            expected,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_here_and_every_name_is_one_of_a_kind() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
        let there = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(there, 2 * FILES.len());
        for (word, text, schema) in FILES {
            let file: File = serde_json::from_str(text).unwrap();
            assert_eq!((file.word.as_str(), file._schema), (word, format!("{word}.schema.json")));
            assert!(schema.contains(&format!("Vectors of the chapter {word}")), "{word}");
        }
        let all = all().unwrap();
        let names: BTreeSet<_> = all.iter().map(|vector| vector.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|vector| vector.flags.iter().all(|(_, what)| !what.is_empty())));
    }
}
