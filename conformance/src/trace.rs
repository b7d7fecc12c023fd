//! Where the code names clauses: the lines that keep them, and the faults it can be told to have.

use std::path::{Path, PathBuf};

use crate::clauses;

/// The folders of the code that keeps the clauses: the core and both references.
pub const FOLDERS: [&str; 3] = ["spec/src", "reference-server/src", "reference-client/src"];

/// A place where code names a clause.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Citation {
    /// `require!(FRAME_5, …)`: `FRAME-5`.
    Required(String),
    /// `mutant!(FRAME_13, "padding")`: `FRAME-13/padding`.
    Mutant(String),
    /// `// FRAME-5`, or the same in a doc comment: `FRAME-5`.
    Comment(String),
}

impl Citation {
    /// The clause that is named.
    #[must_use]
    pub fn clause(&self) -> &str {
        let (Self::Required(id) | Self::Mutant(id) | Self::Comment(id)) = self;
        id.split('/').next().unwrap_or(id)
    }
}

/// The files below a folder whose names end so, in the order of their names.
///
/// # Errors
/// What the file system says.
pub fn files(folder: &Path, ending: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, ending)?);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Everything that a file cites, each with its line, counted from 1; what stands in its tests is no
/// citation. First what macros name, then what comments do.
#[must_use]
pub fn citations(text: &str) -> Vec<(usize, Citation)> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = Vec::new();
    for (macro_name, is_mutant) in [("require!(", false), ("mutant!(", true)] {
        for (place, _) in code.match_indices(macro_name) {
            let (before, part) = code.split_at(place + macro_name.len());
            let Some((id, variant)) = named(part) else { continue };
            let citation = match (is_mutant, variant) {
                (true, Some(variant)) => Citation::Mutant(format!("{id}/{variant}")),
                (true, None) => Citation::Mutant(id),
                (false, _) => Citation::Required(id),
            };
            found.push((before.matches('\n').count() + 1, citation));
        }
    }
    for (number, line) in code.lines().enumerate() {
        let Some((_, comment)) = line.split_once("//") else { continue };
        let ids = ids_in(comment).into_iter();
        found.extend(ids.map(|id| (number + 1, Citation::Comment(id))));
    }
    found
}

/// The first arguments of a macro: `FRAME_13` and `"padding"`, where that follows.
fn named(arguments: &str) -> Option<(String, Option<&str>)> {
    let arguments = arguments.trim_start();
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let end = arguments.find(|c| !is_name(c)).unwrap_or(arguments.len());
    let (name, rest) = arguments.split_at(end);
    let (word, number) = name.split_once('_')?;
    let variant = rest.trim_start().strip_prefix(',').map(str::trim_start);
    let variant = variant.and_then(|rest| rest.strip_prefix('"')?.split('"').next());
    Some((format!("{word}-{number}"), variant))
}

/// The clause ids in a text: `FRAME-3`, and all of `LINK-16 to LINK-18`.
#[must_use]
pub fn ids_in(text: &str) -> Vec<String> {
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| !word.is_empty())
        .collect();
    let parse = |word: &str| {
        let (name, number) = word.split_once('-')?;
        let known = clauses::CHAPTERS.iter().any(|(word, _)| word.to_uppercase() == name);
        known.then_some(())?;
        Some((name.to_owned(), number.parse::<u32>().ok()?))
    };
    let mut found = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let Some((name, number)) = parse(word) else { continue };
        found.push(format!("{name}-{number}"));
        if words.get(place + 1) == Some(&"to")
            && let Some((_, last)) = words.get(place + 2).and_then(|word| parse(word))
        {
            found.extend((number + 1..last).map(|number| format!("{name}-{number}")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_found_however_they_are_written() {
        let text = "require!(\n  FRAME_5, x, y);\nif mutant!(FRAME_13, \"padding\") {} // LINK-16 \
                    to LINK-18\n/// Of (FRAME-7).\n#[cfg(test)]\nmod tests { // FRAME-99\n }";
        let expected = [
            (1, Citation::Required("FRAME-5".into())),
            (3, Citation::Mutant("FRAME-13/padding".into())),
            (3, Citation::Comment("LINK-16".into())),
            (3, Citation::Comment("LINK-17".into())),
            (3, Citation::Comment("LINK-18".into())),
            (4, Citation::Comment("FRAME-7".into())),
        ];
        assert_eq!(citations(text), expected);
        assert_eq!(expected[1].1.clause(), "FRAME-13");
    }
}
